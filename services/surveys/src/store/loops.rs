//! Loops' rows.

use contracts::surveys::v1::LoopState;
use kernel::{LoopId, TenantId, Time};
use sqlx::FromRow;
use store::{Db, Sql, Tx, args};
use uuid::Uuid;

use crate::{Error, domain::loops::Loop};

/// What opened one already opens no other.
const INSERT: Sql = Sql::both(
    "INSERT INTO loops (tenant, id, sequence, last_at, cause, response, survey, ticket, customer, \
     state, follow_up, invitation, opened_at, closed_at, answered_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
     ON CONFLICT (tenant, cause) DO NOTHING",
);
const UPDATE: Sql = Sql::both(
    "UPDATE loops SET sequence = $3, last_at = $4, state = $5, follow_up = $6, invitation = $7, \
     closed_at = $8, answered_at = $9 WHERE tenant = $1 AND id = $2",
);
const GET: Sql = Sql::both(
    "SELECT id, sequence, last_at, cause, response, survey, ticket, customer, state, follow_up, \
     invitation, opened_at, closed_at, answered_at FROM loops WHERE tenant = $1 AND id = $2",
);
const LOCK: Sql = Sql::split(
    "SELECT id, sequence, last_at, cause, response, survey, ticket, customer, state, follow_up, \
     invitation, opened_at, closed_at, answered_at FROM loops WHERE tenant = $1 AND id = $2",
    "SELECT id, sequence, last_at, cause, response, survey, ticket, customer, state, follow_up, \
     invitation, opened_at, closed_at, answered_at FROM loops WHERE tenant = $1 AND id = $2 \
     FOR UPDATE",
);
const LIST: Sql = Sql::both(
    "SELECT id, sequence, last_at, cause, response, survey, ticket, customer, state, follow_up, \
     invitation, opened_at, closed_at, answered_at FROM loops WHERE tenant = $1 AND id < $2 \
     ORDER BY id DESC LIMIT $3",
);
const LIST_BY_STATE: Sql = Sql::both(
    "SELECT id, sequence, last_at, cause, response, survey, ticket, customer, state, follow_up, \
     invitation, opened_at, closed_at, answered_at FROM loops WHERE tenant = $1 AND state = $2 \
     AND id < $3 ORDER BY id DESC LIMIT $4",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, UPDATE, GET, LOCK, LIST, LIST_BY_STATE];

#[derive(FromRow)]
struct Row {
    id: Uuid,
    sequence: i64,
    last_at: i64,
    cause: String,
    response: Uuid,
    survey: Uuid,
    ticket: Option<Uuid>,
    customer: Option<Uuid>,
    state: i64,
    follow_up: Option<Uuid>,
    invitation: Option<Uuid>,
    opened_at: i64,
    closed_at: Option<i64>,
    answered_at: Option<i64>,
}

impl TryFrom<Row> for Loop {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id.into(),
            sequence: row.sequence,
            last_at: Time::from_micros(row.last_at),
            cause: row.cause,
            response: row.response.into(),
            survey: row.survey.into(),
            ticket: row.ticket.map(Into::into),
            customer: row.customer.map(Into::into),
            state: super::code(row.state, "loops.state")?,
            follow_up: row.follow_up.map(Into::into),
            invitation: row.invitation.map(Into::into),
            opened_at: Time::from_micros(row.opened_at),
            closed_at: row.closed_at.map(Time::from_micros),
            answered_at: row.answered_at.map(Time::from_micros),
        })
    }
}

/// Writes a new one; false where its cause has opened one already.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, one: &Loop) -> Result<bool, Error> {
    let values = args![
        tenant,
        one.id,
        one.sequence,
        one.last_at,
        &one.cause,
        one.response,
        one.survey,
        one.ticket,
        one.customer,
        one.state as i32,
        one.follow_up,
        one.invitation,
        one.opened_at,
        one.closed_at,
        one.answered_at,
    ];
    Ok(tx.execute(INSERT, values).await? == 1)
}

/// Writes one whose row is locked.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, one: &Loop) -> Result<(), Error> {
    let values = args![
        tenant,
        one.id,
        one.sequence,
        one.last_at,
        one.state as i32,
        one.follow_up,
        one.invitation,
        one.closed_at,
        one.answered_at,
    ];
    tx.execute(UPDATE, values).await?;
    Ok(())
}

/// One.
pub(crate) async fn get(db: &Db, tenant: TenantId, id: LoopId) -> Result<Option<Loop>, Error> {
    let row: Option<Row> = db.optional(GET, args![tenant, id]).await?;
    row.map(Loop::try_from).transpose()
}

/// One, its row locked until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, tenant: TenantId, id: LoopId) -> Result<Option<Loop>, Error> {
    let row: Option<Row> = tx.optional(LOCK, args![tenant, id]).await?;
    row.map(Loop::try_from).transpose()
}

/// Those before `start`, the newest first; in one state where one is said.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    state: LoopState,
    start: Uuid,
    limit: i64,
) -> Result<Vec<Loop>, Error> {
    let rows: Vec<Row> = match state {
        LoopState::Unspecified => db.all(LIST, args![tenant, start, limit]).await?,
        state => db.all(LIST_BY_STATE, args![tenant, state as i32, start, limit]).await?,
    };
    rows.into_iter().map(Loop::try_from).collect()
}
