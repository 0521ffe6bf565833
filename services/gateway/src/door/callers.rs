//! From a credential to a caller.

use std::{future::Future, sync::Arc};

use contracts::gateway::v1::TenantState;
use futures::future::BoxFuture;
use kernel::{ApiKeyId, Clock, TenantId, keys::RootKeys, link};
use rpc::{
    edge::{Callers, Known, Quota, Refused},
    issuer::LocalIssuer,
};
use telemetry::Metrics;

use super::{jwt::Jwt, keys, links, local, oidc::Oidc};
use crate::directory::{self, KeyFacts, MemberFacts, TenantFacts};

/// The directory cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("the directory cannot be read")]
pub struct Away(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A look-up in the directory: `None` where there is no such thing.
pub type Look<'a, T> = BoxFuture<'a, Result<Option<T>, Away>>;

/// Tenants, staff and keys, as they are now.
pub trait Directory: Send + Sync + 'static {
    /// The tenant of this id.
    fn tenant(&self, id: TenantId) -> Look<'_, TenantFacts>;
    /// The tenant of this slug.
    fn tenant_by_slug<'a>(&'a self, slug: &'a str) -> Look<'a, TenantFacts>;
    /// The member of this id.
    fn member<'a>(&'a self, tenant: TenantId, id: &'a str) -> Look<'a, MemberFacts>;
    /// The member who is `subject` at `issuer`.
    fn member_by_login<'a>(
        &'a self,
        tenant: TenantId,
        issuer: &'a str,
        subject: &'a str,
    ) -> Look<'a, MemberFacts>;
    /// The key of this id, of whatever tenant.
    fn api_key(&self, id: ApiKeyId) -> Look<'_, KeyFacts>;
}

/// A look-up in the database.
async fn look<T>(
    found: impl Future<Output = Result<Option<T>, crate::Error>>,
) -> Result<Option<T>, Away> {
    found.await.map_err(|error| Away(error.into()))
}

impl Directory for directory::Directory {
    fn tenant(&self, id: TenantId) -> Look<'_, TenantFacts> {
        Box::pin(look(self.tenant(id)))
    }

    fn tenant_by_slug<'a>(&'a self, slug: &'a str) -> Look<'a, TenantFacts> {
        Box::pin(look(self.tenant_by_slug(slug)))
    }

    fn member<'a>(&'a self, tenant: TenantId, id: &'a str) -> Look<'a, MemberFacts> {
        Box::pin(look(self.member(tenant, id)))
    }

    fn member_by_login<'a>(
        &'a self,
        tenant: TenantId,
        issuer: &'a str,
        subject: &'a str,
    ) -> Look<'a, MemberFacts> {
        Box::pin(look(self.member_by_login(tenant, issuer, subject)))
    }

    fn api_key(&self, id: ApiKeyId) -> Look<'_, KeyFacts> {
        Box::pin(look(self.api_key(id)))
    }
}

/// Why a credential lets nobody in. The log says it, the caller is told less.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    /// It is none, or does not say what it must.
    #[error("{0}")]
    Malformed(&'static str),
    /// It is from nobody whose credentials are taken, or not for us.
    #[error("{0}")]
    Issuer(&'static str),
    /// Its time is over, or has not come.
    #[error("{0}")]
    Time(&'static str),
    /// There is no key to check it by.
    #[error("{0}")]
    NoKey(&'static str),
    /// Its signature or secret does not hold.
    #[error("{0}")]
    Unproved(&'static str),
    /// It stands for nobody who may sign in.
    #[error("{0}")]
    Nobody(&'static str),
    /// It holds, but its tenant is suspended.
    #[error("the tenant is suspended")]
    Suspended,
    /// Nobody can tell now.
    #[error(transparent)]
    Away(#[from] Away),
}

impl Why {
    /// What refusals of this kind are counted under.
    const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Issuer(_) => "issuer",
            Self::Time(_) => "time",
            Self::NoKey(_) => "key",
            Self::Unproved(_) => "signature",
            Self::Nobody(_) => "nobody",
            Self::Suspended => "suspended",
            Self::Away(_) => "away",
        }
    }

    /// What the caller is told of it.
    fn told(self) -> Refused {
        match self {
            Self::Malformed(why)
            | Self::Issuer(why)
            | Self::Time(why)
            | Self::NoKey(why)
            | Self::Unproved(why)
            | Self::Nobody(why) => {
                tracing::info!(why, "credential refused");
                Refused::Credential
            }
            Self::Suspended => Refused::Suspended,
            Self::Away(away) => {
                tracing::warn!(cause = %away.0, "credential could not be checked");
                Refused::Away
            }
        }
    }
}

/// Knows callers by all the credentials that this installation takes.
pub struct Credentials {
    directory: Arc<dyn Directory>,
    local: Option<LocalIssuer>,
    oidc: Oidc,
    keys: RootKeys,
    clock: Clock,
    metrics: Metrics,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("local", &self.local).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Callers by API key, by the links that `keys` sealed, by the providers of `oidc`, and by the local
    /// issuer where there is one.
    pub fn new(
        directory: Arc<dyn Directory>,
        local: Option<LocalIssuer>,
        oidc: Oidc,
        keys: RootKeys,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self { directory, local, oidc, keys, clock, metrics }
    }

    async fn known(&self, token: &str) -> Result<Known, Why> {
        let directory = &*self.directory;
        if token.starts_with(keys::PREFIX) {
            return keys::known(token, directory, self.clock.real_now()).await;
        }
        if token.starts_with(link::PREFIX) {
            return links::known(token, &self.keys, directory, self.clock.real_now()).await;
        }
        let jwt = Jwt::read(token)?;
        // Local tokens name an issuer that is no URL, so no provider can take them for its own.
        match &self.local {
            Some(issuer) if !self.oidc.issues(&jwt) => local::known(token, issuer, directory).await,
            _ => self.oidc.known(&jwt, directory).await,
        }
    }
}

impl Callers for Credentials {
    fn caller<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Known, Refused>> {
        Box::pin(async move {
            self.known(token).await.map_err(|why| {
                self.metrics.credential_refusals.with_label_values(&[why.reason()]).inc();
                why.told()
            })
        })
    }
}

/// The tenant, if it exists and is served. Asked last, so that only who belongs to a tenant learns
/// that it is suspended.
pub(super) fn served(facts: Option<TenantFacts>) -> Result<TenantFacts, Why> {
    match facts {
        None => Err(Why::Nobody("no such tenant")),
        Some(facts) if facts.state != TenantState::Active => Err(Why::Suspended),
        Some(facts) => Ok(facts),
    }
}

/// How much the tenant may call, where that is its own.
pub(crate) fn quota(tenant: &TenantFacts) -> Option<Quota> {
    let number = |number: i32| u32::try_from(number).unwrap_or(1);
    tenant.quota.as_ref().map(|quota| Quota {
        calls_per_second: number(quota.calls_per_second),
        burst: number(quota.burst),
    })
}

/// The member, if there is one who may sign in.
pub(super) fn active(facts: Option<MemberFacts>) -> Result<MemberFacts, Why> {
    facts.filter(|member| member.active).ok_or(Why::Nobody("no such member who may sign in"))
}
