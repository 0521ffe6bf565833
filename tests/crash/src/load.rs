//! Clients that work on tickets all at once and write down what they are told.
//!
//! Every ticket is in one client's hands at a time, so that what a client knows of it holds, apart
//! from agents who take what is next meanwhile. A write whose answer is lost is sent again, with the
//! same `request_id`, for as long as it takes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use contracts::tickets::v1::{
    self as pb, AuthorRole, Category, Channel, Kind, Nature, Turn, Visibility,
    ticket_service_client::TicketServiceClient,
};
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    dice::Dice,
    door::{CLAIMER, Door, SUPERVISOR, SYSTEM, TAKERS},
    record::{Answer, Ask, Failure, Outcome, Record, Write},
};

/// How many clients work at once.
const CLIENTS: usize = 6;
/// How long a client believes that a suite that does not answer will come back.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(20);
/// How many tickets are in work at once.
const DESK: usize = 48;

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<Record>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    answered: AtomicU64,
    /// Tickets in nobody's hands, by name.
    desk: Mutex<BTreeMap<String, pb::Ticket>>,
}

impl Load {
    /// Starts the clients. They write for `customers`, and for people known by phone alone.
    pub fn start(door: &Door, customers: &[String], dice: &mut Dice) -> Self {
        let shared = Arc::<Shared>::default();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let client = Client {
                door: door.clone(),
                customers: customers.to_vec(),
                dice: dice.fork(),
                shared: shared.clone(),
                record: Record::default(),
            };
            clients.spawn(client.work());
        }
        Self { clients, shared }
    }

    /// How many writes have been answered.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Waits until so many more writes have been answered.
    ///
    /// # Panics
    /// Where they never are.
    pub async fn go_on(&self, writes: u64) {
        let (start, goal) = (Instant::now(), self.answered() + writes);
        while self.answered() < goal {
            assert!(start.elapsed() < PATIENCE, "the suite has stopped answering");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Lets every client end what it is at, and returns what they wrote down.
    ///
    /// # Panics
    /// Where a client has lost its patience.
    pub async fn finish(mut self) -> Record {
        self.shared.over.store(true, Ordering::Relaxed);
        let mut all = Record::default();
        while let Some(record) = self.clients.join_next().await {
            all.merge(record.expect("a client has come to its end"));
        }
        all
    }
}

struct Client {
    door: Door,
    customers: Vec<String>,
    dice: Dice,
    shared: Arc<Shared>,
    record: Record,
}

impl Client {
    async fn work(mut self) -> Record {
        while !self.shared.over.load(Ordering::Relaxed) {
            let ticket = self.take();
            match ticket {
                Some(ticket) if !self.dice.one_in(6) => self.work_on(ticket).await,
                ticket => {
                    self.put(ticket);
                    self.open().await;
                }
            }
        }
        self.record
    }

    /// Takes a ticket off the desk; `None` where there are few, so that there will be more.
    fn take(&mut self) -> Option<pb::Ticket> {
        let mut desk = self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
        if desk.len() < CLIENTS {
            return None;
        }
        let name = desk.keys().nth(self.dice.index(desk.len()))?.clone();
        desk.remove(&name)
    }

    /// Puts a ticket back; one that is closed is done with.
    fn put(&self, ticket: Option<pb::Ticket>) {
        let mut desk = self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ticket) = ticket.filter(|ticket| ticket.category() != Category::Closed) {
            desk.insert(ticket.name.clone(), ticket);
        }
    }

    fn desk_is_full(&self) -> bool {
        self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner).len() >= DESK
    }

    async fn open(&mut self) {
        if self.desk_is_full() {
            return self.take_next().await;
        }
        let ask = create(&mut self.dice, &self.customers);
        if let Some(Answer::Ticket(ticket)) = self.ask(SYSTEM, ask).await {
            self.put(Some(*ticket));
        }
    }

    /// An agent takes what is next, which may be a ticket in another client's hands.
    async fn take_next(&mut self) {
        let taker = TAKERS[self.dice.index(TAKERS.len())];
        let request_id = self.dice.uuid().to_string();
        let ask = Ask::ClaimNext(pb::ClaimNextTicketRequest { queue: String::new(), request_id });
        if let Some(Answer::Ticket(ticket)) = self.ask(taker, ask).await {
            let mut desk = self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = desk.get_mut(&ticket.name) {
                *known = *ticket;
            }
        }
    }

    async fn work_on(&mut self, ticket: pb::Ticket) {
        let (voice, ask) = next(&mut self.dice, &ticket);
        let after = match self.ask(voice, ask).await {
            Some(Answer::Ticket(after)) => Some(*after),
            // Somebody may have taken it meanwhile.
            Some(Answer::Entry(_) | Answer::Nothing) | None => self.read(&ticket).await,
        };
        self.put(after);
        if self.dice.one_in(8) {
            self.take_next().await;
        }
    }

    /// Sends a write until it is answered, and writes the answer down.
    async fn ask(&mut self, voice: &'static str, ask: Ask) -> Option<Answer> {
        let (start, mut sent) = (Instant::now(), 0);
        let outcome = loop {
            sent += 1;
            match ask.send(&self.door, voice).await {
                Ok(answer) => break Outcome::Acknowledged(answer),
                Err(Failure::Refused(reason)) => break Outcome::Refused(reason),
                Err(Failure::Unknown(status)) => {
                    if status.code() == Code::Internal {
                        self.record.faults.push(format!("{status:?} to {ask:?}"));
                    }
                    assert!(start.elapsed() < PATIENCE, "no answer for minutes: {status:?}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        self.shared.answered.fetch_add(1, Ordering::Relaxed);
        let answer = match &outcome {
            Outcome::Acknowledged(answer) => Some(answer.clone()),
            Outcome::Refused(_) | Outcome::Abandoned => None,
        };
        self.record.writes.push(Write { voice, ask, outcome, sent });
        answer
    }

    async fn read(&self, ticket: &pb::Ticket) -> Option<pb::Ticket> {
        let start = Instant::now();
        let mut tickets = TicketServiceClient::new(self.door.tickets.clone());
        loop {
            let request = pb::GetTicketRequest { name: ticket.name.clone() };
            match tickets.get_ticket(self.door.request(SYSTEM, request)).await {
                Ok(ticket) => return Some(ticket.into_inner()),
                Err(status) if status.code() == Code::NotFound => return None,
                Err(status) => {
                    assert!(start.elapsed() < PATIENCE, "no answer for minutes: {status:?}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// A matter to record: its title is found nowhere else.
pub fn create(dice: &mut Dice, customers: &[String]) -> Ask {
    let title = format!("matter {}", dice.uuid());
    let mut ticket = pb::Ticket {
        kind: if dice.one_in(2) { Kind::Complaint } else { Kind::Inquiry }.into(),
        channel: if dice.one_in(3) { Channel::Phone } else { Channel::Email }.into(),
        facts: Some(pb::Facts { what: format!("what {title}"), ..pb::Facts::default() }),
        title,
        ..pb::Ticket::default()
    };
    if customers.is_empty() || dice.one_in(4) {
        let phone = format!("+86 138 0013 80{:02}", dice.below(20));
        ticket.contact = Some(pb::Contact { phone, ..pb::Contact::default() });
    } else {
        ticket.customer.clone_from(&customers[dice.index(customers.len())]);
    }
    let request_id = dice.uuid().to_string();
    let create = pb::CreateTicketRequest { ticket: Some(ticket), request_id, validate_only: false };
    Ask::Create(Box::new(create))
}

/// Something to say: its words are found nowhere else.
pub fn say(dice: &mut Dice, ticket: &str, role: AuthorRole, visibility: Visibility) -> Ask {
    let body = format!("words {}", dice.uuid());
    let external_id = if dice.one_in(2) { format!("<{body}>") } else { String::new() };
    let entry = pb::Entry {
        author_role: role.into(),
        visibility: visibility.into(),
        body,
        external_id,
        ..pb::Entry::default()
    };
    Ask::Say(pb::AddEntryRequest {
        parent: ticket.to_owned(),
        entry: Some(entry),
        turn: Turn::Unspecified.into(),
        request_id: dice.uuid().to_string(),
    })
}

/// What somebody does next to a ticket, and who.
fn next(dice: &mut Dice, ticket: &pb::Ticket) -> (&'static str, Ask) {
    let request_id = dice.uuid().to_string();
    let (name, etag) = (ticket.name.clone(), String::new());
    if ticket.category() == Category::Resolved {
        return match dice.below(10) {
            0..6 => (SYSTEM, Ask::Confirm(pb::ConfirmResolutionRequest { name, etag, request_id })),
            6..9 => {
                let objection =
                    if dice.one_in(2) { format!("no {request_id}") } else { String::new() };
                let reject = pb::RejectResolutionRequest { name, objection, etag, request_id };
                (SYSTEM, Ask::Reject(reject))
            }
            _ => (CLAIMER, say(dice, &name, AuthorRole::Staff, Visibility::Internal)),
        };
    }
    let free = ticket.assignee.is_empty();
    match dice.below(20) {
        0..6 => {
            let said = say(dice, &name, AuthorRole::Staff, Visibility::Public);
            (CLAIMER, turn(dice, said))
        }
        6..8 => (SYSTEM, say(dice, &name, AuthorRole::Customer, Visibility::Public)),
        8..11 => (SUPERVISOR, triage(dice, name, request_id)),
        11..13 => {
            // Never to who has it, which would change nothing.
            let to =
                if ticket.assignee == format!("members/{CLAIMER}") { SUPERVISOR } else { CLAIMER };
            let assignee = format!("members/{to}");
            let assign = pb::AssignTicketRequest {
                name,
                assignee,
                request_id,
                ..pb::AssignTicketRequest::default()
            };
            (SUPERVISOR, Ask::Assign(assign))
        }
        13..15 if free => (CLAIMER, Ask::Claim(pb::ClaimTicketRequest { name, etag, request_id })),
        _ if free => (SUPERVISOR, triage(dice, name, request_id)),
        13 => (SUPERVISOR, Ask::Release(pb::ReleaseTicketRequest { name, etag, request_id })),
        _ if ticket.triage.is_none() => (SUPERVISOR, triage(dice, name, request_id)),
        _ => {
            let answer = format!("answer {request_id}");
            let resolve = pb::ResolveTicketRequest { name, answer, etag, request_id };
            (SUPERVISOR, Ask::Resolve(resolve))
        }
    }
}

fn triage(dice: &mut Dice, name: String, request_id: String) -> Ask {
    let triage = pb::Triage {
        nature: Nature::Billing.into(),
        severity: i32::try_from(dice.below(4)).unwrap_or(0) + 1,
        cause: format!("cause {request_id}"),
        ..pb::Triage::default()
    };
    let etag = String::new();
    Ask::Triage(pb::TriageTicketRequest { name, triage: Some(triage), etag, request_id })
}

/// Passes the turn on with what is said, now and then.
fn turn(dice: &mut Dice, mut ask: Ask) -> Ask {
    if let Ask::Say(say) = &mut ask
        && dice.one_in(2)
    {
        say.turn = if dice.one_in(2) { Turn::Customer } else { Turn::Staff }.into();
    }
    ask
}
