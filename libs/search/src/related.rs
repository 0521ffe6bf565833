//! What may help with a longer text, for example a ticket.

use std::collections::HashMap;

use tantivy::Term;

use crate::analysis::{Concept, Terms};
use crate::candidates::{Scope, best_heads};
use crate::error::SearchError;
use crate::filter::{Filter, Pass};
use crate::highlight::Marker;
use crate::index::Index;
use crate::probe::{self, all_of, field, union};
use crate::search::{Asking, Hit, Stage, one_each};
use crate::visible::Visible;

/// How many concepts of a text are looked for.
const SIGNIFICANT: usize = 16;
/// How much of a text is read.
const READ: usize = 20_000;
/// How many entries are ranked.
const CANDIDATES: usize = 50;

/// A text of which something is to be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Related {
    /// The text, of any length.
    pub text: String,
    /// The reader's own, whose entries come first.
    pub locale: String,
    /// What may be found; products narrow it.
    pub filter: Filter,
    /// How many hits to tell at most.
    pub limit: usize,
}

impl Index {
    /// Entries about what is significant in a text: the concepts that it has often and the index
    /// has rarely, among what the reader may find. A hit has at least two of them, or all where
    /// there are fewer.
    pub fn related(&self, related: &Related) -> Result<Vec<Hit>, SearchError> {
        let (searcher, fields) = self.snapshot();
        let end = related.text.char_indices().nth(READ).map_or(related.text.len(), |(at, _)| at);
        let text = related.text.get(..end).unwrap_or_default();
        let all = Terms::of_text(self.analyzer(), text);
        let mut asking =
            Asking::new(&searcher, fields, Terms::default(), &related.filter, &related.locale)?;
        let chosen = asking.significant(all)?;
        let least = chosen.len().min(2);
        let terms = Terms::of_concepts(self.analyzer(), chosen);
        let ranking = probe::of_entries(&fields, &terms);
        let query = union(&ranking);
        asking = Asking::new(&searcher, fields, terms, &related.filter, &related.locale)?;
        let scope = Scope { filter: &related.filter, own: &related.locale, pass: Pass::All };
        let best = best_heads(&asking.heads, &query, scope, CANDIDATES)?;
        let mut ranked = asking.rank(best, Pass::All)?;
        ranked.retain(|one| asking.count(&one.row) >= least.max(1));
        one_each(&mut ranked, Stage::Any);
        let marker = Marker::new(&asking.terms.concepts);
        ranked.iter().take(related.limit).map(|one| asking.hit(one, &marker)).collect()
    }
}

impl Asking<'_> {
    /// The concepts that tell most, of those that stand in something that may be found: by how
    /// often they come, and how rare they are.
    fn significant(&self, counted: Vec<(Concept, usize)>) -> Result<Vec<Concept>, SearchError> {
        let documents = self.heads.documents();
        let mut known: HashMap<Term, u64> = HashMap::new();
        let mut visible = Visible::new(self.searcher, self.filter, "")?;
        let mut weighed = Vec::new();
        for (concept, count) in counted {
            let most = self.frequency(&concept, &mut known)?;
            if most == 0 {
                continue;
            }
            let query = all_of(&self.fields, std::slice::from_ref(&concept));
            let frequency = visible.frequency(&query, most)?;
            if frequency > 0 {
                weighed.push((weight(count, frequency, documents), concept));
            }
        }
        weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.text.cmp(&b.1.text)));
        weighed.truncate(SIGNIFICANT);
        Ok(weighed.into_iter().map(|(_, concept)| concept).collect())
    }

    /// In how many documents a concept stands at most, hidden ones too: as many as have the rarest
    /// of its terms.
    fn frequency(
        &self,
        concept: &Concept,
        known: &mut HashMap<Term, u64>,
    ) -> Result<u64, SearchError> {
        let mut most = 0;
        for all in &concept.any_of {
            let mut rarest = u64::MAX;
            for (slot, text) in all {
                let term = Term::from_field_text(field(&self.fields, *slot), text);
                let frequency = if let Some(frequency) = known.get(&term) {
                    *frequency
                } else {
                    let frequency = self.searcher.doc_freq(&term)?;
                    known.insert(term, frequency);
                    frequency
                };
                rarest = rarest.min(frequency);
            }
            if rarest < u64::MAX {
                most = rarest.max(most);
            }
        }
        Ok(most)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a weight needs no more than a few digits")]
fn weight(count: usize, frequency: u64, documents: u64) -> f64 {
    let rest = documents.saturating_sub(frequency) as f64;
    let idf = (1.0 + (rest + 0.5) / (frequency as f64 + 0.5)).ln();
    (1.0 + (count as f64).ln()) * idf
}
