//! The home page: all questions, a page at a time, those in the reader's language first.

use contracts::knowledge::v1::{Article, ListArticlesResponse, Translation};
use kernel::{Locale, language};
use maud::{Markup, html};

use super::{Page, kind};
use crate::help::{Site, words};

/// The home page, or a further page of its questions.
pub(in crate::help) fn home(site: &Site, locale: Locale, found: &ListArticlesResponse) -> Markup {
    let words = words::of(locale);
    let mut titles: Vec<_> = found
        .articles
        .iter()
        .filter_map(|article| title(article, locale).map(|title| (article, title)))
        .collect();
    titles.sort_by_key(|(_, title)| !words.speaks(&title.locale));
    let page = Page {
        site: Some(site),
        locale,
        here: String::new(),
        title: String::new(),
        query: String::new(),
        listed: true,
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
        @if !found.next_page_token.is_empty() {
            nav aria-label=(words.pages) {
                a.more href=(site.next(locale, "", &[("page", &found.next_page_token)])) {
                    (words.more_questions)
                }
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
