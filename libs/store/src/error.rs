//! What can go wrong between this process and its database, told apart by what the caller can do.

use std::borrow::Cow;

/// A failure of the database or of the way to it. `Display` never prints the cause; it is the
/// `source`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configured address cannot be used.
    #[error("the database address is not usable: {0}")]
    Address(String),
    /// No connection to be had in time: the database is away or all connections are busy.
    #[error("no connection to the database")]
    Connect(#[source] sqlx::Error),
    /// A statement failed.
    #[error("a statement failed")]
    Statement(#[source] sqlx::Error),
    /// The connection broke during COMMIT, or during a statement that is a transaction of its own:
    /// nobody knows whether it took place. Not retried blindly; the idempotency row, or an id that the
    /// client made, decides.
    #[error("the outcome of a commit is unknown")]
    Commit(#[source] sqlx::Error),
    /// Stored data breaks a rule that this program holds.
    #[error("stored data is not as it must be: {0}")]
    Corrupt(String),
}

/// A unique constraint by both names that the engines know it by: PostgreSQL tells the
/// constraint, SQLite the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unique {
    /// The constraint's or index's name, for instance `tickets_number`.
    pub name: &'static str,
    /// The columns as SQLite lists them, for instance `tickets.tenant, tickets.number`.
    pub columns: &'static str,
}

/// Lets [`transact!`](crate::transact) see through a service's own error: whether the whole
/// transaction should run again.
pub trait Retry: From<Error> {
    /// True where the transaction lost a race against another one and may be run again.
    fn lost_race(&self) -> bool;
}

impl Retry for Error {
    fn lost_race(&self) -> bool {
        match self {
            Self::Statement(cause) => lost_race(cause),
            Self::Address(_) | Self::Connect(_) | Self::Commit(_) | Self::Corrupt(_) => false,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(cause: sqlx::Error) -> Self {
        if is_connecting(&cause) { Self::Connect(cause) } else { Self::Statement(cause) }
    }
}

impl Error {
    /// True where `unique` forbade what was written. On PostgreSQL the transaction is spoiled
    /// then: return, or say `ON CONFLICT` in the first place.
    pub fn is_unique_violation(&self, unique: &Unique) -> bool {
        let Self::Statement(sqlx::Error::Database(cause)) = self else { return false };
        if !cause.is_unique_violation() {
            return false;
        }
        match cause.constraint() {
            Some(name) => name == unique.name,
            None => cause
                .message()
                .strip_prefix("UNIQUE constraint failed: ")
                .is_some_and(|columns| columns == unique.columns),
        }
    }

    /// True where the same call may succeed later without anything being changed: the database is
    /// away, restarting or overloaded, or the race was lost too often.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Commit(_) => true,
            Self::Statement(cause) => {
                is_connecting(cause) || lost_race(cause) || is_interrupted(cause)
            }
            Self::Address(_) | Self::Corrupt(_) => false,
        }
    }

    /// True where PostgreSQL ended the statement since it took too long.
    pub fn took_too_long(&self) -> bool {
        matches!(self, Self::Statement(cause) if code(cause).is_some_and(|code| code == "57014"))
    }

    /// The error of a statement that commits by itself: unknown where it broke off.
    pub(crate) fn of_lone_statement(cause: sqlx::Error) -> Self {
        if !lost_race(&cause) && (is_connecting(&cause) || is_interrupted(&cause)) {
            Self::Commit(cause)
        } else {
            cause.into()
        }
    }

    /// The error of a commit: unknown, unless the engine says that it did not take place.
    pub(crate) fn of_commit(cause: sqlx::Error) -> Self {
        match cause {
            sqlx::Error::Database(_) if lost_race(&cause) || !is_interrupted(&cause) => {
                Self::Statement(cause)
            }
            _ => Self::Commit(cause),
        }
    }
}

fn code(cause: &sqlx::Error) -> Option<Cow<'_, str>> {
    match cause {
        sqlx::Error::Database(cause) => cause.code(),
        _ => None,
    }
}

/// Serialisation failure and deadlock of PostgreSQL; busy and stale snapshot of SQLite.
fn lost_race(cause: &sqlx::Error) -> bool {
    code(cause).is_some_and(|code| matches!(&*code, "40001" | "40P01" | "5" | "517"))
}

fn is_connecting(cause: &sqlx::Error) -> bool {
    matches!(
        cause,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
    )
}

/// The engine ended the statement or the connection for reasons of its own. PostgreSQL: connection
/// exceptions (class 08), resources (class 53), operator (class 57: shutdown, statement time-out),
/// sessions ended for idling in a transaction (25P03). SQLite, whose extended codes have the primary
/// one in their low byte: busy, locked, interrupted, input or output failed, disk full, file not to
/// be opened.
fn is_interrupted(cause: &sqlx::Error) -> bool {
    let Some(code) = code(cause) else { return false };
    if code.len() == 5 {
        return code == "25P03" || ["08", "53", "57"].iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 9 | 10 | 13 | 14))
}
