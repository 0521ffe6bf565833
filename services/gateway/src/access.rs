//! The access audit on its way from the door to the database: counted in memory minute by minute,
//! written in batches, never waited for.
//!
//! Memory is bounded: where more happens between two writes than there is room for, what is new is
//! dropped, and how much was is said in the log. A process that is killed loses what it saw in the
//! last seconds; one that is told to stop writes it.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contracts::gateway::v1::AccessKind;
use kernel::{Caller, Clock, TenantId, Time};
use rpc::wire;
use store::transact;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    App, Error,
    store::access::{self, Record},
};

/// How many different records wait at most.
const ROOM: usize = 8_192;
/// With so many of them they are written before their time.
const MANY: usize = ROOM / 2;
/// How often they are written.
const EVERY: Duration = Duration::from_secs(2);
const MINUTE: i64 = 60_000_000;

/// Where the door records who came in. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    waiting: Mutex<Waiting>,
    many: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    seen: HashMap<Key, Seen>,
    dropped: u64,
}

/// What makes it one record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    minute: Time,
    kind: AccessKind,
    actor_kind: &'static str,
    subject: String,
    method: String,
    credential: String,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Time,
    count: i64,
}

impl AccessLog {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { shared: Arc::new(Shared { clock, waiting: Mutex::default(), many: Notify::new() }) }
    }

    /// Records, without waiting, that `caller` did something of note in `tenant`: by `method`
    /// (`/package.Service/Method`; empty for sign-ins), having come in by `credential` (`oidc`,
    /// `local`, `key`).
    pub fn record(
        &self,
        tenant: TenantId,
        kind: AccessKind,
        caller: &Caller,
        method: &str,
        credential: &str,
    ) {
        let at = self.shared.clock.now();
        let (actor_kind, subject) = wire::actor_parts(caller);
        let key = Key {
            tenant,
            minute: minute(at),
            kind,
            actor_kind,
            subject,
            method: method.to_owned(),
            credential: credential.to_owned(),
        };
        let mut waiting = self.waiting();
        waiting.add(key, Seen { at, count: 1 });
        if waiting.seen.len() >= MANY {
            self.shared.many.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, key: Key, new: Seen) {
        let full = self.seen.len() >= ROOM;
        match self.seen.entry(key) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.count += new.count;
                known.at = known.at.min(new.at);
            }
            Entry::Vacant(_) if full => self.dropped += new.count.unsigned_abs(),
            Entry::Vacant(free) => {
                free.insert(new);
            }
        }
    }
}

/// The minute that a time is in, by its beginning.
pub(crate) fn minute(at: Time) -> Time {
    Time::from_micros(at.micros().div_euclid(MINUTE) * MINUTE)
}

/// Writes what the door recorded, and when keys were used, every few seconds until `stop`, and once
/// more then.
pub async fn run(app: App, stop: CancellationToken) {
    loop {
        let last = tokio::select! {
            () = stop.cancelled() => true,
            () = app.access.shared.many.notified() => false,
            () = tokio::time::sleep(EVERY) => false,
        };
        if let Err(error) = flush(&app).await {
            tracing::warn!(%error, cause = ?std::error::Error::source(&error), "access records wait for the database");
        }
        if let Err(error) = app.uses.flush(&app).await {
            tracing::warn!(%error, cause = ?std::error::Error::source(&error), "uses of keys wait for the database");
        }
        if last {
            return;
        }
    }
}

/// Writes what waits; where that fails, it waits on.
async fn flush(app: &App) -> Result<(), Error> {
    let Waiting { seen, dropped } = std::mem::take(&mut *app.access.waiting());
    // Also where there are none, so that the first ones are seen as a rise.
    app.metrics.audit_drops.with_label_values::<&str>(&[]).inc_by(dropped);
    if dropped > 0 {
        tracing::warn!(dropped, "access records dropped: more than there is room for");
    }
    if seen.is_empty() {
        return Ok(());
    }
    let mut records: Vec<_> = seen.iter().map(|(key, seen)| record(app, key, *seen)).collect();
    // In one order for all, so that two processes with the same minute do not wait for each other in
    // a circle.
    records.sort_by(|(a, at_a, one), (b, at_b, other)| {
        let order = |record: &Record| {
            let Record { subject, kind, method, actor_kind, credential, .. } = record.clone();
            (subject, kind, method, actor_kind, credential)
        };
        (a, at_a, order(one)).cmp(&(b, at_b, order(other)))
    });
    let written: Result<(), Error> =
        transact!(app.db, "access.flush", |tx| access::add(tx, &records).await);
    if written.is_err() {
        let mut waiting = app.access.waiting();
        for (key, seen) in seen {
            waiting.add(key, seen);
        }
    }
    written
}

fn record(app: &App, key: &Key, seen: Seen) -> (TenantId, Time, Record) {
    let record = Record {
        id: app.ids.next(),
        at: seen.at,
        kind: i64::from(key.kind as i32),
        actor_kind: key.actor_kind.to_owned(),
        subject: key.subject.clone(),
        method: key.method.clone(),
        credential: key.credential.clone(),
        count: seen.count,
    };
    (key.tenant, key.minute, record)
}

#[cfg(test)]
mod tests {
    use kernel::page::Position as _;

    use super::*;
    use crate::{
        position::Position,
        rpc::fixture::{Fixture, admin, agent, tenant},
        store::access::Path,
    };

    async fn written(app: &App, number: u128) -> Vec<Record> {
        access::list(&app.db, tenant(number), &Path::All, Position::START, 100).await.unwrap()
    }

    const GET: &str = "/aftercare.tickets.v1.TicketService/GetTicket";

    #[tokio::test]
    async fn what_happens_within_a_minute_is_one_record_whoever_wrote_first() {
        let fixture = Fixture::new().await;
        let (app, log) = (&fixture.app, fixture.app.access_log());
        let caller = agent().caller;
        for _ in 0..3 {
            log.record(tenant(1), AccessKind::Denied, &caller, GET, "local");
        }
        flush(app).await.unwrap();
        log.record(tenant(1), AccessKind::Denied, &caller, GET, "local");
        log.record(tenant(1), AccessKind::Unmasked, &caller, GET, "local");
        flush(app).await.unwrap();
        let records = written(app, 1).await;
        let told: Vec<_> = records.iter().map(|one| (one.kind, one.count)).collect();
        assert_eq!(told.len(), 2);
        assert!(told.contains(&(2, 4)) && told.contains(&(3, 1)), "{told:?}");
        assert_eq!(records[0].subject, "members/amy");
        app.clock.advance(Duration::from_mins(1));
        log.record(tenant(1), AccessKind::Denied, &caller, GET, "local");
        flush(app).await.unwrap();
        assert_eq!(written(app, 1).await.len(), 3);
        assert!(written(app, 2).await.is_empty());
    }

    #[tokio::test]
    async fn memory_is_bounded_and_what_has_no_room_is_counted() {
        let fixture = Fixture::new().await;
        let log = fixture.app.access_log();
        let mut caller = (*agent().caller).clone();
        for number in 0..ROOM + 10 {
            caller.subject = format!("m{number}");
            log.record(tenant(1), AccessKind::SignIn, &caller, "", "oidc");
        }
        // Who is known already is still counted.
        caller.subject = "m0".to_owned();
        log.record(tenant(1), AccessKind::SignIn, &caller, "", "oidc");
        {
            let waiting = log.waiting();
            assert_eq!((waiting.seen.len(), waiting.dropped), (ROOM, 10));
            assert!(waiting.seen.values().any(|seen| seen.count == 2));
        }
        let told = |count: u8| {
            let line = format!("aftercare_access_audit_drops_total {count}\n");
            fixture.app.metrics.text().contains(&line)
        };
        flush(&fixture.app).await.unwrap();
        assert!(told(10));
        flush(&fixture.app).await.unwrap();
        assert!(told(10), "each is counted once");
    }

    #[tokio::test]
    async fn what_cannot_be_written_waits() {
        let fixture = Fixture::new().await;
        let (app, log) = (&fixture.app, fixture.app.access_log());
        log.record(tenant(1), AccessKind::SignIn, &agent().caller, "", "oidc");
        app.db.close().await;
        assert!(flush(app).await.is_err());
        log.record(tenant(1), AccessKind::SignIn, &agent().caller, "", "oidc");
        let waiting = log.waiting();
        assert_eq!(waiting.seen.values().map(|seen| seen.count).collect::<Vec<_>>(), [2]);
    }

    #[tokio::test]
    async fn whoever_is_told_to_stop_writes_first() {
        let fixture = Fixture::new().await;
        let key = fixture.key(&["tickets.read"]).await;
        let app = &fixture.app;
        app.access_log().record(tenant(1), AccessKind::SignIn, &admin().caller, "", "oidc");
        app.note_use(tenant(1), key.id);
        let stop = CancellationToken::new();
        stop.cancel();
        run(app.clone(), stop).await;
        assert_eq!(written(app, 1).await.len(), 1);
        let facts = app.directory().api_key(key.id).await.unwrap().unwrap();
        assert_eq!(facts.tenant, tenant(1));
        let used = crate::store::api_keys::get(&app.db, tenant(1), key.id).await.unwrap().unwrap();
        assert_eq!(used.last_used_at, Some(minute(app.clock.real_now())));
    }
}
