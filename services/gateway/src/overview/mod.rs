//! The overview: how the suite stands, for members to look at without a client of their own. The queues
//! with what is due and broken, what the days of the week came to, the latest bad answers.
//!
//! The page is made here from what the services answer to the member who looks, who is a caller like any
//! other: whatever they may not read stands not on it. A member comes with a bearer token, in the header
//! as to every other call, or once by a form; the browser then keeps it sealed in a cookie that only
//! this page reads, and that nothing but looking can be done with.
//!
//! # Deliberately absent
//! Work: a desk for agents is an application of its own, on the APIs.

mod calls;
mod session;
mod view;
mod words;

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts as Head,
};
use jiff::{ToSpan as _, tz::TimeZone};
use kernel::{CallerKind, Clock, Locale, keys::RootKeys};
use maud::Markup;
use rpc::{Edge, edge::Known};
use tonic::{Code, body::Body};

use self::{
    calls::{Calls, Overview},
    session::{Cookie, Sessions},
    view::{Notice, View},
};
use crate::{
    directory::{Directory, TenantFacts},
    pages::{self, Fields, Name, Problem, READ, SENT, Tenants, with_query},
    web::Route,
};

const PATH: &str = "/overview";
const SIGN_IN: &str = "/overview/sign-in";
const SIGN_OUT: &str = "/overview/sign-out";

/// How the address asks for more than the last seven days.
const FOUR_WEEKS: &str = "28";
/// How long a browser is remembered, if its token holds that long.
const LASTS: Duration = Duration::from_hours(12);
/// No form is longer.
const LONGEST: usize = 16 * 1_024;

/// What the overview is made of.
#[derive(Debug)]
pub struct Parts {
    /// Who is calling, and the way to the services.
    pub edge: Edge,
    /// Who is a tenant.
    pub directory: Directory,
    /// What cookies are sealed by.
    pub keys: RootKeys,
    /// By whose real time they end.
    pub clock: Clock,
}

/// The overview.
pub struct OverviewPages {
    edge: Edge,
    tenants: Tenants,
    sessions: Sessions,
    clock: Clock,
}

impl std::fmt::Debug for OverviewPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OverviewPages").finish_non_exhaustive()
    }
}

/// What of the overview a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The page itself.
    Show,
    /// The form by which a member signs in.
    SignIn,
    /// The end of that.
    SignOut,
}

impl Place {
    const fn path(self) -> &'static str {
        match self {
            Self::Show => PATH,
            Self::SignIn => SIGN_IN,
            Self::SignOut => SIGN_OUT,
        }
    }
}

/// A member who looks.
struct Member {
    known: Arc<Known>,
    tenant: Arc<TenantFacts>,
    /// Whether a cookie says who it is, so that there is something to sign out of.
    by_cookie: bool,
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// The token holds not, or no longer.
    Token,
    /// Whoever it stands for is no member of a tenant's staff.
    NoMember,
    /// There is no page at all.
    Problem(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl OverviewPages {
    /// The overview made of these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { edge, directory, keys, clock } = parts;
        Self { edge, tenants: Tenants::new(directory), sessions: Sessions::new(keys), clock }
    }

    /// What of the overview a path is for; `None` where it is for something else.
    pub(crate) fn place(path: &str) -> Option<Place> {
        let path = path.strip_suffix('/').unwrap_or(path);
        [Place::Show, Place::SignIn, Place::SignOut].into_iter().find(|place| place.path() == path)
    }

    /// Answers a request for it.
    pub(crate) async fn answer(&self, place: Place, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let wanted = wanted(&head);
        let answer = match (place, &head.method) {
            (Place::Show, &Method::GET | &Method::HEAD) => self.show(&head, wanted).await,
            (Place::SignIn, &Method::GET | &Method::HEAD) => {
                Ok(form(StatusCode::OK, wanted.unwrap_or_default(), None))
            }
            (Place::SignIn, &Method::POST) => self.sign_in(&head, body, wanted).await,
            (Place::SignOut, &Method::POST) => sign_out(&head, body, wanted).await,
            (Place::Show, _) => Err(Problem::NotSo(READ)),
            (Place::SignIn, _) => Err(Problem::NotSo("GET, HEAD, POST")),
            (Place::SignOut, _) => Err(Problem::NotSo(SENT)),
        };
        let mut response = answer.unwrap_or_else(|problem| {
            let locale = wanted.unwrap_or_default();
            problem.mark(html(problem.http(), locale, view::problem(problem, locale)))
        });
        response.extensions_mut().insert(Route::from(place.path()));
        response
    }

    /// The page as it stands, or the way to the form.
    async fn show(&self, head: &Head, wanted: Option<Locale>) -> Result<Response<Body>, Problem> {
        let member = match self.member(head).await {
            Ok(member) => member,
            Err(Refused::Problem(problem)) => return Err(problem),
            Err(Refused::Token | Refused::NoMember) => {
                let signed_in = query(head, "signed-in").is_some();
                let notice = signed_in.then_some(Notice::NotKept);
                return Ok(match notice {
                    Some(_) => form(StatusCode::OK, wanted.unwrap_or_default(), notice),
                    None => pages::redirect(StatusCode::SEE_OTHER, &at(SIGN_IN, wanted, &[])),
                });
            }
        };
        let locale = wanted.unwrap_or(member.tenant.locale);
        if member.by_cookie && query(head, "signed-in").is_some() {
            return Ok(pages::redirect(StatusCode::SEE_OTHER, &at(PATH, wanted, &[])));
        }
        let four_weeks = query(head, "days").as_deref() == Some(FOUR_WEEKS);
        let start_day =
            if four_weeks { self.four_weeks_ago(&member.tenant) } else { String::new() };
        let calls = Calls::new(&self.edge, &member.known, locale, start_day);
        let overview: Overview = calls.overview().await;
        let view = View {
            four_weeks,
            locale,
            tenant: &member.tenant,
            subject: &member.known.caller.subject,
            by_cookie: member.by_cookie,
            overview: &overview,
        };
        Ok(html(StatusCode::OK, locale, view.page()))
    }

    /// The first of the last 28 days where a tenant is.
    fn four_weeks_ago(&self, tenant: &TenantFacts) -> String {
        let zone = TimeZone::get(&tenant.time_zone).unwrap_or(TimeZone::UTC);
        let today = self.clock.now().timestamp().to_zoned(zone).date();
        today.saturating_sub(27.days()).to_string()
    }

    /// Takes a token from the form, and lets the browser keep it.
    async fn sign_in(
        &self,
        head: &Head,
        body: Body,
        wanted: Option<Locale>,
    ) -> Result<Response<Body>, Problem> {
        let fields = read(head, body).await?;
        let locale = wanted.unwrap_or_default();
        let text = fields.text("token");
        let token = text.strip_prefix("Bearer ").unwrap_or(&text).trim();
        let refused = |notice| Ok(form(StatusCode::FORBIDDEN, locale, Some(notice)));
        let known = match self.known(token).await {
            Ok(known) => known,
            Err(Refused::Problem(problem)) => return Err(problem),
            Err(Refused::Token) => return refused(Notice::NoToken),
            Err(Refused::NoMember) => return refused(Notice::NoMember),
        };
        let now = self.clock.real_now();
        let until = known.expires.unwrap_or(now + LASTS).min(now + LASTS);
        let Some(sealed) = self.sessions.seal(token, until) else {
            return refused(Notice::TooLong);
        };
        let cookie = Cookie { value: &sealed, seconds: until.since(now) / 1_000_000 };
        let mut response =
            pages::redirect(StatusCode::SEE_OTHER, &at(PATH, wanted, &[("signed-in", "1")]));
        response.headers_mut().insert(header::SET_COOKIE, cookie.header(&head.headers));
        Ok(response)
    }

    /// The member who makes a request, by its header or else by its cookie.
    async fn member(&self, head: &Head) -> Result<Member, Refused> {
        let by_cookie = !has_bearer(&head.headers);
        let known = if by_cookie {
            let token = self.sessions.open(&head.headers, self.clock.real_now());
            self.known(&token.ok_or(Refused::Token)?).await?
        } else {
            self.who(&head.headers).await?
        };
        let tenant = self.tenants.find(&Name::Id(known.caller.tenant), || Ok(())).await?;
        Ok(Member { known, tenant: tenant.ok_or(Refused::Token)?, by_cookie })
    }

    /// The member whom a token stands for.
    async fn known(&self, token: &str) -> Result<Arc<Known>, Refused> {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        headers.insert(header::AUTHORIZATION, value.map_err(|_| Refused::Token)?);
        self.who(&headers).await
    }

    async fn who(&self, headers: &HeaderMap) -> Result<Arc<Known>, Refused> {
        let known = self.edge.who(headers).await.map_err(|status| match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => Refused::Token,
            _ => Refused::Problem(status.into()),
        })?;
        if known.caller.kind == CallerKind::Member { Ok(known) } else { Err(Refused::NoMember) }
    }
}

/// Lets the browser forget who it is.
async fn sign_out(
    head: &Head,
    body: Body,
    wanted: Option<Locale>,
) -> Result<Response<Body>, Problem> {
    read(head, body).await?;
    let mut response = pages::redirect(StatusCode::SEE_OTHER, &at(SIGN_IN, wanted, &[]));
    let gone = Cookie { value: "", seconds: 0 }.header(&head.headers);
    response.headers_mut().insert(header::SET_COOKIE, gone);
    Ok(response)
}

/// Whether a request says by its header who makes it; what other schemes say is a proxy's matter.
fn has_bearer(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scheme = value.and_then(|value| value.split(' ').next());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
}

/// A form, which only this very origin lets its visitors send.
async fn read(head: &Head, body: Body) -> Result<Fields, Problem> {
    let value = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let own = match value("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        // An older browser.
        None => value("origin").is_none_or(|origin| {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == value("host")
        }),
    };
    if !own {
        return Err(Problem::NotRead);
    }
    Fields::read(head, body, LONGEST, &[]).await
}

/// A page of it in a language.
fn at(path: &str, locale: Option<Locale>, more: &[(&str, &str)]) -> String {
    let query = [&[("lang", locale.map_or("", Locale::tag))], more].concat();
    let address = with_query(path, &query);
    address.strip_suffix('?').map(str::to_owned).unwrap_or(address)
}

/// A parameter of a request's query.
fn query(head: &Head, name: &str) -> Option<String> {
    let query = head.uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The language that is asked for: by the address, else by the browser, if it is one that we speak.
fn wanted(head: &Head) -> Option<Locale> {
    let named = query(head, "lang").and_then(|tag| Locale::parse(&tag));
    named.or_else(|| Locale::accepted(head.headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?))
}

/// The form by which a member signs in.
fn form(status: StatusCode, locale: Locale, notice: Option<Notice>) -> Response<Body> {
    html(status, locale, view::sign_in(locale, notice))
}

/// A page as an answer; nobody keeps it, and nobody frames it.
fn html(status: StatusCode, locale: Locale, page: Markup) -> Response<Body> {
    let nothing = || HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    let policy = view::policy().unwrap_or_else(|_| nothing());
    let mut response = pages::html(status, locale, policy, page);
    let kept = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    // Nothing in the address is secret, and forms are to say where they come from.
    let told = HeaderValue::from_static("same-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, told);
    response
}

#[cfg(test)]
mod tests;
