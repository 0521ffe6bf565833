//! The rules of the directory, as pure functions: no async, no clock, no I/O.

pub mod address;
pub mod api_key;
pub mod member;
pub mod tenant;

use kernel::Blocker;

/// Why a transition is refused: all that stands in its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub Vec<Blocker>);

impl Refusal {
    /// One thing stands in the way.
    pub fn one(kind: &'static str, subject: &str, description: &str) -> Self {
        let (subject, description) = (subject.to_owned(), description.to_owned());
        Self(vec![Blocker { kind, subject, description }])
    }
}
