//! Where the events of a feed of one partition come in a feed of several.
//!
//! Each aggregate goes to the partition that [`partition_of`] gives it, in the order that its events
//! had. Positions are dense from 1, those of pruned events included, which all count as the first
//! partition's. What a consumer of the one partition had seen is then, in each
//! of the several, all up to a position: so cursors move exactly. The feed gets a new incarnation, since
//! positions mean something else now.

use uuid::Uuid;

use crate::{
    Error, Sql, Tx, args,
    events::partition_of,
    meta::{incarnation_in, partitions_in},
};

use super::CopyError;

const FEED: Sql = Sql::both(
    "SELECT position, tenant, aggregate FROM feed WHERE position > $1 ORDER BY position LIMIT 10000",
);
const ENDS: Sql = Sql::both("SELECT head, tail FROM partitions WHERE partition = 0");

/// Every statement of this module.
pub(super) const STATEMENTS: &[Sql] = &[FEED, ENDS];

/// The places of one service's events, before and after.
#[derive(Clone, Debug)]
pub struct Places {
    /// The incarnation of the feed that is copied.
    pub(super) before: Uuid,
    /// That of the copy.
    pub(super) after: Uuid,
    /// How many partitions the copy has.
    pub(super) partitions: u32,
    /// The last position that was pruned before.
    tail: i64,
    /// Position before, partition and position after; by position before.
    moved: Vec<(i64, u32, i64)>,
}

impl Places {
    /// The places that the events of `from` get in a feed of so many partitions.
    pub async fn of(from: &mut Tx, partitions: u32, after: Uuid) -> Result<Self, CopyError> {
        let found = partitions_in(from).await?;
        if found != 1 {
            return Err(CopyError::Partitions { found });
        }
        let before = incarnation_in(from).await?;
        let (head, tail): (i64, i64) = from.one(ENDS, args![]).await?;
        let (mut events, mut last) = (Vec::new(), tail);
        loop {
            let rows: Vec<(i64, Uuid, Uuid)> = from.all(FEED, args![last]).await?;
            let Some((position, ..)) = rows.last() else { break };
            last = *position;
            events.extend(rows.into_iter().map(|(position, tenant, aggregate)| {
                (position, partition_of(tenant.into(), aggregate, partitions))
            }));
        }
        if last != head {
            let what = format!("the feed ends at {last}, its partition at {head}");
            return Err(Error::Corrupt(what).into());
        }
        Ok(Self::from_order(&events, Feed { before, after, partitions, tail }))
    }

    pub(super) fn from_order(events: &[(i64, u32)], feed: Feed) -> Self {
        let Feed { before, after, partitions, tail } = feed;
        let mut heads = first(tail, partitions);
        let moved = events.iter().map(|(position, partition)| {
            let head = &mut heads[*partition as usize];
            *head += 1;
            (*position, *partition, *head)
        });
        Self { before, after, partitions, tail, moved: moved.collect() }
    }

    /// Partition and position of an event after; `None` where it is not in the feed.
    pub(super) fn at(&self, position: i64) -> Option<(u32, i64)> {
        let index = self.moved.binary_search_by_key(&position, |(before, ..)| *before).ok()?;
        Some((self.moved[index].1, self.moved[index].2))
    }

    /// How far somebody who had come to `position` has come in each partition; `None` where events that
    /// come next are no longer kept.
    pub(super) fn seen(&self, position: i64) -> Option<Vec<i64>> {
        if position < self.tail {
            return None;
        }
        let mut seen = self.tails();
        for (_, partition, after) in
            self.moved.iter().take_while(|(before, ..)| *before <= position)
        {
            seen[*partition as usize] = *after;
        }
        Some(seen)
    }

    /// The last position of each partition.
    pub(super) fn heads(&self) -> Vec<i64> {
        let mut heads = self.tails();
        for (_, partition, after) in &self.moved {
            heads[*partition as usize] = *after;
        }
        heads
    }

    /// The last position of each partition that was pruned.
    pub(super) fn tails(&self) -> Vec<i64> {
        first(self.tail, self.partitions)
    }
}

/// This number for the first partition, zero for the others.
fn first(number: i64, partitions: u32) -> Vec<i64> {
    let mut all = vec![0; partitions as usize];
    all[0] = number;
    all
}

/// What a feed is, its events apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feed {
    pub(super) before: Uuid,
    pub(super) after: Uuid,
    pub(super) partitions: u32,
    pub(super) tail: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(events: &[(i64, u32)], tail: i64) -> Places {
        let feed = Feed { before: Uuid::nil(), after: Uuid::max(), partitions: 3, tail };
        Places::from_order(events, feed)
    }

    #[test]
    fn each_partition_is_dense_and_in_the_order_of_the_one() {
        let places = places(&[(5, 0), (6, 2), (7, 0), (8, 0), (9, 2)], 4);
        assert_eq!((places.tails(), places.heads()), (vec![4, 0, 0], vec![7, 0, 2]));
        assert_eq!(places.at(5), Some((0, 5)));
        assert_eq!(places.at(9), Some((2, 2)));
        assert_eq!((places.at(4), places.at(10)), (None, None));
    }

    #[test]
    fn what_was_seen_is_what_stands_up_to_the_positions() {
        let places = places(&[(5, 0), (6, 2), (7, 0), (8, 0), (9, 2)], 4);
        assert_eq!(places.seen(4), Some(vec![4, 0, 0]));
        assert_eq!(places.seen(7), Some(vec![6, 0, 1]));
        assert_eq!(places.seen(9), Some(places.heads()));
        assert_eq!(places.seen(3), None, "the fourth event is gone, and was not seen");
    }
}
