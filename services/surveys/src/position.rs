//! Where pages start.

use kernel::page;
use uuid::Uuid;

/// A place in a list that is ordered by id, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Newest(pub(crate) Uuid);

impl page::Position for Newest {
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
pub(crate) struct Greatest(pub(crate) i64);

impl page::Position for Greatest {
    const START: Self = Self(i64::MAX);

    fn encode(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(i64::from_be_bytes).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use page::Position as _;

    use super::*;

    #[test]
    fn positions_round_trip() {
        let newest = Newest(Uuid::from_u128(7));
        assert_eq!(Newest::decode(&newest.encode()), Some(newest));
        assert_eq!(Newest::decode(&[0; 15]), None);
        assert_eq!(Greatest::decode(&Greatest(-7).encode()), Some(Greatest(-7)));
        assert_eq!(Greatest::decode(&[0; 7]), None);
    }
}
