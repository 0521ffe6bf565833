//! A way to all replicas of a service: its name is resolved again and again, each address has one
//! connection, and each call goes to the less busy of two of them.
//!
//! Only addresses that are connected get calls, so that one that is gone costs nobody an attempt; a
//! request that a connection did not send before it closed goes to another one as it is. (tonic's
//! balanced channel knows no load, and hands calls to connections that it could not open.)
//!
//! Deliberately absent: TLS, ejection of replicas that answer with errors, affinity.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, Uri, uri::Authority, uri::Scheme};
use http_body::{Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Status, body::Body};

use crate::{Link, link, status};

/// How often names are resolved again: new replicas are used within this time.
const RESOLVE_EVERY: Duration = Duration::from_secs(3);
/// When a connection breaks, names are resolved at once, but not more often than this.
const RESOLVE_APART: Duration = Duration::from_millis(200);
/// How long connecting may take, and how long a call waits for a connection that is being made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// The wait after a connection that failed; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A connection that lived this long was a good one: the next is made at once.
const STEADY: Duration = Duration::from_secs(1);
/// A peer that is silent for this long is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long it may take to say so.
const PING_PATIENCE: Duration = Duration::from_secs(10);
/// On how many connections a request that was not sent is tried.
const PICKS: usize = 4;

/// What was given is no list of `http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` must be `http://HOST:PORT`, or several of them with commas between")]
pub struct BadUri(pub String);

/// A way to every address behind these URIs (`http://HOST:PORT`, several with commas between). What
/// resolves and connects runs on `tasks` until `stop`, which comes after the last call.
pub fn channel(uris: &str, tasks: &TaskTracker, stop: &CancellationToken) -> Result<Link, BadUri> {
    let targets = uris.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
    Ok(balanced(targets, Arc::new(look_up), tasks, stop))
}

/// One URI.
#[derive(Clone, Debug)]
struct Target {
    authority: Authority,
    host: String,
    port: u16,
}

fn parse(uri: &str) -> Result<Target, BadUri> {
    let bad = || BadUri(uri.to_owned());
    let parsed: Uri = uri.trim().parse().map_err(|_| bad())?;
    let plain = parsed.scheme() == Some(&Scheme::HTTP) && matches!(parsed.path(), "" | "/");
    let authority = parsed.authority().filter(|_| plain && parsed.query().is_none());
    let authority = authority.ok_or_else(bad)?.clone();
    let port = authority.port_u16().ok_or_else(bad)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Target { authority, host, port })
}

impl Target {
    /// The address, where it is one and no name.
    fn literal(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port))
    }
}

type Resolve = dyn Fn(Target) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

fn look_up(target: Target) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    Box::pin(async move {
        Ok(tokio::net::lookup_host((target.host.as_str(), target.port)).await?.collect())
    })
}

fn balanced(
    targets: Vec<Target>,
    resolve: Arc<Resolve>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Link {
    let pool = Arc::new(Pool::new());
    let keeping =
        Keeping { pool: pool.clone(), targets, resolve, tasks: tasks.clone(), stop: stop.clone() };
    tasks.spawn(keeping.run());
    link::link(tower::service_fn(move |request| pool.clone().send(request)))
}

/// The addresses of a service, and what is known of each.
struct Pool {
    states: Mutex<HashMap<SocketAddr, State>>,
    shown: watch::Sender<Shown>,
    /// Told when a connection breaks.
    broken: Notify,
    picks: AtomicUsize,
}

enum State {
    /// It is being connected, and nothing speaks against it.
    Trying,
    Ready(Arc<Replica>),
    /// It could not be connected.
    Down,
}

/// What calls go by.
#[derive(Clone)]
struct Shown {
    ready: Arc<[Arc<Replica>]>,
    /// Whether waiting a little may help.
    hopeful: bool,
}

/// One connection.
struct Replica {
    address: SocketAddr,
    authority: Authority,
    sender: SendRequest<Body>,
    in_flight: AtomicUsize,
}

impl Pool {
    fn new() -> Self {
        // Nothing is resolved yet, so there is hope.
        let (shown, _) = watch::channel(Shown { ready: Arc::new([]), hopeful: true });
        let states = Mutex::default();
        Self { states, shown, broken: Notify::new(), picks: AtomicUsize::new(0) }
    }

    /// Sends a request to one of those that are connected.
    async fn send(self: Arc<Self>, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        for _ in 0..PICKS {
            let Some(replica) = self.pick().await else { break };
            let uri = request.uri_mut();
            *uri = addressed(uri, &replica.authority).ok_or_else(status::unknown_method)?;
            let busy = Busy::new(&replica);
            match replica.sender.clone().try_send_request(request).await {
                Ok(response) => {
                    let body = |inner| Body::new(Answer { inner, broken: false, _busy: busy });
                    return Ok(response.map(body));
                }
                Err(mut failure) => match failure.take_message() {
                    Some(unsent) => {
                        self.lost(&replica);
                        request = unsent;
                    }
                    None => return Err(status::transport(failure.into_error().into())),
                },
            }
        }
        Err(status::unsent())
    }

    /// The less busy of two connections; waits a little where there is none yet.
    async fn pick(&self) -> Option<Arc<Replica>> {
        let one_of = |shown: &Shown| {
            let number = self.picks.fetch_add(1, Ordering::Relaxed);
            less_busy(&shown.ready, number).cloned()
        };
        if let Some(replica) = one_of(&self.shown.borrow()) {
            return Some(replica);
        }
        let mut shown = self.shown.subscribe();
        let change = shown.wait_for(|shown| !shown.ready.is_empty() || !shown.hopeful);
        let shown = timeout(CONNECT_PATIENCE, change).await.ok()?.ok()?;
        one_of(&shown)
    }

    fn set(&self, address: SocketAddr, state: State) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.insert(address, state);
        self.show(&states);
    }

    fn forget(&self, address: SocketAddr) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.remove(&address);
        self.show(&states);
    }

    /// Takes a closed connection out; its keeper will make another.
    fn lost(&self, replica: &Arc<Replica>) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get_mut(&replica.address)
            && matches!(state, State::Ready(present) if Arc::ptr_eq(present, replica))
        {
            *state = State::Trying;
            self.show(&states);
        }
    }

    fn show(&self, states: &HashMap<SocketAddr, State>) {
        let ready = states.values().filter_map(|state| match state {
            State::Ready(replica) => Some(replica.clone()),
            State::Trying | State::Down => None,
        });
        let hopeful = states.values().any(|state| matches!(state, State::Trying));
        self.shown.send_replace(Shown { ready: ready.collect(), hopeful });
    }
}

/// The less busy of two. The first goes round, so that idle replicas share evenly; the other is any.
fn less_busy(ready: &[Arc<Replica>], number: usize) -> Option<&Arc<Replica>> {
    let count = ready.len();
    let first = ready.get(number.checked_rem(count)?)?;
    if count == 1 {
        return Some(first);
    }
    // A multiplication by an odd constant spreads any run of numbers.
    let any = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    let second = ready.get((number + 1 + any % (count - 1)) % count)?;
    let busy = |replica: &Replica| replica.in_flight.load(Ordering::Relaxed);
    Some(if busy(second) < busy(first) { second } else { first })
}

/// The URI of a request to this authority.
fn addressed(uri: &Uri, authority: &Authority) -> Option<Uri> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.clone());
    parts.path_and_query = Some(uri.path_and_query()?.clone());
    Uri::from_parts(parts).ok()
}

/// A call on its way, until its answer has been read.
struct Busy(Arc<Replica>);

impl Busy {
    fn new(replica: &Arc<Replica>) -> Self {
        replica.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(replica.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A response body. Where the connection breaks it ends with a status, as any other: a body that
/// fails would be reset, and clients told that it is our fault.
struct Answer {
    inner: Incoming,
    broken: bool,
    _busy: Busy,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.broken {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.or_else(|failure| {
                self.broken = true;
                status::trailers(&status::transport(failure.into()))
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.broken || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What keeps a pool: one task that resolves, and one for each address.
struct Keeping {
    pool: Arc<Pool>,
    targets: Vec<Target>,
    resolve: Arc<Resolve>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Keeping {
    async fn run(self) {
        let mut kept = HashMap::new();
        let mut last: Vec<Vec<SocketAddr>> = vec![Vec::new(); self.targets.len()];
        let names = self.targets.iter().any(|target| target.literal().is_none());
        loop {
            self.resolve_all(&mut last).await;
            self.apply(&mut kept, &last);
            let again = async {
                if names {
                    sleep(RESOLVE_APART).await;
                    let _ = timeout(RESOLVE_EVERY, self.pool.broken.notified()).await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = again => {}
            }
        }
    }

    /// What each target resolves to; what it was before, where that fails.
    async fn resolve_all(&self, last: &mut [Vec<SocketAddr>]) {
        for (target, last) in self.targets.iter().zip(last) {
            if let Some(address) = target.literal() {
                *last = vec![address];
                continue;
            }
            match timeout(CONNECT_PATIENCE, (self.resolve)(target.clone())).await {
                Ok(Ok(addresses)) => *last = addresses,
                Ok(Err(error)) => {
                    tracing::warn!(host = target.host, %error, "name could not be resolved");
                }
                Err(_) => tracing::warn!(host = target.host, "name was not resolved in time"),
            }
        }
    }

    /// Begins to keep the addresses that are new, and lets go of those that have vanished.
    fn apply(
        &self,
        kept: &mut HashMap<SocketAddr, CancellationToken>,
        resolved: &[Vec<SocketAddr>],
    ) {
        let all: HashSet<_> = resolved.iter().flatten().copied().collect();
        kept.retain(|address, gone| {
            let stays = all.contains(address);
            if !stays {
                gone.cancel();
            }
            stays
        });
        for (target, addresses) in self.targets.iter().zip(resolved) {
            for address in addresses {
                kept.entry(*address).or_insert_with(|| {
                    let gone = self.stop.child_token();
                    self.pool.set(*address, State::Trying);
                    let (pool, authority) = (self.pool.clone(), target.authority.clone());
                    let keep = keep(pool, *address, authority, gone.clone());
                    self.tasks.spawn(keep);
                    gone
                });
            }
        }
        if all.is_empty() {
            // Nothing to wait for: calls are told so at once.
            let states = self.pool.states.lock().unwrap_or_else(PoisonError::into_inner);
            self.pool.show(&states);
        }
    }
}

/// Keeps one address connected until it is `gone`; calls under way are finished even then.
async fn keep(pool: Arc<Pool>, address: SocketAddr, authority: Authority, gone: CancellationToken) {
    let keeping = async {
        let mut wait = FIRST_WAIT;
        loop {
            match timeout(CONNECT_PATIENCE, connect(address)).await {
                Ok(Ok((sender, connection))) => {
                    let since = Instant::now();
                    let (authority, in_flight) = (authority.clone(), AtomicUsize::new(0));
                    let replica = Arc::new(Replica { address, authority, sender, in_flight });
                    pool.set(address, State::Ready(replica.clone()));
                    connection.await;
                    pool.lost(&replica);
                    pool.broken.notify_one();
                    if since.elapsed() >= STEADY {
                        wait = FIRST_WAIT;
                        continue;
                    }
                }
                Ok(Err(error)) => {
                    tracing::debug!(%address, %error, "replica could not be connected");
                    pool.set(address, State::Down);
                }
                Err(_) => pool.set(address, State::Down),
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    };
    tokio::select! {
        () = gone.cancelled() => {}
        () = keeping => {}
    }
    pool.forget(address);
}

/// A connection: what sends on it, and what ends when it takes no more calls.
async fn connect(address: SocketAddr) -> io::Result<(SendRequest<Body>, impl Future<Output = ()>)> {
    let io = TcpStream::connect(address).await?;
    io.set_nodelay(true)?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(io))
        .await
        .map_err(io::Error::other)?;
    let ended = async move {
        if let Err(error) = connection.await {
            tracing::debug!(%address, %error, "connection to a replica broke");
        }
    };
    Ok((sender, ended))
}

#[cfg(test)]
mod tests;
