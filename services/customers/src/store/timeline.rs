//! The timeline's rows: one for each event, once, as it was told last.

use std::collections::{BTreeSet, HashSet};

use kernel::{CustomerId, TenantId, Time};
use sqlx::FromRow;
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use crate::{Error, domain::timeline::Item, position::Position};

const FORGET: Sql = Sql::both(
    "DELETE FROM timeline \
     WHERE tenant = $1 AND collection = $2 AND aggregate = $3 AND sequence >= $4",
);
const ADOPT: Sql = Sql::both(
    "UPDATE timeline SET customer = $5 \
     WHERE tenant = $1 AND collection = $2 AND aggregate = $3 AND sequence < $4 \
     AND customer IS NULL",
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
pub(crate) const STATEMENTS: &[Sql] = &[FORGET, ADOPT, LIST, LIST_PUBLIC];

#[derive(FromRow)]
struct Row {
    collection: String,
    aggregate: Uuid,
    sequence: i64,
    customer: Option<Uuid>,
    kind: String,
    at: i64,
}

/// Writes what happened. An item whose place is taken is told anew, after a rewind: from its place
/// on, what the timeline has of the same resource gives way, since a source that was restored may
/// have lost it and may go on otherwise.
pub(crate) async fn put(tx: &mut Tx, items: &[(TenantId, Item)]) -> Result<(), store::Error> {
    if insert(tx, items).await? == items.len() as u64 {
        return Ok(());
    }
    let mut anew = HashSet::new();
    for (tenant, item) in items {
        let Item { collection, aggregate, sequence, .. } = item;
        if anew.insert((*tenant, collection.as_str(), *aggregate)) {
            let values = args![*tenant, collection, *aggregate, *sequence];
            tx.execute(FORGET, values).await?;
        }
    }
    insert(tx, items).await.map(drop)
}

/// Writes by one statement all whose places are free; returns how many.
async fn insert(tx: &mut Tx, items: &[(TenantId, Item)]) -> Result<u64, store::Error> {
    if items.is_empty() {
        return Ok(0);
    }
    let mut list = List::new(
        "INSERT INTO timeline (tenant, collection, aggregate, sequence, customer, kind, at) VALUES ",
    );
    list.rows(items.iter().map(|(tenant, item)| {
        let Item { collection, aggregate, sequence, customer, kind, at } = item;
        args![*tenant, collection, *aggregate, *sequence, *customer, kind, *at]
    }));
    list.push(" ON CONFLICT (tenant, collection, aggregate, sequence) DO NOTHING");
    let (text, values) = list.finish();
    tx.execute(text, values).await
}

/// Of what these items happened to, that of which something happened while nobody knew whose it was.
pub(crate) async fn unowned(
    tx: &mut Tx,
    items: impl Iterator<Item = &(TenantId, Item)>,
) -> Result<HashSet<(TenantId, Uuid)>, store::Error> {
    let keys = items.map(|(tenant, item)| (*tenant, item.collection.as_str(), item.aggregate));
    let keys: BTreeSet<_> = keys.collect();
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let mut list = List::new(
        "SELECT DISTINCT tenant, aggregate FROM timeline \
         WHERE customer IS NULL AND (tenant, collection, aggregate) IN (VALUES ",
    );
    list.rows(keys.into_iter().map(|(tenant, of, aggregate)| args![tenant, of, aggregate]));
    list.push(")");
    let (text, values) = list.finish();
    let rows: Vec<(Uuid, Uuid)> = tx.all(text, values).await?;
    Ok(rows.into_iter().map(|(tenant, aggregate)| (tenant.into(), aggregate)).collect())
}

/// Gives what happened before this item, while nobody knew whose it was, to this item's customer.
pub(crate) async fn adopt(tx: &mut Tx, tenant: TenantId, item: &Item) -> Result<(), store::Error> {
    let Item { collection, aggregate, sequence, customer, .. } = item;
    let values = args![tenant, collection, *aggregate, *sequence, *customer];
    tx.execute(ADOPT, values).await.map(drop)
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
