//! What a row can be read into.

use sqlx::{FromRow, postgres::PgRow, sqlite::SqliteRow};

/// A type that a row of either engine decodes to: a tuple, or a struct with
/// `derive(sqlx::FromRow)`. Times and ids of the kernel are read with `#[sqlx(try_from = "i64")]`
/// and `#[sqlx(try_from = "Uuid")]`, JSON as `sqlx::types::Json<T>`.
pub trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Record for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}
