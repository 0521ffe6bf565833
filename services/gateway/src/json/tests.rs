//! Requests and answers as a caller sees them, with a service behind that plays its part in gRPC.

use std::{
    convert::Infallible,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{BufMut, BytesMut};
use contracts::{POOL, tickets::v1 as tickets};
use futures::{StreamExt, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use kernel::{Code, Fault};
use prost::Message;
use serde_json::{Value, json};
use tower::service_fn;

use super::*;
use crate::web;

const ID: &str = "019ab000-0000-7000-8000-00000000000a";

/// What reached the service.
#[derive(Clone, Debug, Default)]
struct Seen {
    path: String,
    headers: HeaderMap,
    message: Bytes,
}

struct Fixture {
    json: Json,
    seen: Arc<Mutex<Seen>>,
}

struct Open;

impl Gate for Open {
    fn admit<'a>(&'a self, _: &'a str, _: &'a HeaderMap) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(async { Ok(()) })
    }
}

struct Shut;

impl Gate for Shut {
    fn admit<'a>(&'a self, method: &'a str, _: &'a HeaderMap) -> BoxFuture<'a, Result<(), Status>> {
        let status = rpc::status::plain(Code::Unauthenticated, "UNAUTHENTICATED", method);
        Box::pin(async { Err(status) })
    }
}

/// The gateway in front of a service that answers every call with `answer`.
fn fixture(
    answer: impl Fn() -> Response<Body> + Send + Sync + 'static,
    gate: impl Gate + 'static,
) -> Fixture {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (into, answer) = (seen.clone(), Arc::new(answer));
    let service = service_fn(move |request: Request<Body>| {
        let (into, answer) = (into.clone(), answer.clone());
        async move {
            let (parts, body) = request.into_parts();
            assert_eq!((parts.method, parts.version), (Verb::POST, http::Version::HTTP_2));
            let body = body.collect().await.unwrap().to_bytes();
            let message = body.slice(5..);
            assert_eq!(body[..5], frame(&message)[..5]);
            *into.lock().unwrap() =
                Seen { path: parts.uri.path().to_owned(), headers: parts.headers, message };
            Ok::<_, Infallible>(answer())
        }
    });
    let methods = Methods::read(&POOL);
    let json = Json::new(&POOL, &methods, rpc::link::link(service), Arc::new(gate)).unwrap();
    Fixture { json, seen }
}

fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

fn grpc(frames: Vec<Frame<Bytes>>) -> Response<Body> {
    let frames = stream::iter(frames.into_iter().map(Ok::<_, Status>));
    let mut response = Response::new(Body::new(StreamBody::new(frames)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("x-request-id", HeaderValue::from_static("r-1"));
    headers.insert("ratelimit", HeaderValue::from_static("\"calls\";r=9"));
    headers.insert("grpc-retry-pushback-ms", HeaderValue::from_static("10"));
    response
}

fn end(status: Option<&Status>) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    if let Some(status) = status {
        status.add_header(&mut trailers).unwrap();
    }
    Frame::trailers(trailers)
}

fn one(message: &impl Message) -> Response<Body> {
    grpc(vec![Frame::data(frame(&message.encode_to_vec())), end(None)])
}

fn ticket() -> tickets::Ticket {
    tickets::Ticket {
        name: "tickets/7".into(),
        etag: "v1a".into(),
        kind: tickets::Kind::Complaint.into(),
        title: "Too loud".into(),
        create_time: Some(prost_types::Timestamp { seconds: 0, nanos: 500_000_000 }),
        ..Default::default()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it did not work")]
struct Failed(Code, &'static str, Option<Duration>);

impl Fault for Failed {
    fn code(&self) -> Code {
        self.0
    }
    fn domain(&self) -> &'static str {
        "tickets.aftercare"
    }
    fn reason(&self) -> &'static str {
        self.1
    }
    fn retry_after(&self) -> Option<Duration> {
        self.2
    }
}

fn failed(code: Code, reason: &'static str) -> Status {
    rpc::status::of(&Failed(code, reason, None), Locale::En)
}

type Pairs<'a> = &'a [(&'static str, &'a str)];

async fn ask(
    fixture: &Fixture,
    verb: &str,
    target: &str,
    headers: Pairs<'_>,
    body: &str,
) -> Response<Body> {
    let body = Bytes::from(body.to_owned());
    let mut request = Request::new(Body::new(http_body_util::Full::new(body)));
    *request.method_mut() = verb.parse().unwrap();
    *request.uri_mut() = target.parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
    }
    fixture.json.answer(request).await
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn document(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_call_goes_through_and_its_answer_comes_back() {
    let fixture = fixture(|| one(&ticket()), Open);
    let headers = [
        ("content-type", "application/json; charset=UTF-8"),
        ("authorization", "Bearer a"),
        ("authorization", "Bearer b"),
        ("traceparent", "00-1-2-01"),
        ("grpc-timeout", "5S"),
        ("x-tenant-id", "somebody-else"),
        ("x-http-method-override", "DELETE"),
        ("cookie", "a=b"),
        ("idempotency-key", ID),
    ];
    let body = r#"{"answer": "A new fan was fitted."}"#;
    let response = ask(&fixture, "POST", "/v1/tickets/7:resolve", &headers, body).await;
    assert_eq!(response.status(), 200);
    let head = response.headers();
    assert_eq!(head["content-type"], "application/json");
    assert_eq!(head["etag"], "\"v1a\"");
    assert_eq!(head["x-request-id"], "r-1");
    assert!(head.contains_key("ratelimit") && !head.contains_key("grpc-retry-pushback-ms"));
    let wanted = json!({
        "name": "tickets/7", "etag": "v1a", "kind": "KIND_COMPLAINT", "title": "Too loud",
        "createTime": "1970-01-01T00:00:00.500Z",
    });
    assert_eq!(document(response).await, wanted);

    let seen = fixture.seen.lock().unwrap().clone();
    assert_eq!(seen.path, "/aftercare.tickets.v1.TicketService/ResolveTicket");
    let request = tickets::ResolveTicketRequest::decode(seen.message).unwrap();
    assert_eq!((request.name.as_str(), request.request_id.as_str()), ("tickets/7", ID));
    assert_eq!(seen.headers["te"], "trailers");
    assert_eq!(seen.headers["content-type"], "application/grpc");
    assert_eq!(seen.headers.get_all("authorization").iter().count(), 2);
    let mut names: Vec<&str> = seen.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "content-type", "grpc-timeout", "te", "traceparent"]);
}

#[tokio::test]
async fn every_answer_says_which_route_its_request_met() {
    let fixture = fixture(|| one(&ticket()), Open);
    let ticket = Some("/v1/{name=tickets/*}");
    for (verb, target, body, route) in [
        ("GET", "/v1/tickets/7?view=x", "", ticket),
        ("HEAD", "/v1/tickets/7", "", ticket),
        ("PATCH", "/v1/tickets/7", "{", Some("/v1/{ticket.name=tickets/*}")),
        ("DELETE", "/v1/tickets/7", "", None),
        ("OPTIONS", "/v1/tickets/7", "", None),
        ("GET", "/v1/nothing", "", None),
    ] {
        let response = ask(&fixture, verb, target, &[JSON], body).await;
        let met = response.extensions().get::<web::Route>();
        assert_eq!(met, route.map(web::Route::from).as_ref(), "{verb} {target}");
    }
}

#[tokio::test]
async fn a_reader_who_has_the_version_gets_no_body() {
    let fixture = fixture(|| one(&ticket()), Open);
    let get = |tag: &'static str| {
        let fixture = &fixture;
        async move { ask(fixture, "GET", "/v1/tickets/7", &[("if-none-match", tag)], "").await }
    };
    for tag in ["\"v1a\"", "W/\"v1a\", \"x\"", "*"] {
        let response = get(tag).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["etag"]),
            (304, &HeaderValue::from_static("\"v1a\""))
        );
        assert_eq!(text(response).await, "");
    }
    assert_eq!(get("\"v1\"").await.status(), 200);
    let post = ask(&fixture, "POST", "/v1/tickets/7:claim", &[("if-none-match", "*")], "").await;
    assert_eq!(post.status(), 200);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let fixture = fixture(|| one(&ticket()), Open);
    let get = ask(&fixture, "GET", "/v1/tickets/7", &[], "").await;
    let head = ask(&fixture, "HEAD", "/v1/tickets/7", &[], "").await;
    assert_eq!((head.status(), &head.headers()["etag"]), (get.status(), &get.headers()["etag"]));
    let length = head.headers()["content-length"].to_str().unwrap().to_owned();
    assert_eq!(text(head).await, "");
    assert_eq!(length, text(get).await.len().to_string());
    assert_eq!(ask(&fixture, "HEAD", "/v1/tickets:claimNext", &[], "").await.status(), 405);
}

#[tokio::test]
async fn paths_and_verbs_that_are_not_known_are_told() {
    let fixture = fixture(|| one(&ticket()), Shut);
    let response = ask(&fixture, "GET", "/v1/nothing", &[], "").await;
    assert_eq!(response.status(), 404);
    let body = document(response).await;
    assert_eq!((&body["code"], &body["details"][0]["reason"]), (&json!(5), &json!("UNKNOWN_PATH")));

    let response = ask(&fixture, "DELETE", "/v1/tickets/7", &[], "").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, HEAD, OPTIONS, PATCH");
    let response = ask(&fixture, "OPTIONS", "/v1/tickets", &[], "").await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["allow"]),
        (204, &HeaderValue::from_static("GET, HEAD, OPTIONS, POST"))
    );
    let internal = "/aftercare.type.v1.FeedService/Read";
    assert_eq!(ask(&fixture, "POST", internal, &[], "").await.status(), 404);
}

#[tokio::test]
async fn a_body_must_be_plain_json_of_bearable_length() {
    let fixture = fixture(|| one(&ticket()), Open);
    let fixture = &fixture;
    let post = |headers: Vec<(&'static str, &'static str)>, body: String| async move {
        ask(fixture, "POST", "/v1/tickets", &headers, &body).await.status().as_u16()
    };
    let body = || "{}".to_owned();
    assert_eq!(post(vec![JSON], body()).await, 200);
    assert_eq!(post(vec![], body()).await, 415);
    assert_eq!(post(vec![("content-type", "text/plain")], body()).await, 415);
    assert_eq!(post(vec![("content-type", "application/json; charset=gbk")], body()).await, 415);
    assert_eq!(post(vec![JSON, ("content-encoding", "gzip")], body()).await, 415);
    assert_eq!(post(vec![], String::new()).await, 200);
    assert_eq!(post(vec![JSON], format!("{{}}{}", " ".repeat(LONGEST_BODY - 2))).await, 200);
    assert_eq!(post(vec![JSON], " ".repeat(LONGEST_BODY + 1)).await, 413);
    assert_eq!(post(vec![JSON], "{".to_owned()).await, 400);
    assert_eq!(post(vec![JSON, ("grpc-timeout", "soon")], body()).await, 400);

    let endless =
        stream::repeat_with(|| Ok::<_, Status>(Frame::data(Bytes::from_static(&[b' '; 4096]))));
    let mut request = Request::new(Body::new(StreamBody::new(endless)));
    *request.method_mut() = Verb::POST;
    *request.uri_mut() = "/v1/tickets".parse().unwrap();
    assert_eq!(fixture.json.answer(request).await.status(), 413);
}

#[tokio::test]
async fn who_may_not_call_learns_nothing_from_a_bad_request() {
    let fixture = fixture(|| one(&ticket()), Shut);
    let bodies = [(JSON, "{\"odd\": 1}"), (JSON, "{"), (("content-type", "text/plain"), "x")];
    for (kind, body) in bodies {
        let response = ask(&fixture, "POST", "/v1/tickets", &[kind], body).await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let message = document(response).await["message"].clone();
        assert_eq!(message, "/aftercare.tickets.v1.TicketService/CreateTicket");
    }
    assert_eq!(fixture.seen.lock().unwrap().path, "");
}

#[tokio::test]
async fn a_refused_request_says_everything_in_one_shape() {
    let fixture = fixture(|| one(&ticket()), Open);
    let headers = [("accept-language", "zh")];
    let response = ask(&fixture, "GET", "/v1/tickets?pageSize=x&odd=1", &headers, "").await;
    assert_eq!(response.status(), 400);
    let body = document(response).await;
    assert_eq!((&body["code"], &body["message"]), (&json!(3), &json!("the request is not valid")));
    let of = |name: &str| {
        let kind = format!("type.googleapis.com/google.rpc.{name}");
        body["details"].as_array().unwrap().iter().find(|d| d["@type"] == kind).unwrap().clone()
    };
    assert_eq!(of("ErrorInfo")["domain"], "aftercare");
    assert_eq!(of("LocalizedMessage")["message"], "请求无效");
    let wanted = json!([
        {"field": "pageSize", "description": "must be a whole number of 32 bits"},
        {"field": "odd", "description": "is no parameter of ListTickets"},
    ]);
    assert_eq!(of("BadRequest")["fieldViolations"], wanted);
}

#[tokio::test]
async fn errors_are_the_same_in_the_head_and_behind_it() {
    let status = || failed(Code::NotFound, "TICKET_NOT_FOUND");
    let in_head = fixture(move || status().into_http(), Open);
    let in_trailers = fixture(move || grpc(vec![end(Some(&status()))]), Open);
    let mut bodies = Vec::new();
    for fixture in [in_head, in_trailers] {
        let response = ask(&fixture, "GET", "/v1/tickets/7", &[], "").await;
        assert_eq!(response.status(), 404);
        bodies.push(document(response).await);
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0]["details"][0]["reason"], "TICKET_NOT_FOUND");
}

#[tokio::test]
async fn a_stale_version_is_told_as_the_header_that_named_it() {
    let stale = fixture(|| failed(Code::Aborted, "STALE_ETAG").into_http(), Open);
    let tag = ("if-match", "\"v1\"");
    let response = ask(&stale, "POST", "/v1/tickets/7:claim", &[tag], "").await;
    assert_eq!(response.status(), 412);
    assert_eq!(document(response).await["code"], 10);
    let body = "{\"etag\": \"v1\"}";
    let response = ask(&stale, "POST", "/v1/tickets/7:claim", &[JSON], body).await;
    assert_eq!(response.status(), 409);
    let taken = fixture(|| failed(Code::Aborted, "ALREADY_CLAIMED").into_http(), Open);
    let response = ask(&taken, "POST", "/v1/tickets/7:claim", &[tag], "").await;
    assert_eq!(response.status(), 409);
}

#[tokio::test]
async fn who_should_wait_is_told_how_long() {
    let quota = fixture(
        || {
            let delay = Some(Duration::from_millis(1_200));
            rpc::status::of(&Failed(Code::ResourceExhausted, "QUOTA", delay), Locale::En)
                .into_http()
        },
        Open,
    );
    let response = ask(&quota, "GET", "/v1/tickets", &[], "").await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &HeaderValue::from_static("2"))
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_our_fault() {
    let cases: [fn() -> Response<Body>; 3] = [
        || grpc(vec![Frame::data(frame(b"\x0a\xff")), end(None)]),
        || grpc(vec![]),
        || {
            one(&tickets::Ticket {
                create_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: -1 }),
                ..Default::default()
            })
        },
    ];
    for case in cases {
        let response = ask(&fixture(case, Open), "GET", "/v1/tickets/7", &[], "").await;
        assert_eq!(response.status(), 500);
        assert_eq!(document(response).await["details"].as_array().unwrap().len(), 1);
    }
}

fn happened(token: &str) -> Frame<Bytes> {
    let item =
        tickets::HistoryItem { ticket: "tickets/7".into(), sequence: 3, ..Default::default() };
    let message =
        tickets::WatchTicketsResponse { item: Some(item), resume_token: token.to_owned() };
    Frame::data(frame(&message.encode_to_vec()))
}

#[tokio::test]
async fn a_stream_is_lines_and_its_error_the_last() {
    let away = failed(Code::Unavailable, "UNAVAILABLE");
    let fixture = fixture(move || grpc(vec![happened("a"), happened("b"), end(Some(&away))]), Open);
    let response = ask(&fixture, "GET", "/v1/tickets:watch", &[], "").await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = text(response).await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first =
        json!({"result": {"item": {"ticket": "tickets/7", "sequence": "3"}, "resumeToken": "a"}});
    assert_eq!((lines.len(), &lines[0]), (3, &first));
    assert_eq!(lines[2]["error"]["code"], 14);
}

#[tokio::test]
async fn a_stream_of_events_can_be_resumed() {
    let fixture = fixture(|| grpc(vec![happened("a"), end(None)]), Open);
    let headers = [("accept", "text/event-stream"), ("last-event-id", "z")];
    let response = ask(&fixture, "GET", "/v1/tickets:watch", &headers, "").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let wanted = "id: a\ndata: {\"result\":{\"item\":{\"ticket\":\"tickets/7\",\"sequence\":\"3\"},\"resumeToken\":\"a\"}}\n\n";
    assert_eq!(text(response).await, wanted);
    let seen = fixture.seen.lock().unwrap().clone();
    let request = tickets::WatchTicketsRequest::decode(seen.message).unwrap();
    assert_eq!(request.resume_token, "z");
}

#[tokio::test]
async fn a_stream_that_fails_at_once_has_its_own_status() {
    let late = failed(Code::OutOfRange, "RESUME_TOKEN_EXPIRED");
    let fixture = fixture(move || grpc(vec![end(Some(&late))]), Open);
    let response = ask(&fixture, "GET", "/v1/tickets:watch", &[], "").await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(document(response).await["code"], 11);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_of_events_shows_that_it_lives() {
    let silent = || {
        let frames = stream::iter([Ok::<_, Status>(happened("a"))]).chain(stream::pending());
        let mut response = grpc(Vec::new());
        *response.body_mut() = Body::new(StreamBody::new(frames));
        response
    };
    let fixture = fixture(silent, Open);
    let headers = [("accept", "text/event-stream")];
    let response = ask(&fixture, "GET", "/v1/tickets:watch", &headers, "").await;
    let mut body = response.into_body();
    let began = tokio::time::Instant::now();
    let mut seconds = Vec::new();
    for _ in 0..3 {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        seconds.push((began.elapsed().as_secs(), frame.starts_with(b": keepalive\n\n")));
    }
    assert_eq!(seconds, [(0, false), (15, true), (30, true)]);
}

/// Counts how many answers are still held.
struct Held(Arc<AtomicUsize>);

impl Held {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn who_hangs_up_ends_the_call() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let fixture = fixture(
        move || {
            let held = Held::new(&counted);
            let frames = stream::iter([Ok::<_, Status>(happened("a"))]).chain(stream::pending());
            let frames = frames.map(move |frame| {
                let _ = &held;
                frame
            });
            let mut response = grpc(Vec::new());
            *response.body_mut() = Body::new(StreamBody::new(frames));
            response
        },
        Open,
    );
    let response = ask(&fixture, "GET", "/v1/tickets:watch", &[], "").await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
    drop(response);
    assert_eq!(count.load(Ordering::SeqCst), 0);
}
