//! What the front itself refuses, as a gRPC status or as HTTP, in the one shape of all failures.

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::Full;
use kernel::Code;
use tonic::Status;

use super::{Body, Kind};

/// Why a request goes no further than the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    http: StatusCode,
    code: Code,
    reason: &'static str,
    message: &'static str,
}

impl Refusal {
    pub(super) const URL_TOO_LONG: Self = Self {
        http: StatusCode::URI_TOO_LONG,
        code: Code::InvalidArgument,
        reason: "URL_TOO_LONG",
        message: "a URL may have at most 8 KiB",
    };
    pub(super) const HEADERS_TOO_LARGE: Self = Self {
        http: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        code: Code::ResourceExhausted,
        reason: "HEADERS_TOO_LARGE",
        message: "a request may have at most 64 headers, of 16 KiB in all",
    };
    pub(super) const REPEATED_HEADER: Self = Self {
        http: StatusCode::BAD_REQUEST,
        code: Code::InvalidArgument,
        reason: "REPEATED_HEADER",
        message: "a header that may come once came twice",
    };
    pub(super) const BODY_TOO_LARGE: Self = Self {
        http: StatusCode::PAYLOAD_TOO_LARGE,
        code: Code::ResourceExhausted,
        reason: "BODY_TOO_LARGE",
        message: "a body may have at most 1 MiB",
    };
    pub(super) const BODY_TOO_SLOW: Self = Self {
        http: StatusCode::GATEWAY_TIMEOUT,
        code: Code::DeadlineExceeded,
        reason: "BODY_TOO_SLOW",
        message: "the body did not come in time",
    };
    pub(super) const NOT_HTTP2: Self = Self {
        http: StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        code: Code::InvalidArgument,
        reason: "HTTP2_NEEDED",
        message: "gRPC needs HTTP/2; over HTTP/1.1 there are gRPC-Web and JSON",
    };
    pub(super) const NOT_POSTED: Self = Self {
        http: StatusCode::METHOD_NOT_ALLOWED,
        code: Code::InvalidArgument,
        reason: "METHOD_NOT_ALLOWED",
        message: "gRPC and gRPC-Web are called by POST",
    };
    pub(super) const UNKNOWN_CODEC: Self = Self {
        http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code: Code::InvalidArgument,
        reason: "UNSUPPORTED_MEDIA_TYPE",
        message: "gRPC is spoken as application/grpc, application/grpc+proto, \
                  application/grpc-web(-text) and application/grpc-web(-text)+proto",
    };

    /// The refusal of this request: as a status where its sender reads one, else as JSON.
    pub(super) fn answer(self, request: &Request<Body>) -> Response<Body> {
        let posted = self.http != StatusCode::METHOD_NOT_ALLOWED;
        match Kind::of(request) {
            Kind::Grpc if posted && request.version() == Version::HTTP_2 => {
                self.status().into_http()
            }
            Kind::GrpcWeb if posted => {
                let mut response: Response<Body> = self.status().into_http();
                if let Some(kind) = request.headers().get(header::CONTENT_TYPE) {
                    response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
                }
                response
            }
            Kind::Grpc | Kind::GrpcWeb | Kind::OtherGrpc | Kind::Http => self.json(),
        }
    }

    /// The status.
    pub(super) fn status(self) -> Status {
        rpc::status::plain(self.code, self.reason, self.message)
    }

    /// The HTTP answer, in the shape of `google.rpc.Status`.
    pub(super) fn json(self) -> Response<Body> {
        let body = serde_json::json!({
            "code": i32::from(self.status().code()),
            "message": self.message,
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": self.reason,
                "domain": "aftercare",
            }],
        });
        let mut response = Response::new(Body::new(Full::from(body.to_string())));
        *response.status_mut() = self.http;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if self.http == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        harden(headers);
        response
    }
}

/// Headers that keep a browser from making more of an answer than it is. What the answer says itself
/// stays.
pub(super) fn harden(headers: &mut HeaderMap) {
    let set = [
        // An answer is what its content type says, never a script.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Answers are of one caller at one time.
        (header::CACHE_CONTROL, "no-store"),
        // Nothing of an API answer is to be run, loaded or framed.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // URLs hold the names of resources.
        (header::REFERRER_POLICY, "no-referrer"),
        // Only a page that CORS lets in may embed an answer.
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|own| own.to_str().ok());
    // Its own policy says by whom it may be framed, and this header knows no names.
    let is_framed = policy.is_some_and(|own| {
        own.contains("frame-ancestors") && !own.contains("frame-ancestors 'none'")
    });
    for (name, value) in set {
        if is_framed && name == header::X_FRAME_OPTIONS {
            continue;
        }
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_frame_an_answer_is_said_in_one_way() {
        let framing = |policy: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(policy) = policy {
                let policy = HeaderValue::from_static(policy);
                headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            harden(&mut headers);
            headers.contains_key(header::X_FRAME_OPTIONS)
        };
        assert!(framing(None));
        assert!(framing(Some("default-src 'self'")));
        assert!(framing(Some("default-src 'none'; frame-ancestors 'none'")));
        assert!(!framing(Some("default-src 'none'; frame-ancestors 'self' https://a.example")));
    }
}
