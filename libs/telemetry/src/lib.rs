//! Logs, traces and metrics, and every name of them, once.
//!
//! Labels and attributes are names of methods, codes, queues, services and consumers: never a
//! tenant, a ticket or anything of a person. Nothing is global but what `tracing` makes so: a
//! process makes one [`Metrics`] and hands it on.
//!
//! - [`CallSpan`] and [`consume`] are the spans; [`Trace`] is what goes from one to the next.
//! - [`Collector`] sends them by OTLP; without one they cost nothing, and traces are handed on.
//! - [`init`] starts the log, whose JSON lines tell the trace that they belong to.

mod call_timer;
mod collector;
mod database;
mod json;
mod logs;
mod metrics;
mod sampling;
mod span;
mod trace;

#[cfg(test)]
mod tests;

pub use call_timer::CallTimer;
pub use collector::{BadCollector, Collector, Export};
pub use database::DatabaseUse;
pub use logs::{BadLevel, LogFormat, dispatch, init};
pub use metrics::{Meters, Metrics, Name};
pub use span::{CallSpan, Side, consume};
pub use trace::Trace;
