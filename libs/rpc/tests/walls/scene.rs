//! A service that does as its test says, behind the wall, and callers of it.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use aftercare_rpc::{
    Call, Grants, Inbound, Link, Methods, Outbound,
    inbound::Trust,
    link,
    server::{self, Ages},
    token::{Minter, Verifier},
};
use bytes::{Bytes, BytesMut};
use contracts::tickets::v1::{Ticket, WatchTicketsResponse};
use futures::{Stream, StreamExt as _, future::BoxFuture, stream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use kernel::{Caller, CallerKind, Clock, Locale, Role, TenantId, keys::RootKeys};
use prost::Message;
use telemetry::Metrics;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Status, body::Body, server::NamedService, service::Routes, transport::Endpoint};
use tower::Service;
use uuid::Uuid;

/// Nothing here takes long; where it does, it hangs.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("in time")
}

/// A request that came through, as the handler saw it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) headers: HeaderMap,
    pub(crate) call: Option<Call>,
    /// Whether something that the caller had put into the request was still there.
    pub(crate) stowaway: bool,
}

/// What a caller in the same process puts into a request.
#[derive(Clone, Debug)]
pub(crate) struct Stowaway;

/// `GetTicket` answers at once, `CreateTicket` when the gate lets it, `ResolveTicket` panics,
/// `WatchTickets` says one thing and then nothing for ever, or panics where the test says so.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) entered: Arc<Semaphore>,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) panics: bool,
}

impl NamedService for Fake {
    const NAME: &'static str = "aftercare.tickets.v1.TicketService";
}

fn message(message: &impl Message) -> Frame<Bytes> {
    let mut bytes = BytesMut::zeroed(5);
    message.encode(&mut bytes).unwrap();
    let length = u32::try_from(bytes.len() - 5).unwrap();
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    Frame::data(bytes.freeze())
}

fn done() -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    Frame::trailers(trailers)
}

fn answer(frames: impl Stream<Item = Frame<Bytes>> + Send + 'static) -> Response<Body> {
    let mut response = Response::new(Body::new(StreamBody::new(frames.map(Ok::<_, Status>))));
    response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    response
}

fn ticket() -> Response<Body> {
    let ticket = Ticket { title: "it leaks".to_owned(), ..Ticket::default() };
    answer(stream::iter([message(&ticket), done()]))
}

impl Fake {
    fn new(panics: bool) -> Self {
        let (entered, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        Self { seen: Arc::default(), entered, gate, panics }
    }

    async fn handle(self, mut request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let extensions = request.extensions_mut();
        let seen = Seen {
            call: extensions.remove::<Call>(),
            stowaway: extensions.remove::<Stowaway>().is_some(),
            headers: request.headers().clone(),
        };
        self.seen.lock().unwrap().push(seen);
        self.entered.add_permits(1);
        match path.rsplit('/').next().unwrap() {
            "GetTicket" => ticket(),
            "CreateTicket" => {
                self.gate.acquire().await.unwrap().forget();
                ticket()
            }
            "ResolveTicket" => panic!("on purpose, in a handler"),
            _ => {
                let first = message(&WatchTicketsResponse {
                    resume_token: "first".to_owned(),
                    ..WatchTicketsResponse::default()
                });
                let panics = self.panics;
                let rest = stream::poll_fn(move |_| {
                    assert!(!panics, "on purpose, in a body");
                    Poll::Pending
                });
                answer(stream::iter([first]).chain(rest))
            }
        }
    }
}

impl Service<Request<Body>> for Fake {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let fake = self.clone();
        Box::pin(async move { Ok(fake.handle(request).await) })
    }
}

/// The service, its wall, and a way to it.
pub(crate) struct Scene {
    pub(crate) fake: Fake,
    pub(crate) link: Link,
    pub(crate) metrics: Metrics,
    pub(crate) keys: RootKeys,
    /// Where it listens; `None` in process.
    pub(crate) at: Option<SocketAddr>,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: TaskTracker,
}

fn keys() -> RootKeys {
    RootKeys::parse(&"42".repeat(32), &[]).unwrap()
}

impl Scene {
    fn wall(fake: &Fake, metrics: &Metrics) -> Inbound {
        let verifier = Verifier::new(&["edge"], &["tickets"], &keys(), Clock::system());
        Inbound::new(
            Routes::new(fake.clone()),
            Arc::new(Methods::read(&contracts::POOL)),
            Arc::new(Grants::shipped()),
            Trust::CallTokens(verifier),
            metrics.clone(),
        )
    }

    pub(crate) fn in_process(panics: bool) -> Self {
        let (fake, metrics) = (Fake::new(panics), Metrics::new());
        let link = link::link(Self::wall(&fake, &metrics));
        let (stop, serving) = (CancellationToken::new(), TaskTracker::new());
        Self { fake, link, metrics, keys: keys(), at: None, stop, serving }
    }

    pub(crate) async fn listening(panics: bool, ages: Ages) -> Self {
        let mut scene = Self::in_process(panics);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let wall = Self::wall(&scene.fake, &scene.metrics);
        scene.serving.spawn(server::serve(listener, wall, ages, scene.stop.clone()));
        scene.serving.close();
        scene.link =
            link::link(Endpoint::from_shared(format!("http://{at}")).unwrap().connect_lazy());
        scene.at = Some(at);
        scene
    }

    /// A link on behalf of a member with this role.
    pub(crate) fn caller(&self, role: Role) -> Link {
        let minter = Minter::new("edge", &self.keys, Clock::system());
        let outbound = Outbound::new(self.link.clone(), minter, "tickets");
        let call = Call::of_service("edge", tenant(), Duration::from_mins(10));
        outbound.on_behalf(&Call { caller: Arc::new(member(role)), ..call })
    }

    /// The header that says who is calling.
    pub(crate) fn token(&self, issuer: &str, audience: &str, role: Role) -> String {
        let minter = Minter::new(issuer, &self.keys, Clock::system());
        format!("Call {}", minter.mint(&member(role), audience))
    }

    pub(crate) async fn entered(&self) {
        soon(self.fake.entered.acquire()).await.unwrap().forget();
    }
}

pub(crate) fn tenant() -> TenantId {
    TenantId::from(Uuid::from_u128(1))
}

fn member(role: Role) -> Caller {
    Caller {
        tenant: tenant(),
        kind: CallerKind::Member,
        subject: "lin".to_owned(),
        roles: vec![role],
        teams: Vec::new(),
        scopes: None,
        customer: None,
        link: None,
        locale: Locale::En,
    }
}

/// Runs a test in process and over a listener.
pub(crate) async fn each_way(panics: bool, test: impl AsyncFn(&Scene)) {
    test(&Scene::in_process(panics)).await;
    test(&Scene::listening(panics, Ages::default()).await).await;
}
