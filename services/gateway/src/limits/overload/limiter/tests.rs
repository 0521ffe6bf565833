//! Load played in virtual time against a service with a fixed number of workers and one queue.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    /// The next one, from 0 to 1.
    fn roll(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

/// Calls of one tenant: how many a second, and of which class.
#[derive(Clone, Copy)]
struct Load {
    tenant: u128,
    class: Class,
    per_second: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// One of `loads` calls.
    Asks(usize),
    /// The call that came in then has been served.
    Served(usize, Duration),
}

/// What became of the calls of one load.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    asked: u32,
    refused: u32,
    /// Answered within the time that a caller waits.
    good: u32,
    slowest: Duration,
}

/// A process behind a limiter.
struct World {
    limiter: Limiter,
    now: Duration,
    workers: usize,
    service: Duration,
    busy: usize,
    queue: VecDeque<(usize, Duration)>,
    dice: Dice,
}

impl World {
    fn new(workers: usize, service: Duration, ceiling: u32) -> Self {
        let queue = VecDeque::new();
        let limiter = Limiter::new(ceiling);
        Self { limiter, now: Duration::ZERO, workers, service, busy: 0, queue, dice: Dice(7) }
    }

    /// How many calls a second can be served at all.
    fn capacity(&self) -> f64 {
        f64::from(u32::try_from(self.workers).unwrap()) / self.service.as_secs_f64()
    }

    /// Plays these loads for a while, then until all that was let in has been served.
    fn play(&mut self, seconds: u32, loads: &[Load]) -> Vec<Tally> {
        let end = self.now + SECOND * seconds;
        let mut tallies = vec![Tally::default(); loads.len()];
        let mut events: BinaryHeap<_> =
            (0..loads.len()).map(|index| Reverse((self.now, Event::Asks(index)))).collect();
        while let Some(Reverse((at, event))) = events.pop() {
            self.now = at;
            match event {
                Event::Asks(index) => {
                    let (load, tally) = (loads[index], &mut tallies[index]);
                    let gap = Duration::from_secs_f64(2.0 * self.dice.roll() / load.per_second);
                    if at + gap < end {
                        events.push(Reverse((at + gap, Event::Asks(index))));
                    }
                    tally.asked += 1;
                    let room = self.limiter.room(at, load.class);
                    let mut enter = || self.limiter.enter(at, tenant(load.tenant), load.class);
                    match room.and_then(|()| enter()) {
                        Ok(()) => self.queue.push_back((index, at)),
                        Err(shed) => {
                            assert!(shed.retry_after > Duration::ZERO);
                            assert!(shed.retry_after <= PUSHBACK_MOST);
                            tally.refused += 1;
                        }
                    }
                }
                Event::Served(index, entered) => {
                    self.busy -= 1;
                    let (load, tally) = (loads[index], &mut tallies[index]);
                    let took = at.saturating_sub(entered);
                    let answered = Took::Answered(took);
                    self.limiter.leave(at, tenant(load.tenant), load.class, entered, answered);
                    tally.good += u32::from(took < SECOND);
                    tally.slowest = tally.slowest.max(took);
                }
            }
            while self.busy < self.workers
                && let Some((index, entered)) = self.queue.pop_front()
            {
                self.busy += 1;
                let took = self.service.mul_f64(0.5 + self.dice.roll());
                events.push(Reverse((at + took, Event::Served(index, entered))));
            }
        }
        self.now = self.now.max(end);
        tallies
    }
}

fn tenant(number: u128) -> TenantId {
    TenantId::from(uuid::Uuid::from_u128(number))
}

fn reads(per_second: f64) -> Load {
    Load { tenant: 1, class: Class::Read, per_second }
}

/// Calls answered in time, as a part of what could be served in these seconds.
fn goodput(world: &World, seconds: u32, tallies: &[Tally]) -> f64 {
    let good: u32 = tallies.iter().map(|tally| tally.good).sum();
    f64::from(good) / (world.capacity() * f64::from(seconds))
}

#[test]
fn at_three_times_capacity_what_can_be_served_is_and_the_rest_is_refused() {
    for (workers, millis) in [(4, 5), (8, 2), (64, 10), (200, 20), (400, 50)] {
        let mut world = World::new(workers, Duration::from_millis(millis), 2_000);
        let usual = world.capacity() * 0.6;
        let before = world.play(3, &[reads(usual)]);
        assert!(before[0].refused * 25 <= before[0].asked, "{workers} workers: {before:?}");
        let over = [reads(world.capacity() * 3.0)];
        world.play(3, &over);
        let tallies = world.play(5, &over);
        let good = goodput(&world, 5, &tallies);
        assert!(
            good >= 0.8,
            "{workers} workers: {good} {tallies:?}, limit {}",
            world.limiter.limit
        );
        assert_eq!(tallies[0].good + tallies[0].refused, tallies[0].asked, "{tallies:?}");
        // About twice `UNNOTICED` may queue however fast the service is: nobody notices.
        let slowest = (Duration::from_millis(millis) * 40).max(Duration::from_millis(150));
        assert!(tallies[0].slowest < slowest, "{workers} workers: {tallies:?}");
        let after = world.play(3, &[reads(usual)]);
        assert!(after[0].refused * 100 <= after[0].asked, "{workers} workers: {after:?}");
    }
}

#[test]
fn an_overload_of_ten_minutes_does_not_become_the_usual() {
    let mut world = World::new(8, Duration::from_millis(50), 2_000);
    world.play(5, &[reads(80.0)]);
    let over = [reads(480.0)];
    let early = world.play(20, &over);
    world.play(600, &over);
    let late = world.play(20, &over);
    assert!(goodput(&world, 20, &late) >= 0.8, "{late:?}");
    assert!(late[0].slowest < early[0].slowest * 3, "{early:?} {late:?}");
}

#[test]
fn a_process_that_starts_in_an_overload_finds_its_limit() {
    let mut world = World::new(100, Duration::from_millis(10), 2_000);
    let over = [reads(world.capacity() * 3.0)];
    world.play(5, &over);
    let tallies = world.play(10, &over);
    assert!(goodput(&world, 10, &tallies) >= 0.8, "{tallies:?}");
}

#[test]
fn a_service_that_has_become_slower_is_learnt_anew_under_load() {
    for millis in [30, 50, 200] {
        let mut world = World::new(100, Duration::from_millis(10), 2_000);
        world.play(3, &[reads(world.capacity())]);
        world.service = Duration::from_millis(millis);
        let over = [reads(world.capacity() * 2.0)];
        world.play(15, &over);
        let tallies = world.play(5, &over);
        let good = goodput(&world, 5, &tallies);
        assert!(good >= 0.8, "{millis} ms: {good} {tallies:?}, limit {}", world.limiter.limit);
    }
}

#[test]
fn a_quiet_process_keeps_its_limit() {
    let mut world = World::new(8, Duration::from_millis(10), 2_000);
    let tallies = world.play(60, &[reads(100.0)]);
    assert_eq!(tallies[0].refused, 0);
    assert!(world.limiter.limit <= FIRST, "{}", world.limiter.limit);
}

#[test]
fn lists_give_way_first_and_writes_last() {
    let mut world = World::new(64, Duration::from_millis(10), 2_000);
    let each = world.capacity() * 0.5;
    let of = |class| Load { tenant: 1, class, per_second: each };
    let tallies = world.play(20, &[of(Class::List), of(Class::Read), of(Class::Write)]);
    let refused =
        |index: usize| f64::from(tallies[index].refused) / f64::from(tallies[index].asked);
    assert!(refused(0) > refused(1) && refused(1) > refused(2), "{tallies:?}");
    assert!(refused(2) < 0.05, "{tallies:?}");
}

#[test]
fn two_tenants_that_flood_do_not_keep_a_third_out() {
    let mut world = World::new(64, Duration::from_millis(10), 2_000);
    let of =
        |tenant, part| Load { tenant, class: Class::Read, per_second: world.capacity() * part };
    let loads = [of(1, 3.0), of(2, 3.0), of(3, 0.1)];
    world.play(5, &loads);
    let tallies = world.play(10, &loads);
    assert!(tallies[2].refused * 100 <= tallies[2].asked, "{tallies:?}");
    assert!(goodput(&world, 10, &tallies) >= 0.8, "{tallies:?}");
    let (one, two) = (f64::from(tallies[0].good), f64::from(tallies[1].good));
    assert!((0.8..1.25).contains(&(one / two)), "{tallies:?}");
}

#[test]
fn nobody_holds_more_than_half_while_another_asks() {
    let mut limiter = Limiter::new(2_000);
    let now = Duration::from_millis(1);
    limiter.enter(now, tenant(2), Class::Write).unwrap();
    let held = (0..100).filter(|_| limiter.enter(now, tenant(1), Class::Write).is_ok()).count();
    assert_eq!(held, 32);
    // Alone, it may have all.
    let mut limiter = Limiter::new(2_000);
    let held = (0..100).filter(|_| limiter.enter(now, tenant(1), Class::Write).is_ok()).count();
    assert_eq!(held, 64);
}

#[test]
fn streams_are_counted_apart_and_say_nothing_of_latency() {
    let mut limiter = Limiter::new(100);
    let held = (0..150).filter(|_| limiter.enter(SECOND, tenant(1), Class::Stream).is_ok()).count();
    assert_eq!((held, limiter.in_flight()), (100, 0));
    assert!(limiter.enter(SECOND, tenant(1), Class::List).is_ok());
    for _ in 0..100 {
        limiter.leave(SECOND * 900, tenant(1), Class::Stream, SECOND, Took::Answered(SECOND * 899));
    }
    assert_eq!(limiter.baselines, [None; 3]);
    assert!(limiter.enter(SECOND * 900, tenant(1), Class::Stream).is_ok());
}

#[test]
fn tenants_that_have_gone_are_forgotten() {
    let mut limiter = Limiter::new(100);
    for number in 0..5_000_u128 {
        let now = Duration::from_millis(u64::try_from(number).unwrap() * 10);
        limiter.enter(now, tenant(number), Class::Read).unwrap();
        limiter.leave(now, tenant(number), Class::Read, now, Took::Failed);
    }
    assert!(limiter.tenants.len() < 1_500, "{}", limiter.tenants.len());
}
