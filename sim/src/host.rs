//! A machine: its clock, and whether it runs.

use model::Time;

use crate::queue::{MS, Micros};

/// A machine of the world.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// Its clock runs so many millionths too fast.
    drift_ppm: i64,
    /// What its clock shows when the world begins.
    offset: Micros,
    /// How long it has been paused so far, without the pause that runs.
    paused: Micros,
    /// Since when it is paused.
    paused_since: Option<Micros>,
    /// It has power.
    pub(crate) is_up: bool,
    /// When a pause ended last.
    pub(crate) unpaused_at: Option<Micros>,
}

/// A million, to which drift relates.
const MILLION: i64 = 1_000_000;

impl Host {
    /// A running machine.
    pub(crate) fn new(drift_ppm: i64, offset: Micros) -> Self {
        Self { drift_ppm, offset, paused: 0, paused_since: None, is_up: true, unpaused_at: None }
    }

    /// What its clock shows.
    pub(crate) fn clock(&self, now: Micros) -> Time {
        let now = self.paused_since.unwrap_or(now);
        Time((self.offset + self.scaled(now - self.paused)) / MS)
    }

    /// When its clock will show `time`, if it is not paused until then.
    pub(crate) fn when(&self, time: Time) -> Micros {
        let local = (time.0 * MS).saturating_sub(self.offset);
        // A day of microseconds times a million fits 64 bits a hundred times over.
        let real = local * MILLION as u64 / (MILLION + self.drift_ppm) as u64 + self.paused;
        let mut at = real.saturating_sub(1);
        while self.clock(at) < time && self.paused_since.is_none() {
            at += 1;
        }
        at
    }

    /// The real time that passes while its clock counts so many milliseconds.
    pub(crate) fn real(&self, local_ms: u64) -> Micros {
        local_ms * MS * MILLION as u64 / (MILLION + self.drift_ppm) as u64
    }

    /// Whether a hypervisor has stopped it.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }

    /// A hypervisor stops it, its clock too.
    pub(crate) fn pause(&mut self, now: Micros) {
        self.paused_since.get_or_insert(now);
    }

    /// It goes on.
    pub(crate) fn unpause(&mut self, now: Micros) -> Micros {
        let Some(since) = self.paused_since.take() else { return 0 };
        self.paused += now - since;
        self.unpaused_at = Some(now);
        now - since
    }

    fn scaled(&self, elapsed: Micros) -> Micros {
        elapsed * (MILLION + self.drift_ppm) as u64 / MILLION as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_the_first_moment_at_which_the_clock_shows_it() {
        for drift in [-10_000, 0, 7, 10_000] {
            let mut host = Host::new(drift, 123_456_789);
            host.pause(1_000_000);
            host.unpause(1_700_003);
            for ms in [124_500, 125_001, 9_999_999] {
                let at = host.when(Time(ms));
                assert_eq!(host.clock(at), Time(ms), "drift {drift}");
                assert_eq!(host.clock(at - 1), Time(ms - 1), "drift {drift}");
            }
        }
    }

    #[test]
    fn a_paused_clock_stands_still() {
        let mut host = Host::new(0, 0);
        host.pause(5_000);
        assert_eq!(host.clock(9_000), Time(5));
        assert_eq!(host.unpause(9_000), 4_000);
        assert_eq!(host.clock(10_000), Time(6));
    }
}
