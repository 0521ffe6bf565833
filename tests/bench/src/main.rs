//! What the suite costs, as ratios to what it stands on. Run by `cargo xtask bench`, which starts
//! PostgreSQL and builds all of this in release.
//!
//! The real binary serves; this program makes the load; what is compared with runs as a process of
//! its own. Each round measures A, then B (or B, then A), so that what drifts slower than a round
//! cancels out. BENCHMARKS.md says what each bench is for.
//!
//! Deliberately absent: timed assertions. Nothing fails because a machine is slow.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to a terminal")]

mod bare;
mod cpu;
mod create;
mod database;
mod echo;
mod fill;
mod gateway;
mod get;
mod growth;
mod http1;
mod load;
mod orders;
mod overload;
mod program;
mod proxy;
mod raw;
mod report;
mod rounds;
mod search;
mod suite;
mod surveys;
mod tickets;
mod token;

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use tokio::runtime::Builder;

use crate::{
    report::{Aim, Machine, Report, Section},
    rounds::Comparison,
    suite::Site,
};

#[derive(Debug, Parser)]
#[command(about = "What the suite costs, as ratios to what it stands on")]
struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Measure
    Run(Run),
    /// Measure the search engine, alone and in the service
    Search(search::Args),
    /// The memory that an index of the search engine takes
    SearchMemory {
        /// The index
        folder: PathBuf,
    },
    /// The raw echo that `GetTicket` is measured against
    Echo {
        /// Requests with their answers
        answers: PathBuf,
    },
    /// The bare transaction that `CreateTicket` is measured against
    Bare {
        /// The database of a suite
        database: String,
    },
    /// The bare transaction that `RecordResponse` is measured against
    BareResponse {
        /// The database of a suite, or the file of its surveys
        database: String,
    },
    /// The bare proxy that the gateway is measured against
    Proxy {
        /// Where calls go on, as `HOST:PORT`
        to: String,
        /// The suite's root key
        key: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// What to measure
    #[arg(default_value = "all")]
    bench: Bench,
    /// How often each side is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each time
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Also write everything to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// The smaller number of tickets for growth, at least 2 000, and of responses
    #[arg(long, default_value_t = 10_000)]
    few: i64,
    /// The larger number
    #[arg(long, default_value_t = 200_000)]
    many: i64,
    /// The binary to measure
    #[arg(long)]
    aftercare: PathBuf,
    /// Where PostgreSQL's superuser connects; on this machine, since its processor time is read
    #[arg(long)]
    postgres: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Bench {
    Get,
    Create,
    Growth,
    Gateway,
    Overload,
    Surveys,
    All,
}

/// How many calls are under way at once.
const CONCURRENCIES: [usize; 3] = [1, 8, 32];

/// What all benches go by.
#[derive(Debug)]
struct Plan {
    site: Site,
    /// PostgreSQL's first process.
    postgres: u32,
    rounds: usize,
    time: Duration,
    few: i64,
    many: i64,
}

impl Plan {
    /// How long a side runs before it is measured.
    fn warm_up(&self) -> Duration {
        self.time.min(Duration::from_secs(1))
    }
}

/// Says at once what was found, since all of it takes minutes.
fn tell(one: &Comparison) {
    eprintln!("{}", report::row(one));
}

fn main() -> Result<()> {
    // The load runs on one thread, which is enough for what it is to load; servers run as ours do.
    let load = || Builder::new_current_thread().enable_all().build();
    let server = || Builder::new_multi_thread().enable_all().build();
    match Args::parse().part {
        Part::Search(args) => load()?.block_on(search::run(&args)),
        Part::SearchMemory { folder } => search::remember(&folder),
        Part::Run(run) => load()?.block_on(measure(run)),
        Part::Echo { answers } => server()?.block_on(echo::serve(&answers)),
        Part::Bare { database } => server()?.block_on(bare::serve(&database)),
        Part::BareResponse { database } => server()?.block_on(surveys::bare::serve(&database)),
        Part::Proxy { to, key } => server()?.block_on(proxy::serve(&to, &key)),
    }
}

async fn measure(run: Run) -> Result<()> {
    let mut connection = database::open(&run.postgres).await?;
    let (backend, version) = database::backend(&mut connection).await?;
    let aftercare = std::path::absolute(&run.aftercare)?;
    let plan = Plan {
        site: Site { aftercare, postgres: run.postgres.clone() },
        postgres: cpu::parent(backend)?,
        rounds: run.rounds.max(1),
        time: Duration::from_secs_f64(run.seconds),
        few: run.few,
        many: run.many,
    };
    let wanted = |bench| run.bench == Bench::All || run.bench == bench;
    let mut report = Report {
        machine: Machine::here(&version),
        rounds: plan.rounds,
        seconds: run.seconds,
        sections: Vec::new(),
    };
    if wanted(Bench::Get) {
        report.sections.push(Section {
            bench: "get",
            a: "GetTicket through the public port, with a bearer token",
            b: "a raw tonic echo of the same bytes",
            aims: &[],
            note: "cpu is the server's process alone, without PostgreSQL's",
            compared: get::run(&plan).await?,
        });
    }
    if wanted(Bench::Create) {
        report.sections.push(Section {
            bench: "create",
            a: "CreateTicket for a known customer, with a request id, until the feed is idle",
            b: "the bare transaction that writes the same rows",
            aims: &[Aim::RateAtLeast(0.5)],
            note: "cpu is the server's process and PostgreSQL's",
            compared: create::run(&plan).await?,
        });
    }
    if wanted(Bench::Growth) {
        report.sections.push(Section {
            bench: "growth",
            a: "many tickets",
            b: "few tickets",
            aims: &[Aim::CpuAtMost(1.3), Aim::P50AtMost(1.3)],
            note: "cpu is the server's process and PostgreSQL's",
            compared: growth::run(&plan).await?,
        });
    }
    if wanted(Bench::Gateway) {
        report.sections.extend(gateway::run(&plan).await?);
    }
    if wanted(Bench::Overload) {
        report.sections.push(Section {
            bench: "overload",
            a: "what is served of three times as many calls as can be served",
            b: "what can be served, in a closed loop",
            aims: &[Aim::RateAtLeast(0.8)],
            note: "all other calls are refused with a push-back",
            compared: overload::run(&plan).await?,
        });
    }
    if wanted(Bench::Surveys) {
        report.sections.extend(surveys::run(&plan).await?);
    }
    report.print();
    if let Some(file) = &run.json {
        report.write(file)?;
    }
    Ok(())
}
