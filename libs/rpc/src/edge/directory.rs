//! Callers of a process without a gateway: the local issuer's tokens, and the tenants and their staff
//! held in memory.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use futures::future::{BoxFuture, ready};
use kernel::{Caller, CallerKind, Locale, Role, TenantId};

use super::{Callers, Known, Refused};
use crate::issuer::LocalIssuer;

/// One person of a tenant's staff, as the directory knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The roles that the member holds.
    pub roles: Vec<Role>,
    /// The teams that the member belongs to.
    pub teams: Vec<String>,
    /// The language of messages to the member.
    pub locale: Locale,
    /// Whether the member may sign in.
    pub active: bool,
}

/// Who is a tenant, and who is whose staff.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    inner: Arc<RwLock<HashMap<TenantId, HashMap<String, Member>>>>,
}

impl Directory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tenant, so that its customers and integrations may call.
    pub fn add_tenant(&self, tenant: TenantId) {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default();
    }

    /// Adds a member to a tenant's staff, or replaces what is known of them.
    pub fn put_member(&self, tenant: TenantId, slug: &str, member: Member) {
        let mut all = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(tenant).or_default().insert(slug.to_owned(), member);
    }

    fn member(&self, tenant: TenantId, slug: &str) -> Option<Member> {
        let all = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant)?.get(slug).filter(|member| member.active).cloned()
    }

    fn has(&self, tenant: TenantId) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).contains_key(&tenant)
    }
}

/// Knows callers by the local issuer's tokens and a [`Directory`].
#[derive(Clone, Debug)]
pub struct DirectoryCallers {
    issuer: Option<LocalIssuer>,
    directory: Directory,
}

impl DirectoryCallers {
    /// The callers that `issuer` vouches for; nobody where it is switched off.
    pub fn new(issuer: Option<LocalIssuer>, directory: Directory) -> Self {
        Self { issuer, directory }
    }

    fn check(&self, token: &str) -> Result<Known, Refused> {
        let issuer = self.issuer.as_ref().ok_or(Refused::Credential)?;
        let claims = issuer.check(token).map_err(|bad| {
            tracing::info!(cause = ?std::error::Error::source(&bad), "credential refused");
            Refused::Credential
        })?;
        let caller = claims.caller().ok_or(Refused::Credential)?;
        let caller = self.fill(caller).ok_or(Refused::Credential)?;
        Ok(Known { caller, credential: "local", expires: Some(claims.expires()), quota: None })
    }

    /// What the directory adds to a caller; `None` where it knows no such tenant or member.
    fn fill(&self, caller: Caller) -> Option<Caller> {
        match caller.kind {
            CallerKind::Operator => Some(caller),
            CallerKind::Member => {
                let member = self.directory.member(caller.tenant, &caller.subject)?;
                let Member { roles, teams, locale, .. } = member;
                Some(Caller { roles, teams, locale, ..caller })
            }
            CallerKind::Customer | CallerKind::Integration => {
                self.directory.has(caller.tenant).then_some(caller)
            }
            CallerKind::Anonymous | CallerKind::Service => None,
        }
    }
}

impl Callers for DirectoryCallers {
    fn caller<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Known, Refused>> {
        Box::pin(ready(self.check(token)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kernel::{Clock, CustomerId, Time, keys::RootKeys};
    use uuid::Uuid;

    use super::*;
    use crate::issuer::Principal;

    const NOW: Time = Time::from_micros(1_763_770_000_000_000);

    fn issuer() -> LocalIssuer {
        LocalIssuer::new(&RootKeys::parse(&"07".repeat(32), &[]).unwrap(), Clock::manual(NOW))
    }

    fn tenant(n: u128) -> TenantId {
        TenantId::from(Uuid::from_u128(n))
    }

    fn callers() -> DirectoryCallers {
        let directory = Directory::new();
        let member = |active| Member {
            roles: vec![Role::Agent],
            teams: vec!["first-line".to_owned()],
            locale: Locale::Zh,
            active,
        };
        directory.put_member(tenant(1), "lin", member(true));
        directory.put_member(tenant(1), "left", member(false));
        DirectoryCallers::new(Some(issuer()), directory)
    }

    async fn known(tenant: TenantId, kind: CallerKind, subject: &str) -> Result<Known, Refused> {
        let customer = (subject == "customer").then(|| CustomerId::from(Uuid::from_u128(9)));
        let subject = subject.to_owned();
        let principal = Principal { tenant, kind, subject, roles: Vec::new(), customer };
        let token = issuer().issue(&principal, Duration::from_mins(1)).unwrap();
        callers().caller(&token).await
    }

    #[tokio::test]
    async fn each_kind_is_made_out_as_the_directory_says() {
        let lin = known(tenant(1), CallerKind::Member, "lin").await.unwrap();
        assert_eq!(
            (lin.caller.roles.as_slice(), lin.caller.locale),
            (&[Role::Agent][..], Locale::Zh)
        );
        assert_eq!((lin.credential, lin.expires), ("local", Some(NOW + Duration::from_mins(1))));

        let customer = known(tenant(1), CallerKind::Customer, "customer").await.unwrap().caller;
        assert_eq!(customer.customer, Some(CustomerId::from(Uuid::from_u128(9))));
        let shop = known(tenant(1), CallerKind::Integration, "shop").await.unwrap().caller;
        assert_eq!((shop.roles.as_slice(), shop.customer), (&[Role::Integration][..], None));
        let operator = known(tenant(9), CallerKind::Operator, "ops").await.unwrap().caller;
        assert_eq!(operator.roles, [Role::Operator]);
    }

    #[tokio::test]
    async fn whom_the_directory_does_not_know_is_refused() {
        for (tenant, kind, subject) in [
            (tenant(1), CallerKind::Member, "nobody"),
            (tenant(1), CallerKind::Member, "left"),
            (tenant(2), CallerKind::Member, "lin"),
            (tenant(2), CallerKind::Integration, "shop"),
            (tenant(2), CallerKind::Customer, "customer"),
            (tenant(1), CallerKind::Customer, "without an id"),
        ] {
            let refused = known(tenant, kind, subject).await;
            assert_eq!(refused, Err(Refused::Credential), "{kind:?} {subject}");
        }
        assert_eq!(callers().caller("nonsense").await, Err(Refused::Credential));
    }

    #[tokio::test]
    async fn without_an_issuer_nobody_is_known() {
        let who = |kind| Principal {
            tenant: tenant(1),
            kind,
            subject: "lin".to_owned(),
            roles: Vec::new(),
            customer: None,
        };
        let token = issuer().issue(&who(CallerKind::Member), Duration::from_mins(1)).unwrap();
        let off = DirectoryCallers::new(None, callers().directory);
        assert_eq!(off.caller(&token).await, Err(Refused::Credential));
    }
}
