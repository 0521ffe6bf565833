//! Tenants' rows, which are their own: `tenant` is the id. What tenants are found by stands in
//! `names`.

use contracts::gateway::v1::TenantState;
use kernel::{TenantId, Time};
use sqlx::{FromRow, types::Json};
use store::{Arg, Db, Sql, Tx, args};
use uuid::Uuid;

use super::names::NameKind;
use crate::{
    Error,
    domain::tenant::{Profile, Quota, Tenant},
};

const INSERT: Sql = Sql::both(
    "INSERT INTO tenants (tenant, version, sequence, last_at, slug, title, locale, phone_region, \
     time_zone, hosts, origins, calls_per_second, burst, state, admins, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, $15, $16) \
     ON CONFLICT (tenant) DO NOTHING",
);
const GET: Sql = Sql::both(
    "SELECT tenant, version, sequence, last_at, slug, title, locale, phone_region, time_zone, hosts, \
     origins, calls_per_second, burst, state, created_at, updated_at \
     FROM tenants WHERE tenant = $1",
);
const LOCK: Sql = Sql::split(
    "SELECT tenant, version, sequence, last_at, slug, title, locale, phone_region, time_zone, hosts, \
     origins, calls_per_second, burst, state, created_at, updated_at \
     FROM tenants WHERE tenant = $1",
    "SELECT tenant, version, sequence, last_at, slug, title, locale, phone_region, time_zone, hosts, \
     origins, calls_per_second, burst, state, created_at, updated_at \
     FROM tenants WHERE tenant = $1 FOR NO KEY UPDATE",
);
const EXISTS: Sql = Sql::both("SELECT version FROM tenants WHERE tenant = $1");
const BY_NAME: Sql = Sql::both(
    "SELECT t.tenant, t.version, t.sequence, t.last_at, t.slug, t.title, t.locale, t.phone_region, \
     t.time_zone, t.hosts, t.origins, t.calls_per_second, t.burst, t.state, t.created_at, \
     t.updated_at \
     FROM names n JOIN tenants t ON t.tenant = n.tenant WHERE n.kind = $1 AND n.name = $2",
);
const LIST: Sql = Sql::both(
    "SELECT t.tenant, t.version, t.sequence, t.last_at, t.slug, t.title, t.locale, t.phone_region, \
     t.time_zone, t.hosts, t.origins, t.calls_per_second, t.burst, t.state, t.created_at, \
     t.updated_at \
     FROM names n JOIN tenants t ON t.tenant = n.tenant WHERE n.kind = 'slug' AND n.name > $1 \
     ORDER BY n.name LIMIT $2",
);
const ORIGINS: Sql =
    Sql::both("SELECT tenant, origins FROM tenants WHERE tenant > $1 ORDER BY tenant LIMIT $2");
const UPDATE: Sql = Sql::both(
    "UPDATE tenants SET version = $2, sequence = $3, last_at = $4, title = $5, locale = $6, \
     phone_region = $7, time_zone = $8, hosts = $9, origins = $10, calls_per_second = $11, \
     burst = $12, state = $13, updated_at = $14 WHERE tenant = $1",
);
const ADMINS: Sql =
    Sql::both("UPDATE tenants SET admins = admins + $2 WHERE tenant = $1 AND admins + $2 >= 1");

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] =
    &[INSERT, GET, LOCK, EXISTS, BY_NAME, LIST, ORIGINS, UPDATE, ADMINS];

/// How many tenants' origins are read at once.
const ORIGINS_AT_ONCE: i64 = 1_000;

#[derive(FromRow)]
struct Row {
    tenant: Uuid,
    version: i64,
    sequence: i64,
    last_at: i64,
    slug: String,
    title: String,
    locale: String,
    phone_region: String,
    time_zone: String,
    hosts: Json<Vec<String>>,
    origins: Json<Vec<String>>,
    calls_per_second: Option<i64>,
    burst: Option<i64>,
    state: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Tenant {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let calls = |number: i64| i32::try_from(number).map_err(|_| Error::Corrupt("quota"));
        let quota = match (row.calls_per_second, row.burst) {
            (Some(each), Some(burst)) => {
                Some(Quota { calls_per_second: calls(each)?, burst: calls(burst)? })
            }
            _ => None,
        };
        let state =
            i32::try_from(row.state).ok().and_then(|state| TenantState::try_from(state).ok());
        Ok(Self {
            id: TenantId::from(row.tenant),
            version: row.version,
            sequence: row.sequence,
            last_at: Time::from_micros(row.last_at),
            slug: row.slug,
            profile: Profile {
                title: row.title,
                locale: row.locale,
                phone_region: row.phone_region,
                time_zone: row.time_zone,
                hosts: row.hosts.0,
                origins: row.origins.0,
                quota,
            },
            state: state.ok_or(Error::Corrupt("state"))?,
            created_at: Time::from_micros(row.created_at),
            updated_at: Time::from_micros(row.updated_at),
        })
    }
}

/// Writes a new tenant; false where its id is taken.
pub(crate) async fn insert(tx: &mut Tx, tenant: &Tenant) -> Result<bool, Error> {
    let Tenant { id, profile, .. } = tenant;
    let values = args![
        *id,
        tenant.version,
        tenant.sequence,
        tenant.last_at,
        &tenant.slug,
        &profile.title,
        &profile.locale,
        &profile.phone_region,
        &profile.time_zone,
        json(&profile.hosts),
        json(&profile.origins),
        profile.quota.map(|quota| quota.calls_per_second),
        profile.quota.map(|quota| quota.burst),
        tenant.state as i32,
        tenant.created_at,
        tenant.updated_at,
    ];
    Ok(tx.execute(INSERT, values).await? == 1)
}

/// A tenant.
pub(crate) async fn get(db: &Db, id: TenantId) -> Result<Option<Tenant>, Error> {
    db.optional::<Row>(GET, args![id]).await?.map(Tenant::try_from).transpose()
}

/// A tenant, its row locked until the transaction ends; its staff may be written meanwhile.
pub(crate) async fn lock(tx: &mut Tx, id: TenantId) -> Result<Option<Tenant>, Error> {
    tx.optional::<Row>(LOCK, args![id]).await?.map(Tenant::try_from).transpose()
}

/// Whether there is such a tenant.
pub(crate) async fn exists(tx: &mut Tx, id: TenantId) -> Result<bool, Error> {
    Ok(tx.optional::<(i64,)>(EXISTS, args![id]).await?.is_some())
}

/// The tenant that is found by this name.
pub(crate) async fn by_name(db: &Db, kind: NameKind, name: &str) -> Result<Option<Tenant>, Error> {
    let found = db.optional::<Row>(BY_NAME, args![kind.as_str(), name]).await?;
    found.map(Tenant::try_from).transpose()
}

/// The tenants after `start`, by slug.
pub(crate) async fn list(db: &Db, start: &str, limit: i64) -> Result<Vec<Tenant>, Error> {
    let rows = db.all::<Row>(LIST, args![start, limit]).await?;
    rows.into_iter().map(Tenant::try_from).collect()
}

/// The origins of all tenants, each as often as it is given.
pub(crate) async fn origins(db: &Db) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    let mut start = Uuid::nil();
    loop {
        let rows: Vec<(Uuid, Json<Vec<String>>)> =
            db.all(ORIGINS, args![start, ORIGINS_AT_ONCE]).await?;
        let Some((last, _)) = rows.last() else { return Ok(all) };
        start = *last;
        all.extend(rows.into_iter().flat_map(|(_, Json(origins))| origins));
    }
}

/// Writes what changed of a tenant whose row is locked.
pub(crate) async fn update(tx: &mut Tx, tenant: &Tenant) -> Result<(), Error> {
    let profile = &tenant.profile;
    let values = args![
        tenant.id,
        tenant.version,
        tenant.sequence,
        tenant.last_at,
        &profile.title,
        &profile.locale,
        &profile.phone_region,
        &profile.time_zone,
        json(&profile.hosts),
        json(&profile.origins),
        profile.quota.map(|quota| quota.calls_per_second),
        profile.quota.map(|quota| quota.burst),
        tenant.state as i32,
        tenant.updated_at,
    ];
    tx.execute(UPDATE, values).await?;
    Ok(())
}

/// Counts `more` (or, negative, fewer) active admins; false, and nothing is counted, where the last
/// one would go.
pub(crate) async fn count_admins(tx: &mut Tx, id: TenantId, more: i64) -> Result<bool, Error> {
    Ok(more == 0 || tx.execute(ADMINS, args![id, more]).await? == 1)
}

/// A list of texts, as it is stored.
pub(super) fn json(list: &[String]) -> Arg {
    Arg::from(serde_json::Value::from(list))
}
