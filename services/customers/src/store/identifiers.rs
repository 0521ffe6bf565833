//! Identifiers' rows: found by blind index, read only by who holds the key.

use std::collections::HashMap;

use contracts::customers::v1::IdentifierKind;
use kernel::{CustomerId, TenantId, Time, keys::Sealer};
use sqlx::FromRow;
use store::{Db, List, Sql, Text, Tx, args};
use uuid::Uuid;

use super::customers::number;
use crate::{Error, domain::identifier::Identifier};

const OF_ONE: Sql = Sql::both(
    "SELECT id, customer, kind, value, region, invalid FROM identifiers \
     WHERE tenant = $1 AND customer = $2 ORDER BY position",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[OF_ONE];

/// An identifier with its row's id and its key.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    pub(crate) id: Uuid,
    pub(crate) blind: [u8; 32],
    pub(crate) identifier: Identifier,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    customer: Uuid,
    kind: i64,
    value: Vec<u8>,
    region: String,
    invalid: bool,
}

/// Writes the identifiers of a new customer; false where one of them is another's.
pub(super) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    sealer: &Sealer,
    customer: CustomerId,
    identifiers: &[Keyed],
    now: Time,
) -> Result<bool, Error> {
    if identifiers.is_empty() {
        return Ok(true);
    }
    let mut rows: Vec<_> = identifiers.iter().enumerate().collect();
    // In one order for all, so that two transactions with the same identifiers do not wait for each
    // other in a circle.
    rows.sort_by_key(|(_, keyed)| (keyed.identifier.kind as i32, keyed.blind));
    let mut list = List::new(
        "INSERT INTO identifiers \
         (tenant, id, customer, position, kind, blind, value, region, invalid, created_at) VALUES ",
    );
    list.rows(rows.into_iter().map(|(position, keyed)| {
        let Keyed { id, blind, identifier } = keyed;
        let value = sealer.seal(identifier.value.as_bytes(), place(*id).as_bytes());
        args![
            tenant,
            *id,
            customer,
            i64::try_from(position).unwrap_or(i64::MAX),
            identifier.kind as i32,
            *blind,
            value,
            &identifier.region,
            identifier.invalid,
            now,
        ]
    }));
    list.push(" ON CONFLICT (tenant, kind, blind) DO NOTHING");
    let (text, values) = list.finish();
    let written = tx.execute(text, values).await?;
    Ok(usize::try_from(written).is_ok_and(|written| written == identifiers.len()))
}

/// The customers that have any of these identifiers, by kind and key.
pub(crate) type Owners = HashMap<(i64, Vec<u8>), CustomerId>;

/// Who has any of these identifiers.
pub(crate) async fn owners(
    db: &Db,
    tenant: TenantId,
    identifiers: &[Keyed],
) -> Result<Owners, Error> {
    let (text, values) = owners_list(tenant, identifiers).finish();
    Ok(collect(db.all(text, values).await?))
}

/// The same, in a transaction.
pub(crate) async fn owners_in(
    tx: &mut Tx,
    tenant: TenantId,
    identifiers: &[Keyed],
) -> Result<Owners, Error> {
    let (text, values) = owners_list(tenant, identifiers).finish();
    Ok(collect(tx.all(text, values).await?))
}

fn owners_list(tenant: TenantId, identifiers: &[Keyed]) -> List {
    let mut list = List::new("SELECT kind, blind, customer FROM identifiers WHERE tenant = ");
    list.bind(tenant).push(" AND (");
    for (index, keyed) in identifiers.iter().enumerate() {
        list.push(if index > 0 { " OR (kind = " } else { "(kind = " });
        list.bind(keyed.identifier.kind as i32);
        list.push(" AND blind = ").bind(keyed.blind).push(")");
    }
    list.push(")");
    list
}

fn collect(rows: Vec<(i64, Vec<u8>, Uuid)>) -> Owners {
    rows.into_iter()
        .map(|(kind, blind, customer)| ((kind, blind), CustomerId::from(customer)))
        .collect()
}

/// The first of these identifiers that somebody has, and who.
pub(crate) fn first_owner(
    owners: &Owners,
    identifiers: &[Keyed],
) -> Option<(IdentifierKind, CustomerId)> {
    identifiers.iter().find_map(|keyed| {
        let key = (i64::from(keyed.identifier.kind as i32), keyed.blind.to_vec());
        owners.get(&key).map(|customer| (keyed.identifier.kind, *customer))
    })
}

/// The identifiers of these customers, each one's in the order given.
pub(super) async fn of(
    db: &Db,
    tenant: TenantId,
    sealer: &Sealer,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, Vec<Identifier>>, Error> {
    let mut found = HashMap::<_, Vec<_>>::new();
    if customers.is_empty() {
        return Ok(found);
    }
    let mut list = List::new(
        "SELECT id, customer, kind, value, region, invalid FROM identifiers WHERE tenant = ",
    );
    list.bind(tenant).push(" AND customer IN (").binds(customers.iter().copied());
    list.push(") ORDER BY customer, position");
    let (text, values): (Text, _) = list.finish();
    for row in db.all::<Row>(text, values).await? {
        let customer = CustomerId::from(row.customer);
        found.entry(customer).or_default().push(opened(sealer, row)?);
    }
    Ok(found)
}

/// The identifiers of a customer whose row is locked.
pub(super) async fn of_locked(
    tx: &mut Tx,
    tenant: TenantId,
    sealer: &Sealer,
    customer: CustomerId,
) -> Result<Vec<Identifier>, Error> {
    let rows = tx.all::<Row>(OF_ONE, args![tenant, customer]).await?;
    rows.into_iter().map(|row| opened(sealer, row)).collect()
}

/// The identifier of a row. Its key is made anew from the value; one that today's rules refuse is
/// still shown as it was given.
fn opened(sealer: &Sealer, row: Row) -> Result<Identifier, Error> {
    let kind: IdentifierKind = number(row.kind).ok_or(Error::Corrupt("kind"))?;
    let value = sealer.open(&row.value, place(row.id).as_bytes())?;
    let value = String::from_utf8(value).map_err(|_| Error::Corrupt("identifier"))?;
    let normalised = Identifier::read(kind, &value, &row.region)
        .map_or_else(|_| String::new(), |read| read.normalised);
    Ok(Identifier { kind, value, region: row.region, normalised, invalid: row.invalid })
}

fn place(id: Uuid) -> String {
    format!("identifiers|value|{id}")
}
