//! A table of right figures, worked out apart from this program.

use std::collections::BTreeMap;

use crate::domain::{
    questionnaire::{Kind, Scale, Texts},
    score::{Counts, Figure, Measure},
};

const TABLE: &str = include_str!("figures.txt");

/// The kind in `csat 1-5`.
fn kind(text: &str) -> Kind {
    let (name, range) = text.split_once(' ').unwrap();
    let (min, max) = range.split_once('-').unwrap();
    let (min, max) = (min.parse().unwrap(), max.parse().unwrap());
    let scale = Scale { min, max, low: Texts::new(), high: Texts::new() };
    match name {
        "nps" => Kind::Nps,
        "csat" => Kind::Csat(scale),
        "rating" => Kind::Rating(scale),
        "ces-high" => Kind::Ces { scale, low_is_good: false },
        "ces-low" => Kind::Ces { scale, low_is_good: true },
        other => panic!("no kind {other}"),
    }
}

/// The counts in `4:80 5:1`.
fn counts(text: &str) -> Counts {
    let pairs = text.split_whitespace().filter_map(|pair| pair.split_once(':'));
    let values: BTreeMap<i32, i64> =
        pairs.map(|(value, count)| (value.parse().unwrap(), count.parse().unwrap())).collect();
    Counts { values, ..Counts::default() }
}

fn told(figure: &Figure) -> String {
    let number =
        |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |one| format!("{one:.6}"));
    let (score, around, mean) =
        (figure.score, figure.score.map(|(_, one)| one), figure.mean_interval);
    format!(
        "{} {} {} | {} {} {} | {} {} {}",
        figure.n,
        figure.numerator,
        figure.detractors,
        number(score.map(|(score, _)| score)),
        number(around.map(|one| one.low)),
        number(around.map(|one| one.high)),
        number(figure.mean),
        number(mean.map(|one| one.low)),
        number(mean.map(|one| one.high)),
    )
}

#[test]
fn figures_are_those_of_the_table() {
    let mut lines = 0;
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (measured, rest) = line.split_once(" | ").unwrap();
        let (answered, expected) = rest.split_once(" | ").unwrap();
        let figure = Measure::of(&kind(measured)).unwrap().figure(&counts(answered));
        assert_eq!(told(&figure), expected, "{line}");
        lines += 1;
    }
    assert_eq!(lines, 29);
}

/// Newcombe gives four digits.
#[test]
fn shares_have_the_intervals_that_were_published() {
    for (part, n, low, high) in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ] {
        let counts = Counts { values: [(5, part), (1, n - part)].into(), ..Counts::default() };
        let figure = Measure::of(&kind("csat 1-5")).unwrap().figure(&counts);
        let (_, interval) = figure.score.unwrap();
        assert!((interval.low / 100.0 - low).abs() <= 5e-5, "{part} of {n}: {interval:?}");
        assert!((interval.high / 100.0 - high).abs() <= 5e-5, "{part} of {n}: {interval:?}");
    }
}
