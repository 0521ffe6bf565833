//! Where pages of lists by time start.

use kernel::{Time, page::Position};
use uuid::Uuid;

/// A place in a list that is ordered by an instant and an id, the latest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latest(pub(crate) Time, pub(crate) Uuid);

impl Position for Latest {
    const START: Self = Self(Time::from_micros(i64::MAX), Uuid::max());

    fn encode(&self) -> Vec<u8> {
        [self.0.micros().to_be_bytes().as_slice(), self.1.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, id) = bytes.split_at_checked(8)?;
        let at = Time::from_micros(i64::from_be_bytes(at.try_into().ok()?));
        Some(Self(at, Uuid::from_slice(id).ok()?))
    }
}
