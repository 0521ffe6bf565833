//! A consumer that applies the events of all partitions in one transaction.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use store::Tx;
use tokio_util::sync::CancellationToken;

use super::{
    Effects, aggregate,
    consumer::{Pair, each_pair},
    effects, link, site,
};
use crate::{
    Consumer, Event, HandleError, Handler,
    consumer::{Known, Step},
    dead_letters,
};

/// How many events go together: ten of each partition.
const MOST: usize = 20;

/// Effects of all partitions at once, and how often that was asked for.
#[derive(Clone)]
struct Together {
    effects: Effects,
    asked: Arc<AtomicUsize>,
}

impl Together {
    fn new(effects: Effects) -> Self {
        Self { effects, asked: Arc::default() }
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

impl Handler for Together {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        self.apply_all(tx, &[event]).await
    }

    fn gather(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn together(&self) -> Option<usize> {
        Some(MOST)
    }

    async fn apply_all(&self, tx: &mut Tx, events: &[&Event]) -> Result<(), HandleError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.effects.apply_all(tx, events).await
    }
}

fn consumer(pair: &Pair, handler: &Together) -> Consumer<Together> {
    let site = site(&pair.to, &pair.clock, "one");
    Consumer::new("tests.effects", "tests", link(&pair.source), site, handler.clone())
}

fn unknown() -> [Known; 2] {
    [Known::default(), Known::default()]
}

/// Steps until there is nothing new.
async fn step_on(consumer: &Consumer<Together>, known: &mut [Known]) {
    while consumer.step_together(known, MOST).await.unwrap() == Step::Moved {}
}

#[tokio::test]
async fn events_of_all_partitions_take_effect_at_once() {
    each_pair(async |pair| {
        let handler = Together::new(Effects::plain());
        let (consumer, mut known) = (consumer(pair, &handler), unknown());
        step_on(&consumer, &mut known).await;
        for number in 1..=8 {
            pair.write(aggregate(number), 3).await;
        }
        step_on(&consumer, &mut known).await;
        let asked = handler.asked();
        assert!((1..=2).contains(&asked), "twenty at a time, both partitions together: {asked}");
        pair.write(aggregate(1), 1).await;
        step_on(&consumer, &mut known).await;
        assert_eq!(handler.asked(), 1);
        assert_eq!(effects(&pair.to, aggregate(1)).await, [1, 2, 3, 4]);
        // More than a page holds are not asked for.
        pair.write(aggregate(1), 1).await;
        assert_eq!(consumer.step_together(&mut known, 100_000).await.unwrap(), Step::Moved);
        assert_eq!(effects(&pair.to, aggregate(1)).await.len(), 5);
        for number in 2..=8 {
            assert_eq!(effects(&pair.to, aggregate(number)).await, [1, 2, 3]);
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_cannot_be_applied_is_put_aside_and_the_others_are_applied() {
    each_pair(async |pair| {
        let bad = aggregate(3);
        let handler = Together::new(Effects::with(move |event| {
            let is_bad = event.aggregate == bad && event.sequence == 2;
            if is_bad { Err(HandleError::poison("it is bad")) } else { Ok(()) }
        }));
        let (consumer, mut known) = (consumer(pair, &handler), unknown());
        for number in 1..=8 {
            pair.write(aggregate(number), 3).await;
        }
        step_on(&consumer, &mut known).await;
        for number in (1..=8).filter(|number| *number != 3) {
            assert_eq!(effects(&pair.to, aggregate(number)).await, [1, 2, 3], "{number}");
        }
        assert_eq!(effects(&pair.to, bad).await, [1]);
        let waiting = dead_letters::list(&pair.to, "tests.effects", "tests", 10).await.unwrap();
        assert_eq!(waiting.len(), 2, "the bad one, and the one behind it");
    })
    .await;
}

#[tokio::test]
async fn what_another_replica_has_applied_is_not_applied_again() {
    each_pair(async |pair| {
        let handler = Together::new(Effects::plain());
        let (one, mut known) = (consumer(pair, &handler), unknown());
        for number in 1..=8 {
            pair.write(aggregate(number), 1).await;
        }
        step_on(&one, &mut known).await;
        for number in 1..=8 {
            pair.write(aggregate(number), 1).await;
        }
        // The other one begins where the first one is, and is faster.
        consumer(pair, &handler).catch_up().await.unwrap();
        step_on(&one, &mut known).await;
        for number in 1..=8 {
            assert_eq!(effects(&pair.to, aggregate(number)).await, [1, 2]);
        }
    })
    .await;
}

#[tokio::test]
async fn it_follows_until_it_is_told_to_stop() {
    each_pair(async |pair| {
        let handler = Together::new(Effects::plain());
        let (consumer, stop) = (consumer(pair, &handler), CancellationToken::new());
        let writing = async {
            for round in 1..=3_i64 {
                for number in 1..=4 {
                    pair.write(aggregate(number), 1).await;
                }
                while effects(&pair.to, aggregate(4)).await.len() < usize::try_from(round).unwrap()
                {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            stop.cancel();
        };
        tokio::join!(consumer.run(stop.clone()), writing);
        for number in 1..=4 {
            assert_eq!(effects(&pair.to, aggregate(number)).await, [1, 2, 3]);
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_waits_holds_up_its_own_partition_only_and_is_not_lost() {
    each_pair(async |pair| {
        let waits = Arc::new(AtomicBool::new(true));
        let (away, waiting) = (waits.clone(), aggregate(3));
        let handler = Together::new(Effects::with(move |event| {
            if event.aggregate == waiting && away.load(Ordering::Relaxed) {
                return Err(HandleError::transient("nobody is there"));
            }
            Ok(())
        }));
        let (consumer, mut known) = (consumer(pair, &handler), unknown());
        pair.write(waiting, 1).await;
        let partitions = store::meta::partitions(&pair.from.db).await.unwrap();
        let of =
            |number| store::events::partition_of(super::tenant(), aggregate(number), partitions);
        let other = (4..99).find(|number| of(*number) != of(3)).unwrap();
        pair.write(aggregate(other), 2).await;
        for _ in 0..4 {
            let _ = consumer.step_together(&mut known, MOST).await;
        }
        assert!(consumer.step_together(&mut known, MOST).await.is_err(), "it is told");
        assert_eq!(effects(&pair.to, aggregate(other)).await, [1, 2]);
        assert_eq!(effects(&pair.to, waiting).await, Vec::<i64>::new());
        waits.store(false, Ordering::Relaxed);
        step_on(&consumer, &mut known).await;
        assert_eq!(effects(&pair.to, waiting).await, [1]);
    })
    .await;
}
