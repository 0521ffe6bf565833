//! The bus. A service commits its events together with the change that they tell of; here they get
//! their place in the feed, are handed to other services, and take effect there exactly once.
//!
//! - [`Sequencer`] moves events from the outbox into partitions with dense positions.
//! - [`Source`] reads a service's feed; [`FeedServer`] serves it to peers.
//! - [`Consumer`] applies another service's events to its own database through a [`Handler`].
//! - [`FeedAdmin`] lists, redrives and rewinds consumers for an operator.
//! - [`watch`] streams one tenant's events to a client, with resume tokens.
//! - [`Housekeeper`] prunes what is older than the retention; [`Retention`] does so with rows of a
//!   service's own that are kept for a time only.
//!
//! # Invariants
//! - Positions of a partition are dense from 1 and visible in order: whoever sees n + 1 sees n.
//! - Within an aggregate, feed order is the order of `sequence`. Across aggregates the feed is *not*
//!   in order of time.
//! - A consumer's cursor and the effect of an event commit in one transaction, which takes the
//!   cursor's row first. So of any number of replicas, stalled and overtaken ones included, one
//!   applies each event, and one at a time works on a partition.
//! - An event that cannot be applied parks its aggregate: later events of it wait behind it, the
//!   rest goes on, and nothing is dropped.
//!
//! # Deliberately absent
//! A broker, LISTEN/NOTIFY, exactly-once delivery to anything that is not in the consumer's own
//! database: a handler writes there and nowhere else.

mod admin;
mod consumer;
mod cursors;
mod dead_letters;
mod event;
mod fault;
mod fetched;
mod handler;
pub mod inspect;
mod managed;
mod prune;
mod retention;
mod sequencer;
mod server;
mod source;
mod together;
mod watch;

#[cfg(test)]
mod tests;

pub use admin::FeedAdmin;
pub use consumer::{ConsumeError, Consumer, Site};
pub use event::Event;
pub use fault::FeedFault;
pub use handler::{HandleError, Handler};
pub use managed::{Managed, Redriven};
pub use prune::{Housekeeper, RETENTION};
pub use retention::{Kept, Retention};
pub use sequencer::Sequencer;
pub use server::FeedServer;
pub use source::{Heads, Page, Source};
pub use watch::{Item, Resume, WatchFault, watch};

/// Every statement of the crate, for the test that prepares them on both databases.
pub fn statements() -> Vec<store::Sql> {
    [
        sequencer::STATEMENTS,
        source::STATEMENTS,
        cursors::STATEMENTS,
        dead_letters::STATEMENTS,
        inspect::STATEMENTS,
        prune::STATEMENTS,
    ]
    .concat()
}
