//! Adding, subtracting and measuring working time

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::spans::Window;

/// How far from its start an answer is looked for: 100 years.
pub const HORIZON: SignedDuration = SignedDuration::from_hours(36_525 * 24);

/// Where a budget ends that is used up exactly at a closing time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// At the closing time: the earliest instant at which the budget is used up.
    #[default]
    Closing,
    /// At the next opening: the earliest open instant at which the budget is used up.
    Opening,
}

/// Why a calendar has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// A budget of working time is never negative.
    #[error("working time must not be negative")]
    NegativeBudget,
    /// The answer is further away than [`HORIZON`], or there is none.
    #[error("no answer within 100 years of {from}")]
    BeyondHorizon {
        /// The instant from which it was looked for.
        from: Timestamp,
    },
}

/// The working time of one customer service, parsed by [`Calendar::parse`].
#[derive(Clone, Debug)]
pub struct Calendar {
    pub(crate) zone: TimeZone,
    /// The windows that start on each weekday, Monday first; sorted, without overlap.
    pub(crate) weekly: [Vec<Window>; 7],
    /// The windows that start on single dates, by the number of the day.
    pub(crate) overrides: BTreeMap<i64, Vec<Window>>,
    /// Whether it never closes; then working time is elapsed time.
    pub(crate) always: bool,
}

impl Calendar {
    /// The earliest instant at which `working` time has passed since `start`, or with
    /// [`Boundary::Opening`] the earliest open one.
    ///
    /// A budget of zero is used up at once: the answer is `start`, or with [`Boundary::Opening`] the
    /// next opening.
    pub fn add(
        &self,
        start: Timestamp,
        working: SignedDuration,
        boundary: Boundary,
    ) -> Result<Timestamp, CalendarError> {
        let end = self.used_up(start, working)?;
        match boundary {
            Boundary::Closing => Ok(end),
            Boundary::Opening => self.next_opening(end),
        }
    }

    fn used_up(
        &self,
        start: Timestamp,
        working: SignedDuration,
    ) -> Result<Timestamp, CalendarError> {
        let beyond = CalendarError::BeyondHorizon { from: start };
        if working.is_negative() {
            return Err(CalendarError::NegativeBudget);
        }
        if self.always || working.is_zero() {
            return start.checked_add(working).map_err(|_| beyond);
        }
        let mut left = working;
        for span in self.spans_after(start, later(start, HORIZON)) {
            if left <= span.length() {
                return Ok(later(span.open, left));
            }
            left -= span.length();
        }
        Err(beyond)
    }

    /// The latest instant from which `working` time passes until `end`.
    ///
    /// It takes back [`Calendar::add`] from an open instant. A budget of zero gives `end`. No boundary
    /// is asked for: the latest instant is unique, an opening where the budget just fits.
    pub fn subtract(
        &self,
        end: Timestamp,
        working: SignedDuration,
    ) -> Result<Timestamp, CalendarError> {
        let beyond = CalendarError::BeyondHorizon { from: end };
        if working.is_negative() {
            return Err(CalendarError::NegativeBudget);
        }
        if self.always || working.is_zero() {
            return end.checked_sub(working).map_err(|_| beyond);
        }
        let mut left = working;
        for span in self.spans_before(end, earlier(end, HORIZON)) {
            if left <= span.length() {
                return Ok(earlier(span.close, left));
            }
            left -= span.length();
        }
        Err(beyond)
    }

    /// The working time from `from` to `to`; negative where `to` is the earlier one, so that
    /// `between(a, b)` is always `-between(b, a)`.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Result<SignedDuration, CalendarError> {
        if to < from {
            return Ok(-self.between(to, from)?);
        }
        let elapsed = from.duration_until(to);
        if self.always {
            return Ok(elapsed);
        }
        if elapsed > HORIZON {
            return Err(CalendarError::BeyondHorizon { from });
        }
        let mut working = SignedDuration::ZERO;
        for span in self.spans_after(from, to) {
            working += span.length();
        }
        Ok(working)
    }

    /// Whether `at` is working time; a closing time itself is not.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.always || self.shows_open(at)
    }

    /// The earliest open instant that is not before `at`: `at` itself where it is open.
    pub fn next_opening(&self, at: Timestamp) -> Result<Timestamp, CalendarError> {
        if self.is_open(at) {
            return Ok(at);
        }
        let mut spans = self.spans_after(at, later(at, HORIZON));
        let first = spans.next().ok_or(CalendarError::BeyondHorizon { from: at })?;
        Ok(first.open)
    }

    /// The zone in which the windows are meant.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// `at` plus a duration, held at the end of the range.
pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at` minus a duration, held at the beginning of the range.
pub(crate) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CalendarSpec, Hours, Weekly};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn hours(hours: i64) -> SignedDuration {
        SignedDuration::from_hours(hours)
    }

    fn minutes(minutes: i64) -> SignedDuration {
        SignedDuration::from_mins(minutes)
    }

    fn china() -> Calendar {
        Calendar::parse(&CalendarSpec::cn_standard()).unwrap()
    }

    /// Windows of every day of the week.
    fn daily(zone: &str, windows: &[(&str, &str)]) -> Calendar {
        let day: Vec<_> = windows.iter().map(|(from, to)| Hours::new(*from, *to)).collect();
        let mut weekly = Weekly::weekdays(&day);
        weekly.sat.clone_from(&day);
        weekly.sun = day;
        let spec = CalendarSpec { zone: zone.to_owned(), weekly, overrides: BTreeMap::new() };
        Calendar::parse(&spec).unwrap()
    }

    #[track_caller]
    fn assert_adds(calendar: &Calendar, start: &str, budget: SignedDuration, ends: [&str; 2]) {
        let [closing, opening] = ends.map(at);
        assert_eq!(calendar.add(at(start), budget, Boundary::Closing), Ok(closing));
        assert_eq!(calendar.add(at(start), budget, Boundary::Opening), Ok(opening));
        assert_eq!(calendar.between(at(start), closing), Ok(budget));
        assert_eq!(calendar.between(at(start), opening), Ok(budget));
    }

    #[test]
    fn a_make_up_saturday_is_worked() {
        let end = "2024-09-14T12:00+08";
        assert_adds(&china(), "2024-09-13T17:00+08", hours(4), [end, end]);
        let mut spec = CalendarSpec::cn_standard();
        spec.overrides.remove(&jiff::civil::date(2024, 9, 14));
        let without = Calendar::parse(&spec).unwrap();
        let end = "2024-09-18T12:00+08";
        assert_adds(&without, "2024-09-13T17:00+08", hours(4), [end, end]);
    }

    #[test]
    fn a_budget_that_ends_at_closing_time_ends_there_or_at_the_next_opening() {
        let calendar = daily("Europe/Berlin", &[("09:00", "18:00")]);
        let ends = ["2013-06-04T18:00+02", "2013-06-05T09:00+02"];
        assert_adds(&calendar, "2013-06-04T17:00+02", hours(1), ends);
        // One second more lies in the next day by either convention.
        let end = "2013-06-05T09:00:01+02";
        let more = hours(1) + SignedDuration::from_secs(1);
        assert_adds(&calendar, "2013-06-04T17:00+02", more, [end, end]);
        // From a closed instant, too.
        assert_adds(&calendar, "2013-06-03T20:00+02", hours(9), ends);
    }

    #[test]
    fn a_budget_of_zero_is_used_up_at_once() {
        let ends = ["2024-09-15T12:00+08", "2024-09-18T09:00+08"];
        assert_adds(&china(), ends[0], SignedDuration::ZERO, ends);
        let open = "2024-09-18T09:00+08";
        assert_adds(&china(), open, SignedDuration::ZERO, [open, open]);
        assert_eq!(china().subtract(at(ends[0]), SignedDuration::ZERO), Ok(at(ends[0])));
    }

    #[test]
    fn windows_that_touch_are_one() {
        let calendar = daily("Asia/Shanghai", &[("09:00", "12:00"), ("12:00", "18:00")]);
        let end = "2024-09-18T12:00+08";
        assert_adds(&calendar, "2024-09-18T11:00+08", hours(1), [end, end]);
    }

    #[test]
    fn a_lunch_break_is_not_worked() {
        let calendar = daily("Asia/Shanghai", &[("09:00", "12:00"), ("13:30", "18:00")]);
        let ends = ["2024-09-18T12:00+08", "2024-09-18T13:30+08"];
        assert_adds(&calendar, "2024-09-18T11:00+08", hours(1), ends);
        assert!(!calendar.is_open(at("2024-09-18T12:00+08")));
        assert!(calendar.is_open(at("2024-09-18T13:30+08")));
        assert_eq!(calendar.next_opening(at(ends[0])), Ok(at(ends[1])));
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_starts() {
        let mut spec = CalendarSpec { zone: "Asia/Shanghai".to_owned(), ..Default::default() };
        spec.weekly.fri = vec![Hours::new("22:00", "06:00")];
        spec.weekly.sat = vec![Hours::new("02:00", "03:00"), Hours::new("05:00", "07:00")];
        // 2024-09-20 is a Friday; the Saturday after it is closed, Friday's night is not.
        spec.overrides.insert(jiff::civil::date(2024, 9, 21), Vec::new());
        let calendar = Calendar::parse(&spec).unwrap();
        let week = |from, to| calendar.between(at(from), at(to));
        assert_eq!(week("2024-09-19T00:00+08", "2024-09-23T00:00+08"), Ok(hours(8)));
        // A week later Saturday's windows overlap the night and count once.
        assert_eq!(week("2024-09-26T00:00+08", "2024-09-30T00:00+08"), Ok(hours(9)));
        let monday = at("2024-09-30T00:00+08");
        assert_eq!(calendar.subtract(monday, hours(3)), Ok(at("2024-09-28T04:00+08")));
        assert_eq!(calendar.subtract(monday, hours(9)), Ok(at("2024-09-27T22:00+08")));
    }

    #[test]
    fn summer_time_makes_a_day_shorter_and_longer() {
        let calendar = daily("Europe/Berlin", &[("00:00", "06:00")]);
        let day = |from, to| calendar.between(at(from), at(to));
        assert_eq!(day("2025-03-30T00:00+01", "2025-03-31T00:00+02"), Ok(hours(5)));
        assert_eq!(day("2025-10-26T00:00+02", "2025-10-27T00:00+01"), Ok(hours(7)));
        let end = "2025-10-26T05:00+01";
        assert_adds(&calendar, "2025-10-26T00:00+02", hours(6), [end, end]);
    }

    #[test]
    fn a_window_in_a_gap_of_the_clock_does_not_open() {
        let calendar = daily("Europe/Berlin", &[("02:15", "02:45")]);
        let ends = ["2025-03-31T02:45+02", "2025-04-01T02:15+02"];
        assert_adds(&calendar, "2025-03-30T00:00+01", minutes(30), ends);
        // One that begins in the gap opens at its end.
        let calendar = daily("Europe/Berlin", &[("02:30", "04:00")]);
        let opening = calendar.next_opening(at("2025-03-30T00:00+01"));
        assert_eq!(opening, Ok(at("2025-03-30T03:00+02")));
    }

    #[test]
    fn an_hour_that_the_clock_shows_twice_counts_twice() {
        let calendar = daily("Europe/Berlin", &[("02:15", "02:45")]);
        let ends = ["2025-10-26T02:45+01", "2025-10-27T02:15+01"];
        assert_adds(&calendar, "2025-10-26T00:00+02", hours(1), ends);
        assert!(calendar.is_open(at("2025-10-26T02:30+02")));
        assert!(!calendar.is_open(at("2025-10-26T02:00+01")));
        assert!(calendar.is_open(at("2025-10-26T02:30+01")));
    }

    #[test]
    fn a_date_that_the_zone_left_out_has_no_time() {
        let calendar = daily("Pacific/Apia", &[("09:00", "17:00")]);
        let ends = ["2011-12-31T17:00+14", "2012-01-01T09:00+14"];
        assert_adds(&calendar, "2011-12-29T09:00-10", hours(16), ends);
    }

    #[test]
    fn subtracting_finds_the_latest_start() {
        let calendar = china();
        let end = at("2024-09-15T12:00+08");
        assert_eq!(calendar.subtract(end, hours(9)), Ok(at("2024-09-14T09:00+08")));
        assert_eq!(calendar.subtract(end, hours(10)), Ok(at("2024-09-13T17:00+08")));
    }

    #[test]
    fn a_reversed_span_is_negative() {
        let (from, to) = (at("2024-09-13T17:00+08"), at("2024-09-14T12:00+08"));
        assert_eq!(china().between(to, from), Ok(-hours(4)));
    }

    #[test]
    fn fractions_of_a_second_are_kept_also_before_1970() {
        let calendar = daily("Europe/Berlin", &[("09:00", "18:00")]);
        let budget = SignedDuration::new(3_600, 1_000);
        let end = "1965-06-04T09:59:59.000002001+01";
        assert_adds(&calendar, "1965-06-03T17:59:59.000001001+01", budget, [end, end]);
        assert_eq!(calendar.subtract(at(end), budget), Ok(at("1965-06-03T17:59:59.000001001+01")));
    }

    #[test]
    fn a_calendar_that_never_closes_counts_elapsed_time() {
        let calendar = Calendar::always("Europe/Berlin").unwrap();
        let end = "2025-03-31T01:00+02";
        assert_adds(&calendar, "2025-03-30T00:00+01", hours(24), [end, end]);
        let ages = calendar.between(Timestamp::MIN, Timestamp::MAX).unwrap();
        assert_eq!(calendar.add(Timestamp::MIN, ages, Boundary::Opening), Ok(Timestamp::MAX));
        let beyond = CalendarError::BeyondHorizon { from: Timestamp::MAX };
        assert_eq!(calendar.add(Timestamp::MAX, hours(1), Boundary::Closing), Err(beyond));
    }

    #[test]
    fn nothing_is_looked_for_beyond_the_horizon() {
        let mut spec = CalendarSpec { zone: "Europe/Berlin".to_owned(), ..Default::default() };
        spec.overrides.insert(jiff::civil::date(2024, 9, 21), vec![Hours::new("09:00", "18:00")]);
        let calendar = Calendar::parse(&spec).unwrap();
        let (before, from) = (at("2024-09-01T00:00Z"), at("2024-10-01T00:00Z"));
        let beyond = |from| CalendarError::BeyondHorizon { from };
        assert_eq!(calendar.add(from, hours(1), Boundary::Closing), Err(beyond(from)));
        assert_eq!(calendar.subtract(before, hours(1)), Err(beyond(before)));
        assert_eq!(calendar.next_opening(from), Err(beyond(from)));
        assert_eq!(calendar.add_working_days(from, 1), Err(beyond(from)));
        assert_eq!(calendar.between(Timestamp::MIN, from), Err(beyond(Timestamp::MIN)));
        // The last closing has no next opening.
        let closing = at("2024-09-21T18:00+02");
        assert_eq!(calendar.add(before, hours(9), Boundary::Closing), Ok(closing));
        assert_eq!(calendar.add(before, hours(9), Boundary::Opening), Err(beyond(closing)));
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        let calendar = daily("America/New_York", &[("09:00", "17:00"), ("22:00", "06:00")]);
        for at in [Timestamp::MIN, Timestamp::MAX] {
            calendar.is_open(at);
            calendar.between(at, at).unwrap();
            let _ = calendar.next_opening(at);
            let _ = calendar.add_working_days(at, 3);
        }
        assert!(calendar.add(Timestamp::MAX, hours(1), Boundary::Closing).is_err());
        assert!(calendar.subtract(Timestamp::MIN, hours(1)).is_err());
    }

    #[test]
    fn a_negative_budget_is_refused() {
        let negative = Err(CalendarError::NegativeBudget);
        let start = Timestamp::UNIX_EPOCH;
        assert_eq!(china().add(start, -hours(1), Boundary::Closing), negative);
        assert_eq!(china().subtract(start, -hours(1)), negative);
    }
}
