//! China's days off and make-up working days (调休)
//!
//! The State Council's notice for a year moves working days to weekends, so that a Saturday may be
//! worked and a Monday not. What is known is compiled in, see `data/README.md`; a date that no notice
//! names follows its weekday.

use std::collections::BTreeMap;
use std::ops::{RangeBounds, RangeInclusive};
use std::sync::LazyLock;

use jiff::civil::Date;

use crate::Hours;

static DAYS: LazyLock<BTreeMap<Date, ChinaDay>> = LazyLock::new(|| {
    read(include_str!("../data/china.txt")).expect("the table is compiled in and held by a test")
});

/// What a notice says about one date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChinaDay {
    /// Whether it is a day off; else it is a working day, whatever its weekday.
    pub off: bool,
    /// The holiday to which it belongs, in Chinese.
    pub name: &'static str,
}

/// The names of China's time zones: Beijing's with its aliases, and those of Xinjiang.
const ZONES: [&str; 7] = [
    "Asia/Shanghai",
    "Asia/Chongqing",
    "Asia/Chungking",
    "Asia/Harbin",
    "PRC",
    "Asia/Urumqi",
    "Asia/Kashgar",
];

/// Whether the notices hold in this IANA time zone. Case does not matter, as in the database itself.
pub fn is_zone(zone: &str) -> bool {
    ZONES.iter().any(|known| known.eq_ignore_ascii_case(zone))
}

/// The years whose notices are known.
pub fn years() -> RangeInclusive<i16> {
    2007..=2026
}

/// What a notice says about `date`; `None` where it follows its weekday, or is not known yet.
pub fn day(date: Date) -> Option<ChinaDay> {
    DAYS.get(&date).copied()
}

/// The overrides for all named dates of some years: none on a day off, `working` on a make-up working
/// day.
pub fn overrides(years: impl RangeBounds<i16>, working: &[Hours]) -> BTreeMap<Date, Vec<Hours>> {
    let mut overrides = BTreeMap::new();
    for (date, day) in DAYS.iter().filter(|(date, _)| years.contains(&date.year())) {
        overrides.insert(*date, if day.off { Vec::new() } else { working.to_vec() });
    }
    overrides
}

/// Reads lines of the form `FIRST[/LAST] off|work NAME`.
fn read(text: &'static str) -> Option<BTreeMap<Date, ChinaDay>> {
    let mut days = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let dates = words.next()?;
        let off = match words.next()? {
            "off" => true,
            "work" => false,
            _ => return None,
        };
        let day = ChinaDay { off, name: words.next()? };
        let (first, last) = dates.split_once('/').unwrap_or((dates, dates));
        let (mut date, last): (Date, Date) = (first.parse().ok()?, last.parse().ok()?);
        while date <= last {
            days.insert(date, day);
            date = date.tomorrow().ok()?;
        }
    }
    Some(days)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_table_is_well_formed_and_ends_where_it_says() {
        let days = read(include_str!("../data/china.txt")).unwrap();
        assert_eq!(days.len(), 678);
        assert_eq!(days.keys().next_back().unwrap().year(), *years().end());
        for year in years() {
            let off = days.iter().filter(|(date, day)| date.year() == year && day.off).count();
            assert!((15..=36).contains(&off), "{year} has {off} days off");
        }
    }

    #[test]
    fn every_zone_of_china_is_one_and_no_other() {
        for zone in ZONES {
            assert!(jiff::tz::TimeZone::get(zone).is_ok() && is_zone(zone), "{zone}");
        }
        assert!(is_zone("prc") && !is_zone("Asia/Hong_Kong") && !is_zone("Asia/Taipei"));
    }

    #[test]
    fn a_date_is_off_or_made_up_or_follows_its_weekday() {
        let festival = day(date(2024, 9, 16)).unwrap();
        assert_eq!(festival, ChinaDay { off: true, name: "中秋节" });
        assert!(!day(date(2024, 9, 14)).unwrap().off);
        assert_eq!(day(date(2024, 9, 18)), None);
    }

    #[test]
    fn overrides_are_those_of_the_years_asked_for() {
        let hours = [Hours::new("08:30", "12:00")];
        let overrides = overrides(2024..=2024, &hours);
        assert_eq!(overrides.len(), 36);
        assert!(overrides.keys().all(|date| date.year() == 2024));
        assert_eq!(overrides[&date(2024, 9, 14)], hours);
        assert!(overrides[&date(2024, 9, 16)].is_empty());
    }
}
