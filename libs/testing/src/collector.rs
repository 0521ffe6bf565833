//! A collector of traces for a test: takes OTLP on a loopback port and keeps what it got.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status, transport::Server};

/// A collector, until it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    got: Got,
    stop: CancellationToken,
}

type Got = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// A span as it came, its ids in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSpan {
    /// The process that sent it, as it calls itself: `aftercare-gateway-tickets`.
    pub process: String,
    /// Its name.
    pub name: String,
    /// `SERVER`, `CLIENT`, `CONSUMER` or `INTERNAL`.
    pub kind: String,
    /// The trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span above; empty where there is none.
    pub parent: String,
    /// The spans that it links to, as `trace-span`, in their order.
    pub links: Vec<String>,
    /// Its attributes, as texts.
    pub attributes: BTreeMap<String, String>,
    /// Whether its status is an error.
    pub is_error: bool,
    /// How many log lines it has as events.
    pub events: usize,
}

impl Collector {
    /// Listens on a port of its own.
    pub async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (got, stop) = (Got::default(), CancellationToken::new());
        let service = TraceServiceServer::new(Keeper(got.clone()));
        let stopped = stop.clone().cancelled_owned();
        TaskTracker::new().spawn(
            Server::builder()
                .add_service(service)
                .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stopped),
        );
        Self { address, got, stop }
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn otlp(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans that came so far, in the order in which they ended.
    pub fn spans(&self) -> Vec<SeenSpan> {
        let got = self.requests();
        let sent = got.iter().flat_map(|request| &request.resource_spans);
        let spans = sent.flat_map(|sent| {
            let resource = sent.resource.as_ref().map(|one| texts(&one.attributes));
            let process = resource.and_then(|mut one| one.remove("service.name"));
            let process = process.unwrap_or_default();
            let spans = sent.scope_spans.iter().flat_map(|scope| &scope.spans);
            spans.map(move |span| seen(span, &process))
        });
        spans.collect()
    }

    /// The attributes of the processes that sent something.
    pub fn resources(&self) -> Vec<BTreeMap<String, String>> {
        let got = self.requests();
        let resources = got.iter().flat_map(|request| &request.resource_spans);
        resources
            .filter_map(|sent| sent.resource.as_ref())
            .map(|one| texts(&one.attributes))
            .collect()
    }

    /// Everything that came, to search for what must not be in it.
    pub fn everything(&self) -> String {
        format!("{:?}", self.requests())
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Keeper(Got);

#[tonic::async_trait]
impl TraceService for Keeper {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn seen(span: &Span, process: &str) -> SeenSpan {
    let link = |trace: &[u8], id: &[u8]| format!("{}-{}", hex(trace), hex(id));
    SeenSpan {
        process: process.to_owned(),
        name: span.name.clone(),
        kind: span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_owned(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span.links.iter().map(|one| link(&one.trace_id, &one.span_id)).collect(),
        attributes: texts(&span.attributes),
        is_error: span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error),
        events: span.events.len(),
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|one| one.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|one| (one.key.clone(), text(&one.value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
