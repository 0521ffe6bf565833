//! `SuspendTenant`: everybody of a tenant is refused, everywhere.

use contracts::gateway::v1::{SuspendTenantRequest, Tenant as Answer};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};

use crate::{
    App, Error,
    command::{self, Command},
    convert, events,
};

const METHOD: &str = "aftercare.gateway.v1.TenantService/SuspendTenant";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: SuspendTenantRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::tenant_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    let suspended = command::on_tenant(&app, &call, &command, |tenant, at| {
        let suspended = tenant.suspend(at);
        let suspended = suspended.map_err(|refusal| Error::refused(&request.name, refusal))?;
        Ok(Some((suspended, events::suspended())))
    });
    Ok(convert::tenant(&suspended.await?))
}

#[cfg(test)]
mod tests {
    use contracts::gateway::v1::TenantState;

    use super::*;
    use crate::{
        error::Kind,
        rpc::fixture::{Fixture, blocker, fields, operator, request_id, stranger, tenant},
    };

    fn request(etag: &str) -> SuspendTenantRequest {
        let (name, etag) = (tenant(1).name(), etag.to_owned());
        SuspendTenantRequest { name, etag, request_id: String::new() }
    }

    #[tokio::test]
    async fn a_suspended_tenant_is_known_as_such_and_keeps_what_it_has() {
        let fixture = Fixture::new().await;
        let before = fixture.tenant(1).await;
        let suspended = handle(fixture.app.clone(), operator(), request("v1")).await.unwrap();
        assert_eq!(suspended.state(), TenantState::Suspended);
        assert_eq!((suspended.etag.as_str(), suspended.title), ("v2", before.title));
        let facts = fixture.app.directory().tenant(tenant(1)).await.unwrap().unwrap();
        assert_eq!(facts.state, TenantState::Suspended);
        let events = fixture.events(tenant(1), tenant(1).uuid()).await;
        assert_eq!((events[1].0.as_str(), events[1].1), ("tenant.suspended", 2));

        let error = handle(fixture.app.clone(), operator(), request("")).await.unwrap_err();
        assert_eq!(blocker(&error), "STATE");
        assert_eq!(fixture.tenant(2).await.state(), TenantState::Active);
    }

    #[tokio::test]
    async fn the_same_request_twice_has_one_effect() {
        let fixture = Fixture::new().await;
        let mut asked = request("v1");
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), operator(), asked.clone()).await.unwrap();
        assert_eq!(handle(fixture.app.clone(), operator(), asked).await.unwrap(), first);
    }

    #[tokio::test]
    async fn stale_foreign_missing_and_malformed_are_refused() {
        let fixture = Fixture::new().await;
        let error = handle(fixture.app.clone(), operator(), request("v9")).await.unwrap_err();
        assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
        let missing = SuspendTenantRequest { name: tenant(3).name(), ..request("") };
        for (call, request) in [(stranger(), request("")), (operator(), missing)] {
            let error = handle(fixture.app.clone(), call, request).await.unwrap_err();
            assert!(matches!(error, Error::Missing { kind: Kind::Tenant, .. }), "{error:?}");
        }
        let wrong = SuspendTenantRequest { name: "x".to_owned(), ..request("") };
        let error = handle(fixture.app.clone(), operator(), wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["name"]);
    }
}
