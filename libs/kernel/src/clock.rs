//! Where time and ids come from. Both are values that a process makes once and hands on; nothing
//! else in the suite asks the machine what time it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use uuid::Uuid;

use crate::Time;

/// The process's clock: the machine's time plus an offset that never falls, or a time that only
/// moves when it is told to.
#[derive(Clone, Debug)]
pub struct Clock {
    base: Option<Time>,
    offset_micros: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's time. Its offset starts at zero.
    pub fn system() -> Self {
        Self { base: None, offset_micros: Arc::default() }
    }

    /// A clock that stands at `start` until it is advanced.
    pub fn manual(start: Time) -> Self {
        Self { base: Some(start), offset_micros: Arc::default() }
    }

    /// The time that the trade goes by: clocks, deadlines, history.
    pub fn now(&self) -> Time {
        self.real_now().plus_micros(self.offset_micros.load(Ordering::SeqCst))
    }

    /// The time that credentials go by: the machine's, whatever the offset. On a manual clock it is
    /// the start, so that tests of credentials stand still too.
    pub fn real_now(&self) -> Time {
        self.base.unwrap_or_else(machine_time)
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.offset_micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// Sets the offset; a smaller one than the present one changes nothing.
    pub fn raise_offset_micros(&self, micros: i64) {
        self.offset_micros.fetch_max(micros, Ordering::SeqCst);
    }

    /// How far this clock is ahead of the machine's, in microseconds.
    pub fn offset_micros(&self) -> i64 {
        self.offset_micros.load(Ordering::SeqCst)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
fn machine_time() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::EPOCH + since
}

/// Makes ids: UUIDv7 from the clock's time and random bits, or, seeded, the same ids each time.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    seed: Option<Arc<AtomicU64>>,
}

impl Ids {
    /// Ids whose random part comes from the machine.
    pub fn random(clock: Clock) -> Self {
        Self { clock, seed: None }
    }

    /// Ids that are the same in each run that asks in the same order at the same times.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self { clock, seed: Some(Arc::new(AtomicU64::new(seed << 32))) }
    }

    /// The next id.
    pub fn next(&self) -> Uuid {
        let millis = u64::try_from(self.clock.now().micros() / 1_000).unwrap_or(0);
        let mut random = [0_u8; 10];
        match &self.seed {
            Some(counter) => {
                let next = counter.fetch_add(1, Ordering::SeqCst);
                random[2..].copy_from_slice(&next.to_be_bytes());
            }
            None => fill_random(&mut random),
        }
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

/// Fills `bytes` with random bits of the machine.
///
/// # Panics
/// Where the machine has no source of randomness: nothing could be kept secret there.
#[expect(clippy::expect_used, reason = "without randomness no key or id can be made")]
pub(crate) fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the machine has a source of randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_when_told_and_its_offset_never_falls() {
        let clock = Clock::manual(Time::from_micros(1_000));
        clock.advance(Duration::from_micros(5));
        clock.raise_offset_micros(3);
        assert_eq!(clock.now(), Time::from_micros(1_005));
        assert_eq!(clock.real_now(), Time::from_micros(1_000));
    }

    #[test]
    fn seeded_ids_repeat_and_differ() {
        let make = || Ids::seeded(Clock::manual(Time::from_micros(1_763_770_000_000_000)), 7);
        let (a, b) = (make(), make());
        let first = a.next();
        assert_eq!(first, b.next());
        assert_ne!(first, a.next());
        assert_eq!(first.get_version_num(), 7);
    }
}
