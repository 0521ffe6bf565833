//! The texts of a questionnaire in the language of the page, or in the one that has them all.

use contracts::surveys::v1::Text;
use kernel::{Locale, language};
use maud::{Markup, html};

use super::speaks;

/// A text as a page shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown<'a> {
    pub(crate) text: &'a str,
    /// Its language, where that is not the page's.
    pub(crate) lang: Option<&'a str>,
}

impl Shown<'_> {
    /// It within a line.
    pub(crate) fn inline(&self) -> Markup {
        html! { @if self.lang.is_some() { span lang=[self.lang] { (self.text) } } @else { (self.text) } }
    }
}

/// The languages that a text is looked for in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tongue<'a> {
    /// The page's.
    pub(crate) locale: Locale,
    /// The one that every text has.
    pub(crate) default: &'a str,
}

impl Tongue<'_> {
    /// The one of these texts to show; `None` where there is none.
    pub(crate) fn of<'t>(&self, texts: &'t [Text]) -> Option<Shown<'t>> {
        let tag = self.locale.tag();
        let tags = || texts.iter().map(|text| text.locale.as_str());
        let spoken = tags().filter(|tag| speaks(self.locale, tag));
        let tag =
            language::nearest(tag, spoken).or_else(|| language::nearest(self.default, tags()))?;
        let found = texts.iter().find(|text| text.locale == tag)?;
        let lang = (found.locale != self.locale.tag()).then_some(found.locale.as_str());
        Some(Shown { text: &found.text, lang })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[(&str, &str)]) -> Vec<Text> {
        let text = |(locale, text): &(&str, &str)| Text {
            locale: (*locale).to_owned(),
            text: (*text).to_owned(),
        };
        all.iter().map(text).collect()
    }

    #[test]
    fn a_text_falls_back_to_the_language_that_has_them_all() {
        let zh = Tongue { locale: Locale::Zh, default: "de" };
        for (all, shown) in [
            (&[("de", "a"), ("zh", "b")][..], Some(("b", None))),
            (&[("de", "a"), ("zh-Hant", "b"), ("en", "c")], Some(("b", Some("zh-Hant")))),
            (&[("en", "c"), ("de", "a")], Some(("a", Some("de")))),
            (&[("en", "c")], Some(("c", Some("en")))),
            (&[], None),
        ] {
            let all = texts(all);
            let found = zh.of(&all).map(|shown| (shown.text, shown.lang));
            assert_eq!(found, shown, "{all:?}");
        }
    }

    #[test]
    fn only_a_text_of_another_language_says_so() {
        let html = |lang| Shown { text: "<b>", lang }.inline().into_string();
        assert_eq!(html(None), "&lt;b&gt;");
        assert_eq!(html(Some("de")), "<span lang=\"de\">&lt;b&gt;</span>");
    }
}
