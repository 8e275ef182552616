//! Chance that is the same in every run: a value is a function of the seed and of what it is for.
//!
//! Unlike a stream of random numbers, such a value does not depend on what was asked before, so a
//! report is the same whether or not an earlier one was skipped.

/// A value from all of `keys`, each bit of which depends on each of theirs.
///
/// The mixing step is the finaliser of `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014).
pub(super) fn hash<const N: usize>(keys: [u64; N]) -> u64 {
    keys.into_iter().fold(0, |state, key| {
        let mut z = (state ^ key).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A number from 0 up to, not including, 1.
pub(super) fn share<const N: usize>(keys: [u64; N]) -> f32 {
    (hash(keys) >> 40) as f32 / (1_u64 << 24) as f32
}

/// A number with mean 0 and deviation 1, within ±3.5.
///
/// The sum of four uniform numbers: near enough to the normal distribution, and exact on every
/// machine, which logarithms and sines are not.
pub(super) fn normal<const N: usize>(keys: [u64; N]) -> f32 {
    let bits = hash(keys);
    let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
    // A uniform number has variance 1/12, so the sum of four has deviation sqrt(1/3).
    (sum as f32 / 65_536.0 - 2.0) * 3_f32.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_mean_zero_and_deviation_one() {
        let numbers: Vec<f32> = (0..10_000).map(|key| normal([1, key])).collect();
        let mean = numbers.iter().sum::<f32>() / 10_000.0;
        let variance = numbers.iter().map(|n| (n - mean).powi(2)).sum::<f32>() / 10_000.0;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.05, "variance {variance}");
    }

    #[test]
    fn every_key_counts() {
        assert_ne!(hash([1, 2, 3]), hash([1, 2, 4]));
        assert_ne!(hash([1, 2, 3]), hash([1, 3, 2]));
        assert_ne!(hash([1, 2, 3]), hash([2, 2, 3]));
        assert!((0..1_000).all(|key| (0.0..1.0).contains(&share([key]))));
    }
}
