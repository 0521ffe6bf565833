//! A suite in this process, on SQLite and ports of its own: what its ports answer, and how it goes
//! down.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    time::Duration,
};

use config::{Config, SERVICES};
use contracts::tickets::v1::{
    ListTicketsRequest, WatchTicketsRequest, ticket_service_client::TicketServiceClient,
};
use contracts::r#type::v1::{
    AdvanceClockRequest, GetClockRequest, ListConsumersRequest,
    clock_service_client::ClockServiceClient, feed_admin_service_client::FeedAdminServiceClient,
};
use kernel::Role;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt as _;

use super::{Running, chosen, start};
use crate::{operate::reach, token};

struct Suite {
    config: Config,
    running: Running,
    public: SocketAddr,
    admin: SocketAddr,
    folder: TempDir,
}

fn config(folder: &TempDir, more: &[(&str, &str)]) -> Config {
    let url = format!("sqlite:{}", folder.path().display());
    let key = folder.path().join("root.key").display().to_string();
    let own = [
        ("DATABASE__URL", url.as_str()),
        ("KEYS__FILE", key.as_str()),
        ("SERVER__PUBLIC", "127.0.0.1:0"),
        ("SERVER__ADMIN", "127.0.0.1:0"),
    ];
    let pairs = own.iter().chain(more);
    let env: HashMap<_, _> =
        pairs.map(|(key, value)| (format!("AFTERCARE__{key}"), (*value).to_owned())).collect();
    Config::load(None, env).unwrap()
}

async fn suite_in(folder: TempDir, more: &[(&str, &str)]) -> Suite {
    let config = config(&folder, more);
    let (running, banner) =
        start(&config, SERVICES.to_vec(), telemetry::Metrics::new()).await.unwrap();
    let address = |name: &str| {
        let line = banner.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let (public, admin) = (address("public"), address("admin"));
    Suite { config, running, public, admin, folder }
}

async fn suite() -> Suite {
    suite_in(TempDir::new().unwrap(), &[]).await
}

impl Suite {
    async fn public(&self) -> rpc::Link {
        reach::open(&self.public.to_string()).await.unwrap().unwrap()
    }

    async fn admin(&self) -> rpc::Link {
        reach::open(&self.admin.to_string()).await.unwrap().unwrap()
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.bearer().parse().unwrap());
        request
    }

    fn bearer(&self) -> String {
        let who = token::Who { role: Role::Agent, tenant: None, member: None, customer: None };
        let seed = config::Seed::shipped();
        format!("Bearer {}", token::short(&self.config, &seed, &who).unwrap())
    }

    /// Watches tickets over HTTP/1.1 by a request that begins so; the stream is open.
    async fn watching(&self, start: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.public).await.unwrap();
        let (bearer, length) = (self.bearer(), body.len());
        let head = format!(
            "{start}\r\nhost: x\r\nauthorization: {bearer}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut read = Vec::new();
        while !read.windows(4).any(|end| end == b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "it broke off");
        }
        let head = String::from_utf8_lossy(&read);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        stream
    }

    /// The same as lines of JSON, as events, and over gRPC-Web.
    async fn watching_in_other_forms(&self) -> [TcpStream; 3] {
        let get = |accept: &str| format!("GET /v1/tickets:watch HTTP/1.1\r\naccept: {accept}");
        let web = "POST /aftercare.tickets.v1.TicketService/WatchTickets HTTP/1.1\r\n\
                   content-type: application/grpc-web+proto";
        [
            self.watching(&get("application/x-ndjson"), b"").await,
            self.watching(&get("text/event-stream"), b"").await,
            // One message, and nothing in it.
            self.watching(web, &[0; 5]).await,
        ]
    }
}

/// Sends a request as it is over HTTP/1.1 and returns the head of the answer.
async fn http1(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let request = format!("{request}\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn clients_come_in_with_a_token_and_only_to_what_is_public() {
    let suite = suite().await;
    let mut tickets = TicketServiceClient::new(suite.public().await);
    let list = tickets.list_tickets(suite.request(ListTicketsRequest::default())).await.unwrap();
    assert!(list.into_inner().tickets.is_empty());
    let bare = tickets.list_tickets(ListTicketsRequest::default()).await.unwrap_err();
    assert_eq!(bare.code(), Code::Unauthenticated);
    let mut clock = ClockServiceClient::new(suite.public().await);
    let inside = clock.get_clock(suite.request(GetClockRequest {})).await.unwrap_err();
    assert_eq!(inside.code(), Code::Unimplemented, "internal methods do not exist out there");
    let mut health = HealthClient::new(suite.public().await);
    health.check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn both_ports_show_the_contracts_of_a_trial_by_reflection() {
    let suite = suite().await;
    for link in [suite.public().await, suite.admin().await] {
        let message_request = Some(MessageRequest::ListServices(String::new()));
        let asked = ServerReflectionRequest { host: String::new(), message_request };
        let asked = tokio_stream::once(asked);
        let answers = ServerReflectionClient::new(link).server_reflection_info(asked).await;
        let answer = answers.unwrap().into_inner().message().await.unwrap().unwrap();
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("{answer:?}");
        };
        let named = |name| list.service.iter().any(|service| service.name == name);
        assert!(named("aftercare.tickets.v1.TicketService") && named("grpc.health.v1.Health"));
    }
}

#[tokio::test]
async fn the_admin_port_speaks_grpc_and_tells_metrics() {
    let suite = suite().await;
    let port = suite.admin;
    let page = http1(port, "GET / HTTP/1.1").await;
    assert!(page.starts_with("HTTP/1.1 415 ") && page.contains("aftercare call"), "{page}");
    let json = "POST /v1/tickets HTTP/1.1\r\ncontent-type: application/json";
    assert!(http1(port, json).await.starts_with("HTTP/1.1 415 "));
    let web = "POST /x HTTP/1.1\r\ncontent-type: application/grpc-web+proto";
    assert!(http1(port, web).await.starts_with("HTTP/1.1 415 "));
    let old = "POST /x HTTP/1.1\r\ncontent-type: application/grpc";
    assert!(http1(port, old).await.starts_with("HTTP/1.1 505 "));
    assert!(http1(port, "GET /metrics HTTP/1.1").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn metrics_tell_what_happens_at_the_door() {
    let suite = suite().await;
    let stranger = "GET /v1/tickets/7 HTTP/1.1\r\nauthorization: Bearer nobody";
    assert!(http1(suite.public, stranger).await.starts_with("HTTP/1.1 401 "));
    let wanted = [
        r#"aftercare_credential_refusals_total{reason="malformed"} 1"#,
        r#"_count{http_request_method="GET",http_route="/v1/{name=tickets/*}",status_class="4xx"} 1"#,
        "aftercare_access_audit_drops_total 0",
    ];
    // The audit is written every few seconds.
    soon("all of them are told", async || {
        let metrics = http1(suite.admin, "GET /metrics HTTP/1.1").await;
        wanted.iter().all(|line| metrics.contains(line))
    })
    .await;
}

#[tokio::test]
async fn the_public_port_speaks_json_and_shows_its_document() {
    let suite = suite().await;
    let port = suite.public;
    assert!(http1(port, "GET /docs HTTP/1.1").await.starts_with("HTTP/1.1 200 "));
    let start = http1(port, "GET / HTTP/1.1").await;
    assert!(start.starts_with("HTTP/1.1 303 ") && start.contains("location: /docs"), "{start}");
    assert!(http1(port, "POST / HTTP/1.1").await.starts_with("HTTP/1.1 404 "));
    let document = http1(port, "GET /openapi.json HTTP/1.1").await;
    assert!(document.contains("/v1/tickets"), "{document}");
    assert!(http1(port, "GET /v1/tickets HTTP/1.1").await.starts_with("HTTP/1.1 401 "));
    assert!(http1(port, "GET /metrics HTTP/1.1").await.starts_with("HTTP/1.1 404 "));
    let old = "POST /x HTTP/1.1\r\ncontent-type: application/grpc";
    assert!(!http1(port, old).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn operators_move_the_clock_forward_and_a_restart_keeps_it() {
    let first = suite().await;
    let mut clock = ClockServiceClient::new(first.admin().await);
    let start = clock.get_clock(GetClockRequest {}).await.unwrap().into_inner().time.unwrap();
    let to = |seconds| {
        let time = prost_types::Timestamp { seconds: start.seconds + seconds, nanos: 0 };
        AdvanceClockRequest { to_time: Some(time) }
    };
    let shown = clock.advance_clock(to(7_200)).await.unwrap().into_inner().time.unwrap();
    assert!(shown.seconds >= start.seconds + 7_200);
    let back = clock.advance_clock(to(60)).await.unwrap().into_inner().time.unwrap();
    assert!(back.seconds >= shown.seconds, "it never goes back");
    for bad in [AdvanceClockRequest { to_time: None }, to(400 * 86_400)] {
        assert_eq!(clock.advance_clock(bad).await.unwrap_err().code(), Code::InvalidArgument);
    }
    drop(clock);
    assert!(first.running.drain(&first.config.drain).await);

    let real = config(&first.folder, &[("CLOCK__VIRTUAL", "false")]);
    let refused = start_error(&real).await;
    assert!(refused.contains("moved ahead by 2h") || refused.contains("1h59m"), "{refused}");
    let second = suite_in(first.folder, &[]).await;
    let mut clock = ClockServiceClient::new(second.admin().await);
    let kept = clock.get_clock(GetClockRequest {}).await.unwrap().into_inner().time.unwrap();
    assert!(kept.seconds >= shown.seconds);
}

/// Looks until it is so.
async fn soon(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain until {what}");
}

async fn start_error(config: &Config) -> String {
    match start(config, SERVICES.to_vec(), telemetry::Metrics::new()).await {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn a_clock_that_is_the_machines_is_not_moved() {
    let suite = suite_in(TempDir::new().unwrap(), &[("CLOCK__VIRTUAL", "false")]).await;
    let mut clock = ClockServiceClient::new(suite.admin().await);
    let goal = prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 };
    let request = AdvanceClockRequest { to_time: Some(goal) };
    let refused = clock.advance_clock(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn operators_see_the_consumers() {
    let suite = suite().await;
    let mut feed = FeedAdminServiceClient::new(suite.admin().await);
    let wanted = [
        customers::tenants::CONSUMER,
        customers::timeline::CONSUMER,
        surveys::scores::CONSUMER,
        surveys::tenants::CONSUMER,
        surveys::tickets::CONSUMER,
        tickets::directory::CONSUMER,
        tickets::figures::CONSUMER,
        tickets::loops::CONSUMER,
    ];
    // A consumer that has never looked has no cursor yet.
    soon("all of them have looked", async || {
        let found = feed.list_consumers(ListConsumersRequest {}).await.unwrap().into_inner();
        let named: BTreeSet<_> = found.consumers.into_iter().map(|one| one.consumer).collect();
        named == wanted.map(str::to_owned).into()
    })
    .await;
}

#[tokio::test]
async fn a_drain_tells_health_first_and_then_lets_nobody_in() {
    let suite = suite_in(TempDir::new().unwrap(), &[("DRAIN__GRACE", "200ms")]).await;
    let mut health = HealthClient::new(suite.admin().await);
    let watched = health.watch(HealthCheckRequest::default()).await.unwrap();
    let mut watched = watched.into_inner();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(first.status(), tonic_health::ServingStatus::Serving.into());
    let (tidy, second) = tokio::join!(suite.running.drain(&suite.config.drain), watched.message());
    assert!(tidy);
    let second = second.unwrap().unwrap();
    assert_eq!(second.status(), tonic_health::ServingStatus::NotServing.into());
    assert!(reach::open(&suite.public.to_string()).await.unwrap().is_none());
}

#[tokio::test]
async fn streams_that_are_open_end_in_order_and_hold_no_drain_up() {
    let suite = suite_in(TempDir::new().unwrap(), &[("DRAIN__GRACE", "10m")]).await;
    let mut tickets = TicketServiceClient::new(suite.public().await);
    let watch = suite.request(WatchTicketsRequest::default());
    let mut watched = tickets.watch_tickets(watch).await.unwrap().into_inner();
    assert!(!watched.message().await.unwrap().unwrap().resume_token.is_empty());
    let mut health = HealthClient::new(suite.public().await);
    let mut health = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    health.message().await.unwrap();
    let drain = suite.running.drain(&suite.config.drain);
    let drained = tokio::time::timeout(Duration::from_mins(1), drain).await;
    assert!(drained.expect("the streams do not hold it up"));
    let end = watched.message().await.unwrap_err();
    assert_eq!(end.code(), Code::Unavailable);
    assert!(end.get_details_retry_info().is_some());
    assert_eq!(end.get_details_error_info().unwrap().reason, "GOING_AWAY");
    while let Ok(answer) = health.message().await {
        assert!(answer.is_some(), "it does not end as if all were said");
    }
}

/// Holds that each of these streams ends in its own form, and says why.
async fn end_in_order(streams: [TcpStream; 3]) {
    let [lines, events, web] = streams.map(async |mut stream| {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    });
    let whole = |rest: String| {
        // The last of the chunks.
        let body = rest.strip_suffix("\r\n0\r\n\r\n").map(str::to_owned);
        body.unwrap_or_else(|| panic!("it was cut off: {rest}"))
    };
    let lines = whole(lines.await);
    let line = lines.strip_suffix('\n').unwrap().lines().last().unwrap();
    let events = whole(events.await);
    let event = events.strip_suffix("\n\n").unwrap().lines().last().unwrap();
    for json in [line, event.strip_prefix("data: ").unwrap()] {
        let error = &serde_json::from_str::<serde_json::Value>(json).unwrap()["error"];
        assert_eq!(error["code"], i32::from(Code::Unavailable));
        let details = error["details"].as_array().unwrap();
        assert!(details.iter().any(|detail| detail["reason"] == "GOING_AWAY"), "{json}");
    }
    let web = whole(web.await);
    assert!(web.contains("grpc-status:14\r\n"), "{web}");
}

#[tokio::test]
async fn streams_of_json_and_grpc_web_end_in_order_too() {
    let suite = suite_in(TempDir::new().unwrap(), &[("DRAIN__GRACE", "10m")]).await;
    let streams = suite.watching_in_other_forms().await;
    let drain = suite.running.drain(&suite.config.drain);
    let both = futures::future::join(drain, end_in_order(streams));
    let (tidy, ()) = tokio::time::timeout(Duration::from_mins(1), both).await.unwrap();
    assert!(tidy);
}

#[tokio::test]
async fn streams_end_in_order_when_their_connection_grows_old() {
    let ages = [("LIMITS__CONNECTION_AGE", "2s"), ("DRAIN__GRACE", "10m")];
    let suite = suite_in(TempDir::new().unwrap(), &ages).await;
    let streams = suite.watching_in_other_forms().await;
    tokio::time::timeout(Duration::from_mins(1), end_in_order(streams)).await.unwrap();
}

#[tokio::test]
async fn a_second_start_fails_before_it_touches_anything() {
    let suite = suite().await;
    let folder = TempDir::new().unwrap();
    let taken = suite.public.to_string();
    let second = config(&folder, &[("SERVER__PUBLIC", &taken)]);
    assert!(start_error(&second).await.contains(&taken));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn services_run_once_and_in_one_order() {
    assert_eq!(chosen(&[]), SERVICES);
    let named = ["customers", "customers"].map(str::to_owned);
    assert_eq!(chosen(&named), ["customers"]);
}

#[tokio::test]
async fn a_service_that_is_elsewhere_needs_its_link() {
    let folder = TempDir::new().unwrap();
    let alone = config(&folder, &[]);
    let error =
        start(&alone, vec!["tickets"], telemetry::Metrics::new()).await.err().unwrap().to_string();
    assert!(error.contains("services.customers.link"), "{error}");
}

#[tokio::test]
async fn behind_a_gateway_in_another_process_no_public_port_is_opened() {
    let folder = TempDir::new().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = format!("http://{}", taken.local_addr().unwrap());
    let more = [
        ("SERVER__PUBLIC", elsewhere.trim_start_matches("http://")),
        ("SERVER__PEER", "127.0.0.1:0"),
        ("SERVICES__GATEWAY__LINK", elsewhere.as_str()),
        ("SERVICES__TICKETS__LINK", elsewhere.as_str()),
    ];
    let config = config(&folder, &more);
    let (running, banner) =
        start(&config, vec!["customers"], telemetry::Metrics::new()).await.unwrap();
    for absent in ["public", "token", "call"] {
        assert!(!banner.contains(absent), "{banner}");
    }
    assert!(banner.contains("peers") && banner.contains("admin"), "{banner}");
    assert!(running.drain(&config.drain).await);
}

#[tokio::test]
async fn data_that_another_root_key_has_sealed_is_not_served() {
    let first = suite().await;
    assert!(first.running.drain(&first.config.drain).await);
    let old = std::fs::read_to_string(&first.config.keys.file).unwrap();
    let new = kernel::keys::RootKeys::generate();
    let replaced = config(&first.folder, &[("KEYS__ROOT", &new)]);
    let refused = start_error(&replaced).await;
    let id = first.config.root_keys().unwrap().id();
    assert!(refused.contains(&id) && refused.contains("backup"), "{refused}");
    let rotated = [("KEYS__ROOT", new.as_str()), ("KEYS__RETIRED", old.trim())];
    suite_in(first.folder, &rotated).await;
}
