//! What is said in Markdown, without its marks.

use pulldown_cmark::{Event, Options, Parser, TagEnd};

/// The words of a Markdown text as plain text: one line for each block, so that words of two blocks
/// never run together. HTML is kept as it is written, since readers see it so; addresses of links and
/// pictures are left out.
pub fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Text(words)
            | Event::Code(words)
            | Event::Html(words)
            | Event::InlineHtml(words) => text.push_str(&words),
            Event::SoftBreak | Event::End(TagEnd::TableCell) => text.push(' '),
            Event::HardBreak
            | Event::Rule
            | Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::Item
                | TagEnd::CodeBlock
                | TagEnd::TableRow
                | TagEnd::TableHead,
            ) => end_line(&mut text),
            _ => {}
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn end_line(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_are_left() {
        let markdown = "# 退货\n\n请**七天**内\n联系[客服](https://example.com/x)。\n\n\
                        1. 打开 `订单`\n2. 点击退货\n\n| 型号 | 天数 |\n|---|---|\n| X1 | 7 |\n\n\
                        <b>注意</b>\n";
        let expected =
            "退货\n请七天内 联系客服。\n打开 订单\n点击退货\n型号 天数\nX1 7\n<b>注意</b>";
        assert_eq!(plain(markdown), expected);
        assert_eq!(plain("plain"), "plain");
        assert_eq!(plain(""), "");
    }
}
