//! Purchases' rows: one for each order number.

use kernel::{CustomerId, PurchaseId, TenantId, Time};
use sqlx::{FromRow, types::Json};
use store::{Arg, Db, Sql, Tx, args};
use uuid::Uuid;

use super::customers::number;
use crate::{
    Error,
    domain::purchase::{Item, Money, Order, Purchase},
    position::Position,
};

const INSERT: Sql = Sql::both(
    "INSERT INTO purchases (tenant, id, customer, order_number, version, items, total, currency, \
     purchased_at, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (tenant, order_number) DO NOTHING",
);
const UPDATE: Sql = Sql::both(
    "UPDATE purchases SET version = $3, items = $4, total = $5, currency = $6, purchased_at = $7, \
     state = $8 WHERE tenant = $1 AND id = $2 AND version = $3 - 1",
);
const GET: Sql = Sql::both(
    "SELECT id, customer, order_number, version, items, total, currency, purchased_at, state, \
     created_at FROM purchases WHERE tenant = $1 AND id = $2",
);
const BY_ORDER: Sql = Sql::both(
    "SELECT id, customer, order_number, version, items, total, currency, purchased_at, state, \
     created_at FROM purchases WHERE tenant = $1 AND order_number = $2",
);
const LIST: Sql = Sql::both(
    "SELECT id, customer, order_number, version, items, total, currency, purchased_at, state, \
     created_at FROM purchases \
     WHERE tenant = $1 AND customer = $2 AND (purchased_at, id) < ($3, $4) \
     ORDER BY purchased_at DESC, id DESC LIMIT $5",
);

/// Every statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, UPDATE, GET, BY_ORDER, LIST];

#[derive(FromRow)]
struct Row {
    id: Uuid,
    customer: Uuid,
    order_number: String,
    version: i64,
    items: Json<Vec<Item>>,
    total: Option<i64>,
    currency: String,
    purchased_at: i64,
    state: i64,
    created_at: i64,
}

impl TryFrom<Row> for Purchase {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let currency = row.currency;
        let order = Order {
            number: row.order_number,
            items: row.items.0,
            total: row.total.map(|minor_units| Money { minor_units, currency }),
            purchased_at: Time::from_micros(row.purchased_at),
            state: number(row.state).ok_or(Error::Corrupt("state of a purchase"))?,
        };
        Ok(Self {
            id: PurchaseId::from(row.id),
            version: row.version,
            customer: CustomerId::from(row.customer),
            created_at: Time::from_micros(row.created_at),
            order,
        })
    }
}

/// Writes a new purchase; false where its order was recorded meanwhile.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    purchase: &Purchase,
) -> Result<bool, Error> {
    let Purchase { id, version, customer, created_at, order } = purchase;
    let mut values = args![tenant, *id, *customer, &order.number, *version];
    values.extend(contents(order)?);
    values.push(Arg::from(*created_at));
    Ok(tx.execute(INSERT, values).await? == 1)
}

/// Writes what changed of a purchase; false where another change came first.
pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    purchase: &Purchase,
) -> Result<bool, Error> {
    let mut values = args![tenant, purchase.id, purchase.version];
    values.extend(contents(&purchase.order)?);
    Ok(tx.execute(UPDATE, values).await? == 1)
}

/// What an order holds, in the order of the columns.
fn contents(order: &Order) -> Result<Vec<Arg>, Error> {
    let items = serde_json::to_value(&order.items).map_err(|_| Error::Corrupt("list of items"))?;
    let (total, currency) = match &order.total {
        Some(money) => (Some(money.minor_units), money.currency.as_str()),
        None => (None, ""),
    };
    Ok(args![items, total, currency, order.purchased_at, order.state as i32])
}

/// A purchase.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    id: PurchaseId,
) -> Result<Option<Purchase>, Error> {
    db.optional::<Row>(GET, args![tenant, id]).await?.map(Purchase::try_from).transpose()
}

/// The purchase of an order.
pub(crate) async fn by_order(
    tx: &mut Tx,
    tenant: TenantId,
    number: &str,
) -> Result<Option<Purchase>, Error> {
    tx.optional::<Row>(BY_ORDER, args![tenant, number]).await?.map(Purchase::try_from).transpose()
}

/// The purchases of a customer after `start`, newest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    customer: CustomerId,
    start: Position,
    limit: i64,
) -> Result<Vec<Purchase>, Error> {
    let values = args![tenant, customer, start.at, start.id, limit];
    let rows = db.all::<Row>(LIST, values).await?;
    rows.into_iter().map(Purchase::try_from).collect()
}
