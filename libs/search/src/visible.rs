//! How frequent something is where its reader may look.
//!
//! What decides whether a reader is shown something must not follow from what is hidden from the
//! reader, or answers would tell which words hidden articles have.

use tantivy::columnar::Column;
use tantivy::query::{EnableScoring, Query};
use tantivy::{DocSet, Searcher, TERMINATED};

use crate::candidates::head_of;
use crate::error::SearchError;
use crate::filter::{Filter, Pass, SegmentFilter};
use crate::schema::column;

/// So many visible documents of a segment are counted; what has more is as frequent as the segment
/// says.
const COUNTED: u64 = 100;

/// What a filter lets pass, for counting.
pub(crate) struct Visible<'s> {
    searcher: &'s Searcher,
    segments: Vec<Segment>,
}

struct Segment {
    filter: SegmentFilter,
    back: Column<u64>,
}

impl<'s> Visible<'s> {
    pub(crate) fn new(
        searcher: &'s Searcher,
        filter: &Filter,
        own: &str,
    ) -> Result<Self, SearchError> {
        let mut segments = Vec::new();
        for reader in searcher.segment_readers() {
            let filter = SegmentFilter::new(reader, filter, own, Pass::All)?;
            segments.push(Segment { filter, back: reader.fast_fields().u64(column::BACK)? });
        }
        Ok(Self { searcher, segments })
    }

    /// How many documents a query finds that may be found: none where all of them are hidden.
    /// `frequency` is how many it finds at most, and what is told of what is found often.
    pub(crate) fn frequency(
        &mut self,
        query: &dyn Query,
        frequency: u64,
    ) -> Result<u64, SearchError> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(self.searcher))?;
        let mut sum = 0;
        for number in 0..self.segments.len() {
            let reader = self.searcher.segment_reader(u32::try_from(number).unwrap_or(u32::MAX));
            let mut scorer = weight.scorer(reader, 1.0)?;
            sum += self.count(number, scorer.as_mut());
            if sum >= COUNTED {
                return Ok(frequency.max(sum));
            }
        }
        Ok(sum)
    }

    /// How many documents of a segment may be found, as far as they are counted.
    pub(crate) fn count(&mut self, segment: usize, documents: &mut dyn DocSet) -> u64 {
        let Some(Segment { filter, back }) = self.segments.get_mut(segment) else { return 0 };
        let alive = self.searcher.segment_readers().get(segment).and_then(|s| s.alive_bitset());
        let mut count = 0;
        while documents.doc() != TERMINATED && count < COUNTED {
            let doc = documents.doc();
            let head = head_of(doc, back.first(doc));
            if alive.is_none_or(|alive| alive.is_alive(doc)) && filter.admits(head) {
                count += 1;
            }
            documents.advance();
        }
        count
    }

    /// Whether a count is as far as was counted.
    pub(crate) fn is_many(count: u64) -> bool {
        count >= COUNTED
    }
}
