//! What the suite tells of a year beside what others have counted of it

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use contracts::surveys::v1::Score;
use serde_json::Value;

use super::data::{NPS, Year, id};
use super::record::Told;
use super::{REFERENCE, Tally};

/// How far two figures may be apart that were reckoned in another order.
const NEAR: f64 = 1e-9;

/// One figure, and what it must be.
#[derive(Debug, PartialEq)]
struct Pair {
    ours: f64,
    theirs: f64,
    /// To how many digits behind the point theirs was rounded; `None` where it was not.
    digits: Option<u8>,
}

/// Prints a year's figures and counts the equal ones.
pub(super) fn year(dir: &Path, year: &Year, told: &Told, out: &mut impl Write) -> Result<Tally> {
    let mut tally = Tally::default();
    writeln!(out, "  {:<22} {:<40} {:<40}", year.number, "ours", "theirs")?;
    let reference: Value = serde_json::from_slice(&std::fs::read(dir.join(REFERENCE))?)?;
    let reference = &reference[year.number.to_string()];
    for column in year.items.keys().filter(|column| reference[*column].is_object()) {
        let score = told.whole.get(&id(column)).context("a question was not told")?;
        line(&mut tally, out, column, &item(score, &reference[column]))?;
    }
    if reference["NPS"].is_object() {
        let score = told.whole.get(NPS).context("the NPS was not told")?;
        line(&mut tally, out, "NPS", &nps(score, &reference["NPS"]))?;
    }
    let file = |name: &str| dir.join(format!("peer_{}_agg_{name}.csv", year.number));
    for (day, rows) in by_day(rows(&file("nps_daily"))?) {
        let name = format!("NPS of day {day}");
        line(&mut tally, out, &name, &daily(told, &day, &rows)?)?;
    }
    for (table, key) in [("q7_metrics", "q7_item"), ("q9_metrics", "q9_item")] {
        for row in rows(&file(table))? {
            let name = format!("{table} {}", row[key]);
            let score = told.whole.get(&id(&row[key])).context("a question was not told")?;
            line(&mut tally, out, &name, &metrics(score, &row)?)?;
        }
    }
    for (question, apart) in &told.by_area {
        let n = told.whole.get(question).map_or(0, |score| score.n);
        let right = *apart == n;
        tally.count(right, || format!("{question}: {apart} by area, {n} in all"));
    }
    Ok(tally)
}

/// Prints a line and counts it.
fn line(tally: &mut Tally, out: &mut impl Write, name: &str, pairs: &[Pair]) -> Result<()> {
    let told = |of: fn(&Pair) -> f64| {
        let all = pairs.iter().map(|pair| match pair.digits {
            Some(digits) => format!("{:.*}", usize::from(digits), of(pair)),
            None => format!("{:.6}", of(pair)),
        });
        all.collect::<Vec<_>>().join(" ")
    };
    let (ours, theirs) = (told(|pair| pair.ours), told(|pair| pair.theirs));
    let equal = pairs.iter().all(Pair::is_equal);
    let verdict = if equal { "equal" } else { "DIFFERENT" };
    writeln!(out, "  {name:<22} {ours:<40} {theirs:<40} {verdict}")?;
    tally.count(equal, || format!("{name}: {ours} instead of {theirs}"));
    Ok(())
}

impl Pair {
    fn is_equal(&self) -> bool {
        // Two counts that differ do so by one at least.
        let half = self.digits.map_or(0.0, |digits| 0.5 * 0.1_f64.powi(digits.into()));
        (self.ours - self.theirs).abs() <= half + NEAR
    }
}

/// A count: printed without a point, and never rounded.
fn count(ours: i64, theirs: f64) -> Pair {
    Pair { ours: float(ours), theirs, digits: Some(0) }
}

/// n, the mean, the top two and the bottom two of the scale.
fn item(score: &Score, reference: &Value) -> Vec<Pair> {
    let theirs = |name: &str| reference[name].as_f64().unwrap_or(f64::NAN);
    let bottom = 100.0 * float(of_values(score, 1..=2)) / float(score.n);
    vec![
        count(score.n, theirs("n")),
        Pair { ours: score.mean.unwrap_or(f64::NAN), theirs: theirs("mean"), digits: Some(4) },
        Pair { ours: score.score.unwrap_or(f64::NAN), theirs: theirs("top2_pct"), digits: Some(2) },
        Pair { ours: bottom, theirs: theirs("bottom2_pct"), digits: Some(2) },
    ]
}

/// n, promoters, passives, detractors and the score.
fn nps(score: &Score, reference: &Value) -> Vec<Pair> {
    let theirs = |name: &str| reference[name].as_f64().unwrap_or(f64::NAN);
    vec![
        count(score.n, theirs("n")),
        count(score.numerator, theirs("promoters")),
        count(score.n - score.numerator - score.detractors, theirs("passives")),
        count(score.detractors, theirs("detractors")),
        Pair { ours: score.score.unwrap_or(f64::NAN), theirs: theirs("nps"), digits: Some(2) },
    ]
}

type Cells = BTreeMap<String, String>;

/// Rows by the day of the month. The table tells that alone, so that a row which others have dated in
/// another month is of the same day here.
fn by_day(rows: Vec<Cells>) -> BTreeMap<String, Vec<Cells>> {
    let mut days: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows {
        let day = row["date"].rsplit('-').next().unwrap_or_default().to_owned();
        days.entry(day).or_default().push(row);
    }
    days
}

/// n, promoters, passives, detractors and the score of one day.
fn daily(told: &Told, day: &str, rows: &[Cells]) -> Result<Vec<Pair>> {
    let none = Score::default();
    let of_day = |score: &&Score| score.period.rsplit('-').next() == Some(day);
    let score = told.days.iter().find(of_day).unwrap_or(&none);
    let sum = |column| rows.iter().map(|row| number(row, column)).sum::<Result<f64>>();
    let (n, promoters, detractors) = (sum("n_total")?, sum("promoter")?, sum("detractor")?);
    let theirs = match rows {
        [row] => number(row, "nps")?,
        _ => 100.0 * (promoters - detractors) / n,
    };
    Ok(vec![
        count(score.n, n),
        count(score.numerator, promoters),
        count(score.n - score.numerator - score.detractors, sum("passive")?),
        count(score.detractors, detractors),
        whole(score.score, theirs),
    ])
}

/// n and the mean; of the top two and the bottom two of the scale, or of 5 as clean and 1 and 2 as dirty,
/// how many and what share.
fn metrics(score: &Score, row: &Cells) -> Result<Vec<Pair>> {
    let share = |part: i64| Some(100.0 * float(part) / float(score.n));
    let (top, bottom) = (score.numerator, of_values(score, 1..=2));
    let mut pairs =
        vec![count(score.n, number(row, "n")?), whole(score.mean, number(row, "avg_score")?)];
    if row.contains_key("top2_n") {
        pairs.push(count(top, number(row, "top2_n")?));
        pairs.push(count(bottom, number(row, "bottom2_n")?));
        pairs.push(whole(score.score, number(row, "top2_per100")?));
        pairs.push(whole(share(bottom), number(row, "bottom2_per100")?));
    } else {
        let clean = of_values(score, 5..=5);
        pairs.push(count(clean, number(row, "clean_n")?));
        pairs.push(count(bottom, number(row, "dirty_n")?));
        pairs.push(whole(share(clean), number(row, "clean_per100")?));
        pairs.push(whole(share(bottom), number(row, "dirty_per100")?));
    }
    Ok(pairs)
}

/// A figure that nobody rounded.
fn whole(ours: Option<f64>, theirs: f64) -> Pair {
    Pair { ours: ours.unwrap_or(f64::NAN), theirs, digits: None }
}

fn of_values(score: &Score, values: std::ops::RangeInclusive<i32>) -> i64 {
    let among = score.values.iter().filter(|count| values.contains(&count.value));
    among.map(|count| count.count).sum()
}

/// The rows of a table; none where there is no such file.
fn rows(path: &PathBuf) -> Result<Vec<Cells>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut table = csv::Reader::from_path(path)?;
    let rows = table.deserialize().collect::<Result<Vec<Cells>, _>>();
    rows.with_context(|| format!("reading {}", path.display()))
}

fn number(row: &Cells, column: &str) -> Result<f64> {
    let text = row.get(column).with_context(|| format!("there is no column {column}"))?;
    text.parse().with_context(|| format!("`{text}` is no number"))
}

#[expect(clippy::cast_precision_loss, reason = "some thousand answers")]
fn float(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use contracts::surveys::v1::ValueCount;
    use serde_json::json;

    use super::*;

    fn score() -> Score {
        let value = |(value, count)| ValueCount { value, count };
        Score {
            n: 2688,
            numerator: 2206,
            score: Some(82.068_452_380_952_38),
            mean: Some(4.064_360_119_047_619),
            values: [(1, 6), (2, 32), (3, 444), (4, 1507), (5, 699)].map(value).to_vec(),
            ..Score::default()
        }
    }

    #[test]
    fn figures_are_equal_to_the_digits_that_are_given() {
        let reference =
            json!({ "n": 2688, "mean": 4.0644, "top2_pct": 82.07, "bottom2_pct": 1.41 });
        let mut tally = Tally::default();
        line(&mut tally, &mut Vec::new(), "Q7ALL", &item(&score(), &reference)).unwrap();
        for (field, wrong) in [("n", 2689.0), ("mean", 4.0645), ("top2_pct", 82.06)] {
            let mut other = reference.clone();
            other[field] = json!(wrong);
            let mut out = Vec::new();
            line(&mut tally, &mut out, "Q7ALL", &item(&score(), &other)).unwrap();
            assert!(String::from_utf8(out).unwrap().contains("DIFFERENT"), "{field}");
        }
        assert_eq!((tally.right, tally.wrong), (1, 3));
    }

    #[test]
    fn what_was_not_told_is_not_equal() {
        let reference = json!({ "n": 0, "mean": 4.0, "top2_pct": 1.0, "bottom2_pct": 1.0 });
        assert!(!item(&Score::default(), &reference).iter().all(Pair::is_equal));
    }
}
