//! The SQL of tickets. Each statement stands in full next to its function; every one has the tenant
//! in its predicate, the two that look for due work across tenants apart.

pub mod agents;
pub mod backlog;
pub mod directory;
pub mod entries;
pub mod figures;
pub mod history;
pub mod lanes;
pub mod lists;
pub mod numbers;
pub mod tickets;

use ::store::Sql;

/// Every fixed statement, so that a test can have both databases prepare it.
pub fn statements() -> Vec<Sql> {
    [
        agents::STATEMENTS,
        backlog::STATEMENTS,
        directory::STATEMENTS,
        entries::STATEMENTS,
        figures::STATEMENTS,
        history::STATEMENTS,
        lanes::STATEMENTS,
        numbers::STATEMENTS,
        tickets::STATEMENTS,
    ]
    .concat()
}

/// A row that no program of ours has written so.
fn corrupt(column: &str, value: &str) -> ::store::Error {
    ::store::Error::Corrupt(format!("{column}: {value}"))
}
