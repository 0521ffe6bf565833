//! Phone numbers, from a table in the form of libphonenumber's own answers

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Tally;

const FILE: &str = "vectors.csv";
const COLUMNS: [&str; 5] = ["input", "default_region", "parses", "e164", "valid"];

/// The share of right E.164 forms that is asked for, in percent.
const SHARE: usize = 99;

#[derive(Deserialize)]
struct Row {
    input: String,
    /// A region by its two letters; `ZZ` where none is known.
    default_region: String,
    parses: u8,
    e164: String,
    valid: u8,
}

/// What became of a table.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The E.164 forms of what is a number.
    pub(crate) e164: Tally,
    /// What is no number and must be refused.
    pub(crate) refusals: Tally,
    /// Whether a number may exist, for those that were read.
    pub(crate) validity: Tally,
}

impl Report {
    /// Whether at least 99 of 100 numbers got their E.164 form.
    pub(crate) fn passes(&self) -> bool {
        self.e164.right * 100 >= (self.e164.right + self.e164.wrong) * SHARE
    }
}

pub(super) fn is_table(dir: &Path) -> Result<bool> {
    let path = dir.join(FILE);
    if !path.is_file() {
        return Ok(false);
    }
    let mut table = csv::Reader::from_path(path)?;
    let header = table.headers()?;
    Ok(COLUMNS.iter().all(|column| header.iter().any(|name| name == *column)))
}

/// Runs one table. `normalise` gives the E.164 form of an input from a region and whether such a
/// number may exist; `None` where it is no number.
pub(super) fn run(
    dir: &Path,
    out: &mut impl Write,
    normalise: impl Fn(&str, &str) -> Option<(String, bool)>,
) -> Result<Report> {
    let mut report = Report::default();
    for (index, row) in csv::Reader::from_path(dir.join(FILE))?.deserialize().enumerate() {
        let row: Row = row.with_context(|| format!("{FILE}, row {}", index + 1))?;
        let Row { input, default_region: region, parses, e164, valid } = row;
        let found = normalise(&input, &region);
        if parses == 0 {
            let refused = found.is_none();
            report.refusals.count(refused, || format!("{input:?} {region}: found {found:?}"));
            continue;
        }
        let form = found.as_ref().map(|(form, _)| form.as_str());
        let right = form == Some(e164.as_str());
        report.e164.count(right, || format!("{input:?} {region}: expected {e164}, found {form:?}"));
        if let Some((_, exists)) = found {
            let right = exists == (valid == 1);
            let failure = || format!("{input:?} {region}: expected {valid}, found {exists}");
            report.validity.count(right, failure);
        }
    }
    report.e164.print(out, "E.164")?;
    report.refusals.print(out, "refusals")?;
    report.validity.print(out, "validity")?;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_refusals_and_validity_are_counted_apart() {
        let dir = tempfile::tempdir().unwrap();
        let table = "input,default_region,parses,e164,valid,region\n\
            1,CN,1,+861,1,CN\n2,CN,1,+862,0,CN\n3,CN,1,+863,1,CN\nx,CN,0,,0,\ny,CN,0,,0,\n";
        std::fs::write(dir.path().join(FILE), table).unwrap();
        assert!(is_table(dir.path()).unwrap());
        let normalise = |input: &str, _: &str| match input {
            "1" | "2" | "y" => Some((format!("+86{input}"), true)),
            _ => None,
        };
        let report = run(dir.path(), &mut Vec::new(), normalise).unwrap();
        assert_eq!((report.e164.right, report.e164.wrong), (2, 1));
        assert_eq!((report.refusals.right, report.refusals.wrong), (1, 1));
        assert_eq!((report.validity.right, report.validity.wrong), (1, 1));
        assert!(!report.passes());
    }
}
