//! The same frame heard by several sensors is one frame.
//!
//! Two packets are one transmission when they have the same bytes, other sensors, and times that differ by
//! no more than the clocks of sensors do. The first one is shown to detectors; of the others only the
//! signal is kept.
//!
//! # Clocks that are wrong
//!
//! A clock that is a second ahead tells itself by the beacons that others hear as well: no two beacons are
//! the same, because each holds the time of its access point. When several in a row say the same
//! difference, the times of that sensor are corrected by it, so that everything else that it hears is found
//! too. A frame without a number, such as an acknowledgement, is the same every time: it never tells a
//! clock, only a copy when the clock is known.

use std::collections::{BTreeMap, VecDeque};

use crate::dot11::FrameKey;
use crate::packet::{CaptureTime, SensorId};

/// Clocks of sensors differ by no more, when they are set over the network (section 3.5 of the
/// reference).
const WINDOW_US: u64 = 5_000;
/// A clock that is wrong by no more is left alone.
const TOLERATED_US: i64 = 2_500;
/// A clock that is wrong by more is not corrected. Ours: a sensor without time synchronisation is set by
/// hand to within a second or two.
const WRONG_US_MAX: i64 = 2_000_000;
/// So many beacons in a row must agree.
const AGREED: u8 = 3;
/// Frames that are remembered: a busy channel has 20 in 5 ms, and 8,000 in the two seconds that a wrong
/// clock makes of it; a thousand sensors hear some of them.
const FRAMES_MAX: usize = 8_192;
/// Beacons that are remembered: 400 access points in two seconds.
const BEACONS_MAX: usize = 8_192;
/// Sensors whose clocks are followed.
const CLOCKS_MAX: usize = 4_096;

/// Frames of the last milliseconds, and what is known of clocks.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// By key, and a number that tells those with the same key apart.
    frames: BTreeMap<(FrameKey, u64), Frame>,
    /// In the order in which they came.
    order: VecDeque<(CaptureTime, FrameKey, u64)>,
    number: u64,
    /// The first sensor, until there is a second one: alone it hears no copies.
    only: Option<SensorId>,
    has_several: bool,
    clocks: BTreeMap<SensorId, Clock>,
    /// No clock is corrected by more.
    spread_us: u64,
    /// Who heard a beacon first, and when by its own clock.
    beacons: BTreeMap<FrameKey, (SensorId, CaptureTime)>,
    beacon_order: VecDeque<(CaptureTime, FrameKey)>,
}

#[derive(Debug)]
struct Frame {
    at: CaptureTime,
    heard_by: Vec<SensorId>,
    /// Incidents that the frame is part of.
    incidents: Vec<u64>,
}

/// How much the clock of a sensor is ahead of that of the first one.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    ahead_us: i64,
    /// How much more the newest beacons say, and how many of them agree.
    more_us: i64,
    agreed: u8,
}

impl Copies {
    /// Whether frames need a key: more than one sensor is there.
    pub(crate) fn has_several(&mut self, sensor: SensorId) -> bool {
        let only = *self.only.get_or_insert(sensor);
        self.has_several |= only != sensor;
        self.has_several
    }

    /// The time of a packet by the clock of the first sensor.
    pub(crate) fn corrected(&self, at: CaptureTime, sensor: SensorId) -> CaptureTime {
        let ahead_us = self.clocks.get(&sensor).map_or(0, |it| it.ahead_us);
        CaptureTime(at.0.saturating_add_signed(-ahead_us))
    }

    /// The incidents of a frame that another sensor heard before; nothing when it is new. `at` is the
    /// corrected time, `now` that of the newest packet.
    pub(crate) fn find(
        &mut self,
        key: FrameKey,
        at: CaptureTime,
        now: CaptureTime,
        sensor: SensorId,
    ) -> Option<&[u64]> {
        let kept_us = WINDOW_US + self.spread_us;
        while let Some((noted, key, number)) = self.order.front().copied()
            && (now.since_us(noted) > kept_us || self.order.len() > FRAMES_MAX)
        {
            self.order.pop_front();
            self.frames.remove(&(key, number));
        }
        let frame = self
            .frames
            .range_mut((key, 0)..=(key, u64::MAX))
            .map(|(_, frame)| frame)
            .find(|it| it.at.0.abs_diff(at.0) <= WINDOW_US && !it.heard_by.contains(&sensor))?;
        frame.heard_by.push(sensor);
        Some(&frame.incidents)
    }

    /// Remembers a frame.
    pub(crate) fn note(
        &mut self,
        key: FrameKey,
        at: CaptureTime,
        now: CaptureTime,
        sensor: SensorId,
        incidents: &[u64],
    ) {
        self.number += 1;
        let frame = Frame { at, heard_by: vec![sensor], incidents: incidents.to_vec() };
        self.frames.insert((key, self.number), frame);
        self.order.push_back((now, key, self.number));
    }

    /// Learns from a beacon how much one clock is ahead of another, and says whether it is a copy: before
    /// clocks are known, only the beacon itself tells. `at` is the time as the sensor tells it, without a
    /// correction.
    pub(crate) fn compare(
        &mut self,
        key: FrameKey,
        at: CaptureTime,
        now: CaptureTime,
        sensor: SensorId,
    ) -> bool {
        let kept_us = 2 * WRONG_US_MAX.unsigned_abs();
        while let Some((noted, key)) = self.beacon_order.front().copied()
            && (now.since_us(noted) > kept_us || self.beacon_order.len() >= BEACONS_MAX)
        {
            self.beacon_order.pop_front();
            self.beacons.remove(&key);
        }
        let Some((other, other_at)) = self.beacons.get(&key).copied() else {
            self.beacons.insert(key, (sensor, at));
            self.beacon_order.push_back((now, key));
            return false;
        };
        if other == sensor {
            return false;
        }
        // The clock of the first sensor is right by definition.
        let (wrong, wrong_at, right, right_at) = if self.only == Some(sensor) {
            (other, other_at, sensor, at)
        } else {
            (sensor, at, other, other_at)
        };
        let wrong_at = self.corrected(wrong_at, wrong).0;
        let right_at = self.corrected(right_at, right).0;
        let more_us = wrong_at.cast_signed().saturating_sub(right_at.cast_signed());
        if self.clocks.len() < CLOCKS_MAX || self.clocks.contains_key(&wrong) {
            self.clocks.entry(wrong).or_default().learn(more_us);
            let ahead_us = self.clocks.values().map(|it| it.ahead_us.unsigned_abs());
            self.spread_us = 2 * ahead_us.max().unwrap_or(0);
        }
        more_us.abs() <= WRONG_US_MAX
    }
}

impl Clock {
    /// A beacon says that it is so much further ahead.
    fn learn(&mut self, more_us: i64) {
        if more_us.abs() <= TOLERATED_US || more_us.abs() > WRONG_US_MAX {
            self.agreed = 0;
            return;
        }
        let is_same = self.agreed > 0 && more_us.abs_diff(self.more_us) <= WINDOW_US;
        (self.more_us, self.agreed) = (more_us, if is_same { self.agreed + 1 } else { 1 });
        let ahead_us = self.ahead_us.saturating_add(more_us);
        if self.agreed >= AGREED && ahead_us.abs() <= WRONG_US_MAX {
            *self = Self { ahead_us, ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot11::parse;
    use crate::packet::{Link, Packet};

    const BEGIN_US: u64 = 1_800_000_000_000_000;

    fn key(number: u64) -> FrameKey {
        let bytes = number.to_le_bytes();
        parse(&Packet::new(CaptureTime(0), SensorId(0), Link::Bare, &bytes)).key(0)
    }

    /// Beacons at every tenth of a second, heard by two sensors of which the second is `ahead_us`, from
    /// beacon `from` on: how many of them are taken for copies.
    fn copies(ahead_us: impl Fn(u64) -> i64, count: u64) -> usize {
        let mut heard: Vec<(CaptureTime, SensorId, u64)> = (0..count)
            .flat_map(|number| {
                let at = BEGIN_US + number * 102_400;
                let wrong = CaptureTime(at.saturating_add_signed(ahead_us(number)));
                [(CaptureTime(at), SensorId(0), number), (wrong, SensorId(1), number)]
            })
            .collect();
        heard.sort();
        let mut copies = Copies::default();
        let mut found = 0;
        let mut now = CaptureTime(0);
        for (at, sensor, number) in heard {
            now = now.max(at);
            copies.has_several(sensor);
            let is_copy = copies.compare(key(number), at, now, sensor);
            let right = copies.corrected(at, sensor);
            if copies.find(key(number), right, now, sensor).is_some() || is_copy {
                found += 1;
            } else {
                copies.note(key(number), right, now, sensor, &[]);
            }
        }
        found
    }

    #[test]
    fn clocks_that_agree_need_nothing() {
        assert_eq!(copies(|_| 2_000, 100), 100);
        assert_eq!(copies(|_| -4_900, 100), 100);
    }

    #[test]
    fn a_clock_that_is_ahead_or_behind_is_corrected() {
        for ahead_us in [6_000, 300_000, 1_900_000, -6_000, -300_000, -1_900_000] {
            assert_eq!(copies(|_| ahead_us, 100), 100, "{ahead_us}");
        }
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        // 100 us in a tenth of a second is a thousand times worse than any crystal.
        assert_eq!(copies(|number| 500_000 + number.cast_signed() * 100, 1_000), 1_000);
    }

    #[test]
    fn a_clock_that_is_too_wrong_is_left_alone() {
        assert_eq!(copies(|_| 3_000_000, 100), 0);
    }

    #[test]
    fn what_is_the_same_every_time_tells_no_clock() {
        let mut copies = Copies::default();
        for number in 0..1_000_u64 {
            let (at, sensor) =
                (CaptureTime(BEGIN_US + number * 7_000), SensorId(number as u32 % 2));
            copies.has_several(sensor);
            assert!(copies.find(key(1), at, at, sensor).is_none());
            copies.note(key(1), at, at, sensor, &[]);
        }
        assert!(copies.clocks.is_empty() && copies.frames.len() <= 2);
    }
}
