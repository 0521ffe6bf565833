//! How much a tenant, and one credential of it, may call: a bucket that fills evenly (GCRA).
//!
//! Keys of the same rate share one limiter, so that a changed rate takes effect with the next call,
//! beginning with a full bucket. Buckets that are full again are forgotten. The credential is asked
//! first, so that one that runs wild does not use up what the others of its tenant may.

use std::{
    collections::HashMap,
    fmt::{self, Display},
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU32,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::{StateInformationMiddleware, StateSnapshot},
    state::keyed::HashMapStateStore,
};
use http::{HeaderMap, HeaderValue};
use kernel::{Code, Fault, TenantId};

/// After so many calls the buckets that are full again are dropped.
const SWEEP_EVERY: u32 = 4_096;
/// More buckets of one rate than this are never kept; beyond it all of them start anew.
const MOST_KEYS: usize = 100_000;

/// How much may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Calls a second, kept up for any time.
    pub calls_per_second: NonZeroU32,
    /// Calls at once on top of that.
    pub burst: NonZeroU32,
}

impl Rate {
    /// So many calls a second and so many at once; the least of either is one.
    pub const fn new(calls_per_second: u32, burst: u32) -> Self {
        Self { calls_per_second: at_least_one(calls_per_second), burst: at_least_one(burst) }
    }

    /// The seconds in which an empty bucket fills.
    fn window(self) -> u32 {
        self.burst.get().div_ceil(self.calls_per_second.get())
    }
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// Whose quota it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All that is called for a tenant.
    Tenant,
    /// What is called with one key, or by one subject.
    Credential,
}

impl Scope {
    /// Its name in headers, messages and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Credential => "credential",
        }
    }
}

/// What is left of one quota after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    scope: Scope,
    rate: Rate,
    left: u32,
}

/// What is left after a call that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    tenant: Bucket,
    credential: Bucket,
}

impl Left {
    /// How many more calls the caller may make at once.
    pub fn calls(&self) -> u32 {
        self.tenant.left.min(self.credential.left)
    }

    /// Says so to an HTTP caller: `RateLimit-Policy` and `RateLimit`.
    pub fn write(&self, headers: &mut HeaderMap) {
        let (tenant, credential) = (&self.tenant, &self.credential);
        put(headers, "ratelimit-policy", format!("{}, {}", policy(tenant), policy(credential)));
        put(headers, "ratelimit", format!("{}, {}", state(tenant), state(credential)));
    }
}

/// A quota is used up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {}'s quota of {} calls a second, {} at once, is used up",
    .scope.as_str(), .rate.calls_per_second, .rate.burst
)]
pub struct Exceeded {
    /// Whose it is.
    pub scope: Scope,
    /// What it allows.
    pub rate: Rate,
    /// When the next call will be let in.
    pub retry_after: Duration,
}

impl Exceeded {
    /// Says so to an HTTP caller: `RateLimit-Policy`, `RateLimit` and `Retry-After`.
    pub fn write(&self, headers: &mut HeaderMap) {
        let bucket = Bucket { scope: self.scope, rate: self.rate, left: 0 };
        put(headers, "ratelimit-policy", policy(&bucket).to_string());
        let seconds = self.retry_after.as_millis().div_ceil(1_000).max(1);
        put(headers, "ratelimit", format!("\"{}\";r=0;t={seconds}", self.scope.as_str()));
        put(headers, "retry-after", seconds.to_string());
    }
}

impl Fault for Exceeded {
    fn code(&self) -> Code {
        Code::ResourceExhausted
    }

    fn domain(&self) -> &'static str {
        "gateway.aftercare"
    }

    fn reason(&self) -> &'static str {
        match self.scope {
            Scope::Tenant => "TENANT_QUOTA_EXCEEDED",
            Scope::Credential => "CREDENTIAL_QUOTA_EXCEEDED",
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![
            ("calls_per_second", self.rate.calls_per_second.to_string()),
            ("burst", self.rate.burst.to_string()),
        ]
    }

    fn quota(&self) -> Option<(String, String)> {
        let Rate { calls_per_second, burst } = self.rate;
        let allows = format!("{calls_per_second} calls a second, {burst} at once");
        Some((self.scope.as_str().to_owned(), allows))
    }

    fn retry_after(&self) -> Option<Duration> {
        Some(self.retry_after)
    }

    fn message_zh(&self) -> Option<String> {
        let whose = match self.scope {
            Scope::Tenant => "租户",
            Scope::Credential => "凭证",
        };
        let Rate { calls_per_second, burst } = self.rate;
        Some(format!("{whose}的调用配额（每秒 {calls_per_second} 次，突发 {burst} 次）已用完"))
    }
}

/// `"tenant";q=400;w=2`: so many calls in so many seconds.
fn policy(bucket: &Bucket) -> impl Display {
    let (name, rate) = (bucket.scope.as_str(), bucket.rate);
    fmt::from_fn(move |f| write!(f, "\"{name}\";q={};w={}", rate.burst, rate.window()))
}

/// `"tenant";r=399;t=1`: so many calls are left, and all of them again after so many seconds.
fn state(bucket: &Bucket) -> impl Display {
    let (name, rate, left) = (bucket.scope.as_str(), bucket.rate, bucket.left);
    let missing = rate.burst.get().saturating_sub(left);
    let full = missing.div_ceil(rate.calls_per_second.get());
    fmt::from_fn(move |f| write!(f, "\"{name}\";r={left};t={full}"))
}

fn put(headers: &mut HeaderMap, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// A bucket's owner: the tenant, and a hash of the credential where it is one of it.
type Key = (TenantId, Option<u64>);
type Buckets<C> = RateLimiter<Key, HashMapStateStore<Key>, C, StateInformationMiddleware>;

/// What tenants and credentials may call, and have called.
#[derive(Debug)]
pub struct Quotas<C: Clock = MonotonicClock> {
    /// What a tenant may call of which nothing else is said.
    tenant: Rate,
    /// What one credential may call.
    credential: Rate,
    clock: C,
    by_rate: RwLock<HashMap<Rate, Arc<Buckets<C>>>>,
    hasher: RandomState,
    calls: AtomicU32,
}

impl Quotas {
    /// These rates for a tenant of which nothing else is said, and for one credential.
    pub fn new(tenant: Rate, credential: Rate) -> Self {
        Self::with_clock(tenant, credential, MonotonicClock)
    }
}

impl<C: Clock + Clone> Quotas<C> {
    /// The same, by this clock.
    pub fn with_clock(tenant: Rate, credential: Rate, clock: C) -> Self {
        let (by_rate, calls) = (RwLock::default(), AtomicU32::new(0));
        Self { tenant, credential, clock, by_rate, hasher: RandomState::new(), calls }
    }

    /// Takes one call of this credential (an API key's id, a subject) from its quota and its
    /// tenant's. `rate` is the tenant's own, where it has one.
    pub fn take(
        &self,
        tenant: TenantId,
        credential: &str,
        rate: Option<Rate>,
    ) -> Result<Left, Exceeded> {
        if self.calls.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.sweep();
        }
        let hash = self.hasher.hash_one(credential);
        let credential = self.take_one(Scope::Credential, (tenant, Some(hash)), self.credential)?;
        let tenant = self.take_one(Scope::Tenant, (tenant, None), rate.unwrap_or(self.tenant))?;
        Ok(Left { tenant, credential })
    }

    fn take_one(&self, scope: Scope, key: Key, rate: Rate) -> Result<Bucket, Exceeded> {
        let taken = self.buckets(rate).check_key(&key);
        let left = taken.as_ref().map_or(0, StateSnapshot::remaining_burst_capacity);
        match taken {
            Ok(_) => Ok(Bucket { scope, rate, left }),
            Err(until) => {
                let retry_after = until.wait_time_from(self.clock.now());
                Err(Exceeded { scope, rate, retry_after })
            }
        }
    }

    fn buckets(&self, rate: Rate) -> Arc<Buckets<C>> {
        let known = self.by_rate.read().unwrap_or_else(PoisonError::into_inner).get(&rate).cloned();
        known.unwrap_or_else(|| {
            let mut all = self.by_rate.write().unwrap_or_else(PoisonError::into_inner);
            let quota = Quota::per_second(rate.calls_per_second).allow_burst(rate.burst);
            let store = HashMapStateStore::default();
            let buckets = || Arc::new(Buckets::new(quota, store, self.clock.clone()));
            all.entry(rate).or_insert_with(buckets).clone()
        })
    }

    /// Forgets the buckets that are full again, and the rates that nobody has any more.
    fn sweep(&self) {
        let mut all = self.by_rate.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, buckets| {
            buckets.retain_recent();
            !buckets.is_empty() && buckets.len() <= MOST_KEYS
        });
    }

    /// How many buckets are kept.
    pub fn kept(&self) -> usize {
        let all = self.by_rate.read().unwrap_or_else(PoisonError::into_inner);
        all.values().map(|buckets| buckets.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use kernel::Locale;
    use proptest::prelude::*;
    use tonic_types::StatusExt as _;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tenant(number: u128) -> TenantId {
        TenantId::from(uuid::Uuid::from_u128(number))
    }

    fn quotas(tenant: Rate, credential: Rate) -> (Quotas<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Quotas::with_clock(tenant, credential, clock.clone()), clock)
    }

    fn taken(quotas: &Quotas<FakeRelativeClock>, tenant_: u128, credential: &str) -> usize {
        let take = || quotas.take(tenant(tenant_), credential, None).ok();
        std::iter::from_fn(take).take(10_000).count()
    }

    #[test]
    fn a_tenant_over_its_quota_slows_nobody_else() {
        let (quotas, clock) = quotas(Rate::new(10, 20), Rate::new(1_000, 1_000));
        assert_eq!(taken(&quotas, 1, "a"), 20);
        assert_eq!(taken(&quotas, 1, "b"), 0);
        assert_eq!(taken(&quotas, 2, "a"), 20);
        clock.advance(SECOND);
        assert_eq!(taken(&quotas, 1, "b"), 10);
        clock.advance(SECOND * 100);
        assert_eq!(taken(&quotas, 1, "a"), 20);
    }

    #[test]
    fn a_credential_over_its_quota_leaves_the_rest_to_others() {
        let (quotas, _) = quotas(Rate::new(10, 100), Rate::new(5, 30));
        assert_eq!(taken(&quotas, 1, "wild"), 30);
        let refused = quotas.take(tenant(1), "wild", None).unwrap_err();
        assert_eq!(refused.scope, Scope::Credential);
        assert_eq!(refused.retry_after, SECOND / 5);
        assert_eq!(taken(&quotas, 1, "calm"), 30);
        // The same name in another tenant is another credential.
        assert_eq!(taken(&quotas, 2, "wild"), 30);
    }

    #[test]
    fn a_changed_rate_takes_effect_at_once() {
        let (quotas, _) = quotas(Rate::new(1, 1), Rate::new(1_000, 1_000));
        assert_eq!(taken(&quotas, 1, "a"), 1);
        let raised = Some(Rate::new(50, 50));
        let left = quotas.take(tenant(1), "a", raised).unwrap();
        assert_eq!(left.calls(), 49);
        let lowered = Some(Rate::new(1, 2));
        assert_eq!(quotas.take(tenant(1), "a", lowered).unwrap().calls(), 1);
    }

    #[test]
    fn buckets_that_are_full_again_are_forgotten() {
        let (quotas, clock) = quotas(Rate::new(10, 20), Rate::new(10, 20));
        for number in 0..1_000 {
            quotas.take(tenant(number), "a", Some(Rate::new(7, 7))).unwrap();
        }
        assert_eq!(quotas.kept(), 2_000);
        clock.advance(SECOND * 10);
        for _ in 0..SWEEP_EVERY {
            let _ = quotas.take(tenant(1), "a", None);
        }
        assert!(quotas.kept() <= 2, "{}", quotas.kept());
    }

    #[test]
    fn a_refusal_says_whose_quota_it_is_and_when_to_come_again() {
        let (quotas, _) = quotas(Rate::new(4, 1), Rate::new(10, 10));
        let left = quotas.take(tenant(1), "a", None).unwrap();
        let mut headers = HeaderMap::new();
        left.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], r#""tenant";q=1;w=1, "credential";q=10;w=1"#);
        assert_eq!(headers["ratelimit"], r#""tenant";r=0;t=1, "credential";r=9;t=1"#);

        let refused = quotas.take(tenant(1), "a", None).unwrap_err();
        let status = rpc::status::of(&refused, Locale::Zh);
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "TENANT_QUOTA_EXCEEDED");
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(SECOND / 4));
        let violation = &details.quota_failure().unwrap().violations[0];
        assert_eq!(violation.subject, "tenant");
        assert_eq!(violation.description, "4 calls a second, 1 at once");
        refused.write(&mut headers);
        assert_eq!(headers["retry-after"], "1");
        assert_eq!(headers["ratelimit"], r#""tenant";r=0;t=1"#);
    }

    proptest! {
        #[test]
        fn no_more_passes_than_the_bucket_and_what_flows_in(
            per_second in 1_u32..200, burst in 1_u32..200, gaps in prop::collection::vec(0_u64..50, 1..300),
        ) {
            let rate = Rate::new(per_second, burst);
            let (quotas, clock) = quotas(rate, Rate::new(100_000, 100_000));
            let (mut passed, mut millis) = (0_u64, 0);
            for gap in gaps {
                clock.advance(Duration::from_millis(gap));
                millis += gap;
                match quotas.take(tenant(1), "a", None) {
                    Ok(_) => passed += 1,
                    Err(refused) => prop_assert!(refused.retry_after <= SECOND / per_second),
                }
                prop_assert!(passed <= u64::from(burst) + u64::from(per_second) * millis / 1_000);
            }
        }
    }
}
