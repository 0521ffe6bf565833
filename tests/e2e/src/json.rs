//! A client of JSON over HTTP that knows the contracts and nothing else: path, query and body of a
//! request are made by the HTTP rule of its method.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tonic::Code;

use crate::{
    client::method,
    contract::http::{Rule, rule},
};

/// The media type of a stream: a line for each message, `{"result": …}`.
pub const LINES: &str = "application/x-ndjson";

/// Calls methods over HTTP, as somebody.
#[derive(Clone, Debug)]
pub struct JsonClient {
    http: Client<HttpConnector, Full<Bytes>>,
    base: String,
    headers: Vec<(&'static str, String)>,
}

/// A request over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `GET`, `POST`, and so on.
    pub verb: String,
    /// Path and query.
    pub target: String,
    /// The body.
    pub body: Option<Value>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; of a stream the first line.
    pub body: Value,
}

impl JsonClient {
    /// A client of `base`, for instance `http://127.0.0.1:8080`, without any header.
    pub fn new(base: impl Into<String>) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { http, base: base.into(), headers: Vec::new() }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Calls a method; of a stream the first message is the answer.
    pub async fn send(&self, name: &str, request: &Value) -> Reply {
        let is_stream = method(name).is_server_streaming();
        let call = Call::of(name, request);
        let accept = if is_stream { LINES } else { "application/json" };
        let mut reply = self.exchange(&call, accept).await;
        if is_stream && reply.status.is_success() {
            reply.body = reply.body["result"].take();
        }
        reply
    }

    /// Sends a request and reads the body, or its first line where lines are accepted.
    ///
    /// # Panics
    /// Where no answer comes, or none that is JSON.
    pub async fn exchange(&self, call: &Call, accept: &str) -> Reply {
        let uri = format!("{}{}", self.base, call.target);
        let mut request = Request::builder().method(call.verb.as_str()).uri(uri);
        request = request.header(header::ACCEPT, accept);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::from(body)).expect("a request of the contracts is one");
        let reply = self.http.request(request).await;
        let (head, mut body) =
            reply.unwrap_or_else(|error| panic!("{call:?}: {error}")).into_parts();
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.unwrap_or_else(|error| panic!("{call:?}: {error}"));
            read.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
            if accept == LINES && read.contains(&b'\n') {
                break;
            }
        }
        let first = read.split(|byte| *byte == b'\n').next().filter(|_| accept == LINES);
        let body = serde_json::from_slice(first.unwrap_or(&read)).unwrap_or_else(|error| {
            panic!("{call:?}: {}: {error}: {}", head.status, String::from_utf8_lossy(&read))
        });
        Reply { status: head.status, headers: head.headers, body }
    }
}

impl Reply {
    /// The answer, or why it was refused, as `google.rpc.Status` is in JSON.
    pub fn outcome(self) -> Result<Value, Value> {
        if self.status.is_success() { Ok(self.body) } else { Err(self.body) }
    }
}

impl Call {
    /// The request of a method over HTTP.
    ///
    /// # Panics
    /// Where the request lacks what the path is made of.
    pub fn of(name: &str, request: &Value) -> Self {
        let rule = rule(method(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
        Self::by(&rule, request)
    }

    fn by(rule: &Rule, request: &Value) -> Self {
        let mut rest = request.clone();
        let mut target = fill(&rule.path, &mut rest);
        let body = match rule.body.as_str() {
            "" => None,
            "*" => Some(std::mem::take(&mut rest)),
            field => Some(rest[camel(field)].take()),
        };
        let mut query = Vec::new();
        flatten("", &rest, &mut query);
        if !query.is_empty() {
            target = format!("{target}?{}", query.join("&"));
        }
        Self { verb: rule.verb.to_uppercase(), target, body }
    }
}

/// The path of a template, with the fields that it is made of taken out of the request.
fn fill(template: &str, request: &mut Value) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, variable)) = rest.split_once('{') {
        let (inside, after) = variable.split_once('}').expect("a template's braces are closed");
        let field = inside.split('=').next().unwrap_or_default();
        let value = take(request, field);
        let segments: Vec<_> = value.split('/').map(escape).collect();
        path.push_str(before);
        path.push_str(&segments.join("/"));
        rest = after;
    }
    path + rest
}

fn take(request: &mut Value, field: &str) -> String {
    let (parents, last) = field.rsplit_once('.').unwrap_or(("", field));
    let mut message = request;
    for parent in parents.split('.').filter(|part| !part.is_empty()) {
        message = &mut message[camel(parent)];
    }
    let value = message.as_object_mut().and_then(|fields| fields.remove(&camel(last)));
    let text = value.as_ref().and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("the path needs `{field}`")).to_owned()
}

/// What is left of a request, as a query has it: dotted names, repeated fields repeated.
fn flatten(path: &str, value: &Value, query: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), field, query);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| flatten(path, item, query)),
        Value::Null => {}
        Value::String(text) => query.push(format!("{path}={}", escape(text))),
        Value::Bool(_) | Value::Number(_) => query.push(format!("{path}={value}")),
    }
}

/// Everything that is not unreserved (RFC 3986), escaped.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = text.bytes().map(|byte| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    });
    escaped.collect()
}

/// A field's name in JSON.
fn camel(field: &str) -> String {
    let mut parts = field.split('_');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(part.len().min(1));
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}

/// The HTTP status of a refusal.
pub fn status_of(code: Code) -> u16 {
    match code {
        Code::Ok => 200,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::NotFound => 404,
        Code::Aborted | Code::AlreadyExists => 409,
        Code::ResourceExhausted => 429,
        Code::Cancelled => 499,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::DeadlineExceeded => 504,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(verb: &str, target: &str, body: Option<Value>) -> Call {
        Call { verb: verb.to_owned(), target: target.to_owned(), body }
    }

    #[test]
    fn a_request_becomes_path_query_and_body() {
        let ticket = json!({ "title": "Leaks" });
        for (method, request, wanted) in [
            ("GetTicket", json!({ "name": "tickets/1" }), call("GET", "/v1/tickets/1", None)),
            (
                "CreateTicket",
                json!({ "ticket": ticket, "requestId": "a b" }),
                call("POST", "/v1/tickets?requestId=a%20b", Some(ticket.clone())),
            ),
            (
                "UpdateTicket",
                json!({ "ticket": { "name": "tickets/1", "title": "Leaks" }, "updateMask": "title,facts.what" }),
                call("PATCH", "/v1/tickets/1?updateMask=title%2Cfacts.what", Some(ticket.clone())),
            ),
            (
                "ClaimTicket",
                json!({ "name": "tickets/1", "etag": "v1" }),
                call("POST", "/v1/tickets/1:claim", Some(json!({ "etag": "v1" }))),
            ),
            (
                "ListTickets",
                json!({ "queue": "queues/a", "pageSize": 5 }),
                call("GET", "/v1/tickets?queue=queues%2Fa&pageSize=5", None),
            ),
            (
                "BatchGetCustomers",
                json!({ "names": ["customers/1", "customers/2"] }),
                call("GET", "/v1/customers:batchGet?names=customers%2F1&names=customers%2F2", None),
            ),
        ] {
            assert_eq!(sorted(Call::of(method, &request)), sorted(wanted), "{method}");
        }
    }

    /// With the query in alphabetical order: objects of JSON have none.
    fn sorted(mut call: Call) -> Call {
        if let Some((path, query)) = call.target.clone().split_once('?') {
            let mut parts: Vec<_> = query.split('&').collect();
            parts.sort_unstable();
            call.target = format!("{path}?{}", parts.join("&"));
        }
        call
    }

    #[test]
    fn what_a_path_cannot_hold_is_escaped() {
        let call = Call::of("GetTicket", &json!({ "name": "tickets/a b/ü" }));
        assert_eq!(call.target, "/v1/tickets/a%20b/%C3%BC");
    }
}
