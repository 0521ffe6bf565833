//! One consumer: effects once and in order, poison, redrive, restored databases.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use kernel::Clock;
use store::{Db, Engine, Sql, args, transact};
use testing::TestDb;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Effects, TABLES, aggregate, clock, effects, link, sequence_all, site, start, write};
use crate::{
    ConsumeError, Consumer, HandleError, Managed, Source, consumer::Known, cursors, dead_letters,
};

const TAKEN: Sql =
    Sql::both("DELETE FROM dead_letters WHERE tenant = $1 AND aggregate = $2 AND sequence = 1");
const FIRST_EFFECT: Sql =
    Sql::both("INSERT INTO effects (tenant, aggregate, sequence) VALUES ($1, $2, 1)");
const NO_EFFECTS: Sql = Sql::both("DELETE FROM effects WHERE tenant = $1");
const CHECKPOINT: Sql = Sql::both("PRAGMA wal_checkpoint(TRUNCATE)");

/// A service that writes and one that consumes.
pub(crate) struct Pair {
    pub(crate) from: TestDb,
    pub(crate) to: TestDb,
    pub(crate) source: Source,
    pub(crate) clock: Clock,
}

impl Pair {
    pub(crate) async fn new(engine: Engine) -> Self {
        let from = TestDb::with_partitions(engine, TABLES, Some(2)).await;
        let to = TestDb::migrated(engine, TABLES).await;
        let source = Source::new("tests", from.db.clone());
        Self { from, to, source, clock: clock() }
    }

    pub(crate) async fn write(&self, aggregate: Uuid, count: i64) {
        write(&self.from, aggregate, start(), count).await;
        sequence_all(&self.source, &self.clock).await;
    }

    pub(crate) fn consumer(&self, handler: Effects) -> Consumer<Effects> {
        let site = site(&self.to, &self.clock, "one");
        Consumer::new("tests.effects", "tests", link(&self.source), site, handler)
    }

    pub(crate) async fn drop(self) {
        self.from.drop().await;
        self.to.drop().await;
    }
}

pub(crate) async fn each_pair(test: impl AsyncFn(&Pair)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let naming = testing::db::NameOnPanic(engine);
        let pair = Pair::new(engine).await;
        test(&pair).await;
        pair.drop().await;
        drop(naming);
    }
}

fn up_to(last: i64) -> Vec<i64> {
    (1..=last).collect()
}

async fn stopped(db: &Db) -> Vec<String> {
    let cursors = cursors::list(db, "tests.effects", "tests").await.unwrap();
    cursors.into_iter().map(|(_, _, stopped)| stopped).filter(|why| !why.is_empty()).collect()
}

async fn rewind(db: &Db, position: i64) {
    transact!(db, "test", |tx| {
        cursors::rewind(tx, "tests.effects", "tests", position).await?;
        dead_letters::forget(tx, "tests.effects", "tests", position).await
    })
    .unwrap();
}

#[tokio::test]
async fn every_event_takes_effect_once_and_in_order() {
    each_pair(async |pair| {
        let consumer = pair.consumer(Effects::plain());
        for round in 1..=3 {
            for number in 0..10 {
                pair.write(aggregate(number), 7).await;
            }
            consumer.catch_up().await.unwrap();
            consumer.catch_up().await.unwrap();
            for number in 0..10 {
                assert_eq!(effects(&pair.to, aggregate(number)).await, up_to(7 * round));
            }
        }
        assert_eq!(dead_letters::count(&pair.to, "tests.effects", "tests").await.unwrap(), 0);
    })
    .await;
}

/// Events of these (aggregate, sequence) cannot be applied while they are in the set.
fn poisoned(set: &Arc<Mutex<HashSet<(Uuid, i64)>>>) -> Effects {
    let set = Arc::clone(set);
    Effects::with(move |event| {
        if set.lock().unwrap().contains(&(event.aggregate, event.sequence)) {
            return Err(HandleError::poison("it does not fit"));
        }
        Ok(())
    })
}

#[tokio::test]
async fn poison_parks_its_aggregate_and_the_rest_goes_on_until_a_redrive_in_order() {
    each_pair(async |pair| {
        let (bad, good) = (aggregate(1), aggregate(2));
        let set = Arc::new(Mutex::new(HashSet::from([(bad, 3), (bad, 6)])));
        let consumer = pair.consumer(poisoned(&set));
        pair.write(bad, 8).await;
        pair.write(good, 8).await;
        consumer.catch_up().await.unwrap();
        pair.write(bad, 1).await;
        consumer.catch_up().await.unwrap();
        assert_eq!(effects(&pair.to, bad).await, up_to(2));
        assert_eq!(effects(&pair.to, good).await, up_to(8));
        let letters = dead_letters::list(&pair.to, "tests.effects", "tests", 100).await.unwrap();
        assert_eq!(letters.len(), 7);
        assert!(letters[1..].iter().all(|letter| letter.error.is_empty()));
        assert_eq!(letters[0].error, "the event cannot be applied: it does not fit");
        assert_eq!(letters[0].at, pair.clock.now());

        // Still poison: nothing moves.
        let redriven = consumer.redrive().await.unwrap();
        assert_eq!((redriven.taken, redriven.left), (0, 7));
        // Mended: the rest follows by itself, up to the next poison.
        set.lock().unwrap().remove(&(bad, 3));
        let redriven = consumer.redrive().await.unwrap();
        assert_eq!((redriven.taken, redriven.left), (3, 4));
        assert_eq!(effects(&pair.to, bad).await, up_to(5));
        set.lock().unwrap().clear();
        let redriven = consumer.redrive().await.unwrap();
        assert_eq!((redriven.taken, redriven.left), (4, 0));
        pair.write(bad, 2).await;
        consumer.catch_up().await.unwrap();
        assert_eq!(effects(&pair.to, bad).await, up_to(11));
    })
    .await;
}

#[tokio::test]
async fn an_event_that_was_put_aside_during_a_redrive_does_not_stay_behind() {
    each_pair(async |pair| {
        let bad = aggregate(1);
        let set = Arc::new(Mutex::new(HashSet::from([(bad, 1)])));
        let consumer = pair.consumer(poisoned(&set));
        pair.write(bad, 2).await;
        consumer.catch_up().await.unwrap();
        // The redrive has taken the first; the second is queued with nothing before it.
        set.lock().unwrap().clear();
        transact!(pair.to, "test", |tx| {
            tx.execute(FIRST_EFFECT, args![super::tenant(), bad]).await?;
            tx.execute(TAKEN, args![super::tenant(), bad]).await
        })
        .unwrap();
        consumer.catch_up().await.unwrap();
        assert_eq!(effects(&pair.to, bad).await, up_to(2));
    })
    .await;
}

#[tokio::test]
async fn a_panic_is_poison_and_what_is_away_is_waited_for() {
    each_pair(async |pair| {
        let away = Arc::new(AtomicBool::new(true));
        let tries = Arc::new(AtomicU32::new(0));
        let (seen, counted) = (Arc::clone(&away), Arc::clone(&tries));
        let consumer = pair.consumer(Effects::with(move |event| {
            assert!(event.aggregate != aggregate(1), "this event makes the handler panic");
            counted.fetch_add(1, Ordering::SeqCst);
            if seen.load(Ordering::SeqCst) {
                return Err(HandleError::transient("the index is away"));
            }
            Ok(())
        }));
        pair.write(aggregate(2), 3).await;
        for _ in 0..10 {
            let error = consumer.catch_up().await.unwrap_err();
            assert!(matches!(error, ConsumeError::Effect(HandleError::Transient(_))), "{error:?}");
        }
        assert_eq!(tries.load(Ordering::SeqCst), 10);
        away.store(false, Ordering::SeqCst);
        pair.write(aggregate(1), 1).await;
        consumer.catch_up().await.unwrap();
        assert_eq!(effects(&pair.to, aggregate(2)).await, up_to(3));
        let letters = dead_letters::list(&pair.to, "tests.effects", "tests", 100).await.unwrap();
        assert_eq!(letters.len(), 1);
        assert!(letters[0].error.ends_with("the handler panicked"));
    })
    .await;
}

/// Copies a SQLite database as a backup would: all of it, at one instant.
async fn back_up(db: &TestDb) -> Vec<u8> {
    let _: Option<(i64,)> = db.reopen().await.optional(CHECKPOINT, args![]).await.unwrap_or(None);
    std::fs::read(db.file.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn a_consumer_restored_from_an_old_backup_catches_up_by_itself() {
    let mut pair = Pair::new(Engine::Sqlite).await;
    pair.write(aggregate(1), 5).await;
    pair.consumer(Effects::plain()).catch_up().await.unwrap();
    pair.to.db.close().await;
    let backup = back_up(&pair.to).await;
    pair.to.db = pair.to.reopen().await;
    pair.write(aggregate(1), 70).await;
    pair.consumer(Effects::plain()).catch_up().await.unwrap();
    assert_eq!(effects(&pair.to, aggregate(1)).await, up_to(75));

    pair.to.db.close().await;
    restore(&pair.to, &backup);
    pair.to.db = pair.to.reopen().await;
    assert_eq!(effects(&pair.to, aggregate(1)).await, up_to(5));
    pair.consumer(Effects::plain()).catch_up().await.unwrap();
    assert_eq!(effects(&pair.to, aggregate(1)).await, up_to(75));
    pair.drop().await;
}

fn restore(db: &TestDb, backup: &[u8]) {
    let file = db.file.as_ref().unwrap();
    for suffix in ["-wal", "-shm"] {
        let mut beside = file.as_os_str().to_owned();
        beside.push(suffix);
        let _ = std::fs::remove_file(beside);
    }
    std::fs::write(file, backup).unwrap();
}

#[tokio::test]
async fn a_restored_source_is_noticed_by_its_head() {
    let mut pair = Pair::new(Engine::Sqlite).await;
    pair.write(aggregate(1), 5).await;
    pair.from.db.close().await;
    let backup = back_up(&pair.from).await;
    pair.from.db = pair.from.reopen().await;
    pair.source = Source::new("tests", pair.from.db.clone());
    pair.write(aggregate(1), 5).await;
    pair.consumer(Effects::plain()).catch_up().await.unwrap();

    pair.from.db.close().await;
    restore(&pair.from, &backup);
    pair.from.db = pair.from.reopen().await;
    pair.source = Source::new("tests", pair.from.db.clone());
    let consumer = pair.consumer(Effects::plain());
    consumer.catch_up().await.unwrap();
    assert_eq!(
        stopped(&pair.to).await,
        ["the position is past the source's head: the source was restored"]
    );
    pair.drop().await;
}

#[tokio::test]
async fn another_incarnation_stops_the_consumer_until_it_is_rewound() {
    each_pair(async |pair| {
        let consumer = pair.consumer(Effects::plain());
        pair.write(aggregate(1), 5).await;
        consumer.catch_up().await.unwrap();
        let renewed = Uuid::from_u128(77);
        transact!(pair.from, "test", |tx| store::meta::renew_incarnation(tx, renewed).await)
            .unwrap();
        pair.write(aggregate(1), 5).await;
        consumer.catch_up().await.unwrap();
        consumer.catch_up().await.unwrap();
        assert_eq!(stopped(&pair.to).await.len(), 2, "both partitions");
        assert_eq!(effects(&pair.to, aggregate(1)).await, up_to(5));

        rewind(&pair.to, 5).await;
        consumer.catch_up().await.unwrap();
        assert_eq!(effects(&pair.to, aggregate(1)).await, up_to(10));
        // One partition has nothing at all: there the consumer goes on at the head.
        assert!(stopped(&pair.to).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_rewind_to_the_start_replays_what_is_kept() {
    each_pair(async |pair| {
        let bad = aggregate(1);
        let set = Arc::new(Mutex::new(HashSet::from([(bad, 4)])));
        let consumer = pair.consumer(poisoned(&set));
        pair.write(bad, 6).await;
        consumer.catch_up().await.unwrap();
        assert_eq!(effects(&pair.to, bad).await, up_to(3));
        set.lock().unwrap().clear();
        transact!(pair.to, "test", |tx| tx.execute(NO_EFFECTS, args![super::tenant()]).await)
            .unwrap();
        rewind(&pair.to, 0).await;
        consumer.catch_up().await.unwrap();
        assert_eq!(effects(&pair.to, bad).await, up_to(6));
        assert_eq!(dead_letters::count(&pair.to, "tests.effects", "tests").await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_is_rewound_while_it_is_busy_finds_out_by_its_next_page() {
    each_pair(async |pair| {
        let consumer = pair.consumer(Effects::plain());
        let partition = store::events::partition_of(super::tenant(), aggregate(1), 2);
        let mut known = Known::default();
        let mut step = async || {
            consumer.step(partition, Duration::ZERO, &mut known).await.unwrap();
        };
        pair.write(aggregate(1), 3).await;
        step().await;
        step().await;
        assert_eq!(effects(&pair.to, aggregate(1)).await, up_to(3));
        transact!(pair.to, "test", |tx| tx.execute(NO_EFFECTS, args![super::tenant()]).await)
            .unwrap();
        rewind(&pair.to, 0).await;
        pair.write(aggregate(1), 3).await;
        step().await;
        assert!(effects(&pair.to, aggregate(1)).await.is_empty(), "nothing from where it believed");
        step().await;
        step().await;
        assert_eq!(effects(&pair.to, aggregate(1)).await, up_to(6));
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_is_new_starts_where_the_memory_starts_and_a_late_one_stops() {
    each_pair(async |pair| {
        pair.write(aggregate(1), 3).await;
        let late = pair.consumer(Effects::plain());
        late.catch_up().await.unwrap();
        pair.write(aggregate(1), 3).await;
        pair.clock.advance(crate::RETENTION * 2);
        let keeper =
            crate::Housekeeper::new(pair.from.db.clone(), pair.clock.clone(), "k".to_owned());
        keeper.tidy(&CancellationToken::new()).await.unwrap();
        late.catch_up().await.unwrap();
        assert_eq!(stopped(&pair.to).await, ["the events after the position are no longer kept"]);

        let fresh = TestDb::migrated(pair.to.engine(), TABLES).await;
        let handler = Effects::with(|_| panic!("nothing is kept"));
        let consumer = Consumer::new(
            "tests.effects",
            "tests",
            link(&pair.source),
            site(&fresh, &pair.clock, "two"),
            handler,
        );
        consumer.catch_up().await.unwrap();
        assert!(stopped(&fresh).await.is_empty());
        fresh.drop().await;
    })
    .await;
}
