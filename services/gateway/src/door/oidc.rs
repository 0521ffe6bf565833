//! JWTs of the configured OIDC providers.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::Algorithm;
use kernel::{Caller, CallerKind, Clock, CustomerId, Locale, Role, TenantId, Time, id};
use rpc::edge::{Known, Quota};
use telemetry::Metrics;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    callers::{Directory, Why, active, quota, served},
    fetch::Fetch,
    jwks::{Fetches, KeySet},
    jwt::Jwt,
};
use crate::directory::{MemberFacts, TenantFacts};

/// One provider whose tokens are taken, for one audience.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// What has to be among their `aud`.
    pub audience: String,
    /// Where its keys are; where its own description says if this does not.
    pub jwks_uri: Option<String>,
    /// How its tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// Which tenant its tokens are for.
    pub tenant: TenantBy,
    /// Whom its tokens stand for.
    pub kind: Kind,
    /// The claim that names them.
    pub subject_claim: String,
    /// The subjects who run the platform; they belong to no tenant.
    pub operators: Vec<String>,
    /// How far its clock may be off.
    pub leeway: Duration,
}

/// Where the tenant of a token is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantBy {
    /// Always this one: its slug or id.
    Name(String),
    /// The claim of this name holds its slug or id.
    Claim(String),
}

/// Whom the tokens of a provider stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The tenant's staff.
    Member,
    /// The tenant's customers, each named by a claim as `customers/{id}`.
    Customer {
        /// The claim.
        claim: String,
    },
}

/// The algorithm of this name (`RS256`, `ES256`, `EdDSA`, …). Only those with a public key: with a
/// shared secret whoever checks a token could make one.
pub fn algorithm(name: &str) -> Option<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let all = [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];
    all.into_iter().find(|algorithm| format!("{algorithm:?}") == name)
}

/// The providers, each with its keys.
pub struct Oidc {
    providers: Vec<(Provider, Arc<KeySet>)>,
    clock: Clock,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let providers = self.providers.iter().map(|(provider, _)| provider);
        f.debug_list().entries(providers).finish()
    }
}

impl Oidc {
    /// These providers, whose keys come by `fetch`. No token holds before [`start`](Self::start).
    pub fn new(
        providers: Vec<Provider>,
        fetch: &Arc<dyn Fetch>,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let fetches = Arc::new(Fetches::new(clock.clone(), metrics));
        let mut all: Vec<(Provider, Arc<KeySet>)> = Vec::new();
        for provider in providers {
            // One issuer may be configured for several audiences; its keys are the same.
            let same = |other: &Provider| {
                (&other.issuer, &other.jwks_uri) == (&provider.issuer, &provider.jwks_uri)
            };
            let keys = all.iter().find(|(other, _)| same(other)).map(|(_, keys)| keys.clone());
            let keys = keys.unwrap_or_else(|| {
                let (issuer, uri) = (provider.issuer.clone(), provider.jwks_uri.clone());
                Arc::new(KeySet::new(issuer, uri, fetch.clone(), &fetches))
            });
            all.push((provider, keys));
        }
        Self { providers: all, clock }
    }

    /// Fetches the keys and keeps them fresh until `stop`.
    pub fn start(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        for (index, (_, keys)) in self.providers.iter().enumerate() {
            let started = self.providers[..index].iter().any(|(_, other)| Arc::ptr_eq(other, keys));
            if !started {
                tasks.spawn(keys.clone().keep_fresh(stop.clone()));
            }
        }
    }

    /// Whether a token says that it comes from one of them.
    pub(super) fn issues(&self, jwt: &Jwt<'_>) -> bool {
        let issuer = jwt.text("iss");
        self.providers.iter().any(|(provider, _)| Some(provider.issuer.as_str()) == issuer)
    }

    /// Whom a token stands for.
    pub(super) async fn known(
        &self,
        jwt: &Jwt<'_>,
        directory: &dyn Directory,
    ) -> Result<Known, Why> {
        let (provider, keys) = self.provider(jwt)?;
        let algorithm = algorithm(&jwt.algorithm)
            .filter(|algorithm| provider.algorithms.contains(algorithm))
            .ok_or(Why::Unproved("not signed as its issuer signs"))?;
        // Times first: it costs nothing to refuse an old token.
        let expires = provider.times(jwt, self.clock.real_now())?;
        let key = keys.find(jwt.kid.as_deref(), algorithm).await?;
        if !jwt.is_signed_with(&key, algorithm) {
            return Err(Why::Unproved("its signature does not hold"));
        }
        let (caller, quota) = provider.caller(jwt, directory).await?;
        Ok(Known { caller, credential: "oidc", expires: Some(expires), quota })
    }

    /// The one provider whose issuer and audience a token names.
    fn provider(&self, jwt: &Jwt<'_>) -> Result<&(Provider, Arc<KeySet>), Why> {
        let issuer = jwt.text("iss").ok_or(Why::Issuer("it names no issuer"))?;
        let is_its =
            |provider: &Provider| provider.issuer == issuer && jwt.is_for(&provider.audience);
        let mut of = self.providers.iter().filter(|(provider, _)| is_its(provider));
        match (of.next(), of.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(Why::Issuer("from no issuer that is taken, or for another audience")),
            (Some(_), Some(_)) => Err(Why::Issuer("for several audiences of ours at once")),
        }
    }
}

impl Provider {
    /// When a token ends, if it holds now.
    fn times(&self, jwt: &Jwt<'_>, now: Time) -> Result<Time, Why> {
        let time = |seconds: i64| Time::from_micros(seconds * 1_000_000);
        let expires = jwt.seconds("exp")?.ok_or(Why::Time("it does not say when it ends"))?;
        let expires = time(expires) + self.leeway;
        if expires <= now {
            return Err(Why::Time("it has expired"));
        }
        for claim in ["nbf", "iat"] {
            if jwt.seconds(claim)?.is_some_and(|at| time(at) > now + self.leeway) {
                return Err(Why::Time("it does not hold yet"));
            }
        }
        Ok(expires)
    }

    /// Who the claims name, and how much their tenant may call.
    async fn caller(
        &self,
        jwt: &Jwt<'_>,
        directory: &dyn Directory,
    ) -> Result<(Caller, Option<Quota>), Why> {
        jwt.text("sub").ok_or(Why::Nobody("it names no subject"))?;
        let subject = jwt.text(&self.subject_claim).ok_or(Why::Nobody("it names no subject"))?;
        if self.operators.iter().any(|operator| operator == subject) {
            let none = TenantId::from(Uuid::nil());
            let operator = caller(none, CallerKind::Operator, subject, vec![Role::Operator]);
            return Ok((operator, None));
        }
        let tenant = self.tenant(jwt, directory).await?.ok_or(Why::Nobody("no such tenant"))?;
        match &self.kind {
            Kind::Member => {
                let member = directory.member_by_login(tenant.id, &self.issuer, subject).await?;
                let MemberFacts { id, roles, teams, locale, .. } = active(member)?;
                let tenant = served(Some(tenant))?;
                let caller = caller(tenant.id, CallerKind::Member, &id, roles);
                let locale = locale.unwrap_or(tenant.locale);
                Ok((Caller { teams, locale, ..caller }, quota(&tenant)))
            }
            Kind::Customer { claim } => {
                let customer = jwt.text(claim).and_then(CustomerId::parse_name);
                let customer = customer.ok_or(Why::Nobody("it names no customer"))?;
                let tenant = served(Some(tenant))?;
                let (subject, roles) = (customer.uuid().to_string(), vec![Role::Customer]);
                let caller = caller(tenant.id, CallerKind::Customer, &subject, roles);
                let locale = tenant.locale;
                Ok((Caller { customer: Some(customer), locale, ..caller }, quota(&tenant)))
            }
        }
    }

    async fn tenant(
        &self,
        jwt: &Jwt<'_>,
        directory: &dyn Directory,
    ) -> Result<Option<TenantFacts>, Why> {
        let name = match &self.tenant {
            TenantBy::Name(name) => name,
            TenantBy::Claim(claim) => jwt.text(claim).ok_or(Why::Nobody("it names no tenant"))?,
        };
        Ok(match id::canonical(name) {
            Some(id) => directory.tenant(TenantId::from(id)).await?,
            None => directory.tenant_by_slug(name).await?,
        })
    }
}

fn caller(tenant: TenantId, kind: CallerKind, subject: &str, roles: Vec<Role>) -> Caller {
    Caller {
        tenant,
        kind,
        subject: subject.to_owned(),
        roles,
        teams: Vec::new(),
        scopes: None,
        customer: None,
        link: None,
        locale: Locale::En,
    }
}
