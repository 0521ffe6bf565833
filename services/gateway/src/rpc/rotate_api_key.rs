//! `RotateApiKey`: gives a key a new secret, told this once, while the one before it still holds for
//! a time.

use std::time::Duration;

use contracts::gateway::v1::{RotateApiKeyRequest, RotateApiKeyResponse, gateway_event::Change};
use kernel::{Violations, etag::Demand, keys};
use rpc::{Call, wire};

use crate::{
    App, Error, authority,
    command::{self, Command},
    convert,
    domain::api_key::{LONGEST_OVERLAP, OVERLAP, Secret, credential},
    events,
};

const METHOD: &str = "aftercare.gateway.v1.ApiKeyService/RotateApiKey";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: RotateApiKeyRequest,
) -> Result<RotateApiKeyResponse, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::key_id(&request.name, "name", &mut violations);
    let overlap = overlap(request.overlap.as_ref(), &mut violations);
    violations.finish(())?;

    let now = app.clock.real_now();
    let (text, secret) = Secret::new(&keys::random(), now);
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    let rotated = command::on_key(&app, &call, &command, |key, at| {
        // Whoever has the secret has what the key may do.
        authority::check_scopes(&app, &call, &key.scopes)?;
        let rotated = key.rotate(secret.clone(), overlap, now, at);
        let rotated = rotated.map_err(|refusal| Error::refused(&request.name, refusal))?;
        let change = Change::ApiKeyRotated(events::key(&rotated));
        Ok(Some((rotated, change)))
    });
    let (key, is_new) = rotated.await?;
    Ok(RotateApiKeyResponse {
        api_key: Some(convert::api_key(&key)),
        secret: if is_new { credential(key.id, &text) } else { String::new() },
    })
}

/// How long the secret before still holds.
fn overlap(given: Option<&prost_types::Duration>, violations: &mut Violations) -> Duration {
    let Some(given) = given else { return OVERLAP };
    let right = wire::length(given).filter(|overlap| *overlap <= LONGEST_OVERLAP);
    violations.check(right.is_some(), "overlap", "must be 0 to 30 days");
    right.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kernel::Time;

    use super::*;
    use crate::{
        directory::read_credential,
        error::Kind,
        rpc::{
            fixture::{
                Fixture, START, admin, beyond, blocker, fields, operator, request_id, stranger,
                supervisor, tenant,
            },
            revoke_api_key,
        },
    };

    const HOUR: Duration = Duration::from_hours(1);

    fn request(name: &str) -> RotateApiKeyRequest {
        RotateApiKeyRequest { name: name.to_owned(), ..RotateApiKeyRequest::default() }
    }

    async fn admits(fixture: &Fixture, credential: &str, now: Time) -> bool {
        let (id, secret) = read_credential(credential).unwrap();
        let facts = fixture.app.directory().api_key(id).await.unwrap().unwrap();
        facts.admits(secret, now)
    }

    #[tokio::test]
    async fn two_secrets_hold_while_systems_change_over() {
        let fixture = Fixture::new().await;
        let made = fixture.made_key(&["tickets.read"]).await;
        let key = made.api_key.unwrap();
        let rotated = handle(fixture.app.clone(), admin(), request(&key.name)).await.unwrap();
        let now = rotated.api_key.unwrap();
        assert_eq!((now.etag.as_str(), now.secrets.len()), ("v2", 2));
        assert!(rotated.secret.ends_with(&now.secrets[0].hint), "the newest comes first");
        assert_eq!(now.secrets[1].hint, key.secrets[0].hint);
        assert!(admits(&fixture, &made.secret, START + HOUR * 23).await);
        assert!(!admits(&fixture, &made.secret, START + HOUR * 24).await);
        assert!(admits(&fixture, &rotated.secret, START + HOUR * 1_000).await);

        let mut at_once = request(&key.name);
        at_once.overlap = Some(prost_types::Duration::default());
        let third = handle(fixture.app.clone(), admin(), at_once).await.unwrap();
        assert!(!admits(&fixture, &made.secret, START).await);
        assert!(!admits(&fixture, &rotated.secret, START).await);
        assert!(admits(&fixture, &third.secret, START).await);
        let id = read_credential(&made.secret).unwrap().0;
        let events = fixture.events(tenant(1), id.uuid()).await;
        let kinds: Vec<_> = events.iter().map(|(kind, n, _)| (kind.as_str(), *n)).collect();
        assert_eq!(kinds, [("api_key.created", 1), ("api_key.rotated", 2), ("api_key.rotated", 3)]);
    }

    #[tokio::test]
    async fn the_same_request_again_rotates_once_and_tells_no_secret() {
        let fixture = Fixture::new().await;
        let key = fixture.made_key(&["tickets.read"]).await.api_key.unwrap();
        let mut asked = request(&key.name);
        (asked.etag, asked.request_id) = ("v1".to_owned(), request_id(1));
        let first = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        let again = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert_eq!((again.api_key, again.secret.as_str()), (first.api_key, ""));
        assert!(admits(&fixture, &first.secret, START).await);
        asked.request_id.clear();
        let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
        assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn whoever_lacks_what_the_key_may_do_gets_no_secret_of_it() {
        let fixture = Fixture::new().await;
        let key = fixture.made_key(&["products.*"]).await.api_key.unwrap();
        let error = handle(fixture.app.clone(), supervisor(), request(&key.name)).await;
        assert_eq!(beyond(&error.unwrap_err()), "products.*");
    }

    #[tokio::test]
    async fn revoked_foreign_and_malformed_are_refused() {
        let fixture = Fixture::new().await;
        let key = fixture.made_key(&["tickets.read"]).await.api_key.unwrap();
        for call in [stranger(), operator()] {
            let error = handle(fixture.app.clone(), call, request(&key.name)).await.unwrap_err();
            assert!(matches!(error, Error::Missing { kind: Kind::ApiKey, .. }), "{error:?}");
        }
        for (seconds, nanos) in [(-1, 0), (30 * 86_400, 1), (0, -1), (i64::MIN, i32::MIN)] {
            let mut asked = request(&key.name);
            asked.overlap = Some(prost_types::Duration { seconds, nanos });
            let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
            assert_eq!(fields(&error), ["overlap"]);
        }
        let revoke = contracts::gateway::v1::RevokeApiKeyRequest {
            name: key.name.clone(),
            ..Default::default()
        };
        revoke_api_key::handle(fixture.app.clone(), admin(), revoke).await.unwrap();
        let error = handle(fixture.app.clone(), admin(), request(&key.name)).await.unwrap_err();
        assert_eq!(blocker(&error), "STATE");
    }
}
