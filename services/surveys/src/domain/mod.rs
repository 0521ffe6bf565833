//! The rules, without a clock or any I/O.

pub(crate) mod code;
pub mod logic;
pub mod questionnaire;
pub mod rollup;
pub mod score;
pub mod survey;
