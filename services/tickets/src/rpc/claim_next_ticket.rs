//! ClaimNextTicket: an agent takes what is next.

use ::rpc::{Call, wire};
use ::store::{Retry, Tx, events, transact};
use contracts::tickets::v1 as pb;
use kernel::{TicketId, Violations, id};

use crate::{
    app::{self, App, Settings},
    command::{Author, RequestKey, context, hold, save, settings},
    convert,
    domain::{
        assign::Assignment,
        routing::{self, Profile, in_turn},
    },
    error::Error,
    rpc::{assign_ticket::give, claim_ticket::claimant},
    store::{agents, lanes, tickets, tickets::Stored},
};

/// How many heads of each lane are looked at first, and when others were just taking all of them:
/// enough that many who take at once find one each.
const HEADS: [i64; 2] = [8, 64];
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

    let search = Search { app: &app, call: &call, settings, member: &member, queue, key };
    for round in 0..ROUNDS {
        match search.round(HEADS[round.min(1)]).await {
            Ok(stored) => {
                let ticket = Some(convert::ticket(&app, &call, &stored)?);
                return Ok(pb::ClaimNextTicketResponse { ticket });
            }
            // The first call with this request id took one: the answer is that ticket as it is now.
            Err(Missed::Replayed(id)) => {
                let stored = transact!(app.db(), "ticket.claimed", |tx| hold(tx, &call, id).await)?;
                let ticket = Some(convert::ticket(&app, &call, &stored)?);
                return Ok(pb::ClaimNextTicketResponse { ticket });
            }
            Err(Missed::Nothing) => return Ok(pb::ClaimNextTicketResponse { ticket: None }),
            Err(Missed::Contended) => tokio::task::yield_now().await,
            Err(Missed::Failed(error)) => return Err(error),
        }
    }
    Err(Error::LostRace)
}

/// Why a round took nothing and was rolled back.
enum Missed {
    /// The request id took this ticket before.
    Replayed(TicketId),
    /// Nothing waits that this agent may take and has room for.
    Nothing,
    /// Others were just taking all that was looked at, or this agent's room.
    Contended,
    Failed(Error),
}

impl From<::store::Error> for Missed {
    fn from(error: ::store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for Missed {
    fn from(error: Error) -> Self {
        match error {
            // There was room when the round began.
            Error::CapacityExhausted { .. } => Self::Contended,
            error => Self::Failed(error),
        }
    }
}

impl Retry for Missed {
    fn lost_race(&self) -> bool {
        match self {
            Self::Replayed(_) | Self::Nothing | Self::Contended => false,
            Self::Failed(error) => error.lost_race(),
        }
    }
}

/// Who looks for what.
struct Search<'a> {
    app: &'a App,
    call: &'a Call,
    settings: &'a Settings,
    member: &'a str,
    queue: Option<&'a str>,
    key: Option<RequestKey>,
}

impl Search<'_> {
    async fn round(&self, heads: i64) -> Result<Stored, Missed> {
        let Self { app, call, .. } = self;
        transact!(app.db(), "ticket.claim_next", |tx| {
            if let Some(key) = &self.key
                && let Some(first) = key.claim(tx, app, call, "").await?
            {
                let first = TicketId::parse_name(&first);
                return Err(Missed::Replayed(first.ok_or(Error::Stored("idempotency.resource"))?));
            }
            let stored = self.take(tx, heads).await?;
            if let Some(key) = &self.key {
                key.name(tx, app, call, &stored.ticket.id.name()).await?;
            }
            Ok(stored)
        })
    }

    /// Takes the first in turn that nobody else is just taking.
    async fn take(&self, tx: &mut Tx, heads: i64) -> Result<Stored, Missed> {
        let (tenant, routing) = (self.call.tenant(), &self.settings.routing);
        let room = agents::room(tx, tenant, self.member).await?;
        let all = lanes::all(tx, tenant).await?;
        let profile = routing.agents.get(self.member).cloned().unwrap_or_default();
        let heads = lanes::heads(tx, tenant, &self.lanes(&all, &profile, room), heads).await?;
        let candidates = i32::try_from(heads.len()).unwrap_or(i32::MAX);
        let max_wait = |queue: &str| routing.queue(queue).map_or(i64::MAX, |q| q.max_wait);
        let now = self.app.clock().now();
        let mut contended = false;
        for (candidate, reason) in in_turn(heads, max_wait, now) {
            let Some(stored) = tickets::lock_waiting(tx, tenant, candidate.id).await? else {
                contended = true;
                continue;
            };
            // The policy, or the queue's team, may have changed since the ticket got its lane.
            let weight = self.settings.policy.weight(stored.ticket.body.channel);
            if !convert::visible(&stored.ticket, &self.call.scope) || i64::from(weight) > room {
                continue;
            }
            let at = events::monotone(now, stored.ticket.last_at);
            let actor = app::actor(self.call);
            let cx = context(self.settings, &actor, at);
            let how = Assignment { reason, candidates, over_capacity: false };
            let decided = give(routing, &stored, self.member, how, &cx)
                .map_err(|refusal| Error::refused(&stored.ticket.id.name(), refusal))?;
            let author = Author::of(self.call);
            return Ok(save(tx, self.app, &author, at, stored, decided).await?);
        }
        Err(if contended { Missed::Contended } else { Missed::Nothing })
    }

    /// The lanes that this agent may take from and has room for.
    fn lanes<'a>(&self, all: &'a [String], profile: &Profile, room: i64) -> Vec<&'a str> {
        let lanes = all.iter().map(String::as_str);
        lanes
            .filter(|lane| profile.admits(lane) && routing::weight(lane) <= room)
            .filter(|lane| self.queue.is_none_or(|queue| routing::queue(lane) == queue))
            .collect()
    }
}
