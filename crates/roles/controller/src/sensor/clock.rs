//! When packets count as captured.
//!
//! A detector compares times of several sensors, and an engine those of its elements, so every packet must
//! have a time that is near now. What a capture says is a claim: a file is old, a board without a battery
//! thinks that it is 1970, and a broken file says anything. Inter-frame times are kept, because detectors
//! count by them; the rest is put right, and said once.
//!
//! Pure: it is told both times.

use wips::CaptureTime;

/// A stream's times are believed when they are no further behind than this. Ours: what travels and waits
/// is late, and an engine believes the times of a controller up to 5 s; beyond that it moves all of them.
const BEHIND_US_MAX: u64 = 4_000_000;
/// And no further ahead than this. Ours: what clocks that are set over the network differ by, with room.
const AHEAD_US_MAX: u64 = 2_000_000;
/// A longer pause in a file is shortened to this: it is a clock that was set, or nobody wants to wait for
/// it. Ours: longer than any detector remembers anything that it counts.
const PAUSE_US_MAX: u64 = 600_000_000;

/// The clock of a sensor that captures now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LiveClock {
    /// How far its times are moved, in microseconds.
    shift_us: i128,
    /// How often they had to be.
    corrections: u64,
}

impl LiveClock {
    /// The time of a packet that arrived at `now` and says that it was captured at `said`.
    pub(super) fn place(&mut self, said: CaptureTime, now: CaptureTime) -> CaptureTime {
        let placed = self.shifted(said);
        if now.since_us(placed) <= BEHIND_US_MAX && placed.since_us(now) <= AHEAD_US_MAX {
            return placed;
        }
        // A clock that is right again is believed again.
        self.shift_us = 0;
        let is_near = now.since_us(said) <= BEHIND_US_MAX && said.since_us(now) <= AHEAD_US_MAX;
        if !is_near {
            self.shift_us = i128::from(now.0) - i128::from(said.0);
            self.corrections += 1;
        }
        self.shifted(said)
    }

    /// What a person shall know of it.
    pub(super) fn note(&self) -> Option<String> {
        let behind_s = self.shift_us / 1_000_000;
        let way = if behind_s >= 0 { "behind" } else { "ahead" };
        let again = if self.corrections > 1 {
            format!(" (it jumped {} times)", self.corrections - 1)
        } else {
            String::new()
        };
        (self.shift_us != 0).then(|| {
            format!("its clock is {} s {way}{again}; times are put right", behind_s.unsigned_abs())
        })
    }

    fn shifted(&self, said: CaptureTime) -> CaptureTime {
        let us = (i128::from(said.0) + self.shift_us).max(0);
        CaptureTime(u64::try_from(us).unwrap_or(u64::MAX))
    }
}

/// Time in a file that is played: from its first packet on, never falling, without impossible pauses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FileClock {
    last: Option<CaptureTime>,
    played_us: u64,
    /// Packets that said they were captured before the one before them, and pauses that were cut.
    oddities: u64,
}

impl FileClock {
    /// Microseconds from the first packet to one that says `said`, in the order of the file.
    pub(super) fn advance(&mut self, said: CaptureTime) -> u64 {
        let last = *self.last.get_or_insert(said);
        // Times that go back a little are those of two radios; the next packet counts from here again.
        let pause_us = said.since_us(last);
        self.oddities += u64::from(pause_us > PAUSE_US_MAX || last.since_us(said) > AHEAD_US_MAX);
        self.played_us = self.played_us.saturating_add(pause_us.min(PAUSE_US_MAX));
        self.last = Some(if last.since_us(said) > AHEAD_US_MAX { said } else { said.max(last) });
        self.played_us
    }

    /// Microseconds up to the last packet.
    pub(super) fn played_us(&self) -> u64 {
        self.played_us
    }

    /// What a person shall know of it.
    pub(super) fn note(&self) -> Option<String> {
        (self.oddities > 0).then(|| {
            format!("{} times in the capture are impossible and were put right", self.oddities)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: CaptureTime = CaptureTime(1_795_132_800_000_000);
    const SECOND_US: u64 = 1_000_000;

    fn ago(seconds: u64) -> CaptureTime {
        CaptureTime(NOW.0 - seconds * SECOND_US)
    }

    #[test]
    fn a_clock_that_is_right_is_believed() {
        let mut clock = LiveClock::default();
        for said in [ago(4), NOW, NOW.plus_us(SECOND_US), ago(3)] {
            assert_eq!(clock.place(said, NOW), said);
        }
        assert_eq!(clock.note(), None);
    }

    #[test]
    fn a_clock_that_is_wrong_keeps_its_pace() {
        let mut clock = LiveClock::default();
        assert_eq!(clock.place(CaptureTime(5), NOW), NOW, "1970");
        let later = NOW.plus_us(3 * SECOND_US);
        assert_eq!(clock.place(CaptureTime(5 + 2_900_000), later), NOW.plus_us(2_900_000));
        assert!(clock.note().unwrap().contains("behind; times are put right"));
        // Somebody sets it.
        assert_eq!(clock.place(later, later), later);
        assert_eq!(clock.note(), None);
    }

    #[test]
    fn a_clock_that_says_anything_gives_times_that_are_near() {
        let mut clock = LiveClock::default();
        for said in [0, u64::MAX, 1, NOW.0 * 2, u64::MAX - 1, 7] {
            let placed = clock.place(CaptureTime(said), NOW);
            assert!(NOW.since_us(placed) <= BEHIND_US_MAX && placed.since_us(NOW) <= AHEAD_US_MAX);
        }
        assert!(clock.note().unwrap().contains("jumped"), "{:?}", clock.note());
    }

    #[test]
    fn a_file_keeps_its_inter_frame_times() {
        let mut clock = FileClock::default();
        let played: Vec<_> = [100, 150, 140, 400].map(|it| clock.advance(CaptureTime(it))).to_vec();
        assert_eq!(played, [0, 50, 50, 300]);
        assert_eq!(clock.note(), None);
    }

    #[test]
    fn impossible_times_in_a_file_cost_a_bounded_pause() {
        let mut clock = FileClock::default();
        clock.advance(CaptureTime(0));
        assert_eq!(clock.advance(NOW), PAUSE_US_MAX);
        assert_eq!(clock.advance(CaptureTime(0)), PAUSE_US_MAX, "time goes on");
        assert_eq!(clock.advance(CaptureTime(10)), PAUSE_US_MAX + 10);
        assert!(clock.note().unwrap().starts_with("2 times"));
    }
}
