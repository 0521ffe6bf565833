//! Ids: UUIDv7, one type for each kind of thing, so that a ticket's id is never taken for a
//! customer's.

use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident => $collection:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The collection that resource names of this kind start with.
            pub const COLLECTION: &'static str = $collection;

            /// The id itself.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The resource name, for instance `tickets/0198…`.
            pub fn name(self) -> String {
                format!(concat!($collection, "/{}"), self.0)
            }

            /// The id in a resource name of this collection; `None` where the name has another form.
            /// Only the canonical form (lower case, hyphens) is taken, so that one resource has one name.
            pub fn parse_name(name: &str) -> Option<Self> {
                canonical(name.strip_prefix(concat!($collection, "/"))?).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// One company that uses the suite.
    TenantId => "tenants";
    /// One matter of one customer.
    TicketId => "tickets";
    /// One item of a ticket's conversation.
    EntryId => "entries";
    /// A person or an organisation that a tenant serves.
    CustomerId => "customers";
    /// One purchase of a customer.
    PurchaseId => "purchases";
    /// Something that a company knows.
    ArticleId => "articles";
    /// Something that somebody searched for.
    SearchId => "searches";
    /// Something that customers are asked.
    SurveyId => "surveys";
    /// One request to one customer to answer a survey.
    InvitationId => "invitations";
    /// What somebody answered to a survey.
    ResponseId => "responses";
    /// What becomes of a bad answer.
    LoopId => "loops";
    /// What another system calls with.
    ApiKeyId => "apiKeys";
}

/// A UUID in canonical form: 36 characters, lower case, hyphens.
pub fn canonical(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    let mut buffer = Uuid::encode_buffer();
    (id.hyphenated().encode_lower(&mut buffer) == text).then_some(id)
}

/// A slug: the id of something that people configure, such as a queue, a team or a member.
/// 1 to 63 characters of `a`–`z`, `0`–`9`, `-`, starting with a letter.
pub fn is_slug(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The id of a product, which another system may have chosen: 1 to 64 ASCII letters, digits and
/// `. _ -`, starting with a letter or a digit.
pub fn is_product_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// A language tag (BCP 47) such as `zh` or `zh-Hans-CN`: 2 to 35 characters, parts of 1 to 8 ASCII
/// letters and digits, the first one of letters.
pub fn is_language_tag(text: &str) -> bool {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    (2..=35).contains(&text.len())
        && text.split('-').all(part)
        && text
            .split('-')
            .take(1)
            .all(|first| first.len() >= 2 && first.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// The slug in a resource name such as `queues/complaints`.
pub fn slug_in<'a>(name: &'a str, collection: &str) -> Option<&'a str> {
    name.strip_prefix(collection)?.strip_prefix('/').filter(|slug| is_slug(slug))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_form() {
        let id = TicketId::from(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_00ab));
        assert_eq!(TicketId::parse_name(&id.name()), Some(id));
        assert_eq!(TicketId::parse_name(&id.name().to_uppercase()), None);
        assert_eq!(TicketId::parse_name(&id.name().replace('-', "")), None);
        assert_eq!(TicketId::parse_name(&format!("customers/{id}")), None);
        assert_eq!(TicketId::parse_name(&format!("tickets/{id}/entries")), None);
    }

    #[test]
    fn language_tags() {
        for right in ["zh", "en-GB", "zh-Hans-CN", "sr-Latn"] {
            assert!(is_language_tag(right), "{right}");
        }
        for wrong in ["", "z", "zh_CN", "zh\0", "中文", "zh-", "-zh", "12", &"zh-".repeat(12)] {
            assert!(!is_language_tag(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn slugs() {
        assert_eq!(slug_in("queues/first-line", "queues"), Some("first-line"));
        for bad in ["queues/", "queues/-a", "queues/A", "queues/a/b", "teams/a", "queues/9"] {
            assert_eq!(slug_in(bad, "queues"), None, "{bad}");
        }
    }
}
