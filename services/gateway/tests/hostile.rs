//! What a hostile client sends, over loopback: each thing has its answer, the memory of the process
//! stays bounded, and a good client is served meanwhile.
//!
//! Behind the front stands a service that echoes `google.protobuf.Struct`, through tonic's own codec
//! as in every service of the suite.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail its test")]

#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/house.rs"]
mod house;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use prost::Message as _;
use tonic::Code;

use frames::{Raw, flags, kinds};
use house::{ECHO, House, message};

/// Longer than the front lets anybody be silent.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_none_are_refused_each_with_its_status() {
    let house = House::open().await;
    let client = house.client().await;
    let framed = |flag: u8, length: usize, bytes: &[u8]| {
        let mut framed = vec![flag];
        framed.extend(u32::try_from(length).unwrap().to_be_bytes());
        framed.extend(bytes);
        framed
    };
    let whole = |bytes: &[u8]| framed(0, bytes.len(), bytes);
    let bad_utf8 = [10, 4, 10, 2, 0xff, 0xfe];
    let wild_tags = [0xff; 64];
    let endless_group = [0x0b].repeat(10_000);
    let cases = [
        ("no message", Vec::new(), Code::InvalidArgument),
        ("half a prefix", vec![0, 0], Code::InvalidArgument),
        ("half a message", framed(0, 100, &[1, 2, 3]), Code::InvalidArgument),
        ("4 GiB claimed", framed(0, u32::MAX as usize, &[]), Code::ResourceExhausted),
        ("too large", whole(&vec![0; 4 * 1_024 * 1_024 + 1]), Code::ResourceExhausted),
        ("an unknown flag", framed(7, 0, &[]), Code::InvalidArgument),
        ("compressed by nothing", framed(1, 1, &[0]), Code::InvalidArgument),
        ("two messages", [whole(&[]), whole(&[])].concat(), Code::InvalidArgument),
        ("100 000 messages", whole(&[]).repeat(100_000), Code::InvalidArgument),
        ("bad UTF-8", whole(&bad_utf8), Code::InvalidArgument),
        ("wild tags", whole(&wild_tags), Code::InvalidArgument),
        ("nested groups", whole(&endless_group), Code::InvalidArgument),
        ("deep nesting", whole(&house::nested(2_000)), Code::InvalidArgument),
        ("well-formed", whole(&message("hello")), Code::Ok),
    ];
    for (what, body, code) in cases {
        assert_eq!(client.grpc(ECHO, &[], body).await.unwrap(), code, "{what}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_bombs_are_not_inflated() {
    let house = House::open().await;
    let client = house.client().await;
    let bomb = house::gzip(&vec![0; 64 * 1_024 * 1_024]);
    let honest = house::gzip(&message("hello"));
    let framed = |bytes: &[u8]| {
        let mut framed = vec![1];
        framed.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        framed.extend(bytes);
        framed
    };
    let gzip = [("grpc-encoding", "gzip")];
    let bombs = (0..20).map(|_| client.grpc(ECHO, &gzip, framed(&bomb)));
    for code in futures::future::join_all(bombs).await {
        assert_eq!(code.unwrap(), Code::ResourceExhausted);
    }
    assert_eq!(client.grpc(ECHO, &gzip, framed(&honest)).await.unwrap(), Code::Ok);
    let broken = framed(&honest[..honest.len() / 2]);
    assert_eq!(client.grpc(ECHO, &gzip, broken).await.unwrap(), Code::InvalidArgument);
    let unknown = [("grpc-encoding", "br")];
    let code = client.grpc(ECHO, &unknown, framed(&honest)).await.unwrap();
    assert_eq!(code, Code::Unimplemented);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_that_is_oversized_or_doubled_is_refused() {
    let house = House::open().await;
    let client = house.client().await;
    let hello = || house::framed(&message("hello"));
    let twice = [("grpc-timeout", "1S"), ("grpc-timeout", "9S")];
    assert_eq!(client.grpc(ECHO, &twice, hello()).await.unwrap(), Code::InvalidArgument);
    let many = ["1"; 70].map(|value| ("x-many", value));
    assert_eq!(client.grpc(ECHO, &many, hello()).await.unwrap(), Code::ResourceExhausted);
    // Beyond the size that was agreed on, HTTP/2 itself answers.
    let large = Request::post(ECHO).header("x-large", "a".repeat(17_000));
    let (http, _) = client.status(large, hello()).await.unwrap();
    assert_eq!(http, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let mut raw = Raw::open(house.address).await;
    let huge = "a".repeat(40_000);
    raw.head(1, &[("x-huge", &huge)], false).await;
    assert!(raw.ended(PATIENCE).await || raw.answered(), "an oversized head was let in");
    assert_eq!(house.served_at("/x-huge"), 0);

    let line = |url: usize, header: usize| {
        let (url, header) = ("u".repeat(url), "h".repeat(header));
        format!("GET /{url} HTTP/1.1\r\nhost: a\r\nx: {header}\r\nconnection: close\r\n\r\n")
    };
    let status = |answer: String| answer.get(9..12).unwrap_or_default().to_owned();
    assert_eq!(status(house.http1(&line(100, 100)).await), "200");
    assert_eq!(status(house.http1(&line(9_000, 100)).await), "414");
    assert_eq!(status(house.http1(&line(100, 17_000)).await), "431");
    assert_eq!(status(house.http1(&line(100, 60_000)).await), "431");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_mean_what_they_say_and_nothing_else() {
    let house = House::open().await;
    let client = house.client().await;
    let hello = || house::framed(&message("hello"));
    assert_eq!(client.grpc(ECHO, &[], hello()).await.unwrap(), Code::Ok);
    let before = house.served();
    let tricks = [
        "//test.Echo/Say",
        "/test.Echo//Say",
        "/test.Echo/Say/",
        "/test%2EEcho/Say",
        "/test.Echo%2FSay",
        "/test.Echo/S%61y",
        "/TEST.ECHO/SAY",
        "/test.echo/say",
        "/./test.Echo/Say",
        "/x/../test.Echo/Say",
        "/test.Echo/Say;v=1",
        "/test.Echo/Say%00",
        "/test.Echo/Say%20",
        "/",
    ];
    for path in tricks {
        let code = client.grpc(path, &[], hello()).await.unwrap();
        assert_eq!(code, Code::Unimplemented, "{path}");
    }
    assert_eq!(house.served_since(before), 0, "a trick reached the service");
    // A path without its slash cannot be said by a proper client.
    let mut raw = Raw::open(house.address).await;
    raw.head_to("test.Echo/Say", 1, &[], false).await;
    raw.send(kinds::DATA, flags::END_STREAM, 1, &hello()).await;
    assert!(raw.ended(PATIENCE).await || raw.answered());
    assert_eq!(house.served_since(before), 0, "a path without a slash reached the service");

    let overridden = "POST /v1/tickets HTTP/1.1\r\nhost: a\r\nx-http-method-override: DELETE\r\n\
                      content-length: 0\r\nconnection: close\r\n\r\n";
    let answer = house.http1(overridden).await;
    assert!(answer.ends_with("POST /v1/tickets false"), "{answer}");
    let absolute =
        "GET http://elsewhere/v1/tickets HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = house.http1(absolute).await;
    assert!(answer.ends_with("GET /v1/tickets false"), "{answer}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_could_be_read_in_two_ways_are_refused() {
    let house = House::open().await;
    let smuggled = [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 9\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx : 1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n folded\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
    ];
    for request in smuggled {
        let answer = house.http1(request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{request:?}: {answer}");
    }
    let over_http1 = "POST /test.Echo/Say HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\n\
                      content-length: 0\r\nconnection: close\r\n\r\n";
    assert!(house.http1(over_http1).await.starts_with("HTTP/1.1 505"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_streams_resets_and_frames_end_with_their_connection() {
    let house = House::open().await;
    let hello = house::framed(&message("hello"));

    // Rapid reset: opened and taken back, ever again.
    for _ in 0..4 {
        let mut raw = Raw::open(house.address).await;
        for stream in (1..4_000).step_by(2) {
            raw.head(stream, &[], false).await;
            raw.send(kinds::RST_STREAM, 0, stream, &8_u32.to_be_bytes()).await;
        }
        raw.drain().await;
    }
    // More streams than were agreed on, none of them ever finished.
    let mut raw = Raw::open(house.address).await;
    for stream in (1..2_000).step_by(2) {
        raw.head(stream, &[], false).await;
        raw.send(kinds::DATA, 0, stream, &[0, 0, 64, 0, 0]).await;
    }
    raw.drain().await;
    // Empty frames cost no window.
    let mut raw = Raw::open(house.address).await;
    raw.head(1, &[], false).await;
    for _ in 0..50_000 {
        raw.send(kinds::DATA, 0, 1, &[]).await;
    }
    raw.send(kinds::DATA, flags::END_STREAM, 1, &hello).await;
    raw.drain().await;
    // Heads without end.
    let mut raw = Raw::open(house.address).await;
    raw.send(kinds::HEADERS, 0, 1, &frames::field("x", "y")).await;
    for _ in 0..5_000 {
        raw.send(kinds::CONTINUATION, 0, 1, &frames::field("x-more", &"a".repeat(1_000))).await;
    }
    assert!(raw.ended(PATIENCE).await, "an endless head was read to its end");
    // Questions whose answers nobody reads.
    let mut raw = Raw::open(house.address).await;
    for _ in 0..20_000 {
        raw.send(kinds::PING, 0, 0, &[7; 8]).await;
        raw.send(kinds::SETTINGS, 0, 0, &[]).await;
    }
    // Large bodies to nowhere.
    let client = house.client().await;
    let bodies = (0..30).map(|_| client.grpc("/test.Echo/Nothing", &[], vec![0; 3_000_000]));
    for code in futures::future::join_all(bodies).await {
        assert!(code.is_err() || code.is_ok_and(|code| code != Code::Ok));
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_do_not_end_are_given_up() {
    let house = House::open().await;
    let start = Instant::now();
    let client = house.client().await;
    // It says that it sends 100 bytes, sends three, and waits.
    let waiting =
        (0..100).map(|_| client.half(ECHO, Bytes::from_static(&[0, 0, 0, 0, 100, 1, 2, 3])));
    for code in futures::future::join_all(waiting).await {
        assert_eq!(code.unwrap(), Code::DeadlineExceeded);
    }
    // The connection is closed in the middle of a body.
    for _ in 0..50 {
        let mut raw = Raw::open(house.address).await;
        raw.head(1, &[], false).await;
        raw.send(kinds::DATA, 0, 1, &[0, 0, 0, 0, 100, 1]).await;
    }
    assert!(start.elapsed() < PATIENCE);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_nothing_is_shown_the_door() {
    let house = House::open().await;
    let beginnings =
        ["", "P", "PRI * HTTP/2.0\r\n", "GET / HT", "GET / HTTP/1.1\r\nhost: a\r\nx: "];
    let waits = beginnings.iter().cycle().take(50).map(|text| house.http1_until_closed(text));
    let answers = tokio::time::timeout(PATIENCE, futures::future::join_all(waits)).await;
    assert!(answers.is_ok(), "a silent client is still connected");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_web_is_measured_as_grpc_is() {
    let house = House::open().await;
    let client = house.client().await;
    let ask = async |kind: &str, body: Vec<u8>| {
        let request = Request::post(ECHO).header(header::CONTENT_TYPE, kind);
        client.status(request, body).await.unwrap()
    };
    let claims = vec![0, 255, 255, 255, 255];
    let bad = |kind| ask(kind, b"****".to_vec());
    assert_eq!(
        ask("application/grpc-web", claims).await,
        (StatusCode::OK, Some(Code::ResourceExhausted))
    );
    assert_eq!(
        bad("application/grpc-web-text").await,
        (StatusCode::OK, Some(Code::InvalidArgument))
    );
    assert_eq!(bad("application/grpc-web").await, (StatusCode::OK, Some(Code::InvalidArgument)));
    assert_eq!(bad("application/grpc-web+json").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let too_large = vec![b' '; 2 * 1_024 * 1_024];
    let json = ask("application/json", too_large).await;
    assert_eq!(json, (StatusCode::PAYLOAD_TOO_LARGE, None));
    house.close().await;
}

#[test]
fn the_hostile_messages_are_what_they_are_called() {
    let decode = |bytes: &[u8]| prost_types::Struct::decode(bytes);
    assert!(decode(&message("hello")).is_ok());
    assert!(decode(&house::nested(10)).is_ok());
    assert!(decode(&house::nested(2_000)).is_err());
}
