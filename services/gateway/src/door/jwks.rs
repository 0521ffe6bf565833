//! The public keys of one identity provider (RFC 7517): fetched in the background, never by a call.
//!
//! They are fetched at the start, again when their age says so, and once a minute at most when a token
//! names a key that is not among them. While the provider is away the last ones hold for a bounded
//! time; after that no token holds, since nobody could take a stolen key back.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use kernel::{Clock, Time};
use serde::Deserialize;
use telemetry::Metrics;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    callers::Why,
    fetch::{Fetch, FetchError, Fetched},
};

/// Keys are fetched again after what their server says, but not sooner than this,
const SOONEST: Duration = Duration::from_mins(5);
/// nor later than this,
const LATEST: Duration = Duration::from_hours(24);
/// or after this where it says nothing.
const USUAL: Duration = Duration::from_hours(1);
/// How long after a failure it is tried again at first; then twice as long each time,
const RETRY: Duration = Duration::from_secs(5);
/// but never longer than this.
const RETRY_MOST: Duration = Duration::from_mins(1);
/// How often a key that is not among them may have them fetched.
const ASKED_AT_MOST: Duration = Duration::from_mins(1);
/// How long a token waits for them.
const PATIENCE: Duration = Duration::from_secs(3);
/// How old they may become while the provider is away.
const STALE: Duration = Duration::from_hours(48);
/// The most keys of one provider.
const MOST_KEYS: usize = 100;

/// One key, for signatures only.
struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

/// What was fetched last, and when.
#[derive(Clone, Default)]
struct Held {
    keys: Arc<[Key]>,
    loaded: Option<Instant>,
    tried: Option<Instant>,
}

/// Why no key is found.
enum Miss {
    /// It is not among those that were fetched.
    Unknown,
    /// Nothing that fetching them could mend.
    For(&'static str),
}

/// The keys of one provider.
pub(super) struct KeySet {
    issuer: String,
    /// Where the keys are; where the provider's own description says if this does not.
    uri: Option<String>,
    fetch: Arc<dyn Fetch>,
    held: watch::Sender<Held>,
    wanted: Notify,
    /// Where it is told that they were fetched, and as which of the providers.
    fetches: (Arc<Fetches>, usize),
}

/// When the keys of each provider were last fetched; the metrics tell of the one furthest behind.
pub(super) struct Fetches {
    clock: Clock,
    metrics: Metrics,
    last: Mutex<Vec<Time>>,
}

impl Fetches {
    pub(super) fn new(clock: Clock, metrics: Metrics) -> Self {
        Self { clock, metrics, last: Mutex::default() }
    }

    /// One more provider, whose keys were never fetched.
    fn join(&self) -> usize {
        self.tell(|last| {
            last.push(Time::from_micros(0));
            last.len() - 1
        })
    }

    fn fetched(&self, provider: usize) {
        let now = self.clock.real_now();
        self.tell(|last| last[provider] = now);
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of the clock need no 53 bits")]
    fn tell<T>(&self, change: impl FnOnce(&mut Vec<Time>) -> T) -> T {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut last);
        if let Some(earliest) = last.iter().min() {
            let gauge = self.metrics.jwks_fetched.with_label_values::<&str>(&[]);
            gauge.set(earliest.seconds() as f64);
        }
        changed
    }
}

/// Why no keys were fetched.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("it is not the JSON that it should be")]
    Form(#[from] serde_json::Error),
    #[error("it describes another issuer")]
    OtherIssuer,
    #[error("it has more keys than any")]
    TooMany,
}

impl KeySet {
    pub(super) fn new(
        issuer: String,
        uri: Option<String>,
        fetch: Arc<dyn Fetch>,
        fetches: &Arc<Fetches>,
    ) -> Self {
        let (held, fetches) = (watch::Sender::default(), (fetches.clone(), fetches.join()));
        Self { issuer, uri, fetch, held, wanted: Notify::new(), fetches }
    }

    /// The key that a token says it is signed with, for this algorithm.
    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, Why> {
        let mut held = self.held.subscribe();
        let mut found = held.borrow_and_update().find(kid, algorithm);
        let tried = held.borrow().tried;
        if matches!(found, Err(Miss::Unknown))
            && tried.is_none_or(|at| at.elapsed() >= ASKED_AT_MOST)
        {
            self.wanted.notify_one();
            let _ = tokio::time::timeout(PATIENCE, held.changed()).await;
            found = held.borrow().find(kid, algorithm);
        }
        found.map_err(|miss| match miss {
            Miss::Unknown => Why::NoKey("signed with no key of its issuer"),
            Miss::For(why) => Why::NoKey(why),
        })
    }

    /// Keeps the keys fresh until it is told to stop.
    pub(super) async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let loaded = tokio::select! {
                () = stop.cancelled() => return,
                loaded = self.load() => loaded,
            };
            let now = Instant::now();
            let wait = match loaded {
                Ok((keys, wait)) => {
                    self.took_over(keys, now, failures);
                    failures = 0;
                    wait
                }
                Err(error) => {
                    self.failed(&error, now, failures);
                    failures += 1;
                    RETRY.saturating_mul(1 << (failures - 1).min(8)).min(RETRY_MOST)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.rest(now, wait) => {}
            }
        }
    }

    fn took_over(&self, keys: Vec<Key>, now: Instant, failures: u32) {
        if failures > 0 || self.held.borrow().loaded.is_none() {
            tracing::info!(issuer = self.issuer, keys = keys.len(), "keys of the issuer fetched");
        }
        self.held.send_replace(Held { keys: keys.into(), loaded: Some(now), tried: Some(now) });
        let (fetches, provider) = &self.fetches;
        fetches.fetched(*provider);
    }

    /// Says once that the issuer is away, and once more when its keys no longer hold for it.
    fn failed(&self, error: &LoadError, now: Instant, failures: u32) {
        let before = self.held.borrow().clone();
        let was_stale = before.is_stale(before.tried.unwrap_or(now));
        if failures == 0 {
            tracing::warn!(issuer = self.issuer, %error, "keys of the issuer could not be fetched");
        }
        if before.loaded.is_some() && before.is_stale(now) && !was_stale {
            tracing::error!(
                issuer = self.issuer,
                "keys of the issuer are too old, its tokens are refused"
            );
        }
        self.held.send_replace(Held { tried: Some(now), ..before });
    }

    /// Until it is time to fetch, or a token waits for a key that may be new.
    async fn rest(&self, tried: Instant, wait: Duration) {
        let due = tokio::time::sleep_until(tried + wait);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = &mut due => return,
                () = self.wanted.notified() => {
                    if tried.elapsed() >= ASKED_AT_MOST {
                        return;
                    }
                }
            }
        }
    }

    /// The keys, and when to fetch them again.
    async fn load(&self) -> Result<(Vec<Key>, Duration), LoadError> {
        let Fetched { body, max_age } = match &self.uri {
            Some(uri) => self.fetch.get(uri).await?,
            None => self.fetch.get(&self.discover().await?).await?,
        };
        let keys = read(&body)?;
        Ok((keys, max_age.map_or(USUAL, |age| age.clamp(SOONEST, LATEST))))
    }

    /// Where the provider says that its keys are (OIDC Discovery 1.0).
    async fn discover(&self) -> Result<String, LoadError> {
        #[derive(Deserialize)]
        struct Description {
            issuer: String,
            jwks_uri: String,
        }
        let issuer = self.issuer.trim_end_matches('/');
        let fetched = self.fetch.get(&format!("{issuer}/.well-known/openid-configuration")).await?;
        let description: Description = serde_json::from_slice(&fetched.body)?;
        if description.issuer != self.issuer {
            return Err(LoadError::OtherIssuer);
        }
        Ok(description.jwks_uri)
    }
}

impl Held {
    fn is_stale(&self, now: Instant) -> bool {
        self.loaded.is_none_or(|at| now.saturating_duration_since(at) > STALE)
    }

    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, Miss> {
        if self.tried.is_some() && self.is_stale(Instant::now()) {
            return Err(Miss::For("the keys of its issuer cannot be had"));
        }
        let mut named = self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        if kid.is_none() && self.keys.len() > 1 {
            return Err(Miss::For("it names none of the keys of its issuer"));
        }
        // Some providers give keys of several types one name.
        match named.clone().find(|key| key.algorithms.contains(&algorithm)) {
            Some(key) => Ok(key.decoding.clone()),
            None if named.next().is_some() => Err(Miss::For("its key is not for its algorithm")),
            None => Err(Miss::Unknown),
        }
    }
}

/// The keys of a set that can check signatures. One that is not understood is left out.
fn read(json: &[u8]) -> Result<Vec<Key>, LoadError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let Set { keys } = serde_json::from_slice(json)?;
    if keys.len() > MOST_KEYS {
        return Err(LoadError::TooMany);
    }
    Ok(keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.key()).collect())
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// The key, if it is for signatures and of a type and size that is taken here.
    fn key(self) -> Option<Key> {
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !signs || !verifies {
            return None;
        }
        let (x, y) = (self.x.as_deref(), self.y.as_deref());
        let (decoding, mut algorithms) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", None) => rsa(self.n.as_deref()?, self.e.as_deref()?)?,
            ("EC", Some("P-256")) => elliptic(x?, y?, 32, Algorithm::ES256)?,
            ("EC", Some("P-384")) => elliptic(x?, y?, 48, Algorithm::ES384)?,
            ("OKP", Some("Ed25519")) => {
                let x = of_length(x?, 32)?;
                (DecodingKey::from_ed_der(&x), vec![Algorithm::EdDSA])
            }
            _ => return None,
        };
        if let Some(name) = &self.alg {
            algorithms.retain(|algorithm| format!("{algorithm:?}") == *name);
        }
        (!algorithms.is_empty()).then_some(Key { kid: self.kid, algorithms, decoding })
    }
}

fn rsa(n: &str, e: &str) -> Option<(DecodingKey, Vec<Algorithm>)> {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    let (n, e) = (URL_SAFE_NO_PAD.decode(n).ok()?, URL_SAFE_NO_PAD.decode(e).ok()?);
    // 2048 to 4096 bits; smaller ones can be broken, greater ones cost too much.
    let right = (256..=512).contains(&n.len()) && n[0] >= 0x80 && (1..=8).contains(&e.len());
    let key = right.then(|| DecodingKey::from_rsa_raw_components(&n, &e))?;
    Some((key, vec![RS256, RS384, RS512, PS256, PS384, PS512]))
}

fn elliptic(
    x: &str,
    y: &str,
    length: usize,
    algorithm: Algorithm,
) -> Option<(DecodingKey, Vec<Algorithm>)> {
    let (_, _) = (of_length(x, length)?, of_length(y, length)?);
    Some((DecodingKey::from_ec_components(x, y).ok()?, vec![algorithm]))
}

fn of_length(text: &str, length: usize) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == length)
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;
    use serde_json::{Value, json};

    use super::*;

    fn bytes(length: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0x81; length])
    }

    fn taken(key: &Value) -> bool {
        !read(json!({ "keys": [key] }).to_string().as_bytes()).unwrap().is_empty()
    }

    #[test]
    fn only_keys_for_signatures_of_a_known_type_and_size_are_taken() {
        let rsa = |n| json!({ "kty": "RSA", "n": bytes(n), "e": "AQAB" });
        let ec = |crv, n| json!({ "kty": "EC", "crv": crv, "x": bytes(n), "y": bytes(n) });
        let ed = |n| json!({ "kty": "OKP", "crv": "Ed25519", "x": bytes(n) });
        for right in [rsa(256), rsa(512), ec("P-256", 32), ec("P-384", 48), ed(32)] {
            assert!(taken(&right), "{right}");
        }
        for wrong in [
            rsa(128),
            rsa(1_024),
            ec("P-256", 31),
            ec("P-256", 48),
            ec("P-521", 66),
            ed(0),
            ed(31),
            ed(33),
            json!({ "kty": "oct", "k": bytes(32) }),
            json!({ "kty": "OKP", "crv": "X25519", "x": bytes(32) }),
            json!({ "kty": "RSA" }),
            json!({ "kty": 7 }),
            json!("key"),
        ] {
            assert!(!taken(&wrong), "{wrong}");
        }
    }

    /// A provider with one key, which some cannot be had of.
    struct Provider {
        is_away: bool,
    }

    impl Fetch for Provider {
        fn get<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
            let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": bytes(32) }] });
            let fetched = Fetched { body: set.to_string().into(), max_age: None };
            Box::pin(async { if self.is_away { Err(FetchError::Slow) } else { Ok(fetched) } })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_metrics_tell_of_the_provider_furthest_behind() {
        let (clock, metrics) = (Clock::manual(Time::from_micros(7_000_000)), Metrics::new());
        let fetches = Arc::new(Fetches::new(clock, metrics.clone()));
        assert!(!metrics.text().contains("jwks"), "without a provider there is nothing to tell");
        let keys = |is_away| {
            let (uri, fetch) = (Some("https://id.example.com".to_owned()), Provider { is_away });
            Arc::new(KeySet::new("id".to_owned(), uri, Arc::new(fetch), &fetches))
        };
        let told = || {
            let text = metrics.text();
            let line = text.lines().find(|line| line.starts_with("aftercare_jwks_fetched"));
            line.unwrap().rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
        };
        let (one, other, away) = (keys(false), keys(false), keys(true));
        let keep = async |keys: &Arc<KeySet>| {
            let stop = CancellationToken::new();
            let kept = keys.clone().keep_fresh(stop);
            assert!(tokio::time::timeout(Duration::from_secs(1), kept).await.is_err());
        };
        let is = |seconds: f64| (told() - seconds).abs() < f64::EPSILON;
        for keys in [&one, &other, &away] {
            keep(keys).await;
        }
        assert!(is(0.0), "of one they were never fetched");
        fetches.fetched(2);
        assert!(is(7.0));
        fetches.tell(|last| last[1] = Time::from_micros(3_000_000));
        assert!(is(3.0));
        keep(&other).await;
        assert!(is(7.0));
    }

    #[test]
    fn what_a_key_is_for_counts() {
        let with = |name: &str, value: Value| {
            let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "x": bytes(32) });
            key[name] = value;
            taken(&key)
        };
        assert!(with("use", json!("sig")) && with("key_ops", json!(["verify"])));
        assert!(with("alg", json!("EdDSA")) && with("x5c", json!(["AAAA"])));
        assert!(!with("use", json!("enc")) && !with("key_ops", json!(["sign"])));
        assert!(!with("alg", json!("HS256")) && !with("alg", json!("ES256")));
    }

    #[test]
    fn a_set_that_is_none_is_refused_and_an_odd_key_is_left_out() {
        for wrong in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":"none"}"#] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let many = json!({ "keys": vec![Value::Null; MOST_KEYS + 1] }).to_string();
        assert!(matches!(read(many.as_bytes()), Err(LoadError::TooMany)));
        let good = json!({ "kty": "OKP", "crv": "Ed25519", "x": bytes(32) });
        let set = json!({ "keys": [null, good, { "kty": "new" }] }).to_string();
        assert_eq!(read(set.as_bytes()).unwrap().len(), 1);
    }
}
