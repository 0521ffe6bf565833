//! Gives events their place in the feed.
//!
//! In one transaction, for all partitions with a backlog that this process holds: fence off earlier
//! holders, which takes the partitions' rows and so makes commit order position order; copy the oldest
//! rows of each one's outbox with positions head + 1 … n; delete exactly those; move the heads. The
//! order is `(at, aggregate, sequence)` with an `at` that never falls within an aggregate, since wall
//! time would break an aggregate's order between processes whose clocks differ, and (aggregate,
//! sequence) would starve some under a limit. Only where that fails each partition goes by itself.
//!
//! A lease keeps replicas from trying the same partition; were it to fail, the fence holds. It runs
//! on [`Db::queue`]: plans that were cached while the outbox was empty would be 40 times slower, and
//! a holder that hangs in its transaction is cut off well before its lease ends.

use std::{collections::BTreeSet, slice, time::Duration};

use kernel::{Clock, Time, fault::chain};
use store::{Db, Engine, Error, List, Sql, Tx, args, transact};
use telemetry::Metrics;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::Source;

/// How many events of a partition one transaction moves: on SQLite, which has one unless it was made
/// otherwise, it holds the only writer for some 5 ms.
pub(crate) const BATCH: u32 = 500;
/// How long a partition is held; more than the 1.5 s after which a hung transaction is cut off.
pub(crate) const LEASE: Duration = Duration::from_secs(5);
/// How often the outbox is looked at without a wake-up, for events of other replicas that died.
const POLL: Duration = Duration::from_millis(250);
/// After a wake-up, more commits are waited for: one transaction then moves them together.
const GATHER: Duration = Duration::from_millis(5);
/// Passes that move something begin this far apart at least. The first event after a quiet time goes
/// at once; under load each pass, and each of the transactions of those who follow, takes many.
const PACE: Duration = Duration::from_millis(250);
/// A database whose host has vanished answers nothing: after so long a pass is begun anew, on another
/// connection. It is more than a slow server takes that cuts off every partition, each by itself.
const PATIENCE: Duration = Duration::from_mins(5);

const BACKLOG: Sql = Sql::both(
    "SELECT p.partition, (SELECT MIN(o.at) FROM outbox o WHERE o.partition = p.partition) \
     FROM partitions p ORDER BY p.partition",
);
// Whose row somebody else is just holding is not waited for: the other partitions would wait, too.
const TAKE: Sql = Sql::split(
    "UPDATE partitions SET \
     epoch = CASE WHEN holder = $2 AND expires > $4 THEN epoch ELSE epoch + 1 END, \
     holder = $2, expires = $3 \
     WHERE partition = $1 AND (holder = $2 OR expires <= $4) RETURNING epoch",
    "UPDATE partitions SET \
     epoch = CASE WHEN holder = $2 AND expires > $4 THEN epoch ELSE epoch + 1 END, \
     holder = $2, expires = $3 WHERE partition = (SELECT partition FROM partitions \
     WHERE partition = $1 AND (holder = $2 OR expires <= $4) FOR UPDATE SKIP LOCKED) \
     RETURNING epoch",
);
const RELEASE: Sql = Sql::both(
    "UPDATE partitions SET expires = 0 WHERE partition = $1 AND holder = $2 AND epoch = $3",
);
// What follows moves a partition on SQLite; on PostgreSQL see `move_all`.
const COPY: Sql = Sql::both(
    "INSERT INTO feed (partition, position, at, tenant, aggregate, sequence) \
     SELECT partition, $2 + ROW_NUMBER() OVER (ORDER BY at, tenant, aggregate, sequence), \
     at, tenant, aggregate, sequence FROM \
     (SELECT partition, at, tenant, aggregate, sequence FROM outbox WHERE partition = $1 \
     ORDER BY at, tenant, aggregate, sequence LIMIT $3) AS batch",
);
const DELETE: Sql = Sql::both(
    "DELETE FROM outbox WHERE partition = $1 AND (at, tenant, aggregate, sequence) IN \
     (SELECT at, tenant, aggregate, sequence FROM feed WHERE partition = $1 AND position > $2)",
);
const ADVANCE: Sql = Sql::both("UPDATE partitions SET head = head + $2 WHERE partition = $1");

pub(crate) const STATEMENTS: &[Sql] = &[BACKLOG, TAKE, RELEASE, COPY, DELETE, ADVANCE];

/// Moves the events of one service from its outbox to its feed, beside any number of others that do
/// the same.
#[derive(Debug)]
pub struct Sequencer {
    source: Source,
    db: Db,
    clock: Clock,
    holder: String,
    metrics: Metrics,
    held: Vec<Held>,
    /// Partitions that could not be moved the last time.
    stuck: BTreeSet<i64>,
}

/// A partition that this sequencer believes to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    partition: i64,
    epoch: i64,
    renew_at: Time,
}

impl Sequencer {
    /// The sequencer of a source. `holder` names this replica, see [`store::lease`].
    pub fn new(source: Source, clock: Clock, holder: String, metrics: Metrics) -> Self {
        let db = source.db().queue();
        Self { source, db, clock, holder, metrics, held: Vec::new(), stuck: BTreeSet::new() }
    }

    /// Runs until `stop`, and then gives its partitions up, so that the next one need not wait.
    pub async fn run(mut self, stop: CancellationToken) {
        self.sequence_until(&stop).await;
        if let Err(error) = self.release().await {
            let (name, error) = (self.source.name(), chain(&error));
            tracing::warn!(source = name, error, "partitions were not given up");
        }
    }

    async fn sequence_until(&mut self, stop: &CancellationToken) {
        let db = self.db.clone();
        loop {
            let began = Instant::now();
            let ticked = timeout(PATIENCE, self.tick()).await;
            let name = self.source.name();
            let more = match ticked {
                Ok(Ok(more)) => more,
                Ok(Err(error)) => {
                    tracing::warn!(source = name, error = chain(&error), "sequencing failed");
                    false
                }
                Err(_) => {
                    tracing::warn!(source = name, "sequencing came to no end, and is begun anew");
                    false
                }
            };
            if more && !stop.is_cancelled() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = db.appended() => {}
                () = tokio::time::sleep(POLL) => {}
            }
            let next = (began + PACE).max(Instant::now() + GATHER);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Gives up the leases of all partitions that it holds.
    async fn release(&mut self) -> Result<(), Error> {
        for held in std::mem::take(&mut self.held) {
            transact!(self.db, "feed.release", |tx| {
                let values = args![held.partition, &self.holder, held.epoch];
                tx.execute(RELEASE, values).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Moves one batch of each partition that has a backlog and that this sequencer holds or can
    /// take. True where there may be more.
    pub async fn tick(&mut self) -> Result<bool, Error> {
        let backlog: Vec<(i64, Option<i64>)> = self.db.all(BACKLOG, args![]).await?;
        let oldest = backlog.iter().filter_map(|(_, at)| *at).min();
        self.measure(oldest.map(Time::from_micros));
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for (partition, _) in backlog.into_iter().filter(|(_, oldest)| oldest.is_some()) {
            let held = self.hold(partition).await?;
            let lot = if self.stuck.contains(&partition) { &mut alone } else { &mut together };
            lot.extend(held);
        }
        let mut more = false;
        match self.advance(&together).await {
            Ok(moved) => more = moved,
            Err(error) if is_away(&error) => return Err(error),
            // Each by itself says which one it was, or takes less time than all of them.
            Err(_) => alone.extend(together),
        }
        for lease in &alone {
            more |= self.advance_alone(lease).await?;
        }
        Ok(more)
    }

    /// Moves one batch of a partition that is or may be broken: the others must not wait for it, nor be
    /// moved in vain with it again and again.
    async fn advance_alone(&mut self, lease: &Held) -> Result<bool, Error> {
        let partition = lease.partition;
        match self.advance(slice::from_ref(lease)).await {
            Err(error) if !is_away(&error) => {
                let (name, error) = (self.source.name(), chain(&error));
                tracing::error!(source = name, partition, error, "a partition is stuck");
                self.stuck.insert(partition);
                Ok(false)
            }
            Ok(moved) => {
                self.stuck.remove(&partition);
                Ok(moved)
            }
            away => away,
        }
    }

    /// Moves one batch of each of these partitions. True where there may be more.
    async fn advance(&mut self, leases: &[Held]) -> Result<bool, Error> {
        if leases.is_empty() {
            return Ok(false);
        }
        let moved = sequence(&self.db, leases).await?;
        let is_ours = |partition| moved.iter().any(|moved| moved.partition == partition);
        let lost = |held: &Held| leases.contains(held) && !is_ours(held.partition);
        self.held.retain(|held| !lost(held));
        for Moved { partition, head, .. } in moved.iter().filter(|moved| moved.count > 0) {
            self.source.announce(*partition, *head);
        }
        Ok(moved.iter().any(|moved| moved.count == i64::from(BATCH)))
    }

    /// The lease of a partition, renewed where half of it is over; `None` while another holds it.
    async fn hold(&mut self, partition: i64) -> Result<Option<Held>, Error> {
        let now = self.clock.now();
        let known = self.held.iter().find(|held| held.partition == partition);
        if let Some(held) = known.filter(|held| now < held.renew_at) {
            return Ok(Some(*held));
        }
        let held = take(&self.db, partition, &self.holder, now, LEASE).await?;
        self.held.retain(|other| other.partition != partition);
        self.held.extend(held);
        Ok(held)
    }

    #[expect(clippy::cast_precision_loss, reason = "an age in seconds needs no 53 bits")]
    fn measure(&self, oldest: Option<Time>) {
        let micros = oldest.map_or(0, |at| self.clock.now().since(at).max(0));
        let age = self.metrics.outbox_age.with_label_values(&[self.source.name()]);
        age.set(micros as f64 / 1e6);
    }
}

/// Whether it is the database's own matter, and of no use to try anything else now.
fn is_away(error: &Error) -> bool {
    error.is_transient() && !error.took_too_long()
}

/// What became of a partition: how many events were moved, and the head behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) partition: i64,
    pub(crate) count: i64,
    pub(crate) head: i64,
}

/// Takes or renews the lease of a partition.
pub(crate) async fn take(
    db: &Db,
    partition: i64,
    holder: &str,
    now: Time,
    lease: Duration,
) -> Result<Option<Held>, Error> {
    transact!(db, "feed.lease", |tx| {
        let values = args![partition, holder, now + lease, now];
        let row: Option<(i64,)> = tx.optional(TAKE, values).await?;
        Ok::<_, Error>(row.map(|(epoch,)| Held { partition, epoch, renew_at: now + lease / 2 }))
    })
}

/// Moves one batch of each of these partitions, but of those that another holder has taken meanwhile or
/// is just holding.
pub(crate) async fn sequence(db: &Db, leases: &[Held]) -> Result<Vec<Moved>, Error> {
    transact!(db, "feed.sequence", |tx| {
        let fenced = fence(tx, leases).await?;
        move_batches(tx, &fenced).await
    })
}

/// A partition whose row is held, and its head.
type Fenced = (i64, i64);

/// Takes the partitions' rows for the rest of the transaction, but of those whose epoch has passed, or
/// that somebody else is just holding.
pub(crate) async fn fence(tx: &mut Tx, leases: &[Held]) -> Result<Vec<Fenced>, Error> {
    let mut list =
        List::new("SELECT partition, head FROM partitions WHERE (partition, epoch) IN (VALUES ");
    list.rows(leases.iter().map(|lease| args![lease.partition, lease.epoch]));
    list.push(")");
    if tx.engine() == Engine::Postgres {
        list.push(" FOR UPDATE SKIP LOCKED");
    }
    let (text, values) = list.finish();
    tx.all(text, values).await
}

/// Moves the oldest rows of each partition's outbox behind its head.
pub(crate) async fn move_batches(tx: &mut Tx, fenced: &[Fenced]) -> Result<Vec<Moved>, Error> {
    let mut all = Vec::new();
    match tx.engine() {
        Engine::Sqlite => {
            for (partition, head) in fenced {
                let count = move_batch(tx, *partition, *head).await?;
                all.push(Moved { partition: *partition, count, head: head + count });
            }
        }
        Engine::Postgres if fenced.is_empty() => {}
        Engine::Postgres => {
            let (text, values) = move_all(fenced).finish();
            let moved: Vec<(i64, i64, i64)> = tx.all(text, values).await?;
            for (partition, before) in fenced {
                let of = moved.iter().find(|(of, ..)| of == partition);
                let (count, head) = of.map_or((0, *before), |(_, count, head)| (*count, *head));
                if head != before + count {
                    return Err(Error::Corrupt(format!(
                        "partition {partition}: {count} events from {before} to {head}"
                    )));
                }
                all.push(Moved { partition: *partition, count, head });
            }
        }
    }
    Ok(all)
}

/// Moves those of one partition. Only what was copied is deleted.
async fn move_batch(tx: &mut Tx, partition: i64, head: i64) -> Result<i64, Error> {
    let moved = tx.execute(COPY, args![partition, head, BATCH]).await?;
    if moved == 0 {
        return Ok(0);
    }
    let deleted = tx.execute(DELETE, args![partition, head]).await?;
    let count = i64::try_from(moved).unwrap_or(i64::MAX);
    let advanced = tx.execute(ADVANCE, args![partition, count]).await?;
    if deleted != moved || advanced != 1 {
        return Err(Error::Corrupt(format!(
            "partition {partition}: {moved} events copied, {deleted} deleted, {advanced} heads advanced"
        )));
    }
    Ok(count)
}

/// Moves those of all of them, on PostgreSQL: what is deleted is copied. A row of the outbox is where it
/// was found, since nobody else moves it.
fn move_all(fenced: &[Fenced]) -> List {
    let mut list = List::new(
        "WITH batch AS (SELECT p.partition, o.place, p.head + ROW_NUMBER() OVER \
         (PARTITION BY p.partition ORDER BY o.at, o.tenant, o.aggregate, o.sequence) AS position \
         FROM partitions p CROSS JOIN LATERAL \
         (SELECT ctid AS place, at, tenant, aggregate, sequence FROM outbox \
         WHERE partition = p.partition ORDER BY at, tenant, aggregate, sequence LIMIT ",
    );
    list.bind(BATCH).push(") o WHERE p.partition IN (");
    list.binds(fenced.iter().map(|(partition, _)| *partition));
    list.push(
        ")), gone AS (DELETE FROM outbox o USING batch b WHERE o.ctid = b.place RETURNING \
         o.partition, b.position, o.at, o.tenant, o.aggregate, o.sequence), \
         copied AS (INSERT INTO feed (partition, position, at, tenant, aggregate, sequence) \
         SELECT partition, position, at, tenant, aggregate, sequence FROM gone), \
         moved AS (SELECT partition, COUNT(*) AS count, MAX(position) AS head FROM gone \
         GROUP BY partition) \
         UPDATE partitions p SET head = m.head FROM moved m WHERE p.partition = m.partition \
         RETURNING p.partition, m.count, p.head",
    );
    list
}
