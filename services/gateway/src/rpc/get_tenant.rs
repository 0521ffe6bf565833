//! `GetTenant`: one tenant.

use contracts::gateway::v1::{GetTenantRequest, Tenant as Answer};
use kernel::{TenantId, Violations};
use rpc::Call;

use crate::{App, Error, authority::reaches, convert, error::Kind, store::tenants};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetTenantRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let id = convert::tenant_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    by_id(&app, &call, id).await
}

/// The tenant of this name, if the caller reaches it.
pub(crate) async fn by_name(app: &App, call: &Call, name: &str) -> Result<Answer, Error> {
    let id = TenantId::parse_name(name).ok_or_else(|| Error::missing(Kind::Tenant, name))?;
    by_id(app, call, id).await
}

/// The tenant of this id, if the caller reaches it.
pub(crate) async fn by_id(app: &App, call: &Call, id: TenantId) -> Result<Answer, Error> {
    let found = if reaches(call, id) { tenants::get(&app.db, id).await? } else { None };
    found
        .map(|tenant| convert::tenant(&tenant))
        .ok_or_else(|| Error::missing(Kind::Tenant, &id.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{
        Fixture, admin, fields, narrow_reaches, narrowed, operator, stranger, tenant,
    };

    #[tokio::test]
    async fn the_platform_sees_every_tenant_and_a_tenant_itself() {
        let fixture = Fixture::new().await;
        let get = async |call, number| {
            let request = GetTenantRequest { name: tenant(number).name() };
            handle(fixture.app.clone(), call, request).await
        };
        for number in [1, 2] {
            assert_eq!(get(operator(), number).await.unwrap().name, tenant(number).name());
        }
        assert_eq!(get(admin(), 1).await.unwrap().slug, "tenant-1");
        let mut refused = vec![
            get(admin(), 2).await.unwrap_err(),
            get(stranger(), 1).await.unwrap_err(),
            get(operator(), 3).await.unwrap_err(),
            get(admin(), 3).await.unwrap_err(),
        ];
        for reach in narrow_reaches() {
            refused.push(get(narrowed(admin(), reach.clone()), 1).await.unwrap_err());
            refused.push(get(narrowed(operator(), reach), 1).await.unwrap_err());
        }
        for error in refused {
            let Error::Missing { kind: Kind::Tenant, name } = &error else { panic!("{error:?}") };
            assert_eq!(error.to_string(), format!("there is no tenant `{name}`"));
        }
    }

    #[tokio::test]
    async fn a_name_of_another_form_is_wrong() {
        let fixture = Fixture::new().await;
        for name in ["", "tenants/", "tenants/harbor", "teams/0198b2a0-0000-7000-8000-000000000001"]
        {
            let request = GetTenantRequest { name: name.to_owned() };
            let error = handle(fixture.app.clone(), operator(), request).await.unwrap_err();
            assert_eq!(fields(&error), ["name"]);
        }
    }
}
