//! `ResumeTenant`: a suspended tenant is served again.

use contracts::gateway::v1::{ResumeTenantRequest, Tenant as Answer};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};

use crate::{
    App, Error,
    command::{self, Command},
    convert, events,
};

const METHOD: &str = "aftercare.gateway.v1.TenantService/ResumeTenant";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: ResumeTenantRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::tenant_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    let resumed = command::on_tenant(&app, &call, &command, |tenant, at| {
        let resumed = tenant.resume(at);
        let resumed = resumed.map_err(|refusal| Error::refused(&request.name, refusal))?;
        Ok(Some((resumed, events::resumed())))
    });
    Ok(convert::tenant(&resumed.await?))
}

#[cfg(test)]
mod tests {
    use contracts::gateway::v1::{SuspendTenantRequest, TenantState};

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, blocker, operator, request_id, stranger, tenant},
        suspend_tenant,
    };

    fn request() -> ResumeTenantRequest {
        let (name, request_id) = (tenant(1).name(), request_id(1));
        ResumeTenantRequest { name, etag: String::new(), request_id }
    }

    #[tokio::test]
    async fn a_suspended_tenant_is_served_again() {
        let fixture = Fixture::new().await;
        let suspend = SuspendTenantRequest { name: tenant(1).name(), ..Default::default() };
        suspend_tenant::handle(fixture.app.clone(), operator(), suspend).await.unwrap();
        let resumed = handle(fixture.app.clone(), operator(), request()).await.unwrap();
        assert_eq!((resumed.state(), resumed.etag.as_str()), (TenantState::Active, "v3"));
        let again = handle(fixture.app.clone(), operator(), request()).await.unwrap();
        assert_eq!(again, resumed, "the same request");
        let events = fixture.events(tenant(1), tenant(1).uuid()).await;
        let kinds: Vec<_> = events.iter().map(|(kind, _, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["tenant.created", "tenant.suspended", "tenant.resumed"]);
    }

    #[tokio::test]
    async fn one_that_is_served_is_refused_and_a_foreign_one_is_none() {
        let fixture = Fixture::new().await;
        let error = handle(fixture.app.clone(), operator(), request()).await.unwrap_err();
        assert_eq!(blocker(&error), "STATE");
        let error = handle(fixture.app.clone(), stranger(), request()).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    }
}
