//! The three ports: public, behind the edge; peers, with call tokens; admin, for whoever reaches it.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use config::Addresses;
use gateway::web::Front;
use http::{Method, Request, Response, StatusCode, Version, header};
use kernel::{Caller, CallerKind, Locale, Role, TenantId};
use rpc::{
    DirectoryCallers, Edge, Link, Methods,
    edge::{self, Unlimited},
    ending::{self, Connection},
    inbound::Trust,
    issuer::LocalIssuer,
    token::Minter,
};
use telemetry::Metrics;
use tokio::net::TcpListener;
use tonic::{Status, body::Body, service::Routes};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::{
    Process,
    services::{EDGE, Services},
};

/// The sockets of a process, bound but not yet served.
pub(crate) struct Listeners {
    pub(crate) public: Option<TcpListener>,
    pub(crate) peer: Option<TcpListener>,
    pub(crate) admin: TcpListener,
}

impl Listeners {
    /// Takes the addresses.
    pub(crate) async fn bind(at: Addresses) -> Result<Self> {
        let (mut peer, mut public) = (None, None);
        if let Some(address) = at.peer {
            peer = Some(bind("peer", address).await?);
        }
        if let Some(address) = at.public {
            public = Some(bind("public", address).await?);
        }
        Ok(Self { public, peer, admin: bind("admin", at.admin).await? })
    }

    /// The addresses with the ports that port 0 became.
    pub(crate) fn addresses(&self) -> Result<Addresses> {
        Ok(Addresses {
            public: self.public.as_ref().map(TcpListener::local_addr).transpose()?,
            peer: self.peer.as_ref().map(TcpListener::local_addr).transpose()?,
            admin: self.admin.local_addr()?,
        })
    }
}

async fn bind(what: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("the {what} address {address} cannot be taken"))
}

/// What answers on a port.
#[derive(Clone)]
pub(crate) enum Port {
    /// Clients of the whole suite, by way of the gateway.
    Front(Front),
    /// Clients of the services here, where there is no gateway at all: gRPC through the edge; health,
    /// and reflection where it is shown, past it.
    Public { edge: Edge, open: Link },
    /// The other processes: each method through its service's wall.
    Peer { methods: Arc<Methods>, services: Arc<Services> },
    /// Operators.
    Admin { wall: Link, open: Link, metrics: Metrics },
}

impl Port {
    /// The public port. `open` are the services that need no credential.
    pub(crate) fn public(process: &Process<'_>, services: &Services, open: Link) -> Result<Self> {
        if let Some(gateway) = &services.gateway {
            return Ok(Self::Front(gateway.front(process, services, open)?));
        }
        let issuer = process.config.identity.local_issuer;
        let issuer = issuer.then(|| LocalIssuer::new(&process.keys, process.clock.clone()));
        let directory = crate::seed::directory(&process.seed);
        let edge = Edge::new(edge::Parts {
            services: services.walls.clone(),
            methods: process.methods.clone(),
            grants: process.grants.clone(),
            callers: Arc::new(DirectoryCallers::new(issuer, directory)),
            admission: Arc::new(Unlimited),
            minter: Minter::new(EDGE, &process.keys, process.clock.clone()),
            clock: process.clock.clone(),
            ids: process.ids.clone(),
        });
        Ok(Self::Public { edge, open })
    }

    /// The admin port with these services.
    pub(crate) fn admin(process: &Process<'_>, routes: Routes, open: Link) -> Self {
        let operator = Caller {
            // An operator belongs to no tenant.
            tenant: TenantId::from(Uuid::nil()),
            kind: CallerKind::Operator,
            subject: "admin-port".to_owned(),
            roles: vec![Role::Operator],
            teams: Vec::new(),
            scopes: None,
            customer: None,
            link: None,
            locale: Locale::En,
        };
        let wall = process.wall_of(routes, Trust::AdminPort(Arc::new(operator)));
        Self::Admin { wall, open, metrics: process.metrics.clone() }
    }

    /// Answers a request.
    pub(crate) async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let path = request.uri().path();
        if let Self::Admin { metrics, .. } = &self
            && path == "/metrics"
            && request.method() == Method::GET
        {
            return Ok(plain("text/plain; version=0.0.4", metrics.text()));
        }
        // The front speaks more than gRPC.
        if !matches!(self, Self::Front(_))
            && let Some(refusal) = refuse(&request)
        {
            return Ok(refusal);
        }
        let link = match self {
            Self::Public { open, .. } | Self::Admin { open, .. } if is_open(path) => {
                let streams = path != "/grpc.health.v1.Health/Check";
                let connection = Connection::of(&request).filter(|_| streams);
                let response = open.oneshot(request).await.unwrap_or_else(Status::into_http);
                return Ok(ending::stream(response, connection));
            }
            Self::Front(front) => return front.oneshot(request).await,
            Self::Public { edge, .. } => return edge.oneshot(request).await,
            Self::Admin { wall, .. } => wall,
            Self::Peer { methods, services } => match peer(&methods, &services, path) {
                Some(link) => link,
                None => return Ok(rpc::status::unknown_method().into_http()),
            },
        };
        Ok(link.oneshot(request).await.unwrap_or_else(Status::into_http))
    }
}

/// Whether a method needs no credential.
fn is_open(path: &str) -> bool {
    path.starts_with("/grpc.health.") || path.starts_with("/grpc.reflection.")
}

/// The wall in front of a method: its service's, or that of the feeds.
fn peer(methods: &Methods, services: &Services, path: &str) -> Option<Link> {
    let method = methods.get(path)?;
    if path.starts_with("/aftercare.type.v1.FeedService/") {
        return Some(services.feeds.clone());
    }
    services.walls.get(&method.service).cloned()
}

/// What a request that is not gRPC over HTTP/2 is told, so that nobody waits for nothing.
fn refuse(request: &Request<Body>) -> Option<Response<Body>> {
    let kind = request.headers().get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let is_grpc = kind
        .is_some_and(|kind| kind == b"application/grpc" || kind.starts_with(b"application/grpc+"));
    let (status, message) = if !is_grpc {
        let message = "this port speaks gRPC (content-type application/grpc); try `aftercare call`";
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    } else if request.version() != Version::HTTP_2 {
        let message = "gRPC needs HTTP/2, without TLS and by prior knowledge (h2c) on this port";
        (StatusCode::HTTP_VERSION_NOT_SUPPORTED, message)
    } else {
        return None;
    };
    let body = serde_json::json!({
        "code": i32::from(tonic::Code::InvalidArgument), "message": message, "details": [],
    });
    let mut response = plain("application/json", body.to_string());
    *response.status_mut() = status;
    Some(response)
}

fn plain(kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::from(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
