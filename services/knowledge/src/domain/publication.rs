//! Which revision readers see in which language, from when until when.

use kernel::Time;

/// Never: an instant after all others.
pub const NEVER: Time = Time::from_micros(i64::MAX);
/// Always: an instant before all others.
pub const ALWAYS: Time = Time::from_micros(i64::MIN);

/// A revision that readers see from an instant until another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The language.
    pub locale: String,
    /// The revision's number.
    pub revision: i64,
    /// From when on.
    pub from: Time,
    /// Until when: the first instant at which it is no longer seen.
    pub until: Time,
}

impl Publication {
    /// Whether readers see it at an instant.
    pub fn is_live(&self, at: Time) -> bool {
        self.from <= at && at < self.until
    }
}
