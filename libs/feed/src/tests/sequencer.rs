//! The sequencer step by step: order, batches, leases, fences.

use std::time::Duration;

use store::{Engine, Sql, args, idempotency, transact};
use testing::{TestDb, each_db};
use tokio_util::sync::CancellationToken;

use super::{TABLES, aggregate, clock, sequence_all, sequencer, soon, start, write};
use crate::{
    Source,
    sequencer::{BATCH, LEASE, Moved, fence, move_batches, sequence, take},
};

const OUTBOX: Sql = Sql::both("SELECT COUNT(*) FROM outbox");
const STRAY: Sql = Sql::both(
    "INSERT INTO feed (partition, position, at, tenant, aggregate, sequence) \
     VALUES ($1, 1, 0, $2, $3, 0)",
);
const HELD: Sql = Sql::both("UPDATE partitions SET tail = tail WHERE partition = 3");

async fn read_all(source: &Source, partition: u32) -> Vec<crate::Event> {
    let heads = source.heads().await.unwrap();
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let page = source.read(&heads, partition, after, 500, None).await.unwrap().unwrap();
        events.extend(page.events);
        if page.through == page.head {
            return events;
        }
        after = page.through;
    }
}

#[tokio::test]
async fn an_aggregate_keeps_its_order_whatever_the_clocks_say() {
    each_db(TABLES, async |db| {
        let (source, clock) = (Source::new("tests", db.db.clone()), clock());
        // Each event is written by a clock that is behind the one before.
        for step in 0..5_i64 {
            write(db, aggregate(1), start().plus_micros(-1_000 * step), 2).await;
        }
        sequence_all(&source, &clock).await;
        let partitions = store::meta::partitions(db).await.unwrap();
        let mut events = Vec::new();
        for partition in 0..partitions {
            events.extend(read_all(&source, partition).await);
        }
        let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, (1..=10).collect::<Vec<i64>>());
        assert!(events.iter().zip(1..).all(|(event, due)| event.position == due));
        assert!(events.iter().zip(&events[1..]).all(|(one, next)| one.at <= next.at));
        let (left,): (i64,) = db.one(OUTBOX, args![]).await.unwrap();
        assert_eq!(left, 0);
    })
    .await;
}

#[tokio::test]
async fn a_backlog_is_moved_in_batches_oldest_first() {
    each_db(TABLES, async |db| {
        let (source, clock) = (Source::new("tests", db.db.clone()), clock());
        for number in 0..12_u8 {
            let now = start().plus_micros(-i64::from(number));
            write(db, aggregate(number.into()), now, 100).await;
        }
        let mut one = sequencer(&source, &clock, "one");
        let mut ticks = 1;
        while one.tick().await.unwrap() {
            ticks += 1;
        }
        let heads = source.heads().await.unwrap();
        assert_eq!(heads.heads.iter().sum::<i64>(), 1_200);
        if db.engine() == Engine::Sqlite {
            assert_eq!(ticks, 3, "{BATCH} at a time");
            let events = read_all(&source, 0).await;
            assert!(events.iter().zip(&events[1..]).all(|(one, next)| one.at <= next.at));
        }
        assert!(!one.tick().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn one_that_was_overtaken_is_fenced_off() {
    each_db(TABLES, async |db| {
        let clock = clock();
        write(db, aggregate(1), start(), 3).await;
        let partitions = store::meta::partitions(db).await.unwrap();
        let partition = store::events::partition_of(super::tenant(), aggregate(1), partitions);
        let partition = i64::from(partition);
        let first = take(db, partition, "a", clock.now(), LEASE).await.unwrap().unwrap();
        assert!(take(db, partition, "b", clock.now(), LEASE).await.unwrap().is_none());
        clock.advance(LEASE);
        let second = take(db, partition, "b", clock.now(), LEASE).await.unwrap().unwrap();
        assert_eq!(sequence(db, &[first]).await.unwrap(), []);
        let moved = |count| [Moved { partition, count, head: 3 }];
        assert_eq!(sequence(db, &[first, second]).await.unwrap(), moved(3));
        assert_eq!(sequence(db, &[second]).await.unwrap(), moved(0));
    })
    .await;
}

#[tokio::test]
async fn one_that_was_told_to_stop_leaves_nothing_to_wait_for() {
    each_db(TABLES, async |db| {
        let (source, clock) = (Source::new("tests", db.db.clone()), clock());
        for number in 0..8 {
            write(db, aggregate(number), start(), 1).await;
        }
        let stop = CancellationToken::new();
        stop.cancel();
        sequencer(&source, &clock, "before the restart").run(stop).await;
        for number in 0..8 {
            write(db, aggregate(number), start(), 1).await;
        }
        let mut next = sequencer(&source, &clock, "after it");
        next.tick().await.unwrap();
        assert_eq!(source.heads().await.unwrap().heads.iter().sum::<i64>(), 16);
    })
    .await;
}

/// A holder hangs inside its transaction: the server ends its session, and the next one gets on.
#[tokio::test]
async fn a_holder_that_hangs_in_its_transaction_is_cut_off() {
    let db = TestDb::with_partitions(Engine::Postgres, TABLES, Some(1)).await;
    let (queue, clock) = (db.queue(), clock());
    write(&db, aggregate(1), start(), 3).await;
    let hung = take(&queue, 0, "a", clock.now(), LEASE).await.unwrap().unwrap();
    let mut open = queue.begin().await.unwrap();
    let fenced = fence(&mut open, &[hung]).await.unwrap();
    move_batches(&mut open, &fenced).await.unwrap();
    clock.advance(LEASE);
    let next = soon(async {
        loop {
            let taken = take(&queue, 0, "b", clock.now(), LEASE).await.unwrap();
            if let Some(next) = taken {
                return next;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(open.commit().await.is_err());
    let moved = Moved { partition: 0, count: 3, head: 3 };
    assert_eq!(sequence(&queue, &[next]).await.unwrap(), [moved]);
    let heads = Source::new("tests", db.db.clone()).heads().await.unwrap();
    assert_eq!(heads.heads, [3]);
    db.drop().await;
}

/// Whoever holds a partition's row for long, such as the housekeeper on a slow disk.
#[tokio::test]
async fn a_partition_that_somebody_else_holds_does_not_hold_up_the_others() {
    let db = TestDb::with_partitions(Engine::Postgres, TABLES, Some(8)).await;
    let (source, clock) = (Source::new("tests", db.db.clone()), clock());
    let mut open = db.begin().await.unwrap();
    open.execute(HELD, args![]).await.unwrap();
    for number in 0..40 {
        write(&db, aggregate(number), start(), 1).await;
    }
    soon(sequence_all(&source, &clock)).await;
    let heads = source.heads().await.unwrap().heads;
    assert_eq!(heads[3], 0);
    assert!(heads.iter().filter(|head| **head > 0).count() == 7, "{heads:?}");
    open.rollback().await.unwrap();
    sequence_all(&source, &clock).await;
    assert_eq!(source.heads().await.unwrap().heads.iter().sum::<i64>(), 40);
    db.drop().await;
}

/// A row that should not be there stops its partition, loudly, and no other.
#[tokio::test]
async fn a_broken_partition_does_not_hold_up_the_others() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let db = TestDb::with_partitions(engine, TABLES, Some(8)).await;
        let (source, clock) = (Source::new("tests", db.db.clone()), clock());
        for number in 0..40 {
            write(&db, aggregate(number), start(), 1).await;
        }
        let broken = store::events::partition_of(super::tenant(), aggregate(0), 8);
        transact!(db, "test", |tx| {
            tx.execute(STRAY, args![broken, super::tenant(), aggregate(0)]).await
        })
        .unwrap();
        sequence_all(&source, &clock).await;
        let heads = source.heads().await.unwrap().heads;
        let (left,): (i64,) = db.one(OUTBOX, args![]).await.unwrap();
        assert_eq!((heads[broken as usize], heads.iter().sum::<i64>() + left), (0, 40));
        assert!(left > 0 && heads.iter().filter(|head| **head > 0).count() == 7, "{heads:?}");
        db.drop().await;
    }
}

#[tokio::test]
async fn what_is_older_than_the_retention_is_pruned_from_the_front() {
    each_db(TABLES, async |db| {
        let (source, clock) = (Source::new("tests", db.db.clone()), clock());
        write(db, aggregate(1), start(), 1_500).await;
        sequence_all(&source, &clock).await;
        clock.advance(crate::RETENTION / 2);
        write(db, aggregate(1), clock.now(), 5).await;
        sequence_all(&source, &clock).await;
        let keeper = crate::Housekeeper::new(db.db.clone(), clock.clone(), "one".to_owned());
        keeper.tidy(&CancellationToken::new()).await.unwrap();
        assert_eq!(source.heads().await.unwrap().tails.iter().sum::<i64>(), 0);
        clock.advance(crate::RETENTION / 2 + Duration::from_micros(1));
        // Who is told to stop leaves the rest to the next one.
        let stopped = CancellationToken::new();
        stopped.cancel();
        keeper.tidy(&stopped).await.unwrap();
        assert_eq!(source.heads().await.unwrap().tails.iter().sum::<i64>(), 0);
        keeper.tidy(&CancellationToken::new()).await.unwrap();
        let heads = source.heads().await.unwrap();
        assert_eq!(heads.tails.iter().sum::<i64>(), 1_500);
        assert_eq!(heads.heads.iter().sum::<i64>(), 1_505);
        let partition = heads.heads.iter().position(|head| *head > 0).unwrap();
        let partition = u32::try_from(partition).unwrap();
        let page = source.read(&heads, partition, 1_500, 10, None).await.unwrap().unwrap();
        assert_eq!((page.first, page.events.len()), (1_501, 5));
    })
    .await;
}

#[tokio::test]
async fn moving_the_clock_forgets_no_request() {
    each_db(TABLES, async |db| {
        let clock = clock();
        let request = idempotency::Request {
            tenant: super::tenant(),
            principal: "member/lin",
            method: "Write",
            request_id: "one",
            hash: [1; 32],
            resource: "things/1",
            version: 1,
            now: clock.real_now(),
        };
        let claim =
            async || transact!(db.db, "test", |tx| idempotency::claim(tx, &request).await).unwrap();
        assert_eq!(claim().await, idempotency::Claim::First);
        // Demos move the clock by weeks; whoever tries again does so within the same real minute.
        clock.advance(idempotency::KEPT_FOR * 2);
        let keeper = crate::Housekeeper::new(db.db.clone(), clock.clone(), "one".to_owned());
        keeper.tidy(&CancellationToken::new()).await.unwrap();
        assert!(matches!(claim().await, idempotency::Claim::Replay { .. }));
    })
    .await;
}
