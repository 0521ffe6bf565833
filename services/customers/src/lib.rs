//! Customers: who they are, how they are recognised, what they bought, what happened between them and
//! the company, and whether they may be contacted.
//!
//! # Invariants
//! - Of one kind and one normalised identifier a tenant has one customer, held by a unique index over
//!   a keyed hash; one function normalises for every writer and reader ([`domain::identifier`]).
//! - Names and identifiers are sealed at rest for their tenant, table, column and row, leave the
//!   service masked unless the caller has `pii.read`, and are never in an event, a log or an error.
//! - A customer that is missing, of another tenant or out of the caller's rows is the same error.
//! - A change, its events and its `request_id` commit together; every event is written under the row
//!   of its aggregate.
//! - An event of a ticket appears on the timeline once, and under its customer also where that was
//!   known only later.
//! - What a customer said of being contacted is never overwritten: what held at a past instant is told
//!   the same for ever.
//! - Any number of senders together keep the cap: a contact is granted only where nobody has taken a
//!   place since the places were counted. A refusal is kept with its reasons.
//!
//! # Deliberately absent
//! Guessing (salutations, names taken apart), merging by asserted identifiers, and search: an
//! identifier is found exactly or not at all.

pub mod domain;
pub mod tenants;
pub mod timeline;

mod app;
mod convert;
mod error;
mod events;
mod gate;
mod position;
mod rpc;
mod service;
mod store;

pub use self::store::{MIGRATIONS, STATEMENTS, migrations};
pub use app::{App, Parts};
pub use error::Error;
pub use service::{add_to, routes};
