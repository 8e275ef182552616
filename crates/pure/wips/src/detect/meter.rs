//! Whether a threshold is reached, and by whom; and when to speak of the same again.

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
/// What goes on is told of again after so long.
const AGAIN_US: u64 = 60_000_000;
/// A pause of a quarter of the span is longer than those between frames that reach a threshold.
const PAUSES: u64 = 4;
/// Frames that tell who sends most of a crowd. Ours: twice the lowest threshold.
const LED_FRAMES: u32 = 60;
/// Weight of an address in the signal of a crowd.
const SIGNAL_WEIGHT: f32 = 0.05;
/// At the edge of hearing everybody is equally weak, and so not one radio. Ours: most cards hear nothing
/// below -92 dBm.
const EDGE_DBM: f32 = -86.0;
/// Sequence numbers of one radio under many addresses follow each other; so many may be missed between
/// two. Two radios do so once in 64 times.
const NEXT_MAX: u16 = 64;
/// So many frames in a row that do not follow begin the sequence anew: it was somebody else's.
const ASTRAY: u8 = 3;
/// Weight of a frame in the share of those that follow, and the share that one radio has at least where a
/// third of the frames are of others.
const SEQUENCE_WEIGHT: f32 = 0.1;
const SEQUENCE_MIN: f32 = 0.6;

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

/// When something that goes on was told of last. Time 0: never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reminder(CaptureTime);

impl Reminder {
    /// Whether it is to be told of now; then it is not for a while.
    pub(crate) fn is_due(&mut self, now: CaptureTime) -> bool {
        let is_due = self.0 == CaptureTime(0) || now.since_us(self.0) > AGAIN_US;
        if is_due {
            self.0 = now;
        }
        is_due
    }
}

/// Counts frames and transmitters towards a threshold.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    meter: Meter,
    distinct: Distinct,
    /// Of each address once: whether they are at one place.
    mean_dbm: Option<f32>,
    deviation_db: f32,
    signals: u16,
    /// The newest transmitter when the threshold was reached: the first may have been an honest one.
    example: Mac,
    /// Who sends most of it, and by how many frames more than all others (Boyer and Moore).
    leader: Mac,
    lead: u32,
    frames: u32,
    sequence: Sequence,
    implausible: u32,
    /// Those that went on as real stations do.
    completed: Distinct,
}

/// Whether the sequence numbers of many addresses are those of one counter.
#[derive(Debug, Clone, Copy, Default)]
struct Sequence {
    newest: Option<(Mac, u16)>,
    /// When the counter was heard first.
    since: CaptureTime,
    astray: u8,
    /// Which share of changes from one address to another follows.
    share: f32,
}

impl Sequence {
    fn learn(&mut self, at: CaptureTime, transmitter: Mac, number: u16) {
        let Some((before, newest)) = self.newest else {
            (self.newest, self.since) = (Some((transmitter, number)), at);
            return;
        };
        let follows = number.wrapping_sub(newest) & 0x0fff <= NEXT_MAX;
        if transmitter != before {
            self.share += SEQUENCE_WEIGHT * (if follows { 1.0 } else { 0.0 } - self.share);
        }
        self.astray = if follows { 0 } else { self.astray + 1 };
        if self.astray >= ASTRAY {
            self.since = at;
        }
        if follows || self.astray >= ASTRAY {
            (self.newest, self.astray) = (Some((transmitter, number)), 0);
        }
    }
}

/// What a crowd looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CrowdReached {
    pub(crate) reached: Reached,
    /// One radio under many addresses.
    pub(crate) is_one_radio: bool,
    /// One address sends most of it.
    pub(crate) is_led: bool,
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
        if self.distinct.add(heard.dwell_us, threshold.span_us(), key) {
            self.implausible += u32::from(transmitter.is_multicast());
            // Each once: a telephone that scans sends ten frames from one place.
            self.learn_signal(heard);
        }
        if !self.meter.is_reached {
            self.example = transmitter;
        }
        self.learn(heard, transmitter);
        let transmitters = self.distinct.count();
        // After an access point restarts, a whole class comes back within seconds; they go on, though.
        let completed = self.completed.count_at(heard.dwell_us, threshold.span_us());
        let is_crowd =
            threshold.transmitters.is_some_and(|it| transmitters.saturating_sub(completed) >= it);
        // Nor does who sends most of it become one of a class by its frames.
        let goes_on = completed * 2 >= transmitters && !self.is_led();
        let is_many = count >= threshold.frames && !goes_on;
        let mut reached = self.meter.tell(count, is_many || is_crowd)?;
        let is_one_place =
            self.mean_dbm.is_some_and(|it| it > EDGE_DBM) && self.deviation_db <= ONE_RADIO_DB;
        let is_one_counter = self.sequence.share >= SEQUENCE_MIN;
        let is_one_radio = transmitters >= ONE_RADIO_MIN && (is_one_place || is_one_counter);
        if is_one_radio && is_one_counter {
            // What others sent before is no part of it.
            reached.since = reached.since.max(self.sequence.since);
        }
        let is_led = self.is_led();
        let evidence = EvidenceSet::of(&[Evidence::Rate])
            .with_if(transmitters >= CROWD_MIN, Evidence::ManyTransmitters)
            .with_if(is_one_radio, Evidence::OneRadio)
            .with_if(self.implausible > 0, Evidence::ImplausibleAddresses);
        let transmitter = self.transmitter(transmitters, transmitter);
        Some(CrowdReached { reached, is_one_radio, is_led, evidence, transmitter })
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
        let transmitter = self.transmitter(self.distinct.count(), self.example);
        self.meter.is_reached.then_some(transmitter)
    }

    /// Who is to blame, where `newest` sent the newest frame: on a busy channel others send now and then.
    fn transmitter(&self, transmitters: u32, newest: Mac) -> Transmitter {
        if self.is_led() {
            Transmitter::Own { address: self.leader }
        } else if transmitters >= CROWD_MIN {
            Transmitter::Invented { example: self.example }
        } else {
            Transmitter::Own { address: newest }
        }
    }

    /// Whether one address sends three quarters of it: its lead is half of all then.
    fn is_led(&self) -> bool {
        self.lead * 2 >= self.frames
    }

    fn learn(&mut self, heard: &Heard<'_>, transmitter: Mac) {
        if self.frames >= LED_FRAMES {
            // Who led long ago does not lead now.
            (self.frames, self.lead) = (self.frames / 2, self.lead / 2);
        }
        self.frames += 1;
        if self.leader == transmitter {
            self.lead += 1;
        } else if self.lead == 0 {
            (self.leader, self.lead) = (transmitter, 1);
        } else {
            self.lead -= 1;
        }
        if let Some(sequence) = heard.header().sequence {
            self.sequence.learn(heard.at, transmitter, sequence.number);
        }
    }

    fn learn_signal(&mut self, heard: &Heard<'_>) {
        let Some(dbm) = heard.signal_dbm else { return };
        self.signals = self.signals.saturating_add(1);
        // The first ones count as much as each other, or the deviation would begin too small.
        let weight = SIGNAL_WEIGHT.max(1.0 / f32::from(self.signals));
        match &mut self.mean_dbm {
            None => self.mean_dbm = Some(dbm),
            Some(mean) => {
                let error = dbm - *mean;
                *mean += weight * error;
                self.deviation_db += weight * (error.abs() - self.deviation_db);
            }
        }
    }
}
