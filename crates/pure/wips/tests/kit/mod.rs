//! An air that is made here: benign traffic, an attack on top of it, and sensors that hear it badly.
//!
//! The captures of others show how attacks look to one card; this shows how they look to any. Everything
//! follows from a seed, so that what fails can be told by its number.
#![allow(dead_code, reason = "what one attack needs, another does not")]

pub(crate) mod attacks;
pub(crate) mod benign;
pub(crate) mod clear;
pub(crate) mod frames;
pub(crate) mod sensor;

use std::collections::BTreeMap;

use frames::{Ap, Mac, ack};

/// When the air begins.
pub(crate) const BEGIN_US: u64 = 1_800_000_000_000_000;
pub(crate) const SECOND: u64 = 1_000_000;

/// Numbers that follow from a seed (xorshift).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From `low` up to `high`, without it.
    pub(crate) fn range(&mut self, low: u64, high: u64) -> u64 {
        low + (self.next() >> 11) % (high - low)
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        ((self.next() >> 11) as f64) < share * (1_u64 << 53) as f64
    }

    /// From -1 to 1, nearer to 0 more often.
    pub(crate) fn noise(&mut self) -> f32 {
        let unit = |random: &mut Self| (random.next() >> 40) as f32 / (1_u32 << 24) as f32;
        (unit(self) + unit(self) + unit(self)) / 1.5 - 1.0
    }

    /// An address that a vendor could have given.
    pub(crate) fn mac(&mut self, vendor: [u8; 3]) -> Mac {
        let [a, b, c, ..] = self.next().to_be_bytes();
        [vendor[0], vendor[1], vendor[2], a, b, c]
    }

    /// An address that a station made up.
    pub(crate) fn made_up(&mut self) -> Mac {
        let [a, b, c, d, e, f, ..] = self.next().to_be_bytes();
        [(a | 2) & 0xfe, b, c, d, e, f]
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.range(0, from.len() as u64) as usize].clone()
    }
}

/// Who gives a frame its sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// The radio of this name, in the order of time.
    Counter(Mac),
    /// The frame holds one already.
    Own,
}

/// A frame on the air.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) at_us: u64,
    pub(crate) channel: u8,
    /// How strongly a sensor hears it, before noise.
    pub(crate) dbm: f32,
    pub(crate) numbering: Numbering,
    /// Sent again: the number of the frame before.
    pub(crate) is_repeat: bool,
    pub(crate) bytes: Vec<u8>,
}

/// Everything that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Ether {
    pub(crate) random: Random,
    pub(crate) sent: Vec<Sent>,
    pub(crate) aps: Vec<Ap>,
    pub(crate) stations: Vec<benign::Station>,
    /// The access point that attacks are aimed at.
    pub(crate) target: usize,
    pub(crate) end_us: u64,
}

impl Ether {
    /// Sends a frame; `from` counts its number.
    pub(crate) fn send(&mut self, at_us: u64, channel: u8, dbm: f32, from: Mac, bytes: Vec<u8>) {
        let numbering = Numbering::Counter(from);
        self.sent.push(Sent { at_us, channel, dbm, numbering, is_repeat: false, bytes });
    }

    /// Sends a frame whose number stands in it, or which has none.
    pub(crate) fn send_raw(&mut self, at_us: u64, channel: u8, dbm: f32, bytes: Vec<u8>) {
        let numbering = Numbering::Own;
        self.sent.push(Sent { at_us, channel, dbm, numbering, is_repeat: false, bytes });
    }

    /// Sends a frame to one receiver, which acknowledges it. Now and then it is sent twice for that.
    pub(crate) fn exchange(
        &mut self,
        at_us: u64,
        channel: u8,
        (dbm, other_dbm): (f32, f32),
        from: Mac,
        bytes: Vec<u8>,
    ) -> u64 {
        let mut at_us = at_us;
        if self.random.chance(0.08) {
            self.send(at_us, channel, dbm, from, bytes.clone());
            at_us += self.random.range(300, 1_500);
            let mut again = bytes;
            again[1] |= 0x08;
            self.send(at_us, channel, dbm, from, again);
            if let Some(sent) = self.sent.last_mut() {
                sent.is_repeat = true;
            }
        } else {
            self.send(at_us, channel, dbm, from, bytes);
        }
        self.send_raw(at_us + 44, channel, other_dbm, ack(from));
        at_us + 60
    }

    /// Everything in the order of time, with sequence numbers.
    pub(crate) fn in_order(mut self) -> Vec<Sent> {
        self.sent.sort_by_key(|it| it.at_us);
        let mut counters: BTreeMap<(Mac, Option<Mac>), u16> = BTreeMap::new();
        for sent in &mut self.sent {
            let Numbering::Counter(from) = sent.numbering else { continue };
            let is_classed = sent.bytes[0] & 0x8c == 0x88;
            let to: Mac = sent.bytes[4..10].try_into().unwrap();
            // A traffic class counts by itself.
            let key = (from, is_classed.then_some(to));
            let start = u16::from(from[5]) << 4;
            let counter = counters.entry(key).or_insert(start);
            if !sent.is_repeat {
                *counter = (*counter + 1) & 0x0fff;
            }
            let fragment = u16::from(sent.bytes[22] & 0x0f);
            sent.bytes[22..24].copy_from_slice(&(*counter << 4 | fragment).to_le_bytes());
        }
        self.sent
    }
}
