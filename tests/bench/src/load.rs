//! The load: closed loops over a few connections, for a time or a number of calls.
//!
//! A closed loop says how much work a call is, which is what is asked here; it hides the waiting
//! of an overload, so its latencies are no promise.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::task::JoinSet;
use tonic::{
    Request,
    client::Grpc,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use crate::{http1::Http1, raw::Raw};

/// At most so many connections, however many calls are under way.
const CONNECTIONS: usize = 4;

/// Who calls.
pub(crate) type Voice = MetadataValue<Ascii>;

/// The header of a bearer token.
pub(crate) fn voice(token: &str) -> Result<Voice> {
    format!("Bearer {token}").parse().context("a token is no header")
}

/// One call, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: PathAndQuery,
    pub(crate) voice: Voice,
    pub(crate) message: Bytes,
}

impl Call {
    /// A `GET` of this path.
    pub(crate) fn get(path: &str, voice: &Voice) -> Result<Self> {
        Ok(Self { path: path.parse()?, voice: voice.clone(), message: Bytes::new() })
    }

    /// A call of a method, `package.Service/Method`, with this request.
    pub(crate) fn new(method: &str, voice: &Voice, request: &impl Message) -> Result<Self> {
        Ok(Self {
            path: format!("/{method}").parse()?,
            voice: voice.clone(),
            message: request.encode_to_vec().into(),
        })
    }
}

/// What gives the n-th call of a load.
pub(crate) type Calls = Arc<dyn Fn(u64) -> Call + Send + Sync>;

/// These calls, one after the other and again from the start.
pub(crate) fn in_turn(calls: Vec<Call>) -> Calls {
    let count = calls.len().max(1);
    Arc::new(move |n| calls[usize::try_from(n).unwrap_or(0) % count].clone())
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After this long; calls under way are finished.
    Time(Duration),
    /// After so many calls.
    Count(u64),
}

/// What a load did.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) calls: u64,
    pub(crate) elapsed: Duration,
    /// Sorted.
    latencies: Vec<Duration>,
}

impl Done {
    /// So many calls as there are latencies, in this time.
    pub(crate) fn new(elapsed: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort();
        Self { calls: latencies.len() as u64, elapsed, latencies }
    }

    /// The latency that this share of the calls stayed below, in microseconds.
    pub(crate) fn latency(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index among some thousands"
        )]
        let index = (last as f64 * share).round() as usize;
        self.latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// A server, and the way to it.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// gRPC on these connections.
    Grpc(Vec<Channel>),
    /// HTTP/1.1 to this address, with a connection for each call under way, which is how clients that
    /// speak JSON without TLS do.
    Http1(String),
}

/// What one worker sends on.
enum Line {
    Grpc(Grpc<Channel>),
    Http1(Http1),
}

impl Line {
    async fn send(&mut self, call: Call) -> Result<Bytes> {
        match self {
            Self::Grpc(client) => send(client, call).await,
            Self::Http1(client) => client.get(call).await,
        }
    }
}

impl Target {
    /// Connects to `HOST:PORT`.
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let mut channels = Vec::new();
        for _ in 0..CONNECTIONS {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
            channels.push(endpoint.connect().await?);
        }
        Ok(Self::Grpc(channels))
    }

    /// The line of the n-th worker.
    async fn line(&self, n: usize) -> Result<Line> {
        Ok(match self {
            Self::Grpc(channels) => Line::Grpc(Grpc::new(channels[n % channels.len()].clone())),
            Self::Http1(address) => Line::Http1(Http1::connect(address).await?),
        })
    }

    /// One call, and its answer's bytes.
    pub(crate) async fn call(&self, call: Call) -> Result<Bytes> {
        self.call_over(0, call).await
    }

    /// The same over the n-th connection, or the one that it falls on.
    pub(crate) async fn call_over(&self, n: usize, call: Call) -> Result<Bytes> {
        self.line(n).await?.send(call).await
    }

    /// One call, and its answer.
    pub(crate) async fn ask<A: Message + Default>(&self, call: Call) -> Result<A> {
        Ok(A::decode(self.call(call).await?)?)
    }

    /// All of these calls, some at once; answers in the order of the calls.
    pub(crate) async fn all<A>(&self, calls: Vec<Call>, at_once: usize) -> Result<Vec<A>>
    where
        A: Message + Default + 'static,
    {
        let mut answers = Vec::new();
        for chunk in calls.chunks(at_once) {
            let mut under_way = JoinSet::new();
            for (n, call) in chunk.iter().cloned().enumerate() {
                let target = self.clone();
                under_way.spawn(async move { (n, target.ask::<A>(call).await) });
            }
            let mut chunk = under_way.join_all().await;
            chunk.sort_by_key(|(n, _)| *n);
            for (_, answer) in chunk {
                answers.push(answer?);
            }
        }
        Ok(answers)
    }

    /// Keeps `concurrency` calls under way until the end. One failed call fails the whole, and so
    /// does an answer without content.
    pub(crate) async fn load(
        &self,
        calls: Calls,
        concurrency: usize,
        until: Until,
    ) -> Result<Done> {
        let counter = Arc::new(AtomicU64::new(0));
        let mut lines = Vec::new();
        for worker in 0..concurrency {
            lines.push(self.line(worker).await?);
        }
        let began = Instant::now();
        let mut workers = JoinSet::new();
        for mut line in lines {
            let (calls, counter) = (calls.clone(), counter.clone());
            workers.spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let n = counter.fetch_add(1, Ordering::Relaxed);
                    let over = match until {
                        Until::Time(time) => began.elapsed() >= time,
                        Until::Count(count) => n >= count,
                    };
                    if over {
                        return Ok(latencies);
                    }
                    let call = calls(n);
                    let sent = Instant::now();
                    let answer = line.send(call).await?;
                    latencies.push(sent.elapsed());
                    ensure!(!answer.is_empty(), "an answer is empty");
                }
            });
        }
        let mut latencies = Vec::new();
        for worker in workers.join_all().await {
            latencies.extend(worker?);
        }
        Ok(Done::new(began.elapsed(), latencies))
    }
}

async fn send(client: &mut Grpc<Channel>, call: Call) -> Result<Bytes> {
    client.ready().await?;
    let mut request = Request::new(call.message);
    request.metadata_mut().insert("authorization", call.voice);
    let path = call.path.clone();
    let answer = client.unary(request, call.path, Raw).await;
    Ok(answer.with_context(|| path.to_string())?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_latencies() {
        let latencies = (1..=101).rev().map(Duration::from_micros).collect();
        let done = Done::new(Duration::from_secs(1), latencies);
        assert!((done.latency(0.5) - 51.0).abs() < 1e-6);
        assert!((done.latency(0.99) - 100.0).abs() < 1e-6);
    }
}
