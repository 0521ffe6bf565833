//! The service's tables and every statement over them.

pub(crate) mod scores;
pub(crate) mod surveys;
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
pub const STATEMENTS: &[&[Sql]] = &[surveys::STATEMENTS, versions::STATEMENTS, scores::STATEMENTS];

/// Something as it is stored.
fn json(of: &impl serde::Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(of).map_err(|_| Error::Corrupt("value"))
}
