//! `ListTicketHistory`: what happened to a ticket, as it was recorded.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::{Violations, page};
use prost::Message;

use crate::{
    app::App,
    command::ticket_id,
    convert,
    error::Error,
    store::{history, tickets},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::ListTicketHistoryRequest,
) -> Result<pb::ListTicketHistoryResponse, Error> {
    let mut v = Violations::new();
    let id = ticket_id("parent", &request.parent, &mut v);
    let size = page::size(request.page_size, &mut v);
    let query = format!("ListTicketHistory {id}").into_bytes();
    let after = after(&app, &call, &query, &request.page_token, &mut v);
    v.finish(())?;
    tickets::get(app.db(), call.tenant(), id)
        .await?
        .filter(|stored| convert::visible(&stored.ticket, &call.scope))
        .ok_or(Error::TicketNotFound(request.parent))?;

    let rows = history::page(app.db(), call.tenant(), id, after, size + 1).await?;
    let items = rows.iter().map(|recorded| convert::history_item(id, recorded));
    let mut items = items.collect::<Result<Vec<_>, _>>()?;
    let more = page::cut(&mut items, size, Message::encoded_len);
    let last = items.last().filter(|_| more).map(|item| item.sequence);
    Ok(pb::ListTicketHistoryResponse { items, next_page_token: next(&app, &call, &query, last) })
}

/// The place after which a page of numbered items starts.
pub(crate) fn after(app: &App, call: &Call, query: &[u8], token: &str, v: &mut Violations) -> i64 {
    if token.is_empty() {
        return 0;
    }
    let place = app
        .tokens()
        .open(call.tenant(), query, token)
        .and_then(|bytes| bytes.try_into().ok().map(i64::from_be_bytes));
    v.check(place.is_some(), "page_token", "is not a token of this query");
    place.unwrap_or(0)
}

/// The token of the page after this place; empty where there is none.
pub(crate) fn next(app: &App, call: &Call, query: &[u8], last: Option<i64>) -> String {
    last.map(|place| app.tokens().seal(call.tenant(), query, &place.to_be_bytes()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn what_happened_in_order_by_whom_and_page_by_page() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        lin.claim(&ticket.name).await.unwrap();
        lin.resolve(&ticket.name).await.unwrap();
        let list = |size, token: &str| pb::ListTicketHistoryRequest {
            parent: ticket.name.clone(),
            page_size: size,
            page_token: token.to_owned(),
        };
        let all = lin.list_ticket_history(list(0, "")).await.unwrap().items;
        let mut paged = Vec::new();
        let mut token = String::new();
        loop {
            let page = lin.list_ticket_history(list(2, &token)).await.unwrap();
            paged.extend(page.items);
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(paged, all);
        let mut before = None;
        for (item, sequence) in all.iter().zip(1..) {
            assert_eq!((item.sequence, item.ticket.as_str()), (sequence, ticket.name.as_str()));
            assert_eq!(item.actor.as_ref().unwrap().subject, "members/lin");
            let time = item.time.unwrap();
            assert!(before <= Some((time.seconds, time.nanos)));
            before = Some((time.seconds, time.nanos));
        }
        assert_eq!(all.last().unwrap().event.as_ref().unwrap().category(), pb::Category::Resolved);
        let customer = house.customer(kernel::CustomerId::from(uuid::Uuid::from_u128(1)));
        let denied = customer.list_ticket_history(list(0, "")).await.unwrap_err();
        assert_eq!(denied.code(), tonic::Code::PermissionDenied);
        let theirs = house.client(system(2)).list_ticket_history(list(0, "")).await;
        assert_eq!(refused(theirs).1, "TICKET_NOT_FOUND");
    }
}
