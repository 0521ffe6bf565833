//! The two databases that everything runs on.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// What a database that a test program made is called first; then its process id.
const PREFIX: &str = "e2e_";

/// Which database a suite keeps its data in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Files in a folder.
    Sqlite,
    /// A database of its own in the cluster of the tests.
    Postgres,
}

impl Backend {
    /// Both, in the order in which tests take them.
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// Its URL for an installation in `home`; on PostgreSQL an empty database is made.
    pub async fn make(self, home: &Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}", home.join("data").display()),
            Self::Postgres => make_database().await,
        }
    }
}

/// Makes a database, and removes those of test programs that are gone.
async fn make_database() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);

    let cluster = testing::db::postgres_url();
    let (server, _) = cluster.rsplit_once('/').expect("the cluster's URL ends in a database");
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("{PREFIX}{}_{number}", std::process::id());
    let mut connection = PgConnection::connect(&cluster).await.expect("the cluster is there");
    if number == 0 {
        sweep(&mut connection).await;
    }
    let statement = format!("CREATE DATABASE {name}");
    connection.execute(AssertSqlSafe(statement)).await.expect("a database can be made");
    connection.close().await.expect("the connection closes");
    format!("{server}/{name}")
}

/// Ends all connections to a database and lets nobody in any more.
pub(crate) async fn cut_off(url: &str) {
    let (_, name) = url.rsplit_once('/').expect("a database's URL ends in its name");
    let cluster = testing::db::postgres_url();
    let mut connection = PgConnection::connect(&cluster).await.expect("the cluster is there");
    for statement in [
        format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"),
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    ] {
        connection.execute(AssertSqlSafe(statement)).await.expect("the database is ours");
    }
    connection.close().await.expect("the connection closes");
}

async fn sweep(connection: &mut PgConnection) {
    let names: Vec<(String,)> =
        sqlx_names(connection).await.expect("the cluster tells its databases");
    for (name,) in names {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
        let gone = owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists());
        if gone {
            // Another test program may be at it, too: whoever comes second finds nothing.
            let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let _ = connection.execute(AssertSqlSafe(statement)).await;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the cluster itself is asked, not a service's tables"
)]
async fn sqlx_names(connection: &mut PgConnection) -> Result<Vec<(String,)>, sqlx::Error> {
    sqlx::query_as("SELECT datname::text FROM pg_database WHERE datname LIKE 'e2e\\_%'")
        .fetch_all(connection)
        .await
}
