//! Calls that failed because something was away, tried again: the semantics of gRPC's own retry
//! policy (gRFC A6), as a layer around a link.
//!
//! - Methods without side effects are tried up to three times where the answer is UNAVAILABLE, with
//!   growing waits or the one that the server asked for (`grpc-retry-pushback-ms`).
//! - Any method is tried once more where the request was never sent.
//! - A budget per link keeps retries from feeding an overload: a fifth of the calls, and a few.
//! - One deadline spans all attempts.
//! - The answer of a method without side effects is held until it is whole, so that one that breaks
//!   off is tried again, too. There is no way back from the head of a stream or of a write, nor from
//!   an answer that is longer than what clients take.
//!
//! Deliberately absent: retries of writes whose outcome is unknown (only the caller knows whether it
//! sent a `request_id`), and hedging.

mod replay;

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, request::Parts};
use http_body::Frame;
use http_body_util::BodyExt as _;
use telemetry::Metrics;
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tower::{
    Service, ServiceExt as _,
    retry::budget::{Budget as _, TpsBudget},
    util::BoxCloneSyncService,
};

use self::replay::Replay;
use crate::{
    Link, Methods,
    access::{Idempotency, Method},
    deadline, status,
};

/// How often a call is tried in all.
const ATTEMPTS: u32 = 3;
/// The wait before the second attempt; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest wait that is not asked for.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Retries may be this part of all calls: more would feed the overload that they come from.
const BUDGET_PART: f32 = 0.2;
/// So many retries a second are always allowed, for links with few calls.
const BUDGET_FLOOR: u32 = 10;
/// How long a call counts towards the budget.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
/// How much of an answer is held back: what gRPC's clients take, unless they are told otherwise.
const HELD: usize = 4 * 1_024 * 1_024;
/// By what header a server is told that this is not the first attempt.
const PREVIOUS_ATTEMPTS: &str = "grpc-previous-rpc-attempts";

/// `inner` with retries, for calls to these methods; a call to any other is passed on as it is.
pub fn link(inner: Link, methods: Arc<Methods>, metrics: Metrics) -> Link {
    let budget = TpsBudget::new(BUDGET_WINDOW, BUDGET_FLOOR, BUDGET_PART);
    let shared = Shared { inner, methods, budget, waits: AtomicU32::new(0), metrics };
    BoxCloneSyncService::new(Retry(Arc::new(shared)))
}

#[derive(Clone)]
struct Retry(Arc<Shared>);

struct Shared {
    inner: Link,
    methods: Arc<Methods>,
    budget: TpsBudget,
    /// How many waits there have been; spreads them.
    waits: AtomicU32,
    metrics: Metrics,
}

impl Service<Request<Body>> for Retry {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Each attempt waits for a link of its own.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = self.0.clone();
        match shared.methods.get(request.uri().path()).cloned() {
            Some(method) => Box::pin(async move { shared.try_all(&method, request).await }),
            None => Box::pin(shared.inner.clone().oneshot(request)),
        }
    }
}

/// What became of one attempt.
enum Outcome {
    /// To be handed on.
    Final(Result<Response<Body>, Status>),
    /// Nothing was done, or doing it twice does no harm: worth another try.
    Failed { answer: Result<Response<Body>, Status>, unsent: bool, pushback: Option<Pushback> },
}

/// What the server said about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pushback {
    After(Duration),
    Never,
}

impl Shared {
    async fn try_all(
        &self,
        method: &Method,
        request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        self.budget.deposit();
        let asked = deadline::asked(request.headers()).ok().flatten();
        let until = Instant::now() + deadline::clamp(asked, method.streams);
        let (head, body) = request.into_parts();
        let mut replay = Replay::new(body);
        let (mut attempt, mut was_unsent) = (1, false);
        loop {
            let request = Request::from_parts(dressed(&head, attempt, until), replay.body());
            let tried = tokio::time::timeout_at(until, self.try_once(method, request)).await;
            let Ok(outcome) = tried else { return Err(deadline::exceeded()) };
            let (answer, unsent, pushback) = match outcome {
                Outcome::Final(answer) => return answer,
                Outcome::Failed { answer, unsent, pushback } => (answer, unsent, pushback),
            };
            let free = unsent && !was_unsent;
            let allowed = free
                || method.idempotency == Idempotency::NoSideEffects
                    && attempt < ATTEMPTS
                    && pushback != Some(Pushback::Never);
            if !allowed || !replay.rewind() {
                return answer;
            }
            if !free && !self.budget.withdraw() {
                self.count("no_budget");
                return answer;
            }
            was_unsent |= unsent;
            let wait = match pushback {
                Some(Pushback::After(wait)) => wait,
                Some(Pushback::Never) | None => self.wait(attempt),
            };
            if Instant::now() + wait >= until {
                return answer;
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
            self.count("sent");
        }
    }

    fn count(&self, outcome: &str) {
        self.metrics.retries.with_label_values(&[outcome]).inc();
    }

    async fn try_once(&self, method: &Method, request: Request<Body>) -> Outcome {
        let response = match self.inner.clone().oneshot(request).await {
            Ok(response) => response,
            Err(failure) => {
                let unsent = status::is_unsent(&failure);
                let pushback = pushback(failure.metadata().as_ref());
                let retryable = unsent || failure.code() == Code::Unavailable;
                return judged(Err(failure), retryable, unsent, pushback);
            }
        };
        if is_away(response.status(), response.headers()) {
            let unsent = Status::from_header_map(response.headers())
                .is_some_and(|status| status::is_unsent(&status));
            let pushback = pushback(response.headers());
            return judged(Ok(response), true, unsent, pushback);
        }
        if method.streams || method.idempotency != Idempotency::NoSideEffects {
            return Outcome::Final(Ok(response));
        }
        whole(response).await
    }

    /// The wait before the next attempt: exponential, a fifth more or less. The golden ratio spreads
    /// any run of waits evenly.
    fn wait(&self, attempt: u32) -> Duration {
        let number = f64::from(self.waits.fetch_add(1, Ordering::Relaxed));
        let spread = number * 0.618_033_988_749_895 % 1.0;
        let wait = FIRST_WAIT * 2_u32.saturating_pow(attempt - 1);
        wait.min(LONGEST_WAIT).mul_f64(0.8 + 0.4 * spread)
    }
}

fn judged(
    answer: Result<Response<Body>, Status>,
    retryable: bool,
    unsent: bool,
    pushback: Option<Pushback>,
) -> Outcome {
    if retryable { Outcome::Failed { answer, unsent, pushback } } else { Outcome::Final(answer) }
}

/// The head of an attempt: with the time that is left, and how many came before.
fn dressed(head: &Parts, attempt: u32, until: Instant) -> Parts {
    let mut head = head.clone();
    if attempt > 1 {
        head.headers.insert(PREVIOUS_ATTEMPTS, HeaderValue::from(attempt - 1));
        if head.headers.contains_key("grpc-timeout") {
            let left = deadline::header(until.saturating_duration_since(Instant::now()));
            if let Ok(left) = HeaderValue::from_str(&left) {
                head.headers.insert("grpc-timeout", left);
            }
        }
    }
    head
}

/// Whether an answer that is all head says that something was away: by its status, or, where
/// something between answered, by what HTTP's stands for.
fn is_away(http: StatusCode, headers: &HeaderMap) -> bool {
    match Status::from_header_map(headers) {
        Some(status) => status.code() == Code::Unavailable,
        None => matches!(
            http,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        ),
    }
}

/// What the server says about trying again: a number of milliseconds; anything else means never.
fn pushback(headers: &HeaderMap) -> Option<Pushback> {
    let value = headers.get(status::PUSHBACK)?;
    let millis = value.to_str().ok().and_then(|text| text.parse().ok());
    Some(millis.map_or(Pushback::Never, |millis| Pushback::After(Duration::from_millis(millis))))
}

/// Waits for the end of an answer: until then it may still turn out that the service is away.
async fn whole(response: Response<Body>) -> Outcome {
    let (head, mut rest) = response.into_parts();
    let (mut read, mut bytes) = (VecDeque::new(), 0);
    let (mut away, mut pushed) = (false, None);
    while bytes <= HELD {
        let frame = match rest.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(failure)) => {
                let failure = status::transport(failure.into());
                let retryable = failure.code() == Code::Unavailable;
                return judged(Err(failure), retryable, false, None);
            }
            None => break,
        };
        bytes += frame.data_ref().map_or(0, Bytes::len);
        if let Some(trailers) = frame.trailers_ref() {
            let told = Status::from_header_map(trailers);
            away = told.is_some_and(|status| status.code() == Code::Unavailable);
            pushed = pushback(trailers);
        }
        read.push_back(frame);
    }
    let answer = Ok(Response::from_parts(head, Body::new(Held { read, rest })));
    judged(answer, away, false, pushed)
}

/// A body that was read ahead.
struct Held {
    read: VecDeque<Frame<Bytes>>,
    rest: Body,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.read.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }
}

#[cfg(test)]
mod tests;
