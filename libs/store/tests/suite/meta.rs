//! Facts about the database.

use kernel::keys::RootKeys;
use store::{
    Engine, Error, Migrations, args,
    meta::{
        clock_offset, incarnation, install_root_key, lasting_key, partitions, raise_clock_offset,
        renew_incarnation, root_key,
    },
    migrate::{Installation, migrate},
    transact,
};
use testing::{TestDb, each_db};
use uuid::Uuid;

const PARTITION_ROWS: store::Sql = store::Sql::both("SELECT COUNT(*) FROM partitions");

#[tokio::test]
async fn what_was_installed_stays() {
    each_db(&[], async |db| {
        let (before, count) = (incarnation(db).await.unwrap(), partitions(db).await.unwrap());
        let other = Installation { incarnation: Uuid::from_u128(1), partitions: 64 };
        migrate(db, &Migrations::of(&[]), &other).await.unwrap();
        assert_eq!(incarnation(db).await.unwrap(), before);
        assert_eq!(partitions(db).await.unwrap(), count);
        let (rows,): (i64,) = db.one(PARTITION_ROWS, args![]).await.unwrap();
        assert_eq!(rows, i64::from(count));
        transact!(db, "test", |tx| renew_incarnation(tx, Uuid::from_u128(5)).await).unwrap();
        assert_eq!(incarnation(db).await.unwrap(), Uuid::from_u128(5));
    })
    .await;
}

#[tokio::test]
async fn the_clock_never_goes_back() {
    each_db(&[], async |db| {
        assert_eq!(clock_offset(db).await.unwrap(), 0);
        for (raise, expected) in [(500, 500), (90, 500), (1_000_000, 1_000_000), (-5, 1_000_000)] {
            transact!(db, "test", |tx| {
                raise_clock_offset(tx, raise).await?;
                Ok::<_, Error>(())
            })
            .unwrap();
            assert_eq!(clock_offset(db).await.unwrap(), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_root_key_is_remembered() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let empty = TestDb::empty(engine).await;
        assert_eq!(root_key(&empty).await.unwrap(), None, "not even a table");
        empty.drop().await;
    }
    each_db(&[], async |db| {
        assert_eq!(root_key(db).await.unwrap(), None);
        for id in ["1a2b3c4d", "deadbeef"] {
            let named = transact!(db, "test", |tx| install_root_key(tx, id).await).unwrap();
            assert_eq!(named, "1a2b3c4d");
            assert_eq!(root_key(db).await.unwrap().as_deref(), Some("1a2b3c4d"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_lasting_key_is_one_for_all_processes_and_outlives_rotations() {
    let (old, new) = (RootKeys::generate(), RootKeys::generate());
    let roots = |current: &str, retired: &[&str]| {
        let retired: Vec<_> = retired.iter().map(|key| (*key).to_owned()).collect();
        RootKeys::parse(current, &retired).unwrap()
    };
    let (before, rotated, lost) = (roots(&old, &[]), roots(&new, &[&old]), roots(&new, &[]));
    each_db(&[], async |db| {
        let (one, other) = tokio::join!(lasting_key(db, &before), lasting_key(db, &before));
        let key = one.unwrap();
        assert_eq!(other.unwrap(), key);
        let refused = lasting_key(db, &lost).await.unwrap_err();
        assert!(matches!(refused, Error::Corrupt(_)), "{refused:?}");
        let (one, other) = tokio::join!(lasting_key(db, &rotated), lasting_key(db, &rotated));
        assert_eq!((one.unwrap(), other.unwrap()), (key.clone(), key.clone()));
        // Sealed again, it does not need the retired key any more.
        assert_eq!(lasting_key(db, &lost).await.unwrap(), key);
    })
    .await;
}
