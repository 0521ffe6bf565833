//! The timelines of customers against the history of tickets: each row is an event, and each event that
//! the consumer has taken is a row.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use feed::inspect::Place;
use store::{Db, List, Sql, args};
use uuid::Uuid;

use super::Finding;
use crate::serve::Databases;

const PAGE: u32 = 1_000;
/// The consumer that writes them.
const CONSUMER: &str = "customers.timeline";

/// By the whole key, whatever the collection: SQLite would sort all rows of a tenant for each page of one.
const ROWS: Sql = Sql::both(
    "SELECT tenant, collection, aggregate, sequence, kind, at FROM timeline \
     WHERE (tenant, collection, aggregate, sequence) > ($1, $2, $3, $4) \
     ORDER BY tenant, collection, aggregate, sequence LIMIT $5",
);
const FEED: Sql = Sql::both(
    "SELECT position, tenant, aggregate, sequence FROM feed WHERE partition = $1 AND position > $2 \
     AND position <= $3 ORDER BY position LIMIT $4",
);
const PARKED: Sql =
    Sql::both("SELECT DISTINCT tenant, aggregate FROM dead_letters WHERE consumer = $1");

type Key = (Uuid, Uuid, i64);
/// A row of a timeline: an event with its collection.
type Row = (Uuid, String, Uuid, i64, String, i64);
/// An event with its kind and instant.
type Told = (Uuid, Uuid, i64, String, i64);

/// Each row of a timeline is an event of its ticket.
pub(super) async fn rows(databases: &Databases) -> Result<Finding> {
    let (customers, tickets) = (databases.of("customers")?, databases.of("tickets")?);
    let mut finding = Finding::of("timelines, as tickets tell it");
    let mut last = (Uuid::nil(), String::new(), Uuid::nil(), 0);
    loop {
        let values = args![last.0, last.1, last.2, last.3, PAGE];
        let page: Vec<Row> = customers.all(ROWS, values).await?;
        let Some((tenant, collection, aggregate, sequence, ..)) = page.last() else {
            return Ok(finding);
        };
        last = (*tenant, collection.clone(), *aggregate, *sequence);
        let rows = page.into_iter().filter(|(_, collection, ..)| collection == "tickets");
        let rows: Vec<Told> = rows
            .map(|(tenant, _, aggregate, sequence, kind, at)| {
                (tenant, aggregate, sequence, kind, at)
            })
            .collect();
        let told = history(tickets, &rows).await?;
        for row in rows {
            let wrong = !told.contains(&row);
            finding.look(wrong, || format!("ticket {} has no such event {}", row.1, row.2));
        }
    }
}

/// What tickets tells of these events.
async fn history(tickets: &Db, page: &[Told]) -> Result<HashSet<Told>> {
    if page.is_empty() {
        return Ok(HashSet::new());
    }
    let mut list = List::new(
        "SELECT tenant, aggregate, sequence, kind, at FROM events \
         WHERE (tenant, aggregate, sequence) IN (VALUES ",
    );
    list.rows(
        page.iter().map(|(tenant, aggregate, sequence, ..)| args![*tenant, *aggregate, *sequence]),
    );
    let (text, values) = list.push(")").clone().finish();
    let told: Vec<Told> = tickets.all(text, values).await?;
    Ok(told.into_iter().collect())
}

/// Each event of a ticket up to the consumer's place is on a timeline, those apart that wait behind
/// one that it could not take. `places` were read before.
pub(super) async fn events(databases: &Databases, places: &[Place]) -> Result<Finding> {
    let (customers, tickets) = (databases.of("customers")?, databases.of("tickets")?);
    let mut finding = Finding::of("events of tickets, on timelines");
    let parked: Vec<(Uuid, Uuid)> = customers.all(PARKED, args![CONSUMER]).await?;
    let parked: HashSet<_> = parked.into_iter().collect();
    let places = places.iter().filter(|place| place.consumer == CONSUMER);
    let places: BTreeMap<i64, i64> = places.map(|at| (at.partition, at.position)).collect();
    for (partition, end) in places {
        let mut last = 0;
        loop {
            let values = args![partition, last, end, PAGE];
            let page: Vec<(i64, Uuid, Uuid, i64)> = tickets.all(FEED, values).await?;
            let Some((position, ..)) = page.last() else { break };
            last = *position;
            let keys: Vec<Key> = page
                .into_iter()
                .map(|(_, tenant, aggregate, sequence)| (tenant, aggregate, sequence))
                .filter(|(tenant, aggregate, _)| !parked.contains(&(*tenant, *aggregate)))
                .collect();
            let there = on_timelines(databases, &keys).await?;
            for key in keys {
                let wrong = !there.contains(&key);
                finding.look(wrong, || format!("event {} of ticket {} is on none", key.2, key.1));
            }
        }
    }
    Ok(finding)
}

async fn on_timelines(databases: &Databases, keys: &[Key]) -> Result<HashSet<Key>> {
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let mut list = List::new(
        "SELECT tenant, aggregate, sequence FROM timeline \
         WHERE (tenant, collection, aggregate, sequence) IN (VALUES ",
    );
    list.rows(
        keys.iter()
            .map(|(tenant, aggregate, sequence)| args![*tenant, "tickets", *aggregate, *sequence]),
    );
    let (text, values) = list.push(")").clone().finish();
    let there: Vec<Key> = databases.of("customers")?.all(text, values).await?;
    Ok(there.into_iter().collect())
}
