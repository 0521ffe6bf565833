//! Teams' rows.

use kernel::{TenantId, Time};
use sqlx::FromRow;
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use crate::{Error, domain::member::Team};

const INSERT: Sql = Sql::both(
    "INSERT INTO teams (tenant, id, aggregate, version, sequence, last_at, title, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, id) DO NOTHING",
);
const GET: Sql = Sql::both(
    "SELECT id, aggregate, version, sequence, last_at, title, created_at \
     FROM teams WHERE tenant = $1 AND id = $2",
);
const LOCK: Sql = Sql::split(
    "SELECT id, aggregate, version, sequence, last_at, title, created_at \
     FROM teams WHERE tenant = $1 AND id = $2",
    "SELECT id, aggregate, version, sequence, last_at, title, created_at \
     FROM teams WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE",
);
const LIST: Sql = Sql::both(
    "SELECT id, aggregate, version, sequence, last_at, title, created_at \
     FROM teams WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3",
);
const UPDATE: Sql = Sql::both(
    "UPDATE teams SET version = $3, sequence = $4, last_at = $5, title = $6 \
     WHERE tenant = $1 AND id = $2",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, GET, LOCK, LIST, UPDATE];

#[derive(FromRow)]
struct Row {
    id: String,
    aggregate: Uuid,
    version: i64,
    sequence: i64,
    last_at: i64,
    title: String,
    created_at: i64,
}

impl From<Row> for Team {
    fn from(row: Row) -> Self {
        let Row { id, aggregate, version, sequence, last_at, title, created_at } = row;
        let (last_at, created_at) = (Time::from_micros(last_at), Time::from_micros(created_at));
        Self { id, aggregate, version, sequence, last_at, title, created_at }
    }
}

/// Writes a new team; false where its id is taken.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, team: &Team) -> Result<bool, Error> {
    let Team { id, aggregate, version, sequence, last_at, title, created_at } = team;
    let values = args![tenant, id, *aggregate, *version, *sequence, *last_at, title, *created_at];
    Ok(tx.execute(INSERT, values).await? == 1)
}

/// A team.
pub(crate) async fn get(db: &Db, tenant: TenantId, id: &str) -> Result<Option<Team>, Error> {
    Ok(db.optional::<Row>(GET, args![tenant, id]).await?.map(Team::from))
}

/// A team, its row locked until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, tenant: TenantId, id: &str) -> Result<Option<Team>, Error> {
    Ok(tx.optional::<Row>(LOCK, args![tenant, id]).await?.map(Team::from))
}

/// The teams after `start`, by id.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    start: &str,
    limit: i64,
) -> Result<Vec<Team>, Error> {
    let rows = db.all::<Row>(LIST, args![tenant, start, limit]).await?;
    Ok(rows.into_iter().map(Team::from).collect())
}

/// Writes what changed of a team whose row is locked.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, team: &Team) -> Result<(), Error> {
    let Team { id, version, sequence, last_at, title, .. } = team;
    tx.execute(UPDATE, args![tenant, id, *version, *sequence, *last_at, title]).await?;
    Ok(())
}

/// The first of these teams that there is not.
pub(crate) async fn first_missing<'a>(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &'a [String],
) -> Result<Option<&'a str>, Error> {
    if ids.is_empty() {
        return Ok(None);
    }
    let mut list = List::new("SELECT id FROM teams WHERE tenant = ");
    list.bind(tenant).push(" AND id IN (").binds(ids.iter()).push(")");
    let (text, values) = list.finish();
    let found: Vec<(String,)> = tx.all(text, values).await?;
    let missing = ids.iter().find(|id| !found.iter().any(|(known,)| known == *id));
    Ok(missing.map(String::as_str))
}
