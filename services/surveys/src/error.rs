//! Why a call failed, and how that is told.

use std::time::Duration;

use contracts::surveys::v1::{ErrorReason, InvitationState, SurveyFaultKind};
use kernel::{Blocker, Code, Fault, ResponseId, Time, Violation, Violations};

use crate::domain::{invitation::Invitation, logic};

/// Why a call to surveys failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong in itself.
    #[error("the request is wrong; the details name each field")]
    Invalid(Violations),
    /// There is no such survey for this caller.
    #[error("there is no survey `{name}`")]
    SurveyNotFound {
        /// The survey as the caller named it.
        name: String,
    },
    /// There is no such version for this caller.
    #[error("there is no version `{name}`")]
    VersionNotFound {
        /// The version as the caller named it.
        name: String,
    },
    /// The draft cannot be published.
    #[error("the draft of `{name}` cannot be published; the details name each fault")]
    DraftFaulty {
        /// The survey.
        name: String,
        /// What is wrong with the draft.
        faults: Vec<Blocker>,
    },
    /// Nothing of the survey was published.
    #[error("nothing of `{name}` was published yet")]
    NotPublished {
        /// The survey.
        name: String,
    },
    /// There is no such invitation for this caller.
    #[error("there is no invitation `{name}`")]
    InvitationNotFound {
        /// The invitation as the caller named it; a dash where a link opens none.
        name: String,
    },
    /// The invitation does not stand so that this can be done.
    #[error("`{name}` does not stand so that this can be done; the details say where it stands")]
    InvitationState {
        /// The invitation.
        name: String,
        /// Where it stands.
        blockers: Vec<Blocker>,
    },
    /// There is no such response for this caller.
    #[error("there is no response `{name}`")]
    ResponseNotFound {
        /// The response as the caller named it.
        name: String,
    },
    /// The id belongs to another response.
    #[error("`{name}` is another response")]
    ResponseExists {
        /// The response.
        name: String,
    },
    /// The response does not stand so that this can be done.
    #[error("`{name}` does not stand so that this can be done; the details say how it stands")]
    ResponseState {
        /// The response.
        name: String,
        /// How it stands.
        blockers: Vec<Blocker>,
    },
    /// There is no such loop for this caller.
    #[error("there is no loop `{name}`")]
    LoopNotFound {
        /// The loop as the caller named it.
        name: String,
    },
    /// The etag is not the resource's.
    #[error("`{name}` has changed since this etag; read it again")]
    StaleEtag {
        /// The resource.
        name: String,
    },
    /// Another change came first, again and again.
    #[error("another change came first; try again")]
    LostRace,
    /// The request id was used before with another body.
    #[error(
        "the request id `{request_id}` was used before for another request, which led to `{resource}`"
    )]
    RequestIdReused {
        /// The request id.
        request_id: String,
        /// What the first request made or changed.
        resource: String,
    },
    /// The database is away.
    #[error("the database is away")]
    Unavailable(#[source] store::Error),
    /// The database did what it must not.
    #[error("the database failed")]
    Database(#[source] store::Error),
    /// A stored value is none that this program writes.
    #[error("a stored {0} is not as it must be")]
    Corrupt(&'static str),
}

impl Error {
    /// There is no such survey for this caller.
    pub(crate) fn no_survey(name: &str) -> Self {
        Self::SurveyNotFound { name: name.to_owned() }
    }

    /// There is no such version for this caller.
    pub(crate) fn no_version(name: &str) -> Self {
        Self::VersionNotFound { name: name.to_owned() }
    }

    /// There is no such invitation for this caller.
    pub(crate) fn no_invitation(name: &str) -> Self {
        Self::InvitationNotFound { name: name.to_owned() }
    }

    /// There is no such response for this caller.
    pub(crate) fn no_response(name: &str) -> Self {
        Self::ResponseNotFound { name: name.to_owned() }
    }

    /// The invitation stands otherwise.
    pub(crate) fn invitation_state(invitation: &Invitation, at: Time) -> Self {
        let over = at >= invitation.body.expires && !invitation.is_withdrawn();
        let state = if over { InvitationState::Expired } else { invitation.state };
        let (name, state) = (invitation.id.name(), state.as_str_name());
        let subject = state.strip_prefix("INVITATION_STATE_").unwrap_or(state).to_owned();
        let description = "an invitation in this state does not take it".to_owned();
        Self::InvitationState {
            name,
            blockers: vec![Blocker { kind: "STATE", subject, description }],
        }
    }

    /// The response stands otherwise, or another one counts in its place.
    pub(crate) fn response_state(id: ResponseId, subject: &str, why: &str) -> Self {
        let (name, subject, description) = (id.name(), subject.to_owned(), why.to_owned());
        Self::ResponseState {
            name,
            blockers: vec![Blocker { kind: "STANDING", subject, description }],
        }
    }

    /// The draft has these faults.
    pub(crate) fn faulty(name: &str, faults: Vec<logic::Fault>) -> Self {
        let blocker = |fault: logic::Fault| Blocker {
            kind: blocks(fault.kind),
            subject: format!("draft.{}", fault.field),
            description: fault.description,
        };
        let faults = faults.into_iter().map(blocker).collect();
        Self::DraftFaulty { name: name.to_owned(), faults }
    }

    fn told(&self) -> (Code, ErrorReason) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, ErrorReason::InvalidRequest),
            Self::SurveyNotFound { .. } => (Code::NotFound, ErrorReason::SurveyNotFound),
            Self::VersionNotFound { .. } => (Code::NotFound, ErrorReason::VersionNotFound),
            Self::DraftFaulty { .. } => (Code::FailedPrecondition, ErrorReason::DraftFaulty),
            Self::NotPublished { .. } => (Code::FailedPrecondition, ErrorReason::NotPublished),
            Self::InvitationNotFound { .. } => (Code::NotFound, ErrorReason::InvitationNotFound),
            Self::InvitationState { .. } => {
                (Code::FailedPrecondition, ErrorReason::InvitationState)
            }
            Self::ResponseNotFound { .. } => (Code::NotFound, ErrorReason::ResponseNotFound),
            Self::ResponseExists { .. } => (Code::AlreadyExists, ErrorReason::ResponseExists),
            Self::ResponseState { .. } => (Code::FailedPrecondition, ErrorReason::ResponseState),
            Self::LoopNotFound { .. } => (Code::NotFound, ErrorReason::LoopNotFound),
            Self::StaleEtag { .. } => (Code::Aborted, ErrorReason::StaleEtag),
            Self::LostRace => (Code::Aborted, ErrorReason::LostRace),
            Self::RequestIdReused { .. } => (Code::AlreadyExists, ErrorReason::RequestIdReused),
            Self::Unavailable(_) => (Code::Unavailable, ErrorReason::Unavailable),
            Self::Database(_) | Self::Corrupt(_) => (Code::Internal, ErrorReason::Internal),
        }
    }
}

/// What a fault of a draft is called among the blockers.
const fn blocks(kind: SurveyFaultKind) -> &'static str {
    match kind {
        SurveyFaultKind::Unspecified => "FAULT",
        SurveyFaultKind::Empty => "EMPTY",
        SurveyFaultKind::MissingText => "MISSING_TEXT",
        SurveyFaultKind::Condition => "CONDITION",
        SurveyFaultKind::UnknownReference => "UNKNOWN_REFERENCE",
        SurveyFaultKind::LaterReference => "LATER_REFERENCE",
        SurveyFaultKind::Unreachable => "UNREACHABLE",
    }
}

impl Fault for Error {
    fn code(&self) -> Code {
        self.told().0
    }

    fn domain(&self) -> &'static str {
        "surveys.aftercare"
    }

    fn reason(&self) -> &'static str {
        self.told().1.as_str_name()
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::SurveyNotFound { name }
            | Self::DraftFaulty { name, .. }
            | Self::NotPublished { name } => vec![("survey", name.clone())],
            Self::VersionNotFound { name } => vec![("version", name.clone())],
            Self::InvitationNotFound { name } | Self::InvitationState { name, .. } => {
                vec![("invitation", name.clone())]
            }
            Self::ResponseNotFound { name }
            | Self::ResponseExists { name }
            | Self::ResponseState { name, .. } => vec![("response", name.clone())],
            Self::LoopNotFound { name } => vec![("loop", name.clone())],
            Self::StaleEtag { name } => vec![("resource", name.clone())],
            Self::RequestIdReused { request_id, resource } => {
                vec![("request_id", request_id.clone()), ("resource", resource.clone())]
            }
            Self::Invalid(_)
            | Self::LostRace
            | Self::Unavailable(_)
            | Self::Database(_)
            | Self::Corrupt(_) => Vec::new(),
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations) => violations.as_slice(),
            _ => &[],
        }
    }

    fn blockers(&self) -> &[Blocker] {
        match self {
            Self::DraftFaulty { faults, .. } => faults,
            Self::InvitationState { blockers, .. } | Self::ResponseState { blockers, .. } => {
                blockers
            }
            _ => &[],
        }
    }

    fn resource(&self) -> Option<(&'static str, String)> {
        match self {
            Self::SurveyNotFound { name }
            | Self::DraftFaulty { name, .. }
            | Self::NotPublished { name } => Some(("survey", name.clone())),
            Self::VersionNotFound { name } => Some(("version", name.clone())),
            Self::InvitationNotFound { name } | Self::InvitationState { name, .. } => {
                Some(("invitation", name.clone()))
            }
            Self::ResponseNotFound { name }
            | Self::ResponseExists { name }
            | Self::ResponseState { name, .. } => Some(("response", name.clone())),
            Self::LoopNotFound { name } => Some(("loop", name.clone())),
            Self::StaleEtag { name } | Self::RequestIdReused { resource: name, .. } => {
                Some(("resource", name.clone()))
            }
            Self::Invalid(_)
            | Self::LostRace
            | Self::Unavailable(_)
            | Self::Database(_)
            | Self::Corrupt(_) => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::LostRace => Some(Duration::from_millis(100)),
            Self::Unavailable(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    fn message_zh(&self) -> Option<String> {
        Some(match self {
            Self::Invalid(_) => "请求有误，详情列出了每个字段的问题".to_owned(),
            Self::SurveyNotFound { name } => format!("没有问卷 `{name}`"),
            Self::VersionNotFound { name } => format!("没有问卷版本 `{name}`"),
            Self::DraftFaulty { name, .. } => {
                format!("`{name}` 的草稿还不能发布，详情列出了每个问题")
            }
            Self::NotPublished { name } => format!("`{name}` 尚未发布过"),
            Self::InvitationNotFound { name } => format!("没有调查邀请 `{name}`"),
            Self::ResponseNotFound { name } => format!("没有答卷 `{name}`"),
            Self::ResponseExists { name } => format!("`{name}` 是另一份答卷"),
            Self::InvitationState { name, .. } | Self::ResponseState { name, .. } => {
                format!("`{name}` 当前的状态不允许此操作，详情说明其状态")
            }
            Self::LoopNotFound { name } => format!("没有闭环 `{name}`"),
            Self::StaleEtag { name } => format!("`{name}` 在此 etag 之后已有变更，请重新读取"),
            Self::LostRace => "已被其他修改抢先，请重试".to_owned(),
            Self::RequestIdReused { request_id, resource } => {
                format!("请求编号 `{request_id}` 已用于另一个请求，其结果是 `{resource}`")
            }
            Self::Unavailable(_) | Self::Database(_) | Self::Corrupt(_) => return None,
        })
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

store::error_from_store!(Error);

/// What becomes of an event whose effect failed so: the database is waited for, as is whoever came
/// first; what is stored wrongly stays wrong.
impl From<Error> for feed::HandleError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(cause) | Error::Database(cause) => Self::Store(cause),
            Error::LostRace => Self::transient(error),
            other => Self::poison(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One error of each kind, as the golden shows them.
    fn samples() -> Vec<Error> {
        let survey = kernel::SurveyId::from(uuid::Uuid::from_u128(0xab)).name();
        let text = str::to_owned;
        let invitation = crate::domain::invitation::tests::pending();
        let mut violations = Violations::new();
        violations.add("survey.title", "must have 1 to 200 characters");
        let fault = logic::Fault {
            kind: SurveyFaultKind::LaterReference,
            field: text("questions[0].visible_if"),
            question: text("overall"),
            description: text("`reasons` has no answer yet when this is asked"),
        };
        vec![
            Error::Invalid(violations),
            Error::no_survey(&survey),
            Error::no_version(&format!("{survey}/versions/3")),
            Error::faulty(&survey, vec![fault]),
            Error::NotPublished { name: survey.clone() },
            Error::no_invitation("invitations/-"),
            Error::invitation_state(&invitation, invitation.body.expires),
            Error::no_response("responses/1"),
            Error::ResponseExists { name: text("responses/1") },
            Error::response_state(uuid::Uuid::from_u128(1).into(), "SUPERSEDED", "it was replaced"),
            Error::LoopNotFound { name: text("loops/1") },
            Error::StaleEtag { name: survey.clone() },
            Error::LostRace,
            Error::RequestIdReused {
                request_id: text("0198b2a0-0000-4000-8000-000000000001"),
                resource: survey,
            },
            Error::Unavailable(store::Error::Corrupt(text("stand-in"))),
            Error::Database(store::Error::Corrupt(text("stand-in"))),
            Error::Corrupt("questionnaire"),
        ]
    }

    #[test]
    fn errors_are_golden() {
        let name = |number| ErrorReason::try_from(number).ok().map(|reason| reason.as_str_name());
        insta::assert_snapshot!(testing::faults::table(&samples(), name));
    }
}
