//! Data that goes elsewhere: to PostgreSQL, and into copies of files that are written to.

use std::collections::BTreeMap;

use kernel::CallerKind;
use serde_json::json;
use store::{
    Db, Engine, Settings, Sql,
    copy::{self, CopyError, Places},
    events::{NewEvent, append, partition_of},
    snapshot::{self, Original},
    transact,
};
use testing::TestDb;
use uuid::Uuid;

use crate::{THINGS, at, tenant};

const PUT: Sql = Sql::both(
    "INSERT INTO things (tenant, number, id, amount, flag, label, bytes, facts) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
);
const COUNT: Sql = Sql::both("SELECT COUNT(*) FROM things");
const SEQUENCE: Sql = Sql::both(
    "INSERT INTO feed (partition, position, at, tenant, aggregate, sequence) \
     SELECT 0, sequence, at, tenant, aggregate, sequence FROM outbox",
);
const EMPTY: Sql = Sql::both("DELETE FROM outbox");
const HEAD: Sql = Sql::both("UPDATE partitions SET head = 6");
const CURSOR: Sql = Sql::both(
    "INSERT INTO cursors (consumer, source, partition, incarnation, position, stopped) \
     VALUES ($1, 'things', 0, $2, $3, '')",
);
const CURSORS: Sql = Sql::both(
    "SELECT partition, position FROM cursors WHERE consumer = $1 AND position > 0 ORDER BY partition",
);
const FEED: Sql = Sql::both("SELECT partition, position, sequence FROM feed ORDER BY sequence");

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Six events of six aggregates, all in the feed, and things of every kind.
async fn fill(db: &Db) {
    let events: Vec<_> = (1..=6)
        .map(|sequence: i64| NewEvent {
            tenant: tenant(1),
            aggregate: id(sequence.unsigned_abs().into()),
            sequence,
            at: at(sequence),
            kind: "thing.made",
            payload: vec![0, 255],
            actor_kind: CallerKind::Service,
            actor: "test".to_owned(),
            trace: String::new(),
        })
        .collect();
    let incarnation = store::meta::incarnation(db).await.unwrap();
    transact!(db, "test", |tx| {
        append(tx, 1, &events).await?;
        for sql in [SEQUENCE, EMPTY, HEAD] {
            tx.execute(sql, store::args![]).await?;
        }
        for (consumer, position) in [("a.half", 3_i64), ("a.whole", 6)] {
            tx.execute(CURSOR, store::args![consumer, incarnation, position]).await?;
        }
        let facts = json!({ "b": [1.5, 1e3, null], "a": "é" });
        let values =
            store::args![tenant(1), 1_i64, id(9), i64::MIN, true, "label", vec![0_u8, 1], facts];
        tx.execute(PUT, values).await?;
        for number in 2..1_200_i64 {
            let values = store::args![
                tenant(1),
                number,
                None::<Uuid>,
                None::<i64>,
                None::<bool>,
                None::<&str>,
                None::<Vec<u8>>,
                None::<serde_json::Value>
            ];
            tx.execute(PUT, values).await?;
        }
        Ok::<_, store::Error>(())
    })
    .unwrap();
}

async fn copied(from: &Db, to: &Db) -> Result<(), CopyError> {
    let (mut source, mut target) = (from.begin().await?, to.begin().await?);
    let rows = copy::rows(&mut source, &mut target).await?;
    let places = Places::of(&mut source, 16, id(77)).await?;
    let places = BTreeMap::from([("things", places)]);
    let told = std::cell::Cell::new(0);
    let more = |more| told.set(told.get() + more);
    let tables = copy::service(&mut source, &mut target, "things", &places, more).await?;
    assert_eq!(told.get(), rows);
    assert!(tables.iter().any(|(table, digest)| table == "things" && digest.rows == 1_199));
    target.commit().await?;
    Ok(source.rollback().await?)
}

#[tokio::test]
async fn everything_comes_along_and_the_feed_is_spread() {
    let from = TestDb::migrated(Engine::Sqlite, THINGS).await;
    let to = TestDb::migrated(Engine::Postgres, THINGS).await;
    fill(&from).await;
    copied(&from, &to).await.unwrap();
    assert_eq!(store::meta::incarnation(&to).await.unwrap(), id(77));
    assert_eq!(store::meta::partitions(&to).await.unwrap(), 16);

    let (mut heads, mut half) = (BTreeMap::new(), BTreeMap::new());
    let feed: Vec<(i64, i64, i64)> = to.all(FEED, store::args![]).await.unwrap();
    assert_eq!(feed.len(), 6);
    for (partition, position, sequence) in feed {
        let aggregate = id(sequence.unsigned_abs().into());
        assert_eq!(partition, i64::from(partition_of(tenant(1), aggregate, 16)));
        let head = heads.entry(partition).or_insert(0);
        *head += 1;
        assert_eq!(position, *head, "dense and in order");
        if sequence <= 3 {
            half.insert(partition, position);
        }
    }
    for (consumer, places) in [("a.half", half), ("a.whole", heads)] {
        let found: Vec<(i64, i64)> = to.all(CURSORS, store::args![consumer]).await.unwrap();
        assert_eq!(BTreeMap::from_iter(found), places, "{consumer}");
    }
    let refused = copied(&from, &to).await.unwrap_err();
    assert!(matches!(refused, CopyError::NotEmpty { .. }), "{refused:?}");
    from.drop().await;
    to.drop().await;
}

#[tokio::test]
async fn copies_are_of_one_instant_while_files_are_written_to() {
    let (a, b) = (
        TestDb::migrated(Engine::Sqlite, THINGS).await,
        TestDb::migrated(Engine::Sqlite, THINGS).await,
    );
    let folder = tempfile::tempdir().unwrap();
    let put = async |db: &Db, number: i64| {
        let values =
            store::args![tenant(1), number, id(1), 1_i64, true, "x", vec![1_u8], json!({})];
        transact!(db, "test", |tx| tx.execute(PUT, values.clone()).await).unwrap();
    };
    // What is in the second is in the first before: of no instant does the second have more.
    let write = async {
        for number in 0..400 {
            put(&a, number).await;
            put(&b, number).await;
        }
    };
    let copy = async {
        let mut counts = Vec::new();
        for round in 0..5 {
            let path = |name: &str| folder.path().join(format!("{name}{round}"));
            let originals = [(&b, "b"), (&a, "a")]
                .map(|(db, name)| Original { file: db.file.clone().unwrap(), copy: path(name) });
            for mut snapshot in snapshot::take(&originals).await.unwrap() {
                assert!(snapshot.rows().await.unwrap() > 0);
                snapshot.copy(|_| {}).await.unwrap();
            }
            let mut rows = Vec::new();
            for name in ["a", "b"] {
                let settings = Settings {
                    url: format!("sqlite:{}", path(name).display()),
                    schema: "things".to_owned(),
                    max_connections: 1,
                };
                let db = Db::open(&settings).await.unwrap();
                let (count,): (i64,) = db.one(COUNT, store::args![]).await.unwrap();
                db.close().await;
                rows.push(count);
            }
            counts.push((rows[0], rows[1]));
        }
        counts
    };
    let ((), counts) = tokio::join!(write, copy);
    for (first, second) in &counts {
        assert!((0..=1).contains(&(first - second)), "{counts:?}");
    }
    a.drop().await;
    b.drop().await;
}
