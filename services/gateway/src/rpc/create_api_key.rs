//! `CreateApiKey`: makes a key for another system, and tells its secret this once.

use contracts::gateway::v1::{CreateApiKeyRequest, CreateApiKeyResponse, gateway_event::Change};
use kernel::{ApiKeyId, Time, Violations, keys};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error, authority, convert,
    domain::api_key::{self, ApiKey, Secret, credential},
    error::Kind,
    events::{self, Place},
    rpc::get_api_key,
    store::{api_keys, tenants},
};

const METHOD: &str = "aftercare.gateway.v1.ApiKeyService/CreateApiKey";

/// A key that is about to be made, and what to call with.
struct Draft {
    key: ApiKey,
    credential: String,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateApiKeyRequest,
) -> Result<CreateApiKeyResponse, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let Draft { key, credential } = parse(&app, &request, &request_id)?;
    authority::check_records(&call)?;
    authority::check_scopes(&app, &call, &key.scopes)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let (tenant, name) = (call.tenant(), key.id.name());
    let earlier = transact!(app.db, "api_key.create", |tx| {
        let earlier = once.claim(tx, &name, 1).await?;
        if earlier.is_some() {
            return Ok(earlier);
        }
        if !tenants::exists(tx, tenant).await? {
            return Err(Error::missing(Kind::Tenant, &tenant.name()));
        }
        api_keys::insert(tx, tenant, &key).await?;
        let created = Change::ApiKeyCreated(events::key(&key));
        events::append(&app, &call, tx, Place::of_key(tenant, &key), created).await?;
        Ok::<_, Error>(None)
    })?;
    match earlier {
        None => {
            Ok(CreateApiKeyResponse { api_key: Some(convert::api_key(&key)), secret: credential })
        }
        Some(earlier) => {
            let known = get_api_key::by_name(&app, &call, &earlier.resource).await?;
            Ok(CreateApiKeyResponse { api_key: Some(known), secret: String::new() })
        }
    }
}

fn parse(app: &App, request: &CreateApiKeyRequest, request_id: &str) -> Result<Draft, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = request.api_key.clone().unwrap_or_default();
    let now = app.clock.real_now();
    let mut expires_at = None;
    if request.api_key.is_some() {
        violations.check(given.name.is_empty(), "api_key.name", "must be left out");
        api_key::check(&given.title, &given.scopes, &mut violations);
        expires_at = given.expire_time.as_ref().map(|time| {
            let later = wire::time(time).filter(|time| *time > now);
            violations.check(later.is_some(), "api_key.expire_time", "must be in the future");
            later.unwrap_or(Time::EPOCH)
        });
    } else {
        violations.add("api_key", "must be given");
    }
    let id = ApiKeyId::from(app.ids.next());
    let (text, secret) = Secret::new(&keys::random(), now);
    let key = ApiKey::new(id, given.title, given.scopes, secret, app.clock.now());
    let key = ApiKey { expires_at, ..key };
    violations.finish(Draft { key, credential: credential(id, &text) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        directory::read_credential,
        rpc::fixture::{
            Fixture, START, admin, beyond, create_key, fields, narrow_reaches, narrowed, operator,
            request_id, supervisor, system, tenant,
        },
    };

    #[tokio::test]
    async fn a_key_lets_in_whoever_has_its_secret_and_is_told_once() {
        let fixture = Fixture::new().await;
        let made = fixture.made_key(&["tickets.read", "customers.*"]).await;
        let key = made.api_key.unwrap();
        assert_eq!((key.etag.as_str(), key.secrets.len()), ("v1", 1));
        assert!(made.secret.ends_with(&key.secrets[0].hint));
        let (id, secret) = read_credential(&made.secret).unwrap();
        assert_eq!(id.name(), key.name);
        let facts = fixture.app.directory().api_key(id).await.unwrap().unwrap();
        assert_eq!((facts.tenant, facts.revoked), (tenant(1), false));
        assert_eq!(facts.scopes, ["tickets.read", "customers.*"]);
        assert!(facts.admits(secret, START));
        assert!(!facts.admits(&secret.replace(&secret[..1], "-"), START));
        assert!(!facts.admits("", START));

        let read = get_api_key::by_name(&fixture.app, &admin(), &key.name).await.unwrap();
        assert_eq!(read, key);
        let events = fixture.events(tenant(1), id.uuid()).await;
        assert_eq!((events.len(), events[0].0.as_str()), (1, "api_key.created"));
    }

    #[tokio::test]
    async fn the_same_request_again_tells_the_key_and_not_the_secret() {
        let fixture = Fixture::new().await;
        let mut asked = create_key(&["tickets.read"]);
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        let again = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert!(!first.secret.is_empty() && again.secret.is_empty());
        assert_eq!(again.api_key, first.api_key);
        asked.api_key.as_mut().unwrap().title = "Other".to_owned();
        let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_key_has_no_more_than_its_role_and_its_maker() {
        let fixture = Fixture::new().await;
        let make = async |call, scopes: &[&str]| {
            handle(fixture.app.clone(), call, create_key(scopes)).await
        };
        // Not the role's.
        for scope in ["keys.write", "members.write", "tenants.read", "nonsense.*"] {
            let error = make(admin(), &["tickets.read", scope]).await.unwrap_err();
            assert_eq!(beyond(&error), scope);
        }
        // The role's, but not the maker's: the supervisor reads products and writes none.
        make(supervisor(), &["tickets.*", "products.read"]).await.unwrap();
        let error = make(supervisor(), &["products.*"]).await.unwrap_err();
        assert_eq!(beyond(&error), "products.*");
        // What the maker's own credential is narrowed to counts.
        let error = make(system(&["keys.*", "tickets.read"]), &["tickets.*"]).await.unwrap_err();
        assert_eq!(beyond(&error), "tickets.*");
    }

    #[tokio::test]
    async fn a_key_that_expires_does_so_by_real_time() {
        let fixture = Fixture::new().await;
        let hour = Duration::from_hours(1);
        let mut asked = create_key(&["tickets.read"]);
        asked.api_key.as_mut().unwrap().expire_time = Some(wire::timestamp(START + hour));
        let made = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        let (id, secret) = read_credential(&made.secret).unwrap();
        let facts = fixture.app.directory().api_key(id).await.unwrap().unwrap();
        assert!(facts.admits(secret, START) && !facts.admits(secret, START + hour));
        asked.api_key.as_mut().unwrap().expire_time = Some(wire::timestamp(START));
        let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
        assert_eq!(fields(&error), ["api_key.expire_time"]);
    }

    #[tokio::test]
    async fn who_has_no_tenant_or_reaches_less_than_one_makes_none() {
        let fixture = Fixture::new().await;
        for reach in narrow_reaches() {
            let call = narrowed(admin(), reach);
            let error = handle(fixture.app.clone(), call, create_key(&["tickets.read"])).await;
            let error = error.unwrap_err();
            assert!(matches!(error, Error::Missing { kind: Kind::Tenant, .. }), "{error:?}");
        }
        let error = handle(fixture.app.clone(), operator(), create_key(&["tickets.read"])).await;
        assert_eq!(beyond(&error.unwrap_err()), "tickets.read");
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let mut wrong = create_key(&["tickets.read@own", "*"]);
        wrong.request_id = "x".to_owned();
        let given = wrong.api_key.as_mut().unwrap();
        given.name = "apiKeys/x".to_owned();
        given.title.clear();
        given.expire_time = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
        let error = handle(fixture.app.clone(), admin(), wrong).await.unwrap_err();
        assert_eq!(
            fields(&error),
            [
                "request_id",
                "api_key.name",
                "api_key.title",
                "api_key.scopes[0]",
                "api_key.scopes[1]",
                "api_key.expire_time",
            ]
        );
        let nothing = CreateApiKeyRequest::default();
        let error = handle(fixture.app.clone(), admin(), nothing).await.unwrap_err();
        assert_eq!(fields(&error), ["api_key"]);
    }
}
