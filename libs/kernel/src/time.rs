//! One instant, in microseconds: the precision that both databases keep.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant in microseconds since the Unix epoch, UTC.
///
/// Times are truncated to microseconds where they are made, so that what was written compares
/// equal to what is read.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// The instant `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Nanoseconds within the second, 0 to 999 999 000.
    pub fn subsec_nanos(self) -> i32 {
        i32::try_from(self.0.rem_euclid(1_000_000)).unwrap_or(0) * 1_000
    }

    /// The instant of a `google.protobuf.Timestamp`; `None` outside the years 1 to 9999 or with
    /// nanoseconds outside 0 to 999 999 999. Fractions of a microsecond are cut off.
    pub fn from_parts(seconds: i64, nanos: i32) -> Option<Self> {
        if !(-62_135_596_800..=253_402_300_799).contains(&seconds)
            || !(0..=999_999_999).contains(&nanos)
        {
            return None;
        }
        Some(Self(seconds * 1_000_000 + i64::from(nanos / 1_000)))
    }

    /// Microseconds from `earlier` to `self`; negative where `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// The instant `micros` microseconds later (earlier where negative), held at the ends of the range.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The same instant for calendar arithmetic.
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

impl From<i64> for Time {
    fn from(micros: i64) -> Self {
        Self(micros)
    }
}

impl From<Time> for i64 {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(at: jiff::Timestamp) -> Self {
        Self(at.as_microsecond())
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.timestamp().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_round_trip_before_and_after_the_epoch() {
        for micros in [-1, 0, 1, 1_763_770_000_123_456, -62_135_596_800_000_000] {
            let time = Time::from_micros(micros);
            assert_eq!(Time::from_parts(time.seconds(), time.subsec_nanos()), Some(time));
        }
        assert_eq!(Time::from_parts(0, 1_000_000_000), None);
        assert_eq!(Time::from_parts(i64::MAX, 0), None);
    }
}
