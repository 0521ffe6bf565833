//! How far a consumer is. Whoever works on a partition takes its cursor's row first, which keeps all
//! others out until the commit.

use store::{Db, Error, Sql, Tx, args};
use uuid::Uuid;

const GET: Sql = Sql::both(
    "SELECT incarnation, position, stopped FROM cursors \
     WHERE consumer = $1 AND source = $2 AND partition = $3",
);
const CREATE: Sql = Sql::both(
    "INSERT INTO cursors (consumer, source, partition, incarnation, position, stopped) \
     VALUES ($1, $2, $3, $4, $5, '') ON CONFLICT (consumer, source, partition) DO NOTHING",
);
const ADVANCE: Sql = Sql::both(
    "UPDATE cursors SET position = $6 WHERE consumer = $1 AND source = $2 AND partition = $3 \
     AND incarnation = $4 AND position = $5 AND stopped = ''",
);
const LOCK: Sql = Sql::both(
    "UPDATE cursors SET position = position \
     WHERE consumer = $1 AND source = $2 AND partition = $3",
);
const ADOPT: Sql = Sql::both(
    "UPDATE cursors SET incarnation = $6, position = $7 \
     WHERE consumer = $1 AND source = $2 AND partition = $3 \
     AND incarnation = $4 AND position = $5 AND stopped = ''",
);
const STOP: Sql = Sql::both(
    "UPDATE cursors SET stopped = $6 WHERE consumer = $1 AND source = $2 AND partition = $3 \
     AND incarnation = $4 AND position = $5 AND stopped = ''",
);
const REWIND: Sql = Sql::both(
    "UPDATE cursors SET incarnation = $3, stopped = '', \
     position = CASE WHEN position < $4 THEN position ELSE $4 END \
     WHERE consumer = $1 AND source = $2 RETURNING partition, position",
);
const LIST: Sql = Sql::both(
    "SELECT partition, position, stopped FROM cursors \
     WHERE consumer = $1 AND source = $2 ORDER BY partition",
);

pub(crate) const STATEMENTS: &[Sql] = &[GET, CREATE, ADVANCE, LOCK, ADOPT, STOP, REWIND, LIST];

/// One partition of one consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) consumer: &'a str,
    pub(crate) source: &'a str,
    pub(crate) partition: u32,
}

/// A cursor as it was read.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Cursor {
    /// Of the source when the position was taken; nil after a rewind: whichever it has now.
    pub(crate) incarnation: Uuid,
    /// The last position that took effect.
    pub(crate) position: i64,
    /// Why the consumer stopped; empty while it runs.
    pub(crate) stopped: String,
}

pub(crate) async fn get(db: &Db, key: &Key<'_>) -> Result<Option<Cursor>, Error> {
    db.optional(GET, args![key.consumer, key.source, key.partition]).await
}

/// Makes the cursor of a consumer that is new to the partition, unless another replica did.
pub(crate) async fn create(
    tx: &mut Tx,
    key: &Key<'_>,
    incarnation: Uuid,
    position: i64,
) -> Result<(), Error> {
    let values = args![key.consumer, key.source, key.partition, incarnation, position];
    tx.execute(CREATE, values).await.map(drop)
}

/// Moves the cursor from where it was read; false where another replica or an operator has moved or
/// stopped it since. Nobody else gets past this statement until the transaction ends.
pub(crate) async fn advance(
    tx: &mut Tx,
    key: &Key<'_>,
    from: &Cursor,
    to: i64,
) -> Result<bool, Error> {
    let values =
        args![key.consumer, key.source, key.partition, from.incarnation, from.position, to];
    Ok(tx.execute(ADVANCE, values).await? == 1)
}

/// Takes the cursor's row without moving it; false where there is none.
pub(crate) async fn lock(tx: &mut Tx, key: &Key<'_>) -> Result<bool, Error> {
    Ok(tx.execute(LOCK, args![key.consumer, key.source, key.partition]).await? == 1)
}

/// Settles a rewound cursor on the source's incarnation and a position that is kept.
pub(crate) async fn adopt(
    tx: &mut Tx,
    key: &Key<'_>,
    from: &Cursor,
    incarnation: Uuid,
    position: i64,
) -> Result<(), Error> {
    let values = args![
        key.consumer,
        key.source,
        key.partition,
        from.incarnation,
        from.position,
        incarnation,
        position
    ];
    tx.execute(ADOPT, values).await.map(drop)
}

/// Stops the partition for a reason; false where it has moved meanwhile.
pub(crate) async fn stop(
    tx: &mut Tx,
    key: &Key<'_>,
    from: &Cursor,
    reason: &str,
) -> Result<bool, Error> {
    let values =
        args![key.consumer, key.source, key.partition, from.incarnation, from.position, reason];
    Ok(tx.execute(STOP, values).await? == 1)
}

/// Sets every partition of a consumer back to a position of whichever incarnation the source has;
/// one that has not come so far stays, since what lies between would be lost. Returns partitions with
/// the positions that they have now.
pub(crate) async fn rewind(
    tx: &mut Tx,
    consumer: &str,
    source: &str,
    position: i64,
) -> Result<Vec<(i64, i64)>, Error> {
    let values = args![consumer, source, Uuid::nil(), position];
    let mut places: Vec<(i64, i64)> = tx.all(REWIND, values).await?;
    places.sort_unstable();
    Ok(places)
}

/// Partition, position and why it stopped, for each partition of a consumer.
pub(crate) async fn list(
    db: &Db,
    consumer: &str,
    source: &str,
) -> Result<Vec<(i64, i64, String)>, Error> {
    db.all(LIST, args![consumer, source]).await
}
