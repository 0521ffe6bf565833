//! One complaint from its first word to its end. Each step carries the request id of its row and its
//! name, so that the story can be told again from the start at any time: what was done is answered,
//! what was not is done.
//!
//! A step that was done before is answered with the ticket as it is now, which may be further on. So
//! no step goes by where the ticket stands, except that whoever took it first goes on with it.

use anyhow::anyhow;
use contracts::tickets::v1::{
    CloseReason, CloseTicketRequest, ConfirmResolutionRequest, CreateTicketRequest, Facts,
    GetTicketRequest, Kind, RejectResolutionRequest, Subject, Ticket, Turn, UpdateTicketRequest,
};
use jiff::{civil::Date, tz::TimeZone};
use kernel::{CustomerId, Time};
use tokio::time::Instant;

use super::{
    hand::{Crew, Hand, Said},
    person,
    rule::{self, Ending},
    staff::Case,
    suite::{PATIENCE, Trouble, Voice},
    texts::Form,
    words,
};

/// How often it is looked whether a contact has been linked to its customer.
const LOOK: std::time::Duration = std::time::Duration::from_millis(200);

/// Everybody who plays complaints of one form.
pub(crate) struct Players<'a> {
    pub(crate) crew: Crew<'a>,
    pub(crate) form: Form,
    /// Where a date of the file begins.
    pub(crate) zone: TimeZone,
}

impl Players<'_> {
    /// Plays a complaint; its ticket's name is the answer.
    pub(crate) async fn play(&self, case: &Case<'_>) -> Result<String, Trouble> {
        let ticket = self.record(case).await?;
        let hand = Hand {
            crew: &self.crew,
            set: self.form.name(),
            row: &case.text.id,
            agent: case.agent,
            ticket: ticket.name.clone(),
        };
        let story = Story { players: self, case, hand };
        let ticket = story.triage().await?;
        match case.course.ending {
            Ending::Untouched => {}
            Ending::Spam => story.close(&self.crew.supervisor, CloseReason::Spam).await?,
            Ending::Dropped
            | Ending::Unfinished
            | Ending::Unanswered
            | Ending::Silent
            | Ending::Objected
            | Ending::Confirmed => story.work(&ticket).await?,
        }
        Ok(ticket.name)
    }

    async fn record(&self, case: &Case<'_>) -> Result<Ticket, Trouble> {
        let (form, text) = (self.form, case.text);
        let judgement = rule::judge(form, text);
        let facts = Facts {
            who: String::new(),
            what: text.what.clone(),
            occur_time: text.date.and_then(|date| start(date, &self.zone)),
            expectation: rule::expectation(text, &judgement).unwrap_or_default().to_owned(),
        };
        let subject = Subject {
            product: format!("products/{}", text.product.id),
            fault_code: rule::fault_code(form, text),
            ..Subject::default()
        };
        let ticket = Ticket {
            kind: Kind::Complaint.into(),
            stage: rule::stage(form, text).into(),
            channel: rule::channel(form, text).into(),
            contact: Some(person::of(form, text)),
            subject: Some(subject),
            title: text.title.clone(),
            facts: Some(facts),
            language: form.language().to_owned(),
            ..Ticket::default()
        };
        let request = CreateTicketRequest {
            ticket: Some(ticket),
            request_id: rule::request_id(form.name(), &text.id, "create"),
            validate_only: false,
        };
        let call = async |request| self.crew.suite.tickets.clone().create_ticket(request).await;
        self.crew.suite.ask(&self.crew.recorder, &request, call).await
    }
}

/// The first instant of a day.
pub(super) fn start(date: Date, zone: &TimeZone) -> Option<prost_types::Timestamp> {
    let start = date.to_zoned(zone.clone()).ok()?;
    Some(rpc::wire::timestamp(Time::from(start.timestamp())))
}

/// The story of a complaint that has its ticket.
struct Story<'a> {
    players: &'a Players<'a>,
    case: &'a Case<'a>,
    /// What is done to the ticket.
    hand: Hand<'a>,
}

impl Story<'_> {
    async fn work(&self, ticket: &Ticket) -> Result<(), Trouble> {
        let (case, words) = (self.case, words::of(self.players.form));
        let ending = case.course.ending;
        let agent = self.hand.first_agent(ticket).await?;
        self.hand.say(&agent, "reply", Said::answer(words.reply, Turn::Unspecified)).await?;
        if case.course.note {
            self.hand.say(&agent, "note", Said::note(words.note)).await?;
        }
        if case.course.ask || ending == Ending::Unanswered {
            self.ask(&agent, ticket).await?;
        }
        match ending {
            Ending::Untouched | Ending::Spam => Ok(()),
            Ending::Unfinished | Ending::Unanswered if case.kept => Ok(()),
            Ending::Unfinished | Ending::Unanswered => self.hand.release(&agent).await,
            Ending::Dropped => {
                let customer = self.customer(&agent, ticket).await?;
                self.hand.say(&customer, "drop", Said::customer(words.dropped)).await?;
                self.close(&agent, CloseReason::Cancelled).await
            }
            Ending::Silent => self.hand.resolve(&agent, "resolve", self.resolution()).await,
            Ending::Confirmed => {
                self.hand.resolve(&agent, "resolve", self.resolution()).await?;
                let customer = self.customer(&agent, ticket).await?;
                self.confirm(&customer).await
            }
            Ending::Objected => {
                self.hand.resolve(&agent, "resolve", self.resolution()).await?;
                let customer = self.customer(&agent, ticket).await?;
                let reopened = self.reject(&customer, words.objection).await?;
                let agent = self.hand.second_agent(&reopened).await?;
                self.hand.resolve(&agent, "resolve-again", words.second_resolution).await?;
                let customer = self.customer(&agent, ticket).await?;
                self.confirm(&customer).await
            }
        }
    }

    /// Asks the customer; what is heard of an expectation that was missing goes to the facts.
    async fn ask(&self, agent: &Voice, ticket: &Ticket) -> Result<(), Trouble> {
        let (form, text, words) = (self.players.form, self.case.text, words::of(self.players.form));
        let missing = rule::expectation(text, &rule::judge(form, text)).is_none();
        let (question, answer) = if missing {
            (words.what_is_expected, words.expected)
        } else {
            (words.question, words.answer)
        };
        self.hand.say(agent, "question", Said::answer(question, Turn::Customer)).await?;
        if self.case.course.ending == Ending::Unanswered {
            return Ok(());
        }
        let customer = self.customer(agent, ticket).await?;
        self.hand.say(&customer, "answer", Said::customer(answer)).await?;
        if missing {
            self.complete(agent, answer).await?;
        }
        Ok(())
    }

    fn resolution(&self) -> &'static str {
        let form = self.players.form;
        words::resolution(form, rule::judge(form, self.case.text).nature)
    }

    /// The customer's own voice where the channel is one on which customers sign in, else the agent's,
    /// who records what the customer says.
    async fn customer(&self, agent: &Voice, ticket: &Ticket) -> Result<Voice, Trouble> {
        if !rule::speaks_for_itself(rule::channel(self.players.form, self.case.text)) {
            return Ok(agent.clone());
        }
        let suite = self.players.crew.suite;
        let start = Instant::now();
        let mut customer = ticket.customer.clone();
        // Where customers was away at intake, the contact is linked a little later.
        loop {
            if let Some(id) = CustomerId::parse_name(&customer) {
                return suite.customer(id);
            }
            if start.elapsed() > PATIENCE {
                let name = &self.hand.ticket;
                return Err(Trouble::Over(anyhow!("`{name}` has not been linked to its customer")));
            }
            tokio::time::sleep(LOOK).await;
            let request = GetTicketRequest { name: self.hand.ticket.clone() };
            let call = async |request| suite.tickets.clone().get_ticket(request).await;
            customer = suite.ask(&self.players.crew.supervisor, &request, call).await?.customer;
        }
    }

    fn request_id(&self, step: &str) -> String {
        self.hand.request_id(step)
    }

    async fn triage(&self) -> Result<Ticket, Trouble> {
        let (form, text) = (self.players.form, self.case.text);
        let judgement = rule::judge(form, text);
        let evidence = words::of(form).evidence;
        self.hand.triage(judgement.nature, judgement.severity, evidence).await
    }

    /// Writes down what the customer expects.
    async fn complete(&self, agent: &Voice, expectation: &str) -> Result<(), Trouble> {
        let facts = Facts { expectation: expectation.to_owned(), ..Facts::default() };
        let ticket =
            Ticket { name: self.hand.ticket.clone(), facts: Some(facts), ..Ticket::default() };
        let paths = vec!["facts.expectation".to_owned()];
        let request = UpdateTicketRequest {
            ticket: Some(ticket),
            update_mask: Some(prost_types::FieldMask { paths }),
            request_id: self.request_id("complete"),
        };
        let suite = self.players.crew.suite;
        let call = async |request| suite.tickets.clone().update_ticket(request).await;
        suite.ask(agent, &request, call).await.map(drop)
    }

    async fn confirm(&self, customer: &Voice) -> Result<(), Trouble> {
        let request = ConfirmResolutionRequest {
            name: self.hand.ticket.clone(),
            etag: String::new(),
            request_id: self.request_id("confirm"),
        };
        let suite = self.players.crew.suite;
        let call = async |request| suite.tickets.clone().confirm_resolution(request).await;
        suite.ask(customer, &request, call).await.map(drop)
    }

    /// The ticket as staff see it afterwards: a customer is not told who has it.
    async fn reject(&self, customer: &Voice, objection: &str) -> Result<Ticket, Trouble> {
        let request = RejectResolutionRequest {
            name: self.hand.ticket.clone(),
            objection: objection.to_owned(),
            etag: String::new(),
            request_id: self.request_id("reject"),
        };
        let suite = self.players.crew.suite;
        let call = async |request| suite.tickets.clone().reject_resolution(request).await;
        suite.ask(customer, &request, call).await?;
        let request = GetTicketRequest { name: self.hand.ticket.clone() };
        let call = async |request| suite.tickets.clone().get_ticket(request).await;
        suite.ask(&self.players.crew.supervisor, &request, call).await
    }

    async fn close(&self, by: &Voice, reason: CloseReason) -> Result<(), Trouble> {
        let request = CloseTicketRequest {
            name: self.hand.ticket.clone(),
            reason: reason.into(),
            etag: String::new(),
            request_id: self.request_id("close"),
        };
        let suite = self.players.crew.suite;
        let call = async |request| suite.tickets.clone().close_ticket(request).await;
        suite.ask(by, &request, call).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_the_company_is() {
        let day = jiff::civil::date(2023, 7, 18);
        let start = |zone| start(day, &TimeZone::get(zone).unwrap()).unwrap().seconds;
        assert_eq!(start("America/New_York") - start("Asia/Shanghai"), 12 * 3_600);
    }
}
