//! The root keys: which ones there are, and whether they are those that the data was sealed by.

use anyhow::{Context, Result, bail};
use config::Config;
use kernel::keys::RootKeys;
use store::{Db, meta, transact};

use super::Databases;

/// The root keys of the configuration. A first run makes one; beside data that is sealed already a
/// missing key is a loss, and a new one would hide it.
pub(crate) async fn of(config: &Config, services: &[&'static str]) -> Result<RootKeys> {
    let missing = config.keys.root.is_none() && !config.keys.file.exists();
    // A SQLite file that is not there would be made; one that is there is known to `config`.
    if missing && config.database.url.sqlite_folder().is_none() {
        let databases = Databases::open(config, services).await?;
        let mut sealed = Vec::new();
        for (service, db) in databases.iter() {
            sealed.push((service, meta::root_key(db).await?));
        }
        databases.close().await;
        for (service, id) in sealed {
            if let Some(id) = id {
                bail!(lost(service, &id));
            }
        }
    }
    config.root_keys_or_new().context("the root key cannot be used")
}

/// Refuses data that was sealed by a root key that is not among these; data that has none yet is
/// sealed by the current one from now on.
pub(crate) async fn must_fit(keys: &RootKeys, service: &str, db: &Db) -> Result<()> {
    let current = keys.id();
    let id = transact!(db, "keys.install", |tx| meta::install_root_key(tx, &current).await)?;
    if !keys.has(&id) {
        bail!(lost(service, &id));
    }
    Ok(())
}

/// What to do about data whose root key is missing.
pub(crate) fn lost(service: &str, id: &str) -> String {
    format!(
        "the data of {service} is sealed by the root key {id}, which is not there; bring it back \
         from its backup (`keys.file` or `keys.root`), or name it in `keys.retired` where another \
         has replaced it"
    )
}
