//! Customers' rows. Names are sealed here and nowhere else.

use std::collections::HashMap;

use contracts::customers::v1::CustomerKind;
use kernel::{CustomerId, TenantId, Time, keys::Sealer};
use sqlx::FromRow;
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use super::identifiers;
use crate::{
    Error,
    domain::customer::{Customer, Profile},
    position::Position,
};

const INSERT: Sql = Sql::both(
    "INSERT INTO customers (tenant, id, version, sequence, last_at, kind, display_name, family_name, \
     given_name, salutation, language, time_zone, segment, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
);
const GET: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, kind, display_name, family_name, given_name, salutation, \
     language, time_zone, segment, created_at, updated_at \
     FROM customers WHERE tenant = $1 AND id = $2",
);
const LOCK: Sql = Sql::split(
    "SELECT id, version, sequence, last_at, kind, display_name, family_name, given_name, salutation, \
     language, time_zone, segment, created_at, updated_at \
     FROM customers WHERE tenant = $1 AND id = $2",
    "SELECT id, version, sequence, last_at, kind, display_name, family_name, given_name, salutation, \
     language, time_zone, segment, created_at, updated_at \
     FROM customers WHERE tenant = $1 AND id = $2 FOR UPDATE",
);
const HOLD: Sql = Sql::split(
    "SELECT sequence, last_at, time_zone FROM customers WHERE tenant = $1 AND id = $2",
    "SELECT sequence, last_at, time_zone FROM customers WHERE tenant = $1 AND id = $2 FOR UPDATE",
);
const ZONE: Sql = Sql::both("SELECT time_zone FROM customers WHERE tenant = $1 AND id = $2");
const EXISTS: Sql = Sql::both("SELECT version FROM customers WHERE tenant = $1 AND id = $2");
const LIST: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, kind, display_name, family_name, given_name, salutation, \
     language, time_zone, segment, created_at, updated_at \
     FROM customers WHERE tenant = $1 AND (created_at, id) < ($2, $3) \
     ORDER BY created_at DESC, id DESC LIMIT $4",
);
const UPDATE: Sql = Sql::both(
    "UPDATE customers SET version = $3, sequence = $4, last_at = $5, display_name = $6, \
     family_name = $7, given_name = $8, salutation = $9, language = $10, time_zone = $11, \
     segment = $12, updated_at = $13 WHERE tenant = $1 AND id = $2",
);
const TOUCH: Sql =
    Sql::both("UPDATE customers SET sequence = $3, last_at = $4 WHERE tenant = $1 AND id = $2");

/// Every statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, GET, LOCK, HOLD, ZONE, EXISTS, LIST, UPDATE, TOUCH];

#[derive(FromRow)]
struct Row {
    id: Uuid,
    version: i64,
    sequence: i64,
    last_at: i64,
    kind: i64,
    display_name: Vec<u8>,
    family_name: Vec<u8>,
    given_name: Vec<u8>,
    salutation: i64,
    language: String,
    time_zone: String,
    segment: String,
    created_at: i64,
    updated_at: i64,
}

/// Writes a new customer and its identifiers; false where one of these belongs to another customer
/// already, and the transaction is to be given up.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    sealer: &Sealer,
    customer: &Customer,
    identifiers: &[identifiers::Keyed],
) -> Result<bool, Error> {
    let Customer { id, profile, .. } = customer;
    tx.execute(
        INSERT,
        args![
            tenant,
            *id,
            customer.version,
            customer.sequence,
            customer.last_at,
            customer.kind as i32,
            seal(sealer, "display_name", *id, &profile.display_name),
            seal(sealer, "family_name", *id, &profile.family_name),
            seal(sealer, "given_name", *id, &profile.given_name),
            profile.salutation as i32,
            &profile.language,
            &profile.time_zone,
            &profile.segment,
            customer.created_at,
            customer.updated_at,
        ],
    )
    .await?;
    identifiers::insert(tx, tenant, sealer, *id, identifiers, customer.created_at).await
}

/// A customer with its identifiers.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    sealer: &Sealer,
    id: CustomerId,
) -> Result<Option<Customer>, Error> {
    let Some(row) = db.optional::<Row>(GET, args![tenant, id]).await? else { return Ok(None) };
    let mut found = with_identifiers(db, tenant, sealer, vec![row]).await?;
    Ok(found.pop())
}

/// Whether there is such a customer.
pub(crate) async fn exists(db: &Db, tenant: TenantId, id: CustomerId) -> Result<bool, Error> {
    Ok(db.optional::<(i64,)>(EXISTS, args![tenant, id]).await?.is_some())
}

/// Those of these customers that exist, with their identifiers; at most a hundred may be asked for.
pub(crate) async fn get_many(
    db: &Db,
    tenant: TenantId,
    sealer: &Sealer,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, Customer>, Error> {
    let mut list = List::new(
        "SELECT id, version, sequence, last_at, kind, display_name, family_name, given_name, \
         salutation, language, time_zone, segment, created_at, updated_at \
         FROM customers WHERE tenant = ",
    );
    list.bind(tenant).push(" AND id IN (").binds(ids.iter().copied()).push(")");
    let (text, values) = list.finish();
    let rows = db.all::<Row>(text, values).await?;
    let found = with_identifiers(db, tenant, sealer, rows).await?;
    Ok(found.into_iter().map(|customer| (customer.id, customer)).collect())
}

/// The customers after `start`, newest first, with their identifiers.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    sealer: &Sealer,
    start: Position,
    limit: i64,
) -> Result<Vec<Customer>, Error> {
    let rows = db.all::<Row>(LIST, args![tenant, start.at, start.id, limit]).await?;
    with_identifiers(db, tenant, sealer, rows).await
}

/// A customer with its identifiers, its row locked until the transaction ends.
pub(crate) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    sealer: &Sealer,
    id: CustomerId,
) -> Result<Option<Customer>, Error> {
    let Some(row) = tx.optional::<Row>(LOCK, args![tenant, id]).await? else { return Ok(None) };
    let mut customer = opened(sealer, row)?;
    customer.identifiers = identifiers::of_locked(tx, tenant, sealer, id).await?;
    Ok(Some(customer))
}

/// What a held customer's next event and quiet hours go by.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// The sequence of its last event.
    pub(crate) sequence: i64,
    /// The instant of its last event.
    pub(crate) last_at: Time,
    /// An IANA name, or empty.
    pub(crate) time_zone: String,
}

/// A customer without names and identifiers, its row locked until the transaction ends.
pub(crate) async fn hold(
    tx: &mut Tx,
    tenant: TenantId,
    id: CustomerId,
) -> Result<Option<Held>, Error> {
    let row: Option<(i64, i64, String)> = tx.optional(HOLD, args![tenant, id]).await?;
    Ok(row.map(|(sequence, last_at, time_zone)| {
        let last_at = Time::from_micros(last_at);
        Held { sequence, last_at, time_zone }
    }))
}

/// A customer's own time zone, or empty; `None` where there is no such customer.
pub(crate) async fn zone(
    db: &Db,
    tenant: TenantId,
    id: CustomerId,
) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = db.optional(ZONE, args![tenant, id]).await?;
    Ok(row.map(|(zone,)| zone))
}

/// Writes what changed of a customer whose row is locked.
pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    sealer: &Sealer,
    customer: &Customer,
) -> Result<(), Error> {
    let Customer { id, profile, .. } = customer;
    tx.execute(
        UPDATE,
        args![
            tenant,
            *id,
            customer.version,
            customer.sequence,
            customer.last_at,
            seal(sealer, "display_name", *id, &profile.display_name),
            seal(sealer, "family_name", *id, &profile.family_name),
            seal(sealer, "given_name", *id, &profile.given_name),
            profile.salutation as i32,
            &profile.language,
            &profile.time_zone,
            &profile.segment,
            customer.updated_at,
        ],
    )
    .await?;
    Ok(())
}

/// Notes that a customer whose row is locked has a new last event; its fields and etag stay.
pub(crate) async fn touch(
    tx: &mut Tx,
    tenant: TenantId,
    id: CustomerId,
    sequence: i64,
    last_at: Time,
) -> Result<(), Error> {
    tx.execute(TOUCH, args![tenant, id, sequence, last_at]).await?;
    Ok(())
}

async fn with_identifiers(
    db: &Db,
    tenant: TenantId,
    sealer: &Sealer,
    rows: Vec<Row>,
) -> Result<Vec<Customer>, Error> {
    let ids: Vec<_> = rows.iter().map(|row| CustomerId::from(row.id)).collect();
    let mut identifiers = identifiers::of(db, tenant, sealer, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let mut customer = opened(sealer, row)?;
            customer.identifiers = identifiers.remove(&customer.id).unwrap_or_default();
            Ok(customer)
        })
        .collect()
}

/// The customer of a row, without identifiers.
fn opened(sealer: &Sealer, row: Row) -> Result<Customer, Error> {
    let id = CustomerId::from(row.id);
    let profile = Profile {
        display_name: open(sealer, "display_name", id, &row.display_name)?,
        family_name: open(sealer, "family_name", id, &row.family_name)?,
        given_name: open(sealer, "given_name", id, &row.given_name)?,
        salutation: number(row.salutation).ok_or(Error::Corrupt("salutation"))?,
        language: row.language,
        time_zone: row.time_zone,
        segment: row.segment,
    };
    let kind: Option<CustomerKind> = number(row.kind);
    Ok(Customer {
        id,
        version: row.version,
        sequence: row.sequence,
        last_at: Time::from_micros(row.last_at),
        kind: kind.ok_or(Error::Corrupt("kind"))?,
        profile,
        identifiers: Vec::new(),
        created_at: Time::from_micros(row.created_at),
        updated_at: Time::from_micros(row.updated_at),
    })
}

/// A value of the contract by its number.
pub(super) fn number<E: TryFrom<i32>>(stored: i64) -> Option<E> {
    i32::try_from(stored).ok().and_then(|number| E::try_from(number).ok())
}

/// Seals a name for its place; the empty one stays empty.
fn seal(sealer: &Sealer, column: &str, id: CustomerId, text: &str) -> Vec<u8> {
    if text.is_empty() {
        return Vec::new();
    }
    sealer.seal(text.as_bytes(), place(column, id).as_bytes())
}

fn open(sealer: &Sealer, column: &str, id: CustomerId, stored: &[u8]) -> Result<String, Error> {
    if stored.is_empty() {
        return Ok(String::new());
    }
    let plain = sealer.open(stored, place(column, id).as_bytes())?;
    String::from_utf8(plain).map_err(|_| Error::Corrupt("name"))
}

fn place(column: &str, id: CustomerId) -> String {
    format!("customers|{column}|{id}")
}
