//! `config print` and `config check`.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result};
use config::Config;
use kernel::Role;
use rpc::Grants;

/// Subcommands of `config`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print what holds after file and environment, with secrets hidden.
    Print {
        /// Print the documented default file instead.
        #[arg(long)]
        default: bool,
    },
    /// Say what is wrong; the exit code is 1 if anything is.
    Check,
}

/// Runs one of them.
pub(crate) fn run(command: &Command, file: Option<&Path>) -> Result<ExitCode> {
    match command {
        Command::Print { default: true } => print!("{}", Config::documented()),
        Command::Print { default: false } => print!("{}", crate::args::load(file)?.to_toml()),
        Command::Check => {
            let config = crate::args::load(file)?;
            crate::serve::logs(&config, None)?;
            grants(&config)?;
            crate::seed::load(&config)?;
            eprintln!("the configuration is right");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What each role may do: the shipped grants with the configured ones in place of them.
pub(crate) fn grants(config: &Config) -> Result<Grants> {
    let configured = config.roles.iter().filter_map(|(name, grants)| {
        // Names that are no role were refused when the configuration was read.
        Role::parse(name).map(|role| (role, grants.0.clone()))
    });
    let configured = Grants::parse(&configured.collect()).context("`[roles]` is wrong")?;
    Ok(Grants::shipped().overridden_by(configured))
}
