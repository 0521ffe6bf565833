//! Leases: one process at a time does a named piece of work. A lease saves double work; it is the
//! epoch, checked in the transaction of the effect, that prevents double effects.

use std::time::Duration;

use kernel::Time;

use crate::{Db, Error, Sql, Tx, args};

/// The epoch rises whenever the lease was not held through by the same holder.
const ACQUIRE: Sql = Sql::both(
    "INSERT INTO leases (name, holder, epoch, expires) VALUES ($1, $2, 1, $3) \
     ON CONFLICT (name) DO UPDATE SET \
     epoch = CASE WHEN leases.holder = excluded.holder AND leases.expires > $4 \
     THEN leases.epoch ELSE leases.epoch + 1 END, \
     holder = excluded.holder, expires = excluded.expires \
     WHERE leases.holder = excluded.holder OR leases.expires <= $4 \
     RETURNING epoch",
);
const RELEASE: Sql =
    Sql::both("UPDATE leases SET expires = 0 WHERE name = $1 AND holder = $2 AND epoch = $3");
const FENCE: Sql = Sql::both("UPDATE leases SET epoch = epoch WHERE name = $1 AND epoch = $2");

/// Every statement of this module.
pub const STATEMENTS: &[Sql] = &[ACQUIRE, RELEASE, FENCE];

/// The number of a lease's holding: a later holder has a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(i64);

/// Takes the lease `name` for `ttl` from `now`, or renews it; `None` while another holder has it.
/// `holder` names the replica: no other running process has the name, and one that starts again
/// under it need not wait for its own lease to end.
pub async fn acquire(
    db: &Db,
    name: &str,
    holder: &str,
    now: Time,
    ttl: Duration,
) -> Result<Option<Epoch>, Error> {
    crate::transact!(db, "lease.acquire", |tx| {
        let row: Option<(i64,)> = tx.optional(ACQUIRE, args![name, holder, now + ttl, now]).await?;
        Ok::<_, Error>(row.map(|(epoch,)| Epoch(epoch)))
    })
}

/// Gives the lease up, so that the next one need not wait for its end.
pub async fn release(db: &Db, name: &str, holder: &str, epoch: Epoch) -> Result<(), Error> {
    crate::transact!(db, "lease.release", |tx| {
        tx.execute(RELEASE, args![name, holder, epoch.0]).await.map(drop)
    })
}

/// Locks the lease's row for the rest of the transaction and tells whether the epoch is still the
/// present one. Where it is not, the caller was overtaken and must change nothing.
pub async fn fence(tx: &mut Tx, name: &str, epoch: Epoch) -> Result<bool, Error> {
    Ok(tx.execute(FENCE, args![name, epoch.0]).await? == 1)
}
