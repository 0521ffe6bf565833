//! House rules that are checked by reading the tree
//!
//! Each rule is a pure function from source text to findings, so that its tests can plant an
//! offender; `tests/tree.rs` runs them over the workspace. A finding says what is wrong, why it
//! matters and where it stands. Absent: what clippy, rustfmt or the compiler can say.

mod rules;
mod rust;
mod sql;
mod tenancy;
mod tree;

pub use rules::source;
pub use tenancy::{Exceptions, statements};
pub use tree::{Source, rust_sources, twins, workspace};
