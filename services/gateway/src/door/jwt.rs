//! JSON Web Tokens (RFC 7519) as they come in: taken apart strictly before anything is believed.
//!
//! What a token says about where its key is (`jku`, `x5u`, `jwk`, `x5c`) is never looked at, and a
//! token that needs more than is understood here (`crit`) is refused (RFC 8725).

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use super::callers::Why;

/// No token that is longer is looked at.
const LONGEST: usize = 8 * 1_024;
/// No header that is longer is, in bytes of base64.
const LONGEST_HEADER: usize = 2 * 1_024;
/// No name of a key that is longer is.
const LONGEST_KID: usize = 256;
/// The last second that a time can be (the end of the year 9999).
const LAST_SECOND: i64 = 253_402_300_799;

/// A token that has the form of one. Nothing that it says is proved.
#[derive(Debug)]
pub(super) struct Jwt<'a> {
    /// How it says that it is signed.
    pub(super) algorithm: String,
    /// The key that it says it is signed with.
    pub(super) kid: Option<String>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Jwt<'a> {
    /// Takes a token apart.
    pub(super) fn read(token: &'a str) -> Result<Self, Why> {
        if token.len() > LONGEST {
            return Err(Why::Malformed("longer than any token"));
        }
        let (signed, signature) =
            token.rsplit_once('.').ok_or(Why::Malformed("not of three parts"))?;
        let (header, payload) =
            signed.split_once('.').ok_or(Why::Malformed("not of three parts"))?;
        if payload.contains('.') {
            return Err(Why::Malformed("not of three parts"));
        }
        if header.len() > LONGEST_HEADER {
            return Err(Why::Malformed("a header longer than any"));
        }
        let header = object(header).ok_or(Why::Malformed("its header is no plain JSON object"))?;
        let claims =
            object(payload).ok_or(Why::Malformed("its claims are no plain JSON object"))?;
        if header.contains_key("crit") {
            return Err(Why::Malformed("it needs an extension"));
        }
        let lets_in = match header.get("typ") {
            None => true,
            Some(Value::String(typ)) => is_kind(typ),
            Some(_) => false,
        };
        if !lets_in {
            return Err(Why::Malformed("a token of another kind"));
        }
        let Some(Value::String(algorithm)) = header.get("alg") else {
            return Err(Why::Malformed("it does not say how it is signed"));
        };
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if (1..=LONGEST_KID).contains(&kid.len()) => Some(kid.clone()),
            Some(_) => return Err(Why::Malformed("the name of its key is none")),
        };
        Ok(Self { algorithm: algorithm.clone(), kid, claims, signed, signature })
    }

    /// Whether it is signed with this key.
    pub(super) fn is_signed_with(&self, key: &DecodingKey, algorithm: Algorithm) -> bool {
        crypto::verify(self.signature, self.signed.as_bytes(), key, algorithm).unwrap_or(false)
    }

    /// A claim that is a text of 1 to 255 bytes.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        let text = self.claims.get(claim)?.as_str()?;
        (1..=255).contains(&text.len()).then_some(text)
    }

    /// Whether it is for `audience`: that or a list with that.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(all)) => {
                all.iter().all(Value::is_string) && all.iter().any(|one| one == audience)
            }
            _ => false,
        }
    }

    /// A claim that is a time: whole seconds since the Unix epoch.
    pub(super) fn seconds(&self, claim: &'static str) -> Result<Option<i64>, Why> {
        let Some(value) = self.claims.get(claim) else { return Ok(None) };
        let seconds = value.as_i64().filter(|seconds| (0..=LAST_SECOND).contains(seconds));
        seconds.map(Some).ok_or(Why::Malformed("one of its times is none"))
    }
}

/// Kinds of tokens that let somebody in; an `at+jwt` is an access token (RFC 9068).
fn is_kind(kind: &str) -> bool {
    let prefix = "application/";
    let kind = match kind.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => &kind[prefix.len()..],
        _ => kind,
    };
    kind.eq_ignore_ascii_case("jwt") || kind.eq_ignore_ascii_case("at+jwt")
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    match serde_json::from_slice(&json) {
        Ok(Single(Value::Object(object))) => Some(object),
        _ => None,
    }
}

/// A JSON value in which no object says anything twice: readers disagree about which of the two
/// counts.
struct Single(Value);

impl<'de> Deserialize<'de> for Single {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(SingleVisitor).map(Self)
    }
}

struct SingleVisitor;

impl<'de> Visitor<'de> for SingleVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON that says nothing twice")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Single(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Single(value))) = members.next_entry::<String, Single>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("something is said twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_is_taken_apart() {
        let header =
            r#"{"alg":"ES256","typ":"at+JWT","kid":"one","jku":"https://x","jwk":{"a":1}}"#;
        let claims = r#"{"sub":"lin","aud":["a","b"],"exp":1763770000,"empty":"","n":7}"#;
        let token = token(header, claims);
        let jwt = Jwt::read(&token).unwrap();
        assert_eq!((jwt.algorithm.as_str(), jwt.kid.as_deref()), ("ES256", Some("one")));
        assert_eq!((jwt.text("sub"), jwt.text("empty"), jwt.text("n")), (Some("lin"), None, None));
        assert!(jwt.is_for("a") && jwt.is_for("b") && !jwt.is_for("c"));
        assert_eq!(jwt.seconds("exp").unwrap(), Some(1_763_770_000));
        assert_eq!(jwt.seconds("nbf").unwrap(), None);
    }

    #[test]
    fn what_is_said_twice_is_refused_however_deep() {
        let header = r#"{"alg":"ES256"}"#;
        assert!(Jwt::read(&token(header, r#"{"a":{"b":1},"c":{"b":1}}"#)).is_ok());
        for twice in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"a":2}]}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(Jwt::read(&token(header, twice)).is_err(), "{twice}");
        }
        assert!(Jwt::read(&token(r#"{"alg":"ES256","alg":"none"}"#, "{}")).is_err());
    }

    #[test]
    fn kinds_of_tokens() {
        for right in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
            assert!(is_kind(right), "{right}");
        }
        for wrong in ["", "logout+jwt", "dpop+jwt", "JOSE", "application/", "ＪＷＴ"] {
            assert!(!is_kind(wrong), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~]{0,200}", header in "\\PC{0,80}", claims in "\\PC{0,80}") {
            let _ = Jwt::read(&text);
            let _ = Jwt::read(&token(&header, &claims));
        }
    }
}
