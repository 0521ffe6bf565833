//! Limits on what comes before the body, and what kind of request it announces.

use http::{HeaderMap, HeaderValue, Request, header};

use super::{Body, Refusal};

/// Longer URLs are no queries any more, and are written to logs.
const MAX_URL: usize = 8 * 1_024;
/// The names and values of all headers, 32 more for each, as HTTP/2 counts them; the same for
/// HTTP/1.1, where the server's buffer alone would let more through.
const MAX_HEADERS: usize = 16 * 1_024;
/// A client of this suite sends about twelve.
const MAX_FIELDS: usize = 64;
/// What HTTP/2 adds to each field when it counts.
const FIELD_OVERHEAD: usize = 32;
/// Headers that mean something once: sent twice, one part of the way would believe the first and
/// another the second. Of two credentials the edge takes neither.
const ONCE: [&str; 10] = [
    "content-type",
    "content-length",
    "grpc-timeout",
    "grpc-encoding",
    "host",
    "idempotency-key",
    "if-match",
    "origin",
    "traceparent",
    "x-request-id",
];
/// Headers by which some gateways let a client change the method; walls before this one would have
/// seen another request than the services do.
const OVERRIDES: [&str; 4] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url"];

/// What a request is, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// gRPC.
    Grpc,
    /// gRPC-Web, binary or text.
    GrpcWeb,
    /// gRPC with a codec that is not ours.
    OtherGrpc,
    /// Anything else.
    Http,
}

impl Kind {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let kind = kind.unwrap_or_default();
        let Some((_, codec)) = kind
            .split_at_checked(16)
            .filter(|(is, _)| is.eq_ignore_ascii_case(b"application/grpc"))
        else {
            return Self::Http;
        };
        let codec = codec.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
        match codec.to_ascii_lowercase().as_slice() {
            b"" | b"+proto" => Self::Grpc,
            b"-web" | b"-web+proto" | b"-web-text" | b"-web-text+proto" => Self::GrpcWeb,
            _ => Self::OtherGrpc,
        }
    }
}

/// Whether the head is within its limits.
pub(super) fn check(request: &Request<Body>) -> Result<(), Refusal> {
    let uri = request.uri();
    if uri.path_and_query().map_or(0, |path| path.as_str().len()) > MAX_URL {
        return Err(Refusal::URL_TOO_LONG);
    }
    let headers = request.headers();
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + FIELD_OVERHEAD)
        .sum();
    if headers.len() > MAX_FIELDS || bytes > MAX_HEADERS {
        return Err(Refusal::HEADERS_TOO_LARGE);
    }
    // Most requests repeat no name at all.
    let repeats = headers.len() != headers.keys_len();
    if repeats && ONCE.iter().any(|name| headers.get_all(*name).iter().nth(1).is_some()) {
        return Err(Refusal::REPEATED_HEADER);
    }
    Ok(())
}

/// Takes away what must not go further.
pub(super) fn strip(headers: &mut HeaderMap) {
    for name in OVERRIDES {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: impl IntoIterator<Item = (String, String)>) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_kind_goes_by_the_whole_content_type() {
        let kind = |text: &str| Kind::of(&with([pair("content-type", text)]));
        assert_eq!(kind("application/grpc"), Kind::Grpc);
        assert_eq!(kind("Application/GRPC+proto; charset=utf-8"), Kind::Grpc);
        assert_eq!(kind("application/grpc-web-text"), Kind::GrpcWeb);
        assert_eq!(kind("application/grpc-web+proto"), Kind::GrpcWeb);
        for other in ["application/grpc+json", "application/grpc-web+json", "application/grpcx"] {
            assert_eq!(kind(other), Kind::OtherGrpc, "{other}");
        }
        for other in ["application/json", "application/grp", "", "text/plain application/grpc"] {
            assert_eq!(kind(other), Kind::Http, "{other}");
        }
        assert_eq!(Kind::of(&Request::new(())), Kind::Http);
    }

    #[test]
    fn heads_beyond_their_limits_are_refused() {
        let uri = |length: usize| {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = format!("/{}", "a".repeat(length - 1)).parse().unwrap();
            check(&request)
        };
        assert_eq!(uri(MAX_URL), Ok(()));
        assert_eq!(uri(MAX_URL + 1), Err(Refusal::URL_TOO_LONG));
        let fields = |count: usize| check(&with((0..count).map(|n| pair(&format!("x-{n}"), "1"))));
        assert_eq!(fields(MAX_FIELDS), Ok(()));
        assert_eq!(fields(MAX_FIELDS + 1), Err(Refusal::HEADERS_TOO_LARGE));
        let value = |length: usize| check(&with([pair("x", &"a".repeat(length))]));
        assert_eq!(value(MAX_HEADERS - 33), Ok(()));
        assert_eq!(value(MAX_HEADERS - 32), Err(Refusal::HEADERS_TOO_LARGE));
    }

    #[test]
    fn what_means_something_once_may_not_come_twice() {
        let twice = |name: &str| check(&with([pair(name, "a"), pair(name, "b")]));
        assert_eq!(twice("x-anything"), Ok(()));
        for name in ONCE {
            assert_eq!(twice(name), Err(Refusal::REPEATED_HEADER), "{name}");
        }
    }

    #[test]
    fn method_overrides_go_no_further() {
        let mut request = with([pair("X-HTTP-Method-Override", "DELETE"), pair("x-other", "1")]);
        strip(request.headers_mut());
        assert_eq!(request.headers().len(), 1);
    }
}
