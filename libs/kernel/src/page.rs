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

/// About how many bytes of encoded messages a page holds: half of what gRPC's clients take by default.
pub const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Cuts a page to at most `size` items, and to about [`MOST_BYTES`] of them, but never to none; true
/// where more follow. One item more than `size` was read where there are more, and `bytes` tells how
/// long one is when it is encoded.
pub fn cut<T>(items: &mut Vec<T>, size: i64, bytes: impl Fn(&T) -> usize) -> bool {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let (mut kept, mut total) = (0, 0);
    for item in items.iter().take(size) {
        total += bytes(item);
        if kept > 0 && total > MOST_BYTES {
            break;
        }
        kept += 1;
    }
    let more = items.len() > kept;
    items.truncate(kept);
    more
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
    fn a_page_ends_at_its_size_or_at_its_bytes_and_is_never_empty() {
        let cut_to = |sizes: &[usize], size| {
            let mut items = sizes.to_vec();
            let more = cut(&mut items, size, |bytes| *bytes);
            (items.len(), more)
        };
        assert_eq!(cut_to(&[1, 1, 1], 2), (2, true));
        assert_eq!(cut_to(&[1, 1], 2), (2, false));
        assert_eq!(cut_to(&[], 2), (0, false));
        assert_eq!(cut_to(&[MOST_BYTES / 2, MOST_BYTES / 2, 1, 1], 50), (2, true));
        assert_eq!(cut_to(&[MOST_BYTES * 2, 1], 50), (1, true));
        assert_eq!(cut_to(&[MOST_BYTES * 2], 50), (1, false));
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
