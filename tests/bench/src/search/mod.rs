//! The search engine: how well it answers, and what it costs.

mod cost;
mod quality;
mod report;
mod sets;
mod texts;

use std::path::PathBuf;

use ::search::Analyzer;
use anyhow::{Context as _, Result};

use crate::report::Machine;
pub(crate) use cost::remember;
use quality::{Indexed, judge, peer, words};
use report::{Report, Row};
use sets::Set;

/// What `search` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A set, or a folder of sets; without one only the costs are measured
    dir: Option<PathBuf>,
    /// The interpreter that has the peer's packages
    #[arg(long)]
    python: Option<PathBuf>,
    /// How often each side's cost is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Leave the costs out
    #[arg(long)]
    quality_only: bool,
    /// Also write everything to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Measures, prints, writes.
pub(crate) fn run(args: &Args) -> Result<()> {
    let analyzer = Analyzer::new();
    let mut report = Report { machine: Machine::here(""), rows: Vec::new(), cost: None };
    if let Some(dir) = &args.dir {
        let python = args.python.as_ref().context("--python says where the peer's packages are")?;
        for set in sets::load(dir)? {
            let row = row(&analyzer, python, &set)?;
            row.tell();
            report.rows.push(row);
        }
        report.print_quality();
    }
    if !args.quality_only {
        let cost = cost::run(&analyzer, args.rounds)?;
        cost.print();
        report.cost = Some(cost);
    }
    if let Some(file) = &args.json {
        report.write(file)?;
    }
    Ok(())
}

fn row(analyzer: &Analyzer, python: &std::path::Path, set: &Set) -> Result<Row> {
    let chinese = set.is_chinese();
    let traditional = chinese && !set.intents;
    let peer = peer(python, set, traditional)?;
    let indexed = Indexed::of(analyzer, &set.documents)?;
    let ours = indexed.answers(set)?;
    let look_ups = if chinese { Some(indexed.look_up(&words(analyzer, set))?) } else { None };
    drop(indexed);
    let converted = if traditional {
        let mut documents = set.documents.clone();
        for (document, texts) in documents.iter_mut().zip(peer.traditional.chunks(2)) {
            if let [title, text] = texts {
                document.title.clone_from(title);
                document.text.clone_from(text);
            }
        }
        let answers = Indexed::of(analyzer, &documents)?.answers(set)?;
        Some(judge(set, &answers, None))
    } else {
        None
    };
    Ok(Row {
        set: set.name.clone(),
        documents: set.documents.len(),
        intents: set.intents,
        all: judge(set, &ours, None),
        odd: judge(set, &ours, Some(true)),
        even: judge(set, &ours, Some(false)),
        bigrams: [true, false].map(|odd| judge(set, &peer.bigrams, Some(odd))),
        words: [true, false].map(|odd| judge(set, &peer.words, Some(odd))),
        traditional: converted,
        look_ups,
    })
}
