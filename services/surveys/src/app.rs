//! What every handler is given.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use kernel::{
    Clock, Ids, SurveyId, TenantId, Time,
    keys::{LastingKey, RootKeys},
    page::PageTokens,
};
use prost::Message;
use rpc::{Call, Outbound, wire};
use store::{Db, Tx, idempotency::Once};
use telemetry::Metrics;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::{
    Error,
    domain::{logic::Logic, questionnaire::Questionnaire, survey::Version},
    measures::Measured,
    store::{tenants, versions},
};

/// How many versions, and how many tenants, a process remembers; beyond it all are forgotten.
const REMEMBERED: usize = 1_024;
/// How long a tenant's time zone is believed.
const BELIEVED: Duration = Duration::from_secs(5);
/// 1970-01-01, from which days are counted.
const FIRST_DAY: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

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
    /// The way to customers.
    pub customers: Outbound,
    /// Where the days of tenants are that the gateway has not told of, as IANA names.
    pub homes: HashMap<TenantId, String>,
    /// Where metrics go.
    pub metrics: Metrics,
}

/// The service. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct App {
    parts: Arc<Parts>,
    /// Makes and reads page tokens.
    pub(crate) tokens: PageTokens,
    asked: Arc<Mutex<Versions>>,
    zones: Arc<Mutex<HashMap<TenantId, (Instant, TimeZone)>>>,
}

/// A version: whose, of what survey, and its number.
type VersionKey = (TenantId, SurveyId, i64);

/// Versions that were read.
type Versions = HashMap<VersionKey, Arc<Asked>>;

/// A published version, ready to be answered.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) survey: SurveyId,
    pub(crate) number: i64,
    pub(crate) series: i64,
    pub(crate) questionnaire: Questionnaire,
    pub(crate) logic: Logic,
    /// What of it is counted.
    pub(crate) measured: Measured,
}

impl App {
    /// The service made of these parts, on a migrated database.
    pub fn new(parts: Parts) -> Self {
        let tokens = PageTokens::new(parts.keys.clone());
        let (asked, zones) = (Arc::default(), Arc::default());
        Self { parts: Arc::new(parts), tokens, asked, zones }
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
        let key = self.lasting.derive("surveys/request", tenant.uuid().as_bytes());
        let hash = wire::request_hash(&key, body);
        Once::new(tenant, call.principal(), method, request_id, hash, self.clock.real_now())
    }

    /// Tells the same answers of a tenant from others, and nothing else of them.
    pub(crate) fn hash(&self, tenant: TenantId, what: &impl serde::Serialize) -> Vec<u8> {
        let key = self.lasting.derive("surveys/answers", tenant.uuid().as_bytes());
        let bytes = serde_json::to_vec(what).unwrap_or_default();
        kernel::keys::keyed_hash(&key, &bytes).to_vec()
    }

    /// A version to be answered; `None` where there is none. Versions never change, so that one that was
    /// read is not read again.
    pub(crate) async fn asked(
        &self,
        tenant: TenantId,
        survey: SurveyId,
        number: i64,
    ) -> Result<Option<Arc<Asked>>, Error> {
        let key = (tenant, survey, number);
        if let Some(known) = self.known(&key) {
            return Ok(Some(known));
        }
        let version = versions::get(&self.db, tenant, survey, number).await?;
        version.map(|version| self.keep(key, version)).transpose()
    }

    /// The same within a transaction.
    pub(crate) async fn asked_in(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        survey: SurveyId,
        number: i64,
    ) -> Result<Option<Arc<Asked>>, Error> {
        let key = (tenant, survey, number);
        if let Some(known) = self.known(&key) {
            return Ok(Some(known));
        }
        let version = versions::get_in(tx, tenant, survey, number).await?;
        version.map(|version| self.keep(key, version)).transpose()
    }

    fn known(&self, key: &VersionKey) -> Option<Arc<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: VersionKey, version: Version) -> Result<Arc<Asked>, Error> {
        let Version { survey, number, series, questionnaire, .. } = version;
        let logic = Logic::read_published(&questionnaire);
        let logic = logic.map_err(|_| Error::Corrupt("versions.questionnaire"))?;
        let measured = Measured::of(&questionnaire);
        let asked = Arc::new(Asked { survey, number, series, questionnaire, logic, measured });
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(key, asked.clone());
        Ok(asked)
    }

    /// The day of an instant where a tenant is, in days since 1970.
    pub(crate) async fn day(&self, tenant: TenantId, at: Time) -> Result<i64, Error> {
        let zone = self.zone(tenant).await?;
        let at = Timestamp::from_microsecond(at.micros()).unwrap_or(Timestamp::UNIX_EPOCH);
        let days = at.to_zoned(zone).date() - FIRST_DAY;
        Ok(days.get_days().into())
    }

    async fn zone(&self, tenant: TenantId) -> Result<TimeZone, Error> {
        let now = Instant::now();
        let known = self.zones.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned();
        if let Some((_, zone)) = known.filter(|(since, _)| now.duration_since(*since) < BELIEVED) {
            return Ok(zone);
        }
        let told = tenants::zone(&self.db, tenant).await?;
        let name =
            told.filter(|name| !name.is_empty()).or_else(|| self.homes.get(&tenant).cloned());
        let zone = name.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC);
        let mut all = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(tenant, (now, zone.clone()));
        Ok(zone)
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
