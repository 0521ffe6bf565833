//! Invitations' rows.

use contracts::surveys::v1::InvitationState;
use kernel::{InvitationId, SurveyId, TenantId, TicketId, Time};
use sqlx::{FromRow, types::Json};
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use crate::{
    Error,
    domain::invitation::{Body, Invitation},
};

/// A reason that asked already asks no more.
const INSERT: Sql = Sql::both(
    "INSERT INTO invitations (tenant, id, version, sequence, last_at, survey, number, cause, ticket, \
     state, wake_at, body, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
     ON CONFLICT (tenant, survey, cause) DO NOTHING",
);
const UPDATE: Sql = Sql::both(
    "UPDATE invitations SET version = $3, sequence = $4, last_at = $5, state = $6, wake_at = $7, \
     body = $8 WHERE tenant = $1 AND id = $2",
);
const GET: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, survey, number, cause, ticket, state, created_at, body \
     FROM invitations WHERE tenant = $1 AND id = $2",
);
const LOCK: Sql = Sql::split(
    "SELECT id, version, sequence, last_at, survey, number, cause, ticket, state, created_at, body \
     FROM invitations WHERE tenant = $1 AND id = $2",
    "SELECT id, version, sequence, last_at, survey, number, cause, ticket, state, created_at, body \
     FROM invitations WHERE tenant = $1 AND id = $2 FOR UPDATE",
);
const LIST: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, survey, number, cause, ticket, state, created_at, body \
     FROM invitations WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
);
const BY_SURVEY: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, survey, number, cause, ticket, state, created_at, body \
     FROM invitations WHERE tenant = $1 AND survey = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
);
const BY_STATE: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, survey, number, cause, ticket, state, created_at, body \
     FROM invitations WHERE tenant = $1 AND state = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
);
const BY_SURVEY_AND_STATE: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, survey, number, cause, ticket, state, created_at, body \
     FROM invitations WHERE tenant = $1 AND survey = $2 AND state = $3 AND id < $4 \
     ORDER BY id DESC LIMIT $5",
);
const BY_TICKET: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, survey, number, cause, ticket, state, created_at, body \
     FROM invitations WHERE tenant = $1 AND ticket = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
);
/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] =
    &[INSERT, UPDATE, GET, LOCK, LIST, BY_SURVEY, BY_STATE, BY_SURVEY_AND_STATE, BY_TICKET];

#[derive(FromRow)]
struct Row {
    id: Uuid,
    version: i64,
    sequence: i64,
    last_at: i64,
    survey: Uuid,
    number: i64,
    cause: String,
    ticket: Uuid,
    state: i64,
    created_at: i64,
    body: Json<Body>,
}

impl TryFrom<Row> for Invitation {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id.into(),
            version: row.version,
            sequence: row.sequence,
            last_at: Time::from_micros(row.last_at),
            survey: row.survey.into(),
            number: row.number,
            cause: row.cause,
            ticket: row.ticket.into(),
            state: super::code(row.state, "invitations.state")?,
            created_at: Time::from_micros(row.created_at),
            body: row.body.0,
        })
    }
}

/// An invitation to which time does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Time,
    pub(crate) tenant: TenantId,
    pub(crate) id: InvitationId,
}

/// Which invitations a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    Survey(SurveyId),
    State(InvitationState),
    SurveyAndState(SurveyId, InvitationState),
    Ticket(TicketId),
}

/// Writes a new one; false where its reason has asked already.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    invitation: &Invitation,
) -> Result<bool, Error> {
    let values = args![
        tenant,
        invitation.id,
        invitation.version,
        invitation.sequence,
        invitation.last_at,
        invitation.survey,
        invitation.number,
        &invitation.cause,
        invitation.ticket,
        invitation.state as i32,
        invitation.wake(),
        super::json(&invitation.body)?,
        invitation.created_at,
    ];
    Ok(tx.execute(INSERT, values).await? == 1)
}

/// Writes one whose row is locked.
pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    invitation: &Invitation,
) -> Result<(), Error> {
    let values = args![
        tenant,
        invitation.id,
        invitation.version,
        invitation.sequence,
        invitation.last_at,
        invitation.state as i32,
        invitation.wake(),
        super::json(&invitation.body)?,
    ];
    tx.execute(UPDATE, values).await?;
    Ok(())
}

/// One.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    id: InvitationId,
) -> Result<Option<Invitation>, Error> {
    let row: Option<Row> = db.optional(GET, args![tenant, id]).await?;
    row.map(Invitation::try_from).transpose()
}

/// One, its row locked until the transaction ends.
pub(crate) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: InvitationId,
) -> Result<Option<Invitation>, Error> {
    let row: Option<Row> = tx.optional(LOCK, args![tenant, id]).await?;
    row.map(Invitation::try_from).transpose()
}

/// Those before `start`, the newest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    which: Which,
    start: Uuid,
    limit: i64,
) -> Result<Vec<Invitation>, Error> {
    let rows: Vec<Row> = match which {
        Which::All => db.all(LIST, args![tenant, start, limit]).await?,
        Which::Survey(survey) => db.all(BY_SURVEY, args![tenant, survey, start, limit]).await?,
        Which::State(state) => db.all(BY_STATE, args![tenant, state as i32, start, limit]).await?,
        Which::SurveyAndState(survey, state) => {
            let values = args![tenant, survey, state as i32, start, limit];
            db.all(BY_SURVEY_AND_STATE, values).await?
        }
        Which::Ticket(ticket) => db.all(BY_TICKET, args![tenant, ticket, start, limit]).await?,
    };
    rows.into_iter().map(Invitation::try_from).collect()
}

/// The newest of a ticket, the newest first.
pub(crate) async fn newest_of(
    db: &Db,
    tenant: TenantId,
    ticket: TicketId,
) -> Result<Vec<Invitation>, Error> {
    // More surveys than these do not ask after one resolution.
    const MOST: i64 = 20;
    list(db, tenant, Which::Ticket(ticket), Uuid::max(), MOST).await
}

/// All of a ticket, at most as many as `MOST`, read in a transaction.
pub(crate) async fn of_ticket(
    tx: &mut Tx,
    tenant: TenantId,
    ticket: TicketId,
) -> Result<Vec<InvitationId>, Error> {
    const MOST: i64 = 1_000;
    let rows: Vec<Row> = tx.all(BY_TICKET, args![tenant, ticket, Uuid::max(), MOST]).await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// Those of these tenants to which time has something to do, the longest due first, after `after`.
pub(crate) async fn due(
    db: &Db,
    tenants: &[TenantId],
    now: Time,
    after: Option<Due>,
    limit: i64,
) -> Result<Vec<Due>, Error> {
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let (at, tenant, id) = after.map_or((i64::MIN, Uuid::nil(), Uuid::nil()), |after| {
        (after.at.micros(), after.tenant.uuid(), after.id.uuid())
    });
    let mut list = List::new("SELECT wake_at, tenant, id FROM invitations WHERE wake_at <= ");
    list.bind(now).push(" AND wake_at IS NOT NULL AND tenant IN (");
    list.binds(tenants.iter().copied()).push(") AND (wake_at, tenant, id) > (");
    list.binds(args![at, tenant, id]).push(") ORDER BY wake_at, tenant, id LIMIT ").bind(limit);
    let (text, values) = list.finish();
    let rows: Vec<(i64, Uuid, Uuid)> = db.all(text, values).await?;
    let due = |(at, tenant, id): (i64, Uuid, Uuid)| Due {
        at: Time::from_micros(at),
        tenant: tenant.into(),
        id: id.into(),
    };
    Ok(rows.into_iter().map(due).collect())
}
