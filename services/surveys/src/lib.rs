//! Surveys: what customers are asked, and what becomes of it.
//!
//! # Invariants
//! - A published version never changes; what is answered is bound to it.
//! - Which questions are asked is a pure function of the questionnaire and the answers
//!   ([`domain::logic`]): hidden answers count nowhere, and the order of answering changes nothing.
//! - Nothing is published that has a fault: a text that is missing, a condition that makes no sense.
//! - A resolution asks a customer once for each survey; whoever follows a link leaves no trace by reading.
//! - Answers never change. Of an invitation one response counts at most, and the last word of a person
//!   is never lost to a machine that followed the link before.
//! - What is missing and what is of another tenant are the same error.
//! - A change, its events and its `request_id` commit together; every event is written under the row
//!   of what it happened to.
//! - Scores are counts by number, kept as responses come by a consumer of the service's own feed
//!   ([`scores`]): they equal a recount, and each event of a response counts once.
//!
//! # Deliberately absent
//! Sending: `delivery.requested` tells whoever does that a customer is to be asked.

pub mod domain;
pub mod recount;
pub mod scores;

mod app;
mod command;
mod contact;
mod convert;
mod error;
mod events;
mod invitations;
mod measures;
mod position;
mod rpc;
mod service;
mod store;
mod submission;
pub mod tenants;
#[cfg(test)]
mod tests;
pub mod tickets;
pub mod worker;

pub use self::store::{MIGRATIONS, STATEMENTS, migrations};
pub use app::{App, Parts};
pub use error::Error;
pub use service::{add_to, routes};
