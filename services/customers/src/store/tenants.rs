//! Where the telephone numbers of each tenant belong.

use kernel::TenantId;
use store::{Db, Error, Sql, Tx, args};
use uuid::Uuid;

const PUT: Sql = Sql::both(
    "INSERT INTO tenants (tenant, phone_region) VALUES ($1, $2) \
     ON CONFLICT (tenant) DO UPDATE SET phone_region = excluded.phone_region",
);
const ALL: Sql = Sql::both("SELECT tenant, phone_region FROM tenants");

/// Every statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[PUT, ALL];

/// Writes the region of a tenant, as an ISO 3166 code.
pub(crate) async fn put(tx: &mut Tx, tenant: TenantId, region: &str) -> Result<(), Error> {
    tx.execute(PUT, args![tenant, region]).await.map(drop)
}

/// The region of every tenant that the gateway has told of.
pub(crate) async fn all(db: &Db) -> Result<Vec<(TenantId, String)>, Error> {
    let rows: Vec<(Uuid, String)> = db.all(ALL, args![]).await?;
    Ok(rows.into_iter().map(|(tenant, region)| (tenant.into(), region)).collect())
}
