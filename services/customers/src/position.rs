//! Where a page starts of what goes by time.

use kernel::{Time, page};
use uuid::Uuid;

/// A place in a list that is ordered by time, id and sequence, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) at: Time,
    pub(crate) id: Uuid,
    pub(crate) sequence: i64,
}

impl page::Position for Position {
    const START: Self =
        Self { at: Time::from_micros(i64::MAX), id: Uuid::max(), sequence: i64::MAX };

    fn encode(&self) -> Vec<u8> {
        let at = self.at.micros().to_be_bytes();
        [at.as_slice(), self.id.as_bytes(), &self.sequence.to_be_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, rest) = bytes.split_first_chunk::<8>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let sequence = i64::from_be_bytes(rest.try_into().ok()?);
        let at = Time::from_micros(i64::from_be_bytes(*at));
        Some(Self { at, id: Uuid::from_bytes(*id), sequence })
    }
}

#[cfg(test)]
mod tests {
    use page::Position as _;

    use super::*;

    #[test]
    fn a_position_round_trips() {
        let position =
            Position { at: Time::from_micros(-7), id: Uuid::from_u128(9), sequence: i64::MAX };
        assert_eq!(Position::decode(&position.encode()), Some(position));
        assert_eq!(Position::decode(&[0; 31]), None);
        assert_eq!(Position::decode(&[0; 33]), None);
    }
}
