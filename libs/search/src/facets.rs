//! How many articles there are of each kind and tag.

use std::collections::{BTreeMap, HashSet};

use tantivy::columnar::{Column, StrColumn};
use tantivy::query::{EnableScoring, Query};
use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocId, DocSet as _, Searcher, SegmentReader, TERMINATED, Term};

use uuid::Uuid;

use crate::candidates::Address;
use crate::error::SearchError;
use crate::filter::{Filter, Pass, SegmentFilter};
use crate::schema::column;

/// A value with how many articles have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The value.
    pub value: String,
    /// The articles.
    pub articles: usize,
}

/// Counts, each with the most frequent first. An article counts once, by one of its entries that
/// was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// All articles that were counted.
    pub articles: usize,
    /// By kind.
    pub kinds: Vec<Count>,
    /// By tag.
    pub tags: Vec<Count>,
}

/// Counts by value, for each facet.
#[derive(Default)]
struct Counts {
    articles: usize,
    by: [BTreeMap<String, usize>; 2],
}

const COLUMNS: [&str; 2] = [column::KIND, column::TAGS];

/// The articles of a segment's documents.
pub(crate) struct Articles {
    high: Column<u64>,
    low: Column<u64>,
}

impl Articles {
    pub(crate) fn of(segment: &SegmentReader) -> Result<Self, SearchError> {
        let fast = segment.fast_fields();
        Ok(Self { high: fast.u64(column::ARTICLE_HIGH)?, low: fast.u64(column::ARTICLE_LOW)? })
    }

    pub(crate) fn of_head(&self, head: DocId) -> Uuid {
        let first = |column: &Column<u64>| column.first(head).unwrap_or(0);
        Uuid::from_u64_pair(first(&self.high), first(&self.low))
    }
}

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
        let articles = Articles::of(segment)?;
        let mut scorer = weight.scorer(segment, 1.0)?;
        let (mut documents, mut last) = (Vec::new(), None);
        while scorer.doc() != TERMINATED {
            let doc = scorer.doc();
            if !segment.is_deleted(doc) && filter.admits(doc) {
                // The entries of an article stand together.
                let article = Some(articles.of_head(doc));
                if article != last {
                    documents.push(doc);
                }
                last = article;
            }
            scorer.advance();
        }
        counts.add(segment, &documents)?;
    }
    Ok(counts.facets())
}

/// Counts what has any of these terms and the filter lets pass, until there are `most` articles.
pub(crate) fn of_any(
    searcher: &Searcher,
    terms: &[Term],
    filter: &Filter,
    own: &str,
    most: usize,
) -> Result<Facets, SearchError> {
    let mut counts = Counts::default();
    for segment in searcher.segment_readers() {
        if counts.articles == most {
            break;
        }
        let mut filter = SegmentFilter::new(segment, filter, own, Pass::All)?;
        let most = most - counts.articles;
        let documents = any_of(segment, terms, &mut filter, most)?;
        counts.add(segment, &documents)?;
    }
    Ok(counts.facets())
}

/// The first entry of each article of a segment that has any of these terms, at most so many.
fn any_of(
    segment: &SegmentReader,
    terms: &[Term],
    filter: &mut SegmentFilter,
    most: usize,
) -> Result<Vec<DocId>, SearchError> {
    let columns = Articles::of(segment)?;
    let mut looked_at = BitSet::with_max_value(segment.max_doc());
    let (mut articles, mut documents) = (HashSet::new(), Vec::new());
    for term in terms {
        let index = segment.inverted_index(term.field())?;
        let Some(mut postings) = index.read_postings(term, IndexRecordOption::Basic)? else {
            continue;
        };
        while postings.doc() != TERMINATED {
            let doc = postings.doc();
            let first = looked_at.insert(doc);
            if first && !segment.is_deleted(doc) && filter.admits(doc) {
                if articles.insert(columns.of_head(doc)) {
                    documents.push(doc);
                }
                if documents.len() == most {
                    return Ok(documents);
                }
            }
            postings.advance();
        }
    }
    Ok(documents)
}

/// Counts given documents, each of another article.
pub(crate) fn of_documents(
    searcher: &Searcher,
    documents: impl Iterator<Item = Address>,
) -> Result<Facets, SearchError> {
    let mut by_segment: BTreeMap<u32, Vec<DocId>> = BTreeMap::new();
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
    fn add(&mut self, segment: &SegmentReader, documents: &[DocId]) -> Result<(), SearchError> {
        self.articles += documents.len();
        for (name, counts) in COLUMNS.iter().zip(&mut self.by) {
            let Some(column) = segment.fast_fields().str(name)? else { continue };
            let mut by_ord: BTreeMap<u64, usize> = BTreeMap::new();
            for ord in documents.iter().flat_map(|doc| column.ords().values_for_doc(*doc)) {
                *by_ord.entry(ord).or_default() += 1;
            }
            for (ord, articles) in by_ord {
                *counts.entry(value(&column, ord)?).or_default() += articles;
            }
        }
        Ok(())
    }

    fn facets(self) -> Facets {
        let [kinds, tags] = self.by.map(|counts| {
            let mut counts: Vec<Count> =
                counts.into_iter().map(|(value, articles)| Count { value, articles }).collect();
            counts.sort_by(|a, b| b.articles.cmp(&a.articles).then_with(|| a.value.cmp(&b.value)));
            counts
        });
        Facets { articles: self.articles, kinds, tags }
    }
}

fn value(column: &StrColumn, ord: u64) -> Result<String, SearchError> {
    let mut value = String::new();
    column.ord_to_str(ord, &mut value)?;
    Ok(value)
}
