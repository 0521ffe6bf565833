//! `demo`: real texts, played through the public API of a running suite: what a company sells and knows,
//! who its customers are and what they write; tickets of every kind, answered by what search finds,
//! confirmed or objected to, surveyed, and followed up. Everything goes by rows alone: a second run finds
//! everything done and changes nothing, and a run after a crash goes on where the last one was.
//!
//! Deliberately absent: any way into the suite that a client does not have, the clock apart, which an
//! operator moves. That is also why a second run changes nothing for as long as the suite remembers
//! request ids, which is seven days.

mod asking;
mod case;
mod complaints;
mod folder;
mod hand;
mod matter;
mod people;
mod person;
mod play;
mod report;
mod rule;
mod set;
mod shelf;
mod staff;
mod suite;
mod summary;
#[cfg(test)]
mod tests;
mod texts;
mod time;
mod words;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use config::{Config, Seed, seed::Tenant};
use futures::future::try_join_all;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use crate::{operate::reach, print::told, token};
use case::House;
use hand::Crew;
use play::Players;
use report::{Ending, Report, Where};
use set::Set;
use staff::Staff;
use suite::{Suite, Trouble};
use texts::{Form, Texts};
use time::Clocks;

/// How many calls at a time where nobody's capacity is concerned.
const AT_ONCE: usize = 8;
/// After so many refused stories something is wrong with more than a story.
const TOO_MANY: usize = 20;

/// Arguments of `demo`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Texts of your own. A file of complaints (csv or csv.gz), of the form that the Consumer Financial
    /// Protection Bureau publishes, or car owners' complaints with the columns `id`, `date`, `brand`,
    /// `car_model`, `problem_codes` and `text`: only they are played. Or a folder with sets of texts, one
    /// folder each, which are played besides the shipped ones: such files, or `corpus.jsonl`,
    /// `queries.jsonl` and `qrels.tsv`, or `train.jsonl` and `test.jsonl` of Banking77 (each also as `.gz`).
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Where the suite is, such as `http://127.0.0.1:8080`; the configured addresses where it is left
    /// out.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// The admin port, such as `127.0.0.1:9090`, by which the suite's clock is moved; the configured ones
    /// where it is left out.
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
    /// The tenant's slug for a file of complaints; the first one that speaks their language where none is
    /// named.
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    /// Play only the first N texts of each set.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Write the summary, with where each text stands, to this file too.
    #[arg(long, value_name = "FILE")]
    summary_json: Option<PathBuf>,
}

/// What is played.
struct Programme {
    complaints: Vec<Texts>,
    sets: Vec<Set>,
}

/// Plays, then tells what became of it, and what to call next, where `myself` is how this program is
/// called. That some texts were not played to their end makes the command fail.
pub(crate) async fn run(config: &Config, args: &Args, myself: &str) -> Result<ExitCode> {
    let seed = crate::seed::load(config)?;
    let programme = programme(args, &seed)?;
    let start = Instant::now();
    let report = perform(config, args, &seed, &programme).await?;
    if let Some(path) = &args.summary_json {
        write(path, &report)?;
    }
    let named = args.address.clone().into_iter().chain(reach::public(config, "gateway"));
    let place = Where {
        myself,
        address: args.address.as_deref(),
        public: named.map(|address| address.trim_start_matches("http://").to_owned()).next(),
    };
    println!("{}", report.text(start.elapsed(), &place));
    for (row, why) in &report.refused {
        eprintln!("{row} was not played to its end: {why}");
    }
    Ok(if report.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the arguments ask for; of the shipped sets those whose tenants there are.
fn programme(args: &Args, seed: &Seed) -> Result<Programme> {
    let mut programme = Programme { complaints: Vec::new(), sets: Vec::new() };
    match args.data.as_deref() {
        Some(file) if !file.is_dir() => programme.complaints.push(texts::file(file)?),
        folder => {
            ensure!(args.tenant.is_none(), "--tenant goes with a file of complaints (--data FILE)");
            programme.complaints.push(texts::shipped()?);
            programme.sets = vec![set::banking()?, set::shop()?];
            if let Some(folder) = folder {
                folder::read(folder, &mut programme.complaints, &mut programme.sets)?;
            }
        }
    }
    let there = |name: &str, slug: &str| {
        let there = seed.tenant(slug).is_some();
        if !there {
            eprintln!("`{name}` is passed over: the seed has no tenant `{slug}`");
        }
        there
    };
    programme
        .complaints
        .retain(|texts| texts.tenant.is_none_or(|slug| there(texts.form.name(), slug)));
    programme.sets.retain(|set| there(&set.name, set.tenant));
    for texts in &mut programme.complaints {
        texts.rows.truncate(args.limit.unwrap_or(usize::MAX));
    }
    for set in &mut programme.sets {
        set.messages.truncate(args.limit.unwrap_or(usize::MAX));
    }
    let some = programme.complaints.iter().any(|texts| !texts.rows.is_empty());
    ensure!(some || !programme.sets.is_empty(), "there is nothing to play");
    Ok(programme)
}

async fn perform(
    config: &Config,
    args: &Args,
    seed: &Seed,
    programme: &Programme,
) -> Result<Report> {
    let mut report = Report::default();
    let mut houses = Vec::new();
    let mut suites = Vec::new();
    for set in &programme.sets {
        let tenant = crate::seed::tenant(seed, Some(set.tenant))?;
        suites.push(suite(config, args, tenant).await?);
    }
    let mut bureaus = Vec::new();
    for texts in &programme.complaints {
        let tenant = tenant(seed, args.tenant.as_deref().or(texts.tenant), texts.form)?;
        bureaus.push((texts, tenant, suite(config, args, tenant).await?));
    }
    let mut complaints = Vec::new();
    for (texts, tenant, suite) in &bureaus {
        let staff = Staff::of(tenant, texts.form.language())?;
        let players = players(suite, &staff, tenant, texts.form).map_err(stopped)?;
        let played = complaints::perform(&players, &staff, texts).await.map_err(stopped)?;
        complaints.push((players, played));
    }
    for (set, suite) in programme.sets.iter().zip(&suites) {
        let tenant = crate::seed::tenant(seed, Some(set.tenant))?;
        let staff = Staff::of(tenant, set.language)?;
        let crew = crew(suite, &staff).map_err(stopped)?;
        houses.push(House { set, tenant, zone: zone(tenant)?, staff, crew });
    }
    let mut customers = Vec::new();
    for house in &houses {
        customers.push(house.customers().await?);
    }
    let clocks = Clocks::find(config, args.admin.as_deref()).await?;
    let (played, moved) = case::play(&clocks, &houses, &customers).await?;
    report.moved = moved;
    for ((texts, tenant, _), (players, played)) in bureaus.iter().zip(complaints) {
        let tickets = complaints::read(&players, &played, moved).await.map_err(stopped)?;
        report.add_complaints(tenant, texts, &tickets);
        report.refused.extend(played.refused);
    }
    for one in played {
        report.sets.push(Ending::of(&one).await.map_err(stopped)?);
        report.refused.extend(one.refused);
    }
    Ok(report)
}

async fn suite(config: &Config, args: &Args, tenant: &Tenant) -> Result<Suite> {
    Suite::find(config, args.address.as_deref(), token::issuer(config)?, tenant.id).await
}

/// The tenant that is named, or the first one that speaks the language.
fn tenant<'a>(seed: &'a Seed, named: Option<&str>, form: Form) -> Result<&'a Tenant> {
    if named.is_some() {
        return crate::seed::tenant(seed, named);
    }
    let speaks = |tenant: &&Tenant| tenant.locale == form.locale();
    let found = seed.tenants.iter().find(speaks);
    found.with_context(|| {
        format!("no tenant of the seed speaks `{}`; name one with --tenant", form.language())
    })
}

fn zone(tenant: &Tenant) -> Result<TimeZone> {
    Ok(TimeZone::get(&tenant.time_zone)?)
}

fn crew<'a>(suite: &'a Suite, staff: &Staff) -> Result<Crew<'a>, Trouble> {
    let agents = staff.agents.iter().map(|agent| suite.member(&agent.member));
    Ok(Crew {
        suite,
        recorder: suite.integration()?,
        supervisor: suite.member(&staff.supervisor)?,
        agents: agents.collect::<Result<_, _>>()?,
    })
}

fn players<'a>(
    suite: &'a Suite,
    staff: &Staff,
    tenant: &Tenant,
    form: Form,
) -> Result<Players<'a>, Trouble> {
    Ok(Players { crew: crew(suite, staff)?, form, zone: zone(tenant).map_err(Trouble::Over)? })
}

/// Works on items in so many lanes at once, in each lane one after the other.
async fn in_lanes<I, O>(
    items: &[I],
    lanes: usize,
    work: impl AsyncFn(&I) -> Result<O, Trouble>,
) -> Result<Vec<O>, Trouble> {
    let lane = async |first: usize| {
        let mut done = Vec::new();
        for item in items.iter().skip(first).step_by(lanes.max(1)) {
            done.push(work(item).await?);
        }
        Ok(done)
    };
    let done = try_join_all((0..lanes.max(1)).map(lane)).await?;
    Ok(done.into_iter().flatten().collect())
}

pub(crate) fn stopped(trouble: Trouble) -> anyhow::Error {
    let error = match trouble {
        Trouble::Refused(status) => told(&status),
        Trouble::Over(error) => error,
    };
    error.context("the demo stopped; run it again to go on where it was")
}

fn write(path: &Path, report: &Report) -> Result<()> {
    let json = serde_json::to_string_pretty(report)?;
    std::fs::write(path, json + "\n").with_context(|| path.display().to_string())
}
