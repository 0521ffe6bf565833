//! What a question costs by way of the real service, beside tantivy alone and beside our engine alone.
//!
//! All three look for the same questions in the same articles. The service is the release binary with
//! everything in front of its search: the public port, the gateway, the wall, the log of searches. The
//! engine is asked in this process as the service asks it: for a reader, at an instant, with facets.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use ::search::{Analyzer, Filter, Index, Reader, Search};
use anyhow::{Context as _, Result, ensure};
use contracts::{
    knowledge::v1::{AudienceLevel, SearchRequest, SearchResponse},
    r#type::v1::{RebuildIndexRequest, index_admin_service_client::IndexAdminServiceClient},
};
use serde::Serialize;

use super::{
    cost::{Filled, PAGE, QUESTIONS},
    filling::{connect, fill, opened},
    texts::question,
};
use crate::{
    cpu::{Measured, Times},
    load::{Call, Calls, Done, Until, in_turn},
    report,
    rounds::{self, Comparison, Counted, Figures, Spread},
    suite::{Site, Suite},
    token::TENANT,
};

/// How many questions are under way at once.
const AT_ONCE: [usize; 2] = [1, 8];
/// How long a side runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// On so many questions the service and the engine must agree.
const AGREED: u64 = 200;
/// The method.
pub(crate) const SEARCH: &str = "aftercare.knowledge.v1.SearchService/Search";

/// How it is measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) site: Site,
    /// PostgreSQL's first process.
    pub(crate) postgres: u32,
    pub(crate) articles: u64,
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Service {
    articles: u64,
    /// The service by bare tantivy, then the engine by it, for each number of questions at once.
    compared: Vec<Comparison>,
    /// The engine's part of the service's processor time, for each number of questions at once.
    engine: Vec<Spread>,
}

/// Both indexes and the ways to ask.
struct Sides<'a> {
    plan: &'a Plan,
    suite: Suite,
    calls: Calls,
    filled: Filled,
    filter: Filter,
}

/// Measures with 1 and 8 questions at once.
pub(crate) async fn run(analyzer: &Analyzer, plan: &Plan) -> Result<Service> {
    let sides = Sides::prepare(analyzer, plan).await?;
    let (mut compared, mut engine) = (Vec::new(), Vec::new());
    for at_once in AT_ONCE {
        for side in 0..3 {
            sides.measure(side, at_once, WARM_UP).await?;
        }
        let mut rounds = Vec::new();
        for round in 0..plan.rounds {
            let mut figures = [Figures::default(); 3];
            let order = if round % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] };
            for side in order {
                figures[side] = sides.measure(side, at_once, plan.time).await?;
            }
            rounds.push(figures);
        }
        let by_bare = |name: &str, side: usize| {
            let pairs = rounds.iter().map(|figures| (figures[side], figures[2])).collect();
            let one = Comparison::of(name, at_once, Counted::Server, pairs);
            crate::tell(&one);
            one
        };
        compared.push(by_bare("service's share over bare tantivy", 0));
        compared.push(by_bare("engine's share over bare tantivy", 1));
        let part = |figures: &[Figures; 3]| figures[1].server_cpu / figures[0].server_cpu;
        engine.push(Spread::of(rounds.iter().map(part)));
    }
    Ok(Service { articles: plan.articles, compared, engine })
}

impl Service {
    /// The tables.
    pub(crate) fn print(&self) {
        println!(
            "\nsearch by the service: A = Search through the public port, or our engine in process as \
             the service asks it; B = bare tantivy in process; {} articles",
            self.articles
        );
        println!("aim: none; cpu is of whoever answers alone, in seconds per 1 000 questions");
        report::table(&self.compared);
        for (at_once, part) in AT_ONCE.iter().zip(&self.engine) {
            println!(
                "c={at_once}: of the service's processor time the engine is {:.2} ({:.2} – {:.2}); the rest is what \
                 stands around it: the port, the gateway, the edge, the wall, the answer's bytes, the log",
                part.median, part.least, part.most
            );
        }
    }
}

impl<'a> Sides<'a> {
    async fn prepare(analyzer: &Analyzer, plan: &'a Plan) -> Result<Self> {
        eprintln!("filling a suite with {} articles", plan.articles);
        let suite = Suite::start(&plan.site, "bench_search").await?;
        fill(&suite.address, &suite.database, &suite.admin, plan.articles).await?;
        opened(&suite.address, &suite.admin).await?;
        rebuild(&suite, plan.articles).await?;
        let mut calls = Vec::new();
        for number in 0..QUESTIONS {
            calls.push(asked(&suite, number)?);
        }
        let filter = Filter {
            reader: Reader {
                level: AudienceLevel::Agent as u8,
                all_groups: true,
                ..Reader::default()
            },
            at: kernel::Clock::system().now().micros(),
            ..Filter::default()
        };
        let filled = Filled::of(analyzer, plan.articles)?;
        let sides = Self { plan, suite, calls: in_turn(calls), filled, filter };
        sides.must_agree().await?;
        Ok(sides)
    }

    /// The service finds as much as the engine does, and the same first: but for ties, which go by the
    /// articles' ids.
    async fn must_agree(&self) -> Result<()> {
        let mut same = 0;
        for number in 0..AGREED {
            let told: SearchResponse = self.suite.target.ask(asked(&self.suite, number)?).await?;
            let found = self.filled.index.search(&self.search(number))?;
            let total = usize::try_from(told.total_size)?;
            let as_many =
                told.results.len() == found.hits.len() && (!found.exact || total == found.total);
            ensure!(
                as_many,
                "the service finds {total} of question {number}, the engine {}",
                found.total
            );
            let ours = found.hits.first().map(|hit| hit.title.text.as_str());
            let theirs = told.results.first().map(|result| result.title.as_str());
            same += u64::from(ours.map(str::trim) == theirs);
        }
        ensure!(same * 10 >= AGREED * 9, "of {AGREED} questions {same} have the same first answer");
        Ok(())
    }

    /// One side for a while: the service, the engine, bare tantivy.
    async fn measure(&self, side: usize, at_once: usize, time: Duration) -> Result<Figures> {
        let index: &Index = &self.filled.index;
        let engine = |number: u64| anyhow::Ok(index.search(&self.search(number))?.hits.len());
        let bare = |number: u64| anyhow::Ok(index.bare(&question(number).0, PAGE)?);
        let postgres = self.plan.postgres;
        match side {
            0 => {
                let server = Some(self.suite.pid()?);
                let measured = Measured { server, behind: None, postgres };
                let (calls, until) = (self.calls.clone(), Until::Time(time));
                let settled = async { Ok(()) };
                let target = &self.suite.target;
                rounds::measure(measured, target, calls, at_once, until, settled).await
            }
            1 => here(postgres, at_once, time, engine),
            _ => here(postgres, at_once, time, bare),
        }
    }

    /// A question as the service puts it to the engine.
    fn search(&self, number: u64) -> Search {
        let (text, locale) = question(number);
        let (text, locale) = (text.trim().to_owned(), locale.to_owned());
        Search { text, locale, filter: self.filter.clone(), offset: 0, limit: PAGE, facets: true }
    }
}

/// The call that asks the service.
fn asked(suite: &Suite, number: u64) -> Result<Call> {
    let (query, locale) = question(number);
    let request = SearchRequest { query, locale: locale.to_owned(), ..SearchRequest::default() };
    Call::new(SEARCH, &suite.admin, &request)
}

/// Has the service's index built anew, as ours is built.
async fn rebuild(suite: &Suite, articles: u64) -> Result<()> {
    let mut client = IndexAdminServiceClient::new(connect(&suite.operators).await?);
    let tenant = format!("tenants/{TENANT}");
    let done = client.rebuild_index(RebuildIndexRequest { tenant }).await;
    let documents = done.context("RebuildIndex")?.into_inner().documents;
    // An article and its two similar questions.
    let wanted = i64::try_from(articles)? * 3;
    ensure!(documents == wanted, "the index holds {documents} documents, not {wanted}");
    Ok(())
}

/// Keeps so many threads of this process asking for a while.
fn here(
    postgres: u32,
    at_once: usize,
    time: Duration,
    ask: impl Fn(u64) -> Result<usize> + Sync,
) -> Result<Figures> {
    let measured = Measured { server: None, behind: None, postgres };
    let before = measured.times()?;
    let (began, counter) = (Instant::now(), AtomicU64::new(0));
    let work = || {
        let mut latencies = Vec::new();
        while began.elapsed() < time {
            let asked = Instant::now();
            ask(counter.fetch_add(1, Ordering::Relaxed) % QUESTIONS)?;
            latencies.push(asked.elapsed());
        }
        anyhow::Ok(latencies)
    };
    let threads = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut latencies = Vec::new();
    for asked in threads {
        latencies.extend(asked.ok().context("a thread ended early")??);
    }
    let done = Done::new(began.elapsed(), latencies);
    let used = measured.times()?.since(&before);
    let used = Times { server: used.load, load: 0.0, ..used };
    Ok(Figures::of(&done, done.elapsed, &used))
}
