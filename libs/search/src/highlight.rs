//! What was asked for, marked on the original text.

use std::ops::Range;

use frostem::{Algorithm, Stemmer};
use text::fold_mapped;

use crate::analysis::{Concept, bigrams, is_dense, stem};

/// How many characters of a body a snippet shows.
const SNIPPET: usize = 140;
/// How many characters before its first mark a snippet may begin.
const LEAD: usize = 24;
/// How many places of a text are marked at most.
const MOST_MARKS: usize = 500;

/// A text to show, with marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// The original, or a part of it.
    pub text: String,
    /// Bytes of this text that answer the question: ascending, apart, on whole characters.
    pub marks: Vec<Range<usize>>,
    /// Whether something stands before it.
    pub before: bool,
    /// Whether something stands after it.
    pub after: bool,
}

/// Marks concepts.
pub(crate) struct Marker<'c> {
    concepts: &'c [Concept],
    stemmer: Stemmer,
}

/// A place in the original that shows a concept.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    span: Range<usize>,
    concept: usize,
}

impl<'c> Marker<'c> {
    pub(crate) fn new(concepts: &'c [Concept]) -> Self {
        Self { concepts, stemmer: Stemmer::new(Algorithm::English) }
    }

    /// The whole text.
    pub(crate) fn whole(&self, original: &str) -> Marked {
        let marks = join(original, self.places(original).into_iter().map(|place| place.span));
        Marked { text: original.to_owned(), marks, before: false, after: false }
    }

    /// The part that shows the most different concepts, and of such the most places; the beginning
    /// where there is none.
    pub(crate) fn snippet(&self, original: &str) -> Marked {
        let places = self.places(original);
        let window = window(original, &places);
        let inside = places
            .into_iter()
            .map(|place| place.span)
            .filter(|span| span.start >= window.start && span.end <= window.end)
            .map(|span| span.start - window.start..span.end - window.start);
        let text = original.get(window.clone()).unwrap_or_default().to_owned();
        Marked {
            marks: join(&text, inside),
            text,
            before: window.start > 0,
            after: window.end < original.len(),
        }
    }

    /// Every place, by where it begins.
    fn places(&self, original: &str) -> Vec<Place> {
        let folded = fold_mapped(original);
        let mut places = Vec::new();
        for (number, concept) in self.concepts.iter().enumerate() {
            if concept.stem.is_none() {
                let spans = characters(folded.text(), &concept.text);
                places.extend(spans.into_iter().take(MOST_MARKS).map(|span| (span, number)));
            }
        }
        if self.concepts.iter().any(|concept| concept.stem.is_some()) {
            places.extend(self.words(folded.text()));
        }
        let place = |(span, concept)| Place { span: folded.source(span), concept };
        let mut places: Vec<Place> = places.into_iter().map(place).collect();
        places.sort_by_key(|place| (place.span.start, place.span.end));
        places
    }

    /// Words that have the stem of a concept, or are written like it.
    fn words(&self, folded: &str) -> Vec<(Range<usize>, usize)> {
        let mut spans: Vec<(Range<usize>, usize)> = Vec::new();
        // A stem begins as its word does, so that most words of a text need not be stemmed.
        let begins = |word: &str| {
            self.concepts.iter().any(|concept| {
                let stem = concept.stem.as_ref();
                stem.is_some_and(|stem| first(stem) == first(word) || concept.text == word)
            })
        };
        for gram in bigrams(folded) {
            let word = gram.text(folded);
            if !begins(word) || word.contains(is_dense) || spans.len() >= MOST_MARKS {
                continue;
            }
            let stem = stem(&self.stemmer, word);
            let concept = self.concepts.iter().position(|concept| {
                concept.stem.as_ref().is_some_and(|wanted| *wanted == stem || concept.text == word)
            });
            spans.extend(concept.map(|concept| (gram.start..gram.end, concept)));
        }
        spans.dedup();
        spans
    }
}

fn first(word: &str) -> Option<char> {
    word.chars().next()
}

/// Where characters stand as they are; where they nowhere do, their pairs.
fn characters(folded: &str, wanted: &str) -> Vec<Range<usize>> {
    let find = |part: &str| -> Vec<Range<usize>> {
        folded.match_indices(part).map(|(at, found)| at..at + found.len()).collect()
    };
    let whole = find(wanted);
    if !whole.is_empty() {
        return whole;
    }
    bigrams(wanted).iter().flat_map(|gram| find(gram.text(wanted))).collect()
}

/// Ascending and apart: what overlaps or touches is one, in writing without spaces.
fn join(text: &str, spans: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = spans.collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for span in spans {
        let touches = |end: usize| {
            let dense = text.get(..end).and_then(|s| s.chars().next_back()).is_some_and(is_dense);
            span.start < end || (span.start == end && dense)
        };
        match joined.last_mut().filter(|last| touches(last.end)) {
            Some(last) => last.end = last.end.max(span.end),
            None => joined.push(span),
        }
    }
    joined
}

/// The bytes of the best window.
fn window(original: &str, places: &[Place]) -> Range<usize> {
    let mut best: Option<(usize, usize, usize)> = None;
    for (first, place) in places.iter().enumerate() {
        let end = forward(original, place.span.start, SNIPPET - LEAD);
        let inside: Vec<&Place> =
            places.iter().skip(first).take_while(|other| other.span.end <= end).collect();
        let mut concepts: Vec<usize> = inside.iter().map(|place| place.concept).collect();
        concepts.sort_unstable();
        concepts.dedup();
        let worth = (concepts.len(), inside.len());
        if best.is_none_or(|(distinct, all, _)| worth > (distinct, all)) {
            best = Some((worth.0, worth.1, place.span.start));
        }
    }
    let start = best.map_or(0, |(_, _, at)| lead(original, at));
    start..forward(original, start, SNIPPET)
}

/// Where so many characters later is.
fn forward(text: &str, from: usize, characters: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.char_indices().nth(characters).map_or(text.len(), |(at, _)| from + at)
}

/// Where a window with its first mark at a place begins: with the sentence if that is near, else
/// with a word.
fn lead(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let mut start = at;
    let mut word = at;
    for (index, c) in before.char_indices().rev().take(LEAD) {
        if matches!(c, '。' | '！' | '？' | '；' | '\n')
            || (matches!(c, '.' | '!' | '?')
                && text.get(index + 1..).is_some_and(|s| s.starts_with(' ')))
        {
            let after = index + c.len_utf8();
            let rest = text.get(after..at).unwrap_or_default();
            return after + (rest.len() - rest.trim_start().len());
        }
        start = index;
        if is_dense(c) || c.is_whitespace() {
            word = if c.is_whitespace() { index + c.len_utf8() } else { index };
        }
    }
    if start == 0 { 0 } else { word }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::{Analyzer, Terms};

    fn shown(marked: &Marked) -> String {
        let mut out = String::new();
        let mut at = 0;
        for mark in &marked.marks {
            out.push_str(&marked.text[at..mark.start]);
            out.push('[');
            out.push_str(&marked.text[mark.clone()]);
            out.push(']');
            at = mark.end;
        }
        out.push_str(&marked.text[at..]);
        let ends = |there: bool| if there { "…" } else { "" };
        format!("{}{out}{}", ends(marked.before), ends(marked.after))
    }

    fn marked(question: &str, text: &str) -> String {
        let terms = Terms::of(&Analyzer::new(), question);
        shown(&Marker::new(&terms.concepts).snippet(text))
    }

    #[test]
    fn marks_stand_on_the_original() {
        insta::assert_snapshot!([
            marked("虚拟机", "虚拟机无法启动时，请检查虚拟机的设置。"),
            marked("电脑保修", "請問電腦的保修期有多長？電腦保修一年。"),
            marked("kfr-35gw", "型号ＫＦＲ－３５ＧＷ的空调"),
            marked("charging batteries", "The battery charges while you are Charging it, not before."),
            marked("iPhone 15 屏幕", "iphone15的屏幕碎了；iPhone 15 Pro 也一样"),
            marked("washing machine", "a dishwasher is no washing-machine"),
            marked("退货", "没有这个词，只有退换货物"),
        ]
        .join("\n"), @"
        [虚拟机]无法启动时，请检查[虚拟机]的设置。
        請問[電腦]的[保修]期有多長？[電腦保修]一年。
        型号[ＫＦＲ]－[３５ＧＷ]的空调
        The [battery] [charges] while you are [Charging] it, not before.
        [iphone][15]的[屏幕]碎了；[iPhone] [15] Pro 也一样
        a dishwasher is no [washing]-[machine]
        没有这个词，只有退换货物
        ");
    }

    proptest! {
        #[test]
        fn a_stem_begins_as_its_word_does(word in "[a-z0-9éß]{1,12}") {
            let stemmed = stem(&Stemmer::new(Algorithm::English), &word);
            prop_assert_eq!(first(&stemmed), first(&word));
        }
    }

    #[test]
    fn a_snippet_is_the_best_window() {
        let filler = "这里说的是别的事情。".repeat(30);
        let text = format!("{filler}洗衣机。{filler}洗衣机可以在七天之内退货。{filler}");
        let found = marked("洗衣机退货", &text);
        assert!(found.starts_with("…[洗衣机]可以在七天之内[退货]。这里"), "{found}");
        assert_eq!(found.chars().filter(|c| !"[]…".contains(*c)).count(), SNIPPET);
        assert!(marked("没有的词", &text).starts_with("这里说的是别的事情。"));
        assert_eq!(marked("x", ""), "");
    }
}
