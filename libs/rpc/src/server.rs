//! Our own accept loop: connections grow old, are told to go away, get their grace and then end.
//! tonic's own server has no hard end, and its connection age either panics or cuts calls in flight.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;
use tower::{Service, ServiceExt};

use crate::{ending::Connection, unread::Read};

/// How long connections live.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    /// After this, give or take a tenth, a connection is told to go away.
    pub age: Duration,
    /// How long it may then take to finish.
    pub grace: Duration,
}

impl Default for Ages {
    fn default() -> Self {
        Self { age: Duration::from_mins(10), grace: Duration::from_secs(10) }
    }
}

/// Streams of one HTTP/2 connection at once; hyper's own default is 200, h2's none.
const MAX_STREAMS: u32 = 256;
/// Bytes of the names and values of a request's headers, 32 more for each; h2 answers 431 beyond it.
/// It is hyper's default, said here so that it stays: h2's own is 16 MiB for each stream.
const MAX_HEADER_LIST: u32 = 16 * 1_024;
/// What HTTP/1.1 reads ahead: a request line and headers must fit, or 431 is the answer. The default
/// is some 400 KiB for each connection.
const MAX_HEAD: usize = 32 * 1_024;
/// How long a client may take over a head, or over saying which protocol it speaks.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// A peer that is silent for this long is asked whether it is there, and has as long to say so.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Streams that were reset before they were looked at; more is a flood, and ends the connection.
const MAX_PENDING_RESETS: usize = 20;
/// Streams that we reset for a client's errors; more is a flood, and ends the connection.
const MAX_ERROR_RESETS: usize = 128;
/// What is kept of an answer for a client that does not read it, by stream; the default is some
/// 400 KiB, which would be 100 MiB for one connection.
const MAX_UNREAD: usize = 64 * 1_024;
/// What a client may send to one stream before it is read.
const STREAM_WINDOW: u32 = 256 * 1_024;
/// What it may send to all streams of a connection before it is read: so much memory it costs.
const CONNECTION_WINDOW: u32 = 1_024 * 1_024;
/// Connections at once; further ones are closed, so that those that are open keep their memory and
/// their file descriptors.
const MAX_CONNECTIONS: usize = 8_192;
/// What an HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How often a client that has sent only a part of it is looked at again.
const PREFACE_PACE: Duration = Duration::from_millis(50);

/// Serves `app` on `listener` until `stop`; returns when the last connection has ended, at the
/// latest after the grace. Streams ([`crate::ending`]) end when their connection is told to go away,
/// calls in flight are finished.
pub async fn serve<S, F>(listener: TcpListener, app: S, ages: Ages, stop: CancellationToken)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = F>
        + Clone
        + Send
        + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let builder = Arc::new(limited());
    let (connections, unread) = (TaskTracker::new(), TaskTracker::new());
    let mut count = 0_u32;
    loop {
        let (io, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Too many open files and the like pass; spinning would not help.
                    tracing::warn!(%error, "connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        if connections.len() >= MAX_CONNECTIONS {
            tracing::warn!(most = MAX_CONNECTIONS, "connection refused: too many are open");
            continue;
        }
        let _ = io.set_nodelay(true);
        count = count.wrapping_add(1);
        let (builder, app, stop) = (builder.clone(), app.clone(), stop.clone());
        let unread = unread.clone();
        let age = jittered(ages.age, count);
        connections.spawn(async move {
            // The builder waits for the first bytes for ever.
            tokio::select! {
                begun = tokio::time::timeout(HEADER_PATIENCE, begins(&io)) => match begun {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return,
                },
                () = stop.cancelled() => return,
            }
            let told = CancellationToken::new();
            let own = Connection::new(told.clone(), peer.ip());
            let app = app.map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(own.clone());
                request.map(|body| Body::new(Read::new(body, unread.clone())))
            });
            let mut connection = std::pin::pin!(
                builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(app))
            );
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stop.cancelled() => {}
                () = tokio::time::sleep(age) => {}
            }
            connection.as_mut().graceful_shutdown();
            // After the GOAWAY, so that whoever goes on does so over another connection.
            told.cancel();
            let _ = tokio::time::timeout(ages.grace, connection).await;
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    unread.close();
    unread.wait().await;
}

/// What a connection may ask of us.
fn limited() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .max_send_buf_size(MAX_UNREAD)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE);
    builder
}

/// Waits until it is clear which protocol a client speaks; false where it has gone.
async fn begins(io: &TcpStream) -> bool {
    let mut head = [0; PREFACE.len()];
    loop {
        match io.peek(&mut head).await {
            Ok(0) | Err(_) => return false,
            Ok(count) if count == head.len() || head[..count] != PREFACE[..count] => return true,
            // More of it does not wake us, since what is there has not been read.
            Ok(_) => tokio::time::sleep(PREFACE_PACE).await,
        }
    }
}

/// The age of the n-th connection: spread over a fifth, so that they do not all end at once. The
/// golden ratio spreads any run of numbers evenly.
fn jittered(age: Duration, n: u32) -> Duration {
    let spread = f64::from(n) * 0.618_033_988_749_895 % 1.0;
    age.mul_f64(0.9 + 0.2 * spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_spread_over_a_fifth() {
        let age = Duration::from_secs(100);
        let ages: Vec<_> = (0..50).map(|n| jittered(age, n)).collect();
        assert!(ages.iter().all(|a| (90.0..=110.0).contains(&a.as_secs_f64())));
        assert!(ages.iter().min() < Some(&Duration::from_secs(92)));
        assert!(ages.iter().max() > Some(&Duration::from_secs(108)));
    }
}
