//! `WatchTickets`: what happens from now on, or from where a token left off.

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

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::fixture::*;

    type Items = tonic::Streaming<pb::WatchTicketsResponse>;

    async fn next(items: &mut Items) -> pb::WatchTicketsResponse {
        let next = tokio::time::timeout(Duration::from_secs(20), items.next()).await;
        next.expect("an item in time").unwrap().unwrap()
    }

    /// The next things that happened, with the token behind the last.
    async fn happened(items: &mut Items, count: usize) -> (Vec<(String, i64)>, String) {
        let (mut happened, mut token) = (Vec::new(), String::new());
        while happened.len() < count {
            let answer = next(items).await;
            token = answer.resume_token;
            happened.extend(answer.item.map(|item| (item.r#type, item.sequence)));
        }
        (happened, token)
    }

    fn named(kinds: &[&str]) -> Vec<(String, i64)> {
        kinds.iter().map(|kind| (*kind).to_owned()).zip(1..).collect()
    }

    #[tokio::test]
    async fn a_sign_of_life_then_events_in_order_and_a_token_goes_on_exactly() {
        let house = House::new().await;
        let lin = house.agent("lin");
        lin.create(inquiry()).await;
        house.sequence().await;
        let mut items = lin.watch(<_>::default()).await.unwrap();
        let first = next(&mut items).await;
        assert_eq!(first.item, None, "a sign of life comes first, and nothing from before");

        let ticket = lin.create(inquiry()).await;
        lin.claim(&ticket.name).await.unwrap();
        house.client(system(2)).create(inquiry()).await;
        lin.resolve(&ticket.name).await.unwrap();
        house.sequence().await;
        let all = named(&[
            "ticket.created",
            "clock.started",
            "clock.started",
            "assignment.changed",
            "clock.fulfilled",
            "clock.fulfilled",
            "work_session.ended",
            "ticket.resolved",
        ]);
        let (some, token) = happened(&mut items, 3).await;
        assert_eq!(some, all[..3]);
        let resume = |token: &str| pb::WatchTicketsRequest {
            resume_token: token.to_owned(),
            ..<_>::default()
        };
        let mut rest = lin.watch(resume(&token)).await.unwrap();
        assert_eq!(happened(&mut rest, 5).await.0, all[3..]);
        let mut again = lin.watch(resume(&first.resume_token)).await.unwrap();
        assert_eq!(happened(&mut again, 8).await.0, all);

        // A token of another query, tenant or maker is none.
        let other =
            pb::WatchTicketsRequest { queue: "queues/general".to_owned(), ..resume(&token) };
        assert_eq!(wrong(lin.watch(other).await.map(drop)), ["resume_token"]);
        let theirs = house.client(system(2)).watch(resume(&token)).await;
        assert_eq!(wrong(theirs.map(drop)), ["resume_token"]);
        let bad = pb::WatchTicketsRequest { assignee: "lin".to_owned(), ..resume("x") };
        assert_eq!(wrong(lin.watch(bad).await.map(drop)), ["assignee", "resume_token"]);
        let customer = house.customer(kernel::CustomerId::from(uuid::Uuid::from_u128(1)));
        let denied = customer.watch(<_>::default()).await.map(drop).unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
    }

    #[tokio::test]
    async fn who_watches_an_agent_also_sees_what_is_taken_from_them() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let mine = pb::WatchTicketsRequest { assignee: "members/lin".to_owned(), ..<_>::default() };
        let mut items = lin.watch(mine).await.unwrap();
        next(&mut items).await;
        let ticket = lin.create(inquiry()).await;
        lin.claim(&ticket.name).await.unwrap();
        lin.say(&ticket.name, "Hello!").await.unwrap();
        lin.release(&ticket.name).await.unwrap();
        house.agent("mei").claim(&ticket.name).await.unwrap();
        house.sequence().await;
        let kinds: Vec<_> =
            happened(&mut items, 4).await.0.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(
            kinds,
            ["assignment.changed", "entry.added", "clock.fulfilled", "assignment.changed"]
        );
    }
}
