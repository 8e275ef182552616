//! Slows down guessing: a limit on tries per key, on top of the `governor` crate.
//!
//! Keys fall into a fixed number of buckets by a hash that nobody else can compute, so a scan cannot
//! fill the memory. Two keys that share a bucket share its limit, which is rare and harmless.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Buckets: more than the people who mistype a password within a minute.
const BUCKETS: u64 = 1 << 16;

/// A limit of tries per key: a burst, then so many a minute.
#[derive(Debug)]
pub struct Throttle {
    limiter: DefaultKeyedRateLimiter<u64>,
    hasher: RandomState,
}

impl Throttle {
    /// Allows `burst` tries at once and then `per_minute`.
    pub fn new(burst: NonZeroU32, per_minute: NonZeroU32) -> Self {
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        Self { limiter: RateLimiter::keyed(quota), hasher: RandomState::new() }
    }

    /// Counts one try; when there are too many, how long to wait.
    pub fn check(&self, key: &(impl Hash + ?Sized)) -> Result<(), Duration> {
        let bucket = self.hasher.hash_one(key) % BUCKETS;
        let now = || DefaultClock::default().now();
        self.limiter.check_key(&bucket).map_err(|not_until| not_until.wait_time_from(now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_key_waits() {
        let throttle = Throttle::new(NonZeroU32::new(3).unwrap(), NonZeroU32::new(1).unwrap());
        for _ in 0..3 {
            assert_eq!(throttle.check("ana"), Ok(()));
        }
        let wait = throttle.check("ana").unwrap_err();
        assert!(wait > Duration::from_secs(50), "{wait:?}");
        assert_eq!(throttle.check("ben"), Ok(()), "another key is not punished");
    }
}
