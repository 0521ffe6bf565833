//! What is done to one ticket by those who play: judged, claimed, answered, resolved. Each step carries
//! a request id made of the set, the row and the step, so that it is taken once however often the demo
//! runs.

use anyhow::anyhow;
use contracts::tickets::v1::{
    AddEntryRequest, Answer, AuthorRole, Category, ClaimTicketRequest, Entry, GetTicketRequest,
    ListTicketHistoryRequest, Nature, ReleaseTicketRequest, ResolveTicketRequest, Ticket, Triage,
    TriageTicketRequest, Turn, Visibility,
};

use super::{
    rule,
    suite::{Suite, Trouble, Voice, reason},
};

/// The staff of one tenant, as they call.
pub(crate) struct Crew<'a> {
    pub(crate) suite: &'a Suite,
    /// Records what comes in.
    pub(crate) recorder: Voice,
    /// Judges, and closes what is no matter of a customer.
    pub(crate) supervisor: Voice,
    /// Work, in the order that cases number them in.
    pub(crate) agents: Vec<Voice>,
}

/// What is said in one entry, and how.
pub(crate) struct Said<'a> {
    role: AuthorRole,
    visibility: Visibility,
    turn: Turn,
    body: &'a str,
    answers: Vec<Answer>,
}

impl<'a> Said<'a> {
    /// By staff to the customer.
    pub(crate) fn answer(body: &'a str, turn: Turn) -> Self {
        Self {
            role: AuthorRole::Unspecified,
            visibility: Visibility::Public,
            turn,
            body,
            answers: Vec::new(),
        }
    }

    /// The same with the articles that it answers with.
    pub(crate) fn with(self, answers: Vec<Answer>) -> Self {
        Self { answers, ..self }
    }

    /// By staff to staff, of another department where it is its turn.
    pub(crate) fn handed_on(body: &'a str) -> Self {
        Self { turn: Turn::Internal, ..Self::note(body) }
    }

    /// By staff to staff.
    pub(crate) fn note(body: &'a str) -> Self {
        let visibility = Visibility::Internal;
        Self { visibility, ..Self::answer(body, Turn::Unspecified) }
    }

    /// By the customer.
    pub(crate) fn customer(body: &'a str) -> Self {
        Self { role: AuthorRole::Customer, ..Self::answer(body, Turn::Unspecified) }
    }
}

/// What is done to one ticket.
pub(crate) struct Hand<'a> {
    pub(crate) crew: &'a Crew<'a>,
    /// The set that the row is of, and the row: they make the request ids.
    pub(crate) set: &'a str,
    pub(crate) row: &'a str,
    /// Which of the agents takes it, if there is room.
    pub(crate) agent: usize,
    /// The ticket's name.
    pub(crate) ticket: String,
}

impl Hand<'_> {
    /// The ticket as staff see it now.
    pub(crate) async fn ticket(&self) -> Result<Ticket, Trouble> {
        let request = GetTicketRequest { name: self.ticket.clone() };
        let suite = self.crew.suite;
        let call = async |request| suite.tickets.clone().get_ticket(request).await;
        suite.ask(&self.crew.supervisor, &request, call).await
    }

    pub(crate) async fn triage(
        &self,
        nature: Nature,
        severity: i32,
        evidence: &str,
    ) -> Result<Ticket, Trouble> {
        let triage = Triage {
            nature: nature.into(),
            severity,
            cause: String::new(),
            evidence: evidence.to_owned(),
            triage_time: None,
        };
        let request = TriageTicketRequest {
            name: self.ticket.clone(),
            triage: Some(triage),
            etag: String::new(),
            request_id: self.request_id("triage"),
        };
        let suite = self.crew.suite;
        let call = async |request| suite.tickets.clone().triage_ticket(request).await;
        suite.ask(&self.crew.supervisor, &request, call).await
    }

    /// Who took it first. Where that has not happened yet, the agent of the case does, or the next
    /// one with room; where it has, history tells who, also after the ticket went on to others.
    pub(crate) async fn first_agent(&self, ticket: &Ticket) -> Result<Voice, Trouble> {
        if ticket.category() == Category::New
            && let Some(agent) = self.claim("claim").await?
        {
            return Ok(agent);
        }
        let request = ListTicketHistoryRequest {
            parent: self.ticket.clone(),
            page_size: 100,
            page_token: String::new(),
        };
        let suite = self.crew.suite;
        let call = async |request| suite.tickets.clone().list_ticket_history(request).await;
        let history = suite.ask(&self.crew.supervisor, &request, call).await?;
        let assignees = history.items.into_iter().filter_map(|item| item.event);
        let first = assignees.map(|event| event.assignee).find(|assignee| !assignee.is_empty());
        self.voice_of(&first.unwrap_or_default())
    }

    /// Who has it after an objection: who had it, unless there was no room any more.
    pub(crate) async fn second_agent(&self, ticket: &Ticket) -> Result<Voice, Trouble> {
        if !ticket.assignee.is_empty() {
            return self.voice_of(&ticket.assignee);
        }
        let claimed = self.claim("claim-again").await?;
        claimed.map_or_else(|| self.voice_of(""), Ok)
    }

    /// The voice of `members/{slug}`; of the agent of the case where nobody is named.
    fn voice_of(&self, member: &str) -> Result<Voice, Trouble> {
        match member.strip_prefix("members/") {
            Some(slug) => self.crew.suite.member(slug),
            None => Ok(self.crew.agents[self.agent].clone()),
        }
    }

    /// Takes the ticket: the agent of the case, or the next one with room. `None` where somebody else
    /// was first.
    async fn claim(&self, step: &str) -> Result<Option<Voice>, Trouble> {
        let suite = self.crew.suite;
        let request = ClaimTicketRequest {
            name: self.ticket.clone(),
            etag: String::new(),
            request_id: self.request_id(step),
        };
        let agents = self.crew.agents.iter();
        let mut agents = agents.cycle().skip(self.agent).take(self.crew.agents.len());
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

    pub(crate) async fn say(&self, by: &Voice, step: &str, said: Said<'_>) -> Result<(), Trouble> {
        let entry = Entry {
            author_role: said.role.into(),
            visibility: said.visibility.into(),
            body: said.body.to_owned(),
            answers: said.answers,
            ..Entry::default()
        };
        let request = AddEntryRequest {
            parent: self.ticket.clone(),
            entry: Some(entry),
            turn: said.turn.into(),
            request_id: self.request_id(step),
        };
        let suite = self.crew.suite;
        let call = async |request| suite.conversations.clone().add_entry(request).await;
        suite.ask(by, &request, call).await.map(drop)
    }

    pub(crate) async fn resolve(
        &self,
        agent: &Voice,
        step: &str,
        answer: &str,
    ) -> Result<(), Trouble> {
        let request = ResolveTicketRequest {
            name: self.ticket.clone(),
            answer: answer.to_owned(),
            etag: String::new(),
            request_id: self.request_id(step),
        };
        let suite = self.crew.suite;
        let call = async |request| suite.tickets.clone().resolve_ticket(request).await;
        suite.ask(agent, &request, call).await.map(drop)
    }

    pub(crate) async fn release(&self, agent: &Voice) -> Result<(), Trouble> {
        let request = ReleaseTicketRequest {
            name: self.ticket.clone(),
            etag: String::new(),
            request_id: self.request_id("release"),
        };
        let suite = self.crew.suite;
        let call = async |request| suite.tickets.clone().release_ticket(request).await;
        suite.ask(agent, &request, call).await.map(drop)
    }

    pub(crate) fn request_id(&self, step: &str) -> String {
        rule::request_id(self.set, self.row, step)
    }
}
