//! Answers of many messages: a line of JSON each, or an event each for those who ask for
//! `text/event-stream`. Each is `{"result": …}`; where the call fails, the last is `{"error": …}`.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use prost_reflect::Value;
use tokio::time::{Instant, Sleep};
use tonic::{Status, body::Body};
use tonic_types::pb;

use super::{answer, error::Details, grpc::Frames, rule::Rpc};

/// How long a stream of events may be silent; whatever stands between us and the reader would cut it
/// off.
const SILENCE: Duration = Duration::from_secs(15);

/// In which form a stream is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/x-ndjson`.
    Lines,
    /// `text/event-stream`.
    Events,
}

impl Form {
    /// What the caller asks for first of the two; lines where neither is named.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter();
        let ranges =
            values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
        for range in ranges {
            match range.split(';').next().unwrap_or_default().trim() {
                "text/event-stream" => return Self::Events,
                "application/x-ndjson" => return Self::Lines,
                _ => {}
            }
        }
        Self::Lines
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Events => "text/event-stream",
        }
    }
}

/// The answer to a call that streams. A call that fails before its first message fails as any other,
/// with its own HTTP status; one that is silent for long is taken to have begun well.
pub(crate) async fn open(
    rpc: Arc<Rpc>,
    mut frames: Frames,
    form: Form,
    details: Details,
) -> Result<Response<Body>, pb::Status> {
    let first = match tokio::time::timeout(SILENCE, frames.next()).await {
        Ok(Some(Err(status))) => return Err(status),
        Ok(Some(Ok(message))) => Some(message),
        Ok(None) | Err(_) => None,
    };
    let silence = Box::pin(tokio::time::sleep(SILENCE));
    let mut lines = Lines { rpc, frames, form, details, silence, first: None, done: false };
    // What cannot be written as the first message has its own status too.
    lines.first = first.map(|message| lines.written(message)).transpose()?;
    let mut response = Response::new(Body::new(lines));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// The body of such an answer. Dropping it drops the call.
struct Lines {
    rpc: Arc<Rpc>,
    frames: Frames,
    form: Form,
    details: Details,
    silence: Pin<Box<Sleep>>,
    first: Option<Bytes>,
    done: bool,
}

impl Lines {
    fn written(&self, message: Bytes) -> Result<Bytes, pb::Status> {
        let mut json = Vec::with_capacity(message.len() * 2 + 64);
        json.extend_from_slice(b"{\"result\":");
        let message = answer::write(message, &self.rpc.output, &mut json)?;
        json.push(b'}');
        let token = self.rpc.resume.1.as_ref().map(|field| message.get_field(field));
        let token = token.as_deref().and_then(Value::as_str).unwrap_or_default();
        Ok(self.framed(&json, token))
    }

    fn failed(&self, status: &pb::Status) -> Bytes {
        let json = serde_json::json!({"error": self.details.json(status)}).to_string();
        self.framed(json.as_bytes(), "")
    }

    fn framed(&self, json: &[u8], token: &str) -> Bytes {
        let mut out = Vec::with_capacity(json.len() + token.len() + 16);
        if self.form == Form::Lines {
            out.extend_from_slice(json);
            out.push(b'\n');
            return out.into();
        }
        if !token.is_empty() && !token.contains(['\n', '\r', '\0']) {
            out.extend_from_slice(b"id: ");
            out.extend_from_slice(token.as_bytes());
            out.push(b'\n');
        }
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(json);
        out.extend_from_slice(b"\n\n");
        out.into()
    }

    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        if self.done {
            return Poll::Ready(None);
        }
        let failed = match self.frames.poll_next(cx) {
            Poll::Ready(None) => {
                self.done = true;
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Ok(message))) => match self.written(message) {
                Ok(line) => return Poll::Ready(Some(line)),
                Err(status) => status,
            },
            Poll::Ready(Some(Err(status))) => status,
            Poll::Pending if self.form == Form::Lines => return Poll::Pending,
            Poll::Pending => {
                return self
                    .silence
                    .as_mut()
                    .poll(cx)
                    .map(|()| Some(Bytes::from_static(b": keepalive\n\n")));
            }
        };
        self.done = true;
        Poll::Ready(Some(self.failed(&failed)))
    }
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let line = self.poll_line(cx);
        if line.is_ready() {
            self.silence.as_mut().reset(Instant::now() + SILENCE);
        }
        line.map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_named_is_taken() {
        let of = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            Form::accepted(&headers)
        };
        assert_eq!(of("text/html, text/event-stream;q=0.5"), Form::Events);
        assert_eq!(of("application/x-ndjson, text/event-stream"), Form::Lines);
        assert_eq!(of("*/*"), Form::Lines);
        assert_eq!(Form::accepted(&HeaderMap::new()), Form::Lines);
    }
}
