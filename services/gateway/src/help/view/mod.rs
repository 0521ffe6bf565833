//! The pages as HTML.

mod article;
mod home;
mod problem;
mod search;

use contracts::knowledge::v1::{ArticleKind, Span};
use http::HeaderValue;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use kernel::Locale;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Site, words};

pub(super) use self::{
    article::{Feedback, Said, article},
    home::home,
    problem::problem,
    search::search,
};

pub(super) const STYLE: &str = include_str!("page.css");
pub(super) const SCRIPT: &str = include_str!("page.js");

/// What all pages of a help centre share.
pub(super) struct Page<'a> {
    /// Whose it is; `None` where there is no such help centre.
    pub(super) site: Option<&'a Site>,
    pub(super) locale: Locale,
    /// The address below that of the language, with its query: the same in the other languages.
    pub(super) here: String,
    /// What it is called; the help centre itself where it is empty.
    pub(super) title: String,
    /// What was searched for.
    pub(super) query: String,
    /// Its own address, where search engines may show it.
    pub(super) canonical: Option<String>,
}

impl Page<'_> {
    /// The whole page with this content.
    pub(super) fn with(&self, content: &Markup) -> Markup {
        let words = words::of(self.locale);
        let name = self.site.map(|site| site.tenant.title.as_str()).unwrap_or_default();
        html! {
            (DOCTYPE)
            html lang=(self.locale.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title {
                        @if !self.title.is_empty() { (self.title) " – " }
                        @if !name.is_empty() { (name) " " }
                        (words.help_center)
                    }
                    link rel="icon" href="data:,";
                    @match &self.canonical {
                        Some(canonical) => link rel="canonical" href=(canonical);,
                        None => meta name="robots" content="noindex, nofollow";,
                    }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#content" { (words.skip) }
                    header { (self.header(name)) }
                    main #content tabindex="-1" { (content) }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    }

    fn header(&self, name: &str) -> Markup {
        let words = words::of(self.locale);
        let Some(site) = self.site else {
            return html! { p.name { (words.help_center) } };
        };
        let home = site.at(self.locale, "");
        html! {
            p.name { a href=(home) { strong { (name) } " " (words.help_center) } }
            nav aria-label=(words.languages) {
                @for (locale, href) in self.in_each_language() {
                    @let current = (locale == self.locale).then_some("true");
                    a href=(href) lang=(locale.tag()) hreflang=(locale.tag()) aria-current=[current] {
                        (words::of(locale).language)
                    }
                }
            }
            form.search role="search" action=(format!("{home}/search")) data-suggest=(format!("{home}/suggest")) {
                label for="q" { (words.ask) }
                div {
                    input #q type="search" name="q" value=(self.query) maxlength="500" required
                        autocomplete="off" enterkeyhint="search";
                    button { (words.search) }
                }
                ul #suggestions role="listbox" aria-label=(words.suggestions) hidden {}
            }
        }
    }

    /// The address of the same page in each language.
    fn in_each_language(&self) -> Vec<(Locale, String)> {
        let at = |locale| Some((locale, self.site?.at(locale, &self.here)));
        [Locale::Zh, Locale::En].into_iter().filter_map(at).collect()
    }
}

/// The policy of every page: its own script and style, its own origin, pictures of the web.
pub(super) fn policy() -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    HeaderValue::from_str(&format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; \
         img-src https: data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        crate::web::source(SCRIPT),
        crate::web::source(STYLE),
    ))
}

/// A text with the words marked that were looked for.
fn marked(text: &str, spans: &[Span]) -> Markup {
    let point = |at: i32| {
        let at = usize::try_from(at).unwrap_or_default();
        text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte)
    };
    let (mut parts, mut done) = (Vec::new(), 0);
    for span in spans {
        let (start, end) = (point(span.start), point(span.end));
        // Spans come in order, and none within another.
        if done <= start && start < end {
            parts.push((&text[done..start], false));
            parts.push((&text[start..end], true));
            done = end;
        }
    }
    parts.push((&text[done..], false));
    html! {
        @for (part, is_marked) in parts {
            @if is_marked { mark { (part) } } @else { (part) }
        }
    }
}

/// What kind of article it is, and which language it is in where that is not the page's.
fn kind(locale: Locale, kind: ArticleKind, tag: &str) -> Markup {
    let words = words::of(locale);
    html! {
        span.kind {
            (words.kind(kind))
            @if !words.speaks(tag) { " · " span lang=(tag) { (words::language(tag)) } }
        }
    }
}

/// The day of an instant where the tenant is.
fn day(at: Option<&prost_types::Timestamp>, zone: &str) -> Option<Date> {
    let at = at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())?;
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Some(at.to_zoned(zone).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_for_is_marked_and_nothing_else_let_through() {
        let spans = |all: &[(i32, i32)]| -> Vec<Span> {
            all.iter().map(|(start, end)| Span { start: *start, end: *end }).collect()
        };
        let of = |text, all: &[(i32, i32)]| marked(text, &spans(all)).into_string();
        assert_eq!(
            of("保修 <期限>", &[(0, 2), (4, 6)]),
            "<mark>保修</mark> &lt;<mark>期限</mark>&gt;"
        );
        assert_eq!(of("ab", &[]), "ab");
        assert_eq!(of("ab", &[(1, 9)]), "a<mark>b</mark>");
        assert_eq!(of("abc", &[(1, 2), (0, 2), (2, 2)]), "a<mark>b</mark>c");
    }

    #[test]
    fn the_day_is_that_of_the_tenant() {
        let late = prost_types::Timestamp { seconds: 1_772_990_000, nanos: 0 };
        let of = |zone| day(Some(&late), zone).unwrap().to_string();
        assert_eq!(
            (of("UTC"), of("Asia/Shanghai")),
            ("2026-03-08".to_owned(), "2026-03-09".to_owned())
        );
        assert_eq!(day(None, "UTC"), None);
    }
}
