//! Facts about the database itself: which incarnation it is, how many partitions its feed has, how
//! far its clock is ahead, which root key its data is sealed by, and the key that its blind indexes
//! derive from.

use kernel::keys::{LastingKey, RootKeys};
use uuid::Uuid;

use crate::{Db, Error, Sql, Tx, args, migrate::Installation};

const PUT_NEW: Sql =
    Sql::both("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING");
const PUT: Sql = Sql::both("UPDATE meta SET value = $2 WHERE key = $1");
const REPLACE: Sql = Sql::both("UPDATE meta SET value = $3 WHERE key = $1 AND value = $2");
const GET: Sql = Sql::both("SELECT value FROM meta WHERE key = $1");
const RAISE: Sql = Sql::both(
    "UPDATE meta SET value = $2 WHERE key = $1 AND CAST(value AS BIGINT) < CAST($2 AS BIGINT)",
);
const PUT_PARTITION: Sql = Sql::both(
    "INSERT INTO partitions (partition, head, tail, epoch, holder, expires) \
     VALUES ($1, 0, 0, 0, '', 0) ON CONFLICT (partition) DO NOTHING",
);

/// Every statement of this module.
pub const STATEMENTS: &[Sql] = &[PUT_NEW, PUT, REPLACE, GET, RAISE, PUT_PARTITION, TABLE_EXISTS];

const TABLE_EXISTS: Sql = Sql::split(
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'meta'",
    "SELECT COUNT(to_regclass('meta'))",
);

pub(crate) const INCARNATION: &str = "incarnation";
pub(crate) const PARTITIONS: &str = "partitions";
const CLOCK_OFFSET: &str = "clock_offset";
const ROOT_KEY: &str = "root_key";
const LASTING_KEY: &str = "lasting_key";

/// Which incarnation this database is. A consumer that knows another one stops.
pub async fn incarnation(db: &Db) -> Result<Uuid, Error> {
    let text = get(db, INCARNATION).await?;
    Uuid::try_parse(&text).map_err(|_| Error::Corrupt(format!("incarnation `{text}`")))
}

/// Gives the database a new incarnation: part of restoring it from a backup, since its feed will
/// give positions again that consumers have already seen with other events.
pub async fn renew_incarnation(tx: &mut Tx, incarnation: Uuid) -> Result<(), Error> {
    tx.execute(PUT, args![INCARNATION, incarnation.to_string()]).await?;
    Ok(())
}

/// How many partitions the feed has, fixed when the database was made.
pub async fn partitions(db: &Db) -> Result<u32, Error> {
    number(&get(db, PARTITIONS).await?)
}

/// The same in a transaction.
pub(crate) async fn partitions_in(tx: &mut Tx) -> Result<u32, Error> {
    number(&tx.one::<(String,)>(GET, args![PARTITIONS]).await?.0)
}

/// The incarnation, in a transaction.
pub(crate) async fn incarnation_in(tx: &mut Tx) -> Result<Uuid, Error> {
    let text = tx.one::<(String,)>(GET, args![INCARNATION]).await?.0;
    Uuid::try_parse(&text).map_err(|_| Error::Corrupt(format!("incarnation `{text}`")))
}

/// How far the virtual clock is ahead of the machine's, in microseconds.
pub async fn clock_offset(db: &Db) -> Result<i64, Error> {
    number(&get(db, CLOCK_OFFSET).await?)
}

/// Raises the offset of the virtual clock; a smaller one changes nothing, so that it never falls.
pub async fn raise_clock_offset(tx: &mut Tx, micros: i64) -> Result<(), Error> {
    tx.execute(RAISE, args![CLOCK_OFFSET, micros.to_string()]).await?;
    Ok(())
}

/// The name of the root key that this data was first sealed by; `None` where nothing has been sealed
/// yet, an empty database included.
pub async fn root_key(db: &Db) -> Result<Option<String>, Error> {
    let (exists,): (i64,) = db.one(TABLE_EXISTS, args![]).await?;
    if exists == 0 {
        return Ok(None);
    }
    Ok(db.optional::<(String,)>(GET, args![ROOT_KEY]).await?.map(|(id,)| id))
}

/// Names the root key that the data of a new database is sealed by, and returns the one that stands
/// there: the first one stays.
pub async fn install_root_key(tx: &mut Tx, id: &str) -> Result<String, Error> {
    tx.execute(PUT_NEW, args![ROOT_KEY, id]).await?;
    Ok(tx.one::<(String,)>(GET, args![ROOT_KEY]).await?.0)
}

/// The key that blind indexes and hashes of requests derive from. The first process that asks makes
/// it; one that an earlier root key sealed is sealed again under the current one, so that every
/// process, before and after a rotation, has the same.
pub async fn lasting_key(db: &Db, roots: &RootKeys) -> Result<LastingKey, Error> {
    let fresh = LastingKey::generate().sealed(roots);
    crate::transact!(db, "meta.lasting_key", |tx| {
        tx.execute(PUT_NEW, args![LASTING_KEY, &fresh]).await?;
        let (sealed,): (String,) = tx.one(GET, args![LASTING_KEY]).await?;
        let (key, current) = LastingKey::open(&sealed, roots)
            .map_err(|error| Error::Corrupt(format!("the lasting key in meta: {error}")))?;
        if !current {
            tx.execute(REPLACE, args![LASTING_KEY, &sealed, key.sealed(roots)]).await?;
        }
        Ok(key)
    })
}

/// Fills in what is fixed at installation; what is there already stays.
pub(crate) async fn install(tx: &mut Tx, installation: &Installation) -> Result<(), Error> {
    let facts = [
        (INCARNATION, installation.incarnation.to_string()),
        (PARTITIONS, installation.partitions.to_string()),
        (CLOCK_OFFSET, "0".to_owned()),
    ];
    for (key, value) in facts {
        tx.execute(PUT_NEW, args![key, value]).await?;
    }
    let (partitions,): (String,) = tx.one(GET, args![PARTITIONS]).await?;
    for partition in 0..number::<u32>(&partitions)? {
        tx.execute(PUT_PARTITION, args![partition]).await?;
    }
    Ok(())
}

async fn get(db: &Db, key: &str) -> Result<String, Error> {
    Ok(db.one::<(String,)>(GET, args![key]).await?.0)
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, Error> {
    text.parse().map_err(|_| Error::Corrupt(format!("`{text}` in meta is no number in range")))
}
