//! The inner wall of every service, the same in process and over the network.
//!
//! From the outside in, each step with its reason:
//! 1. route to the method's descriptor: everything after goes by the contract, never by the raw path;
//! 2. metrics and span: outside of all that may refuse, so that refusals are counted too;
//! 3. deadline: before the token, so that nothing runs on behalf of a caller who has gone;
//! 4. call token: who is calling; identity comes from nowhere else;
//! 5. permission, before any look-up, so that a refusal tells nothing about what exists;
//! 6. panic: innermost, around the handler alone, so that its status passes through all the others.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::FutureExt;
use http::{HeaderMap, Request, Response};
use kernel::{Caller, Code, RowScope};
use telemetry::Metrics;
use tokio::time::Instant;
use tonic::{Status, body::Body, service::Routes};
use tower::Service;
use tracing::Instrument as _;

use crate::{
    Call, Grants, Methods,
    access::Method,
    deadline::{self, Timed},
    ending::{self, Connection},
    observed::{OTHER, Observed},
    status,
    token::Verifier,
};

/// Who is believed at this wall.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Who carries a call token for a service of this process.
    CallTokens(Verifier),
    /// Whoever reaches the admin port, as this caller.
    AdminPort(Arc<Caller>),
}

/// The wall around the services of a process.
#[derive(Clone)]
pub struct Inbound {
    routes: Routes,
    shared: Arc<Shared>,
}

struct Shared {
    methods: Arc<Methods>,
    grants: Arc<Grants>,
    trust: Trust,
    metrics: Metrics,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound").finish_non_exhaustive()
    }
}

impl Inbound {
    /// The wall around `routes`.
    pub fn new(
        routes: Routes,
        methods: Arc<Methods>,
        grants: Arc<Grants>,
        trust: Trust,
        metrics: Metrics,
    ) -> Self {
        let shared = Shared { methods, grants, trust, metrics };
        Self { routes: routes.prepare(), shared: Arc::new(shared) }
    }
}

impl Shared {
    /// Lets a call through, or says why not. `Ok` is the call as its handler will see it.
    fn admit(
        &self,
        method: &Method,
        headers: &HeaderMap,
        observed: &Observed,
    ) -> Result<Call, Status> {
        let asked = deadline::asked(headers).map_err(|_| {
            status::plain(Code::InvalidArgument, "MALFORMED_TIMEOUT", "`grpc-timeout` is malformed")
        })?;
        let patience = deadline::clamp(asked, method.streams);
        let patience =
            if asked.is_some() { patience.saturating_sub(deadline::MARGIN) } else { patience };

        let caller = match &self.trust {
            Trust::AdminPort(caller) => caller.clone(),
            Trust::CallTokens(verifier) => {
                let token = headers
                    .get("authorization")
                    .and_then(|value| value.to_str().ok())
                    .and_then(|value| value.strip_prefix("Call "))
                    .ok_or_else(unauthenticated)?;
                verifier.verify(token).map_err(|refused| {
                    tracing::warn!(method = %method.path, %refused, "call token refused");
                    unauthenticated()
                })?
            }
        };

        let outsider = matches!(self.trust, Trust::CallTokens(_))
            && caller.kind != kernel::CallerKind::Service;
        let scope = self.grants.scope(&caller, &method.permission);
        if scope == RowScope::None || method.internal && outsider {
            return Err(status::denied(&method.permission));
        }
        Ok(Call {
            caller,
            scope,
            method: method.path.rsplit('/').next().unwrap_or_default().into(),
            deadline: Instant::now() + patience,
            traceparent: observed.traceparent().into(),
            grants: self.grants.clone(),
        })
    }
}

fn unauthenticated() -> Status {
    status::plain(Code::Unauthenticated, "UNAUTHENTICATED", "no credential that holds")
}

impl Service<Request<Body>> for Inbound {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The router is always ready; each call polls its own copy below.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let shared = self.shared.clone();
        let Some(method) = shared.methods.get(request.uri().path()).cloned() else {
            let observed = Observed::served(&shared.metrics, OTHER, request.headers());
            let refusal = observed.watch(status::unknown_method().into_http());
            return Box::pin(async { Ok(refusal) });
        };
        let mut routes = self.routes.clone();
        Box::pin(async move {
            let observed = Observed::served(&shared.metrics, &method.path, request.headers());
            let span = observed.span();
            let admitted = span.in_scope(|| shared.admit(&method, request.headers(), &observed));
            let call = match admitted {
                Ok(call) => call,
                Err(status) => return Ok(observed.watch(status.into_http())),
            };
            let ends = call.deadline;
            let connection = Connection::of(&request).filter(|_| method.streams);
            // What a caller in the same process put there must not ride along.
            request.extensions_mut().clear();
            request.extensions_mut().insert(call);
            // Ours has been read; the transport's would race it.
            request.headers_mut().remove("grpc-timeout");
            let handled = AssertUnwindSafe(routes.call(request).instrument(span)).catch_unwind();
            let response = match tokio::time::timeout_at(ends, handled).await {
                Ok(Ok(Ok(response))) => response.map(|body| Timed::body(Body::new(body), ends)),
                Ok(Ok(Err(never))) => match never {},
                Ok(Err(_)) => deadline::panicked().into_http(),
                Err(_) => deadline::exceeded().into_http(),
            };
            // That we go away is no failure of the call, which is measured within.
            Ok(ending::stream(observed.watch(response), connection))
        })
    }
}
