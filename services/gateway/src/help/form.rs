//! What a reader thinks of an article, as the form sends it.

use http::request::Parts;
use tonic::body::Body;
use uuid::Uuid;

use super::view::{Feedback, Said};
use crate::pages::{Fields, Problem};

/// Four times the longest comment, since a character may take nine bytes, and some room.
const LONGEST: usize = 32 * 1_024;

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
        Self::of(&Fields::read(head, body, LONGEST, &[]).await?).ok_or(Problem::NotRead)
    }

    fn of(fields: &Fields) -> Option<Self> {
        let comment = fields.text("comment");
        let said = match fields.value("helpful")? {
            "yes" => Said::Yes,
            "no" if comment.is_empty() => Said::No,
            "no" => Said::Why,
            _ => return None,
        };
        let feedback = Feedback {
            vote: Uuid::try_parse(fields.value("vote")?).ok()?,
            search: fields.value("search").and_then(super::search_id),
            revision: fields.value("revision")?.to_owned(),
            said,
        };
        Some(Self { feedback, comment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &[u8]) -> Option<Given> {
        Given::of(&Fields::parse(body))
    }

    #[test]
    fn a_form_is_a_vote_or_nothing() {
        let id = "019ab000-0000-7000-8000-000000000001";
        let said = |rest: &str| {
            Some(parse(format!("revision=2&vote={id}&{rest}").as_bytes())?.feedback.said)
        };
        assert_eq!(said("helpful=yes"), Some(Said::Yes));
        assert_eq!(said("helpful=no&comment=+"), Some(Said::No));
        assert_eq!(said("helpful=no&comment=%E7%BC%BA"), Some(Said::Why));
        assert_eq!(said("helpful=maybe"), None);
        assert_eq!(said("comment=a"), None);
        assert_eq!(parse(b"helpful=yes&revision=2&vote=1"), None);
        assert_eq!(parse(b""), None);
        let body = format!("helpful=no&revision=2&vote={id}&search={id}&comment=a%0D%0Ab");
        let given = parse(body.as_bytes()).unwrap();
        assert_eq!(given.comment, "a\nb");
        assert_eq!(given.feedback.search.unwrap().uuid().to_string(), id);
        // A search that is none is no reason to lose a vote.
        let body = format!("helpful=yes&revision=2&vote={id}&search=s");
        assert_eq!(parse(body.as_bytes()).unwrap().feedback.search, None);
    }
}
