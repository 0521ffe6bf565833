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
mod tenants;
mod view;
mod visitor;
mod words;

use std::{borrow::Cow, sync::Arc};

use contracts::knowledge::v1::VoteRequest;
use form_urlencoded::Serializer;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts,
};
use http_body_util::Full;
use kernel::{ArticleId, Ids, Locale};
use maud::Markup;
use rpc::Edge;
use tonic::{Status, body::Body};

use self::{
    form::Given,
    knowledge::Knowledge,
    place::{Page, Place},
    tenants::Tenants,
    view::{Feedback, Said},
    visitor::Visitors,
};
use crate::{
    directory::{Directory, TenantFacts},
    web::Route,
};

/// How pages are asked for, and how a vote is.
const READ: &str = "GET, HEAD";
const SENT: &str = "POST";

/// The help centres of the tenants.
#[derive(Debug)]
pub struct HelpCenter {
    edge: Edge,
    tenants: Tenants,
    visitors: Visitors,
    ids: Ids,
    policy: HeaderValue,
}

/// A request for a page.
#[derive(Debug)]
pub struct Visit {
    page: Page,
    site: Result<Site, Problem>,
    locale: Locale,
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

/// A path with a query; parameters that are empty are left out.
fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let given = query.iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(given).finish();
    format!("{path}?{query}")
}

/// Why a page shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    /// There is no such page for this visitor.
    NotFound,
    /// The visitor asks too often; with the seconds to wait.
    TooMany(u32),
    /// What the page is made of is away.
    Away,
    /// What the visitor sent makes no sense.
    NotRead,
    /// The page is asked for in another way: by these methods.
    NotSo(&'static str),
}

impl Problem {
    const fn http(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Away => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotRead => StatusCode::BAD_REQUEST,
            Self::NotSo(_) => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

impl HelpCenter {
    /// The help centres of the tenants in `directory`, whose visitors go in by `edge`. `proxies` of ours
    /// stand before the port.
    pub fn new(
        edge: Edge,
        directory: Directory,
        ids: Ids,
        proxies: usize,
    ) -> Result<Self, http::header::InvalidHeaderValue> {
        let (tenants, visitors) = (Tenants::new(directory), Visitors::new(proxies));
        Ok(Self { edge, tenants, visitors, ids, policy: view::policy()? })
    }

    /// The page that a request is for; `None` where it is for something else.
    pub async fn visit(&self, uri: &Uri, headers: &HeaderMap) -> Option<Visit> {
        let Place { name, locale, page } = Place::of(uri, headers)?;
        let tenant = self.tenants.find(&name).await;
        if matches!((&tenant, &name), (Ok(None), place::Name::Host(_))) {
            return None;
        }
        let languages = headers.get(header::ACCEPT_LANGUAGE);
        let wanted = || Locale::accepted(languages?.to_str().ok()?);
        let own = || tenant.as_ref().ok()?.as_ref().map(|tenant| tenant.locale);
        let locale = locale.or_else(wanted).or_else(own).unwrap_or_default();
        let site = tenant.and_then(|tenant| {
            let tenant = tenant.ok_or(Problem::NotFound)?;
            Ok(Site { tenant, base: name.base() })
        });
        Some(Visit { page, site, locale })
    }

    /// Answers it.
    pub async fn answer(&self, visit: Visit, request: Request<Body>) -> Response<Body> {
        let Visit { page, site, locale } = visit;
        let (head, body) = request.into_parts();
        let answer = match &site {
            Ok(site) => self.page(page, site, locale, &head, body).await,
            Err(problem) => Err(*problem),
        };
        let mut response = answer.unwrap_or_else(|problem| {
            let mut response = self.html(
                problem.http(),
                locale,
                view::problem(&problem, site.as_ref().ok(), locale),
            );
            let (name, value) = match problem {
                Problem::TooMany(seconds) => (header::RETRY_AFTER, seconds.into()),
                Problem::NotSo(allowed) => (header::ALLOW, HeaderValue::from_static(allowed)),
                Problem::NotFound | Problem::Away | Problem::NotRead => return response,
            };
            response.headers_mut().insert(name, value);
            response
        });
        response.extensions_mut().insert(Route::from(page.route()));
        response
    }

    async fn page(
        &self,
        page: Page,
        site: &Site,
        locale: Locale,
        head: &Parts,
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
        let knowledge = Knowledge::new(&self.edge, self.visitors.known(head, &site.tenant, locale));
        let query = head.uri.query().unwrap_or_default();
        let asked = |name: &str| {
            let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
            found.map_or(Cow::Borrowed(""), |(_, value)| value)
        };
        let markup = match page {
            Page::Unknown => return Err(Problem::NotFound),
            Page::Start => return Ok(redirect(&site.at(locale, ""))),
            Page::Home => view::home(site, locale, &knowledge.questions(&asked("page")).await?),
            Page::Search if asked("q").trim().is_empty() => {
                return Ok(redirect(&site.at(locale, "")));
            }
            Page::Search => {
                let found = knowledge.search(&asked("q"), &asked("page")).await?;
                view::search(site, locale, asked("q").trim(), &found)
            }
            Page::Suggest => return Ok(suggested(&knowledge.suggest(&asked("q")).await?)),
            Page::Article(id) => {
                let came_by = (asked("search"), head.method == Method::GET);
                self.article(&knowledge, site, id, &asked("locale"), came_by).await?
            }
            Page::Vote(id) => {
                self.vote(&knowledge, site, id, Given::read(head, body).await?).await?
            }
        };
        Ok(self.html(StatusCode::OK, locale, markup))
    }

    /// An article. Whoever opened it from a search has chosen it there.
    async fn article(
        &self,
        knowledge: &Knowledge,
        site: &Site,
        id: ArticleId,
        wanted: &str,
        (search, opened): (Cow<'_, str>, bool),
    ) -> Result<Markup, Problem> {
        let locale = knowledge.locale();
        let wanted = if wanted.is_empty() { locale.tag() } else { wanted };
        let (article, shown) = knowledge.article(id, wanted).await?;
        if opened && !search.is_empty() {
            knowledge.choose(&search, &shown.name).await;
        }
        let feedback = Feedback {
            vote: self.ids.next(),
            search: search.into_owned(),
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
        let name = format!("{}/revisions/{}", id.name(), given.feedback.revision);
        let search = &given.feedback.search;
        let vote = VoteRequest {
            name: name.clone(),
            helpful: given.feedback.said == Said::Yes,
            comment: given.comment,
            search: if search.is_empty() { String::new() } else { format!("searches/{search}") },
            vote_id: given.feedback.vote.to_string(),
        };
        knowledge.vote(vote).await?;
        let shown = knowledge.revision(&name).await;
        let wanted = shown.as_ref().map_or(knowledge.locale().tag(), |shown| &shown.locale);
        let (article, now) = knowledge.article(id, wanted).await?;
        let shown = shown.unwrap_or(now);
        Ok(view::article(site, knowledge.locale(), &article, &shown, &given.feedback))
    }

    fn html(&self, status: StatusCode, locale: Locale, markup: Markup) -> Response<Body> {
        let mut response = Response::new(Body::new(Full::from(markup.into_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let set = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_LANGUAGE, HeaderValue::from_static(locale.tag())),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
            // A browser may keep it to go back to, and nobody else.
            (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        ];
        headers.extend(set.map(|(name, value)| (Some(name), value)));
        response
    }
}

/// To another page, in the language that this visitor reads.
fn redirect(to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
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

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        use tonic::Code;
        match status.code() {
            // Where the configuration keeps visitors out there is no help centre.
            Code::NotFound | Code::PermissionDenied | Code::Unauthenticated => Self::NotFound,
            Code::InvalidArgument | Code::OutOfRange => Self::NotRead,
            Code::ResourceExhausted => {
                let after = status.metadata().get(header::RETRY_AFTER.as_str());
                let seconds = after.and_then(|after| after.to_str().ok()?.parse().ok());
                Self::TooMany(seconds.unwrap_or(1))
            }
            _ => Self::Away,
        }
    }
}
