//! How soon a lost connection is tried again.

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// Waits that double from the first to the longest, each shortened at random: a thousand machines that lost the same
/// gateway do not come back in the same instant.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The next wait: between half of it and all of it.
    pub fn next(&mut self, chance: &mut impl Rng) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        wait.mul_f64(chance.random_range(0.5..1.0))
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let mut chance = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for bound in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next(&mut chance).as_millis();
            assert!(wait >= bound / 2 && wait <= bound, "{wait} of {bound}");
        }
        backoff.reset();
        assert!(backoff.next(&mut chance) <= Duration::from_millis(100));
    }
}
