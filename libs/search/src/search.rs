//! A question and its answer.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use tantivy::schema::Value as _;
use tantivy::{Score, Searcher, TantivyDocument};
use uuid::Uuid;

use crate::analysis::Terms;
use crate::candidates::{Address, Scored, Statistics, best_questions, head_of};
use crate::entry::Entry;
use crate::error::SearchError;
use crate::facets::{Articles, Facets};
use crate::filter::{Filter, Pass, SegmentFilter};
use crate::highlight::{Marked, Marker};
use crate::index::Index;
use crate::probe::{self, Probe, QUESTIONS, Row, union};
use crate::schema::{Fields, column};

/// How many similar questions are looked at.
const QUESTION_CANDIDATES: usize = 200;
/// How many similar questions of an article count.
const BEST_QUESTIONS: u8 = 10;
/// How much more an entry scores that has all concepts.
const COMPLETE: Score = 0.4;
/// The share of concepts, in per cent, that the second stage asks for.
const MOST: usize = 70;
/// Offset and limit together reach no further.
pub(crate) const DEEPEST: usize = 1_000;

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// In either language, or both.
    pub text: String,
    /// The reader's own, whose entries come first.
    pub locale: String,
    /// What may be found.
    pub filter: Filter,
    /// How many hits to leave out.
    pub offset: usize,
    /// How many hits to tell at most; with the offset at most 1 000.
    pub limit: usize,
    /// Whether to count what was found beyond what was ranked, and its kinds and tags.
    pub facets: bool,
}

/// How much of what was asked for is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Everything.
    All,
    /// At least 70 %.
    Most,
    /// Something.
    Any,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How it was found. A look-up, of one concept or two keywords, has this stage throughout. Of
    /// any other question it is the stage of the best hit; hits that do not reach it come last. An empty
    /// answer is of the last stage.
    pub stage: Stage,
    /// Best first, each article once, a part of one ranking whatever the offset and the limit. The
    /// ranking has layers: a hundred of the reader's locale, with what others have where these are
    /// fewer than ten, then the rest of the reader's locale, then that of the others. In each stand
    /// those of the answer's stage, then the others; of either the reader's locale first; then by
    /// score, then by article.
    pub hits: Vec<Hit>,
    /// Whether there are hits after these.
    pub more: bool,
    /// How many articles there are on all pages: exact, or at least as many. Where counts were asked
    /// for, that of a look-up is exact, and so is that of a sentence below 500.
    pub total: usize,
    /// Whether the total is exact, and so are the counts.
    pub exact: bool,
    /// Where they were asked for.
    pub facets: Option<Facets>,
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The article.
    pub article: Uuid,
    /// The entry's locale.
    pub locale: String,
    /// Whether that is the reader's.
    pub own_locale: bool,
    /// What is shown is this revision.
    pub revision: i64,
    /// The entry's kind.
    pub kind: String,
    /// Comparable within one answer only.
    pub score: Score,
    /// How much of what was asked for it has.
    pub stage: Stage,
    /// The title, with what was asked for marked.
    pub title: Marked,
    /// The part of the body that tells most.
    pub snippet: Marked,
    /// The similar question that comes nearest, if any was found by it.
    pub question: Option<Marked>,
    /// The entry's products.
    pub products: Vec<String>,
    /// The entry's tags.
    pub tags: Vec<String>,
}

/// An entry with its score.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub(crate) address: Address,
    pub(crate) article: Uuid,
    pub(crate) own: bool,
    pub(crate) score: Score,
    pub(crate) stage: Stage,
    /// The nearest similar question, counted from one.
    pub(crate) question: Option<u64>,
    pub(crate) row: Row,
}

/// What the questions of an entry made of it.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    score: Score,
    nearest: u64,
}

impl Index {
    /// Answers a question.
    pub fn search(&self, search: &Search) -> Result<Answer, SearchError> {
        let terms = Terms::of(self.analyzer(), &search.text);
        let (searcher, fields) = self.snapshot();
        let asking = Asking::new(&searcher, fields, terms, &search.filter, &search.locale)?;
        let wanted = search.offset.saturating_add(search.limit).min(DEEPEST);
        // One more than wanted tells whether there is more.
        let found = asking.found(wanted + 1)?;
        let (facets, exact) = if search.facets {
            let (facets, exact) = asking.counts(&found)?;
            (Some(facets), exact)
        } else {
            (None, found.whole)
        };
        let marker = Marker::new(&asking.terms.concepts);
        let ranked = found.ranked.len().min(wanted);
        let page = found.ranked.iter().take(ranked).skip(search.offset);
        let hits = page.map(|one| asking.hit(one, &marker)).collect::<Result<_, _>>()?;
        let more = wanted < DEEPEST && ranked < found.ranked.len();
        let total = match &facets {
            Some(facets) => facets.articles.max(ranked + usize::from(more)),
            None => found.ranked.len(),
        };
        Ok(Answer { stage: found.stage, hits, more, total, exact, facets })
    }
}

/// One question under way.
pub(crate) struct Asking<'q> {
    pub(crate) searcher: &'q Searcher,
    pub(crate) fields: Fields,
    pub(crate) terms: Terms,
    pub(crate) heads: Statistics<'q>,
    pub(crate) questions: Statistics<'q>,
    pub(crate) probe: Probe,
    pub(crate) filter: &'q Filter,
    pub(crate) own: &'q str,
}

impl<'q> Asking<'q> {
    pub(crate) fn new(
        searcher: &'q Searcher,
        fields: Fields,
        terms: Terms,
        filter: &'q Filter,
        own: &'q str,
    ) -> Result<Self, SearchError> {
        let ranking = probe::of_entries(&fields, &terms);
        Ok(Self {
            heads: Statistics::of_heads(searcher, &fields)?,
            questions: Statistics::of_questions(searcher, &fields)?,
            probe: Probe::new(&fields, ranking, &terms.concepts),
            searcher,
            fields,
            terms,
            filter,
            own,
        })
    }

    /// Scores candidates with everything that counts, best first.
    pub(crate) fn rank(&self, best: Vec<Scored>, pass: Pass) -> Result<Vec<Ranked>, SearchError> {
        let asked = self.asked(pass)?;
        let mut documents: Vec<Address> = best.into_iter().map(|scored| scored.address).collect();
        documents.extend(asked.keys());
        documents.sort_unstable();
        documents.dedup();
        let rows = self.probe.ask(self.searcher, &self.heads, &documents)?;
        let mut ranked = Vec::with_capacity(rows.len());
        let mut segment: Option<(u32, Columns)> = None;
        for (address, row) in documents.into_iter().zip(rows) {
            let columns = match &mut segment {
                Some((current, columns)) if *current == address.0 => columns,
                slot => &mut slot.insert((address.0, self.columns(address.0)?)).1,
            };
            let asked = asked.get(&address).copied();
            ranked.push(Ranked {
                address,
                article: columns.articles.of_head(address.1),
                own: columns.filter.is_own(address.1),
                score: self.score(&row, asked.unwrap_or_default().score),
                stage: self.stage(&row),
                question: asked.map(|asked| asked.nearest),
                row,
            });
        }
        sort(&mut ranked, Stage::Any);
        Ok(ranked)
    }

    fn columns(&self, segment: u32) -> Result<Columns, SearchError> {
        let reader = self.searcher.segment_reader(segment);
        Ok(Columns {
            articles: Articles::of(reader)?,
            filter: SegmentFilter::new(reader, self.filter, self.own, Pass::All)?,
        })
    }

    /// What similar questions make of their entries: a mean of the best, of which each next counts
    /// less.
    fn asked(&self, pass: Pass) -> Result<BTreeMap<Address, Asked>, SearchError> {
        let mut all: BTreeMap<Address, Asked> = BTreeMap::new();
        if self.questions.documents() == 0 {
            return Ok(all);
        }
        let query = union(&probe::of_questions(&self.fields, &self.terms));
        let found = best_questions(&self.questions, &query, self.scope(pass), QUESTION_CANDIDATES)?;
        let mut scores: BTreeMap<Address, (Vec<Score>, u64)> = BTreeMap::new();
        let mut columns = BTreeMap::new();
        for one in found {
            let (segment, doc) = one.address;
            let (back, _) = match columns.entry(segment) {
                Slot::Occupied(there) => there.into_mut(),
                Slot::Vacant(free) => {
                    let fast = self.searcher.segment_reader(segment).fast_fields();
                    free.insert((fast.u64(column::BACK)?, fast.u64(column::QUESTIONS)?))
                }
            };
            let back = back.first(doc).unwrap_or(0);
            let head = (segment, head_of(doc, Some(back)));
            scores.entry(head).or_insert_with(|| (Vec::new(), back)).0.push(one.score);
        }
        for ((segment, head), (scores, nearest)) in scores {
            let questions = columns.get(&segment).and_then(|(_, questions)| questions.first(head));
            let score = mean(&scores, questions.unwrap_or(1));
            all.insert((segment, head), Asked { score, nearest });
        }
        Ok(all)
    }

    /// How many concepts an entry has.
    pub(crate) fn count(&self, row: &Row) -> usize {
        let concepts = self.terms.concepts.iter();
        concepts.filter(|concept| self.probe.has(&self.fields, concept, row)).count()
    }

    /// The stage that an entry reaches.
    pub(crate) fn stage(&self, row: &Row) -> Stage {
        let (has, of) = (self.count(row), self.terms.concepts.len());
        if has == of && of > 0 {
            Stage::All
        } else if has * 100 >= of * MOST && has > 0 {
            Stage::Most
        } else {
            Stage::Any
        }
    }

    /// The score of an entry: its terms and its similar questions, and more for what it has of all
    /// that was asked.
    pub(crate) fn score(&self, row: &Row, questions: Score) -> Score {
        (self.probe.score(row) + QUESTIONS * questions) * self.complete(row)
    }

    /// One, and more for what an entry has of all concepts.
    pub(crate) fn complete(&self, row: &Row) -> Score {
        let part = |count: usize| u16::try_from(count).map_or(Score::from(u16::MAX), Score::from);
        let share = part(self.count(row)) / part(self.terms.concepts.len().max(1));
        1.0 + COMPLETE * share
    }

    /// What the similar questions of an entry make of the question.
    pub(crate) fn questions_of(&self, address: Address) -> Result<Score, SearchError> {
        Ok(self.asked(Pass::All)?.get(&address).copied().unwrap_or_default().score)
    }

    /// The entry at an address.
    pub(crate) fn stored(&self, (segment, doc): Address) -> Result<(Uuid, Entry), SearchError> {
        let address = tantivy::DocAddress::new(segment, doc);
        let document: TantivyDocument = self.searcher.doc(address)?;
        let bytes = document.get_first(self.fields.stored).and_then(|value| value.as_bytes());
        serde_json::from_slice(bytes.unwrap_or_default()).map_err(SearchError::Stored)
    }

    pub(crate) fn hit(&self, one: &Ranked, marker: &Marker<'_>) -> Result<Hit, SearchError> {
        let (article, entry) = self.stored(one.address)?;
        let question = one.question.and_then(|nearest| {
            let nearest = usize::try_from(nearest).ok()?.checked_sub(1)?;
            entry.questions.get(nearest).map(|question| marker.whole(question))
        });
        Ok(Hit {
            article,
            own_locale: one.own,
            revision: entry.revision,
            score: one.score,
            stage: one.stage,
            title: marker.whole(&entry.title),
            snippet: marker.snippet(&entry.body),
            question,
            locale: entry.locale,
            kind: entry.kind,
            products: entry.products,
            tags: entry.tags,
        })
    }
}

struct Columns {
    articles: Articles,
    filter: SegmentFilter,
}

/// The weighted mean of the best scores, which come best first: the first counts 1, the second a
/// half, and so on; an article with fewer questions is measured by those that it has.
fn mean(scores: &[Score], questions: u64) -> Score {
    let counted = u8::try_from(questions).unwrap_or(BEST_QUESTIONS).clamp(1, BEST_QUESTIONS);
    let weights = || (1..=counted).map(|place| 1.0 / Score::from(place));
    let sum: Score = weights().zip(scores).map(|(weight, score)| weight * score).sum();
    sum / weights().sum::<Score>()
}

/// Those that reach a stage first; of them the reader's locale, then by score, then by article.
fn sort(ranked: &mut [Ranked], stage: Stage) {
    ranked.sort_by(|a, b| {
        (b.stage <= stage, b.own)
            .cmp(&(a.stage <= stage, a.own))
            .then_with(|| b.score.total_cmp(&a.score))
            .then_with(|| a.article.cmp(&b.article))
            .then_with(|| a.address.cmp(&b.address))
    });
}

/// Sorts, and keeps the best entry of each article.
pub(crate) fn one_each(ranked: &mut Vec<Ranked>, stage: Stage) {
    sort(ranked, stage);
    let mut seen = HashSet::new();
    ranked.retain(|one| seen.insert(one.article));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_of_the_best() {
        assert!((mean(&[3.0], 1) - 3.0).abs() < 1e-6);
        assert!((mean(&[3.0], 2) - 2.0).abs() < 1e-6);
        assert!((mean(&[3.0, 3.0], 2) - 3.0).abs() < 1e-6);
        assert!((mean(&[1.0; 20], 500) - 1.0).abs() < 1e-6);
    }
}
