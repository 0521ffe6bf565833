//! The suite from outside. One program, so that all tests share one running suite on each database.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing to unwrap has failed")]

mod cli;
mod demo;
mod door;
mod errors;
mod isolation;
mod journeys;
mod keys;
mod parity;
mod permissions;
mod processes;
mod restore;
mod scenarios;
mod texts;
