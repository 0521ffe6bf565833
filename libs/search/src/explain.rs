//! Why an article is found, or not.

use serde::{Deserialize, Serialize};
use tantivy::Score;
use tantivy::query::{EnableScoring, Query as _};
use tantivy::{DocSet as _, TERMINATED, Term};
use uuid::Uuid;

use crate::analysis::Terms;
use crate::candidates::Address;
use crate::error::SearchError;
use crate::index::{Index, article_of};
use crate::probe::QUESTIONS;
use crate::schema::column;
use crate::search::{Asking, DEEPEST, Search, Stage};

/// What keeps an entry from being found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// The reader does not belong to its audience.
    Audience,
    /// Its time has not come.
    NotYetValid,
    /// Its time is over.
    Expired,
    /// It is in another locale than the filter's.
    Locale,
    /// It is of another kind than the filter's.
    Kind,
    /// It is about none of the filter's products.
    Product,
    /// It has none of the filter's tags.
    Tag,
}

/// Why an article stands where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// How the question is answered.
    pub stage: Stage,
    /// What the question asks for.
    pub concepts: Vec<String>,
    /// The place of the article in the answer, from one; none beyond the first thousand.
    pub place: Option<usize>,
    /// Its entries; none where the index does not have it.
    pub entries: Vec<ExplainedEntry>,
}

/// What the question makes of one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedEntry {
    /// The entry's locale.
    pub locale: String,
    /// Its revision.
    pub revision: i64,
    /// What hides it; it is found only where this is empty.
    pub hidden: Vec<Hidden>,
    /// The stage that it reaches, if it has anything of what was asked for.
    pub stage: Option<Stage>,
    /// The concepts that it has.
    pub has: Vec<String>,
    /// Its score: the sum of its terms and questions, times `complete`.
    pub score: Score,
    /// One, and more for what it has of all concepts.
    pub complete: Score,
    /// What similar questions add.
    pub questions: Score,
    /// What each term adds, the most first.
    pub matched: Vec<Matched>,
}

/// A term that an entry has.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// The field, for example `title_words`.
    pub field: String,
    /// The term, folded.
    pub term: String,
    /// The field's weight, times how often the question has the term.
    pub weight: Score,
    /// What it adds to the score.
    pub score: Score,
}

impl Index {
    /// Says what a question makes of an article, whether or not it may be seen. Offset, limit and
    /// facets of the question do not matter.
    pub fn explain(&self, search: &Search, article: Uuid) -> Result<Explained, SearchError> {
        let (searcher, fields) = self.snapshot();
        let terms = Terms::of(self.analyzer(), &search.text);
        let asking = Asking::new(&searcher, fields, terms, &search.filter, &search.locale)?;
        let found = asking.found(DEEPEST)?;
        let mut entries = Vec::new();
        for address in asking.heads_of(article)? {
            entries.push(asking.explained(address, search)?);
        }
        entries.sort_by(|a, b| a.locale.cmp(&b.locale));
        let mut places = found.ranked.iter().take(DEEPEST);
        Ok(Explained {
            stage: found.stage,
            concepts: asking.terms.concepts.iter().map(|c| c.text.clone()).collect(),
            place: places.position(|one| one.article == article).map(|at| at + 1),
            entries,
        })
    }
}

impl Asking<'_> {
    /// Where the entries of an article are.
    fn heads_of(&self, article: Uuid) -> Result<Vec<Address>, SearchError> {
        let term: Term = article_of(&self.fields, article);
        let query = tantivy::query::TermQuery::new(term, tantivy::schema::IndexRecordOption::Basic);
        let weight = query.weight(EnableScoring::disabled_from_searcher(self.searcher))?;
        let mut heads = Vec::new();
        for (segment, reader) in (0u32..).zip(self.searcher.segment_readers()) {
            let back = reader.fast_fields().u64(column::BACK)?;
            let mut scorer = weight.scorer(reader, 1.0)?;
            while scorer.doc() != TERMINATED {
                let doc = scorer.doc();
                if !reader.is_deleted(doc) && back.first(doc).is_none() {
                    heads.push((segment, doc));
                }
                scorer.advance();
            }
        }
        Ok(heads)
    }

    fn explained(&self, address: Address, search: &Search) -> Result<ExplainedEntry, SearchError> {
        let (_, entry) = self.stored(address)?;
        let rows = self.probe.ask(self.searcher, &self.heads, &[address])?;
        let row = rows.into_iter().next().unwrap_or_default();
        let schema = self.searcher.schema();
        let mut matched: Vec<Matched> = self
            .probe
            .terms
            .iter()
            .zip(&row)
            .filter(|(term, score)| term.boost * **score > 0.0)
            .map(|(term, score)| Matched {
                field: schema.get_field_name(term.field).to_owned(),
                term: term.text.clone(),
                weight: term.boost,
                score: term.boost * score,
            })
            .collect();
        matched.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.term.cmp(&b.term)));
        let questions = self.questions_of(address)?;
        let score = self.score(&row, questions);
        let concepts = &self.terms.concepts;
        let has = concepts.iter().filter(|concept| self.probe.has(&self.fields, concept, &row));
        Ok(ExplainedEntry {
            hidden: search.filter.hides(&entry),
            locale: entry.locale,
            revision: entry.revision,
            stage: (score > 0.0).then(|| self.stage(&row)),
            has: has.map(|concept| concept.text.clone()).collect(),
            complete: self.complete(&row),
            score,
            questions: QUESTIONS * questions,
            matched,
        })
    }
}
