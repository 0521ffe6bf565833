//! `demo`: real complaints, played through the public API of a running suite. They are recorded,
//! judged, claimed, answered, resolved, and confirmed or objected to, by rules that go by the row
//! alone: a second run finds everything done and changes nothing, and a run after a crash goes on
//! where the last one was.
//!
//! Deliberately absent: any way into the suite that a client does not have. That is also why a second
//! run changes nothing for as long as the suite remembers request ids, which is seven days.

mod person;
mod play;
pub(crate) mod progress;
mod rule;
mod staff;
mod suite;
mod summary;
#[cfg(test)]
mod tests;
mod texts;
mod words;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use config::{Config, Seed, seed::Tenant};
use contracts::{
    customers::v1::{CreateProductRequest, Product},
    tickets::v1::{GetTicketRequest, Ticket},
};
use futures::future::try_join_all;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use tonic::Code;

use crate::token;
use play::Players;
use progress::Progress;
use staff::{Case, Staff};
use suite::{Suite, Trouble, told};
use summary::Summary;
use texts::{Form, Texts};

/// How many calls at a time where nobody's capacity is concerned.
const AT_ONCE: usize = 8;
/// After so many refused stories something is wrong with more than a story.
const TOO_MANY: usize = 20;

/// Arguments of `demo`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// A file of complaints (csv or csv.gz): of the form that the Consumer Financial Protection Bureau
    /// publishes, or car owners' complaints with the columns `id`, `date`, `brand`, `car_model`,
    /// `problem_codes` and `text`. Without one, the 389 that are shipped.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Where the suite is, such as `http://127.0.0.1:8080`; the configured addresses where it is left
    /// out.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// The tenant's slug; the first one that speaks the language of the complaints where none is named.
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    /// Play only the first N complaints.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Write the summary, with where each complaint stands, to this file too.
    #[arg(long, value_name = "FILE")]
    summary_json: Option<PathBuf>,
}

/// Plays, then tells what became of it, and what to call next, where `myself` is how this program is
/// called. That some complaints were not played to their end makes the command fail.
pub(crate) async fn run(config: &Config, args: &Args, myself: &str) -> Result<ExitCode> {
    let texts = texts(args)?;
    let seed = crate::seed::load(config)?;
    let tenant = tenant(&seed, args.tenant.as_deref(), texts.form)?;
    let ended = perform(config, args, tenant, &texts, myself).await?;
    if let Some(path) = &args.summary_json {
        write(path, &ended.summary)?;
    }

    let (title, slug) = (&tenant.title, &tenant.slug);
    let (count, seconds) = (ended.summary.tickets, ended.took.as_secs_f64());
    println!("{count} complaints at {title} (`{slug}`), in {seconds:.1} s");
    if texts.left_out > 0 {
        println!("{} rows of the file have no text and were left out", texts.left_out);
    }
    println!("\n{}\n{}", ended.summary.text(), ended.look_next);
    for (row, why) in &ended.refused {
        eprintln!("complaint {row} was not played to its end: {why}");
    }
    Ok(if ended.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How a performance ended.
struct Ended {
    summary: Summary,
    took: Duration,
    /// What to call next.
    look_next: String,
    /// The rows that were not played to their end, and why.
    refused: Vec<(String, String)>,
}

async fn perform(
    config: &Config,
    args: &Args,
    tenant: &Tenant,
    texts: &Texts,
    myself: &str,
) -> Result<Ended> {
    let staff = Staff::of(tenant, texts.form.language())?;
    let issuer = token::issuer(config)?;
    let suite = Suite::find(config, args.address.as_deref(), issuer, tenant.id).await?;
    let players = players(&suite, &staff, tenant, texts.form).map_err(stopped)?;

    let start = Instant::now();
    catalogue(&players, texts).await.map_err(stopped)?;
    let played = play(&players, &staff, texts).await.map_err(stopped)?;
    let took = start.elapsed();
    let tickets = read(&players, &played.names).await.map_err(stopped)?;
    let address = args.address.as_ref().map(|address| format!(" --address {address}"));
    let call = format!("{myself} call{} --tenant {}", address.unwrap_or_default(), tenant.slug);
    Ok(Ended {
        summary: Summary::of(&tickets),
        took,
        look_next: look_next(myself, &call, &staff, &tickets),
        refused: played.refused,
    })
}

fn texts(args: &Args) -> Result<Texts> {
    let mut texts = args.data.as_deref().map_or_else(texts::shipped, texts::file)?;
    texts.rows.truncate(args.limit.unwrap_or(usize::MAX));
    ensure!(!texts.rows.is_empty(), "there is nothing to play: no complaint with a text");
    Ok(texts)
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

fn players<'a>(
    suite: &'a Suite,
    staff: &Staff,
    tenant: &Tenant,
    form: Form,
) -> Result<Players<'a>, Trouble> {
    let zone = TimeZone::get(&tenant.time_zone).map_err(|error| Trouble::Over(error.into()))?;
    let agents = staff.agents.iter().map(|agent| suite.member(&agent.member));
    Ok(Players {
        suite,
        form,
        zone,
        recorder: suite.integration()?,
        supervisor: suite.member(&staff.supervisor)?,
        agents: agents.collect::<Result<_, _>>()?,
    })
}

/// Records the products that the complaints are about; those that are there already are fine.
async fn catalogue(players: &Players<'_>, texts: &Texts) -> Result<(), Trouble> {
    let products: BTreeSet<_> = texts.rows.iter().map(|text| &text.product).collect();
    let products: Vec<_> = products.into_iter().collect();
    let progress = Progress::start("products", products.len());
    in_lanes(&products, AT_ONCE, async |product| {
        let recorded = Product {
            title: product.title.clone(),
            model: product.model.clone(),
            brand: product.brand.clone(),
            ..Product::default()
        };
        let request = CreateProductRequest {
            product: Some(recorded),
            product_id: product.id.clone(),
            request_id: rule::request_id(players.form, &product.id, "product"),
        };
        let call = async |request| players.suite.products.clone().create_product(request).await;
        match players.suite.ask(&players.recorder, &request, call).await {
            Err(Trouble::Refused(status)) if status.code() != Code::AlreadyExists => {
                Err(Trouble::Refused(status))
            }
            Err(Trouble::Over(error)) => Err(Trouble::Over(error)),
            Ok(_) | Err(Trouble::Refused(_)) => {
                progress.step();
                Ok(())
            }
        }
    })
    .await?;
    progress.end();
    Ok(())
}

/// What became of the stories.
struct Played {
    /// The rows with their tickets' names.
    names: Vec<(String, String)>,
    /// The rows that were not played to their end, and why.
    refused: Vec<(String, String)>,
}

/// Plays every complaint: each agent a few at a time, all agents at once.
async fn play(players: &Players<'_>, staff: &Staff, texts: &Texts) -> Result<Played, Trouble> {
    let cases = staff.cases(texts);
    let progress = Progress::start("complaints", cases.len());
    let refusals = AtomicUsize::new(0);
    let agents = staff.agents.iter().enumerate().map(|(number, agent)| {
        let own: Vec<_> = cases.iter().filter(|case| case.agent == number).collect();
        let (progress, refusals) = (&progress, &refusals);
        async move {
            let lanes = usize::try_from(agent.at_once).unwrap_or(1);
            in_lanes(&own, lanes, async |case| {
                let ended = end(players, case, refusals).await?;
                progress.step();
                Ok(ended)
            })
            .await
        }
    });
    let ended = try_join_all(agents).await?;
    progress.end();
    let mut played = Played { names: Vec::new(), refused: Vec::new() };
    for (row, ended) in ended.into_iter().flatten() {
        match ended {
            Ok(name) => played.names.push((row, name)),
            Err(why) => played.refused.push((row, why)),
        }
    }
    Ok(played)
}

/// The row of a case, and its ticket's name or why it was not played to its end.
async fn end(
    players: &Players<'_>,
    case: &Case<'_>,
    refusals: &AtomicUsize,
) -> Result<(String, Result<String, String>), Trouble> {
    let row = case.text.id.clone();
    match players.play(case).await {
        Ok(name) => Ok((row, Ok(name))),
        Err(Trouble::Refused(status)) => {
            let why = told(&status);
            if refusals.fetch_add(1, Ordering::Relaxed) + 1 >= TOO_MANY {
                let error = anyhow!("{TOO_MANY} complaints were refused; the last, {row}: {why}");
                return Err(Trouble::Over(error));
            }
            Ok((row, Err(why)))
        }
        Err(over) => Err(over),
    }
}

/// The tickets as the suite has them, each with its row.
async fn read(
    players: &Players<'_>,
    names: &[(String, String)],
) -> Result<Vec<(String, Ticket)>, Trouble> {
    let progress = Progress::start("reading", names.len());
    let tickets = in_lanes(names, AT_ONCE, async |(row, name)| {
        let request = GetTicketRequest { name: name.clone() };
        let call = async |request| players.suite.tickets.clone().get_ticket(request).await;
        let ticket = players.suite.ask(&players.supervisor, &request, call).await?;
        progress.step();
        Ok((row.clone(), ticket))
    })
    .await?;
    progress.end();
    Ok(tickets)
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

fn stopped(trouble: Trouble) -> anyhow::Error {
    let error = match trouble {
        Trouble::Refused(status) => anyhow::Error::msg(told(&status)),
        Trouble::Over(error) => error,
    };
    error.context("the demo stopped; run it again to go on where it was")
}

fn write(path: &Path, summary: &Summary) -> Result<()> {
    let json = serde_json::to_string_pretty(summary)?;
    std::fs::write(path, json + "\n").with_context(|| path.display().to_string())
}

/// A few calls to go on with.
fn look_next(myself: &str, call: &str, staff: &Staff, tickets: &[(String, Ticket)]) -> String {
    let objected = tickets.iter().find(|(_, ticket)| ticket.reopen_count > 0);
    let (_, ticket) = objected.or(tickets.first()).cloned().unwrap_or_default();
    let agent = staff.agents.first().map_or("", |agent| agent.member.as_str());
    let Ticket { name, customer, .. } = ticket;
    format!(
        "Look further:\n\
         {call} ListTickets '{{\"category\": \"CATEGORY_RESOLVED\", \"pageSize\": 3}}'\n\
         {call} ListTicketHistory '{{\"parent\": \"{name}\"}}'\n\
         {call} ListEntries '{{\"parent\": \"{name}\"}}'\n\
         {call} ListTimeline '{{\"parent\": \"{customer}\"}}'\n\
         {call} ClaimNextTicket --member {agent}\n\
         Let time pass, so that what the customers left silent closes by itself:\n\
         {myself} clock advance --by 7d"
    )
}
