//! Surveys: what customers are asked, and what becomes of it.
//!
//! # Invariants
//! - A published version never changes; what is answered is bound to it.
//! - Which questions are asked is a pure function of the questionnaire and the answers
//!   ([`domain::logic`]): hidden answers count nowhere, and the order of answering changes nothing.
//! - Nothing is published that has a fault: a text that is missing, a condition that makes no sense.
//! - A survey that is missing and one of another tenant are the same error.
//! - A change, its events and its `request_id` commit together; every event is written under the row
//!   of its survey.
//! - Scores are counts by number, kept as responses come by a consumer of the service's own feed
//!   ([`scores`]): they equal a recount, and each event of a response counts once.
//!
//! # Deliberately absent
//! Invitations, responses and loops, which are to come.

pub mod domain;
pub mod scores;

mod app;
mod command;
mod convert;
mod error;
mod events;
mod measures;
mod rpc;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub use self::store::{MIGRATIONS, STATEMENTS, migrations};
pub use app::{App, Parts};
pub use error::Error;
pub use service::{add_to, routes};
