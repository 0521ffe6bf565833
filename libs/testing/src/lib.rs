//! Harness for tests: both databases, a test clock, goldens of errors, a collector of traces, a
//! subscriber of one test's own.

pub mod collector;
pub mod db;
pub mod faults;
mod watch;

pub use collector::{Collector, SeenSpan};
pub use db::{TestDb, each_db};
pub use watch::watch;
