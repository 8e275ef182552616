//! Whether a threshold is reached, and by whom.

use model::Mac;

use crate::heard::Heard;
use crate::incident::{Evidence, EvidenceSet, Transmitter};
use crate::packet::CaptureTime;
use crate::profile::Threshold;
use crate::window::{Distinct, Window};

/// Fewer addresses are not a crowd: some radios have several.
const CROWD_MIN: u32 = 5;
/// Addresses whose signal tells one radio from many.
const ONE_RADIO_MIN: u32 = 10;
/// One radio that stays is heard with a mean deviation below that, in dB; many at many places are not.
const ONE_RADIO_DB: f32 = 3.0;
/// A pause of a quarter of the span is longer than those between frames that reach a threshold.
const PAUSES: u64 = 4;
/// Weight of a frame in the signal of a crowd.
const SIGNAL_WEIGHT: f32 = 0.05;

/// A threshold was reached, or still is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    /// When the first of the frames was captured.
    pub(crate) since: CaptureTime,
    /// How many frames were not told before.
    pub(crate) frames: u32,
}

/// Counts frames towards a threshold.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    window: Window,
    since: CaptureTime,
    last: CaptureTime,
    is_reached: bool,
}

impl Meter {
    /// Counts the frame.
    pub(crate) fn add(&mut self, heard: &Heard<'_>, threshold: Threshold) -> Option<Reached> {
        let count = self.count(heard, threshold);
        self.tell(count, count >= threshold.frames)
    }

    /// When the first frame that counts was captured.
    pub(crate) fn since(&self) -> CaptureTime {
        self.since
    }

    /// Whether the threshold was reached, and the window not empty since.
    pub(crate) fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// Takes back everything.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    fn count(&mut self, heard: &Heard<'_>, threshold: Threshold) -> u32 {
        let count = self.window.add(heard.dwell_us, threshold.span_us());
        if count == 1 {
            self.is_reached = false;
        }
        // What came long before the others was not yet part of it.
        if !self.is_reached && heard.at.since_us(self.last) > threshold.span_us() / PAUSES {
            self.since = heard.at;
        }
        self.last = heard.at;
        count
    }

    fn tell(&mut self, count: u32, is_reached: bool) -> Option<Reached> {
        let was_reached = self.is_reached;
        self.is_reached |= is_reached;
        // Once reached, everything belongs to it until the window was empty.
        let frames = if was_reached { 1 } else { count };
        self.is_reached.then_some(Reached { since: self.since, frames })
    }
}

/// Counts frames and transmitters towards a threshold.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    meter: Meter,
    distinct: Distinct,
    /// Of all frames: whether they come from one place.
    mean_dbm: Option<f32>,
    deviation_db: f32,
    /// The newest transmitter when the threshold was reached: the first may have been an honest one.
    example: Mac,
    implausible: u32,
    /// Those that went on as real stations do.
    completed: Distinct,
}

/// What a crowd looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CrowdReached {
    pub(crate) reached: Reached,
    /// One radio under many addresses.
    pub(crate) is_one_radio: bool,
    pub(crate) evidence: EvidenceSet,
    pub(crate) transmitter: Transmitter,
}

impl Crowd {
    /// Counts the frame of `transmitter`, of which `key` tells one from another.
    pub(crate) fn add(
        &mut self,
        heard: &Heard<'_>,
        threshold: Threshold,
        transmitter: Mac,
        key: u64,
    ) -> Option<CrowdReached> {
        let count = self.meter.count(heard, threshold);
        if count == 1 {
            *self = Self { meter: self.meter, ..Self::default() };
        }
        if self.distinct.add(heard.dwell_us, threshold.span_us(), key) && transmitter.is_multicast()
        {
            self.implausible += 1;
        }
        if !self.meter.is_reached {
            self.example = transmitter;
        }
        self.learn(heard);
        let transmitters = self.distinct.count();
        // After an access point restarts, a whole class comes back within seconds; they go on, though.
        let completed = self.completed.count_at(heard.dwell_us, threshold.span_us());
        let is_crowd =
            threshold.transmitters.is_some_and(|it| transmitters.saturating_sub(completed) >= it);
        let is_many = count >= threshold.frames && completed * 2 < transmitters;
        let reached = self.meter.tell(count, is_many || is_crowd)?;
        let is_one_radio = transmitters >= ONE_RADIO_MIN
            && self.mean_dbm.is_some()
            && self.deviation_db <= ONE_RADIO_DB;
        let evidence = EvidenceSet::of(&[Evidence::Rate])
            .with_if(transmitters >= CROWD_MIN, Evidence::ManyTransmitters)
            .with_if(is_one_radio, Evidence::OneRadio)
            .with_if(self.implausible > 0, Evidence::ImplausibleAddresses);
        let transmitter = if transmitters >= CROWD_MIN {
            Transmitter::Invented { example: self.example }
        } else {
            Transmitter::Own { address: transmitter }
        };
        Some(CrowdReached { reached, is_one_radio, evidence, transmitter })
    }

    /// The transmitter behind `key` went on as real stations do.
    pub(crate) fn complete(&mut self, heard: &Heard<'_>, threshold: Threshold, key: u64) {
        if !self.distinct.is_new(key) {
            self.completed.add(heard.dwell_us, threshold.span_us(), key);
        }
    }

    /// Whether `key` was not counted in the span yet. Nothing is counted.
    pub(crate) fn is_new(&self, key: u64) -> bool {
        self.distinct.is_new(key)
    }

    /// Who sends, if the threshold is reached.
    pub(crate) fn reached_by(&self) -> Option<Transmitter> {
        let transmitter = if self.distinct.count() >= CROWD_MIN {
            Transmitter::Invented { example: self.example }
        } else {
            Transmitter::Own { address: self.example }
        };
        self.meter.is_reached.then_some(transmitter)
    }

    fn learn(&mut self, heard: &Heard<'_>) {
        let Some(dbm) = heard.signal_dbm else { return };
        match &mut self.mean_dbm {
            None => self.mean_dbm = Some(dbm),
            Some(mean) => {
                let error = dbm - *mean;
                *mean += SIGNAL_WEIGHT * error;
                self.deviation_db += SIGNAL_WEIGHT * (error.abs() - self.deviation_db);
            }
        }
    }
}
