//! A survey's life.

use contracts::surveys::v1::{InvitationChannel, SurveyState};
use kernel::{SurveyId, Time, mask::Mask};
use serde::{Deserialize, Serialize};

use super::questionnaire::Questionnaire;

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;
/// The fields that may be written.
pub const WRITABLE: &[&str] = &["title", "draft", "after_resolution"];

const HOUR: i64 = 3_600_000_000;
/// The longest wait after a resolution, in microseconds.
pub const MAX_DELAY: i64 = 30 * 24 * HOUR;
/// How long an invitation may be answered at least, at most, and usually, in microseconds.
pub const MIN_VALIDITY: i64 = HOUR;
/// At most.
pub const MAX_VALIDITY: i64 = 90 * 24 * HOUR;
/// Where nobody says.
pub const USUAL_VALIDITY: i64 = 14 * 24 * HOUR;

/// Whom a survey asks by itself: each customer whose ticket was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterResolution {
    /// How long after the resolution, in microseconds.
    pub delay: i64,
    /// How long it may be answered from then on, in microseconds.
    pub valid_for: i64,
    /// By what channel; the ticket's where it is not said.
    #[serde(with = "super::code")]
    pub channel: InvitationChannel,
}

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
    /// Whom it asks by itself; nobody where it is not said.
    pub after_resolution: Option<AfterResolution>,
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

/// What may be written of a survey.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// What it is called.
    pub title: String,
    /// The questions.
    pub draft: Questionnaire,
    /// Whom it asks by itself.
    pub after_resolution: Option<AfterResolution>,
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
    /// The version that its series of scores began with.
    pub series: i64,
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

    /// Whether it asks customers by itself now.
    pub const fn asks(&self) -> bool {
        matches!(self.state(), SurveyState::Live) && self.after_resolution.is_some()
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

    /// The survey with what was written of it, and the fields that changed. `last` is what was published
    /// last.
    #[must_use]
    pub fn written(
        &self,
        given: &Written,
        mask: &Mask,
        last: Option<&Questionnaire>,
        at: Time,
    ) -> (Self, Vec<&'static str>) {
        let (mut after, mut paths) = (self.next(at), Vec::new());
        if mask.has("title") && self.title != given.title {
            after.title.clone_from(&given.title);
            paths.push("title");
        }
        if mask.has("draft") && self.draft != given.draft {
            after.draft.clone_from(&given.draft);
            after.changed = last != Some(&given.draft);
            paths.push("draft");
        }
        if mask.has("after_resolution") && self.after_resolution != given.after_resolution {
            after.after_resolution = given.after_resolution;
            paths.push("after_resolution");
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
