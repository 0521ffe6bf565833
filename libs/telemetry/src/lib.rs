//! Logs and metrics, and every name of them, once.
//!
//! Labels are names of methods, codes, queues and consumers: never a tenant, a ticket or anything
//! of a person. Nothing is global: a process makes one [`Metrics`] and hands it on.

mod logs;
mod metrics;

pub use logs::{LogFormat, init};
pub use metrics::{CallTimer, Metrics};
