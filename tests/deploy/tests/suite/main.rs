//! What operators run the suite by: one program, so that the chart is rendered once.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod compose;
mod network;
mod pods;
mod running;
mod values;
