//! What customers said of being contacted: entries of a ledger, and what they mean for a contact.

use contracts::customers::v1::{ConsentState, ContactChannel, ContactPurpose, ContactRule};
use kernel::{CustomerId, Time};

/// How long the version of a policy is at most.
pub const MAX_POLICY_VERSION: usize = 64;
/// How long evidence is at most.
pub const MAX_EVIDENCE: usize = 200;

const COLLECTION: &str = "/consents/";

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who said it.
    pub customer: CustomerId,
    /// Its place in the customer's history: that of its event.
    pub sequence: i64,
    /// What the contacts are for, and how they come.
    pub subject: Subject,
    /// What was said.
    pub state: ConsentState,
    /// The version of the text that was shown.
    pub policy_version: String,
    /// Where it can be seen that it was said.
    pub evidence: String,
    /// What kind of principal recorded it.
    pub actor_kind: String,
    /// Who recorded it.
    pub actor: String,
    /// When. Later entries of the same customer are of later instants.
    pub at: Time,
}

/// What contacts are for, and how they come: what consent is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What for.
    pub purpose: ContactPurpose,
    /// How.
    pub channel: ContactChannel,
}

/// The resource name of an entry.
pub fn name(customer: CustomerId, sequence: i64) -> String {
    format!("{}{COLLECTION}{sequence}", customer.name())
}

/// The key of the entry of this resource name.
pub fn parse_name(name: &str) -> Option<(CustomerId, i64)> {
    let (customer, text) = name.split_once(COLLECTION)?;
    let sequence: i64 = text.parse().ok()?;
    let canonical = sequence > 0 && sequence.to_string() == text;
    CustomerId::parse_name(customer).filter(|_| canonical).map(|customer| (customer, sequence))
}

/// Whether this can be a reference that may be kept for ever: letters, digits and `. _ - / : #`, 1 to
/// `max` characters. It has no room for addresses of people or for free text.
pub fn is_reference(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:#".contains(&byte))
}

/// The rule by which what the customer said stands in the way of a contact. Nothing said is not a no:
/// it is enough for every purpose but promotion.
pub fn objection(purpose: ContactPurpose, said: ConsentState) -> Option<ContactRule> {
    let unasked = match purpose {
        ContactPurpose::Promotion => Some(ContactRule::ConsentMissing),
        ContactPurpose::Unspecified
        | ContactPurpose::Service
        | ContactPurpose::Survey
        | ContactPurpose::Care => None,
    };
    match said {
        ConsentState::Unspecified | ConsentState::Unknown => unasked,
        ConsentState::Granted => None,
        ConsentState::Denied => Some(ContactRule::ConsentDenied),
        ConsentState::Withdrawn => Some(ContactRule::ConsentWithdrawn),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_name_has_one_form() {
        let customer = CustomerId::from(Uuid::from_u128(7));
        assert_eq!(parse_name(&name(customer, 12)), Some((customer, 12)));
        for wrong in ["0", "-1", "+1", "01", "", "x", "1/consents/2"] {
            let name = format!("{}/consents/{wrong}", customer.name());
            assert_eq!(parse_name(&name), None, "{wrong}");
        }
        assert_eq!(parse_name("customers/x/consents/1"), None);
    }

    #[test]
    fn references_have_no_room_for_people_or_words() {
        for right in ["tickets/0198-x", "form:2026_11#3", "a.b"] {
            assert!(is_reference(right, 200), "{right}");
        }
        for wrong in ["", "ann@example.com", "she said yes", "她同意", "a\n", &"a".repeat(201)] {
            assert!(!is_reference(wrong, 200), "{wrong}");
        }
    }

    #[test]
    fn unknown_is_not_denied_and_only_promotion_needs_a_yes() {
        use ConsentState::{Denied, Granted, Unknown, Withdrawn};
        use ContactPurpose::{Care, Promotion, Service, Survey};
        for purpose in [Service, Survey, Care] {
            assert_eq!(objection(purpose, Unknown), None);
        }
        assert_eq!(objection(Promotion, Unknown), Some(ContactRule::ConsentMissing));
        for purpose in [Service, Survey, Care, Promotion] {
            assert_eq!(objection(purpose, Granted), None);
            assert_eq!(objection(purpose, Denied), Some(ContactRule::ConsentDenied));
            assert_eq!(objection(purpose, Withdrawn), Some(ContactRule::ConsentWithdrawn));
        }
    }
}
