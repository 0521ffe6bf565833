//! Tests of more than one operation.

mod concurrency;
mod cut;
mod directory;
mod figures;
mod properties;
