//! Access records live as long as the configuration says; then they are deleted, of all tenants.

use std::time::Duration;

use feed::{Kept, Retention};

use crate::{App, store::access};

const LEASE: &str = "access retention";

/// Lets access records be kept for so long. `holder` names this replica, see [`store::lease`].
pub fn of(app: &App, time: Duration, holder: String) -> Retention {
    let kept = Kept { name: LEASE, prune: access::PRUNE, time };
    Retention::new(app.db.clone(), app.clock.clone(), holder, kept)
}

#[cfg(test)]
mod tests {
    use kernel::Time;
    use store::{Sql, args, lease, transact};
    use testing::each_db;
    use uuid::Uuid;

    use super::*;
    use crate::{
        Error, MIGRATIONS,
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
            let retention = |holder: &str| of(&app, kept, holder.to_owned());

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
