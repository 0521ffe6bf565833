//! Markdown (`CommonMark` with tables) as HTML that may stand in a page.
//!
//! HTML in it is shown as it is written. Links go to the web, to mail, to a telephone or to another
//! article (`articles/{id}`), pictures come over HTTPS; of others only the words are left. Headings begin below that of the
//! page, and what may be wider than a phone can be scrolled by keyboard.

use kernel::ArticleId;
use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

const LINKS: [&str; 4] = ["https://", "http://", "mailto:", "tel:"];

/// A Markdown text as HTML. `table` says in the page's language what a table is, to who cannot see it;
/// `article` is the address of an article's page.
pub(super) fn render(markdown: &str, table: &str, article: impl Fn(ArticleId) -> String) -> Markup {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut events = Vec::new();
    // Of the links and pictures that are open, whether each is one in the page too.
    let mut kept = Vec::new();
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => events.push(Event::Text(text)),
            Event::Start(Tag::HtmlBlock) => events.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => events.push(Event::End(TagEnd::Paragraph)),
            Event::Start(Tag::Heading { level, .. }) => events.push(Event::Start(heading(level))),
            Event::End(TagEnd::Heading(level)) => {
                events.push(Event::End(TagEnd::Heading(below(level))));
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let article = ArticleId::parse_name(&dest_url).map(|id| article(id).into());
                let to = article.or_else(|| is_link(&dest_url).then_some(dest_url));
                kept.push(to.is_some());
                let link = |dest_url| Event::Start(Tag::Link { link_type, dest_url, title, id });
                events.extend(to.map(link));
            }
            Event::Start(Tag::Image { ref dest_url, .. }) => {
                kept.push(dest_url.starts_with("https://"));
                events.extend(dest_url.starts_with("https://").then_some(event));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                events.extend(kept.pop().unwrap_or_default().then_some(event));
            }
            Event::Start(Tag::Table(_)) => {
                let open = maud::html! { (PreEscaped("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"")) (table) (PreEscaped("\">")) };
                events.push(Event::Html(CowStr::from(open.into_string())));
                events.push(event);
            }
            Event::End(TagEnd::Table) => {
                events.push(event);
                events.push(Event::Html(CowStr::Borrowed("</div>\n")));
            }
            other => events.push(other),
        }
    }
    let mut page = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut page, events.into_iter());
    // The page's policy runs no style of an element. Words of the text have their quotes escaped, so
    // that only cells of tables are found here.
    PreEscaped(page.replace(" style=\"text-align: ", " class=\""))
}

fn heading(level: HeadingLevel) -> Tag<'static> {
    Tag::Heading { level: below(level), id: None, classes: Vec::new(), attrs: Vec::new() }
}

/// The next level below: the title of the page is the only heading of the first.
fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

/// Whether a link leads somewhere that a reader may be sent to.
fn is_link(to: &str) -> bool {
    let to = to.to_ascii_lowercase();
    LINKS.iter().any(|scheme| to.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(markdown: &str) -> String {
        let at = |id: ArticleId| format!("/t/acme/en/{}", id.name());
        render(markdown, "Table", at).into_string().trim().to_owned()
    }

    #[test]
    fn what_is_written_becomes_a_page() {
        assert_eq!(of("# 退货\n\n请**七天**内"), "<h2>退货</h2>\n<p>请<strong>七天</strong>内</p>");
        assert_eq!(of("###### a"), "<h6>a</h6>");
        assert_eq!(
            of("[here](https://example.com/a?b=1&c)"),
            "<p><a href=\"https://example.com/a?b=1&amp;c\">here</a></p>"
        );
        assert_eq!(
            of("![dial](https://example.com/a.png)"),
            "<p><img src=\"https://example.com/a.png\" alt=\"dial\" /></p>"
        );
        let table = of("| a | b |\n|---|---|\n| 1 | 2 |");
        assert!(
            table.starts_with(
                "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Table\"><table>"
            ),
            "{table}"
        );
        assert!(table.ends_with("</table>\n</div>"), "{table}");
        let aligned = of("| a | `style=\"text-align: x\"` |\n|--:|:-:|\n| 1 | 2 |");
        assert!(
            aligned.contains("<td class=\"right\">1</td><td class=\"center\">2</td>"),
            "{aligned}"
        );
        assert!(!aligned.contains(" style=\""), "{aligned}");
        let id = "019ab000-0000-7000-8000-000000000001";
        assert_eq!(
            of(&format!("[b](articles/{id})")),
            format!("<p><a href=\"/t/acme/en/articles/{id}\">b</a></p>")
        );
    }

    #[test]
    fn html_is_shown_and_never_run() {
        assert_eq!(
            of("<script>alert(1)</script>\n"),
            "<p>&lt;script&gt;alert(1)&lt;/script&gt;\n</p>"
        );
        assert_eq!(of("a <b onclick=x>c</b>"), "<p>a &lt;b onclick=x&gt;c&lt;/b&gt;</p>");
        assert_eq!(
            of("```<script>\n<b>\n```"),
            "<pre><code class=\"language-&lt;script&gt;\">&lt;b&gt;\n</code></pre>"
        );
    }

    #[test]
    fn of_a_link_that_leads_nowhere_good_the_words_are_left() {
        for to in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "//example.com/a",
            "/\\\\example.com/a",
            "file:///etc/passwd",
        ] {
            assert_eq!(of(&format!("[a](<{to}>) b")), "<p>a b</p>", "{to}");
            assert_eq!(of(&format!("![a](<{to}>) b")), "<p>a b</p>", "{to}");
        }
        assert_eq!(of("![a](http://example.com/a.png)"), "<p>a</p>");
        assert_eq!(of("[a](/en/search) [b](#part)"), "<p>a b</p>");
        assert_eq!(
            of("[![a](data:x)](https://example.com/)"),
            "<p><a href=\"https://example.com/\">a</a></p>"
        );
    }
}
