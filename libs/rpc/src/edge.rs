//! The outer wall of a public port: who is calling, made out once from a credential. Behind it
//! there are call tokens only.
//!
//! From the outside in, each step with its reason:
//! 1. room for the call at all ([`Admission::room`]): a process that is overloaded has nothing left
//!    for what it refuses;
//! 2. request id and trace, so that refusals can be traced too;
//! 3. route to the method's descriptor: everything after goes by the contract, and internal methods
//!    do not exist on this side;
//! 4. credential → caller, believed for a few seconds ([`Callers`]);
//! 5. permission, before anything is counted or forwarded; the services' own walls ask again;
//! 6. limits and audit of the process, if it has any ([`Admission`]);
//! 7. headers: whatever the client says of its own identity is dropped, only the headers that this
//!    wall names go further, with a call token in place of the credential.
//!
//! A stream lives as long as its credential: every second this is looked at again, and the stream
//! ends with trailers that say why.

mod admission;
mod answer;
mod believed;
mod callers;
mod directory;
mod headers;

use std::{
    borrow::Cow,
    collections::HashMap,
    convert::Infallible,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use kernel::{Caller, Clock, Ids, RowScope};
use tonic::{Status, body::Body};
use tower::{Service, ServiceExt, service_fn};
use tracing::Instrument as _;

pub use self::{
    admission::{Admission, Admitted, Permit, Unlimited},
    callers::{Callers, Known, Quota, Refused},
    directory::{Directory, DirectoryCallers, Member},
};
use self::{
    answer::{Ending, watched},
    believed::Believed,
};
use crate::{
    Grants, Link, Methods,
    access::Method,
    ending::{self, Connection},
    observed::Observed,
    status,
    token::Minter,
};

/// How often the credential of a stream is looked at again.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

/// What a wall is made of.
pub struct Parts {
    /// The services behind it, each by the name that its methods' packages give it.
    pub services: HashMap<String, Link>,
    /// The methods of the contracts.
    pub methods: Arc<Methods>,
    /// What each role may do.
    pub grants: Arc<Grants>,
    /// Who knows whom a credential stands for.
    pub callers: Arc<dyn Callers>,
    /// Limits and audit.
    pub admission: Arc<dyn Admission>,
    /// Mints the call tokens.
    pub minter: Minter,
    /// By whose real time credentials end.
    pub clock: Clock,
    /// Makes the ids of requests that come without one.
    pub ids: Ids,
}

/// The outer wall around the services of a process.
#[derive(Clone)]
pub struct Edge {
    shared: Arc<Shared>,
}

struct Shared {
    services: HashMap<String, Link>,
    methods: Arc<Methods>,
    grants: Arc<Grants>,
    admission: Arc<dyn Admission>,
    minter: Minter,
    ids: Ids,
    believed: Believed,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").finish_non_exhaustive()
    }
}

impl Edge {
    /// The wall made of these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { services, methods, grants, callers, admission, minter, clock, ids } = parts;
        let believed = Believed::new(callers, clock);
        let shared = Shared { services, methods, grants, admission, minter, ids, believed };
        Self { shared: Arc::new(shared) }
    }

    /// The way in for a caller whom the process itself vouches for, such as a visitor of a public page:
    /// all of this wall but the credential.
    pub fn let_in(&self, known: Arc<Known>) -> Link {
        let shared = self.shared.clone();
        crate::link::link(service_fn(move |request| {
            shared.clone().enter(request, Some(known.clone()))
        }))
    }

    /// Whom the credential of a request with these headers stands for.
    pub async fn who(&self, headers: &HeaderMap) -> Result<Arc<Known>, Status> {
        self.shared.known(headers::credential(headers)?).await
    }

    /// Whether a caller may call this method (`/package.Service/Method`) at all. Nothing is called, and
    /// nothing of it is in the audit.
    pub fn may(&self, known: &Known, method: &str) -> bool {
        let route = self.shared.route(method);
        route.is_ok_and(|(method, _)| self.shared.permitted(&known.caller, method).is_ok())
    }

    /// Whether a call of this method (`/package.Service/Method`) with these headers would be let in:
    /// its credential holds and its caller has the permission. Nothing is forwarded, and nothing is
    /// taken from a quota.
    pub async fn admit(&self, method: &str, headers: &HeaderMap) -> Result<(), Status> {
        let shared = &self.shared;
        let (method, _) = shared.route(method)?;
        let known = shared.known(headers::credential(headers)?).await?;
        let denied = |status| shared.ending(&known, method).with(status);
        shared.permitted(&known.caller, method).map_err(denied)
    }
}

impl Shared {
    /// The method of this path, and the way to it.
    fn route(&self, path: &str) -> Result<(&Arc<Method>, &Link), Status> {
        let method = self.methods.get(path).filter(|method| !method.internal);
        let method = method.ok_or_else(status::unknown_method)?;
        let link = self.services.get(&method.service).ok_or_else(status::unknown_method)?;
        Ok((method, link))
    }

    /// Whether there is room for a call of this path; unknown ones are answered further in.
    fn room(&self, path: &str) -> Result<(), Status> {
        self.methods.get(path).map_or(Ok(()), |method| self.admission.room(method))
    }

    /// Whom a token stands for.
    async fn known(&self, token: &str) -> Result<Arc<Known>, Status> {
        let (answer, first) = self.believed.look(token).await;
        let known = answer.map_err(Refused::status)?;
        if first {
            self.admission.signed_in(&known);
        }
        Ok(known)
    }

    fn permitted(&self, caller: &Caller, method: &Method) -> Result<(), Status> {
        match self.grants.scope(caller, &method.permission) {
            RowScope::None => Err(status::denied(&method.permission)),
            RowScope::Own(_) | RowScope::Teams(_) | RowScope::Tenant => Ok(()),
        }
    }

    fn ending(&self, known: &Arc<Known>, method: &Arc<Method>) -> Ending {
        Ending::new(self.admission.clone(), known.clone(), method.clone())
    }

    /// Answers a request if there is room for it. `vouched` is its caller, where no credential says who
    /// it is.
    fn enter(self: Arc<Self>, request: Request<Body>, vouched: Option<Arc<Known>>) -> Answering {
        if let Err(refused) = self.room(request.uri().path()) {
            return Box::pin(ready(Ok(refused.into_http())));
        }
        Box::pin(async move { Ok(self.answer(request, vouched).await) })
    }

    /// Answers a request, and says by which id it can be traced.
    async fn answer(
        self: Arc<Self>,
        mut request: Request<Body>,
        vouched: Option<Arc<Known>>,
    ) -> Response<Body> {
        let id = headers::request_id(request.headers()).or_else(|| self.fresh_id());
        let method = self.methods.get(request.uri().path()).map(|method| method.path.as_str());
        let observed = Observed::at_edge(method, request.headers_mut());
        let answer = self.pass(request, vouched, id.as_ref()).instrument(observed.span()).await;
        let mut answer = observed.watch(answer.unwrap_or_else(Status::into_http));
        if let Some(id) = id {
            answer.headers_mut().insert(headers::REQUEST_ID, id);
        }
        answer
    }

    fn fresh_id(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.ids.next().to_string()).ok()
    }

    /// Brings a request to its service, and the answer back.
    async fn pass(
        self: &Arc<Self>,
        request: Request<Body>,
        vouched: Option<Arc<Known>>,
        id: Option<&HeaderValue>,
    ) -> Result<Response<Body>, Status> {
        let (method, link) = self.route(request.uri().path())?;
        let (known, token) = if let Some(known) = vouched {
            (known, None)
        } else {
            let token = headers::credential(request.headers())?;
            (self.known(token).await?, Some(token))
        };
        // From here on the end of the call is told, also where its client goes away.
        let mut call = self.ending(&known, method);
        let admitted = self
            .permitted(&known.caller, method)
            .and_then(|()| self.admission.admit(&known, method));
        let Admitted { headers, permit } = match admitted {
            Ok(admitted) => admitted,
            Err(status) => return Err(call.with(status)),
        };
        call.permit = permit;

        let connection = Connection::of(&request).filter(|_| method.streams);
        let token = token.filter(|_| method.streams);
        let stop = token.map(|token| self.clone().until_refused(token.to_owned(), method.clone()));
        let request = self.dress(request, &known.caller, method, id);
        let answer = link.clone().oneshot(request).await.unwrap_or_else(Status::into_http);
        let mut answer = watched(answer, call, stop);
        answer.headers_mut().extend(headers);
        Ok(ending::stream(answer, connection))
    }

    /// The request as it goes further.
    fn dress(
        &self,
        request: Request<Body>,
        caller: &Caller,
        method: &Method,
        id: Option<&HeaderValue>,
    ) -> Request<Body> {
        let (mut parts, body) = request.into_parts();
        let caller = match headers::locale(&parts.headers) {
            Some(locale) if locale != caller.locale => {
                Cow::Owned(Caller { locale, ..caller.clone() })
            }
            _ => Cow::Borrowed(caller),
        };
        let token = self.minter.header(&caller, &method.service);
        parts.headers = headers::passed(parts.headers);
        parts.headers.insert(http::header::AUTHORIZATION, token);
        if let Some(id) = id {
            parts.headers.insert(headers::REQUEST_ID, id.clone());
        }
        // What a layer in front put there must not ride along in process.
        parts.extensions.clear();
        parts.version = Version::HTTP_2;
        parts.uri = method.uri.clone();
        Request::from_parts(parts, body)
    }

    /// Ready when a stream's credential holds no longer, or its caller lost the permission; with the
    /// status to end it with.
    fn until_refused(
        self: Arc<Self>,
        token: String,
        method: Arc<Method>,
    ) -> BoxFuture<'static, Status> {
        Box::pin(async move {
            loop {
                tokio::time::sleep(LOOKS_AGAIN).await;
                let refused = match self.believed.look(&token).await.0 {
                    Ok(known) => self.permitted(&known.caller, &method).err(),
                    // Nothing speaks against it.
                    Err(Refused::Away) => None,
                    Err(refused) => Some(refused.status()),
                };
                if let Some(status) = refused {
                    return status;
                }
            }
        })
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Body>> for Edge {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Links are made ready for each call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.shared.clone().enter(request, None)
    }
}

#[cfg(test)]
mod tests;
