//! `serve`: puts services together and runs them until it is told to stop.
//!
//! The order matters: addresses are taken first, since a second start must fail before it touches
//! anything; keys before the databases that they seal; migrations before the services, and between
//! them a look whether the keys are those of the data; all of it before the first call is let in.

mod banner;
mod clock;
mod databases;
mod drain;
mod gateway;
pub(crate) mod keys;
mod ports;
mod services;
mod tenants;
mod workers;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use config::{Config, LogFormat, SERVICES, Seed};
use kernel::{Clock, Ids, keys::RootKeys};
use rpc::{Grants, Methods};
use telemetry::{Collector, DatabaseUse, Export, Metrics};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use databases::Databases;
use drain::Running;
pub(crate) use drain::Signals;

/// How long the last spans may take on their way to the collector.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// How long the first call may wait for the indexes, well within the time that a pod may take to start.
const FIRST_INDEXES: Duration = Duration::from_mins(1);

/// Arguments of `serve`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// The services to run in this process; all where none is named.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(SERVICES))]
    services: Vec<String>,
}

/// What all parts of a process share.
pub(crate) struct Process<'a> {
    pub(crate) config: &'a Config,
    /// The services that run here.
    pub(crate) running: Vec<&'static str>,
    pub(crate) seed: Seed,
    pub(crate) keys: RootKeys,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) methods: Arc<Methods>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) metrics: Metrics,
    /// What leases know this process by.
    pub(crate) holder: String,
    /// What keeps connections and keys fresh.
    pub(crate) background: Background,
}

/// Work that the ways to other processes need, up to the last call.
#[derive(Clone, Default)]
pub(crate) struct Background {
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// Runs until SIGTERM, Ctrl-C or the end of a part that must not end.
pub(crate) async fn run(config: &Config, args: &Args) -> Result<ExitCode> {
    // The first process of a container gets no signal that it does not catch.
    let mut signals = Signals::catch()?;
    let (services, metrics) = (chosen(&args.services), Metrics::new());
    let collector = collector(config, &services, &metrics)?;
    logs(config, collector.as_ref())?;
    let prepared = tokio::select! {
        // Nothing has begun that must be ended, and what blocks, such as looking up a host, is not
        // waited for.
        () = signals.next() => std::process::exit(0),
        prepared = Prepared::of(config, services, metrics) => prepared?,
    };
    let (running, banner) = prepared.start().await?;
    println!("{banner}");
    let ended = running.until_told(signals, config).await;
    if let Some(collector) = collector {
        collector.finish(LAST_SPANS).await;
    }
    ended
}

/// Puts these services together and starts them; the text is for whoever started them.
#[cfg(test)]
pub(crate) async fn start(
    config: &Config,
    services: Vec<&'static str>,
    metrics: Metrics,
) -> Result<(Running, String)> {
    Prepared::of(config, services, metrics).await?.start().await
}

/// Services that are put together, before anybody is told that they are ready.
struct Prepared<'a> {
    process: Process<'a>,
    listeners: ports::Listeners,
    services: services::Services,
    workers: Vec<workers::Worker>,
    banner: String,
}

impl<'a> Prepared<'a> {
    async fn of(config: &'a Config, services: Vec<&'static str>, metrics: Metrics) -> Result<Self> {
        let listeners = ports::Listeners::bind(config.addresses(&services)).await?;
        let keys = keys::of(config, &services).await?;
        let process = Process::prepare(config, services, keys, metrics)?;
        let databases = Databases::open(config, &process.running).await?;
        measure(&process.metrics, &databases);
        if config.database.migrate {
            databases.migrate(&process.ids).await?;
        }
        for service in databases.must_be_usable().await? {
            tracing::warn!(
                service,
                "the database was migrated by a later release; replace this one soon"
            );
        }
        for (service, db) in databases.iter() {
            keys::must_fit(&process.keys, service, db).await?;
        }
        clock::restore(&process, &databases).await?;
        let services = services::build(&process, &databases).await?;
        if let Some((_, indexes)) = &services.knowledge {
            indexes.prepare(FIRST_INDEXES).await?;
        }
        let workers = workers::all(&process, &services);
        let banner = banner::text(&process, &listeners.addresses()?)?;
        Ok(Self { process, listeners, services, workers, banner })
    }

    async fn start(self) -> Result<(Running, String)> {
        let Self { process, listeners, services, workers, banner } = self;
        Ok((Running::start(&process, listeners, services, workers).await?, banner))
    }
}

/// The services named, in the order in which they are put together; all where none is.
pub(crate) fn chosen(named: &[String]) -> Vec<&'static str> {
    let wanted = |service: &&str| named.is_empty() || named.iter().any(|name| name == service);
    SERVICES.into_iter().filter(wanted).collect()
}

/// The way to the collector, where the configuration names one.
fn collector(config: &Config, services: &[&str], metrics: &Metrics) -> Result<Option<Collector>> {
    let Some(otlp) = &config.telemetry.otlp else { return Ok(None) };
    let instance = Ids::random(Clock::system()).next().to_string();
    let export = Export {
        otlp,
        sampling_ratio: config.telemetry.sampling_ratio,
        trust_client_sampling: config.telemetry.trust_client_sampling,
        services,
        instance: &instance,
    };
    Collector::start(&export, metrics).map(Some).context("`telemetry.otlp` is wrong")
}

/// Lets the metrics tell what the databases do.
fn measure(metrics: &Metrics, databases: &Databases) {
    for (service, db) in databases.iter() {
        let db = db.clone();
        metrics.database(service, move || {
            let usage = db.usage();
            DatabaseUse {
                connections: usage.connections,
                idle: usage.idle,
                transactions: usage.transactions,
                waited: usage.waited,
                retries: usage.retries,
            }
        });
    }
}

/// Starts logging as the configuration says, and tracing where there is a collector.
pub(crate) fn logs(config: &Config, collector: Option<&Collector>) -> Result<()> {
    let format = match config.log.format {
        LogFormat::Text => telemetry::LogFormat::Text,
        LogFormat::Json => telemetry::LogFormat::Json,
    };
    telemetry::init(format, &config.log.level, collector).context("`log.level` is wrong")
}

impl<'a> Process<'a> {
    fn prepare(
        config: &'a Config,
        running: Vec<&'static str>,
        keys: RootKeys,
        metrics: Metrics,
    ) -> Result<Self> {
        let clock = Clock::system();
        let ids = Ids::random(clock.clone());
        Ok(Self {
            config,
            running,
            seed: crate::seed::load(config)?,
            keys,
            holder: holder(config, &ids),
            clock,
            ids,
            methods: Arc::new(Methods::read(&contracts::POOL)),
            grants: Arc::new(crate::settings::grants(config)?),
            metrics,
            background: Background::default(),
        })
    }
}

/// What leases know a process by. On PostgreSQL an id that no other process or earlier run has. Files
/// have no replicas: there one that was killed and starts again need not wait for its own leases.
fn holder(config: &Config, ids: &Ids) -> String {
    match config.database.url.sqlite_folder() {
        Some(_) => "only".to_owned(),
        None => ids.next().to_string(),
    }
}

#[cfg(test)]
mod tests;
