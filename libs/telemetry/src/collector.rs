//! Sends spans to a collector, by OTLP over gRPC.
//!
//! Spans wait in a queue of fixed size for one task that sends them in batches. Whatever cannot be
//! sent, because the collector is away or slow, is dropped and counted; nobody ever waits for it.
//! Nothing is read from the environment, unlike in OpenTelemetry's own exporter.

use std::time::Duration;

use opentelemetry::{Context, KeyValue, trace::TracerProvider as _};
use opentelemetry_proto::{
    tonic::collector::trace::v1::{
        ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
    },
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracer, SdkTracerProvider, Span, SpanData, SpanLimits, SpanProcessor},
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::{Channel, Endpoint};

use crate::{Metrics, sampling::Sampling};

/// How many spans wait at most; some 2 MB.
const QUEUE: usize = 4_096;
/// How many are sent at once.
const BATCH: usize = 512;
/// How long a span waits for others to go with.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take.
const ANSWER: Duration = Duration::from_secs(5);

/// What is sent where, and in whose name.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// The collector: `http://HOST:PORT`.
    pub otlp: &'a str,
    /// The share of the traces that begin here that is kept: 0 to 1.
    pub sampling_ratio: f64,
    /// Whether a client's word that its trace is kept, or is not, counts.
    pub trust_client_sampling: bool,
    /// The services of this process.
    pub services: &'a [&'a str],
    /// An id that no other process or earlier run has.
    pub instance: &'a str,
}

/// The collector's address cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{otlp}` is no address of a collector")]
pub struct BadCollector {
    otlp: String,
    #[source]
    source: tonic::transport::Error,
}

/// The way of a process to its collector.
#[derive(Debug)]
pub struct Collector {
    provider: SdkTracerProvider,
    sender: JoinHandle<()>,
    stop: CancellationToken,
}

impl Collector {
    /// Starts sending; it connects when there is something to send. Runs on the current runtime.
    pub fn start(export: &Export<'_>, metrics: &Metrics) -> Result<Self, BadCollector> {
        let endpoint = Endpoint::from_shared(export.otlp.to_owned())
            .map_err(|source| BadCollector { otlp: export.otlp.to_owned(), source })?;
        let channel = endpoint.connect_timeout(ANSWER).timeout(ANSWER).connect_lazy();
        let resource = Resource::builder_empty()
            .with_service_name(format!("aftercare-{}", export.services.join("-")))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", export.instance.to_owned()))
            .build();
        let (queue, waiting) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let sender = Sender {
            waiting,
            client: TraceServiceClient::new(channel),
            resource: ResourceAttributesWithSchema::from(&resource),
            metrics: metrics.clone(),
            is_away: false,
        };
        let sender = TaskTracker::new().spawn(sender.run(stop.clone()));
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampling::new(export.sampling_ratio, export.trust_client_sampling))
            .with_span_limits(SpanLimits::default())
            .with_span_processor(Queue { queue, metrics: metrics.clone() })
            .with_resource(resource)
            .build();
        Ok(Self { provider, sender, stop })
    }

    /// Sends what waits and stops, within this time.
    pub async fn finish(self, within: Duration) {
        self.stop.cancel();
        let abort = self.sender.abort_handle();
        if timeout(within, self.sender).await.is_err() {
            abort.abort();
            tracing::warn!("spans were left behind");
        }
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("aftercare")
    }
}

/// The end of the queue that spans go in at.
#[derive(Debug)]
struct Queue {
    queue: mpsc::Sender<SpanData>,
    metrics: Metrics,
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.queue.try_send(span).is_err() {
            self.metrics.spans_dropped.with_label_values(&["queue"]).inc();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The end of the queue that spans leave from.
struct Sender {
    waiting: mpsc::Receiver<SpanData>,
    client: TraceServiceClient<Channel>,
    resource: ResourceAttributesWithSchema,
    metrics: Metrics,
    is_away: bool,
}

impl Sender {
    async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        while !stop.is_cancelled() {
            let gather = async {
                while batch.len() < BATCH {
                    match self.waiting.recv().await {
                        Some(span) => batch.push(span),
                        None => return stop.cancel(),
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                _ = timeout(GATHER, gather) => {}
            }
            self.send(std::mem::take(&mut batch)).await;
        }
        self.waiting.close();
        while let Some(span) = self.waiting.recv().await {
            batch.push(span);
            if batch.len() == BATCH || self.waiting.is_empty() {
                self.send(std::mem::take(&mut batch)).await;
            }
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let Ok(count @ 1..) = u64::try_from(batch.len()) else { return };
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let request = ExportTraceServiceRequest { resource_spans };
        let sent = self.client.export(request).await;
        if sent.is_err() {
            self.metrics.spans_dropped.with_label_values(&["collector"]).inc_by(count);
        }
        match (sent, self.is_away) {
            (Err(status), false) => {
                self.is_away = true;
                tracing::warn!(code = ?status.code(), "the collector takes no spans, they are dropped");
            }
            (Ok(_), true) => {
                self.is_away = false;
                tracing::info!("the collector takes spans again");
            }
            (Err(_), true) | (Ok(_), false) => {}
        }
    }
}
