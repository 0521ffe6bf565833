//! What several parts do together.

mod figures;
mod recorded;
mod scores;

use std::collections::HashMap;

use kernel::{Clock, Ids, TenantId, Time, keys::RootKeys};
use rpc::{Link, Outbound, token::Minter};
use store::Db;
use telemetry::Metrics;
use tokio_util::task::TaskTracker;
use tonic::codegen::http;

use crate::{App, Parts, rpc::fixture::editor};

pub(crate) fn tenant() -> TenantId {
    editor().tenant()
}

/// The service on a database, with nobody to ask.
pub(crate) async fn app(db: &Db) -> App {
    let clock = Clock::manual(Time::from_micros(1_763_770_000_000_000));
    let keys = RootKeys::parse(&"42".repeat(32), &[]).unwrap();
    App::new(Parts {
        lasting: store::meta::lasting_key(db, &keys).await.unwrap(),
        db: db.clone(),
        partitions: store::meta::partitions(db).await.unwrap(),
        ids: Ids::random(clock.clone()),
        tasks: TaskTracker::new(),
        customers: Outbound::new(
            nobody(),
            Minter::new("surveys", &keys, clock.clone()),
            "customers",
        ),
        homes: HashMap::new(),
        metrics: Metrics::new(),
        clock,
        keys,
    })
}

/// Customers, which nobody asks here.
fn nobody() -> Link {
    rpc::link::link(tower::service_fn(async |_: http::Request<tonic::body::Body>| {
        Err::<http::Response<tonic::body::Body>, _>(tower::BoxError::from("nobody listens there"))
    }))
}
