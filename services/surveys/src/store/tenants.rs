//! Where each tenant's day is, as the gateway has told it.

use kernel::TenantId;
use store::{Db, Error, Sql, Tx, args};
use uuid::Uuid;

const PUT: Sql = Sql::both(
    "INSERT INTO tenants (tenant, time_zone) VALUES ($1, $2) \
     ON CONFLICT (tenant) DO UPDATE SET time_zone = excluded.time_zone",
);
const GET: Sql = Sql::both("SELECT time_zone FROM tenants WHERE tenant = $1");
const ALL: Sql = Sql::both("SELECT tenant FROM tenants");

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[PUT, GET, ALL];

/// Writes where a tenant's day is.
pub(crate) async fn put(tx: &mut Tx, tenant: TenantId, time_zone: &str) -> Result<(), Error> {
    tx.execute(PUT, args![tenant, time_zone]).await.map(drop)
}

/// Where a tenant's day is; `None` where the gateway has not told.
pub(crate) async fn zone(db: &Db, tenant: TenantId) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = db.optional(GET, args![tenant]).await?;
    Ok(row.map(|(zone,)| zone))
}

/// All tenants that the gateway has told of.
pub(crate) async fn all(db: &Db) -> Result<Vec<TenantId>, Error> {
    let rows: Vec<(Uuid,)> = db.all(ALL, args![]).await?;
    Ok(rows.into_iter().map(|(tenant,)| tenant.into()).collect())
}
