//! Why a call failed, and how that is told.

use std::time::Duration;

use contracts::gateway::v1::ErrorReason;
use kernel::{Blocker, Code, Fault, Violation, Violations, keys::KeyError};

use crate::domain::Refusal;

/// What the service keeps under names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A company that uses the suite.
    Tenant,
    /// A person of the staff.
    Member,
    /// A part of the staff.
    Team,
    /// What another system calls with.
    ApiKey,
}

impl Kind {
    /// Its name in details of errors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Member => "member",
            Self::Team => "team",
            Self::ApiKey => "api_key",
        }
    }

    const fn zh(self) -> &'static str {
        match self {
            Self::Tenant => "租户",
            Self::Member => "员工",
            Self::Team => "团队",
            Self::ApiKey => "密钥",
        }
    }
}

/// Why a call to the gateway's own services failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong in itself.
    #[error("the request is wrong; the details name each field")]
    Invalid(Violations),
    /// There is no such thing for this caller.
    #[error("there is no {} `{name}`", kind.as_str())]
    Missing {
        /// What it would be.
        kind: Kind,
        /// Its name as the caller wrote it.
        name: String,
    },
    /// A person or a team of this id exists.
    #[error("there is a {} `{name}` already", kind.as_str())]
    Exists {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// Another tenant has this slug or host name.
    #[error("another tenant has the {what} `{value}`")]
    NameTaken {
        /// `slug` or `host`.
        what: &'static str,
        /// The slug or the host name.
        value: String,
    },
    /// Another person signs in by this login.
    #[error("`{member}` signs in by this login")]
    LoginTaken {
        /// Who.
        member: String,
    },
    /// The state does not allow it.
    #[error("`{name}` does not allow this: {}", first(.blockers))]
    Refused {
        /// The resource.
        name: String,
        /// All that stands in the way.
        blockers: Vec<Blocker>,
    },
    /// It would give, or change, more than the caller has.
    #[error("this is beyond your own authority: `{what}`")]
    BeyondAuthority {
        /// The role, the scope or the field that the caller does not hold.
        what: String,
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
    /// A sealed value cannot be opened: the root key is another one, or the row was tampered with.
    #[error("a sealed value cannot be opened")]
    Sealed(#[source] KeyError),
    /// A stored value is none that this program writes.
    #[error("a stored {0} is not as it must be")]
    Corrupt(&'static str),
}

fn first(blockers: &[Blocker]) -> String {
    blockers.first().map(|blocker| blocker.description.clone()).unwrap_or_default()
}

impl Error {
    /// There is no such thing for this caller.
    pub(crate) fn missing(kind: Kind, name: &str) -> Self {
        Self::Missing { kind, name: name.to_owned() }
    }

    /// The refusal of a transition of this resource.
    pub(crate) fn refused(name: &str, Refusal(blockers): Refusal) -> Self {
        Self::Refused { name: name.to_owned(), blockers }
    }

    fn told(&self) -> (Code, ErrorReason) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, ErrorReason::InvalidRequest),
            Self::Missing { kind, .. } => {
                let reason = match kind {
                    Kind::Tenant => ErrorReason::TenantNotFound,
                    Kind::Member => ErrorReason::MemberNotFound,
                    Kind::Team => ErrorReason::TeamNotFound,
                    Kind::ApiKey => ErrorReason::ApiKeyNotFound,
                };
                (Code::NotFound, reason)
            }
            Self::Exists { kind, .. } => {
                let reason = match kind {
                    Kind::Member => ErrorReason::MemberExists,
                    Kind::Team => ErrorReason::TeamExists,
                    Kind::Tenant | Kind::ApiKey => ErrorReason::TenantExists,
                };
                (Code::AlreadyExists, reason)
            }
            Self::NameTaken { .. } => (Code::AlreadyExists, ErrorReason::TenantExists),
            Self::LoginTaken { .. } => (Code::AlreadyExists, ErrorReason::LoginTaken),
            Self::Refused { .. } => (Code::FailedPrecondition, ErrorReason::TransitionRefused),
            Self::BeyondAuthority { .. } => (Code::PermissionDenied, ErrorReason::BeyondAuthority),
            Self::StaleEtag { .. } => (Code::Aborted, ErrorReason::StaleEtag),
            Self::LostRace => (Code::Aborted, ErrorReason::LostRace),
            Self::RequestIdReused { .. } => (Code::AlreadyExists, ErrorReason::RequestIdReused),
            Self::Unavailable(_) => (Code::Unavailable, ErrorReason::Unavailable),
            Self::Database(_) | Self::Sealed(_) | Self::Corrupt(_) => {
                (Code::Internal, ErrorReason::Internal)
            }
        }
    }
}

impl Fault for Error {
    fn code(&self) -> Code {
        self.told().0
    }

    fn domain(&self) -> &'static str {
        "gateway.aftercare"
    }

    fn reason(&self) -> &'static str {
        self.told().1.as_str_name()
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Missing { kind, name } | Self::Exists { kind, name } => {
                vec![(kind.as_str(), name.clone())]
            }
            Self::NameTaken { what, value } => vec![(what, value.clone())],
            Self::LoginTaken { member } => vec![("member", member.clone())],
            Self::Refused { name, .. } | Self::StaleEtag { name } => {
                vec![("resource", name.clone())]
            }
            Self::BeyondAuthority { what } => vec![("beyond", what.clone())],
            Self::RequestIdReused { request_id, resource } => {
                vec![("request_id", request_id.clone()), ("resource", resource.clone())]
            }
            Self::Invalid(_)
            | Self::LostRace
            | Self::Unavailable(_)
            | Self::Database(_)
            | Self::Sealed(_)
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
            Self::Refused { blockers, .. } => blockers,
            _ => &[],
        }
    }

    fn resource(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Missing { kind, name } | Self::Exists { kind, name } => {
                Some((kind.as_str(), name.clone()))
            }
            Self::LoginTaken { member } => Some((Kind::Member.as_str(), member.clone())),
            Self::Refused { name, .. }
            | Self::StaleEtag { name }
            | Self::RequestIdReused { resource: name, .. } => Some(("resource", name.clone())),
            Self::Invalid(_)
            | Self::NameTaken { .. }
            | Self::BeyondAuthority { .. }
            | Self::LostRace
            | Self::Unavailable(_)
            | Self::Database(_)
            | Self::Sealed(_)
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
            Self::Invalid(_) => "请求有误，详情列出了各个字段的问题".to_owned(),
            Self::Missing { kind, name } => format!("没有{} `{name}`", kind.zh()),
            Self::Exists { kind, name } => format!("{} `{name}` 已存在", kind.zh()),
            Self::NameTaken { what, value } => format!("{what} `{value}` 已属于另一租户"),
            Self::LoginTaken { member } => format!("该登录标识已属于 `{member}`"),
            Self::Refused { name, .. } => format!("`{name}` 的当前状态不允许此操作"),
            Self::BeyondAuthority { what } => format!("超出了您自己的权限：`{what}`"),
            Self::StaleEtag { name } => format!("`{name}` 在此 etag 之后已有变更，请重新读取"),
            Self::LostRace => "已被其他修改抢先，请重试".to_owned(),
            Self::RequestIdReused { request_id, resource } => {
                format!("请求编号 `{request_id}` 已用于另一个请求，其结果是 `{resource}`")
            }
            Self::Unavailable(_) | Self::Database(_) | Self::Sealed(_) | Self::Corrupt(_) => {
                return None;
            }
        })
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<KeyError> for Error {
    fn from(cause: KeyError) -> Self {
        Self::Sealed(cause)
    }
}

store::error_from_store!(Error);

#[cfg(test)]
mod tests {
    use super::*;

    /// One error of each kind, as the golden shows them.
    fn samples() -> Vec<Error> {
        let text = str::to_owned;
        let mut violations = Violations::new();
        violations.add("tenant.slug", "must be letters, digits and `-`");
        let missing = |kind, name: &str| Error::missing(kind, name);
        let exists = |kind, name: &str| Error::Exists { kind, name: name.to_owned() };
        let tenant = "tenants/00000000-0000-0000-0000-0000000000ab";
        vec![
            Error::Invalid(violations),
            missing(Kind::Tenant, tenant),
            missing(Kind::Member, "members/lin"),
            missing(Kind::Team, "teams/first-line"),
            missing(Kind::ApiKey, "apiKeys/00000000-0000-0000-0000-0000000000ab"),
            Error::NameTaken { what: "host", value: text("help.example.com") },
            exists(Kind::Member, "members/lin"),
            exists(Kind::Team, "teams/first-line"),
            Error::LoginTaken { member: text("members/lin") },
            Error::refused(
                tenant,
                Refusal::one("STATE", tenant, "the tenant is suspended already"),
            ),
            Error::BeyondAuthority { what: text("admin") },
            Error::StaleEtag { name: text("members/lin") },
            Error::LostRace,
            Error::RequestIdReused {
                request_id: text("0198b2a0-0000-4000-8000-000000000001"),
                resource: text("members/lin"),
            },
            Error::Unavailable(store::Error::Corrupt(text("stand-in"))),
            Error::Database(store::Error::Corrupt(text("stand-in"))),
            Error::Sealed(KeyError::UnknownKey),
            Error::Corrupt("kind"),
        ]
    }

    #[test]
    fn errors_are_golden() {
        let name = |number| ErrorReason::try_from(number).ok().map(|reason| reason.as_str_name());
        insta::assert_snapshot!(testing::faults::table(&samples(), name));
    }
}
