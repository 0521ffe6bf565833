//! What is noted of a call from its first byte to its last: how long it took, how it ended, its
//! span. An answer that is all head ends it there; else the trailers do, or whoever drops the body.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::{Body as _, Frame};
use telemetry::{CallSpan, CallTimer, Metrics, Side, Trace};
use tonic::{Code, Status, body::Body};
use tracing::Span;

use crate::status;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A call under way.
pub(crate) struct Observed {
    span: CallSpan,
    timer: Option<CallTimer>,
}

impl Observed {
    /// A call that arrives at the outer wall. `method` is the contract's name of it, if any.
    pub(crate) fn at_edge(method: Option<&str>, headers: &mut HeaderMap) -> Self {
        let before = traceparent(headers);
        let observed = Self::new(Side::Edge, method.unwrap_or(OTHER), before, None);
        if Trace::parse(before).is_none() {
            // It says nothing without the other.
            headers.remove(TRACESTATE);
        }
        observed.hand_on(headers);
        observed
    }

    /// A call that arrives at a service.
    pub(crate) fn served(metrics: &Metrics, method: &str, headers: &HeaderMap) -> Self {
        Self::new(Side::Server, method, traceparent(headers), Some(metrics.call(method)))
    }

    /// A call to another service, on behalf of a call that came with `before`.
    pub(crate) fn made(method: &str, before: &str, headers: &mut HeaderMap) -> Self {
        let observed = Self::new(Side::Client, method, before, None);
        observed.hand_on(headers);
        observed
    }

    fn new(side: Side, method: &str, before: &str, timer: Option<CallTimer>) -> Self {
        Self { span: CallSpan::start(side, method, before), timer }
    }

    /// The span in which the work is done.
    pub(crate) fn span(&self) -> Span {
        self.span.span().clone()
    }

    /// What to put on the calls that this one makes, and on the events that it writes.
    pub(crate) fn traceparent(&self) -> String {
        self.span.trace().to_string()
    }

    fn hand_on(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(self.traceparent()) {
            headers.insert(TRACEPARENT, value);
        }
    }

    fn ended(&mut self, code: Code) {
        let code = status::code_name(code);
        self.span.ended(code);
        if let Some(timer) = &mut self.timer {
            timer.ended(code);
        }
    }

    /// Sees an answer to its end.
    pub(crate) fn watch(mut self, answer: Response<Body>) -> Response<Body> {
        if let Some(status) = Status::from_header_map(answer.headers()) {
            self.ended(status.code());
            return answer;
        }
        if answer.body().is_end_stream() {
            self.ended(Code::Ok);
            return answer;
        }
        if self.timer.is_none() && !self.span.is_seen() {
            return answer;
        }
        answer.map(|inner| Body::new(Watched { inner, call: Some(self) }))
    }

    /// The same for an answer that may not have come.
    pub(crate) fn watch_result(
        mut self,
        answer: Result<Response<Body>, Status>,
    ) -> Result<Response<Body>, Status> {
        match answer {
            Ok(answer) => Ok(self.watch(answer)),
            Err(status) => {
                self.ended(status.code());
                Err(status)
            }
        }
    }
}

/// What a method is called that nobody serves, by convention.
pub(crate) const OTHER: &str = "_OTHER";

fn traceparent(headers: &HeaderMap) -> &str {
    headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The body of an answer, with the call that it belongs to until it ends.
struct Watched {
    inner: Body,
    call: Option<Observed>,
}

impl Watched {
    fn end(&mut self, code: Code) {
        if let Some(mut call) = self.call.take() {
            call.ended(code);
        }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let span = self.call.as_ref().map(Observed::span);
        let frame = {
            let _inside = span.as_ref().map(Span::enter);
            Pin::new(&mut self.inner).poll_frame(cx)
        };
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    let status = Status::from_header_map(trailers);
                    self.end(status.map_or(Code::Ok, |status| status.code()));
                }
            }
            Poll::Ready(Some(Err(status))) => self.end(status.code()),
            Poll::Ready(None) => self.end(Code::Ok),
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}
