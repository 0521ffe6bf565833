//! The command line.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use config::Config;

use crate::{
    backup, call, demo, doctor, migrate, operate, print, serve, settings, token, transfer, verify,
};

/// The file that is taken where none is named, if it is there.
const FOUND_BY_ITSELF: &str = "aftercare.toml";

/// Aftercare: the engine behind a company's customer service.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Args {
    /// The configuration file; `aftercare.toml` in this folder is found by itself.
    #[arg(long, global = true, env = "AFTERCARE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Without one: `serve`.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run services until SIGTERM or Ctrl-C.
    Serve(serve::Args),
    /// Bring the databases up to date, or copy them from SQLite to PostgreSQL.
    Migrate(migrate::Args),
    /// Copy the SQLite files of all services as they are at one instant, beside the running suite.
    Backup(backup::Args),
    /// Bring a backup back into an empty place.
    Restore(backup::restore::Args),
    /// Check whether the databases are whole and the services agree.
    Verify(verify::Args),
    /// Print a bearer token of the local issuer.
    Token(token::Args),
    /// Call a method by its name, with JSON in and out.
    Call(call::Args),
    /// Record articles from files: CSV, JSON lines, Markdown with front matter.
    Import(transfer::Import),
    /// Write articles to files that an import reads.
    Export(transfer::Export),
    /// Play real complaints through the API of a running suite.
    Demo(demo::Args),
    /// Look at the installation and say what is wrong with it.
    Doctor,
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(settings::Command),
    /// Look after the consumers of a running suite.
    Feed(operate::feed::Args),
    /// Show or move the time of a running suite.
    Clock(operate::clock::Args),
    /// Build an index of a running suite anew.
    Index(operate::index::Args),
}

impl Args {
    /// Runs the subcommand.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let file = self.file();
        let command = self.command.unwrap_or(Command::Serve(serve::Args::default()));
        match command {
            // These two tell what is wrong with a configuration instead of failing from it.
            Command::Doctor => return Ok(doctor::run(load(file.as_deref())).await),
            Command::Config(command) => return settings::run(&command, file.as_deref()),
            _ => {}
        }
        let config = load(file.as_deref())?;
        match command {
            Command::Serve(args) => return serve::run(&config, &args).await,
            Command::Call(args) => return call::run(&config, args).await,
            Command::Import(args) => return transfer::import(&config, args).await,
            Command::Export(args) => transfer::export(&config, args).await?,
            Command::Demo(args) => {
                return demo::run(&config, &args, &print::myself(file.as_deref())).await;
            }
            Command::Migrate(args) => return migrate::run(&config, &args).await,
            Command::Backup(args) => backup::run(&config, &args).await?,
            Command::Restore(args) => backup::restore::run(&config, &args).await?,
            Command::Verify(args) => return verify::run(&config, &args).await,
            Command::Token(args) => token::run(&config, &args)?,
            Command::Feed(args) => operate::feed::run(&config, args).await?,
            Command::Clock(args) => operate::clock::run(&config, args).await?,
            Command::Index(args) => operate::index::run(&config, args).await?,
            Command::Doctor | Command::Config(_) => {}
        }
        Ok(ExitCode::SUCCESS)
    }

    fn file(&self) -> Option<PathBuf> {
        let found = || Some(PathBuf::from(FOUND_BY_ITSELF)).filter(|path| path.is_file());
        self.config.clone().or_else(found)
    }
}

/// The configuration of a file and the environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Config> {
    Config::load(file, config::environment()).with_context(|| match file {
        Some(path) => format!("the configuration is wrong ({} or the environment)", path.display()),
        None => "the configuration is wrong (the environment)".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_a_subcommand_it_serves() {
        let args = Args::parse_from(["aftercare", "--config", "x.toml"]);
        assert!(args.command.is_none());
        assert_eq!(args.file(), Some(PathBuf::from("x.toml")));
    }
}
