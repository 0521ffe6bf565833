//! Logs: lines for people, or JSON for machines.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The level is not one of `error`, `warn`, `info`, `debug`, `trace` or a filter of them.
#[derive(Debug, thiserror::Error)]
#[error("`{level}` is not a log level or filter")]
pub struct BadLevel {
    level: String,
    #[source]
    source: tracing_subscriber::filter::ParseError,
}

/// Starts logging to standard error. A second call in one process changes nothing.
pub fn init(format: LogFormat, level: &str) -> Result<(), BadLevel> {
    let filter =
        EnvFilter::try_new(level).map_err(|source| BadLevel { level: level.to_owned(), source })?;
    let registry = tracing_subscriber::registry().with(filter);
    let writer = std::io::stderr;
    // A second call fails, and the first one stays: tests start many suites in one process.
    let _ = match format {
        LogFormat::Text => registry
            .with(fmt::layer().with_ansi(writer().is_terminal()).with_writer(writer))
            .try_init(),
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(writer)).try_init()
        }
    };
    Ok(())
}
