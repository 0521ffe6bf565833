//! Where a page starts of what goes by time.

use kernel::{Time, page};
use uuid::Uuid;

/// A place in a list that is ordered by time and id, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) at: Time,
    pub(crate) id: Uuid,
}

impl page::Position for Position {
    const START: Self = Self { at: Time::from_micros(i64::MAX), id: Uuid::max() };

    fn encode(&self) -> Vec<u8> {
        [self.at.micros().to_be_bytes().as_slice(), self.id.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, id) = bytes.split_first_chunk::<8>()?;
        let at = Time::from_micros(i64::from_be_bytes(*at));
        Some(Self { at, id: Uuid::from_slice(id).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use page::Position as _;

    use super::*;

    #[test]
    fn a_position_round_trips() {
        let position = Position { at: Time::from_micros(-7), id: Uuid::from_u128(9) };
        assert_eq!(Position::decode(&position.encode()), Some(position));
        assert_eq!(Position::decode(&[0; 23]), None);
        assert_eq!(Position::decode(&[0; 25]), None);
    }
}
