//! What a form of a page sends.

use http::{header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use tonic::body::Body;
use uuid::Uuid;

use super::{
    Problem,
    view::{Feedback, Said},
};

/// Four times the longest comment, since a character may take nine bytes, and some room.
const LONGEST: usize = 32 * 1_024;
const FORM: &str = "application/x-www-form-urlencoded";

/// A vote as it was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) feedback: Feedback,
    /// What was missing, or wrong.
    pub(super) comment: String,
}

impl Given {
    /// Reads the form.
    pub(super) async fn read(head: &Parts, body: Body) -> Result<Self, Problem> {
        let value = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let kind = value(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next());
        if kind.is_none_or(|kind| !kind.trim().eq_ignore_ascii_case(FORM)) {
            return Err(Problem::NotRead);
        }
        // No other site lets its visitors vote here.
        if value(header::HeaderName::from_static("sec-fetch-site")) == Some("cross-site") {
            return Err(Problem::NotRead);
        }
        let body = Limited::new(body, LONGEST).collect().await.map_err(|_| Problem::NotRead)?;
        Self::parse(&body.to_bytes()).ok_or(Problem::NotRead)
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let field = |name: &str| {
            let found = form_urlencoded::parse(body).find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        // Browsers send line breaks as two characters, of which the length knows one.
        let comment = field("comment").unwrap_or_default().replace("\r\n", "\n").trim().to_owned();
        let said = match field("helpful")?.as_str() {
            "yes" => Said::Yes,
            "no" if comment.is_empty() => Said::No,
            "no" => Said::Why,
            _ => return None,
        };
        let feedback = Feedback {
            vote: Uuid::try_parse(&field("vote")?).ok()?,
            search: field("search").and_then(|id| super::search_id(&id)),
            revision: field("revision")?,
            said,
        };
        Some(Self { feedback, comment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_vote_or_nothing() {
        let id = "019ab000-0000-7000-8000-000000000001";
        let said = |rest: &str| {
            Some(Given::parse(format!("revision=2&vote={id}&{rest}").as_bytes())?.feedback.said)
        };
        assert_eq!(said("helpful=yes"), Some(Said::Yes));
        assert_eq!(said("helpful=no&comment=+"), Some(Said::No));
        assert_eq!(said("helpful=no&comment=%E7%BC%BA"), Some(Said::Why));
        assert_eq!(said("helpful=maybe"), None);
        assert_eq!(said("comment=a"), None);
        assert_eq!(Given::parse(b"helpful=yes&revision=2&vote=1"), None);
        assert_eq!(Given::parse(b""), None);
        let body = format!("helpful=no&revision=2&vote={id}&search={id}&comment=a%0D%0Ab");
        let given = Given::parse(body.as_bytes()).unwrap();
        assert_eq!(given.comment, "a\nb");
        assert_eq!(given.feedback.search.unwrap().uuid().to_string(), id);
        // A search that is none is no reason to lose a vote.
        let body = format!("helpful=yes&revision=2&vote={id}&search=s");
        assert_eq!(Given::parse(body.as_bytes()).unwrap().feedback.search, None);
    }
}
