//! The service's tables and every statement over them.

pub(crate) mod drafts;
pub(crate) mod invitations;
pub(crate) mod loops;
pub(crate) mod responses;
pub(crate) mod scores;
pub(crate) mod surveys;
pub(crate) mod tenants;
pub(crate) mod versions;

use store::{Migration, Migrations, Sql};

use crate::Error;

/// The service's own migrations.
pub const MIGRATIONS: &[Migration] = &[store::migration!(100, "../../migrations", "0100_surveys")];

/// Everything that makes up the service's schema.
pub fn migrations() -> Migrations {
    Migrations::of(MIGRATIONS)
}

/// Every fixed statement of the service, by module; a test prepares them on both engines.
pub const STATEMENTS: &[&[Sql]] = &[
    drafts::STATEMENTS,
    invitations::STATEMENTS,
    loops::STATEMENTS,
    responses::STATEMENTS,
    scores::STATEMENTS,
    surveys::STATEMENTS,
    tenants::STATEMENTS,
    versions::STATEMENTS,
];

/// An enum of the contract as it is stored, by its number.
fn code<E: TryFrom<i32>>(stored: i64, what: &'static str) -> Result<E, Error> {
    let number = i32::try_from(stored).ok();
    number.and_then(|number| E::try_from(number).ok()).ok_or(Error::Corrupt(what))
}

/// Something as it is stored.
fn json(of: &impl serde::Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(of).map_err(|_| Error::Corrupt("value"))
}
