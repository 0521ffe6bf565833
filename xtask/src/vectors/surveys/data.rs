//! One year's table: who answered what, and how the questions are worded

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use jiff::civil::Date;

/// The column of the question whether somebody would recommend.
const RECOMMEND: &str = "NETPRO";
/// What that question is called in the survey.
pub(super) const NPS: &str = "recommend";
/// The month of all interviews.
const MONTH: i8 = 5;

/// A year's table.
#[derive(Debug)]
pub(super) struct Year {
    pub(super) number: u16,
    /// The items, by their columns, with their words.
    pub(super) items: BTreeMap<String, String>,
    /// Whether it was asked who would recommend.
    pub(super) has_nps: bool,
    pub(super) rows: Vec<Row>,
}

/// What somebody answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The place in the table, from 0.
    pub(super) number: usize,
    pub(super) day: Date,
    /// The part of the airport; empty where nobody noted it.
    pub(super) area: String,
    /// The answers by the questions' ids.
    pub(super) answers: BTreeMap<String, i32>,
}

/// The question's id of an item's column: its name in small letters.
pub(super) fn id(column: &str) -> String {
    column.to_ascii_lowercase()
}

impl Year {
    /// Reads a year's table and its code book.
    pub(super) fn read(dir: &Path, number: u16) -> Result<Self> {
        let path = dir.join(format!("{number}.csv.gz"));
        let file = File::open(&path).with_context(|| format!("reading {}", path.display()))?;
        let book = std::fs::read_to_string(dir.join(format!("codebook_{number}.txt")))?;
        Self::parse(number, GzDecoder::new(file), &book)
            .with_context(|| format!("reading {}", path.display()))
    }

    fn parse(number: u16, table: impl Read, book: &str) -> Result<Self> {
        let mut table = csv::Reader::from_reader(table);
        let header: Vec<String> = table
            .headers()?
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').to_owned())
            .collect();
        let mut items = BTreeMap::new();
        for column in header.iter().filter(|name| is_item(name)) {
            items.insert(column.clone(), words(book, column));
        }
        let mut rows = Vec::new();
        for (place, record) in table.records().enumerate() {
            let record = record?;
            let cells = header.iter().map(String::as_str).zip(record.iter());
            let row = row(number, place, &cells.collect());
            let row = row.with_context(|| format!("row {}", place + 1))?;
            // Who answered nothing of this gave no response.
            if !row.answers.is_empty() {
                rows.push(row);
            }
        }
        let has_nps = header.iter().any(|name| name == RECOMMEND);
        Ok(Self { number, items, has_nps, rows })
    }
}

/// Whether a column is an item of 1 to 5; comments are not.
fn is_item(column: &str) -> bool {
    (column.starts_with("Q7") || column.starts_with("Q9")) && !column.contains("COM")
}

/// What the code book says of a column, or its name.
fn words(book: &str, column: &str) -> String {
    let line = book.lines().find(|line| line.split_whitespace().next() == Some(column));
    let words = line.and_then(|line| line.split_once(char::is_whitespace));
    let words = words.map_or("", |(_, words)| words.trim());
    if words.is_empty() { column.to_owned() } else { words.to_owned() }
}

fn row(year: u16, number: usize, cells: &BTreeMap<&str, &str>) -> Result<Row> {
    let cell = |column: &str| cells.get(column).map(|text| text.trim()).unwrap_or_default();
    let mut answers = BTreeMap::new();
    for column in cells.keys().filter(|column| is_item(column)) {
        answers.extend(answer(cell(column), 1, 5).map(|answer| (id(column), answer)));
    }
    answers.extend(answer(cell(RECOMMEND), 0, 10).map(|answer| (NPS.to_owned(), answer)));
    let day = day(year, cell("INTDATE"))?;
    Ok(Row { number, day, area: cell("BAREA").to_ascii_lowercase(), answers })
}

/// A number of a scale; whatever else stands there is no answer.
fn answer(text: &str, lowest: i32, highest: i32) -> Option<i32> {
    text.parse().ok().filter(|number| (lowest..=highest).contains(number))
}

/// The day of an interview: `13` of the month, or `05/09/2016 12:00:00 AM`.
fn day(year: u16, text: &str) -> Result<Date> {
    let mut parts = text.split([' ', '/']);
    let mut next = || parts.next().and_then(|part| part.parse::<i16>().ok());
    let first = next().with_context(|| format!("`{text}` is no day"))?;
    let date = match (next(), next()) {
        (Some(day), Some(year)) => Date::new(year, i8::try_from(first)?, i8::try_from(day)?),
        _ => Date::new(i16::try_from(year)?, MONTH, i8::try_from(first)?),
    };
    date.with_context(|| format!("`{text}` is no day"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: &str = "INTDATE   Date\nQ7ALL      The airport as a whole\n     5  Outstanding\n";

    #[test]
    fn answers_are_numbers_of_their_scale() {
        let table = "\u{feff}RESPNUM,INTDATE,BAREA,Q7ALL,Q7COM1,NETPRO\n\
                     1,13,A,4,20,10\n2,14,,Blank,,11\n3,05/09/2016 12:00:00 AM,B,6,,0\n";
        let year = Year::parse(2017, table.as_bytes(), BOOK).unwrap();
        let expected = BTreeMap::from([("Q7ALL".to_owned(), "The airport as a whole".to_owned())]);
        assert_eq!((year.items, year.has_nps), (expected, true));
        let answers: Vec<Vec<(&str, i32)>> = year
            .rows
            .iter()
            .map(|row| row.answers.iter().map(|(id, answer)| (id.as_str(), *answer)).collect())
            .collect();
        assert_eq!(answers, [vec![("q7all", 4), ("recommend", 10)], vec![("recommend", 0)]]);
        let days: Vec<_> = year.rows.iter().map(|row| row.day.to_string()).collect();
        assert_eq!(days, ["2017-05-13", "2016-05-09"]);
        assert_eq!(year.rows[0].area, "a");
    }

    #[test]
    fn a_day_that_is_none_is_told() {
        let table = "INTDATE,Q9ALL\n31,1\nnever,1\n";
        let error = Year::parse(2015, table.as_bytes(), BOOK).unwrap_err();
        assert!(format!("{error:#}").contains("row 2: `never` is no day"), "{error:#}");
    }
}
