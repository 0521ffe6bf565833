//! `ListContacts`: the contacts of a customer that were asked for, newest first.

use contracts::customers::v1::{ListContactsRequest, ListContactsResponse};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{App, Error, convert, position::Position, rpc::get_customer, store::contacts};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListContactsRequest,
) -> Result<ListContactsResponse, Error> {
    let tenant = call.tenant();
    let query = page::Query::new(&app.tokens, tenant, "ListContacts", &request.parent);
    let mut violations = Violations::new();
    let parent = convert::customer_id(&request.parent, "parent", &mut violations);
    let size = page::size(request.page_size, &mut violations);
    let start = query.start(&request.page_token, &mut violations);
    let Some(customer) = parent.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    get_customer::check(&app, &call, customer).await?;

    let rows = contacts::list(&app.db, tenant, customer, start, size + 1).await?;
    let (shown, last) = wire::page_of(&rows, size, convert::contact);
    let next = last.map(|last| Position { at: last.created_at, id: last.id, sequence: 0 });
    Ok(ListContactsResponse { contacts: shown, next_page_token: query.token(next) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::{
        fixture::{Fixture, agent, fields, id_of, own, stranger},
        reserve_contact::tests::survey,
    };

    fn request(parent: &str, page_token: &str) -> ListContactsRequest {
        let (parent, page_token) = (parent.to_owned(), page_token.to_owned());
        ListContactsRequest { parent, page_size: 2, page_token }
    }

    #[tokio::test]
    async fn grants_and_refusals_come_newest_first() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        let mut asked = Vec::new();
        for (customer, key) in [(&one, "a"), (&one, "b"), (&other, "c"), (&one, "d")] {
            fixture.later();
            asked.push(survey(&fixture, &customer.name, key).await);
        }
        asked.remove(2);
        asked.reverse();
        let first = handle(fixture.app.clone(), agent(), request(&one.name, "")).await.unwrap();
        let next = request(&one.name, &first.next_page_token);
        let second = handle(fixture.app.clone(), agent(), next).await.unwrap();
        assert_eq!(second.next_page_token, "");
        assert_eq!([first.contacts, second.contacts].concat(), asked);

        let mixed = request(&other.name, &first.next_page_token);
        let error = handle(fixture.app.clone(), agent(), mixed).await.unwrap_err();
        assert_eq!(fields(&error), ["page_token"]);
        for call in [stranger(), own(id_of(&other.name))] {
            let error =
                handle(fixture.app.clone(), call, request(&one.name, "")).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{}`", one.name));
        }
    }
}
