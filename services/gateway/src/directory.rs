//! Who is who, for the door: look-ups straight from the database. The door keeps what it was told for
//! at most five seconds; so long a change takes to be true everywhere.

use contracts::gateway::v1::TenantState;
use kernel::{ApiKeyId, Locale, Role, TenantId, Time, keys::LastingKey};
use store::Db;

use crate::{
    Error, app,
    domain::{
        api_key::Secret,
        member::Login,
        tenant::{Quota, Tenant},
    },
    store::{
        api_keys,
        members::{self, Facts},
        names::NameKind,
        tenants,
    },
};

pub use crate::domain::api_key::read_credential;

/// The look-ups. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Directory {
    db: Db,
    lasting: LastingKey,
}

/// A tenant as the door needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantFacts {
    /// Its id.
    pub id: TenantId,
    /// Its short name.
    pub slug: String,
    /// What it is called.
    pub title: String,
    /// Where its day is, as an IANA name.
    pub time_zone: String,
    /// Whether it is served.
    pub state: TenantState,
    /// The language of its customers.
    pub locale: Locale,
    /// The origins whose pages may call.
    pub origins: Vec<String>,
    /// How much it may call; `None` for what the configuration says.
    pub quota: Option<Quota>,
}

/// A person of the staff as the door needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFacts {
    /// The company's own id, which is the caller's subject.
    pub id: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// The teams that they belong to, by id.
    pub teams: Vec<String>,
    /// The language of messages to them; `None` for the tenant's.
    pub locale: Option<Locale>,
    /// Whether they may sign in.
    pub active: bool,
}

/// A key as the door needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id, which is the caller's subject.
    pub id: ApiKeyId,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it stops to hold, by real time.
    pub expires_at: Option<Time>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Its secrets, newest first; at most two.
    pub secrets: Vec<Secret>,
}

impl KeyFacts {
    /// Whether the key holds at the real time `now` with this secret. All secrets are compared, each
    /// in a time that tells nothing.
    pub fn admits(&self, secret: &str, now: Time) -> bool {
        let known = self.secrets.iter().fold(false, |known, one| known | one.admits(secret, now));
        known && !self.revoked && self.expires_at.is_none_or(|expires| now < expires)
    }
}

impl Directory {
    pub(crate) fn new(db: Db, lasting: LastingKey) -> Self {
        Self { db, lasting }
    }

    /// The tenant of this id.
    pub async fn tenant(&self, id: TenantId) -> Result<Option<TenantFacts>, Error> {
        Ok(tenants::get(&self.db, id).await?.map(TenantFacts::from))
    }

    /// The tenant of this slug.
    pub async fn tenant_by_slug(&self, slug: &str) -> Result<Option<TenantFacts>, Error> {
        Ok(tenants::by_name(&self.db, NameKind::Slug, slug).await?.map(TenantFacts::from))
    }

    /// The tenant whose public pages have this host name, in lower case and without a port.
    pub async fn tenant_by_host(&self, host: &str) -> Result<Option<TenantFacts>, Error> {
        Ok(tenants::by_name(&self.db, NameKind::Host, host).await?.map(TenantFacts::from))
    }

    /// The person of this id, active or not.
    pub async fn member(&self, tenant: TenantId, id: &str) -> Result<Option<MemberFacts>, Error> {
        Ok(members::facts(&self.db, tenant, id).await?.map(MemberFacts::from))
    }

    /// The person who is `subject` to this issuer of tokens, active or not.
    pub async fn member_by_login(
        &self,
        tenant: TenantId,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<MemberFacts>, Error> {
        let login = Login { issuer: issuer.to_owned(), subject: subject.to_owned() };
        let login = app::logins(&self.lasting, tenant).of(&login.key());
        Ok(members::facts_by_login(&self.db, tenant, login).await?.map(MemberFacts::from))
    }

    /// The key of this id, whosoever it is; [`read_credential`] takes the id out of a credential.
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Option<KeyFacts>, Error> {
        let found = api_keys::by_id(&self.db, id).await?;
        Ok(found.map(|(tenant, key)| KeyFacts {
            tenant,
            id: key.id,
            scopes: key.scopes,
            expires_at: key.expires_at,
            revoked: key.revoked_at.is_some(),
            secrets: key.secrets,
        }))
    }

    /// The origins of all tenants, suspended ones too, each once: a preflight carries no credential
    /// that would tell whose it is.
    pub async fn all_origins(&self) -> Result<Vec<String>, Error> {
        let mut all = tenants::origins(&self.db).await?;
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }
}

impl From<Tenant> for TenantFacts {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            slug: tenant.slug,
            title: tenant.profile.title,
            time_zone: tenant.profile.time_zone,
            state: tenant.state,
            locale: Locale::parse(&tenant.profile.locale).unwrap_or_default(),
            origins: tenant.profile.origins,
            quota: tenant.profile.quota,
        }
    }
}

impl From<Facts> for MemberFacts {
    fn from(facts: Facts) -> Self {
        Self {
            id: facts.id,
            roles: facts.roles.0,
            teams: facts.teams.0,
            locale: Locale::parse(&facts.locale),
            active: facts.active,
        }
    }
}
