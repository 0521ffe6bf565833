//! Rows of a service that are kept for a time only, then deleted, of all tenants.

use std::time::Duration;

use kernel::Clock;
use store::{Db, Error, Sql, args, lease, transact};
use tokio_util::sync::CancellationToken;

/// How often it is looked whether there is anything to delete.
const EVERY: Duration = Duration::from_mins(10);
/// How many rows one transaction deletes at most.
const BATCH: u32 = 1_000;

/// Which rows are kept for how long.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// What they are, such as `access retention`: the name of the lease, and in logs.
    pub name: &'static str,
    /// The statements that delete them, one for each table: of the rows from before `$1` the oldest, at
    /// most `$2`.
    pub prune: &'static [Sql],
    /// For how long they are kept.
    pub time: Duration,
}

/// Deletes the rows of a service that are too old.
#[derive(Debug)]
pub struct Retention {
    db: Db,
    clock: Clock,
    holder: String,
    kept: Kept,
}

impl Retention {
    /// Keeps the rows of `db` so long. `holder` names this replica, see [`store::lease`].
    pub fn new(db: Db, clock: Clock, holder: String, kept: Kept) -> Self {
        Self { db, clock, holder, kept }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.tidy().await {
                let (name, error) = (self.kept.name, kernel::fault::chain(&error));
                tracing::warn!(name, error, "what is too old could not be deleted");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Deletes all that is too old, in batches, unless another replica is at it.
    pub async fn tidy(&self) -> Result<(), Error> {
        let (db, holder, now) = (&self.db, &self.holder, self.clock.now());
        let Kept { name, prune, time } = self.kept;
        let Some(epoch) = lease::acquire(db, name, holder, now, EVERY).await? else {
            return Ok(());
        };
        let before = now - time;
        for statement in prune {
            let batch = async || {
                transact!(*db, "retention.prune", |tx| {
                    tx.execute(*statement, args![before, BATCH]).await
                })
            };
            while batch().await? == u64::from(BATCH) {}
        }
        lease::release(db, name, holder, epoch).await
    }
}
