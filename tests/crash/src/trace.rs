//! Each application of an event to the timeline, in the order in which they were committed. The
//! timeline has one row for each event whatever happens, so it alone would hide an event that took
//! effect twice, or out of order. A trigger writes the trace in the transaction of the effect; it
//! stands in the databases of these tests only.

use store::{Db, Error, Sql, args, transact};
use uuid::Uuid;

const TABLE: Sql = Sql::split(
    "CREATE TABLE IF NOT EXISTS crash_trace (place INTEGER PRIMARY KEY AUTOINCREMENT, \
     aggregate BLOB NOT NULL, sequence BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS crash_trace (place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
     aggregate UUID NOT NULL, sequence BIGINT NOT NULL)",
);
const FUNCTION: Sql = Sql::split(
    "SELECT 1",
    "CREATE OR REPLACE FUNCTION crash_traced() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN INSERT INTO crash_trace (aggregate, sequence) VALUES (NEW.aggregate, NEW.sequence); \
     RETURN NEW; END'",
);
const TRIGGER: Sql = Sql::split(
    "CREATE TRIGGER IF NOT EXISTS crash_traced AFTER INSERT ON timeline BEGIN \
     INSERT INTO crash_trace (aggregate, sequence) VALUES (NEW.aggregate, NEW.sequence); END",
    "CREATE OR REPLACE TRIGGER crash_traced AFTER INSERT ON timeline \
     FOR EACH ROW EXECUTE FUNCTION crash_traced()",
);
const READ: Sql = Sql::both("SELECT aggregate, sequence FROM crash_trace ORDER BY place");

/// From now on the database of customers keeps the trace.
///
/// # Panics
/// Where it cannot be told to.
pub async fn install(customers: &Db) {
    let installed = transact!(customers, "crash.trace", |tx| {
        for statement in [TABLE, FUNCTION, TRIGGER] {
            tx.execute(statement, args![]).await?;
        }
        Ok::<_, Error>(())
    });
    installed.expect("the trace can be installed");
}

/// Every application so far: ticket and sequence, in their order within each ticket.
pub(crate) async fn read(customers: &Db) -> Result<Vec<(Uuid, i64)>, Error> {
    customers.all(READ, args![]).await
}
