//! The capacity ledger: reserved by compare-and-set in the assignment's own transaction, so that no
//! agent is ever over capacity, however many replicas assign at once.

use ::store::{Error, Sql, Tx, args};
use kernel::TenantId;

const RESERVE: Sql = Sql::both(
    "UPDATE agents SET used = used + $3 \
     WHERE tenant = $1 AND member = $2 AND used + $3 <= capacity",
);
const FORCE: Sql = Sql::both(
    "INSERT INTO agents (tenant, member, capacity, used) VALUES ($1, $2, 0, $3) \
     ON CONFLICT (tenant, member) DO UPDATE SET used = agents.used + excluded.used",
);
const GIVE_BACK: Sql =
    Sql::both("UPDATE agents SET used = used - $3 WHERE tenant = $1 AND member = $2");
const SET: Sql = Sql::both(
    "INSERT INTO agents (tenant, member, capacity, used) VALUES ($1, $2, $3, 0) \
     ON CONFLICT (tenant, member) DO UPDATE SET capacity = excluded.capacity",
);
const ROOM: Sql = Sql::both("SELECT capacity - used FROM agents WHERE tenant = $1 AND member = $2");

/// Every statement of this module.
pub const STATEMENTS: &[Sql] = &[RESERVE, FORCE, GIVE_BACK, SET, ROOM];

/// Takes `units` of a member's capacity; false where there is not so much room.
pub async fn reserve(
    tx: &mut Tx,
    tenant: TenantId,
    member: &str,
    units: i32,
) -> Result<bool, Error> {
    Ok(tx.execute(RESERVE, args![tenant, member, units]).await? == 1)
}

/// Takes units even beyond the capacity. An agent who is not in the ledger yet gets a row without
/// capacity, until it is told.
pub async fn force(tx: &mut Tx, tenant: TenantId, member: &str, units: i32) -> Result<(), Error> {
    tx.execute(FORCE, args![tenant, member, units]).await.map(drop)
}

/// Gives units back.
pub async fn give_back(
    tx: &mut Tx,
    tenant: TenantId,
    member: &str,
    units: i32,
) -> Result<(), Error> {
    tx.execute(GIVE_BACK, args![tenant, member, units]).await.map(drop)
}

/// How much room a member has; nothing for one who is not in the ledger.
pub async fn room(tx: &mut Tx, tenant: TenantId, member: &str) -> Result<i64, Error> {
    let row: Option<(i64,)> = tx.optional(ROOM, args![tenant, member]).await?;
    Ok(row.map_or(0, |(room,)| room))
}

/// Sets an agent's capacity; what they hold stays.
pub async fn set(tx: &mut Tx, tenant: TenantId, member: &str, capacity: i32) -> Result<(), Error> {
    tx.execute(SET, args![tenant, member, capacity]).await.map(drop)
}
