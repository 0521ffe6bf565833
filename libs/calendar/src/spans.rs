//! The open spans of a calendar, in the order of time, forwards and backwards
//!
//! Time is cut at the zone's transitions into stretches of one offset. Within a stretch the local
//! clock runs evenly, so windows become instants by plain arithmetic, and gaps and folds need no
//! cases: a local time that a stretch does not show lies outside it, one that two stretches show is
//! met in both.

use std::iter;

use jiff::{SignedDuration, Timestamp};

use crate::Calendar;

/// Seconds of a day on the local clock.
pub(crate) const DAY: i64 = 86_400;

/// Windows as seconds of the local clock after the midnight on which their day begins; `close` lies
/// beyond [`DAY`] where a window crosses midnight, but never beyond two days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Window {
    pub(crate) open: i64,
    pub(crate) close: i64,
}

/// The open instants from `open` to before `close`; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) open: Timestamp,
    pub(crate) close: Timestamp,
}

impl Span {
    pub(crate) fn length(self) -> SignedDuration {
        self.open.duration_until(self.close)
    }
}

/// The instants from `from` to before `to`, in which the zone has one offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    from: Timestamp,
    to: Timestamp,
    offset: i64,
}

impl Stretch {
    /// The days that the local clock shows in this stretch.
    fn days(self) -> impl DoubleEndedIterator<Item = i64> {
        let first = (floor(self.from) + self.offset).div_euclid(DAY);
        let last = (floor(self.to) + self.offset).div_euclid(DAY);
        first..=last
    }

    /// The part of this stretch in which the local clock shows `window` of `day`.
    pub(crate) fn shows(self, day: i64, window: Window) -> Option<Span> {
        let midnight = day * DAY - self.offset;
        let open = instant(midnight + window.open).max(self.from);
        let close = instant(midnight + window.close).min(self.to);
        (open < close).then_some(Span { open, close })
    }
}

impl Calendar {
    /// The open spans after `from` and before `until`, the earliest first.
    pub(crate) fn spans_after(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Span> {
        self.stretches_after(from, until).flat_map(move |stretch| {
            stretch.days().flat_map(move |day| {
                self.shown_on(day).filter_map(move |window| stretch.shows(day, window))
            })
        })
    }

    /// The open spans before `from` and after `until`, the latest first.
    pub(crate) fn spans_before(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Span> {
        self.stretches_before(from, until).flat_map(move |stretch| {
            stretch.days().rev().flat_map(move |day| {
                self.shown_on(day).rev().filter_map(move |window| stretch.shows(day, window))
            })
        })
    }

    /// Whether the local clock shows a time inside a window at `at`.
    pub(crate) fn shows_open(&self, at: Timestamp) -> bool {
        let local = floor(at) + self.offset(at);
        let second = local.rem_euclid(DAY);
        self.shown_on(local.div_euclid(DAY))
            .any(|window| window.open <= second && second < window.close)
    }

    /// The windows that start on `day`.
    pub(crate) fn windows(&self, day: i64) -> &[Window] {
        // Day 0, 1970-01-01, was a Thursday, and the week begins on Monday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        self.overrides.get(&day).unwrap_or(&self.weekly[weekday])
    }

    /// What is open between the two midnights of `day`, sorted and without overlap: the tail of the
    /// day before and the day's own windows.
    fn shown_on(&self, day: i64) -> impl DoubleEndedIterator<Item = Window> {
        // Windows of one day do not overlap, so only the last one can cross midnight.
        let tail = self.windows(day - 1).last().map_or(0, |window| (window.close - DAY).max(0));
        let own = self.windows(day).iter().map(move |window| Window {
            open: window.open.max(tail),
            close: window.close.min(DAY),
        });
        iter::once(Window { open: 0, close: tail })
            .chain(own)
            .filter(|window| window.open < window.close)
    }

    /// The stretches from `from` to `until`, the earliest first.
    pub(crate) fn stretches_after(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Stretch> {
        let mut from = from;
        iter::from_fn(move || {
            if from >= until {
                return None;
            }
            let transition = self.zone.following(from).next();
            let to = transition.map_or(until, |found| found.timestamp().min(until));
            let stretch = Stretch { from, to, offset: self.offset(from) };
            from = to;
            Some(stretch)
        })
    }

    /// The stretches back from `to` to `until`, the latest first.
    fn stretches_before(&self, to: Timestamp, until: Timestamp) -> impl Iterator<Item = Stretch> {
        let mut to = to;
        iter::from_fn(move || {
            if to <= until {
                return None;
            }
            let transition = self.zone.preceding(to).next();
            let from = transition.map_or(until, |found| found.timestamp().max(until));
            let stretch = Stretch { from, to, offset: self.offset(from) };
            to = from;
            Some(stretch)
        })
    }

    pub(crate) fn offset(&self, at: Timestamp) -> i64 {
        i64::from(self.zone.to_offset(at).seconds())
    }
}

/// Whole seconds since the Unix epoch, rounded down.
pub(crate) fn floor(at: Timestamp) -> i64 {
    at.as_second() - i64::from(at.subsec_nanosecond() < 0)
}

/// The instant `second` seconds after the Unix epoch, held at the ends of the range.
pub(crate) fn instant(second: i64) -> Timestamp {
    let end = if second < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(second).unwrap_or(end)
}
