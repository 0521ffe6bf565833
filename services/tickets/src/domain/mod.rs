//! The rules of tickets: pure, without async, clock or I/O. A transition takes the ticket as it is
//! and returns it as it will be, with what happened on the way; or it refuses, with blockers.

pub mod assign;
pub mod clock;
mod code;
pub mod entry;
pub mod facts;
pub mod figures;
pub mod policy;
pub mod routing;
mod settle;
pub mod thanks;
pub mod ticket;
mod timers;
mod work;

pub use ticket::{Actor, Refusal, Ticket};
