//! Statements, values, transactions.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use sqlx::types::Json;
use store::{Db, Engine, Error, List, Retry, Settings, Sql, Tx, Unique, args, transact};
use testing::each_db;
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::{THINGS, at, tenant};

const INSERT: Sql = Sql::both(
    "INSERT INTO things (tenant, number, id, amount, flag, label, bytes, facts) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
);
const ADD: Sql = Sql::both("INSERT INTO things (tenant, number, amount) VALUES ($1, $2, 0)");
const GET: Sql = Sql::both(
    "SELECT id, amount, flag, label, bytes, facts FROM things WHERE tenant = $1 AND number = $2",
);
const COUNT: Sql = Sql::both("SELECT COUNT(*) FROM things WHERE tenant = $1");
const RAISE: Sql = Sql::both(
    "UPDATE things SET amount = amount + 1 WHERE tenant = $1 AND number = $2 RETURNING amount",
);
const KEY: Unique = Unique { name: "things_key", columns: "things.tenant, things.number" };

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Thing {
    id: Option<Uuid>,
    amount: Option<i64>,
    flag: Option<bool>,
    label: Option<String>,
    bytes: Option<Vec<u8>>,
    facts: Option<Json<serde_json::Value>>,
}

async fn count(db: &Db) -> i64 {
    db.one::<(i64,)>(COUNT, args![tenant(1)]).await.unwrap().0
}

#[tokio::test]
async fn values_and_nulls_come_back_as_they_went_in() {
    each_db(THINGS, async |db| {
        let id = Uuid::from_u128(9);
        let facts = json!({"when": "yesterday", "n": 3});
        transact!(db, "test", |tx| {
            let row = args![tenant(1), 1, id, at(5), true, "屏幕", vec![0_u8, 255], facts.clone()];
            tx.execute(INSERT, row).await?;
            let nulls = args![
                tenant(1),
                2,
                None::<Uuid>,
                None::<i64>,
                None::<bool>,
                None::<&str>,
                None::<Vec<u8>>,
                None::<serde_json::Value>
            ];
            tx.execute(INSERT, nulls).await
        })
        .unwrap();
        let full: Thing = db.one(GET, args![tenant(1), 1]).await.unwrap();
        assert_eq!(
            full,
            Thing {
                id: Some(id),
                amount: Some(5),
                flag: Some(true),
                label: Some("屏幕".to_owned()),
                bytes: Some(vec![0, 255]),
                facts: Some(Json(facts)),
            }
        );
        let empty: Thing = db.one(GET, args![tenant(1), 2]).await.unwrap();
        assert!(empty.id.is_none() && empty.label.is_none() && empty.facts.is_none());
        assert!(db.optional::<Thing>(GET, args![tenant(1), 3]).await.unwrap().is_none());
        assert!(matches!(
            db.one::<Thing>(GET, args![tenant(1), 3]).await,
            Err(Error::Statement(sqlx::Error::RowNotFound))
        ));
    })
    .await;
}

#[tokio::test]
async fn a_failed_body_leaves_nothing_and_a_dropped_one_neither() {
    each_db(THINGS, async |db| {
        let refused: Result<(), Error> = transact!(db, "test", |tx| {
            tx.execute(ADD, args![tenant(1), 1]).await?;
            Err(Error::Corrupt("refused".to_owned()))
        });
        assert!(refused.is_err());
        let mut tx = db.begin().await.unwrap();
        tx.execute(ADD, args![tenant(1), 2]).await.unwrap();
        drop(tx);
        // A future that is dropped in the middle of a statement rolls back as well.
        for _ in 0..20 {
            let mut tx = db.begin().await.unwrap();
            tx.execute(ADD, args![tenant(1), 3]).await.unwrap();
            let statement = tx.execute(ADD, args![tenant(1), 4]);
            tokio::select! { biased; _ = statement => {}, () = std::future::ready(()) => {} }
        }
        assert_eq!(count(db).await, 0);
        transact!(db, "test", |tx| tx.execute(ADD, args![tenant(1), 4]).await).unwrap();
        assert_eq!(count(db).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_unique_violation_is_known_by_its_constraint() {
    each_db(THINGS, async |db| {
        transact!(db, "test", |tx| tx.execute(ADD, args![tenant(1), 1]).await).unwrap();
        let twice = transact!(db, "test", |tx| tx.execute(ADD, args![tenant(1), 1]).await);
        let error = twice.unwrap_err();
        assert!(error.is_unique_violation(&KEY), "{error:?}");
        assert!(!error.is_unique_violation(&Unique { name: "other", columns: "things.label" }));
        assert!(!error.is_transient() && !error.lost_race());
        assert_eq!(error.to_string(), "a statement failed");
    })
    .await;
}

#[derive(Debug)]
struct Racy;

impl From<Error> for Racy {
    fn from(error: Error) -> Self {
        panic!("no error of the database was expected: {error:?}");
    }
}

impl Retry for Racy {
    fn lost_race(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_lost_race_runs_the_body_again_from_the_start_but_not_for_ever() {
    each_db(THINGS, async |db| {
        let runs = AtomicU32::new(0);
        let third = transact!(db, "test", |tx| {
            tx.execute(ADD, args![tenant(1), 1]).await?;
            if runs.fetch_add(1, Ordering::SeqCst) < 2 { Err(Racy) } else { Ok(()) }
        });
        assert!(third.is_ok());
        assert_eq!((runs.load(Ordering::SeqCst), count(db).await), (3, 1));
        let never: Result<(), Racy> = transact!(db, "test", |tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            tx.execute(ADD, args![tenant(1), 2]).await?;
            Err(Racy)
        });
        assert!(never.is_err());
        assert_eq!((runs.load(Ordering::SeqCst), count(db).await), (13, 1));
    })
    .await;
}

async fn raise_both(db: &Db, first: i64, second: i64, met: &Barrier) -> Result<u32, Error> {
    let mut runs = 0;
    transact!(db, "test", |tx| {
        runs += 1;
        tx.one::<(i64,)>(RAISE, args![tenant(1), first]).await?;
        if runs == 1 && tx.engine() == Engine::Postgres {
            met.wait().await;
        }
        tx.one::<(i64,)>(RAISE, args![tenant(1), second]).await?;
        Ok(runs)
    })
}

#[tokio::test]
async fn of_two_transactions_in_a_deadlock_both_succeed_in_the_end() {
    each_db(THINGS, async |db| {
        transact!(db, "test", |tx| {
            tx.execute(ADD, args![tenant(1), 1]).await?;
            tx.execute(ADD, args![tenant(1), 2]).await
        })
        .unwrap();
        let met = Barrier::new(2);
        let (one, two) = tokio::join!(raise_both(db, 1, 2, &met), raise_both(db, 2, 1, &met));
        let runs = one.unwrap() + two.unwrap();
        assert_eq!(runs, if db.engine() == Engine::Postgres { 3 } else { 2 });
        let thing: Thing = db.one(GET, args![tenant(1), 1]).await.unwrap();
        assert_eq!(thing.amount, Some(2));
    })
    .await;
}

#[tokio::test]
async fn fifty_writers_at_once_lose_nothing() {
    each_db(THINGS, async |db| {
        transact!(db, "test", |tx| tx.execute(ADD, args![tenant(1), 1]).await).unwrap();
        let raise =
            async || transact!(db, "test", |tx| tx.one::<(i64,)>(RAISE, args![tenant(1), 1]).await);
        let raised = futures::future::join_all((0..50).map(|_| raise())).await;
        let mut amounts: Vec<i64> = raised.into_iter().map(|row| row.unwrap().0).collect();
        amounts.sort_unstable();
        assert_eq!(amounts, (1..=50).collect::<Vec<i64>>());
    })
    .await;
}

#[tokio::test]
async fn two_processes_on_one_database_take_turns() {
    each_db(THINGS, async |db| {
        transact!(db, "test", |tx| tx.execute(ADD, args![tenant(1), 1]).await).unwrap();
        let other = db.reopen().await;
        let raise = async |db: &Db| {
            transact!(db, "test", |tx| tx.one::<(i64,)>(RAISE, args![tenant(1), 1]).await).unwrap()
        };
        let both = (0..50).map(|n| raise(if n % 2 == 0 { db } else { &other }));
        futures::future::join_all(both).await;
        let thing: Thing = other.one(GET, args![tenant(1), 1]).await.unwrap();
        assert_eq!(thing.amount, Some(50));
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_session_that_the_server_ends_is_replaced() {
    const END: Sql = Sql::both("SELECT CAST(pg_terminate_backend(pg_backend_pid()) AS TEXT)");
    let db = testing::TestDb::migrated(Engine::Postgres, THINGS).await;
    for _ in 0..20 {
        let error = db.one::<(String,)>(END, args![]).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        let ended: Result<(String,), Error> =
            transact!(db, "test", |tx| tx.one(END, args![]).await);
        assert!(ended.unwrap_err().is_transient());
        assert_eq!(count(&db).await, 0);
    }
    db.drop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data/tickets.db");
    let url = format!("sqlite://{}", file.display());
    let db = Db::open(&Settings { url, schema: "tickets".to_owned(), max_connections: 2 }).await;
    db.unwrap().close().await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
}

async fn insert_rows(tx: &mut Tx, numbers: std::ops::Range<i64>) -> Result<u64, Error> {
    let mut list = List::new("INSERT INTO things (tenant, number, label) VALUES ");
    list.rows(numbers.map(|number| args![tenant(1), number, "many"]));
    let (text, values) = list.finish();
    tx.execute(text, values).await
}

#[tokio::test]
async fn lists_insert_many_rows_and_select_by_many_values() {
    each_db(THINGS, async |db| {
        let inserted = transact!(db, "test", |tx| insert_rows(tx, 0..1_000).await).unwrap();
        assert_eq!(inserted, 1_000);
        let mut list = List::new("SELECT number, label FROM things WHERE tenant = ");
        list.bind(tenant(1)).push(" AND number IN (").binds([5_i64, 999, 5_000]).push(")");
        let (text, values) = list.push(" ORDER BY number").clone().finish();
        let found: Vec<(i64, String)> = db.all(text, values).await.unwrap();
        assert_eq!(found, [(5, "many".to_owned()), (999, "many".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn reads_outside_of_transactions_cannot_write_on_sqlite() {
    each_db(THINGS, async |db| {
        transact!(db, "test", |tx| tx.execute(ADD, args![tenant(1), 1]).await).unwrap();
        let raised = db.optional::<(i64,)>(RAISE, args![tenant(1), 1]).await;
        assert_eq!(raised.is_err(), db.engine() == Engine::Sqlite);
        let queue = db.queue();
        assert_eq!(count(&queue).await, 1);
    })
    .await;
}

const SLEEP: Sql = Sql::split("SELECT 1", "SELECT COUNT(*) FROM pg_sleep(0.1)");

#[tokio::test]
async fn all_pools_together_keep_to_the_limit() {
    each_db(THINGS, async |db| {
        let queue = db.queue();
        let busy = (0..30).flat_map(|_| [db.one(SLEEP, args![]), queue.one(SLEEP, args![])]);
        for slept in futures::future::join_all(busy).await {
            slept.map(|(_,): (i64,)| ()).unwrap();
        }
        // As many as databases of tests may have.
        assert!(db.usage().connections <= 12, "{:?}", db.usage());
        assert!(db.engine() == Engine::Sqlite || db.usage().connections == 12);
    })
    .await;
}

#[tokio::test]
async fn addresses_that_cannot_work_are_refused_without_telling_the_password() {
    for (url, schema) in [
        ("mysql://x:secret@localhost/y", "tickets"),
        ("sqlite:", "tickets"),
        ("sqlite::memory:", "tickets"),
        ("postgres://u:secret@localhost:nonsense/y", "tickets"),
        ("postgres://u:secret@localhost/y", "tickets; DROP TABLE x"),
        ("postgres://u:secret@localhost/y", ""),
    ] {
        let settings =
            Settings { url: url.to_owned(), schema: schema.to_owned(), max_connections: 2 };
        let error = Db::open(&settings).await.unwrap_err();
        assert!(matches!(error, Error::Address(_)), "{url}: {error:?}");
        assert!(!format!("{error:?} {settings:?}").contains("secret"));
    }
    let away = Settings {
        url: "postgres://u:secret@127.0.0.1:1/y".to_owned(),
        schema: "tickets".to_owned(),
        max_connections: 2,
    };
    let error = Db::open(&away).await.unwrap_err();
    assert!(error.is_transient() && !format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn every_statement_is_valid_on_both_engines() {
    each_db(THINGS, async |db| {
        for statements in [
            store::meta::STATEMENTS,
            store::idempotency::STATEMENTS,
            store::lease::STATEMENTS,
            &[INSERT, ADD, GET, COUNT, RAISE],
        ] {
            store::prepare_all(db, statements).await.unwrap();
        }
        store::prepare_all(db, &store::copy::STATEMENTS.concat()).await.unwrap();
        let wrong = Sql::both("SELECT nothing FROM nowhere");
        assert!(store::prepare_all(db, &[wrong]).await.is_err());
    })
    .await;
}
