//! The rules, without a clock or any I/O.

pub mod article;
pub mod audience;
pub mod helpfulness;
pub mod markdown;
pub mod publication;
pub mod revision;
