//! Balancing over real servers on loopback; what they are called is said by a resolver of the test.

use std::{convert::Infallible, sync::RwLock};

use http_body_util::{BodyExt as _, Full};
use telemetry::Metrics;
use tokio::net::TcpListener;
use tonic::Code;
use tower::ServiceExt as _;

use super::*;
use crate::{Methods, retry, server};

const READ: &str = "/aftercare.tickets.v1.TicketService/GetTicket";

/// One replica, which answers with its name.
struct Server {
    address: SocketAddr,
    served: Arc<AtomicUsize>,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(tasks: &TaskTracker, takes: Duration) -> Self {
        Self::answering(tasks, takes, || Body::new(Full::from("answer"))).await
    }

    async fn answering(tasks: &TaskTracker, takes: Duration, answer: fn() -> Body) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (served, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let count = served.clone();
        let app = tower::service_fn(move |request: Request<Body>| {
            let count = count.clone();
            async move {
                assert_eq!(request.uri().path(), READ);
                assert_eq!(request.uri().host(), Some("tickets"));
                count.fetch_add(1, Ordering::SeqCst);
                if !takes.is_zero() {
                    sleep(takes).await;
                }
                Ok::<_, Infallible>(Response::new(answer()))
            }
        });
        let ages = server::Ages { age: Duration::from_mins(10), grace: Duration::ZERO };
        let serving = tasks.spawn(server::serve(listener, app, ages, stop.clone()));
        Self { address, served, stop, serving }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    /// Ends it at once, with its connections.
    async fn kill(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

/// A name, the addresses behind it, and a link to them.
struct Name {
    addresses: Arc<RwLock<Vec<SocketAddr>>>,
    link: Link,
    stop: CancellationToken,
}

impl Name {
    fn of(tasks: &TaskTracker, servers: &[&Server]) -> Self {
        let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
        let addresses = Arc::new(RwLock::new(addresses));
        let (known, stop) = (addresses.clone(), CancellationToken::new());
        let resolve = Arc::new(move |_| {
            let known = known.read().unwrap().clone();
            Box::pin(async { Ok(known) }) as BoxFuture<'static, _>
        });
        let targets = vec![parse("http://tickets:80").unwrap()];
        let link = balanced(targets, resolve, tasks, &stop);
        Self { addresses, link, stop }
    }
}

async fn call(link: &Link) -> Result<Bytes, Status> {
    let request = Request::post(READ).body(Body::new(Full::from("question"))).unwrap();
    let response = link.clone().oneshot(request).await?;
    Ok(response.into_body().collect().await?.to_bytes())
}

#[test]
fn uris_are_read_strictly() {
    let target = parse(" http://tickets.svc:8181/ ").unwrap();
    assert_eq!((target.host.as_str(), target.port), ("tickets.svc", 8_181));
    assert_eq!(target.literal(), None);
    let literal = |uri| parse(uri).unwrap().literal().map(|address| address.to_string());
    assert_eq!(literal("http://10.0.0.1:80").as_deref(), Some("10.0.0.1:80"));
    assert_eq!(literal("http://[::1]:80").as_deref(), Some("[::1]:80"));
    for bad in ["", "tickets:80", "https://a:80", "http://a", "http://a:80/x", "http://a:80?x"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    let stop = CancellationToken::new();
    assert_eq!(
        channel("http://a:1,b", &TaskTracker::new(), &stop).unwrap_err(),
        BadUri("b".to_owned())
    );
}

#[test]
fn the_request_keeps_its_path() {
    let authority = Authority::from_static("tickets:80");
    let addressed = |uri: &str| addressed(&uri.parse().unwrap(), &authority);
    assert_eq!(addressed("/a.B/C").unwrap(), "http://tickets:80/a.B/C");
    assert_eq!(addressed("https://elsewhere/a.B/C").unwrap(), "http://tickets:80/a.B/C");
    assert_eq!(addressed("elsewhere:80"), None);
}

#[tokio::test]
async fn replicas_share_the_load() {
    let tasks = TaskTracker::new();
    let (one, two) =
        (Server::start(&tasks, Duration::ZERO).await, Server::start(&tasks, Duration::ZERO).await);
    let name = Name::of(&tasks, &[&one, &two]);
    // Until both are connected.
    while one.served() == 0 || two.served() == 0 {
        call(&name.link).await.unwrap();
    }
    let (before_one, before_two) = (one.served(), two.served());
    let calls = (0..4).map(|_| async {
        for _ in 0..100 {
            assert_eq!(call(&name.link).await.unwrap(), "answer");
        }
    });
    futures::future::join_all(calls).await;
    let (one_, two_) = (one.served() - before_one, two.served() - before_two);
    assert_eq!(one_ + two_, 400);
    assert!(one_.max(two_) * 10 <= one_.min(two_) * 13, "{one_} and {two_}");
    name.stop.cancel();
    one.kill().await;
    two.kill().await;
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn a_busy_replica_gets_less() {
    let tasks = TaskTracker::new();
    let slow = Server::start(&tasks, Duration::from_millis(50)).await;
    let fast = Server::start(&tasks, Duration::from_millis(1)).await;
    let name = Name::of(&tasks, &[&slow, &fast]);
    while slow.served() == 0 || fast.served() == 0 {
        call(&name.link).await.unwrap();
    }
    let calls = (0..8).map(|_| async {
        for _ in 0..20 {
            call(&name.link).await.unwrap();
        }
    });
    futures::future::join_all(calls).await;
    assert!(fast.served() > slow.served() * 2, "{} and {}", fast.served(), slow.served());
}

#[tokio::test]
async fn a_replica_is_killed_and_replaced_and_no_read_fails() {
    let tasks = TaskTracker::new();
    let one = Server::start(&tasks, Duration::from_millis(1)).await;
    let two = Server::start(&tasks, Duration::from_millis(1)).await;
    let name = Name::of(&tasks, &[&one, &two]);
    let methods = Arc::new(Methods::read(&contracts::POOL));
    let link = retry::link(name.link.clone(), methods, Metrics::new());
    let done = CancellationToken::new();
    let callers = (0..8).map(|_| {
        let (link, done) = (link.clone(), done.clone());
        tasks.spawn(async move {
            let mut calls = 0;
            while !done.is_cancelled() {
                assert_eq!(call(&link).await.unwrap(), "answer");
                calls += 1;
            }
            calls
        })
    });
    let callers: Vec<_> = callers.collect();
    while one.served() < 50 || two.served() < 50 {
        tokio::task::yield_now().await;
    }
    let three = Server::start(&tasks, Duration::from_millis(1)).await;
    *name.addresses.write().unwrap() = vec![two.address, three.address];
    one.kill().await;
    while three.served() < 50 {
        tokio::task::yield_now().await;
    }
    done.cancel();
    let calls: usize =
        futures::future::join_all(callers).await.into_iter().map(Result::unwrap).sum();
    assert!(calls > 150, "{calls}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_with_a_status() {
    let tasks = TaskTracker::new();
    let half = || {
        let begun = futures::stream::iter([Ok::<_, Status>(Frame::data(Bytes::from("half")))]);
        let endless = futures::StreamExt::chain(begun, futures::stream::pending());
        Body::new(http_body_util::StreamBody::new(endless))
    };
    let server = Server::answering(&tasks, Duration::ZERO, half).await;
    let name = Name::of(&tasks, &[&server]);
    let request = Request::post(READ).body(Body::empty()).unwrap();
    let mut answer = name.link.clone().oneshot(request).await.unwrap().into_body();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    server.kill().await;
    let trailers = answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(Status::from_header_map(&trailers).unwrap().code(), Code::Unavailable);
    assert!(answer.frame().await.is_none());
}

#[tokio::test]
async fn an_address_that_vanishes_gets_no_more_calls() {
    let tasks = TaskTracker::new();
    let one = Server::start(&tasks, Duration::ZERO).await;
    let two = Server::start(&tasks, Duration::ZERO).await;
    let three = Server::start(&tasks, Duration::ZERO).await;
    let name = Name::of(&tasks, &[&one, &two, &three]);
    while one.served() == 0 || two.served() == 0 || three.served() == 0 {
        call(&name.link).await.unwrap();
    }
    // The third breaks, which is when the names are looked at again.
    *name.addresses.write().unwrap() = vec![two.address];
    three.kill().await;
    // Alone, it gets every call: the first one has been let go of.
    loop {
        let before = two.served();
        for _ in 0..20 {
            call(&name.link).await.unwrap_or_default();
        }
        if two.served() == before + 20 {
            break;
        }
    }
    let before = one.served();
    for _ in 0..50 {
        call(&name.link).await.unwrap();
    }
    assert_eq!(one.served(), before);
}

#[tokio::test]
async fn where_nothing_answers_calls_are_told_at_once_that_nothing_was_sent() {
    let tasks = TaskTracker::new();
    let gone = Server::start(&tasks, Duration::ZERO).await;
    let name = Name::of(&tasks, &[&gone]);
    call(&name.link).await.unwrap();
    gone.kill().await;
    let refused = loop {
        // A call may still race with the connection that breaks.
        match call(&name.link).await {
            Err(failure) if status::is_unsent(&failure) => break failure,
            _ => {}
        }
    };
    assert_eq!(refused.code(), Code::Unavailable);
    let start = Instant::now();
    for _ in 0..100 {
        assert!(status::is_unsent(&call(&name.link).await.unwrap_err()));
    }
    assert!(start.elapsed() < CONNECT_PATIENCE);
    let nowhere = Name::of(&tasks, &[]);
    assert!(status::is_unsent(&call(&nowhere.link).await.unwrap_err()));
}
