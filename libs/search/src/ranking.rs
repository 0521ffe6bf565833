//! What a question finds, in one order that does not depend on the page that is asked for.
//!
//! The order is made of layers, of which a page needs as many as reach its end. What comes first is
//! ranked among the best hundred entries of the reader's locale, with those of others where these
//! are few. Only a page that lies behind them asks for the next layer: more of the reader's locale,
//! then of the others. A layer has a fixed size, and leaves out what those before it have, so that
//! every article has one place.

use std::collections::HashSet;

use uuid::Uuid;

use crate::candidates::{Scope, best_heads};
use crate::error::SearchError;
use crate::facets::{self, Facets};
use crate::filter::Pass;
use crate::probe::{self, all_of, union, whole};
use crate::search::{Asking, DEEPEST, Ranked, Stage, one_each};

/// How many entries of a pass are ranked in its first layer.
const NEAR: usize = 100;
/// How many are ranked in its second; an article may have several entries of one language.
const FAR: usize = DEEPEST + DEEPEST / 2;
/// Where the reader's locale has fewer results, those of others stand in the same layer.
const FEW: usize = 10;
/// So many articles that have something of a sentence are counted.
const COUNTED: usize = 500;
/// So many keywords at most are a look-up.
const LOOK_UP: usize = 2;

/// How a question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// With whatever has all concepts, and nothing else.
    LookUp,
    /// With what scores best, of which those that reach the best one's stage come first. Strict
    /// stages would put a document that happens to have every word before the one that is meant.
    Sentence,
}

/// What a question finds, as far as it was ranked.
#[derive(Debug)]
pub(crate) struct Found {
    way: Way,
    pub(crate) stage: Stage,
    /// Each article once, best first.
    pub(crate) ranked: Vec<Ranked>,
    /// Whether there is nothing behind.
    pub(crate) whole: bool,
}

/// What one pass finds.
#[derive(Debug, Default)]
struct Passed {
    ranked: Vec<Ranked>,
    whole: bool,
}

impl Passed {
    /// The stage of its best.
    fn stage(&self) -> Stage {
        self.ranked.first().map_or(Stage::Any, |best| best.stage)
    }
}

impl Asking<'_> {
    /// At least the first `wanted` of what is found, where there are so many.
    pub(crate) fn found(&self, wanted: usize) -> Result<Found, SearchError> {
        let concepts = self.terms.concepts.len();
        if concepts == 1 || (concepts <= LOOK_UP && concepts > 0 && self.terms.keywords) {
            let found = self.layers(Way::LookUp, wanted)?;
            if !found.ranked.is_empty() {
                return Ok(found);
            }
        }
        self.layers(Way::Sentence, wanted)
    }

    fn layers(&self, way: Way, wanted: usize) -> Result<Found, SearchError> {
        let own = self.pass(way, Pass::Own, NEAR)?;
        let others = if own.ranked.len() < FEW {
            self.pass(way, Pass::Others, NEAR)?
        } else if own.stage() != Stage::All && !self.terms.concepts.is_empty() {
            // An entry of another locale that has everything is still an answer.
            Passed { whole: false, ..self.all(Pass::Others, NEAR)? }
        } else {
            Passed::default()
        };
        let stage = own.stage().min(others.stage());
        let (mut own_whole, mut others_whole) = (own.whole, others.whole);
        let mut ranked = own.ranked;
        ranked.extend(others.ranked);
        one_each(&mut ranked, stage);
        for (pass, limit) in [(Pass::Own, FAR), (Pass::Others, NEAR), (Pass::Others, FAR)] {
            let whole = if pass == Pass::Own { &mut own_whole } else { &mut others_whole };
            if ranked.len() >= wanted || *whole {
                continue;
            }
            let layer = self.pass(way, pass, limit)?;
            *whole = layer.whole;
            behind(&mut ranked, layer.ranked, stage);
        }
        Ok(Found { way, stage, ranked, whole: own_whole && others_whole })
    }

    fn pass(&self, way: Way, pass: Pass, limit: usize) -> Result<Passed, SearchError> {
        match way {
            Way::LookUp => self.all(pass, limit),
            Way::Sentence => self.any(pass, limit),
        }
    }

    /// Entries with all concepts.
    fn all(&self, pass: Pass, limit: usize) -> Result<Passed, SearchError> {
        let query = all_of(&self.fields, &self.terms.concepts);
        let best = best_heads(&self.heads, &query, self.scope(pass), limit)?;
        let whole = best.len() < limit;
        if best.is_empty() {
            return Ok(Passed { ranked: Vec::new(), whole });
        }
        let mut ranked = self.rank(best, pass)?;
        ranked.retain(|one| one.stage == Stage::All);
        Ok(Passed { ranked, whole })
    }

    /// Entries with anything; those with all concepts are among them however they score.
    fn any(&self, pass: Pass, limit: usize) -> Result<Passed, SearchError> {
        let query = union(&probe::of_entries(&self.fields, &self.terms));
        let mut best = best_heads(&self.heads, &query, self.scope(pass), limit)?;
        let whole = best.len() < limit;
        if !whole && !self.terms.concepts.is_empty() {
            let query = all_of(&self.fields, &self.terms.concepts);
            best.extend(best_heads(&self.heads, &query, self.scope(pass), limit)?);
        }
        Ok(Passed { ranked: self.rank(best, pass)?, whole })
    }

    pub(crate) fn scope(&self, pass: Pass) -> Scope<'_> {
        Scope { filter: self.filter, own: self.own, pass }
    }

    /// Counts what is found, beyond what was ranked too, and says whether that is all there is.
    pub(crate) fn counts(&self, found: &Found) -> Result<(Facets, bool), SearchError> {
        if found.whole {
            let ranked = found.ranked.iter().map(|one| one.address);
            return Ok((facets::of_documents(self.searcher, ranked)?, true));
        }
        if found.way == Way::LookUp {
            let query = all_of(&self.fields, &self.terms.concepts);
            return Ok((facets::of_query(self.searcher, &query, self.filter, self.own)?, true));
        }
        let terms = whole(&self.fields, &self.terms);
        let counted = facets::of_any(self.searcher, &terms, self.filter, self.own, COUNTED)?;
        let exact = counted.articles < COUNTED;
        Ok((counted, exact))
    }
}

/// Puts a layer behind those before it, without the articles that they have.
fn behind(ranked: &mut Vec<Ranked>, mut layer: Vec<Ranked>, stage: Stage) {
    let before: HashSet<Uuid> = ranked.iter().map(|one| one.article).collect();
    layer.retain(|one| !before.contains(&one.article));
    one_each(&mut layer, stage);
    ranked.extend(layer);
}
