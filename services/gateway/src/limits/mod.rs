//! What protects the door: how much a tenant and a credential may call, and how much the process
//! takes on at once.
//!
//! - [`quota`]: what is fair over time. Whoever is over it is told `RESOURCE_EXHAUSTED` and when to
//!   come again; nobody else notices.
//! - [`overload`]: what the process can do right now. Beyond it calls are refused at once with
//!   UNAVAILABLE and a push-back, so that those let in are still served in time.
//!
//! Both decide in memory of this process alone; with n replicas a tenant may call n times as much.
//!
//! # Deliberately absent
//! Queues: a call that waits for its turn here is late everywhere else.

pub mod overload;
pub mod quota;

pub use overload::{Class, Overload, Permit, Shed};
pub use quota::{Exceeded, Left, Quotas, Rate};
