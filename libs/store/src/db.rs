//! A database: where it is, the connections to it, and reads outside of transactions.
#![expect(clippy::disallowed_methods, reason = "the facade itself stands on the driver's queries")]

use std::{
    hash::{BuildHasher, RandomState},
    num::NonZero,
    path::Path,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    Connection as _, Executor as _, PgPool, Postgres, SqlitePool, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Notify, futures::Notified};

use crate::{Arg, Error, List, Record, Retry, Sql, Text, Tx};

/// How long a call waits for a connection, on either engine.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A transaction that lost this many races in a row gives up.
const MAX_ATTEMPTS: u32 = 10;
/// How the server notices within half a minute that this host has vanished, and gives up its locks.
const GONE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "20000"),
];
/// Each connection that reads SQLite is a thread with a cache of its own: more than there are processors,
/// and than these, are of no use.
const USEFUL_READERS: u32 = 4;
/// 1 000 KiB, half of what SQLite takes by itself: behind it is the system's cache, which all share.
const READER_CACHE: &str = "-1000";
/// A pooled connection that was idle for longer is tested before it is used.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(2);

/// The engines that the suite runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file, one writer.
    Sqlite,
    /// A server, version 15 or later.
    Postgres,
}

impl Engine {
    /// Its name in telemetry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }
}

/// Where a service's database is.
#[derive(Clone)]
pub struct Settings {
    /// `sqlite:PATH` (also `sqlite://PATH`) or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub url: String,
    /// The schema that holds the service's tables, on PostgreSQL only: lower-case letters, digits
    /// and `_`, starting with a letter, at most 63.
    pub schema: String,
    /// All connections of this process, at least 3. On PostgreSQL a third of them is for
    /// [`queue`](Db::queue), on SQLite one is the writer and no more read than there are processors (at
    /// least four). About twelve are enough.
    pub max_connections: u32,
}

impl std::fmt::Debug for Settings {
    /// Leaves the URL out, since it may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("schema", &self.schema)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// A service's database. Cloning is cheap and shares the connections.
#[derive(Clone, Debug)]
pub struct Db {
    pools: Pools,
    appended: Arc<Notify>,
    done: Arc<Done>,
}

/// What was done so far, through all copies of a [`Db`].
#[derive(Debug, Default)]
struct Done {
    transactions: AtomicU64,
    waited_micros: AtomicU64,
    retries: AtomicU64,
}

/// What the connections to a database are doing, and what they have done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Connections that are open.
    pub connections: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
    /// Transactions that were begun.
    pub transactions: u64,
    /// How long all of them together waited for a connection and for BEGIN.
    pub waited: Duration,
    /// Transactions that ran again after a lost race.
    pub retries: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Pools {
    /// One connection writes, the others only read.
    Sqlite { read: SqlitePool, write: SqlitePool },
    /// `queue` plans each statement anew; see [`Db::queue`].
    Postgres { main: PgPool, queue: PgPool, schema: Arc<str> },
}

/// Binds a vector of [`Arg`] to a query of either engine.
macro_rules! bind {
    ($query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in $args {
            query = match arg {
                $crate::Arg::Id(value) => query.bind(value),
                $crate::Arg::Int(value) => query.bind(value),
                $crate::Arg::Double(value) => query.bind(value),
                $crate::Arg::Bool(value) => query.bind(value),
                $crate::Arg::Text(value) => query.bind(value),
                $crate::Arg::Bytes(value) => query.bind(value),
                $crate::Arg::Json(value) => query.bind(value.map(sqlx::types::Json)),
            };
        }
        query
    }};
}
pub(crate) use bind;

/// Runs one read on whichever engine this is.
macro_rules! read {
    ($db:expr, $text:expr, $args:expr, $fetch:ident, $row:ty) => {{
        let text: Text = $text.into();
        match &$db.pools {
            Pools::Sqlite { read, .. } => {
                bind!(sqlx::query_as::<_, $row>(text.render(Engine::Sqlite)), $args)
                    .$fetch(read)
                    .await
            }
            Pools::Postgres { main, .. } => {
                bind!(sqlx::query_as::<_, $row>(text.render(Engine::Postgres)), $args)
                    .$fetch(main)
                    .await
            }
        }
        .map_err(Error::from)
    }};
}

impl Db {
    /// Connects, creating the file and its directory where the engine is SQLite.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let pools = if let Some(path) = settings.url.strip_prefix("sqlite:") {
            open_sqlite(path.strip_prefix("//").unwrap_or(path), settings).await?
        } else if settings.url.starts_with("postgres://")
            || settings.url.starts_with("postgresql://")
        {
            open_postgres(settings).await?
        } else {
            return Err(Error::Address("it starts neither with sqlite: nor postgres://".into()));
        };
        Ok(Self { pools, appended: Arc::default(), done: Arc::default() })
    }

    /// The engine behind this database.
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres { .. } => Engine::Postgres,
        }
    }

    /// The same database through the small pool for queue-like tables (outbox, clocks due,
    /// deliveries). On PostgreSQL its statements are planned anew each time, since a plan that was
    /// cached while the table was nearly empty is a disaster on a full one, and a session that hangs
    /// inside a transaction is ended after 1.5 s, so that it cannot block the one that takes over.
    #[must_use]
    pub fn queue(&self) -> Self {
        let pools = match &self.pools {
            Pools::Sqlite { .. } => self.pools.clone(),
            Pools::Postgres { queue, schema, .. } => Pools::Postgres {
                main: queue.clone(),
                queue: queue.clone(),
                schema: Arc::clone(schema),
            },
        };
        Self { pools, appended: Arc::clone(&self.appended), done: Arc::clone(&self.done) }
    }

    /// Opens a transaction: BEGIN IMMEDIATE on the writer of SQLite, the default isolation on
    /// PostgreSQL. Use [`transact!`](crate::transact), which also tries again.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let notify = Arc::clone(&self.appended);
        let asked = Instant::now();
        let begun = match &self.pools {
            Pools::Sqlite { write, .. } => {
                write.begin_with("BEGIN IMMEDIATE").await.map(|open| Tx::sqlite(open, notify))
            }
            Pools::Postgres { main, .. } => {
                begin_apart(main, "BEGIN").await.map(|open| Tx::postgres(open, notify))
            }
        };
        self.begun(asked);
        begun.map_err(Error::Connect)
    }

    /// Runs a statement that appends events, as a transaction of its own: on PostgreSQL, which takes one
    /// for that anyway, without BEGIN and COMMIT.
    pub(crate) async fn write_alone(&self, list: List) -> Result<(), Error> {
        let mut attempt = 0;
        loop {
            match self.try_alone(list.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => self.again(error, &mut attempt).await?,
            }
        }
    }

    async fn try_alone(&self, list: List) -> Result<(), Error> {
        let (text, values) = list.finish();
        let Pools::Postgres { main, .. } = &self.pools else {
            let mut tx = self.begin().await?;
            tx.execute(text, values).await?;
            tx.mark_appended();
            return tx.commit().await;
        };
        let asked = Instant::now();
        let connection = main.acquire().await;
        self.begun(asked);
        let mut connection = connection.map_err(Error::Connect)?;
        let query = bind!(sqlx::query(text.render(Engine::Postgres)), values);
        query.execute(&mut *connection).await.map_err(Error::of_lone_statement)?;
        self.appended.notify_one();
        Ok(())
    }

    /// Waits before the next attempt, or gives the error back where there is to be none.
    async fn again<E: Retry>(&self, error: E, attempt: &mut u32) -> Result<(), E> {
        *attempt += 1;
        if !error.lost_race() || *attempt >= MAX_ATTEMPTS {
            return Err(error);
        }
        self.done.retries.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(attempt = *attempt, "lost a race, the transaction runs again");
        tokio::time::sleep(pause(*attempt)).await;
        Ok(())
    }

    /// Notes that a transaction was begun by who asked for it at this instant.
    fn begun(&self, asked: Instant) {
        let waited = u64::try_from(asked.elapsed().as_micros()).unwrap_or(0);
        self.done.waited_micros.fetch_add(waited, Ordering::Relaxed);
        self.done.transactions.fetch_add(1, Ordering::Relaxed);
    }

    /// Opens a transaction that only reads, and sees the database for its whole length as it is at its
    /// first statement. It may take as long as it likes.
    pub async fn snapshot(&self) -> Result<Tx, Error> {
        let notify = Arc::clone(&self.appended);
        match &self.pools {
            Pools::Sqlite { read, .. } => {
                read.begin().await.map(|open| Tx::sqlite(open, notify)).map_err(Error::Connect)
            }
            Pools::Postgres { main, .. } => {
                let begun =
                    begin_apart(main, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
                let mut tx =
                    begun.map(|open| Tx::postgres(open, notify)).map_err(Error::Connect)?;
                tx.unhurried().await?;
                Ok(tx)
            }
        }
    }

    /// What the connections are doing, those of [`queue`](Self::queue) included, and what they have
    /// done so far.
    pub fn usage(&self) -> Usage {
        let (connections, unused) = match &self.pools {
            Pools::Sqlite { read, write } => {
                (read.size() + write.size(), read.num_idle() + write.num_idle())
            }
            Pools::Postgres { main, queue, .. } => {
                (main.size() + queue.size(), main.num_idle() + queue.num_idle())
            }
        };
        Usage {
            connections,
            idle: u32::try_from(unused).unwrap_or(u32::MAX),
            transactions: self.done.transactions.load(Ordering::Relaxed),
            waited: Duration::from_micros(self.done.waited_micros.load(Ordering::Relaxed)),
            retries: self.done.retries.load(Ordering::Relaxed),
        }
    }

    /// The one row of a read; no row is a [`Error::Statement`].
    pub async fn one<R: Record>(&self, sql: impl Into<Text>, args: Vec<Arg>) -> Result<R, Error> {
        read!(self, sql, args, fetch_one, R)
    }

    /// The first row of a read, if any.
    pub async fn optional<R: Record>(
        &self,
        sql: impl Into<Text>,
        args: Vec<Arg>,
    ) -> Result<Option<R>, Error> {
        read!(self, sql, args, fetch_optional, R)
    }

    /// All rows of a read: bound them by a LIMIT.
    pub async fn all<R: Record>(
        &self,
        sql: impl Into<Text>,
        args: Vec<Arg>,
    ) -> Result<Vec<R>, Error> {
        read!(self, sql, args, fetch_all, R)
    }

    /// Completes when a transaction of this process has committed new events since the last call.
    /// A wake-up may be missed across processes: poll as well.
    pub fn appended(&self) -> Notified<'_> {
        self.appended.notified()
    }

    /// Closes the connections after the statements that are under way.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres { main, queue, .. } => {
                main.close().await;
                queue.close().await;
            }
        }
    }

    /// Ends one attempt of [`transact!`](crate::transact): `None` means run the body again.
    #[doc(hidden)]
    pub async fn settle<T, E: Retry>(
        &self,
        tx: Tx,
        outcome: Result<T, E>,
        attempt: &mut u32,
    ) -> Option<Result<T, E>> {
        let error = match outcome {
            Ok(value) => match tx.commit().await {
                Ok(()) => return Some(Ok(value)),
                Err(error) => E::from(error),
            },
            Err(error) => {
                // A rollback that fails closes its connection, which rolls back too.
                drop(tx.rollback().await);
                error
            }
        };
        self.again(error, attempt).await.err().map(Err)
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }
}

/// The wait before attempt `n + 1`: 2 ms doubled each time, up to 256 ms, times 0.5 to 1.5 so that
/// the losers of one race do not meet again.
fn pause(attempt: u32) -> Duration {
    let base = Duration::from_millis(2 << attempt.min(7));
    let jitter = RandomState::new().hash_one(attempt) % 1_000;
    base / 2 + base * u32::try_from(jitter).unwrap_or(0) / 1_000
}

/// Begins in a task of its own, which nobody drops halfway: the driver would give the connection back
/// with the transaction open, and who used it next would be told of a commit that never was.
async fn begin_apart(
    pool: &PgPool,
    statement: &'static str,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await }).await;
    begun.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

async fn open_sqlite(path: &str, settings: &Settings) -> Result<Pools, Error> {
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(Error::Address("SQLite needs the path of a file".into()));
    }
    let path = Path::new(path);
    make_private_file(path)
        .map_err(|cause| Error::Address(format!("{}: {cause}", path.display())))?;
    let writer = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(256);
    let reader = writer.clone().pragma("query_only", "ON").pragma("cache_size", READER_CACHE);
    let options = SqlitePoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let write = options.clone().max_connections(1).connect_with(writer).await;
    let write = write.map_err(Error::Connect)?;
    let cores = std::thread::available_parallelism().map_or(0, NonZero::get);
    let useful = u32::try_from(cores).unwrap_or(u32::MAX).max(USEFUL_READERS);
    let readers = (settings.max_connections.max(2) - 1).min(useful);
    let read = options.max_connections(readers).connect_with(reader).await;
    Ok(Pools::Sqlite { read: read.map_err(Error::Connect)?, write })
}

/// Makes the file, and the directory it is in, for this user only; what exists stays as it is.
pub(crate) fn make_private_file(path: &Path) -> std::io::Result<()> {
    let (mut directory, mut file) = (std::fs::DirBuilder::new(), std::fs::OpenOptions::new());
    directory.recursive(true);
    file.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        directory.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        directory.create(parent)?;
    }
    file.open(path).map(drop)
}

async fn open_postgres(settings: &Settings) -> Result<Pools, Error> {
    let schema = settings.schema.as_str();
    let first = schema.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let rest = schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !first || !rest || schema.len() > 63 {
        return Err(Error::Address(format!("`{schema}` is no name for a schema")));
    }
    // The parser's message may quote the URL with its password, so it is not passed on.
    let parsed = PgConnectOptions::from_str(&settings.url)
        .map_err(|_| Error::Address("the postgres:// URL cannot be parsed".into()))?;
    let options = parsed
        .application_name(&format!("aftercare {schema}"))
        .statement_cache_capacity(256)
        .options([("search_path", schema), ("statement_timeout", "15s"), ("timezone", "UTC")])
        .options(GONE);
    let main = options.clone().options([("idle_in_transaction_session_timeout", "15s")]);
    let queue = options.options([
        ("idle_in_transaction_session_timeout", "1500ms"),
        ("plan_cache_mode", "force_custom_plan"),
    ]);
    let size = settings.max_connections.max(3);
    let for_queue = size / 3;
    Ok(Pools::Postgres {
        main: postgres_pool(size - for_queue).connect_with(main).await.map_err(Error::Connect)?,
        queue: postgres_pool(for_queue).connect_lazy_with(queue),
        schema: schema.into(),
    })
}

/// A pool that spends no round trip on testing connections that were used a moment ago.
fn postgres_pool(size: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TEST_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// Prepares each statement on the engine of `db` and returns the first failure with its text: a
/// test's way to see that every statement is valid on both engines.
pub async fn prepare_all(db: &Db, statements: &[Sql]) -> Result<(), (String, Error)> {
    for statement in statements {
        let text = statement.text(db.engine());
        let prepared = match &db.pools {
            Pools::Sqlite { write, .. } => write.acquire().await.map(|c| (Some(c), None)),
            Pools::Postgres { main, .. } => main.acquire().await.map(|c| (None, Some(c))),
        };
        let outcome = match prepared {
            Err(cause) => Err(cause),
            Ok((Some(mut connection), _)) => {
                connection.prepare(sqlx::SqlSafeStr::into_sql_str(text)).await.map(drop)
            }
            Ok((None, Some(mut connection))) => {
                connection.prepare(sqlx::SqlSafeStr::into_sql_str(text)).await.map(drop)
            }
            Ok((None, None)) => Ok(()),
        };
        outcome.map_err(|cause| (text.to_owned(), cause.into()))?;
    }
    Ok(())
}
