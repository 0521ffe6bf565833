//! Several replicas of one consumer, with and without their lease, and the loops that run for good.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use kernel::Clock;
use testing::TestDb;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;

use super::{
    Effects, TABLES, aggregate,
    consumer::{Pair, each_pair},
    effects, link, sequencer, site, soon, start, tenant, write,
};
use crate::{
    Consumer, HandleError, Source,
    consumer::{Known, Step},
    dead_letters,
};

fn replica(pair: &Pair, holder: &str, handler: Effects) -> Consumer<Effects> {
    let site = site(&pair.to, &pair.clock, holder);
    Consumer::new("tests.effects", "tests", link(&pair.source), site, handler)
}

/// Four replicas, all believing that they alone hold the lease. Some handlers fail on purpose.
#[tokio::test]
async fn replicas_that_all_work_at_once_take_each_effect_once() {
    each_pair(async |pair| {
        for number in 0..20 {
            pair.write(aggregate(number), 13).await;
        }
        let calls = Arc::new(AtomicU64::new(0));
        let flaky = Effects::with(move |event| {
            if event.aggregate == aggregate(3) && event.sequence == 9 {
                return Err(HandleError::poison("never fits"));
            }
            // Every seventh fails once; tried again it fits.
            if calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(7) {
                return Err(HandleError::poison("does not fit now"));
            }
            Ok(())
        });
        let replicas = ["a", "b", "c", "d"].map(|name| replica(pair, name, flaky.clone()));
        for caught_up in join_all(replicas.iter().map(Consumer::catch_up)).await {
            caught_up.unwrap();
        }
        for number in (0..20).filter(|number| *number != 3) {
            let all: Vec<i64> = (1..=13).collect();
            assert_eq!(effects(&pair.to, aggregate(number)).await, all, "{number}");
        }
        let some: Vec<i64> = (1..=8).collect();
        assert_eq!(effects(&pair.to, aggregate(3)).await, some);
        let left = dead_letters::count(&pair.to, "tests.effects", "tests").await.unwrap();
        assert_eq!(left, 5);
    })
    .await;
}

/// A process can end at any await: what has committed stays, what has not leaves no trace.
#[tokio::test]
async fn a_consumer_that_is_cut_off_anywhere_loses_and_doubles_nothing() {
    each_pair(async |pair| {
        let consumer = replica(pair, "a", Effects::plain());
        for round in 1..=60_u32 {
            pair.write(aggregate(u128::from(round % 5)), 2).await;
            let cut = Duration::from_micros(u64::from(round * 97 % 4_000));
            drop(tokio::time::timeout(cut, consumer.catch_up()).await);
        }
        consumer.catch_up().await.unwrap();
        for number in 0..5 {
            let all: Vec<i64> = (1..=24).collect();
            assert_eq!(effects(&pair.to, aggregate(number)).await, all);
        }
    })
    .await;
}

#[tokio::test]
async fn the_loops_carry_an_event_from_commit_to_effect_and_stop_when_told() {
    each_pair(async |pair| {
        let stop = CancellationToken::new();
        let last = Arc::new(Notify::new());
        let done = Arc::clone(&last);
        let handler = Effects::with(move |event| {
            if event.sequence == 40 {
                done.notify_one();
            }
            Ok(())
        });
        let consumers = ["a", "b"].map(|name| replica(pair, name, handler.clone()));
        let sequencers = [
            sequencer(&pair.source, &pair.clock, "one"),
            // A replica in another process: its announcements are not heard here.
            sequencer(&Source::new("tests", pair.from.db.clone()), &pair.clock, "two"),
        ];
        let running = async {
            let sequencing = join_all(sequencers.map(|one| one.run(stop.clone())));
            let consuming = join_all(consumers.iter().map(|one| one.run(stop.clone())));
            futures::future::join(sequencing, consuming).await;
        };
        let writing = async {
            for _ in 0..20 {
                write(&pair.from, aggregate(1), start(), 2).await;
            }
            last.notified().await;
            // The handler was called; the effect is there when its transaction has committed.
            while effects(&pair.to, aggregate(1)).await.len() < 40 {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        soon(futures::future::join(running, writing)).await;
        let all: Vec<i64> = (1..=40).collect();
        assert_eq!(effects(&pair.to, aggregate(1)).await, all);
    })
    .await;
}

#[tokio::test]
async fn the_gauges_tell_what_is_so_while_the_lease_lasts_and_nothing_after() {
    each_pair(async |pair| {
        let away = Effects::with(|_| Err(HandleError::transient("not now")));
        let stuck = replica(pair, "a", away);
        let lag = |consumer: &Consumer<Effects>| {
            let gauge = &consumer.site.metrics.consumer_lag;
            gauge.with_label_values(&["tests.effects", "tests"]).get()
        };
        pair.write(aggregate(1), 3).await;
        let stop = CancellationToken::new();
        let seen = async {
            while lag(&stuck) != 3 {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        soon(futures::future::join(stuck.run(stop.clone()), seen)).await;
        assert_eq!(lag(&stuck), 0, "another may hold the lease now");

        let well = replica(pair, "b", Effects::plain());
        let partition = store::events::partition_of(tenant(), aggregate(1), 2);
        let came_to = well.step(partition, Duration::ZERO, &mut Known::default()).await.unwrap();
        assert_eq!(came_to, Step::Moved);
        assert_eq!(effects(&pair.to, aggregate(1)).await, [1, 2, 3]);
        assert_eq!(lag(&well), 0, "the page has taken effect");
    })
    .await;
}

#[tokio::test]
async fn a_consumer_waits_while_its_source_is_away() {
    let pair = Pair::new(store::Engine::Sqlite).await;
    let nowhere = rpc::link::link(Endpoint::from_static("http://127.0.0.1:1").connect_lazy());
    let site = site(&pair.to, &Clock::system(), "a");
    let consumer = Consumer::new("tests.effects", "tests", nowhere, site, Effects::plain());
    let error = soon(consumer.catch_up()).await.unwrap_err();
    assert_eq!(error.to_string(), "the source cannot be read");
    pair.drop().await;
}

/// Two consumers of one source in one database do not know of each other.
#[tokio::test]
async fn consumers_have_cursors_of_their_own() {
    each_pair(async |pair| {
        let other_to = TestDb::migrated(pair.to.engine(), TABLES).await;
        pair.write(aggregate(1), 3).await;
        replica(pair, "a", Effects::plain()).catch_up().await.unwrap();
        let other = Consumer::new(
            "tests.other",
            "tests",
            link(&pair.source),
            site(&pair.to, &pair.clock, "a"),
            Effects::with(|event| {
                assert_eq!(event.tenant, tenant());
                Err(HandleError::poison("not for this one"))
            }),
        );
        other.catch_up().await.unwrap();
        let count = dead_letters::count(&pair.to, "tests.other", "tests").await.unwrap();
        assert_eq!(count, 3);
        assert_eq!(effects(&pair.to, aggregate(1)).await, [1, 2, 3]);
        other_to.drop().await;
    })
    .await;
}
