//! Answers of one message.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use tonic::body::Body;
use tonic_types::pb;

use super::{grpc, request, rule::Rpc};

/// Whether a header of a service's answer goes on to the caller.
fn is_kept(name: &HeaderName) -> bool {
    name == header::RETRY_AFTER || name == "x-request-id" || name.as_str().starts_with("ratelimit")
}

/// What goes on to the caller of the headers of a service's answer.
pub(crate) fn kept(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A JSON document. What it says is for this caller alone.
pub(crate) fn json_response(http: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::new(body)));
    *response.status_mut() = http;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A message as JSON, appended to `out`. A message of another form than the contract's is a fault of
/// ours.
pub(crate) fn write(
    bytes: Bytes,
    kind: &MessageDescriptor,
    out: &mut Vec<u8>,
) -> Result<DynamicMessage, pb::Status> {
    let message = DynamicMessage::decode(kind.clone(), bytes)
        .map_err(|error| grpc::broken(&error.to_string()))?;
    serde_json::to_writer(out, &message).map_err(|error| grpc::broken(&error.to_string()))?;
    Ok(message)
}

/// The answer to a call: the message, its version as `ETag`, and nothing else where a reader has that
/// version already.
pub(crate) fn unary(
    rpc: &Rpc,
    bytes: Bytes,
    known: Option<&HeaderValue>,
) -> Result<Response<Body>, pb::Status> {
    let mut body = Vec::with_capacity(bytes.len() * 2);
    let message = write(bytes, &rpc.output, &mut body)?;
    let tag = rpc.version.as_ref().and_then(|field| match message.get_field(field).as_ref() {
        Value::String(etag) if !etag.is_empty() => {
            HeaderValue::from_str(&format!("\"{etag}\"")).ok()
        }
        _ => None,
    });
    let is_known = |tag: &HeaderValue| known.is_some_and(|known| names(known, tag));
    let mut response = match &tag {
        Some(tag) if is_known(tag) => {
            let mut response = json_response(StatusCode::NOT_MODIFIED, Bytes::new());
            response.headers_mut().remove(header::CONTENT_TYPE);
            response
        }
        _ => json_response(StatusCode::OK, body.into()),
    };
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Whether an `If-None-Match` names this entity tag.
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    known.trim() == "*"
        || known.split(',').any(|other| request::version(other) == request::version(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_headers_go_on() {
        let names = [
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "x-request-id",
            "grpc-retry-pushback-ms",
            "grpc-status",
            "content-type",
            "date",
            "set-cookie",
        ];
        let headers: HeaderMap = names
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1")))
            .into_iter()
            .collect();
        let kept = kept(&headers);
        let mut left: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["ratelimit", "ratelimit-policy", "retry-after", "x-request-id"]);
    }

    #[test]
    fn a_known_version_is_found_in_any_list() {
        let tag = HeaderValue::from_static("\"v1a\"");
        for known in ["*", "\"v1a\"", "W/\"v1a\"", "\"v1\", W/\"v1a\""] {
            assert!(names(&HeaderValue::from_static(known), &tag), "{known}");
        }
        for known in ["", "\"v1\"", "\"v1a", "\"v1a v1\""] {
            assert!(!names(&HeaderValue::from_static(known), &tag), "{known}");
        }
    }
}
