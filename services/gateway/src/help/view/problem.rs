//! A page that shows nothing but why it shows nothing.

use kernel::Locale;
use maud::{Markup, html};

use super::Page;
use crate::{
    help::{Site, words},
    pages::Problem,
};

/// The page of a problem; with the ways onward where the help centre is known.
pub(in crate::help) fn problem(problem: Problem, site: Option<&Site>, locale: Locale) -> Markup {
    let page = Page {
        site,
        locale,
        here: String::new(),
        title: problem.title(locale).to_owned(),
        query: String::new(),
        canonical: None,
    };
    page.with(&html! {
        (problem.content(locale))
        @if let Some(site) = site {
            p { a.more href=(site.at(locale, "")) { (words::of(locale).back) } }
        }
    })
}
