//! Each database by itself, and consumers against the feeds that they follow.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use feed::{Heads, Source, inspect, inspect::Place};
use store::{Db, Engine, Sql, args, migrate::State};
use uuid::Uuid;

use super::Finding;
use crate::serve::Databases;

/// Of SQLite alone: PostgreSQL keeps checksums of its own.
const INTEGRITY: Sql = Sql::both("PRAGMA integrity_check(1)");
const FOREIGN: Sql = Sql::both("SELECT COUNT(*) FROM pragma_foreign_key_check");

/// What SQLite says of its own file.
pub(crate) async fn file(db: &Db, service: &str) -> Result<Finding> {
    let mut finding = Finding::of(format!("the file of {service}"));
    let (said,): (String,) = db.one(INTEGRITY, args![]).await?;
    finding.look(said != "ok", || said.clone());
    let (foreign,): (i64,) = db.one(FOREIGN, args![]).await?;
    finding.look(foreign != 0, || format!("{foreign} rows name rows that are not there"));
    Ok(finding)
}

/// History without gaps, and a feed that holds what it says.
async fn history(db: &Db, service: &str) -> Result<Finding> {
    let mut tx = db.snapshot().await?;
    let whole = inspect::whole(&mut tx).await?;
    tx.rollback().await?;
    let mut finding = Finding::of(format!("events of {service}"));
    finding.checked = whole.events;
    finding.wrong = whole.gaps + whole.misplaced;
    if finding.wrong > 0 {
        finding.example = format!("{} with gaps, {} misplaced", whole.gaps, whole.misplaced);
    }
    Ok(finding)
}

/// Everything that one database tells by itself.
pub(super) async fn all(databases: &Databases) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut migrations = Finding::of("migrations");
    for (service, state) in databases.states().await? {
        migrations.look(state != State::Ready, || format!("{service} is {state:?}"));
    }
    findings.push(migrations);
    for (service, db) in databases.iter() {
        if db.engine() == Engine::Sqlite {
            findings.push(file(db, service).await?);
        }
        findings.push(history(db, service).await?);
    }
    Ok(findings)
}

/// How far all consumers are.
pub(super) async fn places(databases: &Databases) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for (_, db) in databases.iter() {
        places.extend(inspect::places(db).await?);
    }
    Ok(places)
}

/// Each consumer is within its source's feed, which is read after the consumers: heads only rise.
pub(super) async fn consumers(databases: &Databases, places: &[Place]) -> Result<Finding> {
    let mut heads = BTreeMap::new();
    for (service, db) in databases.iter() {
        heads.insert(service, Source::new(service, db.clone()).heads().await?);
    }
    let mut finding = Finding::of("consumers, within their feeds");
    for place in places {
        let why = match heads.get(place.source.as_str()) {
            Some(heads) => astray(place, heads),
            None => Some("its source is no service"),
        };
        finding.look(why.is_some(), || {
            format!("{} in partition {}: {}", place.consumer, place.partition, why.unwrap_or(""))
        });
    }
    for (consumer, partition) in missing(places, &heads) {
        finding.look(true, || format!("{consumer} in partition {partition}: it has no place"));
    }
    Ok(finding)
}

/// The partitions in which a consumer that has a place in others has none.
fn missing<'a>(places: &'a [Place], heads: &BTreeMap<&str, Heads>) -> Vec<(&'a str, i64)> {
    let mut known: BTreeMap<_, BTreeSet<i64>> = BTreeMap::new();
    for place in places {
        let of = known.entry((place.consumer.as_str(), place.source.as_str())).or_default();
        of.insert(place.partition);
    }
    let mut missing = Vec::new();
    for ((consumer, source), known) in known {
        let all = (0_i64..).zip(heads.get(source).map_or(&[][..], |of| &of.heads));
        let others = all.map(|(partition, _)| partition).filter(|one| !known.contains(one));
        missing.extend(others.map(|partition| (consumer, partition)));
    }
    missing
}

/// Why a consumer cannot go on from where it is.
fn astray<'a>(place: &'a Place, heads: &Heads) -> Option<&'a str> {
    let partition = usize::try_from(place.partition).unwrap_or(usize::MAX);
    let (head, tail) = (heads.heads.get(partition), heads.tails.get(partition));
    let (Some(head), Some(tail)) = (head, tail) else { return Some("there is no such partition") };
    if !place.stopped.is_empty() {
        Some(place.stopped.as_str())
    } else if place.incarnation == Uuid::nil() {
        // Rewound: it takes up what there is.
        None
    } else if place.incarnation != heads.incarnation {
        Some("its source has another incarnation")
    } else if place.position > *head {
        Some("it is past its source's head")
    } else if place.position < *tail {
        Some("the events that come next are no longer kept")
    } else {
        None
    }
}

/// What consumers have put aside.
pub(super) async fn letters(databases: &Databases) -> Result<Finding> {
    let mut finding = Finding::of("events put aside");
    for (service, db) in databases.iter() {
        let letters = inspect::letters(db).await?;
        finding.checked += letters;
        finding.wrong += letters;
        if letters > 0 && finding.example.is_empty() {
            finding.example = format!("{service} has {letters}; see `feed dead-letters`");
        }
    }
    Ok(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_has_a_place_in_every_partition_or_in_none() {
        let place = |consumer: &str, partition| Place {
            consumer: consumer.to_owned(),
            source: "tickets".to_owned(),
            partition,
            incarnation: Uuid::nil(),
            position: 0,
            stopped: String::new(),
        };
        let of = |partitions| Heads {
            incarnation: Uuid::nil(),
            heads: vec![0; partitions],
            tails: vec![0; partitions],
        };
        let heads = BTreeMap::from([("tickets", of(3)), ("gateway", of(2))]);
        let places = [place("a", 0), place("a", 1), place("a", 2), place("b", 1)];
        assert_eq!(missing(&places, &heads), [("b", 0), ("b", 2)]);
        assert_eq!(missing(&[], &heads), []);
    }

    #[test]
    fn a_consumer_is_within_its_feed_or_it_is_said_why_not() {
        let incarnation = Uuid::from_u128(7);
        let heads = Heads { incarnation, heads: vec![9], tails: vec![2] };
        let place = |position| Place {
            consumer: "customers.timeline".to_owned(),
            source: "tickets".to_owned(),
            partition: 0,
            incarnation,
            position,
            stopped: String::new(),
        };
        for fine in [2, 9] {
            assert_eq!(astray(&place(fine), &heads), None);
        }
        for wrong in [1, 10] {
            assert!(astray(&place(wrong), &heads).is_some());
        }
        assert!(astray(&Place { partition: 1, ..place(5) }, &heads).is_some());
        assert!(astray(&Place { incarnation: Uuid::max(), ..place(5) }, &heads).is_some());
        assert_eq!(astray(&Place { incarnation: Uuid::nil(), ..place(50) }, &heads), None);
        let stopped = Place { stopped: "why".to_owned(), ..place(5) };
        assert_eq!(astray(&stopped, &heads), Some("why"));
    }
}
