//! One complaint from its first word to its end. Each step carries the request id of its row and its
//! name, so that the story can be told again from the start at any time: what was done is answered,
//! what was not is done.
//!
//! A step that was done before is answered with the ticket as it is now, which may be further on. So
//! no step goes by where the ticket stands, except that whoever took it first goes on with it.

use anyhow::anyhow;
use contracts::tickets::v1::{
    AddEntryRequest, AuthorRole, Category, ClaimTicketRequest, CloseReason, CloseTicketRequest,
    ConfirmResolutionRequest, CreateTicketRequest, Entry, Facts, GetTicketRequest, Kind,
    ListTicketHistoryRequest, RejectResolutionRequest, ReleaseTicketRequest, ResolveTicketRequest,
    Subject, Ticket, Triage, TriageTicketRequest, Turn, UpdateTicketRequest, Visibility,
};
use jiff::{civil::Date, tz::TimeZone};
use kernel::{CustomerId, Time};
use tokio::time::Instant;

use super::{
    person,
    rule::{self, Ending},
    staff::Case,
    suite::{PATIENCE, Suite, Trouble, Voice, reason},
    texts::Form,
    words,
};

/// How often it is looked whether a contact has been linked to its customer.
const LOOK: std::time::Duration = std::time::Duration::from_millis(200);

/// Everybody who plays.
pub(crate) struct Players<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) form: Form,
    /// Where a date of the file begins.
    pub(crate) zone: TimeZone,
    /// Records what comes in.
    pub(crate) recorder: Voice,
    /// Judges, and closes what is no matter of a customer.
    pub(crate) supervisor: Voice,
    /// Work, in the order that cases number them in.
    pub(crate) agents: Vec<Voice>,
}

impl Players<'_> {
    /// Plays a complaint; its ticket's name is the answer.
    pub(crate) async fn play(&self, case: &Case<'_>) -> Result<String, Trouble> {
        let ticket = self.record(case).await?;
        let story = Story { players: self, case, ticket: &ticket.name };
        let ticket = story.triage().await?;
        match case.course.ending {
            Ending::Untouched => {}
            Ending::Spam => story.close(&self.supervisor, CloseReason::Spam).await?,
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
            request_id: rule::request_id(form, &text.id, "create"),
            validate_only: false,
        };
        let call = async |request| self.suite.tickets.clone().create_ticket(request).await;
        self.suite.ask(&self.recorder, &request, call).await
    }
}

/// The first instant of a day.
fn start(date: Date, zone: &TimeZone) -> Option<prost_types::Timestamp> {
    let start = date.to_zoned(zone.clone()).ok()?;
    Some(rpc::wire::timestamp(Time::from(start.timestamp())))
}

/// What is said in one entry, and how.
struct Said<'a> {
    role: AuthorRole,
    visibility: Visibility,
    turn: Turn,
    body: &'a str,
}

impl<'a> Said<'a> {
    /// By staff to the customer.
    fn answer(body: &'a str, turn: Turn) -> Self {
        Self { role: AuthorRole::Unspecified, visibility: Visibility::Public, turn, body }
    }

    /// By staff to staff.
    fn note(body: &'a str) -> Self {
        let visibility = Visibility::Internal;
        Self { role: AuthorRole::Unspecified, visibility, turn: Turn::Unspecified, body }
    }

    /// By the customer.
    fn customer(body: &'a str) -> Self {
        let visibility = Visibility::Public;
        Self { role: AuthorRole::Customer, visibility, turn: Turn::Unspecified, body }
    }
}

/// The story of a complaint that has its ticket.
struct Story<'a> {
    players: &'a Players<'a>,
    case: &'a Case<'a>,
    /// The ticket's name.
    ticket: &'a str,
}

impl Story<'_> {
    async fn work(&self, ticket: &Ticket) -> Result<(), Trouble> {
        let (case, words) = (self.case, words::of(self.players.form));
        let ending = case.course.ending;
        let agent = self.first_agent(ticket).await?;
        self.say(&agent, "reply", Said::answer(words.reply, Turn::Unspecified)).await?;
        if case.course.note {
            self.say(&agent, "note", Said::note(words.note)).await?;
        }
        if case.course.ask || ending == Ending::Unanswered {
            self.ask(&agent, ticket).await?;
        }
        match ending {
            Ending::Untouched | Ending::Spam => Ok(()),
            Ending::Unfinished | Ending::Unanswered if case.kept => Ok(()),
            Ending::Unfinished | Ending::Unanswered => self.release(&agent).await,
            Ending::Dropped => {
                let customer = self.customer(&agent, ticket).await?;
                self.say(&customer, "drop", Said::customer(words.dropped)).await?;
                self.close(&agent, CloseReason::Cancelled).await
            }
            Ending::Silent => self.resolve(&agent, "resolve", self.resolution()).await,
            Ending::Confirmed => {
                self.resolve(&agent, "resolve", self.resolution()).await?;
                let customer = self.customer(&agent, ticket).await?;
                self.confirm(&customer).await
            }
            Ending::Objected => {
                self.resolve(&agent, "resolve", self.resolution()).await?;
                let customer = self.customer(&agent, ticket).await?;
                let reopened = self.reject(&customer, words.objection).await?;
                let agent = self.second_agent(&reopened).await?;
                self.resolve(&agent, "resolve-again", words.second_resolution).await?;
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
        self.say(agent, "question", Said::answer(question, Turn::Customer)).await?;
        if self.case.course.ending == Ending::Unanswered {
            return Ok(());
        }
        let customer = self.customer(agent, ticket).await?;
        self.say(&customer, "answer", Said::customer(answer)).await?;
        if missing {
            self.complete(agent, answer).await?;
        }
        Ok(())
    }

    fn resolution(&self) -> &'static str {
        let form = self.players.form;
        words::resolution(form, rule::judge(form, self.case.text).nature)
    }

    /// Who took it first. Where that has not happened yet, the agent of the case does, or the next
    /// one with room; where it has, history tells who, also after the ticket went on to others.
    async fn first_agent(&self, ticket: &Ticket) -> Result<Voice, Trouble> {
        if ticket.category() == Category::New
            && let Some(agent) = self.claim("claim").await?
        {
            return Ok(agent);
        }
        let request = ListTicketHistoryRequest {
            parent: self.ticket.to_owned(),
            page_size: 100,
            page_token: String::new(),
        };
        let suite = self.players.suite;
        let call = async |request| suite.tickets.clone().list_ticket_history(request).await;
        let history = suite.ask(&self.players.supervisor, &request, call).await?;
        let assignees = history.items.into_iter().filter_map(|item| item.event);
        let first = assignees.map(|event| event.assignee).find(|assignee| !assignee.is_empty());
        self.voice_of(&first.unwrap_or_default())
    }

    /// Who has it after an objection: who had it, unless there was no room any more.
    async fn second_agent(&self, ticket: &Ticket) -> Result<Voice, Trouble> {
        if !ticket.assignee.is_empty() {
            return self.voice_of(&ticket.assignee);
        }
        let claimed = self.claim("claim-again").await?;
        claimed.map_or_else(|| self.voice_of(""), Ok)
    }

    /// The voice of `members/{slug}`; of the agent of the case where nobody is named.
    fn voice_of(&self, member: &str) -> Result<Voice, Trouble> {
        match member.strip_prefix("members/") {
            Some(slug) => self.players.suite.member(slug),
            None => Ok(self.players.agents[self.case.agent].clone()),
        }
    }

    /// Takes the ticket: the agent of the case, or the next one with room. `None` where somebody else
    /// was first.
    async fn claim(&self, step: &str) -> Result<Option<Voice>, Trouble> {
        let suite = self.players.suite;
        let request = ClaimTicketRequest {
            name: self.ticket.to_owned(),
            etag: String::new(),
            request_id: self.request_id(step),
        };
        let agents = self.players.agents.iter();
        let mut agents = agents.cycle().skip(self.case.agent).take(self.players.agents.len());
        loop {
            let Some(agent) = agents.next() else {
                return Err(Trouble::Over(anyhow!("no agent has room for a ticket: close some")));
            };
            let call = async |request| suite.tickets.clone().claim_ticket(request).await;
            match suite.ask(agent, &request, call).await {
                Ok(_) => return Ok(Some(agent.clone())),
                Err(Trouble::Refused(status)) => match reason(&status).as_deref() {
                    Some("CAPACITY_EXHAUSTED") => {}
                    Some("ALREADY_CLAIMED") => return Ok(None),
                    _ => return Err(Trouble::Refused(status)),
                },
                Err(over) => return Err(over),
            }
        }
    }

    /// The customer's own voice where the channel is one on which customers sign in, else the agent's,
    /// who records what the customer says.
    async fn customer(&self, agent: &Voice, ticket: &Ticket) -> Result<Voice, Trouble> {
        if !rule::speaks_for_itself(rule::channel(self.players.form, self.case.text)) {
            return Ok(agent.clone());
        }
        let suite = self.players.suite;
        let start = Instant::now();
        let mut customer = ticket.customer.clone();
        // Where customers was away at intake, the contact is linked a little later.
        loop {
            if let Some(id) = CustomerId::parse_name(&customer) {
                return suite.customer(id);
            }
            if start.elapsed() > PATIENCE {
                let name = self.ticket;
                return Err(Trouble::Over(anyhow!("`{name}` has not been linked to its customer")));
            }
            tokio::time::sleep(LOOK).await;
            let request = GetTicketRequest { name: self.ticket.to_owned() };
            let call = async |request| suite.tickets.clone().get_ticket(request).await;
            customer = suite.ask(&self.players.supervisor, &request, call).await?.customer;
        }
    }

    fn request_id(&self, step: &str) -> String {
        rule::request_id(self.players.form, &self.case.text.id, step)
    }

    async fn triage(&self) -> Result<Ticket, Trouble> {
        let (form, text) = (self.players.form, self.case.text);
        let judgement = rule::judge(form, text);
        let triage = Triage {
            nature: judgement.nature.into(),
            severity: judgement.severity,
            cause: String::new(),
            evidence: words::of(form).evidence.to_owned(),
            triage_time: None,
        };
        let request = TriageTicketRequest {
            name: self.ticket.to_owned(),
            triage: Some(triage),
            etag: String::new(),
            request_id: self.request_id("triage"),
        };
        let suite = self.players.suite;
        let call = async |request| suite.tickets.clone().triage_ticket(request).await;
        suite.ask(&self.players.supervisor, &request, call).await
    }

    async fn say(&self, by: &Voice, step: &str, said: Said<'_>) -> Result<(), Trouble> {
        let entry = Entry {
            author_role: said.role.into(),
            visibility: said.visibility.into(),
            body: said.body.to_owned(),
            ..Entry::default()
        };
        let request = AddEntryRequest {
            parent: self.ticket.to_owned(),
            entry: Some(entry),
            turn: said.turn.into(),
            request_id: self.request_id(step),
        };
        let suite = self.players.suite;
        let call = async |request| suite.conversations.clone().add_entry(request).await;
        suite.ask(by, &request, call).await.map(drop)
    }

    /// Writes down what the customer expects.
    async fn complete(&self, agent: &Voice, expectation: &str) -> Result<(), Trouble> {
        let facts = Facts { expectation: expectation.to_owned(), ..Facts::default() };
        let ticket =
            Ticket { name: self.ticket.to_owned(), facts: Some(facts), ..Ticket::default() };
        let paths = vec!["facts.expectation".to_owned()];
        let request = UpdateTicketRequest {
            ticket: Some(ticket),
            update_mask: Some(prost_types::FieldMask { paths }),
            request_id: self.request_id("complete"),
        };
        let suite = self.players.suite;
        let call = async |request| suite.tickets.clone().update_ticket(request).await;
        suite.ask(agent, &request, call).await.map(drop)
    }

    async fn resolve(&self, agent: &Voice, step: &str, answer: &str) -> Result<(), Trouble> {
        let request = ResolveTicketRequest {
            name: self.ticket.to_owned(),
            answer: answer.to_owned(),
            etag: String::new(),
            request_id: self.request_id(step),
        };
        let suite = self.players.suite;
        let call = async |request| suite.tickets.clone().resolve_ticket(request).await;
        suite.ask(agent, &request, call).await.map(drop)
    }

    async fn confirm(&self, customer: &Voice) -> Result<(), Trouble> {
        let request = ConfirmResolutionRequest {
            name: self.ticket.to_owned(),
            etag: String::new(),
            request_id: self.request_id("confirm"),
        };
        let suite = self.players.suite;
        let call = async |request| suite.tickets.clone().confirm_resolution(request).await;
        suite.ask(customer, &request, call).await.map(drop)
    }

    /// The ticket as staff see it afterwards: a customer is not told who has it.
    async fn reject(&self, customer: &Voice, objection: &str) -> Result<Ticket, Trouble> {
        let request = RejectResolutionRequest {
            name: self.ticket.to_owned(),
            objection: objection.to_owned(),
            etag: String::new(),
            request_id: self.request_id("reject"),
        };
        let suite = self.players.suite;
        let call = async |request| suite.tickets.clone().reject_resolution(request).await;
        suite.ask(customer, &request, call).await?;
        let request = GetTicketRequest { name: self.ticket.to_owned() };
        let call = async |request| suite.tickets.clone().get_ticket(request).await;
        suite.ask(&self.players.supervisor, &request, call).await
    }

    async fn release(&self, agent: &Voice) -> Result<(), Trouble> {
        let request = ReleaseTicketRequest {
            name: self.ticket.to_owned(),
            etag: String::new(),
            request_id: self.request_id("release"),
        };
        let suite = self.players.suite;
        let call = async |request| suite.tickets.clone().release_ticket(request).await;
        suite.ask(agent, &request, call).await.map(drop)
    }

    async fn close(&self, by: &Voice, reason: CloseReason) -> Result<(), Trouble> {
        let request = CloseTicketRequest {
            name: self.ticket.to_owned(),
            reason: reason.into(),
            etag: String::new(),
            request_id: self.request_id("close"),
        };
        let suite = self.players.suite;
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
