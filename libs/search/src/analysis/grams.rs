//! The two ways in which a folded text is cut into terms.

use frostem::{Algorithm, Stemmer};
use jieba_rs::Jieba;

use super::pieces::{Piece, pieces};

/// How far apart the parts of a document are, for phrases.
const BORDER_GAP: usize = 64;
/// Longer words are no words; nobody looks for them.
const LONGEST: usize = 64;

/// A term of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gram {
    /// The bytes of the folded text.
    pub(crate) start: usize,
    /// Where they end.
    pub(crate) end: usize,
    /// Counted in terms.
    pub(crate) position: usize,
    /// The term, where it is not these bytes.
    pub(crate) form: Option<String>,
}

impl Gram {
    /// The term.
    pub(crate) fn text<'t>(&'t self, folded: &'t str) -> &'t str {
        self.form.as_deref().or_else(|| folded.get(self.start..self.end)).unwrap_or_default()
    }
}

/// Pairs of neighbouring characters, words as they are written, and model numbers in one piece.
pub(crate) fn bigrams(folded: &str) -> Vec<Gram> {
    let mut grams = Vec::with_capacity(folded.len() / 3 + 1);
    let mut position = 0;
    // The words that connecting signs hold together.
    let mut chain: Vec<(usize, usize)> = Vec::new();
    for piece in pieces(folded) {
        match piece {
            Piece::Dense { start, text } => {
                flush(folded, &mut chain, position, &mut grams);
                position = dense(start, text, position, &mut grams);
            }
            Piece::Word { start, text, joined } => {
                if !joined {
                    flush(folded, &mut chain, position, &mut grams);
                }
                chain.push((start, start + text.len()));
                word(start, text, position, &mut grams);
                position += 1;
            }
            Piece::Border => {
                flush(folded, &mut chain, position, &mut grams);
                position += BORDER_GAP;
            }
        }
    }
    flush(folded, &mut chain, position, &mut grams);
    grams
}

fn dense(start: usize, text: &str, mut position: usize, grams: &mut Vec<Gram>) -> usize {
    let mut before: Option<usize> = None;
    let mut pairs = 0;
    for (at, c) in text.char_indices() {
        if let Some(from) = before {
            let end = start + at + c.len_utf8();
            grams.push(Gram { start: start + from, end, position, form: None });
            position += 1;
            pairs += 1;
        }
        before = Some(at);
    }
    if pairs == 0 {
        grams.push(Gram { start, end: start + text.len(), position, form: None });
        position += 1;
    }
    position
}

fn word(start: usize, text: &str, position: usize, grams: &mut Vec<Gram>) {
    if text.len() > LONGEST {
        return;
    }
    let end = start + text.len();
    grams.push(Gram { start, end, position, form: bare(text) });
    let parts = parts(text);
    if parts.len() > 1 {
        for (from, to) in parts {
            grams.push(Gram { start: start + from, end: start + to, position, form: None });
        }
    }
}

/// Ends a chain of joined words: as one term where it may be a model number.
fn flush(folded: &str, chain: &mut Vec<(usize, usize)>, position: usize, grams: &mut Vec<Gram>) {
    if let (Some((start, _)), Some((_, end)), true) = (chain.first(), chain.last(), chain.len() > 1)
    {
        let whole = folded.get(*start..*end).unwrap_or_default();
        if whole.len() <= LONGEST && whole.contains(|c: char| c.is_numeric()) {
            let form: String = whole.chars().filter(|c| c.is_alphanumeric()).collect();
            let position = position.saturating_sub(chain.len());
            grams.push(Gram { start: *start, end: *end, position, form: Some(form) });
        }
    }
    chain.clear();
}

/// Where letters and digits of one word meet: "35gw" is "35" and "gw", too.
pub(crate) fn parts(word: &str) -> Vec<(usize, usize)> {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    let mut before: Option<bool> = None;
    for (at, c) in word.char_indices() {
        let digit = c.is_numeric();
        match parts.last_mut().filter(|_| before == Some(digit)) {
            Some(part) => part.1 = at + c.len_utf8(),
            None => parts.push((at, at + c.len_utf8())),
        }
        before = Some(digit);
    }
    parts
}

/// A word without what an apostrophe adds; nothing where it has none.
pub(crate) fn bare(word: &str) -> Option<String> {
    word.contains('\'').then(|| word.strip_suffix("'s").unwrap_or(word).replace('\'', ""))
}

/// Words: of the dictionary, the shorter ones within longer ones too, and stems.
pub(crate) fn words(folded: &str, jieba: &Jieba) -> Vec<Gram> {
    let stemmer = Stemmer::new(Algorithm::English);
    let mut grams = Vec::with_capacity(folded.len() / 4 + 1);
    let mut position = 0;
    for piece in pieces(folded) {
        match piece {
            Piece::Dense { start, text } => {
                for token in jieba.cut_for_search(text, false) {
                    let from = start + offset(text, token.word);
                    let end = from + token.word.len();
                    grams.push(Gram { start: from, end, position, form: None });
                    position += 1;
                }
            }
            Piece::Word { start, text, .. } if text.len() <= LONGEST => {
                grams.push(Gram {
                    start,
                    end: start + text.len(),
                    position,
                    form: Some(stem(&stemmer, text)),
                });
                position += 1;
            }
            Piece::Word { .. } | Piece::Border => {}
        }
    }
    grams
}

/// The stem of a word; what has digits has none.
pub(crate) fn stem(stemmer: &Stemmer, word: &str) -> String {
    let bare = bare(word);
    let word = bare.as_deref().unwrap_or(word);
    if word.contains(|c: char| c.is_numeric()) {
        return word.to_owned();
    }
    stemmer.stem(word).into_owned()
}

/// Where a part of a text begins within it.
pub(crate) fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(grams: &[Gram], folded: &str) -> Vec<(String, usize)> {
        grams.iter().map(|gram| (gram.text(folded).to_owned(), gram.position)).collect()
    }

    fn told(found: &[(String, usize)]) -> Vec<(&str, usize)> {
        found.iter().map(|(term, position)| (term.as_str(), *position)).collect()
    }

    #[test]
    fn pairs_words_and_model_numbers() {
        let text = "洗衣机kfr-35gw坏 it's";
        assert_eq!(
            told(&terms(&bigrams(text), text)),
            [
                ("洗衣", 0),
                ("衣机", 1),
                ("kfr", 2),
                ("35gw", 3),
                ("35", 3),
                ("gw", 3),
                ("kfr35gw", 2),
                ("坏", 4),
                ("it", 5),
            ]
        );
    }

    #[test]
    fn words_of_the_dictionary_and_stems() {
        let text = "全自动洗衣机 charging batteries iphone15";
        let found = terms(&words(text, &Jieba::new()), text);
        let found: Vec<&str> = found.iter().map(|(term, _)| term.as_str()).collect();
        assert_eq!(found, ["自动", "全自动", "洗衣", "洗衣机", "charg", "batteri", "iphone15"]);
    }
}
