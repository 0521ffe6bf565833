//! The service's tables and every statement over them.

pub(crate) mod articles;
pub(crate) mod feedback;
pub(crate) mod labels;
pub(crate) mod publications;
pub(crate) mod revisions;
pub(crate) mod searches;

use store::{Migration, Migrations, Sql};

/// The service's own migrations.
pub const MIGRATIONS: &[Migration] = &[
    store::migration!(100, "../../migrations", "0100_knowledge"),
    store::migration!(101, "../../migrations", "0101_search_age"),
];

/// Everything that makes up the service's schema.
pub fn migrations() -> Migrations {
    Migrations::of(MIGRATIONS)
}

/// Every fixed statement of the service, by module; a test prepares them on both engines.
pub const STATEMENTS: &[&[Sql]] = &[
    articles::STATEMENTS,
    feedback::STATEMENTS,
    labels::STATEMENTS,
    publications::STATEMENTS,
    revisions::STATEMENTS,
    searches::STATEMENTS,
];

/// A value of the contract by its number.
fn number<E: TryFrom<i32>>(stored: i64) -> Option<E> {
    i32::try_from(stored).ok().and_then(|number| E::try_from(number).ok())
}
