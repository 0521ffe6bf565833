//! The decisions of [`super`]: no clock and no I/O, so that whole days of load can be played in a test.
//! Times are since any fixed instant.

use std::{collections::HashMap, time::Duration};

use kernel::TenantId;

use super::{Class, Shed};

/// The limit never falls below this, so that a slow spell cannot choke the process.
const FLOOR: f64 = 32.0;
/// What the limit starts at, before anything is known.
const FIRST: f64 = 64.0;
/// How often the limit is thought over.
const WINDOW: Duration = Duration::from_millis(100);
/// With fewer answers than this a window is carried on: a handful says nothing.
const ENOUGH: u32 = 16;
/// A mean this many times the baseline is a queue, and not the noise between one call and another.
const TOLERANCE: f64 = 2.0;
/// A baseline counts as at least this, in seconds: on a fast service a few callers at once double the
/// latency, and nobody notices. What takes less than twice this long is no overload.
const UNNOTICED: f64 = 0.02;
/// One answer counts at most this many baselines, so that a single slow one does not sway the mean.
const OUTLIER: f64 = 10.0;
/// How far the baseline moves in a window towards a lower mean.
const FALLS_BY: f64 = 0.2;
/// How far it moves towards a higher one while the process is not busy.
const RISES_BY: f64 = 0.02;
/// How far it moves towards a higher one while the limit is at its floor, and used.
const RELEARNS_BY: f64 = 0.3;
/// The limit leaves its floor when the mean is this close to the baseline: when it has been learnt.
const LEARNT: f64 = 1.2;
/// The part of the limit that is kept from tenants who hold their fair share already.
const RESERVE: f64 = 0.25;
/// Of so many calls for which there is no room, one is looked at to see whose it is.
const LOOKED_AT: u32 = 8;
/// What a refused caller waits where as many are refused as are let in; more where it is worse.
const PUSHBACK: Duration = Duration::from_millis(400);
/// The longest that a refused caller is told to wait.
const PUSHBACK_MOST: Duration = Duration::from_secs(5);
/// How many windows pass between two looks for tenants who have gone.
const SWEEP_EVERY: u64 = 64;

/// What is known of how long a call took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Took {
    /// Its answer came after this.
    Answered(Duration),
    /// It ended without one: it would have taken at least as long as it was in.
    Cut,
    /// It failed, which may be quick and says nothing.
    Failed,
}

/// What is in, what may be, and what is known of how long calls take.
#[derive(Debug)]
pub(super) struct Limiter {
    ceiling: f64,
    limit: f64,
    in_flight: u32,
    streams: u32,
    tenants: HashMap<TenantId, Seats>,
    /// Whether there was never a queue yet: until then the limit doubles.
    untried: bool,
    /// What calls take without a queue, in seconds, by class.
    baselines: [Option<f64>; 3],
    window: Window,
    /// How many tenants asked in the last window.
    asked: u32,
    /// How many calls were refused in the last window for one that was let in.
    pressure: f64,
}

/// What one tenant holds.
#[derive(Debug, Default)]
struct Seats {
    in_flight: u32,
    streams: u32,
    /// The window in which it last asked.
    asked: u64,
}

#[derive(Debug, Default)]
struct Window {
    number: u64,
    started: Duration,
    asking: u32,
    admitted: u32,
    refused: u32,
    /// The most that was in flight since the limit was last thought over.
    peak: u32,
    answers: [Answers; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    count: u32,
    seconds: f64,
}

impl Limiter {
    /// Knows nothing yet, and will never let more in at once than `ceiling`.
    pub(super) fn new(ceiling: u32) -> Self {
        let ceiling = f64::from(ceiling).max(FLOOR);
        Self {
            ceiling,
            limit: FIRST.min(ceiling),
            in_flight: 0,
            streams: 0,
            tenants: HashMap::new(),
            untried: true,
            baselines: [None; 3],
            window: Window { number: 1, ..Window::default() },
            asked: 0,
            pressure: 0.0,
        }
    }

    /// How many are let in at once at present.
    pub(super) fn whole_limit(&self) -> u32 {
        whole(self.limit)
    }

    /// How many calls are in, streams aside.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Says when to try again where there is no room for anybody. Now and then it lets one pass, to be
    /// refused by [`enter`](Self::enter): who fills the process must make room for tenants who ask
    /// too, and so must be told from them.
    pub(super) fn room(&mut self, now: Duration, class: Class) -> Result<(), Shed> {
        self.roll(now);
        let (all, most) = self.filled(class);
        if all < most * class.part() || self.window.refused.is_multiple_of(LOOKED_AT) {
            return Ok(());
        }
        self.window.refused += 1;
        Err(self.shed())
    }

    /// How many are in that share the places of this class, and how many places there are.
    fn filled(&self, class: Class) -> (f64, f64) {
        match class {
            Class::Stream => (f64::from(self.streams), self.ceiling),
            Class::List | Class::Read | Class::Write => (f64::from(self.in_flight), self.limit),
        }
    }

    /// Lets a call in, or says when to try again.
    pub(super) fn enter(
        &mut self,
        now: Duration,
        tenant: TenantId,
        class: Class,
    ) -> Result<(), Shed> {
        self.roll(now);
        let (all, most) = self.filled(class);
        let seats = self.tenants.entry(tenant).or_default();
        if seats.asked != self.window.number {
            seats.asked = self.window.number;
            self.window.asking += 1;
        }
        let mine = match class {
            Class::Stream => seats.streams,
            Class::List | Class::Read | Class::Write => seats.in_flight,
        };
        let asking = self.window.asking.max(self.asked);
        if !admits(all, most, class.part(), f64::from(mine), f64::from(asking)) {
            self.window.refused += 1;
            return Err(self.shed());
        }
        self.window.admitted += 1;
        if class == Class::Stream {
            seats.streams += 1;
            self.streams += 1;
        } else {
            seats.in_flight += 1;
            self.in_flight += 1;
            self.window.peak = self.window.peak.max(self.in_flight);
        }
        Ok(())
    }

    /// Takes back the place of a call that came in at `entered`, and learns from it.
    pub(super) fn leave(
        &mut self,
        now: Duration,
        tenant: TenantId,
        class: Class,
        entered: Duration,
        took: Took,
    ) {
        let seats = self.tenants.entry(tenant).or_default();
        let Some(kind) = kind(class) else {
            seats.streams = seats.streams.saturating_sub(1);
            self.streams = self.streams.saturating_sub(1);
            return;
        };
        seats.in_flight = seats.in_flight.saturating_sub(1);
        self.in_flight = self.in_flight.saturating_sub(1);
        let baseline = self.baselines[kind];
        let took = match took {
            Took::Answered(took) => took.as_secs_f64(),
            // Whoever gives up early says nothing; who gives up late says that it is slow.
            Took::Cut => match (now.saturating_sub(entered).as_secs_f64(), baseline) {
                (at_least, Some(usual)) if at_least > usual => at_least,
                _ => return,
            },
            Took::Failed => return,
        };
        let answers = &mut self.window.answers[kind];
        answers.count += 1;
        answers.seconds += baseline.map_or(took, |usual| took.min(usual.max(UNNOTICED) * OUTLIER));
        self.roll(now);
    }

    /// Ends the window where it is over.
    fn roll(&mut self, now: Duration) {
        if now.saturating_sub(self.window.started) < WINDOW {
            return;
        }
        self.asked = self.window.asking;
        self.pressure = f64::from(self.window.refused) / f64::from(self.window.admitted.max(1));
        let answers = self.window.answers;
        let enough = answers.iter().map(|answers| answers.count).sum::<u32>() >= ENOUGH;
        if enough {
            self.think(&answers);
        }
        let old = std::mem::take(&mut self.window);
        self.window.number = old.number + 1;
        self.window.started = now;
        if enough {
            self.window.peak = self.in_flight;
        } else {
            self.window.peak = old.peak;
            self.window.answers = old.answers;
        }
        if self.window.number.is_multiple_of(SWEEP_EVERY) {
            self.tenants.retain(|_, seats| {
                seats.in_flight + seats.streams > 0 || seats.asked + SWEEP_EVERY > old.number
            });
        }
    }

    /// Sets the limit by what was seen, then learns from it.
    fn think(&mut self, answers: &[Answers; 3]) {
        let busy = f64::from(self.window.peak) >= self.limit / 2.0;
        let (mut ratio, mut count) = (0.0, 0.0);
        for (answers, baseline) in answers.iter().zip(&mut self.baselines) {
            if answers.count == 0 {
                continue;
            }
            let mean = answers.seconds / f64::from(answers.count);
            let usual = baseline.get_or_insert(mean);
            ratio += f64::from(answers.count) * mean / usual.max(UNNOTICED);
            count += f64::from(answers.count);
            *usual += (mean - *usual) * learns(mean < *usual, busy, self.limit <= FLOOR);
        }
        let gradient = (TOLERANCE * count / ratio).clamp(0.5, 1.0);
        self.untried &= gradient >= 1.0;
        let next = if self.untried {
            self.limit * 2.0
        } else {
            self.limit.midpoint(self.limit * gradient + self.limit.sqrt())
        };
        let learning = self.limit <= FLOOR && ratio > LEARNT * count;
        if next < self.limit || busy && !learning {
            self.limit = next.clamp(FLOOR, self.ceiling);
        }
    }

    /// The refusal: the worse the pressure the longer the wait, spread so that not all come at once.
    fn shed(&self) -> Shed {
        let spread = f64::from(self.window.refused) * 0.618_033_988_749_895 % 1.0;
        let wait = PUSHBACK.mul_f64(self.pressure.clamp(0.5, 100.0) * (0.5 + spread));
        Shed { retry_after: wait.min(PUSHBACK_MOST) }
    }
}

/// Whether one more fits: `all` are in of `most`, of which this class may fill `part`; `mine` are
/// this tenant's, one of `asking`.
fn admits(all: f64, most: f64, part: f64, mine: f64, asking: f64) -> bool {
    if asking <= 1.0 {
        return all < most * part;
    }
    let fair = most / asking;
    let kept = if mine >= fair { RESERVE } else { 0.0 };
    mine < most / 2.0 && all < most * (part - kept)
}

/// How far a baseline moves towards what was seen.
fn learns(falls: bool, busy: bool, at_floor: bool) -> f64 {
    match (falls, busy, at_floor) {
        (true, _, _) => FALLS_BY,
        (false, false, _) => RISES_BY,
        (false, true, true) => RELEARNS_BY,
        (false, true, false) => 0.0,
    }
}

/// Where the answers of a class are counted; streams are not.
fn kind(class: Class) -> Option<usize> {
    match class {
        Class::List => Some(0),
        Class::Read => Some(1),
        Class::Write => Some(2),
        Class::Stream => None,
    }
}

/// The whole part of a limit.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a limit lies between its floor and a ceiling that was a u32"
)]
fn whole(limit: f64) -> u32 {
    limit as u32
}

#[cfg(test)]
mod tests;
