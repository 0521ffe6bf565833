//! Why a call to tickets fails.

use std::time::Duration;

use ::store::{Retry, idempotency::NotClaimed};
use kernel::{Blocker, Code, Fault, Violation, Violations};

use crate::domain::Refusal;

/// Everything that can go wrong in a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong in itself.
    #[error("the request is not valid")]
    Invalid(Violations),
    /// There is no such ticket for this caller; the name as the caller wrote it.
    #[error("there is no ticket `{0}`")]
    TicketNotFound(String),
    /// There is no such customer; the name as the caller wrote it.
    #[error("there is no customer `{0}`")]
    CustomerNotFound(String),
    /// The ticket's state stands against it.
    #[error("ticket `{ticket}` does not allow this: {}", first(.blockers))]
    Refused {
        /// The ticket's name.
        ticket: String,
        /// All that stands in the way.
        blockers: Vec<Blocker>,
    },
    /// Somebody else has it.
    #[error("ticket `{ticket}` belongs to `{winner}`")]
    AlreadyClaimed {
        /// The ticket's name.
        ticket: String,
        /// Who has it.
        winner: String,
    },
    /// The caller takes no tickets.
    #[error("`{principal}` has no routing profile and takes no tickets")]
    NotAnAgent {
        /// The caller.
        principal: String,
        /// The same as a blocker.
        blockers: Vec<Blocker>,
    },
    /// The agent has no room for it.
    #[error("`{member}` has no capacity left for ticket `{ticket}`")]
    CapacityExhausted {
        /// The ticket's name.
        ticket: String,
        /// The agent.
        member: String,
        /// The same as a blocker.
        blockers: Vec<Blocker>,
    },
    /// The caller saw another version.
    #[error("ticket `{0}` has changed since")]
    StaleEtag(String),
    /// Another change came first.
    #[error("another change came first; try again")]
    LostRace,
    /// The request id was used with another body.
    #[error("request id `{request_id}` was used before with another body, for `{resource}`")]
    RequestIdReused {
        /// The request id.
        request_id: String,
        /// What it made or changed.
        resource: String,
    },
    /// The resume token is too old, or of a database since restored.
    #[error("the resume token is no longer good; list again and watch from now")]
    ResumeTokenExpired,
    /// The caller lacks a permission that the request's own fields ask for.
    #[error("this needs the permission `{0}`")]
    PermissionDenied(&'static str),
    /// The caller's tenant is so new that word of it has not come here yet.
    #[error("the tenant is not known here yet; try again")]
    TenantNotHeardOf,
    /// The database cannot be reached, or is too busy.
    #[error("the database could not serve this")]
    Storage(#[source] ::store::Error),
    /// The feed could not be read.
    #[error("the feed could not be read")]
    Feed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A rule could not be applied.
    #[error("a calendar has no such time")]
    Calendar(#[source] calendar::CalendarError),
    /// What is stored cannot be read.
    #[error("stored data cannot be read: {0}")]
    Stored(&'static str),
}

fn first(blockers: &[Blocker]) -> String {
    blockers.first().map(|blocker| blocker.description.clone()).unwrap_or_default()
}

impl Error {
    /// What a refusal of this ticket means to the caller.
    pub fn refused(ticket: &str, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Blocked(blockers) => Self::Refused { ticket: ticket.to_owned(), blockers },
            Refusal::Claimed(winner) => Self::AlreadyClaimed {
                ticket: ticket.to_owned(),
                winner: format!("members/{winner}"),
            },
            Refusal::Calendar(error) => Self::Calendar(error),
        }
    }

    /// The caller takes no tickets.
    pub fn not_an_agent(principal: &str) -> Self {
        let blocker = Blocker {
            kind: "ROUTING_PROFILE",
            subject: principal.to_owned(),
            description: "only members with a routing profile take tickets".to_owned(),
        };
        Self::NotAnAgent { principal: principal.to_owned(), blockers: vec![blocker] }
    }

    /// The agent has no room for the ticket.
    pub fn no_capacity(ticket: &str, member: &str) -> Self {
        let member = format!("members/{member}");
        let blocker = Blocker {
            kind: "CAPACITY",
            subject: member.clone(),
            description: "the agent's capacity is used up".to_owned(),
        };
        Self::CapacityExhausted { ticket: ticket.to_owned(), member, blockers: vec![blocker] }
    }
}

impl From<::store::Error> for Error {
    fn from(error: ::store::Error) -> Self {
        Self::Storage(error)
    }
}

impl From<NotClaimed> for Error {
    fn from(error: NotClaimed) -> Self {
        match error {
            NotClaimed::Reused { request_id, resource } => {
                Self::RequestIdReused { request_id, resource }
            }
            NotClaimed::Store(error) => error.into(),
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl Retry for Error {
    fn lost_race(&self) -> bool {
        match self {
            Self::Storage(error) => error.lost_race(),
            Self::LostRace => true,
            Self::Invalid(_)
            | Self::TicketNotFound(_)
            | Self::CustomerNotFound(_)
            | Self::Refused { .. }
            | Self::AlreadyClaimed { .. }
            | Self::NotAnAgent { .. }
            | Self::CapacityExhausted { .. }
            | Self::StaleEtag(_)
            | Self::RequestIdReused { .. }
            | Self::ResumeTokenExpired
            | Self::PermissionDenied(_)
            | Self::TenantNotHeardOf
            | Self::Feed(_)
            | Self::Calendar(_)
            | Self::Stored(_) => false,
        }
    }
}

impl Fault for Error {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::TicketNotFound(_) | Self::CustomerNotFound(_) => Code::NotFound,
            Self::Refused { .. } | Self::NotAnAgent { .. } | Self::CapacityExhausted { .. } => {
                Code::FailedPrecondition
            }
            Self::AlreadyClaimed { .. } | Self::StaleEtag(_) | Self::LostRace => Code::Aborted,
            Self::RequestIdReused { .. } => Code::AlreadyExists,
            Self::ResumeTokenExpired => Code::OutOfRange,
            Self::PermissionDenied(_) => Code::PermissionDenied,
            Self::Storage(error) if error.is_transient() => Code::Unavailable,
            Self::Feed(_) | Self::TenantNotHeardOf => Code::Unavailable,
            Self::Storage(_) | Self::Calendar(_) | Self::Stored(_) => Code::Internal,
        }
    }

    fn domain(&self) -> &'static str {
        "tickets.aftercare"
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::TicketNotFound(_) => "TICKET_NOT_FOUND",
            Self::CustomerNotFound(_) => "CUSTOMER_NOT_FOUND",
            Self::Refused { .. } => "TRANSITION_REFUSED",
            Self::AlreadyClaimed { .. } => "ALREADY_CLAIMED",
            Self::NotAnAgent { .. } => "NOT_AN_AGENT",
            Self::CapacityExhausted { .. } => "CAPACITY_EXHAUSTED",
            Self::StaleEtag(_) => "STALE_ETAG",
            Self::LostRace => "LOST_RACE",
            Self::RequestIdReused { .. } => "REQUEST_ID_REUSED",
            Self::ResumeTokenExpired => "RESUME_TOKEN_EXPIRED",
            Self::PermissionDenied(_) => "PERMISSION_DENIED",
            Self::Storage(error) if error.is_transient() => "UNAVAILABLE",
            Self::Feed(_) | Self::TenantNotHeardOf => "UNAVAILABLE",
            Self::Storage(_) | Self::Calendar(_) | Self::Stored(_) => "INTERNAL",
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TicketNotFound(name) | Self::StaleEtag(name) => vec![("ticket", name.clone())],
            Self::CustomerNotFound(name) => vec![("customer", name.clone())],
            Self::Refused { ticket, .. } => vec![("ticket", ticket.clone())],
            Self::AlreadyClaimed { ticket, winner } => {
                vec![("ticket", ticket.clone()), ("winner", winner.clone())]
            }
            Self::NotAnAgent { principal, .. } => vec![("principal", principal.clone())],
            Self::CapacityExhausted { ticket, member, .. } => {
                vec![("ticket", ticket.clone()), ("member", member.clone())]
            }
            Self::RequestIdReused { request_id, resource } => {
                vec![("request_id", request_id.clone()), ("resource", resource.clone())]
            }
            Self::PermissionDenied(permission) => vec![("permission", (*permission).to_owned())],
            Self::Invalid(_)
            | Self::LostRace
            | Self::ResumeTokenExpired
            | Self::TenantNotHeardOf
            | Self::Storage(_)
            | Self::Feed(_)
            | Self::Calendar(_)
            | Self::Stored(_) => Vec::new(),
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
            Self::Refused { blockers, .. }
            | Self::NotAnAgent { blockers, .. }
            | Self::CapacityExhausted { blockers, .. } => blockers,
            _ => &[],
        }
    }

    fn resource(&self) -> Option<(&'static str, String)> {
        match self {
            Self::TicketNotFound(name) => Some(("Ticket", name.clone())),
            Self::CustomerNotFound(name) => Some(("Customer", name.clone())),
            Self::RequestIdReused { resource, .. } => {
                let kind = if resource.contains("/entries/") { "Entry" } else { "Ticket" };
                Some((kind, resource.clone()))
            }
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self.code() {
            Code::Unavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    fn message_zh(&self) -> Option<String> {
        Some(match self {
            Self::Invalid(_) => "请求内容有误".to_owned(),
            Self::TicketNotFound(name) => format!("工单“{name}”不存在"),
            Self::CustomerNotFound(name) => format!("客户“{name}”不存在"),
            Self::Refused { ticket, .. } => format!("工单“{ticket}”当前状态不允许此操作"),
            Self::AlreadyClaimed { ticket, winner } => format!("工单“{ticket}”已由“{winner}”处理"),
            Self::NotAnAgent { principal, .. } => format!("“{principal}”没有坐席配置，不能接单"),
            Self::CapacityExhausted { ticket, member, .. } => {
                format!("“{member}”的工作量已满，无法接收工单“{ticket}”")
            }
            Self::StaleEtag(name) => format!("工单“{name}”已被修改，请重新读取"),
            Self::LostRace => "操作冲突，请重试".to_owned(),
            Self::RequestIdReused { request_id, resource } => {
                format!("请求编号“{request_id}”已用于“{resource}”，且内容不同")
            }
            Self::ResumeTokenExpired => "续传令牌已失效，请重新读取列表".to_owned(),
            Self::PermissionDenied(permission) => format!("缺少权限“{permission}”"),
            Self::TenantNotHeardOf => "租户信息尚未同步到此处，请稍后重试".to_owned(),
            Self::Storage(_) | Self::Feed(_) | Self::Calendar(_) | Self::Stored(_) => return None,
        })
    }
}
