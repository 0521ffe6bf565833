//! Measures one call.

use std::time::Instant;

use prometheus::{HistogramVec, IntGauge};

use crate::span::CANCELLED;

/// Measures one call from start to drop.
#[derive(Debug)]
pub struct CallTimer {
    calls: HistogramVec,
    in_flight: IntGauge,
    method: String,
    started: Instant,
    code: &'static str,
}

impl CallTimer {
    pub(crate) fn start(calls: HistogramVec, in_flight: IntGauge, method: &str) -> Self {
        in_flight.inc();
        let (method, started) = (method.to_owned(), Instant::now());
        Self { calls, in_flight, method, started, code: CANCELLED }
    }

    /// Notes how the call ended, as the canonical name of its gRPC code.
    pub fn ended(&mut self, code: &'static str) {
        self.code = code;
    }
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.calls.with_label_values(&[self.method.as_str(), self.code]).observe(seconds);
        self.in_flight.dec();
    }
}
