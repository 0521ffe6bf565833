//! Folding, and the way back from the folded text to the original.

use std::ops::Range;

use unicode_normalization::{
    IsNormalized, UnicodeNormalization as _, char::canonical_combining_class, is_nfkc_quick,
};

use crate::digits::plain;
use crate::simplified::{by_neighbours, is_contextual, is_han, simplified};

/// How often a cluster is folded at most; two rounds settle whatever Unicode has.
const ROUNDS: usize = 4;

/// A folded text that knows where each part of it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    text: String,
    /// Where each cluster begins, in the folded text and in the original, and one for the end.
    marks: Vec<(usize, usize)>,
}

impl Folded {
    /// The folded text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The range of the original that a range of bytes of the folded text comes from.
    ///
    /// It begins and ends on characters of the original and is empty only where the folded range
    /// is; a range that cuts through the folded form of one character means that whole character.
    /// Positions beyond the end mean the end.
    pub fn source(&self, folded: Range<usize>) -> Range<usize> {
        if folded.is_empty() {
            let at = self.marks.partition_point(|(position, _)| *position < folded.start);
            let at = self.original(at);
            return at..at;
        }
        let first = self.marks.partition_point(|(position, _)| *position <= folded.start);
        let last = self.marks.partition_point(|(position, _)| *position < folded.end);
        self.original(first.saturating_sub(1))..self.original(last)
    }

    /// Where the original is at a mark; beyond the last, its end.
    fn original(&self, mark: usize) -> usize {
        self.marks.get(mark).or(self.marks.last()).map_or(0, |(_, original)| *original)
    }
}

/// The form in which a text is compared.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    run(text, &mut out, |_, _| {});
    out
}

/// The form in which a text is compared, with the way back.
pub fn fold_mapped(text: &str) -> Folded {
    let mut out = String::with_capacity(text.len());
    let mut marks = Vec::with_capacity(text.len() / 2);
    run(text, &mut out, |folded, original| {
        // A cluster of which nothing is left belongs to what follows.
        if marks.last().is_none_or(|(position, _)| *position < folded) {
            marks.push((folded, original));
        }
    });
    marks.push((out.len(), text.len()));
    Folded { text: out, marks }
}

/// Folds cluster by cluster; `mark` learns where each begins, in the folded text and the original.
fn run(text: &str, out: &mut String, mut mark: impl FnMut(usize, usize)) {
    let mut contextual = false;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        mark(out.len(), at);
        let length = cluster(rest);
        let cluster = rest.get(..length).unwrap_or(rest);
        let from = out.len();
        push(cluster, out);
        contextual |=
            !cluster.is_ascii() && out.get(from..).is_some_and(|s| s.contains(is_contextual));
        at += length;
    }
    if contextual {
        *out = settle(out);
    }
}

/// How many bytes make the next cluster: a character with all that may be composed into it.
fn cluster(rest: &str) -> usize {
    let mut chars = rest.char_indices();
    chars.next();
    for (at, c) in chars {
        if c.is_ascii() || is_han(c) {
            return at;
        }
        if !may_compose(c) {
            return at;
        }
    }
    rest.len()
}

/// Whether a character may become one with what stands before it; judged by the first of those
/// that it stands for, since a half-width sound mark composes as its full form does.
fn may_compose(c: char) -> bool {
    std::iter::once(c).nfkd().next().is_some_and(|first| {
        canonical_combining_class(first) != 0
            || is_nfkc_quick(std::iter::once(first)) == IsNormalized::Maybe
    })
}

/// Appends the folded form of one cluster, but for what its neighbours decide.
fn push(cluster: &str, out: &mut String) {
    let mut chars = cluster.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        if only.is_ascii() {
            out.push(only.to_ascii_lowercase());
            return;
        }
        if ('\u{4e00}'..='\u{9fff}').contains(&only) {
            out.push(simplified(only));
            return;
        }
    }
    let mut form = once(cluster);
    for _ in 1..ROUNDS {
        let again = once(&form);
        if again == form {
            break;
        }
        form = again;
    }
    out.push_str(&form);
}

fn once(text: &str) -> String {
    let mut form = String::with_capacity(text.len());
    for c in text.nfkc() {
        match plain(c) {
            Some(plain) => form.push_str(plain),
            None => form.extend(simplified(c).to_lowercase()),
        }
    }
    form.nfkc().collect()
}

/// Decides what depends on neighbours.
fn settle(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(by_neighbours(before, c, chars.peek().copied()));
        before = Some(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_means_the_same_is_the_same() {
        let pairs = [
            ("ＫＦＲ－３５ＧＷ", "kfr-35gw"),
            ("臺灣電腦", "台湾电脑"),
            ("看著電視", "看着电视"),
            ("著名的顯著", "著名的显著"),
            ("乾燥與乾坤", "干燥与乾坤"),
            ("瞭解、瞭望", "了解、瞭望"),
            ("請答覆", "请答复"),
            ("①②③ ⑩ ❶", "123 10 1"),
            ("二〇二五", "二零二五"),
            ("x² H₂O", "x2 h2o"),
            ("ﬁle Ｃａｆé", "file café"),
            ("don’t – “stop”", "don't - \"stop\""),
            ("ｶﾞｲﾄﾞ", "ガイド"),
            ("㎡", "m2"),
        ];
        for (written, compared) in pairs {
            assert_eq!(fold(written), compared);
            assert_eq!(fold(&fold(written)), compared);
        }
        assert_eq!(fold("Cafe\u{301}"), fold("Café"));
    }

    #[test]
    fn the_way_back_leads_to_whole_characters() {
        let text = "Ⅲ型㍿ＡＢ 電腦";
        let folded = fold_mapped(text);
        assert_eq!(folded.text(), "iii型株式会社ab 电脑");
        let find = |part: &str| {
            let at = folded.text().find(part).unwrap();
            &text[folded.source(at..at + part.len())]
        };
        assert_eq!(find("电脑"), "電腦");
        assert_eq!(find("ab"), "ＡＢ");
        assert_eq!(find("ii型"), "Ⅲ型");
        assert_eq!(find("会社"), "㍿");
        assert_eq!(folded.source(999..1_000), text.len()..text.len());
    }

    /// Texts of what is folded most: both scripts, widths, marks, digits.
    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[a-zA-Zéß０-９Ａ-Ｚ①-⑳❶-❿ \u{300}-\u{305}著瞭乾覆答坤望電腦臺灣显ｶﾞ가-각\u{1100}-\u{1103}\u{1161}-\u{1163}\u{11a8}]{0,24}",
        ]
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in texts()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn the_map_is_monotone_and_covers_the_original(text in texts()) {
            let folded = fold_mapped(&text);
            prop_assert_eq!(folded.text(), fold(&text));
            let mut reached = 0;
            for (at, c) in folded.text().char_indices() {
                let source = folded.source(at..at + c.len_utf8());
                prop_assert!(text.get(source.clone()).is_some_and(|part| !part.is_empty()));
                prop_assert!(source.start <= reached && source.end >= reached);
                reached = source.end;
            }
            prop_assert!(reached == text.len() || folded.text().is_empty());
        }
    }
}
