//! Articles as other systems write them down: Markdown with front matter, CSV of question and answer,
//! JSON lines. What is written here is read here again.

mod plan;
mod row;
mod text;

use contracts::knowledge::v1 as pb;

pub(crate) use plan::{Known, Plan};
pub(crate) use row::{Defaults, Row, Written};
pub(crate) use text::{header, rows, write};

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The column or key; empty for the row as a whole.
    pub(crate) field: String,
    pub(crate) description: String,
    /// The earlier row that it is the same as, counted from 1; 0 where that is not the fault.
    pub(crate) earlier: i32,
}

impl Fault {
    pub(crate) fn of(field: &str, description: &str) -> Self {
        Self { field: field.to_owned(), description: description.to_owned(), earlier: 0 }
    }

    /// A row is of the same article and language as an earlier one.
    pub(crate) fn same_as(earlier: i32) -> Self {
        let why = "is of the same article and language as an earlier row";
        Self { earlier, ..Self::of("", why) }
    }
}

impl From<Fault> for pb::ImportFault {
    fn from(fault: Fault) -> Self {
        Self { field: fault.field, description: fault.description, earlier_row: fault.earlier }
    }
}
