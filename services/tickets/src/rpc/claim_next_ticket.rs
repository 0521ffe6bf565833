//! ClaimNextTicket: an agent takes what is next.

use ::rpc::{Call, wire};
use ::store::{Tx, events, transact};
use contracts::tickets::v1 as pb;
use kernel::{TicketId, Violations, id};

use crate::{
    app::{self, App, Settings},
    command::{Author, Decision, RequestKey, context, hold, save, settings},
    convert,
    domain::{
        routing::{Profile, in_turn},
        ticket::Assignment,
    },
    error::Error,
    rpc::claim_ticket::claimant,
    store::{agents, lanes, tickets, tickets::Stored},
};

/// How many lanes are looked into for one agent.
const MOST_LANES: usize = 64;
/// How often the heads of the lanes are looked at again when others took all of them meanwhile.
const ROUNDS: usize = 20;

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ClaimNextTicketRequest,
) -> Result<pb::ClaimNextTicketResponse, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let key = RequestKey::of(&app, &request_id, &request);
    let settings = settings(&app, &call)?;
    let mut v = Violations::new();
    wire::check_request_id(&request_id, &mut v);
    let queue = id::slug_in(&request.queue, "queues");
    let known = queue.is_some_and(|queue| settings.routing.queue(queue).is_some());
    v.check(request.queue.is_empty() || known, "queue", "must be a queue of this tenant");
    v.finish(())?;
    let member = claimant(&app, &call)?;

    let mut taken = None;
    for _ in 0..ROUNDS {
        match round(&app, &call, settings, &member, queue, key.as_ref()).await? {
            Round::Taken(stored) => {
                taken = Some(stored);
                break;
            }
            Round::Nothing => break,
            Round::Contended => tokio::task::yield_now().await,
        }
    }
    let ticket = taken.map(|stored| convert::ticket(&app, &call, &stored)).transpose()?;
    Ok(pb::ClaimNextTicketResponse { ticket })
}

enum Round {
    Taken(Box<Stored>),
    /// Nothing waits that this agent may take and has room for.
    Nothing,
    /// Others were just taking all that was looked at.
    Contended,
}

async fn round(
    app: &App,
    call: &Call,
    settings: &Settings,
    member: &str,
    queue: Option<&str>,
    request: Option<&RequestKey>,
) -> Result<Round, Error> {
    let taken = transact!(app.db(), "ticket.claim_next", |tx| {
        attempt(tx, app, call, settings, member, queue, request).await
    });
    match taken {
        Ok(round) => Ok(round),
        // The first call with this request id took one: the answer is that ticket as it is now.
        Err(Attempt::Replayed(id)) => {
            let stored = transact!(app.db(), "ticket.claimed", |tx| hold(tx, call, id).await)?;
            Ok(Round::Taken(Box::new(stored)))
        }
        Err(Attempt::Failed(error)) => Err(error),
    }
}

/// Why an attempt was rolled back.
enum Attempt {
    Replayed(TicketId),
    Failed(Error),
}

impl From<::store::Error> for Attempt {
    fn from(error: ::store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl ::store::Retry for Attempt {
    fn lost_race(&self) -> bool {
        match self {
            Self::Replayed(_) => false,
            Self::Failed(error) => error.lost_race(),
        }
    }
}

async fn attempt(
    tx: &mut Tx,
    app: &App,
    call: &Call,
    settings: &Settings,
    member: &str,
    queue: Option<&str>,
    request: Option<&RequestKey>,
) -> Result<Round, Attempt> {
    let tenant = call.tenant();
    let all = lanes::all(tx, tenant).await?;
    let profile = settings.routing.agents.get(member).cloned().unwrap_or_default();
    let mine = admitted(&all, &profile, queue);
    let now = app.clock().now();
    let heads = lanes::heads(tx, tenant, &mine).await?;
    let candidates = i32::try_from(heads.len()).unwrap_or(i32::MAX);
    let max_wait = |queue: &str| settings.routing.queue(queue).map_or(i64::MAX, |q| q.max_wait);
    let room = agents::room(tx, tenant, member).await?;
    let mut fits = false;
    for (candidate, reason) in in_turn(heads, max_wait, now) {
        let Some(stored) = tickets::lock_waiting(tx, tenant, candidate.id).await? else {
            fits = true;
            continue;
        };
        if !convert::visible(&stored.ticket, &call.scope)
            || i64::from(settings.policy.weight(stored.ticket.body.channel)) > room
        {
            continue;
        }
        let name = stored.ticket.id.name();
        if let Some(request) = request
            && let Some(first) = request.claim(tx, app, call, &name).await?
        {
            let first =
                TicketId::parse_name(&first).ok_or(Error::Stored("idempotency.resource"))?;
            return Err(Attempt::Replayed(first));
        }
        let at = events::monotone(now, stored.ticket.last_at);
        let actor = app::actor(call);
        let cx = context(settings, &actor, at);
        let how = Assignment { reason, candidates, over_capacity: false };
        let changed = stored
            .ticket
            .clone()
            .assign(member, how, &cx)
            .map_err(|refusal| Error::refused(&name, refusal))?;
        let stored = save(tx, app, &Author::of(call), at, stored, Decision::from(changed)).await?;
        return Ok(Round::Taken(Box::new(stored)));
    }
    Ok(if fits { Round::Contended } else { Round::Nothing })
}

fn admitted<'a>(lanes: &'a [String], profile: &Profile, queue: Option<&str>) -> Vec<&'a str> {
    lanes
        .iter()
        .map(String::as_str)
        .filter(|lane| profile.admits(lane))
        .filter(|lane| queue.is_none_or(|queue| lane.split('|').next() == Some(queue)))
        .take(MOST_LANES)
        .collect()
}
