//! Appending events: history for good, and the outbox from which the sequencer gives them their
//! place in the feed.

use kernel::{CallerKind, TenantId, Time};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{Arg, Db, Engine, Error, List, Tx, Unique, args};

/// An event as its service makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Whose it is.
    pub tenant: TenantId,
    /// What it happened to: a ticket, a customer.
    pub aggregate: Uuid,
    /// Its place in the aggregate's history: without gaps, from 1. The aggregate's row keeps the
    /// last one.
    pub sequence: i64,
    /// When it happened; never less than the aggregate's previous one, see [`monotone`].
    pub at: Time,
    /// What happened, for instance `ticket.created`.
    pub kind: &'static str,
    /// The service's event message, serialised; ids, states and figures only.
    pub payload: Vec<u8>,
    /// What kind of principal did it.
    pub actor_kind: CallerKind,
    /// Who did it: a slug, an id, a service's name.
    pub actor: String,
    /// The W3C trace context of the call that caused it; empty where there was none.
    pub trace: String,
}

/// The instant of an aggregate's next event: `now`, or a microsecond after its last one where this
/// process's clock is behind the one that wrote that.
pub fn monotone(now: Time, last_at: Time) -> Time {
    now.max(last_at.plus_micros(1))
}

/// The partition of an aggregate, `0..partitions`: FNV-1a with 64 bits over the bytes of tenant and
/// aggregate, its halves folded by XOR, modulo `partitions`. Stored rows depend on it: it never
/// changes.
pub fn partition_of(tenant: TenantId, aggregate: Uuid, partitions: u32) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in tenant.uuid().as_bytes().iter().chain(aggregate.as_bytes()) {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    }
    let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
    u32::try_from(folded % u64::from(partitions.max(1))).unwrap_or(0)
}

/// How many events one statement takes: 10 values each, well below the engines' limits.
const CHUNK: usize = 500;

/// Inserts that go with events, all of them in one round trip: on PostgreSQL one statement, on SQLite
/// one text of several.
#[derive(Debug)]
pub struct Inserts {
    engine: Engine,
    list: List,
}

impl Inserts {
    /// None yet.
    pub fn new(engine: Engine) -> Self {
        let start = match engine {
            Engine::Sqlite => "",
            Engine::Postgres => "WITH ",
        };
        Self { engine, list: List::new(start) }
    }

    /// One more, of this name among them; `write` appends the whole `INSERT`.
    pub fn and(&mut self, name: &'static str, write: impl FnOnce(&mut List)) {
        match self.engine {
            Engine::Sqlite => {
                write(&mut self.list);
                self.list.push("; ");
            }
            Engine::Postgres => {
                self.list.push(name).push(" AS (");
                write(&mut self.list);
                self.list.push("), ");
            }
        }
    }

    /// With those of events and their outbox rows behind them.
    fn with(mut self, partitions: u32, events: &[NewEvent]) -> List {
        let partition = |event: &NewEvent| partition_of(event.tenant, event.aggregate, partitions);
        let list = &mut self.list;
        match self.engine {
            Engine::Sqlite => {
                list.push(
                    "INSERT INTO events \
                     (tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace) VALUES ",
                );
                list.rows(events.iter().map(values)).push(
                    "; INSERT INTO outbox (partition, at, tenant, aggregate, sequence) VALUES ",
                );
                list.rows(events.iter().map(|event| {
                    args![partition(event), event.at, event.tenant, event.aggregate, event.sequence]
                }));
            }
            Engine::Postgres => {
                list.push(
                    "new (tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, \
                     trace, partition) AS (VALUES ",
                );
                list.rows(events.iter().map(|event| {
                    let mut row = values(event);
                    row.push(Arg::from(partition(event)));
                    row
                }));
                list.push(
                    "), history AS (INSERT INTO events \
                     (tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace) \
                     SELECT tenant, aggregate, sequence, at, kind, payload, actor_kind, actor, trace \
                     FROM new) \
                     INSERT INTO outbox (partition, at, tenant, aggregate, sequence) \
                     SELECT partition, at, tenant, aggregate, sequence FROM new",
                );
            }
        }
        self.list
    }
}

/// Writes events and their outbox rows in the caller's transaction: one round trip for 500 of them.
///
/// The caller holds the aggregate's row (its lock, or its version by compare-and-set) in the same
/// transaction; a sequence that exists already fails, see [`is_taken`].
pub async fn append(tx: &mut Tx, partitions: u32, events: &[NewEvent]) -> Result<(), Error> {
    for chunk in events.chunks(CHUNK) {
        append_with(tx, Inserts::new(tx.engine()), partitions, chunk).await?;
    }
    Ok(())
}

/// The same with further inserts, for a write whose round trips count; of events there is one at
/// least, and few.
pub async fn append_with(
    tx: &mut Tx,
    inserts: Inserts,
    partitions: u32,
    events: &[NewEvent],
) -> Result<(), Error> {
    let (text, values) = inserts.with(partitions, events).finish();
    tx.execute(text, values).await?;
    tx.mark_appended();
    Ok(())
}

/// The same as a transaction of its own, tried again after a lost race as [`transact!`] does; on
/// PostgreSQL without BEGIN and COMMIT, which would be two more round trips.
///
/// [`transact!`]: crate::transact
pub async fn append_alone(
    db: &Db,
    inserts: Inserts,
    partitions: u32,
    events: &[NewEvent],
) -> Result<(), Error> {
    let span = tracing::debug_span!("db.append", db.system.name = db.engine().name());
    db.write_alone(inserts.with(partitions, events)).instrument(span).await
}

/// True where `error` says that an event with this sequence exists already: somebody else wrote the
/// aggregate meanwhile. The one statement of PostgreSQL may meet either table's key first.
pub fn is_taken(error: &Error) -> bool {
    const KEYS: [Unique; 2] = [
        Unique { name: "events_key", columns: "events.tenant, events.aggregate, events.sequence" },
        Unique {
            name: "outbox_key",
            columns: "outbox.partition, outbox.at, outbox.tenant, outbox.aggregate, outbox.sequence",
        },
    ];
    KEYS.iter().any(|key| error.is_unique_violation(key))
}

fn values(event: &NewEvent) -> Vec<Arg> {
    args![
        event.tenant,
        event.aggregate,
        event.sequence,
        event.at,
        event.kind,
        event.payload.as_slice(),
        event.actor_kind.as_str(),
        &event.actor,
        &event.trace,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_falls_within_an_aggregate() {
        let at = Time::from_micros;
        assert_eq!(monotone(at(10), at(5)), at(10));
        assert_eq!(monotone(at(5), at(5)), at(6));
        assert_eq!(monotone(at(1), at(5)), at(6));
    }

    #[test]
    fn partitions_are_golden() {
        let id = |n: u128| Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + n);
        let of = |n, partitions| partition_of(TenantId::from(id(1)), id(n), partitions);
        let sixteen: Vec<u32> = (0..12).map(|n| of(n, 16)).collect();
        assert_eq!(sixteen, [5, 10, 3, 0, 1, 6, 15, 12, 13, 2, 11, 8]);
        assert!((0..100).all(|n| of(n, 1) == 0));
    }

    #[test]
    fn partitions_are_even() {
        let tenant = TenantId::from(Uuid::from_u128(7));
        let mut counts = [0_u32; 16];
        for n in 0..16_000_u128 {
            let aggregate =
                Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834));
            counts[partition_of(tenant, aggregate, 16) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
