//! Tests of more than one operation.

mod concurrency;
mod cut;
mod properties;
