//! Why a page shows nothing.

use http::{HeaderValue, Response, StatusCode, header};
use kernel::Locale;
use maud::{Markup, html};
use tonic::{Code, Status, body::Body};

use super::words;

/// Why a page shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// There is no such page for this visitor.
    NotFound,
    /// The link opens nothing.
    NoLink,
    /// The link opens nothing any more.
    LinkOver,
    /// What the link asks can be answered no more.
    Closed,
    /// The visitor asks too often; with the seconds to wait.
    TooMany(u32),
    /// What the page is made of is away.
    Away,
    /// What the visitor sent makes no sense.
    NotRead,
    /// The page is asked for in another way: by these methods.
    NotSo(&'static str),
}

/// What a page says that shows nothing else.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) title: &'static str,
    pub(super) advice: &'static str,
}

impl Problem {
    /// The status of its page.
    pub(crate) const fn http(self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoLink => StatusCode::NOT_FOUND,
            Self::LinkOver | Self::Closed => StatusCode::GONE,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Away => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotRead => StatusCode::BAD_REQUEST,
            Self::NotSo(_) => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// What is said of it.
    const fn told(self, locale: Locale) -> &'static Told {
        let words = words::of(locale);
        match self {
            Self::NotFound => &words.not_found,
            Self::NoLink => &words.no_link,
            Self::LinkOver => &words.link_over,
            Self::Closed => &words.closed,
            Self::TooMany(_) => &words.too_many,
            Self::Away => &words.away,
            Self::NotRead => &words.not_read,
            Self::NotSo(_) => &words.not_so,
        }
    }

    /// What its page is called.
    pub(crate) const fn title(self, locale: Locale) -> &'static str {
        self.told(locale).title
    }

    /// The content of its page.
    pub(crate) fn content(self, locale: Locale) -> Markup {
        let told = self.told(locale);
        html! {
            h1 { (told.title) }
            p { (told.advice) }
        }
    }

    /// Its page, with what a program reads of it.
    pub(crate) fn mark(self, mut page: Response<Body>) -> Response<Body> {
        let (name, value) = match self {
            Self::TooMany(seconds) => (header::RETRY_AFTER, seconds.into()),
            Self::NotSo(allowed) => (header::ALLOW, HeaderValue::from_static(allowed)),
            Self::NotFound
            | Self::NoLink
            | Self::LinkOver
            | Self::Closed
            | Self::Away
            | Self::NotRead => return page,
        };
        page.headers_mut().insert(name, value);
        page
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        match status.code() {
            // Where the configuration keeps visitors out there is no page.
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
