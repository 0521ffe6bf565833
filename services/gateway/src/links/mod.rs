//! The pages that sealed links open: how a ticket stands and what was answered, to be confirmed or
//! objected to, and the survey about it; or the survey of an invitation alone.
//!
//! The pages are made here from what tickets and surveys answer to who holds the link, who is a caller
//! like any other: the link is the credential, and goes through the edge. They may stand in a frame of
//! the tenant's own pages.
//!
//! # Invariants
//! - Looking at a page records nothing, whatever its address holds.
//! - What a page sends counts under the id that it was shown with, once.
//! - No token is in a log or a label, and nothing of a page is kept by who shows it.
//!
//! # Deliberately absent
//! What may be said when: that is the services' to know.

mod answers;
mod calls;
mod nonce;
mod place;
mod view;
mod visit;
mod words;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use kernel::{Clock, Ids, Locale, keys::RootKeys, link::Link};
use maud::Markup;
use tonic::body::Body;

pub(crate) use self::place::Place;
use self::{calls::Calls, nonce::Nonces, place::Asked, visit::Visit};
use crate::{
    directory::{Directory, TenantFacts},
    pages::{self, Name, Problem, Tenants},
    web::Route,
};

/// What the pages of links are made of.
#[derive(Debug)]
pub struct Parts {
    /// The way to the services, through the edge.
    pub edge: rpc::Link,
    /// Who is a tenant.
    pub directory: Directory,
    /// What links and forms are sealed by.
    pub keys: RootKeys,
    /// By whose real time links and forms end.
    pub clock: Clock,
    /// Makes the ids of forms.
    pub ids: Ids,
}

/// The pages of links.
pub struct LinkPages {
    edge: rpc::Link,
    tenants: Tenants,
    keys: RootKeys,
    nonces: Nonces,
    clock: Clock,
    ids: Ids,
}

impl std::fmt::Debug for LinkPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkPages").finish_non_exhaustive()
    }
}

/// A link that opens something, and whose it is.
struct Site {
    link: Link,
    tenant: Arc<TenantFacts>,
}

impl LinkPages {
    /// The pages made of these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { edge, directory, keys, clock, ids } = parts;
        let (tenants, nonces) = (Tenants::new(directory), Nonces::new(keys.clone()));
        Self { edge, tenants, keys, nonces, clock, ids }
    }

    /// What of a link a request is for; `None` where it is for something else.
    pub(crate) fn place(uri: &Uri) -> Option<Place> {
        Place::of(uri.path())
    }

    /// Answers it.
    pub(crate) async fn answer(&self, place: Place, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let asked = Asked::of(head.uri.query().unwrap_or_default());
        let wanted = asked.locale.or_else(|| accepted(&head.headers));
        let site = self.site(&place.token).await;
        let answer = match &site {
            Ok(site) => match self.visit(&place, &asked, site, wanted) {
                Ok(visit) => visit.answer(&head, body).await,
                Err(problem) => Err(problem),
            },
            Err(problem) => Err(*problem),
        };
        let mut response = answer.unwrap_or_else(|problem| {
            let site = site.as_ref().ok();
            let own = || site.map(|site| site.tenant.locale);
            let locale = wanted.or_else(own).unwrap_or_default();
            let of = site.map(|site| (&place, &asked, &*site.tenant));
            let page = view::problem(problem, of, locale);
            let origins = site.map_or(&[][..], |site| &site.tenant.origins);
            problem.mark(html(problem.http(), locale, origins, page))
        });
        response.extensions_mut().insert(Route::from(place.page.route()));
        response
    }

    /// What a token opens, if it does now.
    async fn site(&self, token: &str) -> Result<Site, Problem> {
        let link = Link::open(token, &self.keys).ok_or(Problem::NoLink)?;
        if link.expires <= self.clock.real_now() {
            return Err(Problem::LinkOver);
        }
        let tenant = self.tenants.find(&Name::Id(link.tenant), || Ok(())).await?;
        Ok(Site { link, tenant: tenant.ok_or(Problem::NoLink)? })
    }

    fn visit<'a>(
        &'a self,
        place: &'a Place,
        asked: &'a Asked,
        site: &'a Site,
        wanted: Option<Locale>,
    ) -> Result<Visit<'a>, Problem> {
        let locale = wanted.unwrap_or(site.tenant.locale);
        // What could be opened is plain, so that it can stand in a header.
        let calls = Calls::new(&self.edge, &place.token, locale).map_err(|_| Problem::NoLink)?;
        Ok(Visit { pages: self, place, asked, site, wanted, calls })
    }
}

/// The language that the browser asks for, if it is one that we speak.
fn accepted(headers: &HeaderMap) -> Option<Locale> {
    Locale::accepted(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}

/// A page as an answer; who may frame it are its own origin and these.
fn html(status: StatusCode, locale: Locale, origins: &[String], page: Markup) -> Response<Body> {
    let nobody = || HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    let policy = view::policy(origins).unwrap_or_else(|_| nobody());
    let mut response = pages::html(status, locale, policy, page);
    let kept = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    // The address is the credential: it goes nowhere.
    let told = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, told);
    response
}

#[cfg(test)]
mod tests;
