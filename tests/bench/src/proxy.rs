//! The bare proxy: tonic's server and one of tonic's channels, and between them nothing but a call
//! token in place of the credential. What the gateway is measured against.

use std::{
    convert::Infallible,
    future::Future,
    path::Path,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use anyhow::{Context, Result};
use http::{HeaderValue, Request, Response, StatusCode, header};
use tokio::{net::TcpListener, sync::watch};
use tonic::{
    body::Body,
    server::NamedService,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tower::ServiceExt as _;

use crate::{program::Program, token::CallTokens};

/// How often it takes another token: well before the last one ends.
const RENEWS: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Proxy {
    channel: Channel,
    token: watch::Receiver<HeaderValue>,
}

impl NamedService for Proxy {
    const NAME: &'static str = "aftercare.tickets.v1.TicketService";
}

impl tower::Service<Request<Body>> for Proxy {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let token = self.token.borrow().clone();
        request.headers_mut().insert(header::AUTHORIZATION, token);
        let answer = self.channel.clone().oneshot(request);
        Box::pin(async move { Ok(answer.await.unwrap_or_else(|_| away())) })
    }
}

fn away() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

/// Hands calls on to `HOST:PORT` until killed; prints its address first.
pub(crate) async fn serve(to: &str, key: &Path) -> Result<()> {
    let tokens = CallTokens::new(key)?;
    let fresh = || anyhow::Ok(HeaderValue::from_bytes(tokens.voice()?.as_bytes())?);
    let (renewed, token) = watch::channel(fresh()?);
    let endpoint = Endpoint::from_shared(format!("http://{to}"))?.tcp_nodelay(true);
    let proxy = Proxy { channel: endpoint.connect().await?, token };

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = Server::builder().add_service(proxy).serve_with_incoming(incoming);
    let renewing = async {
        loop {
            tokio::time::sleep(RENEWS).await;
            renewed.send_replace(fresh()?);
        }
    };
    tokio::select! {
        ended = serving => Ok(ended?),
        failed = renewing => failed,
    }
}

/// Starts a proxy to this address as a process of its own.
pub(crate) async fn start(to: &str, key: &Path) -> Result<(Program, String)> {
    let mut program = Program::of_ours(&[Path::new("proxy"), Path::new(to), key])?;
    let address = program.line().await.context("the proxy does not start")?;
    Ok((program, address))
}
