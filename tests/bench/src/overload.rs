//! Three times as many calls as can be served: how much of the work is still done, and what the
//! others are told.
//!
//! A closed loop says how many calls a second can be served, with about as many under way as the
//! process always takes on. Then calls come three times as fast, whether others have been answered
//! or not. The load has a processor to itself, the suite and its database the others, so that making
//! more load does not take from what it measures.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use contracts::tickets::v1::GetTicketRequest;
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    Plan,
    cpu::Measured,
    load::{Call, Calls, Done, Target, Until, in_turn},
    rounds::{Comparison, Counted, Figures},
    suite::Suite,
    tickets,
};

const CUSTOMERS: usize = 100;
const TICKETS: usize = 1_000;
/// Under way at once where capacity is measured: what a process takes on from one tenant however slow
/// it is, lists included.
const AT_ONCE: usize = 24;
/// How many calls come for one that can be served.
const TIMES: f64 = 3.0;
/// How often calls are sent, as many as are due.
const PACE: Duration = Duration::from_millis(1);
/// Whoever is answered later than this has gone.
const PATIENCE: Duration = Duration::from_secs(1);
/// gRPC's push-back, in milliseconds.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// What came of calls that came too fast.
#[derive(Debug, Default)]
struct Tally {
    /// How long those took that were answered in time.
    answered: Vec<Duration>,
    late: u64,
    refused: u64,
}

/// Measures reads and writes.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Comparison>> {
    let _apart = Apart::serving(plan.postgres)?;
    let suite = Suite::start(&plan.site, "bench_overload").await?;
    Apart::loading()?;
    let customers = tickets::customers(&suite, CUSTOMERS).await?;
    let names = tickets::worked_on(&suite, &customers, TICKETS).await?;
    let (server, postgres) = (Some(suite.pid()?), plan.postgres);
    let measured = Measured { server, behind: None, postgres };
    let mut compared = Vec::new();
    for (name, calls) in [
        ("GetTicket at 3 x / capacity", gets(&suite, names)?),
        ("CreateTicket at 3 x / capacity", creates(&suite, &customers)?),
    ] {
        capacity(&measured, &suite.target, &calls, plan.warm_up()).await?;
        let mut rounds = Vec::new();
        for _ in 0..plan.rounds {
            let can = capacity(&measured, &suite.target, &calls, plan.time).await?;
            flood(&measured, &suite.target, &calls, can.rate, plan.warm_up()).await?;
            let does = flood(&measured, &suite.target, &calls, can.rate, plan.time).await?;
            rounds.push((does, can));
        }
        let one = Comparison::of(name, AT_ONCE, Counted::ServerAndPostgres, rounds);
        crate::tell(&one);
        compared.push(one);
    }
    Ok(compared)
}

fn gets(suite: &Suite, names: Vec<String>) -> Result<Calls> {
    let get = |name| {
        let request = GetTicketRequest { name };
        Call::new(&tickets::method("GetTicket"), &suite.admin, &request)
    };
    Ok(in_turn(names.into_iter().map(get).collect::<Result<_>>()?))
}

fn creates(suite: &Suite, customers: &[String]) -> Result<Calls> {
    let create = |n: usize| {
        let request = tickets::create(n, &customers[n % customers.len()], String::new());
        Call::new(&tickets::method("CreateTicket"), &suite.admin, &request)
    };
    Ok(in_turn((0..900).map(create).collect::<Result<_>>()?))
}

/// What can be served.
async fn capacity(
    measured: &Measured,
    target: &Target,
    calls: &Calls,
    time: Duration,
) -> Result<Figures> {
    let before = measured.times()?;
    let done = target.load(calls.clone(), AT_ONCE, Until::Time(time)).await?;
    Ok(Figures::of(&done, done.elapsed, &measured.times()?.since(&before)))
}

/// What is served where calls come three times as fast.
async fn flood(
    measured: &Measured,
    target: &Target,
    calls: &Calls,
    rate: f64,
    time: Duration,
) -> Result<Figures> {
    let before = measured.times()?;
    let began = Instant::now();
    let mut under_way = JoinSet::new();
    let (mut sent, mut tally) = (0_u32, Tally::default());
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while began.elapsed() < time {
        pace.tick().await;
        while f64::from(sent) < began.elapsed().as_secs_f64() * rate * TIMES {
            let (number, call, target) = (sent, calls(u64::from(sent)), target.clone());
            under_way.spawn(async move {
                let sent = Instant::now();
                (target.call_over(number as usize, call).await, sent.elapsed())
            });
            sent += 1;
        }
        while let Some(done) = under_way.try_join_next() {
            tally.note(done?)?;
        }
    }
    let elapsed = began.elapsed();
    while let Some(done) = under_way.join_next().await {
        tally.note(done?)?;
    }
    let used = measured.times()?.since(&before);
    eprintln!(
        "    {sent} calls in {elapsed:.1?}: {} answered, {} refused, {} late",
        tally.answered.len(),
        tally.refused,
        tally.late
    );
    Ok(Figures::of(&Done::new(elapsed, tally.answered), elapsed, &used))
}

impl Tally {
    /// Notes an answer. There are only two that may be.
    fn note(&mut self, (answer, took): (Result<Bytes>, Duration)) -> Result<()> {
        match answer {
            Ok(_) if took <= PATIENCE => self.answered.push(took),
            Ok(_) => self.late += 1,
            Err(error) if error.downcast_ref().is_some_and(is_pushed_back) => self.refused += 1,
            Err(error) => return Err(error.context("it was refused otherwise")),
        }
        Ok(())
    }
}

/// Whether a refusal says that there are too many calls, and when to come again.
fn is_pushed_back(status: &Status) -> bool {
    let details = status.get_error_details();
    let says = |wanted: &str| details.error_info().is_some_and(|info| info.reason == wanted);
    let delay = details.retry_info().and_then(|info| info.retry_delay);
    status.code() == Code::Unavailable
        && says("OVERLOADED")
        && delay.is_some_and(|delay| !delay.is_zero())
        && status.metadata().contains_key(PUSHBACK)
}

/// The load on the first processor, the suite and its database on the others; everybody on all of
/// them again when this is dropped.
struct Apart {
    postgres: u32,
}

impl Apart {
    /// Puts the database and this program where the suite is to be started, which sees no more
    /// processors than that and whose connections are served there too.
    fn serving(postgres: u32) -> Result<Self> {
        let apart = Self { postgres };
        let last = last_processor()?;
        if last > 0 {
            for pid in [postgres, std::process::id()] {
                keep_to(&format!("1-{last}"), pid)?;
            }
        }
        Ok(apart)
    }

    /// Puts this program, which makes the load, where the suite is not.
    fn loading() -> Result<()> {
        keep_to("0", std::process::id())
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let all = last_processor().map(|last| format!("0-{last}"));
        let both = [self.postgres, std::process::id()];
        if let Err(error) =
            all.and_then(|all| both.into_iter().try_for_each(|pid| keep_to(&all, pid)))
        {
            eprintln!("processes stay where they are: {error:#}");
        }
    }
}

/// The number of the last processor, of all that the machine has.
fn last_processor() -> Result<usize> {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online")?;
    let last = online.trim().rsplit(['-', ',']).next().unwrap_or_default();
    last.parse().with_context(|| format!("processors {online}"))
}

/// Keeps a process, with its threads and all that it starts from now on, to these processors.
fn keep_to(processors: &str, pid: u32) -> Result<()> {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", processors, &pid.to_string()]);
    let output = taskset.output().context("taskset, of util-linux, is needed")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "taskset: {said}");
    Ok(())
}
