//! The home page: the questions that have an answer, a page at a time.

use contracts::knowledge::v1::{Article, ListArticlesResponse, Translation};
use kernel::{Locale, language};
use maud::{Markup, html};

use super::{Page, kind};
use crate::{
    help::{Site, words},
    pages::with_query,
};

/// The home page, or a further page of its questions: those in the reader's language, or in all.
pub(in crate::help) fn home(
    site: &Site,
    locale: Locale,
    (all, first): (bool, bool),
    found: &ListArticlesResponse,
) -> Markup {
    let words = words::of(locale);
    let titles: Vec<_> = found
        .articles
        .iter()
        .filter_map(|article| title(article, locale).map(|title| (article, title)))
        .collect();
    let which = if all { "all" } else { "" };
    let page = Page {
        site: Some(site),
        locale,
        here: if all { with_query("", &[("in", which)]) } else { String::new() },
        title: String::new(),
        query: String::new(),
        canonical: (first && !all).then(|| site.at(locale, "")),
    };
    page.with(&html! {
        h1 { (words.questions) }
        @if titles.is_empty() {
            p { (words.no_questions) }
        }
        ul.questions {
            @for (article, title) in titles {
                li {
                    a href=(site.at(locale, &article.name)) lang=(title.locale) { (title.title) }
                    " "
                    (kind(locale, article.kind(), &title.locale))
                }
            }
        }
        nav aria-label=(words.pages) {
            @if !found.next_page_token.is_empty() {
                p {
                    a.more href=(site.next(locale, "", &[("in", which), ("page", &found.next_page_token)])) {
                        (words.more_questions)
                    }
                }
            }
            @if !all {
                p { a href=(site.next(locale, "", &[("in", "all")])) { (words.in_all_languages) } }
            }
        }
    })
}

/// The title of an article in the language nearest to the reader's.
fn title(article: &Article, locale: Locale) -> Option<&Translation> {
    let live = || article.translations.iter().filter(|one| !one.live_revision.is_empty());
    let nearest = language::nearest(locale.tag(), live().map(|one| one.locale.as_str()))?;
    live().find(|one| one.locale == nearest)
}
