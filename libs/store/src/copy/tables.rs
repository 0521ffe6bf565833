//! The tables of a service, as PostgreSQL describes them and SQLite has them, too.

use std::collections::BTreeMap;

use sqlx::{Row, types::Json};
use uuid::Uuid;

use crate::{Arg, Error, Sql, Tx, args};

use super::CopyError;

const COLUMNS: Sql = Sql::split(
    "SELECT m.name, p.name, p.type FROM sqlite_master m JOIN pragma_table_info(m.name) p \
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, p.cid",
    "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
     WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position",
);
const REFERENCES: Sql = Sql::split(
    "SELECT m.name, f.\"table\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
     WHERE m.type = 'table'",
    "SELECT a.relname::text, b.relname::text FROM pg_constraint c JOIN pg_class a ON a.oid = c.conrelid \
     JOIN pg_class b ON b.oid = c.confrelid \
     WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace",
);

/// Every statement of this module.
pub(super) const STATEMENTS: &[Sql] = &[COLUMNS, REFERENCES];

/// What is not copied: which migrations ran is each database's own, and leases are of processes that do
/// not run there. `partitions` follow from the feed.
const OWN: [&str; 3] = ["_sqlx_migrations", "leases", "partitions"];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Int,
    Double,
    Bool,
    Text,
    Bytes,
    Json,
}

/// A table and its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
}

impl Table {
    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Result<usize, CopyError> {
        let found = self.columns.iter().position(|(column, _)| column == name);
        found.ok_or_else(|| CopyError::Columns { table: self.name.clone() })
    }

    /// A row's values, of either engine.
    pub(super) fn read<'r, R>(&self, row: &'r R) -> Result<Vec<Arg>, sqlx::Error>
    where
        R: Row,
        usize: sqlx::ColumnIndex<R>,
        Option<Uuid>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        Option<i64>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        Option<f64>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        Option<bool>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        Option<String>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        Option<Vec<u8>>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        Option<Json<serde_json::Value>>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    {
        let read = |(index, (_, kind)): (usize, &(String, Kind))| {
            Ok(match kind {
                Kind::Id => Arg::Id(row.try_get(index)?),
                Kind::Int => Arg::Int(row.try_get(index)?),
                Kind::Double => Arg::Double(row.try_get(index)?),
                Kind::Bool => Arg::Bool(row.try_get(index)?),
                Kind::Text => Arg::Text(row.try_get(index)?),
                Kind::Bytes => Arg::Bytes(row.try_get(index)?),
                Kind::Json => {
                    let json: Option<Json<serde_json::Value>> = row.try_get(index)?;
                    Arg::Json(json.map(|json| json.0))
                }
            })
        };
        self.columns.iter().enumerate().map(read).collect()
    }
}

/// The tables that are copied, each behind those that it refers to. Both databases must have the same,
/// with the same columns.
pub(super) async fn both(from: &mut Tx, to: &mut Tx) -> Result<Vec<Table>, CopyError> {
    let (theirs, ours) = (columns(from).await?, columns(to).await?);
    let mut tables = Vec::new();
    for (name, columns) in &ours {
        let wrong = || CopyError::Columns { table: name.clone() };
        let mut names: Vec<&str> = columns.iter().map(|(column, _)| column.as_str()).collect();
        let found = theirs.get(name).ok_or_else(wrong)?.iter();
        let mut found: Vec<&str> = found.map(|(column, _)| column.as_str()).collect();
        names.sort_unstable();
        found.sort_unstable();
        if names != found {
            return Err(wrong());
        }
        if !OWN.contains(&name.as_str()) {
            let typed = columns.iter().map(|(column, kind)| {
                kind_of(kind).map(|kind| (column.clone(), kind)).ok_or_else(wrong)
            });
            tables.push(Table { name: name.clone(), columns: typed.collect::<Result<_, _>>()? });
        }
    }
    if let Some(name) = theirs.keys().find(|name| !ours.contains_key(*name)) {
        return Err(CopyError::Columns { table: name.clone() });
    }
    let references: Vec<(String, String)> = to.all(REFERENCES, args![]).await?;
    Ok(in_order(tables, &references))
}

async fn columns(tx: &mut Tx) -> Result<BTreeMap<String, Vec<(String, String)>>, Error> {
    let rows: Vec<(String, String, String)> = tx.all(COLUMNS, args![]).await?;
    let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (table, column, kind) in rows {
        tables.entry(table).or_default().push((column, kind));
    }
    Ok(tables)
}

/// What a column of this type of PostgreSQL holds.
fn kind_of(kind: &str) -> Option<Kind> {
    Some(match kind {
        "uuid" => Kind::Id,
        "bigint" => Kind::Int,
        "double precision" => Kind::Double,
        "boolean" => Kind::Bool,
        "text" => Kind::Text,
        "bytea" => Kind::Bytes,
        "jsonb" => Kind::Json,
        _ => return None,
    })
}

/// Puts each table behind those that it refers to.
fn in_order(mut tables: Vec<Table>, references: &[(String, String)]) -> Vec<Table> {
    let mut ordered: Vec<Table> = Vec::new();
    while !tables.is_empty() {
        let waits = |table: &Table, rest: &[Table]| {
            let needed = |(from, to): &&(String, String)| *from == table.name && from != to;
            let needed = references.iter().filter(needed);
            needed.into_iter().any(|(_, to)| rest.iter().any(|other| other.name == *to))
        };
        // In a circle, which no schema here has, the database says what is wrong.
        let next = tables.iter().position(|table| !waits(table, &tables)).unwrap_or(0);
        ordered.push(tables.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_stands_behind_those_that_it_refers_to() {
        let table = |name: &str| Table { name: name.to_owned(), columns: Vec::new() };
        let refers = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let references = [refers("a", "b"), refers("b", "d"), refers("d", "d"), refers("a", "d")];
        let ordered = in_order(["a", "b", "c", "d"].map(table).into(), &references);
        let names: Vec<_> = ordered.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["c", "d", "b", "a"]);
    }

    #[test]
    fn types_that_no_schema_has_are_not_guessed() {
        assert_eq!(kind_of("jsonb"), Some(Kind::Json));
        assert_eq!(kind_of("numeric"), None);
    }
}
