//! Properties of business time, and its agreement with an oracle that steps second by second
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

use std::collections::BTreeMap;

use aftercare_calendar::{Boundary, Calendar, CalendarSpec, Hours, Weekly};
use jiff::civil::{Date, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Tehran",
    "Asia/Shanghai",
];

fn time(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Windows of one day: the edges are sorted and taken in pairs; the last one may cross midnight.
fn hours() -> impl Strategy<Value = Vec<Hours>> {
    let edge = prop_oneof![2 => 0..1_440_u32, 1 => (0..96_u32).prop_map(|quarter| quarter * 15)];
    (prop::collection::btree_set(edge, 0..=6), any::<bool>()).prop_map(|(edges, night)| {
        let mut edges: Vec<u32> = edges.into_iter().collect();
        if edges.len() % 2 == 1 {
            edges.push(1_440);
        }
        let mut hours: Vec<_> =
            edges.chunks(2).map(|pair| Hours::new(time(pair[0]), time(pair[1]))).collect();
        if let Some(last) = hours.last_mut().filter(|_| night) {
            last.to = time(edges[edges.len() - 2] / 3);
        }
        hours
    })
}

fn weekly() -> impl Strategy<Value = Weekly> {
    let open = hours().prop_filter("Monday is open", |hours| !hours.is_empty());
    (open, hours(), hours(), hours(), hours(), hours(), hours()).prop_map(
        |(mon, tue, wed, thu, fri, sat, sun)| Weekly { mon, tue, wed, thu, fri, sat, sun },
    )
}

/// A calendar, and an instant within a day and a half of a change of its clock or anywhere; some
/// overrides lie on the days around it.
fn case() -> impl Strategy<Value = (CalendarSpec, Timestamp)> {
    let overrides = prop::collection::vec((-3..=3_i64, hours()), 0..=2);
    let near = -130_000_000_000..130_000_000_000_i64;
    (0..ZONES.len(), weekly(), overrides, 2005..2031_i16, 0..3_usize, near).prop_map(
        |(zone, weekly, overrides, year, transition, near)| {
            let zone = ZONES[zone];
            let tz = TimeZoneDatabase::bundled().get(zone).unwrap();
            let new_year = date(year, 1, 1).to_zoned(tz.clone()).unwrap().timestamp();
            let change = tz.following(new_year).nth(transition);
            let change = change.map_or(new_year, |change| change.timestamp());
            let at = change + SignedDuration::from_micros(near);
            let today = tz.to_datetime(at).date();
            let day = |offset| today + SignedDuration::from_hours(offset * 24);
            let overrides = overrides.into_iter().map(|(offset, hours)| (day(offset), hours));
            let overrides: BTreeMap<_, _> = overrides.collect();
            (CalendarSpec { zone: zone.to_owned(), weekly, overrides }, at)
        },
    )
}

fn boundary() -> impl Strategy<Value = Boundary> {
    prop_oneof![Just(Boundary::Closing), Just(Boundary::Opening)]
}

/// Up to 150 hours, in microseconds.
fn budget() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        (0..540_000_000_000_i64).prop_map(SignedDuration::from_micros),
        (0..600_i64).prop_map(|quarter| SignedDuration::from_mins(quarter * 15)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_added_lies_between(
        (spec, start) in case(), budget in budget(), boundary in boundary(),
    ) {
        let calendar = Calendar::parse(&spec).unwrap();
        let end = calendar.add(start, budget, boundary).unwrap();
        prop_assert_eq!(calendar.between(start, end).unwrap(), budget);
        prop_assert_eq!(calendar.between(end, start).unwrap(), -budget);
        if boundary == Boundary::Opening {
            prop_assert!(calendar.is_open(end));
        } else if !budget.is_zero() {
            let before = end - SignedDuration::from_nanos(1);
            prop_assert!(calendar.between(start, before).unwrap() < budget);
        }
    }

    #[test]
    fn subtracting_takes_back_adding_from_an_open_instant(
        (spec, at) in case(), budget in budget(), boundary in boundary(),
    ) {
        let calendar = Calendar::parse(&spec).unwrap();
        let start = calendar.next_opening(at).unwrap();
        let end = calendar.add(start, budget, boundary).unwrap();
        if !budget.is_zero() {
            prop_assert_eq!(calendar.subtract(end, budget).unwrap(), start);
        }
        let latest = calendar.subtract(at, budget).unwrap();
        prop_assert_eq!(calendar.between(latest, at).unwrap(), budget);
        let after = latest + SignedDuration::from_nanos(1);
        prop_assert!(budget.is_zero() || calendar.between(after, at).unwrap() < budget);
    }

    #[test]
    fn a_later_start_and_a_larger_budget_end_no_earlier(
        (spec, start) in case(), wait in budget(), budget in budget(), more in budget(),
        boundary in boundary(),
    ) {
        let calendar = Calendar::parse(&spec).unwrap();
        let end = calendar.add(start, budget, boundary).unwrap();
        prop_assert!(calendar.add(start + wait, budget, boundary).unwrap() >= end);
        prop_assert!(calendar.add(start, budget + more, boundary).unwrap() >= end);
    }

    #[test]
    fn a_budget_may_be_spent_in_parts(
        (spec, start) in case(), first in budget(), second in budget(), pause in budget(),
        boundary in boundary(),
    ) {
        let calendar = Calendar::parse(&spec).unwrap();
        let middle = calendar.add(start, first, Boundary::Closing).unwrap();
        let end = calendar.add(middle, second, boundary).unwrap();
        prop_assert_eq!(calendar.add(start, first + second, boundary).unwrap(), end);
        let far = end + pause;
        let parts = calendar.between(start, middle).unwrap() + calendar.between(middle, far).unwrap();
        prop_assert_eq!(calendar.between(start, far).unwrap(), parts);
    }

    #[test]
    fn working_days_end_at_a_closing((spec, start) in case(), days in 1..12_u32) {
        let calendar = Calendar::parse(&spec).unwrap();
        let end = calendar.add_working_days(start, days).unwrap();
        prop_assert!(end > start);
        prop_assert!(end >= calendar.add_working_days(start, days - 1).unwrap());
        prop_assert!(calendar.is_open(end - SignedDuration::from_nanos(1)));
    }
}

proptest! {
    // The oracle looks at each of 64 800 seconds.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_calendar_agrees_with_the_oracle((spec, at) in case(), budget in 0..40_000_i64) {
        let calendar = Calendar::parse(&spec).unwrap();
        let start = Timestamp::from_second(at.as_second()).unwrap();
        let oracle = Oracle::look(&spec, start, 18 * 3_600);
        for (second, open) in oracle.open.iter().enumerate().step_by(7) {
            prop_assert_eq!(calendar.is_open(oracle.instant(second)), *open);
        }
        let end = oracle.instant(oracle.open.len());
        let count = i64::try_from(oracle.open.iter().filter(|open| **open).count()).unwrap();
        prop_assert_eq!(calendar.between(start, end).unwrap().as_secs(), count);

        let budget_time = SignedDuration::from_secs(budget);
        if let Some(expected) = oracle.add(budget) {
            prop_assert_eq!(calendar.add(start, budget_time, Boundary::Closing).unwrap(), expected);
        }
        if let Some(expected) = oracle.add_to_opening(budget) {
            prop_assert_eq!(calendar.add(start, budget_time, Boundary::Opening).unwrap(), expected);
        }
        if let Some(expected) = oracle.subtract(budget) {
            prop_assert_eq!(calendar.subtract(end, budget_time).unwrap(), expected);
        }
        if let Some(expected) = oracle.add_to_opening(0) {
            prop_assert_eq!(calendar.next_opening(start).unwrap(), expected);
        }
    }
}

/// For each second from a start: is it open by what the local clock shows?
struct Oracle {
    start: Timestamp,
    open: Vec<bool>,
}

impl Oracle {
    fn look(spec: &CalendarSpec, start: Timestamp, seconds: i64) -> Self {
        let zone = TimeZoneDatabase::bundled().get(&spec.zone).unwrap();
        let open = |second| shows_open(spec, &zone, start + SignedDuration::from_secs(second));
        Self { start, open: (0..seconds).map(open).collect() }
    }

    fn instant(&self, second: usize) -> Timestamp {
        self.start + SignedDuration::from_secs(i64::try_from(second).unwrap())
    }

    fn add(&self, budget: i64) -> Option<Timestamp> {
        let mut spent = 0;
        for second in 0..=self.open.len() {
            if spent == budget {
                return Some(self.instant(second));
            }
            spent += i64::from(*self.open.get(second)?);
        }
        None
    }

    fn add_to_opening(&self, budget: i64) -> Option<Timestamp> {
        let mut spent = 0;
        for second in 0..self.open.len() {
            if spent == budget && self.open[second] {
                return Some(self.instant(second));
            }
            spent += i64::from(self.open[second]);
        }
        None
    }

    fn subtract(&self, budget: i64) -> Option<Timestamp> {
        let mut spent = 0;
        for second in (0..=self.open.len()).rev() {
            if spent == budget {
                return Some(self.instant(second));
            }
            spent += i64::from(self.open[second.checked_sub(1)?]);
        }
        None
    }
}

fn shows_open(spec: &CalendarSpec, zone: &TimeZone, at: Timestamp) -> bool {
    let local = zone.to_datetime(at);
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    let today = hours_of(spec, local.date());
    let yesterday = hours_of(spec, local.date().yesterday().unwrap());
    today.iter().any(|hours| {
        let (open, close) = (minutes(&hours.from), minutes(&hours.to));
        open <= minute && (minute < close || close <= open)
    }) || yesterday.iter().any(|hours| {
        let (open, close) = (minutes(&hours.from), minutes(&hours.to));
        close <= open && minute < close
    })
}

fn hours_of(spec: &CalendarSpec, date: Date) -> &[Hours] {
    let weekly = &spec.weekly;
    let of_weekday =
        [&weekly.mon, &weekly.tue, &weekly.wed, &weekly.thu, &weekly.fri, &weekly.sat, &weekly.sun];
    let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap();
    spec.overrides.get(&date).unwrap_or(of_weekday[weekday])
}

fn minutes(time: &str) -> i32 {
    let (hour, minute) = time.split_once(':').unwrap();
    hour.parse::<i32>().unwrap() * 60 + minute.parse::<i32>().unwrap()
}
