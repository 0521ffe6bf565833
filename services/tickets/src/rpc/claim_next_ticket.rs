//! `ClaimNextTicket`: an agent takes what is next.

use ::rpc::{Call, wire};
use ::store::{Retry, Tx, events, idempotency::Once, transact};
use contracts::tickets::v1 as pb;
use kernel::{TicketId, Violations, id};

use crate::{
    app::{self, App, Settings},
    command::{Author, context, hold, save, settings},
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
    let once = app.once(&call, &request_id, &request);
    let settings = settings(&app, &call)?;
    let mut v = Violations::new();
    wire::check_request_id(&request_id, &mut v);
    let queue = id::slug_in(&request.queue, "queues");
    let known = queue.is_some_and(|queue| settings.routing.queue(queue).is_some());
    v.check(request.queue.is_empty() || known, "queue", "must be a queue of this tenant");
    v.finish(())?;
    let member = claimant(&app, &call)?;

    let search =
        Search { app: &app, call: &call, settings: &settings, member: &member, queue, once };
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
    once: Once,
}

impl Search<'_> {
    async fn round(&self, heads: i64) -> Result<Stored, Missed> {
        transact!(self.app.db(), "ticket.claim_next", |tx| {
            if let Some(first) = self.once.claim(tx, "", 0).await.map_err(Error::from)? {
                let first = TicketId::parse_name(&first.resource);
                return Err(Missed::Replayed(first.ok_or(Error::Stored("idempotency.resource"))?));
            }
            let stored = self.take(tx, heads).await?;
            self.once.name(tx, &stored.ticket.id.name()).await?;
            Ok(stored)
        })
    }

    /// Takes the first in turn that nobody else is just taking.
    async fn take(&self, tx: &mut Tx, heads: i64) -> Result<Stored, Missed> {
        let (tenant, routing) = (self.call.tenant(), &self.settings.routing);
        let room = agents::room(tx, tenant, self.member).await?;
        let profile = routing.agents.get(self.member).cloned().unwrap_or_default();
        let queues = profile.queues.iter().map(String::as_str);
        let queues: Vec<_> =
            queues.filter(|of| self.queue.is_none_or(|queue| queue == *of)).collect();
        let all = lanes::of_queues(tx, tenant, &queues).await?;
        let heads = lanes::heads(tx, tenant, &Self::lanes(&all, &profile, room), heads).await?;
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
    fn lanes<'a>(all: &'a [String], profile: &Profile, room: i64) -> Vec<&'a str> {
        let lanes = all.iter().map(String::as_str);
        lanes.filter(|lane| profile.admits(lane) && routing::weight(lane) <= room).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn the_earliest_due_comes_first_until_somebody_has_waited_too_long() {
        let house = House::new().await;
        let lin = house.agent("lin");
        assert_eq!(lin.claim_next().await.unwrap(), None);
        // Without any clock of the resolution it is due in 8 working hours.
        let praise = pb::Ticket { kind: pb::Kind::Praise.into(), ..inquiry() };
        let praise = lin.create(praise).await;
        let chat = pb::Ticket { channel: pb::Channel::WebChat.into(), ..inquiry() };
        let chat = lin.create(chat).await;
        assert_eq!(lin.claim_next().await.unwrap().unwrap().name, chat.name);
        house.later(Duration::from_hours(4)).await;
        let late = pb::Ticket { channel: pb::Channel::WebChat.into(), ..inquiry() };
        lin.create(late).await;
        let taken = lin.claim_next().await.unwrap().unwrap();
        assert_eq!(taken.name, praise.name);
        assert_eq!(taken.assignee, "members/lin");
    }

    #[tokio::test]
    async fn a_repeated_request_takes_nothing_more_even_when_nothing_waits() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let request = |n, queue: &str| pb::ClaimNextTicketRequest {
            queue: queue.to_owned(),
            request_id: request_id(n),
        };
        // What found nothing may find something when it is tried again.
        assert_eq!(lin.claim_next_ticket(request(1, "")).await.unwrap().ticket, None);
        let one = lin.create(inquiry()).await;
        let first = lin.claim_next_ticket(request(1, "")).await.unwrap().ticket.unwrap();
        assert_eq!(first.name, one.name);
        assert_eq!(lin.claim_next_ticket(request(1, "")).await.unwrap().ticket.unwrap(), first);
        let two = lin.create(inquiry()).await;
        assert_eq!(lin.claim_next_ticket(request(1, "")).await.unwrap().ticket.unwrap(), first);
        assert_eq!(
            told(lin.claim_next_ticket(request(1, "queues/general")).await)["resource"],
            one.name
        );
        let second = lin.claim_next_ticket(request(2, "queues/general")).await.unwrap();
        assert_eq!(second.ticket.unwrap().name, two.name);
        assert_eq!(house.used("lin").await, 2);
        assert_eq!(wrong(lin.claim_next_ticket(request(3, "queues/x")).await), ["queue"]);
    }

    #[tokio::test]
    async fn only_what_the_agent_may_take_and_has_room_for() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let complained = lin.create(complaint()).await;
        assert_eq!(house.agent("gen").claim_next().await.unwrap(), None, "another queue");
        let skilled = pb::Ticket { required_skills: vec!["refunds".to_owned()], ..inquiry() };
        lin.create(skilled).await;
        assert_eq!(house.agent("gen").claim_next().await.unwrap(), None, "a skill is lacking");
        lin.claim(&complained.name).await.unwrap();
        // However many wait that are too heavy, the light one behind them is found.
        for _ in 0..70 {
            let phone = pb::Ticket { channel: pb::Channel::Phone.into(), ..inquiry() };
            lin.create(phone).await;
        }
        let light = lin.create(inquiry()).await;
        assert_eq!(house.agent("tiny").claim_next().await.unwrap().unwrap().name, light.name);
        assert_eq!(house.agent("tiny").claim_next().await.unwrap(), None, "no room");
        let boss = house.client(member("boss", kernel::Role::Supervisor, &[]));
        assert_eq!(blockers(boss.claim_next().await), blocker("ROUTING_PROFILE", "member/boss"));
        // Who reaches the rows of one team takes from it.
        let front = member("a1", kernel::Role::Technician, &["front-line"]);
        let taken = house.client(front).claim_next().await.unwrap();
        assert_eq!(taken, None, "calls take more than an agent of two has");
        lin.release(&complained.name).await.unwrap();
        let resolution = member("a1", kernel::Role::Technician, &["resolution"]);
        let taken = house.client(resolution).claim_next().await.unwrap().unwrap();
        assert_eq!(taken.queue, "queues/complaints");
    }

    /// However many lanes there are, none is left out.
    #[tokio::test]
    async fn every_lane_is_looked_into() {
        let house = House::new().await;
        let lin = house.agent("lin");
        transact!(house.app.db(), "test.lanes", |tx| {
            for n in 0..10_001 {
                lanes::put(tx, tenant(1), "general", &format!("general||a-{n:05}|1")).await?;
            }
            Ok::<_, ::store::Error>(())
        })
        .unwrap();
        let last = lin
            .create(pb::Ticket { required_skills: vec!["refunds".to_owned()], ..inquiry() })
            .await;
        assert_eq!(lin.claim_next().await.unwrap().unwrap().name, last.name);
    }
}
