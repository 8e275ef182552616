//! Replays a recording of real radio as if it happened now.
//!
//! The recording is laid in time so that it *ends* at the present: data time runs `speed` times as
//! fast as the clock, starts `D - D / speed` before the start of the replay and catches up with the
//! clock at its last packet. Events keep the distances in time that they were recorded with, and no
//! reading is ever in the future. At speed 1 a recording can be repeated for ever; at a higher speed
//! a second round would be in the future, so it cannot.
//!
//! Packets are averaged per beacon and receiver over the measurement notification interval, as a
//! controller does. Nothing else is changed: no smoothing, no gap is filled.

mod csv;
mod obstacles;
mod recording;

use std::collections::BTreeMap;

use model::map::Maps;
use model::{Band, Category, Dbm, Mac, Observation, Reading, Time};

pub use recording::{BeaconTrack, Recording, RecordingError};

use crate::source::{CATCH_UP_MAX, Place, Report, Source, Track};

/// How a recording is replayed. Checked by [`crate::config`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many times faster than recorded; at least 1.
    pub speed: u32,
    /// Whether the recording starts over at its end; only at speed 1.
    pub repeat: bool,
    /// Measurement notification interval in data time; above zero.
    pub interval_ms: u64,
}

/// A recording on its way through time.
#[derive(Debug, Clone)]
pub struct Replay {
    recording: Recording,
    pace: Pace,
    /// When the replay began, by the clock.
    began: Time,
    /// Length of the recording.
    duration_ms: u64,
    /// Intervals of one round.
    intervals: u64,
    /// The next interval to report, counted through all rounds.
    next: u64,
}

impl Replay {
    /// Starts `recording` at `now`.
    pub fn new(recording: Recording, pace: Pace, now: Time) -> Self {
        let pace = Pace {
            speed: pace.speed.max(1),
            repeat: pace.repeat && pace.speed <= 1,
            interval_ms: pace.interval_ms.max(1),
        };
        let duration_ms = recording.duration_ms();
        Self {
            intervals: duration_ms.div_ceil(pace.interval_ms).max(1),
            recording,
            pace,
            began: now,
            duration_ms,
            next: 0,
        }
    }

    /// The recording.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Length of one round in data time, a whole number of intervals.
    fn round_ms(&self) -> u64 {
        self.intervals * self.pace.interval_ms
    }

    /// Data time since the start of the first round at which interval `next` is complete; none when
    /// the recording is exhausted.
    fn due_ms(&self) -> Option<u64> {
        let (round, interval) = (self.next / self.intervals, self.next % self.intervals);
        if round > 0 && !self.pace.repeat {
            return None;
        }
        let end_ms = ((interval + 1) * self.pace.interval_ms).min(self.duration_ms);
        Some(round * self.round_ms() + end_ms)
    }

    /// The event time of data time `data_ms`: `began - D + D / speed + data_ms`.
    ///
    /// The order of the terms keeps an impossible clock (before 1970) from giving future times, and
    /// rounding `D / speed` down, but deadlines up, keeps events in the past to the millisecond.
    fn event(&self, data_ms: u64) -> Time {
        let ahead_ms = self.duration_ms / u64::from(self.pace.speed) + data_ms;
        self.began.plus_ms(ahead_ms).minus_ms(self.duration_ms)
    }

    /// What was heard of `track` from `from_ms` up to `to_ms` of the round that began at `round_ms`.
    fn observe(&self, track: &BeaconTrack, round_ms: u64, from_ms: u64, to_ms: u64) -> Observation {
        let first = track.packets.partition_point(|p| p.t_ms < from_ms);
        let last = track.packets.partition_point(|p| p.t_ms < to_ms);
        let mut heard: BTreeMap<Mac, (f32, f32, u64)> = BTreeMap::new();
        for packet in &track.packets[first..last] {
            let (sum, count, newest) = heard.entry(packet.ap).or_default();
            *sum += packet.rssi;
            *count += 1.0;
            *newest = packet.t_ms;
        }
        let readings = heard.into_iter().map(|(ap, (sum, count, newest))| Reading {
            ap,
            band: Band::Ble,
            rssi: Dbm(sum / count),
            at: self.event(round_ms + newest),
        });
        Observation { category: Category::Tag, mac: track.mac, readings: readings.collect() }
    }
}

impl Source for Replay {
    fn maps(&self) -> &Maps {
        self.recording.maps()
    }

    fn deadline(&self) -> Option<Time> {
        let wait_ms = self.due_ms()?.div_ceil(u64::from(self.pace.speed));
        Some(self.began.plus_ms(wait_ms))
    }

    fn poll(&mut self, now: Time) -> Option<Report> {
        let deadline = self.deadline()?;
        if now < deadline {
            return None;
        }
        if self.pace.repeat {
            let missed = now.since_ms(deadline) / self.pace.interval_ms;
            self.next += missed.saturating_sub(CATCH_UP_MAX);
        }
        let at = self.event(self.due_ms()?);
        let round_ms = self.next / self.intervals * self.round_ms();
        let interval = self.next % self.intervals;
        let from_ms = interval * self.pace.interval_ms;
        // The last interval of a round includes its end, else the last packet would be lost.
        let to_ms =
            if interval + 1 == self.intervals { u64::MAX } else { from_ms + self.pace.interval_ms };
        let mut observations: Vec<Observation> = self
            .recording
            .tracks()
            .iter()
            .map(|track| self.observe(track, round_ms, from_ms, to_ms))
            .filter(|observation| !observation.readings.is_empty())
            .collect();
        observations.sort_by_key(|observation| observation.mac);
        self.next += 1;
        Some(Report { at, observations, ..Report::default() })
    }
}

impl Track for Replay {
    fn truth(&self, mac: Mac, at: Time) -> Option<Place> {
        let mut tracks = self.recording.tracks().iter();
        let track = tracks.find(|track| track.mac == mac)?;
        let mut data_ms = at.0.checked_sub(self.event(0).0)?;
        if self.pace.repeat {
            data_ms %= self.round_ms();
        } else if data_ms > self.duration_ms {
            return None;
        }
        Some(Place { floor: self.recording.floor(), point: track.truth(data_ms)? })
    }
}

#[cfg(test)]
mod tests;
