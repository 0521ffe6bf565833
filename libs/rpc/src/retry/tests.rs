//! Retries against a service that answers by a list.

use std::{collections::VecDeque, sync::Mutex};

use http_body_util::{Full, StreamBody};
use kernel::Code as Kernel;

use super::*;

const READ: &str = "/aftercare.tickets.v1.TicketService/GetTicket";
const WRITE: &str = "/aftercare.tickets.v1.TicketService/CreateTicket";
const STREAM: &str = "/aftercare.tickets.v1.TicketService/WatchTickets";

/// What the service does with one attempt.
#[derive(Clone)]
enum Does {
    Answers(&'static str),
    /// Refuses with all that it says in the head.
    Refuses(Status),
    /// Begins an answer and then says in its trailers that it is away.
    TrailsOff,
    /// Begins an answer, then the connection breaks.
    Breaks,
    /// The same with half of the answer sent.
    BreaksOff,
    Hangs,
}

/// One attempt, as the service saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    body: Bytes,
    previous: Option<String>,
    timeout: Option<String>,
}

#[derive(Clone)]
struct Service_ {
    script: Arc<Mutex<VecDeque<Does>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    metrics: Metrics,
}

fn away() -> Status {
    status::plain(Kernel::Unavailable, "SERVICE_AWAY", "away")
}

fn pushed(value: &str) -> Status {
    let mut status = away();
    status.metadata_mut().insert(status::PUSHBACK, value.parse().unwrap());
    status
}

impl Service_ {
    fn new(script: impl IntoIterator<Item = Does>) -> Self {
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        Self { script, seen: Arc::default(), metrics: Metrics::new() }
    }

    fn link(&self) -> Link {
        let this = self.clone();
        let inner = crate::link::link(tower::service_fn(move |request| {
            let this = this.clone();
            async move { this.answer(request).await }
        }));
        link(inner, Arc::new(Methods::read(&contracts::POOL)), self.metrics.clone())
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let (head, body) = request.into_parts();
        let header = |name| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let (previous, timeout) = (header(PREVIOUS_ATTEMPTS), header("grpc-timeout"));
        let body = body.collect().await?.to_bytes();
        self.seen.lock().unwrap().push(Seen { body, previous, timeout });
        let does = self.script.lock().unwrap().pop_front().unwrap_or(Does::Answers("more"));
        match does {
            Does::Answers(text) => Ok(Response::new(Body::new(Full::from(text)))),
            Does::Refuses(status) if status::is_unsent(&status) => Err(status),
            Does::Refuses(status) => Ok(status.into_http()),
            Does::TrailsOff => {
                let trailers = Frame::trailers(away().into_http::<Body>().headers().clone());
                let frames = [Ok::<_, Status>(trailers)];
                Ok(Response::new(Body::new(StreamBody::new(futures::stream::iter(frames)))))
            }
            Does::Breaks => {
                let frames = [Err::<Frame<Bytes>, _>(away())];
                Ok(Response::new(Body::new(StreamBody::new(futures::stream::iter(frames)))))
            }
            Does::BreaksOff => {
                let frames = [Ok(Frame::data(Bytes::from("half"))), Err(away())];
                Ok(Response::new(Body::new(StreamBody::new(futures::stream::iter(frames)))))
            }
            Does::Hangs => std::future::pending().await,
        }
    }

    fn attempts(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn request(path: &str) -> http::request::Builder {
    Request::post(path)
}

async fn call(link: &Link, request: Request<Body>) -> Result<Bytes, Status> {
    let response = link.clone().oneshot(request).await?;
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok => Err(status),
        _ => Ok(response.into_body().collect().await?.to_bytes()),
    }
}

async fn ask(service: &Service_, path: &str) -> Result<Bytes, Code> {
    let request = request(path).body(Body::new(Full::from("question"))).unwrap();
    call(&service.link(), request).await.map_err(|status| status.code())
}

#[tokio::test]
async fn reads_are_tried_three_times_with_the_same_body() {
    let service = Service_::new([Does::Refuses(away()), Does::TrailsOff, Does::Answers("yes")]);
    assert_eq!(ask(&service, READ).await.unwrap(), "yes");
    let seen = service.seen.lock().unwrap().clone();
    assert!(seen.iter().all(|seen| seen.body == "question"), "{seen:?}");
    let previous: Vec<_> = seen.iter().map(|seen| seen.previous.as_deref()).collect();
    assert_eq!(previous, [None, Some("1"), Some("2")]);

    let service = Service_::new(vec![Does::Refuses(away()); 5]);
    assert_eq!(ask(&service, READ).await, Err(Code::Unavailable));
    assert_eq!(service.attempts(), 3);
    let service = Service_::new([Does::Breaks]);
    assert_eq!(ask(&service, READ).await.unwrap(), "more");
}

#[tokio::test]
async fn a_read_whose_answer_breaks_off_is_tried_again_and_a_write_is_not() {
    let service = Service_::new([Does::BreaksOff]);
    assert_eq!(ask(&service, READ).await.unwrap(), "more");
    for method in [WRITE, STREAM] {
        let service = Service_::new([Does::BreaksOff]);
        assert_eq!(ask(&service, method).await, Err(Code::Unavailable));
        assert_eq!(service.attempts(), 1);
    }
}

#[tokio::test]
async fn an_answer_is_whole_however_long_it_is() {
    let chunk = Bytes::from(vec![7; HELD / 4]);
    for chunks in [0, 1, 3, 9] {
        let frames = (0..chunks).map(|_| Ok::<_, Status>(Frame::data(chunk.clone())));
        let frames: Vec<_> = frames.collect();
        let body = Body::new(StreamBody::new(futures::stream::iter(frames)));
        let Outcome::Final(Ok(answer)) = whole(Response::new(body)).await else {
            panic!("it was not taken");
        };
        let read = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(read, chunk.repeat(chunks));
    }
}

#[tokio::test]
async fn other_failures_and_writes_are_not_tried_again() {
    let missing = status::plain(Kernel::NotFound, "MISSING", "missing");
    let service = Service_::new([Does::Refuses(missing)]);
    assert_eq!(ask(&service, READ).await, Err(Code::NotFound));
    assert_eq!(service.attempts(), 1);
    let service = Service_::new([Does::Refuses(away())]);
    assert_eq!(ask(&service, WRITE).await, Err(Code::Unavailable));
    assert_eq!(service.attempts(), 1);
}

#[tokio::test]
async fn what_was_never_sent_is_sent_once_more_whatever_the_method() {
    let unsent = || Does::Refuses(status::unsent());
    let service = Service_::new([unsent(), Does::Answers("done")]);
    assert_eq!(ask(&service, WRITE).await.unwrap(), "done");
    let service = Service_::new([unsent(), unsent(), Does::Answers("done")]);
    assert_eq!(ask(&service, WRITE).await, Err(Code::Unavailable));
    assert_eq!(service.attempts(), 2);
}

#[tokio::test]
async fn a_stream_is_tried_again_only_before_its_head() {
    let service = Service_::new([Does::Refuses(away()), Does::Answers("event")]);
    assert_eq!(ask(&service, STREAM).await.unwrap(), "event");
    let service = Service_::new([Does::TrailsOff]);
    ask(&service, STREAM).await.unwrap();
    assert_eq!(service.attempts(), 1);
}

#[tokio::test]
async fn the_server_says_when_to_come_again_or_never() {
    let start = Instant::now();
    let service = Service_::new([Does::Refuses(pushed("250"))]);
    ask(&service, READ).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(250));
    for never in ["-1", "soon", ""] {
        let service = Service_::new([Does::Refuses(pushed(never))]);
        assert_eq!(ask(&service, READ).await, Err(Code::Unavailable), "{never}");
        assert_eq!(service.attempts(), 1);
    }
}

#[tokio::test]
async fn one_deadline_spans_all_attempts() {
    let start = Instant::now();
    let service = Service_::new([Does::Refuses(pushed("200")), Does::Hangs]);
    let request = || request(READ).header("grpc-timeout", "400m").body(Body::empty()).unwrap();
    let status = call(&service.link(), request()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!(service.attempts(), 2);
    let left = service.seen.lock().unwrap()[1].timeout.clone().unwrap();
    let left: u64 = left.trim_end_matches('u').parse().unwrap();
    assert!(left <= 200_000, "{left}");
    // A wait that would outlast the deadline is not begun.
    let service = Service_::new([Does::Refuses(pushed("2000"))]);
    let status = call(&service.link(), request()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_body_that_is_too_large_to_keep_is_sent_once() {
    let service = Service_::new([Does::Refuses(away())]);
    let body = Body::new(Full::from(vec![0; 65 * 1_024]));
    let status = call(&service.link(), request(READ).body(body).unwrap()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(service.attempts(), 1);
}

#[tokio::test]
async fn retries_stop_when_the_budget_is_used_up() {
    let service = Service_::new(vec![Does::Refuses(away()); 5_000]);
    let link = service.link();
    let calls = (0..1_000).map(|_| async {
        let request = request(READ).body(Body::empty()).unwrap();
        call(&link, request).await.unwrap_err();
    });
    futures::future::join_all(calls).await;
    let retries = service.attempts() - 1_000;
    assert!((200..800).contains(&retries), "{retries}");
    let counted = |outcome| service.metrics.retries.with_label_values(&[outcome]).get();
    assert_eq!(counted("sent"), u64::try_from(retries).unwrap());
    assert!(counted("no_budget") > 0);
}
