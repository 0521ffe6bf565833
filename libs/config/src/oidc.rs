//! The identity providers whose tokens are taken. What each key means is said once, in
//! `aftercare.toml`.
#![expect(missing_docs, reason = "every key is documented in aftercare.toml, the shipped file")]

use std::time::Duration;

use http::Uri;
use kernel::{Violations, id};
use serde::{Deserialize, Serialize};

use crate::List;

/// The algorithms that tokens may be signed with: those with a public key.
pub const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
/// The most that a provider's clock may be off.
const MOST_LEEWAY: Duration = Duration::from_mins(5);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    pub issuer: String,
    pub audience: String,
    pub jwks_uri: Option<String>,
    #[serde(default = "algorithms")]
    pub algorithms: List,
    pub kind: OidcKind,
    pub tenant: Option<String>,
    #[serde(default = "tenant_claim")]
    pub tenant_claim: String,
    #[serde(default = "subject_claim")]
    pub subject_claim: String,
    #[serde(default = "customer_claim")]
    pub customer_claim: String,
    #[serde(default)]
    pub operators: List,
    #[serde(default = "leeway", with = "crate::duration")]
    pub leeway: Duration,
}

/// Whom the tokens of a provider stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OidcKind {
    Member,
    Customer,
}

fn algorithms() -> List {
    List(["RS256", "ES256", "EdDSA"].map(str::to_owned).to_vec())
}

fn tenant_claim() -> String {
    "tenant".to_owned()
}

fn subject_claim() -> String {
    "sub".to_owned()
}

fn customer_claim() -> String {
    "customer".to_owned()
}

fn leeway() -> Duration {
    Duration::from_secs(30)
}

/// Notes what is wrong with the providers.
pub(crate) fn check(providers: &[Oidc], found: &mut Violations) {
    for (index, one) in providers.iter().enumerate() {
        let path = |key: &str| format!("identity.oidc[{index}].{key}");
        let secure = "must be `https://…`, or `http://…` on this machine";
        found.check(is_secure(&one.issuer), &path("issuer"), secure);
        let keys = one.jwks_uri.as_deref().is_none_or(is_secure);
        found.check(keys, &path("jwks_uri"), secure);
        for (key, text) in [
            ("audience", &one.audience),
            ("tenant_claim", &one.tenant_claim),
            ("subject_claim", &one.subject_claim),
            ("customer_claim", &one.customer_claim),
        ] {
            found.check(!text.is_empty(), &path(key), "must not be empty");
        }
        let known = |name: &String| ALGORITHMS.contains(&name.as_str());
        if one.algorithms.0.is_empty() || !one.algorithms.0.iter().all(known) {
            let all = ALGORITHMS.join(", ");
            found.add(path("algorithms"), format!("must be some of {all}"));
        }
        let named = |name: &str| id::is_slug(name) || id::canonical(name).is_some();
        let tenant = one.tenant.as_deref().is_none_or(named);
        found.check(tenant, &path("tenant"), "must be the slug or the id of a tenant");
        found.check(one.leeway <= MOST_LEEWAY, &path("leeway"), "must be at most 5m");
        let same = |other: &Oidc| (&other.issuer, &other.audience) == (&one.issuer, &one.audience);
        let first = !providers[..index].iter().any(same);
        found.check(first, &path("audience"), "must be another one for the same issuer");
    }
}

fn is_secure(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    uri.scheme_str() == Some("https") || uri.scheme_str() == Some("http") && is_here
}
