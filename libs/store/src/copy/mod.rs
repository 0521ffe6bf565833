//! A service's data, copied from SQLite to PostgreSQL: every table with its rows, within two
//! transactions of the caller's, so that it is there whole or not at all.
//!
//! # Invariants
//! - The schema that is copied to is fresh: migrated by this program and empty.
//! - What was written is read back and compared, row by row, before the caller commits.
//! - The feed is spread over the partitions that the target was installed with, and cursors move with
//!   it: nothing is told twice and nothing is left out ([`Places`]).
//!
//! The one caller holds the write locks of all sources meanwhile: what is copied is of one instant.
#![expect(
    clippy::disallowed_methods,
    reason = "tables and columns are those that the schema names"
)]

mod digest;
mod places;
mod tables;

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use uuid::Uuid;

use crate::{Arg, Error, Sql, Text, Tx, args, events::partition_of, meta, snapshot::quoted};

pub use digest::Digest;
pub use places::Places;
use tables::Table;

/// How many rows one statement inserts, and how many values at most.
const BATCH: usize = 500;
const VALUES: usize = 30_000;
/// Why a consumer stands still; the feed says the same.
const LOST: &str = "the events after the position are no longer kept";

const NO_FACTS: Sql = Sql::both("DELETE FROM meta");
const HEAD: Sql = Sql::both("UPDATE partitions SET head = $2, tail = $3 WHERE partition = $1");

/// Every fixed statement of this module.
pub const STATEMENTS: &[&[Sql]] = &[&[NO_FACTS, HEAD], places::STATEMENTS, tables::STATEMENTS];

/// Why a service's data was not copied; nothing of it is in the target then.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Somebody uses the target already.
    #[error("the table `{table}` is not empty: copy into a database that nobody has used")]
    NotEmpty {
        /// The table that has rows.
        table: String,
    },
    /// The schemas are not twins.
    #[error("the table `{table}` is not the same in both databases: bring both up to date")]
    Columns {
        /// The table that differs.
        table: String,
    },
    /// The source was not installed as files of SQLite are.
    #[error("the feed has {found} partitions; only one is spread over several")]
    Partitions {
        /// How many there are.
        found: u32,
    },
    /// A cursor follows a service that is not copied.
    #[error("a consumer follows `{0}`, which is not copied with it")]
    Source(String),
    /// What was read back is not what was written.
    #[error("the table `{table}` was not copied whole: {written} rows written, {found} read back")]
    Differs {
        /// The table.
        table: String,
        /// How many rows were written.
        written: u64,
        /// How many there are.
        found: u64,
    },
    /// One of the databases failed.
    #[error("a database failed at the table `{table}`")]
    Table {
        /// The table that was copied.
        table: String,
        /// What it said.
        #[source]
        cause: Error,
    },
    /// One of the databases failed.
    #[error("a database failed")]
    Database(#[source] Error),
}

impl From<Error> for CopyError {
    fn from(cause: Error) -> Self {
        Self::Database(cause)
    }
}

/// How many rows there are to copy, both schemas being twins and the target empty.
pub async fn rows(from: &mut Tx, to: &mut Tx) -> Result<u64, CopyError> {
    let mut rows = 0;
    for table in tables::both(from, to).await? {
        rows += count(from, &table).await?;
        if table.name != "meta" && count(to, &table).await? > 0 {
            return Err(CopyError::NotEmpty { table: table.name });
        }
    }
    Ok(rows)
}

/// Copies all tables of `service` and returns what each came to. `places` are those of every service;
/// `more` is told how many more rows are copied.
pub async fn service(
    from: &mut Tx,
    to: &mut Tx,
    service: &str,
    places: &BTreeMap<&str, Places>,
    more: impl Fn(u64),
) -> Result<Vec<(String, Digest)>, CopyError> {
    let own = places.get(service).ok_or_else(|| CopyError::Source(service.to_owned()))?;
    to.execute(NO_FACTS, args![]).await?;
    for (partition, (head, tail)) in (0_i64..).zip(own.heads().into_iter().zip(own.tails())) {
        to.execute(HEAD, args![partition, head, tail]).await?;
    }
    let mut copied = Vec::new();
    for table in tables::both(from, to).await? {
        let change = Change::of(&table, own, places)?;
        let written = copy(from, to, &table, &change, &more).await?;
        let found = read_back(to, &table).await?;
        if written != found {
            let (written, found) = (written.rows, found.rows);
            return Err(CopyError::Differs { table: table.name, written, found });
        }
        copied.push((table.name, written));
    }
    Ok(copied)
}

/// What becomes of the rows of a table on their way.
enum Change<'a> {
    /// They stay as they are.
    None,
    /// Facts about the database: some are the target's.
    Facts { key: usize, value: usize, own: &'a Places },
    /// Events that have a place in the feed.
    Feed { partition: usize, position: usize, own: &'a Places },
    /// Events that have none yet.
    Outbox { partition: usize, tenant: usize, aggregate: usize, own: &'a Places },
    /// One for each partition of a source.
    Cursors { at: Cursor, places: &'a BTreeMap<&'a str, Places> },
    /// Events that a consumer has put aside.
    Letters { at: Letter, places: &'a BTreeMap<&'a str, Places> },
}

/// The columns of a cursor.
struct Cursor {
    source: usize,
    partition: usize,
    incarnation: usize,
    position: usize,
    stopped: usize,
}

/// The columns of a dead letter.
struct Letter {
    source: usize,
    partition: usize,
    position: usize,
    tenant: usize,
    aggregate: usize,
}

impl<'a> Change<'a> {
    fn of(
        table: &Table,
        own: &'a Places,
        places: &'a BTreeMap<&'a str, Places>,
    ) -> Result<Self, CopyError> {
        let at = |name: &str| table.column(name);
        Ok(match table.name.as_str() {
            "meta" => Self::Facts { key: at("key")?, value: at("value")?, own },
            "feed" => Self::Feed { partition: at("partition")?, position: at("position")?, own },
            "outbox" => Self::Outbox {
                partition: at("partition")?,
                tenant: at("tenant")?,
                aggregate: at("aggregate")?,
                own,
            },
            "cursors" => {
                let at = Cursor {
                    source: at("source")?,
                    partition: at("partition")?,
                    incarnation: at("incarnation")?,
                    position: at("position")?,
                    stopped: at("stopped")?,
                };
                Self::Cursors { at, places }
            }
            "dead_letters" => {
                let at = Letter {
                    source: at("source")?,
                    partition: at("partition")?,
                    position: at("position")?,
                    tenant: at("tenant")?,
                    aggregate: at("aggregate")?,
                };
                Self::Letters { at, places }
            }
            _ => Self::None,
        })
    }

    /// The rows that one row becomes.
    fn rows(&self, mut row: Vec<Arg>) -> Result<Vec<Vec<Arg>>, CopyError> {
        match self {
            Self::None => {}
            Self::Facts { key, value, own } => match text(&row[*key]) {
                meta::INCARNATION => row[*value] = own.after.to_string().into(),
                meta::PARTITIONS => row[*value] = own.partitions.to_string().into(),
                _ => {}
            },
            Self::Feed { partition, position, own } => {
                let Some((into, at)) = own.at(number(&row[*position])) else {
                    return Err(Error::Corrupt("an event outside of its feed".to_owned()).into());
                };
                (row[*partition], row[*position]) = (into.into(), at.into());
            }
            Self::Outbox { partition, tenant, aggregate, own } => {
                row[*partition] = partition_for(&row[*tenant], &row[*aggregate], own).into();
            }
            Self::Cursors { at, places } => return at.rows(&row, places),
            Self::Letters { at, places } => {
                let source = text(&row[at.source]);
                let places = places.get(source);
                let places = places.ok_or_else(|| CopyError::Source(source.to_owned()))?;
                let into = partition_for(&row[at.tenant], &row[at.aggregate], places);
                let place = places.at(number(&row[at.position]));
                // One whose event is no longer in the feed stands before all that is.
                let position =
                    place.filter(|(partition, _)| *partition == into).map_or(0, |at| at.1);
                (row[at.partition], row[at.position]) = (into.into(), position.into());
            }
        }
        Ok(vec![row])
    }
}

impl Cursor {
    /// A cursor in the one partition becomes one in each.
    fn rows(
        &self,
        row: &[Arg],
        places: &BTreeMap<&str, Places>,
    ) -> Result<Vec<Vec<Arg>>, CopyError> {
        let source = text(&row[self.source]);
        let places = places.get(source).ok_or_else(|| CopyError::Source(source.to_owned()))?;
        let known = id(&row[self.incarnation]);
        let after = if known == places.before { places.after } else { known };
        // A rewound cursor takes up whichever incarnation there is; one of another waits to be rewound.
        let follows = known == places.before || known.is_nil();
        let seen = if follows { places.seen(number(&row[self.position])) } else { None };
        let mut rows = Vec::new();
        for partition in 0..places.partitions {
            let mut row = row.to_vec();
            row[self.partition] = partition.into();
            row[self.incarnation] = after.into();
            row[self.position] = seen.as_ref().map_or(0, |seen| seen[partition as usize]).into();
            if seen.is_none() && follows && !known.is_nil() && text(&row[self.stopped]).is_empty() {
                row[self.stopped] = LOST.into();
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

fn partition_for(tenant: &Arg, aggregate: &Arg, places: &Places) -> u32 {
    partition_of(id(tenant).into(), id(aggregate), places.partitions)
}

fn text(value: &Arg) -> &str {
    if let Arg::Text(Some(text)) = value { text } else { "" }
}

fn number(value: &Arg) -> i64 {
    if let Arg::Int(Some(number)) = value { *number } else { 0 }
}

fn id(value: &Arg) -> Uuid {
    if let Arg::Id(Some(id)) = value { *id } else { Uuid::nil() }
}

async fn count(tx: &mut Tx, table: &Table) -> Result<u64, CopyError> {
    let text = format!("SELECT COUNT(*) FROM {}", quoted(&table.name));
    let (rows,): (i64,) = tx.one(Text::of_schema(text), args![]).await?;
    Ok(rows.unsigned_abs())
}

/// Copies the rows of a table in batches and returns what was written.
async fn copy(
    from: &mut Tx,
    to: &mut Tx,
    table: &Table,
    change: &Change<'_>,
    more: impl Fn(u64),
) -> Result<Digest, CopyError> {
    let failed = |cause: Error| CopyError::Table { table: table.name.clone(), cause };
    let Some(connection) = from.sqlite_connection() else {
        return Err(failed(Error::Address("the source is no SQLite".to_owned())));
    };
    let most = (VALUES / table.columns.len().max(1)).clamp(1, BATCH);
    let (mut written, mut batch, mut read) = (Digest::default(), Vec::new(), 0);
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(select(table))).fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(|cause| failed(cause.into()))? {
        let row = table.read(&row).map_err(|cause| failed(cause.into()))?;
        read += 1;
        for row in change.rows(row)? {
            written.add(&row);
            batch.push(row);
        }
        if batch.len() >= most {
            insert(to, table, std::mem::take(&mut batch)).await.map_err(failed)?;
            more(std::mem::take(&mut read));
        }
    }
    insert(to, table, batch).await.map_err(failed)?;
    more(read);
    Ok(written)
}

async fn insert(to: &mut Tx, table: &Table, rows: Vec<Vec<Arg>>) -> Result<(), Error> {
    let most = (VALUES / table.columns.len().max(1)).clamp(1, BATCH);
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let (mut places, mut values) = (Vec::new(), Vec::new());
        for row in rows.by_ref().take(most) {
            let first = values.len() + 1;
            let own: Vec<_> = (first..first + row.len()).map(|at| format!("${at}")).collect();
            places.push(format!("({})", own.join(", ")));
            values.extend(row);
        }
        let (name, columns) = (quoted(&table.name), names(table));
        let text = format!("INSERT INTO {name} ({columns}) VALUES {}", places.join(", "));
        to.execute(Text::of_schema(text), values).await?;
    }
    Ok(())
}

/// What a table of the target comes to.
async fn read_back(to: &mut Tx, table: &Table) -> Result<Digest, CopyError> {
    let failed = |cause: Error| CopyError::Table { table: table.name.clone(), cause };
    let Some(connection) = to.postgres_connection() else {
        return Err(failed(Error::Address("the target is no PostgreSQL".to_owned())));
    };
    let mut digest = Digest::default();
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(select(table))).fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(|cause| failed(cause.into()))? {
        digest.add(&table.read(&row).map_err(|cause| failed(cause.into()))?);
    }
    Ok(digest)
}

fn select(table: &Table) -> String {
    format!("SELECT {} FROM {}", names(table), quoted(&table.name))
}

fn names(table: &Table) -> String {
    let names: Vec<_> = table.columns.iter().map(|(name, _)| quoted(name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{places::Feed, tables::Kind, *};

    const BEFORE: Uuid = Uuid::from_u128(1);
    const AFTER: Uuid = Uuid::from_u128(2);

    /// Events 5 to 8 are kept, the third of them is in the second partition.
    fn places() -> BTreeMap<&'static str, Places> {
        let feed = Feed { before: BEFORE, after: AFTER, partitions: 2, tail: 4 };
        let events = [(5, 0), (6, 0), (7, 1), (8, 0)];
        BTreeMap::from([("tickets", Places::from_order(&events, feed))])
    }

    fn changed(table: &str, columns: &[&str], row: Vec<Arg>) -> Result<Vec<Vec<Arg>>, CopyError> {
        let columns = columns.iter().map(|name| ((*name).to_owned(), Kind::Text)).collect();
        let (table, places) = (Table { name: table.to_owned(), columns }, places());
        Change::of(&table, &places["tickets"], &places)?.rows(row)
    }

    /// Incarnation, position and why it stopped, by partition.
    fn cursor(incarnation: Uuid, position: i64, stopped: &str) -> Vec<(Uuid, i64, String)> {
        let columns = ["source", "partition", "incarnation", "position", "stopped"];
        let row = args!["tickets", 0_i64, incarnation, position, stopped];
        let rows = changed("cursors", &columns, row).unwrap();
        let read = |row: &Vec<Arg>| (id(&row[2]), number(&row[3]), text(&row[4]).to_owned());
        assert!(rows.iter().map(|row| number(&row[1])).eq(0..2));
        rows.iter().map(read).collect()
    }

    #[test]
    fn a_cursor_goes_on_in_each_partition_where_it_was() {
        let runs = |position| (AFTER, position, String::new());
        assert_eq!(cursor(BEFORE, 8, ""), [runs(7), runs(1)]);
        assert_eq!(cursor(BEFORE, 6, ""), [runs(6), runs(0)]);
        let rewound = (Uuid::nil(), 0, String::new());
        assert_eq!(cursor(Uuid::nil(), 0, ""), [rewound.clone(), rewound]);
    }

    #[test]
    fn a_cursor_that_cannot_go_on_stands_still() {
        let lost = (AFTER, 0, LOST.to_owned());
        assert_eq!(cursor(BEFORE, 3, ""), [lost.clone(), lost]);
        let stopped = |position| (AFTER, position, "why".to_owned());
        assert_eq!(cursor(BEFORE, 7, "why"), [stopped(6), stopped(1)]);
        // The source was restored before, and nobody has rewound it since.
        let other = (Uuid::max(), 0, String::new());
        assert_eq!(cursor(Uuid::max(), 7, ""), [other.clone(), other]);
        let columns = ["source", "partition", "incarnation", "position", "stopped"];
        let refused = changed("cursors", &columns, args!["nobody", 0_i64, BEFORE, 0_i64, ""]);
        assert!(matches!(refused, Err(CopyError::Source(name)) if name == "nobody"));
    }

    #[test]
    fn facts_of_the_target_stay_the_targets() {
        let fact = |key: &str, value: &str| {
            let rows = changed("meta", &["key", "value"], args![key, value]).unwrap();
            text(&rows[0][1]).to_owned()
        };
        assert_eq!(fact("incarnation", "x"), AFTER.to_string());
        assert_eq!(fact("partitions", "1"), "2");
        assert_eq!(fact("root_key", "a1"), "a1");
    }
}
