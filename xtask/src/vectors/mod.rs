//! Tables of right answers, run against the suite: working time, holidays, phone numbers, scores
//!
//! A table is known by its files, so that a folder may be one set or hold several:
//! `schedules.json` with `vectors.jsonl` or `vectors.jsonl.gz` (working time), `YEAR.json` files of
//! holiday-cn (holidays), `vectors.csv` of libphonenumber (phone numbers), `reference_figures.json` with
//! `YEAR.csv.gz` files (scores of surveys, which start the suite itself).

mod holidays;
mod phones;
mod surveys;
mod working_time;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use customers::domain::phone;

/// How many failures of one tally are kept and printed.
const SHOWN: usize = 20;

/// How many folders deep a table may lie.
const DEPTH: usize = 2;

/// How many answers were right and wrong, and the first of the wrong ones.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) right: usize,
    pub(crate) wrong: usize,
    pub(crate) failures: Vec<String>,
}

impl Tally {
    fn count(&mut self, right: bool, failure: impl FnOnce() -> String) {
        if right {
            self.right += 1;
            return;
        }
        self.wrong += 1;
        if self.failures.len() < SHOWN {
            self.failures.push(failure());
        }
    }

    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.failures.extend(other.failures);
    }

    fn print(&self, out: &mut impl Write, name: &str) -> Result<()> {
        writeln!(out, "  {name:<24} {:>6} right {:>6} wrong", self.right, self.wrong)?;
        for failure in &self.failures {
            writeln!(out, "    wrong: {failure}")?;
        }
        if self.wrong > self.failures.len() {
            writeln!(out, "    and {} more", self.wrong - self.failures.len())?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    WorkingTime,
    Holidays,
    Phones,
    Surveys,
}

/// What a run goes by.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The years of surveys; all where none is named.
    pub(crate) years: Vec<u16>,
    /// The binary that surveys are recorded by.
    pub(crate) binary: Option<PathBuf>,
}

/// Runs all tables in `dir` and prints what was right and wrong. Whether all did well: working time
/// and holidays without a fault, phone numbers by the measure of [`phones::Report::passes`].
/// `binary` is asked for where there are surveys.
pub(crate) fn run(
    dir: &Path,
    options: &mut Options,
    binary: impl FnOnce() -> Result<PathBuf>,
) -> Result<bool> {
    let surveys = find(dir, DEPTH)?.iter().any(|(table, _)| *table == Table::Surveys);
    if surveys && options.binary.is_none() {
        options.binary = Some(binary()?);
    }
    run_to(dir, options, &mut std::io::stdout().lock())
}

fn run_to(dir: &Path, options: &Options, out: &mut impl Write) -> Result<bool> {
    let tables = find(dir, DEPTH)?;
    ensure!(!tables.is_empty(), "no table of a known form in {}", dir.display());
    let mut passed = true;
    for (table, dir) in tables {
        passed &= match table {
            Table::WorkingTime => {
                writeln!(out, "working time, {}", dir.display())?;
                working_time::run(&dir, out)?.wrong == 0
            }
            Table::Holidays => {
                writeln!(out, "holidays, {}", dir.display())?;
                holidays::run(&dir, out)?.wrong == 0
            }
            Table::Phones => {
                writeln!(out, "phone numbers as libphonenumber reads them, {}", dir.display())?;
                let read = phones::run(&dir, out, read)?.passes();
                writeln!(out, "phone numbers as customers keeps them, {}", dir.display())?;
                read & phones::run(&dir, out, keep)?.passes()
            }
            Table::Surveys => {
                writeln!(out, "scores of surveys, {}", dir.display())?;
                let tally = surveys::run(&dir, options, out)?;
                tally.print(out, "figures")?;
                tally.wrong == 0
            }
        };
    }
    Ok(passed)
}

/// The tables in `dir` and in its folders down to `depth`, by path.
fn find(dir: &Path, depth: usize) -> Result<Vec<(Table, PathBuf)>> {
    let mut tables = Vec::new();
    if working_time::is_table(dir) {
        tables.push((Table::WorkingTime, dir.to_owned()));
    }
    if holidays::is_table(dir)? {
        tables.push((Table::Holidays, dir.to_owned()));
    }
    if phones::is_table(dir)? {
        tables.push((Table::Phones, dir.to_owned()));
    }
    if surveys::is_table(dir)? {
        tables.push((Table::Surveys, dir.to_owned()));
    }
    if depth > 0 {
        for path in entries(dir)?.into_iter().filter(|path| path.is_dir()) {
            tables.extend(find(&path, depth - 1)?);
        }
    }
    Ok(tables)
}

/// What lies in a folder, sorted.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The E.164 form of a phone number and whether such a number may exist, by the letter.
fn read(input: &str, region: &str) -> Option<(String, bool)> {
    let phone = phone::parse(input, region)?;
    Some((phone.e164, phone.valid))
}

/// The same as customers keeps it, which goes beyond libphonenumber where people write otherwise.
fn keep(input: &str, region: &str) -> Option<(String, bool)> {
    let phone = phone::normalise(input, region)?;
    Some((phone.e164, phone.valid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors-sample")
    }

    #[test]
    fn tables_are_found_in_a_set_and_in_a_folder_of_sets() {
        let tables: Vec<_> =
            find(&sample(), DEPTH).unwrap().into_iter().map(|(table, _)| table).collect();
        assert_eq!(tables, [Table::Holidays, Table::Phones, Table::WorkingTime]);
        let set = sample().join("sla_business_time");
        assert_eq!(find(&set, DEPTH).unwrap(), [(Table::WorkingTime, set)]);
        let set = sample().join("calendar_cn_holiday");
        assert_eq!(find(&set, DEPTH).unwrap().len(), 1);
    }

    #[test]
    fn a_folder_without_tables_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(run_to(dir.path(), &Options::default(), &mut Vec::new()).is_err());
    }

    #[test]
    fn the_sample_of_working_time_is_right_in_both_conventions() {
        let dir = sample().join("sla_business_time");
        let tally = working_time::run(&dir, &mut Vec::new()).unwrap();
        assert_eq!((tally.right, tally.failures), (224, Vec::new()));
    }

    #[test]
    fn the_sample_of_holidays_is_right() {
        let dir = sample().join("calendar_cn_holiday/holiday-cn");
        let tally = holidays::run(&dir, &mut Vec::new()).unwrap();
        // Four years and a day before them, without the last seven days of the last year.
        assert_eq!((tally.right, tally.failures), (4 * 365 + 1 + 1 - 7, Vec::new()));
    }

    #[test]
    fn the_sample_of_phone_numbers_is_right() {
        let dir = sample().join("phones_libphonenumber");
        let report = phones::run(&dir, &mut Vec::new(), read).unwrap();
        assert_eq!((report.e164.right, report.e164.failures), (101, Vec::new()));
        assert_eq!((report.validity.right, report.validity.failures), (101, Vec::new()));
        let report = phones::run(&dir, &mut Vec::new(), keep).unwrap();
        assert!(report.passes(), "{:?}", report.e164.failures);
    }

    #[test]
    fn the_report_names_each_tally() {
        let mut out = Vec::new();
        run_to(&sample(), &Options::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for name in ["next opening", "closing time", "days of China", "E.164", "validity"] {
            assert!(text.contains(name), "{name} is missing:\n{text}");
        }
    }
}
