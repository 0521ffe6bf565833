//! How many calls the process takes on at once, learnt from how long they take.
//!
//! The limit follows the latency against a baseline (a gradient): while calls take less than twice
//! as long as they do without a queue, and the limit is used, it grows; beyond, it shrinks in
//! proportion. The baseline is the latency seen while the process is not busy; it falls quickly and
//! rises slowly, and while busy it rises only when the limit is at its floor, where what is left of
//! the latency is the service's own. Traffic is never held back in order to measure.
//!
//! When there is not room for all, lists give way first, then other reads, then writes; and nobody
//! may fill the process while others ask. Streams live long and say nothing of latency, so that they
//! are counted apart.

mod limiter;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kernel::TenantId;
use rpc::access::{Idempotency, Method};
use tonic::{Code, Status};

use limiter::{Limiter, Took};

/// What gives way to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Lists and searches: shed first, since they cost most and are easily asked again.
    List,
    /// Other methods without side effects.
    Read,
    /// Writes and claims: somebody's work is lost with them.
    Write,
    /// Streams: counted apart.
    Stream,
}

impl Class {
    /// The class of calls to this method.
    pub fn of(method: &Method) -> Self {
        let name = method.path.rsplit('/').next().unwrap_or_default();
        if method.streams {
            Self::Stream
        } else if method.idempotency != Idempotency::NoSideEffects {
            Self::Write
        } else if name.starts_with("List") || name.starts_with("Search") {
            Self::List
        } else {
            Self::Read
        }
    }

    /// The part of the limit that calls of this class may fill.
    fn part(self) -> f64 {
        match self {
            Self::List => 0.8,
            Self::Read => 0.95,
            Self::Write | Self::Stream => 1.0,
        }
    }
}

/// A call is refused: there are too many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many calls at once")]
pub struct Shed {
    /// When to try again.
    pub retry_after: Duration,
}

impl Shed {
    /// UNAVAILABLE, with the time to wait.
    pub fn status(self) -> Status {
        rpc::status::overloaded(self.retry_after)
    }
}

/// What the process takes on at once.
#[derive(Clone, Debug)]
pub struct Overload {
    limiter: Arc<Mutex<Limiter>>,
    epoch: Instant,
}

impl Overload {
    /// Takes on at most `ceiling` calls at once, and as many streams besides.
    pub fn new(ceiling: u32) -> Self {
        Self { limiter: Arc::new(Mutex::new(Limiter::new(ceiling))), epoch: Instant::now() }
    }

    /// Refuses a call where nobody's would be let in.
    pub fn room(&self, class: Class) -> Result<(), Shed> {
        lock(&self.limiter).room(self.epoch.elapsed(), class)
    }

    /// Lets a call in, or refuses it at once. The permit is held until the answer has been sent.
    pub fn enter(&self, tenant: TenantId, class: Class) -> Result<Permit, Shed> {
        let entered = self.epoch.elapsed();
        lock(&self.limiter).enter(entered, tenant, class)?;
        Ok(Permit { overload: self.clone(), tenant, class, entered, took: Took::Cut })
    }

    /// How many calls are let in at once at present.
    pub fn limit(&self) -> u32 {
        lock(&self.limiter).whole_limit()
    }

    /// How many are in now, streams aside.
    pub fn in_flight(&self) -> u32 {
        lock(&self.limiter).in_flight()
    }
}

fn lock(limiter: &Mutex<Limiter>) -> MutexGuard<'_, Limiter> {
    limiter.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call's place in the process. It is given back when this is dropped.
#[derive(Debug)]
pub struct Permit {
    overload: Overload,
    tenant: TenantId,
    class: Class,
    entered: Duration,
    took: Took,
}

impl rpc::edge::Permit for Permit {
    /// The time until now is what the call took: how fast its caller reads says nothing of the
    /// process.
    fn answered(&mut self, code: Option<Code>) {
        let failed = code.is_some_and(|code| !matches!(code, Code::Ok | Code::DeadlineExceeded));
        let took = self.overload.epoch.elapsed().saturating_sub(self.entered);
        self.took = if failed { Took::Failed } else { Took::Answered(took) };
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.overload.epoch.elapsed();
        let (tenant, class, entered) = (self.tenant, self.class, self.entered);
        lock(&self.overload.limiter).leave(now, tenant, class, entered, self.took);
    }
}

#[cfg(test)]
mod tests {
    use rpc::Methods;

    use super::*;

    fn tenant(number: u128) -> TenantId {
        TenantId::from(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn lists_give_way_before_writes_and_claims() {
        let methods = Methods::read(&contracts::POOL);
        let class = |name: &str| {
            Class::of(methods.get(&format!("/aftercare.tickets.v1.TicketService/{name}")).unwrap())
        };
        assert_eq!(class("ListTickets"), Class::List);
        assert_eq!(class("GetTicket"), Class::Read);
        assert_eq!(class("ClaimNextTicket"), Class::Write);
        assert_eq!(class("WatchTickets"), Class::Stream);
    }

    #[test]
    fn a_refusal_says_when_to_come_again() {
        let overload = Overload::new(32);
        let held: Vec<_> =
            std::iter::from_fn(|| overload.enter(tenant(1), Class::Write).ok()).collect();
        assert_eq!(held.len(), 32);
        let status = overload.enter(tenant(1), Class::Write).unwrap_err().status();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.metadata().get(rpc::status::PUSHBACK).is_some());
        drop(held);
        assert_eq!(overload.in_flight(), 0);
        assert!(overload.enter(tenant(1), Class::List).is_ok());
    }

    #[test]
    fn a_place_is_given_back_when_the_permit_goes() {
        let overload = Overload::new(32);
        let mut permit = overload.enter(tenant(1), Class::Read).unwrap();
        rpc::edge::Permit::answered(&mut permit, None);
        assert_eq!(overload.in_flight(), 1);
        drop(permit);
        assert_eq!(overload.in_flight(), 0);
    }
}
