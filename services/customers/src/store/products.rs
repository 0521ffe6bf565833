//! Products' rows.

use kernel::{TenantId, Time};
use sqlx::FromRow;
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use crate::{Error, domain::purchase::Product};

const INSERT: Sql = Sql::both(
    "INSERT INTO products \
     (tenant, id, aggregate, version, sequence, last_at, title, model, brand, created_at) \
     VALUES ($1, $2, $3, $4, 1, $8, $5, $6, $7, $8) ON CONFLICT (tenant, id) DO NOTHING",
);
const GET: Sql = Sql::both(
    "SELECT id, aggregate, version, title, model, brand, created_at \
     FROM products WHERE tenant = $1 AND id = $2",
);
const LIST: Sql = Sql::both(
    "SELECT id, aggregate, version, title, model, brand, created_at \
     FROM products WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, GET, LIST];

#[derive(FromRow)]
struct Row {
    id: String,
    aggregate: Uuid,
    version: i64,
    title: String,
    model: String,
    brand: String,
    created_at: i64,
}

impl From<Row> for Product {
    fn from(row: Row) -> Self {
        let Row { id, aggregate, version, title, model, brand, created_at } = row;
        let created_at = Time::from_micros(created_at);
        Self { id, aggregate, version, title, model, brand, created_at }
    }
}

/// Writes a new product with its first event's sequence; false where its id is taken.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    product: &Product,
) -> Result<bool, Error> {
    let Product { id, aggregate, version, title, model, brand, created_at } = product;
    let values = args![tenant, id, *aggregate, *version, title, model, brand, *created_at];
    Ok(tx.execute(INSERT, values).await? == 1)
}

/// A product.
pub(crate) async fn get(db: &Db, tenant: TenantId, id: &str) -> Result<Option<Product>, Error> {
    Ok(db.optional::<Row>(GET, args![tenant, id]).await?.map(Product::from))
}

/// The products after `start`, by id.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    start: &str,
    limit: i64,
) -> Result<Vec<Product>, Error> {
    let rows = db.all::<Row>(LIST, args![tenant, start, limit]).await?;
    Ok(rows.into_iter().map(Product::from).collect())
}

/// The first of these products that there is not.
pub(crate) async fn first_missing<'a>(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[&'a str],
) -> Result<Option<&'a str>, Error> {
    let mut list = List::new("SELECT id FROM products WHERE tenant = ");
    list.bind(tenant).push(" AND id IN (").binds(ids.iter().copied()).push(")");
    let (text, values) = list.finish();
    let found: Vec<(String,)> = tx.all(text, values).await?;
    Ok(ids.iter().copied().find(|id| !found.iter().any(|(known,)| known == id)))
}
