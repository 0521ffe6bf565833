//! The HTTP front of the public port: gRPC, gRPC-Web and JSON on one address.
//!
//! From the outside in, each step with its reason:
//! 1. CORS, outermost, so that a page can read every answer, refusals too. Native gRPC passes it by:
//!    no page can send it;
//! 2. security headers, on whatever a browser may show;
//! 3. limits on the head, before anything is made of it;
//! 4. the branch by content type: gRPC, gRPC-Web (translated to gRPC), and everything else to the
//!    JSON side, which has its own 404;
//! 5. limits on the body, as it streams by; nothing is collected here.
//!
//! Requests that are not gRPC are measured around 2 to 5, each up to the head of its answer.
//!
//! # Deliberately absent
//! Who is calling: that is the edge's, behind both branches. Method override headers are dropped.

mod body;
mod head;
mod origins;
mod refusal;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{Method, Request, Response, Version, header};
use http_body::Body as _;
use rpc::{Link, status};
use sha2::{Digest as _, Sha256};
use telemetry::Metrics;
use tonic::{Status, body::Body};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer as _, Service, ServiceExt as _, util::BoxCloneSyncService};
use tower_http::cors::Cors;

use body::{Bounded, Verdict};
use head::Kind;
use refusal::Refusal;

pub use origins::Origins;

/// How a policy names a script or a style that stands in its page: by its hash.
pub(crate) fn source(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// What answers whatever is not gRPC.
type Json = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The front: `grpc` behind gRPC and gRPC-Web, `json` behind everything else. Pages of `origins` may
/// read the answers. `json` marks its answers with the [`Route`] that their requests met.
pub fn front<J>(grpc: Link, json: J, origins: Origins, metrics: Metrics) -> Front
where
    J: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    J::Future: Send + 'static,
{
    let metered = Metered(Arc::new(grpc));
    let branches = Branches(Arc::new(Shared {
        web: GrpcWebLayer::new().layer(metered.clone()),
        grpc: metered,
        json: BoxCloneSyncService::new(json),
        metrics,
    }));
    let cors = Arc::new(origins::layer(origins).layer(branches.clone()));
    Front { cors, branches }
}

/// What serves the public port. Cloning is cheap.
#[derive(Clone)]
pub struct Front {
    cors: Arc<Cors<Branches>>,
    branches: Branches,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Body>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // What stands behind is made ready for each call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let of_a_page = request.headers().contains_key(header::ORIGIN);
        if Kind::of(&request) == Kind::Grpc && !of_a_page {
            return self.branches.call(request);
        }
        Box::pin(Cors::clone(&self.cors).call(request))
    }
}

/// Everything inside CORS.
#[derive(Clone)]
struct Branches(Arc<Shared>);

struct Shared {
    grpc: Metered,
    web: GrpcWebService<Metered>,
    json: Json,
    metrics: Metrics,
}

/// Among the extensions of an answer: the template of the route that its request met, for instance
/// `/v1/{name=tickets/*}`. There are as many as the contracts have, whatever clients ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(Arc<str>);

impl From<&str> for Route {
    fn from(template: &str) -> Self {
        Self(template.into())
    }
}

impl Service<Request<Body>> for Branches {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = self.0.clone();
        Box::pin(async move { Ok(shared.answer(request).await) })
    }
}

impl Shared {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let kind = Kind::of(&request);
        if matches!(kind, Kind::Grpc | Kind::GrpcWeb) {
            // Calls of gRPC are measured by the services' walls.
            return self.branch(kind, request).await;
        }
        let (method, begun) = (request.method().clone(), Instant::now());
        let response = self.branch(kind, request).await;
        let route = response.extensions().get::<Route>().map_or("_OTHER", |route| &route.0);
        let status = response.status().as_u16();
        self.metrics.http_request(method.as_str(), route, status, begun.elapsed());
        if method == Method::HEAD { bare(response) } else { response }
    }

    async fn branch(&self, kind: Kind, mut request: Request<Body>) -> Response<Body> {
        if let Err(refusal) = head::check(&request).and_then(|()| kind.check(&request)) {
            return refusal.answer(&request);
        }
        head::strip(request.headers_mut());
        match kind {
            Kind::Grpc => infallible(self.grpc.clone().oneshot(request).await),
            Kind::GrpcWeb => hardened(infallible(self.web.clone().oneshot(request).await)),
            Kind::OtherGrpc | Kind::Http => hardened(self.json(request).await),
        }
    }

    async fn json(&self, request: Request<Body>) -> Response<Body> {
        let verdict = Verdict::new();
        let request = request.map(|body| Bounded::total(body, &verdict));
        let response = infallible(self.json.clone().oneshot(request).await);
        let Some(refusal) = verdict.refusal() else { return response };
        let mut refused = refusal.json();
        *refused.extensions_mut() = response.into_parts().0.extensions;
        refused
    }
}

fn infallible(answer: Result<Response<Body>, Infallible>) -> Response<Body> {
    answer.unwrap_or_else(|never| match never {})
}

/// The answer to HEAD: as to GET, without the content. Over HTTP/2 nobody else takes it away, and a
/// client that gets some resets the stream.
fn bare(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    response.map(|_| Body::empty())
}

fn hardened(mut response: Response<Body>) -> Response<Body> {
    refusal::harden(response.headers_mut());
    response
}

/// The gRPC side, with its messages measured as they come.
#[derive(Clone)]
struct Metered(Arc<Link>);

impl Service<Request<Body>> for Metered {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let verdict = Verdict::new();
        let (head, body) = request.into_parts();
        let body = Bounded::messages(body, &head, &verdict);
        let answer = Link::clone(&self.0).oneshot(Request::from_parts(head, body));
        Box::pin(async move {
            let mut response = answer.await.unwrap_or_else(Status::into_http);
            match verdict.status() {
                // What the service makes of a request that broke off is not what was wrong with it.
                Some(refused) => response = refused.into_http(),
                None => status::explain(&mut response),
            }
            Ok(response)
        })
    }
}

impl Kind {
    /// Whether a request of this kind comes by the right method and protocol.
    fn check(self, request: &Request<Body>) -> Result<(), Refusal> {
        let posted = request.method() == Method::POST;
        match self {
            Self::Http => Ok(()),
            Self::OtherGrpc => Err(Refusal::UNKNOWN_CODEC),
            Self::Grpc if request.version() != Version::HTTP_2 => Err(Refusal::NOT_HTTP2),
            Self::Grpc | Self::GrpcWeb if posted => Ok(()),
            Self::Grpc | Self::GrpcWeb => Err(Refusal::NOT_POSTED),
        }
    }
}

#[cfg(test)]
mod tests;
