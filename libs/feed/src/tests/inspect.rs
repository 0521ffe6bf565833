//! What an inspection finds: an event is in the feed or waits for it, once, until it is pruned.

use std::time::Duration;

use store::{Sql, args};
use testing::each_db;
use tokio_util::sync::CancellationToken;

use super::{TABLES, aggregate, clock, sequence_all, start, write};
use crate::{Housekeeper, Source, inspect::whole, prune::RETENTION};

const LOSE: Sql = Sql::both("DELETE FROM outbox");
const WAIT_AGAIN: Sql = Sql::both(
    "INSERT INTO outbox (partition, at, tenant, aggregate, sequence) \
     SELECT partition, at, tenant, aggregate, sequence FROM feed",
);
const PLACE_AGAIN: Sql = Sql::both(
    "INSERT INTO feed (partition, position, at, tenant, aggregate, sequence) \
     SELECT f.partition, p.head + 1, f.at, f.tenant, f.aggregate, f.sequence \
     FROM feed f JOIN partitions p ON p.partition = f.partition AND p.head = f.position",
);
const RAISE: Sql = Sql::both("UPDATE partitions SET head = head + 1 WHERE head > tail");
const FORGET: Sql = Sql::both("DELETE FROM events WHERE sequence = 1");
const CUT: Sql = Sql::both("DELETE FROM feed");

#[tokio::test]
async fn an_event_that_is_lost_or_placed_twice_is_found() {
    each_db(TABLES, async |db| {
        let (source, clock) = (Source::new("tests", db.db.clone()), clock());
        write(db, aggregate(1), start() - 2 * RETENTION, 3).await;
        sequence_all(&source, &clock).await;
        Housekeeper::new(db.db.clone(), clock.clone(), "only".to_owned())
            .tidy(&CancellationToken::new())
            .await
            .unwrap();
        write(db, aggregate(2), start(), 2).await;
        sequence_all(&source, &clock).await;
        write(db, aggregate(3), start() + Duration::from_secs(1), 1).await;

        let found = async |plants: &[Sql]| {
            let mut tx = db.begin().await.unwrap();
            for plant in plants {
                assert!(tx.execute(*plant, args![]).await.unwrap() > 0);
            }
            let found = whole(&mut tx).await.unwrap();
            tx.rollback().await.unwrap();
            found.misplaced
        };
        assert_eq!(found(&[]).await, 0, "three are pruned, two are placed, one waits");
        assert_eq!(found(&[LOSE]).await, 1);
        assert_eq!(found(&[WAIT_AGAIN]).await, 2);
        assert_eq!(found(&[PLACE_AGAIN, RAISE]).await, 1);
        assert_eq!(found(&[PLACE_AGAIN, RAISE, LOSE]).await, 2, "one does not make up for another");
        assert_eq!(found(&[CUT]).await, 2);
        assert_eq!(found(&[FORGET]).await, 2 + 1, "two have no event, one was pruned");
    })
    .await;
}
