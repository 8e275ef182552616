//! What happened: folded into a hash always, told in words on request.

use std::collections::VecDeque;
use std::fmt::Write as _;

use ha::{Input, Message, Output};

use crate::queue::{Event, Micros};
use crate::rng::mix;

/// Lines that are kept.
const LINES: usize = 1_000;

/// The trace of a world.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    now: Micros,
    is_on: bool,
    with_beacons: bool,
    lines: VecDeque<String>,
}

impl Trace {
    /// With `is_on` words are kept, with `with_beacons` those of beacons and ticks too.
    pub(crate) fn new(is_on: bool, with_beacons: bool) -> Self {
        Self { is_on, with_beacons, ..Self::default() }
    }

    /// An event begins.
    pub(crate) fn event(&mut self, now: Micros, event: &Event, weight: u64) {
        self.now = now;
        let kind = match event {
            Event::Parcel(slot) | Event::Local(slot) => u64::from(*slot),
            Event::Tick { process, .. } => 1 << 32 | u64::from(*process),
            Event::Client { client } => 2 << 32 | u64::from(*client),
            Event::Fault { kind } => 3 << 32 | u64::from(*kind),
            _ => 4 << 32,
        };
        self.hash = mix(self.hash, mix(now, kind ^ weight << 40));
    }

    /// Folds a word in.
    pub(crate) fn fold(&mut self, word: u64) {
        self.hash = mix(self.hash, word);
    }

    /// The hash of everything so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Tells it.
    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        if self.is_on {
            let mut text = format!("{:>12.6} ", self.now as f64 / 1e6);
            let _ = write!(text, "{}", line());
            if self.lines.len() == LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(text);
        }
    }

    /// Tells an input, if it is not the clock.
    pub(crate) fn tick(&mut self, input: &Input, line: impl FnOnce() -> String) {
        if self.with_beacons || !matches!(input, Input::Tick) {
            self.say(line);
        }
    }

    /// Tells an output, if it is not a beacon's.
    pub(crate) fn output(&mut self, output: &Output, line: impl FnOnce() -> String) {
        let is_dull = match output {
            Output::Send(_, message) => is_beacon(message),
            Output::HoldAddress { .. } => true,
            _ => false,
        };
        if self.with_beacons || !is_dull {
            self.say(line);
        }
    }

    /// Tells a message, if it is not a beacon.
    pub(crate) fn message(&mut self, message: &Message, line: impl FnOnce() -> String) {
        if self.with_beacons || !is_beacon(message) {
            self.say(line);
        }
    }

    /// The lines that are kept.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

fn is_beacon(message: &Message) -> bool {
    matches!(message, Message::Beacon(_) | Message::BeaconAck { .. })
}
