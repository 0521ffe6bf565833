//! What a search found.

use contracts::knowledge::v1::{SearchResponse, SearchResult};
use kernel::Locale;
use maud::{Markup, html};

use super::{Page, kind, marked};
use crate::{
    help::{Site, words},
    pages::with_query,
};

/// A page of results.
pub(in crate::help) fn search(
    site: &Site,
    locale: Locale,
    query: &str,
    found: &SearchResponse,
) -> Markup {
    let words = words::of(locale);
    let page = Page {
        site: Some(site),
        locale,
        here: with_query("/search", &[("q", query)]),
        title: query.to_owned(),
        query: query.to_owned(),
        canonical: None,
    };
    page.with(&html! {
        @if found.results.is_empty() {
            h1 { (words.found_nothing) " “" (query) "”" }
            p { (words.search_again) }
            p { a.more href=(site.at(locale, "")) { (words.all_questions) } }
        } @else {
            h1 { (words.found(found.total_size, found.total_is_exact, found.stage())) }
            ol.results {
                @for one in &found.results {
                    (result(site, locale, &found.search, one))
                }
            }
        }
        @if !found.next_page_token.is_empty() {
            nav aria-label=(words.pages) {
                a.more href=(site.next(locale, "/search", &[("q", query), ("page", &found.next_page_token)])) {
                    (words.more_results)
                }
            }
        }
    })
}

fn result(site: &Site, locale: Locale, search: &str, one: &SearchResult) -> Markup {
    // A query names the search by its id.
    let search = search.strip_prefix("searches/").unwrap_or_default();
    let mut query = vec![("search", search)];
    if one.locale != locale.tag() {
        query.push(("locale", one.locale.as_str()));
    }
    html! {
        li {
            h2 {
                a href=(site.next(locale, &one.article, &query)) lang=(one.locale) {
                    (marked(&one.title, &one.title_spans))
                }
            }
            p lang=(one.locale) { (marked(&one.snippet, &one.snippet_spans)) }
            p { (kind(locale, one.kind(), &one.locale)) }
        }
    }
}
