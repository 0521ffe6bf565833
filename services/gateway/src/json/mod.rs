//! Every public method over HTTP and JSON, by the descriptors alone: a new method needs no code here.
//!
//! A request is read into the message that it stands for, goes the same way as any gRPC call, and its
//! answer is written as proto3 JSON. So who may call, how often, and what becomes of it is decided in
//! one place for both.
//!
//! # Deliberately absent
//! Streams of requests, which only gRPC has; `X-HTTP-Method-Override`, which would let a request pass
//! for another; CORS, which stands outside.

mod answer;
pub(crate) mod decode;
pub(crate) mod error;
mod grpc;
mod mask;
mod parse;
mod percent;
mod request;
mod router;
pub(crate) mod rule;
mod scalar;
mod stream;
pub(crate) mod template;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{
    HeaderMap, HeaderValue, Method as Verb, Request, Response, StatusCode, header, request::Parts,
};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kernel::Locale;
use prost_reflect::{DescriptorPool, DynamicMessage};
use rpc::{Link, Methods, deadline};
use tonic::{Status, body::Body};
use tower::ServiceExt;

use self::{
    error::{Details, Failure, Refusal},
    grpc::Frames,
    mask::Masks,
    router::{Route, Router},
    rule::Rule,
    stream::Form,
};

pub use self::rule::BadRule;

/// How long a body may be.
pub const LONGEST_BODY: usize = 1 << 20;

/// Says whether a caller may call a method at all.
pub trait Gate: Send + Sync {
    /// Refuses who is not known or may not call `method`, by the headers of the request. Asked only
    /// where a request could not be read: one that could be is judged on its way to the service. So
    /// nobody learns from a refusal here what gRPC would not have told them.
    fn admit<'a>(
        &'a self,
        method: &'a str,
        headers: &'a HeaderMap,
    ) -> BoxFuture<'a, Result<(), Status>>;
}

/// The contracts as they are called over HTTP.
pub struct Json {
    router: Router<Rule>,
    masks: Masks,
    details: Details,
    next: Link,
    gate: Arc<dyn Gate>,
}

impl std::fmt::Debug for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Json").finish_non_exhaustive()
    }
}

/// The contracts cannot be served over HTTP.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A method's rule.
    #[error("a rule of the contracts cannot be followed")]
    Rule(#[from] BadRule),
    /// The details of errors.
    #[error("the types of error details cannot be read")]
    Details(#[from] prost_reflect::DescriptorError),
}

impl Json {
    /// The public methods of `pool`, called by way of `next`.
    pub fn new(
        pool: &DescriptorPool,
        methods: &Methods,
        next: Link,
        gate: Arc<dyn Gate>,
    ) -> Result<Self, Error> {
        let mut router = Router::default();
        for rule in rule::rules(pool, methods)? {
            let (verb, template, path) =
                (rule.verb.clone(), rule.template.clone(), rule.rpc.path.clone());
            router.add(&verb, &template, rule).map_err(|_| BadRule::Taken(path))?;
        }
        let (masks, details) = (Masks::read(pool), Details::new(pool)?);
        Ok(Self { router, masks, details, next, gate })
    }

    /// Answers a request, whatever it is.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let is_head = request.method() == Verb::HEAD;
        let answered = Box::pin(self.serve(request)).await;
        let response = answered.unwrap_or_else(|failure| failure.into_response(&self.details));
        if is_head { without_body(response) } else { response }
    }

    async fn serve(&self, request: Request<Body>) -> Result<Response<Body>, Failure> {
        let (parts, body) = request.into_parts();
        let verb = if parts.method == Verb::HEAD { Verb::GET } else { parts.method.clone() };
        let path = parts.uri.path().to_owned();
        let locale = locale(&parts.headers);
        let (rule, segments) = match self.router.find(&verb, &path) {
            Route::Found(rule, segments) => (rule, segments),
            Route::OtherVerbs(verbs) if verb == Verb::OPTIONS => return Ok(options(verbs)),
            Route::OtherVerbs(verbs) => {
                return Err(Failure::refused(&Refusal::OtherVerbs(allowed(verbs)), locale));
            }
            Route::Nowhere => return Err(Failure::refused(&Refusal::NoPath, locale)),
        };
        let followed = self.follow(rule, &segments, parts, body, locale).await;
        let mut response = followed.unwrap_or_else(|failure| failure.into_response(&self.details));
        response.extensions_mut().insert(rule.route.clone());
        Ok(response)
    }

    /// Carries out the call that a request stands for by `rule`.
    async fn follow(
        &self,
        rule: &Rule,
        segments: &[&str],
        mut parts: Parts,
        body: Body,
        locale: Locale,
    ) -> Result<Response<Body>, Failure> {
        let message = match self.read(rule, segments, &parts, body).await {
            Ok(message) => message,
            Err(refusal) => {
                self.gate.admit(&rule.rpc.path, &parts.headers).await?;
                return Err(Failure::refused(&refusal, locale));
            }
        };
        let extensions = std::mem::take(&mut parts.extensions);
        let call = grpc::request(&rule.rpc, &message, &parts.headers, extensions);
        self.call(rule, call, &parts).await
    }

    async fn read(
        &self,
        rule: &Rule,
        segments: &[&str],
        parts: &Parts,
        body: Body,
    ) -> Result<DynamicMessage, Refusal> {
        deadline::asked(&parts.headers).map_err(|_| Refusal::Timeout)?;
        let body = collect(body).await?;
        if !body.is_empty() && !is_json(&parts.headers) {
            return Err(Refusal::MediaType);
        }
        let query = parts.uri.query().unwrap_or_default();
        let parts = request::Parts { segments, query, headers: &parts.headers, body: &body };
        request::read(rule, &self.masks, parts)
    }

    async fn call(
        &self,
        rule: &Rule,
        call: Request<Body>,
        asked: &Parts,
    ) -> Result<Response<Body>, Failure> {
        let response = match self.next.clone().oneshot(call).await {
            Ok(response) => response,
            Err(status) => status.into_http(),
        };
        let headers = answer::kept(response.headers());
        let answered = match Frames::open(response) {
            Err(status) => Err(status),
            Ok(frames) if rule.rpc.streams => {
                let form = Form::accepted(&asked.headers);
                stream::open(rule.rpc.clone(), frames, form, self.details.clone()).await
            }
            Ok(frames) => {
                let known =
                    asked.headers.get(header::IF_NONE_MATCH).filter(|_| rule.verb == Verb::GET);
                frames.only().await.and_then(|bytes| answer::unary(&rule.rpc, bytes, known))
            }
        };
        match answered {
            Ok(mut response) => {
                response.headers_mut().extend(headers);
                Ok(response)
            }
            Err(status) => {
                let mut failure = Failure::of(status);
                failure.headers = headers;
                if asked.headers.contains_key(header::IF_MATCH) && failure.reason() == "STALE_ETAG"
                {
                    failure.http = StatusCode::PRECONDITION_FAILED;
                }
                Err(failure)
            }
        }
    }
}

fn locale(headers: &HeaderMap) -> Locale {
    let languages = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    languages.map_or(Locale::En, Locale::accept)
}

/// The verbs that a path is called by, in the order of their names.
fn allowed(mut verbs: Vec<Verb>) -> Vec<Verb> {
    if verbs.contains(&Verb::GET) {
        verbs.push(Verb::HEAD);
    }
    verbs.push(Verb::OPTIONS);
    verbs.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    verbs.dedup();
    verbs
}

fn options(verbs: Vec<Verb>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(allow) = HeaderValue::from_str(&error::names(&allowed(verbs))) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact()
        && head.status != StatusCode::NOT_MODIFIED
        && head.status != StatusCode::NO_CONTENT
    {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, Body::empty())
}

/// The whole body, of which no more is read than may be.
async fn collect(body: Body) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > LONGEST_BODY as u64 {
        return Err(Refusal::TooLong(LONGEST_BODY));
    }
    let read =
        tokio::time::timeout(deadline::UNARY_MOST, Limited::new(body, LONGEST_BODY).collect());
    match read.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLong(LONGEST_BODY)),
        Ok(Err(_)) | Err(_) => Err(Refusal::BrokenOff),
    }
}

/// Whether a body is plain JSON in UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let plain = headers.get(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let is_utf_8 = parts.filter_map(|part| part.split_once('=')).all(|(name, value)| {
        !name.eq_ignore_ascii_case("charset")
            || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    plain && is_json && is_utf_8
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
