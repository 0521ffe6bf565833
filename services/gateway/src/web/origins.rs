//! Which pages may read the answers.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser remembers what it may send; this is the most that Chromium keeps.
const MAX_AGE: Duration = Duration::from_hours(2);
/// What a page may send beyond what every page may.
const SENT: [&str; 14] = [
    "accept-language",
    "authorization",
    "content-type",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "traceparent",
    "tracestate",
    "x-grpc-web",
    "x-request-id",
    "x-user-agent",
];
/// What a page may read beyond what every page may. The status of a call that failed at once stands
/// in the headers, so that without these a page sees no error at all.
const READ: [&str; 11] = [
    "etag",
    "grpc-encoding",
    "grpc-message",
    "grpc-retry-pushback-ms",
    "grpc-status",
    "grpc-status-details-bin",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "x-request-id",
];

/// The origins that tenants have named, such as `https://desk.example.com`. Clones share them, so
/// that what changes in the directory takes effect at once.
///
/// The browser asks before it sends a credential, so that the tenant is not known yet: an origin that
/// any tenant named may ask. Whose data it gets is decided by the credential alone, and cookies and
/// the like are never accepted.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<RwLock<HashSet<HeaderValue>>>);

impl Origins {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// These from now on, and no others. What cannot be an origin is left out.
    pub fn replace<'a>(&self, origins: impl IntoIterator<Item = &'a str>) {
        let origins = origins
            .into_iter()
            // The origin of a sandboxed page: everybody's.
            .filter(|origin| *origin != "null" && *origin != "*")
            .filter_map(|origin| HeaderValue::from_str(origin).ok())
            .collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = origins;
    }

    /// Whether pages of this origin may read the answers: it is one of them, byte by byte.
    pub fn allow(&self, origin: &HeaderValue) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(origin)
    }
}

/// CORS for these origins; it says `Vary: Origin` on every answer.
pub(super) fn layer(origins: Origins) -> CorsLayer {
    let names = |names: &[&'static str]| -> Vec<HeaderName> {
        names.iter().map(|name| HeaderName::from_static(name)).collect()
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| origins.allow(origin)))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(names(&SENT))
        .expose_headers(names(&READ))
        .vary([header::ORIGIN])
        .max_age(MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_match_byte_by_byte_and_change_at_run_time() {
        let origins = Origins::new();
        let allows = |text: &'static str| origins.allow(&HeaderValue::from_static(text));
        assert!(!allows("https://desk.example.com"));
        origins.clone().replace(["https://desk.example.com", "null", "*", "bad\n"]);
        assert!(allows("https://desk.example.com"));
        for other in [
            "https://desk.example.com.evil.test",
            "https://desk.example.com:443",
            "http://desk.example.com",
            "HTTPS://desk.example.com",
            "https://evil.desk.example.com",
            "null",
            "*",
        ] {
            assert!(!allows(other), "{other}");
        }
        origins.replace([]);
        assert!(!allows("https://desk.example.com"));
    }
}
