//! What was searched for, and chosen of it, is kept as long as the configuration says; then it is
//! deleted, of all tenants.

use std::time::Duration;

use feed::{Kept, Retention};
use kernel::Clock;
use store::Db;

use crate::store::searches;

const LEASE: &str = "search retention";

/// Lets the log of searches in `db` be kept for so long. `holder` names this replica, see
/// [`store::lease`].
pub fn of(db: Db, clock: Clock, time: Duration, holder: String) -> Retention {
    Retention::new(db, clock, holder, Kept { name: LEASE, prune: searches::PRUNE, time })
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{AudienceLevel, SearchStage};
    use kernel::{ArticleId, SearchId, TenantId};
    use store::{Sql, args, lease, transact};
    use testing::each_db;
    use uuid::Uuid;

    use super::*;
    use crate::{
        Error, MIGRATIONS,
        rpc::fixture::{START, tenant},
        store::searches::Search,
    };

    const LEFT: Sql = Sql::both(
        "SELECT (SELECT COUNT(*) FROM searches WHERE tenant IN ($1, $2)), \
         (SELECT COUNT(*) FROM choices WHERE tenant IN ($1, $2)), \
         (SELECT MIN(at) FROM searches WHERE tenant IN ($1, $2))",
    );
    const MINUTE: Duration = Duration::from_mins(1);

    /// So many searches, one a minute, by two tenants in turn, the last of them now, and of each what was
    /// chosen.
    async fn fill(db: &Db, count: u32) {
        let search = |n: u32| {
            let search = Search {
                id: SearchId::from(Uuid::from_u128(n.into())),
                at: START - MINUTE * n,
                query: "退货".to_owned(),
                locale: "zh".to_owned(),
                level: AudienceLevel::Agent,
                stage: SearchStage::All,
                total: 0,
                shown: Vec::new(),
                chosen: Vec::new(),
            };
            (tenant(u128::from(n % 2 + 1)), search)
        };
        let searches: Vec<(TenantId, Search)> = (0..count).map(search).collect();
        let filled: Result<(), Error> = transact!(*db, "test.fill", |tx| {
            searches::add(tx, &searches, &[]).await?;
            for (tenant, search) in &searches {
                let revision = (ArticleId::from(Uuid::nil()), 1);
                searches::choose(tx, *tenant, search.id, revision, search.at).await?;
            }
            Ok(())
        });
        filled.unwrap();
    }

    async fn left(db: &Db) -> (i64, i64, i64) {
        db.one(LEFT, args![tenant(1), tenant(2)]).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_too_old_is_deleted_by_one_replica_at_a_time() {
        each_db(MIGRATIONS, async |database| {
            let (db, clock) = (&database.db, Clock::manual(START));
            fill(db, 2_500).await;
            let kept = MINUTE * 400;
            let retention = |holder: &str| of(db.clone(), clock.clone(), kept, holder.to_owned());

            let other = lease::acquire(db, LEASE, "other", START, kept).await.unwrap();
            retention("this").tidy().await.unwrap();
            assert_eq!(left(db).await.0, 2_500, "another replica is at it");
            lease::release(db, LEASE, "other", other.unwrap()).await.unwrap();

            for _ in 0..2 {
                retention("this").tidy().await.unwrap();
                assert_eq!(left(db).await, (401, 401, (START - kept).micros()));
            }
            clock.advance(MINUTE);
            retention("that").tidy().await.unwrap();
            assert_eq!(left(db).await.0, 400, "the lease was given up");
        })
        .await;
    }
}
