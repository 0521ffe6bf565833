//! Pages: sizes that are brought into range, and tokens that only we can make (AIP-158).
//!
//! A token is the position after which the next page starts, sealed for its tenant and its query:
//! with another filter, order, method or tenant it does not open. It grants nothing by itself.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{TenantId, Violations, keys::RootKeys};

/// What a caller gets who does not say.
pub const DEFAULT_SIZE: i64 = 50;
/// What a caller gets who asks for more than this.
pub const MAX_SIZE: i64 = 1_000;

/// How many rows to answer with: 0 means the default, more than the maximum means the maximum, a
/// negative number is a violation of `page_size`.
pub fn size(asked: i32, violations: &mut Violations) -> i64 {
    match asked {
        0 => DEFAULT_SIZE,
        ..0 => {
            violations.add("page_size", "must not be negative");
            DEFAULT_SIZE
        }
        _ => i64::from(asked).min(MAX_SIZE),
    }
}

/// Makes and reads page tokens.
#[derive(Clone, Debug)]
pub struct PageTokens {
    keys: RootKeys,
}

impl PageTokens {
    /// Tokens sealed under these keys.
    pub fn new(keys: RootKeys) -> Self {
        Self { keys }
    }

    /// The token for the page after `position`; `query` is whatever must be the same next time: the
    /// method and every argument but the page's own.
    pub fn seal(&self, tenant: TenantId, query: &[u8], position: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.keys.sealer(tenant, "page").seal(position, query))
    }

    /// The position in a token; `None` for a token that is not ours or belongs to another query.
    pub fn open(&self, tenant: TenantId, query: &[u8], token: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        self.keys.sealer(tenant, "page").open(&sealed, query).ok()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn sizes_are_brought_into_range() {
        let mut violations = Violations::new();
        assert_eq!(size(0, &mut violations), DEFAULT_SIZE);
        assert_eq!(size(7, &mut violations), 7);
        assert_eq!(size(5_000, &mut violations), MAX_SIZE);
        assert!(violations.is_empty());
        size(-1, &mut violations);
        assert_eq!(violations.as_slice()[0].field, "page_size");
    }

    #[test]
    fn a_token_belongs_to_its_query_and_tenant() {
        let tokens = PageTokens::new(RootKeys::parse(&"01".repeat(32), &[]).unwrap());
        let (a, b) = (TenantId::from(Uuid::from_u128(1)), TenantId::from(Uuid::from_u128(2)));
        let token = tokens.seal(a, b"ListTickets queue=x", b"position");
        assert_eq!(tokens.open(a, b"ListTickets queue=x", &token).unwrap(), b"position");
        assert_eq!(tokens.open(a, b"ListTickets queue=y", &token), None);
        assert_eq!(tokens.open(b, b"ListTickets queue=x", &token), None);
        assert_eq!(tokens.open(a, b"ListTickets queue=x", "nonsense!"), None);
    }
}
