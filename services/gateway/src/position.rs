//! Where a page starts: the last row of the page before, sealed for its tenant and its query.

use kernel::{TenantId, Time, Violations};
use uuid::Uuid;

use crate::App;

/// A place in a list that is ordered by time and id, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) at: Time,
    pub(crate) id: Uuid,
}

impl Position {
    /// Before the newest row.
    pub(crate) const START: Self = Self { at: Time::from_micros(i64::MAX), id: Uuid::max() };

    fn encode(self) -> Vec<u8> {
        [self.at.micros().to_be_bytes().as_slice(), self.id.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, id) = bytes.split_first_chunk::<8>()?;
        let at = Time::from_micros(i64::from_be_bytes(*at));
        Some(Self { at, id: Uuid::from_slice(id).ok()? })
    }
}

/// A list of one tenant: its method and whatever else must be the same on the next page.
#[derive(Debug)]
pub(crate) struct Query {
    tenant: TenantId,
    query: Vec<u8>,
}

impl Query {
    pub(crate) fn new(tenant: TenantId, method: &str, of: &str) -> Self {
        Self { tenant, query: [method.as_bytes(), &[0], of.as_bytes()].concat() }
    }

    /// Where the page of this token starts; the empty token is the first page's. A token that is
    /// not ours is a violation.
    pub(crate) fn start(&self, app: &App, token: &str, violations: &mut Violations) -> Position {
        self.open(app, token, violations)
            .and_then(|bytes| Position::decode(&bytes))
            .unwrap_or(Position::START)
    }

    /// The same for lists that are ordered by text, which start after the empty one.
    pub(crate) fn start_text(&self, app: &App, token: &str, violations: &mut Violations) -> String {
        self.open(app, token, violations)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    fn open(&self, app: &App, token: &str, violations: &mut Violations) -> Option<Vec<u8>> {
        if token.is_empty() {
            return None;
        }
        let opened = app.tokens.open(self.tenant, &self.query, token);
        violations.check(opened.is_some(), "page_token", "is none that this list gave out");
        opened
    }

    /// The token for the page after `last`.
    pub(crate) fn token(&self, app: &App, last: Position) -> String {
        app.tokens.seal(self.tenant, &self.query, &last.encode())
    }

    /// The same for lists that are ordered by text.
    pub(crate) fn token_text(&self, app: &App, last: &str) -> String {
        app.tokens.seal(self.tenant, &self.query, last.as_bytes())
    }
}

/// Cuts a page of rows, of which one more than `size` was read where there are more, and says after
/// which row the next page starts.
pub(crate) fn cut<T>(rows: &mut Vec<T>, size: i64) -> Option<&T> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    rows.last().filter(|_| more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_round_trips() {
        let position = Position { at: Time::from_micros(-7), id: Uuid::from_u128(9) };
        assert_eq!(Position::decode(&position.encode()), Some(position));
        assert_eq!(Position::decode(&[0; 23]), None);
        assert_eq!(Position::decode(&[0; 25]), None);
    }

    #[test]
    fn a_page_is_cut_where_there_is_more() {
        let mut rows = vec![1, 2, 3];
        assert_eq!(cut(&mut rows, 2), Some(&2));
        assert_eq!(rows, [1, 2]);
        assert_eq!(cut(&mut rows, 2), None);
    }
}
