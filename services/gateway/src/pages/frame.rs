//! The frame around what a page shows.

use http::{HeaderValue, header::InvalidHeaderValue};
use kernel::Locale;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::words;

/// What all pages look like.
const STYLE: &str = include_str!("page.css");

/// How a kind of page looks and moves, beyond what all share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Its style.
    pub(crate) style: &'static str,
    /// Its script; without it everything works all the same.
    pub(crate) script: Option<&'static str>,
}

impl Look {
    /// The policy of such pages: their own style and script, forms to their own origin, and `more`.
    pub(crate) fn policy(&self, more: &str) -> Result<HeaderValue, InvalidHeaderValue> {
        let source = crate::web::source;
        let script = self.script.map(|script| format!("script-src '{}'; ", source(script)));
        HeaderValue::from_str(&format!(
            "default-src 'none'; {}style-src '{}' '{}'; base-uri 'none'; form-action 'self'; {more}",
            script.unwrap_or_default(),
            source(STYLE),
            source(self.style),
        ))
    }
}

/// The frame of a page.
pub(crate) struct Frame {
    pub(crate) look: Look,
    pub(crate) locale: Locale,
    /// What its window is called.
    pub(crate) title: String,
    /// Its own address, where search engines may show it.
    pub(crate) canonical: Option<String>,
    /// What stands above the content.
    pub(crate) header: Markup,
}

impl Frame {
    /// The whole page with this content.
    pub(crate) fn with(&self, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang=(self.locale.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    link rel="icon" href="data:,";
                    @match &self.canonical {
                        Some(canonical) => link rel="canonical" href=(canonical);,
                        None => meta name="robots" content="noindex, nofollow";,
                    }
                    style { (PreEscaped(STYLE)) }
                    style { (PreEscaped(self.look.style)) }
                }
                body {
                    a.skip href="#content" { (words::of(self.locale).skip) }
                    header { (self.header) }
                    main #content tabindex="-1" { (content) }
                    @if let Some(script) = self.look.script {
                        script { (PreEscaped(script)) }
                    }
                }
            }
        }
    }
}

/// The ways to the same page in each language.
pub(crate) fn languages(current: Locale, href: impl Fn(Locale) -> String) -> Markup {
    html! {
        nav aria-label=(words::of(current).languages) {
            @for locale in [Locale::Zh, Locale::En] {
                @let is_current = (locale == current).then_some("true");
                a href=(href(locale)) lang=(locale.tag()) hreflang=(locale.tag())
                    aria-current=[is_current] { (words::of(locale).language) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_what_stands_in_the_page_and_nothing_else() {
        let look = Look { style: "a{}", script: None };
        let policy = look.policy("img-src data:; frame-ancestors 'self'").unwrap();
        let policy = policy.to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.ends_with("; img-src data:; frame-ancestors 'self'"), "{policy}");
        assert!(!policy.contains("script-src"));
        assert!(policy.contains(&crate::web::source("a{}")));
        let look = Look { script: Some("1"), ..look };
        let policy = look.policy("connect-src 'self'").unwrap();
        let own = format!("script-src '{}'; ", crate::web::source("1"));
        assert!(policy.to_str().unwrap().contains(&own));
        assert!(look.policy("\n").is_err());
    }
}
