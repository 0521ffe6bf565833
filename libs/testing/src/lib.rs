//! Harness for tests: both databases, a test clock, goldens, a collector of traces.

pub mod collector;
pub mod db;

pub use collector::{Collector, SeenSpan};
pub use db::{TestDb, each_db};
