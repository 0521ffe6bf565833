//! What the bench itself does in PostgreSQL, past the suite: making databases, looking whether a
//! feed is idle, filling.
#![expect(clippy::disallowed_methods, reason = "the bench measures one database, by its driver")]

use std::time::Duration;

use anyhow::{Context, Result};
use kernel::Time;
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};
use uuid::Uuid;

/// How often it is asked whether a feed is idle.
const POLL: Duration = Duration::from_millis(20);
/// How long another's write to a file is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Everything that commits has been given its place in the feed, and the consumer has seen it.
const IDLE: &str = "SELECT NOT EXISTS (SELECT FROM tickets.outbox o JOIN tickets.partitions p USING (partition)) \
     AND NOT EXISTS (SELECT FROM customers.outbox) \
     AND (SELECT SUM(position) FROM customers.cursors WHERE source = 'tickets') \
     = (SELECT SUM(head) FROM tickets.partitions)";
/// Every response that commits is among the scores; what the bare transaction leaves lies in a
/// partition that is not there.
const SCORED: &str = "SELECT NOT EXISTS (SELECT 1 FROM outbox o JOIN partitions p ON p.partition = o.partition) \
     AND COALESCE((SELECT SUM(position) FROM cursors WHERE consumer = 'surveys.scores'), 0) \
     = (SELECT SUM(head) FROM partitions)";
/// Everything of knowledge that commits has been given its place in the feed.
const TOLD: &str = "SELECT NOT EXISTS (SELECT FROM knowledge.outbox)";
const SAMPLE: &str = "SELECT id, number FROM tickets.tickets ORDER BY md5(id::text) LIMIT $1";
const CLAIMED: &str = "SELECT id FROM tickets.tickets WHERE updated_at >= $1 AND assignee <> ''";
const PROCESS: &str = "SELECT pg_backend_pid(), version()";

/// A connection for what is done beside the measuring.
pub(crate) async fn open(url: &str) -> Result<PgConnection> {
    Ok(PgConnection::connect(url).await?)
}

/// Makes a database of this name and says where it is.
pub(crate) async fn create(url: &str, name: &str) -> Result<String> {
    let mut connection = open(url).await?;
    run(&mut connection, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    run(&mut connection, &format!("CREATE DATABASE {name}")).await?;
    connection.close().await?;
    let (server, _) = url.rsplit_once('/').context("the URL names no database")?;
    Ok(format!("{server}/{name}"))
}

/// Runs statements of ours that take no values.
pub(crate) async fn run(connection: &mut PgConnection, text: &str) -> Result<()> {
    let text = AssertSqlSafe(text.to_owned());
    sqlx::raw_sql(text).execute(connection).await?;
    Ok(())
}

/// The backend of a connection, and PostgreSQL's version.
pub(crate) async fn backend(connection: &mut PgConnection) -> Result<(u32, String)> {
    let (pid, version): (i32, String) = sqlx::query_as(PROCESS).fetch_one(connection).await?;
    Ok((u32::try_from(pid)?, version))
}

/// Waits until nothing is left to do for a suite.
pub(crate) async fn idle(connection: &mut PgConnection) -> Result<()> {
    until(connection, IDLE).await
}

/// Waits until the feed of knowledge has told everything.
pub(crate) async fn told(connection: &mut PgConnection) -> Result<()> {
    until(connection, TOLD).await
}

/// The feed of surveys, as the scores follow it, on either database.
#[derive(Debug)]
pub(crate) enum Feed {
    File(SqliteConnection),
    Postgres(PgConnection),
}

impl Feed {
    /// In this file.
    pub(crate) async fn of_file(path: &str) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE);
        Ok(Self::File(SqliteConnection::connect_with(&options).await?))
    }

    /// In the schema of surveys in this database.
    pub(crate) async fn of_postgres(url: &str) -> Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.options([("search_path", "surveys")]);
        Ok(Self::Postgres(PgConnection::connect_with(&options).await?))
    }

    /// Waits until every response is among the scores.
    pub(crate) async fn scored(&mut self) -> Result<()> {
        loop {
            let (done,): (Option<bool>,) = match self {
                Self::File(connection) => sqlx::query_as(SCORED).fetch_one(connection).await?,
                Self::Postgres(connection) => sqlx::query_as(SCORED).fetch_one(connection).await?,
            };
            if done == Some(true) {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn until(connection: &mut PgConnection, done: &'static str) -> Result<()> {
    loop {
        let (done,): (Option<bool>,) = sqlx::query_as(done).fetch_one(&mut *connection).await?;
        if done == Some(true) {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Ids and numbers of tickets, from all over the table and always the same.
pub(crate) async fn sample(connection: &mut PgConnection, limit: i64) -> Result<Vec<(Uuid, i64)>> {
    Ok(sqlx::query_as(SAMPLE).bind(limit).fetch_all(connection).await?)
}

/// Tickets that somebody got since then.
pub(crate) async fn claimed_since(connection: &mut PgConnection, since: Time) -> Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> =
        sqlx::query_as(CLAIMED).bind(since.micros()).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
