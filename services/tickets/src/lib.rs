//! From a contact of a customer to a matter settled and agreed: tickets, their conversation, their
//! clocks, their queues.
//!
//! A request comes in at `service`, is parsed and carried out by `rpc/<operation>`, decided by
//! `domain` (pure), and written by `store` with its events in one transaction. What commands share
//! stands in `command`, what time does in `worker`, what the gateway
//! tells of tenants and their staff in `directory`, what becomes of bad answers to surveys in `loops`,
//! what every day came to in `figures`.
//!
//! # Invariants
//! - All events of a ticket are written with its row held; they have no gaps, and their times never
//!   fall.
//! - Every transition is a pure function; what it refuses, it refuses with blockers as data.
//! - No agent's ledger row exceeds its capacity, unless somebody with the permission says so.
//! - Words stand apart from what is counted and queued by, and never appear in an event.
//!
//! # Deliberately absent
//! Work orders, remedies, commitments, escalations, merge and split: they come with their own issues.

mod app;
pub mod backlog;
mod command;
mod convert;
pub mod directory;
pub mod domain;
mod error;
mod fields;
pub mod figures;
#[cfg(test)]
mod fixture;
mod link;
pub mod loops;
mod rpc;
mod service;
pub mod store;
#[cfg(test)]
mod tests;
pub mod worker;

use ::store::{Migration, migration};

pub use app::{App, BadTenant, Parts, Tenant};
pub use error::Error;
pub use service::routes;

/// The name of this service: in links, tokens, feeds and schemas.
pub const NAME: &str = "tickets";

/// The schema of tickets.
pub fn migrations() -> Vec<Migration> {
    vec![
        migration!(100, "../migrations", "0100_tickets"),
        migration!(101, "../migrations", "0101_directory"),
        migration!(102, "../migrations", "0102_figures"),
    ]
}
