//! One HTTP/2 connection, what comes back over it, and whether that may be.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
    rt::Executor as _,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Form, Request};

/// How long an answer may take, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of an answer that are looked at.
const ENOUGH: usize = 64 << 20;

/// A connection.
#[derive(Clone, Debug)]
pub struct Line {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

/// What a request came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status of HTTP.
    pub status: StatusCode,
    /// The status of gRPC, or the one that stands in a refusal in JSON.
    pub code: Option<Code>,
    /// The reason of a refusal.
    pub reason: String,
}

impl Line {
    /// Connects.
    ///
    /// # Panics
    /// Where nobody listens.
    pub async fn open(address: SocketAddr) -> Self {
        let io = TcpStream::connect(address).await.expect("the suite listens");
        io.set_nodelay(true).expect("a socket can be told");
        let connecting = http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(io));
        let (sender, connection) = connecting.await.expect("the suite speaks HTTP/2");
        TokioExecutor::new().execute(async move {
            // Its end is seen by whoever sends.
            let _ = connection.await;
        });
        Self { sender, address }
    }

    /// Sends a request and reads the answer; of a stream no more than its first message.
    pub async fn send(&self, request: &Request) -> Result<Answer, String> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        answer.unwrap_or_else(|_| Err("no answer".to_owned()))
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, String> {
        let uri = format!("http://{}{}", self.address, request.target);
        let mut sent = http::Request::builder().method(request.verb.as_str()).uri(uri);
        for (name, value) in &request.headers {
            sent = sent.header(*name, value);
        }
        let sent = sent.body(Full::new(request.body.clone())).map_err(|error| error.to_string())?;
        let answer = self.sender.clone().send_request(sent).await;
        let (head, body) = answer.map_err(|error| format!("{error:?}"))?.into_parts();
        let ok = head.status.is_success() && !head.headers.contains_key("grpc-status");
        let first_only = request.streams && ok;
        let (read, trailers) =
            read(body, first_only).await.map_err(|error| format!("{error:?}"))?;
        let is_grpc = head
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        let status = if is_grpc { grpc(&head.headers, trailers.as_ref()) } else { json(&read) };
        let (code, reason) = match status {
            // A stream that begins is answered.
            None if first_only && !read.is_empty() => (Some(Code::Ok), String::new()),
            None if !is_grpc && ok => (Some(Code::Ok), String::new()),
            None => (None, String::new()),
            Some((code, reason)) => (Some(code), reason),
        };
        Ok(Answer { status: head.status, code, reason })
    }
}

/// Reads an answer, or only its first part.
async fn read(
    mut body: Incoming,
    first_only: bool,
) -> Result<(Vec<u8>, Option<HeaderMap>), hyper::Error> {
    let (mut read, mut trailers) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) if read.len() < ENOUGH => read.extend(data),
            Ok(_) => {}
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
        if first_only && !read.is_empty() {
            break;
        }
    }
    Ok((read, trailers))
}

fn grpc(head: &HeaderMap, trailers: Option<&HeaderMap>) -> Option<(Code, String)> {
    let of_trailers = || trailers.and_then(Status::from_header_map);
    let status = Status::from_header_map(head).or_else(of_trailers)?;
    let details = status.get_details_error_info();
    Some((status.code(), details.map(|info| info.reason).unwrap_or_default()))
}

/// A refusal in JSON.
fn json(body: &[u8]) -> Option<(Code, String)> {
    let refusal: serde_json::Value =
        if body.len() < 100_000 { serde_json::from_slice(body).ok()? } else { return None };
    let code = i32::try_from(refusal.get("code")?.as_i64()?).ok()?;
    let details = refusal["details"].as_array().map_or(&[][..], Vec::as_slice);
    let reason = details.iter().find_map(|one| one["reason"].as_str());
    Some((Code::from(code), reason.unwrap_or_default().to_owned()))
}

impl Answer {
    /// What is wrong with this answer, whatever was asked.
    pub fn fault(&self, form: Form) -> Option<String> {
        let of_http = self.status.is_server_error() && !matches!(self.status.as_u16(), 503 | 504);
        let of_code = match self.code {
            Some(Code::Internal | Code::Unknown | Code::DataLoss) => true,
            Some(Code::Unavailable) => self.reason != "OVERLOADED",
            // What HTTP itself refuses has a status of HTTP alone.
            None => form == Form::Grpc && self.status.is_success(),
            Some(_) => false,
        };
        (of_http || of_code).then(|| self.to_string())
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) if self.reason.is_empty() => write!(f, "{code:?}"),
            Some(code) => write!(f, "{code:?} {}", self.reason),
            None => write!(f, "HTTP {}", self.status.as_u16()),
        }
    }
}
