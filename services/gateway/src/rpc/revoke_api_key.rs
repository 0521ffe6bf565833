//! `RevokeApiKey`: a key holds no more, for good.

use contracts::gateway::v1::{ApiKey as Answer, RevokeApiKeyRequest, gateway_event::Change};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};

use crate::{
    App, Error,
    command::{self, Command},
    convert, events,
};

const METHOD: &str = "aftercare.gateway.v1.ApiKeyService/RevokeApiKey";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: RevokeApiKeyRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::key_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    let revoked = command::on_key(&app, &call, &command, |key, at| {
        let revoked = key.revoke(at);
        let revoked = revoked.map_err(|refusal| Error::refused(&request.name, refusal))?;
        let change = Change::ApiKeyRevoked(events::key(&revoked));
        Ok(Some((revoked, change)))
    });
    let (key, _) = revoked.await?;
    Ok(convert::api_key(&key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        directory::read_credential,
        error::Kind,
        rpc::fixture::{
            Fixture, START, admin, blocker, fields, operator, request_id, stranger, supervisor,
            tenant,
        },
    };

    fn request(name: &str) -> RevokeApiKeyRequest {
        RevokeApiKeyRequest { name: name.to_owned(), ..RevokeApiKeyRequest::default() }
    }

    #[tokio::test]
    async fn a_revoked_key_lets_nobody_in_for_good() {
        let fixture = Fixture::new().await;
        let made = fixture.made_key(&["tickets.read"]).await;
        let name = made.api_key.unwrap().name;
        let mut asked = request(&name);
        (asked.etag, asked.request_id) = ("v1".to_owned(), request_id(1));
        let revoked = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert_eq!(revoked.revoke_time, Some(wire::timestamp(START.plus_micros(1))));
        assert!(revoked.secrets.is_empty());
        assert_eq!(handle(fixture.app.clone(), admin(), asked).await.unwrap(), revoked);
        let (id, secret) = read_credential(&made.secret).unwrap();
        let facts = fixture.app.directory().api_key(id).await.unwrap().unwrap();
        assert!(facts.revoked && !facts.admits(secret, START));
        let error = handle(fixture.app.clone(), admin(), request(&name)).await.unwrap_err();
        assert_eq!(blocker(&error), "STATE");
        let events = fixture.events(tenant(1), id.uuid()).await;
        assert_eq!((events[1].0.as_str(), events[1].1), ("api_key.revoked", 2));
    }

    #[tokio::test]
    async fn whoever_manages_keys_revokes_also_those_that_may_do_more() {
        let fixture = Fixture::new().await;
        let key = fixture.made_key(&["products.*"]).await.api_key.unwrap();
        assert!(handle(fixture.app.clone(), supervisor(), request(&key.name)).await.is_ok());
    }

    #[tokio::test]
    async fn stale_foreign_and_malformed_are_refused() {
        let fixture = Fixture::new().await;
        let key = fixture.made_key(&["tickets.read"]).await.api_key.unwrap();
        let stale = RevokeApiKeyRequest { etag: "v7".to_owned(), ..request(&key.name) };
        let error = handle(fixture.app.clone(), admin(), stale).await.unwrap_err();
        assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
        for call in [stranger(), operator()] {
            let error = handle(fixture.app.clone(), call, request(&key.name)).await.unwrap_err();
            assert!(matches!(error, Error::Missing { kind: Kind::ApiKey, .. }), "{error:?}");
        }
        let error = handle(fixture.app.clone(), admin(), request("x")).await.unwrap_err();
        assert_eq!(fields(&error), ["name"]);
    }
}
