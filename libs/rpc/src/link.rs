//! How a service is called: the in-process router where it runs in this process, a channel
//! otherwise. The same type, the same token, the same deadline; two microseconds instead of thirty.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use kernel::{Caller, TenantId};
use tokio::time::Instant;
use tonic::{Status, body::Body};
use tower::{BoxError, Service, ServiceExt, util::BoxCloneSyncService};
use tracing::Instrument as _;

use crate::{Call, deadline, observed::Observed, status, token::Minter};

/// A way to a service, ready for a generated client.
pub type Link = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

/// The way to whatever `service` is: a router of this process, or a channel.
pub fn link<S, B>(service: S) -> Link
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = service
        .map_response(|response: Response<B>| response.map(Body::new))
        .map_err(|error| status::transport(error.into()));
    BoxCloneSyncService::new(service)
}

/// The calling side of a link: puts the caller's token, the remaining time and the trace on each
/// call.
#[derive(Clone)]
pub struct Outbound {
    link: Link,
    minter: Minter,
    audience: Arc<str>,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("audience", &self.audience).finish_non_exhaustive()
    }
}

impl Outbound {
    /// Calls to the service `audience` over `link`, with tokens of `minter`.
    pub fn new(link: Link, minter: Minter, audience: &str) -> Self {
        Self { link, minter, audience: audience.into() }
    }

    /// A link for calls on behalf of `call`'s caller, while `call` lasts.
    pub fn on_behalf(&self, call: &Call) -> Link {
        self.dressed(&call.caller, Some(call.deadline), &call.traceparent)
    }

    /// A link for calls of the suite itself in a tenant, on behalf of nobody.
    pub fn as_service(&self, name: &str, tenant: TenantId) -> Link {
        self.dressed(&Caller::service(name, tenant), None, "")
    }

    fn dressed(&self, caller: &Caller, deadline: Option<Instant>, traceparent: &str) -> Link {
        BoxCloneSyncService::new(Dressed {
            inner: self.link.clone(),
            minter: self.minter.clone(),
            caller: Arc::new(caller.clone()),
            audience: self.audience.clone(),
            deadline,
            traceparent: traceparent.into(),
        })
    }
}

#[derive(Clone)]
struct Dressed {
    inner: Link,
    minter: Minter,
    caller: Arc<Caller>,
    audience: Arc<str>,
    deadline: Option<Instant>,
    traceparent: Arc<str>,
}

impl Service<Request<Body>> for Dressed {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let uri = request.uri().clone();
        let headers = request.headers_mut();
        let observed = Observed::made(uri.path(), &self.traceparent, headers);
        headers.insert("authorization", self.minter.header(&self.caller, &self.audience));
        let asked = deadline::asked(headers).ok().flatten();
        let left =
            match (self.deadline.map(|at| at.saturating_duration_since(Instant::now())), asked) {
                (Some(left), Some(asked)) => Some(left.min(asked)),
                (left, asked) => left.or(asked),
            };
        if left.is_some_and(|left| left.is_zero()) {
            return Box::pin(async { observed.watch_result(Err(deadline::exceeded())) });
        }
        if let Some(left) = left
            && let Ok(value) = HeaderValue::from_str(&deadline::header(left + deadline::MARGIN))
        {
            headers.insert("grpc-timeout", value);
        }
        let span = observed.span();
        let response = span.in_scope(|| self.inner.call(request)).instrument(span);
        Box::pin(async move {
            let answer = match left {
                None => response.await,
                Some(left) => tokio::time::timeout(left, response)
                    .await
                    .unwrap_or_else(|_| Err(deadline::exceeded())),
            };
            observed.watch_result(answer)
        })
    }
}
