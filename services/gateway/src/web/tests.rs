//! The front without a network: what goes where, and what each answer carries.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tonic::Code;

use super::*;

const PAGE: &str = "https://desk.example.com";
const GRPC: &str = "application/grpc";
const MESSAGE: &[u8] = &[0, 0, 0, 0, 2, 8, 1];

/// Answers with what it was sent, and its path in a trailer.
fn echo() -> Link {
    rpc::link::link(tower::service_fn(|request: Request<Body>| async move {
        let path = request.uri().path().parse().unwrap();
        let body = request.into_body().collect().await?.to_bytes();
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        trailers.insert("x-path", path);
        let frames = [Ok::<_, Status>(Frame::data(body)), Ok(Frame::trailers(trailers))];
        let mut response = Response::new(Body::new(StreamBody::new(futures::stream::iter(frames))));
        response.headers_mut().insert(header::CONTENT_TYPE, GRPC.parse().unwrap());
        Ok::<_, Status>(response)
    }))
}

/// Reads the body and answers with the method and the headers that it saw.
async fn json(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let status = match body.collect().await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    let seen = format!("{} {} {:?}", head.method, head.uri, head.headers);
    let mut response = Response::new(Body::new(Full::from(seen)));
    *response.status_mut() = status;
    let own = "default-src 'self'".parse().unwrap();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, own);
    if head.uri.path().starts_with("/v1/tickets") {
        response.extensions_mut().insert(Route::from("/v1/{name=tickets/*}"));
    }
    Ok(response)
}

fn fronted(metrics: Metrics) -> Front {
    let origins = Origins::new();
    origins.replace([PAGE]);
    front(echo(), tower::service_fn(json), origins, metrics)
}

fn post(path: &str, kind: &str) -> http::request::Builder {
    Request::post(path).version(Version::HTTP_2).header(header::CONTENT_TYPE, kind)
}

fn body(bytes: impl Into<Bytes>) -> Body {
    Body::new(Full::new(bytes.into()))
}

async fn ask(request: Request<Body>) -> Response<Body> {
    fronted(Metrics::new()).oneshot(request).await.unwrap()
}

fn code(response: &Response<Body>) -> Option<Code> {
    Status::from_header_map(response.headers()).map(|status| status.code())
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn grpc_passes_as_it_is() {
    let response = ask(post("/a.B/C", "application/grpc+proto").body(body(MESSAGE)).unwrap()).await;
    assert_eq!(response.headers().len(), 1);
    let answer = response.into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap()["x-path"], "/a.B/C");
    assert_eq!(answer.to_bytes(), MESSAGE);
}

#[tokio::test]
async fn grpc_web_is_translated_both_ways() {
    let request = post("/a.B/C", "application/grpc-web+proto").version(Version::HTTP_11);
    let response = ask(request.body(body(MESSAGE)).unwrap()).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/grpc-web+proto");
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    let (message, trailers) = answer.split_at(MESSAGE.len());
    assert_eq!((message, trailers[0]), (MESSAGE, 0x80));
    let trailers = std::str::from_utf8(&trailers[5..]).unwrap();
    assert!(trailers.contains("grpc-status:0"), "{trailers}");

    let sent = BASE64_STANDARD.encode(MESSAGE);
    let request = post("/a.B/C", "application/grpc-web-text");
    let request = request.header(header::ACCEPT, "application/grpc-web-text");
    let response = ask(request.body(body(sent)).unwrap()).await;
    assert!(text(response).await.starts_with(&BASE64_STANDARD.encode(MESSAGE)[..8]));

    let garbage = body("this is *not* base64");
    let response = ask(post("/a.B/C", "application/grpc-web-text").body(garbage).unwrap()).await;
    assert_eq!(code(&response), Some(Code::InvalidArgument));
}

#[tokio::test]
async fn grpc_by_the_wrong_protocol_method_or_codec_is_told_so_in_the_one_shape() {
    let wrong = [
        (post("/a.B/C", GRPC).version(Version::HTTP_11), 505, "HTTP2_NEEDED"),
        (post("/a.B/C", GRPC).method(Method::GET), 405, "METHOD_NOT_ALLOWED"),
        (post("/a.B/C", "application/grpc-web").method(Method::PUT), 405, "METHOD_NOT_ALLOWED"),
        (post("/a.B/C", "application/grpc+json"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ];
    for (request, http, reason) in wrong {
        let response = ask(request.body(body(MESSAGE)).unwrap()).await;
        assert_eq!(response.status(), http, "{reason}");
        assert_eq!(response.headers().contains_key(header::ALLOW), http == 405);
        let told: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(told["code"], 3);
        assert_eq!(told["details"][0]["reason"], reason);
        assert_eq!(told["details"][0]["@type"], "type.googleapis.com/google.rpc.ErrorInfo");
    }
}

#[tokio::test]
async fn limits_are_told_each_in_its_own_tongue() {
    let long = format!("/{}", "a".repeat(9_000));
    let response = ask(Request::get(&long).body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::URI_TOO_LONG);
    let response = ask(post(&long, GRPC).body(body(MESSAGE)).unwrap()).await;
    assert_eq!(code(&response), Some(Code::InvalidArgument));

    let large = "a".repeat(17 * 1_024);
    let response = ask(Request::get("/").header("x", &large).body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let response = ask(post("/a.B/C", GRPC).header("x", &large).body(body(MESSAGE)).unwrap()).await;
    assert_eq!(code(&response), Some(Code::ResourceExhausted));

    let request = Request::post("/v1/tickets").body(body(vec![b' '; 1_024 * 1_024 + 1])).unwrap();
    assert_eq!(ask(request).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let claims = body([0, 255, 255, 255, 255].as_slice());
    let response = ask(post("/a.B/C", GRPC).body(claims).unwrap()).await;
    assert_eq!(code(&response), Some(Code::ResourceExhausted));
}

#[tokio::test]
async fn a_page_may_ask_before_it_calls() {
    let preflight = |origin: &str| {
        Request::options("/a.B/C")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "x-grpc-web,authorization")
            .body(Body::empty())
            .unwrap()
    };
    let response = ask(preflight(PAGE)).await;
    let headers = response.headers();
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], PAGE);
    assert_eq!(headers[header::ACCESS_CONTROL_MAX_AGE], "7200");
    let allowed = headers[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
    assert!(allowed.contains("x-grpc-web") && allowed.contains("if-match"), "{allowed}");
    assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    let response = ask(preflight("https://evil.example.com")).await;
    assert!(!response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    assert_eq!(response.headers()[header::VARY], "origin");
}

#[tokio::test]
async fn every_answer_to_a_page_can_be_read_refusals_too() {
    let requests = [
        post("/a.B/C", "application/grpc-web").body(body(MESSAGE)).unwrap(),
        post("/a.B/C", "application/grpc-web").body(body([9, 9].as_slice())).unwrap(),
        post("/a.B/C", GRPC).version(Version::HTTP_11).body(body(MESSAGE)).unwrap(),
        Request::get("/v1/tickets").body(Body::empty()).unwrap(),
        Request::get(format!("/{}", "a".repeat(9_000))).body(Body::empty()).unwrap(),
    ];
    for mut request in requests {
        request.headers_mut().insert(header::ORIGIN, PAGE.parse().unwrap());
        let response = ask(request).await;
        let headers = response.headers();
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], PAGE);
        let read = headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
        for name in
            ["grpc-status", "grpc-message", "grpc-status-details-bin", "etag", "retry-after"]
        {
            assert!(read.contains(name), "{read}");
        }
        assert_eq!(headers[header::VARY], "origin");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}

#[tokio::test]
async fn what_an_answer_says_of_itself_stays() {
    let response = ask(Request::get("/docs").body(Body::empty()).unwrap()).await;
    let headers = response.headers();
    assert_eq!(headers[header::CONTENT_SECURITY_POLICY], "default-src 'self'");
    assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
    assert_eq!(headers[header::VARY], "origin");
}

#[tokio::test]
async fn a_client_does_not_change_the_method_by_a_header() {
    let request = Request::post("/v1/tickets/1").header("X-HTTP-Method-Override", "DELETE");
    let seen = text(ask(request.body(Body::empty()).unwrap()).await).await;
    assert_eq!(seen, "POST /v1/tickets/1 {}");
}

#[tokio::test]
async fn requests_are_measured_by_route_and_never_by_path() {
    let metrics = Metrics::new();
    let front = fronted(metrics.clone());
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let large = Request::post("/v1/tickets/8").body(body(vec![b' '; 1_024 * 1_024 + 1])).unwrap();
    let long = format!("/v1/tickets/{}", "a".repeat(9_000));
    let web = post("/a.B/C", "application/grpc-web").body(body(MESSAGE)).unwrap();
    let grpc = post("/a.B/C", GRPC).body(body(MESSAGE)).unwrap();
    for request in
        [get("/v1/tickets/7"), get("/v1/tickets/8"), get("/7"), get(&long), large, web, grpc]
    {
        front.clone().oneshot(request).await.unwrap();
    }
    let text = metrics.text();
    let counted: Vec<_> = text.lines().filter(|line| line.contains("_count{")).collect();
    let line = |method: &str, route: &str, class: &str, count: u8| {
        format!(
            "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",http_route=\"{route}\",status_class=\"{class}\"}} {count}"
        )
    };
    let wanted = [
        line("GET", "/v1/{name=tickets/*}", "2xx", 2),
        line("GET", "_OTHER", "2xx", 1),
        line("GET", "_OTHER", "4xx", 1),
        line("POST", "/v1/{name=tickets/*}", "4xx", 1),
    ];
    assert_eq!(counted, wanted);
}

#[tokio::test]
async fn head_is_answered_as_get_without_the_content() {
    let too_long = format!("/{}", "a".repeat(9_000));
    for path in ["/docs", too_long.as_str()] {
        let request = Request::head(path).version(Version::HTTP_2).body(Body::empty()).unwrap();
        let response = ask(request).await;
        let got = ask(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), got.status());
        let length = response.headers()[header::CONTENT_LENGTH].to_str().unwrap();
        assert!(length.parse::<u64>().unwrap() > 0);
        assert_eq!(text(response).await, "");
    }
}
