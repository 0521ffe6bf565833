//! Who is behind a credential: the question that the wall asks, and how an answer may look.

use futures::future::BoxFuture;
use kernel::{Caller, Code, Time};
use tonic::Status;

use crate::status;

/// Knows whom a credential stands for.
pub trait Callers: Send + Sync + 'static {
    /// Whom `token` stands for now. It is asked again every few seconds while the token is in use, so
    /// that what changes about a caller takes effect.
    fn caller<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Known, Refused>>;
}

/// A caller whose credential holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who it is. The language is the one to use where the client asks for none.
    pub caller: Caller,
    /// What kind of credential it was: `local`, `oidc`, `key` or `link`; `page` for a visitor of a public page,
    /// who has none.
    pub credential: &'static str,
    /// When the credential ends by itself.
    pub expires: Option<Time>,
    /// How much the caller's tenant may call; `None` for what the configuration says.
    pub quota: Option<Quota>,
}

/// How much a tenant may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls a second, kept up for any time.
    pub calls_per_second: u32,
    /// Calls at once on top of that.
    pub burst: u32,
}

/// Why a credential lets nobody in. A caller is never told more than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not hold, or stands for nobody who may sign in.
    #[error("the credential does not hold")]
    Credential,
    /// It holds, but its tenant is suspended.
    #[error("the tenant is suspended")]
    Suspended,
    /// Nobody can tell now, since what decides is away.
    #[error("whether the credential holds cannot be told now")]
    Away,
}

impl Refused {
    /// What the caller is told.
    pub(super) fn status(self) -> Status {
        match self {
            Self::Credential => unauthenticated(),
            Self::Suspended => status::plain(
                Code::PermissionDenied,
                "TENANT_SUSPENDED",
                "the tenant is suspended; whoever runs the platform can resume it",
            ),
            Self::Away => status::plain(
                Code::Unavailable,
                "UNAVAILABLE",
                "something that is needed is away for the moment; try again",
            ),
        }
    }
}

/// What a caller without a credential that holds is told.
pub(super) fn unauthenticated() -> Status {
    status::plain(
        Code::Unauthenticated,
        "UNAUTHENTICATED",
        "a bearer token that holds is needed: `authorization: Bearer …`",
    )
}
