//! Migrations: the store's own tables are versions 1 to 99, a service's start at 100. Each version
//! has one text for each engine.
//!
//! All that is pending runs in one transaction, all or nothing. Two processes that start at once
//! take turns: SQLite by its single writer, PostgreSQL by a lock on the table of applied
//! migrations, which the server releases when the process dies (so no lease can expire in the
//! middle of a long migration). For that reason nothing that refuses to run in a transaction, such
//! as `CREATE INDEX CONCURRENTLY`, may be in a migration.
//!
//! A release adds what it needs, and takes away only what the release before no longer used: while
//! replicas are replaced one by one, both work on the same schema.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{
    SqlSafeStr,
    migrate::{MigrateError as Cause, MigrationType, Migrator},
};
use uuid::Uuid;

use crate::{Db, Engine, Error, Sql, Tx, args, db::Pools, meta};

/// One step of a schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place in the order: a service's start at 100.
    pub version: i64,
    /// What it is about, for people.
    pub name: &'static str,
    /// The text for each engine; several statements.
    pub sql: Sql,
}

/// A migration from the files `DIR/sqlite/NAME.sql` and `DIR/postgres/NAME.sql`, relative to the
/// calling file: `migration!(100, "../migrations", "0100_tickets")`.
#[macro_export]
macro_rules! migration {
    ($version:literal, $directory:literal, $name:literal) => {
        $crate::Migration {
            version: $version,
            name: $name,
            sql: $crate::Sql::split(
                include_str!(concat!($directory, "/sqlite/", $name, ".sql")),
                include_str!(concat!($directory, "/postgres/", $name, ".sql")),
            ),
        }
    };
}

const OWN: [Migration; 1] = [migration!(1, "../migrations", "0001_store")];

/// The first version that a service may use.
const FIRST_OF_SERVICE: i64 = 100;

/// Everything that makes up one service's schema.
#[derive(Clone, Debug)]
pub struct Migrations(Vec<Migration>);

impl Migrations {
    /// The store's tables and the service's own.
    pub fn of(service: &[Migration]) -> Self {
        Self(OWN.into_iter().chain(service.iter().copied()).collect())
    }

    fn migrator(&self, engine: Engine) -> Result<Migrator, MigrateError> {
        let mut last = 0;
        for (index, migration) in self.0.iter().enumerate() {
            let first = if index < OWN.len() { 1 } else { FIRST_OF_SERVICE };
            if migration.version <= last || migration.version < first {
                return Err(MigrateError::Order { version: migration.version });
            }
            last = migration.version;
        }
        let migrations = self.0.iter().map(|migration| {
            sqlx::migrate::Migration::new(
                migration.version,
                migration.name.into(),
                MigrationType::Simple,
                migration.sql.text(engine).into_sql_str(),
                false,
            )
        });
        let mut migrator = Migrator::with_migrations(migrations.collect());
        migrator.set_locking(false);
        Ok(migrator)
    }
}

/// What is fixed when a database is made.
#[derive(Clone, Copy, Debug)]
pub struct Installation {
    /// Tells this database from every other, restored copies that were given a new one included.
    pub incarnation: Uuid,
    /// How many partitions the feed has: 1 to 1 024.
    pub partitions: u32,
}

impl Installation {
    /// What a new database gets by default: one partition on SQLite, 16 on PostgreSQL.
    pub fn of(engine: Engine, incarnation: Uuid) -> Self {
        let partitions = match engine {
            Engine::Sqlite => 1,
            Engine::Postgres => 16,
        };
        Self { incarnation, partitions }
    }
}

/// Why a schema was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The program's own list is wrong.
    #[error("migration {version} is out of order: a service's start at 100 and rise")]
    Order {
        /// The version that does not rise.
        version: i64,
    },
    /// The number of partitions is out of range.
    #[error("a feed has 1 to 1024 partitions, not {0}")]
    Partitions(u32),
    /// A migration was left half done by something else than this program.
    #[error("migration {version} is marked as failed; restore the database from a backup")]
    Dirty {
        /// The version that failed.
        version: i64,
    },
    /// The text of a migration is not the one that was applied.
    #[error("migration {version} was applied with another text than this program has")]
    Changed {
        /// The version that differs.
        version: i64,
    },
    /// The database was migrated by a later program.
    #[error(
        "the database has migration {version}, which this program does not know; run a later release"
    )]
    Newer {
        /// The version that is not known here.
        version: i64,
    },
    /// A migration failed; nothing was changed.
    #[error("migration {version} failed")]
    Failed {
        /// The version that failed.
        version: i64,
        /// What the database said.
        #[source]
        cause: sqlx::Error,
    },
    /// The database could not be asked.
    #[error("the schema cannot be migrated")]
    Database(#[source] Error),
}

impl From<Error> for MigrateError {
    fn from(cause: Error) -> Self {
        Self::Database(cause)
    }
}

impl From<Cause> for MigrateError {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Dirty(version) => Self::Dirty { version },
            Cause::VersionMismatch(version) => Self::Changed { version },
            Cause::VersionMissing(version) => Self::Newer { version },
            Cause::ExecuteMigration(cause, version) => Self::Failed { version, cause },
            Cause::Execute(cause) => Self::Database(cause.into()),
            other => Self::Database(Error::from(sqlx::Error::Migrate(Box::new(other)))),
        }
    }
}

/// How a database stands to this program's migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Migrations are to be run, or none ever was.
    Pending,
    /// The schema is the one that this program expects.
    Ready,
    /// All that this program expects is there, and what a later one has added to it.
    Newer,
}

/// Brings the schema up to date, and fills in what is fixed at installation where it is new.
pub async fn migrate(
    db: &Db,
    migrations: &Migrations,
    installation: &Installation,
) -> Result<(), MigrateError> {
    if !(1..=1024).contains(&installation.partitions) {
        return Err(MigrateError::Partitions(installation.partitions));
    }
    let migrator = migrations.migrator(db.engine())?;
    create_schema(db).await?;
    let mut tx = db.begin().await?;
    run(&mut tx, &migrator).await?;
    meta::install(&mut tx, installation).await?;
    tx.commit().await?;
    Ok(())
}

/// The schema and the table of applied migrations, which the lock is on. `IF NOT EXISTS` fails on
/// PostgreSQL where two do it at the same instant, so it is tried again.
async fn create_schema(db: &Db) -> Result<(), MigrateError> {
    let Pools::Postgres { main, schema, .. } = db.pools() else { return Ok(()) };
    let mut migrator = Migrator::with_migrations(Vec::new());
    migrator.set_locking(false).set_ignore_missing(true).create_schema(schema.to_string());
    let mut attempt = 0;
    loop {
        match migrator.run(main).await {
            Err(Cause::Execute(sqlx::Error::Database(_))) if attempt < 5 => attempt += 1,
            done => return done.map_err(MigrateError::from),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const NO_TIMEOUT: Sql = Sql::split("SELECT 1", "SET LOCAL statement_timeout = 0");
const LOCK: Sql = Sql::split("SELECT 1", "LOCK TABLE _sqlx_migrations IN SHARE ROW EXCLUSIVE MODE");

async fn run(tx: &mut Tx, migrator: &Migrator) -> Result<(), MigrateError> {
    tx.execute(NO_TIMEOUT, args![]).await?;
    tx.execute(LOCK, args![]).await?;
    // Inside a transaction the migrator's own ones become savepoints.
    if let Some(connection) = tx.sqlite_connection() {
        migrator.run(connection).await?;
    } else if let Some(connection) = tx.postgres_connection() {
        migrator.run(connection).await?;
    }
    Ok(())
}

const TABLE_EXISTS: Sql = Sql::split(
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
    "SELECT COUNT(to_regclass('_sqlx_migrations'))",
);
const APPLIED: Sql = Sql::both("SELECT version, checksum, success FROM _sqlx_migrations");

/// The versions of all migrations that were applied; none where none ever was.
pub async fn applied(db: &Db) -> Result<Vec<i64>, Error> {
    let (exists,): (i64,) = db.one(TABLE_EXISTS, args![]).await?;
    if exists == 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, Vec<u8>, bool)> = db.all(APPLIED, args![]).await?;
    let mut versions: Vec<i64> = rows.into_iter().map(|(version, ..)| version).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Compares the database with this program's migrations, changing nothing. A migration that was
/// applied with another text, or failed half-way, is an error, and so is one of a later program where
/// one of this program's was not applied.
pub async fn check(db: &Db, migrations: &Migrations) -> Result<State, MigrateError> {
    let migrator = migrations.migrator(db.engine())?;
    let (exists,): (i64,) = db.one(TABLE_EXISTS, args![]).await?;
    if exists == 0 {
        return Ok(State::Pending);
    }
    let rows: Vec<(i64, Vec<u8>, bool)> = db.all(APPLIED, args![]).await?;
    let mut applied: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    for (version, checksum, success) in rows {
        if !success {
            return Err(MigrateError::Dirty { version });
        }
        applied.insert(version, checksum);
    }
    let mut state = State::Ready;
    for migration in migrator.iter() {
        match applied.remove(&migration.version) {
            None => state = State::Pending,
            Some(checksum) if checksum != *migration.checksum => {
                return Err(MigrateError::Changed { version: migration.version });
            }
            Some(_) => {}
        }
    }
    match (state, applied.pop_first()) {
        (state, None) => Ok(state),
        (State::Pending, Some((version, _))) => Err(MigrateError::Newer { version }),
        (_, Some(_)) => Ok(State::Newer),
    }
}
