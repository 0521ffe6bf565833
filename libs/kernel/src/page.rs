//! Pages: sizes that are brought into range, and tokens that only we can make (AIP-158).
//!
//! A token is the position after which the next page starts, sealed for its tenant and its query:
//! with another filter, order, method or tenant it does not open. It grants nothing by itself.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use uuid::Uuid;

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

/// The row after which a page starts, as it stands in a token.
pub trait Position: Sized {
    /// Before the first row.
    const START: Self;

    /// Its bytes.
    fn encode(&self) -> Vec<u8>;

    /// The position of these bytes.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// A place in a list that is ordered by id, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest(pub Uuid);

impl Position for Newest {
    const START: Self = Self(Uuid::max());

    fn encode(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

/// A place in a list that is ordered by number, the greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greatest(pub i64);

impl Position for Greatest {
    const START: Self = Self(i64::MAX);

    fn encode(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(i64::from_be_bytes).map(Self)
    }
}

/// Of lists that are ordered by a text.
impl Position for String {
    const START: Self = Self::new();

    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_owned()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Self::from_utf8(bytes.to_owned()).ok()
    }
}

/// A list of one tenant: its method and whatever else must be the same on the next page.
#[derive(Debug)]
pub struct Query<'a> {
    tokens: &'a PageTokens,
    tenant: TenantId,
    same: Vec<u8>,
}

impl<'a> Query<'a> {
    /// The list of `method`, restricted to what `of` says.
    pub fn new(tokens: &'a PageTokens, tenant: TenantId, method: &str, of: &str) -> Self {
        Self { tokens, tenant, same: [method.as_bytes(), &[0], of.as_bytes()].concat() }
    }

    /// Where the page of this token starts; the empty token is the first page's. A token that is
    /// not ours is a violation.
    pub fn start<P: Position>(&self, token: &str, violations: &mut Violations) -> P {
        if token.is_empty() {
            return P::START;
        }
        let opened = self.tokens.open(self.tenant, &self.same, token);
        violations.check(opened.is_some(), "page_token", "is none that this list gave out");
        opened.and_then(|bytes| P::decode(&bytes)).unwrap_or(P::START)
    }

    /// The token of the page after `last`, of which there is none behind the last page.
    pub fn token(&self, last: Option<impl Position>) -> String {
        last.map(|last| self.tokens.seal(self.tenant, &self.same, &last.encode()))
            .unwrap_or_default()
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

    #[test]
    fn a_list_goes_on_by_its_own_tokens_alone() {
        let tokens = PageTokens::new(RootKeys::parse(&"01".repeat(32), &[]).unwrap());
        let tenant = TenantId::from(Uuid::from_u128(1));
        let (x, y) =
            (Query::new(&tokens, tenant, "List", "x"), Query::new(&tokens, tenant, "List", "y"));
        let started = |query: &Query<'_>, token: &str| {
            let mut violations = Violations::new();
            let start: String = query.start(token, &mut violations);
            (start, violations.as_slice().first().map(|violation| violation.field.clone()))
        };
        let token = x.token(Some("seven".to_owned()));
        assert_eq!(started(&x, &token), ("seven".to_owned(), None));
        assert_eq!(started(&x, ""), (String::new(), None));
        for (query, token) in [(&y, token.as_str()), (&x, "nonsense!")] {
            assert_eq!(started(query, token), (String::new(), Some("page_token".into())));
        }
        assert_eq!(x.token(None::<String>), "", "behind the last page there is none");
    }

    #[test]
    fn positions_round_trip() {
        let newest = Newest(Uuid::from_u128(7));
        assert_eq!(Newest::decode(&newest.encode()), Some(newest));
        assert_eq!(Newest::decode(&[0; 15]), None);
        assert_eq!(Greatest::decode(&Greatest(-7).encode()), Some(Greatest(-7)));
        assert_eq!(Greatest::decode(&[0; 7]), None);
    }
}
