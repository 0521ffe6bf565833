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

#[cfg(test)]
mod tests {
    use kernel::Time;
    use store::{Sql, args};
    use testing::each_db;
    use uuid::Uuid;

    use super::*;
    use crate::{
        MIGRATIONS,
        rpc::fixture::{self, START, tenant},
        store::access::Record,
    };

    const LEFT: Sql =
        Sql::both("SELECT COUNT(*), MIN(at) FROM access_records WHERE tenant IN ($1, $2)");
    const MINUTE: Duration = Duration::from_mins(1);

    /// So many records, one a minute, by two tenants in turn, the last of them now.
    async fn fill(app: &App, count: u32) {
        let record = |n: u32| {
            let at = START - MINUTE * n;
            let record = Record {
                id: Uuid::from_u128(u128::from(n)),
                at,
                kind: 1,
                actor_kind: "member".to_owned(),
                subject: "members/amy".to_owned(),
                method: String::new(),
                credential: "oidc".to_owned(),
                count: 1,
            };
            (tenant(u128::from(n % 2 + 1)), at, record)
        };
        let records: Vec<_> = (0..count).map(record).collect();
        let added: Result<(), Error> =
            transact!(app.db, "test.fill", |tx| access::add(tx, &records).await);
        added.unwrap();
    }

    async fn left(app: &App) -> (i64, Time) {
        let (count, oldest): (i64, i64) =
            app.db.one(LEFT, args![tenant(1), tenant(2)]).await.unwrap();
        (count, Time::from_micros(oldest))
    }

    #[tokio::test]
    async fn what_is_too_old_is_deleted_by_one_replica_at_a_time() {
        each_db(MIGRATIONS, async |database| {
            let app = fixture::app(database).await;
            fill(&app, 4_000).await;
            let kept = MINUTE * 1_500;
            let retention = |holder: &str| Retention::new(app.clone(), kept, holder.to_owned());

            let other = lease::acquire(&app.db, LEASE, "other", START, kept).await.unwrap();
            retention("this").tidy().await.unwrap();
            assert_eq!(left(&app).await.0, 4_000, "another replica is at it");
            lease::release(&app.db, LEASE, "other", other.unwrap()).await.unwrap();

            for _ in 0..2 {
                retention("this").tidy().await.unwrap();
                assert_eq!(left(&app).await, (1_501, START - kept));
            }
            app.clock.advance(MINUTE);
            retention("that").tidy().await.unwrap();
            assert_eq!(left(&app).await.0, 1_500, "the lease was given up");
        })
        .await;
    }
}
