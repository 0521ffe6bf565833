//! WatchTickets: what happens from now on, or from where a token left off.

use std::{pin::Pin, time::Duration};

use ::rpc::Call;
use contracts::tickets::v1::{self as pb, ticket_event::Change};
use feed::{Item, Resume, WatchFault};
use futures::{Stream, StreamExt};
use kernel::{RowScope, TicketId, Violations, id};
use prost::Message;
use tonic::Status;

use crate::{app::App, convert, error::Error, store::history::Recorded};

const HEARTBEAT: Duration = Duration::from_secs(15);

/// The answers of a watch.
pub(crate) type Answers =
    Pin<Box<dyn Stream<Item = Result<pb::WatchTicketsResponse, Status>> + Send>>;

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::WatchTicketsRequest,
) -> Result<Answers, Error> {
    let mut v = Violations::new();
    for (field, value, collection) in
        [("queue", &request.queue, "queues"), ("assignee", &request.assignee, "members")]
    {
        let right = value.is_empty() || id::slug_in(value, collection).is_some();
        v.check(right, field, "is not a name of that kind");
    }
    let token = std::mem::take(&mut request.resume_token);
    let query = [b"WatchTickets".as_slice(), &request.encode_to_vec()].concat();
    let tenant = call.tenant();
    let mut from = None;
    if !token.is_empty() {
        from = Resume::open(app.tokens(), tenant, &query, &token);
        v.check(from.is_some(), "resume_token", "is not a token of this query");
    }
    v.finish(())?;

    let teams = match &call.scope {
        RowScope::Teams(_) => Some(queues_of_scope(&app, &call)),
        RowScope::Tenant | RowScope::Own(_) | RowScope::None => None,
    };
    let own = match &call.scope {
        RowScope::Own(customer) => Some(customer.name()),
        RowScope::Tenant | RowScope::Teams(_) | RowScope::None => None,
    };
    let accept = move |event: &feed::Event| {
        let Ok(event) = pb::TicketEvent::decode(event.payload.as_slice()) else { return false };
        (request.queue.is_empty() || event.queue == request.queue)
            && (request.assignee.is_empty()
                || event.assignee == request.assignee
                || taken_from(&event, &request.assignee))
            && teams.as_ref().is_none_or(|queues| queues.contains(&event.queue))
            && own.as_ref().is_none_or(|own| event.customer == *own)
    };
    let stream = feed::watch(app.source(), tenant, from, HEARTBEAT, accept).await.map_err(fault)?;
    let locale = call.locale();
    Ok(Box::pin(stream.map(move |item| {
        item.map_err(fault)
            .and_then(|item| answer(&app, tenant, &query, item))
            .map_err(|error| ::rpc::status::of(&error, locale))
    })))
}

/// Whether this event tells that somebody has a ticket no longer.
fn taken_from(event: &pb::TicketEvent, member: &str) -> bool {
    matches!(&event.change, Some(Change::AssignmentChanged(changed)) if changed.previous == member)
}

fn queues_of_scope(app: &App, call: &Call) -> Vec<String> {
    let RowScope::Teams(teams) = &call.scope else { return Vec::new() };
    let Some(settings) = app.settings(call.tenant()) else { return Vec::new() };
    let mine = settings.routing.queues_of(teams);
    mine.into_iter().map(|queue| format!("queues/{queue}")).collect()
}

fn answer(
    app: &App,
    tenant: kernel::TenantId,
    query: &[u8],
    item: Item,
) -> Result<pb::WatchTicketsResponse, Error> {
    let (item, resume) = match item {
        Item::Heartbeat(resume) => (None, resume),
        Item::Event(event, resume) => {
            let recorded = Recorded {
                sequence: event.sequence,
                at: event.at,
                kind: event.kind,
                payload: event.payload,
                actor_kind: event.actor_kind.as_str().to_owned(),
                actor: event.actor,
            };
            (Some(convert::history_item(TicketId::from(event.aggregate), &recorded)?), resume)
        }
    };
    Ok(pb::WatchTicketsResponse { item, resume_token: resume.seal(app.tokens(), tenant, query) })
}

fn fault(fault: WatchFault) -> Error {
    match fault {
        WatchFault::NoLongerKept | WatchFault::Replaced => Error::ResumeTokenExpired,
        WatchFault::Store(error) => Error::Storage(error),
    }
}
