//! Appending events.

use std::time::Duration;

use kernel::CallerKind;
use store::{
    Db, Engine, Error, Sql, args,
    events::{Inserts, NewEvent, append, append_alone, append_with, is_taken, partition_of},
    transact,
};
use testing::{TestDb, each_db};
use uuid::Uuid;

use crate::{at, tenant};

const HISTORY: Sql = Sql::both(
    "SELECT sequence, at, kind, payload, actor_kind, actor, trace FROM events \
     WHERE tenant = $1 AND aggregate = $2 ORDER BY sequence",
);
const OUTBOX: Sql = Sql::both(
    "SELECT partition, at, sequence FROM outbox WHERE tenant = $1 AND aggregate = $2 \
     ORDER BY partition, at, tenant, aggregate, sequence",
);

const KEPT: Sql = Sql::both("SELECT key FROM meta WHERE value = 'x' ORDER BY key");

const PUT: Sql = Sql::both("INSERT INTO meta (key, value) VALUES ($1, 'x')");
const COUNT: Sql = Sql::both("SELECT COUNT(*) FROM events WHERE tenant = $1");
/// How many wait for another's transaction in this database.
const WAITING: Sql = Sql::both(
    "SELECT COUNT(*) FROM pg_stat_activity \
     WHERE datname = current_database() AND wait_event = 'transactionid'",
);

type Row = (i64, i64, String, Vec<u8>, String, String, String);

pub(crate) fn event(aggregate: Uuid, sequence: i64) -> NewEvent {
    NewEvent {
        tenant: tenant(1),
        aggregate,
        sequence,
        at: at(100 + sequence),
        kind: "ticket.created",
        payload: vec![1, 2, 3],
        actor_kind: CallerKind::Member,
        actor: "lin".to_owned(),
        trace: String::new(),
    }
}

async fn write(db: &Db, partitions: u32, events: &[NewEvent]) -> Result<(), Error> {
    transact!(db, "test", |tx| append(tx, partitions, events).await)
}

#[tokio::test]
async fn an_event_is_in_history_and_outbox_or_in_neither() {
    each_db(&[], async |db| {
        let aggregate = Uuid::from_u128(77);
        write(db, 16, &[event(aggregate, 1), event(aggregate, 2)]).await.unwrap();
        let history: Vec<Row> = db.all(HISTORY, args![tenant(1), aggregate]).await.unwrap();
        assert_eq!(history.len(), 2);
        assert_eq!(
            history[1],
            (
                2,
                102,
                "ticket.created".to_owned(),
                vec![1, 2, 3],
                "member".to_owned(),
                "lin".to_owned(),
                String::new()
            )
        );
        let partition = i64::from(partition_of(tenant(1), aggregate, 16));
        let outbox: Vec<(i64, i64, i64)> =
            db.all(OUTBOX, args![tenant(1), aggregate]).await.unwrap();
        assert_eq!(outbox, [(partition, 101, 1), (partition, 102, 2)]);

        // A sequence that exists already takes the whole transaction down.
        let clash = write(db, 16, &[event(aggregate, 3), event(aggregate, 2)]).await.unwrap_err();
        assert!(is_taken(&clash), "{clash:?}");
        let history: Vec<Row> = db.all(HISTORY, args![tenant(1), aggregate]).await.unwrap();
        let outbox: Vec<(i64, i64, i64)> =
            db.all(OUTBOX, args![tenant(1), aggregate]).await.unwrap();
        assert_eq!((history.len(), outbox.len()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn many_events_at_once() {
    each_db(&[], async |db| {
        let aggregate = Uuid::from_u128(77);
        let events: Vec<NewEvent> = (1..=1_201).map(|n| event(aggregate, n)).collect();
        write(db, 1, &events).await.unwrap();
        let outbox: Vec<(i64, i64, i64)> =
            db.all(OUTBOX, args![tenant(1), aggregate]).await.unwrap();
        assert_eq!(outbox.len(), 1_201);
        assert!(outbox.iter().zip(1..).all(|(row, n)| row.2 == n));
        write(db, 1, &[]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_commit_with_events_wakes_the_sequencer_and_a_roll_back_does_not() {
    each_db(&[], async |db| {
        let moment = Duration::from_millis(50);
        let aggregate = Uuid::from_u128(77);
        let refused: Result<(), Error> = transact!(db, "test", |tx| {
            append(tx, 1, &[event(aggregate, 1)]).await?;
            Err(Error::Corrupt("refused".to_owned()))
        });
        assert!(refused.is_err());
        transact!(db, "test", |tx| tx.execute(Sql::both("SELECT 1"), args![]).await).unwrap();
        assert!(tokio::time::timeout(moment, db.appended()).await.is_err());
        write(db, 1, &[event(aggregate, 1)]).await.unwrap();
        db.queue().appended().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_written_alone_is_a_transaction_of_its_own() {
    each_db(&[], async |db| {
        let aggregate = Uuid::from_u128(77);
        let alone = async |events: &[NewEvent]| {
            append_alone(db, Inserts::new(db.engine()), 16, events).await
        };
        alone(&[event(aggregate, 1), event(aggregate, 2)]).await.unwrap();
        db.queue().appended().await;
        let clash = alone(&[event(aggregate, 3), event(aggregate, 2)]).await.unwrap_err();
        assert!(is_taken(&clash), "{clash:?}");
        let moment = Duration::from_millis(50);
        assert!(tokio::time::timeout(moment, db.appended()).await.is_err());
        let history: Vec<Row> = db.all(HISTORY, args![tenant(1), aggregate]).await.unwrap();
        let outbox: Vec<(i64, i64, i64)> =
            db.all(OUTBOX, args![tenant(1), aggregate]).await.unwrap();
        assert_eq!((history.len(), outbox.len()), (2, 2));
        // The connection is as good as before.
        alone(&[event(aggregate, 3)]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_goes_with_events_is_written_with_them_or_not_at_all() {
    each_db(&[], async |db| {
        let aggregate = Uuid::from_u128(77);
        let told = |events: &[NewEvent]| {
            let mut inserts = Inserts::new(db.engine());
            for (name, key) in [("one", "first"), ("other", "second")] {
                inserts.and(name, |list| {
                    list.push("INSERT INTO meta (key, value) VALUES ");
                    list.rows([args![format!("{key} {}", events.len()), "x"]]);
                });
            }
            inserts
        };
        let write = async |events: &[NewEvent]| {
            transact!(db, "test", |tx| append_with(tx, told(events), 16, events).await)
        };
        let kept = async || -> Vec<String> {
            let rows: Vec<(String,)> = db.all(KEPT, args![]).await.unwrap();
            rows.into_iter().map(|(key,)| key).collect()
        };
        write(&[event(aggregate, 1)]).await.unwrap();
        assert_eq!(kept().await, ["first 1", "second 1"]);
        let clash = write(&[event(aggregate, 2), event(aggregate, 1)]).await.unwrap_err();
        assert!(is_taken(&clash), "{clash:?}");
        assert_eq!(kept().await, ["first 1", "second 1"]);
        let events = [event(aggregate, 2), event(aggregate, 3)];
        append_alone(db, told(&events), 16, &events).await.unwrap();
        assert_eq!(kept().await, ["first 1", "first 2", "second 1", "second 2"]);
        let history: Vec<Row> = db.all(HISTORY, args![tenant(1), aggregate]).await.unwrap();
        assert_eq!(history.len(), 3);
    })
    .await;
}

/// Who waits first in a deadlock is the one that PostgreSQL ends.
#[tokio::test]
async fn what_is_written_alone_is_tried_again_after_a_lost_race() {
    let db = TestDb::migrated(Engine::Postgres, &[]).await;
    let events = [event(Uuid::from_u128(77), 1)];
    let mut other = db.begin().await.unwrap();
    other.execute(PUT, args!["one"]).await.unwrap();
    let mut inserts = Inserts::new(Engine::Postgres);
    inserts.and("one", |list| {
        list.push("INSERT INTO meta (key, value) VALUES ").rows([args!["one", "x"]]);
    });
    let alone = append_alone(&db, inserts, 16, &events);
    let crossing = async {
        while db.one::<(i64,)>(WAITING, args![]).await.unwrap().0 == 0 {
            tokio::task::yield_now().await;
        }
        append(&mut other, 16, &events).await.unwrap();
        other.rollback().await.unwrap();
    };
    let (alone, ()) = tokio::join!(alone, crossing);
    alone.unwrap();
    assert_eq!(db.usage().retries, 1);
    db.drop().await;
}

/// The driver gives back the connection of a BEGIN that nobody waits for any more.
#[tokio::test]
async fn a_begin_that_is_given_up_leaves_no_transaction_open() {
    let db = TestDb::migrated(Engine::Postgres, &[]).await;
    for _ in 0..20 {
        let mut begin = std::pin::pin!(db.begin());
        drop(futures::poll!(&mut begin));
    }
    for number in 1..=20 {
        let events = [event(Uuid::from_u128(number), 1)];
        append_alone(&db, Inserts::new(Engine::Postgres), 16, &events).await.unwrap();
    }
    let (seen,): (i64,) = db.queue().one(COUNT, args![tenant(1)]).await.unwrap();
    assert_eq!(seen, 20);
    db.drop().await;
}
