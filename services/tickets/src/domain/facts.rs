//! What a complaint must tell: who, what, when, and what is expected. What is missing is named.

use contracts::tickets::v1::{Kind, MissingFact};
use serde::{Deserialize, Serialize};

/// Which facts are there; the words themselves are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact, told or not")]
pub struct Told {
    /// Whether there is a customer or a way to reach one.
    pub who: bool,
    /// Whether a way to reach the customer was given, and was not found to reach nobody.
    pub reachable: bool,
    /// Whether it is told what happened.
    pub what: bool,
    /// Whether it is told when.
    pub when: bool,
    /// Whether it is told what is expected.
    pub expectation: bool,
}

impl Told {
    /// The facts that a ticket of this kind lacks. Only complaints need them all.
    pub fn missing(self, kind: Kind) -> Vec<MissingFact> {
        if kind != Kind::Complaint {
            return Vec::new();
        }
        [
            (self.who, MissingFact::Who),
            (self.what, MissingFact::What),
            (self.when, MissingFact::When),
            (self.expectation, MissingFact::Expectation),
        ]
        .into_iter()
        .filter(|(told, _)| !told)
        .map(|(_, fact)| fact)
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_needs_all_four_and_a_question_none() {
        let told = Told { who: true, what: true, ..Told::default() };
        assert_eq!(told.missing(Kind::Complaint), [MissingFact::When, MissingFact::Expectation]);
        assert_eq!(Told::default().missing(Kind::Inquiry), []);
    }
}
