//! Lanes: which combinations of queue, language and skills there are, and who waits in them.

use ::store::{Db, Error, List, Sql, Tx, args};
use kernel::{TenantId, Time};
use uuid::Uuid;

use crate::domain::routing::Candidate;

const PUT: Sql = Sql::both(
    "INSERT INTO lanes (tenant, queue, lane) VALUES ($1, $2, $3) \
     ON CONFLICT (tenant, queue, lane) DO NOTHING",
);
const WAITING: Sql =
    Sql::both("SELECT lane, COUNT(*) FROM tickets WHERE waiting GROUP BY tenant, lane");

/// Every fixed statement of this module.
pub const STATEMENTS: &[Sql] = &[PUT, WAITING];

/// How many lanes one statement looks into.
const CHUNK: usize = 32;

/// Notes that there is this lane of this queue. Lanes stay, and are as many as the tenant's queues,
/// languages, skills and weights make.
pub async fn put(tx: &mut Tx, tenant: TenantId, queue: &str, lane: &str) -> Result<(), Error> {
    tx.execute(PUT, args![tenant, queue, lane]).await.map(drop)
}

/// The lanes of these queues, all of them: one left out would be one that nobody is served from.
pub async fn of_queues(
    tx: &mut Tx,
    tenant: TenantId,
    queues: &[&str],
) -> Result<Vec<String>, Error> {
    if queues.is_empty() {
        return Ok(Vec::new());
    }
    let mut list = List::new("SELECT lane FROM lanes WHERE tenant = ");
    list.bind(tenant).push(" AND queue IN (").binds(queues.iter().copied()).push(")");
    let (text, values) = list.finish();
    let rows: Vec<(String,)> = tx.all(text, values).await?;
    Ok(rows.into_iter().map(|(lane,)| lane).collect())
}

/// How many tickets wait in each lane where any do, of all tenants; a lane of several tenants comes
/// several times. However many tickets there are, only those that wait are looked at, by their index.
pub async fn waiting(db: &Db) -> Result<Vec<(String, i64)>, Error> {
    db.all(WAITING, args![]).await
}

/// The heads of these lanes: of each the `most` earliest due and the `most` oldest. Each costs one
/// look-up in an index, however many wait.
pub async fn heads(
    tx: &mut Tx,
    tenant: TenantId,
    lanes: &[&str],
    most: i64,
) -> Result<Vec<Candidate>, Error> {
    let mut heads = Vec::new();
    for chunk in lanes.chunks(CHUNK) {
        let mut list = List::default();
        write(&mut list, tenant, chunk, most);
        let (text, values) = list.finish();
        let rows: Vec<(Uuid, String, i64, i64)> = tx.all(text, values).await?;
        heads.extend(rows.into_iter().map(|(id, queue, queued_at, due)| Candidate {
            id: id.into(),
            queue,
            queued_at: Time::from_micros(queued_at),
            due: Time::from_micros(due),
        }));
    }
    Ok(heads)
}

/// Writes the statement of the heads of some lanes; behind `EXPLAIN` it shows how it is planned.
pub fn write(list: &mut List, tenant: TenantId, lanes: &[&str], most: i64) {
    for (n, lane) in lanes.iter().enumerate() {
        if n > 0 {
            list.push(" UNION ");
        }
        list.push(
            "SELECT * FROM (SELECT id, queue, queued_at, due_at FROM tickets WHERE tenant = ",
        );
        list.bind(tenant).push(" AND lane = ").bind(*lane);
        list.push(" AND waiting ORDER BY due_at, queued_at, id").limit(most);
        list.push(") AS d UNION ");
        list.push(
            "SELECT * FROM (SELECT id, queue, queued_at, due_at FROM tickets WHERE tenant = ",
        );
        list.bind(tenant).push(" AND lane = ").bind(*lane);
        list.push(" AND waiting ORDER BY queued_at, id").limit(most).push(") AS a");
    }
}
