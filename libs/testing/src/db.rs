//! Both databases for a test: a SQLite file in a directory of its own, and a schema of its own in
//! the PostgreSQL that `AFTERCARE_TEST_POSTGRES` names. A test that touches SQL runs on both or
//! fails; none is skipped.

use std::{io::Write as _, ops::Deref, path::PathBuf};

use kernel::{Clock, Ids};
use store::{
    Db, Engine, Migration, Migrations, Settings,
    migrate::{Installation, migrate},
};
use tempfile::TempDir;

/// The variable that names the cluster, for instance
/// `postgres://postgres@127.0.0.1:5432/postgres`.
pub const POSTGRES: &str = "AFTERCARE_TEST_POSTGRES";

/// A database of one test's own, gone after it.
#[derive(Debug)]
pub struct TestDb {
    /// The open database; `TestDb` also derefs to it.
    pub db: Db,
    /// Where it is, to open it a second time.
    pub settings: Settings,
    /// Where its file is, on SQLite, to copy it.
    pub file: Option<PathBuf>,
    directory: Option<TempDir>,
}

impl Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl TestDb {
    /// An empty database without any table.
    pub async fn empty(engine: Engine) -> Self {
        let schema = format!("t{}", ids().next().simple());
        let (url, file, directory) = match engine {
            Engine::Sqlite => {
                let directory = tempfile::tempdir().expect("a directory for the test's database");
                let file = directory.path().join("test.db");
                (format!("sqlite:{}", file.display()), Some(file), Some(directory))
            }
            Engine::Postgres => (postgres_url(), None, None),
        };
        let settings = Settings { url, schema, max_connections: 12 };
        let db = Db::open(&settings).await.expect("the test's database opens");
        Self { db, settings, file, directory }
    }

    /// A migrated database with the engine's default number of partitions.
    pub async fn migrated(engine: Engine, service: &[Migration]) -> Self {
        Self::with_partitions(engine, service, None).await
    }

    /// A migrated database with this many partitions.
    pub async fn with_partitions(
        engine: Engine,
        service: &[Migration],
        partitions: Option<u32>,
    ) -> Self {
        let test = Self::empty(engine).await;
        let mut installation = Installation::of(engine, Ids::random(Clock::system()).next());
        installation.partitions = partitions.unwrap_or(installation.partitions);
        let migrated = migrate(&test.db, &Migrations::of(service), &installation).await;
        migrated.expect("the test's database migrates");
        test
    }

    /// The same database opened again, as another process would.
    pub async fn reopen(&self) -> Db {
        Db::open(&self.settings).await.expect("the test's database opens again")
    }

    /// Closes the connections and removes the data.
    pub async fn drop(self) {
        self.db.close().await;
        if self.directory.is_none() {
            drop_schema(&self.settings).await;
        }
    }
}

/// Runs a test on each engine, on a fresh database migrated with `service`'s migrations.
pub async fn each_db(service: &[Migration], test: impl AsyncFn(&TestDb)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let naming = NameOnPanic(engine);
        let database = TestDb::migrated(engine, service).await;
        test(&database).await;
        database.drop().await;
        drop(naming);
    }
}

/// Tells which engine a failed test was on.
#[derive(Debug)]
pub struct NameOnPanic(pub Engine);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "the test failed on {:?}", self.0);
        }
    }
}

/// The cluster that tests use.
///
/// # Panics
/// Where the variable is not set: a test that ran on one database only would prove half.
#[expect(clippy::disallowed_methods, reason = "the test's environment is no configuration")]
pub fn postgres_url() -> String {
    std::env::var(POSTGRES).unwrap_or_else(|_| {
        panic!(
            "{POSTGRES} is not set: run `cargo xtask test`, which starts a cluster for the tests"
        )
    })
}

fn ids() -> Ids {
    Ids::random(Clock::system())
}

async fn drop_schema(settings: &Settings) {
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
    let mut connection =
        sqlx::PgConnection::connect(&settings.url).await.expect("the test's cluster is there");
    let statement = format!("DROP SCHEMA IF EXISTS {} CASCADE", settings.schema);
    connection.execute(AssertSqlSafe(statement)).await.expect("the test's schema can be dropped");
    connection.close().await.expect("the connection closes");
}
