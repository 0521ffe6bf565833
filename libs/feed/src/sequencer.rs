//! Gives events their place in the feed.
//!
//! For one partition, in one transaction: fence off earlier holders, which takes the partition's row
//! and so makes commit order position order; copy the oldest rows of the outbox with positions
//! head + 1 … n; delete exactly those; move the head. The order is `(at, aggregate, sequence)` with
//! an `at` that never falls within an aggregate, since wall time would break an aggregate's order
//! between processes whose clocks differ, and (aggregate, sequence) would starve some under a limit.
//!
//! A lease keeps replicas from trying the same partition; were it to fail, the fence holds. It runs
//! on [`Db::queue`]: plans that were cached while the outbox was empty would be 40 times slower, and
//! a holder that hangs in its transaction is cut off well before its lease ends.

use std::time::Duration;

use kernel::{Clock, Time, fault::chain};
use store::{Db, Error, Sql, Tx, args, transact};
use telemetry::Metrics;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Source;

/// How many events one transaction moves: on SQLite it holds the only writer for some 5 ms.
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

const BACKLOG: Sql = Sql::both(
    "SELECT p.partition, (SELECT MIN(o.at) FROM outbox o WHERE o.partition = p.partition) \
     FROM partitions p ORDER BY p.partition",
);
const TAKE: Sql = Sql::both(
    "UPDATE partitions SET \
     epoch = CASE WHEN holder = $2 AND expires > $4 THEN epoch ELSE epoch + 1 END, \
     holder = $2, expires = $3 \
     WHERE partition = $1 AND (holder = $2 OR expires <= $4) RETURNING epoch",
);
const RELEASE: Sql = Sql::both(
    "UPDATE partitions SET expires = 0 WHERE partition = $1 AND holder = $2 AND epoch = $3",
);
const FENCE: Sql = Sql::both(
    "UPDATE partitions SET head = head WHERE partition = $1 AND epoch = $2 RETURNING head",
);
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
const ADVANCE: Sql =
    Sql::both("UPDATE partitions SET head = head + $3 WHERE partition = $1 AND epoch = $2");

pub(crate) const STATEMENTS: &[Sql] = &[BACKLOG, TAKE, RELEASE, FENCE, COPY, DELETE, ADVANCE];

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
        Self { source, db, clock, holder, metrics, held: Vec::new() }
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
            let more = match self.tick().await {
                Ok(more) => more,
                Err(error) => {
                    tracing::warn!(
                        source = self.source.name(),
                        error = chain(&error),
                        "sequencing failed"
                    );
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
        let mut more = false;
        for (partition, _) in backlog.into_iter().filter(|(_, oldest)| oldest.is_some()) {
            match self.advance(partition).await {
                Ok(moved) => more |= moved == u64::from(BATCH),
                Err(error) if error.is_transient() => return Err(error),
                // The other partitions must not wait for one that is broken.
                Err(error) => {
                    let (name, error) = (self.source.name(), chain(&error));
                    tracing::error!(source = name, partition, error, "a partition is stuck");
                }
            }
        }
        Ok(more)
    }

    /// Moves one batch of a partition and returns its size: 0 where another sequencer holds it.
    async fn advance(&mut self, partition: i64) -> Result<u64, Error> {
        let Some(held) = self.hold(partition).await? else { return Ok(0) };
        let moved = sequence(&self.db, &held).await?;
        if moved.is_none() {
            self.held.retain(|other| other.partition != partition);
        }
        let Moved { count, head } = moved.unwrap_or_default();
        if count > 0 {
            self.source.announce(partition, head);
        }
        Ok(count)
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

/// What one batch was: how many events, and the head behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) count: u64,
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

/// Moves one batch; `None` where another holder has taken the partition meanwhile.
pub(crate) async fn sequence(db: &Db, lease: &Held) -> Result<Option<Moved>, Error> {
    transact!(db, "feed.sequence", |tx| {
        let Some(head) = fence(tx, lease).await? else { return Ok::<_, Error>(None) };
        let count = move_batch(tx, lease, head).await?;
        Ok(Some(Moved { count, head: head + i64::try_from(count).unwrap_or(0) }))
    })
}

/// Takes the partition's row for the rest of the transaction; `None` where the epoch has passed.
pub(crate) async fn fence(tx: &mut Tx, lease: &Held) -> Result<Option<i64>, Error> {
    let row: Option<(i64,)> = tx.optional(FENCE, args![lease.partition, lease.epoch]).await?;
    Ok(row.map(|(head,)| head))
}

/// Moves the oldest rows of the outbox behind `head`. Only what was copied is deleted: two
/// statements may see two snapshots.
pub(crate) async fn move_batch(tx: &mut Tx, lease: &Held, head: i64) -> Result<u64, Error> {
    let moved = tx.execute(COPY, args![lease.partition, head, BATCH]).await?;
    if moved == 0 {
        return Ok(0);
    }
    let deleted = tx.execute(DELETE, args![lease.partition, head]).await?;
    let count = i64::try_from(moved).unwrap_or(i64::MAX);
    let advanced = tx.execute(ADVANCE, args![lease.partition, lease.epoch, count]).await?;
    if deleted != moved || advanced != 1 {
        return Err(Error::Corrupt(format!(
            "partition {}: {moved} events copied, {deleted} deleted, {advanced} heads advanced",
            lease.partition
        )));
    }
    Ok(moved)
}
