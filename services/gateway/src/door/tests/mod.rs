//! A door with three identity providers, and the credentials that people and others come with.

mod callers;
mod corpus;
mod directory;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, crypto, jwk::Jwk};
use kernel::{Clock, Ids, TenantId, Time, keys::RootKeys};
use rpc::{
    Edge, Grants, Methods,
    edge::{self, Callers, Known, Refused, Unlimited},
    issuer::LocalIssuer,
    link::link,
    token::Minter,
};
use serde_json::{Value, json};
use telemetry::Metrics;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Status, body::Body};
use tower::service_fn;
use uuid::Uuid;

use super::{Credentials, Fetch, FetchError, Fetched, Kind, Oidc, Provider, TenantBy};

const NOW: Time = Time::from_micros(1_763_770_000_000_000);
const GET: &str = "/aftercare.tickets.v1.TicketService/GetTicket";
/// The staff's issuer; its keys are `rsa`, `ec` and `ed`.
const STAFF: &str = "https://id.example.com";
const STAFF_KEYS: &str = "https://id.example.com/keys";
/// The customers' issuer; its one key has no name.
const PORTAL: &str = "https://portal.example.com/realms/a";
/// An issuer whose keys cannot be had.
const GONE: &str = "https://gone.example.com";
const CUSTOMER: &str = "customers/019ab000-0000-7000-8000-000000000009";

fn tenant(n: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(n))
}

/// A key that signs, and the algorithm that it is for.
#[derive(Clone)]
struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
}

impl Signer {
    fn rsa() -> Self {
        Self::of_rsa(include_bytes!("keys/rsa.pem"))
    }

    fn other_rsa() -> Self {
        Self::of_rsa(include_bytes!("keys/rsa-other.pem"))
    }

    fn ec() -> Self {
        Self::of_ec(include_bytes!("keys/ec.pem"))
    }

    fn other_ec() -> Self {
        Self::of_ec(include_bytes!("keys/ec-other.pem"))
    }

    fn of_rsa(pem: &[u8]) -> Self {
        Self { key: EncodingKey::from_rsa_pem(pem).unwrap(), algorithm: Algorithm::RS256 }
    }

    fn of_ec(pem: &[u8]) -> Self {
        Self { key: EncodingKey::from_ec_pem(pem).unwrap(), algorithm: Algorithm::ES256 }
    }

    fn ed(seed: u8) -> Self {
        // What comes before an Ed25519 seed in PKCS #8 (RFC 8410).
        let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        let der = [head.as_slice(), &[seed; 32]].concat();
        Self { key: EncodingKey::from_ed_der(&der), algorithm: Algorithm::EdDSA }
    }

    /// Its public half, as its issuer publishes it under this name.
    fn published(&self, kid: Option<&str>) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["use"] = json!("sig");
        if let Some(kid) = kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// A token that says exactly this.
    fn sign(&self, header: &str, claims: &str) -> String {
        let (header, claims) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signed = format!("{header}.{claims}");
        let signature = crypto::sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    /// A token with this name of a key.
    fn token(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": kid });
        self.sign(&header.to_string(), &claims.to_string())
    }
}

/// What a member of the staff comes with.
fn staff() -> Value {
    let now = NOW.seconds();
    json!({
        "iss": STAFF, "aud": "aftercare", "sub": "u-lin",
        "exp": now + 600, "nbf": now - 5, "iat": now - 5,
    })
}

/// What a customer comes with.
fn portal() -> Value {
    let now = NOW.seconds();
    json!({
        "iss": PORTAL, "aud": ["portal", "account"], "sub": "c-1", "login": "ann", "tenant": "harbor",
        "customer": CUSTOMER, "exp": now + 600,
    })
}

/// What the providers publish, by address.
#[derive(Default)]
struct Published {
    documents: Mutex<HashMap<String, String>>,
    /// How often the staff's keys were asked for.
    asked: AtomicUsize,
    away: AtomicBool,
}

impl Published {
    fn put(&self, uri: &str, document: &Value) {
        self.documents.lock().unwrap().insert(uri.to_owned(), document.to_string());
    }

    fn staff_keys(&self, keys: &[(&Signer, &str)]) {
        let keys: Vec<_> = keys.iter().map(|(key, kid)| key.published(Some(kid))).collect();
        self.put(STAFF_KEYS, &json!({ "keys": keys }));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Fetch for Published {
    fn get<'a>(&'a self, uri: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        if uri == STAFF_KEYS {
            self.asked.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(async move {
            let document = self.documents.lock().unwrap().get(uri).cloned();
            let document = document.filter(|_| !self.away.load(Ordering::SeqCst));
            let body = document.ok_or(FetchError::Status(StatusCode::BAD_GATEWAY))?.into();
            Ok(Fetched { body, max_age: Some(Duration::from_hours(1)) })
        })
    }
}

fn provider(issuer: &str, audience: &str, kind: Kind, tenant: TenantBy) -> Provider {
    Provider {
        issuer: issuer.to_owned(),
        audience: audience.to_owned(),
        jwks_uri: None,
        algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
        tenant,
        kind,
        subject_claim: "sub".to_owned(),
        operators: vec!["u-ops".to_owned()],
        leeway: Duration::from_secs(30),
    }
}

fn providers() -> Vec<Provider> {
    let harbor = || TenantBy::Name("harbor".to_owned());
    let customer = || Kind::Customer { claim: "customer".to_owned() };
    let keys = Some(STAFF_KEYS.to_owned());
    vec![
        Provider { jwks_uri: keys.clone(), ..provider(STAFF, "aftercare", Kind::Member, harbor()) },
        Provider { jwks_uri: keys, ..provider(STAFF, "help", customer(), harbor()) },
        Provider {
            subject_claim: "login".to_owned(),
            ..provider(PORTAL, "portal", customer(), TenantBy::Claim("tenant".to_owned()))
        },
        provider(GONE, "aftercare", Kind::Member, harbor()),
    ]
}

/// A door, and what is behind it.
struct House {
    callers: Arc<Credentials>,
    edge: Edge,
    local: LocalIssuer,
    published: Arc<Published>,
    metrics: Metrics,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn house() -> House {
    let published = Arc::new(Published::default());
    published.staff_keys(&[(&Signer::rsa(), "rsa"), (&Signer::ec(), "ec"), (&Signer::ed(1), "ed")]);
    let uri = "https://portal.example.com/keys";
    let description = format!("{PORTAL}/.well-known/openid-configuration");
    published.put(&description, &json!({ "issuer": PORTAL, "jwks_uri": uri }));
    published.put(uri, &json!({ "keys": [Signer::other_ec().published(None)] }));

    let clock = Clock::manual(NOW);
    let keys = RootKeys::parse(&"07".repeat(32), &[]).unwrap();
    let local = LocalIssuer::new(&keys, clock.clone());
    let fetch: Arc<dyn Fetch> = published.clone();
    let metrics = Metrics::new();
    let oidc = Oidc::new(providers(), &fetch, clock.clone(), metrics.clone());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    oidc.start(&tasks, &stop);
    let directory = Arc::new(directory::Kept);
    let issuer = Some(local.clone());
    let callers =
        Credentials::new(directory, issuer, oidc, keys.clone(), clock.clone(), metrics.clone());
    let callers = Arc::new(callers);
    let service = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(rpc::status::unknown_method().into_http::<Body>())
    });
    let edge = Edge::new(edge::Parts {
        services: HashMap::from([("tickets".to_owned(), link(service))]),
        methods: Arc::new(Methods::read(&contracts::POOL)),
        grants: Arc::new(Grants::shipped()),
        callers: callers.clone(),
        admission: Arc::new(Unlimited),
        minter: Minter::new("edge", &keys, clock.clone()),
        clock: clock.clone(),
        ids: Ids::seeded(clock, 1),
    });
    House { callers, edge, local, published, metrics, stop, tasks }
}

impl House {
    /// Whether a call with these `authorization` headers would be let in.
    async fn admit(&self, authorization: &[String]) -> Result<(), Status> {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append("authorization", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        self.edge.admit(GET, &headers).await
    }

    /// Whom a token stands for, asked past the wall and what it believes.
    async fn known(&self, token: &str) -> Result<Known, Refused> {
        self.callers.caller(token).await
    }
}
