//! Running and going down: not ready first, then no new calls, then the work, then the databases.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use config::{Config, Drain};
use contracts::r#type::v1::{
    clock_service_server::ClockServiceServer, feed_admin_service_server::FeedAdminServiceServer,
    index_admin_service_server::IndexAdminServiceServer,
};
use feed::FeedAdmin;
use futures::FutureExt as _;
use rpc::server::Ages;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::service_fn;

use super::{
    Background, Databases, Process,
    clock::Hands,
    ports::{Listeners, Port},
    services::Services,
    workers::Worker,
};

/// A process at work.
pub(crate) struct Running {
    health: HealthReporter,
    /// What health is told about: all, and each gRPC service.
    parts: Vec<String>,
    ports: TaskTracker,
    no_more_calls: CancellationToken,
    workers: TaskTracker,
    no_more_work: CancellationToken,
    /// A worker has ended that should not have.
    broken: CancellationToken,
    writes: TaskTracker,
    background: Background,
    databases: Databases,
}

impl Running {
    /// Opens the ports, starts the workers and says that it is ready.
    pub(crate) async fn start(
        process: &Process<'_>,
        listeners: Listeners,
        services: Services,
        workers: Vec<Worker>,
    ) -> Result<Self> {
        let (health, health_server) = tonic_health::server::health_reporter();
        let health_routes = Routes::new(health_server);
        let mut running = Self {
            parts: parts(process),
            health,
            ports: TaskTracker::new(),
            no_more_calls: CancellationToken::new(),
            workers: TaskTracker::new(),
            no_more_work: CancellationToken::new(),
            broken: CancellationToken::new(),
            writes: services.tasks.clone(),
            background: process.background.clone(),
            databases: services.databases.clone(),
        };
        running.tell(ServingStatus::NotServing).await;

        let shown = rpc::link::link(reflecting(health_routes.clone())?.prepare());
        let hidden = rpc::link::link(health_routes.prepare());
        let admin = Port::admin(process, admin_routes(process, &services), shown.clone());
        running.open(process.config, listeners.admin, admin);
        if let Some(listener) = listeners.public {
            let open = if process.config.embedded() { shown } else { hidden };
            running.open(process.config, listener, Port::public(process, &services, open)?);
        }
        let peer = Port::Peer { methods: process.methods.clone(), services: Arc::new(services) };
        if let Some(listener) = listeners.peer {
            running.open(process.config, listener, peer);
        }
        for worker in workers {
            running.employ(worker);
        }
        running.tell(ServingStatus::Serving).await;
        Ok(running)
    }

    fn open(&mut self, config: &Config, listener: TcpListener, port: Port) {
        let ages = Ages { age: config.limits.connection_age, grace: config.drain.grace };
        let app = service_fn(move |request| port.clone().answer(request).boxed());
        self.ports.spawn(rpc::server::serve(listener, app, ages, self.no_more_calls.clone()));
    }

    /// Starts a worker. One that ends by itself takes the process down: somebody starts it anew.
    fn employ(&mut self, worker: Worker) {
        let (stop, broken) = (self.no_more_work.clone(), self.broken.clone());
        let work = std::panic::AssertUnwindSafe((worker.start)(stop.clone())).catch_unwind();
        self.workers.spawn(async move {
            let ended = work.await;
            if ended.is_err() || !stop.is_cancelled() {
                tracing::error!(worker = worker.name, "a worker has ended before its time");
                broken.cancel();
            }
        });
    }

    async fn tell(&self, status: ServingStatus) {
        for part in &self.parts {
            self.health.set_service_status(part, status).await;
        }
    }

    /// Runs until a signal, or until a worker ends, and goes down in order. A second signal aborts.
    pub(crate) async fn until_told(
        self,
        mut signals: Signals,
        config: &Config,
    ) -> Result<ExitCode> {
        let told = tokio::select! {
            () = signals.next() => true,
            () = self.broken.cancelled() => false,
        };
        let code = if told { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        tracing::info!("going down");
        let second = async {
            if !told {
                signals.next().await;
            }
            signals.next().await;
        };
        tokio::select! {
            () = second => {
                tracing::warn!("told twice, going down at once");
                std::process::exit(1)
            }
            tidy = self.drain(&config.drain) => Ok(if tidy { code } else { ExitCode::FAILURE }),
        }
    }

    /// False where work had to be left behind.
    pub(crate) async fn drain(&self, drain: &Drain) -> bool {
        self.tell(ServingStatus::NotServing).await;
        tokio::time::sleep(drain.delay).await;
        self.no_more_calls.cancel();
        self.ports.close();
        self.ports.wait().await;
        self.no_more_work.cancel();
        self.workers.close();
        self.writes.close();
        let work = async {
            self.workers.wait().await;
            self.writes.wait().await;
            self.background.stop.cancel();
            self.background.tasks.close();
            self.background.tasks.wait().await;
            self.databases.close().await;
        };
        let tidy = timeout(drain.grace.max(Duration::from_secs(1)), work).await.is_ok();
        if !tidy {
            tracing::warn!("work was left behind");
        }
        tidy
    }
}

/// What tells a process to go down.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they no longer end the process by themselves.
    pub(crate) fn catch() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns when the next one comes.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The names that health is asked for: the whole process, and each of its gRPC services.
fn parts(process: &Process<'_>) -> Vec<String> {
    let here = |package: &str| {
        process.running.iter().any(|service| package == format!("aftercare.{service}.v1"))
    };
    let services = contracts::POOL.services().filter(|service| here(service.package_name()));
    let names = services.map(|service| service.full_name().to_owned());
    std::iter::once(String::new()).chain(names).collect()
}

/// Adds reflection, in the version of today and the one that older clients speak.
fn reflecting(routes: Routes) -> Result<Routes> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(contracts::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let context = "the descriptors cannot be shown";
    let (today, older) = (builder().build_v1(), builder().build_v1alpha());
    Ok(routes.add_service(today.context(context)?).add_service(older.context(context)?))
}

fn admin_routes(process: &Process<'_>, services: &Services) -> Routes {
    let hands = Hands {
        clock: process.clock.clone(),
        is_virtual: process.config.virtual_clock(),
        databases: services.databases.clone(),
        tasks: services.tasks.clone(),
    };
    let feeds = FeedAdmin::new(services.consumers.clone(), services.tasks.clone());
    let routes =
        Routes::new(ClockServiceServer::new(hands)).add_service(FeedAdminServiceServer::new(feeds));
    match &services.knowledge {
        Some((_, indexes)) => routes.add_service(IndexAdminServiceServer::new(indexes.clone())),
        None => routes,
    }
}
