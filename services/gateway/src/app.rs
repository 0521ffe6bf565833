//! What every handler is given.

use std::{ops::Deref, sync::Arc};

use kernel::{
    ApiKeyId, Clock, Ids, TenantId,
    keys::{BlindIndex, LastingKey, RootKeys, Sealer},
    page::PageTokens,
};
use prost::Message;
use rpc::{Call, Grants, wire};
use store::{Db, idempotency::Once};
use telemetry::Metrics;
use tokio_util::task::TaskTracker;

use crate::{
    Error, access::AccessLog, directory::Directory, seed, store::members::Secrets, uses::KeyUses,
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
    /// What each role may do: nobody gives more than they have.
    pub grants: Arc<Grants>,
    /// Where metrics go.
    pub metrics: Metrics,
}

/// The service. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct App {
    parts: Arc<Parts>,
    /// Makes and reads page tokens.
    pub(crate) tokens: PageTokens,
    pub(crate) access: AccessLog,
    pub(crate) uses: KeyUses,
}

impl App {
    /// The service made of these parts, on a migrated database.
    pub fn new(parts: Parts) -> Self {
        let tokens = PageTokens::new(parts.keys.clone());
        let access = AccessLog::new(parts.clock.clone());
        Self { parts: Arc::new(parts), tokens, access, uses: KeyUses::default() }
    }

    /// Brings what the seed names into the database, once: what is there stays as it is, whoever
    /// changed it since. Replicas may do this at the same time.
    pub async fn seed(&self, tenants: &[seed::Tenant]) -> Result<(), Error> {
        seed::run(self, tenants).await
    }

    /// Who is who, for the door.
    pub fn directory(&self) -> Directory {
        Directory::new(self.db.clone(), self.lasting.clone())
    }

    /// Where the door records who came in; [`access::run`](crate::access::run) writes it.
    pub fn access_log(&self) -> AccessLog {
        self.access.clone()
    }

    /// Notes that a key was used just now, to the minute, without waiting for the database.
    pub fn note_use(&self, tenant: TenantId, key: ApiKeyId) {
        self.uses.note(tenant, key, self.clock.real_now());
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
        let key = self.lasting.derive("gateway/request", tenant.uuid().as_bytes());
        let hash = wire::request_hash(&key, body);
        let now = self.clock.real_now();
        Once::new(tenant, call.principal(), method, request_id, hash, now)
    }

    /// Seals and opens the names and logins of a tenant's staff.
    pub(crate) fn sealer(&self, tenant: TenantId) -> Sealer {
        self.keys.sealer(tenant, "gateway")
    }

    /// What the names and logins of a tenant's staff are written with.
    pub(crate) fn secrets(&self, tenant: TenantId) -> Secrets {
        Secrets { sealer: self.sealer(tenant), logins: logins(&self.lasting, tenant) }
    }
}

/// The blind index of the logins of a tenant's staff.
pub(crate) fn logins(lasting: &LastingKey, tenant: TenantId) -> BlindIndex {
    lasting.blind_index(tenant, "gateway.login")
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
