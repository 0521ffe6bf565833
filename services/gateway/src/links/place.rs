//! Addresses of the pages that links open, and what a query asks for.
//!
//! The token of a link is its credential: it stands in no log and no label.

use kernel::{Locale, link::Link};

use crate::pages::with_query;

/// What there is of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// Its page.
    Show,
    /// The customer agrees to the resolution.
    Confirm,
    /// The customer objects to it.
    Object,
    /// The customer answers the survey.
    Answers,
    /// None that there is.
    Unknown,
}

impl Page {
    /// What its requests are counted under.
    pub(super) const fn route(self) -> &'static str {
        match self {
            Self::Show => "/l/{link}",
            Self::Confirm => "/l/{link}/confirm",
            Self::Object => "/l/{link}/object",
            Self::Answers => "/l/{link}/answers",
            Self::Unknown => "/l/{link}/_OTHER",
        }
    }

    /// What its address ends with.
    const fn end(self) -> &'static str {
        match self {
            Self::Show | Self::Unknown => "",
            Self::Confirm => "/confirm",
            Self::Object => "/object",
            Self::Answers => "/answers",
        }
    }
}

/// What an address asks for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) token: String,
    pub(super) page: Page,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("page", &self.page).finish_non_exhaustive()
    }
}

impl Place {
    /// What a path asks for; `None` where it is for something else.
    pub(super) fn of(path: &str) -> Option<Self> {
        let mut parts: Vec<&str> = path.strip_prefix("/l/")?.split('/').collect();
        // `/l/x/` is `/l/x`.
        parts.pop_if(|last| last.is_empty());
        let (token, rest) = parts.split_first()?;
        let page = match rest {
            [] => Page::Show,
            ["confirm"] => Page::Confirm,
            ["object"] => Page::Object,
            ["answers"] => Page::Answers,
            _ => Page::Unknown,
        };
        Some(Self { token: (*token).to_owned(), page })
    }

    /// The address of a page of the same link, in a language; `more` goes into its query.
    pub(super) fn at(&self, page: Page, locale: Locale, more: &[(&str, &str)]) -> String {
        let path = format!("{}{}", Link::path(&self.token), page.end());
        with_query(&path, &[&[("lang", locale.tag())], more].concat())
    }
}

/// What was done by the form that led to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Confirmed,
    Objected,
    Answered,
}

impl Done {
    const ALL: [Self; 3] = [Self::Confirmed, Self::Objected, Self::Answered];

    /// Its name in an address.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Objected => "objected",
            Self::Answered => "answered",
        }
    }
}

/// What a query asks for. Whatever it holds, it changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The language of the page.
    pub(super) locale: Option<Locale>,
    /// What was done just now.
    pub(super) done: Option<Done>,
    /// Answers to begin with, by question.
    pub(super) numbers: Vec<(String, i32)>,
}

impl Asked {
    /// What this query asks for. A question may be called like a parameter of ours: its value is a
    /// number, and none of ours is.
    pub(super) fn of(query: &str) -> Self {
        let mut asked = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            if let Ok(number) = value.parse() {
                asked.numbers.push((key.into_owned(), number));
            } else if key == "lang" {
                asked.locale = asked.locale.or(Locale::parse(&value));
            } else if key == "done" {
                asked.done = Done::ALL.into_iter().find(|done| done.as_str() == value);
            }
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_a_page_and_three_forms() {
        for (path, page) in [
            ("/l/ln_a", Page::Show),
            ("/l/ln_a/", Page::Show),
            ("/l/ln_a/confirm", Page::Confirm),
            ("/l/ln_a/object/", Page::Object),
            ("/l/ln_a/answers", Page::Answers),
            ("/l/ln_a//answers", Page::Unknown),
            ("/l/ln_a/x", Page::Unknown),
        ] {
            let place = Place::of(path).unwrap();
            assert_eq!((place.token.as_str(), place.page), ("ln_a", page), "{path}");
            assert!(!format!("{place:?}").contains("ln_a"), "the token is told to nobody");
        }
        for other in ["/", "/l", "/l/", "/links/a", "/en/l/a"] {
            assert_eq!(Place::of(other), None, "{other}");
        }
    }

    #[test]
    fn an_address_keeps_the_language() {
        let place = Place { token: "ln_a".to_owned(), page: Page::Show };
        let at = place.at(Page::Answers, Locale::Zh, &[]);
        assert_eq!(at, "/l/ln_a/answers?lang=zh");
        let at = place.at(Page::Show, Locale::En, &[("done", "answered")]);
        assert_eq!(at, "/l/ln_a?lang=en&done=answered");
    }

    #[test]
    fn a_query_names_a_language_and_numbers_to_begin_with() {
        let asked = Asked::of("lang=zh&overall=5&lang=3&done=confirmed&reason=price&x=1.5");
        assert_eq!((asked.locale, asked.done), (Some(Locale::Zh), Some(Done::Confirmed)));
        assert_eq!(asked.numbers, [("overall".to_owned(), 5), ("lang".to_owned(), 3)]);
        assert_eq!(Asked::of("lang=fr&done=everything&overall=99999999999"), Asked::default());
    }
}
