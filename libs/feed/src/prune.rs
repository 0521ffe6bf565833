//! Deletes what is older than the retention. History in `events` stays for good, and so does a feed
//! that others learn from what there is.

use std::time::Duration;

use kernel::{Clock, Time};
use store::{Db, Error, Sql, args, idempotency, lease, transact};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long an event stays in a feed.
pub const RETENTION: Duration = Duration::from_hours(30 * 24);

/// How often it is looked whether there is anything to delete.
const EVERY: Duration = Duration::from_mins(10);
const BATCH: u32 = 1_000;
/// Between two batches, beyond what the last one took, so that the sequencer gets at the partition, too.
const BREATH: Duration = Duration::from_millis(50);
const LEASE: &str = "housekeeping";

const PARTITIONS: Sql = Sql::both("SELECT partition FROM partitions ORDER BY partition");
const LOCK: Sql = Sql::both("UPDATE partitions SET tail = tail WHERE partition = $1");
const OLDEST: Sql =
    Sql::both("SELECT position, at FROM feed WHERE partition = $1 ORDER BY position LIMIT $2");
const DELETE: Sql = Sql::both("DELETE FROM feed WHERE partition = $1 AND position <= $2");
const RAISE: Sql = Sql::both("UPDATE partitions SET tail = $2 WHERE partition = $1");

pub(crate) const STATEMENTS: &[Sql] = &[PARTITIONS, LOCK, OLDEST, DELETE, RAISE];

/// Prunes one service's feed and expired `request_id`s.
#[derive(Debug)]
pub struct Housekeeper {
    db: Db,
    clock: Clock,
    holder: String,
    retention: Option<Duration>,
}

impl Housekeeper {
    /// Keeps house in `db`. `holder` names this replica, see [`store::lease`].
    pub fn new(db: Db, clock: Clock, holder: String) -> Self {
        Self { db, clock, holder, retention: Some(RETENTION) }
    }

    /// The feed keeps everything, for those who learn from it what there is.
    #[must_use]
    pub fn keeping_all(self) -> Self {
        Self { retention: None, ..self }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.tidy(&stop).await {
                let error = kernel::fault::chain(&error);
                tracing::warn!(error, "housekeeping failed");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Deletes all that is too old, in batches, unless another replica is at it; what is left at `stop`
    /// is left for the next time.
    pub async fn tidy(&self, stop: &CancellationToken) -> Result<(), Error> {
        let now = self.clock.now();
        let Some(epoch) = lease::acquire(&self.db, LEASE, &self.holder, now, EVERY).await? else {
            return Ok(());
        };
        if let Some(retention) = self.retention {
            let partitions: Vec<(i64,)> = self.db.all(PARTITIONS, args![]).await?;
            for (partition,) in partitions {
                let mut began = Instant::now();
                while !stop.is_cancelled()
                    && prune(&self.db, partition, now - retention).await? == u64::from(BATCH)
                {
                    let breath = tokio::time::sleep(BREATH + began.elapsed());
                    stop.run_until_cancelled(breath).await;
                    began = Instant::now();
                }
            }
        }
        // Callers try again in real time, however far a demo has moved the clock.
        let now = self.clock.real_now();
        while !stop.is_cancelled()
            && idempotency::prune(&self.db, now, BATCH).await? == u64::from(BATCH)
        {}
        lease::release(&self.db, LEASE, &self.holder, epoch).await
    }
}

/// Deletes the first events of a partition while they are older than `before`. Positions only ever
/// disappear from the front, so that what is kept stays dense.
async fn prune(db: &Db, partition: i64, before: Time) -> Result<u64, Error> {
    transact!(db, "feed.prune", |tx| {
        // The same row as the sequencer's: the tail never passes the head.
        tx.execute(LOCK, args![partition]).await?;
        let rows: Vec<(i64, i64)> = tx.all(OLDEST, args![partition, BATCH]).await?;
        let old = rows.iter().take_while(|(_, at)| Time::from_micros(*at) < before);
        let Some((last, _)) = old.last() else { return Ok(0) };
        let deleted = tx.execute(DELETE, args![partition, *last]).await?;
        tx.execute(RAISE, args![partition, *last]).await?;
        Ok(deleted)
    })
}
