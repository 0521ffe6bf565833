//! What every handler is given.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, PoisonError, RwLock},
};

use contracts::customers::v1::{Identifier, IdentifierKind};
use kernel::{
    Clock, Ids, TenantId,
    keys::{BlindIndex, LastingKey, RootKeys, Sealer},
    page::PageTokens,
};
use prost::Message;
use rpc::{Call, wire};
use store::{Db, idempotency::Once};
use tokio_util::task::TaskTracker;

use crate::{
    Error,
    domain::{contact::Policy, quiet::Quiet},
    store::tenants,
    tenants::Home,
};

/// What the service is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The service's database.
    pub db: Db,
    /// How many partitions its feed has, from `store::meta::partitions`.
    pub partitions: u32,
    /// The process's clock.
    pub clock: Clock,
    /// The process's generator of ids.
    pub ids: Ids,
    /// The installation's root keys.
    pub keys: RootKeys,
    /// The database's lasting key, from `store::meta::lasting_key`.
    pub lasting: LastingKey,
    /// Where writes run, so that a drain waits for them.
    pub tasks: TaskTracker,
    /// Where tenants are at home, until the gateway says so.
    pub homes: HashMap<TenantId, Home>,
    /// When customers may be contacted.
    pub contact: Policy,
}

/// The service. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct App {
    parts: Arc<Parts>,
    /// Where tenants are at home as the gateway has told it.
    known_homes: Arc<RwLock<HashMap<TenantId, Home>>>,
    /// Makes and reads page tokens.
    pub(crate) tokens: PageTokens,
}

impl App {
    /// The service made of these parts, on a migrated database.
    pub fn new(parts: Parts) -> Self {
        let tokens = PageTokens::new(parts.keys.clone());
        let known_homes = Arc::new(RwLock::new(parts.homes.clone()));
        Self { parts: Arc::new(parts), known_homes, tokens }
    }

    /// Where a tenant's telephone numbers without country code belong; nowhere if nobody said.
    pub(crate) fn region(&self, tenant: TenantId) -> String {
        let homes = self.known_homes.read().unwrap_or_else(PoisonError::into_inner);
        homes.get(&tenant).map_or_else(|| "ZZ".to_owned(), |home| home.phone_region.clone())
    }

    /// The quiet hours of a customer of this time zone, or of the tenant's where it has none that is
    /// known; `None` where there are none at all. While nobody has said where the tenant is, another
    /// moment they can be told.
    pub(crate) fn quiet(&self, tenant: TenantId, zone: &str) -> Result<Option<Quiet>, Error> {
        let Some(hours) = &self.contact.quiet_hours else { return Ok(None) };
        if let Some(quiet) = Quiet::parse(hours, zone) {
            return Ok(Some(quiet));
        }
        let homes = self.known_homes.read().unwrap_or_else(PoisonError::into_inner);
        let home = homes.get(&tenant).ok_or(Error::TenantNotHeardOf)?;
        Quiet::parse(hours, &home.time_zone).map(Some).ok_or(Error::TenantNotHeardOf)
    }

    /// Refuses telephone numbers without a region of their own while nobody has said where the tenant
    /// is: another moment they can be read.
    pub(crate) fn must_know_home<'a>(
        &self,
        tenant: TenantId,
        given: impl IntoIterator<Item = &'a Identifier>,
    ) -> Result<(), Error> {
        let homes = self.known_homes.read().unwrap_or_else(PoisonError::into_inner);
        let needs_home =
            |one: &Identifier| one.kind() == IdentifierKind::Phone && one.region.is_empty();
        if given.into_iter().any(needs_home) && !homes.contains_key(&tenant) {
            return Err(Error::TenantNotHeardOf);
        }
        Ok(())
    }

    /// Brings this process's view of the tenants up to what the gateway has told of them.
    pub async fn load(&self) -> Result<(), store::Error> {
        let told = tenants::all(&self.db).await?;
        self.known_homes.write().unwrap_or_else(PoisonError::into_inner).extend(told);
        Ok(())
    }

    /// The request `body`, from which the request id was taken out, as what happens once.
    pub(crate) fn once(
        &self,
        call: &Call,
        method: &str,
        request_id: &str,
        body: &impl Message,
    ) -> Once {
        let tenant = call.tenant();
        let key = self.lasting.derive("customers/request", tenant.uuid().as_bytes());
        let hash = wire::request_hash(&key, body);
        Once::new(tenant, call.principal(), method, request_id, hash, self.clock.real_now())
    }

    /// Seals and opens a tenant's names and identifiers.
    pub(crate) fn sealer(&self, tenant: TenantId) -> Sealer {
        self.keys.sealer(tenant, "customers")
    }

    /// The blind index of a tenant's identifiers of one kind.
    pub(crate) fn blind_index(&self, tenant: TenantId, kind: IdentifierKind) -> BlindIndex {
        let purpose = match kind {
            IdentifierKind::Phone => "customers.phone",
            IdentifierKind::Email => "customers.email",
            IdentifierKind::Wechat => "customers.wechat",
            IdentifierKind::MemberNumber => "customers.member_number",
            IdentifierKind::External => "customers.external",
            IdentifierKind::Unspecified => "customers.unspecified",
        };
        self.lasting.blind_index(tenant, purpose)
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
