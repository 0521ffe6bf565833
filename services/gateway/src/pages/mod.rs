//! What the pages share, whatever they show: their frame and look, the words around
//! their content, how a form is read, and why a page shows nothing.
//!
//! Pages are made on this side, work without JavaScript, and keep nothing of who looks at them: no
//! cookie, unless a member signs in to the overview, and no address.

mod form;
mod frame;
#[cfg(test)]
pub(crate) mod framed;
mod problem;
mod tenants;
mod texts;
mod time;
mod words;

use std::time::Duration;

use form_urlencoded::Serializer;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use kernel::Locale;
use maud::Markup;
use tonic::body::Body;

pub(crate) use self::{
    form::Fields,
    frame::{Frame, Look, languages},
    problem::Problem,
    tenants::{Name, Tenants},
    texts::Tongue,
    time::local,
    words::speaks,
};

/// How long whoever looks at a page is let wait for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How pages are asked for.
pub(crate) const READ: &str = "GET, HEAD";
/// How what a form holds is sent.
pub(crate) const SENT: &str = "POST";

/// A path with a query; parameters that are empty are left out.
pub(crate) fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let given = query.iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(given).finish();
    format!("{path}?{query}")
}

/// A call for a page, which waits for so long and no longer.
pub(crate) fn asked<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

/// A page as an answer.
pub(crate) fn html(
    status: StatusCode,
    locale: Locale,
    policy: HeaderValue,
    markup: Markup,
) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::from(markup.into_string())));
    *response.status_mut() = status;
    let set = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_LANGUAGE, HeaderValue::from_static(locale.tag())),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    response.headers_mut().extend(set.map(|(name, value)| (Some(name), value)));
    response
}

/// To another page.
pub(crate) fn redirect(status: StatusCode, to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}
