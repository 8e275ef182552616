//! The world's dice: `SplitMix64`, so that a seed means the same on every platform and release.
//!
//! Each part of the world has a stream of its own; a draw more in one leaves the others as they
//! were.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

/// Mixes one word into a hash, or a seed into a stream: the finaliser of `SplitMix64`.
pub(crate) fn mix(hash: u64, word: u64) -> u64 {
    let mut z = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream of that number of a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(mix(mix(0, seed), stream))
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(0, self.0)
    }

    /// A number below `bound`; zero when that is zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number between both, inclusively.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True so many times of a million.
    pub(crate) fn ppm(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.below(1_000_000) < u64::from(ppm)
    }

    /// True so many times of a hundred.
    pub(crate) fn percent(&mut self, percent: u32) -> bool {
        self.ppm(percent * 10_000)
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// Exponentially distributed around `mean`, at most ten times that.
    pub(crate) fn exponential(&mut self, mean: u64) -> u64 {
        // 2^-53 steps of the unit interval, never zero.
        let unit = ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        let drawn = -unit.ln() * mean as f64;
        (drawn as u64).min(mean.saturating_mul(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_everywhere() {
        let mut rng = Rng::new(7, 1);
        let drawn = [rng.next(), rng.below(10), rng.between(3, 5), rng.exponential(1_000)];
        let mut again = Rng::new(7, 1);
        assert_eq!(
            drawn,
            [again.next(), again.below(10), again.between(3, 5), again.exponential(1_000)]
        );
        assert_ne!(Rng::new(7, 2).next(), drawn[0]);
    }

    #[test]
    fn draws_stay_in_their_bounds() {
        let mut rng = Rng::new(1, 1);
        for _ in 0..10_000 {
            assert!(rng.below(3) < 3);
            assert!((3..=5).contains(&rng.between(3, 5)));
            assert!(rng.exponential(100) <= 1_000);
        }
        assert!(!rng.ppm(0));
        assert!(rng.ppm(1_000_000));
    }
}
