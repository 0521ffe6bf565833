//! What a form of a page sends.

use std::iter;

use form_urlencoded::parse;
use http::{HeaderName, header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use tonic::body::Body;

use super::Problem;

const FORM: &str = "application/x-www-form-urlencoded";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// No form of ours has more fields.
const MOST_FIELDS: usize = 8_192;

/// The fields of a form, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a form of at most so many bytes. No other site than those of the origins `trusted` lets
    /// its visitors send it.
    pub(crate) async fn read(
        head: &Parts,
        body: Body,
        longest: usize,
        trusted: &[String],
    ) -> Result<Self, Problem> {
        let value = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let kind = value(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next());
        if kind.is_none_or(|kind| !kind.trim().eq_ignore_ascii_case(FORM)) {
            return Err(Problem::NotRead);
        }
        let is_trusted = |origin: &str| trusted.iter().any(|one| one == origin);
        if value(FETCH_SITE) == Some("cross-site") && !value(header::ORIGIN).is_some_and(is_trusted)
        {
            return Err(Problem::NotRead);
        }
        let body = Limited::new(body, longest).collect().await.map_err(|_| Problem::NotRead)?;
        let body = body.to_bytes();
        if parse(&body).nth(MOST_FIELDS).is_some() {
            return Err(Problem::NotRead);
        }
        Ok(Self::parse(&body))
    }

    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(parse(body).into_owned().collect())
    }

    /// The value of a field: the first, where it has several.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// All values of a field.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let mut all = self.0.iter();
        iter::from_fn(move || Some(all.find(|(key, _)| key == name)?.1.as_str()))
    }

    /// What was written in a field; empty where nothing was. Browsers send line breaks as two
    /// characters, of which the length knows one.
    pub(crate) fn text(&self, name: &str) -> String {
        self.value(name).unwrap_or_default().replace("\r\n", "\n").trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::Full;

    use super::*;

    async fn read(headers: &[(&str, &str)], body: &str) -> Result<Fields, Problem> {
        let mut request = Request::post("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let body = Body::new(Full::from(body.to_owned()));
        Fields::read(&head, body, 32, &["https://shop.example.com".to_owned()]).await
    }

    #[test]
    fn fields_keep_their_order_and_texts_are_trimmed() {
        let fields = Fields::parse(b"a=1&b=+x%0D%0Ay+&a=2&c");
        assert_eq!(fields.values("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((fields.value("b"), fields.text("b").as_str()), (Some(" x\r\ny "), "x\ny"));
        assert_eq!((fields.value("c"), fields.value("d")), (Some(""), None));
    }

    #[tokio::test]
    async fn what_is_no_form_of_ours_is_not_read() {
        let form = ("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8");
        assert!(read(&[form], "a=1").await.is_ok());
        assert!(read(&[form], &"a".repeat(33)).await.is_err());
        assert!(read(&[("content-type", "text/plain")], "a=1").await.is_err());
        assert!(read(&[], "a=1").await.is_err());
    }

    #[tokio::test]
    async fn another_site_sends_a_form_only_where_it_is_trusted() {
        let form = ("content-type", FORM);
        let across = ("sec-fetch-site", "cross-site");
        assert!(read(&[form, ("sec-fetch-site", "same-origin")], "a=1").await.is_ok());
        assert!(read(&[form, across], "a=1").await.is_err());
        assert!(read(&[form, across, ("origin", "null")], "a=1").await.is_err());
        assert!(
            read(&[form, across, ("origin", "https://evil.example.com")], "a=1").await.is_err()
        );
        assert!(read(&[form, across, ("origin", "https://shop.example.com")], "a=1").await.is_ok());
    }
}
