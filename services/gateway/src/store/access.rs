//! The access audit's rows: what one caller did by one method in one minute is one of them, whichever
//! processes saw it.

use contracts::gateway::v1::AccessKind;
use kernel::{TenantId, Time};
use sqlx::FromRow;
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use crate::{Error, position::Position};

const LIST: Sql = Sql::both(
    "SELECT id, at, kind, actor_kind, subject, method, credential, count FROM access_records \
     WHERE tenant = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4",
);
const LIST_KIND: Sql = Sql::both(
    "SELECT id, at, kind, actor_kind, subject, method, credential, count FROM access_records \
     WHERE tenant = $1 AND kind = $2 AND (at, id) < ($3, $4) ORDER BY at DESC, id DESC LIMIT $5",
);
const LIST_SUBJECT: Sql = Sql::both(
    "SELECT id, at, kind, actor_kind, subject, method, credential, count FROM access_records \
     WHERE tenant = $1 AND subject = $2 AND (at, id) < ($3, $4) ORDER BY at DESC, id DESC LIMIT $5",
);
const OLDEST: Sql = Sql::both(
    "DELETE FROM access_records WHERE (tenant, id) IN \
     (SELECT tenant, id FROM access_records WHERE at < $1 ORDER BY at LIMIT $2)",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[LIST, LIST_KIND, LIST_SUBJECT, OLDEST];
/// What deletes the records that are too old, of whatever tenant; see [`feed::Kept`].
pub(crate) const PRUNE: &[Sql] = &[OLDEST];

/// How many rows one statement takes: 10 values each, well below the engines' limits.
const CHUNK: usize = 500;

/// Something of note that somebody did at the door within one minute.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Record {
    pub(crate) id: Uuid,
    #[sqlx(try_from = "i64")]
    pub(crate) at: Time,
    pub(crate) kind: i64,
    pub(crate) actor_kind: String,
    pub(crate) subject: String,
    pub(crate) method: String,
    pub(crate) credential: String,
    pub(crate) count: i64,
}

/// Which records are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// All of them.
    All,
    /// Those of one kind.
    Kind(AccessKind),
    /// Those of one caller.
    Subject(String),
}

/// Adds records to what is known of their minutes.
pub(crate) async fn add(tx: &mut Tx, records: &[(TenantId, Time, Record)]) -> Result<(), Error> {
    for chunk in records.chunks(CHUNK) {
        let mut list = List::new(
            "INSERT INTO access_records (tenant, id, minute, at, kind, actor_kind, subject, method, \
             credential, count) VALUES ",
        );
        list.rows(chunk.iter().map(|(tenant, minute, record)| {
            args![
                *tenant,
                record.id,
                *minute,
                record.at,
                record.kind,
                &record.actor_kind,
                &record.subject,
                &record.method,
                &record.credential,
                record.count,
            ]
        }));
        list.push(
            " ON CONFLICT (tenant, subject, minute, kind, method, actor_kind, credential) \
             DO UPDATE SET count = access_records.count + excluded.count",
        );
        let (text, values) = list.finish();
        tx.execute(text, values).await?;
    }
    Ok(())
}

/// The records after `start`, newest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    path: &Path,
    start: Position,
    limit: i64,
) -> Result<Vec<Record>, Error> {
    let (sql, mut values) = match path {
        Path::All => (LIST, args![tenant]),
        Path::Kind(kind) => (LIST_KIND, args![tenant, *kind as i32]),
        Path::Subject(subject) => (LIST_SUBJECT, args![tenant, subject]),
    };
    values.extend(args![start.at, start.id, limit]);
    Ok(db.all(sql, values).await?)
}
