//! `ListPurchases`: what a customer bought, newest first.

use contracts::customers::v1::{ListPurchasesRequest, ListPurchasesResponse};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{App, Error, convert, position::Position, rpc::get_customer, store::purchases};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListPurchasesRequest,
) -> Result<ListPurchasesResponse, Error> {
    let tenant = call.tenant();
    let query = page::Query::new(&app.tokens, tenant, "ListPurchases", &request.parent);
    let mut violations = Violations::new();
    let parent = convert::customer_id(&request.parent, "parent", &mut violations);
    let size = page::size(request.page_size, &mut violations);
    let start = query.start(&request.page_token, &mut violations);
    let Some(customer) = parent.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    get_customer::check(&app, &call, customer).await?;

    let rows = purchases::list(&app.db, tenant, customer, start, size + 1).await?;
    let (shown, last) = wire::page_of(&rows, size, convert::purchase);
    let next =
        last.map(|last| Position { at: last.order.purchased_at, id: last.id.uuid(), sequence: 0 });
    Ok(ListPurchasesResponse { purchases: shown, next_page_token: query.token(next) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, START, agent, fields, id_of, own, stranger, system},
        upsert_purchase::{self, tests::request as order},
    };

    fn request(parent: &str, page_token: &str) -> ListPurchasesRequest {
        let (parent, page_token) = (parent.to_owned(), page_token.to_owned());
        ListPurchasesRequest { parent, page_size: 2, page_token }
    }

    #[tokio::test]
    async fn purchases_come_newest_first_and_only_the_customers() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        fixture.product("X").await;
        for (customer, number, ago) in
            [(&one, "1", 3), (&one, "2", 1), (&other, "3", 2), (&one, "4", 2)]
        {
            let at = START - Duration::from_secs(ago);
            let asked = order(&customer.name, number, at);
            upsert_purchase::handle(fixture.app.clone(), system(), asked).await.unwrap();
        }
        let first = handle(fixture.app.clone(), agent(), request(&one.name, "")).await.unwrap();
        let next = request(&one.name, &first.next_page_token);
        let second = handle(fixture.app.clone(), own(id_of(&one.name)), next).await.unwrap();
        assert_eq!(second.next_page_token, "");
        let numbers: Vec<_> = first
            .purchases
            .iter()
            .chain(&second.purchases)
            .map(|purchase| purchase.order_number.as_str())
            .collect();
        assert_eq!(numbers, ["2", "4", "1"]);

        // The token of one customer's list is none of another's.
        let mixed = request(&other.name, &first.next_page_token);
        let error = handle(fixture.app.clone(), system(), mixed).await.unwrap_err();
        assert_eq!(fields(&error), ["page_token"]);
        for call in [stranger(), own(id_of(&other.name))] {
            let error =
                handle(fixture.app.clone(), call, request(&one.name, "")).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{}`", one.name));
        }
    }
}
