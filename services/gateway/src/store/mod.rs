//! The service's tables and every statement over them.

pub(crate) mod access;
pub(crate) mod api_keys;
pub(crate) mod members;
pub(crate) mod names;
pub(crate) mod teams;
pub(crate) mod tenants;

use store::{Migration, Migrations, Sql};

/// The service's own migrations.
pub const MIGRATIONS: &[Migration] = &[
    store::migration!(100, "../../migrations", "0100_gateway"),
    store::migration!(101, "../../migrations", "0101_access_age"),
];

/// Everything that makes up the service's schema.
pub fn migrations() -> Migrations {
    Migrations::of(MIGRATIONS)
}

/// Every fixed statement of the service, by module; a test prepares them on both engines.
pub const STATEMENTS: &[&[Sql]] = &[
    tenants::STATEMENTS,
    teams::STATEMENTS,
    members::STATEMENTS,
    api_keys::STATEMENTS,
    access::STATEMENTS,
];
