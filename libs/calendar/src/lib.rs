//! Business time: when a customer service works, and when a budget of working time is used up
//!
//! A [`Calendar`] is parsed from a [`CalendarSpec`]: a zone, windows for each weekday and overrides
//! for single dates. It answers where a budget ends ([`Calendar::add`], [`Calendar::subtract`]),
//! how much working time lies between two instants ([`Calendar::between`]), and whether and when it
//! is open.
//!
//! # Invariants
//!
//! - An instant is open exactly when the local clock then shows a time inside a window. So a window
//!   that lies in a gap of the clock (summer time begins) does not open, an hour that the clock shows
//!   twice counts twice, and durations are always elapsed time between instants.
//! - A window may cross midnight; it belongs to the day on which it starts. An override replaces the
//!   windows that start on its date and nothing else: the day before may still reach into it.
//! - Answers are exact to the nanosecond; nothing is rounded.
//! - Nothing loops without bound: a budget or span that needs more than [`HORIZON`] is an error. A
//!   calendar that never closes is answered without a loop.
//! - Zones come from the database that is compiled in, never from the machine, so that all replicas
//!   of one release agree.
//!
//! # Absent
//!
//! Clocks and pauses of tickets (a pause is an interval on the ticket's timeline, not of the
//! calendar), versions of calendars, and the current time: every instant is an argument.

mod business_time;
pub mod china;
mod spans;
mod spec;
mod working_days;

pub use business_time::{Boundary, Calendar, CalendarError, HORIZON};
pub use spec::{CalendarSpec, Hours, MAX_WINDOWS, Problem, ProblemKind, Weekly, is_zone};
