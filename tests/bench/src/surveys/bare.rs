//! The bare transaction: the rows that `RecordResponse` writes, by the driver alone, on either database:
//! BEGIN, the response, its event with the row of the outbox (two statements on SQLite), COMMIT.
//!
//! It runs as a process of its own with as many connections as the suite has: on SQLite one that
//! writes. The rows are copies of responses that the suite recorded, with new ids; their outbox rows lie
//! in a partition that nobody sequences, so that the suite does not work on them.
#![expect(clippy::disallowed_methods, reason = "what the facade costs is part of the question")]

use std::{
    str::FromStr as _,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use sqlx::{
    FromRow, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    types::Json,
};
use uuid::Uuid;

use crate::{orders, program::Program, tickets};

/// A partition that is not there.
const NOWHERE: i64 = 1_000_000;

const RESPONSES: &str = "SELECT * FROM responses ORDER BY id LIMIT 90";
const EVENTS: &str = "SELECT * FROM events WHERE tenant = $1 AND aggregate = $2 AND sequence = 1";
const RESPONSE: &str = "INSERT INTO responses (tenant, id, sequence, last_at, survey, number, series, \
     invitation, ticket, customer, team, agent, product, channel, locale, evidence, standing, exclusion, \
     answers, path, day, hash, submitted_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
     $20, $21, $22, $23, $24) ON CONFLICT (tenant, id) DO NOTHING";
/// PostgreSQL takes both in one.
const EVENT_AND_OUTBOX: &str = "WITH new (tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace, \
     partition) AS (VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)), history AS (INSERT INTO events \
     (tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace) \
     SELECT tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace FROM new) \
     INSERT INTO outbox (partition, at, tenant, aggregate, sequence) \
     SELECT partition, at, tenant, aggregate, sequence FROM new";
const EVENT: &str = "INSERT INTO events \
     (tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const OUTBOX: &str =
    "INSERT INTO outbox (partition, at, tenant, aggregate, sequence) VALUES ($1, $2, $3, $4, $5)";

#[derive(Clone, Debug, FromRow)]
struct Response {
    tenant: Uuid,
    id: Uuid,
    sequence: i64,
    last_at: i64,
    survey: Uuid,
    number: i64,
    series: i64,
    invitation: Option<Uuid>,
    ticket: Option<Uuid>,
    customer: Option<Uuid>,
    team: String,
    agent: String,
    product: String,
    channel: String,
    locale: String,
    evidence: i64,
    standing: i64,
    exclusion: String,
    answers: Json<serde_json::Value>,
    path: Json<serde_json::Value>,
    day: i64,
    hash: Vec<u8>,
    submitted_at: i64,
    created_at: i64,
}

#[derive(Clone, Debug, FromRow)]
struct Event {
    sequence: i64,
    at: i64,
    kind: String,
    payload: Vec<u8>,
    actor_kind: String,
    actor: String,
    trace: String,
}

type Template = (Response, Event);

/// Starts the program on the database of a suite that has recorded responses: a PostgreSQL's, or the
/// file of surveys.
pub(crate) async fn start(database: &str) -> Result<Program> {
    orders::start(&["bare-response", database]).await
}

/// The program: reads orders and answers them until its input ends.
pub(crate) async fn serve(database: &str) -> Result<()> {
    let pool = Pool::open(database).await?;
    let templates = Arc::new(pool.templates().await?);
    orders::obey(|began, time| work(pool.clone(), templates.clone(), began, time)).await
}

async fn work(
    pool: Pool,
    templates: Arc<Vec<Template>>,
    began: Instant,
    time: Duration,
) -> Result<Vec<u64>> {
    let ids = tickets::ids();
    let mut micros = Vec::new();
    while began.elapsed() < time {
        let template = &templates[micros.len() % templates.len()];
        let started = Instant::now();
        pool.write(template, ids.next()).await?;
        micros.push(u64::try_from(started.elapsed().as_micros())?);
    }
    Ok(micros)
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A copy of a response's row, on whichever database.
macro_rules! response {
    ($tx:expr, $one:expr, $id:expr) => {
        sqlx::query(RESPONSE)
            .bind($one.tenant)
            .bind($id)
            .bind($one.sequence)
            .bind($one.last_at)
            .bind($one.survey)
            .bind($one.number)
            .bind($one.series)
            .bind($one.invitation)
            .bind($one.ticket)
            .bind($one.customer)
            .bind(&$one.team)
            .bind(&$one.agent)
            .bind(&$one.product)
            .bind(&$one.channel)
            .bind(&$one.locale)
            .bind($one.evidence)
            .bind($one.standing)
            .bind(&$one.exclusion)
            .bind(&$one.answers)
            .bind(&$one.path)
            .bind($one.day)
            .bind(&$one.hash)
            .bind($one.submitted_at)
            .bind($one.created_at)
            .execute(&mut *$tx)
            .await?
    };
}

/// A statement with an event's values.
macro_rules! event {
    ($text:expr, $tenant:expr, $id:expr, $event:expr) => {
        sqlx::query($text)
            .bind($tenant)
            .bind($id)
            .bind($event.sequence)
            .bind($event.at)
            .bind(&$event.kind)
            .bind(&$event.payload)
            .bind(&$event.actor_kind)
            .bind(&$event.actor)
            .bind(&$event.trace)
    };
}

/// What the program copies.
macro_rules! templates {
    ($pool:expr) => {{
        let mut templates = Vec::new();
        let responses: Vec<Response> = sqlx::query_as(RESPONSES).fetch_all($pool).await?;
        for one in responses {
            let event = sqlx::query_as(EVENTS).bind(one.tenant).bind(one.id);
            templates.push((one, event.fetch_one($pool).await?));
        }
        templates
    }};
}

impl Pool {
    async fn open(database: &str) -> Result<Self> {
        if database.starts_with("postgres") {
            let options = PgConnectOptions::from_str(database)?;
            let options = options.options([("search_path", "surveys")]);
            let pool = PgPoolOptions::new().max_connections(8).test_before_acquire(false);
            return Ok(Self::Postgres(pool.connect_with(options).await?));
        }
        let options = SqliteConnectOptions::new()
            .filename(database)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
        Ok(Self::Sqlite(pool.connect_with(options).await?))
    }

    async fn templates(&self) -> Result<Vec<Template>> {
        Ok(match self {
            Self::Sqlite(pool) => templates!(pool),
            Self::Postgres(pool) => templates!(pool),
        })
    }

    async fn write(&self, (response, event): &Template, id: Uuid) -> Result<()> {
        let tenant = response.tenant;
        match self {
            Self::Sqlite(pool) => {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                response!(tx, response, id);
                event!(EVENT, tenant, id, event).execute(&mut *tx).await?;
                let outbox = sqlx::query(OUTBOX).bind(NOWHERE).bind(event.at);
                outbox.bind(tenant).bind(id).bind(event.sequence).execute(&mut *tx).await?;
                tx.commit().await?;
            }
            Self::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                response!(tx, response, id);
                let both = event!(EVENT_AND_OUTBOX, tenant, id, event);
                both.bind(NOWHERE).execute(&mut *tx).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }
}
