//! What a question asks for: concepts that an answer must have, and terms that rank it.

use std::collections::HashMap;

use frostem::{Algorithm, Stemmer};

use super::analyzer::Analyzer;
use super::grams::{bare, bigrams, parts, stem};
use super::pieces::{BORDER, Piece, pieces};
use super::stop;

/// Terms of one kind that a question is ranked by at most; the rest is left out.
const MOST_TERMS: usize = 64;
/// Concepts that a question asks for at most.
const MOST_CONCEPTS: usize = 24;

/// Where a term of a concept is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// Pairs of the whole entry.
    Bigrams,
    /// Words of the whole entry.
    Words,
    /// Single characters of the title.
    TitleCharacters,
}

/// One thing that a question asks for, which stands in a document or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Concept {
    /// The word or phrase, folded, as it was asked for.
    pub(crate) text: String,
    /// It stands there when all terms of one of these do.
    pub(crate) any_of: Vec<Vec<(Slot, String)>>,
    /// Whether the text is found as it is, or by its stem.
    pub(crate) stem: Option<String>,
}

/// A question, analysed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Terms {
    /// What an answer must have.
    pub(crate) concepts: Vec<Concept>,
    /// Pairs, with how often they are asked for.
    pub(crate) bigrams: Vec<(String, f32)>,
    /// Words, with how often they are asked for.
    pub(crate) words: Vec<(String, f32)>,
    /// Whether it is keywords, and no sentence: it has no word that says nothing by itself.
    pub(crate) keywords: bool,
}

impl Terms {
    /// Analyses a question.
    pub(crate) fn of(analyzer: &Analyzer, question: &str) -> Self {
        let folded = text::fold(question).replace(BORDER, " ");
        let everything = every_concept(analyzer, &folded, false).len();
        let keywords = every_concept(analyzer, &folded, true).len() == everything;
        let mut concepts = concepts(analyzer, &folded, true);
        if concepts.is_empty() {
            concepts = self::concepts(analyzer, &folded, false);
        }
        concepts.truncate(MOST_CONCEPTS);
        Self {
            concepts,
            bigrams: counted(bigrams(&folded).iter().map(|gram| gram.text(&folded))),
            words: counted(analyzer.words(&folded).iter().map(|gram| gram.text(&folded))),
            keywords,
        }
    }
}

impl Terms {
    /// The concepts of a longer text, each with how often it comes.
    pub(crate) fn of_text(analyzer: &Analyzer, text: &str) -> Vec<(Concept, usize)> {
        let folded = text::fold(text).replace(BORDER, " ");
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut all: Vec<(Concept, usize)> = Vec::new();
        for concept in every_concept(analyzer, &folded, true) {
            // Single characters tell nothing of a text.
            if concept.text.chars().nth(1).is_none() {
                continue;
            }
            if let Some((_, count)) = places.get(&concept.text).and_then(|at| all.get_mut(*at)) {
                *count += 1;
            } else {
                places.insert(concept.text.clone(), all.len());
                all.push((concept, 1));
            }
        }
        all
    }

    /// A question for given concepts.
    pub(crate) fn of_concepts(analyzer: &Analyzer, concepts: Vec<Concept>) -> Self {
        let folded = concepts.iter().map(|c| c.text.as_str()).collect::<Vec<_>>().join(" ");
        Self { concepts, ..Self::of(analyzer, &folded) }
    }
}

/// Each term once, in the order in which it comes, with how often it does.
fn counted<'t>(terms: impl Iterator<Item = &'t str>) -> Vec<(String, f32)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut all: Vec<(String, f32)> = Vec::new();
    for term in terms {
        if let Some((_, count)) = places.get(term).and_then(|place| all.get_mut(*place)) {
            *count += 1.0;
        } else if all.len() < MOST_TERMS {
            places.insert(term, all.len());
            all.push((term.to_owned(), 1.0));
        }
    }
    all
}

/// The concepts of a folded question, each once.
fn concepts(analyzer: &Analyzer, folded: &str, told: bool) -> Vec<Concept> {
    let mut all = every_concept(analyzer, folded, told);
    // A single character beside real words is what segmentation left over.
    if all.iter().any(|concept| concept.text.chars().nth(1).is_some()) {
        all.retain(|concept| concept.stem.is_some() || concept.text.chars().nth(1).is_some());
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|concept| seen.insert(concept.text.clone()));
    all
}

/// The concepts of a folded text as they come; `told` leaves out what says nothing by itself.
fn every_concept(analyzer: &Analyzer, folded: &str, told: bool) -> Vec<Concept> {
    let stemmer = Stemmer::new(Algorithm::English);
    let mut all: Vec<Concept> = Vec::new();
    for piece in pieces(folded) {
        match piece {
            Piece::Dense { text, .. } => all.extend(dense(analyzer, text, told)),
            Piece::Word { text, .. } => {
                let plain = bare(text).unwrap_or_else(|| text.to_owned());
                if !(told && stop::is_english(&plain)) {
                    all.push(word(&stemmer, text));
                }
            }
            Piece::Border => {}
        }
    }
    all
}

/// The words of a run, what the dictionary does not know being kept together.
///
/// A run that is a word of the dictionary is that word, however the cutter would divide it, so that
/// a look-up finds every document that has it.
fn dense(analyzer: &Analyzer, run: &str, told: bool) -> Vec<Concept> {
    if analyzer.has_word(run) && !(told && stop::is_chinese(run)) {
        return characters(run).into_iter().collect();
    }
    let mut all = Vec::new();
    let mut unknown = String::new();
    for token in analyzer.jieba().cut(run, false) {
        let silent = told && stop::is_chinese(token.word);
        if token.word.chars().nth(1).is_none() && !silent {
            unknown.push_str(token.word);
            continue;
        }
        all.extend(characters(&std::mem::take(&mut unknown)));
        if !silent {
            all.extend(characters(token.word));
        }
    }
    all.extend(characters(&unknown));
    all
}

fn characters(word: &str) -> Option<Concept> {
    let mut chars = word.chars();
    let (first, second) = (chars.next(), chars.next());
    first?;
    let any_of = if second.is_some() {
        let terms = bigrams(word);
        vec![terms.iter().map(|gram| (Slot::Bigrams, gram.text(word).to_owned())).collect()]
    } else {
        [Slot::TitleCharacters, Slot::Words, Slot::Bigrams]
            .map(|slot| vec![(slot, word.to_owned())])
            .into()
    };
    Some(Concept { text: word.to_owned(), any_of, stem: None })
}

fn word(stemmer: &Stemmer, text: &str) -> Concept {
    let form = stem(stemmer, text);
    let parts = parts(text);
    let any_of = if parts.len() > 1 {
        let part = |(from, to): &(usize, usize)| text.get(*from..*to).map(str::to_owned);
        vec![
            vec![(Slot::Bigrams, bare(text).unwrap_or_else(|| text.to_owned()))],
            parts.iter().filter_map(part).map(|part| (Slot::Bigrams, part)).collect(),
        ]
    } else {
        vec![vec![(Slot::Words, form.clone())]]
    };
    Concept { text: text.to_owned(), any_of, stem: Some(form) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concepts(question: &str) -> Vec<String> {
        let terms = Terms::of(&Analyzer::new(), question);
        terms.concepts.into_iter().map(|concept| concept.text).collect()
    }

    #[test]
    fn a_question_asks_for_what_it_names() {
        assert_eq!(concepts("请问洗衣机怎么退货？"), ["洗衣机", "退货"]);
        assert_eq!(
            concepts("How do I return my washing machine?"),
            ["return", "washing", "machine"]
        );
        assert_eq!(concepts("KFR-35GW 保修"), ["kfr", "35gw", "保修"]);
        assert_eq!(concepts("一个家"), ["一个家"]);
        assert_eq!(concepts("怎么办"), ["怎么办"]);
        assert_eq!(concepts("锅"), ["锅"]);
        assert_eq!(concepts("to be or not to be"), ["to", "be", "or", "not"]);
        assert_eq!(concepts("、。！"), Vec::<String>::new());
    }
}
