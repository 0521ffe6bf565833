//! A customer as this service knows it, and what may be written of it.

use contracts::customers::v1::{CustomerKind, Salutation};
use kernel::{CustomerId, RowScope, Time, Violations, mask::Mask};

use super::{identifier::Identifier, mask, name};

/// The fields that an update may write.
pub const WRITABLE: &[&str] = &[
    "display_name",
    "family_name",
    "given_name",
    "salutation",
    "language",
    "time_zone",
    "segment",
];
/// How many identifiers a customer has at most.
pub const MAX_IDENTIFIERS: usize = 20;

const MAX_NAME: usize = 200;
const MAX_NAME_PART: usize = 100;

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Rises with every change of its fields; the etag.
    pub version: i64,
    /// The sequence of its last event.
    pub sequence: i64,
    /// The instant of its last event.
    pub last_at: Time,
    /// A person or an organisation.
    pub kind: CustomerKind,
    /// What may be written of it.
    pub profile: Profile,
    /// How it is reached and recognised, in the order given.
    pub identifiers: Vec<Identifier>,
    /// When it was recorded.
    pub created_at: Time,
    /// When its fields last changed.
    pub updated_at: Time,
}

/// What may be written of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The full name as it is written.
    pub display_name: String,
    /// The family name.
    pub family_name: String,
    /// The given name.
    pub given_name: String,
    /// How to address the person.
    pub salutation: Salutation,
    /// `zh`, `en` or empty.
    pub language: String,
    /// An IANA name or empty.
    pub time_zone: String,
    /// The segment as the company names it, or empty.
    pub segment: String,
}

impl Default for Profile {
    fn default() -> Self {
        let text = String::new;
        Self {
            display_name: text(),
            family_name: text(),
            given_name: text(),
            salutation: Salutation::Unspecified,
            language: text(),
            time_zone: text(),
            segment: text(),
        }
    }
}

impl Profile {
    /// Notes whatever is wrong with the fields that are to be written.
    pub fn check(&self, written: impl Fn(&str) -> bool, violations: &mut Violations) {
        let names = [
            ("display_name", &self.display_name, MAX_NAME),
            ("family_name", &self.family_name, MAX_NAME_PART),
            ("given_name", &self.given_name, MAX_NAME_PART),
        ];
        for (field, text, most) in names {
            if written(field) {
                violations.text(&format!("customer.{field}"), text, 0, most);
                let masked = mask::is_masked(text);
                violations.check(!masked, &format!("customer.{field}"), MASKED);
            }
        }
        let codes: [(&str, bool, &str); 3] = [
            ("language", matches!(&*self.language, "" | "zh" | "en"), "must be `zh` or `en`"),
            ("time_zone", is_time_zone(&self.time_zone), "must be an IANA time zone"),
            ("segment", is_segment(&self.segment), SEGMENT),
        ];
        for (field, right, description) in codes {
            violations.check(right || !written(field), &format!("customer.{field}"), description);
        }
    }

    /// The same with names trimmed, and the full name put together where only its parts are given.
    #[must_use]
    pub fn completed(mut self) -> Self {
        for text in [&mut self.display_name, &mut self.family_name, &mut self.given_name] {
            text.truncate(text.trim_end().len());
            text.drain(..text.len() - text.trim_start().len());
        }
        if self.display_name.is_empty() {
            self.display_name = name::full(&self.family_name, &self.given_name);
        }
        self
    }

    /// This profile with the fields of `mask` taken from `new`. A full name that was put together
    /// from its parts follows them, unless it is written itself.
    #[must_use]
    pub fn updated(&self, new: &Self, mask: &Mask) -> Self {
        let mut result = self.clone();
        for path in mask.paths() {
            match *path {
                "display_name" => result.display_name.clone_from(&new.display_name),
                "family_name" => result.family_name.clone_from(&new.family_name),
                "given_name" => result.given_name.clone_from(&new.given_name),
                "salutation" => result.salutation = new.salutation,
                "language" => result.language.clone_from(&new.language),
                "time_zone" => result.time_zone.clone_from(&new.time_zone),
                "segment" => result.segment.clone_from(&new.segment),
                other => unreachable!("`{other}` is not writable"),
            }
        }
        let composed = self.display_name == name::full(&self.family_name, &self.given_name);
        if composed && !mask.has("display_name") {
            result.display_name.clear();
        }
        result.completed()
    }

    /// The fields in which this profile differs from `other`.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let same = [
            self.display_name == other.display_name,
            self.family_name == other.family_name,
            self.given_name == other.given_name,
            self.salutation == other.salutation,
            self.language == other.language,
            self.time_zone == other.time_zone,
            self.segment == other.segment,
        ];
        WRITABLE.iter().zip(same).filter(|(_, same)| !same).map(|(path, _)| *path).collect()
    }

    /// Whether it says what the customer is called.
    pub fn has_name(&self) -> bool {
        !self.display_name.is_empty()
    }
}

const MASKED: &str = "is what a mask left of the name: leave it out, or write the whole";
const SEGMENT: &str = "must be letters, digits and `-`, at most 63";

fn is_segment(text: &str) -> bool {
    text.len() <= 63 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_time_zone(text: &str) -> bool {
    text.is_empty() || jiff::tz::TimeZone::get(text).is_ok()
}

/// Whether a caller with this scope reaches this customer. Customers belong to no team, so a scope of
/// teams reaches none.
pub fn reaches(scope: &RowScope, customer: CustomerId) -> bool {
    match scope {
        RowScope::None | RowScope::Teams(_) => false,
        RowScope::Own(own) => *own == customer,
        RowScope::Tenant => true,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn profile(display: &str, family: &str, given: &str) -> Profile {
        Profile {
            display_name: display.to_owned(),
            family_name: family.to_owned(),
            given_name: given.to_owned(),
            ..Profile::default()
        }
    }

    fn mask(paths: &[&str]) -> Mask {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        Mask::parse(Some(&paths), WRITABLE, |_| false, &mut Violations::new())
    }

    #[test]
    fn a_full_name_is_put_together_only_where_it_is_missing() {
        assert_eq!(profile("", " 王 ", "芳").completed().display_name, "王芳");
        assert_eq!(profile("", "王", "").completed().display_name, "王");
        assert_eq!(profile(" 王芳女士 ", "王", "芳").completed().display_name, "王芳女士");
    }

    #[test]
    fn a_full_name_that_was_put_together_follows_its_parts() {
        let before = profile("王芳", "王", "芳");
        let new = profile("", "李", "");
        assert_eq!(before.updated(&new, &mask(&["family_name"])).display_name, "李芳");
        let own = profile("芳姐", "王", "芳");
        assert_eq!(own.updated(&new, &mask(&["family_name"])).display_name, "芳姐");
        assert_eq!(own.updated(&new, &mask(&["display_name"])).display_name, "王芳");
        let cleared = before.updated(&new, &mask(&["*"]));
        assert_eq!((cleared.display_name.as_str(), cleared.given_name.as_str()), ("李", ""));
    }

    #[test]
    fn every_fault_is_noted_at_once_and_only_of_what_is_written() {
        let wrong = Profile {
            display_name: "名".repeat(201),
            given_name: "王**".to_owned(),
            language: "zh-CN".to_owned(),
            time_zone: "Asia/Peking".to_owned(),
            segment: "key account".to_owned(),
            ..Profile::default()
        };
        let fields = |written: &dyn Fn(&str) -> bool| {
            let mut violations = Violations::new();
            wrong.check(written, &mut violations);
            violations.as_slice().iter().map(|v| v.field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            fields(&|_| true),
            [
                "customer.display_name",
                "customer.given_name",
                "customer.language",
                "customer.time_zone",
                "customer.segment",
            ]
        );
        assert_eq!(fields(&|path| path == "segment"), ["customer.segment"]);
    }

    #[test]
    fn differences_are_named() {
        let (a, b) = (profile("王芳", "王", "芳"), profile("李芳", "李", "芳"));
        assert_eq!(a.differences(&b), ["display_name", "family_name"]);
        assert!(a.differences(&a).is_empty());
    }

    #[test]
    fn a_customer_reaches_only_itself() {
        let id = |n| CustomerId::from(Uuid::from_u128(n));
        assert!(reaches(&RowScope::Tenant, id(1)));
        assert!(reaches(&RowScope::Own(id(1)), id(1)));
        assert!(!reaches(&RowScope::Own(id(1)), id(2)));
        assert!(!reaches(&RowScope::None, id(1)));
        assert!(!reaches(&RowScope::Teams(vec!["a".to_owned()]), id(1)));
    }
}
