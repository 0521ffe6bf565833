//! What every handler of tickets has at hand.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use ::rpc::{Call, Outbound, wire};
use ::store::{Db, Error, idempotency::Once, transact};
use calendar::Problem;
use jiff::tz::TimeZone;
use kernel::{
    Clock, CustomerId, Ids, TenantId,
    keys::{LastingKey, RootKeys},
    page::PageTokens,
};
use prost::Message;
use tokio_util::task::TaskTracker;

use crate::{
    domain::{
        Actor,
        policy::{Calendars, Policy},
        routing::{Routing, Staff},
    },
    store::{agents, directory, directory::Known, numbers::Numbers},
};

/// How many known customers and lanes a process remembers; beyond it all are forgotten.
const REMEMBERED: usize = 65_536;

/// What tickets is made of.
#[derive(Debug)]
pub struct Parts {
    /// Its database.
    pub db: Db,
    /// How many partitions its feed has.
    pub partitions: u32,
    /// The time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// The keys.
    pub keys: RootKeys,
    /// The database's lasting key, from `store::meta::lasting_key`.
    pub lasting: LastingKey,
    /// Where writes run.
    pub tasks: TaskTracker,
    /// The way to customers.
    pub customers: Outbound,
    /// The tenants that the configuration names.
    pub tenants: Vec<Tenant>,
    /// Its own feed, for watching.
    pub source: feed::Source,
    /// Where metrics go.
    pub metrics: telemetry::Metrics,
}

/// What tickets knows of a tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its queues and agents.
    pub routing: Routing,
    /// Its staff, as far as it is known before the gateway tells of it.
    pub staff: Vec<Staff>,
    /// The IANA time zone of its working hours.
    pub time_zone: String,
    /// The region that its telephone numbers are read in.
    pub phone_region: String,
}

/// A tenant, ready to be worked for.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) routing: Routing,
    pub(crate) calendars: Calendars,
    pub(crate) policy: Policy,
    pub(crate) phone_region: String,
    /// Where its days are.
    pub(crate) zone: TimeZone,
}

/// Everything that a handler has at hand; a cheap clone.
#[derive(Clone, Debug)]
pub struct App {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    /// How each tenant works, with the version of the directory that it goes by.
    settings: RwLock<HashMap<TenantId, (i64, Arc<Settings>)>>,
    numbers: Numbers,
    tokens: PageTokens,
    request_key: [u8; 32],
    known_customers: Mutex<HashSet<(TenantId, CustomerId)>>,
    known_lanes: Mutex<HashSet<(TenantId, String)>>,
}

/// A tenant's time zone is not one.
#[derive(Debug, thiserror::Error)]
#[error("tenant {tenant}: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct BadTenant {
    tenant: TenantId,
    problems: Vec<Problem>,
}

impl Settings {
    fn of(tenant: Tenant) -> Result<Self, BadTenant> {
        let calendars = Calendars::of_zone(&tenant.time_zone)
            .map_err(|problems| BadTenant { tenant: tenant.id, problems })?;
        // What has calendars is a zone.
        let zone = TimeZone::get(&tenant.time_zone).unwrap_or(TimeZone::UTC);
        let Tenant { routing, staff, phone_region, .. } = tenant;
        Ok(Self {
            routing: routing.with(&staff),
            calendars,
            policy: Policy::shipped(),
            phone_region,
            zone,
        })
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Result<Self, BadTenant> {
        let mut settings = HashMap::new();
        for tenant in &parts.tenants {
            // Before the first version of the directory, which is 1.
            settings.insert(tenant.id, (0, Arc::new(Settings::of(tenant.clone())?)));
        }
        let tokens = PageTokens::new(parts.keys.clone());
        let request_key = parts.lasting.derive("request hash", b"tickets");
        let inner = Inner {
            parts,
            settings: RwLock::new(settings),
            numbers: Numbers::default(),
            tokens,
            request_key,
            known_customers: Mutex::default(),
            known_lanes: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Brings this process's view of the tenants up to what the gateway has told of them, and the
    /// agents' capacities in the ledger up to that and to the configuration.
    pub async fn load(&self) -> Result<(), Error> {
        self.refresh().await?;
        for tenant in self.tenants() {
            let Some(settings) = self.settings(tenant) else { continue };
            transact!(self.db(), "agents.set", |tx| {
                for (member, profile) in &settings.routing.agents {
                    agents::set(tx, tenant, member, profile.capacity).await?;
                }
                Ok::<_, Error>(())
            })?;
        }
        Ok(())
    }

    /// Reads again what the gateway has told of tenants since this was last asked.
    pub(crate) async fn refresh(&self) -> Result<(), Error> {
        for known in directory::tenants(self.db()).await? {
            let (id, version) = (known.tenant, known.version);
            let written = self.written(id);
            // Its staff may be told of before the tenant itself.
            if self.version(id) == version || written.is_none() && known.time_zone.is_empty() {
                continue;
            }
            let staff = directory::staff(self.db(), id).await?;
            match Settings::of(merged(known, written, staff)) {
                Ok(settings) => {
                    let mut all =
                        self.inner.settings.write().unwrap_or_else(PoisonError::into_inner);
                    all.insert(id, (version, Arc::new(settings)));
                }
                Err(error) => tracing::error!(%error, "a tenant cannot be worked for"),
            }
        }
        Ok(())
    }

    fn version(&self, tenant: TenantId) -> i64 {
        let all = self.inner.settings.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant).map_or(0, |(version, _)| *version)
    }

    /// What the configuration says of a tenant.
    fn written(&self, tenant: TenantId) -> Option<&Tenant> {
        self.inner.parts.tenants.iter().find(|one| one.id == tenant)
    }

    /// How the configuration routes a tenant; in the usual way where it does not name it.
    pub(crate) fn written_routing(&self, tenant: TenantId) -> Routing {
        self.written(tenant).map(|written| written.routing.clone()).unwrap_or_default()
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.inner.parts.db
    }

    /// How many partitions the feed has.
    pub(crate) fn partitions(&self) -> u32 {
        self.inner.parts.partitions
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.inner.parts.clock
    }

    pub(crate) fn ids(&self) -> &Ids {
        &self.inner.parts.ids
    }

    pub(crate) fn keys(&self) -> &RootKeys {
        &self.inner.parts.keys
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.inner.parts.tasks
    }

    pub(crate) fn customers(&self) -> &Outbound {
        &self.inner.parts.customers
    }

    pub(crate) fn source(&self) -> &feed::Source {
        &self.inner.parts.source
    }

    pub(crate) fn metrics(&self) -> &telemetry::Metrics {
        &self.inner.parts.metrics
    }

    pub(crate) fn tokens(&self) -> &PageTokens {
        &self.inner.tokens
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.inner.numbers
    }

    /// The request `body`, from which the request id was taken out, as what happens once.
    pub(crate) fn once(&self, call: &Call, request_id: &str, body: &impl Message) -> Once {
        let hash = wire::request_hash(&self.inner.request_key, body);
        let now = self.clock().real_now();
        Once::new(call.tenant(), call.principal(), &call.method, request_id, hash, now)
    }

    /// How this tenant works; `None` for one that this process has not heard of yet.
    pub(crate) fn settings(&self, tenant: TenantId) -> Option<Arc<Settings>> {
        let all = self.inner.settings.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant).map(|(_, settings)| Arc::clone(settings))
    }

    /// The tenants that there are.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let all = self.inner.settings.read().unwrap_or_else(PoisonError::into_inner);
        all.keys().copied().collect()
    }

    /// Whether this customer was seen before. Customers do not vanish without an event.
    pub(crate) fn knows_customer(&self, tenant: TenantId, customer: CustomerId) -> bool {
        let known = self.inner.known_customers.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(&(tenant, customer))
    }

    pub(crate) fn note_customer(&self, tenant: TenantId, customer: CustomerId) {
        let mut known = self.inner.known_customers.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert((tenant, customer));
    }

    /// Whether this lane is known to be in the database; lanes stay.
    pub(crate) fn knows_lane(&self, tenant: TenantId, lane: &str) -> bool {
        let known = self.inner.known_lanes.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(&(tenant, lane.to_owned()))
    }

    pub(crate) fn note_lane(&self, tenant: TenantId, lane: &str) {
        let mut known = self.inner.known_lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert((tenant, lane.to_owned()));
    }
}

/// A tenant as the directory has it, with what the configuration writes of it: its queues and
/// profiles, and whatever else has not been told yet.
fn merged(known: Known, written: Option<&Tenant>, told: Vec<Staff>) -> Tenant {
    let Known { tenant: id, mut time_zone, mut phone_region, .. } = known;
    let (mut routing, mut staff) = (Routing::default(), Vec::new());
    if let Some(written) = written {
        routing.clone_from(&written.routing);
        staff.clone_from(&written.staff);
        staff.retain(|one| told.iter().all(|other| other.member != one.member));
        if time_zone.is_empty() {
            time_zone.clone_from(&written.time_zone);
            phone_region.clone_from(&written.phone_region);
        }
    }
    staff.extend(told);
    Tenant { id, routing, staff, time_zone, phone_region }
}

/// Who acts in a call.
pub(crate) fn actor(call: &Call) -> Actor {
    let member =
        (call.caller.kind == kernel::CallerKind::Member).then(|| call.caller.subject.clone());
    Actor { kind: call.caller.kind, member }
}
