//! Keys' rows: found by id alone where a credential comes in, by tenant everywhere else.

use kernel::{ApiKeyId, TenantId, Time};
use sqlx::{FromRow, types::Json};
use store::{Arg, Db, Sql, Tx, args};
use uuid::Uuid;

use super::tenants::json;
use crate::{
    Error,
    domain::api_key::{ApiKey, Secret},
    position::Position,
};

const INSERT: Sql = Sql::both(
    "INSERT INTO api_keys (tenant, id, version, sequence, last_at, title, scopes, secrets, \
     expires_at, revoked_at, last_used_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, NULL, $10)",
);
const GET: Sql = Sql::both(
    "SELECT tenant, id, version, sequence, last_at, title, scopes, secrets, expires_at, revoked_at, \
     last_used_at, created_at FROM api_keys WHERE tenant = $1 AND id = $2",
);
const LOCK: Sql = Sql::split(
    "SELECT tenant, id, version, sequence, last_at, title, scopes, secrets, expires_at, revoked_at, \
     last_used_at, created_at FROM api_keys WHERE tenant = $1 AND id = $2",
    "SELECT tenant, id, version, sequence, last_at, title, scopes, secrets, expires_at, revoked_at, \
     last_used_at, created_at FROM api_keys WHERE tenant = $1 AND id = $2 FOR UPDATE",
);
const LIST: Sql = Sql::both(
    "SELECT tenant, id, version, sequence, last_at, title, scopes, secrets, expires_at, revoked_at, \
     last_used_at, created_at FROM api_keys WHERE tenant = $1 AND (created_at, id) < ($2, $3) \
     ORDER BY created_at DESC, id DESC LIMIT $4",
);
const BY_ID: Sql = Sql::both(
    "SELECT tenant, id, version, sequence, last_at, title, scopes, secrets, expires_at, revoked_at, \
     last_used_at, created_at FROM api_keys WHERE id = $1",
);
const UPDATE: Sql = Sql::both(
    "UPDATE api_keys SET version = $3, sequence = $4, last_at = $5, secrets = $6, revoked_at = $7 \
     WHERE tenant = $1 AND id = $2",
);
const USED: Sql = Sql::both(
    "UPDATE api_keys SET last_used_at = $3 WHERE tenant = $1 AND id = $2 \
     AND (last_used_at IS NULL OR last_used_at < $3)",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, GET, LOCK, LIST, BY_ID, UPDATE, USED];

#[derive(FromRow)]
struct Row {
    tenant: Uuid,
    id: Uuid,
    version: i64,
    sequence: i64,
    last_at: i64,
    title: String,
    scopes: Json<Vec<String>>,
    secrets: Json<Vec<Secret>>,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    created_at: i64,
}

impl From<Row> for ApiKey {
    fn from(row: Row) -> Self {
        Self {
            id: ApiKeyId::from(row.id),
            version: row.version,
            sequence: row.sequence,
            last_at: Time::from_micros(row.last_at),
            title: row.title,
            scopes: row.scopes.0,
            secrets: row.secrets.0,
            expires_at: row.expires_at.map(Time::from_micros),
            revoked_at: row.revoked_at.map(Time::from_micros),
            last_used_at: row.last_used_at.map(Time::from_micros),
            created_at: Time::from_micros(row.created_at),
        }
    }
}

/// Writes a new key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, key: &ApiKey) -> Result<(), Error> {
    let values = args![
        tenant,
        key.id,
        key.version,
        key.sequence,
        key.last_at,
        &key.title,
        json(&key.scopes),
        secrets(key)?,
        key.expires_at,
        key.created_at,
    ];
    tx.execute(INSERT, values).await?;
    Ok(())
}

/// A key.
pub(crate) async fn get(db: &Db, tenant: TenantId, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
    Ok(db.optional::<Row>(GET, args![tenant, id]).await?.map(ApiKey::from))
}

/// A key, its row locked until the transaction ends.
pub(crate) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, Error> {
    Ok(tx.optional::<Row>(LOCK, args![tenant, id]).await?.map(ApiKey::from))
}

/// The keys after `start`, newest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    start: Position,
    limit: i64,
) -> Result<Vec<ApiKey>, Error> {
    let rows = db.all::<Row>(LIST, args![tenant, start.at, start.id, limit]).await?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// The key of this id and the tenant that it belongs to.
pub(crate) async fn by_id(db: &Db, id: ApiKeyId) -> Result<Option<(TenantId, ApiKey)>, Error> {
    let found = db.optional::<Row>(BY_ID, args![id]).await?;
    Ok(found.map(|row| (TenantId::from(row.tenant), ApiKey::from(row))))
}

/// Writes what changed of a key whose row is locked.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, key: &ApiKey) -> Result<(), Error> {
    let ApiKey { id, version, sequence, last_at, revoked_at, .. } = key;
    let values = args![tenant, *id, *version, *sequence, *last_at, secrets(key)?, *revoked_at];
    tx.execute(UPDATE, values).await?;
    Ok(())
}

/// Notes when a key was last used, unless it was used since; its etag stays.
pub(crate) async fn note_use(
    tx: &mut Tx,
    tenant: TenantId,
    id: ApiKeyId,
    at: Time,
) -> Result<(), Error> {
    tx.execute(USED, args![tenant, id, at]).await?;
    Ok(())
}

fn secrets(key: &ApiKey) -> Result<Arg, Error> {
    let json = serde_json::to_value(&key.secrets).map_err(|_| Error::Corrupt("secret"))?;
    Ok(Arg::from(json))
}
