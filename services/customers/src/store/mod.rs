//! The service's tables and every statement over them.

pub(crate) mod consents;
pub(crate) mod contacts;
pub(crate) mod customers;
pub(crate) mod identifiers;
pub(crate) mod products;
pub(crate) mod purchases;
pub(crate) mod tenants;
pub(crate) mod timeline;

use store::{Migration, Migrations, Sql};

/// The service's own migrations.
pub const MIGRATIONS: &[Migration] = &[
    store::migration!(100, "../../migrations", "0100_customers"),
    store::migration!(101, "../../migrations", "0101_tenants"),
    store::migration!(102, "../../migrations", "0102_consent"),
];

/// Everything that makes up the service's schema.
pub fn migrations() -> Migrations {
    Migrations::of(MIGRATIONS)
}

/// Every fixed statement of the service, by module; a test prepares them on both engines.
pub const STATEMENTS: &[&[Sql]] = &[
    consents::STATEMENTS,
    contacts::STATEMENTS,
    customers::STATEMENTS,
    identifiers::STATEMENTS,
    products::STATEMENTS,
    purchases::STATEMENTS,
    tenants::STATEMENTS,
    timeline::STATEMENTS,
];
