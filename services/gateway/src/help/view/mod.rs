//! The pages as HTML.

mod article;
mod home;
mod problem;
mod search;

use contracts::knowledge::v1::{ArticleKind, Span};
use http::HeaderValue;
use kernel::Locale;
use maud::{Markup, html};

use super::{Site, words};
use crate::pages::{Frame, Look, languages, speaks};

pub(super) use self::{
    article::{Feedback, Said, article},
    home::home,
    problem::problem,
    search::search,
};

const LOOK: Look = Look { style: include_str!("page.css"), script: Some(include_str!("page.js")) };

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
        let name = self.site.map(|site| site.tenant.title.as_str()).unwrap_or_default();
        let help_center = words::of(self.locale).help_center;
        let mut title = String::new();
        if !self.title.is_empty() {
            title = format!("{} – ", self.title);
        }
        if !name.is_empty() {
            title = title + name + " ";
        }
        let frame = Frame {
            look: LOOK,
            locale: self.locale,
            title: title + help_center,
            canonical: self.canonical.clone(),
            header: self.header(name),
        };
        frame.with(content)
    }

    fn header(&self, name: &str) -> Markup {
        let words = words::of(self.locale);
        let Some(site) = self.site else {
            return html! { p.name { (words.help_center) } };
        };
        let home = site.at(self.locale, "");
        html! {
            p.name { a href=(home) { strong { (name) } " " (words.help_center) } }
            (languages(self.locale, |locale| site.at(locale, &self.here)))
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
}

/// The policy of every page: its own script and style, its own origin, pictures of the web.
pub(super) fn policy() -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    LOOK.policy("connect-src 'self'; img-src https: data:; frame-ancestors 'none'")
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
            @if !speaks(locale, tag) { " · " span lang=(tag) { (words::language(tag)) } }
        }
    }
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
}
