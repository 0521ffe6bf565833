//! The search engine: how well it answers, what it costs, alone and in the service, and how soon it
//! finds what was published.

mod cost;
mod filling;
mod freshness;
mod quality;
mod report;
mod service;
mod sets;
mod texts;

use std::{path::PathBuf, time::Duration};

use ::search::Analyzer;
use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::{cpu, database, report::Machine, suite::Site};
pub(crate) use cost::remember;
use quality::{Indexed, judge, peer, words};
use report::{Report, Row};
use service::Plan;
use sets::Set;

/// What `search` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A set, or a folder of sets; without one the answers are not judged
    dir: Option<PathBuf>,
    /// The interpreter that has the peer's packages
    #[arg(long)]
    python: Option<PathBuf>,
    /// How often each side's cost is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each time, where the service is measured
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How many articles the service is measured with
    #[arg(long, default_value_t = cost::FEW)]
    articles: u64,
    /// Measure only this
    #[arg(long)]
    only: Option<Part>,
    /// The binary to measure; without it the service is left out
    #[arg(long, requires = "postgres")]
    aftercare: Option<PathBuf>,
    /// Where PostgreSQL's superuser connects
    #[arg(long)]
    postgres: Option<String>,
    /// Also write everything to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The answers to a set's questions
    Quality,
    /// Questions and indexing in process
    Cost,
    /// Questions through the service
    Service,
    /// How soon a publication is found
    Freshness,
}

/// Measures, prints, writes.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let analyzer = Analyzer::new();
    let wanted = |part| args.only.is_none_or(|only| only == part);
    let (plan, version) = plan(args).await?.unzip();
    let machine = Machine::here(&version.unwrap_or_default());
    let mut report =
        Report { machine, rows: Vec::new(), cost: None, service: None, freshness: None };
    if let Some(dir) = args.dir.as_ref().filter(|_| wanted(Part::Quality)) {
        let python = args.python.as_ref().context("--python says where the peer's packages are")?;
        for set in sets::load(dir)? {
            let row = row(&analyzer, python, &set)?;
            row.tell();
            report.rows.push(row);
        }
        report.print_quality();
    }
    if wanted(Part::Cost) {
        let cost = cost::run(&analyzer, args.rounds)?;
        cost.print();
        report.cost = Some(cost);
    }
    if let Some(plan) = plan.as_ref().filter(|_| wanted(Part::Service)) {
        let service = service::run(&analyzer, plan).await?;
        service.print();
        report.service = Some(service);
    }
    if let Some(plan) = plan.as_ref().filter(|_| wanted(Part::Freshness)) {
        let freshness = freshness::run(plan).await?;
        freshness.print();
        report.freshness = Some(freshness);
    }
    if let Some(file) = &args.json {
        report.write(file)?;
    }
    Ok(())
}

/// How the service is measured, and PostgreSQL's version; `None` where the service is left out.
async fn plan(args: &Args) -> Result<Option<(Plan, String)>> {
    let (Some(aftercare), Some(postgres)) = (&args.aftercare, &args.postgres) else {
        return Ok(None);
    };
    let mut connection = database::open(postgres).await?;
    let (backend, version) = database::backend(&mut connection).await?;
    let plan = Plan {
        site: Site { aftercare: std::path::absolute(aftercare)?, postgres: postgres.clone() },
        postgres: cpu::parent(backend)?,
        articles: args.articles,
        rounds: args.rounds.max(1),
        time: Duration::from_secs_f64(args.seconds),
    };
    Ok(Some((plan, version)))
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
