//! Tickets and their words.

use ::store::{
    Arg, Db, Error, List, Sql, Tx, args,
    events::{self, Inserts, NewEvent},
    idempotency::{self, Once},
};
use contracts::tickets::v1::Category;
use kernel::{CustomerId, TenantId, TicketId, Time};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use crate::domain::{
    Ticket,
    ticket::{Body, PendingLink},
};

macro_rules! columns {
    () => {
        "t.tenant, t.id, t.number, t.version, t.sequence, t.last_at, t.category, t.queue, t.team, \
         t.lane, t.assignee, t.customer, t.queued_at, t.created_at, t.updated_at, t.body, \
         x.title, x.who, x.what, x.expectation, x.cause, x.evidence, x.answer, x.contact"
    };
}
pub(super) use columns;

macro_rules! get {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM tickets t \
             JOIN ticket_texts x ON x.tenant = t.tenant AND x.ticket = t.id \
             WHERE t.tenant = $1 AND t.id = $2"
        )
    };
}

const GET: Sql = Sql::both(get!());
/// The ticket is held from here to the end of the transaction, so that its events are written one
/// command after the other. Its words are held too: of a row that is not, who had to wait would see
/// what stood there before the wait, and write it back. SQLite's writer is alone anyway.
const LOCK: Sql = Sql::split(get!(), concat!(get!(), " FOR UPDATE"));
/// The same for a ticket that is still waiting and that nobody else is just taking.
const LOCK_WAITING: Sql = Sql::split(
    concat!(get!(), " AND t.waiting"),
    concat!(get!(), " AND t.waiting FOR UPDATE SKIP LOCKED"),
);
const UPDATE: Sql = Sql::both(
    "UPDATE tickets SET version = $4, sequence = $5, last_at = $6, category = $7, queue = $8, \
     team = $9, lane = $10, assignee = $11, customer = $12, waiting = $13, due_at = $14, \
     queued_at = $15, updated_at = $16, wake_at = $17, body = $18 \
     WHERE tenant = $1 AND id = $2 AND sequence = $3",
);
const UPDATE_TEXTS: Sql = Sql::both(
    "UPDATE ticket_texts SET title = $3, who = $4, what = $5, expectation = $6, cause = $7, \
     evidence = $8, answer = $9 WHERE tenant = $1 AND ticket = $2",
);
const NEXT_WAKE: Sql = Sql::both("SELECT MIN(wake_at) FROM tickets WHERE wake_at IS NOT NULL");

/// Every fixed statement of this module.
pub const STATEMENTS: &[Sql] = &[GET, LOCK, LOCK_WAITING, UPDATE, UPDATE_TEXTS, NEXT_WAKE];

/// The end of time, for tickets without a running clock: they come last.
pub const NEVER: Time = Time::from_micros(i64::MAX);

/// The words of a ticket; empty where nothing was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Texts {
    /// The matter in one line.
    pub title: String,
    /// Who it happened to.
    pub who: String,
    /// What happened.
    pub what: String,
    /// What the customer expects.
    pub expectation: String,
    /// Why it happened.
    pub cause: String,
    /// What shows it.
    pub evidence: String,
    /// What was proposed.
    pub answer: String,
    /// How the customer can be reached, sealed.
    pub contact: Option<Vec<u8>>,
}

#[derive(FromRow)]
struct Row {
    #[sqlx(try_from = "Uuid")]
    tenant: TenantId,
    #[sqlx(try_from = "Uuid")]
    id: TicketId,
    number: i64,
    version: i64,
    sequence: i64,
    #[sqlx(try_from = "i64")]
    last_at: Time,
    category: String,
    queue: String,
    team: String,
    lane: String,
    assignee: String,
    customer: Option<Uuid>,
    #[sqlx(try_from = "i64")]
    queued_at: Time,
    #[sqlx(try_from = "i64")]
    created_at: Time,
    #[sqlx(try_from = "i64")]
    updated_at: Time,
    body: Json<Body>,
    #[sqlx(flatten)]
    texts: Texts,
}

/// A ticket with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The ticket.
    pub ticket: Ticket,
    /// Its words.
    pub texts: Texts,
}

impl TryFrom<Row> for Stored {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let category = Category::from_str_name(&row.category)
            .ok_or_else(|| super::corrupt("tickets.category", &row.category))?;
        let ticket = Ticket {
            tenant: row.tenant,
            id: row.id,
            number: row.number,
            version: row.version,
            sequence: row.sequence,
            last_at: row.last_at,
            category,
            queue: row.queue,
            team: row.team,
            lane: row.lane,
            assignee: Some(row.assignee).filter(|slug| !slug.is_empty()),
            customer: row.customer.map(CustomerId::from),
            queued_at: row.queued_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            body: row.body.0,
        };
        Ok(Self { ticket, texts: row.texts })
    }
}

/// Reads a ticket.
pub async fn get(db: &Db, tenant: TenantId, id: TicketId) -> Result<Option<Stored>, Error> {
    let row: Option<Row> = db.optional(GET, args![tenant, id]).await?;
    row.map(Stored::try_from).transpose()
}

/// Reads a ticket and holds it to the end of the transaction.
pub async fn lock(tx: &mut Tx, tenant: TenantId, id: TicketId) -> Result<Option<Stored>, Error> {
    let row: Option<Row> = tx.optional(LOCK, args![tenant, id]).await?;
    row.map(Stored::try_from).transpose()
}

/// The same for a ticket that still waits; `None` where it does not, or somebody is just taking it.
pub async fn lock_waiting(
    tx: &mut Tx,
    tenant: TenantId,
    id: TicketId,
) -> Result<Option<Stored>, Error> {
    let row: Option<Row> = tx.optional(LOCK_WAITING, args![tenant, id]).await?;
    row.map(Stored::try_from).transpose()
}

/// Writes a new ticket with its words and its history, in one round trip.
pub async fn record(
    tx: &mut Tx,
    partitions: u32,
    stored: &Stored,
    events: &[NewEvent],
) -> Result<(), Error> {
    let mut inserts = Inserts::new(tx.engine());
    insert(&mut inserts, stored)?;
    events::append_with(tx, inserts, partitions, events).await
}

/// The same with the claim of its request, as a transaction of its own; false where the request was
/// claimed before, and nothing is written.
pub async fn record_first(
    db: &Db,
    partitions: u32,
    stored: &Stored,
    events: &[NewEvent],
    once: &Once,
) -> Result<bool, Error> {
    let mut inserts = Inserts::new(db.engine());
    once.claim_with(&mut inserts, &stored.ticket.id.name(), 0);
    insert(&mut inserts, stored)?;
    match events::append_alone(db, inserts, partitions, events).await {
        Ok(()) => Ok(true),
        Err(error) if idempotency::is_claimed(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn insert(inserts: &mut Inserts, Stored { ticket, texts }: &Stored) -> Result<(), Error> {
    let row = values(ticket)?;
    inserts.and("ticket", |list| {
        list.push(
            "INSERT INTO tickets (tenant, id, number, version, sequence, last_at, category, queue, \
             team, lane, assignee, customer, waiting, due_at, queued_at, created_at, updated_at, \
             wake_at, body) VALUES ",
        );
        list.rows([row]);
    });
    inserts.and("words", |list| {
        list.push(
            "INSERT INTO ticket_texts (tenant, ticket, title, who, what, expectation, cause, \
             evidence, answer, contact) VALUES ",
        );
        list.rows([values_of_texts(ticket.tenant, ticket.id, texts)]);
    });
    Ok(())
}

/// The values of a new ticket.
fn values(ticket: &Ticket) -> Result<Vec<Arg>, Error> {
    Ok(args![
        ticket.tenant,
        ticket.id,
        ticket.number,
        ticket.version,
        ticket.sequence,
        ticket.last_at,
        ticket.category.as_str_name(),
        &ticket.queue,
        &ticket.team,
        &ticket.lane,
        ticket.assignee.as_deref().unwrap_or_default(),
        ticket.customer,
        ticket.is_waiting(),
        ticket.next_due().unwrap_or(NEVER),
        ticket.queued_at,
        ticket.created_at,
        ticket.updated_at,
        ticket.wake(),
        payload(&ticket.body)?
    ])
}

/// Writes a ticket that stood at `sequence` before; false where it does not stand there any more.
pub async fn update(tx: &mut Tx, ticket: &Ticket, sequence: i64) -> Result<bool, Error> {
    let values = args![
        ticket.tenant,
        ticket.id,
        sequence,
        ticket.version,
        ticket.sequence,
        ticket.last_at,
        ticket.category.as_str_name(),
        &ticket.queue,
        &ticket.team,
        &ticket.lane,
        ticket.assignee.as_deref().unwrap_or_default(),
        ticket.customer,
        ticket.is_waiting(),
        ticket.next_due().unwrap_or(NEVER),
        ticket.queued_at,
        ticket.updated_at,
        ticket.wake(),
        payload(&ticket.body)?
    ];
    Ok(tx.execute(UPDATE, values).await? == 1)
}

fn payload(body: &Body) -> Result<serde_json::Value, Error> {
    serde_json::to_value(body).map_err(|_| super::corrupt("tickets.body", "not JSON"))
}

/// The words of a new ticket.
fn values_of_texts(tenant: TenantId, ticket: TicketId, texts: &Texts) -> Vec<Arg> {
    args![
        tenant,
        ticket,
        &texts.title,
        &texts.who,
        &texts.what,
        &texts.expectation,
        &texts.cause,
        &texts.evidence,
        &texts.answer,
        texts.contact.clone()
    ]
}

/// Writes the words of a ticket anew; the contact stays as it was given.
pub async fn update_texts(
    tx: &mut Tx,
    tenant: TenantId,
    ticket: TicketId,
    texts: &Texts,
) -> Result<(), Error> {
    let values = args![
        tenant,
        ticket,
        &texts.title,
        &texts.who,
        &texts.what,
        &texts.expectation,
        &texts.cause,
        &texts.evidence,
        &texts.answer
    ];
    tx.execute(UPDATE_TEXTS, values).await.map(drop)
}

/// A ticket that time does something to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Since when.
    pub at: Time,
    /// Whose it is.
    pub tenant: TenantId,
    /// The ticket.
    pub id: TicketId,
}

/// Tickets of these tenants that time does something to by `now`, earliest first, after `after`.
pub async fn due(
    db: &Db,
    tenants: &[TenantId],
    now: Time,
    after: Option<Due>,
    limit: i64,
) -> Result<Vec<Due>, Error> {
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let mut list = List::default();
    write_due(&mut list, tenants, now, after, limit);
    let (text, values) = list.finish();
    let rows: Vec<(i64, Uuid, Uuid)> = db.all(text, values).await?;
    Ok(rows
        .into_iter()
        .map(|(at, tenant, id)| Due { at: at.into(), tenant: tenant.into(), id: id.into() })
        .collect())
}

/// Writes the statement of what is due; behind `EXPLAIN` it shows how it is planned.
pub fn write_due(list: &mut List, tenants: &[TenantId], now: Time, after: Option<Due>, limit: i64) {
    let (at, tenant, id) = after.map_or((i64::MIN, Uuid::nil(), Uuid::nil()), |after| {
        (after.at.micros(), after.tenant.uuid(), after.id.uuid())
    });
    list.push("SELECT wake_at, tenant, id FROM tickets WHERE wake_at IS NOT NULL AND wake_at <= ");
    list.bind(now).push(" AND tenant IN (").binds(tenants.iter().copied());
    list.push(") AND (wake_at, tenant, id) > (").binds(args![at, tenant, id]);
    list.push(") ORDER BY wake_at, tenant, id LIMIT ").bind(limit);
}

/// When time next does something to any ticket.
pub async fn next_wake(db: &Db) -> Result<Option<Time>, Error> {
    let (at,): (Option<i64>,) = db.one(NEXT_WAKE, args![]).await?;
    Ok(at.map(Time::from_micros))
}

/// Whether the contact of this ticket is to be resolved by `now`.
pub fn link_is_due(ticket: &Ticket, now: Time) -> bool {
    ticket.body.link.is_some_and(|PendingLink { next, .. }| next <= now)
}

/// Rows of a list, by the same columns as a single ticket.
pub(super) async fn listed(db: &Db, list: ::store::List) -> Result<Vec<Stored>, Error> {
    let (text, values) = list.finish();
    let rows: Vec<Row> = db.all(text, values).await?;
    rows.into_iter().map(Stored::try_from).collect()
}
