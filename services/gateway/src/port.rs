//! The public port, joined: the front, and behind it gRPC by way of the edge, JSON by the same way,
//! the OpenAPI document and its page, the pages of links, the overview, the help centres.

use std::{convert::Infallible, sync::Arc};

use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use rpc::{
    Edge, Link, Methods,
    ending::{self, Connection},
};
use telemetry::Metrics;
use tonic::{Status, body::Body};
use tower::{ServiceExt as _, service_fn};

use crate::{
    help::HelpCenter,
    json::{self, Gate, Json},
    links::LinkPages,
    openapi::{self, OpenApi},
    overview::OverviewPages,
    pages,
    web::{self, Front, Origins, Route},
};

/// The contracts cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// As JSON.
    #[error("the contracts cannot be served as JSON")]
    Json(#[from] json::Error),
    /// As a document.
    #[error("the contracts cannot be described")]
    OpenApi(#[from] openapi::Error),
}

/// What the public port is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Who is calling, and the way to each service.
    pub edge: Edge,
    /// The pages that sealed links open.
    pub links: LinkPages,
    /// The overview for members.
    pub overview: OverviewPages,
    /// The help centres of the tenants.
    pub help: HelpCenter,
    /// The gRPC services that need no credential: health, and reflection where it is shown.
    pub open: Link,
    /// The origins whose pages may call.
    pub origins: Origins,
    /// The methods of the contracts.
    pub methods: &'a Methods,
    /// The version that the document tells.
    pub version: &'a str,
    /// Where metrics go.
    pub metrics: Metrics,
}

/// The public port.
pub fn front(parts: Parts<'_>) -> Result<Front, Error> {
    let Parts { edge, links, overview, help, open, origins, methods, version, metrics } = parts;
    let guarded = rpc::link::link(edge.clone());
    let gate = Arc::new(AtEdge(edge));
    let pages = Arc::new(Pages {
        json: Json::new(&contracts::POOL, methods, guarded.clone(), gate)?,
        openapi: OpenApi::new(&contracts::POOL, methods, version)?,
        links,
        overview,
        help,
    });
    // Cloned with each call.
    let ways = Arc::new((open, guarded));
    let grpc = service_fn(move |request: Request<Body>| {
        let (open, guarded) = &*ways;
        let path = request.uri().path();
        let needs_none = path.starts_with("/grpc.health.") || path.starts_with("/grpc.reflection.");
        let streams = needs_none && path != "/grpc.health.v1.Health/Check";
        let link = if needs_none { open.clone() } else { guarded.clone() };
        let connection = Connection::of(&request).filter(|_| streams);
        async move { Ok::<_, Status>(ending::stream(link.oneshot(request).await?, connection)) }
    });
    let rest = service_fn(move |request: Request<Body>| {
        let pages = pages.clone();
        async move { Ok::<_, Infallible>(pages.answer(request).await) }
    });
    Ok(web::front(rpc::link::link(grpc), rest, origins, metrics))
}

/// Whatever is not gRPC.
struct Pages {
    json: Json,
    openapi: OpenApi,
    links: LinkPages,
    overview: OverviewPages,
    help: HelpCenter,
}

impl Pages {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (verb, path) = (request.method(), request.uri().path());
        if let Some(mut page) = self.openapi.answer(verb, path, request.headers()) {
            page.extensions_mut().insert(Route::from(path));
            return page;
        }
        // At every host: what a link opens is told by the link.
        if let Some(place) = LinkPages::place(request.uri()) {
            return self.links.answer(place, request).await;
        }
        // Whose it is, is told by who looks.
        if let Some(place) = OverviewPages::place(path) {
            return self.overview.answer(place, request).await;
        }
        match self.help.visit(request.uri(), request.headers(), request.extensions()).await {
            Some(visit) => self.help.answer(visit, request).await,
            // No help centre's: what may be called is shown.
            None if is_start(&request) => {
                let mut response = pages::redirect(StatusCode::SEE_OTHER, "/docs");
                response.extensions_mut().insert(Route::from("/"));
                response
            }
            None => self.json.answer(request).await,
        }
    }
}

/// Whether a browser asks for the address itself.
fn is_start(request: &Request<Body>) -> bool {
    request.uri().path() == "/" && matches!(*request.method(), Method::GET | Method::HEAD)
}

/// The edge, asked whether it would let a call in.
struct AtEdge(Edge);

impl Gate for AtEdge {
    fn admit<'a>(
        &'a self,
        method: &'a str,
        headers: &'a HeaderMap,
    ) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(self.0.admit(method, headers))
    }
}
