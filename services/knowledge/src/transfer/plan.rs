//! What there is to do about a row whose article is known.

use kernel::Time;

use super::{Fault, Row};
use crate::domain::{article::Article, revision::Revision};

/// An article as a row finds it, in the row's language.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) article: Article,
    /// The latest revision.
    pub(crate) latest: Option<Revision>,
    /// The one that is live.
    pub(crate) live: Option<Revision>,
    /// Whether the latest is or was live.
    pub(crate) seen: bool,
}

/// What there is to do. Nothing of it: the article says the same already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The fields in which the article changes.
    pub(crate) paths: Vec<&'static str>,
    /// Whether to write the next revision.
    pub(crate) write: bool,
    /// Whether to publish the latest revision there is then.
    pub(crate) publish: bool,
}

impl Plan {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.write && !self.publish
    }
}

impl Known {
    /// What a row changes at an instant, or why it must not.
    ///
    /// An export holds the live revision, so a row is made of that one or of the latest: a draft that
    /// came later, and that no reader has seen, is none that the row's author need know of.
    pub(crate) fn plan(&self, row: &Row, now: Time) -> Result<Plan, Fault> {
        if row.publish && self.article.is_archived(now) {
            let why = "cannot be published: its article is archived, and must be restored first";
            return Err(Fault::of("publish", why));
        }
        let says = |one: &Option<Revision>| one.as_ref().is_some_and(|one| one.words == row.words);
        let (live, latest) = (says(&self.live), says(&self.latest));
        let write = !live && !latest;
        if let (true, Some(draft)) = (write, self.hidden()) {
            let why =
                format!("would pass over the draft `{}`: publish that one first", draft.name());
            return Err(Fault::of("", &why));
        }
        let paths = self.article.profile.differences(&row.profile);
        Ok(Plan { paths, write, publish: row.publish && !live })
    }

    /// The latest revision, where no reader has seen it and they see another.
    fn hidden(&self) -> Option<&Revision> {
        self.latest.as_ref().filter(|_| self.live.is_some() && !self.seen)
    }
}
