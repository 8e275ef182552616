//! How far a backup has come, in percent. It only rises until the backup is lost again.
//!
//! Source: `shared/design/ha.md` section 4.10: a snapshot counts for 90 %, catching up to 99 %, and
//! 100 % is a backup that is taken in.

use model::Time;

const SNAPSHOT_PERCENT: u64 = 90;
const CAUGHT_UP_PERCENT: u64 = 99;
const TAKEN_IN_PERCENT: u64 = 100;

/// One synchronisation.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    percent: u8,
    /// Bytes of the snapshot.
    done: u64,
    lag_at_start: u64,
    least_lag: u64,
    /// When it came nearer last, be it less than a percent.
    moved_at: Time,
    has_stalled: bool,
}

impl Progress {
    pub(super) fn new(now: Time) -> Self {
        let (done, least_lag) = (0, u64::MAX);
        Self { percent: 0, done, lag_at_start: 0, least_lag, moved_at: now, has_stalled: false }
    }

    pub(super) fn percent(&self) -> u8 {
        self.percent
    }

    /// A backup that was taken in was lost: the next synchronisation begins.
    pub(super) fn lost(&mut self, now: Time) {
        if u64::from(self.percent) == TAKEN_IN_PERCENT {
            *self = Self::new(now);
        }
    }

    /// So many bytes of the snapshot were verified.
    pub(super) fn snapshot(&mut self, now: Time, done: u64, total: u64) {
        if done > self.done {
            self.done = done;
            self.moved(now);
        }
        self.rise(SNAPSHOT_PERCENT * done.min(total) / total.max(1));
    }

    /// The journal brings the rest.
    pub(super) fn catch_up(&mut self, now: Time, lag: u64) {
        self.lag_at_start = self.lag_at_start.max(lag);
        if lag < self.least_lag {
            self.least_lag = lag;
            self.moved(now);
        }
        let span = CAUGHT_UP_PERCENT - SNAPSHOT_PERCENT;
        let left = (span * lag).div_ceil(self.lag_at_start.max(1));
        self.rise(CAUGHT_UP_PERCENT - left);
    }

    /// The backup is complete, and taken in if there is a pair.
    pub(super) fn taken_in(&mut self, now: Time) {
        self.moved(now);
        self.rise(TAKEN_IN_PERCENT);
    }

    /// Whether it has just stood still for too long.
    pub(super) fn stalls(&mut self, now: Time, stall_ms: u64) -> bool {
        let is_running = u64::from(self.percent) < CAUGHT_UP_PERCENT;
        let is_new = is_running && !self.has_stalled && now.since_ms(self.moved_at) >= stall_ms;
        self.has_stalled |= is_new;
        is_new
    }

    fn moved(&mut self, now: Time) {
        self.moved_at = now;
        self.has_stalled = false;
    }

    fn rise(&mut self, percent: u64) {
        self.percent = self.percent.max(percent.min(TAKEN_IN_PERCENT) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_and_the_log_after_it_make_a_hundred() {
        let mut progress = Progress::new(Time(0));
        let mut seen = vec![progress.percent()];
        for done in [0, 400, 1_000] {
            progress.snapshot(Time(1), done, 1_000);
            seen.push(progress.percent());
        }
        for lag in [300, 100, 1, 0] {
            progress.catch_up(Time(2), lag);
            seen.push(progress.percent());
        }
        progress.taken_in(Time(3));
        seen.push(progress.percent());
        assert_eq!(seen, [0, 0, 36, 90, 90, 96, 98, 99, 100]);
    }

    #[test]
    fn it_never_falls_until_a_backup_that_was_taken_in_is_lost() {
        let mut progress = Progress::new(Time(0));
        progress.snapshot(Time(1), 9, 10);
        progress.lost(Time(2));
        progress.snapshot(Time(3), 1, 10);
        assert_eq!(progress.percent(), 81);
        progress.taken_in(Time(4));
        progress.lost(Time(5));
        assert_eq!(progress.percent(), 0);
    }

    #[test]
    fn standing_still_is_said_once() {
        let mut progress = Progress::new(Time(0));
        progress.snapshot(Time(1_000), 1, 10);
        assert!(!progress.stalls(Time(60_999), 60_000));
        assert!(progress.stalls(Time(61_000), 60_000));
        assert!(!progress.stalls(Time(62_000), 60_000));
        progress.snapshot(Time(63_000), 2, 10);
        assert!(progress.stalls(Time(123_000), 60_000));
    }

    #[test]
    fn less_than_a_percent_is_no_standstill() {
        let mut progress = Progress::new(Time(0));
        for minute in 1..10 {
            progress.snapshot(Time(minute * 59_000), minute, 1_000_000);
            assert_eq!(progress.percent(), 0);
            assert!(!progress.stalls(Time((minute + 1) * 59_000), 60_000));
        }
    }
}
