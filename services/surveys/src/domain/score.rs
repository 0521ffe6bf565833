//! What answers to one question come to: shares, means and how sure they are.
//!
//! A figure is made of how often each number was answered and of nothing else, so that it equals a
//! recount whatever the order. Nothing is rounded here.

use std::collections::BTreeMap;

use super::questionnaire::{Kind, Scale};

/// The quantile of the normal distribution for 95 %, both sides.
const Z: f64 = 1.959_963_984_540_054;
/// The lowest number of a promoter.
const PROMOTER: i32 = 9;
/// The highest number of a detractor.
const DETRACTOR: i32 = 6;

/// How answers to a question are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The lowest number that can be answered.
    pub lowest: i32,
    /// The highest.
    pub highest: i32,
    rule: Rule,
}

/// Which numbers count for the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Those from the first of these to the last.
    Boxes(i32, i32),
    /// Promoters for it, detractors against it.
    Nps,
}

/// What a number counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// For the score.
    For,
    /// Neither.
    Between,
    /// Against it; only of an NPS.
    Against,
}

/// How often something was answered, or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often each number was answered.
    pub values: BTreeMap<i32, i64>,
    /// Who was asked and left it out.
    pub unanswered: i64,
    /// What staff excluded.
    pub excluded: i64,
    /// What is suspected to come from a machine.
    pub suspected: i64,
}

/// From where to where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What answers come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// How many answers were counted.
    pub n: i64,
    /// How many count for the score.
    pub numerator: i64,
    /// How many count against it.
    pub detractors: i64,
    /// The score in percent with its 95 % interval; none without answers.
    pub score: Option<(f64, Interval)>,
    /// The mean; none without answers.
    pub mean: Option<f64>,
    /// The mean's 95 % interval; none of less than two answers.
    pub mean_interval: Option<Interval>,
    /// How often each number of the scale was answered, from the lowest to the highest.
    pub values: Vec<(i32, i64)>,
}

impl Measure {
    /// How answers of this kind are counted; `None` where they are no numbers.
    pub const fn of(kind: &Kind) -> Option<Self> {
        match kind {
            Kind::Nps => Some(Self { lowest: 0, highest: 10, rule: Rule::Nps }),
            Kind::Rating(scale) | Kind::Csat(scale) => Some(Self::top(scale, boxes(scale))),
            Kind::Ces { scale, low_is_good } => {
                let count = if scale.min == 1 && scale.max == 7 { 3 } else { boxes(scale) };
                let top = Self::top(scale, count);
                let lowest = Rule::Boxes(scale.min, scale.min + count - 1);
                Some(if *low_is_good { Self { rule: lowest, ..top } } else { top })
            }
            Kind::SingleChoice(_)
            | Kind::MultipleChoice { .. }
            | Kind::ShortText
            | Kind::LongText => None,
        }
    }

    const fn top(scale: &Scale, count: i32) -> Self {
        let rule = Rule::Boxes(scale.max - count + 1, scale.max);
        Self { lowest: scale.min, highest: scale.max, rule }
    }

    /// What a number of the scale counts as.
    pub const fn bucket(self, number: i32) -> Bucket {
        match self.rule {
            Rule::Boxes(first, last) if first <= number && number <= last => Bucket::For,
            Rule::Nps if number >= PROMOTER => Bucket::For,
            Rule::Nps if number <= DETRACTOR => Bucket::Against,
            Rule::Boxes(..) | Rule::Nps => Bucket::Between,
        }
    }

    /// What these counts come to. Numbers beyond the scale are passed over: there are none, since an
    /// answer is checked before it is kept.
    pub fn figure(self, counts: &Counts) -> Figure {
        let count = |number| (number, counts.values.get(&number).copied().unwrap_or(0));
        let values: Vec<(i32, i64)> = (self.lowest..=self.highest).map(count).collect();
        let n = values.iter().map(|(_, count)| count).sum();
        let of = |bucket| {
            let all = values.iter().filter(|(number, _)| self.bucket(*number) == bucket);
            all.map(|(_, count)| count).sum::<i64>()
        };
        let (numerator, detractors) = (of(Bucket::For), of(Bucket::Against));
        let score = (n > 0).then(|| match self.rule {
            Rule::Boxes(..) => share(numerator, n),
            Rule::Nps => nps(numerator, detractors, n),
        });
        let (mean, mean_interval) = mean(&values, n);
        Figure { n, numerator, detractors, score, mean, mean_interval, values }
    }
}

/// How many numbers at the good end are satisfied ones: 3 of 3, 3–4 of 4, 4–5 of 5, 5–6 of 6, 6–7 of 7,
/// 8–10 of 10; the best two of any other scale.
const fn boxes(scale: &Scale) -> i32 {
    match (scale.min, scale.max) {
        (1, 3) => 1,
        (_, 10) => 3,
        _ => 2,
    }
}

/// A share in percent with its 95 % interval, Wilson's score interval (E. B. Wilson, "Probable
/// inference, the law of succession, and statistical inference", 1927). `n` is not 0.
fn share(part: i64, n: i64) -> (f64, Interval) {
    let (p, n, z2) = (ratio(part, n), float(n), Z * Z);
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    // At 0 and 1 the nearer end is the share itself, which rounding must not miss.
    let (low, high) = ((centre - half).clamp(0.0, p), (centre + half).clamp(p, 1.0));
    (100.0 * p, Interval { low: 100.0 * low, high: 100.0 * high })
}

/// An NPS with its 95 % interval: the variance of a value that is 1, 0 or −1 is p + d − (p − d)². `n` is
/// not 0.
fn nps(promoters: i64, detractors: i64, n: i64) -> (f64, Interval) {
    let (p, d) = (ratio(promoters, n), ratio(detractors, n));
    let score = ratio(promoters - detractors, n);
    let variance = (p + d - score * score).max(0.0);
    let half = Z * (variance / float(n)).sqrt();
    let interval = Interval { low: 100.0 * (score - half), high: 100.0 * (score + half) };
    (100.0 * score, interval)
}

/// The mean, and its 95 % interval by the sample's own variance. Sums are whole numbers, so that the
/// order of the answers is nothing to them.
fn mean(values: &[(i32, i64)], n: i64) -> (Option<f64>, Option<Interval>) {
    if n == 0 {
        return (None, None);
    }
    let all = || values.iter().map(|(number, count)| (i128::from(*number), i128::from(*count)));
    let sum: i128 = all().map(|(number, count)| number * count).sum();
    let squares: i128 = all().map(|(number, count)| number * number * count).sum();
    let (n, mean) = (i128::from(n), float(sum) / float(n));
    if n == 1 {
        return (Some(mean), None);
    }
    let variance = float(n * squares - sum * sum) / float(n * (n - 1));
    let half = Z * (variance / float(n)).sqrt();
    (Some(mean), Some(Interval { low: mean - half, high: mean + half }))
}

fn ratio(part: i64, n: i64) -> f64 {
    float(part) / float(n)
}

#[expect(clippy::cast_precision_loss, reason = "counts of answers are far below 2^52")]
fn float(number: impl Into<i128>) -> f64 {
    number.into() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::questionnaire::Texts;

    fn scale(min: i32, max: i32) -> Scale {
        Scale { min, max, low: Texts::new(), high: Texts::new() }
    }

    /// Every kind of measure on every scale that may be given to it.
    fn kinds() -> Vec<Kind> {
        let mut kinds = vec![Kind::Nps];
        kinds.extend([3, 4, 5, 6, 7, 10].map(|max| Kind::Csat(scale(1, max))));
        for (min, max) in (0..=1).flat_map(|min| (3..=10).map(move |max| (min, max))) {
            kinds.push(Kind::Rating(scale(min, max)));
            for low_is_good in [false, true] {
                kinds.push(Kind::Ces { scale: scale(min, max), low_is_good });
            }
        }
        kinds
    }

    fn measures() -> Vec<Measure> {
        kinds().iter().map(|kind| Measure::of(kind).unwrap()).collect()
    }

    fn counts(values: &[(i32, i64)]) -> Counts {
        Counts { values: values.iter().copied().collect(), ..Counts::default() }
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 5e-5, "{found} is not {expected}");
    }

    #[test]
    fn the_satisfied_ones_are_those_of_the_scale() {
        let of = |kind: &Kind| {
            let measure = Measure::of(kind).unwrap();
            let numbers = measure.lowest..=measure.highest;
            numbers.filter(|number| measure.bucket(*number) == Bucket::For).collect::<Vec<_>>()
        };
        for (max, good) in [
            (3, vec![3]),
            (4, vec![3, 4]),
            (5, vec![4, 5]),
            (6, vec![5, 6]),
            (7, vec![6, 7]),
            (10, vec![8, 9, 10]),
        ] {
            assert_eq!(of(&Kind::Csat(scale(1, max))), good);
            assert_eq!(of(&Kind::Rating(scale(1, max))), good);
        }
        let ces = |max, low_is_good| of(&Kind::Ces { scale: scale(1, max), low_is_good });
        assert_eq!((ces(7, false), ces(7, true)), (vec![5, 6, 7], vec![1, 2, 3]));
        assert_eq!((ces(5, false), ces(5, true)), (vec![4, 5], vec![1, 2]));
        assert_eq!((ces(3, false), ces(3, true)), (vec![3], vec![1]));
        assert_eq!(of(&Kind::Rating(scale(0, 10))), [8, 9, 10]);
        assert_eq!(of(&Kind::Nps), [9, 10]);
        assert_eq!(Measure::of(&Kind::ShortText), None);
    }

    #[test]
    fn every_number_of_a_scale_is_in_one_bucket() {
        for measure in measures() {
            let all: Vec<_> = (measure.lowest..=measure.highest).map(|n| (n, 1)).collect();
            let figure = measure.figure(&counts(&all));
            assert_eq!(figure.values, all);
            let between = all.iter().filter(|(n, _)| measure.bucket(*n) == Bucket::Between).count();
            let between = i64::try_from(between).unwrap();
            assert_eq!(figure.numerator + figure.detractors + between, figure.n);
            assert!(figure.numerator > 0 && figure.numerator < figure.n, "{measure:?}");
        }
    }

    #[test]
    fn the_interval_of_an_nps_is_that_of_its_variance() {
        // p = 1/2 and d = 1/6 of a hundred would be 33.33 ± 14.61; of three hundred it is √3 narrower.
        let figure =
            Measure::of(&Kind::Nps).unwrap().figure(&counts(&[(10, 150), (8, 100), (0, 50)]));
        let (score, Interval { low, high }) = figure.score.unwrap();
        near(score, 33.333_33);
        let of_a_hundred = (high - low) / 2.0 * 3.0_f64.sqrt();
        near(of_a_hundred / Z, 7.453_56);
        near(of_a_hundred, 14.608_71);
    }

    #[test]
    fn nothing_and_one_answer_claim_no_more_than_they_know() {
        for measure in measures() {
            let none = measure.figure(&Counts { unanswered: 3, excluded: 2, ..counts(&[]) });
            assert_eq!((none.n, none.score, none.mean, none.mean_interval), (0, None, None, None));
            let one = measure.figure(&counts(&[(measure.highest, 1)]));
            assert_eq!((one.n, one.mean_interval), (1, None));
            assert_eq!(one.mean, Some(f64::from(measure.highest)));
            assert!(one.score.is_some());
        }
    }

    prop_compose! {
        fn answers()(at in 0..kinds().len())(
            at in Just(at),
            answers in prop::collection::vec(
                Measure::of(&kinds()[at]).map_or(0..=0, |one| one.lowest..=one.highest),
                1..60,
            ),
        ) -> (Measure, bool, Vec<i32>) {
            let low_is_good = matches!(kinds()[at], Kind::Ces { low_is_good: true, .. });
            (measures()[at], low_is_good, answers)
        }
    }

    fn tally(answers: &[i32]) -> Counts {
        let mut counts = Counts::default();
        for answer in answers {
            *counts.values.entry(*answer).or_default() += 1;
        }
        counts
    }

    proptest! {
        #[test]
        fn intervals_contain_what_they_are_about((measure, _, answers) in answers()) {
            let figure = measure.figure(&tally(&answers));
            let (score, Interval { low, high }) = figure.score.unwrap();
            prop_assert!(low <= score && score <= high);
            if let (Some(mean), Some(Interval { low, high })) = (figure.mean, figure.mean_interval) {
                prop_assert!(low <= mean && mean <= high);
            }
        }

        #[test]
        fn a_better_answer_never_lowers_the_score(
            (measure, low_is_good, answers) in answers(),
            which in any::<prop::sample::Index>(),
        ) {
            let mut better = answers.clone();
            let answer = &mut better[which.index(answers.len())];
            *answer += if low_is_good { -1 } else { 1 };
            *answer = (*answer).clamp(measure.lowest, measure.highest);
            let score = |answers: &[i32]| measure.figure(&tally(answers)).score.unwrap();
            let ((before, around), (after, then)) = (score(&answers), score(&better));
            prop_assert!(after >= before);
            let is_share = matches!(measure.rule, Rule::Boxes(..));
            prop_assert!(!is_share || then.low >= around.low && then.high >= around.high);
        }

        #[test]
        fn the_order_of_the_answers_is_nothing_to_it((measure, _, answers) in answers()) {
            let mut turned = answers.clone();
            turned.reverse();
            turned.rotate_left(answers.len() / 3);
            prop_assert_eq!(measure.figure(&tally(&answers)), measure.figure(&tally(&turned)));
        }
    }
}
