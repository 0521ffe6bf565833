//! Tenants and their staff, as the gateway has told of them.

use ::store::{Db, Error, Sql, Tx, args};
use kernel::{Role, TenantId};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use crate::domain::routing::Staff;

const PUT_TENANT: Sql = Sql::both(
    "INSERT INTO tenants (tenant, version, time_zone, phone_region) VALUES ($1, 1, $2, $3) \
     ON CONFLICT (tenant) DO UPDATE SET version = tenants.version + 1, \
     time_zone = excluded.time_zone, phone_region = excluded.phone_region",
);
const RAISE: Sql = Sql::both(
    "INSERT INTO tenants (tenant, version, time_zone, phone_region) VALUES ($1, 1, '', '') \
     ON CONFLICT (tenant) DO UPDATE SET version = tenants.version + 1",
);
const PUT_MEMBER: Sql = Sql::both(
    "INSERT INTO members (tenant, member, roles, teams, active) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (tenant, member) DO UPDATE SET roles = excluded.roles, teams = excluded.teams, \
     active = excluded.active",
);
const TENANTS: Sql = Sql::both("SELECT tenant, version, time_zone, phone_region FROM tenants");
const STAFF: Sql =
    Sql::both("SELECT member, roles, teams, active FROM members WHERE tenant = $1 ORDER BY member");

/// Every statement of this module.
pub const STATEMENTS: &[Sql] = &[PUT_TENANT, RAISE, PUT_MEMBER, TENANTS, STAFF];

/// A tenant of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub tenant: TenantId,
    /// Rises with each change of the tenant and of its staff.
    pub version: i64,
    /// The IANA time zone of its working hours; empty while only its staff is known.
    pub time_zone: String,
    /// The region that its telephone numbers are read in; empty while only its staff is known.
    pub phone_region: String,
}

#[derive(FromRow)]
struct TenantRow {
    tenant: Uuid,
    version: i64,
    time_zone: String,
    phone_region: String,
}

#[derive(FromRow)]
struct StaffRow {
    member: String,
    roles: Json<Vec<Role>>,
    teams: Json<Vec<String>>,
    active: bool,
}

/// Writes what a tenant is like.
pub async fn put_tenant(
    tx: &mut Tx,
    tenant: TenantId,
    time_zone: &str,
    phone_region: &str,
) -> Result<(), Error> {
    tx.execute(PUT_TENANT, args![tenant, time_zone, phone_region]).await.map(drop)
}

/// Writes a person of a tenant's staff.
pub async fn put_member(tx: &mut Tx, tenant: TenantId, staff: &Staff) -> Result<(), Error> {
    tx.execute(RAISE, args![tenant]).await?;
    let roles: Vec<_> = staff.roles.iter().map(|role| role.as_str()).collect();
    let (roles, teams) = (serde_json::json!(roles), serde_json::json!(staff.teams));
    let values = args![tenant, &staff.member, roles, teams, staff.active];
    tx.execute(PUT_MEMBER, values).await.map(drop)
}

/// All tenants that the gateway has told of.
pub async fn tenants(db: &Db) -> Result<Vec<Known>, Error> {
    let rows: Vec<TenantRow> = db.all(TENANTS, args![]).await?;
    let known = |TenantRow { tenant, version, time_zone, phone_region }| Known {
        tenant: tenant.into(),
        version,
        time_zone,
        phone_region,
    };
    Ok(rows.into_iter().map(known).collect())
}

/// A tenant's staff, those who have left among it.
pub async fn staff(db: &Db, tenant: TenantId) -> Result<Vec<Staff>, Error> {
    let rows: Vec<StaffRow> = db.all(STAFF, args![tenant]).await?;
    let staff = |StaffRow { member, roles: Json(roles), teams: Json(teams), active }| Staff {
        member,
        roles,
        teams,
        active,
    };
    Ok(rows.into_iter().map(staff).collect())
}
