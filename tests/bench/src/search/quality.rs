//! How well a set's questions are answered.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

use ::search::{Analyzer, Change, Entry, Filter, Index, Search, Settings};
use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sets::{Document, Set};

const PEER: &str = include_str!("../../python/search_peer.py");
/// The locale of everything in a set: where all are the same, none comes first.
const LOCALE: &str = "und";
/// How many words are looked up.
const LOOK_UPS: usize = 1_000;
/// How many documents a word that is looked up stands in at most.
const RARE: usize = 20;
/// How many documents words are taken from.
const SAMPLED: usize = 4_000;

/// Shares of questions.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Quality {
    /// Questions.
    pub(crate) queries: usize,
    /// Whose first answer is right.
    pub(crate) first: f64,
    /// Who have a right one among the first ten.
    pub(crate) ten: f64,
    /// The mean of one by the place of the first right one of ten.
    pub(crate) reciprocal: f64,
    /// Who have no answer at all.
    pub(crate) without: f64,
}

/// The answers to all questions of a set: places of documents, best first.
pub(crate) type Answers = Vec<Vec<usize>>;

/// What a peer made of a set.
#[derive(Debug, Deserialize)]
pub(crate) struct Peer {
    pub(crate) bigrams: Answers,
    pub(crate) words: Answers,
    /// Titles and texts of the documents in turn.
    pub(crate) traditional: Vec<String>,
}

/// Look-ups of single words.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct LookUps {
    pub(crate) words: usize,
    /// The mean share of the documents with the word that are found.
    pub(crate) recall: f64,
    /// The share of words for which nothing is found.
    pub(crate) without: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of questions")]
fn share(count: usize, of: usize) -> f64 {
    count as f64 / of.max(1) as f64
}

/// Judges the answers to the odd or the even questions, or to all.
pub(crate) fn judge(set: &Set, answers: &Answers, odd: Option<bool>) -> Quality {
    let mut quality = Quality::default();
    let (mut first, mut ten, mut without) = (0, 0, 0);
    for (query, answer) in set.queries.iter().zip(answers) {
        if odd.is_some_and(|odd| odd != query.odd) {
            continue;
        }
        quality.queries += 1;
        without += usize::from(answer.is_empty());
        if let Some(place) = answer.iter().take(10).position(|found| query.right.contains(found)) {
            first += usize::from(place == 0);
            ten += 1;
            quality.reciprocal += share(1, place + 1);
        }
    }
    quality.first = share(first, quality.queries);
    quality.ten = share(ten, quality.queries);
    quality.without = share(without, quality.queries);
    quality.reciprocal *= share(1, quality.queries);
    quality
}

/// An index of documents; each is the article of its place.
pub(crate) struct Indexed {
    index: Index,
    _folder: tempfile::TempDir,
}

impl Indexed {
    pub(crate) fn of(analyzer: &Analyzer, documents: &[Document]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let index = Index::create(folder.path(), analyzer.clone(), Settings::default())?;
        let rebuild = index.begin_rebuild()?;
        for (place, document) in (0u128..).zip(documents) {
            let entry = Entry {
                locale: LOCALE.to_owned(),
                title: document.title.clone(),
                questions: document.questions.clone(),
                body: document.text.clone(),
                ..Entry::default()
            };
            let article = Uuid::from_u128(place);
            rebuild.add(&Change::Replace { article, entries: vec![entry] })?;
        }
        index.finish_rebuild(rebuild, "")?;
        Ok(Self { index, _folder: folder })
    }

    fn answer(&self, text: &str, limit: usize) -> Result<Vec<usize>> {
        let search = Search {
            text: text.to_owned(),
            locale: LOCALE.to_owned(),
            filter: Filter::default(),
            limit,
            ..Search::default()
        };
        let hits = self.index.search(&search)?.hits;
        hits.iter().map(|hit| usize::try_from(hit.article.as_u128()).context("a place")).collect()
    }

    pub(crate) fn answers(&self, set: &Set) -> Result<Answers> {
        set.queries.iter().map(|query| self.answer(&query.text, 10)).collect()
    }

    /// Looks words up, each of which must find every document that has it.
    pub(crate) fn look_up(&self, words: &[(String, BTreeSet<usize>)]) -> Result<LookUps> {
        let (mut recall, mut without) = (0.0, 0);
        for (word, right) in words {
            let found: BTreeSet<usize> = self.answer(word, 1_000)?.into_iter().collect();
            recall += share(found.intersection(right).count(), right.len());
            without += usize::from(found.is_empty());
        }
        Ok(LookUps {
            words: words.len(),
            recall: recall * share(1, words.len()),
            without: share(without, words.len()),
        })
    }
}

/// Words of the dictionary with the documents in which they stand, at most 20.
pub(crate) fn words(analyzer: &Analyzer, set: &Set) -> Vec<(String, BTreeSet<usize>)> {
    let texts: Vec<String> = set.documents.iter().map(Document::whole).collect();
    let mut known: HashMap<&str, BTreeSet<usize>> = HashMap::new();
    let step = texts.len().div_ceil(SAMPLED).max(1);
    for part in texts.iter().step_by(step).flat_map(|text| parts(text)) {
        if !known.contains_key(part) && analyzer.has_word(part) {
            known.insert(part, BTreeSet::new());
        }
    }
    for (place, text) in texts.iter().enumerate() {
        for part in parts(text) {
            if let Some(places) = known.get_mut(part).filter(|places| places.len() <= RARE) {
                places.insert(place);
            }
        }
    }
    let mut rare: Vec<(String, BTreeSet<usize>)> = known
        .into_iter()
        .filter(|(_, places)| (1..=RARE).contains(&places.len()))
        .map(|(word, places)| (word.to_owned(), places))
        .collect();
    rare.sort();
    let step = rare.len().div_ceil(LOOK_UPS).max(1);
    rare.into_iter().step_by(step).collect()
}

/// Every run of two to four Chinese characters.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().flat_map(move |(start, _)| {
        let rest = text.get(start..).unwrap_or_default();
        let ends = rest.char_indices().take_while(|(_, c)| text::is_han(*c)).take(4).skip(1);
        ends.filter_map(move |(at, c)| rest.get(..at + c.len_utf8()))
    })
}

/// Asks the peer, in Python.
pub(crate) fn peer(python: &Path, set: &Set, traditional: bool) -> Result<Peer> {
    let folder = tempfile::tempdir()?;
    let [script, given, answer] =
        ["peer.py", "given.json", "answer.json"].map(|name| folder.path().join(name));
    std::fs::write(&script, PEER)?;
    let texts: Vec<&str> =
        set.documents.iter().flat_map(|d| [d.title.as_str(), d.text.as_str()]).collect();
    let asked = serde_json::json!({
        "documents": set.documents.iter().map(Document::whole).collect::<Vec<_>>(),
        "queries": set.queries.iter().map(|query| &query.text).collect::<Vec<_>>(),
        "texts": if traditional { texts } else { Vec::new() },
        "traditional": traditional,
    });
    std::fs::write(&given, serde_json::to_vec(&asked)?)?;
    let status = Command::new(python).args([&script, &given, &answer]).status()?;
    ensure!(status.success(), "the peer failed");
    Ok(serde_json::from_slice(&std::fs::read(&answer)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::sets::Query;

    #[test]
    fn answers_are_judged_by_halves() {
        let query = |odd, right| Query { odd, text: String::new(), right: BTreeSet::from([right]) };
        let set = Set {
            name: String::new(),
            documents: Vec::new(),
            queries: vec![query(true, 1), query(false, 2), query(false, 3)],
            intents: false,
        };
        let answers = vec![vec![1], vec![9, 2], vec![]];
        let even = judge(&set, &answers, Some(false));
        assert_eq!(even.queries, 2);
        assert!(even.first.abs() < 1e-9 && (even.ten - 0.5).abs() < 1e-9);
        assert!((even.reciprocal - 0.25).abs() < 1e-9 && (even.without - 0.5).abs() < 1e-9);
        assert!((judge(&set, &answers, Some(true)).first - 1.0).abs() < 1e-9);
    }

    #[test]
    fn parts_are_runs_of_two_to_four() {
        let found: Vec<&str> = parts("甲乙a丙丁戊").collect();
        assert_eq!(found, ["甲乙", "丙丁", "丙丁戊", "丁戊"]);
    }
}
