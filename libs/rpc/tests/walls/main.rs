//! The wall, the links, the deadlines and the accept loop, as callers meet them: in process and over
//! a real listener, with the same answers.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail its test")]

mod calls;
mod connections;
mod scene;
