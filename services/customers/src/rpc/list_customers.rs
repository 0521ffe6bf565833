//! `ListCustomers`: all customers, newest first.

use contracts::customers::v1::{ListCustomersRequest, ListCustomersResponse};
use kernel::{
    RowScope, Violations,
    page::{self, Position as _},
};
use rpc::{Call, wire};

use crate::{App, Error, convert, position::Position, store::customers};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListCustomersRequest,
) -> Result<ListCustomersResponse, Error> {
    let tenant = call.tenant();
    let query = page::Query::new(&app.tokens, tenant, "ListCustomers", "");
    let mut violations = Violations::new();
    let size = page::size(request.page_size, &mut violations);
    let start = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    let sealer = app.sealer(tenant);
    let rows = match call.scope {
        RowScope::Tenant => customers::list(&app.db, tenant, &sealer, start, size + 1).await?,
        RowScope::Own(id) => {
            let own = customers::get(&app.db, tenant, &sealer, id).await?;
            own.into_iter().filter(|_| start == Position::START).collect()
        }
        RowScope::None | RowScope::Teams(_) => Vec::new(),
    };
    let (shown, last) = wire::page_of(&rows, size, |customer| convert::customer(customer, &call));
    let next = last.map(|last| Position { at: last.created_at, id: last.id.uuid(), sequence: 0 });
    Ok(ListCustomersResponse { customers: shown, next_page_token: query.token(next) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{Fixture, fields, id_of, own, stranger, system};

    fn request(page_size: i32, page_token: &str) -> ListCustomersRequest {
        ListCustomersRequest { page_size, page_token: page_token.to_owned() }
    }

    #[tokio::test]
    async fn pages_are_newest_first_without_gap_or_double() {
        let fixture = Fixture::new().await;
        let mut names = Vec::new();
        for n in 0..7 {
            names.push(fixture.customer(&format!("客户{n}"), &[]).await.name);
            // Some in the same instant: their ids decide.
            if n % 3 == 0 {
                fixture.later();
            }
        }
        names.reverse();
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = handle(fixture.app.clone(), system(), request(3, &token)).await.unwrap();
            assert!(page.customers.len() <= 3);
            seen.extend(page.customers.into_iter().map(|customer| customer.name));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, names);
        let none = handle(fixture.app.clone(), stranger(), request(0, "")).await.unwrap();
        assert!(none.customers.is_empty());
    }

    #[tokio::test]
    async fn a_customer_lists_only_itself() {
        let fixture = Fixture::new().await;
        let one = fixture.customer("甲", &[]).await;
        fixture.customer("乙", &[]).await;
        let call = own(id_of(&one.name));
        let page = handle(fixture.app.clone(), call, request(0, "")).await.unwrap();
        assert_eq!(page.customers.len(), 1);
        assert_eq!(page.customers[0].name, one.name);
    }

    #[tokio::test]
    async fn a_token_of_another_tenant_or_list_is_refused() {
        let fixture = Fixture::new().await;
        for name in ["甲", "乙"] {
            fixture.customer(name, &[]).await;
        }
        let page = handle(fixture.app.clone(), system(), request(1, "")).await.unwrap();
        let token = page.next_page_token;
        for (call, token) in [(stranger(), token.as_str()), (system(), "nonsense")] {
            let error = handle(fixture.app.clone(), call, request(1, token)).await.unwrap_err();
            assert_eq!(fields(&error), ["page_token"]);
        }
        let error = handle(fixture.app.clone(), system(), request(-1, "")).await.unwrap_err();
        assert_eq!(fields(&error), ["page_size"]);
    }
}
