//! The suite from outside. One program, so that all tests share one running suite on each database.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing to unwrap has failed")]

mod audience;
mod backups;
mod bulk;
mod cli;
mod demo;
mod door;
mod errors;
mod help;
mod hostile;
mod isolation;
mod journeys;
mod keys;
mod later;
mod links;
mod loops;
mod matrix;
mod overload;
mod parity;
mod paths;
mod permissions;
mod processes;
mod replicas;
mod restore;
mod scenarios;
mod scores;
mod secrets;
mod texts;
mod traces;
mod whole_case;
