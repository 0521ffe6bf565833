//! Migrating: at first, again, at once, and when it must be refused.

use store::{
    Engine, Migration, Migrations, Sql, args, check,
    migrate::{Installation, MigrateError, State, migrate},
    transact,
};
use testing::TestDb;
use uuid::Uuid;

use crate::THINGS;

const MORE: Migration = Migration {
    version: 101,
    name: "0101_more",
    sql: Sql::both("CREATE TABLE more (tenant BIGINT NOT NULL); CREATE TABLE yet_more (a BIGINT);"),
};
const BROKEN: Migration = Migration {
    version: 102,
    name: "0102_broken",
    sql: Sql::both("CREATE TABLE half (a BIGINT); CREATE TABLE half (a BIGINT);"),
};

const SPOIL: Sql = Sql::both("UPDATE _sqlx_migrations SET success = FALSE WHERE version = 100");

fn installation(engine: Engine) -> Installation {
    Installation::of(engine, Uuid::from_u128(u128::from(std::process::id())))
}

async fn each_empty(test: impl AsyncFn(&TestDb)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let naming = testing::db::NameOnPanic(engine);
        let database = TestDb::empty(engine).await;
        test(&database).await;
        database.drop().await;
        drop(naming);
    }
}

#[tokio::test]
async fn a_fresh_database_becomes_ready_and_stays_so() {
    each_empty(async |db| {
        let (first, later) = (Migrations::of(THINGS), Migrations::of(&[THINGS[0], MORE]));
        let install = installation(db.engine());
        assert_eq!(check(db, &first).await.unwrap(), State::Pending);
        migrate(db, &first, &install).await.unwrap();
        assert_eq!(check(db, &first).await.unwrap(), State::Ready);
        migrate(db, &first, &install).await.unwrap();
        assert_eq!(check(db, &later).await.unwrap(), State::Pending);
        migrate(db, &later, &install).await.unwrap();
        assert_eq!(check(db, &later).await.unwrap(), State::Ready);
        // The earlier program finds all that it knows, and one with other plans does not.
        assert_eq!(check(db, &first).await.unwrap(), State::Newer);
        let other = Migrations::of(&[THINGS[0], BROKEN]);
        let refused = check(db, &other).await.unwrap_err();
        assert!(matches!(refused, MigrateError::Newer { version: 101 }), "{refused:?}");
        let refused = migrate(db, &first, &install).await.unwrap_err();
        assert!(matches!(refused, MigrateError::Newer { version: 101 }), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn processes_that_start_at_once_take_turns() {
    each_empty(async |db| {
        let others = [db.reopen().await, db.reopen().await, db.reopen().await];
        let migrations = Migrations::of(&[THINGS[0], MORE]);
        let runs = others.iter().enumerate().map(|(index, other)| {
            let incarnation = Uuid::from_u128(index as u128 + 1);
            let install = Installation::of(other.engine(), incarnation);
            let migrations = &migrations;
            async move { migrate(other, migrations, &install).await }
        });
        for outcome in futures::future::join_all(runs).await {
            outcome.unwrap();
        }
        let mut incarnations = Vec::new();
        for other in &others {
            incarnations.push(store::meta::incarnation(other).await.unwrap());
            other.close().await;
        }
        assert!(incarnations.iter().all(|one| *one == incarnations[0]));
    })
    .await;
}

#[tokio::test]
async fn a_failing_migration_changes_nothing() {
    each_empty(async |db| {
        let good = Migrations::of(THINGS);
        let bad = Migrations::of(&[THINGS[0], MORE, BROKEN]);
        migrate(db, &good, &installation(db.engine())).await.unwrap();
        let failed = migrate(db, &bad, &installation(db.engine())).await.unwrap_err();
        assert!(matches!(failed, MigrateError::Failed { version: 102, .. }), "{failed:?}");
        assert_eq!(check(db, &good).await.unwrap(), State::Ready);
        let more = db.optional::<(i64,)>(Sql::both("SELECT tenant FROM more"), args![]).await;
        assert!(more.is_err(), "migration 101 was rolled back with 102");
    })
    .await;
}

#[tokio::test]
async fn a_changed_or_half_done_migration_is_refused() {
    each_empty(async |db| {
        let install = installation(db.engine());
        migrate(db, &Migrations::of(THINGS), &install).await.unwrap();
        let changed = Migration { version: 100, ..MORE };
        let changed = Migrations::of(&[changed]);
        for refused in [
            migrate(db, &changed, &install).await.unwrap_err(),
            check(db, &changed).await.unwrap_err(),
        ] {
            assert!(matches!(refused, MigrateError::Changed { version: 100 }), "{refused:?}");
        }
        transact!(db, "test", |tx| tx.execute(SPOIL, args![]).await).unwrap();
        let things = Migrations::of(THINGS);
        for refused in [
            migrate(db, &things, &install).await.unwrap_err(),
            check(db, &things).await.unwrap_err(),
        ] {
            assert!(matches!(refused, MigrateError::Dirty { version: 100 }), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_out_of_order_and_a_wild_number_of_partitions_are_refused() {
    each_empty(async |db| {
        let mut install = installation(db.engine());
        for wrong in [vec![Migration { version: 99, ..MORE }], vec![MORE, THINGS[0]]] {
            let refused = migrate(db, &Migrations::of(&wrong), &install).await;
            assert!(matches!(refused, Err(MigrateError::Order { .. })));
        }
        for partitions in [0, 1_025] {
            install.partitions = partitions;
            let refused = migrate(db, &Migrations::of(THINGS), &install).await;
            assert!(matches!(refused, Err(MigrateError::Partitions(_))));
        }
    })
    .await;
}
