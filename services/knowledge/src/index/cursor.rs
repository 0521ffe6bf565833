//! How far an index has followed the service's feed.

use std::{fmt, str::FromStr};

use feed::Heads;
use uuid::Uuid;

/// A position in each partition of one incarnation of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    incarnation: Uuid,
    positions: Vec<i64>,
}

impl Cursor {
    /// As far as the feed has come.
    pub(crate) fn at(heads: &Heads) -> Self {
        Self { incarnation: heads.incarnation, positions: heads.heads.clone() }
    }

    /// Whether what follows it is still in the feed: it is the same feed, and nothing behind the
    /// position is pruned.
    pub(crate) fn goes_on_in(&self, heads: &Heads) -> bool {
        let Heads { incarnation, heads, tails } = heads;
        let mut partitions = self.positions.iter().zip(heads.iter().zip(tails));
        self.incarnation == *incarnation
            && self.positions.len() == heads.len()
            && partitions.all(|(position, (head, tail))| tail <= position && position <= head)
    }

    /// Where it stands in a partition.
    pub(crate) fn position(&self, partition: u32) -> i64 {
        self.positions.get(partition as usize).copied().unwrap_or(0)
    }

    /// How many positions it is further than another of the same feed, in all partitions.
    pub(crate) fn ahead_of(&self, other: &Self) -> i64 {
        self.positions.iter().zip(&other.positions).map(|(one, other)| (one - other).max(0)).sum()
    }

    /// Moves on in a partition.
    pub(crate) fn advance(&mut self, partition: u32, position: i64) {
        if let Some(known) = self.positions.get_mut(partition as usize) {
            *known = position.max(*known);
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let positions: Vec<_> = self.positions.iter().map(i64::to_string).collect();
        write!(f, "{}:{}", self.incarnation, positions.join(","))
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (incarnation, positions) = text.split_once(':').ok_or(())?;
        let positions: Result<_, _> = positions.split(',').map(str::parse).collect();
        let incarnation = Uuid::try_parse(incarnation).map_err(|_| ())?;
        Ok(Self { incarnation, positions: positions.map_err(|_| ())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(incarnation: u128, heads: &[i64], tails: &[i64]) -> Heads {
        let incarnation = Uuid::from_u128(incarnation);
        Heads { incarnation, heads: heads.to_vec(), tails: tails.to_vec() }
    }

    #[test]
    fn a_cursor_round_trips() {
        let mut cursor = Cursor::at(&heads(7, &[3, 0], &[0, 0]));
        cursor.advance(1, 5);
        cursor.advance(0, 1);
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        assert_eq!((cursor.position(0), cursor.position(1)), (3, 5));
        let other = Cursor::at(&heads(7, &[1, 6], &[0, 0]));
        assert_eq!((cursor.ahead_of(&other), other.ahead_of(&cursor)), (2, 1));
        assert_eq!("x".parse::<Cursor>(), Err(()));
    }

    #[test]
    fn it_goes_on_only_where_nothing_is_lost() {
        let cursor = Cursor::at(&heads(7, &[3, 4], &[0, 0]));
        assert!(cursor.goes_on_in(&heads(7, &[9, 4], &[3, 4])));
        assert!(!cursor.goes_on_in(&heads(8, &[9, 4], &[0, 0])), "another feed");
        assert!(!cursor.goes_on_in(&heads(7, &[9, 4], &[4, 0])), "pruned");
        assert!(!cursor.goes_on_in(&heads(7, &[9, 3], &[0, 0])), "ahead of its feed");
        assert!(!cursor.goes_on_in(&heads(7, &[9], &[0])), "another number of partitions");
    }
}
