//! The chores of the house: `cargo xtask check`, `test`, `bench`, `postgres`, `vectors`
//!
//! A chore keeps everything that it makes (Python and npm packages, a private
//! PostgreSQL) under the target directory. `cargo xtask` is built without the suite, so that it
//! starts at once and also when a service does not compile.
//! Absent: timed assertions, and anything that a plain `cargo build` would need.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to a terminal")]

mod account;
mod bench;
mod check;
mod licences;
mod metadata;
mod postgres;
mod shell;
mod suite;
mod test;
mod tools;
#[cfg(feature = "suite")]
mod vectors;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::metadata::Metadata;
use crate::shell::Shell;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the house")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Formatting, lints, contracts, alerts, deployment, licences and house rules
    Check,
    /// Everything that check does, then all tests, on SQLite and on a private PostgreSQL
    Test {
        /// Arguments for `cargo test`, after `--`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Measure what the suite costs, as ratios to what it stands on
    Bench(bench::Args),
    /// Run the private PostgreSQL of the tests until Ctrl-C
    Postgres,
    /// Run tables of working time, holidays, phone numbers and surveys; print right and wrong
    Vectors(suite::Vectors),
}

fn main() -> ExitCode {
    match run(Cli::parse().chore) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<ExitCode> {
    let shell = Shell::new()?;
    match chore {
        Chore::Check => {
            let metadata = Metadata::read(&shell)?;
            tools::ensure(&shell, tools::FOR_CHECK)?;
            check::run(&shell, &metadata)?;
            Ok(ExitCode::SUCCESS)
        }
        Chore::Test { args } => test::run(&shell, &args),
        Chore::Bench(args) => bench::run(&shell, &args),
        Chore::Postgres => {
            let metadata = Metadata::read(&shell)?;
            tools::ensure(&shell, &[tools::Tool::Postgres])?;
            postgres::foreground(&shell, &metadata.target)?;
            Ok(ExitCode::SUCCESS)
        }
        Chore::Vectors(asked) => suite::vectors(&shell, asked),
    }
}
