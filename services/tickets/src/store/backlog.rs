//! How queues stand: counts that stop at [`MOST`], so that none costs more than that, whatever waits.

use ::store::{Db, Error, List, Sql, args};
use contracts::tickets::v1::Category;
use kernel::{TenantId, Time};
use sqlx::FromRow;

/// How far is counted; one more means more.
pub const MOST: i64 = 1_000;
/// How many queues one statement looks into; of each it counts every category that is not closed, and
/// SQLite joins 500 counts at most.
const CHUNK: usize = 50;

const OPEN: [Category; 5] = [
    Category::New,
    Category::Open,
    Category::WaitingCustomer,
    Category::WaitingInternal,
    Category::Resolved,
];

const QUEUES: Sql = Sql::both("SELECT DISTINCT queue FROM lanes WHERE tenant = $1 ORDER BY queue");

/// Every fixed statement of this module.
pub const STATEMENTS: &[Sql] = &[QUEUES];

/// The tickets of one queue in one category, where there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The queue.
    pub queue: String,
    /// The category.
    pub category: Category,
    /// How many there are.
    pub n: i64,
    /// How many of them are due by now.
    pub breached: i64,
    /// How many of them are due soon, and not by now.
    pub soon: i64,
    /// The earliest due time; [`NEVER`](super::tickets::NEVER) where nothing is due.
    pub due: Time,
}

#[derive(FromRow)]
struct Row {
    queue: String,
    category: String,
    n: i64,
    breached: i64,
    soon: i64,
    due: i64,
}

impl TryFrom<Row> for Count {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let Row { queue, category, n, breached, soon, due } = row;
        let category = Category::from_str_name(&category)
            .ok_or_else(|| super::corrupt("tickets.category", &category))?;
        Ok(Self { queue, category, n, breached, soon, due: Time::from_micros(due) })
    }
}

/// All queues of a tenant that a ticket was ever in.
pub async fn queues(db: &Db, tenant: TenantId) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = db.all(QUEUES, args![tenant]).await?;
    Ok(rows.into_iter().map(|(queue,)| queue).collect())
}

/// How these queues stand at `now`; what is due before `soon` is due soon.
pub async fn counts(
    db: &Db,
    tenant: TenantId,
    queues: &[&str],
    now: Time,
    soon: Time,
) -> Result<Vec<Count>, Error> {
    let mut counts = Vec::new();
    for chunk in queues.chunks(CHUNK) {
        let mut list = List::default();
        write(&mut list, tenant, chunk, now, soon);
        let (text, values) = list.finish();
        let rows: Vec<Row> = db.all(text, values).await?;
        counts.extend(rows.into_iter().map(Count::try_from).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(counts)
}

/// Writes the statement of these counts; behind `EXPLAIN` it shows how it is planned. Those that are due
/// first are counted first.
pub fn write(list: &mut List, tenant: TenantId, queues: &[&str], now: Time, soon: Time) {
    let each = queues.iter().flat_map(|queue| OPEN.map(|category| (*queue, category)));
    for (n, (queue, category)) in each.enumerate() {
        list.push(if n > 0 { " UNION ALL " } else { "" });
        list.push(
            "SELECT MIN(queue) AS queue, MIN(category) AS category, COUNT(*) AS n, \
             COUNT(CASE WHEN due_at <= ",
        );
        list.bind(now).push(" THEN 1 END) AS breached, COUNT(CASE WHEN due_at > ").bind(now);
        list.push(" AND due_at <= ").bind(soon);
        list.push(
            " THEN 1 END) AS soon, MIN(due_at) AS due \
             FROM (SELECT queue, category, due_at FROM tickets WHERE tenant = ",
        );
        list.bind(tenant).push(" AND queue = ").bind(queue);
        list.push(" AND category = ").bind(category.as_str_name());
        list.push(" ORDER BY due_at, id").limit(MOST + 1);
        list.push(") AS one HAVING COUNT(*) > 0");
    }
}
