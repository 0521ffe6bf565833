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
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;
use tower::{Service, ServiceExt};

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

const MAX_STREAMS: u32 = 256;
const MAX_HEADER_LIST: u32 = 16 * 1_024;
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Serves `app` on `listener` until `stop`; returns when the last connection has ended, at the
/// latest after the grace.
pub async fn serve<S, F>(listener: TcpListener, app: S, ages: Ages, stop: CancellationToken)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = F>
        + Clone
        + Send
        + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE);
    let builder = Arc::new(builder);
    let connections = TaskTracker::new();
    let mut count = 0_u32;
    loop {
        let io = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((io, _)) => io,
                Err(error) => {
                    // Too many open files and the like pass; spinning would not help.
                    tracing::warn!(%error, "connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let _ = io.set_nodelay(true);
        count = count.wrapping_add(1);
        let (builder, app, stop) = (builder.clone(), app.clone(), stop.clone());
        let age = jittered(ages.age, count);
        connections.spawn(async move {
            let app = app.map_request(|request: Request<Incoming>| request.map(Body::new));
            let mut connection = std::pin::pin!(
                builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(app))
            );
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stop.cancelled() => {}
                () = tokio::time::sleep(age) => {}
            }
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(ages.grace, connection).await;
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
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
