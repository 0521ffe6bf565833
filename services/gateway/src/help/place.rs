//! Addresses of pages: which help centre, and what of it.
//!
//! A help centre is at the host names of its tenant, and at `/t/{slug}` where the host is no other
//! tenant's. Below that every
//! address begins with the language of the page, so that it can be kept, shared and found by search
//! engines in that language, and nothing has to be remembered of a visitor.

use http::{HeaderMap, Uri, header};
use kernel::{ArticleId, Locale};

use crate::{domain::address::check_host, pages::Name};

/// What the paths of the pages of this name begin with.
pub(super) fn base(name: &Name) -> String {
    match name {
        Name::Slug(slug) => format!("/t/{slug}"),
        Name::Host(_) | Name::Id(_) => String::new(),
    }
}

/// A page of a help centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// The way to the home page in the visitor's language.
    Start,
    /// All questions, the newest first.
    Home,
    /// What a search found.
    Search,
    /// Questions that go on from what was typed, as JSON.
    Suggest,
    /// An article.
    Article(ArticleId),
    /// A vote on it.
    Vote(ArticleId),
    /// None that there is.
    Unknown,
}

impl Page {
    /// What its requests are counted under.
    pub(super) const fn route(self) -> &'static str {
        match self {
            Self::Start => "/t/{slug}",
            Self::Home => "/t/{slug}/{locale}",
            Self::Search => "/t/{slug}/{locale}/search",
            Self::Suggest => "/t/{slug}/{locale}/suggest",
            Self::Article(_) => "/t/{slug}/{locale}/articles/{article}",
            Self::Vote(_) => "/t/{slug}/{locale}/articles/{article}/vote",
            Self::Unknown => "/t/{slug}/_OTHER",
        }
    }
}

/// What an address asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The help centre.
    pub(super) name: Name,
    /// Where it is named by slug: the host name, which may be a tenant's.
    pub(super) host: Option<String>,
    /// The language that the address names.
    pub(super) locale: Option<Locale>,
    /// The page.
    pub(super) page: Page,
}

/// What only programs ask for, at whatever host.
const OF_PROGRAMS: [&str; 2] = ["v1", "aftercare"];

impl Place {
    /// What a request asks for; `None` where it cannot be for a help centre.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let path = uri.path().strip_prefix('/')?;
        let mut parts: Vec<&str> = path.split('/').collect();
        // `/t/acme/` is `/t/acme`.
        parts.pop_if(|last| last.is_empty());
        let host = host(uri, headers);
        if let ["t", slug, rest @ ..] = parts.as_slice() {
            let name = Name::Slug((*slug).to_owned());
            return Some(Self { host, ..Self::below(name, rest) });
        }
        let first = parts.first().map(|first| first.split('.').next().unwrap_or_default());
        if first.is_some_and(|first| OF_PROGRAMS.contains(&first)) {
            return None;
        }
        let name = Name::Host(host?);
        Some(Self::below(name, &parts))
    }

    fn below(name: Name, rest: &[&str]) -> Self {
        let Some((first, rest)) = rest.split_first() else {
            return Self { name, host: None, locale: None, page: Page::Start };
        };
        let locale = Locale::parse(first);
        let article = |id: &str| ArticleId::parse_name(&format!("articles/{id}"));
        let page = match rest {
            _ if locale.is_none() => Page::Unknown,
            [] => Page::Home,
            ["search"] => Page::Search,
            ["suggest"] => Page::Suggest,
            ["articles", id] => article(id).map_or(Page::Unknown, Page::Article),
            ["articles", id, "vote"] => article(id).map_or(Page::Unknown, Page::Vote),
            _ => Page::Unknown,
        };
        Self { name, host: None, locale, page }
    }
}

/// The host name that a request is for, in lower case and without its port; `None` where it names an
/// address, or nothing that could be a host.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let named = || headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    let authority: http::uri::Authority = uri.authority().cloned().or_else(named)?;
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    check_host(&host).is_ok().then_some(host)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ID: &str = "019ab000-0000-7000-8000-000000000001";

    fn of(path: &str) -> Option<Place> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("Help.Example.com:8443"));
        Place::of(&path.parse().unwrap(), &headers)
    }

    #[test]
    fn a_slug_names_a_help_centre_whatever_the_host() {
        let article = ArticleId::parse_name(&format!("articles/{ID}")).unwrap();
        for (path, locale, page) in [
            ("/t/acme", None, Page::Start),
            ("/t/acme/", None, Page::Start),
            ("/t/acme/zh", Some(Locale::Zh), Page::Home),
            ("/t/acme/en/", Some(Locale::En), Page::Home),
            ("/t/acme/en/search?q=a", Some(Locale::En), Page::Search),
            ("/t/acme/en/suggest?q=a", Some(Locale::En), Page::Suggest),
            (&format!("/t/acme/en/articles/{ID}"), Some(Locale::En), Page::Article(article)),
            (&format!("/t/acme/en/articles/{ID}/vote"), Some(Locale::En), Page::Vote(article)),
            ("/t/acme/fr", None, Page::Unknown),
            ("/t/acme/EN", None, Page::Unknown),
            ("/t/acme/en//search", Some(Locale::En), Page::Unknown),
            ("/t/acme/en/articles/1", Some(Locale::En), Page::Unknown),
            ("/t/acme/en/articles", Some(Locale::En), Page::Unknown),
        ] {
            let name = Name::Slug("acme".to_owned());
            let host = Some("help.example.com".to_owned());
            assert_eq!(of(path), Some(Place { name, host, locale, page }), "{path}");
        }
    }

    #[test]
    fn a_host_names_one_where_the_path_is_not_for_programs() {
        let name = Name::Host("help.example.com".to_owned());
        for (path, locale, page) in [
            ("/", None, Page::Start),
            ("/zh", Some(Locale::Zh), Page::Home),
            ("/en/search?q=a", Some(Locale::En), Page::Search),
            ("/zh-CN", None, Page::Unknown),
            ("/robots.txt", None, Page::Unknown),
        ] {
            let place = Place { name: name.clone(), host: None, locale, page };
            assert_eq!(of(path), Some(place), "{path}");
        }
        for other in ["/v1/tickets", "/v1", "/aftercare.tickets.v1.TicketService/GetTicket"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_authority_of_http2_is_the_host() {
        let uri = "https://help.example.com./en".parse().unwrap();
        let place = Place::of(&uri, &HeaderMap::new()).unwrap();
        assert_eq!(place.name, Name::Host("help.example.com".to_owned()));
        for nowhere in ["/en", "https://127.0.0.1/en", "https://help_me/en"] {
            assert_eq!(Place::of(&nowhere.parse().unwrap(), &HeaderMap::new()), None, "{nowhere}");
        }
    }
}
