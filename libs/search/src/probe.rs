//! What each term of a question makes of each candidate.

use std::collections::HashMap;

use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Score, Searcher, Term};

use crate::analysis::{Concept, Slot, Terms};
use crate::candidates::{Address, Statistics};
use crate::error::SearchError;
use crate::schema::Fields;

/// How much words count beside pairs.
pub(crate) const WORDS: Score = 0.3;
/// How much the title counts beside the whole.
pub(crate) const TITLE: Score = 0.5;
/// How much tags count beside the whole.
pub(crate) const TAGS: Score = 0.3;
/// How much similar questions count beside the whole.
pub(crate) const QUESTIONS: Score = 0.7;

/// A term in a field, with what it counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weighted {
    pub(crate) field: Field,
    pub(crate) text: String,
    pub(crate) boost: Score,
}

/// The terms that rank entries.
pub(crate) fn of_entries(fields: &Fields, terms: &Terms) -> Vec<Weighted> {
    let mut all = Vec::new();
    for (field, boost) in
        [(fields.whole_bigrams, 1.0), (fields.title_bigrams, TITLE), (fields.tag_bigrams, TAGS)]
    {
        all.extend(weighted(field, boost, &terms.bigrams));
    }
    for (field, boost) in [(fields.whole_words, WORDS), (fields.title_words, WORDS * TITLE)] {
        all.extend(weighted(field, boost, &terms.words));
    }
    all
}

/// The terms that rank similar questions.
pub(crate) fn of_questions(fields: &Fields, terms: &Terms) -> Vec<Weighted> {
    let mut all: Vec<Weighted> = weighted(fields.question_bigrams, 1.0, &terms.bigrams).collect();
    all.extend(weighted(fields.question_words, WORDS, &terms.words));
    all
}

fn weighted(
    field: Field,
    boost: Score,
    terms: &[(String, Score)],
) -> impl Iterator<Item = Weighted> + '_ {
    terms.iter().map(move |(text, count)| Weighted {
        field,
        text: text.clone(),
        boost: boost * count,
    })
}

/// The terms of which an entry has at least one that has anything of a question: the whole holds
/// its title, its similar questions and its tags too.
pub(crate) fn whole(fields: &Fields, terms: &Terms) -> Vec<Term> {
    let of = |field: Field, terms: &[(String, Score)]| -> Vec<Term> {
        terms.iter().map(|(text, _)| Term::from_field_text(field, text)).collect()
    };
    [of(fields.whole_bigrams, &terms.bigrams), of(fields.whole_words, &terms.words)].concat()
}

/// Any of these terms.
pub(crate) fn union(terms: &[Weighted]) -> BooleanQuery {
    let clause = |term: &Weighted| {
        let query: Box<dyn Query> = Box::new(term_query(term.field, &term.text));
        (Occur::Should, Box::new(BoostQuery::new(query, term.boost)) as Box<dyn Query>)
    };
    BooleanQuery::new(terms.iter().map(clause).collect())
}

pub(crate) fn term_query(field: Field, text: &str) -> TermQuery {
    TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::WithFreqs)
}

/// The field of a slot.
pub(crate) fn field(fields: &Fields, slot: Slot) -> Field {
    match slot {
        Slot::Bigrams => fields.whole_bigrams,
        Slot::Words => fields.whole_words,
        Slot::TitleCharacters => fields.title_characters,
    }
}

/// All of these concepts.
pub(crate) fn all_of(fields: &Fields, concepts: &[Concept]) -> BooleanQuery {
    let query = |(slot, text): &(Slot, String)| -> Box<dyn Query> {
        Box::new(term_query(field(fields, *slot), text))
    };
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    for concept in concepts {
        match concept.any_of.as_slice() {
            // Plain terms, so that tantivy can prune the intersection.
            [only] => clauses.extend(only.iter().map(|term| (Occur::Must, query(term)))),
            several => {
                let each = several.iter().map(|all| match all.as_slice() {
                    [only] => query(only),
                    all => Box::new(BooleanQuery::intersection(all.iter().map(query).collect())),
                });
                clauses.push((Occur::Must, Box::new(BooleanQuery::union(each.collect()))));
            }
        }
    }
    if let [(occur, _)] = clauses.as_mut_slice() {
        // One clause alone is pruned as a union only.
        *occur = Occur::Should;
    }
    BooleanQuery::new(clauses)
}

/// The terms of a question, ready to be asked of documents.
pub(crate) struct Probe {
    pub(crate) terms: Vec<Weighted>,
    places: HashMap<(Field, String), usize>,
}

/// What each term of a probe makes of one document, unweighted; nothing where it is not there.
pub(crate) type Row = Vec<Score>;

impl Probe {
    /// These terms, and those by which concepts are recognised.
    pub(crate) fn new(fields: &Fields, ranking: Vec<Weighted>, concepts: &[Concept]) -> Self {
        let mut probe = Self { terms: ranking, places: HashMap::new() };
        for (place, term) in probe.terms.iter().enumerate() {
            probe.places.insert((term.field, term.text.clone()), place);
        }
        for (slot, text) in concepts.iter().flat_map(|concept| concept.any_of.iter().flatten()) {
            let key = (field(fields, *slot), text.clone());
            if !probe.places.contains_key(&key) {
                probe.terms.push(Weighted { field: key.0, text: text.clone(), boost: 0.0 });
                probe.places.insert(key, probe.terms.len() - 1);
            }
        }
        probe
    }

    /// Asks documents; they come in ascending order, and so do the answers.
    pub(crate) fn ask(
        &self,
        searcher: &Searcher,
        statistics: &Statistics<'_>,
        documents: &[Address],
    ) -> Result<Vec<Row>, SearchError> {
        let mut rows = vec![vec![0.0; self.terms.len()]; documents.len()];
        for (place, term) in self.terms.iter().enumerate() {
            let query = term_query(term.field, &term.text);
            let weight = query.weight(statistics.scoring())?;
            let mut at: Option<(u32, Box<dyn tantivy::query::Scorer>)> = None;
            for ((segment, doc), row) in documents.iter().zip(&mut rows) {
                if at.as_ref().is_none_or(|(current, _)| current != segment) {
                    at = Some((*segment, weight.scorer(searcher.segment_reader(*segment), 1.0)?));
                }
                let Some((_, scorer)) = &mut at else { continue };
                if scorer.doc() < *doc {
                    scorer.seek(*doc);
                }
                if scorer.doc() == *doc
                    && let Some(cell) = row.get_mut(place)
                {
                    *cell = scorer.score();
                }
            }
        }
        Ok(rows)
    }

    /// The score of a document.
    pub(crate) fn score(&self, row: &Row) -> Score {
        self.terms.iter().zip(row).map(|(term, score)| term.boost * score).sum()
    }

    /// Which concepts stand in a document.
    pub(crate) fn has(&self, fields: &Fields, concept: &Concept, row: &Row) -> bool {
        let present = |(slot, text): &(Slot, String)| {
            let place = self.places.get(&(field(fields, *slot), text.clone()));
            place.and_then(|place| row.get(*place)).is_some_and(|score| *score > 0.0)
        };
        concept.any_of.iter().any(|all| all.iter().all(present))
    }
}
