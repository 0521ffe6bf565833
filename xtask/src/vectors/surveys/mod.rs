//! Scores of real surveys: an airport's passengers, 2015 to 2017
//!
//! A folder holds `YEAR.csv.gz` with a row for each passenger, `codebook_YEAR.txt` with the words of the
//! questions, and what others have counted: `reference_figures.json` for each year,
//! `peer_YEAR_agg_nps_daily.csv`, `peer_YEAR_agg_q7_metrics.csv` and `peer_YEAR_agg_q9_metrics.csv` where
//! there are such. Every row is recorded through the public API of a running suite, on SQLite in a
//! folder of its own, some of them twice, and `GetScores` must tell the same figures.
//!
//! What the numbers of the table mean: `NETPRO` 0 to 10, 11 is blank; the items 1 to 5, 0 and 6 and words
//! are blank or not applicable. Interviews were in May; `INTDATE` is the day or the date.

mod compare;
mod data;
mod record;
mod site;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use self::data::Year;
use self::site::Site;
use super::{Options, Tally};

/// What tells such a folder from others.
const REFERENCE: &str = "reference_figures.json";

pub(super) fn is_table(dir: &Path) -> Result<bool> {
    Ok(dir.join(REFERENCE).is_file() && !years(dir)?.is_empty())
}

/// The years of which there is a table, in their order.
fn years(dir: &Path) -> Result<Vec<u16>> {
    let mut years = Vec::new();
    for path in super::entries(dir)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        years.extend(name.strip_suffix(".csv.gz").and_then(|year| year.parse::<u16>().ok()));
    }
    Ok(years)
}

/// Records the years that are asked for, and compares what the suite tells of them.
pub(super) fn run(dir: &Path, options: &Options, out: &mut impl Write) -> Result<Tally> {
    let asked = |year: &u16| options.years.is_empty() || options.years.contains(year);
    let years: Vec<u16> = years(dir)?.into_iter().filter(asked).collect();
    ensure!(!years.is_empty(), "there is no table of these years in {}", dir.display());
    let binary: &PathBuf = options.binary.as_ref().context("there is no binary to run")?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        tokio::select! {
            tally = all(dir, &years, binary, out) => tally,
            signal = stopped() => signal.and_then(|()| bail!("interrupted")),
        }
    })
}

async fn all(dir: &Path, years: &[u16], binary: &Path, out: &mut impl Write) -> Result<Tally> {
    let site = Site::start(binary).await?;
    let mut tally = Tally::default();
    for number in years {
        let year = Year::read(dir, *number)?;
        let told = record::year(&site, &year).await?;
        tally.add(compare::year(dir, &year, &told, out)?);
    }
    Ok(tally)
}

/// Returns when somebody asks us to stop.
async fn stopped() -> Result<()> {
    let mut ended = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = ended.recv() => {}
    }
    Ok(())
}
