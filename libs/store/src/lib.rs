//! One SQL facade over SQLite and PostgreSQL, and the tables that every service has: events with
//! their outbox and feed, consumers' cursors and dead letters, idempotency, leases, meta.
//!
//! A statement is written once, in full, as a const next to its function ([`Sql::both`]), or as a
//! pair where the engines differ ([`Sql::split`]). Values are bound as a closed [`Arg`], rows are
//! decoded by `derive(sqlx::FromRow)` or as tuples, a transaction is a plain block inside
//! [`transact!`], which commits, rolls back and tries again after a lost race. Only what is a single
//! statement on PostgreSQL does without ([`events::append_alone`]).
//!
//! ```text
//! const GET: Sql = Sql::both("SELECT id, opened_at FROM tickets WHERE tenant = $1 AND id = $2");
//!
//! #[derive(sqlx::FromRow)]
//! struct Ticket {
//!     #[sqlx(try_from = "Uuid")]
//!     id: TicketId,
//!     #[sqlx(try_from = "i64")]
//!     opened_at: Time,
//! }
//!
//! transact!(db, "ticket.create", |tx| {
//!     tx.execute(INSERT, args![tenant, id, now]).await?;
//!     tx.one::<Ticket>(GET, args![tenant, id]).await.map_err(Fault::from)
//! })
//! ```
//!
//! # Invariants
//! - Ids are UUID / BLOB, times microseconds in BIGINT, JSON payload JSONB / TEXT and never a query
//!   key, bytes BYTEA / BLOB. A column is NOT NULL, or is decoded to `Option`: the driver of SQLite
//!   decodes NULL silently to `0`, `""` or `false`.
//! - The clock, ids and randomness are arguments. No `now()`, no serial, no trigger, no advisory
//!   lock is in any statement.
//! - **Monotone time.** Every event of an aggregate is written under the aggregate's own row (its
//!   lock, or its version by compare-and-set), and the row keeps `last_at`: the instant of its last
//!   event. The next one is at [`events::monotone`]`(now, last_at)`, so that `(at, sequence)` orders
//!   an aggregate's events whatever the clocks of several processes say, and what is visible of an
//!   aggregate is always a prefix. The sequencer (libs/feed) relies on both. In SQL, without a round
//!   trip of its own: `SET last_at = CASE WHEN $now > last_at THEN $now ELSE last_at + 1 END …
//!   RETURNING last_at`.
//! - An error inside a PostgreSQL transaction spoils it: a body of [`transact!`] returns the error
//!   instead of going on after it. The body may run again, so nothing is moved into it.
//!
//! # Deliberately absent
//! Traits over databases, closures over `&mut Tx`, an ORM, TLS to PostgreSQL (no TLS feature of
//! the driver is compiled in: connect through a local socket, a private network or a side-car), and
//! an in-memory SQLite (it has no second connection to read with).

mod arg;
mod db;
mod error;
mod macros;
mod record;
mod sql;
mod tx;

pub mod copy;
pub mod events;
pub mod idempotency;
pub mod lease;
pub mod meta;
pub mod migrate;
pub mod snapshot;

pub use arg::Arg;
pub use db::{Db, Engine, Settings, Usage, prepare_all};
pub use error::{Error, Retry, Unique};
#[doc(hidden)]
pub use macros::private;
pub use migrate::{Migration, Migrations, check, migrate};
pub use record::Record;
pub use sql::{List, Sql, Text};
pub use tx::Tx;
