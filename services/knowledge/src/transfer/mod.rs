//! Articles as other systems write them down: Markdown with front matter, CSV of question and answer,
//! JSON lines. What is written here is read here again.

mod row;
mod text;

use contracts::knowledge::v1 as pb;

pub(crate) use row::{Defaults, Row, Written};
pub(crate) use text::{header, rows, write};

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The column or key; empty for the row as a whole.
    pub(crate) field: String,
    pub(crate) description: String,
}

impl Fault {
    pub(crate) fn of(field: &str, description: &str) -> Self {
        Self { field: field.to_owned(), description: description.to_owned() }
    }
}

impl From<Fault> for pb::ImportFault {
    fn from(fault: Fault) -> Self {
        Self { field: fault.field, description: fault.description }
    }
}
