//! Clocks: promises with a time. A breach is a pure function of what happened and of the policy:
//! ended later than due. Timers only deliver notices.

use calendar::{Boundary, Calendar, CalendarError};
use contracts::tickets::v1::{ClockState, Metric};
use jiff::SignedDuration;
use kernel::Time;
use serde::{Deserialize, Serialize};

use super::code;

/// One metric of one ticket, once for each instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// What it measures.
    #[serde(with = "code")]
    pub metric: Metric,
    /// 1 for the first, one more with each reopening.
    pub instance: i32,
    /// Whether it runs.
    #[serde(with = "code")]
    pub state: ClockState,
    /// When it started.
    pub started: Time,
    /// When the goal is reached and when it is broken; `None` while it does not run.
    pub target: Option<Target>,
    /// Working time left to the goal and to the due time, in microseconds; while it is paused.
    pub left: Option<Left>,
    /// When it was fulfilled or cancelled.
    pub ended: Option<Time>,
    /// Whether the notice that its goal has passed was given.
    pub warned: bool,
    /// Whether it is broken: it ended, or was paused, later than due, or the notice was given.
    pub breached: bool,
    /// The rule and its version, for instance `shipped@1/complaint`.
    pub policy: String,
    /// The calendar that its time is counted in.
    pub calendar: String,
}

/// The instants of a running clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// When the goal is reached.
    pub goal: Time,
    /// The last instant at which it is still kept.
    pub due: Time,
}

/// What is left of a paused clock, in microseconds of working time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// To the goal.
    pub goal: i64,
    /// To the due time.
    pub due: i64,
}

/// A notice that a clock gives once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The goal has passed.
    Warned,
    /// It is broken.
    Breached,
}

impl Clock {
    /// Whether it runs or could run on.
    pub fn is_open(&self) -> bool {
        matches!(self.state, ClockState::Running | ClockState::Paused)
    }

    /// Ends it as kept or broken.
    pub fn fulfil(&mut self, at: Time) {
        self.end(at, ClockState::Fulfilled);
    }

    /// Ends it because what it measures will not happen.
    pub fn cancel(&mut self, at: Time) {
        self.end(at, ClockState::Cancelled);
    }

    fn end(&mut self, at: Time, state: ClockState) {
        self.breached |= self.target.is_some_and(|target| at > target.due);
        self.state = state;
        self.ended = Some(at);
        self.left = None;
    }

    /// Stops it until it is resumed; a paused clock has no due time, only what is left.
    pub fn pause(&mut self, at: Time, calendar: &Calendar) -> Result<(), CalendarError> {
        let Some(target) = self.target.filter(|_| self.state == ClockState::Running) else {
            return Ok(());
        };
        self.breached |= at > target.due;
        self.left = Some(Left {
            goal: working(calendar, at, target.goal)?,
            due: working(calendar, at, target.due)?,
        });
        self.target = None;
        self.state = ClockState::Paused;
        Ok(())
    }

    /// Lets it go on with what is left.
    pub fn resume(&mut self, at: Time, calendar: &Calendar) -> Result<(), CalendarError> {
        let Some(left) = self.left.filter(|_| self.state == ClockState::Paused) else {
            return Ok(());
        };
        self.target = Some(Target {
            goal: after(calendar, at, left.goal)?,
            due: after(calendar, at, left.due)?,
        });
        self.left = None;
        self.state = ClockState::Running;
        Ok(())
    }

    /// The notice that is to be given next, and when. The breach comes at the first instant that is
    /// later than due.
    pub fn next_notice(&self) -> Option<(Time, Notice)> {
        let target = self.target.filter(|_| self.state == ClockState::Running)?;
        if self.breached {
            None
        } else if self.warned || target.goal >= target.due {
            Some((target.due.plus_micros(1), Notice::Breached))
        } else {
            Some((target.goal, Notice::Warned))
        }
    }
}

/// The working time from `from` to `to`, in microseconds; nothing where `to` is not later.
fn working(calendar: &Calendar, from: Time, to: Time) -> Result<i64, CalendarError> {
    if to <= from {
        return Ok(0);
    }
    let between = calendar.between(from.timestamp(), to.timestamp())?;
    Ok(i64::try_from(between.as_micros()).unwrap_or(i64::MAX))
}

/// The earliest instant at which `micros` of working time after `from` are used up.
pub fn after(calendar: &Calendar, from: Time, micros: i64) -> Result<Time, CalendarError> {
    calendar
        .add(from.timestamp(), SignedDuration::from_micros(micros), Boundary::Closing)
        .map(Time::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn office() -> Calendar {
        Calendar::parse(&calendar::CalendarSpec::cn_standard()).unwrap()
    }

    fn at(text: &str) -> Time {
        Time::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    fn clock(start: Time, goal: i64, due: i64, calendar: &Calendar) -> Clock {
        Clock {
            metric: Metric::Resolution,
            instance: 1,
            state: ClockState::Running,
            started: start,
            target: Some(Target {
                goal: after(calendar, start, goal).unwrap(),
                due: after(calendar, start, due).unwrap(),
            }),
            left: None,
            ended: None,
            warned: false,
            breached: false,
            policy: "test@1/x".to_owned(),
            calendar: "x".to_owned(),
        }
    }

    #[test]
    fn at_due_it_is_kept_and_an_instant_later_broken() {
        let always = Calendar::always("UTC").unwrap();
        let start = at("2026-03-02T08:00:00Z");
        for (late, broken) in [(0, false), (1, true)] {
            let mut clock = clock(start, HOUR, 2 * HOUR, &always);
            clock.fulfil(start.plus_micros(2 * HOUR + late));
            assert_eq!(clock.breached, broken);
        }
    }

    #[test]
    fn a_pause_over_the_weekend_costs_nothing() {
        let office = office();
        // Friday 17:00 in Shanghai, two hours of working time: one is left on Monday.
        let mut clock = clock(at("2026-03-06T09:00:00Z"), HOUR, 2 * HOUR, &office);
        assert_eq!(clock.target.unwrap().due, at("2026-03-09T02:00:00Z"));
        clock.pause(at("2026-03-06T09:30:00Z"), &office).unwrap();
        assert_eq!(clock.left, Some(Left { goal: HOUR / 2, due: HOUR * 3 / 2 }));
        assert_eq!(clock.target, None);
        assert_eq!(clock.next_notice(), None);
        clock.resume(at("2026-03-10T01:00:00Z"), &office).unwrap();
        assert_eq!(clock.target.unwrap().due, at("2026-03-10T02:30:00Z"));
    }

    #[test]
    fn a_clock_that_is_paused_too_late_stays_broken() {
        let always = Calendar::always("UTC").unwrap();
        let start = at("2026-03-02T08:00:00Z");
        let mut clock = clock(start, HOUR, 2 * HOUR, &always);
        clock.pause(start.plus_micros(3 * HOUR), &always).unwrap();
        clock.resume(start.plus_micros(4 * HOUR), &always).unwrap();
        clock.fulfil(start.plus_micros(4 * HOUR));
        assert!(clock.breached);
    }

    proptest! {
        #[test]
        fn however_often_it_is_paused_the_working_time_in_between_adds_up(
            runs in proptest::collection::vec((1_i64..600, 1_i64..3_000), 0..8),
        ) {
            let office = office();
            let mut now = at("2026-02-13T01:00:00Z");
            let budget = 400 * HOUR;
            let mut clock = clock(now, budget / 2, budget, &office);
            let mut used = 0;
            for (run, pause) in runs {
                let stop = now.plus_micros(run * 60_000_000);
                used += working(&office, now, stop).unwrap();
                clock.pause(stop, &office).unwrap();
                now = stop.plus_micros(pause * 60_000_000);
                clock.resume(now, &office).unwrap();
            }
            let due = clock.target.unwrap().due;
            prop_assert_eq!(working(&office, now, due).unwrap(), budget - used);
        }
    }
}
