//! Credentials that hold, and what becomes of them when keys change or issuers are away.

use kernel::{Caller, CallerKind, CustomerId, Locale, Role};
use rpc::issuer::Principal;
use tonic_types::StatusExt as _;

use super::{directory::key, *};

/// Lets time pass on the held clock, with all that happens meanwhile.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

async fn caller(house: &House, token: &str) -> Caller {
    house.known(token).await.unwrap().caller
}

#[tokio::test(start_paused = true)]
async fn a_member_comes_in_by_any_of_the_algorithms() {
    let house = house();
    for (signer, kid) in [(Signer::rsa(), "rsa"), (Signer::ec(), "ec"), (Signer::ed(1), "ed")] {
        let known = house.known(&signer.token(kid, &staff())).await.unwrap();
        let expires = NOW + Duration::from_secs(630);
        assert_eq!((known.credential, known.expires), ("oidc", Some(expires)), "{kid}");
        let caller = known.caller;
        assert_eq!((caller.tenant, caller.kind), (tenant(1), CallerKind::Member));
        assert_eq!((caller.subject.as_str(), caller.locale), ("lin", Locale::Zh));
        assert_eq!((caller.roles.as_slice(), caller.teams.len()), (&[Role::Agent][..], 1));
        assert_eq!((caller.scopes, caller.customer), (None, None));
        house.admit(&[format!("Bearer {}", signer.token(kid, &staff()))]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn times_are_taken_with_the_leeway() {
    let house = house();
    let now = NOW.seconds();
    for (claim, at, holds) in [
        ("exp", now - 29, true),
        ("exp", now - 30, false),
        ("nbf", now + 30, true),
        ("nbf", now + 31, false),
        ("iat", now + 30, true),
        ("iat", now + 31, false),
    ] {
        let mut claims = staff();
        claims[claim] = json!(at);
        let known = house.known(&Signer::ec().token("ec", &claims)).await;
        assert_eq!(known.is_ok(), holds, "{claim} {}", at - now);
    }
}

#[tokio::test(start_paused = true)]
async fn a_customer_comes_in_by_the_claim_that_names_them() {
    let house = house();
    let token = |claims: &Value| Signer::other_ec().sign(r#"{"alg":"ES256"}"#, &claims.to_string());
    let customer = caller(&house, &token(&portal())).await;
    assert_eq!((customer.tenant, customer.kind), (tenant(1), CallerKind::Customer));
    assert_eq!(customer.customer.map(CustomerId::name).as_deref(), Some(CUSTOMER));
    assert_eq!(format!("customers/{}", customer.subject), CUSTOMER);
    assert_eq!(customer.roles, [Role::Customer]);

    let mut claims = portal();
    claims["tenant"] = json!(tenant(2).to_string());
    let customer = caller(&house, &token(&claims)).await;
    assert_eq!((customer.tenant, customer.locale), (tenant(2), Locale::Zh));
}

#[tokio::test(start_paused = true)]
async fn the_audience_tells_which_provider_of_one_issuer_it_is() {
    let house = house();
    let mut claims = staff();
    claims["aud"] = json!("help");
    claims["customer"] = json!(CUSTOMER);
    let customer = caller(&house, &Signer::ec().token("ec", &claims)).await;
    assert_eq!(customer.kind, CallerKind::Customer);
}

#[tokio::test(start_paused = true)]
async fn configured_subjects_run_the_platform() {
    let house = house();
    let mut claims = staff();
    claims["sub"] = json!("u-ops");
    let operator = caller(&house, &Signer::ec().token("ec", &claims)).await;
    assert_eq!(
        (operator.kind, operator.roles.as_slice()),
        (CallerKind::Operator, &[Role::Operator][..])
    );
    assert_eq!(operator.tenant, TenantId::from(Uuid::nil()));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_an_integration_with_its_scopes() {
    let house = house();
    let known = house.known(&key(7, "seven")).await.unwrap();
    assert_eq!((known.credential, known.expires), ("key", None));
    assert_eq!((known.caller.tenant, known.caller.kind), (tenant(1), CallerKind::Integration));
    assert_eq!(known.caller.subject, Uuid::from_u128(7).to_string());
    assert_eq!(known.caller.scopes, Some(vec!["tickets.read".to_owned()]));
    house.admit(&[format!("Bearer {}", key(7, "seven"))]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn local_tokens_are_made_out_by_the_directory() {
    let house = house();
    let token = |n, kind, subject: &str| {
        let customer = (kind == CallerKind::Customer).then(|| CustomerId::from(Uuid::from_u128(9)));
        let subject = subject.to_owned();
        let principal = Principal { tenant: tenant(n), kind, subject, roles: Vec::new(), customer };
        house.local.issue(&principal, Duration::from_mins(1)).unwrap()
    };
    let lin = house.known(&token(1, CallerKind::Member, "lin")).await.unwrap();
    assert_eq!((lin.credential, lin.caller.locale), ("local", Locale::Zh));
    assert_eq!(lin.caller.roles, [Role::Agent]);
    let shop = caller(&house, &token(2, CallerKind::Integration, "shop")).await;
    assert_eq!((shop.roles.as_slice(), shop.locale), (&[Role::Integration][..], Locale::Zh));
    caller(&house, &token(1, CallerKind::Customer, "c")).await;
    caller(&house, &token(99, CallerKind::Operator, "ops")).await;

    for (n, kind, subject, refused) in [
        (1, CallerKind::Member, "left", Refused::Credential),
        (1, CallerKind::Member, "wang", Refused::Credential),
        (99, CallerKind::Integration, "shop", Refused::Credential),
        (1, CallerKind::Service, "tickets", Refused::Credential),
        (3, CallerKind::Member, "zoe", Refused::Suspended),
        (3, CallerKind::Member, "nobody", Refused::Credential),
        (3, CallerKind::Integration, "shop", Refused::Suspended),
    ] {
        let known = house.known(&token(n, kind, subject)).await;
        assert_eq!(known, Err(refused), "{n} {subject}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspended_tenant_is_told_only_to_whom_its_credential_holds() {
    let house = house();
    let suspended = house.admit(&[format!("Bearer {}", key(11, "eleven"))]).await.unwrap_err();
    assert_eq!(suspended.code(), tonic::Code::PermissionDenied);
    let details = suspended.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "TENANT_SUSPENDED");
    let wrong = house.admit(&[format!("Bearer {}", key(11, "wrong"))]).await.unwrap_err();
    assert_eq!(wrong.code(), tonic::Code::Unauthenticated);

    let mut claims = portal();
    claims["tenant"] = json!("closed");
    let token = Signer::other_ec().sign(r#"{"alg":"ES256"}"#, &claims.to_string());
    assert_eq!(house.known(&token).await, Err(Refused::Suspended));
    claims["tenant"] = json!("broken");
    let token = Signer::other_ec().sign(r#"{"alg":"ES256"}"#, &claims.to_string());
    assert_eq!(house.known(&token).await, Err(Refused::Away));
}

#[tokio::test(start_paused = true)]
async fn refusals_are_counted_by_one_of_a_few_reasons() {
    let house = house();
    let but = |change: fn(&mut Value)| {
        let mut claims = staff();
        change(&mut claims);
        Signer::ec().token("ec", &claims)
    };
    let refused = [
        ("malformed", "not.a.token".to_owned()),
        ("malformed", "ak_7".to_owned()),
        ("issuer", but(|claims| claims["aud"] = json!("somebody else"))),
        ("time", but(|claims| claims["exp"] = json!(1))),
        ("key", Signer::ec().token("guess", &staff())),
        ("signature", Signer::other_ec().token("ec", &staff())),
        ("signature", key(7, "wrong")),
        ("nobody", but(|claims| claims["sub"] = json!("nobody"))),
        ("nobody", key(99, "seven")),
        ("suspended", key(11, "eleven")),
    ];
    let count = |reason: &str| house.metrics.credential_refusals.with_label_values(&[reason]).get();
    for (reason, token) in refused {
        let before = count(reason);
        house.known(&token).await.unwrap_err();
        assert_eq!(count(reason), before + 1, "{reason} {token}");
    }
    house.known(&Signer::ec().token("ec", &staff())).await.unwrap();
    let text = house.metrics.text();
    let series = text.lines().filter(|line| line.starts_with("aftercare_credential_refusals"));
    assert_eq!(series.count(), 7, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_taken_once_it_is_published_and_an_old_one_until_it_is_not() {
    let house = house();
    let (old, new) = (Signer::ec().token("ec", &staff()), Signer::ed(2).token("next", &staff()));
    house.known(&old).await.unwrap();
    assert_eq!(house.known(&new).await, Err(Refused::Credential));

    house.published.staff_keys(&[(&Signer::ec(), "ec"), (&Signer::ed(2), "next")]);
    let asked = house.published.asked();
    assert_eq!(house.known(&new).await, Err(Refused::Credential), "asked a moment ago");
    assert_eq!(house.published.asked(), asked);
    tokio::time::advance(Duration::from_secs(61)).await;
    house.known(&new).await.unwrap();
    house.known(&old).await.unwrap();

    house.published.staff_keys(&[(&Signer::ed(2), "next")]);
    house.known(&old).await.unwrap();
    pass(Duration::from_hours(2)).await;
    assert_eq!(house.known(&old).await, Err(Refused::Credential));
    house.known(&new).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_do_not_make_the_door_ask_more_than_once_a_minute() {
    let house = house();
    house.known(&Signer::ec().token("ec", &staff())).await.unwrap();
    tokio::time::advance(Duration::from_secs(61)).await;
    let asked = house.published.asked();
    let tokens: Vec<_> =
        (0..20).map(|n| Signer::ec().token(&format!("guess-{n}"), &staff())).collect();
    let all = futures::future::join_all(tokens.iter().map(|token| house.known(token))).await;
    assert!(all.iter().all(|known| *known == Err(Refused::Credential)));
    assert_eq!(house.published.asked(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_issuer_is_away_its_last_keys_hold_for_two_days() {
    let house = house();
    let token = Signer::ec().token("ec", &staff());
    house.known(&token).await.unwrap();
    house.published.away.store(true, Ordering::SeqCst);
    pass(Duration::from_hours(47)).await;
    house.known(&token).await.unwrap();
    pass(Duration::from_hours(2)).await;
    assert_eq!(house.known(&token).await, Err(Refused::Credential));
    house.published.away.store(false, Ordering::SeqCst);
    pass(Duration::from_secs(61)).await;
    house.known(&token).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_fetching_of_keys_ends_when_it_is_told_to() {
    let house = house();
    house.known(&Signer::ec().token("ec", &staff())).await.unwrap();
    house.stop.cancel();
    house.tasks.close();
    house.tasks.wait().await;
}
