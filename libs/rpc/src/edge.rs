//! The outer wall of a public port: who is calling, made out once from a credential. Behind it
//! there are call tokens only.
//!
//! Whatever the client says of its own identity is dropped here: only the headers that this wall
//! names go further. Internal methods do not exist on this side.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, RwLock},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, Version};
use kernel::{Caller, CallerKind, Clock, Code, CustomerId, Locale, Role, TenantId, Time};
use tonic::{Status, body::Body};
use tower::{Service, ServiceExt};

use crate::{
    Link, Methods,
    issuer::{Claims, LocalIssuer},
    status,
    token::Minter,
};

/// What a client's headers may carry further. Everything else stops here.
const PASSED: [&str; 9] = [
    "content-type",
    "te",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-timeout",
    "traceparent",
    "tracestate",
    "accept-language",
    "user-agent",
];
/// How long a credential that was checked is believed: what changes in the directory takes effect
/// within this time.
const BELIEVED: Duration = Duration::from_secs(5);
const KEPT: usize = 8_192;

/// One person of a tenant's staff, as the directory knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The roles that the member holds.
    pub roles: Vec<Role>,
    /// The teams that the member belongs to.
    pub teams: Vec<String>,
    /// Whether the member may sign in.
    pub active: bool,
}

/// Who is a tenant, and who is whose staff.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    inner: Arc<RwLock<HashMap<TenantId, HashMap<String, Member>>>>,
}

impl Directory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tenant, so that its customers and integrations may call.
    pub fn add_tenant(&self, tenant: TenantId) {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default();
    }

    /// Adds a member to a tenant's staff, or replaces what is known of them.
    pub fn put_member(&self, tenant: TenantId, slug: &str, member: Member) {
        let mut all = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(tenant).or_default().insert(slug.to_owned(), member);
    }

    fn member(&self, tenant: TenantId, slug: &str) -> Option<Member> {
        let all = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant)?.get(slug).filter(|member| member.active).cloned()
    }

    fn has(&self, tenant: TenantId) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).contains_key(&tenant)
    }
}

/// The outer wall around the services of a process.
#[derive(Clone)]
pub struct Edge {
    shared: Arc<Shared>,
}

struct Shared {
    services: HashMap<String, Link>,
    methods: Arc<Methods>,
    issuer: LocalIssuer,
    directory: Directory,
    minter: Minter,
    clock: Clock,
    believed: Mutex<HashMap<String, (Caller, Time)>>,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").finish_non_exhaustive()
    }
}

impl Edge {
    /// The wall in front of `services`, each by the name that its methods' packages give it.
    pub fn new(
        services: HashMap<String, Link>,
        methods: Arc<Methods>,
        issuer: LocalIssuer,
        directory: Directory,
        minter: Minter,
        clock: Clock,
    ) -> Self {
        let believed = Mutex::default();
        let shared = Shared { services, methods, issuer, directory, minter, clock, believed };
        Self { shared: Arc::new(shared) }
    }
}

impl Shared {
    /// The request as it goes further, and where.
    fn admit(&self, request: Request<Body>) -> Result<(Link, Request<Body>), Status> {
        let path = request.uri().path();
        let method = self.methods.get(path).filter(|method| !method.internal);
        let method = method.ok_or_else(status::unknown_method)?;
        let link = self.services.get(&method.service).ok_or_else(status::unknown_method)?;
        let caller = self.authenticate(request.headers())?;

        let (mut parts, body) = request.into_parts();
        let mut headers = HeaderMap::with_capacity(PASSED.len() + 1);
        for name in PASSED {
            if let Some(value) = parts.headers.remove(name) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let token = format!("Call {}", self.minter.mint(&caller, &method.service));
        let token = HeaderValue::from_str(&token).map_err(|_| unauthenticated())?;
        headers.insert("authorization", token);
        parts.headers = headers;
        parts.extensions.clear();
        parts.version = Version::HTTP_2;
        parts.uri = Uri::try_from(method.path.as_str()).map_err(|_| status::unknown_method())?;
        Ok((link.clone(), Request::from_parts(parts, body)))
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Status> {
        let mut values = headers.get_all("authorization").iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(unauthenticated());
        };
        let token = value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token)
            .ok_or_else(unauthenticated)?;
        let locale = headers
            .get("accept-language")
            .and_then(|value| value.to_str().ok())
            .map_or(Locale::En, Locale::accept);

        let now = self.clock.real_now();
        let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((caller, until)) = believed.get(token)
            && now < *until
        {
            return Ok(Caller { locale, ..caller.clone() });
        }
        let claims = self.issuer.check(token).map_err(|bad| {
            tracing::info!(cause = ?std::error::Error::source(&bad), "credential refused");
            unauthenticated()
        })?;
        let caller = self.caller(claims).ok_or_else(unauthenticated)?;
        if believed.len() >= KEPT {
            believed.clear();
        }
        believed.insert(token.to_owned(), (caller.clone(), now + BELIEVED));
        Ok(Caller { locale, ..caller })
    }

    /// Who the claims name: members by the directory, others by what the issuer says of them.
    fn caller(&self, claims: Claims) -> Option<Caller> {
        let tenant = TenantId::from(claims.tenant);
        let customer = claims.customer.map(CustomerId::from);
        let (roles, teams) = match claims.kind {
            CallerKind::Member => {
                let member = self.directory.member(tenant, &claims.sub)?;
                (member.roles, member.teams)
            }
            CallerKind::Customer => {
                customer?;
                (vec![Role::Customer], Vec::new())
            }
            CallerKind::Integration => (vec![Role::Integration], Vec::new()),
            CallerKind::Operator => (vec![Role::Operator], Vec::new()),
            CallerKind::Anonymous | CallerKind::Service => return None,
        };
        self.directory.has(tenant).then(|| Caller {
            tenant,
            kind: claims.kind,
            subject: claims.sub,
            roles,
            teams,
            customer: customer.filter(|_| claims.kind == CallerKind::Customer),
            locale: Locale::En,
        })
    }
}

fn unauthenticated() -> Status {
    status::plain(
        Code::Unauthenticated,
        "UNAUTHENTICATED",
        "a bearer token that holds is needed: `authorization: Bearer …`",
    )
}

impl Service<Request<Body>> for Edge {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Links are made ready for each call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.shared.admit(request) {
            Ok((link, request)) => Box::pin(async {
                Ok(link.oneshot(request).await.unwrap_or_else(Status::into_http))
            }),
            Err(status) => Box::pin(async { Ok(status.into_http()) }),
        }
    }
}
