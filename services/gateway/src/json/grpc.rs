//! The gRPC side: one message out, frames back, and how the call ended. Read frame by frame by hand, so
//! that nothing that a broken service sends is more than an INTERNAL.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version, header,
};
use http_body::Body as _;
use http_body_util::Full;
use kernel::Code;
use prost::Message;
use prost_reflect::DynamicMessage;
use prost_types::Any;
use tonic::body::Body;
use tonic_types::pb;

use super::{error::Failure, percent, rule::Rpc};

/// How long an answer may be, and each message of a stream.
const LONGEST: usize = 16 << 20;
/// A flag that says whether the message is compressed, and its length.
const PREFIX: usize = 5;

/// The headers of a request that go further; who is calling is made out behind this.
const PASSED: [HeaderName; 7] = [
    header::AUTHORIZATION,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-request-id"),
    header::ACCEPT_LANGUAGE,
    header::USER_AGENT,
    HeaderName::from_static("grpc-timeout"),
];

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The call that stands for a request.
pub(crate) fn request(
    rpc: &Rpc,
    message: &DynamicMessage,
    headers: &HeaderMap,
    extensions: Extensions,
) -> Request<Body> {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(0);
    // A request is no longer than its body and its URL together.
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(&mut frame);

    let mut request = Request::new(Body::new(Full::new(frame.freeze())));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = rpc.uri.clone();
    *request.version_mut() = Version::HTTP_2;
    *request.extensions_mut() = extensions;
    let ours = request.headers_mut();
    ours.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    ours.insert(header::TE, HeaderValue::from_static("trailers"));
    for name in &PASSED {
        for value in headers.get_all(name) {
            ours.append(name, value.clone());
        }
    }
    request
}

/// The messages of an answer, and how the call ended.
#[derive(Debug)]
pub(crate) struct Frames {
    body: Body,
    pending: BytesMut,
    ended: bool,
}

impl Frames {
    /// The messages of an answer, unless its head says already that it failed.
    pub(crate) fn open(response: Response<Body>) -> Result<Self, pb::Status> {
        let (head, body) = response.into_parts();
        let ended = match status(&head.headers) {
            Some(status) if status.code == 0 => true,
            Some(status) => return Err(status),
            None => false,
        };
        let kind = head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_grpc = kind.is_some_and(|kind| kind.starts_with(b"application/grpc"));
        if head.status != http::StatusCode::OK || !is_grpc {
            return Err(unsaid(head.status));
        }
        Ok(Self { body, pending: BytesMut::new(), ended })
    }

    /// The next message; `None` where the call ended well.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, pb::Status>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The one message of an answer that is no stream.
    pub(crate) async fn only(mut self) -> Result<Bytes, pb::Status> {
        let Some(first) = self.next().await else { return Err(broken("no message in the answer")) };
        let first = first?;
        match self.next().await {
            None => Ok(first),
            Some(Ok(_)) => Err(broken("a second message in the answer")),
            Some(Err(status)) => Err(status),
        }
    }

    /// As [`Self::next`].
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, pb::Status>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            match self.whole_message() {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Err(status) => return self.end(status),
            }
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return self.end(Failure::from(error).status),
                None => return self.end(unsaid(http::StatusCode::OK)),
            };
            match frame.into_data() {
                Ok(data) => self.pending.extend_from_slice(&data),
                Err(frame) => {
                    let status = frame.trailers_ref().and_then(status);
                    return self.end(status.unwrap_or_else(|| unsaid(http::StatusCode::OK)));
                }
            }
        }
    }

    fn end(&mut self, status: pb::Status) -> Poll<Option<Result<Bytes, pb::Status>>> {
        self.ended = true;
        Poll::Ready(match status.code {
            0 if self.pending.is_empty() => None,
            0 => Some(Err(broken("a message that broke off"))),
            _ => Some(Err(status)),
        })
    }

    fn whole_message(&mut self) -> Result<Option<Bytes>, pb::Status> {
        let Some(prefix) = self.pending.get(..PREFIX) else { return Ok(None) };
        if prefix[0] != 0 {
            return Err(broken("a compressed message that nobody asked for"));
        }
        let mut length = &prefix[1..];
        let length = usize::try_from(length.get_u32()).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Err(too_long());
        }
        if self.pending.len() - PREFIX < length {
            return Ok(None);
        }
        self.pending.advance(PREFIX);
        Ok(Some(self.pending.split_to(length).freeze()))
    }
}

/// How a call ended, where these headers or trailers say so. What is broken in them is left out.
fn status(headers: &HeaderMap) -> Option<pb::Status> {
    let code = headers.get(STATUS)?.to_str().ok().and_then(|code| code.parse::<i32>().ok());
    let code = i32::from(tonic::Code::from(code.unwrap_or(-1)));
    let message = headers
        .get(MESSAGE)
        .map(|text| percent::decode_message(text.as_bytes()))
        .unwrap_or_default();
    let details: Vec<Any> = headers
        .get(DETAILS)
        .and_then(|value| BASE64.decode(value).ok())
        .and_then(|bytes| pb::Status::decode(bytes.as_slice()).ok())
        .map(|status| status.details)
        .unwrap_or_default();
    Some(pb::Status { code, message, details })
}

/// What an answer means that does not say how the call ended.
fn unsaid(http: http::StatusCode) -> pb::Status {
    use tonic::Code as C;
    tracing::error!(%http, "answer without a grpc-status");
    let code = match http.as_u16() {
        400 => C::Internal,
        401 => C::Unauthenticated,
        403 => C::PermissionDenied,
        404 => C::Unimplemented,
        429 | 502 | 503 | 504 => C::Unavailable,
        _ => C::Unknown,
    };
    let message = "the service did not say how the call ended".to_owned();
    let info = pb::ErrorInfo {
        reason: "STATUS_MISSING".to_owned(),
        domain: "aftercare".to_owned(),
        ..pb::ErrorInfo::default()
    };
    let type_url = "type.googleapis.com/google.rpc.ErrorInfo".to_owned();
    let details = vec![Any { type_url, value: info.encode_to_vec() }];
    pb::Status { code: code.into(), message, details }
}

/// An answer that is no gRPC, or holds what the contracts do not know.
pub(crate) fn broken(what: &str) -> pb::Status {
    tracing::error!(%what, "answer cannot be read");
    let message = "something went wrong on our side";
    Failure::from(rpc::status::plain(Code::Internal, "INTERNAL", message)).status
}

fn too_long() -> pb::Status {
    let message = "the answer is longer than 16 MiB; ask for a smaller page";
    Failure::from(rpc::status::plain(Code::OutOfRange, "ANSWER_TOO_LONG", message)).status
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    fn answer(frames: Vec<Frame<Bytes>>) -> Frames {
        let body = StreamBody::new(stream::iter(frames.into_iter().map(Ok::<_, tonic::Status>)));
        let mut response = Response::new(Body::new(body));
        response
            .headers_mut()
            .insert("content-type", HeaderValue::from_static("application/grpc+proto"));
        Frames::open(response).unwrap()
    }

    fn data(bytes: &'static [u8]) -> Frame<Bytes> {
        Frame::data(Bytes::from_static(bytes))
    }

    fn trailers(pairs: &[(&'static str, &'static str)]) -> Frame<Bytes> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Frame::trailers(pairs.collect())
    }

    #[tokio::test]
    async fn messages_are_put_together_from_any_frames() {
        let mut frames = answer(vec![
            data(b"\0\0"),
            data(b"\0\0\x03ab"),
            data(b"c\0\0\0\0\x01d\0\0\0\0\0"),
            trailers(&[("grpc-status", "0")]),
        ]);
        for wanted in ["abc", "d", ""] {
            assert_eq!(frames.next().await, Some(Ok(Bytes::from(wanted))));
        }
        assert_eq!(frames.next().await, None);
        assert_eq!(frames.next().await, None);
    }

    #[tokio::test]
    async fn the_end_is_what_the_trailers_say() {
        let end = trailers(&[
            ("grpc-status", "5"),
            ("grpc-message", "no%20such%zz"),
            ("grpc-status-details-bin", "!"),
        ]);
        let status = answer(vec![data(b"\0\0\0\0\0"), end]).only().await.unwrap_err();
        assert_eq!((status.code, status.message.as_str()), (5, "no%20such%zz"));
        assert!(status.details.is_empty());
        for frames in [vec![], vec![trailers(&[])], vec![data(b"\0\0\0\0\0")]] {
            assert_eq!(answer(frames).only().await.unwrap_err().code, 2);
        }
        assert_eq!(
            answer(vec![trailers(&[("grpc-status", "odd")])]).only().await.unwrap_err().code,
            2
        );
    }

    #[tokio::test]
    async fn what_is_no_answer_is_our_fault() {
        let ok = || trailers(&[("grpc-status", "0")]);
        for frames in [
            vec![ok()],
            vec![data(b"\x01\0\0\0\0"), ok()],
            vec![data(b"\0\0\0\0\x05ab"), ok()],
            vec![data(b"\0\0\0\0\0\0\0\0\0\0"), ok()],
        ] {
            assert_eq!(answer(frames).only().await.unwrap_err().code, 13);
        }
        let long = answer(vec![data(b"\0\x01\0\0\x01"), ok()]).only().await.unwrap_err();
        assert_eq!(long.code, 11);
    }

    #[test]
    fn a_head_alone_can_say_how_it_ended() {
        let head = |status: u16, pairs: &[(&'static str, &'static str)]| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            for (name, value) in pairs {
                response.headers_mut().insert(*name, HeaderValue::from_static(value));
            }
            Frames::open(response).map(|frames| frames.ended).map_err(|status| status.code)
        };
        let grpc = ("content-type", "application/grpc");
        assert_eq!(head(200, &[grpc, ("grpc-status", "7")]), Err(7));
        assert_eq!(head(200, &[grpc, ("grpc-status", "0")]), Ok(true));
        assert_eq!(head(200, &[grpc]), Ok(false));
        assert_eq!(head(200, &[("content-type", "text/html")]), Err(2));
        for (http, code) in
            [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14), (500, 2)]
        {
            assert_eq!(head(http, &[]), Err(code), "{http}");
        }
    }
}
