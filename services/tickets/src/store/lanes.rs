//! Lanes: which combinations of queue, language and skills there are, and who waits in them.

use ::store::{Error, List, Sql, Tx, args};
use kernel::{TenantId, Time};
use uuid::Uuid;

use crate::domain::routing::Candidate;

const PUT: Sql = Sql::both(
    "INSERT INTO lanes (tenant, lane) VALUES ($1, $2) ON CONFLICT (tenant, lane) DO NOTHING",
);
const ALL: Sql = Sql::both("SELECT lane FROM lanes WHERE tenant = $1 ORDER BY lane LIMIT 10000");

/// Every fixed statement of this module.
pub const STATEMENTS: &[Sql] = &[PUT, ALL];

/// How many lanes one statement looks into.
const CHUNK: usize = 32;

/// Notes that there is this lane. Lanes are few and stay.
pub async fn put(tx: &mut Tx, tenant: TenantId, lane: &str) -> Result<(), Error> {
    tx.execute(PUT, args![tenant, lane]).await.map(drop)
}

/// The lanes of a tenant.
pub async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = tx.all(ALL, args![tenant]).await?;
    Ok(rows.into_iter().map(|(lane,)| lane).collect())
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
