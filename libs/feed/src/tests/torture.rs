//! Many writers with clocks apart, transactions that are rolled back or stay open, several
//! sequencers whose leases end all the time, and a reader that watches live.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};

use futures::future::{join, join_all};
use kernel::{Clock, Time};
use store::{Db, Engine, Error, Sql, args, transact};
use testing::TestDb;
use tokio::sync::watch;
use uuid::Uuid;

use super::{TABLES, aggregate, sequencer, start, tenant, write_in};
use crate::{Source, sequencer::LEASE};

const WRITERS: u64 = 8;
const WRITES: u64 = 60;
const AGGREGATES: u64 = 24;
const PARTITIONS: u32 = 4;

const EVENTS: Sql = Sql::both("SELECT COUNT(*) FROM events");
const OUTBOX: Sql = Sql::both("SELECT COUNT(*) FROM outbox");

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What all that takes part share.
struct Scene {
    db: Db,
    source: Source,
    committed: AtomicI64,
    /// Rises whenever there may be something to sequence.
    writes: watch::Sender<u64>,
    /// Rises whenever a sequencer has been around.
    ticks: watch::Sender<u64>,
    done: AtomicBool,
}

impl Scene {
    /// Waits until the sequencers have been around a few more times.
    async fn some_ticks(&self) {
        let mut ticks = self.ticks.subscribe();
        for _ in 0..3 {
            self.writes.send_modify(|count| *count += 1);
            ticks.changed().await.unwrap();
        }
    }

    async fn write(&self, number: u64) {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (number + 1) << 20);
        for step in 0..WRITES {
            let skew = i64::try_from(number * 14_000).unwrap() - 50_000;
            let now = start().plus_micros(skew + i64::try_from(step * 1_000).unwrap());
            let count = i64::try_from(dice.roll(3) + 1).unwrap();
            let aggregate = aggregate(dice.roll(AGGREGATES).into());
            let (fails, lingers) = (dice.roll(11) == 0, dice.roll(10) == 0);
            if self.write_once(aggregate, now, count, fails, lingers).await {
                self.committed.fetch_add(count, Ordering::SeqCst);
            }
            self.writes.send_modify(|count| *count += 1);
        }
    }

    async fn write_once(
        &self,
        aggregate: Uuid,
        now: Time,
        count: i64,
        fails: bool,
        lingers: bool,
    ) -> bool {
        let written = transact!(self.db, "test.write", |tx| {
            write_in(tx, PARTITIONS, tenant(), aggregate, now, count).await?;
            // An open transaction keeps everybody out on SQLite.
            if lingers && tx.engine() == Engine::Postgres {
                self.some_ticks().await;
            }
            if fails { Err(Error::Corrupt("rolled back".to_owned())) } else { Ok(()) }
        });
        assert_eq!(written.is_err(), fails, "{written:?}");
        !fails
    }

    /// Sequences with a clock of its own that jumps past its lease now and then, so that the other
    /// takes over while this one still believes to hold.
    async fn sequence(&self, holder: &str) {
        let clock = Clock::manual(start());
        let mut dice = Dice(holder.bytes().map(u64::from).sum());
        let mut sequencer = sequencer(&self.source, &clock, holder);
        let (mut quiet, mut writes) = (0, self.writes.subscribe());
        while quiet < 2 {
            let over = self.done.load(Ordering::SeqCst);
            let more = match sequencer.tick().await {
                Ok(more) => more,
                // On a busy machine the server may find a transaction idle and end it.
                Err(error) if error.is_transient() => true,
                Err(error) => panic!("{error:?}"),
            };
            self.ticks.send_modify(|count| *count += 1);
            if dice.roll(4) == 0 {
                clock.advance(LEASE + Duration::from_micros(dice.roll(1_000)));
            }
            if over {
                quiet = if !more && self.left().await == 0 { quiet + 1 } else { 0 };
            } else if !more {
                writes.changed().await.unwrap();
            }
        }
    }

    async fn left(&self) -> i64 {
        self.db.one::<(i64,)>(OUTBOX, args![]).await.unwrap().0
    }

    /// Reads each partition as it grows; every gap and every disorder is a failure.
    async fn read(&self) -> i64 {
        let mut places = vec![0_i64; PARTITIONS as usize];
        let mut sequences: BTreeMap<Uuid, i64> = BTreeMap::new();
        let mut ticks = self.ticks.subscribe();
        loop {
            let over = self.done.load(Ordering::SeqCst) && self.left().await == 0;
            let heads = self.source.heads().await.unwrap();
            for partition in 0..PARTITIONS {
                let place = &mut places[partition as usize];
                let page = self.source.read(&heads, partition, *place, 100, None).await.unwrap();
                for event in page.unwrap().events {
                    assert_eq!(event.position, *place + 1, "a gap was seen");
                    *place = event.position;
                    let last = sequences.entry(event.aggregate).or_default();
                    assert_eq!(event.sequence, *last + 1, "an aggregate's order was broken");
                    *last = event.sequence;
                }
            }
            if over && places == heads.heads {
                return places.iter().sum();
            }
            if places == heads.heads {
                ticks.changed().await.unwrap();
            }
        }
    }
}

async fn torture(engine: Engine) {
    let naming = testing::db::NameOnPanic(engine);
    let test = TestDb::with_partitions(engine, TABLES, Some(PARTITIONS)).await;
    let db = test.db.clone();
    let scene = Scene {
        source: Source::new("tests", db.clone()),
        db,
        committed: AtomicI64::new(0),
        writes: watch::Sender::new(0),
        ticks: watch::Sender::new(0),
        done: AtomicBool::new(false),
    };
    let writing = async {
        join_all((0..WRITERS).map(|number| scene.write(number))).await;
        scene.done.store(true, Ordering::SeqCst);
        scene.writes.send_modify(|count| *count += 1);
    };
    let sequencing = join_all(["one", "another", "third"].map(|holder| scene.sequence(holder)));
    let ((), (_, read)) = join(writing, join(sequencing, scene.read())).await;
    let (events,): (i64,) = test.one(EVENTS, args![]).await.unwrap();
    let committed = scene.committed.load(Ordering::SeqCst);
    assert!(committed > 0 && read == committed && events == committed, "{read} of {committed}");
    test.drop().await;
    drop(naming);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_out_of_order_on_sqlite() {
    torture(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_out_of_order_on_postgres() {
    torture(Engine::Postgres).await;
}
