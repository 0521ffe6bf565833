//! A survey's life.

use contracts::surveys::v1::SurveyState;
use kernel::{SurveyId, Time, mask::Mask};

use super::questionnaire::Questionnaire;

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;
/// The fields that may be written.
pub const WRITABLE: &[&str] = &["title", "draft"];

/// A survey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Its id.
    pub id: SurveyId,
    /// Counts its changes.
    pub version: i64,
    /// The number of its last event.
    pub sequence: i64,
    /// The instant of that.
    pub last_at: Time,
    /// What it is called among the staff.
    pub title: String,
    /// The questions as they are being written.
    pub draft: Questionnaire,
    /// How many versions were published; the last one is asked, unless it is archived.
    pub versions: i64,
    /// Whether the draft differs from the last version.
    pub changed: bool,
    /// Whether nobody is asked any more.
    pub archived: bool,
    /// When it was recorded.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// A published questionnaire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Whose it is.
    pub survey: SurveyId,
    /// Its number, from 1.
    pub number: i64,
    /// The questions.
    pub questionnaire: Questionnaire,
    /// Whether its scores go on from those of the one before.
    pub continues: bool,
    /// The kind of who published it.
    pub actor_kind: String,
    /// Who did.
    pub actor: String,
    /// When.
    pub published_at: Time,
}

impl Survey {
    /// Where it stands.
    pub const fn state(&self) -> SurveyState {
        match (self.versions, self.archived) {
            (0, _) => SurveyState::Draft,
            (_, true) => SurveyState::Archived,
            (_, false) => SurveyState::Live,
        }
    }

    /// The survey with its next event, at this instant.
    #[must_use]
    pub fn next(&self, at: Time) -> Self {
        Self {
            version: self.version + 1,
            sequence: self.sequence + 1,
            last_at: at,
            updated_at: at,
            ..self.clone()
        }
    }

    /// The survey with what was written of it, and the fields that changed.
    #[must_use]
    pub fn written(
        &self,
        title: &str,
        draft: &Questionnaire,
        mask: &Mask,
        at: Time,
    ) -> (Self, Vec<&'static str>) {
        let (mut after, mut paths) = (self.next(at), Vec::new());
        if mask.has("title") && self.title != title {
            title.clone_into(&mut after.title);
            paths.push("title");
        }
        if mask.has("draft") && self.draft != *draft {
            after.draft.clone_from(draft);
            after.changed = true;
            paths.push("draft");
        }
        (after, paths)
    }

    /// The survey with its draft published as the next version.
    #[must_use]
    pub fn published(&self, at: Time) -> Self {
        Self { versions: self.versions + 1, changed: false, archived: false, ..self.next(at) }
    }

    /// The survey of which nobody is asked any more.
    #[must_use]
    pub fn archived(&self, at: Time) -> Self {
        Self { archived: true, ..self.next(at) }
    }
}

/// The name of a version.
pub fn version_name(survey: SurveyId, number: i64) -> String {
    format!("{}/versions/{number}", survey.name())
}
