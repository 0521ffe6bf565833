//! The help centre of each tenant: pages for everybody, to search and read what is public, and to say
//! whether it helped.
//!
//! The pages are made here from what the knowledge service answers to a visitor, who is a caller like
//! any other: nobody in particular, with the permissions of that role and a quota by the part of the
//! net that they come from. They work without JavaScript, and nothing is kept of a visitor: no cookie,
//! no address.
//!
//! # Deliberately absent
//! What a reader may see: that is the knowledge service's to say, which knows the visitor's level.

mod form;
mod knowledge;
mod markdown;
mod place;
mod view;
mod visitor;
mod words;

use std::{borrow::Cow, num::NonZeroU32, sync::Arc, time::Duration};

use contracts::knowledge::v1::VoteRequest;
use governor::{DefaultKeyedRateLimiter, Quota};
use http::{
    Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request,
};
use http_body_util::Full;
use kernel::{ArticleId, Ids, Locale, SearchId, TenantId, id::is_language_tag};
use maud::Markup;
use rpc::Edge;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use uuid::Uuid;

use self::{
    form::Given,
    knowledge::Knowledge,
    place::{Page, Place},
    view::{Feedback, Said},
    visitor::Visitors,
};
use crate::{
    directory::{Directory, TenantFacts},
    limits::{Quotas, Rate},
    pages::{self, Name, Problem, READ, SENT, Tenants, with_query},
    web::Route,
};

/// So many visitors who voted lately are remembered before those are forgotten who may vote anew.
const MOST_VOTERS: usize = 10_000;

/// So many names a second that are not remembered are looked up in all, and so many at once.
const LOOK_UPS: Rate = Rate::new(500, 1_000);
/// A visitor's votes on one article: so many at once, and one more after each of these spans.
const VOTES: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
const VOTES_EVERY: Duration = Duration::from_mins(6);

/// What the help centres are made of.
#[derive(Debug)]
pub struct Parts {
    /// The way in for visitors.
    pub edge: Edge,
    /// Who is a tenant.
    pub directory: Directory,
    /// Makes the ids of votes.
    pub ids: Ids,
    /// Where what goes on after a page is shown runs, so that a drain waits for it.
    pub tasks: TaskTracker,
    /// How many proxies of ours stand one behind the other before the port.
    pub proxies: usize,
    /// How much one visitor may ask.
    pub rate: Rate,
}

/// The help centres of the tenants.
pub struct HelpCenter {
    edge: Edge,
    tenants: Tenants,
    visitors: Visitors,
    look_ups: Quotas,
    votes: DefaultKeyedRateLimiter<(String, ArticleId)>,
    ids: Ids,
    tasks: TaskTracker,
    policy: HeaderValue,
}

impl std::fmt::Debug for HelpCenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HelpCenter").finish_non_exhaustive()
    }
}

/// A request for a page.
#[derive(Debug)]
pub struct Visit {
    page: Page,
    site: Result<Site, Problem>,
    locale: Locale,
    visitor: String,
}

/// A help centre as its visitor sees it.
#[derive(Debug)]
struct Site {
    tenant: Arc<TenantFacts>,
    /// What the paths of its pages begin with.
    base: String,
}

impl Site {
    /// The address of what is at `here` in a language; `here` begins with a slash, unless it is empty.
    fn at(&self, locale: Locale, here: &str) -> String {
        let (base, locale) = (&self.base, locale.tag());
        let slash = if here.is_empty() || here.starts_with('/') { "" } else { "/" };
        format!("{base}/{locale}{slash}{here}")
    }

    /// The same with a query.
    fn next(&self, locale: Locale, here: &str, query: &[(&str, &str)]) -> String {
        self.at(locale, &with_query(here, query))
    }
}

impl HelpCenter {
    /// The help centres made of these parts.
    pub fn new(parts: Parts) -> Result<Self, http::header::InvalidHeaderValue> {
        let Parts { edge, directory, ids, tasks, proxies, rate } = parts;
        let quota = Quota::with_period(VOTES_EVERY).map(|quota| quota.allow_burst(VOTES));
        Ok(Self {
            edge,
            tenants: Tenants::new(directory),
            visitors: Visitors::new(proxies),
            look_ups: Quotas::new(LOOK_UPS, rate),
            votes: DefaultKeyedRateLimiter::keyed(quota.unwrap_or(Quota::per_hour(VOTES))),
            ids,
            tasks,
            policy: view::policy()?,
        })
    }

    /// The page that a request is for; `None` where it is for something else.
    pub async fn visit(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Option<Visit> {
        let Place { name, host, locale, page } = Place::of(uri, headers)?;
        let visitor = self.visitors.name(headers, extensions);
        let mut tenant = self.tenant(&name, &visitor).await;
        if matches!((&tenant, &name), (Ok(None), Name::Host(_))) {
            return None;
        }
        if let (Ok(Some(of_slug)), Some(host)) = (&tenant, host) {
            // At the host of one tenant nothing of another is shown.
            tenant = match self.tenant(&Name::Host(host), &visitor).await {
                Ok(Some(of_host)) if of_host.id != of_slug.id => Ok(None),
                Ok(_) => tenant,
                Err(problem) => Err(problem),
            };
        }
        let languages = headers.get(header::ACCEPT_LANGUAGE);
        let wanted = || Locale::accepted(languages?.to_str().ok()?);
        let own = || tenant.as_ref().ok()?.as_ref().map(|tenant| tenant.locale);
        let locale = locale.or_else(wanted).or_else(own).unwrap_or_default();
        let site = tenant.and_then(|tenant| {
            let tenant = tenant.ok_or(Problem::NotFound)?;
            Ok(Site { tenant, base: place::base(&name) })
        });
        Some(Visit { page, site, locale, visitor })
    }

    /// The tenant of this name. Names that are not remembered are looked up for a visitor as often as
    /// they may ask for pages.
    async fn tenant(
        &self,
        name: &Name,
        visitor: &str,
    ) -> Result<Option<Arc<TenantFacts>>, Problem> {
        let nobodys = TenantId::from(Uuid::nil());
        let may_ask = || match self.look_ups.take(nobodys, visitor, None) {
            Ok(_) => Ok(()),
            Err(exceeded) => {
                let seconds = exceeded.retry_after.as_secs().saturating_add(1);
                Err(Problem::TooMany(u32::try_from(seconds).unwrap_or(u32::MAX)))
            }
        };
        self.tenants.find(name, may_ask).await
    }

    /// Answers it.
    pub async fn answer(&self, visit: Visit, request: Request<Body>) -> Response<Body> {
        let Visit { page, site, locale, visitor } = visit;
        let (head, body) = request.into_parts();
        let answer = match &site {
            Ok(site) => {
                let known = Visitors::known(&visitor, &site.tenant, locale);
                let knowledge = Knowledge::new(&self.edge, known);
                self.page(page, site, knowledge, &head, body).await
            }
            Err(problem) => Err(*problem),
        };
        let mut response = answer.unwrap_or_else(|problem| {
            let markup = view::problem(problem, site.as_ref().ok(), locale);
            problem.mark(self.html(problem.http(), locale, markup))
        });
        response.extensions_mut().insert(Route::from(page.route()));
        response
    }

    async fn page(
        &self,
        page: Page,
        site: &Site,
        knowledge: Knowledge,
        head: &request::Parts,
        body: Body,
    ) -> Result<Response<Body>, Problem> {
        let sent = matches!(page, Page::Vote(_));
        let read = matches!(head.method, Method::GET | Method::HEAD);
        if page == Page::Unknown {
            return Err(Problem::NotFound);
        }
        if sent && head.method != Method::POST || !sent && !read {
            return Err(Problem::NotSo(if sent { SENT } else { READ }));
        }
        let (locale, asked) = (knowledge.locale(), Asked::of(head));
        let markup = match page {
            Page::Unknown => return Err(Problem::NotFound),
            Page::Start => return Ok(redirect(&site.at(locale, ""))),
            Page::Home => {
                let (all, page) = (asked.value("in") == "all", asked.value("page"));
                let found = match knowledge.questions(all, &page).await {
                    // A page that is there no longer: from the beginning.
                    Err(Problem::NotRead) if !page.is_empty() => {
                        return Ok(redirect(&site.at(locale, "")));
                    }
                    found => found?,
                };
                view::home(site, locale, (all, page.is_empty()), &found)
            }
            Page::Search => {
                let (query, page) = (asked.value("q"), asked.value("page"));
                if query.trim().is_empty() {
                    return Ok(redirect(&site.at(locale, "")));
                }
                let found = match knowledge.search(&query, &page).await {
                    Err(Problem::NotRead) if !page.is_empty() => {
                        return Ok(redirect(&site.next(locale, "/search", &[("q", &query)])));
                    }
                    found => found?,
                };
                view::search(site, locale, query.trim(), &found)
            }
            Page::Suggest => return Ok(suggested(&knowledge.suggest(&asked.value("q")).await?)),
            Page::Article(id) => self.article(knowledge, site, id, &asked).await?,
            Page::Vote(id) => {
                self.vote(&knowledge, site, id, Given::read(head, body).await?).await?
            }
        };
        Ok(self.html(StatusCode::OK, locale, markup))
    }

    /// An article. Whoever opened it from a search has chosen it there.
    async fn article(
        &self,
        knowledge: Knowledge,
        site: &Site,
        id: ArticleId,
        asked: &Asked<'_>,
    ) -> Result<Markup, Problem> {
        let locale = knowledge.locale();
        let wanted = asked.value("locale");
        let wanted = if is_language_tag(&wanted) { &wanted } else { locale.tag() };
        let (article, shown) = knowledge.article(id, wanted).await?;
        let search = search_id(&asked.value("search"));
        if let Some(search) = search.filter(|_| asked.opened) {
            // The page waits for nothing that its reader does not see.
            self.tasks.spawn(knowledge.choose(search, shown.name.clone()));
        }
        let feedback = Feedback {
            vote: self.ids.next(),
            search,
            revision: shown.name.rsplit('/').next().unwrap_or_default().to_owned(),
            said: Said::Nothing,
        };
        Ok(view::article(site, locale, &article, &shown, &feedback))
    }

    /// A vote; the answer is the article again, with thanks.
    async fn vote(
        &self,
        knowledge: &Knowledge,
        site: &Site,
        id: ArticleId,
        given: Given,
    ) -> Result<Markup, Problem> {
        self.may_vote(knowledge.visitor(), id)?;
        let name = format!("{}/revisions/{}", id.name(), given.feedback.revision);
        let vote = VoteRequest {
            name: name.clone(),
            helpful: given.feedback.said == Said::Yes,
            comment: given.comment,
            search: given.feedback.search.map(SearchId::name).unwrap_or_default(),
            vote_id: given.feedback.vote.to_string(),
        };
        knowledge.vote(vote).await?;
        let shown = knowledge.revision(&name).await;
        let wanted = shown.as_ref().map_or(knowledge.locale().tag(), |shown| &shown.locale);
        let (article, now) = knowledge.article(id, wanted).await?;
        let shown = shown.unwrap_or(now);
        Ok(view::article(site, knowledge.locale(), &article, &shown, &given.feedback))
    }

    /// Whether a visitor may vote once more on an article now. Nobody is known here, so that one could
    /// be many; only the part of the net that they come from tells them apart.
    fn may_vote(&self, visitor: &str, article: ArticleId) -> Result<(), Problem> {
        if self.votes.len() >= MOST_VOTERS {
            self.votes.retain_recent();
        }
        let voted = self.votes.check_key(&(visitor.to_owned(), article));
        let wait = VOTES_EVERY.as_secs().try_into().unwrap_or(u32::MAX);
        voted.map_err(|_| Problem::TooMany(wait))
    }

    fn html(&self, status: StatusCode, locale: Locale, markup: Markup) -> Response<Body> {
        let mut response = pages::html(status, locale, self.policy.clone(), markup);
        // A browser may keep it to go back to, and nobody else.
        let kept = HeaderValue::from_static("private, no-cache");
        response.headers_mut().insert(header::CACHE_CONTROL, kept);
        response
    }
}

/// What the address of a page asks for.
struct Asked<'a> {
    query: &'a str,
    /// Whether the page is opened, and not only looked for.
    opened: bool,
}

impl<'a> Asked<'a> {
    fn of(head: &'a request::Parts) -> Self {
        let query = head.uri.query().unwrap_or_default();
        Self { query, opened: head.method == Method::GET }
    }

    /// A parameter; empty where it is left out.
    fn value(&self, name: &str) -> Cow<'a, str> {
        let found = form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == name);
        found.map(|(_, value)| value).unwrap_or_default()
    }
}

/// The search of this id; `None` where it is no id.
fn search_id(id: &str) -> Option<SearchId> {
    SearchId::parse_name(&format!("searches/{id}"))
}

/// To another page, in the language that this visitor reads.
fn redirect(to: &str) -> Response<Body> {
    let mut response = pages::redirect(StatusCode::FOUND, to);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-language"));
    response
}

fn suggested(texts: &[String]) -> Response<Body> {
    let body = serde_json::json!({ "suggestions": texts }).to_string();
    let mut response = Response::new(Body::new(Full::from(body)));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
