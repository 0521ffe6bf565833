//! `GetResult`: a ticket as its customer sees it by a link.

use std::collections::VecDeque;

use ::rpc::{Call, wire};
use contracts::tickets::v1 as pb;
use kernel::{TicketId, link::Opens};
use prost::Message;

use crate::{
    app::App,
    convert,
    domain::Ticket,
    error::Error,
    store::{
        history,
        tickets::{self, Stored},
    },
};

/// How many events of a ticket are read at once, and how many of its last steps are told.
const EVENTS: i64 = 500;
const STEPS: usize = 100;

pub(crate) async fn handle(
    app: App,
    call: Call,
    _: pb::GetResultRequest,
) -> Result<pb::TicketResult, Error> {
    let id = opened(&call)?;
    let missing = || Error::TicketNotFound(id.name());
    let stored = tickets::get(app.db(), call.tenant(), id).await?.ok_or_else(missing)?;
    result(&app, &stored).await
}

/// The ticket that the caller's link opens. Who comes without one is told what they would be told of a
/// ticket that is not there.
pub(crate) fn opened(call: &Call) -> Result<TicketId, Error> {
    match call.caller.link {
        Some(Opens::Ticket(id)) => Ok(id),
        Some(Opens::Invitation(_)) | None => Err(Error::TicketNotFound("tickets/-".to_owned())),
    }
}

/// The ticket as its customer sees it.
pub(crate) async fn result(app: &App, stored: &Stored) -> Result<pb::TicketResult, Error> {
    let (ticket, texts) = (&stored.ticket, &stored.texts);
    let steps = steps(app, ticket).await?;
    Ok(pb::TicketResult {
        number: ticket.number.to_string(),
        title: texts.title.clone(),
        language: ticket.body.language.clone(),
        status: convert::customer_status(ticket.category).into(),
        steps,
        resolution: convert::resolution(ticket, texts),
        answerable: ticket.category == pb::Category::Resolved,
        close_reason: ticket.body.close_reason.into(),
    })
}

/// The steps that a customer is told of: where the ticket stood after each event, said once.
async fn steps(app: &App, ticket: &Ticket) -> Result<Vec<pb::ResultStep>, Error> {
    let (mut steps, mut after) = (VecDeque::<pb::ResultStep>::new(), 0);
    while after < ticket.sequence {
        let page = history::page(app.db(), ticket.tenant, ticket.id, after, EVENTS).await?;
        for one in &page {
            let event = pb::TicketEvent::decode(one.payload.as_slice())
                .map_err(|_| Error::Stored("events.payload"))?;
            let status = convert::customer_status(event.category());
            if steps.back().is_some_and(|last| last.status() == status) {
                continue;
            }
            if steps.len() == STEPS {
                steps.pop_front();
            }
            let time = Some(wire::timestamp(one.at));
            steps.push_back(pb::ResultStep { status: status.into(), time });
        }
        let Some(last) = page.last() else { break };
        after = last.sequence;
    }
    Ok(steps.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn the_holder_of_a_link_sees_how_far_it_is_and_what_was_proposed() {
        use pb::CustomerStatus::{AwaitingConfirmation, InProgress, Received};

        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(pb::Ticket { contact: Some(contact()), ..inquiry() }).await;
        house.clock.advance(Duration::from_mins(5));
        lin.claim(&ticket.name).await.unwrap();
        house.clock.advance(Duration::from_mins(5));
        let holder = house.holder(&ticket.name);
        let before = holder.get_result(pb::GetResultRequest {}).await.unwrap();
        assert_eq!((before.resolution, before.answerable), (None, false));
        lin.resolve(&ticket.name).await.unwrap();
        let after = holder.get_result(pb::GetResultRequest {}).await.unwrap();
        let steps: Vec<_> = after.steps.iter().map(pb::ResultStep::status).collect();
        assert_eq!(steps, [Received, InProgress, AwaitingConfirmation]);
        let times = after.steps.iter().map(|step| step.time.unwrap().seconds);
        let times: Vec<_> = times.collect();
        assert_eq!([times[1] - times[0], times[2] - times[1]], [300, 300]);
        assert!(after.answerable);
        assert_eq!(after.resolution.unwrap().answer, "It was replaced.");
        assert_eq!((after.number, after.title), (ticket.number, ticket.title));
    }

    #[tokio::test]
    async fn who_holds_no_link_of_a_ticket_finds_none() {
        let house = House::new().await;
        let ticket = house.agent("lin").create(inquiry()).await;
        let get =
            async |client: Client| refused(client.get_result(pb::GetResultRequest {}).await).1;
        let gone = TicketId::from(uuid::Uuid::from_u128(5)).name();
        assert_eq!(get(house.holder(&gone)).await, "TICKET_NOT_FOUND");
        let mut caller = holder(&ticket.name);
        caller.tenant = tenant(2);
        assert_eq!(get(house.client(caller.clone())).await, "TICKET_NOT_FOUND");
        caller.tenant = tenant(1);
        caller.link = None;
        assert_eq!(get(house.client(caller.clone())).await, "TICKET_NOT_FOUND");
        caller.link = Some(Opens::Invitation(uuid::Uuid::from_u128(5).into()));
        assert_eq!(get(house.client(caller)).await, "TICKET_NOT_FOUND");
        assert_eq!(get(house.agent("lin")).await, "PERMISSION_DENIED");
    }
}
