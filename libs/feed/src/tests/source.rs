//! The heads that readers of a process share: announced ones cost no look into the database, and no
//! order of looks and announcements makes them old.

use std::time::Duration;

use testing::TestDb;

use super::{TABLES, aggregate, clock, sequence_all, start, tenant, write};
use crate::{Heads, Source};

const PARTITIONS: u32 = 2;

/// The heads of a fresh feed that has two partitions, which stay good until they are told of more.
async fn each_source(test: impl AsyncFn(&TestDb, &Source)) {
    for engine in [store::Engine::Sqlite, store::Engine::Postgres] {
        let naming = testing::db::NameOnPanic(engine);
        let db = TestDb::with_partitions(engine, TABLES, Some(PARTITIONS)).await;
        let source = Source::with_heads_age("tests", db.db.clone(), Duration::from_hours(1));
        test(&db, &source).await;
        db.drop().await;
        drop(naming);
    }
}

/// An aggregate whose events go into this partition.
fn in_partition(wanted: u32) -> uuid::Uuid {
    let mut all = (0..).map(aggregate);
    let fits = |id: &uuid::Uuid| store::events::partition_of(tenant(), *id, PARTITIONS) == wanted;
    all.find(fits).unwrap()
}

/// One more event in a partition, sequenced and announced.
async fn one_more(source: &Source, partition: u32) {
    write(source.db(), in_partition(partition), start(), 1).await;
    sequence_all(source, &clock()).await;
}

async fn recent(source: &Source) -> Vec<i64> {
    source.recent_heads().await.unwrap().heads
}

fn news(source: &Source) -> u64 {
    *source.news().borrow()
}

#[tokio::test]
async fn announced_heads_are_known_without_a_look_into_the_database() {
    each_source(async |db, source| {
        assert_eq!(recent(source).await, [0, 0]);
        one_more(source, 1).await;
        one_more(source, 0).await;
        one_more(source, 1).await;
        db.close().await;
        assert_eq!(recent(source).await, [1, 2]);
        assert!(source.heads().await.is_err(), "the database is closed");
    })
    .await;
}

#[tokio::test]
async fn heads_that_are_kept_late_do_not_hide_what_was_announced_meanwhile() {
    each_source(async |_, source| {
        let (before, old) = (news(source), source.heads().await.unwrap());
        // A slow look at the database: meanwhile there are news, once or twice.
        for (expected, rounds) in [(1, 1), (3, 2)] {
            for _ in 0..rounds {
                one_more(source, 0).await;
            }
            source.keep(before, &old);
            assert_eq!(recent(source).await, [expected, 0]);
        }
    })
    .await;
}

#[tokio::test]
async fn an_announcement_does_not_bless_heads_that_have_missed_another() {
    each_source(async |_, source| {
        // Nothing is kept yet when the first comes.
        one_more(source, 0).await;
        assert_eq!(recent(source).await, [1, 0]);
        let (before, old) = (news(source), source.heads().await.unwrap());
        one_more(source, 0).await;
        source.keep(before, &old);
        one_more(source, 1).await;
        assert_eq!(recent(source).await, [2, 1]);
    })
    .await;
}

#[tokio::test]
async fn an_announcement_never_sets_a_head_back() {
    each_source(async |_, source| {
        recent(source).await;
        one_more(source, 0).await;
        let Heads { heads, .. } = source.recent_heads().await.unwrap();
        source.announce(0, 0);
        source.announce(7, 9);
        assert_eq!(recent(source).await, heads);
    })
    .await;
}
