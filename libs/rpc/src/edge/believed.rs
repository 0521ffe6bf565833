//! What was found out about a credential is believed for a short while, so that not every call asks
//! again, and a flood of bad ones does not reach what knows.
//!
//! Credentials are kept by their hash only. One look-up per credential runs at a time: whoever comes
//! while it runs waits for the same answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use kernel::{CallerKind, Clock, Role, TenantId, keys};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Callers, Known, Refused};

/// How long an answer is believed. With the pace at which streams look again this stays below five
/// seconds, the time within which a suspension takes effect.
pub(super) const BELIEVED: Duration = Duration::from_secs(3);
/// How long a refusal is.
const REFUSED: Duration = Duration::from_secs(1);
/// How long a look-up may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many credentials are remembered.
const KEPT: usize = 8_192;

/// What is known of a credential.
pub(super) type Answer = Result<Arc<Known>, Refused>;

/// The credentials that came in lately.
pub(super) struct Believed {
    callers: Arc<dyn Callers>,
    clock: Clock,
    kept: Mutex<HashMap<[u8; 32], Kept>>,
}

struct Kept {
    answer: Shared<BoxFuture<'static, Answer>>,
    asked: Instant,
}

impl Kept {
    fn is_fresh(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.asked);
        match self.answer.peek() {
            None | Some(Ok(_)) => age < BELIEVED,
            Some(Err(_)) => age < REFUSED,
        }
    }

    fn let_in(&self) -> bool {
        matches!(self.answer.peek(), Some(Ok(_)))
    }
}

impl Believed {
    pub(super) fn new(callers: Arc<dyn Callers>, clock: Clock) -> Self {
        Self { callers, clock, kept: Mutex::default() }
    }

    /// Whom `token` stands for, and whether it has not been seen to hold before.
    pub(super) async fn look(&self, token: &str) -> (Answer, bool) {
        let (answer, first) = self.ask(token);
        let answer = answer.await.and_then(|known| {
            let ended = known.expires.is_some_and(|at| at <= self.clock.real_now());
            if ended { Err(Refused::Credential) } else { Ok(known) }
        });
        (answer, first)
    }

    /// The answer that is fresh or on its way, or a look-up that begins now.
    fn ask(&self, token: &str) -> (Shared<BoxFuture<'static, Answer>>, bool) {
        let hash = keys::digest(token.as_bytes());
        let now = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.get(&hash);
        if let Some(before) = before.filter(|before| before.is_fresh(now)) {
            return (before.answer.clone(), false);
        }
        let first = !before.is_some_and(Kept::let_in);
        if kept.len() >= KEPT {
            make_room(&mut kept, now);
        }
        let (callers, token) = (self.callers.clone(), token.to_owned());
        let answer = async move {
            let answer = tokio::time::timeout(PATIENCE, callers.caller(&token)).await;
            answer.unwrap_or(Err(Refused::Away)).and_then(settle).map(Arc::new)
        };
        let answer = answer.boxed().shared();
        kept.insert(hash, Kept { answer: answer.clone(), asked: now });
        (answer, first)
    }
}

/// Forgets whoever was refused or is not fresh, so that a flood of bad credentials does not drive out
/// the good ones; everybody where that leaves too many.
fn make_room(kept: &mut HashMap<[u8; 32], Kept>, now: Instant) {
    kept.retain(|_, one| one.let_in() && one.is_fresh(now));
    if kept.len() > KEPT / 2 {
        kept.clear();
    }
}

/// What holds for every caller from outside, whoever vouched for it: an operator belongs to no
/// tenant, only an operator runs the platform, and nobody is a part of the suite.
fn settle(mut known: Known) -> Result<Known, Refused> {
    let caller = &mut known.caller;
    match caller.kind {
        CallerKind::Service => return Err(Refused::Credential),
        CallerKind::Operator => caller.tenant = TenantId::from(Uuid::nil()),
        CallerKind::Anonymous
        | CallerKind::Customer
        | CallerKind::Member
        | CallerKind::Integration => caller.roles.retain(|role| *role != Role::Operator),
    }
    caller.roles.retain(|role| *role != Role::Service);
    Ok(known)
}
