//! Slows down guessing: a limit on tries per key, on top of the `governor` crate.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Keys beyond which old ones are forgotten, so that a scan cannot fill the memory.
const KEYS_MAX: usize = 10_000;

/// A limit of tries per key: a burst, then one every so often.
#[derive(Debug)]
pub struct Throttle<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// Allows `burst` tries at once and then one per `period`.
    pub fn new(burst: NonZeroU32, period: Duration) -> Option<Self> {
        let quota = Quota::with_period(period)?.allow_burst(burst);
        Some(Self {
            limiter: RateLimiter::keyed(quota),
        })
    }

    /// Counts one try; when there are too many, how long to wait.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        if self.limiter.len() > KEYS_MAX {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(key)
            .map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_key_waits() {
        let throttle = Throttle::new(NonZeroU32::new(3).unwrap(), Duration::from_mins(1)).unwrap();
        for _ in 0..3 {
            assert_eq!(throttle.check(&"ana"), Ok(()));
        }
        let wait = throttle.check(&"ana").unwrap_err();
        assert!(wait > Duration::from_secs(50), "{wait:?}");
        assert_eq!(
            throttle.check(&"ben"),
            Ok(()),
            "another key is not punished"
        );
    }
}
