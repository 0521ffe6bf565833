//! What a failure looks like over HTTP: one shape, `{code, message, details}`, for what a service
//! refuses as well as for what is refused here.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as Verb, Response, StatusCode, header};
use kernel::{Code, Fault, Locale, Violation, Violations};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::Any;
use serde_json::{Map, Value as Json, json};
use tonic::body::Body;
use tonic_types::pb;

use super::parse::Malformed;

/// Why a request goes no further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Fields, parameters or headers are wrong.
    #[error("the request is not valid")]
    Invalid(Violations),
    /// The body is no JSON, or not of the kind that is read.
    #[error("the body is not what is wanted: {} at {}", .0.what, .0.place)]
    Malformed(Malformed),
    /// The body is longer than what is read.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// The body did not come to its end.
    #[error("the body broke off")]
    BrokenOff,
    /// The body is of another media type.
    #[error("the body must be application/json in UTF-8, and not encoded")]
    MediaType,
    /// No method has this path.
    #[error("no method has this path")]
    NoPath,
    /// The path is known, by other verbs.
    #[error("this path is called by {}", names(.0))]
    OtherVerbs(Vec<Verb>),
    /// How long the caller waits cannot be read.
    #[error("`grpc-timeout` is malformed")]
    Timeout,
}

/// The names of verbs, as `Allow` lists them.
pub(crate) fn names(verbs: &[Verb]) -> String {
    let names: Vec<&str> = verbs.iter().map(Verb::as_str).collect();
    names.join(", ")
}

impl Refusal {
    /// Its HTTP status.
    pub(crate) fn http(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::Malformed(_) | Self::BrokenOff | Self::Timeout => {
                StatusCode::BAD_REQUEST
            }
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoPath => StatusCode::NOT_FOUND,
            Self::OtherVerbs(_) => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

impl Fault for Refusal {
    fn code(&self) -> Code {
        match self {
            Self::NoPath => Code::NotFound,
            Self::Invalid(_)
            | Self::Malformed(_)
            | Self::TooLong(_)
            | Self::BrokenOff
            | Self::MediaType
            | Self::OtherVerbs(_)
            | Self::Timeout => Code::InvalidArgument,
        }
    }

    fn domain(&self) -> &'static str {
        "aftercare"
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Malformed(_) => "MALFORMED_BODY",
            Self::TooLong(_) => "BODY_TOO_LONG",
            Self::BrokenOff => "BODY_BROKEN_OFF",
            Self::MediaType => "MEDIA_TYPE_NOT_READ",
            Self::NoPath => "UNKNOWN_PATH",
            Self::OtherVerbs(_) => "VERB_NOT_ALLOWED",
            Self::Timeout => "MALFORMED_TIMEOUT",
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Malformed(Malformed { what, place }) => {
                vec![("what", what.clone()), ("place", place.clone())]
            }
            Self::TooLong(most) => vec![("most", most.to_string())],
            Self::OtherVerbs(verbs) => vec![("allow", names(verbs))],
            Self::Invalid(_) | Self::BrokenOff | Self::MediaType | Self::NoPath | Self::Timeout => {
                Vec::new()
            }
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations) => violations.as_slice(),
            _ => &[],
        }
    }

    fn message_zh(&self) -> Option<String> {
        Some(match self {
            Self::Invalid(_) => "请求无效".to_owned(),
            Self::Malformed(Malformed { what, place }) => {
                format!("请求正文不符合要求：{what}（{place}）")
            }
            Self::TooLong(most) => format!("请求正文超过 {most} 字节"),
            Self::BrokenOff => "请求正文不完整".to_owned(),
            Self::MediaType => "请求正文必须是未经压缩的 UTF-8 application/json".to_owned(),
            Self::NoPath => "没有这个路径的方法".to_owned(),
            Self::OtherVerbs(verbs) => format!("这个路径只接受 {}", names(verbs)),
            Self::Timeout => "`grpc-timeout` 格式错误".to_owned(),
        })
    }
}

/// A call that failed, on its way to the caller.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Its HTTP status.
    pub(crate) http: StatusCode,
    /// What happened.
    pub(crate) status: pb::Status,
    /// What else the answer's head says.
    pub(crate) headers: HeaderMap,
}

impl Failure {
    /// A refusal of ours, in the caller's language.
    pub(crate) fn refused(refusal: &Refusal, locale: Locale) -> Self {
        let mut failure = Self::from(rpc::status::of(refusal, locale));
        failure.http = refusal.http();
        if let Refusal::OtherVerbs(verbs) = refusal
            && let Ok(allow) = HeaderValue::from_str(&names(verbs))
        {
            failure.headers.insert(header::ALLOW, allow);
        }
        failure
    }

    /// What a status means over HTTP.
    pub(crate) fn of(status: pb::Status) -> Self {
        Self { http: http_status(status.code), status, headers: HeaderMap::new() }
    }

    /// The reason that the status gives, in `UPPER_SNAKE`; empty where it gives none.
    pub(crate) fn reason(&self) -> String {
        let info: Option<pb::ErrorInfo> = self.detail("ErrorInfo");
        info.map(|info| info.reason).unwrap_or_default()
    }

    fn detail<M: Message + Default>(&self, name: &str) -> Option<M> {
        let is_it = |any: &&Any| {
            any.type_url.rsplit('/').next().and_then(|full| full.strip_prefix("google.rpc."))
                == Some(name)
        };
        M::decode(self.status.details.iter().find(is_it)?.value.as_slice()).ok()
    }

    /// The whole answer.
    pub(crate) fn into_response(self, details: &Details) -> Response<Body> {
        let retry: Option<pb::RetryInfo> = self.detail("RetryInfo");
        let body = details.json(&self.status).to_string();
        let mut response = super::answer::json_response(self.http, Bytes::from(body));
        let headers = response.headers_mut();
        headers.extend(self.headers);
        if self.http == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(delay) = retry.and_then(|retry| retry.retry_delay) {
            let seconds = delay.seconds.max(0).saturating_add(i64::from(delay.nanos > 0)).max(1);
            headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from(seconds));
        }
        response
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        let details = pb::Status::decode(status.details()).unwrap_or_default().details;
        let (code, message) = (i32::from(status.code()), status.message().to_owned());
        Self::of(pb::Status { code, message, details })
    }
}

/// The HTTP status of a gRPC code.
pub(crate) fn http_status(code: i32) -> StatusCode {
    use tonic::Code as C;
    match C::from(code) {
        C::Ok => StatusCode::OK,
        // 499, "client closed request", has no name of its own.
        C::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        C::InvalidArgument | C::FailedPrecondition | C::OutOfRange => StatusCode::BAD_REQUEST,
        C::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        C::NotFound => StatusCode::NOT_FOUND,
        C::AlreadyExists | C::Aborted => StatusCode::CONFLICT,
        C::PermissionDenied => StatusCode::FORBIDDEN,
        C::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        C::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        C::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        C::Unauthenticated => StatusCode::UNAUTHORIZED,
        C::Unknown | C::Internal | C::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// How the details of a status become JSON.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    pools: Vec<DescriptorPool>,
}

impl Details {
    /// Details of the types that Google names, and of the contracts' own.
    pub(crate) fn new(contracts: &DescriptorPool) -> Result<Self, prost_reflect::DescriptorError> {
        let google = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET)?;
        Ok(Self { pools: vec![google, contracts.clone()] })
    }

    /// A status as JSON.
    pub(crate) fn json(&self, status: &pb::Status) -> Json {
        let details: Vec<Json> = status.details.iter().map(|any| self.detail(any)).collect();
        json!({"code": status.code, "message": status.message, "details": details})
    }

    /// One detail; as its bytes where its type is not known.
    fn detail(&self, any: &Any) -> Json {
        let mut object = match self.decoded(any) {
            Some(Json::Object(object)) => object,
            Some(other) => Map::from_iter([("value".to_owned(), other)]),
            None => {
                Map::from_iter([("value".to_owned(), BASE64_STANDARD.encode(&any.value).into())])
            }
        };
        object.insert("@type".to_owned(), any.type_url.clone().into());
        Json::Object(object)
    }

    fn decoded(&self, any: &Any) -> Option<Json> {
        let name = any.type_url.rsplit('/').next()?;
        let kind = self.pools.iter().find_map(|pool| pool.get_message_by_name(name))?;
        let message = DynamicMessage::decode(kind, any.value.as_slice()).ok()?;
        serde_json::to_value(&message).ok()
    }
}

#[cfg(test)]
mod tests {
    use contracts::POOL;

    use super::*;

    #[test]
    fn codes_and_statuses_agree_with_the_table() {
        let table = [
            (0, 200),
            (1, 499),
            (2, 500),
            (3, 400),
            (4, 504),
            (5, 404),
            (6, 409),
            (7, 403),
            (8, 429),
            (9, 400),
            (10, 409),
            (11, 400),
            (12, 501),
            (13, 500),
            (14, 503),
            (15, 500),
            (16, 401),
            (99, 500),
        ];
        for (code, http) in table {
            assert_eq!(http_status(code).as_u16(), http, "{code}");
        }
    }

    #[test]
    fn details_are_told_by_their_types_and_unknown_ones_as_bytes() {
        let refusal = Refusal::OtherVerbs(vec![Verb::GET, Verb::POST]);
        let mut failure = Failure::refused(&refusal, Locale::Zh);
        assert_eq!(failure.reason(), "VERB_NOT_ALLOWED");
        assert_eq!(failure.headers[header::ALLOW], "GET, POST");
        failure
            .status
            .details
            .push(Any { type_url: "type.example/odd.Odd".into(), value: vec![1, 2] });
        let broken =
            Any { type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(), value: vec![9] };
        failure.status.details.push(broken);
        let json = Details::new(&POOL).unwrap().json(&failure.status);
        let wanted = json!({
            "code": 3,
            "message": "this path is called by GET, POST",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "VERB_NOT_ALLOWED", "domain": "aftercare",
                    "metadata": {"allow": "GET, POST"},
                },
                {
                    "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                    "locale": "zh", "message": "这个路径只接受 GET, POST",
                },
                {"@type": "type.example/odd.Odd", "value": "AQI="},
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "value": "CQ=="},
            ],
        });
        assert_eq!(json, wanted);
    }
}
