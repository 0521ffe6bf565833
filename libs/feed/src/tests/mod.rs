//! Tests on both databases: a service that writes, its feed, and services that consume.

mod consumer;
mod inspect;
mod pages;
mod replicas;
mod sequencer;
mod server;
mod source;
mod together;
mod torture;
mod trace;
mod watch;

use std::{sync::Arc, time::Duration};

use contracts::r#type::v1::feed_service_server::FeedServiceServer;
use kernel::{CallerKind, Clock, TenantId, Time};
use rpc::{Call, Link};
use store::{
    Db, Error, Migration, Sql, Tx, args,
    events::{NewEvent, append},
    transact,
};
use telemetry::Metrics;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{Event, FeedServer, HandleError, Handler, Sequencer, Site, Source};

/// Aggregates that write events, and the effects of events that were consumed.
pub(crate) const TABLES: &[Migration] = &[Migration {
    version: 100,
    name: "0100_tests",
    sql: Sql::split(
        "CREATE TABLE aggregates (tenant BLOB NOT NULL, id BLOB NOT NULL, \
         sequence BIGINT NOT NULL, last_at BIGINT NOT NULL, PRIMARY KEY (tenant, id)); \
         CREATE TABLE effects (tenant BLOB NOT NULL, aggregate BLOB NOT NULL, \
         sequence BIGINT NOT NULL, PRIMARY KEY (tenant, aggregate, sequence));",
        "CREATE TABLE aggregates (tenant UUID NOT NULL, id UUID NOT NULL, \
         sequence BIGINT NOT NULL, last_at BIGINT NOT NULL, PRIMARY KEY (tenant, id)); \
         CREATE TABLE effects (tenant UUID NOT NULL, aggregate UUID NOT NULL, \
         sequence BIGINT NOT NULL, PRIMARY KEY (tenant, aggregate, sequence));",
    ),
}];

/// The aggregate's row: takes its lock, counts its events, keeps its time from falling.
const TOUCH: Sql = Sql::both(
    "INSERT INTO aggregates (tenant, id, sequence, last_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (tenant, id) DO UPDATE SET sequence = aggregates.sequence + $3, \
     last_at = CASE WHEN excluded.last_at > aggregates.last_at THEN excluded.last_at \
     ELSE aggregates.last_at + 1 END RETURNING sequence, last_at",
);
const TAKE_EFFECT: Sql =
    Sql::both("INSERT INTO effects (tenant, aggregate, sequence) VALUES ($1, $2, $3)");
const LAST_EFFECT: Sql = Sql::both(
    "SELECT COALESCE(MAX(sequence), 0) FROM effects WHERE tenant = $1 AND aggregate = $2",
);
const EFFECTS: Sql = Sql::both(
    "SELECT sequence FROM effects WHERE tenant = $1 AND aggregate = $2 ORDER BY sequence",
);

pub(crate) fn tenant() -> TenantId {
    TenantId::from(Uuid::from_u128(1))
}

pub(crate) fn aggregate(number: u128) -> Uuid {
    Uuid::from_u128(0xa66 << 64 | number)
}

pub(crate) fn start() -> Time {
    Time::from_micros(1_763_770_000_000_000)
}

pub(crate) fn clock() -> Clock {
    Clock::manual(start())
}

/// Writes `count` events of an aggregate inside `tx`, as a service would.
pub(crate) async fn write_in(
    tx: &mut Tx,
    partitions: u32,
    tenant: TenantId,
    aggregate: Uuid,
    now: Time,
    count: i64,
) -> Result<(), Error> {
    let (last, at): (i64, i64) = tx.one(TOUCH, args![tenant, aggregate, count, now]).await?;
    let events: Vec<NewEvent> = (last - count + 1..=last)
        .map(|sequence| NewEvent {
            tenant,
            aggregate,
            sequence,
            at: Time::from_micros(at),
            kind: "test.happened",
            payload: sequence.to_be_bytes().to_vec(),
            actor_kind: CallerKind::Service,
            actor: "test".to_owned(),
            trace: String::new(),
        })
        .collect();
    append(tx, partitions, &events).await
}

/// Writes `count` events of an aggregate of [`tenant`].
pub(crate) async fn write(db: &Db, aggregate: Uuid, now: Time, count: i64) {
    let partitions = store::meta::partitions(db).await.unwrap();
    transact!(db, "test.write", |tx| {
        write_in(tx, partitions, tenant(), aggregate, now, count).await
    })
    .unwrap();
}

pub(crate) fn sequencer(source: &Source, clock: &Clock, holder: &str) -> Sequencer {
    Sequencer::new(source.clone(), clock.clone(), holder.to_owned(), Metrics::new())
}

/// Sequences all that is in the outbox.
pub(crate) async fn sequence_all(source: &Source, clock: &Clock) {
    let mut sequencer = sequencer(source, clock, "only");
    while sequencer.tick().await.unwrap() {}
}

/// Nothing takes long here; where it does, it hangs.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("in time")
}

/// A link to a feed server in this process, past the wall of a service.
pub(crate) fn link_to(server: FeedServer) -> Link {
    let service = FeedServiceServer::new(server).map_request(
        |mut request: http::Request<tonic::body::Body>| {
            let call = Call::of_service("test", tenant(), Duration::from_secs(30));
            request.extensions_mut().insert(call);
            request
        },
    );
    rpc::link::link(service)
}

pub(crate) fn link(source: &Source) -> Link {
    link_to(FeedServer::new([source.clone()]))
}

pub(crate) fn site(db: &Db, clock: &Clock, holder: &str) -> Site {
    Site {
        db: db.clone(),
        clock: clock.clone(),
        holder: holder.to_owned(),
        metrics: Metrics::new(),
    }
}

/// Decides for each event what becomes of it before it takes effect.
pub(crate) type Verdict = Arc<dyn Fn(&Event) -> Result<(), HandleError> + Send + Sync>;

/// Takes effect once for each event, and only in order: a second time, or one out of order, is an
/// error that no retry mends.
#[derive(Clone)]
pub(crate) struct Effects {
    pub(crate) verdict: Verdict,
}

impl Effects {
    pub(crate) fn plain() -> Self {
        Self { verdict: Arc::new(|_| Ok(())) }
    }

    pub(crate) fn with(
        verdict: impl Fn(&Event) -> Result<(), HandleError> + Send + Sync + 'static,
    ) -> Self {
        Self { verdict: Arc::new(verdict) }
    }
}

impl Handler for Effects {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        (self.verdict)(event)?;
        let (last,): (i64,) = tx.one(LAST_EFFECT, args![event.tenant, event.aggregate]).await?;
        if event.sequence != last + 1 {
            return Err(HandleError::poison(format!("{} after {last}", event.sequence)));
        }
        let values = args![event.tenant, event.aggregate, event.sequence];
        tx.execute(TAKE_EFFECT, values).await?;
        Ok(())
    }
}

/// The sequences of an aggregate that took effect.
pub(crate) async fn effects(db: &Db, aggregate: Uuid) -> Vec<i64> {
    let rows: Vec<(i64,)> = db.all(EFFECTS, args![tenant(), aggregate]).await.unwrap();
    rows.into_iter().map(|(sequence,)| sequence).collect()
}

#[tokio::test]
async fn every_statement_is_valid_on_both_engines() {
    testing::each_db(TABLES, async |db| {
        store::prepare_all(db, &crate::statements()).await.unwrap();
    })
    .await;
}
