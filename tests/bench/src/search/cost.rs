//! What a question and an article cost, beside tantivy alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use ::search::measure::Bare;
use ::search::{Analyzer, Change, Index, Search, Settings};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::texts::{entry, question};
use crate::cpu;
use crate::rounds::Spread;

/// The smaller number of articles.
pub(super) const FEW: u64 = 10_000;
/// The larger number.
const MANY: u64 = 100_000;
/// Questions of one side of one round.
pub(super) const QUESTIONS: u64 = 1_000;
/// Hits of a page.
pub(super) const PAGE: usize = 10;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cost {
    /// Processor seconds per 1 000 questions, few articles.
    few: Sides,
    /// The same with many.
    many: Sides,
    /// How much ours grows, by how much tantivy's does.
    growth: f64,
    /// The rate of indexing, by tantivy's.
    indexing: Spread,
    /// Articles indexed in a second of processor time.
    articles: f64,
    /// Resident memory in MiB: with the dictionary alone.
    before: Memory,
    /// With the larger index, after questions.
    after: Memory,
    /// The larger index on disk, in MiB.
    disk: f64,
}

/// Both sides of a comparison.
#[derive(Clone, Copy, Debug, Serialize)]
struct Sides {
    ours: f64,
    bare: f64,
    /// Ours by tantivy's, round by round.
    ratio: Spread,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Memory {
    /// What only this process has.
    own: f64,
    /// With the files that are mapped.
    whole: f64,
}

/// Measures everything.
pub(crate) fn run(analyzer: &Analyzer, rounds: usize) -> Result<Cost> {
    let few = Filled::of(analyzer, FEW)?;
    let many = Filled::of(analyzer, MANY)?;
    let (few_sides, _) = few.compare(rounds)?;
    let (many_sides, _) = many.compare(rounds)?;
    let size = many.index.size()?;
    many.index.rest()?;
    let (before, after) = Memory::apart(many.folder.path())?;
    let (indexing, articles) = indexing(analyzer, rounds)?;
    Ok(Cost {
        few: few_sides,
        many: many_sides,
        growth: (many_sides.ours / few_sides.ours) / (many_sides.bare / few_sides.bare),
        indexing,
        articles,
        before,
        after,
        disk: mebibytes(size.bytes),
    })
}

impl Cost {
    /// The figures with their bars.
    pub(crate) fn print(&self) {
        let verdict = |met: bool| if met { "met" } else { "MISSED" };
        println!("\ncost of questions, processor seconds per 1 000, medians:");
        for (articles, sides) in [(FEW, &self.few), (MANY, &self.many)] {
            println!(
                "  {articles:6} articles: ours {:.3}, bare tantivy {:.3}, ours / bare {:.2} ({:.2} – {:.2})",
                sides.ours, sides.bare, sides.ratio.median, sides.ratio.least, sides.ratio.most
            );
        }
        println!(
            "  growth, ours / bare: {:.2}, at most 1.2: {}",
            self.growth,
            verdict(self.growth <= 1.2)
        );
        println!(
            "indexing, rate ours / bare: {:.2} ({:.2} – {:.2}), at least 0.4: {}; {:.0} articles a second of processor time",
            self.indexing.median,
            self.indexing.least,
            self.indexing.most,
            verdict(self.indexing.median >= 0.4),
            self.articles,
        );
        println!(
            "{MANY} articles: {:.0} MiB on disk; resident {:.0} MiB ({:.0} its own), before {:.0} ({:.0}) with the dictionary alone",
            self.disk, self.after.whole, self.after.own, self.before.whole, self.before.own,
        );
    }
}

/// An index of made articles.
pub(super) struct Filled {
    pub(super) index: Index,
    folder: tempfile::TempDir,
}

impl Filled {
    pub(super) fn of(analyzer: &Analyzer, articles: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let index = Index::create(folder.path(), analyzer.clone(), Settings::default())?;
        fill(&index, articles)?;
        Ok(Self { index, folder })
    }

    /// Both sides in turn.
    fn compare(&self, rounds: usize) -> Result<(Sides, usize)> {
        let (mut ours, mut bare, mut found) = (Vec::new(), Vec::new(), 0);
        self.ask(&mut found)?;
        for round in 0..rounds.max(1) {
            if round % 2 == 0 {
                ours.push(self.ask(&mut found)?);
                bare.push(self.ask_bare(&mut found)?);
            } else {
                bare.push(self.ask_bare(&mut found)?);
                ours.push(self.ask(&mut found)?);
            }
        }
        let median = |values: &[f64]| Spread::of(values.iter().copied()).median;
        let ratio = Spread::of(ours.iter().zip(&bare).map(|(a, b)| a / b));
        Ok((Sides { ours: median(&ours), bare: median(&bare), ratio }, found))
    }

    fn ask(&self, found: &mut usize) -> Result<f64> {
        let began = cpu::own()?;
        for number in 0..QUESTIONS {
            let (text, locale) = question(number);
            let search =
                Search { text, locale: locale.to_owned(), limit: PAGE, ..Search::default() };
            *found += self.index.search(&search)?.hits.len();
        }
        Ok(cpu::own()? - began)
    }

    fn ask_bare(&self, found: &mut usize) -> Result<f64> {
        let began = cpu::own()?;
        for number in 0..QUESTIONS {
            *found += self.index.bare(&question(number).0, PAGE)?;
        }
        Ok(cpu::own()? - began)
    }
}

fn fill(index: &Index, articles: u64) -> Result<()> {
    let rebuild = index.begin_rebuild()?;
    for number in 0..articles {
        let article = Uuid::from_u128(number.into());
        rebuild.add(&Change::Replace { article, entries: vec![entry(number)] })?;
    }
    index.finish_rebuild(rebuild, "")?;
    Ok(())
}

/// The rate of indexing by tantivy's, and how many articles a second ours is.
fn indexing(analyzer: &Analyzer, rounds: usize) -> Result<(Spread, f64)> {
    let entries: Vec<_> = (0..FEW).map(entry).collect();
    let ours = |folder: &Path| -> Result<f64> {
        let index = Index::create(folder, analyzer.clone(), Settings::default())?;
        let began = cpu::own()?;
        let rebuild = index.begin_rebuild()?;
        for (number, entry) in (0u128..).zip(&entries) {
            let article = Uuid::from_u128(number);
            rebuild.add(&Change::Replace { article, entries: vec![entry.clone()] })?;
        }
        index.finish_rebuild(rebuild, "")?;
        Ok(cpu::own()? - began)
    };
    let bare = |folder: &Path| -> Result<f64> {
        let began = cpu::own()?;
        let bare = Bare::create(folder, analyzer, Settings::default().rebuilding)?;
        for entry in &entries {
            bare.add(entry)?;
        }
        bare.finish()?;
        Ok(cpu::own()? - began)
    };
    let (mut ratios, mut seconds) = (Vec::new(), Vec::new());
    for _ in 0..rounds.clamp(1, 3) {
        let (a, b) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let (a, b) = (ours(a.path())?, bare(b.path())?);
        ratios.push(b / a);
        seconds.push(a);
    }
    #[expect(clippy::cast_precision_loss, reason = "ten thousand articles")]
    let rate = FEW as f64 / Spread::of(seconds.into_iter()).median;
    Ok((Spread::of(ratios.into_iter()), rate))
}

/// In a process of its own: opens an index, asks it questions, prints memory before and after.
pub(crate) fn remember(folder: &Path) -> Result<()> {
    let analyzer = Analyzer::new();
    let before = Memory::now()?;
    let index = Index::open(folder, analyzer, Settings::default())?;
    for number in 0..QUESTIONS {
        let (text, locale) = question(number);
        let search = Search { text, locale: locale.to_owned(), limit: PAGE, ..Search::default() };
        index.search(&search)?;
    }
    println!("{}", serde_json::to_string(&(before, Memory::now()?))?);
    Ok(())
}

impl Memory {
    fn apart(folder: &Path) -> Result<(Self, Self)> {
        let mut program = Command::new(std::env::current_exe()?);
        let output = program.arg("search-memory").arg(folder).output()?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn now() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let field = |name: &str| -> Result<f64> {
            let line =
                status.lines().find(|line| line.starts_with(name)).context("no such line")?;
            let kibibytes = line.split_whitespace().nth(1).context("no figure")?.parse::<f64>()?;
            Ok(kibibytes / 1024.0)
        };
        Ok(Self { own: field("RssAnon")?, whole: field("VmRSS")? })
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of an index")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
