//! Where pages start.

use kernel::{Time, page};
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

/// A place in the list of an article's votes: by time, revision and voter, the latest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Latest {
    pub(crate) at: Time,
    pub(crate) revision: i64,
    pub(crate) voter: String,
}

impl page::Position for Latest {
    const START: Self =
        Self { at: Time::from_micros(i64::MAX), revision: i64::MAX, voter: String::new() };

    fn encode(&self) -> Vec<u8> {
        let at = self.at.micros().to_be_bytes();
        [at.as_slice(), &self.revision.to_be_bytes(), self.voter.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, rest) = bytes.split_first_chunk::<8>()?;
        let (revision, voter) = rest.split_first_chunk::<8>()?;
        Some(Self {
            at: Time::from_micros(i64::from_be_bytes(*at)),
            revision: i64::from_be_bytes(*revision),
            voter: String::from_utf8(voter.to_vec()).ok()?,
        })
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
        let latest =
            Latest { at: Time::from_micros(-7), revision: 3, voter: "member/lin".to_owned() };
        assert_eq!(Latest::decode(&latest.encode()), Some(latest));
        assert_eq!(Latest::decode(&[0; 15]), None);
    }
}
