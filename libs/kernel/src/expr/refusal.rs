//! Why a text is no condition, and where.

use super::{MOST_BYTES, MOST_DEPTH, MOST_NODES};

/// The first thing that is wrong with a text, and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct Refusal {
    /// The place in bytes from the start.
    pub at: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong. Words of the text that it repeats are cut to a length that fits into a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More than [`MOST_BYTES`].
    #[error("a condition has at most {MOST_BYTES} bytes")]
    TooLong,
    /// More than [`MOST_NODES`].
    #[error("a condition has at most {MOST_NODES} parts")]
    TooManyNodes,
    /// More than [`MOST_DEPTH`].
    #[error("the parts of a condition are nested at most {MOST_DEPTH} deep")]
    TooDeep,
    /// Not the grammar's.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A literal that is none: an escape, a number beyond its range, an instant that does not exist.
    #[error("{0}")]
    BadLiteral(&'static str),
    /// CEL, but not of the subset.
    #[error("{0} not supported")]
    Unsupported(String),
    /// A name that no field has.
    #[error("there is no field `{0}`")]
    Undeclared(String),
    /// Types that do not go together.
    #[error("{operation} does not take {found}")]
    Mistyped {
        /// The operator or the function.
        operation: &'static str,
        /// What it was given.
        found: String,
    },
    /// The whole is a value, not a condition.
    #[error("a condition is bool, this is {0}")]
    NotACondition(String),
}

impl Problem {
    /// A word for programs, stable for ever.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLong => "TOO_LONG",
            Self::TooManyNodes => "TOO_MANY_NODES",
            Self::TooDeep => "TOO_DEEP",
            Self::Unexpected { .. } => "UNEXPECTED",
            Self::BadLiteral(_) => "BAD_LITERAL",
            Self::Unsupported(_) => "UNSUPPORTED",
            Self::Undeclared(_) => "UNDECLARED",
            Self::Mistyped { .. } => "MISTYPED",
            Self::NotACondition(_) => "NOT_A_CONDITION",
        }
    }
}

impl Refusal {
    /// Finds the line and the column of a place in `text`.
    pub(super) fn new(text: &str, at: usize, problem: Problem) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        Self { at, line, column, problem }
    }
}

/// At most 60 characters of a word of the text.
pub(super) fn cut(word: &str) -> String {
    match word.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}
