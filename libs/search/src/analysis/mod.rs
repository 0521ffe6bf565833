//! From text to terms.

mod analyzer;
mod grams;
mod pieces;
mod query;
mod stop;
mod tokenizer;

pub use analyzer::Analyzer;
pub(crate) use grams::{bigrams, stem};
pub(crate) use pieces::{BORDER, Piece, is_dense, pieces};
pub(crate) use query::{Concept, Slot, Terms};
pub(crate) use tokenizer::{BIGRAMS, WORDS, register};
