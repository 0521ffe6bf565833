//! Surveys' rows.

use contracts::surveys::v1::SurveyState;
use kernel::{SurveyId, TenantId, Time};
use sqlx::{FromRow, types::Json};
use store::{Db, Sql, Tx, args};
use uuid::Uuid;

use crate::{
    Error,
    domain::{
        questionnaire::Questionnaire,
        survey::{AfterResolution, Survey},
    },
};

const INSERT: Sql = Sql::both(
    "INSERT INTO surveys (tenant, id, version, sequence, last_at, title, draft, versions, changed, \
     archived, state, created_at, updated_at, after_resolution, asks) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
);
const UPDATE: Sql = Sql::both(
    "UPDATE surveys SET version = $3, sequence = $4, last_at = $5, title = $6, draft = $7, \
     versions = $8, changed = $9, archived = $10, state = $11, updated_at = $12, \
     after_resolution = $13, asks = $14 WHERE tenant = $1 AND id = $2",
);
const GET: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, title, draft, versions, changed, archived, created_at, \
     updated_at, after_resolution FROM surveys WHERE tenant = $1 AND id = $2",
);
const LOCK: Sql = Sql::split(
    "SELECT id, version, sequence, last_at, title, draft, versions, changed, archived, created_at, \
     updated_at, after_resolution FROM surveys WHERE tenant = $1 AND id = $2",
    "SELECT id, version, sequence, last_at, title, draft, versions, changed, archived, created_at, \
     updated_at, after_resolution FROM surveys WHERE tenant = $1 AND id = $2 FOR UPDATE",
);
const LIST: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, title, draft, versions, changed, archived, created_at, \
     updated_at, after_resolution FROM surveys WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
);
const ASKING: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, title, draft, versions, changed, archived, created_at, \
     updated_at, after_resolution FROM surveys WHERE tenant = $1 AND asks ORDER BY id",
);
const LIST_BY_STATE: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, title, draft, versions, changed, archived, created_at, \
     updated_at, after_resolution FROM surveys WHERE tenant = $1 AND state = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
);

/// Every survey of every tenant.
const EVERY: Sql = Sql::both(
    "SELECT tenant, id FROM surveys WHERE (tenant, id) > ($1, $2) ORDER BY tenant, id LIMIT $3",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] =
    &[INSERT, UPDATE, GET, LOCK, LIST, LIST_BY_STATE, ASKING, EVERY];

/// The next surveys behind this one, whoever's they are, at most so many.
pub(crate) async fn every(
    tx: &mut Tx,
    after: (TenantId, SurveyId),
    limit: u32,
) -> Result<Vec<(TenantId, SurveyId)>, store::Error> {
    let rows: Vec<(Uuid, Uuid)> = tx.all(EVERY, args![after.0, after.1, limit]).await?;
    Ok(rows.into_iter().map(|(tenant, id)| (tenant.into(), id.into())).collect())
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    version: i64,
    sequence: i64,
    last_at: i64,
    title: String,
    draft: Json<Questionnaire>,
    versions: i64,
    changed: bool,
    archived: bool,
    created_at: i64,
    updated_at: i64,
    after_resolution: Json<Option<AfterResolution>>,
}

impl From<Row> for Survey {
    fn from(row: Row) -> Self {
        Self {
            id: SurveyId::from(row.id),
            version: row.version,
            sequence: row.sequence,
            last_at: Time::from_micros(row.last_at),
            title: row.title,
            draft: row.draft.0,
            versions: row.versions,
            changed: row.changed,
            archived: row.archived,
            created_at: Time::from_micros(row.created_at),
            updated_at: Time::from_micros(row.updated_at),
            after_resolution: row.after_resolution.0,
        }
    }
}

/// Writes a new survey.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, survey: &Survey) -> Result<(), Error> {
    let values = args![
        tenant,
        survey.id,
        survey.version,
        survey.sequence,
        survey.last_at,
        &survey.title,
        super::json(&survey.draft)?,
        survey.versions,
        survey.changed,
        survey.archived,
        survey.state() as i32,
        survey.created_at,
        survey.updated_at,
        super::json(&survey.after_resolution)?,
        survey.asks(),
    ];
    tx.execute(INSERT, values).await?;
    Ok(())
}

/// Writes what changed of a survey whose row is locked.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, survey: &Survey) -> Result<(), Error> {
    let values = args![
        tenant,
        survey.id,
        survey.version,
        survey.sequence,
        survey.last_at,
        &survey.title,
        super::json(&survey.draft)?,
        survey.versions,
        survey.changed,
        survey.archived,
        survey.state() as i32,
        survey.updated_at,
        super::json(&survey.after_resolution)?,
        survey.asks(),
    ];
    tx.execute(UPDATE, values).await?;
    Ok(())
}

/// A survey.
pub(crate) async fn get(db: &Db, tenant: TenantId, id: SurveyId) -> Result<Option<Survey>, Error> {
    Ok(db.optional::<Row>(GET, args![tenant, id]).await?.map(Survey::from))
}

/// A survey, its row locked until the transaction ends.
pub(crate) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: SurveyId,
) -> Result<Option<Survey>, Error> {
    Ok(tx.optional::<Row>(LOCK, args![tenant, id]).await?.map(Survey::from))
}

/// The surveys that ask customers by themselves.
pub(crate) async fn asking(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Survey>, Error> {
    let rows: Vec<Row> = tx.all(ASKING, args![tenant]).await?;
    Ok(rows.into_iter().map(Survey::from).collect())
}

/// The surveys before `start`, newest first; of one state where one is said.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    state: SurveyState,
    start: Uuid,
    limit: i64,
) -> Result<Vec<Survey>, Error> {
    let rows: Vec<Row> = match state {
        SurveyState::Unspecified => db.all(LIST, args![tenant, start, limit]).await?,
        state => db.all(LIST_BY_STATE, args![tenant, state as i32, start, limit]).await?,
    };
    Ok(rows.into_iter().map(Survey::from).collect())
}
