//! Leases.

use std::time::Duration;

use futures::future::join_all;
use kernel::Time;
use store::{
    Db, Error,
    lease::{Epoch, acquire, fence, release},
    transact,
};
use testing::each_db;

use crate::at;

const TTL: Duration = Duration::from_micros(100);

async fn take(db: &Db, holder: &str, now: Time) -> Option<Epoch> {
    acquire(db, "sweep", holder, now, TTL).await.unwrap()
}

async fn holds(db: &Db, epoch: Epoch) -> bool {
    transact!(db, "test", |tx| fence(tx, "sweep", epoch).await).unwrap()
}

#[tokio::test]
async fn one_holds_until_it_expires_and_the_next_fences_it_off() {
    each_db(&[], async |db| {
        let first = take(db, "a", at(0)).await.unwrap();
        assert_eq!(take(db, "b", at(99)).await, None);
        assert_eq!(take(db, "a", at(50)).await, Some(first), "renewed, the epoch stays");
        assert_eq!(take(db, "b", at(149)).await, None);
        let second = take(db, "b", at(150)).await.unwrap();
        assert!(second > first);
        assert!(!holds(db, first).await && holds(db, second).await);
        // One that let its lease run out does not know what happened in between.
        let third = take(db, "b", at(250)).await.unwrap();
        assert!(third > second);
        release(db, "sweep", "a", third).await.unwrap();
        assert_eq!(take(db, "a", at(251)).await, None, "only the holder releases");
        release(db, "sweep", "b", third).await.unwrap();
        assert!(take(db, "a", at(251)).await.is_some());
        let other = acquire(db, "other", "b", at(251), TTL).await.unwrap();
        assert!(other.is_some());
    })
    .await;
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    each_db(&[], async |db| {
        let names: Vec<String> = (0..32).map(|n| n.to_string()).collect();
        let taken = join_all(names.iter().map(|name| take(db, name, at(0)))).await;
        assert_eq!(taken.iter().flatten().count(), 1);
        let refused: Result<bool, Error> = transact!(db, "test", |tx| fence(
            tx,
            "unknown",
            taken.iter().flatten().next().copied().unwrap()
        )
        .await);
        assert!(!refused.unwrap());
    })
    .await;
}
