//! The rules, without a clock or any I/O.

pub(crate) mod code;
pub mod invitation;
pub mod logic;
pub mod loops;
pub mod questionnaire;
pub mod response;
pub mod rollup;
pub mod score;
pub mod survey;
