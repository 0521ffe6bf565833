//! Chance that can be repeated: `SplitMix64` from a seed that every test prints.

use uuid::{Builder, Uuid};

/// A source of chance.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Chance from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed that this environment variable holds, to repeat a run; a new one where it is not set.
    pub fn seed(variable: &str) -> u64 {
        let drawn = || kernel::Ids::random(kernel::Clock::system()).next().as_u64_pair().1;
        number(variable).unwrap_or_else(drawn)
    }

    /// Other chance for another part of the test.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// Other chance for the n-th part of the test, whatever was drawn for the others.
    #[must_use]
    pub fn fork_at(&self, n: u64) -> Self {
        Self(Self(self.0 ^ n.wrapping_mul(0xd134_2543_de82_ef95)).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// An index of a list of this length, which is not 0.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap_or(1))).unwrap_or(0)
    }

    /// One of these, of which there is at least one.
    pub fn one_of<'a, T>(&mut self, these: &'a [T]) -> &'a T {
        &these[self.index(these.len())]
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A new UUID.
    pub fn uuid(&mut self) -> Uuid {
        let (high, low) = (self.next(), self.next());
        Builder::from_random_bytes(Uuid::from_u64_pair(high, low).into_bytes()).into_uuid()
    }
}

/// The number of an environment variable.
#[expect(clippy::disallowed_methods, reason = "how long a test runs is no setting of the suite")]
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_chance() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (dice.below(100), dice.uuid(), dice.fork().below(100))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
