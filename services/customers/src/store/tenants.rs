//! Where each tenant is at home, as the gateway has told it.

use kernel::TenantId;
use store::{Db, Error, Sql, Tx, args};
use uuid::Uuid;

use crate::tenants::Home;

const PUT: Sql = Sql::both(
    "INSERT INTO tenants (tenant, phone_region, time_zone) VALUES ($1, $2, $3) \
     ON CONFLICT (tenant) DO UPDATE \
     SET phone_region = excluded.phone_region, time_zone = excluded.time_zone",
);
const ALL: Sql = Sql::both("SELECT tenant, phone_region, time_zone FROM tenants");

/// Every statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[PUT, ALL];

/// Writes where a tenant is at home.
pub(crate) async fn put(tx: &mut Tx, tenant: TenantId, home: &Home) -> Result<(), Error> {
    tx.execute(PUT, args![tenant, &home.phone_region, &home.time_zone]).await.map(drop)
}

/// Where every tenant is at home that the gateway has told of.
pub(crate) async fn all(db: &Db) -> Result<Vec<(TenantId, Home)>, Error> {
    let rows: Vec<(Uuid, String, String)> = db.all(ALL, args![]).await?;
    let home = |(tenant, phone_region, time_zone): (Uuid, _, _)| {
        (tenant.into(), Home { phone_region, time_zone })
    };
    Ok(rows.into_iter().map(home).collect())
}
