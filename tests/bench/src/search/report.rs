//! What was found, for people and for programs.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::cost::Cost;
use super::freshness::Freshness;
use super::quality::{LookUps, Quality};
use super::service::Service;
use crate::report::Machine;

/// The least share of first answers of a set of intents.
const INTENTS: f64 = 0.85;

/// One set.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) set: String,
    pub(crate) documents: usize,
    pub(crate) intents: bool,
    pub(crate) all: Quality,
    pub(crate) odd: Quality,
    pub(crate) even: Quality,
    /// The peer's pairs: odd, even.
    pub(crate) bigrams: [Quality; 2],
    /// The peer's words: odd, even.
    pub(crate) words: [Quality; 2],
    pub(crate) traditional: Option<Quality>,
    pub(crate) look_ups: Option<LookUps>,
}

impl Row {
    /// How far the even questions' first answers are above the better of the peer's fields.
    fn above(&self) -> f64 {
        self.even.first - self.bigrams[1].first.max(self.words[1].first)
    }

    /// How far below they may be: a hundredth, or one question.
    #[expect(clippy::cast_precision_loss, reason = "a count of questions")]
    fn tolerance(&self) -> f64 {
        (1.0 / self.even.queries.max(1) as f64).max(0.01)
    }

    /// Each bar of this set: its name, what was found, and whether it is met.
    fn bars(&self) -> Vec<(&'static str, f64, bool)> {
        let mut bars =
            vec![("above the peer", self.above(), self.above() >= -self.tolerance() - 1e-9)];
        if self.intents {
            bars.push(("all phrasings", self.all.first, self.all.first >= INTENTS));
        }
        if let Some(converted) = &self.traditional {
            let loss = self.all.first - converted.first;
            bars.push(("loss on traditional", loss, loss <= 0.01 + 1e-9));
        }
        if let Some(found) = &self.look_ups {
            bars.push(("look-up recall", found.recall, found.recall >= 0.995));
            bars.push(("look-ups without", found.without, found.without <= 0.005));
        }
        bars
    }

    /// Says at once what was found.
    pub(crate) fn tell(&self) {
        let half = |name: &str, ours: &Quality, bigrams: &Quality, words: &Quality| {
            println!(
                "  {name:5} {:5}  R@1 {:.3} (peer {:.3} {:.3})  R@10 {:.3} ({:.3} {:.3})  \
                 MRR@10 {:.3} ({:.3} {:.3})  without {:.3}",
                ours.queries,
                ours.first,
                bigrams.first,
                words.first,
                ours.ten,
                bigrams.ten,
                words.ten,
                ours.reciprocal,
                bigrams.reciprocal,
                words.reciprocal,
                ours.without,
            );
        };
        println!("{}: {} documents", self.set, self.documents);
        half("odd", &self.odd, &self.bigrams[0], &self.words[0]);
        half("even", &self.even, &self.bigrams[1], &self.words[1]);
        for (name, found, met) in self.bars() {
            println!("  {name:20} {found:+.4}  {}", verdict(met));
        }
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    pub(crate) cost: Option<Cost>,
    pub(crate) service: Option<Service>,
    pub(crate) freshness: Option<Freshness>,
}

impl Report {
    /// The mean over all sets; the peer's figures are of bigrams and of words.
    #[expect(clippy::cast_precision_loss, reason = "a count of sets")]
    pub(crate) fn print_quality(&self) {
        let mean = self.rows.iter().map(Row::above).sum::<f64>() / self.rows.len().max(1) as f64;
        println!(
            "\n| set | documents | questions | R@1 | peer: pairs | peer: words | R@10 | MRR@10 | without | bars |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        for row in &self.rows {
            let missed: Vec<&str> =
                row.bars().into_iter().filter(|bar| !bar.2).map(|bar| bar.0).collect();
            println!(
                "| {} | {} | {} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {} |",
                row.set,
                row.documents,
                row.even.queries,
                row.even.first,
                row.bigrams[1].first,
                row.words[1].first,
                row.even.ten,
                row.even.reciprocal,
                row.even.without,
                if missed.is_empty() {
                    "met".to_owned()
                } else {
                    format!("MISSED: {}", missed.join(", "))
                },
            );
        }
        println!(
            "mean above the better of the peer's fields: {mean:+.4}, at least +0.01: {}",
            verdict(mean >= 0.01)
        );
    }

    /// Writes the file.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        std::fs::write(file, serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }
}
