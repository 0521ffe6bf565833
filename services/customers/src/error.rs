//! Why a call failed, and how that is told.

use std::time::Duration;

use contracts::customers::v1::{ContactState, ErrorReason, IdentifierKind};
use kernel::{Blocker, Code, CustomerId, Fault, Violation, Violations, keys::KeyError};

/// Why a call to customers failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong in itself.
    #[error("the request is wrong; the details name each field")]
    Invalid(Violations),
    /// There is no such customer for this caller.
    #[error("there is no customer `{name}`")]
    CustomerNotFound {
        /// The customer as the caller named it.
        name: String,
    },
    /// None of the identifiers is known, and none was to be made.
    #[error("no customer has any of these identifiers")]
    NobodyHas,
    /// There is no such product.
    #[error("there is no product `{name}`")]
    ProductNotFound {
        /// The product as the caller named it.
        name: String,
    },
    /// An identifier belongs to another customer.
    #[error("the identifier of kind {} belongs to `{}`", kind.as_str_name(), customer.name())]
    IdentifierTaken {
        /// What kind of identifier it is.
        kind: IdentifierKind,
        /// Whose it is.
        customer: CustomerId,
    },
    /// A product of this id exists.
    #[error("there is a product `{name}` already")]
    ProductExists {
        /// Its name.
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
    /// The order belongs to another customer.
    #[error("the order `{order_number}` belongs to another customer")]
    OrderTaken {
        /// The order's number.
        order_number: String,
    },
    /// There is no such contact for this caller.
    #[error("there is no contact `{name}`")]
    ContactNotFound {
        /// The contact as the caller named it.
        name: String,
    },
    /// The key belongs to another contact.
    #[error("the key `{key}` was used before for another contact")]
    ContactKeyTaken {
        /// The key.
        key: String,
    },
    /// A contact was refused, or its outcome was told otherwise before.
    #[error("the contact `{name}` is in state `{}` and stays there", state.as_str_name())]
    ContactSettled {
        /// The contact.
        name: String,
        /// Where it stands.
        state: ContactState,
        /// The same, for programs.
        blockers: Vec<Blocker>,
    },
    /// The caller's tenant is so new that word of it has not come here yet, and with it where its
    /// telephone numbers belong.
    #[error("the tenant is not known here yet; try again")]
    TenantNotHeardOf,
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

impl Error {
    /// A contact whose outcome cannot be told any more.
    pub(crate) fn settled(name: String, state: ContactState) -> Self {
        let description = format!("is in state {} already", state.as_str_name());
        let blockers = vec![Blocker { kind: "STATE", subject: name.clone(), description }];
        Self::ContactSettled { name, state, blockers }
    }

    fn told(&self) -> (Code, ErrorReason) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, ErrorReason::InvalidRequest),
            Self::CustomerNotFound { .. } | Self::NobodyHas => {
                (Code::NotFound, ErrorReason::CustomerNotFound)
            }
            Self::ProductNotFound { .. } => (Code::NotFound, ErrorReason::ProductNotFound),
            Self::IdentifierTaken { .. } => (Code::AlreadyExists, ErrorReason::IdentifierTaken),
            Self::ProductExists { .. } => (Code::AlreadyExists, ErrorReason::ProductExists),
            Self::StaleEtag { .. } => (Code::Aborted, ErrorReason::StaleEtag),
            Self::LostRace => (Code::Aborted, ErrorReason::LostRace),
            Self::RequestIdReused { .. } => (Code::AlreadyExists, ErrorReason::RequestIdReused),
            Self::OrderTaken { .. } => (Code::AlreadyExists, ErrorReason::OrderTaken),
            Self::ContactNotFound { .. } => (Code::NotFound, ErrorReason::ContactNotFound),
            Self::ContactKeyTaken { .. } => (Code::AlreadyExists, ErrorReason::ContactKeyTaken),
            Self::ContactSettled { .. } => (Code::FailedPrecondition, ErrorReason::ContactSettled),
            Self::TenantNotHeardOf | Self::Unavailable(_) => {
                (Code::Unavailable, ErrorReason::Unavailable)
            }
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
        "customers.aftercare"
    }

    fn reason(&self) -> &'static str {
        self.told().1.as_str_name()
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::CustomerNotFound { name } => vec![("customer", name.clone())],
            Self::ProductNotFound { name } | Self::ProductExists { name } => {
                vec![("product", name.clone())]
            }
            Self::IdentifierTaken { kind, customer } => {
                vec![("kind", kind.as_str_name().to_owned()), ("customer", customer.name())]
            }
            Self::StaleEtag { name } => vec![("resource", name.clone())],
            Self::RequestIdReused { request_id, resource } => {
                vec![("request_id", request_id.clone()), ("resource", resource.clone())]
            }
            Self::OrderTaken { order_number } => vec![("order_number", order_number.clone())],
            Self::ContactNotFound { name } => vec![("contact", name.clone())],
            Self::ContactKeyTaken { key } => vec![("key", key.clone())],
            Self::ContactSettled { name, state, .. } => {
                vec![("contact", name.clone()), ("state", state.as_str_name().to_owned())]
            }
            Self::Invalid(_)
            | Self::NobodyHas
            | Self::LostRace
            | Self::TenantNotHeardOf
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
            Self::ContactSettled { blockers, .. } => blockers,
            _ => &[],
        }
    }

    fn resource(&self) -> Option<(&'static str, String)> {
        match self {
            Self::ContactNotFound { name } | Self::ContactSettled { name, .. } => {
                Some(("contact", name.clone()))
            }
            Self::CustomerNotFound { name } => Some(("customer", name.clone())),
            Self::IdentifierTaken { customer, .. } => Some(("customer", customer.name())),
            Self::ProductNotFound { name } | Self::ProductExists { name } => {
                Some(("product", name.clone()))
            }
            Self::StaleEtag { name } | Self::RequestIdReused { resource: name, .. } => {
                Some(("resource", name.clone()))
            }
            Self::Invalid(_)
            | Self::NobodyHas
            | Self::LostRace
            | Self::OrderTaken { .. }
            | Self::ContactKeyTaken { .. }
            | Self::TenantNotHeardOf
            | Self::Unavailable(_)
            | Self::Database(_)
            | Self::Sealed(_)
            | Self::Corrupt(_) => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::LostRace => Some(Duration::from_millis(100)),
            Self::TenantNotHeardOf | Self::Unavailable(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    fn message_zh(&self) -> Option<String> {
        Some(match self {
            Self::Invalid(_) => "请求有误，详情列出了各个字段的问题".to_owned(),
            Self::CustomerNotFound { name } => format!("没有客户 `{name}`"),
            Self::NobodyHas => "没有客户使用这些联系方式".to_owned(),
            Self::ProductNotFound { name } => format!("没有产品 `{name}`"),
            Self::IdentifierTaken { kind, customer } => {
                format!("{} 类型的标识已属于 `{}`", kind.as_str_name(), customer.name())
            }
            Self::ProductExists { name } => format!("产品 `{name}` 已存在"),
            Self::StaleEtag { name } => format!("`{name}` 在此 etag 之后已有变更，请重新读取"),
            Self::LostRace => "已被其他修改抢先，请重试".to_owned(),
            Self::RequestIdReused { request_id, resource } => {
                format!("请求编号 `{request_id}` 已用于另一个请求，其结果是 `{resource}`")
            }
            Self::OrderTaken { order_number } => format!("订单 `{order_number}` 属于另一位客户"),
            Self::ContactNotFound { name } => format!("没有联系记录 `{name}`"),
            Self::ContactKeyTaken { key } => format!("键 `{key}` 已用于另一次联系"),
            Self::ContactSettled { name, state, .. } => {
                format!("联系记录 `{name}` 的状态已是 `{}`，不再改变", state.as_str_name())
            }
            Self::TenantNotHeardOf => "租户信息尚未同步到此处，请稍后重试".to_owned(),
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
        let customer = CustomerId::from(uuid::Uuid::from_u128(0xab));
        let text = str::to_owned;
        let mut violations = Violations::new();
        violations.add("customer.segment", "must be letters, digits and `-`, at most 63");
        vec![
            Error::Invalid(violations),
            Error::CustomerNotFound { name: customer.name() },
            Error::NobodyHas,
            Error::ProductNotFound { name: text("products/X1") },
            Error::IdentifierTaken { kind: IdentifierKind::Phone, customer },
            Error::ProductExists { name: text("products/X1") },
            Error::StaleEtag { name: customer.name() },
            Error::LostRace,
            Error::RequestIdReused {
                request_id: text("0198b2a0-0000-4000-8000-000000000001"),
                resource: customer.name(),
            },
            Error::OrderTaken { order_number: text("2026-11-1") },
            Error::ContactNotFound { name: format!("{}/contacts/1", customer.name()) },
            Error::ContactKeyTaken { key: text("invitations/1") },
            Error::settled(format!("{}/contacts/1", customer.name()), ContactState::Sent),
            Error::TenantNotHeardOf,
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
