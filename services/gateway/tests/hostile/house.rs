//! The front on a loopback port, a service that echoes behind it, and a good client that is served
//! all the while.

use std::{
    convert::Infallible,
    io::Write as _,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aftercare_gateway::web::{Origins, front};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use prost_types::{Struct, Value, value::Kind};
use rpc::{Link, deadline, server, status};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Mutex as Turn, MutexGuard},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Code, Status, body::Body, codec::CompressionEncoding};

pub(crate) const ECHO: &str = "/test.Echo/Say";
/// How much more memory than before a house may hold at the end of an attack; the attacks of this
/// file would take gigabytes where they worked. The attacker's own memory is counted too.
const MOST_MEMORY_KIB: u64 = 192 * 1_024;
/// How long a call to the echo may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// Memory is the whole process's, so that one house is open at a time.
static TURN: Turn<()> = Turn::const_new(());

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    paths: Arc<Mutex<Vec<String>>>,
    good: Arc<AtomicUsize>,
    visits: tokio::task::JoinHandle<usize>,
    calm: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
    memory_kib: u64,
    _turn: MutexGuard<'static, ()>,
}

impl House {
    pub(crate) async fn open() -> Self {
        let turn = TURN.lock().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (paths, good) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let (service, metrics) = (echo(&paths, &good), telemetry::Metrics::new());
        let app = front(service, tower::service_fn(json), Origins::new(), metrics);
        let (tasks, stop, calm) =
            (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let ages = server::Ages { age: Duration::from_mins(10), grace: Duration::ZERO };
        tasks.spawn(server::serve(listener, app, ages, stop.clone()));
        let client = Client::connect(address).await;
        let until = calm.clone();
        let visits = tasks.spawn(async move {
            let (mut visits, mut pace) = (0, tokio::time::interval(Duration::from_millis(5)));
            while !until.is_cancelled() || visits == 0 {
                let code = client.grpc(ECHO, &[], framed(&message("good"))).await;
                assert_eq!(code.expect("a good client is connected"), Code::Ok);
                visits += 1;
                pace.tick().await;
            }
            visits
        });
        let memory_kib = memory_kib();
        Self { address, paths, good, visits, calm, stop, tasks, memory_kib, _turn: turn }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// How many calls the echo has answered to others than the good client.
    pub(crate) fn served(&self) -> usize {
        self.paths.lock().unwrap().iter().filter(|path| *path == ECHO).count()
            - self.good.load(Ordering::SeqCst)
    }

    /// How many it has answered since there were so many.
    pub(crate) fn served_since(&self, before: usize) -> usize {
        self.served().saturating_sub(before)
    }

    /// How many calls came to this path.
    pub(crate) fn served_at(&self, path: &str) -> usize {
        self.paths.lock().unwrap().iter().filter(|seen| *seen == path).count()
    }

    /// What the server answers to these bytes over HTTP/1.1; what it has said when it falls silent.
    pub(crate) async fn http1(&self, request: &str) -> String {
        let mut io = TcpStream::connect(self.address).await.unwrap();
        let _ = io.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let read = io.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_millis(500), read).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends this and waits until the server closes the connection.
    pub(crate) async fn http1_until_closed(&self, text: &str) {
        let mut io = TcpStream::connect(self.address).await.unwrap();
        io.write_all(text.as_bytes()).await.unwrap();
        let _ = io.read_to_end(&mut Vec::new()).await;
    }

    /// Ends the attack: the good client was served throughout, and memory stayed bounded.
    pub(crate) async fn close(self) {
        let grown = memory_kib().saturating_sub(self.memory_kib);
        self.calm.cancel();
        let visits = self.visits.await.expect("the good client was served");
        assert!(visits > 0);
        assert!(grown < MOST_MEMORY_KIB, "{grown} KiB more than before");
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The memory of this process that is in use.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A service that answers a `Struct` with itself, by tonic's codec.
fn echo(paths: &Arc<Mutex<Vec<String>>>, good: &Arc<AtomicUsize>) -> Link {
    let (paths, good) = (paths.clone(), good.clone());
    rpc::link::link(tower::service_fn(move |request: Request<Body>| {
        let (paths, good) = (paths.clone(), good.clone());
        async move {
            let path = request.uri().path().to_owned();
            if path != ECHO {
                paths.lock().unwrap().push(path);
                return Err(status::unknown_method());
            }
            let say = tower::service_fn(move |request: tonic::Request<Struct>| {
                paths.lock().unwrap().push(path.clone());
                let is_good = request.get_ref().encode_to_vec() == message("good");
                good.fetch_add(usize::from(is_good), Ordering::SeqCst);
                async move { Ok::<_, Status>(tonic::Response::new(request.into_inner())) }
            });
            let codec = tonic_prost::ProstCodec::<Struct, Struct>::default();
            let mut grpc =
                tonic::server::Grpc::new(codec).accept_compressed(CompressionEncoding::Gzip);
            let answer = grpc.unary(say, request);
            tokio::time::timeout(DEADLINE, answer).await.map_err(|_| deadline::exceeded())
        }
    }))
}

/// The JSON side: says what it saw, and whether a method override was left.
async fn json(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let _ = body.collect().await;
    let overridden = head.headers.contains_key("x-http-method-override");
    let seen = format!("{} {} {overridden}", head.method, head.uri.path());
    Ok(Response::new(Body::new(Full::from(seen))))
}

/// A proper HTTP/2 client.
pub(crate) struct Client(SendRequest<Body>);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) =
            http2::Builder::new(TokioExecutor::new()).handshake(io).await.unwrap();
        TaskTracker::new().spawn(connection);
        Self(sender)
    }

    /// The code that a gRPC call ends with.
    pub(crate) async fn grpc(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Code, hyper::Error> {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header(header::CONTENT_TYPE, "application/grpc");
        let (http, code) = self.status(request, body).await?;
        assert_eq!(http, StatusCode::OK, "{path}");
        Ok(code.unwrap_or(Code::Unknown))
    }

    /// The statuses that a request ends with, HTTP's and gRPC's.
    pub(crate) async fn status(
        &self,
        request: http::request::Builder,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Option<Code>), hyper::Error> {
        self.send(request, Body::new(Full::from(body))).await
    }

    /// The code of a call whose body begins so and does not go on.
    pub(crate) async fn half(&self, path: &str, begins: Bytes) -> Result<Code, hyper::Error> {
        let first = futures::stream::iter([Ok::<_, Status>(Frame::data(begins))]);
        let body = futures::StreamExt::chain(first, futures::stream::pending());
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/grpc");
        let (_, code) = self.send(request, Body::new(StreamBody::new(body))).await?;
        Ok(code.unwrap_or(Code::Unknown))
    }

    async fn send(
        &self,
        request: http::request::Builder,
        body: Body,
    ) -> Result<(StatusCode, Option<Code>), hyper::Error> {
        let mut request = request.body(body).unwrap();
        let path = request.uri().path().to_owned();
        *request.uri_mut() = format!("http://house{path}").parse().unwrap();
        let response = self.0.clone().send_request(request).await?;
        let http = response.status();
        let head = Status::from_header_map(response.headers()).map(|status| status.code());
        let rest = response.into_body().collect().await?;
        let trailers = rest.trailers().and_then(Status::from_header_map);
        Ok((http, head.or(trailers.map(|status| status.code()))))
    }
}

/// A message that says this.
pub(crate) fn message(text: &str) -> Vec<u8> {
    let value = Value { kind: Some(Kind::StringValue(text.to_owned())) };
    Struct { fields: [("said".to_owned(), value)].into() }.encode_to_vec()
}

/// A message as a gRPC frame.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend(message);
    framed
}

/// A list in a list in a list, so many times.
pub(crate) fn nested(depth: usize) -> Vec<u8> {
    let mut value = Value { kind: Some(Kind::NullValue(0)) }.encode_to_vec();
    for _ in 0..depth {
        // ListValue.values, then Value.list_value; written by hand, since encoding recurses.
        value = delimited(6, &delimited(1, &value));
    }
    let entry = [delimited(1, b"said"), delimited(2, &value)].concat();
    delimited(1, &entry)
}

/// A field of this number that holds these bytes.
fn delimited(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    prost::encoding::encode_varint(u64::try_from(bytes.len()).unwrap(), &mut field);
    field.extend(bytes);
    field
}

/// These bytes, compressed.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
