//! Logs, as lines for people or JSON for machines, and what decides which spans anybody sees.

use std::io::{self, IsTerminal as _};

use tracing::{Dispatch, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt as _, FilterFn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    registry::LookupSpan,
};

use crate::{
    Collector,
    json::JsonLines,
    span::{EXPORTED, NOTED},
};

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

/// Starts logging to standard error, and tracing where there is a collector. A second call in one
/// process changes nothing: tests start many suites in one process.
pub fn init(format: LogFormat, level: &str, collector: Option<&Collector>) -> Result<(), BadLevel> {
    let dispatch = dispatch(format, level, collector, io::stderr)?;
    // It fails where there is one already, and the first one stays.
    drop(tracing::dispatcher::set_global_default(dispatch));
    Ok(())
}

/// The same, for whoever makes it the default by themselves, with the lines written elsewhere.
pub fn dispatch<W>(
    format: LogFormat,
    level: &str,
    collector: Option<&Collector>,
    writer: W,
) -> Result<Dispatch, BadLevel>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter =
        EnvFilter::try_new(level).map_err(|source| BadLevel { level: level.to_owned(), source })?;
    let registry = tracing_subscriber::registry();
    Ok(match (format, collector) {
        // One filter for all: what the log does not show costs nothing.
        (LogFormat::Text, None) => Dispatch::new(registry.with(filter).with(text(writer))),
        (LogFormat::Json, None) => {
            let filter = filter.or(spans(|span| span.target() == NOTED));
            Dispatch::new(registry.with(JsonLines::new(writer).with_filter(filter)))
        }
        (LogFormat::Text, Some(collector)) => {
            let lines = text(writer).with_filter(filter);
            Dispatch::new(registry.with(exporting(collector)).with(lines))
        }
        (LogFormat::Json, Some(collector)) => {
            let filter = filter.or(spans(|span| span.target() == EXPORTED));
            let lines = JsonLines::new(writer).with_filter(filter);
            Dispatch::new(registry.with(exporting(collector)).with(lines))
        }
    })
}

/// The layer that writes lines for people.
fn text<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(writer)
}

/// The layer that hands the suite's spans to a collector, without log lines as their events.
fn exporting<S>(collector: &Collector) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer()
        .with_tracer(collector.tracer())
        .with_context_activation(false)
        .with_tracked_inactivity(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_filter(spans(|span| span.target() == EXPORTED || span.name().starts_with("db.")))
}

/// Lets through the spans that `wanted` says, up to the level of those of calls.
fn spans(wanted: impl Fn(&Metadata<'_>) -> bool) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    FilterFn::new(move |metadata: &Metadata<'_>| metadata.is_span() && wanted(metadata))
        .with_max_level_hint(LevelFilter::DEBUG)
}
