//! China's days off and make-up working days, from `YEAR.json` files in the form of holiday-cn
//!
//! Every date of every year is asked: one that a file names must be off or worked as it says, any
//! other must follow its weekday. Years that are not shipped are counted neither right nor wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use calendar::{Calendar, CalendarSpec, china};
use jiff::civil::{Date, Weekday, date};
use serde::Deserialize;

use super::{Tally, entries};

#[derive(Deserialize)]
struct Year {
    year: i16,
    days: Vec<Day>,
}

#[derive(Deserialize)]
struct Day {
    date: Date,
    #[serde(rename = "isOffDay")]
    off: bool,
}

pub(super) fn is_table(dir: &Path) -> Result<bool> {
    Ok(!files(dir)?.is_empty())
}

fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = entries(dir)?;
    files.retain(|path| {
        let year = path.file_stem().and_then(|stem| stem.to_str());
        path.extension().is_some_and(|extension| extension == "json")
            && year.is_some_and(|year| year.len() == 4 && year.parse::<u16>().is_ok())
    });
    Ok(files)
}

/// Runs one folder of years against the shipped calendar.
pub(super) fn run(dir: &Path, out: &mut impl Write) -> Result<Tally> {
    let calendar = Calendar::parse(&CalendarSpec::cn_standard())
        .map_err(|problems| anyhow!("{problems:?}"))?;
    let mut years = BTreeSet::new();
    let mut named = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for file in files(dir)? {
        let text = std::fs::read_to_string(&file)?;
        let year: Year =
            serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))?;
        years.insert(year.year);
        for day in year.days {
            if china::years().contains(&year.year) {
                named.insert(day.date, day.off);
            } else {
                unknown.insert(day.date);
            }
        }
    }

    let mut tally = Tally::default();
    for (date, off) in &named {
        let told = china::day(*date).map(|day| day.off);
        let right = told == Some(*off) && is_worked(&calendar, *date)? != *off;
        tally.count(right, || format!("{date}: expected off {off}, found {told:?}"));
    }
    for year in years.iter().filter(|year| china::years().contains(year)) {
        for date in date(*year, 1, 1).series(jiff::Span::new().days(1)) {
            // A year's last days may be named by the next year's notice.
            let open_end = date.month() == 12 && date.day() >= 25 && !years.contains(&(year + 1));
            if date.year() != *year || open_end {
                break;
            }
            if named.contains_key(&date) || unknown.contains(&date) {
                continue;
            }
            let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
            let told = china::day(date);
            let right = told.is_none() && is_worked(&calendar, date)? != weekend;
            tally.count(right, || format!("{date}: expected its weekday, found {told:?}"));
        }
    }
    tally.print(out, "days of China")?;
    if !unknown.is_empty() {
        writeln!(out, "  {} named dates of years that are not shipped", unknown.len())?;
    }
    Ok(tally)
}

fn is_worked(calendar: &Calendar, date: Date) -> Result<bool> {
    let morning = date.at(10, 0, 0, 0).to_zoned(calendar.zone().clone())?;
    Ok(calendar.is_open(morning.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_years(years: &[(&str, &str)]) -> Tally {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in years {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        run(dir.path(), &mut Vec::new()).unwrap()
    }

    #[test]
    fn a_wrong_and_a_missing_date_are_found() {
        let year = r#"{"year": 2024, "days": [{"date": "2024-01-01", "isOffDay": false}]}"#;
        let tally = run_years(&[("2024.json", year)]);
        // One is wrong and the other 35 that the notice named are missing.
        assert_eq!((tally.right, tally.wrong), (359 - 36, 36));
    }

    #[test]
    fn a_year_that_is_not_shipped_is_not_counted() {
        let day = r#"{"date": "2099-01-01", "isOffDay": true}"#;
        let tally = run_years(&[("2099.json", &format!(r#"{{"year": 2099, "days": [{day}]}}"#))]);
        assert_eq!((tally.right, tally.wrong), (0, 0));
    }
}
