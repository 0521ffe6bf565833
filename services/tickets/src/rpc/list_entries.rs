//! ListEntries: a page of a conversation. Customers see what is public.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::{CallerKind, Violations, page};

use crate::{
    app::App,
    command::ticket_id,
    convert,
    error::Error,
    rpc::list_ticket_history::{after, next},
    store::{entries, tickets},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::ListEntriesRequest,
) -> Result<pb::ListEntriesResponse, Error> {
    let mut v = Violations::new();
    let id = ticket_id("parent", &request.parent, &mut v);
    let size = page::size(request.page_size, &mut v);
    let query = format!("ListEntries {id}").into_bytes();
    let after = after(&app, &call, &query, &request.page_token, &mut v);
    v.finish(())?;
    tickets::get(app.db(), call.tenant(), id)
        .await?
        .filter(|stored| convert::visible(&stored.ticket, &call.scope))
        .ok_or(Error::TicketNotFound(request.parent))?;

    let public_only = call.caller.kind == CallerKind::Customer;
    let mut rows = entries::page(app.db(), call.tenant(), id, public_only, after, size + 1).await?;
    let more = next(&mut rows, size, |entry| i64::from(entry.position));
    let next_page_token = more
        .map(|position| app.tokens().seal(call.tenant(), &query, &position.to_be_bytes()))
        .unwrap_or_default();
    let entries = rows.iter().map(|entry| convert::entry(&call, id, entry)).collect();
    Ok(pb::ListEntriesResponse { entries, next_page_token })
}
