//! Two radios under the address of one station.
//!
//! A signal that jumps is a door that closed, and a number that jumps is a frame that was missed. Both at
//! once, again and again, are two radios: what one sends strays from where the station is, and its numbers
//! are not those of the station either.

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::header::QosControl;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::table::Table;

/// Queues whose numbers are followed: stations number each kind of traffic by itself.
const QUEUES_MAX: usize = 4_096;
/// Stations that are counted at once.
const STATIONS_MAX: usize = 1_024;
/// A number that is ahead by so many, or behind, is another counter's. Ours: a sensor misses fewer in a row.
const ASTRAY: u16 = 256;
const NUMBERS: u16 = 4_096;
/// The kind of traffic of frames that have none.
const UNCLASSED: u8 = 16;

/// Watches the addresses of stations.
#[derive(Debug)]
pub(crate) struct Spoofs {
    numbers: Table<(Mac, Mac, u8), u16>,
    meters: Table<Mac, Meter>,
}

impl Spoofs {
    pub(crate) fn new() -> Self {
        Self { numbers: Table::new(QUEUES_MAX), meters: Table::new(STATIONS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        // Only who uses an address sends data under it; other frames have detectors of their own.
        if !scene.rules.is_enabled(Kind::MacSpoof)
            || !heard.has_payload()
            || heard.signal_dbm.is_none()
            || heard.is_retry()
            || !heard.is_to_ap()
        {
            return;
        }
        let (Some(from), Some(to), Some(sequence)) =
            (heard.transmitter(), heard.receiver(), heard.header().sequence)
        else {
            return;
        };
        let class = heard.header().qos.map_or(UNCLASSED, QosControl::tid);
        let key = (from, to, class);
        if !scene.is_stray(from) {
            *self.numbers.entry(key, Default::default) = sequence.number;
            return;
        }
        // What strays teaches nothing, so the number is the one that the station itself sent last.
        let Some(before) = self.numbers.get(&key) else { return };
        let ahead = sequence.number.wrapping_sub(*before) % NUMBERS;
        if !(ASTRAY..NUMBERS - ASTRAY).contains(&ahead) {
            return;
        }
        let kind = Kind::MacSpoof;
        let meter = self.meters.entry(from, Meter::default);
        if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
            let evidence = EvidenceSet::of(&[Evidence::SignalMismatch, Evidence::SequenceMismatch]);
            found
                .add(scene, kind, evidence)
                .by(Transmitter::Spoofed { address: from })
                .against(Some(from))
                .about(heard.bssid())
                .named(heard.bssid().and_then(|it| scene.air.ssid(it)))
                .frames(it.since, it.frames);
        }
    }
}
