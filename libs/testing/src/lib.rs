//! Harness for tests: both databases, a test clock, goldens.

pub mod db;

pub use db::{TestDb, each_db};
