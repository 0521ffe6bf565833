//! `migrate`: brings databases up to date, for installations where `serve` does not.

use anyhow::{Context, Result};
use config::{Config, SERVICES};
use kernel::{Clock, Ids};

use crate::serve::{Databases, chosen};

/// Arguments of `migrate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The services whose databases are meant; all where none is named.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(SERVICES))]
    services: Vec<String>,
}

/// Runs what is pending. Several may do so at once.
pub(crate) async fn run(config: &Config, args: &Args) -> Result<()> {
    if config.database.url.sqlite_folder().is_some() {
        // As on a first `serve`: the key comes first, since none is made beside data.
        config.root_keys_or_new().context("the root key cannot be used")?;
    }
    let databases = Databases::open(config, &chosen(&args.services)).await?;
    databases.migrate(&Ids::random(Clock::system())).await?;
    databases.must_be_ready().await?;
    for (service, _) in databases.iter() {
        println!("{service}: up to date");
    }
    databases.close().await;
    Ok(())
}
