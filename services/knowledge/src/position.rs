//! Where pages start.

use kernel::{Time, page};

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
        let latest =
            Latest { at: Time::from_micros(-7), revision: 3, voter: "member/lin".to_owned() };
        assert_eq!(Latest::decode(&latest.encode()), Some(latest));
        assert_eq!(Latest::decode(&[0; 15]), None);
    }
}
