//! A connection by HTTP/1.1 that is kept alive, as clients that speak JSON hold it.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use crate::load::Call;

/// A connection; dropping it closes it.
pub(crate) struct Http1 {
    sender: SendRequest<Empty<Bytes>>,
    host: HeaderValue,
    /// Where it is driven.
    _driver: JoinSet<()>,
}

impl Http1 {
    /// Connects to `HOST:PORT`.
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let io = TcpStream::connect(address).await?;
        io.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever sends on it is told what broke.
            let _ = connection.await;
        });
        Ok(Self { sender, host: HeaderValue::from_str(address)?, _driver: driver })
    }

    /// Asks for a call's path, and gives the whole answer.
    pub(crate) async fn get(&mut self, call: Call) -> Result<Bytes> {
        let voice = HeaderValue::from_bytes(call.voice.as_bytes())?;
        let request = Request::get(call.path.as_str())
            .header(header::HOST, self.host.clone())
            .header(header::USER_AGENT, "aftercare-bench")
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, voice)
            .body(Empty::new())?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await;
        let answer = answer.with_context(|| call.path.to_string())?;
        ensure!(answer.status() == StatusCode::OK, "{}: {}", call.path, answer.status());
        Ok(answer.into_body().collect().await?.to_bytes())
    }
}
