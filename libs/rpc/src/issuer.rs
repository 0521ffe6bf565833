//! The local issuer: signs the bearer tokens of a first run, before a company's own identity
//! provider is configured. JWT (RFC 7519) with `EdDSA`, from a key derived from the root key.

use std::{sync::Arc, time::Duration};

use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::{Caller, CallerKind, Clock, CustomerId, Locale, Role, TenantId, Time, keys::RootKeys};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const ISSUER: &str = "aftercare-local";
const AUDIENCE: &str = "aftercare";
/// The longest that a token of the local issuer lives.
pub const LONGEST: Duration = Duration::from_hours(30 * 24);
/// No token that is longer is looked at.
const MAX_LENGTH: usize = 4_096;
/// What comes before an Ed25519 seed in PKCS #8 (RFC 8410).
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// What a bearer token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    nbf: i64,
    /// The principal: a member's slug, a customer's id, an integration's name.
    pub sub: String,
    /// The tenant.
    pub tenant: Uuid,
    /// What kind of principal it is.
    pub kind: CallerKind,
    /// The roles of principals that are not in the directory; members have theirs there.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// The customer, where it is one.
    #[serde(default)]
    pub customer: Option<Uuid>,
}

impl Claims {
    /// When the token ends.
    pub fn expires(&self) -> Time {
        Time::from_micros(self.exp.saturating_mul(1_000_000))
    }

    /// The caller as far as the claims alone say: a member's roles, teams and language are for the
    /// directory to add. `None` where they name nobody from outside.
    pub fn caller(&self) -> Option<Caller> {
        let (roles, customer) = match self.kind {
            CallerKind::Member => (Vec::new(), None),
            CallerKind::Customer => (vec![Role::Customer], Some(CustomerId::from(self.customer?))),
            CallerKind::Integration => (vec![Role::Integration], None),
            CallerKind::Operator => (vec![Role::Operator], None),
            CallerKind::Anonymous | CallerKind::Service => return None,
        };
        Some(Caller {
            tenant: TenantId::from(self.tenant),
            kind: self.kind,
            subject: self.sub.clone(),
            roles,
            teams: Vec::new(),
            scopes: None,
            customer,
            link: None,
            locale: Locale::En,
        })
    }
}

/// Who a token is made for.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The tenant.
    pub tenant: TenantId,
    /// What kind of principal it is.
    pub kind: CallerKind,
    /// A member's slug, a customer's id, an integration's name.
    pub subject: String,
    /// Its roles; members have theirs in the directory.
    pub roles: Vec<Role>,
    /// The customer, where it is one.
    pub customer: Option<CustomerId>,
}

/// A bearer token does not hold. Why is said in the log, never to the caller.
#[derive(Debug, thiserror::Error)]
#[error("the bearer token does not hold")]
pub struct BadToken(#[source] Option<jsonwebtoken::errors::Error>);

/// Signs and checks bearer tokens.
#[derive(Clone)]
pub struct LocalIssuer {
    encoding: EncodingKey,
    decoding: Arc<[DecodingKey]>,
    clock: Clock,
}

impl std::fmt::Debug for LocalIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalIssuer").finish_non_exhaustive()
    }
}

impl LocalIssuer {
    /// The local issuer of an installation.
    pub fn new(keys: &RootKeys, clock: Clock) -> Self {
        let key: SigningKey = keys.signing_key("local issuer", &[]);
        let der = [PKCS8.as_slice(), key.as_bytes()].concat();
        Self {
            encoding: EncodingKey::from_ed_der(&der),
            decoding: keys
                .verifying_keys("local issuer", &[])
                .iter()
                .map(|key| DecodingKey::from_ed_der(key.as_bytes()))
                .collect(),
            clock,
        }
    }

    /// A token for `principal` that lives for `lifetime`, at most [`LONGEST`].
    pub fn issue(&self, principal: &Principal, lifetime: Duration) -> Result<String, BadToken> {
        let now = self.clock.real_now().seconds();
        let lifetime = i64::try_from(lifetime.min(LONGEST).as_secs()).unwrap_or(0);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            exp: now + lifetime,
            nbf: now - 5,
            sub: principal.subject.clone(),
            tenant: principal.tenant.uuid(),
            kind: principal.kind,
            roles: principal.roles.clone(),
            customer: principal.customer.map(CustomerId::uuid),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.encoding)
            .map_err(|error| BadToken(Some(error)))
    }

    /// What a token says, if it holds: signature, issuer, audience, times (by real time), and
    /// nothing that only another part of the suite may be.
    pub fn check(&self, token: &str) -> Result<Claims, BadToken> {
        if token.len() > MAX_LENGTH {
            return Err(BadToken(None));
        }
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are compared with the process's own real clock below, which tests can hold.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let mut held = Err(BadToken(None));
        for key in &*self.decoding {
            let read = jsonwebtoken::decode::<Claims>(token, key, &rules);
            held = read.map(|read| read.claims).map_err(|error| BadToken(Some(error)));
            if held.is_ok() {
                break;
            }
        }
        let claims = held?;
        let now = self.clock.real_now().seconds();
        let outside = matches!(claims.kind, CallerKind::Service | CallerKind::Anonymous)
            || claims.roles.contains(&Role::Service);
        if claims.exp <= now || claims.nbf > now + 5 || outside {
            return Err(BadToken(None));
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use kernel::Time;

    use super::*;

    const NOW: Time = Time::from_micros(1_763_770_000_000_000);

    fn issuer(byte: &str, now: Time) -> LocalIssuer {
        LocalIssuer::new(&RootKeys::parse(&byte.repeat(32), &[]).unwrap(), Clock::manual(now))
    }

    fn principal(kind: CallerKind) -> Principal {
        Principal {
            tenant: TenantId::from(Uuid::from_u128(1)),
            kind,
            subject: "lin".to_owned(),
            roles: Vec::new(),
            customer: None,
        }
    }

    #[test]
    fn a_token_holds_until_it_expires_and_only_under_its_key() {
        let token = issuer("01", NOW)
            .issue(&principal(CallerKind::Member), Duration::from_mins(1))
            .unwrap();
        assert_eq!(issuer("01", NOW).check(&token).unwrap().sub, "lin");
        assert!(issuer("02", NOW).check(&token).is_err());
        assert!(issuer("01", NOW + Duration::from_mins(1)).check(&token).is_err());
        assert!(issuer("01", NOW - Duration::from_mins(1)).check(&token).is_err());
    }

    #[test]
    fn a_token_holds_while_the_root_key_is_changed() {
        let token = issuer("01", NOW)
            .issue(&principal(CallerKind::Member), Duration::from_mins(1))
            .unwrap();
        let keys = RootKeys::parse(&"02".repeat(32), &[]).unwrap();
        let changing = keys.and_changing(&["01".repeat(32)]).unwrap();
        assert!(LocalIssuer::new(&changing, Clock::manual(NOW)).check(&token).is_ok());
    }

    #[test]
    fn nobody_is_a_service_by_a_bearer_token() {
        let token = issuer("01", NOW)
            .issue(&principal(CallerKind::Service), Duration::from_mins(1))
            .unwrap();
        assert!(issuer("01", NOW).check(&token).is_err());
    }

    #[test]
    fn forged_headers_are_refused() {
        let token = issuer("01", NOW)
            .issue(&principal(CallerKind::Member), Duration::from_mins(1))
            .unwrap();
        let mut parts = token.split('.');
        let (_, body, signature) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256"}"#, "{}", ""] {
            let forged = format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(header));
            assert!(issuer("01", NOW).check(&forged).is_err(), "{header}");
        }
        assert!(issuer("01", NOW).check(&"a".repeat(5_000)).is_err());
    }
}
