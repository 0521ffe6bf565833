//! Why a call failed, and how that is told.

use std::time::Duration;

use contracts::knowledge::v1::ErrorReason;
use kernel::{ArticleId, Code, Fault, Violation, Violations};

/// Why a call to knowledge failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong in itself.
    #[error("the request is wrong; the details name each field")]
    Invalid(Violations),
    /// There is no such article for this caller.
    #[error("there is no article `{name}`")]
    ArticleNotFound {
        /// The article as the caller named it.
        name: String,
    },
    /// There is no such revision for this caller.
    #[error("there is no revision `{name}`")]
    RevisionNotFound {
        /// The revision as the caller named it.
        name: String,
    },
    /// There is no such search.
    #[error("there is no search `{name}`")]
    SearchNotFound {
        /// The search as the caller named it.
        name: String,
    },
    /// Another article has this external id.
    #[error("the external id `{external_id}` belongs to `{}`", article.name())]
    ExternalIdTaken {
        /// What another system calls it.
        external_id: String,
        /// The article that has it.
        article: ArticleId,
    },
    /// The etag is not the resource's.
    #[error("`{name}` has changed since this etag; read it again")]
    StaleEtag {
        /// The resource.
        name: String,
    },
    /// Another revision came in between.
    #[error(
        "the latest revision in this language is `{latest}`; changed there and here: `{fields}`"
    )]
    RevisionConflict {
        /// The latest revision; empty where there is none.
        latest: String,
        /// The fields that both changed, otherwise than each other since the common base.
        fields: String,
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
    /// The tenant's index is being opened or built.
    #[error("the index is being built; try again")]
    IndexNotReady,
    /// The tenant's index cannot be opened.
    #[error("the index cannot be opened")]
    IndexAway(#[source] search::OpenError),
    /// The tenant's index did what it must not.
    #[error("the index failed")]
    Index(#[source] search::SearchError),
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
    /// There is no such article for this caller.
    pub(crate) fn no_article(name: &str) -> Self {
        Self::ArticleNotFound { name: name.to_owned() }
    }

    /// There is no such revision for this caller.
    pub(crate) fn no_revision(name: &str) -> Self {
        Self::RevisionNotFound { name: name.to_owned() }
    }

    fn told(&self) -> (Code, ErrorReason) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, ErrorReason::InvalidRequest),
            Self::ArticleNotFound { .. } => (Code::NotFound, ErrorReason::ArticleNotFound),
            Self::RevisionNotFound { .. } => (Code::NotFound, ErrorReason::RevisionNotFound),
            Self::SearchNotFound { .. } => (Code::NotFound, ErrorReason::SearchNotFound),
            Self::ExternalIdTaken { .. } => (Code::AlreadyExists, ErrorReason::ExternalIdTaken),
            Self::StaleEtag { .. } => (Code::Aborted, ErrorReason::StaleEtag),
            Self::RevisionConflict { .. } => (Code::Aborted, ErrorReason::RevisionConflict),
            Self::LostRace => (Code::Aborted, ErrorReason::LostRace),
            Self::RequestIdReused { .. } => (Code::AlreadyExists, ErrorReason::RequestIdReused),
            Self::IndexNotReady => (Code::Unavailable, ErrorReason::IndexNotReady),
            Self::IndexAway(_) | Self::Unavailable(_) => {
                (Code::Unavailable, ErrorReason::Unavailable)
            }
            Self::Index(_) | Self::Database(_) | Self::Corrupt(_) => {
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
        "knowledge.aftercare"
    }

    fn reason(&self) -> &'static str {
        self.told().1.as_str_name()
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::ArticleNotFound { name } => vec![("article", name.clone())],
            Self::RevisionNotFound { name } => vec![("revision", name.clone())],
            Self::SearchNotFound { name } => vec![("search", name.clone())],
            Self::ExternalIdTaken { external_id, article } => {
                vec![("external_id", external_id.clone()), ("article", article.name())]
            }
            Self::StaleEtag { name } => vec![("resource", name.clone())],
            Self::RevisionConflict { latest, fields } => {
                vec![("latest", latest.clone()), ("fields", fields.clone())]
            }
            Self::RequestIdReused { request_id, resource } => {
                vec![("request_id", request_id.clone()), ("resource", resource.clone())]
            }
            Self::Invalid(_)
            | Self::LostRace
            | Self::IndexNotReady
            | Self::IndexAway(_)
            | Self::Index(_)
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

    fn resource(&self) -> Option<(&'static str, String)> {
        match self {
            Self::ArticleNotFound { name } => Some(("article", name.clone())),
            Self::RevisionNotFound { name } => Some(("revision", name.clone())),
            Self::SearchNotFound { name } => Some(("search", name.clone())),
            Self::ExternalIdTaken { article, .. } => Some(("article", article.name())),
            Self::RevisionConflict { latest, .. } => Some(("revision", latest.clone())),
            Self::StaleEtag { name } | Self::RequestIdReused { resource: name, .. } => {
                Some(("resource", name.clone()))
            }
            Self::Invalid(_)
            | Self::LostRace
            | Self::IndexNotReady
            | Self::IndexAway(_)
            | Self::Index(_)
            | Self::Unavailable(_)
            | Self::Database(_)
            | Self::Corrupt(_) => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::LostRace => Some(Duration::from_millis(100)),
            Self::IndexNotReady | Self::IndexAway(_) | Self::Unavailable(_) => {
                Some(Duration::from_secs(1))
            }
            _ => None,
        }
    }

    fn message_zh(&self) -> Option<String> {
        Some(match self {
            Self::Invalid(_) => "请求有误，详情列出了每个字段的问题".to_owned(),
            Self::ArticleNotFound { name } => format!("没有知识 `{name}`"),
            Self::RevisionNotFound { name } => format!("没有版本 `{name}`"),
            Self::SearchNotFound { name } => format!("没有搜索记录 `{name}`"),
            Self::ExternalIdTaken { external_id, article } => {
                format!("外部编号 `{external_id}` 已属于 `{}`", article.name())
            }
            Self::StaleEtag { name } => format!("`{name}` 在此 etag 之后已有变更，请重新读取"),
            Self::RevisionConflict { latest, fields } => {
                format!("该语言的最新版本是 `{latest}`，双方都改动了：`{fields}`")
            }
            Self::LostRace => "已被其他修改抢先，请重试".to_owned(),
            Self::RequestIdReused { request_id, resource } => {
                format!("请求编号 `{request_id}` 已用于另一个请求，其结果是 `{resource}`")
            }
            Self::IndexNotReady => "索引正在建立，请稍后重试".to_owned(),
            Self::IndexAway(_)
            | Self::Index(_)
            | Self::Unavailable(_)
            | Self::Database(_)
            | Self::Corrupt(_) => return None,
        })
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

store::error_from_store!(Error);

#[cfg(test)]
mod tests {
    use super::*;

    /// One error of each kind, as the golden shows them.
    fn samples() -> Vec<Error> {
        let article = ArticleId::from(uuid::Uuid::from_u128(0xab));
        let search = kernel::SearchId::from(uuid::Uuid::from_u128(0xcd));
        let text = str::to_owned;
        let latest = crate::domain::revision::name(article, 3);
        let mut violations = Violations::new();
        violations.add("article.tags", "must be at most 20");
        vec![
            Error::Invalid(violations),
            Error::no_article(&article.name()),
            Error::no_revision(&latest),
            Error::SearchNotFound { name: search.name() },
            Error::ExternalIdTaken { external_id: text("kb-7"), article },
            Error::StaleEtag { name: article.name() },
            Error::RevisionConflict { latest, fields: text("title, body") },
            Error::LostRace,
            Error::RequestIdReused {
                request_id: text("0198b2a0-0000-4000-8000-000000000001"),
                resource: article.name(),
            },
            Error::IndexNotReady,
            Error::Unavailable(store::Error::Corrupt(text("stand-in"))),
            Error::Database(store::Error::Corrupt(text("stand-in"))),
            Error::Corrupt("kind"),
        ]
    }

    #[test]
    fn errors_are_golden() {
        let name = |number| ErrorReason::try_from(number).ok().map(|reason| reason.as_str_name());
        insta::assert_snapshot!(testing::faults::table(&samples(), name));
    }
}
