//! ListTicketHistory: what happened to a ticket, as it was recorded.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::{Violations, page};

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

    let mut rows = history::page(app.db(), call.tenant(), id, after, size + 1).await?;
    let more = next(&mut rows, size, |recorded| recorded.sequence);
    let next_page_token = more
        .map(|sequence| app.tokens().seal(call.tenant(), &query, &sequence.to_be_bytes()))
        .unwrap_or_default();
    let items = rows.iter().map(|recorded| convert::history_item(id, recorded));
    Ok(pb::ListTicketHistoryResponse { items: items.collect::<Result<_, _>>()?, next_page_token })
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

/// Cuts one row too many off a page, and tells after which place the next page starts.
pub(crate) fn next<T>(rows: &mut Vec<T>, size: i64, place: impl Fn(&T) -> i64) -> Option<i64> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    rows.last().filter(|_| more).map(place)
}
