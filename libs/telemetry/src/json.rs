//! Log lines for machines: one JSON object each, with the trace that it belongs to.

use std::{fmt::Debug, io::Write as _, sync::OnceLock};

use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Map, Value};
use tracing::{
    Dispatch, Event, Subscriber,
    dispatcher::WeakDispatch,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_opentelemetry::get_otel_context;
use tracing_subscriber::{
    Layer,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    layer::Context,
    registry::LookupSpan,
};

use crate::{Trace, span::NOTED};

/// Writes each event as a line: `timestamp`, `level`, `target`, `message`, the event's own fields,
/// and `trace_id` and `span_id` where it happens in a call.
pub(crate) struct JsonLines<W> {
    writer: W,
    dispatch: OnceLock<WeakDispatch>,
}

impl<W> JsonLines<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self { writer, dispatch: OnceLock::new() }
    }

    /// The innermost place in a trace of what is current.
    fn place<S>(&self, ctx: &Context<'_, S>) -> Option<Trace>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let dispatch = self.dispatch.get().and_then(WeakDispatch::upgrade);
        ctx.lookup_current()?.scope().find_map(|span| {
            let noted = span.extensions().get::<Trace>().copied();
            noted.or_else(|| {
                let context = get_otel_context(&span.id(), dispatch.as_ref()?)?;
                Trace::of(context.span().span_context())
            })
        })
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // The first one stays: a layer belongs to one subscriber.
        drop(self.dispatch.set(dispatch.downgrade()));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if attributes.metadata().target() != NOTED {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let noted = fields.0.get("traceparent").and_then(Value::as_str).and_then(Trace::parse);
        if let (Some(span), Some(trace)) = (ctx.span(id), noted) {
            span.extensions_mut().insert(trace);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields(mut line) = fields;
        let mut time = String::new();
        // Without a clock the line is still worth writing.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let metadata = event.metadata();
        line.insert("timestamp".to_owned(), time.into());
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("target".to_owned(), metadata.target().into());
        if let Some(trace) = self.place(&ctx) {
            line.insert("trace_id".to_owned(), trace.trace_id().into());
            line.insert("span_id".to_owned(), trace.span_id().into());
        }
        let line = format!("{}\n", Value::Object(line));
        // There is nowhere to tell that nothing can be told.
        let _ = self.writer.make_writer_for(metadata).write_all(line.as_bytes());
    }
}

/// The fields of an event, by name.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }
}
