//! What clients asked for and what they were told: the one side of the comparison.

use contracts::tickets::v1::{
    self as pb, conversation_service_client::ConversationServiceClient,
    ticket_service_client::TicketServiceClient,
};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::door::Door;

/// A write, as it is sent and sent again.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is a request of the contract")]
pub enum Ask {
    Create(Box<pb::CreateTicketRequest>),
    Say(pb::AddEntryRequest),
    Triage(pb::TriageTicketRequest),
    Claim(pb::ClaimTicketRequest),
    ClaimNext(pb::ClaimNextTicketRequest),
    Assign(pb::AssignTicketRequest),
    Release(pb::ReleaseTicketRequest),
    Resolve(pb::ResolveTicketRequest),
    Confirm(pb::ConfirmResolutionRequest),
    Reject(pb::RejectResolutionRequest),
}

/// What a write was answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The ticket as it then was.
    Ticket(Box<pb::Ticket>),
    /// The entry.
    Entry(Box<pb::Entry>),
    /// Nothing was there to be taken.
    Nothing,
}

impl Answer {
    /// What it names; nothing where nothing was there.
    pub fn name(&self) -> &str {
        match self {
            Self::Ticket(ticket) => &ticket.name,
            Self::Entry(entry) => &entry.name,
            Self::Nothing => "",
        }
    }
}

/// What became of a write, as far as its client knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It took effect.
    Acknowledged(Answer),
    /// It was refused for this reason, and took no effect.
    Refused(String),
    /// The client went away and never asked again: it took effect as a whole or not at all.
    Abandoned,
}

/// One write of one client.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Whose voice it was: a member's slug, or [`crate::door::SYSTEM`].
    pub voice: &'static str,
    /// What was asked for.
    pub ask: Ask,
    /// What became of it.
    pub outcome: Outcome,
    /// How often it was sent before it was answered: more than once where answers were lost.
    pub sent: u32,
}

/// What all clients wrote down.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Every write.
    pub writes: Vec<Write>,
    /// Answers that no crash excuses.
    pub faults: Vec<String>,
}

impl Record {
    /// Adds what another client wrote down.
    pub fn merge(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.faults.extend(other.faults);
    }

    /// How many writes were acknowledged, were refused, and were sent more than once.
    pub fn counts(&self) -> [usize; 3] {
        let count = |is: fn(&Write) -> bool| self.writes.iter().filter(|write| is(write)).count();
        [
            count(|write| matches!(write.outcome, Outcome::Acknowledged(_))),
            count(|write| matches!(write.outcome, Outcome::Refused(_))),
            count(|write| write.sent > 1),
        ]
    }
}

/// Why an attempt brought no answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The suite said no.
    Refused(String),
    /// Nobody knows what became of it.
    Unknown(Status),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let reason = status.get_details_error_info().map(|info| info.reason);
        let definite = matches!(
            status.code(),
            Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::FailedPrecondition
                | Code::Aborted
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::ResourceExhausted
                | Code::OutOfRange
        );
        match reason.filter(|_| definite) {
            Some(reason) => Self::Refused(reason),
            None => Self::Unknown(status),
        }
    }
}

impl Ask {
    /// Sends it once.
    pub async fn send(&self, door: &Door, voice: &'static str) -> Result<Answer, Failure> {
        let mut tickets = TicketServiceClient::new(door.tickets.clone());
        let mut conversations = ConversationServiceClient::new(door.tickets.clone());
        match self.clone() {
            Self::Create(ask) => ticket(tickets.create_ticket(door.request(voice, *ask)).await),
            Self::Triage(ask) => ticket(tickets.triage_ticket(door.request(voice, ask)).await),
            Self::Claim(ask) => ticket(tickets.claim_ticket(door.request(voice, ask)).await),
            Self::Assign(ask) => ticket(tickets.assign_ticket(door.request(voice, ask)).await),
            Self::Release(ask) => ticket(tickets.release_ticket(door.request(voice, ask)).await),
            Self::Resolve(ask) => ticket(tickets.resolve_ticket(door.request(voice, ask)).await),
            Self::Confirm(ask) => {
                ticket(tickets.confirm_resolution(door.request(voice, ask)).await)
            }
            Self::Reject(ask) => ticket(tickets.reject_resolution(door.request(voice, ask)).await),
            Self::Say(ask) => {
                let said = conversations.add_entry(door.request(voice, ask)).await?;
                Ok(Answer::Entry(Box::new(said.into_inner())))
            }
            Self::ClaimNext(ask) => {
                let next = tickets.claim_next_ticket(door.request(voice, ask)).await?;
                let next = next.into_inner().ticket;
                Ok(next.map_or(Answer::Nothing, |next| Answer::Ticket(Box::new(next))))
            }
        }
    }
}

fn ticket(answer: Result<Response<pb::Ticket>, Status>) -> Result<Answer, Failure> {
    Ok(Answer::Ticket(Box::new(answer?.into_inner())))
}
