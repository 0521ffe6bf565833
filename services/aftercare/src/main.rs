//! The one binary: serve, migrate, backup, restore, verify, token, call, import, export, demo, doctor,
//! feed, clock, index, config.
//!
//! Each subcommand is a module with its arguments and a `run`. What they print is for people and
//! shells: results on standard output, everything else on standard error.
//!
//! Deliberately absent: rules. The binary puts the services together and speaks to them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program prints: it is the only crate that may"
)]

mod args;
mod backup;
mod call;
mod demo;
mod doctor;
mod migrate;
mod operate;
mod print;
mod progress;
mod seed;
mod serve;
mod settings;
mod token;
mod transfer;
mod verify;

use std::process::ExitCode;

use clap::Parser;

/// Calls are many small pieces of memory, made by one thread and let go by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match args::Args::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            print::failure(&error);
            ExitCode::FAILURE
        }
    }
}
