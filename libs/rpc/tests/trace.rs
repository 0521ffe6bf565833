//! One trace through the walls: client → edge → service → link → service, as a collector gets it.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use aftercare_rpc::{
    Call, Directory, DirectoryCallers, Edge, Grants, Inbound, Link, Member, Methods, Outbound,
    edge,
    inbound::Trust,
    issuer::{LocalIssuer, Principal},
    link::link,
    status,
    token::{Minter, Verifier},
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use kernel::{CallerKind, Clock, Code, Ids, Locale, Role, TenantId, keys::RootKeys};
use telemetry::{Collector, Export, LogFormat, Metrics, Trace};
use testing::SeenSpan;
use tonic::{Status, body::Body, server::NamedService, service::Routes};
use tower::{Service, ServiceExt as _};

const GET_TICKET: &str = "/aftercare.tickets.v1.TicketService/GetTicket";
const GET_CUSTOMER: &str = "/aftercare.customers.v1.CustomerService/GetCustomer";
const CLIENTS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
/// Stands in everything that must not get into a trace.
const CANARY: &str = "canary";

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Asks customers on behalf of whoever calls, and answers OK whatever they say.
#[derive(Clone)]
struct Tickets(Outbound);

impl NamedService for Tickets {
    const NAME: &'static str = "aftercare.tickets.v1.TicketService";
}

impl Service<Request<Body>> for Tickets {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let customers = self.0.on_behalf(request.extensions().get::<Call>().unwrap());
        Box::pin(async move {
            tracing::warn!(customer = CANARY, "asking");
            let answer = customers.oneshot(asking(GET_CUSTOMER)).await;
            drop(answer.unwrap_or_else(Status::into_http).into_body().collect().await);
            Ok(fine())
        })
    }
}

/// Knows nobody, and says so with the name that was asked for.
#[derive(Clone)]
struct Customers;

impl NamedService for Customers {
    const NAME: &'static str = "aftercare.customers.v1.CustomerService";
}

impl Service<Request<Body>> for Customers {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Answer {
        let status = status::plain(Code::NotFound, "NOT_FOUND", CANARY);
        Box::pin(async move { Ok(status.into_http()) })
    }
}

/// A gRPC request with a message that nobody decodes.
fn asking(path: &str) -> Request<Body> {
    let message = [&[0, 0, 0, 0, 6], CANARY.as_bytes()].concat();
    Request::post(path)
        .version(http::Version::HTTP_2)
        .header("content-type", "application/grpc")
        .body(Body::new(Full::new(Bytes::from(message))))
        .unwrap()
}

/// An empty message and OK behind it.
fn fine() -> Response<Body> {
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(async { Some(Ok(trailers)) });
    Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
}

/// Two services behind their walls and the edge before them.
struct Suite {
    edge: Edge,
    bearer: String,
    metrics: Metrics,
}

impl Suite {
    fn new() -> Self {
        let clock = Clock::system();
        let keys = RootKeys::parse(&"07".repeat(32), &[]).unwrap();
        let methods = Arc::new(Methods::read(&contracts::POOL));
        let metrics = Metrics::new();
        let minter = |name| Minter::new(name, &keys, clock.clone());
        let wall = |routes: Routes, name: &str| -> Link {
            let trusted = ["edge", "tickets"];
            let trust = Trust::CallTokens(Verifier::new(&trusted, &[name], &keys, clock.clone()));
            let grants = Arc::new(Grants::shipped());
            link(Inbound::new(routes, methods.clone(), grants, trust, metrics.clone()))
        };
        let customers = wall(Routes::new(Customers), "customers");
        let outbound = Outbound::new(customers, minter("tickets"), "customers");
        let tickets = wall(Routes::new(Tickets(outbound)), "tickets");

        let issuer = LocalIssuer::new(&keys, clock.clone());
        let principal = Principal {
            tenant: tenant(),
            kind: CallerKind::Member,
            subject: CANARY.to_owned(),
            roles: Vec::new(),
            customer: None,
        };
        let bearer = issuer.issue(&principal, Duration::from_mins(5)).unwrap();
        Self { edge: edge(tickets, &keys), bearer, metrics }
    }

    async fn call(&self, path: &str, traceparent: &str) -> HeaderMap {
        let mut request = asking(path);
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", self.bearer).parse().unwrap());
        headers.insert("traceparent", traceparent.parse().unwrap());
        let answer = self.edge.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        body.collect().await.unwrap().trailers().cloned().unwrap_or(head.headers)
    }
}

fn tenant() -> TenantId {
    TenantId::from(uuid::Uuid::from_u128(0xca))
}

/// The outer wall in front of tickets, which lets one member in.
fn edge(tickets: Link, keys: &RootKeys) -> Edge {
    let clock = Clock::system();
    let directory = Directory::new();
    let member = Member {
        roles: vec![Role::Agent],
        teams: vec![CANARY.to_owned()],
        locale: Locale::En,
        active: true,
    };
    directory.put_member(tenant(), CANARY, member);
    let issuer = LocalIssuer::new(keys, clock.clone());
    Edge::new(edge::Parts {
        services: HashMap::from([("tickets".to_owned(), tickets)]),
        methods: Arc::new(Methods::read(&contracts::POOL)),
        grants: Arc::new(Grants::shipped()),
        callers: Arc::new(DirectoryCallers::new(Some(issuer), directory)),
        admission: Arc::new(edge::Unlimited),
        minter: Minter::new("edge", keys, clock.clone()),
        ids: Ids::random(clock.clone()),
        clock,
    })
}

/// What a collector gets of one call.
async fn traced(suite: &Suite, path: &str) -> (testing::Collector, Vec<SeenSpan>) {
    let receiver = testing::Collector::listen().await;
    let otlp = receiver.otlp();
    let export = Export {
        otlp: &otlp,
        sampling_ratio: 1.0,
        trust_client_sampling: false,
        services: &["tickets", "customers"],
        instance: "one",
    };
    let collector = Collector::start(&export, &suite.metrics).unwrap();
    let dispatch =
        telemetry::dispatch(LogFormat::Text, "info", Some(&collector), io::sink).unwrap();
    {
        let _guard = testing::watch(&dispatch);
        suite.call(path, CLIENTS).await;
    }
    collector.finish(Duration::from_secs(20)).await;
    let spans = receiver.spans();
    (receiver, spans)
}

#[tokio::test]
async fn one_call_through_two_services_is_one_trace() {
    let suite = Suite::new();
    let (receiver, spans) = traced(&suite, GET_TICKET).await;
    let [customers, asked, tickets, edge] = spans.as_slice() else { panic!("{spans:#?}") };
    let client = Trace::parse(CLIENTS).unwrap();
    let way = [
        (edge, "SERVER", GET_TICKET, client.span_id(), "OK"),
        (tickets, "SERVER", GET_TICKET, edge.id.clone(), "OK"),
        (asked, "CLIENT", GET_CUSTOMER, tickets.id.clone(), "NOT_FOUND"),
        (customers, "SERVER", GET_CUSTOMER, asked.id.clone(), "NOT_FOUND"),
    ];
    for (span, kind, method, parent, code) in way {
        let method = method.trim_start_matches('/');
        assert_eq!((span.name.as_str(), span.kind.as_str()), (method, kind));
        assert_eq!((&span.trace, &span.parent), (&client.trace_id(), &parent), "{method}");
        assert_eq!(span.attributes["rpc.system.name"], "grpc");
        assert_eq!(span.attributes["rpc.method"], method);
        assert_eq!(span.attributes["rpc.response.status_code"], code);
        assert_eq!(span.attributes.contains_key("error.type"), kind == "CLIENT");
        assert_eq!(span.is_error, kind == "CLIENT", "not found is no fault of who serves");
        let known = ["rpc.system.name", "rpc.method", "rpc.response.status_code", "error.type"];
        assert!(span.attributes.keys().all(|key| known.contains(&key.as_str())), "{span:?}");
        assert_eq!(span.events, 0, "log lines stay in the log");
    }
    assert!(!receiver.everything().contains(CANARY), "nothing of a person in a trace");
    let text = suite.metrics.text();
    assert!(!text.contains(CANARY), "nor in a metric");
    for (method, code) in [(GET_TICKET, "OK"), (GET_CUSTOMER, "NOT_FOUND")] {
        let line = format!(
            "rpc_server_call_duration_seconds_count{{rpc_method=\"{}\",rpc_response_status_code=\"{code}\"}} 1",
            method.trim_start_matches('/')
        );
        assert!(text.contains(&line), "{text}");
    }
}

#[tokio::test]
async fn a_method_that_nobody_serves_has_no_name() {
    let path = format!("/aftercare.tickets.v1.TicketService/{CANARY}");
    let (receiver, spans) = traced(&Suite::new(), &path).await;
    let [edge] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_eq!((edge.name.as_str(), edge.is_error), ("_OTHER", true));
    assert_eq!(edge.attributes["rpc.response.status_code"], "UNIMPLEMENTED");
    assert!(!receiver.everything().contains(CANARY));
}

#[tokio::test]
async fn a_trace_is_handed_on_without_a_collector_too() {
    let seen: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let kept = seen.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let of = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
        let said = [of("traceparent"), of("tracestate")].map(|value| value.unwrap_or("-"));
        kept.lock().unwrap().push(said.join(" "));
        async { Ok::<_, Infallible>(fine()) }
    });
    let mut suite = Suite::new();
    let keys = RootKeys::parse(&"07".repeat(32), &[]).unwrap();
    suite.edge = edge(link(service), &keys);
    for traceparent in [&CLIENTS.replace("31-00", "31-01"), "nonsense"] {
        let mut request = asking(GET_TICKET);
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", suite.bearer).parse().unwrap());
        headers.insert("traceparent", traceparent.parse().unwrap());
        headers.insert("tracestate", "vendor=1".parse().unwrap());
        suite.edge.clone().oneshot(request).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], format!("{CLIENTS} vendor=1"), "its trace, though nobody keeps it");
    let (begun, state) = seen[1].split_once(' ').unwrap();
    assert!(Trace::parse(begun).is_some_and(|trace| !trace.sampled()), "{begun}");
    assert_eq!(state, "-", "a state says nothing without its trace");
}
