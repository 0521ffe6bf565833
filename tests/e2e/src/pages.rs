//! A visitor of public pages: a browser without pictures and scripts.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{Suite, Tenant};

/// Looks at pages of one host.
#[derive(Clone, Debug)]
pub struct Visitor {
    http: Client<HttpConnector, Full<Bytes>>,
    base: String,
    headers: Vec<(&'static str, String)>,
}

/// What a visitor sees.
#[derive(Clone, Debug)]
pub struct Page {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The page as it came.
    pub html: String,
}

impl Visitor {
    /// A visitor of a tenant's help centre, by its slug.
    pub fn new(suite: &Suite, tenant: Tenant) -> Self {
        Self::at(format!("http://{}/t/{}", suite.at("gateway").public, tenant.slug()))
    }

    /// A visitor of pages whose addresses begin so.
    pub fn at(base: impl Into<String>) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { http, base: base.into(), headers: Vec::new() }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The page at a path below the first.
    pub async fn get(&self, path: &str) -> Page {
        self.ask(Method::GET, path, "").await
    }

    /// The same by another method; with a form, where there is one.
    ///
    /// # Panics
    /// Where no answer comes, or none that is text.
    pub async fn ask(&self, method: Method, path: &str, form: &str) -> Page {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !form.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Full::from(form.to_owned())).expect("a path is one");
        let answer = self.http.request(request).await;
        let (head, body) = answer.unwrap_or_else(|error| panic!("{path}: {error}")).into_parts();
        let body = body.collect().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let html = String::from_utf8(body.to_bytes().into()).expect("a page is text");
        Page { status: head.status, headers: head.headers, html }
    }
}

impl Page {
    /// A header, as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The values of an attribute, in the order of the page.
    pub fn values(&self, attribute: &str) -> Vec<&str> {
        let begin = format!("{attribute}=\"");
        let after = self.html.split(begin.as_str()).skip(1);
        after.filter_map(|rest| rest.split('"').next()).collect()
    }
}
