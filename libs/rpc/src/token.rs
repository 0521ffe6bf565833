//! Call tokens: what a call between processes carries instead of a password. Minted by the calling
//! process, for one audience, one caller and at most a minute; signed with the Ed25519 key of the
//! service that mints it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier as _, VerifyingKey};
use http::HeaderValue;
use kernel::{
    Caller, CallerKind, Clock, CustomerId, Locale, Role, TenantId, Time, keys::RootKeys,
    link::Opens,
};
use prost::Message;
use uuid::Uuid;

const LIFETIME: Duration = Duration::from_mins(1);
const REUSE: Duration = Duration::from_secs(30);
/// For how many callers, or how many tokens, a process remembers what it made or believed; beyond it
/// all are forgotten and made or verified anew.
const KEPT: usize = 8_192;

/// What is remembered, by what.
type Kept<K, V> = Arc<Mutex<HashMap<K, V>>>;

#[derive(Clone, PartialEq, Message)]
struct Claims {
    #[prost(string, tag = "1")]
    issuer: String,
    #[prost(string, tag = "2")]
    audience: String,
    #[prost(bytes = "vec", tag = "3")]
    tenant: Vec<u8>,
    #[prost(string, tag = "4")]
    kind: String,
    #[prost(string, tag = "5")]
    subject: String,
    #[prost(string, repeated, tag = "6")]
    roles: Vec<String>,
    #[prost(string, repeated, tag = "7")]
    teams: Vec<String>,
    #[prost(bytes = "vec", tag = "8")]
    customer: Vec<u8>,
    #[prost(bool, tag = "9")]
    zh: bool,
    #[prost(int64, tag = "10")]
    expires_micros: i64,
    #[prost(string, repeated, tag = "11")]
    scopes: Vec<String>,
    /// Whether `scopes` narrows at all: no scope is not the same as no narrowing.
    #[prost(bool, tag = "12")]
    scoped: bool,
    /// What its link opens, where it came by one.
    #[prost(bytes = "vec", tag = "13")]
    link: Vec<u8>,
}

/// Why a call token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not of the form of a call token.
    #[error("not a call token")]
    Malformed,
    /// Signed by a service that is not trusted, or not signed rightly.
    #[error("the signature does not hold")]
    Signature,
    /// For another service.
    #[error("for another audience")]
    Audience,
    /// Too old, or made to live too long.
    #[error("expired")]
    Expired,
}

/// Mints call tokens for one service.
#[derive(Clone)]
pub struct Minter {
    issuer: Arc<str>,
    key: Arc<SigningKey>,
    clock: Clock,
    /// By caller, one for each audience: looking one up makes no copy of either.
    minted: Kept<Caller, Vec<Minted>>,
}

/// A token that is given again for a while.
struct Minted {
    audience: String,
    token: Arc<str>,
    header: HeaderValue,
    until: Time,
}

impl std::fmt::Debug for Minter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minter").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Minter {
    /// A minter for the service `issuer`.
    pub fn new(issuer: &str, keys: &RootKeys, clock: Clock) -> Self {
        Self {
            issuer: issuer.into(),
            key: Arc::new(keys.signing_key("call token", issuer.as_bytes())),
            clock,
            minted: Arc::default(),
        }
    }

    /// A token that lets `caller` be served by `audience`. One that is fresh enough is given again.
    pub fn mint(&self, caller: &Caller, audience: &str) -> Arc<str> {
        self.minted(caller, audience, |minted| minted.token.clone())
    }

    /// The same as the value of `authorization`.
    pub fn header(&self, caller: &Caller, audience: &str) -> HeaderValue {
        self.minted(caller, audience, |minted| minted.header.clone())
    }

    fn minted<T>(&self, caller: &Caller, audience: &str, take: impl Fn(&Minted) -> T) -> T {
        let now = self.clock.real_now();
        let mut all = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(caller).and_then(|of| of.iter().find(|one| one.audience == audience));
        if let Some(known) = known.filter(|known| now < known.until) {
            return take(known);
        }
        let new = Minted::new(audience, &self.sign(caller, audience, now), now + REUSE);
        let taken = take(&new);
        if all.len() >= KEPT {
            all.clear();
        }
        let of = all.entry(caller.clone()).or_default();
        of.retain(|one| one.audience != audience);
        of.push(new);
        taken
    }

    fn sign(&self, caller: &Caller, audience: &str, now: Time) -> String {
        let claims = Claims {
            issuer: self.issuer.to_string(),
            audience: audience.to_owned(),
            tenant: caller.tenant.uuid().as_bytes().to_vec(),
            kind: caller.kind.as_str().to_owned(),
            subject: caller.subject.clone(),
            roles: caller.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            teams: caller.teams.clone(),
            customer: caller.customer.map(|id| id.uuid().as_bytes().to_vec()).unwrap_or_default(),
            zh: caller.locale == Locale::Zh,
            expires_micros: (now + LIFETIME).micros(),
            scopes: caller.scopes.clone().unwrap_or_default(),
            scoped: caller.scopes.is_some(),
            link: caller.link.map(|opens| opens.to_bytes().to_vec()).unwrap_or_default(),
        }
        .encode_to_vec();
        let signature = self.key.sign(&claims).to_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(claims), URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Minted {
    fn new(audience: &str, token: &str, until: Time) -> Self {
        let header = HeaderValue::try_from(format!("Call {token}"));
        Self {
            audience: audience.to_owned(),
            token: token.into(),
            // A token is all base64.
            header: header.unwrap_or_else(|_| HeaderValue::from_static("Call")),
            until,
        }
    }
}

/// Verifies call tokens for the services that a process runs.
#[derive(Clone)]
pub struct Verifier {
    trusted: Arc<HashMap<String, Vec<VerifyingKey>>>,
    audiences: Arc<[String]>,
    clock: Clock,
    /// Who was believed, and until when.
    verified: Kept<String, (Arc<Caller>, Time)>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("audiences", &self.audiences).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier of tokens minted by the services `trusted` for one of `audiences`.
    pub fn new(trusted: &[&str], audiences: &[&str], keys: &RootKeys, clock: Clock) -> Self {
        let of =
            |name: &&str| ((*name).to_owned(), keys.verifying_keys("call token", name.as_bytes()));
        Self {
            trusted: Arc::new(trusted.iter().map(of).collect()),
            audiences: audiences.iter().map(|name| (*name).to_owned()).collect(),
            clock,
            verified: Arc::default(),
        }
    }

    /// Who a token lets be served. A token is verified once and remembered until it expires.
    pub fn verify(&self, token: &str) -> Result<Arc<Caller>, Refused> {
        let now = self.clock.real_now();
        if let Some((caller, expires)) =
            self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(token)
        {
            return if now < *expires { Ok(caller.clone()) } else { Err(Refused::Expired) };
        }
        let (caller, expires) = self.check(token, now)?;
        let caller = Arc::new(caller);
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= KEPT {
            verified.clear();
        }
        verified.insert(token.to_owned(), (caller.clone(), expires));
        Ok(caller)
    }

    fn check(&self, token: &str, now: Time) -> Result<(Caller, Time), Refused> {
        let (body, signature) = token.split_once('.').ok_or(Refused::Malformed)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| Refused::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused::Malformed)?;
        let signature = Signature::from_slice(&signature).map_err(|_| Refused::Malformed)?;
        let claims = Claims::decode(body.as_slice()).map_err(|_| Refused::Malformed)?;
        let keys = self.trusted.get(&claims.issuer).ok_or(Refused::Signature)?;
        if !keys.iter().any(|key| key.verify(&body, &signature).is_ok()) {
            return Err(Refused::Signature);
        }
        if !self.audiences.contains(&claims.audience) {
            return Err(Refused::Audience);
        }
        let expires = Time::from_micros(claims.expires_micros);
        if expires <= now || expires > now + LIFETIME + LIFETIME {
            return Err(Refused::Expired);
        }
        caller_of(claims).map(|caller| (caller, expires)).ok_or(Refused::Malformed)
    }
}

fn caller_of(claims: Claims) -> Option<Caller> {
    let customer = if claims.customer.is_empty() {
        None
    } else {
        Some(CustomerId::from(Uuid::from_slice(&claims.customer).ok()?))
    };
    let link = match claims.link.as_slice() {
        [] => None,
        link => Some(Opens::from_bytes(link)?),
    };
    Some(Caller {
        tenant: TenantId::from(Uuid::from_slice(&claims.tenant).ok()?),
        kind: CallerKind::parse(&claims.kind)?,
        subject: claims.subject,
        roles: claims.roles.iter().map(|role| Role::parse(role)).collect::<Option<_>>()?,
        teams: claims.teams,
        scopes: claims.scoped.then_some(claims.scopes),
        customer,
        link,
        locale: if claims.zh { Locale::Zh } else { Locale::En },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> RootKeys {
        RootKeys::parse(&"07".repeat(32), &[]).unwrap()
    }

    fn caller() -> Caller {
        Caller {
            tenant: TenantId::from(Uuid::from_u128(1)),
            kind: CallerKind::Customer,
            subject: "someone".to_owned(),
            roles: vec![Role::Customer],
            teams: Vec::new(),
            scopes: None,
            customer: Some(CustomerId::from(Uuid::from_u128(9))),
            link: Some(Opens::Ticket(Uuid::from_u128(7).into())),
            locale: Locale::Zh,
        }
    }

    #[test]
    fn a_token_carries_its_caller_to_its_audience_and_nowhere_else() {
        let clock = Clock::manual(Time::from_micros(1_763_770_000_000_000));
        let minter = Minter::new("tickets", &keys(), clock.clone());
        let token = minter.mint(&caller(), "customers");
        assert!(Arc::ptr_eq(&token, &minter.mint(&caller(), "customers")));
        assert_eq!(minter.header(&caller(), "customers"), format!("Call {token}"));
        assert_ne!(minter.mint(&caller(), "surveys"), token);
        assert!(Arc::ptr_eq(&token, &minter.mint(&caller(), "customers")));
        let verify = |trusted: &[&str], audiences: &[&str], keys: &RootKeys| {
            Verifier::new(trusted, audiences, keys, clock.clone()).verify(&token)
        };
        assert_eq!(*verify(&["tickets"], &["customers"], &keys()).unwrap(), caller());
        assert_eq!(verify(&["tickets"], &["surveys"], &keys()), Err(Refused::Audience));
        assert_eq!(verify(&["surveys"], &["customers"], &keys()), Err(Refused::Signature));
        let other = RootKeys::parse(&"08".repeat(32), &[]).unwrap();
        assert_eq!(verify(&["tickets"], &["customers"], &other), Err(Refused::Signature));
    }

    #[test]
    fn replicas_that_change_their_root_key_one_by_one_believe_each_other() {
        let clock = Clock::manual(Time::from_micros(1_763_770_000_000_000));
        let (old, new) = ("07".repeat(32), "08".repeat(32));
        let of = |current: &String, changing: &String| {
            let keys = RootKeys::parse(current, &[]).unwrap();
            keys.and_changing(std::slice::from_ref(changing)).unwrap()
        };
        for (one, other) in [(of(&old, &new), of(&new, &old)), (of(&new, &old), of(&old, &new))] {
            let token = Minter::new("tickets", &one, clock.clone()).mint(&caller(), "customers");
            let verifier = Verifier::new(&["tickets"], &["customers"], &other, clock.clone());
            assert_eq!(*verifier.verify(&token).unwrap(), caller());
        }
        let retired = RootKeys::parse(&new, std::slice::from_ref(&old)).unwrap();
        let token = Minter::new("tickets", &keys(), clock.clone()).mint(&caller(), "customers");
        let verifier = Verifier::new(&["tickets"], &["customers"], &retired, clock.clone());
        assert_eq!(verifier.verify(&token), Err(Refused::Signature), "a retired key signs nothing");
    }

    #[test]
    fn a_token_dies_after_a_minute_of_real_time_even_if_remembered() {
        let start = Time::from_micros(1_763_770_000_000_000);
        let token =
            Minter::new("tickets", &keys(), Clock::manual(start)).mint(&caller(), "customers");
        let at = |time| Verifier::new(&["tickets"], &["customers"], &keys(), Clock::manual(time));
        assert!(at(start + Duration::from_secs(59)).verify(&token).is_ok());
        assert_eq!(at(start + Duration::from_mins(1)).verify(&token), Err(Refused::Expired));
        let future = at(start - Duration::from_mins(2));
        assert_eq!(future.verify(&token), Err(Refused::Expired));
    }

    #[test]
    fn a_token_is_given_again_for_half_a_minute() {
        let clock = Clock::system();
        let minter = Minter::new("tickets", &keys(), clock.clone());
        let first = minter.mint(&caller(), "customers");
        for one in minter.minted.lock().unwrap().values_mut().flatten() {
            one.until = clock.real_now();
        }
        let second = minter.mint(&caller(), "customers");
        assert_ne!(first, second);
        assert!(Arc::ptr_eq(&second, &minter.mint(&caller(), "customers")));
        assert_eq!(minter.minted.lock().unwrap().values().flatten().count(), 1);
    }

    #[test]
    fn nonsense_is_refused() {
        let verifier = Verifier::new(&["a"], &["b"], &keys(), Clock::manual(Time::EPOCH));
        for bad in ["", ".", "a.b", "!.!", "AAAA.AAAA"] {
            assert_eq!(verifier.verify(bad), Err(Refused::Malformed), "{bad}");
        }
    }
}
