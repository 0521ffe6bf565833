//! The consumer `tickets.loops`: a bad answer to a survey becomes a ticket, so that somebody talks to
//! the customer, within the time that a complaint has.
//!
//! The ticket's id is the loop's, so that there is one, however often the event is read.

use std::time::Duration;

use ::store::{Tx, events};
use contracts::{
    surveys::v1::{LoopOpened, SurveyEvent, survey_event::Change},
    tickets::v1::{Channel, CloseReason, Kind, ServiceType, Stage},
};
use feed::{Event, HandleError, Handler};
use kernel::{CustomerId, LoopId, TicketId, Time};

use crate::{
    app::{App, Settings},
    command::{Author, context, ensure_lane, number},
    convert,
    domain::{
        Actor,
        facts::Told,
        ticket::{Body, Draft, Subject},
    },
    error::Error,
    store::{
        numbers,
        tickets::{self, Stored, Texts},
    },
};

/// The consumer's name.
pub const CONSUMER: &str = "tickets.loops";
/// The service whose feed it reads.
pub const SOURCE: &str = "surveys";

/// How long events gather: most are of answers that open nothing, and a follow-up is a matter of hours.
const GATHER: Duration = Duration::from_secs(1);
/// How many events go together; each that opens a loop writes a ticket.
const MOST: usize = 4_000;

/// Makes the follow-up tickets.
#[derive(Clone, Debug)]
pub struct Loops(pub App);

impl Handler for Loops {
    fn gather(&self) -> Duration {
        GATHER
    }

    fn together(&self) -> Option<usize> {
        Some(MOST)
    }

    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        let payload: SurveyEvent = event.decode()?;
        let Some(Change::LoopOpened(opened)) = payload.change else { return Ok(()) };
        let id = LoopId::parse_name(&opened.r#loop);
        let id = id.ok_or_else(|| HandleError::poison("the loop has no name"))?;
        self.follow_up(tx, event, id, &opened).await.map_err(told)
    }
}

/// A tenant that word has not come of yet is waited for; what is stored wrongly stays wrong.
fn told(error: Error) -> HandleError {
    match error {
        Error::Storage(cause) => HandleError::Store(cause),
        Error::TenantNotHeardOf => HandleError::transient(error),
        other => HandleError::poison(other),
    }
}

impl Loops {
    async fn follow_up(
        &self,
        tx: &mut Tx,
        event: &Event,
        id: LoopId,
        opened: &LoopOpened,
    ) -> Result<(), Error> {
        let (app, tenant) = (&self.0, event.tenant);
        let settings = app.settings(tenant).ok_or(Error::TenantNotHeardOf)?;
        let ticket = TicketId::from(id.uuid());
        if tickets::lock(tx, tenant, ticket).await?.is_some() {
            return Ok(());
        }
        let about = match TicketId::parse_name(&opened.ticket) {
            Some(about) => tickets::lock(tx, tenant, about).await?,
            None => None,
        };
        let at = app.clock().now();
        let draft = draft(&settings, event, id, opened, about.as_ref(), at)?;
        let texts = texts(app, ticket, &draft, about.as_ref())?;
        let actor = Actor::suite();
        let mut changed = draft
            .record(&context(&settings, &actor, at))
            .map_err(|refusal| Error::refused(&ticket.name(), refusal))?;
        let author = Author::suite_in(&event.trace);
        let happened: Vec<events::NewEvent> = number(&mut changed, &author, at);
        let mut stored = Stored { ticket: changed.ticket, texts };
        stored.ticket.number = numbers::one(tx, tenant).await?;
        ensure_lane(tx, app, &stored.ticket).await?;
        tickets::record(tx, app.partitions(), &stored, &happened).await?;
        Ok(())
    }
}

/// The follow-up as a ticket: a complaint of the same customer about the same thing.
fn draft(
    settings: &Settings,
    event: &Event,
    id: LoopId,
    opened: &LoopOpened,
    about: Option<&Stored>,
    at: Time,
) -> Result<Draft, Error> {
    let about = about.map(|about| &about.ticket);
    let customer =
        CustomerId::parse_name(&opened.customer).or_else(|| about.and_then(|about| about.customer));
    let language = about.map_or(&opened.locale, |about| &about.body.language).clone();
    let channel = about.map_or(Channel::SelfService, |about| about.body.channel);
    let routing = &settings.routing;
    let queue = routing
        .queue_for(Kind::Complaint, channel, &language)
        .ok_or(Error::Stored("the tenant has no queue"))?;
    let reachable = about.is_some_and(|about| about.body.told.reachable);
    let body = Body {
        kind: Kind::Complaint,
        service_type: ServiceType::Unspecified,
        stage: about.map_or(Stage::AfterSale, |about| about.body.stage),
        channel,
        subject: about.map_or_else(Subject::default, |about| about.body.subject.clone()),
        language,
        skills: Vec::new(),
        told: Told {
            who: customer.is_some() || reachable,
            reachable,
            what: true,
            when: true,
            expectation: false,
        },
        occurred: Some(event.at),
        triage: None,
        close_reason: CloseReason::Unspecified,
        closed: None,
        clocks: Vec::new(),
        sessions: Vec::new(),
        held: 0,
        reopened: 0,
        resolution: None,
        entries: 0,
        link: None,
        queue_named: false,
        began: at,
        waits: Vec::new(),
        follows: Some(id),
    };
    let (queue, team) = (queue.id.clone(), queue.team.clone());
    Ok(Draft { tenant: event.tenant, id: id.uuid().into(), queue, team, customer, body })
}

/// What stands on it, in the customer's language where that is known.
fn texts(app: &App, id: TicketId, draft: &Draft, about: Option<&Stored>) -> Result<Texts, Error> {
    let number = about.map(|about| about.ticket.number.to_string());
    let (title, what) = match (draft.body.language.as_str(), number) {
        ("zh", Some(number)) => (
            format!("满意度回访：工单 {number}"),
            format!("客户对工单 {number} 的评价不佳。请联系客户，了解原因并设法弥补。"),
        ),
        ("zh", None) => {
            ("满意度回访".to_owned(), "客户的评价不佳。请联系客户，了解原因并设法弥补。".to_owned())
        }
        (_, Some(number)) => (
            format!("Follow-up of a bad rating: ticket {number}"),
            format!(
                "The customer rated ticket {number} badly. Talk to them, find out why, and make it good."
            ),
        ),
        (_, None) => (
            "Follow-up of a bad rating".to_owned(),
            "The customer answered a survey badly. Talk to them, find out why, and make it good."
                .to_owned(),
        ),
    };
    let contact = match about {
        Some(about) => convert::open_contact(app, &about.ticket, &about.texts)?,
        None => None,
    };
    let contact = contact.map(|contact| convert::seal_contact(app, draft.tenant, id, &contact));
    Ok(Texts { title, what, contact, ..Texts::default() })
}

#[cfg(test)]
mod tests {
    use ::store::transact;
    use contracts::tickets::v1 as pb;
    use kernel::CallerKind;
    use prost::Message as _;

    use super::*;
    use crate::fixture::*;

    const LOOP: u128 = 0x019a_0000_0000_7000_8000_0000_0000_0001;

    fn opened(ticket: &pb::Ticket) -> Event {
        let opened = LoopOpened {
            r#loop: LoopId::from(uuid::Uuid::from_u128(LOOP)).name(),
            ticket: ticket.name.clone(),
            customer: ticket.customer.clone(),
            ..<_>::default()
        };
        Event {
            source: SOURCE.into(),
            partition: 0,
            position: 1,
            tenant: tenant(1),
            aggregate: uuid::Uuid::from_u128(LOOP),
            sequence: 1,
            kind: "loop.opened".to_owned(),
            payload: SurveyEvent { change: Some(Change::LoopOpened(opened)) }.encode_to_vec(),
            actor_kind: CallerKind::Service,
            actor: "surveys".to_owned(),
            at: START,
            trace: String::new(),
        }
    }

    async fn apply(house: &House, event: &Event) {
        let loops = Loops(house.app.clone());
        transact!(house.app.db(), "test.apply", |tx| loops.apply(tx, event).await).unwrap();
    }

    #[tokio::test]
    async fn a_bad_answer_becomes_one_complaint_with_a_clock() {
        let house = House::new().await;
        let customer = house.known().await.name();
        let about = pb::Ticket { customer, contact: Some(contact()), ..inquiry() };
        let about = house.client(system(1)).create(about).await;
        let event = opened(&about);
        apply(&house, &event).await;
        apply(&house, &event).await;
        let lin = house.agent("lin");
        let all = lin.list_tickets(<_>::default()).await.unwrap().tickets;
        assert_eq!(all.len(), 2, "however often it is told");
        let made = lin.get(&TicketId::from(uuid::Uuid::from_u128(LOOP)).name()).await.unwrap();
        assert_eq!(made.r#loop, LoopId::from(uuid::Uuid::from_u128(LOOP)).name());
        assert_eq!((made.kind(), made.customer), (pb::Kind::Complaint, about.customer.clone()));
        assert_eq!(made.queue, "queues/complaints");
        assert_eq!(made.title, format!("Follow-up of a bad rating: ticket {}", about.number));
        assert!(made.clocks.iter().any(|clock| clock.policy == "shipped@1/complaint"));
        assert_eq!(made.missing_facts, [i32::from(pb::MissingFact::Expectation)]);
        let full = house.client(system(1)).get(&made.name).await.unwrap();
        assert_eq!(full.contact, Some(contact()));
        assert_ne!(made.number, about.number);
    }
}
