//! The best documents of a query, by tantivy's pruning, with the filter applied where it counts.
//!
//! A filter as a clause of the query would make every match be looked at. Here only documents whose
//! score would bring them among the best are asked, so that pruning keeps its effect.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use tantivy::query::{Bm25StatisticsProvider, EnableScoring, Query};
use tantivy::schema::Field;
use tantivy::{DocId, Score, Searcher, Term};

use crate::error::SearchError;
use crate::filter::{Filter, Pass, SegmentFilter};
use crate::schema::{Fields, HEAD, QUESTION, column};

/// Where a document is.
pub(crate) type Address = (u32, DocId);

/// A document with what the query made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) address: Address,
    pub(crate) score: Score,
}

impl Eq for Scored {}

impl Ord for Scored {
    /// The better is the greater; of equals, the one that was written first.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.address.cmp(&self.address))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The statistics of one role of documents, so that similar questions do not count as entries.
pub(crate) struct Statistics<'s> {
    searcher: &'s Searcher,
    documents: u64,
}

impl<'s> Statistics<'s> {
    /// Of entries.
    pub(crate) fn of_heads(searcher: &'s Searcher, fields: &Fields) -> Result<Self, SearchError> {
        Self::of(searcher, fields, HEAD)
    }

    /// Of similar questions.
    pub(crate) fn of_questions(
        searcher: &'s Searcher,
        fields: &Fields,
    ) -> Result<Self, SearchError> {
        Self::of(searcher, fields, QUESTION)
    }

    fn of(searcher: &'s Searcher, fields: &Fields, role: &str) -> Result<Self, SearchError> {
        let documents = searcher.doc_freq(&Term::from_field_text(fields.role, role))?;
        Ok(Self { searcher, documents })
    }

    /// How many there are.
    pub(crate) fn documents(&self) -> u64 {
        self.documents
    }

    pub(crate) fn scoring(&self) -> EnableScoring<'_> {
        EnableScoring::enabled_from_statistics_provider(self, self.searcher)
    }
}

impl Bm25StatisticsProvider for Statistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        Bm25StatisticsProvider::total_num_tokens(self.searcher, field)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.documents)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.searcher.doc_freq(term)
    }
}

/// What a query may find.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'q> {
    pub(crate) filter: &'q Filter,
    pub(crate) own: &'q str,
    pub(crate) pass: Pass,
}

/// The best entries of a query, best first.
pub(crate) fn best_heads(
    statistics: &Statistics<'_>,
    query: &dyn Query,
    scope: Scope<'_>,
    limit: usize,
) -> Result<Vec<Scored>, SearchError> {
    best(statistics, query, scope, limit, false)
}

/// The best similar questions of a query whose entries may be found, best first.
pub(crate) fn best_questions(
    statistics: &Statistics<'_>,
    query: &dyn Query,
    scope: Scope<'_>,
    limit: usize,
) -> Result<Vec<Scored>, SearchError> {
    best(statistics, query, scope, limit, true)
}

fn best(
    statistics: &Statistics<'_>,
    query: &dyn Query,
    scope: Scope<'_>,
    limit: usize,
    questions: bool,
) -> Result<Vec<Scored>, SearchError> {
    let weight = query.weight(statistics.scoring())?;
    let mut kept: BinaryHeap<Reverse<Scored>> = BinaryHeap::with_capacity(limit + 1);
    for (segment, reader) in (0u32..).zip(statistics.searcher.segment_readers()) {
        let mut filter = SegmentFilter::new(reader, scope.filter, scope.own, scope.pass)?;
        let back = reader.fast_fields().u64(column::BACK)?;
        let alive = reader.alive_bitset();
        let threshold = |kept: &BinaryHeap<Reverse<Scored>>| match kept.peek() {
            Some(Reverse(least)) if kept.len() >= limit => least.score,
            _ => Score::MIN,
        };
        let begin = threshold(&kept);
        weight.for_each_pruning(begin, reader, &mut |doc, score| {
            let head = if questions { head_of(doc, back.first(doc)) } else { doc };
            if alive.is_none_or(|alive| alive.is_alive(doc)) && filter.admits(head) {
                kept.push(Reverse(Scored { address: (segment, doc), score }));
                if kept.len() > limit {
                    kept.pop();
                }
            }
            threshold(&kept)
        })?;
    }
    let mut best: Vec<Scored> = kept.into_iter().map(|Reverse(scored)| scored).collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    Ok(best)
}

/// The head of a similar question.
pub(crate) fn head_of(doc: DocId, back: Option<u64>) -> DocId {
    doc.saturating_sub(back.and_then(|back| DocId::try_from(back).ok()).unwrap_or(0))
}
