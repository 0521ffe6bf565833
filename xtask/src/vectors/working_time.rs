//! Working time: where a budget ends, where it must begin, how much lies between, what is open
//!
//! Each table is run by both conventions for a budget that ends exactly at a closing time: the next
//! opening must give `expected`, the closing itself `expected_alt` where there is one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use calendar::{Boundary, Calendar, CalendarSpec, Hours};
use flate2::read::GzDecoder;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Tally;

const SCHEDULES: &str = "schedules.json";
const PLAIN: &str = "vectors.jsonl";
const PACKED: &str = "vectors.jsonl.gz";

/// From and to, `HH:MM`.
type Pair = (String, String);

#[derive(Deserialize)]
struct Schedule {
    tz: String,
    hours: BTreeMap<String, Vec<Pair>>,
    /// Closed, whatever else is said of the date.
    #[serde(default)]
    holidays: Vec<Date>,
    /// Hours in place of the weekday's.
    #[serde(default)]
    shifts: BTreeMap<Date, Vec<Pair>>,
    /// Taken out of the hours.
    #[serde(default)]
    breaks: BTreeMap<Date, Vec<Pair>>,
}

#[derive(Deserialize)]
struct Case {
    id: serde_json::Value,
    schedule: String,
    #[serde(flatten)]
    question: Question,
    expected: Answer,
    expected_alt: Option<Answer>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Question {
    After { start: Timestamp, minutes: i64 },
    Before { start: Timestamp, minutes: i64 },
    Within { start: Timestamp, end: Timestamp },
    Open { at: Timestamp },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Answer {
    Open(bool),
    Seconds(f64),
    Instant(Timestamp),
}

pub(super) fn is_table(dir: &Path) -> bool {
    dir.join(SCHEDULES).is_file() && (dir.join(PLAIN).is_file() || dir.join(PACKED).is_file())
}

/// Runs one table by both conventions.
pub(super) fn run(dir: &Path, out: &mut impl Write) -> Result<Tally> {
    let text = std::fs::read_to_string(dir.join(SCHEDULES))?;
    let schedules: BTreeMap<String, Schedule> =
        serde_json::from_str(&text).with_context(|| format!("reading {SCHEDULES}"))?;
    let mut calendars = BTreeMap::new();
    for (name, schedule) in &schedules {
        let calendar = calendar(schedule).with_context(|| format!("schedule {name}"))?;
        calendars.insert(name.as_str(), calendar);
    }
    let cases = cases(dir)?;
    let mut all = Tally::default();
    for (name, boundary) in
        [("next opening", Boundary::Opening), ("closing time", Boundary::Closing)]
    {
        let mut tally = Tally::default();
        for case in &cases {
            let calendar = calendars
                .get(case.schedule.as_str())
                .with_context(|| format!("case {}: no schedule {}", case.id, case.schedule))?;
            let expected = match (boundary, &case.expected_alt) {
                (Boundary::Closing, Some(alternative)) => alternative,
                _ => &case.expected,
            };
            let answer = answer(calendar, &case.question, boundary);
            tally.count(answer.as_ref() == Ok(expected), || {
                let (id, schedule, question) = (&case.id, &case.schedule, &case.question);
                format!("{id} {schedule} {question:?}: expected {expected:?}, found {answer:?}")
            });
        }
        tally.print(out, name)?;
        all.add(tally);
    }
    Ok(all)
}

fn answer(
    calendar: &Calendar,
    question: &Question,
    boundary: Boundary,
) -> Result<Answer, calendar::CalendarError> {
    Ok(match *question {
        Question::After { start, minutes } => {
            Answer::Instant(calendar.add(start, SignedDuration::from_mins(minutes), boundary)?)
        }
        Question::Before { start, minutes } => {
            Answer::Instant(calendar.subtract(start, SignedDuration::from_mins(minutes))?)
        }
        Question::Within { start, end } => {
            Answer::Seconds(calendar.between(start, end)?.as_secs_f64())
        }
        Question::Open { at } => Answer::Open(calendar.is_open(at)),
    })
}

fn cases(dir: &Path) -> Result<Vec<Case>> {
    let plain = dir.join(PLAIN);
    let reader: Box<dyn Read> = if plain.is_file() {
        Box::new(File::open(plain)?)
    } else {
        Box::new(GzDecoder::new(File::open(dir.join(PACKED))?))
    };
    let mut cases = Vec::new();
    for (index, line) in BufReader::new(reader).lines().enumerate() {
        let line = line?;
        if !line.trim().is_empty() {
            let case = serde_json::from_str(&line);
            cases.push(case.with_context(|| format!("vectors, line {}", index + 1))?);
        }
    }
    Ok(cases)
}

fn calendar(schedule: &Schedule) -> Result<Calendar> {
    let mut spec = CalendarSpec { zone: schedule.tz.clone(), ..CalendarSpec::default() };
    for (weekday, pairs) in &schedule.hours {
        let day = match weekday.as_str() {
            "mon" => &mut spec.weekly.mon,
            "tue" => &mut spec.weekly.tue,
            "wed" => &mut spec.weekly.wed,
            "thu" => &mut spec.weekly.thu,
            "fri" => &mut spec.weekly.fri,
            "sat" => &mut spec.weekly.sat,
            "sun" => &mut spec.weekly.sun,
            other => bail!("{other} is no weekday"),
        };
        *day = hours(pairs);
    }
    for (date, pairs) in &schedule.shifts {
        spec.overrides.insert(*date, hours(pairs));
    }
    for (date, pairs) in &schedule.breaks {
        let weekly = &spec.weekly;
        let weekdays = [
            &weekly.mon,
            &weekly.tue,
            &weekly.wed,
            &weekly.thu,
            &weekly.fri,
            &weekly.sat,
            &weekly.sun,
        ];
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset())?;
        let day = spec.overrides.get(date).unwrap_or(weekdays[weekday]);
        let left = pairs.iter().fold(day.clone(), |day, pause| without(&day, pause));
        spec.overrides.insert(*date, left);
    }
    for date in &schedule.holidays {
        spec.overrides.insert(*date, Vec::new());
    }
    Calendar::parse(&spec).map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

fn hours(pairs: &[Pair]) -> Vec<Hours> {
    pairs.iter().map(|(from, to)| Hours::new(from, to)).collect()
}

/// What is left of a day's windows without a break; `HH:MM` sorts as text. Windows that cross
/// midnight have no breaks in these tables.
fn without(day: &[Hours], (from, to): &Pair) -> Vec<Hours> {
    let mut left = Vec::new();
    for hours in day {
        left.push(Hours::new(&hours.from, hours.to.clone().min(from.clone())));
        left.push(Hours::new(hours.from.clone().max(to.clone()), &hours.to));
    }
    left.retain(|hours| hours.from < hours.to);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: &str = r#"{"desk": {"tz": "Europe/Berlin", "hours": {"mon": [["09:00", "17:00"]]},
        "holidays": ["2024-06-10"], "shifts": {"2024-06-11": [["10:00", "12:00"]]},
        "breaks": {"2024-06-03": [["12:00", "13:00"]]}}}"#;

    fn run_lines(lines: &str) -> Tally {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(SCHEDULES), SCHEDULE).unwrap();
        std::fs::write(dir.path().join(PLAIN), lines).unwrap();
        run(dir.path(), &mut Vec::new()).unwrap()
    }

    #[test]
    fn holidays_shifts_and_breaks_are_read() {
        let tally = run_lines(
            r#"{"id":1,"schedule":"desk","op":"within","start":"2024-06-03T00:00:00Z","end":"2024-06-17T00:00:00Z","expected":32400}
            {"id":2,"schedule":"desk","op":"open","at":"2024-06-03T10:30:00Z","expected":false}
            {"id":3,"schedule":"desk","op":"before","start":"2024-06-12T00:00:00Z","minutes":180,"expected":"2024-06-03T14:00:00Z"}"#,
        );
        assert_eq!((tally.right, tally.wrong), (6, 0), "{:?}", tally.failures);
    }

    #[test]
    fn each_convention_has_its_own_answer_and_a_wrong_one_is_shown() {
        let lines = |expected: &str, alternative: &str| {
            format!(
                r#"{{"id":1,"schedule":"desk","op":"after","start":"2024-06-03T06:00:00Z","minutes":420,"expected":"{expected}","expected_alt":"{alternative}"}}"#
            )
        };
        let (closing, opening) = ("2024-06-03T15:00:00Z", "2024-06-11T08:00:00Z");
        assert_eq!(run_lines(&lines(opening, closing)).wrong, 0);
        let tally = run_lines(&lines(closing, opening));
        assert_eq!((tally.right, tally.wrong, tally.failures.len()), (0, 2, 2));
    }
}
