//! Metrics, in the Prometheus text form, with the names of the OpenTelemetry conventions where they
//! have one.

use std::{ops::Deref, sync::Arc, time::Duration};

use prometheus::{
    CounterVec, Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};

use crate::{CallTimer, DatabaseUse, database::Databases};

/// Seconds; the objectives of the alerts (0.25, 1) are among them.
const BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics of a process. Cloning is cheap and shares them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Meters>);

/// What [`Metrics`] share.
#[derive(Debug)]
pub struct Meters {
    registry: Registry,
    names: Vec<Name>,
    calls: HistogramVec,
    calls_in_flight: IntGaugeVec,
    http: HistogramVec,
    databases: Databases,
    /// Calls refused because the process had too much to do, by reason (`queue`, `memory`, …).
    pub sheds: IntCounterVec,
    /// Calls refused because a quota was used up, by whose (`tenant`, `key`, `address`).
    pub quota_refusals: IntCounterVec,
    /// Calls that were tried again, by outcome (`sent`, or `no_budget` where it was not done).
    pub retries: IntCounterVec,
    /// Credentials refused at the door, by reason (`malformed`, `issuer`, `time`, `key`, `signature`,
    /// `nobody`, `suspended`, `away`). One that comes again within a second is counted once.
    pub credential_refusals: IntCounterVec,
    /// When the issuers' keys were last fetched, in Unix seconds: of several issuers the one that
    /// is furthest behind; 0 while one never was. No sample where there is no issuer.
    pub jwks_fetched: GaugeVec,
    /// Entries of the access audit that could not be written.
    pub audit_drops: IntCounterVec,
    /// Tickets that wait for somebody, by queue: of all tenants, and the same in every process that
    /// runs tickets.
    pub backlog: IntGaugeVec,
    /// How late the timers of tickets are, in seconds, by service.
    pub timer_lag: GaugeVec,
    /// Clocks that gave notice, by metric and notice (`warned`, `breached`).
    pub clock_notices: IntCounterVec,
    /// Age in seconds of the oldest event that is not yet in the feed, by source.
    pub outbox_age: GaugeVec,
    /// How many events a consumer is behind, by consumer and source.
    pub consumer_lag: IntGaugeVec,
    /// 1 while a consumer stands still because its source was restored or its own position is lost.
    pub consumer_stopped: IntGaugeVec,
    /// Events that a consumer could not take, by consumer.
    pub dead_letters: IntCounterVec,
    /// How long after an article changed its index has it, in seconds.
    pub index_freshness: HistogramVec,
    /// Spans that did not reach the collector, by where they were lost (`queue`, `collector`).
    pub spans_dropped: IntCounterVec,
}

/// A metric's name and what its samples are told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Without the suffixes of a histogram.
    pub name: String,
    /// The labels.
    pub labels: Vec<String>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that count from zero.
    pub fn new() -> Self {
        Self(Arc::new(Meters::new()))
    }
}

impl Deref for Metrics {
    type Target = Meters;

    fn deref(&self) -> &Meters {
        &self.0
    }
}

impl Meters {
    fn new() -> Self {
        let mut new = Register::default();
        Self {
            calls: new.histogram(
                "rpc_server_call_duration_seconds",
                "Duration of calls",
                &["rpc_method", "rpc_response_status_code"],
            ),
            calls_in_flight: new.gauge(
                "aftercare_calls_in_flight",
                "Calls under way",
                &["rpc_method"],
            ),
            http: new.histogram(
                "http_server_request_duration_seconds",
                "Duration of HTTP requests, by route template and class of status",
                &["http_request_method", "http_route", "status_class"],
            ),
            databases: new.databases(),
            sheds: new.counter("aftercare_sheds_total", "Calls refused by overload", &["reason"]),
            quota_refusals: new.counter(
                "aftercare_quota_refusals_total",
                "Calls refused by a quota",
                &["quota"],
            ),
            retries: new.counter("aftercare_retries_total", "Calls tried again", &["outcome"]),
            credential_refusals: new.counter(
                "aftercare_credential_refusals_total",
                "Credentials refused",
                &["reason"],
            ),
            jwks_fetched: new.real_gauge(
                "aftercare_jwks_fetched_timestamp_seconds",
                "When the issuers' keys were fetched",
                &[],
            ),
            audit_drops: new.counter(
                "aftercare_access_audit_drops_total",
                "Entries of the access audit that are lost",
                &[],
            ),
            backlog: new.gauge("aftercare_backlog_tickets", "Tickets that wait", &["queue"]),
            timer_lag: new.real_gauge(
                "aftercare_timer_lag_seconds",
                "How late timers are",
                &["service"],
            ),
            clock_notices: new.counter(
                "aftercare_clock_notices_total",
                "Notices of clocks",
                &["metric", "notice"],
            ),
            outbox_age: new.real_gauge(
                "aftercare_outbox_age_seconds",
                "Age of the oldest event not yet in the feed",
                &["source"],
            ),
            consumer_lag: new.gauge(
                "aftercare_consumer_lag_events",
                "Events not yet consumed",
                &["consumer", "source"],
            ),
            consumer_stopped: new.gauge(
                "aftercare_consumer_stopped",
                "1 while a consumer needs a rewind",
                &["consumer", "source"],
            ),
            dead_letters: new.counter(
                "aftercare_dead_letters_total",
                "Events put aside by a consumer",
                &["consumer"],
            ),
            index_freshness: new.histogram(
                "aftercare_index_freshness_seconds",
                "How long after an article changed its index has it",
                &[],
            ),
            spans_dropped: new.counter(
                "aftercare_spans_dropped_total",
                "Spans that did not reach the collector",
                &["where"],
            ),
            names: new.names,
            registry: new.registry,
        }
    }

    /// Starts measuring a call of `method`. A call that is dropped before its code is known counts
    /// as cancelled, so that callers who hang up are seen.
    pub fn call(&self, method: &str) -> CallTimer {
        let method = method.trim_start_matches('/');
        let in_flight = self.calls_in_flight.with_label_values(&[method]);
        CallTimer::start(self.calls.clone(), in_flight, method)
    }

    /// Notes an HTTP request whose answer began after `lasted`. `route` is the template that it met,
    /// for instance `/v1/{name=tickets/*}:resolve`, never its path; `_OTHER` where it met none.
    pub fn http_request(&self, method: &str, route: &str, status: u16, lasted: Duration) {
        // A client may make methods up; each would be a series of its own.
        let known = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"];
        let method = known.into_iter().find(|known| *known == method).unwrap_or("_OTHER");
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.http.with_label_values(&[method, route, class]).observe(lasted.as_secs_f64());
    }

    /// Adds a service's database, which `look` looks at when the metrics are asked for.
    pub fn database(&self, service: &str, look: impl Fn() -> DatabaseUse + Send + Sync + 'static) {
        self.databases.add(service, Box::new(look));
    }

    /// All names, also of those that have no sample yet.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// All metrics as Prometheus text.
    pub fn text(&self) -> String {
        self.databases.look();
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

/// Makes metrics and remembers their names.
#[derive(Default)]
struct Register {
    registry: Registry,
    names: Vec<Name>,
}

#[expect(clippy::expect_used, reason = "names and labels are fixed and valid, which tests hold")]
impl Register {
    fn counter(&mut self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.add(IntCounterVec::new(Opts::new(name, help), labels).expect("valid"))
    }

    fn real_counter(&mut self, name: &str, help: &str, labels: &[&str]) -> CounterVec {
        self.add(CounterVec::new(Opts::new(name, help), labels).expect("valid"))
    }

    fn gauge(&mut self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels).expect("valid"))
    }

    fn real_gauge(&mut self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.add(GaugeVec::new(Opts::new(name, help), labels).expect("valid"))
    }

    fn histogram(&mut self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
        self.add(HistogramVec::new(options, labels).expect("valid"))
    }

    fn databases(&mut self) -> Databases {
        Databases::new(
            self.gauge("aftercare_db_connections", "Open connections", &["service", "state"]),
            self.counter("aftercare_db_transactions_total", "Transactions begun", &["service"]),
            self.real_counter(
                "aftercare_db_begin_wait_seconds_total",
                "Time that transactions waited to begin",
                &["service"],
            ),
            self.counter(
                "aftercare_db_transaction_retries_total",
                "Transactions that ran again after a lost race",
                &["service"],
            ),
        )
    }

    fn add<C: Collector + Clone + 'static>(&mut self, collector: C) -> C {
        self.names.extend(collector.desc().into_iter().map(|described| Name {
            name: described.fq_name.clone(),
            labels: described.variable_labels.clone(),
        }));
        self.registry.register(Box::new(collector.clone())).expect("each name is registered once");
        collector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_and_code() {
        let metrics = Metrics::new();
        metrics.call("/aftercare.tickets.v1.TicketService/GetTicket").ended("OK");
        drop(metrics.call("/aftercare.tickets.v1.TicketService/GetTicket"));
        let under_way = metrics.call("/aftercare.tickets.v1.TicketService/WatchTickets");
        let text = metrics.text();
        for code in ["OK", "CANCELLED"] {
            let line = format!(
                "rpc_server_call_duration_seconds_count{{rpc_method=\"aftercare.tickets.v1.TicketService/GetTicket\",rpc_response_status_code=\"{code}\"}} 1"
            );
            assert!(text.contains(&line), "{text}");
        }
        let in_flight = |method: &str, count: u8| {
            format!(
                "aftercare_calls_in_flight{{rpc_method=\"aftercare.tickets.v1.TicketService/{method}\"}} {count}"
            )
        };
        assert!(text.contains(&in_flight("GetTicket", 0)), "{text}");
        assert!(text.contains(&in_flight("WatchTickets", 1)), "{text}");
        drop(under_way);
        assert!(metrics.text().contains(&in_flight("WatchTickets", 0)));
    }

    #[test]
    fn http_requests_are_counted_by_route_and_class() {
        let metrics = Metrics::new();
        let route = "/v1/{name=tickets/*}";
        metrics.http_request("GET", route, 200, Duration::from_millis(3));
        metrics.http_request("BREW", route, 418, Duration::from_millis(3));
        let text = metrics.text();
        for (method, class) in [("GET", "2xx"), ("_OTHER", "4xx")] {
            let line = format!(
                "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",http_route=\"{route}\",status_class=\"{class}\"}} 1"
            );
            assert!(text.contains(&line), "{text}");
        }
    }

    #[test]
    fn databases_are_looked_at_when_asked() {
        let metrics = Metrics::new();
        let seen = std::sync::Mutex::new(0_u32);
        metrics.database("tickets", move || {
            let mut seen = seen.lock().unwrap();
            *seen += 1;
            DatabaseUse {
                connections: 8,
                idle: 5,
                transactions: u64::from(*seen) * 10,
                waited: Duration::from_millis(250) * *seen,
                retries: 2,
            }
        });
        metrics.text();
        let text = metrics.text();
        for line in [
            "aftercare_db_connections{service=\"tickets\",state=\"used\"} 3",
            "aftercare_db_connections{service=\"tickets\",state=\"idle\"} 5",
            "aftercare_db_transactions_total{service=\"tickets\"} 20",
            "aftercare_db_begin_wait_seconds_total{service=\"tickets\"} 0.5",
            "aftercare_db_transaction_retries_total{service=\"tickets\"} 2",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn no_label_tells_of_a_tenant_or_a_person() {
        for Name { name, labels } in Metrics::new().names() {
            for label in labels {
                let known = [
                    "rpc_method",
                    "rpc_response_status_code",
                    "http_request_method",
                    "http_route",
                    "status_class",
                    "service",
                    "state",
                    "source",
                    "consumer",
                    "queue",
                    "metric",
                    "notice",
                    "reason",
                    "quota",
                    "outcome",
                    "where",
                ];
                assert!(known.contains(&label.as_str()), "{name} has the label {label}");
            }
        }
    }
}
