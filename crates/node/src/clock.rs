//! The only place that asks what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use model::Time;

/// The wall clock, now. For timestamps; never for measuring a duration.
pub fn wall() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// Time since the machine started, suspended or not (`CLOCK_BOOTTIME`): what a pair's timers run
/// on. It never jumps, every process of a machine reads the same, and no two machines compare it.
pub fn boot() -> Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanoseconds) = (now.tv_sec.cast_unsigned(), now.tv_nsec.cast_unsigned());
    Time(seconds * 1_000 + nanoseconds / 1_000_000)
}

/// A clock that starts at the wall time and then never jumps, for timers.
#[derive(Debug, Clone, Copy)]
pub struct Steady {
    wall: Time,
    start: Instant,
}

impl Steady {
    /// A clock that agrees with the wall clock now.
    pub fn new() -> Self {
        Self { wall: wall(), start: Instant::now() }
    }

    /// The time on this clock.
    pub fn now(&self) -> Time {
        self.wall.plus_ms(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// How long from now until `deadline`; zero when it has passed.
    pub fn until(&self, deadline: Time) -> Duration {
        // A deadline may be rounded down to the millisecond that has not quite begun.
        let left_ms = deadline.since_ms(self.now());
        if left_ms == 0 { Duration::ZERO } else { Duration::from_millis(left_ms) }
    }
}

impl Default for Steady {
    fn default() -> Self {
        Self::new()
    }
}

/// `2015-03-17T00:27:33.437Z`, for logs and the command line.
pub fn text(time: Time) -> String {
    timestamp(time).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `Sun Mar 08 12:40:32 CET 2015`, as `getserverinfo` prints times, in the system's zone.
pub fn date_text(time: Time) -> String {
    timestamp(time)
        .to_zoned(jiff::tz::TimeZone::system())
        .strftime("%a %b %d %H:%M:%S %Z %Y")
        .to_string()
}

/// `2015-Mar-08, 12:50:17 CET`, as the manager's events log prints times, in the system's zone.
pub fn event_text(time: Time) -> String {
    timestamp(time)
        .to_zoned(jiff::tz::TimeZone::system())
        .strftime("%Y-%b-%d, %H:%M:%S %Z")
        .to_string()
}

/// Name of the system's time zone and its offset now, in minutes.
pub fn zone(now: Time) -> (String, i32) {
    let zone = jiff::tz::TimeZone::system();
    let offset_minutes = zone.to_offset(timestamp(now)).seconds() / 60;
    (zone.iana_name().unwrap_or("UTC").to_owned(), offset_minutes)
}

fn timestamp(time: Time) -> Timestamp {
    let ms = i64::try_from(time.0).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_for_people() {
        assert_eq!(text(Time(1_426_552_053_437)), "2015-03-17T00:27:33.437Z");
    }

    #[test]
    fn the_steady_clock_agrees_with_the_wall_at_first() {
        let clock = Steady::new();
        assert!(wall().since_ms(clock.now()) < 1_000);
        assert_eq!(clock.until(Time(0)), Duration::ZERO);
    }
}
