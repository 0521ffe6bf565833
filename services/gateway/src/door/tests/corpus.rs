//! Credentials that let nobody in. Each is UNAUTHENTICATED, whatever is wrong with it.

use super::{directory::key, *};

/// What is wrong with it, and the `authorization` headers that it comes in.
type Case = (String, Vec<String>);

fn bearer(what: impl Into<String>, token: impl AsRef<str>) -> Case {
    (what.into(), vec![format!("Bearer {}", token.as_ref())])
}

/// A token of the staff that is right but for this.
fn but(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = staff();
    change(&mut claims);
    Signer::ec().token("ec", &claims)
}

/// A token of the staff with this header, signed rightly.
fn headed(header: &Value) -> String {
    Signer::ec().sign(&header.to_string(), &staff().to_string())
}

/// A token with these headers and claims whose signature is an HMAC by `secret`.
fn hmac(header: &Value, secret: &[u8]) -> String {
    let key = EncodingKey::from_secret(secret);
    Signer { key, algorithm: Algorithm::HS256 }.sign(&header.to_string(), &staff().to_string())
}

fn right() -> String {
    Signer::ec().token("ec", &staff())
}

fn algorithms() -> Vec<Case> {
    let mut cases = Vec::new();
    let claims = URL_SAFE_NO_PAD.encode(staff().to_string());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "kid": "ec" }).to_string());
        let signature = right().rsplit('.').next().unwrap().to_owned();
        cases.push(bearer(format!("alg {alg:?} unsigned"), format!("{header}.{claims}.")));
        let signed = format!("{header}.{claims}.{signature}");
        cases.push(bearer(format!("alg {alg:?} with a signature"), signed));
    }
    let hs256 = |kid: &str| json!({ "alg": "HS256", "kid": kid });
    let public = |signer: Signer| signer.published(None);
    let n = public(Signer::rsa())["n"].as_str().unwrap().to_owned();
    let x = public(Signer::ec())["x"].as_str().unwrap().to_owned();
    let y = public(Signer::ec())["y"].as_str().unwrap().to_owned();
    let point = [vec![4], URL_SAFE_NO_PAD.decode(&x).unwrap(), URL_SAFE_NO_PAD.decode(&y).unwrap()];
    cases.extend([
        bearer(
            "HS256 by the RSA modulus",
            hmac(&hs256("rsa"), &URL_SAFE_NO_PAD.decode(&n).unwrap()),
        ),
        bearer("HS256 by the RSA modulus in base64", hmac(&hs256("rsa"), n.as_bytes())),
        bearer("HS256 by the EC point", hmac(&hs256("ec"), &point.concat())),
        bearer("HS256 by nothing", hmac(&hs256("ec"), b"")),
        bearer(
            "RS256 that is an HMAC",
            hmac(&json!({ "alg": "RS256", "kid": "rsa" }), n.as_bytes()),
        ),
        bearer("ES384, which is not allowed", headed(&json!({ "alg": "ES384", "kid": "ec" }))),
        bearer("es256 in lower case", headed(&json!({ "alg": "es256", "kid": "ec" }))),
        bearer("an algorithm that is no text", headed(&json!({ "alg": ["ES256"], "kid": "ec" }))),
        bearer("an algorithm that is null", headed(&json!({ "alg": null, "kid": "ec" }))),
        bearer("no algorithm", headed(&json!({ "kid": "ec" }))),
        bearer("the algorithm of another key", headed(&json!({ "alg": "RS256", "kid": "ec" }))),
        bearer("the key of another algorithm", headed(&json!({ "alg": "ES256", "kid": "rsa" }))),
        bearer("EdDSA by the EC key", headed(&json!({ "alg": "EdDSA", "kid": "ed" }))),
    ]);
    cases
}

fn headers() -> Vec<Case> {
    let kid = |kid: Value| headed(&json!({ "alg": "ES256", "kid": kid }));
    let own = Signer::other_ec().published(Some("ec"));
    let own_key = |name: &str, value: Value| {
        let mut header = json!({ "alg": "ES256", "kid": "ec" });
        header[name] = value;
        Signer::other_ec().sign(&header.to_string(), &staff().to_string())
    };
    let long = "k".repeat(257);
    vec![
        bearer("kid that is a path", kid(json!("../../../../dev/null"))),
        bearer("kid that is SQL", kid(json!("ec' OR '1'='1"))),
        bearer("kid that is a command", kid(json!("ec|/bin/sh"))),
        bearer("kid with a zero byte", kid(json!("ec\0"))),
        bearer("kid in capitals", kid(json!("EC"))),
        bearer("kid with a blank", kid(json!("ec "))),
        bearer("kid of letters that look alike", kid(json!("еc"))),
        bearer("kid that is empty", kid(json!(""))),
        bearer("kid that is very long", kid(json!(long))),
        bearer("kid that is a number", kid(json!(7))),
        bearer("kid that is a list", kid(json!(["ec"]))),
        bearer("kid that is an object", kid(json!({ "ec": 1 }))),
        bearer("kid that is null", kid(Value::Null)),
        bearer(
            "kid that is missing where there are several keys",
            headed(&json!({ "alg": "ES256" })),
        ),
        bearer("kid of a key that is no longer published", kid(json!("last-year"))),
        bearer("a key of its own in jwk", own_key("jwk", own)),
        bearer("a key of its own by jku", own_key("jku", json!("https://evil.example/keys"))),
        bearer("a key of its own by x5u", own_key("x5u", json!("https://evil.example/cert"))),
        bearer("a key of its own by x5c", own_key("x5c", json!(["AAAA"]))),
        bearer(
            "crit",
            headed(&json!({ "alg": "ES256", "kid": "ec", "crit": ["b64"], "b64": false })),
        ),
        bearer("an empty crit", headed(&json!({ "alg": "ES256", "kid": "ec", "crit": [] }))),
        bearer(
            "a logout token",
            headed(&json!({ "alg": "ES256", "kid": "ec", "typ": "logout+jwt" })),
        ),
        bearer("typ that is no text", headed(&json!({ "alg": "ES256", "kid": "ec", "typ": 1 }))),
        bearer(
            "a header of 3 KiB",
            headed(&json!({ "alg": "ES256", "kid": "ec", "x": "x".repeat(3_000) })),
        ),
        bearer(
            "alg twice in the header",
            Signer::ec().sign(r#"{"alg":"none","alg":"ES256","kid":"ec"}"#, &staff().to_string()),
        ),
        bearer("a header that is a list", Signer::ec().sign("[]", &staff().to_string())),
        bearer("a header that is no JSON", Signer::ec().sign("alg=ES256", &staff().to_string())),
    ]
}

fn claims() -> Vec<Case> {
    let without = |claim: &str| {
        but(|claims| {
            claims.as_object_mut().unwrap().remove(claim);
        })
    };
    let with = |claim: &'static str, value: Value| but(|claims| claims[claim] = value);
    let raw = |claims: &str| Signer::ec().sign(r#"{"alg":"ES256","kid":"ec"}"#, claims);
    let now = NOW.seconds();
    let twice = |more: &str| {
        let whole = staff().to_string();
        raw(&format!("{},{more}}}", whole.strip_suffix('}').unwrap()))
    };
    let mut cases: Vec<_> = ["iss", "aud", "sub", "exp"]
        .into_iter()
        .map(|claim| bearer(format!("without {claim}"), without(claim)))
        .collect();
    for (claim, value) in [
        ("iss", json!("https://evil.example.com")),
        ("iss", json!("https://id.example.com/")),
        ("iss", json!("HTTPS://ID.EXAMPLE.COM")),
        ("iss", json!("https://id.examplе.com")),
        ("iss", json!([STAFF])),
        ("iss", json!(PORTAL)),
        ("iss", json!("aftercare-local")),
        ("iss", Value::Null),
        ("aud", json!("another")),
        ("aud", json!("AFTERCARE")),
        ("aud", json!([])),
        ("aud", json!(["aftercare", 7])),
        ("aud", json!({ "aftercare": true })),
        ("aud", json!(["aftercare", "help"])),
        ("aud", json!("help")),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", json!({ "id": "u-lin" })),
        ("sub", json!("u-left")),
        ("sub", json!("u-nobody")),
        ("sub", json!("u-wang")),
        ("sub", json!("U-LIN")),
        ("sub", json!("ｕ-lin")),
        ("sub", json!("s".repeat(256))),
        ("exp", json!((now + 600).to_string())),
        ("exp", json!("2099-01-01T00:00:00Z")),
        ("exp", json!(-1)),
        ("exp", json!(0)),
        ("exp", json!(now - 31)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(1.0e300)),
        ("exp", json!(1_763_770_600.5)),
        ("exp", json!([now + 600])),
        ("exp", json!(true)),
        ("exp", Value::Null),
        ("nbf", json!(now + 600)),
        ("nbf", json!((now - 5).to_string())),
        ("nbf", json!(-1.5)),
        ("nbf", Value::Null),
        ("iat", json!(now + 600)),
        ("iat", json!("yesterday")),
    ] {
        cases.push(bearer(format!("{claim} {value}"), with(claim, value)));
    }
    cases.extend([
        bearer("exp twice", twice(&format!("\"exp\":{}", now + 600))),
        bearer("sub twice", twice("\"sub\":\"u-lin\"")),
        bearer("sub twice, once escaped", twice("\"s\\u0075b\":\"u-lin\"")),
        bearer("something twice within", twice("\"realm\":{\"a\":1,\"a\":2}")),
        bearer("claims nested without end", raw(&"[".repeat(2_000))),
        bearer("claims with JSON in a text", raw(&json!(staff().to_string()).to_string())),
        bearer("claims with a token within", raw(&json!(right()).to_string())),
        bearer("claims that are a list", raw(&json!([staff()]).to_string())),
        bearer("claims that are empty", raw("")),
        bearer("claims and something behind them", raw(&format!("{} {{}}", staff()))),
        bearer("a token of 9 KiB", with("x", json!("x".repeat(7_000)))),
    ]);
    cases
}

fn forms() -> Vec<Case> {
    let token = right();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let other = but(|claims| claims["jti"] = json!("other"));
    let others = other.rsplit('.').next().unwrap();
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[10] ^= 1;
    vec![
        bearer("one part", header),
        bearer("two parts", signed),
        bearer("two parts and a dot", format!("{signed}.")),
        bearer("four parts", format!("{token}.{signature}")),
        bearer("five parts, as if encrypted", format!("{token}.{payload}.{signature}")),
        bearer("a dot in front", format!(".{token}")),
        bearer("a dot behind", format!("{token}.")),
        bearer("dots alone", ".."),
        bearer("an empty header", format!(".{payload}.{signature}")),
        bearer("no claims", format!("{header}..{signature}")),
        bearer("cut by one", &token[..token.len() - 1]),
        bearer("cut in half", &token[..token.len() / 2]),
        bearer("not base64", format!("{header}.{payload}.****")),
        bearer("padding", format!("{header}=.{payload}.{signature}")),
        bearer("padding behind", format!("{token}==")),
        bearer("a blank within", format!("{header}. {payload}.{signature}")),
        bearer("a line break", format!("{header}.{payload}\t.{signature}")),
        bearer("quotes", format!("\"{token}\"")),
        bearer("dots that look alike", token.replace('.', "．")),
        bearer("the signature of another token", format!("{signed}.{others}")),
        bearer(
            "another payload",
            format!("{header}.{}.{signature}", other.split('.').nth(1).unwrap()),
        ),
        bearer("a signature of zeros", format!("{signed}.{zeros}")),
        bearer(
            "a signature with one bit changed",
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(flipped)),
        ),
        bearer("a signature that is too short", format!("{signed}.AAAA")),
        bearer("signed by another key of the same name", Signer::other_ec().token("ec", &staff())),
        bearer("signed by another RSA key", Signer::other_rsa().token("rsa", &staff())),
        bearer("signed by another Ed25519 key", Signer::ed(9).token("ed", &staff())),
        bearer(
            "from an issuer whose keys cannot be had",
            but(|claims| claims["iss"] = json!(GONE)),
        ),
        bearer("signed by the key of another issuer", {
            let mut claims = portal();
            claims["aud"] = json!("portal");
            Signer::ec().token("ec", &claims)
        }),
        bearer("nonsense", "nonsense"),
        bearer("a call token", "AAAA.AAAA"),
        ("no header".to_owned(), Vec::new()),
        ("two headers".to_owned(), vec![format!("Bearer {token}"), format!("Bearer {token}")]),
        ("two tokens".to_owned(), vec![format!("Bearer {token}, Bearer {token}")]),
        ("Basic".to_owned(), vec!["Basic bGluOnNlY3JldA==".to_owned()]),
        ("the scheme of call tokens".to_owned(), vec![format!("Call {token}")]),
        ("no scheme".to_owned(), vec![token.clone()]),
        ("no token".to_owned(), vec!["Bearer".to_owned()]),
        ("an empty token".to_owned(), vec!["Bearer ".to_owned()]),
        ("two blanks".to_owned(), vec![format!("Bearer  {token}")]),
        ("a tab".to_owned(), vec![format!("Bearer\t{token}")]),
        ("a blank behind".to_owned(), vec![format!("Bearer {token} ")]),
    ]
}

fn customers() -> Vec<Case> {
    let token = |change: &dyn Fn(&mut Value)| {
        let mut claims = portal();
        change(&mut claims);
        Signer::other_ec().sign(r#"{"alg":"ES256"}"#, &claims.to_string())
    };
    let kid = |kid: Value| {
        let header = json!({ "alg": "ES256", "kid": kid });
        Signer::other_ec().sign(&header.to_string(), &portal().to_string())
    };
    let mut cases = vec![
        bearer("no subject", token(&|claims| claims["sub"] = Value::Null)),
        bearer("no subject by its claim", token(&|claims| claims["login"] = Value::Null)),
        bearer("kid that is a number where one key has no name", kid(json!(7))),
        bearer("kid that is null where one key has no name", kid(Value::Null)),
        bearer("no customer", token(&|claims| claims["customer"] = Value::Null)),
        bearer("no tenant", token(&|claims| claims["tenant"] = Value::Null)),
        bearer("an empty tenant", token(&|claims| claims["tenant"] = json!(""))),
        bearer("an unknown tenant", token(&|claims| claims["tenant"] = json!("nowhere"))),
        bearer("a tenant in a list", token(&|claims| claims["tenant"] = json!(["harbor"]))),
        bearer("a key by name where it has none", Signer::other_ec().token("ec", &portal())),
    ];
    let upper = CUSTOMER.to_uppercase();
    for name in
        ["", "customers/", "customers/7", "tickets/019ab000-0000-7000-8000-000000000009", &upper]
    {
        cases.push(bearer(
            format!("customer {name:?}"),
            token(&|claims| claims["customer"] = json!(name)),
        ));
    }
    cases
}

fn keys() -> Vec<Case> {
    let seven = Uuid::from_u128(7);
    let mut cases = vec![
        bearer("a key that has expired", key(8, "eight")),
        bearer("a key that was revoked", key(9, "nine")),
        bearer("a secret that has ended", key(12, "twelve")),
        bearer("a key without a secret", key(13, "")),
        bearer("a key of no tenant", key(14, "fourteen")),
        bearer("a key that is none", key(99, "seven")),
        bearer("the secret of another tenant's key", key(10, "seven")),
        bearer("another tenant's secret", key(7, "ten")),
        bearer("a wrong secret", key(7, "Seven")),
        bearer("a secret and more", key(7, "sevenn")),
        bearer("a secret and less", key(7, "seve")),
        bearer("no secret", format!("ak_{seven}_")),
        bearer("no underscore", format!("ak_{seven}")),
        bearer("no id", "ak__seven"),
        bearer("nothing", "ak_"),
        bearer("an id in capitals", key(7, "seven").to_uppercase()),
        bearer("an id in braces", format!("ak_{{{seven}}}_seven")),
        bearer("an id that is a path", "ak_../../7_seven"),
        bearer("a secret that is SQL", format!("ak_{seven}_seven'--")),
        bearer("a secret that is very long", key(7, &"s".repeat(129))),
    ];
    cases.push(("Basic with a key".to_owned(), vec![format!("Basic {}", key(7, "seven"))]));
    cases
}

#[tokio::test(start_paused = true)]
async fn credentials_that_do_not_hold_let_nobody_in() {
    let house = house();
    house.admit(&[format!("Bearer {}", right())]).await.unwrap();
    // So that a key that is not known is asked for, as it would be later in the day.
    tokio::time::advance(Duration::from_secs(61)).await;
    let all = [algorithms(), headers(), claims(), forms(), customers(), keys()].concat();
    assert!(all.len() >= 150, "{}", all.len());
    for (what, authorization) in all {
        match house.admit(&authorization).await {
            Ok(()) => panic!("{what}: let in"),
            Err(status) => assert_eq!(status.code(), tonic::Code::Unauthenticated, "{what}"),
        }
    }
    house.admit(&[format!("Bearer {}", right())]).await.unwrap();
}
