//! What every day came to, and up to which of its events each ticket is in it.

use std::collections::{BTreeMap, BTreeSet};

use ::store::{Db, Error, List, Sql, Tx, args};
use kernel::{TenantId, TicketId};
use serde_json::json;
use uuid::Uuid;

use crate::domain::figures::{Cell, Measure};

/// Rows come as one JSON list, so that the statement is the same however many there are.
const ADD: Sql = Sql::split(
    "INSERT INTO figures (tenant, day, measure, n) \
     SELECT unhex(r.value ->> 'tenant'), r.value ->> 'day', r.value ->> 'measure', r.value ->> 'n' \
     FROM json_each($1) r WHERE true \
     ON CONFLICT (tenant, day, measure) DO UPDATE SET n = n + excluded.n",
    "INSERT INTO figures (tenant, day, measure, n) SELECT r.tenant, r.day, r.measure, r.n \
     FROM jsonb_to_recordset($1) AS r (tenant UUID, day BIGINT, measure TEXT, n BIGINT) \
     ON CONFLICT (tenant, day, measure) DO UPDATE SET n = figures.n + excluded.n",
);
const DAYS: Sql = Sql::both(
    "SELECT day, measure, n FROM figures WHERE tenant = $1 AND day >= $2 AND day < $3 ORDER BY day",
);

/// Every fixed statement of this module.
pub const STATEMENTS: &[Sql] = &[ADD, DAYS];

/// Whose ticket, and which.
pub type Key = (TenantId, TicketId);

/// Up to which of their events these tickets are counted, where they are.
pub async fn counted(tx: &mut Tx, tickets: &BTreeSet<Key>) -> Result<BTreeMap<Key, i64>, Error> {
    if tickets.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut list = List::new(
        "SELECT tenant, ticket, sequence FROM counted WHERE (tenant, ticket) IN (VALUES ",
    );
    list.rows(tickets.iter().map(|(tenant, ticket)| args![*tenant, *ticket])).push(")");
    let (text, values) = list.finish();
    let rows: Vec<(Uuid, Uuid, i64)> = tx.all(text, values).await?;
    let keyed =
        |(tenant, ticket, sequence): (Uuid, Uuid, _)| ((tenant.into(), ticket.into()), sequence);
    Ok(rows.into_iter().map(keyed).collect())
}

/// Notes up to which of their events tickets are counted.
pub async fn note(tx: &mut Tx, counted: &BTreeMap<Key, i64>) -> Result<(), Error> {
    if counted.is_empty() {
        return Ok(());
    }
    let mut list = List::new("INSERT INTO counted (tenant, ticket, sequence) VALUES ");
    list.rows(counted.iter().map(|((tenant, id), sequence)| args![*tenant, *id, *sequence]));
    list.push(" ON CONFLICT (tenant, ticket) DO UPDATE SET sequence = excluded.sequence");
    let (text, values) = list.finish();
    tx.execute(text, values).await.map(drop)
}

/// Adds to the days, in the order of their key, so that two who write never wait for each other.
pub async fn add(tx: &mut Tx, cells: &BTreeMap<Cell, i64>) -> Result<(), Error> {
    if cells.is_empty() {
        return Ok(());
    }
    let row = |(cell, n): (&Cell, &i64)| {
        json!({
            "tenant": cell.tenant.uuid().simple().to_string(),
            "day": cell.day,
            "measure": cell.measure.as_str(),
            "n": n,
        })
    };
    let rows: Vec<_> = cells.iter().map(row).collect();
    tx.execute(ADD, args![json!(rows)]).await.map(drop)
}

/// What the days from `start` to the one before `end` came to; of days on which nothing happened, and
/// of measures that a newer version keeps, nothing.
pub async fn days(
    db: &Db,
    tenant: TenantId,
    start: i64,
    end: i64,
) -> Result<Vec<(i64, Measure, i64)>, Error> {
    let rows: Vec<(i64, String, i64)> = db.all(DAYS, args![tenant, start, end]).await?;
    let known = |(day, measure, n): (i64, String, i64)| Some((day, Measure::parse(&measure)?, n));
    Ok(rows.into_iter().filter_map(known).collect())
}
