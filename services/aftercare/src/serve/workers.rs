//! What runs beside the calls: sequencers, consumers, timers, housekeeping.

use std::{future::Future, pin::Pin, sync::Arc};

use feed::{Housekeeper, Sequencer};
use tokio_util::sync::CancellationToken;

use super::{Process, services::Services};

/// A piece of work that goes on until it is told to stop.
pub(crate) struct Worker {
    /// Its name in logs.
    pub(crate) name: String,
    /// Starts it.
    pub(crate) start: Start,
}

type Start = Box<dyn FnOnce(CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// All that this process runs.
pub(crate) fn all(process: &Process<'_>, services: &Services) -> Vec<Worker> {
    let mut workers = Vec::new();
    for source in &services.sources {
        let (clock, holder) = (process.clock.clone(), process.holder.clone());
        let sequencer =
            Sequencer::new(source.clone(), clock.clone(), holder.clone(), process.metrics.clone());
        workers.push(worker(format!("{} sequencer", source.name()), |stop| sequencer.run(stop)));
        let mut housekeeper = Housekeeper::new(source.db().clone(), clock, holder);
        if source.name() == ::gateway::NAME {
            // Who joins later learns from it which tenants and which staff there are.
            housekeeper = housekeeper.keeping_all();
        }
        workers
            .push(worker(format!("{} housekeeper", source.name()), |stop| housekeeper.run(stop)));
    }
    for consumer in &services.consumers {
        let (name, consumer) = (consumer.name().to_owned(), Arc::clone(consumer));
        workers.push(worker(name, |stop| async move { consumer.run(stop).await }));
    }
    if let Some(app) = services.tickets.clone() {
        let (timers, counted) = (app.clone(), app.clone());
        workers.push(worker("tickets timers", |stop| tickets::worker::run(timers, stop)));
        workers.push(worker("tickets backlog", |stop| tickets::backlog::run(counted, stop)));
        workers.push(worker("tickets directory", |stop| tickets::directory::follow(app, stop)));
    }
    if let Some(app) = services.surveys.clone() {
        workers.push(worker("surveys invitations", |stop| surveys::worker::run(app, stop)));
    }
    if let Some(app) = services.customers.clone() {
        workers.push(worker("customers tenants", |stop| customers::tenants::follow(app, stop)));
    }
    if let Some((app, indexes)) = services.knowledge.clone() {
        let (kept, holder) = (process.config.search.retention, process.holder.clone());
        let (db, clock) = (app.db.clone(), app.clock.clone());
        let retention = knowledge::retention::of(db, clock, kept, holder);
        workers.push(worker("knowledge retention", |stop| retention.run(stop)));
        workers.push(worker("knowledge searches", |stop| knowledge::write_searches(app, stop)));
        workers.push(worker("knowledge indexes", |stop| indexes.follow(stop)));
    }
    if let Some(gateway) = services.gateway.clone() {
        let app = gateway.app.clone();
        let (kept, holder) = (process.config.audit.retention, process.holder.clone());
        let retention = ::gateway::retention::of(&app, kept, holder);
        workers.push(worker("gateway retention", |stop| retention.run(stop)));
        workers.push(worker("gateway audit", |stop| gateway::access::run(app, stop)));
        workers.push(worker("gateway origins", |stop| gateway.follow_origins(stop)));
    }
    workers
}

fn worker<F: Future<Output = ()> + Send + 'static>(
    name: impl Into<String>,
    start: impl FnOnce(CancellationToken) -> F + Send + 'static,
) -> Worker {
    Worker { name: name.into(), start: Box::new(|stop| Box::pin(start(stop))) }
}
