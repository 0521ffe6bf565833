//! Access records live as long as the configuration says; then they are deleted, of all tenants.

use std::time::Duration;

use store::{lease, transact};
use tokio_util::sync::CancellationToken;

use crate::{App, Error, store::access};

/// How often it is looked whether there is anything to delete.
const EVERY: Duration = Duration::from_mins(10);
/// How many records one transaction deletes at most.
const BATCH: u32 = 1_000;
const LEASE: &str = "access retention";

/// Deletes the access records that are too old.
#[derive(Debug)]
pub struct Retention {
    app: App,
    kept: Duration,
    holder: String,
}

impl Retention {
    /// Lets records be `kept` for so long. `holder` names this replica, see [`store::lease`].
    pub fn new(app: App, kept: Duration, holder: String) -> Self {
        Self { app, kept, holder }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.tidy().await {
                let cause = std::error::Error::source(&error);
                tracing::warn!(%error, ?cause, "old access records could not be deleted");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Deletes all that is too old, in batches, unless another replica is at it.
    pub async fn tidy(&self) -> Result<(), Error> {
        let (db, now) = (&self.app.db, self.app.clock.now());
        let Some(epoch) = lease::acquire(db, LEASE, &self.holder, now, EVERY).await? else {
            return Ok(());
        };
        let before = now - self.kept;
        loop {
            let deleted: Result<u64, Error> =
                transact!(db, "access.prune", |tx| access::prune(tx, before, BATCH).await);
            if deleted? < u64::from(BATCH) {
                break;
            }
        }
        Ok(lease::release(db, LEASE, &self.holder, epoch).await?)
    }
}
