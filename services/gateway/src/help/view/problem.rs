//! A page that shows nothing but why it shows nothing.

use kernel::Locale;
use maud::{Markup, html};

use super::Page;
use crate::help::{Problem, Site, words};

/// The page of a problem; with the ways onward where the help centre is known.
pub(in crate::help) fn problem(problem: &Problem, site: Option<&Site>, locale: Locale) -> Markup {
    let words = words::of(locale);
    let told = match problem {
        Problem::NotFound => &words.not_found,
        Problem::TooMany(_) => &words.too_many,
        Problem::Away => &words.away,
        Problem::NotRead => &words.not_read,
        Problem::NotSo(_) => &words.not_so,
    };
    let page = Page {
        site,
        locale,
        here: String::new(),
        title: told.title.to_owned(),
        query: String::new(),
        canonical: None,
    };
    page.with(&html! {
        h1 { (told.title) }
        p { (told.advice) }
        @if let Some(site) = site {
            p { a.more href=(site.at(locale, "")) { (words.back) } }
        }
    })
}
