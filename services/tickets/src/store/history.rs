//! History: the events of a ticket as they were recorded.

use ::store::{Db, Error, Sql, args};
use kernel::{TenantId, TicketId, Time};
use sqlx::FromRow;

const PAGE: Sql = Sql::both(
    "SELECT sequence, at, kind, payload, actor_kind, actor FROM events \
     WHERE tenant = $1 AND aggregate = $2 AND sequence > $3 ORDER BY sequence LIMIT $4",
);

/// Every statement of this module.
pub const STATEMENTS: &[Sql] = &[PAGE];

/// One event as it was recorded.
#[derive(Clone, Debug, FromRow)]
pub struct Recorded {
    /// Its place in the ticket's history.
    pub sequence: i64,
    /// When.
    #[sqlx(try_from = "i64")]
    pub at: Time,
    /// What happened.
    pub kind: String,
    /// The event message, serialised.
    pub payload: Vec<u8>,
    /// What kind of principal did it.
    pub actor_kind: String,
    /// Who.
    pub actor: String,
}

/// A page of a ticket's history after `after`.
pub async fn page(
    db: &Db,
    tenant: TenantId,
    ticket: TicketId,
    after: i64,
    limit: i64,
) -> Result<Vec<Recorded>, Error> {
    db.all(PAGE, args![tenant, ticket, after, limit]).await
}
