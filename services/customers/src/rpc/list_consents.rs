//! `ListConsents`: the ledger of a customer, newest first.

use contracts::customers::v1::{ListConsentsRequest, ListConsentsResponse};
use kernel::{Violations, page};
use rpc::{Call, wire};
use uuid::Uuid;

use crate::{App, Error, convert, position::Position, rpc::get_customer, store::consents};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListConsentsRequest,
) -> Result<ListConsentsResponse, Error> {
    let tenant = call.tenant();
    let query = page::Query::new(&app.tokens, tenant, "ListConsents", &request.parent);
    let mut violations = Violations::new();
    let parent = convert::customer_id(&request.parent, "parent", &mut violations);
    let size = page::size(request.page_size, &mut violations);
    let start: Position = query.start(&request.page_token, &mut violations);
    let Some(customer) = parent.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    get_customer::check(&app, &call, customer).await?;

    let rows = consents::list(&app.db, tenant, customer, start.sequence, size + 1).await?;
    let (shown, last) = wire::page_of(&rows, size, convert::consent);
    let next = last.map(|last| Position { at: last.at, id: Uuid::nil(), sequence: last.sequence });
    Ok(ListConsentsResponse { consents: shown, next_page_token: query.token(next) })
}

#[cfg(test)]
mod tests {
    use contracts::customers::v1::{Consent, ConsentState};

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, agent, fields, id_of, own, stranger, system},
        record_consent::{self, tests::request as record},
    };

    fn request(parent: &str, page_token: &str) -> ListConsentsRequest {
        let (parent, page_token) = (parent.to_owned(), page_token.to_owned());
        ListConsentsRequest { parent, page_size: 2, page_token }
    }

    #[tokio::test]
    async fn all_that_was_ever_said_comes_newest_first() {
        use ConsentState::{Denied, Granted, Withdrawn};
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        for (customer, state) in
            [(&one, Denied), (&one, Granted), (&other, Granted), (&one, Withdrawn)]
        {
            let asked = record(&customer.name, state);
            record_consent::handle(fixture.app.clone(), system(), asked).await.unwrap();
        }
        let first = handle(fixture.app.clone(), agent(), request(&one.name, "")).await.unwrap();
        let next = request(&one.name, &first.next_page_token);
        let second = handle(fixture.app.clone(), agent(), next).await.unwrap();
        assert_eq!(second.next_page_token, "");
        let states: Vec<_> =
            first.consents.iter().chain(&second.consents).map(Consent::state).collect();
        assert_eq!(states, [Withdrawn, Granted, Denied]);

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
