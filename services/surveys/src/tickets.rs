//! The consumer `surveys.tickets`: what happens to tickets, as far as customers are asked about it.
//!
//! A resolution asks, a reopening takes back what was not asked yet, and what becomes of a follow-up
//! ticket closes its loop and asks again.

use contracts::{
    surveys::v1::{InvitationChannel, InvitationState},
    tickets::v1::{
        Channel, CloseReason, TicketClosed, TicketEvent, TicketResolved, ticket_event::Change,
    },
};
use feed::{Event, HandleError, Handler};
use kernel::{CustomerId, InvitationId, LoopId, ResponseId, TicketId, Time};
use store::{Tx, events::monotone};

use crate::{
    App, Error,
    domain::{
        invitation::{Body, Invitation},
        response::Origin,
        survey::{AfterResolution, Survey, USUAL_VALIDITY},
    },
    events::{self, Author},
    invitations,
    store::{invitations as rows, loops, responses, surveys},
    submission,
};

/// The consumer's name.
pub const CONSUMER: &str = "surveys.tickets";
/// The service whose feed it reads.
pub const SOURCE: &str = "tickets";

/// Asks, takes back and asks again.
#[derive(Clone, Debug)]
pub struct Tickets(pub App);

impl Handler for Tickets {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        let payload: TicketEvent = event.decode()?;
        let seen = Seen {
            app: &self.0,
            author: Author::suite(event.tenant, &event.trace),
            ticket: TicketId::from(event.aggregate),
            at: event.at,
        };
        match &payload.change {
            Some(Change::Resolved(resolved)) if resolved.r#loop.is_empty() => {
                seen.resolved(tx, &payload, resolved).await?;
            }
            Some(Change::Reopened(_)) => seen.reopened(tx).await?,
            Some(Change::Created(created)) => {
                if let Some(id) = LoopId::parse_name(&created.r#loop) {
                    seen.followed_up(tx, id).await?;
                }
            }
            Some(Change::Closed(closed)) => {
                if let Some(id) = LoopId::parse_name(&closed.r#loop) {
                    seen.closed(tx, id, closed).await?;
                }
            }
            // Who confirms or objects is closed or reopened by it; nothing else is asked about, and a
            // follow-up is asked about when it is closed.
            Some(
                Change::Resolved(_)
                | Change::Updated(_)
                | Change::Triaged(_)
                | Change::Confirmed(_)
                | Change::Rejected(_)
                | Change::EntryAdded(_)
                | Change::AssignmentChanged(_)
                | Change::ClockChanged(_)
                | Change::WorkSessionEnded(_)
                | Change::StatusChanged(_),
            )
            | None => {}
        }
        Ok(())
    }
}

/// An event of a ticket.
struct Seen<'a> {
    app: &'a App,
    author: Author,
    ticket: TicketId,
    at: Time,
}

/// What an invitation is made of besides its survey.
struct New {
    cause: String,
    instance: i32,
    follows: Option<LoopId>,
    origin: Origin,
    locale: String,
}

impl Seen<'_> {
    /// Each survey that asks after a resolution asks once for this one.
    async fn resolved(
        &self,
        tx: &mut Tx,
        payload: &TicketEvent,
        resolved: &TicketResolved,
    ) -> Result<(), Error> {
        for survey in surveys::asking(tx, self.author.tenant).await? {
            // What happened before there was the survey, and is told late, is none of its matters.
            let Some(asks) = survey.after_resolution.filter(|_| survey.created_at <= self.at)
            else {
                continue;
            };
            let new = New {
                cause: format!("{}/resolutions/{}", self.ticket.name(), resolved.instance),
                instance: resolved.instance,
                follows: None,
                origin: Origin {
                    ticket: Some(self.ticket),
                    customer: CustomerId::parse_name(&payload.customer),
                    team: resolved.team.clone(),
                    agent: payload.assignee.clone(),
                    product: resolved.product.clone(),
                    channel: name(resolved.channel()),
                },
                locale: resolved.language.clone(),
            };
            let asks = AfterResolution { channel: by(asks.channel, resolved.channel()), ..asks };
            self.invite(tx, &survey, &asks, new).await?;
        }
        Ok(())
    }

    async fn invite(
        &self,
        tx: &mut Tx,
        survey: &Survey,
        asks: &AfterResolution,
        new: New,
    ) -> Result<Option<InvitationId>, Error> {
        let due = self.at.plus_micros(asks.delay);
        let now = self.app.clock.now();
        let invitation = Invitation {
            id: InvitationId::from(self.app.ids.next()),
            version: 1,
            sequence: 1,
            last_at: now,
            survey: survey.id,
            number: survey.versions,
            cause: new.cause,
            ticket: self.ticket,
            state: InvitationState::Pending,
            created_at: now,
            body: Body {
                instance: new.instance,
                since: self.at,
                follows: new.follows,
                channel: asks.channel,
                origin: new.origin,
                locale: new.locale,
                valid_for: asks.valid_for,
                due,
                expires: due.plus_micros(asks.valid_for),
                blocks: Vec::new(),
                tries: 0,
                contact: String::new(),
                sent: None,
                tell: None,
                requested: None,
                ended: None,
                submissions: 0,
                last: None,
                response: None,
                interview: None,
            },
        };
        let id = invitation.id;
        let made = invitations::create(self.app, &self.author, tx, invitation).await?;
        Ok(made.then_some(id))
    }

    /// Who was not asked yet about the resolutions before is not asked; a loop whose follow-up goes on is
    /// open again. A follow-up ticket has the id of its loop. What is told again after a rewind takes
    /// nothing back that came later. As in a submission, invitations are held before the loop.
    async fn reopened(&self, tx: &mut Tx) -> Result<(), Error> {
        let (tenant, mut goes_on) = (self.author.tenant, true);
        for id in rows::of_ticket(tx, tenant, self.ticket).await? {
            let (before, at) = invitations::hold(self.app, &self.author, tx, id).await?;
            if before.body.since > self.at {
                goes_on = false;
                continue;
            }
            let step = before.clone().cancel(at);
            let (_, happened) = invitations::save(&self.author, tx, &before, step, at).await?;
            events::append(self.app, &self.author, tx, happened).await?;
        }
        if !goes_on {
            return Ok(());
        }
        let held = loops::lock(tx, tenant, LoopId::from(self.ticket.uuid())).await?;
        let Some(held) = held else { return Ok(()) };
        if let Some(after) = held.reopened(monotone(self.app.clock.now(), held.last_at)) {
            let happened = submission::save_loop(tx, tenant, &after).await?;
            events::append(self.app, &self.author, tx, vec![happened]).await?;
        }
        Ok(())
    }

    /// Tickets has made the follow-up of a loop.
    async fn followed_up(&self, tx: &mut Tx, id: LoopId) -> Result<(), Error> {
        let tenant = self.author.tenant;
        let Some(held) = loops::lock(tx, tenant, id).await? else { return Ok(()) };
        let at = monotone(self.app.clock.now(), held.last_at);
        if let Some(after) = held.followed_up(self.ticket, at) {
            let happened = submission::save_loop(tx, tenant, &after).await?;
            events::append(self.app, &self.author, tx, vec![happened]).await?;
        }
        Ok(())
    }

    /// The follow-up of a loop was closed: the customer is asked again, unless it came to nothing or the
    /// survey is asked no more.
    async fn closed(&self, tx: &mut Tx, id: LoopId, closed: &TicketClosed) -> Result<(), Error> {
        let tenant = self.author.tenant;
        let Some(held) = loops::lock(tx, tenant, id).await? else { return Ok(()) };
        let at = monotone(self.app.clock.now(), held.last_at);
        if held.closed(None, at).is_none() {
            return Ok(());
        }
        let settled = matches!(closed.reason(), CloseReason::Confirmed | CloseReason::Silent);
        let survey = surveys::lock(tx, tenant, held.survey).await?;
        let survey = survey.filter(|survey| settled && !survey.archived);
        let invitation = match survey {
            Some(survey) => {
                self.ask_again(tx, &survey, held.response, (id, closed.instance)).await?
            }
            None => None,
        };
        if let Some(after) = held.closed(invitation, at) {
            let happened = submission::save_loop(tx, tenant, &after).await?;
            events::append(self.app, &self.author, tx, vec![happened]).await?;
        }
        Ok(())
    }

    /// Asks again what was answered badly, by what it was counted by then.
    async fn ask_again(
        &self,
        tx: &mut Tx,
        survey: &Survey,
        response: ResponseId,
        (id, instance): (LoopId, i32),
    ) -> Result<Option<InvitationId>, Error> {
        let first = responses::lock(tx, self.author.tenant, response).await?;
        let first = first.ok_or(Error::Corrupt("loops.response"))?;
        let usual = AfterResolution {
            delay: 0,
            valid_for: USUAL_VALIDITY,
            channel: InvitationChannel::Unspecified,
        };
        let asks = survey.after_resolution.unwrap_or(usual);
        let came_by = channel(&first.origin.channel);
        let asks = AfterResolution { channel: by(asks.channel, came_by), ..asks };
        let new = New {
            // One that was taken back since its ticket was reopened is made anew.
            cause: format!("{}/closings/{instance}", id.name()),
            instance,
            follows: Some(id),
            origin: Origin { ticket: Some(self.ticket), ..first.origin },
            locale: first.locale,
        };
        self.invite(tx, survey, &asks, new).await
    }
}

/// By what channel a customer is asked who came by another.
const fn by(wanted: InvitationChannel, came_by: Channel) -> InvitationChannel {
    if !matches!(wanted, InvitationChannel::Unspecified) {
        return wanted;
    }
    match came_by {
        Channel::Phone | Channel::Sms => InvitationChannel::Sms,
        Channel::Wechat => InvitationChannel::Wechat,
        Channel::WebChat => InvitationChannel::Web,
        Channel::Unspecified
        | Channel::Email
        | Channel::Video
        | Channel::InPerson
        | Channel::Fax
        | Channel::Review
        | Channel::Api
        | Channel::SelfService => InvitationChannel::Email,
    }
}

const PREFIX: &str = "CHANNEL_";

/// A channel of tickets as scores name it, such as `web_chat`.
fn name(channel: Channel) -> String {
    match channel {
        Channel::Unspecified => String::new(),
        channel => channel.as_str_name().trim_start_matches(PREFIX).to_ascii_lowercase(),
    }
}

fn channel(name: &str) -> Channel {
    let name = format!("{PREFIX}{}", name.to_ascii_uppercase());
    Channel::from_str_name(&name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::{
        surveys::v1::{LoopState, Standing},
        tickets::v1::{TicketCreated, TicketReopened},
    };

    use super::*;
    use crate::rpc::fixture::{Fixture, follow_up_of, invited, number};

    /// A loop that was opened by a bad answer about ticket 1, and its follow-up's number.
    async fn opened(fixture: &Fixture, customer: CustomerId) -> u128 {
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, Some(customer)).await;
        let call = invited(&fixture.invitation(&ticket).await);
        fixture.submit(call, 7, vec![number("overall", 1)]).await.unwrap();
        let one = fixture.loops().await.remove(0);
        assert_eq!((one.state(), one.ticket), (LoopState::Open, ticket));
        follow_up_of(&fixture.loops().await[0])
    }

    async fn created(fixture: &Fixture, number: u128, customer: CustomerId) {
        let name = LoopId::from(uuid::Uuid::from_u128(number)).name();
        let created = Change::Created(TicketCreated { r#loop: name, ..Default::default() });
        fixture.happens(number, Some(customer), created).await;
    }

    async fn closed(
        fixture: &Fixture,
        number: u128,
        customer: CustomerId,
        (reason, instance): (CloseReason, i32),
    ) {
        let name = LoopId::from(uuid::Uuid::from_u128(number)).name();
        let closed = TicketClosed { reason: reason.into(), r#loop: name, instance };
        fixture.happens(number, Some(customer), Change::Closed(closed)).await;
    }

    #[tokio::test]
    async fn a_bad_answer_is_followed_up_and_the_customer_asked_again() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer(1).await;
        let follow_up = opened(&fixture, customer).await;
        created(&fixture, follow_up, customer).await;
        created(&fixture, follow_up, customer).await;
        let name = TicketId::from(uuid::Uuid::from_u128(follow_up)).name();
        assert_eq!(fixture.loops().await[0].follow_up, name);
        // The resolution of a follow-up asks nothing by itself.
        let resolved = TicketResolved { r#loop: "loops/x".to_owned(), ..Default::default() };
        fixture.happens(follow_up, Some(customer), Change::Resolved(resolved)).await;
        closed(&fixture, follow_up, customer, (CloseReason::Confirmed, 1)).await;
        closed(&fixture, follow_up, customer, (CloseReason::Confirmed, 1)).await;
        let one = fixture.loops().await.remove(0);
        assert_eq!(one.state(), LoopState::Closed);
        let again = fixture.invitation(&name).await;
        assert_eq!((&again.name, &again.r#loop), (&one.invitation, &one.name));
        assert_eq!(again.channel(), InvitationChannel::Sms);
        fixture.submit(invited(&again), 8, vec![number("overall", 2)]).await.unwrap();
        let bad = fixture.loops().await;
        assert_eq!((bad.len(), bad[0].state()), (1, LoopState::NotRecovered), "no second loop");
        fixture.clock.advance(Duration::from_mins(1));
        fixture.submit(invited(&again), 9, vec![number("overall", 4)]).await.unwrap();
        assert_eq!(fixture.loops().await[0].state(), LoopState::Recovered);
        let origin = fixture.response(9).await.origin.unwrap();
        assert_eq!((origin.team.as_str(), origin.channel.as_str()), ("teams/first-line", "phone"));
        assert_eq!(fixture.response(8).await.standing(), Standing::Superseded);
        assert_eq!(
            fixture.events_of(&one.name).await,
            ["loop.opened", "loop.followed_up", "loop.closed", "loop.answered", "loop.answered"]
        );
    }

    #[tokio::test]
    async fn a_follow_up_that_goes_on_opens_the_loop_again() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer(1).await;
        let follow_up = opened(&fixture, customer).await;
        created(&fixture, follow_up, customer).await;
        closed(&fixture, follow_up, customer, (CloseReason::Silent, 1)).await;
        let first = fixture.loops().await.remove(0).invitation;
        let (reopened, then) =
            (Change::Reopened(TicketReopened { reopen_count: 1 }), fixture.clock.now());
        fixture.happens(follow_up, Some(customer), reopened.clone()).await;
        fixture.clock.advance(Duration::from_secs(1));
        let open = fixture.loops().await.remove(0);
        assert_eq!((open.state(), open.invitation.as_str()), (LoopState::Open, ""));
        assert_ne!(first, "");
        closed(&fixture, follow_up, customer, (CloseReason::Confirmed, 2)).await;
        let second = fixture.loops().await.remove(0).invitation;
        assert_ne!(first, second);
        let name = TicketId::from(uuid::Uuid::from_u128(follow_up)).name();
        assert_eq!(fixture.invitation(&name).await.name, second);
        // What is told again changes nothing.
        let before = (fixture.loops().await, fixture.invitation(&name).await);
        closed(&fixture, follow_up, customer, (CloseReason::Silent, 1)).await;
        fixture.happened(follow_up, Some(customer), reopened, then).await;
        closed(&fixture, follow_up, customer, (CloseReason::Confirmed, 2)).await;
        assert_eq!((fixture.loops().await, fixture.invitation(&name).await), before);
    }

    #[tokio::test]
    async fn an_answer_to_what_was_asked_before_a_reopening_ends_no_loop() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer(1).await;
        let follow_up = opened(&fixture, customer).await;
        created(&fixture, follow_up, customer).await;
        closed(&fixture, follow_up, customer, (CloseReason::Silent, 1)).await;
        fixture.later(Duration::from_hours(30)).await;
        let name = TicketId::from(uuid::Uuid::from_u128(follow_up)).name();
        let asked = fixture.invitation(&name).await;
        assert_eq!(asked.state(), InvitationState::Requested);
        let reopened = Change::Reopened(TicketReopened { reopen_count: 1 });
        fixture.happens(follow_up, Some(customer), reopened).await;
        fixture.submit(invited(&asked), 8, vec![number("overall", 1)]).await.unwrap();
        let one = fixture.loops().await.remove(0);
        assert_eq!((one.state(), one.answer_time), (LoopState::Open, None));
        closed(&fixture, follow_up, customer, (CloseReason::Confirmed, 2)).await;
        assert_ne!(fixture.loops().await[0].invitation, "", "the customer is asked again");
    }

    #[tokio::test]
    async fn a_follow_up_that_came_to_nothing_asks_nobody() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer(1).await;
        let follow_up = opened(&fixture, customer).await;
        created(&fixture, follow_up, customer).await;
        closed(&fixture, follow_up, customer, (CloseReason::Spam, 1)).await;
        let one = fixture.loops().await.remove(0);
        assert_eq!((one.state(), one.invitation.as_str()), (LoopState::Closed, ""));
    }

    #[tokio::test]
    async fn one_invitation_opens_one_loop_and_nobody_to_talk_to_opens_none() {
        let fixture = Fixture::new().await;
        let customer = fixture.customer(1).await;
        opened(&fixture, customer).await;
        let ticket = TicketId::from(uuid::Uuid::from_u128(1)).name();
        let call = invited(&fixture.invitation(&ticket).await);
        fixture.clock.advance(Duration::from_mins(1));
        fixture.submit(call, 8, vec![number("overall", 2)]).await.unwrap();
        assert_eq!(fixture.loops().await.len(), 1);
    }

    #[test]
    fn a_channel_has_one_name() {
        for number in 0..=11 {
            let one = Channel::try_from(number).unwrap();
            assert_eq!(channel(&name(one)), one);
        }
        assert_eq!(name(Channel::WebChat), "web_chat");
        assert_eq!(channel("telepathy"), Channel::Unspecified);
    }
}
