//! What a response adds to the table of scores: of each question with numbers on its path the number,
//! or that it was left out; by day and by month, in all and by what it is about.
//!
//! Answers to questions that were not asked are on no path, so that they reach no total.

use std::collections::{BTreeMap, BTreeSet};

use contracts::surveys::v1::{Dimension, Standing};
use jiff::{Span, civil::Date};
use kernel::{SurveyId, TenantId, Time};

/// The `value` of who was asked and left it out.
pub const UNANSWERED: i64 = -1;
/// The `value` of what staff excluded.
pub const EXCLUDED: i64 = -2;
/// The `value` of what is suspected to come from a machine.
pub const SUSPECTED: i64 = -3;

/// How long a period of the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// A day.
    Day = 1,
    /// A month.
    Month = 2,
}

/// A response as scores see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Whose it is.
    pub tenant: TenantId,
    /// What was answered.
    pub survey: SurveyId,
    /// The series of scores.
    pub series: i64,
    /// The day where the tenant is, in days since 1970.
    pub day: i64,
    /// What it is about.
    pub about: About,
    /// The questions that were asked.
    pub path: Vec<String>,
    /// The answers that are numbers.
    pub numbers: BTreeMap<String, i64>,
}

/// What a response is counted by; empty where it is about none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The team.
    pub team: String,
    /// Who had the ticket.
    pub agent: String,
    /// The product.
    pub product: String,
    /// The channel.
    pub channel: String,
}

/// A row of the table, by its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Whose it is.
    pub tenant: TenantId,
    /// The survey.
    pub survey: SurveyId,
    /// The series of scores.
    pub series: i64,
    /// The question.
    pub question: String,
    /// How long the period is.
    pub grain: Grain,
    /// By what it is told apart, a [`Dimension`].
    pub dimension: i32,
    /// The period's first day, in days since 1970.
    pub period: i64,
    /// The value of the dimension.
    pub key: String,
    /// The number, or one of the constants.
    pub value: i64,
}

/// By how much rows of the table change, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<Cell, i64>);

impl Changes {
    /// Counts a response that stands so `times` times, or takes it back where that is negative.
    /// `scored` are the questions that have numbers.
    pub fn count(
        &mut self,
        answered: &Answered,
        scored: &BTreeSet<String>,
        standing: Standing,
        times: i64,
    ) {
        for question in answered.path.iter().filter(|question| scored.contains(*question)) {
            let Some(value) = value(answered, question, standing) else { continue };
            for (grain, period) in
                [(Grain::Day, answered.day), (Grain::Month, month_of(answered.day))]
            {
                for (dimension, key) in answered.about.keys() {
                    let cell = Cell {
                        tenant: answered.tenant,
                        survey: answered.survey,
                        series: answered.series,
                        question: question.clone(),
                        grain,
                        dimension: dimension.into(),
                        period,
                        key: key.to_owned(),
                        value,
                    };
                    *self.0.entry(cell).or_default() += times;
                }
            }
        }
    }

    /// What changes after all, in the order of the keys.
    pub fn rows(&self) -> impl Iterator<Item = (&Cell, i64)> {
        self.0.iter().map(|(cell, by)| (cell, *by)).filter(|(_, by)| *by != 0)
    }
}

impl About {
    fn keys(&self) -> [(Dimension, &str); 5] {
        [
            (Dimension::Unspecified, ""),
            (Dimension::Team, &self.team),
            (Dimension::Agent, &self.agent),
            (Dimension::Product, &self.product),
            (Dimension::Channel, &self.channel),
        ]
    }
}

/// What a response that stands so is counted as; nothing where another one counts instead of it.
fn value(answered: &Answered, question: &str, standing: Standing) -> Option<i64> {
    match standing {
        Standing::Counted => Some(answered.numbers.get(question).copied().unwrap_or(UNANSWERED)),
        Standing::Excluded => Some(EXCLUDED),
        Standing::Suspected => Some(SUSPECTED),
        Standing::Superseded | Standing::Unspecified => None,
    }
}

/// The day of an instant in UTC, in days since 1970.
pub const fn day_at(time: Time) -> i64 {
    time.seconds().div_euclid(86_400)
}

/// The first day of a day's month, both in days since 1970.
pub fn month_of(day: i64) -> i64 {
    date(day).map_or(day, |date| day_of(date.first_of_month()))
}

/// The date of a day, `None` beyond the calendar.
pub fn date(day: i64) -> Option<Date> {
    Date::constant(1970, 1, 1).checked_add(Span::new().try_days(day).ok()?).ok()
}

/// The days from 1970 to a date.
pub fn day_of(date: Date) -> i64 {
    // Between two dates of the calendar there are some seven million days at most.
    Date::constant(1970, 1, 1).until(date).map_or(0, |span| i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn answered(path: &[&str], numbers: &[(&str, i64)]) -> Answered {
        Answered {
            tenant: Uuid::from_u128(1).into(),
            survey: Uuid::from_u128(2).into(),
            series: 1,
            // 2026-11-27
            day: 20_784,
            about: About { team: "teams/first-line".to_owned(), ..About::default() },
            path: path.iter().map(|id| (*id).to_owned()).collect(),
            numbers: numbers.iter().map(|(id, number)| ((*id).to_owned(), *number)).collect(),
        }
    }

    fn scored() -> BTreeSet<String> {
        ["a", "b"].map(str::to_owned).into()
    }

    fn counted(answered: &Answered, standing: Standing) -> Changes {
        let mut changes = Changes::default();
        changes.count(answered, &scored(), standing, 1);
        changes
    }

    fn values(changes: &Changes) -> BTreeSet<(&str, i64)> {
        changes.rows().map(|(cell, _)| (cell.question.as_str(), cell.value)).collect()
    }

    #[test]
    fn a_response_counts_by_day_and_month_in_all_and_by_what_it_is_about() {
        let changes = counted(&answered(&["a"], &[("a", 4)]), Standing::Counted);
        let rows: Vec<_> = changes.rows().map(|(cell, by)| (cell.clone(), by)).collect();
        assert_eq!(rows.len(), 2 * 5);
        assert!(rows.iter().all(|(cell, by)| cell.value == 4 && *by == 1));
        let periods: BTreeSet<_> = rows.iter().map(|(cell, _)| (cell.grain, cell.period)).collect();
        // 2026-11-01
        assert_eq!(periods, [(Grain::Day, 20_784), (Grain::Month, 20_758)].into());
        let keys: BTreeSet<_> =
            rows.iter().map(|(cell, _)| (cell.dimension, cell.key.as_str())).collect();
        assert_eq!(keys, [(0, ""), (1, "teams/first-line"), (2, ""), (3, ""), (4, "")].into());
    }

    #[test]
    fn what_does_not_count_is_told_apart() {
        let response = answered(&["a", "b", "words"], &[("a", 4)]);
        let of = |standing| {
            let changes = counted(&response, standing);
            values(&changes).into_iter().map(|(id, value)| (id.to_owned(), value)).collect()
        };
        let expected = |all: &[(&str, i64)]| -> BTreeSet<(String, i64)> {
            all.iter().map(|(id, value)| ((*id).to_owned(), *value)).collect()
        };
        assert_eq!(expected(&[("a", 4), ("b", UNANSWERED)]), of(Standing::Counted));
        assert_eq!(expected(&[("a", EXCLUDED), ("b", EXCLUDED)]), of(Standing::Excluded));
        assert_eq!(expected(&[("a", SUSPECTED), ("b", SUSPECTED)]), of(Standing::Suspected));
        assert_eq!(expected(&[]), of(Standing::Superseded));
    }

    #[test]
    fn days_and_months_are_those_of_the_calendar() {
        let day = |text: &str| day_of(text.parse().unwrap());
        for (any, first) in [
            ("1970-01-01", "1970-01-01"),
            ("2024-02-29", "2024-02-01"),
            ("2026-12-31", "2026-12-01"),
            ("1969-12-31", "1969-12-01"),
        ] {
            assert_eq!(month_of(day(any)), day(first), "{any}");
            assert_eq!(date(day(any)).unwrap().to_string(), any);
        }
        assert_eq!(day_at(Time::from_micros(-1)), -1);
        assert_eq!(day_at(Time::from_micros(86_400_000_000)), 1);
        assert_eq!(date(i64::MAX), None);
    }

    fn some() -> impl Strategy<Value = (Answered, Standing)> {
        let path = prop::sample::subsequence(vec!["a", "b", "words"], 0..=3);
        let numbers =
            prop::collection::btree_map(prop::sample::select(vec!["a", "b"]), 1..6_i64, 0..3);
        let standings =
            vec![Standing::Counted, Standing::Excluded, Standing::Suspected, Standing::Superseded];
        (path, numbers, prop::sample::select(standings)).prop_map(|(path, numbers, standing)| {
            let numbers: Vec<_> = numbers.into_iter().collect();
            (answered(&path, &numbers), standing)
        })
    }

    proptest! {
        #[test]
        fn what_was_not_asked_reaches_no_total((response, standing) in some()) {
            let changes = counted(&response, standing);
            let asked = |id: &str| response.path.iter().any(|one| one == id);
            prop_assert!(values(&changes).iter().all(|(id, _)| asked(id)));
        }

        #[test]
        fn counting_and_taking_back_is_nothing_in_any_order(
            all in prop::collection::vec(some(), 0..8),
        ) {
            let (mut forth, mut back) = (Changes::default(), Changes::default());
            for (response, standing) in &all {
                forth.count(response, &scored(), *standing, 1);
            }
            for (response, standing) in all.iter().rev() {
                back.count(response, &scored(), *standing, 1);
            }
            prop_assert_eq!(&forth, &back);
            for (response, standing) in &all {
                forth.count(response, &scored(), *standing, -1);
            }
            prop_assert_eq!(forth.rows().count(), 0);
        }
    }
}
