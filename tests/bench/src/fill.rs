//! Many tickets from few: copies of rows that the service wrote, words and history included.
//!
//! A copy has an id and a number of its own and was recorded a little earlier than its original;
//! everything else is the same, so that rows, indexes and the shares of states have their real shape.
//! What is not copied: the feed (it is read at its head only) and request ids.

use anyhow::Result;
use sqlx::PgConnection;

use crate::database;

/// The originals times enough copies, oldest first; each copy about a second older than the last.
/// Ids are UUIDv7 of the copy's own time, so that they stand in the index as real ones do.
const PLAN: &str = "
    CREATE TEMP TABLE copies AS
    SELECT tenant, original, shift, ROW_NUMBER() OVER (ORDER BY at) AS n, (
        LPAD(TO_HEX(at / 1000), 12, '0') || '7' || SUBSTR(hash, 1, 3)
        || '8' || SUBSTR(hash, 4, 15)
    )::UUID AS id
    FROM (
        SELECT t.tenant, t.id AS original, g * 1000003::BIGINT AS shift,
            t.created_at - g * 1000003::BIGINT AS at, MD5(t.id::TEXT || g) AS hash
        FROM tickets.tickets t, GENERATE_SERIES(1, 1000) g
        WHERE g <= 1 + {copies} / (SELECT COUNT(*) FROM tickets.tickets)
        ORDER BY g, t.id LIMIT {copies}
    ) AS planned;
    CREATE INDEX ON copies (original);
    ANALYZE copies;";

const COPY: &str = "
    INSERT INTO tickets.tickets (tenant, id, number, version, sequence, last_at, category, queue,
        team, lane, assignee, customer, waiting, due_at, queued_at, created_at, updated_at, wake_at,
        body)
    SELECT t.tenant, c.id, 10000000 + c.n, t.version, t.sequence, t.last_at, t.category, t.queue,
        t.team, t.lane, t.assignee, t.customer, t.waiting, t.due_at, t.queued_at - c.shift,
        t.created_at - c.shift, t.updated_at, t.wake_at, t.body
    FROM copies c JOIN tickets.tickets t ON t.tenant = c.tenant AND t.id = c.original
    ORDER BY c.n;
    INSERT INTO tickets.ticket_texts (tenant, ticket, title, who, what, expectation, cause,
        evidence, answer, contact)
    SELECT x.tenant, c.id, x.title, x.who, x.what, x.expectation, x.cause, x.evidence, x.answer,
        x.contact
    FROM copies c JOIN tickets.ticket_texts x ON x.tenant = c.tenant AND x.ticket = c.original
    ORDER BY c.n;
    INSERT INTO tickets.events (tenant, aggregate, sequence, at, kind, payload, actor_kind, actor,
        trace)
    SELECT e.tenant, c.id, e.sequence, e.at, e.kind, e.payload, e.actor_kind, e.actor, e.trace
    FROM copies c JOIN tickets.events e ON e.tenant = c.tenant AND e.aggregate = c.original
    ORDER BY c.n, e.sequence;
    DROP TABLE copies;";

/// Adds so many copies, and leaves the tables as autovacuum would.
pub(crate) async fn copy(connection: &mut PgConnection, copies: i64) -> Result<()> {
    database::run(connection, &PLAN.replace("{copies}", &copies.to_string())).await?;
    database::run(connection, COPY).await?;
    for table in ["tickets", "ticket_texts", "events"] {
        database::run(connection, &format!("VACUUM (ANALYZE) tickets.{table}")).await?;
    }
    database::run(connection, "CHECKPOINT").await
}
