//! The timeline's rows: one for each event, once.

use kernel::{CustomerId, TenantId, Time};
use sqlx::FromRow;
use store::{Db, Sql, Tx, args};
use uuid::Uuid;

use crate::{Error, domain::timeline::Item, position::Position};

const INSERT: Sql = Sql::both(
    "INSERT INTO timeline (tenant, collection, aggregate, sequence, customer, kind, at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (tenant, collection, aggregate, sequence) DO NOTHING",
);
const ADOPT: Sql = Sql::both(
    "UPDATE timeline SET customer = $4 \
     WHERE tenant = $1 AND collection = $2 AND aggregate = $3 AND customer IS NULL",
);

const LIST: Sql = Sql::both(
    "SELECT collection, aggregate, sequence, customer, kind, at FROM timeline \
     WHERE tenant = $1 AND customer = $2 AND (at, aggregate, sequence) < ($3, $4, $5) \
     ORDER BY at DESC, aggregate DESC, sequence DESC LIMIT $6",
);
const LIST_PUBLIC: Sql = Sql::both(
    "SELECT collection, aggregate, sequence, customer, kind, at FROM timeline \
     WHERE tenant = $1 AND customer = $2 AND (at, aggregate, sequence) < ($3, $4, $5) \
     AND kind IN ('ticket.created', 'ticket.resolved', 'ticket.confirmed', 'ticket.rejected', \
     'ticket.reopened', 'ticket.closed') \
     ORDER BY at DESC, aggregate DESC, sequence DESC LIMIT $6",
);

/// Every statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, ADOPT, LIST, LIST_PUBLIC];

#[derive(FromRow)]
struct Row {
    collection: String,
    aggregate: Uuid,
    sequence: i64,
    customer: Option<Uuid>,
    kind: String,
    at: i64,
}

/// Writes one thing that happened; nothing where it is there already.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, item: &Item) -> Result<(), store::Error> {
    let Item { collection, aggregate, sequence, customer, kind, at } = item;
    let values = args![tenant, collection, *aggregate, *sequence, *customer, kind, *at];
    tx.execute(INSERT, values).await?;
    Ok(())
}

/// Gives what happened to a resource while nobody knew whose it was to its customer.
pub(crate) async fn adopt(
    tx: &mut Tx,
    tenant: TenantId,
    collection: &str,
    aggregate: Uuid,
    customer: CustomerId,
) -> Result<(), store::Error> {
    tx.execute(ADOPT, args![tenant, collection, aggregate, customer]).await?;
    Ok(())
}

/// Which part of a timeline is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// All that happened.
    Whole,
    /// What the customer was told of.
    Public,
}

/// What happened to a customer before `start`, newest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    customer: CustomerId,
    part: Part,
    start: Position,
    limit: i64,
) -> Result<Vec<Item>, Error> {
    let sql = match part {
        Part::Whole => LIST,
        Part::Public => LIST_PUBLIC,
    };
    let values = args![tenant, customer, start.at, start.id, start.sequence, limit];
    let rows = db.all::<Row>(sql, values).await?;
    Ok(rows.into_iter().map(item).collect())
}

fn item(row: Row) -> Item {
    Item {
        collection: row.collection,
        aggregate: row.aggregate,
        sequence: row.sequence,
        customer: row.customer.map(CustomerId::from),
        kind: row.kind,
        at: Time::from_micros(row.at),
    }
}
