//! How a calendar is written down, and its parsing with all problems at once

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::TimeZoneDatabase;
use serde::{Deserialize, Serialize};

use crate::spans::{DAY, Window};
use crate::{Calendar, china};

/// The most windows of one day.
pub const MAX_WINDOWS: usize = 48;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Whether calendars know a time zone by exactly this IANA name, such as `Asia/Shanghai`.
pub fn is_zone(name: &str) -> bool {
    ZONES.get(name).is_ok_and(|zone| zone.iana_name() == Some(name))
}

/// A calendar as it is written in files and stored with a ticket's policy.
///
/// ```toml
/// zone = "Asia/Shanghai"
/// [weekly]
/// mon = ["09:00-12:00", "13:30-18:00"]
/// fri = ["22:00-06:00"]
/// [overrides]
/// 2026-10-01 = []
/// 2026-10-10 = ["09:00-18:00"]
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarSpec {
    /// The zone in which all times are meant, by its IANA name.
    pub zone: String,
    /// The windows of each weekday.
    #[serde(default)]
    pub weekly: Weekly,
    /// Dates with windows of their own; an empty list closes the day. They win over `weekly`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<Date, Vec<Hours>>,
}

/// The windows of each weekday, by the day on which they start; none means closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weekly {
    /// Monday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mon: Vec<Hours>,
    /// Tuesday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tue: Vec<Hours>,
    /// Wednesday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wed: Vec<Hours>,
    /// Thursday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thu: Vec<Hours>,
    /// Friday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fri: Vec<Hours>,
    /// Saturday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sat: Vec<Hours>,
    /// Sunday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sun: Vec<Hours>,
}

/// One window of the local clock, written `from-to`: from its opening to before its closing.
///
/// Times are `HH:MM`; the closing may be `24:00`. A closing that is not later than the opening is one
/// of the next day, so `22:00-06:00` is a night and `09:00-09:00` is 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Hours {
    /// When it opens.
    pub from: String,
    /// When it closes.
    pub to: String,
}

/// What is wrong with one place of a [`CalendarSpec`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {kind}")]
pub struct Problem {
    /// The place, such as `weekly.mon[0].from` or `overrides.2026-10-10[1]`.
    pub field: String,
    /// What is wrong there.
    pub kind: ProblemKind,
}

/// What may be wrong with a [`CalendarSpec`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// The zone is not in the database that is compiled in.
    #[error("{zone:?} is not the name of a time zone")]
    UnknownZone {
        /// The name as it was given.
        zone: String,
    },
    /// A time is not of the form `HH:MM`, or a window opens at `24:00`.
    #[error("{time:?} is not a time from 00:00 to 23:59 (24:00 may close a window)")]
    BadTime {
        /// The time as it was given.
        time: String,
    },
    /// Two windows of one day overlap. They may touch, and a night may reach into the windows of the
    /// next day, which then count once.
    #[error("overlaps {other}")]
    Overlap {
        /// The window that it overlaps.
        other: Hours,
    },
    /// A day has more than [`MAX_WINDOWS`] windows.
    #[error("a day has at most 48 windows")]
    TooManyWindows,
    /// The calendar has no window at all, so no budget would ever be used up.
    #[error("a calendar needs at least one window")]
    Empty,
}

impl CalendarSpec {
    /// A calendar that never closes, so that working time is elapsed time.
    pub fn always(zone: &str) -> Self {
        Self::daily(zone, &[Hours::new("00:00", "24:00")])
    }

    /// A calendar with the same windows on every day.
    pub fn daily(zone: &str, windows: &[Hours]) -> Self {
        let mut weekly = Weekly::weekdays(windows);
        weekly.sat = windows.to_vec();
        weekly.sun = windows.to_vec();
        Self { zone: zone.to_owned(), weekly, overrides: BTreeMap::new() }
    }

    /// The shipped calendar `cn-standard`: Monday to Friday from 09:00 to 18:00 in Shanghai, with
    /// China's days off and make-up working days of [`china::years`].
    ///
    /// The days are written out as overrides: a stored calendar does not change when a release knows
    /// another year.
    pub fn cn_standard() -> Self {
        let hours = [Hours::new("09:00", "18:00")];
        Self {
            zone: "Asia/Shanghai".to_owned(),
            weekly: Weekly::weekdays(&hours),
            overrides: china::overrides(.., &hours),
        }
    }
}

impl Weekly {
    /// The same windows from Monday to Friday.
    pub fn weekdays(hours: &[Hours]) -> Self {
        let [mon, tue, wed, thu, fri] = std::array::from_fn(|_| hours.to_vec());
        Self { mon, tue, wed, thu, fri, ..Self::default() }
    }

    fn days(&self) -> [(&'static str, &[Hours]); 7] {
        [
            ("mon", &self.mon),
            ("tue", &self.tue),
            ("wed", &self.wed),
            ("thu", &self.thu),
            ("fri", &self.fri),
            ("sat", &self.sat),
            ("sun", &self.sun),
        ]
    }
}

impl Hours {
    /// A window from `from` to `to`.
    pub fn new(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into() }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.from, self.to)
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}

impl From<String> for Hours {
    /// Takes any text, so that parsing the calendar can name it among all other problems.
    fn from(text: String) -> Self {
        match text.split_once('-') {
            Some((from, to)) => Self::new(from, to),
            None => Self::new(text, ""),
        }
    }
}

impl Calendar {
    /// Parses a calendar; an error names all of its problems.
    pub fn parse(spec: &CalendarSpec) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let zone = ZONES.get(&spec.zone);
        if zone.is_err() {
            problems.add("zone", ProblemKind::UnknownZone { zone: spec.zone.clone() });
        }
        let weekly =
            spec.weekly.days().map(|(name, hours)| problems.day(&format!("weekly.{name}"), hours));
        let mut overrides = BTreeMap::new();
        for (date, hours) in &spec.overrides {
            overrides.insert(number(*date), problems.day(&format!("overrides.{date}"), hours));
        }
        let none_given = spec.weekly.days().iter().all(|(_, hours)| hours.is_empty())
            && spec.overrides.values().all(Vec::is_empty);
        if none_given {
            problems.add("weekly", ProblemKind::Empty);
        }
        match zone {
            Ok(zone) if problems.0.is_empty() => {
                let always = weekly.iter().chain(overrides.values()).all(|day| fills(day));
                Ok(Self { zone, weekly, overrides, always })
            }
            _ => Err(problems.0),
        }
    }

    /// The calendar of [`CalendarSpec::always`].
    pub fn always(zone: &str) -> Result<Self, Vec<Problem>> {
        Self::parse(&CalendarSpec::always(zone))
    }
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, field: &str, kind: ProblemKind) {
        self.0.push(Problem { field: field.to_owned(), kind });
    }

    /// Parses the windows of one day and sorts them.
    fn day(&mut self, field: &str, day: &[Hours]) -> Vec<Window> {
        if day.len() > MAX_WINDOWS {
            self.add(field, ProblemKind::TooManyWindows);
            return Vec::new();
        }
        let mut parsed = Vec::with_capacity(day.len());
        for (index, hours) in day.iter().enumerate() {
            if let Some(window) = self.window(&format!("{field}[{index}]"), hours) {
                parsed.push((window, index));
            }
        }
        parsed.sort_unstable();
        for pair in parsed.windows(2) {
            let [(first, other), (second, index)] = pair else { continue };
            if second.open < first.close {
                let other = day[*other].clone();
                self.add(&format!("{field}[{index}]"), ProblemKind::Overlap { other });
            }
        }
        parsed.into_iter().map(|(window, _)| window).collect()
    }

    fn window(&mut self, field: &str, hours: &Hours) -> Option<Window> {
        let open = clock(&hours.from).filter(|open| *open < DAY);
        if open.is_none() {
            let time = hours.from.clone();
            self.add(&format!("{field}.from"), ProblemKind::BadTime { time });
        }
        let close = clock(&hours.to);
        if close.is_none() {
            let time = hours.to.clone();
            self.add(&format!("{field}.to"), ProblemKind::BadTime { time });
        }
        let (open, close) = (open?, close?);
        Some(Window { open, close: if close <= open { close + DAY } else { close } })
    }
}

/// The seconds after midnight of `HH:MM`, up to 24:00.
fn clock(text: &str) -> Option<i64> {
    let [h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let (hour, minute) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    let second = hour * 3_600 + minute * 60;
    (minute < 60 && second <= DAY).then_some(second)
}

/// Days since 1970-01-01.
fn number(date: Date) -> i64 {
    jiff::civil::date(1970, 1, 1).duration_until(date).as_secs() / DAY
}

/// Whether windows leave no second between the two midnights of their day.
fn fills(windows: &[Window]) -> bool {
    let open: i64 = windows.iter().map(|window| window.close.min(DAY) - window.open).sum();
    open == DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(spec: &CalendarSpec) -> Vec<(String, ProblemKind)> {
        let problems = Calendar::parse(spec).unwrap_err();
        problems.into_iter().map(|problem| (problem.field, problem.kind)).collect()
    }

    fn bad(time: &str) -> ProblemKind {
        ProblemKind::BadTime { time: time.to_owned() }
    }

    #[test]
    fn a_calendar_reads_and_writes_as_toml() {
        let text = r#"
            zone = "Asia/Shanghai"
            [weekly]
            mon = ["09:00-12:00", "13:30-18:00"]
            fri = ["22:00-06:00"]
            [overrides]
            2026-10-01 = []
            2026-10-10 = ["09:00-24:00"]
        "#;
        let spec: CalendarSpec = toml::from_str(text).unwrap();
        assert_eq!(spec.weekly.mon[1], Hours::new("13:30", "18:00"));
        assert!(spec.overrides[&jiff::civil::date(2026, 10, 1)].is_empty());
        let again: CalendarSpec = toml::from_str(&toml::to_string(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<CalendarSpec>(&json).unwrap(), spec);
        Calendar::parse(&spec).unwrap();
    }

    #[test]
    fn a_misspelt_weekday_is_refused() {
        let text = "zone = \"UTC\"\n[weekly]\nmonday = [\"09:00-18:00\"]";
        assert!(toml::from_str::<CalendarSpec>(text).is_err());
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let text = r#"
            zone = "Mars/Olympus"
            [weekly]
            mon = ["9:00-18:00", "24:00-25:00", "noon"]
            tue = ["13:00-18:00", "09:00-13:01"]
            [overrides]
            2026-10-10 = ["22:00-06:00", "23:00-24:00"]
        "#;
        let expected = [
            ("zone", ProblemKind::UnknownZone { zone: "Mars/Olympus".to_owned() }),
            ("weekly.mon[0].from", bad("9:00")),
            ("weekly.mon[1].from", bad("24:00")),
            ("weekly.mon[1].to", bad("25:00")),
            ("weekly.mon[2].from", bad("noon")),
            ("weekly.mon[2].to", bad("")),
            ("weekly.tue[0]", ProblemKind::Overlap { other: Hours::new("09:00", "13:01") }),
            (
                "overrides.2026-10-10[1]",
                ProblemKind::Overlap { other: Hours::new("22:00", "06:00") },
            ),
        ];
        let expected = expected.map(|(field, kind)| (field.to_owned(), kind));
        assert_eq!(kinds(&toml::from_str(text).unwrap()), expected);
    }

    #[test]
    fn a_calendar_without_a_window_is_refused() {
        let mut spec = CalendarSpec { zone: "UTC".to_owned(), ..CalendarSpec::default() };
        spec.overrides.insert(jiff::civil::date(2026, 10, 1), Vec::new());
        assert_eq!(kinds(&spec), [("weekly".to_owned(), ProblemKind::Empty)]);
    }

    #[test]
    fn the_number_of_windows_is_bounded() {
        let mut spec = CalendarSpec::always("UTC");
        spec.weekly.mon = vec![Hours::new("00:00", "24:00"); MAX_WINDOWS + 1];
        assert_eq!(kinds(&spec), [("weekly.mon".to_owned(), ProblemKind::TooManyWindows)]);
    }

    #[test]
    fn windows_may_touch() {
        let mut spec = CalendarSpec::cn_standard();
        spec.weekly.mon = vec![Hours::new("12:00", "18:00"), Hours::new("09:00", "12:00")];
        Calendar::parse(&spec).unwrap();
    }

    #[test]
    fn what_never_closes_is_recognised() {
        assert!(Calendar::always("Europe/Berlin").unwrap().always);
        let mut spec = CalendarSpec::always("Europe/Berlin");
        spec.weekly.wed = vec![Hours::new("12:00", "24:00"), Hours::new("00:00", "12:00")];
        assert!(Calendar::parse(&spec).unwrap().always);
        spec.weekly.wed = vec![Hours::new("12:00", "24:00"), Hours::new("00:00", "11:59")];
        assert!(!Calendar::parse(&spec).unwrap().always);
    }

    #[test]
    fn only_times_of_two_and_two_digits_are_read() {
        assert_eq!(clock("00:00"), Some(0));
        assert_eq!(clock("23:59"), Some(86_340));
        assert_eq!(clock("24:00"), Some(DAY));
        for text in ["", "24:01", "12:60", "1:00", "01:0", "-1:00", "01:00:00", " 1:00", "０1:00"]
        {
            assert_eq!(clock(text), None, "{text:?}");
        }
    }
}
