//! A ticket and what can become of it.

use calendar::CalendarError;
use contracts::tickets::v1::{
    Category, Channel, CloseReason, Kind, Nature, ServiceType, Stage, StatusChanged, TicketCreated,
    TicketTriaged, TicketUpdated, ticket_event::Change,
};
use kernel::{Blocker, CallerKind, CustomerId, LoopId, TenantId, TicketId, Time};
use serde::{Deserialize, Serialize};

use super::{
    clock::Clock,
    code,
    facts::Told,
    policy::{Calendars, Policy},
    routing::{self, Routing},
};

/// One matter of one customer. What lists and queues go by stands here; everything else is in
/// [`Body`]; the words are kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub id: TicketId,
    /// Its number, unique within the tenant.
    pub number: i64,
    /// Changes with every command that changes the ticket.
    pub version: i64,
    /// The place of its last event in its history.
    pub sequence: i64,
    /// The time of its last event.
    pub last_at: Time,
    /// Where it stands.
    pub category: Category,
    /// The queue that it waits in or was taken from.
    pub queue: String,
    /// The team of the queue.
    pub team: String,
    /// What it needs of an agent as one key; see [`routing::lane`].
    pub lane: String,
    /// Who works on it.
    pub assignee: Option<String>,
    /// The customer, once known.
    pub customer: Option<CustomerId>,
    /// Since when it waits; a release does not reset it, a reopening does.
    pub queued_at: Time,
    /// When it was recorded.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Everything that nothing is looked up by.
    pub body: Body,
}

/// What is kept of a ticket that nothing is looked up by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// What kind of matter it is.
    #[serde(with = "code")]
    pub kind: Kind,
    /// What service is asked for.
    #[serde(with = "code")]
    pub service_type: ServiceType,
    /// Before, during or after the sale.
    #[serde(with = "code")]
    pub stage: Stage,
    /// How the customer came to us.
    #[serde(with = "code")]
    pub channel: Channel,
    /// What it is about.
    pub subject: Subject,
    /// The customer's language; empty for any.
    pub language: String,
    /// Skills without which nobody gets it, sorted.
    pub skills: Vec<String>,
    /// Which facts are told.
    pub told: Told,
    /// When it happened.
    pub occurred: Option<Time>,
    /// How staff judge it.
    pub triage: Option<Judgement>,
    /// Why it is closed.
    #[serde(with = "code")]
    pub close_reason: CloseReason,
    /// When it was closed.
    pub closed: Option<Time>,
    /// Its clocks.
    pub clocks: Vec<Clock>,
    /// Open stretches of work.
    pub sessions: Vec<Session>,
    /// What it takes of its assignee's capacity at present.
    pub held: i32,
    /// How often it was reopened.
    pub reopened: i32,
    /// The last resolution.
    pub resolution: Option<Resolved>,
    /// How many entries its conversation has.
    pub entries: i32,
    /// When customers is next to be asked for the customer, or whose the contact is; `None` where
    /// nothing is pending.
    pub link: Option<PendingLink>,
    /// Whether somebody named its queue; else routing chose it.
    pub queue_named: bool,
    /// When the present instance of its clocks began: recorded, or last opened again.
    pub began: Time,
    /// When it waited for the customer since then.
    pub waits: Vec<Wait>,
    /// The loop of surveys that it follows up.
    pub follows: Option<LoopId>,
}

impl Body {
    /// The name of the loop that it follows up; empty where it follows up none.
    pub fn loop_name(&self) -> String {
        self.follows.map(LoopId::name).unwrap_or_default()
    }
}

impl Body {
    fn lane(&self, queue: &str, cx: &Context<'_>) -> String {
        routing::lane(queue, &self.language, &self.skills, cx.policy.weight(self.channel))
    }
}

/// What a matter is about; empty where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The product, `products/{id}`.
    pub product: String,
    /// The purchase, `purchases/{id}`.
    pub purchase: String,
    /// The lot.
    pub lot: String,
    /// The component.
    pub component: String,
    /// The fault code.
    pub fault_code: String,
}

/// How staff judge a matter; cause and evidence are words and kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Of what nature it is.
    #[serde(with = "code")]
    pub nature: Nature,
    /// 1 (worst) to 4.
    pub severity: i32,
    /// When it was judged.
    pub at: Time,
}

/// A stretch of an agent's work that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who works.
    pub member: String,
    /// When it started.
    pub started: Time,
    /// When it ends by itself.
    pub until: Time,
}

/// A resolution that was proposed; its words are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// 1 for the first, one more after each objection.
    pub instance: i32,
    /// When it was proposed.
    pub at: Time,
    /// When the ticket closes by itself; `None` once the customer has spoken or it is closed.
    pub silent_close: Option<Time>,
}

/// A stretch in which it was the customer's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Since when.
    pub from: Time,
    /// Until when; `None` while it lasts.
    pub until: Option<Time>,
}

/// What customers is still to be asked: whether there is the customer, where one is named, else whose
/// the contact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingLink {
    /// How often it was tried.
    pub attempts: u32,
    /// When to try next.
    pub next: Time,
}

/// Who does something to a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of principal it is.
    pub kind: CallerKind,
    /// The member's slug, where it is one.
    pub member: Option<String>,
}

impl Actor {
    /// The suite itself.
    pub fn suite() -> Self {
        Self { kind: CallerKind::Service, member: None }
    }

    /// Whether somebody acts for the customer rather than the customer.
    pub fn on_behalf(&self) -> bool {
        match self.kind {
            // Whoever holds the link of a ticket speaks as its customer.
            CallerKind::Customer | CallerKind::Anonymous => false,
            CallerKind::Member
            | CallerKind::Integration
            | CallerKind::Service
            | CallerKind::Operator => true,
        }
    }
}

/// What a transition goes by besides the ticket.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time of the transition, never earlier than the ticket's last event.
    pub at: Time,
    /// Who does it.
    pub actor: &'a Actor,
    /// The tenant's policy.
    pub policy: &'a Policy,
    /// The tenant's calendars.
    pub calendars: &'a Calendars,
}

/// Why a transition does not take place.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// These stand in the way.
    Blocked(Vec<Blocker>),
    /// Somebody else has it.
    Claimed(String),
    /// The calendar has no such time.
    Calendar(CalendarError),
}

impl From<CalendarError> for Refusal {
    fn from(error: CalendarError) -> Self {
        Self::Calendar(error)
    }
}

impl Refusal {
    /// Refused by one blocker.
    pub fn one(kind: &'static str, subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Blocked(vec![Blocker { kind, subject: subject.into(), description: why.into() }])
    }

    /// Refused because of where the ticket stands.
    pub fn state(category: Category, why: &str) -> Self {
        let name = category.as_str_name();
        Self::one("STATE", name.strip_prefix("CATEGORY_").unwrap_or(name), why)
    }
}

/// One thing that happened, by the name that its event has.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// For instance `ticket.resolved`.
    pub kind: &'static str,
    /// What changed.
    pub change: Change,
}

/// Units of an agent's capacity that are taken (or, negative, given back).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Whose capacity.
    pub member: String,
    /// How many units.
    pub units: i32,
    /// Whether the capacity may be exceeded.
    pub force: bool,
}

/// A ticket after a transition, and what happened on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The ticket as it is now.
    pub ticket: Ticket,
    /// What happened, in order.
    pub happened: Vec<Happening>,
    /// What agents' capacity it takes or gives back.
    pub moves: Vec<Move>,
}

impl Changed {
    /// Nothing happened yet.
    pub fn start(ticket: Ticket) -> Self {
        Self { ticket, happened: Vec::new(), moves: Vec::new() }
    }

    pub(super) fn note(&mut self, kind: &'static str, change: Change) {
        self.happened.push(Happening { kind, change });
    }

    /// Counts this as a change of the ticket: a new version.
    pub(super) fn touch(&mut self, at: Time) {
        self.ticket.version += 1;
        self.ticket.updated_at = at;
    }
}

/// A ticket as it is first recorded.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub id: TicketId,
    /// The queue.
    pub queue: String,
    /// The team of the queue.
    pub team: String,
    /// The customer, if known.
    pub customer: Option<CustomerId>,
    /// Everything else; clocks are started here.
    pub body: Body,
}

impl Draft {
    /// Records the ticket and starts its clocks. Its number is given last, so that none is lost to a
    /// refusal.
    pub fn record(self, cx: &Context<'_>) -> Result<Changed, Refusal> {
        let ticket = Ticket {
            tenant: self.tenant,
            id: self.id,
            number: 0,
            version: 1,
            sequence: 0,
            last_at: cx.at,
            category: Category::New,
            lane: self.body.lane(&self.queue, cx),
            queue: self.queue,
            team: self.team,
            assignee: None,
            customer: self.customer,
            queued_at: cx.at,
            created_at: cx.at,
            updated_at: cx.at,
            body: self.body,
        };
        let mut changed = Changed::start(ticket);
        let body = &changed.ticket.body;
        let created = TicketCreated {
            channel: body.channel.into(),
            stage: body.stage.into(),
            product: body.subject.product.clone(),
            fault_code: body.subject.fault_code.clone(),
            missing_facts: body.told.missing(body.kind).into_iter().map(Into::into).collect(),
            r#loop: body.loop_name(),
        };
        changed.note("ticket.created", Change::Created(created));
        changed.start_clocks(cx, 1)?;
        Ok(changed)
    }
}

impl Ticket {
    /// Whether it can be claimed: nobody has it, and it is our turn.
    pub fn is_waiting(&self) -> bool {
        self.assignee.is_none() && matches!(self.category, Category::New | Category::Open)
    }

    /// Whether work on it is over, for now or for good.
    pub fn is_settled(&self) -> bool {
        matches!(self.category, Category::Resolved | Category::Closed)
    }

    /// The earliest due time of its running clocks.
    pub fn next_due(&self) -> Option<Time> {
        self.body.clocks.iter().filter_map(Clock::target_if_running).map(|t| t.due).min()
    }

    /// Writes fields; `paths` are those that changed since `before`, by their names in the contract.
    /// Another kind has other clocks, and another queue where routing chose it and nobody works on it.
    pub fn update(
        self,
        mut paths: Vec<String>,
        before: &Self,
        routing: &Routing,
        cx: &Context<'_>,
    ) -> Result<Changed, Refusal> {
        if self.category == Category::Closed {
            return Err(Refusal::state(self.category, "a closed ticket is not written any more"));
        }
        let retyped = self.body.kind != before.body.kind;
        let mut changed = Changed::start(self);
        let ticket = &mut changed.ticket;
        if retyped && ticket.route(routing) {
            paths.push("queue".to_owned());
        }
        ticket.lane = ticket.body.lane(&ticket.queue, cx);
        let missing = ticket.body.told.missing(ticket.body.kind);
        let missing_facts = missing.into_iter().map(Into::into).collect();
        changed.touch(cx.at);
        changed.note("ticket.updated", Change::Updated(TicketUpdated { paths, missing_facts }));
        if retyped {
            changed.change_clocks(cx)?;
        }
        Ok(changed)
    }

    /// Puts it into the queue that intake would choose now; false where it stays where it is.
    fn route(&mut self, routing: &Routing) -> bool {
        if self.body.queue_named || self.assignee.is_some() {
            return false;
        }
        let body = &self.body;
        match routing.queue_for(body.kind, body.channel, &body.language) {
            Some(queue) if queue.id != self.queue => {
                self.queue.clone_from(&queue.id);
                self.team.clone_from(&queue.team);
                true
            }
            _ => false,
        }
    }

    /// Links it to the customer that its contact turned out to be.
    pub fn link(self, customer: CustomerId, cx: &Context<'_>) -> Changed {
        let mut changed = Changed::start(self);
        changed.ticket.customer = Some(customer);
        changed.ticket.body.link = None;
        changed.ticket.body.told.who = true;
        changed.touch(cx.at);
        let paths = vec!["customer".to_owned()];
        let updated = TicketUpdated { paths, missing_facts: changed.missing_facts() };
        changed.note("ticket.updated", Change::Updated(updated));
        changed
    }

    /// Takes back a customer that turned out not to exist. The contact, where there is one, is
    /// resolved next.
    pub fn unlink(self, cx: &Context<'_>) -> Changed {
        let mut changed = Changed::start(self);
        let ticket = &mut changed.ticket;
        ticket.customer = None;
        ticket.body.told.who = ticket.body.told.reachable;
        let reachable = ticket.body.told.reachable;
        ticket.body.link = reachable.then_some(PendingLink { attempts: 0, next: cx.at });
        changed.touch(cx.at);
        let paths = vec!["customer".to_owned()];
        let updated = TicketUpdated { paths, missing_facts: changed.missing_facts() };
        changed.note("ticket.updated", Change::Updated(updated));
        changed
    }

    /// Notes that its contact reaches nobody: a complaint lacks who complains.
    pub fn reach_nobody(self, cx: &Context<'_>) -> Changed {
        let mut changed = Changed::start(self);
        let before = changed.missing_facts();
        let body = &mut changed.ticket.body;
        body.link = None;
        body.told.reachable = false;
        body.told.who = changed.ticket.customer.is_some();
        let missing_facts = changed.missing_facts();
        if missing_facts != before {
            changed.touch(cx.at);
            let updated = TicketUpdated { paths: Vec::new(), missing_facts };
            changed.note("ticket.updated", Change::Updated(updated));
        }
        changed
    }

    /// Judges it.
    pub fn judge(
        self,
        nature: Nature,
        severity: i32,
        cx: &Context<'_>,
    ) -> Result<Changed, Refusal> {
        if self.category == Category::Closed {
            return Err(Refusal::state(self.category, "a closed ticket is not judged any more"));
        }
        let mut changed = Changed::start(self);
        changed.ticket.body.triage = Some(Judgement { nature, severity, at: cx.at });
        changed.touch(cx.at);
        let triaged = TicketTriaged { nature: nature.into(), severity };
        changed.note("ticket.triaged", Change::Triaged(triaged));
        Ok(changed)
    }
}

impl Changed {
    pub(super) fn missing_facts(&self) -> Vec<i32> {
        let body = &self.ticket.body;
        body.told.missing(body.kind).into_iter().map(Into::into).collect()
    }

    /// Moves it to another category; the clocks follow.
    pub(super) fn turn(&mut self, category: Category, cx: &Context<'_>) -> Result<(), Refusal> {
        let previous = self.ticket.category;
        if previous == category {
            return Ok(());
        }
        self.ticket.category = category;
        self.touch(cx.at);
        self.note(
            "ticket.status_changed",
            Change::StatusChanged(StatusChanged { previous: previous.into() }),
        );
        let waits = &mut self.ticket.body.waits;
        if category == Category::WaitingCustomer {
            waits.push(Wait { from: cx.at, until: None });
            self.pause_clocks(cx)
        } else if previous == Category::WaitingCustomer {
            waits
                .iter_mut()
                .filter(|wait| wait.until.is_none())
                .for_each(|w| w.until = Some(cx.at));
            self.resume_clocks(cx)
        } else {
            Ok(())
        }
    }
}
