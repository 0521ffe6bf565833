//! What an operator asks of a database that came back from somewhere: whether history and feed are
//! whole, and how far consumers are.

use store::{Db, Error, Sql, Tx, args};
use uuid::Uuid;

const PLACES: Sql = Sql::both(
    "SELECT consumer, source, partition, incarnation, position, stopped FROM cursors \
     ORDER BY consumer, source, partition",
);
const LETTERS: Sql = Sql::both("SELECT COUNT(*) FROM dead_letters");
const FOLLOW: Sql =
    Sql::both("UPDATE cursors SET incarnation = $3 WHERE source = $1 AND incarnation = $2");
const EVENTS: Sql = Sql::both("SELECT COUNT(*) FROM events");
const GAPS: Sql = Sql::both(
    "SELECT COUNT(*) FROM (SELECT tenant, aggregate FROM events GROUP BY tenant, aggregate \
     HAVING COUNT(*) <> MAX(sequence) OR MIN(sequence) <> 1) AS gaps",
);
const PLACED: Sql =
    Sql::both("SELECT CAST(COALESCE(SUM(head - tail), 0) AS BIGINT) FROM partitions");
/// Positions are a key, so as many as there should be within the bounds are all there are.
const DENSE: Sql = Sql::both(
    "SELECT COUNT(*) FROM feed f JOIN partitions p ON p.partition = f.partition \
     WHERE f.position > p.tail AND f.position <= p.head",
);
const FEED: Sql = Sql::both("SELECT COUNT(*) FROM feed");
const WITHOUT_EVENT: Sql = Sql::both(
    "SELECT COUNT(*) FROM feed f LEFT JOIN events e ON e.tenant = f.tenant \
     AND e.aggregate = f.aggregate AND e.sequence = f.sequence WHERE e.sequence IS NULL",
);
const WAITING_WITHOUT_EVENT: Sql = Sql::both(
    "SELECT COUNT(*) FROM outbox o LEFT JOIN events e ON e.tenant = o.tenant \
     AND e.aggregate = o.aggregate AND e.sequence = o.sequence WHERE e.sequence IS NULL",
);
/// Each event was given one position, pruned ones included, or waits for it.
const EVER_PLACED: Sql = Sql::both("SELECT CAST(COALESCE(SUM(head), 0) AS BIGINT) FROM partitions");
const WAITING: Sql = Sql::both("SELECT COUNT(*) FROM outbox");
const TWICE: Sql = Sql::both(
    "SELECT CAST(COALESCE(SUM(n - 1), 0) AS BIGINT) FROM (SELECT COUNT(*) AS n FROM \
     (SELECT tenant, aggregate, sequence FROM feed UNION ALL \
     SELECT tenant, aggregate, sequence FROM outbox) AS places \
     GROUP BY tenant, aggregate, sequence HAVING COUNT(*) > 1) AS twice",
);

pub(crate) const STATEMENTS: &[Sql] = &[
    PLACES,
    LETTERS,
    FOLLOW,
    EVENTS,
    GAPS,
    PLACED,
    DENSE,
    FEED,
    WITHOUT_EVENT,
    WAITING_WITHOUT_EVENT,
    EVER_PLACED,
    WAITING,
    TWICE,
];

/// How far a consumer is in one partition of a source.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Place {
    /// For instance `customers.timeline`.
    pub consumer: String,
    /// The service that it follows.
    pub source: String,
    /// The partition of its feed.
    pub partition: i64,
    /// The incarnation that the position is of; nil where it was rewound.
    pub incarnation: Uuid,
    /// The last position that took effect.
    pub position: i64,
    /// Why it stopped; empty while it runs.
    pub stopped: String,
}

/// How far the consumers of a database are.
pub async fn places(db: &Db) -> Result<Vec<Place>, Error> {
    db.all(PLACES, args![]).await
}

/// How many events the consumers of a database have put aside.
pub async fn letters(db: &Db) -> Result<u64, Error> {
    count(db.one(LETTERS, args![]).await?)
}

/// Lets the consumers of a database go on where they are in a source that has another incarnation
/// since: right only where both are of one instant, as in a backup of the whole suite.
pub async fn follow_renewed(
    tx: &mut Tx,
    source: &str,
    before: Uuid,
    after: Uuid,
) -> Result<u64, Error> {
    tx.execute(FOLLOW, args![source, before, after]).await
}

/// What history and feed of a service come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// Events in all.
    pub events: u64,
    /// Aggregates whose history has a gap.
    pub gaps: u64,
    /// Events that have a place in the feed.
    pub placed: u64,
    /// Places that are missing, are beyond the feed's ends, have no event or one that has another, and
    /// events that have none.
    pub misplaced: u64,
}

/// Looks at history and feed of a service, within one view of its database.
pub async fn whole(tx: &mut Tx) -> Result<Whole, Error> {
    let placed = count(tx.one(PLACED, args![]).await?)?;
    let dense = count(tx.one(DENSE, args![]).await?)?;
    let feed = count(tx.one(FEED, args![]).await?)?;
    let orphans = count(tx.one(WITHOUT_EVENT, args![]).await?)?
        + count(tx.one(WAITING_WITHOUT_EVENT, args![]).await?)?;
    let twice = count(tx.one(TWICE, args![]).await?)?;
    let ever = count(tx.one(EVER_PLACED, args![]).await?)?;
    let waiting = count(tx.one(WAITING, args![]).await?)?;
    let events = count(tx.one(EVENTS, args![]).await?)?;
    let lost = (events + twice + orphans).abs_diff(ever + waiting);
    Ok(Whole {
        events,
        gaps: count(tx.one(GAPS, args![]).await?)?,
        placed,
        misplaced: placed.abs_diff(dense) + feed.abs_diff(dense) + orphans + twice + lost,
    })
}

fn count((number,): (i64,)) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Corrupt(format!("a count of {number}")))
}
