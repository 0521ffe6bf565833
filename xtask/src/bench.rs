//! `cargo xtask bench`: what the suite costs, as ratios to what it stands on
//!
//! Builds the binary and the bench in release, starts a private PostgreSQL with room for the larger
//! database, and runs `tests/bench` on it. Nothing here can fail because a machine is slow.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::ValueEnum;

use crate::metadata::Metadata;
use crate::postgres::Cluster;
use crate::shell::Shell;
use crate::tools::{self, Tool};

/// The larger database stays in memory and is not written out in the middle of a round, on either
/// side of a comparison.
const SETTINGS: &[&str] = &["shared_buffers=2GB", "max_wal_size=8GB", "checkpoint_timeout=30min"];

/// What there is to measure.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Bench {
    /// `GetTicket` against a raw tonic echo of the same bytes
    Get,
    /// `CreateTicket` against the bare transaction that writes the same rows
    Create,
    /// Lists, `GetTicket` and `ClaimNextTicket` on many tickets against few
    Growth,
    /// `GetTicket` through the gateway's process against a bare proxy, and JSON against gRPC
    Gateway,
    /// Three times as many calls as can be served, against what can be served
    Overload,
    /// `GetScores` on many responses against few, and `RecordResponse` against the bare transaction that
    /// writes the same rows, on each database
    Surveys,
    /// The search engine: its answers to the questions of a folder of sets against a peer's, its costs
    /// against bare tantivy's, alone and in the service, and how soon replicas find what is published
    Search,
    /// All of them but `search`
    All,
}

/// How it is measured.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to measure
    #[arg(default_value = "all")]
    bench: Bench,
    /// For `search`: a set of questions with right answers, or a folder of sets
    dir: Option<PathBuf>,
    /// How often each side is measured
    #[arg(long, default_value = "5")]
    rounds: usize,
    /// How many seconds each time
    #[arg(long, default_value = "3")]
    seconds: f64,
    /// Also write every round to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Answers with the bench's exit code.
pub(crate) fn run(shell: &Shell, args: &Args) -> Result<ExitCode> {
    let metadata = Metadata::read(shell)?;
    tools::ensure(shell, &[Tool::Postgres])?;
    shell.step("build", || {
        let build = ["build", "--release", "--package", "aftercare", "--package"];
        shell.must(shell.command("cargo").args(build).arg("aftercare-bench"))
    })?;
    let release = metadata.target.join("release");
    let cluster =
        shell.step("postgres", || Cluster::start_with(shell, &metadata.target, SETTINGS))?;

    let mut bench = shell.command(release.join("aftercare-bench"));
    match args.bench {
        Bench::Search => search(shell, &metadata, args, &mut bench)?,
        other => {
            bench.arg("run");
            bench.args(other.to_possible_value().map(|name| name.get_name().to_owned()));
        }
    }
    bench.args(["--rounds", &args.rounds.to_string(), "--seconds", &args.seconds.to_string()]);
    bench.args(["--postgres", &cluster.url(), "--aftercare"]).arg(release.join("aftercare"));
    if let Some(file) = &args.json {
        bench.arg("--json").arg(std::path::absolute(file)?);
    }
    let status = shell.run(&mut bench)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the search engine's bench is told beyond what all are; the peer's packages are fetched only
/// where there are sets.
fn search(shell: &Shell, metadata: &Metadata, args: &Args, bench: &mut Command) -> Result<()> {
    bench.arg("search");
    if let Some(dir) = &args.dir {
        tools::ensure(shell, &[Tool::Python])?;
        let python =
            shell.step("python packages", || tools::python_bench(shell, &metadata.target))?;
        bench.arg(std::path::absolute(dir)?).arg("--python").arg(python);
    }
    Ok(())
}
