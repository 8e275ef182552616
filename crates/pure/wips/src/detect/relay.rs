//! What stations of one network say to each other: passed on by an access point that should keep them
//! apart, or sent past it in its name.
//!
//! `WiFiTap` sends data to a station as if it came from the access point. In a network without encryption
//! the station takes it, and nothing in the frame is wrong. What tells is that the access point itself sends
//! to the same station at the same time, from another place and with other numbers.

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::data::Payload;
use crate::dot11::header::QosControl;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;

/// Pairs and queues that are followed at once.
const PAIRS_MAX: usize = 2_048;
/// A station that was served so long ago may be at another access point by now, and its data comes from
/// the wire.
const SERVED_US: u64 = 10_000_000;
/// The access point itself sent so lately. Ours: a queue moves less than [`ASTRAY`] numbers on that are
/// not heard.
const BESIDE_US: u64 = 1_000_000;
/// A number that is ahead by so many, or behind, is another counter's.
const ASTRAY: u16 = 256;
const NUMBERS: u16 = 4_096;
/// The kind of traffic of frames that have none.
const UNCLASSED: u8 = 16;

/// Watches what access points send to stations.
#[derive(Debug)]
pub(crate) struct Relays {
    passed: Table<(Mac, Mac), Meter>,
    queues: Table<(Mac, Mac, u8), Queue>,
    forged: Table<(Mac, Mac), Meter>,
}

/// The newest frame that the access point itself sent to a station.
#[derive(Debug, Clone, Copy, Default)]
struct Queue {
    number: u16,
    at: CaptureTime,
}

impl Relays {
    pub(crate) fn new() -> Self {
        Self {
            passed: Table::new(PAIRS_MAX),
            queues: Table::new(PAIRS_MAX),
            forged: Table::new(PAIRS_MAX),
        }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        if !heard.is_from_ap() || heard.is_retry() || !heard.has_payload() {
            return;
        }
        let Some((bssid, station)) = heard.pair() else { return };
        if !scene.rules.profile.lists.isolated_ssids.is_empty() {
            self.passes(scene, bssid, station, found);
        }
        let is_clear = heard.data().is_some_and(|it| matches!(it.payload, Payload::Msdu(_)));
        if is_clear && heard.eapol().is_none() {
            self.forges(scene, bssid, station, found);
        }
    }

    /// One station's data for another one, in a network that keeps them apart.
    fn passes(&mut self, scene: Scene<'_>, bssid: Mac, station: Mac, found: &mut Found) {
        let heard = scene.heard;
        let Some(source) = heard.header().source().filter(|it| *it != bssid) else { return };
        let is_here = |it: Mac| {
            scene.air.joined(it).is_some_and(|joined| {
                joined.bssid == bssid && heard.at.since_us(joined.served) <= SERVED_US
            })
        };
        let ssid = scene.air.ssid(bssid);
        if !scene.rules.profile.lists.isolate(ssid) || !is_here(source) {
            return;
        }
        let kind = Kind::ClientToClient;
        let meter = self.passed.entry((bssid, source), Meter::default);
        if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Policy]))
                .by(Transmitter::Own { address: source })
                .against(Some(station))
                .about(Some(bssid))
                .named(ssid)
                .frames(it.since, it.frames);
        }
    }

    /// Clear data in the name of an access point that is somewhere else, and counts otherwise.
    fn forges(&mut self, scene: Scene<'_>, bssid: Mac, station: Mac, found: &mut Found) {
        let heard = scene.heard;
        let Some(sequence) = heard.header().sequence else { return };
        let class = heard.header().qos.map_or(UNCLASSED, QosControl::tid);
        let evidence = EvidenceSet::default()
            .with_if(scene.is_stray(bssid), Evidence::SignalMismatch)
            .with_if(scene.is_injected(bssid), Evidence::Injected);
        let queue = self.queues.entry((bssid, station, class), Queue::default);
        if evidence == EvidenceSet::default() {
            *queue = Queue { number: sequence.number, at: heard.at };
            return;
        }
        // What strays teaches nothing, so the number is the one that the access point itself sent last.
        let is_beside = queue.at != CaptureTime(0) && heard.at.since_us(queue.at) <= BESIDE_US;
        let ahead = sequence.number.wrapping_sub(queue.number) % NUMBERS;
        if !is_beside || !(ASTRAY..NUMBERS - ASTRAY).contains(&ahead) {
            return;
        }
        let kind = Kind::ForgedData;
        let meter = self.forged.entry((bssid, station), Meter::default);
        if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
            found
                .add(scene, kind, evidence.with(Evidence::SequenceMismatch).with(Evidence::Rate))
                .by(Transmitter::Spoofed { address: bssid })
                .against(Some(station))
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .frames(it.since, it.frames);
        }
    }
}
