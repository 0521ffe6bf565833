//! Quiet hours: when nobody is to be contacted, by the clock where the customer is.

use calendar::{Calendar, CalendarError, CalendarSpec, Hours};
use kernel::Time;

/// The quiet hours in one time zone. They may cross midnight; what counts is what the local clock
/// shows, so that an hour that it shows twice is quiet twice, and one that it leaves out never is.
#[derive(Clone, Debug)]
pub struct Quiet {
    /// Open when it is quiet.
    quiet: Calendar,
    /// Open at all other times.
    loud: Calendar,
}

impl Quiet {
    /// The quiet hours in a time zone; `None` where there is no such zone, or they are none.
    pub fn parse(hours: &Hours, zone: &str) -> Option<Self> {
        let Hours { from, to } = hours;
        // Midnight as a beginning has one form only.
        let start = |time: &str| if time == "24:00" { "00:00" } else { time }.to_owned();
        if start(from) == start(to) {
            return None;
        }
        let daily = |window: Hours| Calendar::parse(&CalendarSpec::daily(zone, &[window])).ok();
        let quiet = daily(Hours::new(start(from), to.clone()))?;
        let loud = daily(Hours::new(start(to), from.clone()))?;
        Some(Self { quiet, loud })
    }

    /// The earliest instant from `at` on at which it is not quiet: `at` itself where it is not.
    pub fn end(&self, at: Time) -> Result<Time, CalendarError> {
        self.loud.next_opening(at.timestamp()).map(Time::from)
    }

    /// The earliest instant from `at` on at which it is quiet: `at` itself where it is.
    pub fn start(&self, at: Time) -> Result<Time, CalendarError> {
        self.quiet.next_opening(at.timestamp()).map(Time::from)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, ToSpan as _, civil, tz::TimeZone};
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Time {
        Time::from(text.parse::<Timestamp>().unwrap())
    }

    #[track_caller]
    fn ends(hours: (&str, &str), zone: &str, from: &str, to: &str) {
        let quiet = Quiet::parse(&Hours::new(hours.0, hours.1), zone).unwrap();
        assert_eq!(quiet.end(at(from)).unwrap(), at(to), "{from}");
    }

    #[test]
    fn quiet_hours_cross_midnight() {
        let night = ("21:00", "08:00");
        // 20:59:59, 21:00, midnight and 07:59:59 in Shanghai, and 08:00, which is quiet no more.
        ends(night, "Asia/Shanghai", "2026-11-27T12:59:59Z", "2026-11-27T12:59:59Z");
        ends(night, "Asia/Shanghai", "2026-11-27T13:00:00Z", "2026-11-28T00:00:00Z");
        ends(night, "Asia/Shanghai", "2026-11-27T16:00:00Z", "2026-11-28T00:00:00Z");
        ends(night, "Asia/Shanghai", "2026-11-27T23:59:59.999999Z", "2026-11-28T00:00:00Z");
        ends(night, "Asia/Shanghai", "2026-11-28T00:00:00Z", "2026-11-28T00:00:00Z");
        let noon = ("12:00", "14:00");
        ends(noon, "UTC", "2026-11-27T13:59:00Z", "2026-11-27T14:00:00Z");
        ends(noon, "UTC", "2026-11-27T11:59:00Z", "2026-11-27T11:59:00Z");
        ends(("00:00", "08:00"), "UTC", "2026-11-27T00:00:00Z", "2026-11-27T08:00:00Z");
        ends(("22:00", "24:00"), "UTC", "2026-11-27T22:30:00Z", "2026-11-28T00:00:00Z");
    }

    #[test]
    fn the_clock_of_the_customer_counts_also_when_it_is_moved() {
        // In New York summer time begins on 2026-03-08: the night from 21:00 to 08:00 has ten hours.
        let night = ("21:00", "08:00");
        ends(night, "America/New_York", "2026-03-08T02:00:00Z", "2026-03-08T12:00:00Z");
        ends(night, "America/New_York", "2026-03-07T02:00:00Z", "2026-03-07T13:00:00Z");
        // It ends on 2026-11-01: 01:30 is twice, and quiet twice.
        ends(night, "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T13:00:00Z");
        ends(
            ("01:00", "02:00"),
            "America/New_York",
            "2026-11-01T05:00:00Z",
            "2026-11-01T07:00:00Z",
        );
        // 02:30 is not on the clock on the day on which summer time begins.
        ends(
            ("02:00", "03:00"),
            "America/New_York",
            "2026-03-08T07:00:00Z",
            "2026-03-08T07:00:00Z",
        );
    }

    #[test]
    fn what_are_no_quiet_hours() {
        for (from, to) in [("08:00", "08:00"), ("00:00", "24:00"), ("24:00", "00:00"), ("8", "9")] {
            assert!(Quiet::parse(&Hours::new(from, to), "UTC").is_none(), "{from}-{to}");
        }
        assert!(Quiet::parse(&Hours::new("21:00", "08:00"), "Asia/Peking").is_none());
    }

    proptest! {
        /// By the hours and minutes alone, which need no calendar.
        #[test]
        fn it_is_quiet_when_the_local_clock_says_so(
            from in 0..1_440_i16, length in 1..1_440_i16,
            minutes in 0..527_040_i64,
            zone in prop::sample::select(vec![
                "Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC",
            ]),
        ) {
            let to = (from + length) % 1_440;
            let text = |minute: i16| format!("{:02}:{:02}", minute / 60, minute % 60);
            let quiet = Quiet::parse(&Hours::new(text(from), text(to)), zone).unwrap();
            let zone = TimeZone::get(zone).unwrap();
            let shown = |at: Time| {
                let clock = at.timestamp().to_zoned(zone.clone()).time();
                let minute = i16::from(clock.hour()) * 60 + i16::from(clock.minute());
                if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
            };
            let start = civil::date(2026, 1, 1).to_zoned(TimeZone::UTC).unwrap().timestamp();
            let at = Time::from(start + minutes.minutes());
            let (end, begin) = (quiet.end(at).unwrap(), quiet.start(at).unwrap());
            prop_assert!(end == at || begin == at);
            prop_assert_eq!(begin == at, shown(at));
            prop_assert!(!shown(end) && shown(begin));
            // It ends at once, and not a minute too late.
            prop_assert!(end == at || shown(end.plus_micros(-1)));
            prop_assert!(begin == at || !shown(begin.plus_micros(-1)));
        }
    }
}
