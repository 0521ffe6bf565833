//! What every command does around its decision: the request id, the ticket held, the scope, the
//! etag, capacity, the write with its events. In one transaction.

use std::sync::Arc;

use ::rpc::{Call, wire};
use ::store::{Tx, events, idempotency::Once, transact};
use contracts::tickets::v1 as pb;
use kernel::{TicketId, Time, Violations, etag::Demand};
use prost::Message;

use crate::{
    app::{self, App, Settings},
    convert,
    domain::{
        Actor, Refusal, Ticket,
        ticket::{Changed, Context, Move},
    },
    error::Error,
    store::{
        agents, lanes, tickets,
        tickets::{Stored, Texts},
    },
};

/// A command on one ticket, as its request names it.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) id: TicketId,
    pub(crate) etag: Demand,
    pub(crate) once: Once,
}

/// What the requests of all commands on one ticket have.
pub(crate) trait CommandRequest: Message {
    /// The ticket's name.
    fn name(&self) -> &str;
    /// The version that the caller saw.
    fn etag(&self) -> &str;
    /// The request id, which is the key and not part of the body.
    fn take_request_id(&mut self) -> String;
}

macro_rules! command_requests {
    ($($request:ident),*) => {$(
        impl CommandRequest for pb::$request {
            fn name(&self) -> &str {
                &self.name
            }

            fn etag(&self) -> &str {
                &self.etag
            }

            fn take_request_id(&mut self) -> String {
                std::mem::take(&mut self.request_id)
            }
        }
    )*};
}

command_requests!(
    TriageTicketRequest,
    AssignTicketRequest,
    ClaimTicketRequest,
    ReleaseTicketRequest,
    ResolveTicketRequest,
    ConfirmResolutionRequest,
    RejectResolutionRequest,
    ReopenTicketRequest,
    CloseTicketRequest
);

impl Command {
    /// Reads what all commands have; what is wrong goes to `violations`.
    pub(crate) fn parse(
        app: &App,
        call: &Call,
        request: &mut impl CommandRequest,
        violations: &mut Violations,
    ) -> Self {
        let request_id = request.take_request_id();
        wire::check_request_id(&request_id, violations);
        Self {
            id: ticket_id("name", request.name(), violations),
            etag: Demand::parse(request.etag()),
            once: app.once(call, &request_id, request),
        }
    }
}

/// The id in a ticket's name; a name of another form is a violation of `field`.
pub(crate) fn ticket_id(field: &str, name: &str, violations: &mut Violations) -> TicketId {
    TicketId::parse_name(name).unwrap_or_else(|| {
        violations.add(field, "must be a ticket's name, `tickets/{id}`");
        TicketId::from(uuid::Uuid::nil())
    })
}

/// What a command decides: the changed ticket, and its words where they changed.
pub(crate) struct Decision {
    pub(crate) changed: Changed,
    pub(crate) texts: Option<Texts>,
}

impl From<Changed> for Decision {
    fn from(changed: Changed) -> Self {
        Self { changed, texts: None }
    }
}

/// Runs a command: holds the ticket, lets `decide` decide, and writes what it decided. A ticket to
/// which nothing happened is not written. The same request again answers with the ticket as it is.
pub(crate) async fn run(
    app: &App,
    call: &Call,
    command: &Command,
    decide: impl Fn(&Stored, &Context<'_>) -> Result<Decision, Refusal> + Send + Sync,
) -> Result<pb::Ticket, Error> {
    run_with(app, call, command, false, |stored, _, cx| decide(stored, cx), Nothing).await
}

/// The same for a command that opens a ticket again (`reopens`): room for it is reserved at its
/// owner's first, since the decision goes by whether there is any. `also` is written along.
pub(crate) async fn run_with(
    app: &App,
    call: &Call,
    command: &Command,
    reopens: bool,
    decide: impl Fn(&Stored, bool, &Context<'_>) -> Result<Decision, Refusal> + Send + Sync,
    also: impl Also,
) -> Result<pb::Ticket, Error> {
    let stored = carry_out(app, call, command, reopens, decide, also).await?;
    convert::ticket(app, call, &stored)
}

/// The same, for whoever shows the ticket in another way.
pub(crate) async fn carry_out(
    app: &App,
    call: &Call,
    command: &Command,
    reopens: bool,
    decide: impl Fn(&Stored, bool, &Context<'_>) -> Result<Decision, Refusal> + Send + Sync,
    also: impl Also,
) -> Result<Stored, Error> {
    let settings = settings(app, call)?;
    let actor = app::actor(call);
    let name = command.id.name();
    let stored = transact!(app.db(), "ticket.command", |tx| {
        if command.once.claim(tx, &name, 0).await?.is_some() {
            return hold(tx, call, command.id).await;
        }
        let stored = hold(tx, call, command.id).await?;
        if !command.etag.admits(stored.ticket.version) {
            return Err(Error::StaleEtag(name.clone()));
        }
        let at = events::monotone(app.clock().now(), stored.ticket.last_at);
        let cx = context(&settings, &actor, at);
        let keep = reopens && keep_owner(tx, &settings, &stored.ticket, &cx).await?;
        let decided =
            decide(&stored, keep, &cx).map_err(|refusal| Error::refused(&name, refusal))?;
        also.write(tx, &decided.changed.ticket, at).await?;
        save(tx, app, &Author::of(call), at, stored, decided).await
    })?;
    app.note_lane(stored.ticket.tenant, &stored.ticket.lane);
    Ok(stored)
}

/// Something that is written along with a command.
pub(crate) trait Also: Send + Sync {
    /// Writes it.
    fn write(
        &self,
        tx: &mut Tx,
        ticket: &Ticket,
        at: Time,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Nothing is written along.
pub(crate) struct Nothing;

impl Also for Nothing {
    async fn write(&self, _: &mut Tx, _: &Ticket, _: Time) -> Result<(), Error> {
        Ok(())
    }
}

/// Reserves room at the owner's for a ticket that is about to be opened again; false where there is
/// none, or the owner takes no tickets any more.
pub(crate) async fn keep_owner(
    tx: &mut Tx,
    settings: &Settings,
    ticket: &Ticket,
    cx: &Context<'_>,
) -> Result<bool, Error> {
    let Some(Move { member, units, .. }) = ticket.claim_of_owner(cx) else { return Ok(false) };
    if ticket.body.held > 0 {
        return Ok(true);
    }
    if !settings.routing.agents.contains_key(&member) {
        return Ok(false);
    }
    Ok(agents::reserve(tx, ticket.tenant, &member, units).await?)
}

/// How the caller's tenant works.
pub(crate) fn settings(app: &App, call: &Call) -> Result<Arc<Settings>, Error> {
    app.settings(call.tenant()).ok_or(Error::TenantNotHeardOf)
}

/// What a transition goes by.
pub(crate) fn context<'a>(settings: &'a Settings, actor: &'a Actor, at: Time) -> Context<'a> {
    Context { at, actor, policy: &settings.policy, calendars: &settings.calendars }
}

/// Holds a ticket that the caller sees, to the end of the transaction.
pub(crate) async fn hold(tx: &mut Tx, call: &Call, id: TicketId) -> Result<Stored, Error> {
    tickets::lock(tx, call.tenant(), id)
        .await?
        .filter(|stored| convert::visible(&stored.ticket, &call.scope))
        .ok_or_else(|| Error::TicketNotFound(id.name()))
}

/// Who an event is by.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    kind: kernel::CallerKind,
    subject: String,
    trace: String,
}

impl Author {
    /// The caller.
    pub(crate) fn of(call: &Call) -> Self {
        let (_, subject) = wire::actor_parts(&call.caller);
        Self { kind: call.caller.kind, subject, trace: call.traceparent.to_string() }
    }

    /// The suite itself.
    pub(crate) fn suite() -> Self {
        Self::suite_in("")
    }

    /// The suite itself, within a trace.
    pub(crate) fn suite_in(trace: &str) -> Self {
        let (kind, subject) = (kernel::CallerKind::Service, "tickets".to_owned());
        Self { kind, subject, trace: trace.to_owned() }
    }
}

/// Writes what was decided: capacity, the ticket, its words, its events.
pub(crate) async fn save(
    tx: &mut Tx,
    app: &App,
    author: &Author,
    at: Time,
    before: Stored,
    decided: Decision,
) -> Result<Stored, Error> {
    let Decision { mut changed, texts } = decided;
    if changed.happened.is_empty() && changed.ticket == before.ticket {
        return Ok(before);
    }
    if !move_capacity(tx, &changed).await? {
        changed.stays_within_capacity();
    }
    let sequence = before.ticket.sequence;
    let events = number(&mut changed, author, at);
    let ticket = changed.ticket;
    // Also while somebody has it: when it waits again, its lane must be known.
    if ticket.lane != before.ticket.lane {
        ensure_lane(tx, app, &ticket).await?;
    }
    if !tickets::update(tx, &ticket, sequence).await? {
        return Err(Error::LostRace);
    }
    if let Some(texts) = &texts {
        tickets::update_texts(tx, ticket.tenant, ticket.id, texts).await?;
    }
    events::append(tx, app.partitions(), &events).await?;
    Ok(Stored { ticket, texts: texts.unwrap_or(before.texts) })
}

/// Notes the lane of a ticket where it is not known to be noted.
pub(crate) async fn ensure_lane(tx: &mut Tx, app: &App, ticket: &Ticket) -> Result<(), Error> {
    if !app.knows_lane(ticket.tenant, &ticket.lane) {
        lanes::put(tx, ticket.tenant, &ticket.queue, &ticket.lane).await?;
    }
    Ok(())
}

/// Gives what happened its places in the ticket's history.
pub(crate) fn number(changed: &mut Changed, author: &Author, at: Time) -> Vec<events::NewEvent> {
    let happened = std::mem::take(&mut changed.happened);
    let mut numbered = Vec::with_capacity(happened.len());
    let ticket = &mut changed.ticket;
    for one in happened {
        ticket.sequence += 1;
        let event = pb::TicketEvent {
            customer: ticket.customer.map(kernel::CustomerId::name).unwrap_or_default(),
            queue: format!("queues/{}", ticket.queue),
            assignee: ticket
                .assignee
                .as_ref()
                .map(|slug| format!("members/{slug}"))
                .unwrap_or_default(),
            kind: ticket.body.kind.into(),
            category: ticket.category.into(),
            change: Some(one.change),
        };
        numbered.push(events::NewEvent {
            tenant: ticket.tenant,
            aggregate: ticket.id.uuid(),
            sequence: ticket.sequence,
            at,
            kind: one.kind,
            payload: event.encode_to_vec(),
            actor_kind: author.kind,
            actor: author.subject.clone(),
            trace: author.trace.clone(),
        });
    }
    if !numbered.is_empty() {
        ticket.last_at = at;
    }
    numbered
}

/// Takes and gives back capacity, member by member in one order, so that two that move the same
/// members do not wait for each other. True where somebody's was exceeded.
async fn move_capacity(tx: &mut Tx, changed: &Changed) -> Result<bool, Error> {
    let mut exceeded = false;
    let tenant = changed.ticket.tenant;
    let mut moves: Vec<&Move> = changed.moves.iter().collect();
    moves.sort_by(|a, b| a.member.cmp(&b.member));
    for Move { member, units, force } in moves {
        if *units < 0 {
            agents::give_back(tx, tenant, member, -units).await?;
        } else if !agents::reserve(tx, tenant, member, *units).await? {
            if !force {
                return Err(Error::no_capacity(&changed.ticket.id.name(), member));
            }
            agents::force(tx, tenant, member, *units).await?;
            exceeded = true;
        }
    }
    Ok(exceeded)
}
