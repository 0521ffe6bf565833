//! Periods in working days

use jiff::{SignedDuration, Timestamp};

use crate::business_time::{earlier, later};
use crate::spans::{DAY, floor, instant};
use crate::{Calendar, CalendarError, HORIZON};

/// More than any zone's offset.
const OFFSET: SignedDuration = SignedDuration::from_hours(26);

impl Calendar {
    /// The end of a period of `days` working days that `start` sets off: the closing time of the last
    /// window of the last of them. Zero days end at `start`.
    ///
    /// A working day is a date on which a window opens. The date of `start` is not counted, however
    /// early it is, and the last day counts until business closes: so the Civil Code of the People's
    /// Republic of China has it in articles 201 and 203, and Regulation (EEC, Euratom) 1182/71
    /// in article 3 for the first day.
    pub fn add_working_days(
        &self,
        start: Timestamp,
        days: u32,
    ) -> Result<Timestamp, CalendarError> {
        let today = (floor(start) + self.offset(start)).div_euclid(DAY);
        let last = today + HORIZON.as_secs() / DAY;
        let mut end = start;
        let mut day = today;
        for _ in 0..days {
            let close = loop {
                day += 1;
                if day > last {
                    return Err(CalendarError::BeyondHorizon { from: start });
                }
                if let Some(close) = self.close_of(day) {
                    break close;
                }
            };
            // A night may outlast the windows of the day after it.
            end = end.max(close);
        }
        Ok(end)
    }

    /// When the last window of a day closes; `None` where none opens, also because the zone left out
    /// the hour or the whole date.
    fn close_of(&self, day: i64) -> Option<Timestamp> {
        let windows = self.windows(day);
        let close = windows.last()?.close;
        let from = earlier(instant(day * DAY), OFFSET);
        let until = later(instant(day * DAY + close), OFFSET);
        let mut closes = None;
        for stretch in self.stretches_after(from, until) {
            for window in windows {
                closes = closes.max(stretch.shows(day, *window).map(|span| span.close));
            }
        }
        closes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CalendarSpec, Hours};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn assert_ends(spec: &CalendarSpec, start: &str, days: u32, end: &str) {
        let calendar = Calendar::parse(spec).unwrap();
        assert_eq!(calendar.add_working_days(at(start), days), Ok(at(end)));
    }

    #[test]
    fn the_day_of_the_start_is_not_counted() {
        let china = CalendarSpec::cn_standard();
        // Monday to Thursday, from before the opening and from after the closing.
        assert_ends(&china, "2024-08-05T03:00+08", 3, "2024-08-08T18:00+08");
        assert_ends(&china, "2024-08-05T23:00+08", 3, "2024-08-08T18:00+08");
        // On a Saturday the count begins on Monday.
        assert_ends(&china, "2024-08-03T10:00+08", 1, "2024-08-05T18:00+08");
    }

    #[test]
    fn holidays_are_left_out_and_make_up_days_count() {
        let china = CalendarSpec::cn_standard();
        assert_ends(&china, "2024-09-12T10:00+08", 2, "2024-09-14T18:00+08");
        assert_ends(&china, "2024-09-12T10:00+08", 3, "2024-09-18T18:00+08");
    }

    #[test]
    fn no_days_end_at_the_start() {
        let sunday = "2024-09-15T10:00+08";
        assert_ends(&CalendarSpec::cn_standard(), sunday, 0, sunday);
    }

    #[test]
    fn the_last_window_closes_the_day_also_after_midnight() {
        let mut spec = CalendarSpec { zone: "Europe/Berlin".to_owned(), ..Default::default() };
        spec.weekly.sat = vec![Hours::new("09:00", "12:00"), Hours::new("20:00", "02:30")];
        // The clock shows 02:30 twice on 2025-10-26 and not at all on 2025-03-30.
        assert_ends(&spec, "2025-10-20T00:00Z", 1, "2025-10-26T02:30+01");
        assert_ends(&spec, "2025-03-24T00:00Z", 1, "2025-03-30T03:00+02");
    }

    #[test]
    fn a_date_that_the_zone_left_out_is_no_working_day() {
        let spec = CalendarSpec::always("Pacific/Apia");
        assert_ends(&spec, "2011-12-28T12:00-10", 2, "2012-01-01T00:00+14");
    }
}
