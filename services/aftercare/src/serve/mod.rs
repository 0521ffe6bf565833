//! `serve`: puts services together and runs them until it is told to stop.
//!
//! The order matters: addresses are taken first, since a second start must fail before it touches
//! anything; keys before the databases that they seal; migrations before the services; all of it
//! before the first call is let in.

mod banner;
mod clock;
mod databases;
mod drain;
mod ports;
mod services;
mod tenants;
mod workers;

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, Result};
use config::{Config, LogFormat, SERVICES, Seed};
use kernel::{Clock, Ids, keys::RootKeys};
use rpc::{Grants, Methods};
use telemetry::Metrics;

pub(crate) use databases::Databases;
use drain::Running;

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
    /// An id that no other process or earlier run has.
    pub(crate) holder: String,
}

/// Runs until SIGTERM, Ctrl-C or the end of a part that must not end.
pub(crate) async fn run(config: &Config, args: &Args) -> Result<ExitCode> {
    logs(config)?;
    let (running, banner) = start(config, chosen(&args.services)).await?;
    println!("{banner}");
    running.until_told(config).await
}

/// Puts these services together and starts them; the text is for whoever started them.
pub(crate) async fn start(
    config: &Config,
    services: Vec<&'static str>,
) -> Result<(Running, String)> {
    let listeners = ports::Listeners::bind(config.addresses(&services)).await?;
    let process = Process::prepare(config, services)?;
    let databases = Databases::open(config, &process.running).await?;
    if config.database.migrate {
        databases.migrate(&process.ids).await?;
    }
    databases.must_be_ready().await?;
    clock::restore(&process, &databases).await?;
    let services = services::build(&process, &databases).await?;
    let workers = workers::all(&process, &services);
    let banner = banner::text(&process, &listeners.addresses()?)?;
    Ok((Running::start(&process, listeners, services, workers).await?, banner))
}

/// The services named, in the order in which they are put together; all where none is.
pub(crate) fn chosen(named: &[String]) -> Vec<&'static str> {
    let wanted = |service: &&str| named.is_empty() || named.iter().any(|name| name == service);
    SERVICES.into_iter().filter(wanted).collect()
}

/// Starts logging as the configuration says.
pub(crate) fn logs(config: &Config) -> Result<()> {
    let format = match config.log.format {
        LogFormat::Text => telemetry::LogFormat::Text,
        LogFormat::Json => telemetry::LogFormat::Json,
    };
    telemetry::init(format, &config.log.level).context("`log.level` is wrong")
}

impl<'a> Process<'a> {
    fn prepare(config: &'a Config, running: Vec<&'static str>) -> Result<Self> {
        let clock = Clock::system();
        let ids = Ids::random(clock.clone());
        Ok(Self {
            config,
            running,
            seed: crate::seed::load(config)?,
            keys: config.root_keys_or_new().context("the root key cannot be used")?,
            holder: ids.next().to_string(),
            clock,
            ids,
            methods: Arc::new(Methods::read(&contracts::POOL)),
            grants: Arc::new(crate::settings::grants(config)?),
            metrics: Metrics::new(),
        })
    }
}

#[cfg(test)]
mod tests;
