//! A transaction, and the statements that it runs.
#![expect(clippy::disallowed_methods, reason = "the facade itself stands on the driver's queries")]

use std::sync::Arc;

use sqlx::{Postgres, Sqlite, Transaction};
use tokio::sync::Notify;

use crate::{Arg, Engine, Error, Record, Sql, Text, db::bind};

const NO_TIMEOUT: Sql = Sql::split("SELECT 1", "SET LOCAL statement_timeout = 0");
const NO_IDLE_TIMEOUT: Sql =
    Sql::split("SELECT 1", "SET LOCAL idle_in_transaction_session_timeout = 0");

/// An open transaction. Dropped without [`commit`](Tx::commit), it is rolled back.
pub struct Tx {
    inner: Inner,
    appended: bool,
    notify: Arc<Notify>,
}

enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Reads rows on whichever engine the transaction is on.
macro_rules! fetch {
    ($tx:expr, $text:expr, $args:expr, $fetch:ident, $row:ty) => {{
        let text: Text = $text.into();
        match &mut $tx.inner {
            Inner::Sqlite(open) => {
                bind!(sqlx::query_as::<_, $row>(text.render(Engine::Sqlite)), $args)
                    .$fetch(&mut **open)
                    .await
            }
            Inner::Postgres(open) => {
                bind!(sqlx::query_as::<_, $row>(text.render(Engine::Postgres)), $args)
                    .$fetch(&mut **open)
                    .await
            }
        }
        .map_err(Error::from)
    }};
}

impl Tx {
    pub(crate) fn sqlite(open: Transaction<'static, Sqlite>, notify: Arc<Notify>) -> Self {
        Self { inner: Inner::Sqlite(open), appended: false, notify }
    }

    pub(crate) fn postgres(open: Transaction<'static, Postgres>, notify: Arc<Notify>) -> Self {
        Self { inner: Inner::Postgres(open), appended: false, notify }
    }

    /// The engine that this transaction is on.
    pub fn engine(&self) -> Engine {
        match self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    /// Runs a statement and returns how many rows it changed.
    pub async fn execute(&mut self, sql: impl Into<Text>, args: Vec<Arg>) -> Result<u64, Error> {
        let text: Text = sql.into();
        match &mut self.inner {
            Inner::Sqlite(open) => bind!(sqlx::query(text.render(Engine::Sqlite)), args)
                .execute(&mut **open)
                .await
                .map(|done| done.rows_affected()),
            Inner::Postgres(open) => bind!(sqlx::query(text.render(Engine::Postgres)), args)
                .execute(&mut **open)
                .await
                .map(|done| done.rows_affected()),
        }
        .map_err(Error::from)
    }

    /// The one row of a statement; no row is a [`Error::Statement`].
    pub async fn one<R: Record>(
        &mut self,
        sql: impl Into<Text>,
        args: Vec<Arg>,
    ) -> Result<R, Error> {
        fetch!(self, sql, args, fetch_one, R)
    }

    /// The first row of a statement, if any.
    pub async fn optional<R: Record>(
        &mut self,
        sql: impl Into<Text>,
        args: Vec<Arg>,
    ) -> Result<Option<R>, Error> {
        fetch!(self, sql, args, fetch_optional, R)
    }

    /// All rows of a statement: bound them by a LIMIT.
    pub async fn all<R: Record>(
        &mut self,
        sql: impl Into<Text>,
        args: Vec<Arg>,
    ) -> Result<Vec<R>, Error> {
        fetch!(self, sql, args, fetch_all, R)
    }

    /// Commits. Events that were appended wake this process's sequencer.
    pub async fn commit(self) -> Result<(), Error> {
        match self.inner {
            Inner::Sqlite(open) => open.commit().await,
            Inner::Postgres(open) => open.commit().await,
        }
        .map_err(Error::of_commit)?;
        if self.appended {
            self.notify.notify_one();
        }
        Ok(())
    }

    /// Rolls back. Dropping does the same, a moment later.
    pub async fn rollback(self) -> Result<(), Error> {
        match self.inner {
            Inner::Sqlite(open) => open.rollback().await,
            Inner::Postgres(open) => open.rollback().await,
        }
        .map_err(Error::from)
    }

    /// Lets this transaction take its time, on PostgreSQL: neither a long statement nor a long silence
    /// ends it. For what an operator does by hand.
    pub async fn unhurried(&mut self) -> Result<(), Error> {
        for sql in [NO_TIMEOUT, NO_IDLE_TIMEOUT] {
            self.execute(sql, Vec::new()).await?;
        }
        Ok(())
    }

    /// Notes that the commit of this transaction brings new events.
    pub(crate) fn mark_appended(&mut self) {
        self.appended = true;
    }

    pub(crate) fn sqlite_connection(&mut self) -> Option<&mut sqlx::SqliteConnection> {
        match &mut self.inner {
            Inner::Sqlite(open) => Some(&mut **open),
            Inner::Postgres(_) => None,
        }
    }

    pub(crate) fn postgres_connection(&mut self) -> Option<&mut sqlx::PgConnection> {
        match &mut self.inner {
            Inner::Sqlite(_) => None,
            Inner::Postgres(open) => Some(&mut **open),
        }
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("engine", &self.engine()).finish_non_exhaustive()
    }
}
