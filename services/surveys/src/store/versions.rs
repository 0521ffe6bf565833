//! The rows of what was published.

use kernel::{SurveyId, TenantId, Time};
use sqlx::{FromRow, types::Json};
use store::{Db, Sql, Tx, args};
use uuid::Uuid;

use crate::{
    Error,
    domain::{questionnaire::Questionnaire, survey::Version},
};

const INSERT: Sql = Sql::both(
    "INSERT INTO versions (tenant, survey, number, questionnaire, continues, actor_kind, actor, \
     published_at, series) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);
const GET: Sql = Sql::both(
    "SELECT survey, number, questionnaire, continues, actor_kind, actor, published_at, series \
     FROM versions WHERE tenant = $1 AND survey = $2 AND number = $3",
);
const SERIES: Sql = Sql::both(
    "SELECT survey, number, questionnaire, continues, actor_kind, actor, published_at, series \
     FROM versions WHERE tenant = $1 AND survey = $2 AND series = $3 ORDER BY number",
);
const LIST: Sql = Sql::both(
    "SELECT survey, number, questionnaire, continues, actor_kind, actor, published_at, series \
     FROM versions WHERE tenant = $1 AND survey = $2 AND number < $3 ORDER BY number DESC LIMIT $4",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, GET, SERIES, LIST];

#[derive(FromRow)]
struct Row {
    survey: Uuid,
    number: i64,
    questionnaire: Json<Questionnaire>,
    continues: bool,
    actor_kind: String,
    actor: String,
    published_at: i64,
    series: i64,
}

impl From<Row> for Version {
    fn from(row: Row) -> Self {
        Self {
            survey: SurveyId::from(row.survey),
            number: row.number,
            questionnaire: row.questionnaire.0,
            continues: row.continues,
            actor_kind: row.actor_kind,
            actor: row.actor,
            published_at: Time::from_micros(row.published_at),
            series: row.series,
        }
    }
}

/// Writes a version. The survey's row is locked.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, version: &Version) -> Result<(), Error> {
    let values = args![
        tenant,
        version.survey,
        version.number,
        super::json(&version.questionnaire)?,
        version.continues,
        &version.actor_kind,
        &version.actor,
        version.published_at,
        version.series,
    ];
    tx.execute(INSERT, values).await?;
    Ok(())
}

/// A version, read in the transaction that writes the next.
pub(crate) async fn get_in(
    tx: &mut Tx,
    tenant: TenantId,
    survey: SurveyId,
    number: i64,
) -> Result<Option<Version>, Error> {
    Ok(tx.optional::<Row>(GET, args![tenant, survey, number]).await?.map(Version::from))
}

/// The versions of a series, read in the transaction that writes the next.
pub(crate) async fn of_series(
    tx: &mut Tx,
    tenant: TenantId,
    survey: SurveyId,
    series: i64,
) -> Result<Vec<Version>, Error> {
    let rows: Vec<Row> = tx.all(SERIES, args![tenant, survey, series]).await?;
    Ok(rows.into_iter().map(Version::from).collect())
}

/// A version.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    survey: SurveyId,
    number: i64,
) -> Result<Option<Version>, Error> {
    Ok(db.optional::<Row>(GET, args![tenant, survey, number]).await?.map(Version::from))
}

/// The versions before `start`, the latest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    survey: SurveyId,
    start: i64,
    limit: i64,
) -> Result<Vec<Version>, Error> {
    let rows: Vec<Row> = db.all(LIST, args![tenant, survey, start, limit]).await?;
    Ok(rows.into_iter().map(Version::from).collect())
}
