//! The bare transaction: the rows that `CreateTicket` writes, written by the driver alone, in as many
//! statements as the service takes. What `CreateTicket` is measured against.
//!
//! It runs as a process of its own on eight connections, as the suite does. The rows are copies of
//! tickets that the suite recorded, with new ids and numbers; their outbox rows lie in a partition
//! that nobody sequences, so that the suite does not work on them.
#![expect(clippy::disallowed_methods, reason = "what the facade costs is part of the question")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use sqlx::{
    AssertSqlSafe, FromRow, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
    types::Json,
};
use uuid::Uuid;

use crate::{orders, program::Program, tickets};

/// A partition that is not there.
const NOWHERE: i64 = 1_000_000;
/// Numbers that the service does not come to.
const NUMBERS: i64 = 1_000_000_000;

const IDEMPOTENCY: &str = "INSERT INTO idempotency \
     (tenant, principal, method, request_id, hash, resource, version, expires) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT (tenant, principal, method, request_id) DO NOTHING";
const TICKET: &str = "INSERT INTO tickets (tenant, id, number, version, sequence, last_at, category, queue, team, \
     lane, assignee, customer, waiting, due_at, queued_at, created_at, updated_at, wake_at, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
const TEXTS: &str = "INSERT INTO ticket_texts (tenant, ticket, title, who, what, expectation, cause, evidence, \
     answer, contact) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const TICKETS: &str = "SELECT * FROM tickets t JOIN ticket_texts x ON x.tenant = t.tenant AND x.ticket = t.id \
     WHERE t.sequence < 10 ORDER BY t.number LIMIT 90";
const EVENTS: &str =
    "SELECT * FROM events WHERE tenant = $1 AND aggregate = $2 ORDER BY sequence LIMIT 10";
const REQUEST: &str = "SELECT * FROM idempotency LIMIT 1";

#[derive(Clone, Debug, FromRow)]
struct Ticket {
    tenant: Uuid,
    id: Uuid,
    version: i64,
    sequence: i64,
    last_at: i64,
    category: String,
    queue: String,
    team: String,
    lane: String,
    assignee: String,
    customer: Option<Uuid>,
    waiting: bool,
    due_at: i64,
    queued_at: i64,
    created_at: i64,
    updated_at: i64,
    wake_at: Option<i64>,
    body: Json<serde_json::Value>,
    title: String,
    who: String,
    what: String,
    expectation: String,
    cause: String,
    evidence: String,
    answer: String,
    contact: Option<Vec<u8>>,
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

#[derive(Clone, Debug, FromRow)]
struct Request {
    principal: String,
    method: String,
    hash: Vec<u8>,
    version: i64,
    expires: i64,
}

#[derive(Clone, Debug)]
struct Template {
    ticket: Ticket,
    events: Vec<Event>,
    request: Request,
    /// The one statement for events and outbox, as the service's facade makes it.
    append: String,
}

/// Starts the program on the database of a suite that has recorded tickets.
pub(crate) async fn start(database: &str) -> Result<Program> {
    orders::start(&["bare", database]).await
}

/// The program: reads orders and answers them until its input ends.
pub(crate) async fn serve(database: &str) -> Result<()> {
    let options: PgConnectOptions = database.parse()?;
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .test_before_acquire(false)
        .connect_with(options.options([("search_path", "tickets")]))
        .await?;
    let templates = Arc::new(templates(&pool).await?);
    let number = Arc::new(AtomicI64::new(NUMBERS));
    let work = |began, time| work(pool.clone(), templates.clone(), number.clone(), began, time);
    orders::obey(work).await
}

async fn work(
    pool: PgPool,
    templates: Arc<Vec<Template>>,
    number: Arc<AtomicI64>,
    began: Instant,
    time: Duration,
) -> Result<Vec<u64>> {
    let ids = tickets::ids();
    let mut micros = Vec::new();
    while began.elapsed() < time {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let template = &templates[usize::try_from(number)? % templates.len()];
        let started = Instant::now();
        write(&pool, template, ids.next(), ids.next(), number).await?;
        micros.push(u64::try_from(started.elapsed().as_micros())?);
    }
    Ok(micros)
}

async fn write(
    pool: &PgPool,
    template: &Template,
    id: Uuid,
    request: Uuid,
    number: i64,
) -> Result<()> {
    let Template { ticket: t, events, request: r, append } = template;
    let mut tx = pool.begin().await?;
    sqlx::query(IDEMPOTENCY)
        .bind(t.tenant)
        .bind(&r.principal)
        .bind(&r.method)
        .bind(request.to_string())
        .bind(&r.hash)
        .bind(format!("tickets/{id}"))
        .bind(r.version)
        .bind(r.expires)
        .execute(&mut *tx)
        .await?;
    sqlx::query(TICKET)
        .bind(t.tenant)
        .bind(id)
        .bind(number)
        .bind(t.version)
        .bind(t.sequence)
        .bind(t.last_at)
        .bind(&t.category)
        .bind(&t.queue)
        .bind(&t.team)
        .bind(&t.lane)
        .bind(&t.assignee)
        .bind(t.customer)
        .bind(t.waiting)
        .bind(t.due_at)
        .bind(t.queued_at)
        .bind(t.created_at)
        .bind(t.updated_at)
        .bind(t.wake_at)
        .bind(&t.body)
        .execute(&mut *tx)
        .await?;
    sqlx::query(TEXTS)
        .bind(t.tenant)
        .bind(id)
        .bind(&t.title)
        .bind(&t.who)
        .bind(&t.what)
        .bind(&t.expectation)
        .bind(&t.cause)
        .bind(&t.evidence)
        .bind(&t.answer)
        .bind(&t.contact)
        .execute(&mut *tx)
        .await?;
    let mut query = sqlx::query(AssertSqlSafe(append.clone()));
    for event in events {
        query = query
            .bind(t.tenant)
            .bind(id)
            .bind(event.sequence)
            .bind(event.at)
            .bind(&event.kind)
            .bind(&event.payload)
            .bind(&event.actor_kind)
            .bind(&event.actor)
            .bind(&event.trace)
            .bind(NOWHERE);
    }
    query.execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

async fn templates(pool: &PgPool) -> Result<Vec<Template>> {
    let tickets: Vec<Ticket> = sqlx::query_as(TICKETS).fetch_all(pool).await?;
    let request: Request = sqlx::query_as(REQUEST).fetch_one(pool).await?;
    let mut templates = Vec::new();
    for ticket in tickets {
        let events: Vec<Event> =
            sqlx::query_as(EVENTS).bind(ticket.tenant).bind(ticket.id).fetch_all(pool).await?;
        let append = append(events.len());
        templates.push(Template { ticket, events, request: request.clone(), append });
    }
    Ok(templates)
}

/// Both inserts for so many events, as one statement.
fn append(events: usize) -> String {
    let rows: Vec<String> = (0..events)
        .map(|row| {
            let values: Vec<String> = (1..=10).map(|n| format!("${}", row * 10 + n)).collect();
            format!("({})", values.join(", "))
        })
        .collect();
    format!(
        "WITH new (tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace, \
         partition) AS (VALUES {}), history AS (INSERT INTO events \
         (tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace) \
         SELECT tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace FROM new) \
         INSERT INTO outbox (partition, at, tenant, aggregate, sequence) \
         SELECT partition, at, tenant, aggregate, sequence FROM new",
        rows.join(", ")
    )
}
