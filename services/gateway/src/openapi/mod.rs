//! The contracts as an OpenAPI 3.1 document at `/openapi.json`, and a page at `/docs` to read it and try
//! it. Both come from the binary; the page loads nothing from anywhere else.

mod comments;
mod errors;
mod example;
mod limits;
mod operation;
mod schema;

use std::collections::{BTreeSet, HashMap};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as Verb, Response, StatusCode, header};
use http_body_util::Full;
use kernel::Locale;
use prost_reflect::DescriptorPool;
use rpc::Methods;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tonic::body::Body;

use self::{comments::Comments, schema::Schemas};
use crate::json::{
    BadRule,
    error::{Details, Failure, Refusal},
    rule::{self, Rule},
};
use crate::web::source;

/// How the document and the page are asked for.
const ALLOWED: [Verb; 3] = [Verb::GET, Verb::HEAD, Verb::OPTIONS];

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page: the browser's own parts, no framework, and one request for the document.
const PAGE: &str = concat!(
    include_str!("page.head.html"),
    "<style>",
    include_str!("page.css"),
    "</style>",
    include_str!("page.body.html"),
    "<script>",
    include_str!("page.js"),
    "</script></body></html>\n",
);

/// The document of the public methods.
fn document(pool: &DescriptorPool, methods: &Methods, version: &str) -> Result<Value, BadRule> {
    let rules = rule::rules(pool, methods)?;
    let comments = Comments::read(pool);
    let mut schemas =
        Schemas::new(pool, &comments, rules.iter().map(|rule| rule.rpc.output.clone()));
    let paths = paths(&rules, methods, &mut schemas);
    errors::add_schemas(&mut schemas, pool, &comments);
    let bearer = "An access token of the company's sign-in, a token of the local issuer, or an API key (`ak_…`).";
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Aftercare",
            "version": version,
            "description": include_str!("about.md"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": tags(&rules, &comments),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": bearer},
            },
            "responses": errors::responses(),
            "schemas": schemas.into_named(),
        },
    }))
}

fn paths(rules: &[Rule], methods: &Methods, schemas: &mut Schemas<'_>) -> Map<String, Value> {
    let mut paths = Map::new();
    let mut ways: HashMap<&str, usize> = HashMap::new();
    for rule in rules {
        let further = ways.entry(&rule.rpc.path).or_default();
        let permission = methods.get(&rule.rpc.path).map(|method| method.permission.as_str());
        let operation =
            operation::operation(rule, permission.unwrap_or_default(), *further, schemas);
        *further += 1;
        let (path, _) = operation::path(&rule.template);
        let verb = rule.verb.as_str().to_ascii_lowercase();
        paths.entry(path).or_insert_with(|| json!({}))[verb] = operation;
    }
    paths
}

fn tags(rules: &[Rule], comments: &Comments) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut tags = Vec::new();
    for rule in rules {
        let service = rule.rpc.method.parent_service();
        if seen.insert(service.full_name().to_owned()) {
            tags.push(json!({"name": service.name(), "description": comments.service(service)}));
        }
    }
    tags
}

/// The document and the page, ready to be sent.
#[derive(Debug)]
pub struct OpenApi {
    document: Asset,
    page: Asset,
    policy: HeaderValue,
    details: Details,
}

#[derive(Debug)]
struct Asset {
    bytes: Bytes,
    kind: HeaderValue,
    tag: HeaderValue,
}

/// The document and the page cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A method's rule.
    #[error("a rule of the contracts cannot be followed")]
    Rule(#[from] BadRule),
    /// The details of errors.
    #[error("the types of error details cannot be read")]
    Details(#[from] prost_reflect::DescriptorError),
    /// A hash that is no header.
    #[error("the headers of the page cannot be written")]
    Header(#[from] http::header::InvalidHeaderValue),
}

impl OpenApi {
    /// Makes both once.
    pub fn new(pool: &DescriptorPool, methods: &Methods, version: &str) -> Result<Self, Error> {
        let document = document(pool, methods, version)?.to_string();
        Ok(Self {
            document: Asset::new(document.into(), "application/json")?,
            page: Asset::new(Bytes::from_static(PAGE.as_bytes()), "text/html; charset=utf-8")?,
            policy: HeaderValue::from_str(&policy())?,
            details: Details::new(pool)?,
        })
    }

    /// The answer to a request for one of the two; `None` where it is for something else.
    pub fn answer(&self, verb: &Verb, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        let asset = match path {
            "/openapi.json" => &self.document,
            "/docs" => &self.page,
            _ => return None,
        };
        if !ALLOWED.contains(verb) {
            let refusal = Refusal::OtherVerbs(ALLOWED.to_vec());
            return Some(Failure::refused(&refusal, Locale::En).into_response(&self.details));
        }
        let mut response = asset.answer(verb, headers);
        if path == "/docs" {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        Some(response)
    }
}

/// The page may run its own script and call its own origin, and nothing else.
fn policy() -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(SCRIPT),
        source(STYLE),
    )
}

impl Asset {
    fn new(bytes: Bytes, kind: &'static str) -> Result<Self, http::header::InvalidHeaderValue> {
        let hash = BASE64_STANDARD.encode(&Sha256::digest(&bytes)[..15]);
        let tag = HeaderValue::from_str(&format!("\"{hash}\""))?;
        Ok(Self { bytes, kind: HeaderValue::from_static(kind), tag })
    }

    fn answer(&self, verb: &Verb, asked: &HeaderMap) -> Response<Body> {
        let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
        let is_known = known.zip(self.tag.to_str().ok()).is_some_and(|(known, tag)| {
            known.split(',').any(|k| k.trim().trim_start_matches("W/") == tag)
        });
        let (status, body) = match *verb {
            Verb::GET | Verb::HEAD if is_known => (StatusCode::NOT_MODIFIED, Bytes::new()),
            Verb::GET => (StatusCode::OK, self.bytes.clone()),
            Verb::HEAD => (StatusCode::OK, Bytes::new()),
            _ => (StatusCode::NO_CONTENT, Bytes::new()),
        };
        let mut response = Response::new(Body::new(Full::new(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if *verb == Verb::OPTIONS {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        } else {
            headers.insert(header::ETAG, self.tag.clone());
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        if status == StatusCode::OK {
            headers.insert(header::CONTENT_TYPE, self.kind.clone());
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.bytes.len()));
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

#[cfg(test)]
mod tests;
