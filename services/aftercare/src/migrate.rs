//! `migrate`: brings databases up to date, for installations where `serve` does not; `migrate copy`
//! takes a suite from SQLite to PostgreSQL.

mod copy;

use std::process::ExitCode;

use anyhow::{Context, Result};
use config::{Config, SERVICES};
use kernel::{Clock, Ids};

use crate::serve::{Databases, chosen};

/// Arguments of `migrate`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// The services whose databases are meant; all where none is named.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(SERVICES))]
    services: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Copy everything from SQLite files to a PostgreSQL that nobody has used yet.
    Copy(copy::Args),
}

/// Runs what is pending. Several may do so at once.
pub(crate) async fn run(config: &Config, args: &Args) -> Result<ExitCode> {
    if let Some(Command::Copy(args)) = &args.command {
        return copy::run(config, args).await;
    }
    if config.database.url.sqlite_folder().is_some() {
        // As on a first `serve`: the key comes first, since none is made beside data.
        config.root_keys_or_new().context("the root key cannot be used")?;
    }
    let databases = Databases::open(config, &chosen(&args.services)).await?;
    databases.migrate(&Ids::random(Clock::system())).await?;
    let newer = databases.must_be_usable().await?;
    for (service, _) in databases.iter() {
        let later = newer.contains(&service);
        println!("{service}: {}", if later { "of a later release" } else { "up to date" });
    }
    databases.close().await;
    Ok(ExitCode::SUCCESS)
}
