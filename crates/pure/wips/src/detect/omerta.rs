//! Omerta: a disassociation with reason 1 behind every frame of data.
//!
//! The tool listens, and says to whoever sends that it is disassociated. A flood has a beat of its own; this
//! one has that of its victims.

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::management::{Management, Reason};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;

/// Pairs that are followed at once.
const PAIRS_MAX: usize = 1_024;
/// So soon after the data. Ours: a program that hears a frame and sends one needs a millisecond or two.
const ANSWER_US: u64 = 5_000;
/// Weight of a disassociation in the share that follows data, and the share that is not chance. Ours: a flood
/// of twenty in a second follows data so closely in one case of ten.
const SHARE_WEIGHT: f32 = 0.1;
const SHARE_MIN: f32 = 0.5;

/// Watches what follows data.
#[derive(Debug)]
pub(crate) struct Omertas {
    /// A network and a station of it that was disassociated before: its data since then.
    pairs: Table<(Mac, Mac), Option<CaptureTime>>,
    networks: Table<Mac, Network>,
}

/// What follows the data of a network.
#[derive(Debug, Clone, Copy, Default)]
struct Network {
    /// Which share of the disassociations does so at once.
    share: f32,
    meter: Meter,
    /// The only station so far; none when there are several.
    victim: Option<Mac>,
    has_several: bool,
}

impl Omertas {
    pub(crate) fn new() -> Self {
        Self { pairs: Table::new(PAIRS_MAX), networks: Table::new(PAIRS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        match heard.management() {
            Some(Management::Disassociation(Reason::UNSPECIFIED))
                if !heard.is_retry() && heard.has_time() =>
            {
                self.disassociation(scene, found);
            }
            None if heard.is_data() => {
                if let Some(data) = heard.pair().and_then(|it| self.pairs.get_mut(&it)) {
                    *data = Some(heard.at);
                }
            }
            _ => {}
        }
    }

    fn disassociation(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some((bssid, station)) = heard.pair() else { return };
        // Who is not connected is told so by the access point itself.
        if scene.air.joined(station).is_none_or(|it| it.bssid != bssid) {
            return;
        }
        let data = self.pairs.entry((bssid, station), || None);
        let follows = data.take().is_some_and(|it| heard.at.since_us(it) <= ANSWER_US);
        let network = self.networks.entry(bssid, Network::default);
        network.share += SHARE_WEIGHT * (if follows { 1.0 } else { 0.0 } - network.share);
        if !follows {
            return;
        }
        network.has_several |= network.victim.is_some_and(|it| it != station);
        network.victim = Some(station);
        let kind = Kind::Omerta;
        let reached = network.meter.add(heard, scene.rules.threshold(kind));
        let Some(it) = reached.filter(|_| network.share >= SHARE_MIN) else { return };
        found
            .add(scene, kind, EvidenceSet::of(&[Evidence::Rate, Evidence::Signature]))
            .by(Transmitter::Spoofed { address: bssid })
            .against(Some(station).filter(|_| !network.has_several))
            .about(Some(bssid))
            .named(scene.air.ssid(bssid))
            .frames(it.since, it.frames);
    }
}
