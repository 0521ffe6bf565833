//! Events that a consumer could not apply, and those that wait behind them.
//!
//! An aggregate is parked while it has a row here. Its first row is `poison` until an operator says
//! redrive; the rows behind it are `queued`, as is the first one after that. A queued row without an
//! earlier one of its aggregate is ready to be applied, by whoever comes by: so an event that was
//! put aside just while its aggregate was redriven does not stay behind.

use std::collections::HashSet;

use contracts::r#type::v1::Event as Wire;
use kernel::{TenantId, Time};
use prost::Message as _;
use store::{Db, Error, Sql, Tx, args};
use uuid::Uuid;

use crate::{Event, cursors::Key};

const PARKED: Sql = Sql::both(
    "SELECT DISTINCT tenant, aggregate FROM dead_letters \
     WHERE consumer = $1 AND source = $2 AND partition = $3",
);
/// After a rewind an event may come again, with another position or from another incarnation.
const PUT: Sql = Sql::both(
    "INSERT INTO dead_letters (tenant, consumer, source, aggregate, sequence, partition, \
     position, kind, event, error, at, state) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
     ON CONFLICT (tenant, consumer, source, aggregate, sequence) DO UPDATE SET \
     partition = excluded.partition, position = excluded.position, kind = excluded.kind, \
     event = excluded.event, error = excluded.error, at = excluded.at, state = excluded.state",
);
const READY: Sql = Sql::both(
    "SELECT event FROM dead_letters d \
     WHERE consumer = $1 AND source = $2 AND partition = $3 AND state = 'queued' \
     AND NOT EXISTS (SELECT 1 FROM dead_letters e WHERE e.tenant = d.tenant \
     AND e.consumer = d.consumer AND e.source = d.source AND e.aggregate = d.aggregate \
     AND e.sequence < d.sequence) \
     ORDER BY at, tenant, aggregate LIMIT $4",
);
const TAKE: Sql = Sql::both(
    "DELETE FROM dead_letters \
     WHERE tenant = $1 AND consumer = $2 AND source = $3 AND aggregate = $4 AND sequence = $5 \
     AND state = 'queued' \
     AND NOT EXISTS (SELECT 1 FROM dead_letters e WHERE e.tenant = $1 AND e.consumer = $2 \
     AND e.source = $3 AND e.aggregate = $4 AND e.sequence < $5)",
);
const FAIL: Sql = Sql::both(
    "UPDATE dead_letters SET state = 'poison', error = $6 \
     WHERE tenant = $1 AND consumer = $2 AND source = $3 AND aggregate = $4 AND sequence = $5",
);
const REQUEUE: Sql = Sql::both(
    "UPDATE dead_letters SET state = 'queued' \
     WHERE consumer = $1 AND source = $2 AND state = 'poison'",
);
const PARTITIONS: Sql = Sql::both(
    "SELECT DISTINCT partition FROM dead_letters \
     WHERE consumer = $1 AND source = $2 ORDER BY partition",
);
const COUNT: Sql =
    Sql::both("SELECT COUNT(*) FROM dead_letters WHERE consumer = $1 AND source = $2");
const LIST: Sql = Sql::both(
    "SELECT event, error, at FROM dead_letters WHERE consumer = $1 AND source = $2 \
     ORDER BY at, partition, position LIMIT $3",
);
const FORGET: Sql =
    Sql::both("DELETE FROM dead_letters WHERE consumer = $1 AND source = $2 AND position > $3");

pub(crate) const STATEMENTS: &[Sql] =
    &[PARKED, PUT, READY, TAKE, FAIL, REQUEUE, PARTITIONS, COUNT, LIST, FORGET];

/// The longest error text that is kept, in characters.
const MAX_ERROR: usize = 500;

/// Why an event is put aside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aside<'a> {
    /// It could not be applied, for this reason.
    Poison(&'a str),
    /// It waits behind one that could not.
    Queued,
}

/// A dead letter as operators see it.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Letter {
    pub(crate) event: Vec<u8>,
    /// Empty for an event that only waits behind another.
    pub(crate) error: String,
    #[sqlx(try_from = "i64")]
    pub(crate) at: Time,
}

/// The parked aggregates of a partition.
pub(crate) async fn parked(tx: &mut Tx, key: &Key<'_>) -> Result<HashSet<(TenantId, Uuid)>, Error> {
    let values = args![key.consumer, key.source, key.partition];
    let rows: Vec<(Uuid, Uuid)> = tx.all(PARKED, values).await?;
    Ok(rows.into_iter().map(|(tenant, aggregate)| (tenant.into(), aggregate)).collect())
}

/// Puts an event aside, in the transaction that advances the cursor past it.
pub(crate) async fn put(
    tx: &mut Tx,
    key: &Key<'_>,
    event: &Event,
    why: Aside<'_>,
    now: Time,
) -> Result<(), Error> {
    let (state, error) = match why {
        Aside::Poison(error) => ("poison", cut(error)),
        Aside::Queued => ("queued", String::new()),
    };
    let values = args![
        event.tenant,
        key.consumer,
        key.source,
        event.aggregate,
        event.sequence,
        key.partition,
        event.position,
        &event.kind,
        event.to_wire().encode_to_vec(),
        error,
        now,
        state,
    ];
    tx.execute(PUT, values).await.map(drop)
}

/// Events that can be applied now, at most one of each aggregate.
pub(crate) async fn ready(db: &Db, key: &Key<'_>, limit: u32) -> Result<Vec<Event>, Error> {
    let values = args![key.consumer, key.source, key.partition, limit];
    let rows: Vec<(Vec<u8>,)> = db.all(READY, values).await?;
    rows.iter().map(|(event,)| read(event)).collect()
}

/// Removes an event that is being applied in the same transaction; false where it is not ready any
/// more.
pub(crate) async fn take(tx: &mut Tx, key: &Key<'_>, event: &Event) -> Result<bool, Error> {
    Ok(tx.execute(TAKE, identity(key, event)).await? == 1)
}

/// Notes that an event could not be applied again.
pub(crate) async fn fail(
    tx: &mut Tx,
    key: &Key<'_>,
    event: &Event,
    error: &str,
) -> Result<(), Error> {
    let mut values = identity(key, event);
    values.extend(args![cut(error)]);
    tx.execute(FAIL, values).await.map(drop)
}

/// Makes every poisoned event ready to be tried again.
pub(crate) async fn requeue(tx: &mut Tx, consumer: &str, source: &str) -> Result<(), Error> {
    tx.execute(REQUEUE, args![consumer, source]).await.map(drop)
}

/// The partitions that have dead letters.
pub(crate) async fn partitions(db: &Db, consumer: &str, source: &str) -> Result<Vec<u32>, Error> {
    let rows: Vec<(i64,)> = db.all(PARTITIONS, args![consumer, source]).await?;
    Ok(rows.into_iter().filter_map(|(partition,)| u32::try_from(partition).ok()).collect())
}

/// How many dead letters there are.
pub(crate) async fn count(db: &Db, consumer: &str, source: &str) -> Result<i64, Error> {
    Ok(db.one::<(i64,)>(COUNT, args![consumer, source]).await?.0)
}

/// The oldest dead letters.
pub(crate) async fn list(
    db: &Db,
    consumer: &str,
    source: &str,
    limit: u32,
) -> Result<Vec<Letter>, Error> {
    db.all(LIST, args![consumer, source, limit]).await
}

/// Drops the dead letters after a position, which a rewind to it brings again.
pub(crate) async fn forget(
    tx: &mut Tx,
    consumer: &str,
    source: &str,
    position: i64,
) -> Result<(), Error> {
    tx.execute(FORGET, args![consumer, source, position]).await.map(drop)
}

/// The event of a stored row.
pub(crate) fn read(bytes: &[u8]) -> Result<Event, Error> {
    let wire = Wire::decode(bytes).map_err(|error| Error::Corrupt(error.to_string()))?;
    Event::from_wire(wire).map_err(|error| Error::Corrupt(error.to_string()))
}

fn identity(key: &Key<'_>, event: &Event) -> Vec<store::Arg> {
    args![event.tenant, key.consumer, key.source, event.aggregate, event.sequence]
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_ERROR).collect()
}
