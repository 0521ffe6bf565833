//! How many entries there are of each kind, tag and locale.

use std::collections::BTreeMap;

use tantivy::columnar::StrColumn;
use tantivy::query::{EnableScoring, Query};
use tantivy::{DocSet as _, Searcher, SegmentReader, TERMINATED};

use crate::candidates::Address;
use crate::error::SearchError;
use crate::filter::{Filter, Pass, SegmentFilter};
use crate::schema::column;

/// A value with how many entries have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The value.
    pub value: String,
    /// The entries.
    pub entries: usize,
}

/// Counts, each with the most frequent first. Entries are counted, so that an article in two
/// locales counts twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// All entries that were counted: everything of the stage `All`, else the best of what scored.
    pub entries: usize,
    /// By kind.
    pub kinds: Vec<Count>,
    /// By tag.
    pub tags: Vec<Count>,
    /// By locale.
    pub locales: Vec<Count>,
}

/// Counts by value, for each facet.
#[derive(Default)]
struct Counts {
    entries: usize,
    by: [BTreeMap<String, usize>; 3],
}

const COLUMNS: [&str; 3] = [column::KIND, column::TAGS, column::LOCALE];

/// Counts everything that a query finds and the filter lets pass.
pub(crate) fn of_query(
    searcher: &Searcher,
    query: &dyn Query,
    filter: &Filter,
    own: &str,
) -> Result<Facets, SearchError> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    let mut counts = Counts::default();
    for segment in searcher.segment_readers() {
        let mut filter = SegmentFilter::new(segment, filter, own, Pass::All)?;
        let mut scorer = weight.scorer(segment, 1.0)?;
        let mut documents = Vec::new();
        while scorer.doc() != TERMINATED {
            if !segment.is_deleted(scorer.doc()) && filter.admits(scorer.doc()) {
                documents.push(scorer.doc());
            }
            scorer.advance();
        }
        counts.add(segment, &documents)?;
    }
    Ok(counts.facets())
}

/// Counts given documents.
pub(crate) fn of_documents(
    searcher: &Searcher,
    documents: impl Iterator<Item = Address>,
) -> Result<Facets, SearchError> {
    let mut by_segment: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (segment, doc) in documents {
        by_segment.entry(segment).or_default().push(doc);
    }
    let mut counts = Counts::default();
    for (segment, documents) in by_segment {
        counts.add(searcher.segment_reader(segment), &documents)?;
    }
    Ok(counts.facets())
}

impl Counts {
    fn add(&mut self, segment: &SegmentReader, documents: &[u32]) -> Result<(), SearchError> {
        self.entries += documents.len();
        for (name, counts) in COLUMNS.iter().zip(&mut self.by) {
            let Some(column) = segment.fast_fields().str(name)? else { continue };
            let mut by_ord: BTreeMap<u64, usize> = BTreeMap::new();
            for ord in documents.iter().flat_map(|doc| column.ords().values_for_doc(*doc)) {
                *by_ord.entry(ord).or_default() += 1;
            }
            for (ord, entries) in by_ord {
                *counts.entry(value(&column, ord)?).or_default() += entries;
            }
        }
        Ok(())
    }

    fn facets(self) -> Facets {
        let [kinds, tags, locales] = self.by.map(|counts| {
            let mut counts: Vec<Count> =
                counts.into_iter().map(|(value, entries)| Count { value, entries }).collect();
            counts.sort_by(|a, b| b.entries.cmp(&a.entries).then_with(|| a.value.cmp(&b.value)));
            counts
        });
        Facets { entries: self.entries, kinds, tags, locales }
    }
}

fn value(column: &StrColumn, ord: u64) -> Result<String, SearchError> {
    let mut value = String::new();
    column.ord_to_str(ord, &mut value)?;
    Ok(value)
}
