//! The spans of a trace: calls, on the side that serves and on the side that calls, and the batches
//! of events that consumers apply.
//!
//! Attributes are names of methods, codes, services and consumers. Messages, ids, tenants and
//! callers never become attributes, and log lines never become events of a span.
//!
//! Where no collector is configured there are no spans: the context is handed on as it came, or
//! begun where it did not come, so that logs and events can still be brought together.

use std::collections::HashSet;

use opentelemetry::{Context, trace::TraceContextExt as _};
use tracing::{Level, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{Trace, sampling::Stranger};

/// The spans that a collector gets; their level is `debug`.
pub(crate) const EXPORTED: &str = "aftercare::trace";
/// The spans that stand in for them where there is no collector and log lines tell their trace.
pub(crate) const NOTED: &str = "aftercare::noted";

/// How a call ended that nobody saw end.
pub(crate) const CANCELLED: &str = "CANCELLED";

/// Where a call is seen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The outer wall: what came before is a client's, who may say whatever it likes.
    Edge,
    /// A service of the suite.
    Server,
    /// A service of the suite that calls another.
    Client,
}

/// The span of one call, from start to drop.
#[derive(Debug)]
pub struct CallSpan {
    span: Span,
    trace: Trace,
    side: Side,
    code: &'static str,
}

impl CallSpan {
    /// Begins the span of a call to `method`, behind `before`, the `traceparent` that it came with.
    ///
    /// A client's trace goes on at the edge, so that it can follow its call, but not its decision
    /// that the trace is kept. On the calling side the span that is current goes before `before`.
    pub fn start(side: Side, method: &str, before: &str) -> Self {
        let method = method.trim_start_matches('/');
        let before = Trace::parse(before);
        let span = exported(side, method);
        if let Some(trace) = place(&span, side, before) {
            return Self { span, trace, side, code: CANCELLED };
        }
        let trace = before.unwrap_or_else(Trace::fresh);
        let trace = if side == Side::Edge { trace.unsampled() } else { trace };
        Self { span: noted(trace), trace, side, code: CANCELLED }
    }

    /// What to put on the calls that this one makes, and on the events that it writes.
    pub fn trace(&self) -> Trace {
        self.trace
    }

    /// The span in which the work is done.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Whether anybody looks at the span.
    pub fn is_seen(&self) -> bool {
        !self.span.is_disabled()
    }

    /// Notes how the call ended, as the canonical name of its gRPC code. A call that is dropped
    /// before is cancelled.
    pub fn ended(&mut self, code: &'static str) {
        self.code = code;
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("rpc.response.status_code", self.code);
        if is_error(self.side, self.code) {
            self.span.record("error.type", self.code);
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

/// To whoever calls, any code but OK is an error; to whoever serves, only its own faults are.
fn is_error(side: Side, code: &str) -> bool {
    match side {
        Side::Client => code != "OK",
        Side::Edge | Side::Server => matches!(
            code,
            "UNKNOWN"
                | "DEADLINE_EXCEEDED"
                | "UNIMPLEMENTED"
                | "INTERNAL"
                | "UNAVAILABLE"
                | "DATA_LOSS"
        ),
    }
}

fn exported(side: Side, method: &str) -> Span {
    let (kind, above) = match side {
        Side::Client => ("client", Span::current().id()),
        // What came before is in the header, whoever's task this runs in.
        Side::Edge | Side::Server => ("server", None),
    };
    tracing::debug_span!(
        target: EXPORTED,
        parent: above,
        "call",
        otel.name = method,
        otel.kind = kind,
        otel.status_code = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
        "error.type" = Empty,
    )
}

/// Puts a span behind what came before it; `None` where no collector wants it.
fn place(span: &Span, side: Side, before: Option<Trace>) -> Option<Trace> {
    if span.is_disabled() {
        return None;
    }
    let is_inside =
        side == Side::Client && Span::current().context().span().span_context().is_valid();
    if let Some(before) = before.filter(|_| !is_inside) {
        let cx = Context::new().with_remote_span_context(before.remote());
        let cx = if side == Side::Edge { cx.with_value(Stranger) } else { cx };
        // It fails only for a span that nobody exports, which the next line finds out as well.
        drop(span.set_parent(cx));
    }
    Trace::of(span.context().span().span_context())
}

fn noted(trace: Trace) -> Span {
    tracing::debug_span!(target: NOTED, parent: None, "call", traceparent = %trace)
}

/// The span in which `consumer` applies events of `source`. It begins a trace of its own and links
/// to those of the calls that caused the events, given by the `traceparent` of each.
pub fn consume<'a>(
    consumer: &str,
    source: &str,
    causes: impl ExactSizeIterator<Item = &'a str>,
) -> Span {
    let span = tracing::debug_span!(
        target: EXPORTED,
        parent: None,
        "apply",
        otel.name = %format_args!("apply {source}"),
        otel.kind = "consumer",
        messaging.system = "aftercare",
        messaging.operation.name = "apply",
        messaging.operation.type = "process",
        messaging.destination.name = source,
        messaging.consumer.group.name = consumer,
        messaging.batch.message_count = causes.len(),
    );
    let is_exported = span.set_parent(Context::new()).is_ok();
    if !is_exported && !tracing::span_enabled!(target: NOTED, Level::DEBUG) {
        return span;
    }
    let causes: HashSet<Trace> = causes.filter_map(Trace::parse).collect();
    if !is_exported {
        let mut causes = causes.into_iter();
        // Of several none is the one that a log line is about.
        return match (causes.next(), causes.next()) {
            (Some(only), None) => noted(only),
            _ => span,
        };
    }
    for cause in causes {
        span.add_link(cause.remote());
    }
    span
}
