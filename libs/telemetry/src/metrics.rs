//! Metrics, in the Prometheus text form, with the names of the OpenTelemetry conventions where they
//! have one.

use std::time::Instant;

use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// The metrics of a process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    calls: HistogramVec,
    /// Age in seconds of the oldest event that is not yet in the feed, by source.
    pub outbox_age: GaugeVec,
    /// How many events a consumer is behind, by consumer and source.
    pub consumer_lag: IntGaugeVec,
    /// 1 while a consumer stands still because its source was restored or its own position is lost.
    pub consumer_stopped: IntGaugeVec,
    /// Events that a consumer could not take, by consumer.
    pub dead_letters: IntCounterVec,
    /// Clocks that gave notice, by metric and notice (`warned`, `breached`).
    pub clock_notices: IntCounterVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that count from zero.
    #[expect(
        clippy::expect_used,
        reason = "names and labels are fixed and valid, which tests hold"
    )]
    pub fn new() -> Self {
        let registry = Registry::new();
        let calls = HistogramVec::new(
            HistogramOpts::new(
                "rpc_server_call_duration_seconds",
                "Duration of calls, by method and code",
            )
            .buckets(vec![
                0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
                10.0,
            ]),
            &["rpc_method", "rpc_response_status_code"],
        )
        .expect("valid");
        let outbox_age = GaugeVec::new(
            Opts::new(
                "aftercare_outbox_age_seconds",
                "Age of the oldest event not yet in the feed",
            ),
            &["source"],
        )
        .expect("valid");
        let gauge = |name, help, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(name, help), labels).expect("valid")
        };
        let counter = |name, help, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect("valid")
        };
        let consumer_lag = gauge(
            "aftercare_consumer_lag_events",
            "Events not yet consumed",
            &["consumer", "source"],
        );
        let consumer_stopped = gauge(
            "aftercare_consumer_stopped",
            "1 while a consumer needs a rewind",
            &["consumer", "source"],
        );
        let dead_letters = counter(
            "aftercare_dead_letters_total",
            "Events put aside by a consumer",
            &["consumer"],
        );
        let clock_notices =
            counter("aftercare_clock_notices_total", "Notices of clocks", &["metric", "notice"]);
        let all: [Box<dyn prometheus::core::Collector>; 6] = [
            Box::new(calls.clone()),
            Box::new(outbox_age.clone()),
            Box::new(consumer_lag.clone()),
            Box::new(consumer_stopped.clone()),
            Box::new(dead_letters.clone()),
            Box::new(clock_notices.clone()),
        ];
        for collector in all {
            registry.register(collector).expect("each name is registered once");
        }
        Self {
            registry,
            calls,
            outbox_age,
            consumer_lag,
            consumer_stopped,
            dead_letters,
            clock_notices,
        }
    }

    /// Starts measuring a call of `method`. A call that is dropped before its code is known counts
    /// as cancelled, so that callers who hang up are seen.
    pub fn call(&self, method: &str) -> CallTimer {
        CallTimer {
            calls: self.calls.clone(),
            method: method.trim_start_matches('/').to_owned(),
            started: Instant::now(),
            code: "CANCELLED",
        }
    }

    /// All metrics as Prometheus text.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

/// Measures one call from start to drop.
#[derive(Debug)]
pub struct CallTimer {
    calls: HistogramVec,
    method: String,
    started: Instant,
    code: &'static str,
}

impl CallTimer {
    /// Notes how the call ended, as the canonical name of its gRPC code.
    pub fn ended(&mut self, code: &'static str) {
        self.code = code;
    }
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.calls.with_label_values(&[self.method.as_str(), self.code]).observe(seconds);
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
        let text = metrics.text();
        for code in ["OK", "CANCELLED"] {
            let line = format!(
                "rpc_server_call_duration_seconds_count{{rpc_method=\"aftercare.tickets.v1.TicketService/GetTicket\",rpc_response_status_code=\"{code}\"}} 1"
            );
            assert!(text.contains(&line), "{text}");
        }
    }
}
