//! `ListTenants`: the tenants that the caller reaches, by slug.

use contracts::gateway::v1::{ListTenantsRequest, ListTenantsResponse};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{
    App, Error,
    authority::{reaches, runs_platform},
    convert,
    domain::tenant::Tenant,
    store::tenants,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListTenantsRequest,
) -> Result<ListTenantsResponse, Error> {
    let query = page::Query::new(&app.tokens, call.tenant(), "ListTenants", "");
    let mut violations = Violations::new();
    let size = page::size(request.page_size, &mut violations);
    let start: String = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    let rows = if runs_platform(&call) {
        tenants::list(&app.db, &start, size + 1).await?
    } else {
        own(&app, &call, &start).await?
    };
    let (tenants, last) = wire::page_of(&rows, size, convert::tenant);
    let next = last.map(|last| last.slug.clone());
    Ok(ListTenantsResponse { tenants, next_page_token: query.token(next) })
}

/// The caller's own tenant, which is the whole list.
async fn own(app: &App, call: &Call, start: &str) -> Result<Vec<Tenant>, Error> {
    if !reaches(call, call.tenant()) {
        return Ok(Vec::new());
    }
    let own = tenants::get(&app.db, call.tenant()).await?;
    Ok(own.into_iter().filter(|own| own.slug.as_str() > start).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::{
        create_tenant,
        fixture::{
            self, Fixture, admin, fields, narrow_reaches, narrowed, operator, stranger, tenant,
        },
    };

    fn request(page_size: i32, page_token: &str) -> ListTenantsRequest {
        ListTenantsRequest { page_size, page_token: page_token.to_owned() }
    }

    #[tokio::test]
    async fn the_platform_pages_through_all_by_slug() {
        let fixture = Fixture::new().await;
        for slug in ["zeta", "alpha", "m-1"] {
            let request = fixture::create_tenant(slug);
            create_tenant::handle(fixture.app.clone(), operator(), request).await.unwrap();
        }
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let page = handle(fixture.app.clone(), operator(), request(2, &token)).await.unwrap();
            assert!(page.tenants.len() <= 2);
            seen.extend(page.tenants.into_iter().map(|tenant| tenant.slug));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ["alpha", "m-1", "tenant-1", "tenant-2", "zeta"]);
    }

    #[tokio::test]
    async fn a_tenant_lists_itself() {
        let fixture = Fixture::new().await;
        for (call, number) in [(admin(), 1), (stranger(), 2)] {
            let page = handle(fixture.app.clone(), call, request(0, "")).await.unwrap();
            assert_eq!(page.tenants.len(), 1);
            assert_eq!(page.tenants[0].name, tenant(number).name());
            assert_eq!(page.next_page_token, "");
        }
        for reach in narrow_reaches() {
            let call = narrowed(admin(), reach);
            let page = handle(fixture.app.clone(), call, request(0, "")).await.unwrap();
            assert!(page.tenants.is_empty());
        }
    }

    #[tokio::test]
    async fn a_token_of_another_caller_is_refused() {
        let fixture = Fixture::new().await;
        let page = handle(fixture.app.clone(), operator(), request(1, "")).await.unwrap();
        let wrong = request(1, &page.next_page_token);
        let error = handle(fixture.app.clone(), admin(), wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["page_token"]);
        let error = handle(fixture.app.clone(), admin(), request(-1, "x")).await.unwrap_err();
        assert_eq!(fields(&error), ["page_size", "page_token"]);
    }
}
