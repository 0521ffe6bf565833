//! Knowledge: what the company knows, in articles, and a search that finds it in Chinese and English.
//!
//! # Invariants
//! - A revision never changes; a write names the one that its author saw, and never passes over
//!   another that came in between.
//! - What is live is computed from instants when it is read, never flipped by a job
//!   ([`domain::article::Article::state`], [`domain::publication`]).
//! - Who may read an article is one predicate, [`domain::audience::Reader::may_read`], written once more
//!   as SQL ([`store::articles`]) and once more as the index's filter; tests hold the three together.
//! - An article that is missing, of another tenant, not for this reader or not live for them is the same
//!   error.
//! - A change, its events and its `request_id` commit together; every event is written under the row
//!   of its article.
//! - The index is made from the database and can be made again at any time; it is never the truth.
//!
//! # Deliberately absent
//! Approval, phrases, gaps and flows, which are to come; products, which are the customers service's:
//! an article names them and nobody checks that they are there.

pub mod domain;

mod app;
mod command;
mod convert;
mod error;
mod events;
pub mod index;
mod position;
mod reading;
pub mod retention;
mod rpc;
mod search_log;
mod searching;
mod service;
mod store;
mod transfer;

pub use self::store::{MIGRATIONS, STATEMENTS, migrations};
pub use app::{App, Parts};
pub use error::Error;
pub use search_log::run as write_searches;
pub use service::{add_to, routes};
