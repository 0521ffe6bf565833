//! An article, and what its reader thinks of it.

use contracts::knowledge::v1::{Article, Revision};
use kernel::{Locale, SearchId};
use maud::{Markup, html};
use uuid::Uuid;

use super::Page;
use crate::{
    help::{Site, markdown, words},
    pages::local,
};

/// What a reader is asked, or has said, about an article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::help) struct Feedback {
    /// Makes the vote one, however often it is sent.
    pub(in crate::help) vote: Uuid,
    /// The search that led here, if one did.
    pub(in crate::help) search: Option<SearchId>,
    /// The revision that the reader votes on, by number.
    pub(in crate::help) revision: String,
    /// What was said.
    pub(in crate::help) said: Said,
}

/// How far a reader has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::help) enum Said {
    /// Nothing yet.
    Nothing,
    /// That it helped.
    Yes,
    /// That it did not.
    No,
    /// And why.
    Why,
}

/// The page of an article.
pub(in crate::help) fn article(
    site: &Site,
    locale: Locale,
    article: &Article,
    shown: &Revision,
    feedback: &Feedback,
) -> Markup {
    let words = words::of(locale);
    let page = Page {
        site: Some(site),
        locale,
        here: format!("/{}", article.name),
        title: shown.title.clone(),
        query: String::new(),
        canonical: Some(site.at(locale, &article.name)),
    };
    let written = local(shown.create_time.as_ref(), &site.tenant.time_zone).map(|at| at.date());
    page.with(&html! {
        article lang=(shown.locale) {
            h1 { (shown.title) }
            (markdown::render(&shown.body, words.table, |id| site.at(locale, &id.name())))
        }
        p.kind {
            (words.kind(article.kind()))
            @if let Some(written) = written {
                " · " time datetime=(written) { (words.written(written)) }
            }
        }
        (languages(site, locale, article, shown))
        (self::feedback(site, locale, article, feedback))
    })
}

/// The other languages that it can be read in.
fn languages(site: &Site, locale: Locale, article: &Article, shown: &Revision) -> Markup {
    let others = || {
        let live = article.translations.iter().filter(|one| !one.live_revision.is_empty());
        live.filter(|one| one.locale != shown.locale)
    };
    html! {
        @if others().next().is_some() {
            p.kind {
                (words::of(locale).also_in)
                @for (index, one) in others().enumerate() {
                    @if index > 0 { " · " }
                    a href=(site.next(locale, &article.name, &[("locale", &one.locale)]))
                        lang=(one.locale) hreflang=(one.locale) { (words::language(&one.locale)) }
                }
            }
        }
    }
}

fn feedback(site: &Site, locale: Locale, article: &Article, of: &Feedback) -> Markup {
    let words = words::of(locale);
    let action = format!("{}#feedback", site.at(locale, &format!("{}/vote", article.name)));
    let hidden = html! {
        input type="hidden" name="revision" value=(of.revision);
        input type="hidden" name="vote" value=(of.vote);
        @if let Some(search) = of.search {
            input type="hidden" name="search" value=(search.uuid());
        }
    };
    html! {
        section #feedback aria-labelledby="feedback-title" data-not-sent=(words.not_sent) {
            h2 #feedback-title tabindex="-1" {
                @match of.said {
                    Said::Nothing => (words.did_it_help),
                    Said::Yes | Said::No => (words.thanks),
                    Said::Why => (words.will_read),
                }
            }
            @if of.said == Said::Nothing {
                form method="post" action=(action) {
                    (hidden)
                    button name="helpful" value="yes" { (words.yes) }
                    button name="helpful" value="no" { (words.no) }
                }
            }
            @if of.said == Said::No {
                form method="post" action=(action) {
                    (hidden)
                    input type="hidden" name="helpful" value="no";
                    label for="comment" { (words.what_was_missing) }
                    p.kind #comment-hint { (words.nothing_personal) }
                    textarea #comment name="comment" rows="4" maxlength="2000" required
                        aria-describedby="comment-hint" {}
                    button { (words.send) }
                }
            }
        }
    }
}
