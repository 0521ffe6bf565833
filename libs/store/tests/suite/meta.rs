//! Facts about the database.

use store::{
    Error, Migrations, args,
    meta::{clock_offset, incarnation, partitions, raise_clock_offset, renew_incarnation},
    migrate::{Installation, migrate},
    transact,
};
use testing::each_db;
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
