//! Two radios under one BSSID: what one says contradicts what the other goes on saying.
//!
//! A network that changes says so and is another one from then on. When the old one goes on, there are
//! two.

use model::Mac;

use super::meter::{Meter, Reached};
use super::{Found, Scene};
use crate::advert::{Advert, Protection};
use crate::air::Network;
use crate::dot11::header::Kind as FrameKind;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::profile::Threshold;
use crate::table::Table;

/// Networks that are followed at once.
const NETWORKS_MAX: usize = 4_096;
/// Both radios must have been heard so lately. Ours: twenty beacons, of which half may be lost.
const TOGETHER_US: u64 = 2_000_000;
/// Beacons that come too early in the seconds of the threshold. A late beacon makes the next one early
/// now and then, a second radio makes every other one early.
const EARLY_MIN: u32 = 20;

/// Watches what networks say of themselves.
#[derive(Debug)]
pub(crate) struct Clones {
    networks: Table<Mac, Watched>,
}

/// What one network said lately.
#[derive(Debug, Default)]
struct Watched {
    other: Meter,
    early: Meter,
    switch: Meter,
    quiet: Meter,
    /// The newest beacon: when, and its clock.
    beacon: CaptureTime,
    timestamp: u64,
    /// The newest beacon that says something else than the first ones did, until one says that again.
    deviation: Option<Deviation>,
    /// An announcement that the next beacon may contradict.
    announced: Option<Announced>,
}

#[derive(Debug, Clone, Copy)]
struct Deviation {
    at: CaptureTime,
    frames: u32,
    evidence: EvidenceSet,
    detail: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct Announced {
    kind: Kind,
    at: CaptureTime,
    evidence: EvidenceSet,
}

impl Clones {
    pub(crate) fn new() -> Self {
        Self { networks: Table::new(NETWORKS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(advert), Some(bssid)) = (&heard.advert, heard.transmitter()) else { return };
        let Some(network) = scene.air.network(bssid) else { return };
        if heard.kind() != FrameKind::Beacon || network.is_ad_hoc || !heard.has_time() {
            return;
        }
        let watched = self.networks.entry(bssid, Watched::default);
        let stray = EvidenceSet::default()
            .with_if(scene.is_stray(bssid), Evidence::SignalMismatch)
            .with_if(scene.is_injected(bssid), Evidence::Injected);
        watched.announcement(scene, bssid, stray, found);
        if advert.channel_switch.is_some() || (advert.quiet.is_some() && !network.has_quiet) {
            return;
        }
        let is_early = watched.is_early(heard.at, advert.beacon.timestamp, network.interval_us);
        (watched.beacon, watched.timestamp) = (heard.at, advert.beacon.timestamp);
        let threshold = scene.rules.threshold(Kind::BssidSpoof);
        let many = Threshold { frames: EARLY_MIN.max(threshold.frames), seconds: 10, ..threshold };
        if let Some(detail) = differs(advert, network) {
            let frames = watched.deviation.map_or(0, |it| it.frames) + 1;
            watched.deviation = Some(Deviation { at: heard.at, frames, evidence: stray, detail });
            if watched.other.is_reached() {
                // This is the second radio: where it is heard from, it is.
                found
                    .add(scene, Kind::BssidSpoof, stray)
                    .by(Transmitter::Spoofed { address: bssid })
                    .against(Some(bssid))
                    .about(Some(bssid))
                    .frames(heard.at, 0);
            }
            return;
        }
        // The first radio goes on: there are two.
        let both = watched.deviation.take().filter(|it| {
            // One that was silent is believed anew: what it contradicted before says nothing.
            let is_newer = network.restarted.is_none_or(|restarted| it.at > restarted);
            is_newer && heard.at.since_us(it.at) <= TOGETHER_US
        });
        let (reached, detail, stray) = match both {
            Some(it) => {
                let reached = (0..it.frames.min(threshold.frames))
                    .filter_map(|_| watched.other.add(heard, threshold))
                    .reduce(|a, b| Reached { frames: a.frames + b.frames, ..a });
                (reached, it.detail, stray.and(it.evidence))
            }
            None if is_early => {
                (watched.early.add(heard, many), "two beacons in one interval", stray)
            }
            None => return,
        };
        let Some(it) = reached else { return };
        let evidence = stray.with(Evidence::Contradiction).with(Evidence::Rate);
        found
            .add(scene, Kind::BssidSpoof, evidence)
            .by(Transmitter::Spoofed { address: bssid })
            .against(Some(bssid))
            .about(Some(bssid))
            .named(scene.air.ssid(bssid))
            .frames(it.since, it.frames)
            .by_reaction_if(both.is_some())
            .detail(detail);
    }
}

/// In what a beacon contradicts the first ones of its network.
fn differs(advert: &Advert<'_>, network: &Network) -> Option<&'static str> {
    let is_weaker = advert.protection < Protection::Wpa && network.protection >= Protection::Wpa;
    let is_elsewhere = (advert.ds_channel, advert.ht_channel) != network.channels;
    match (is_weaker, is_elsewhere) {
        (true, _) => Some("other protection"),
        (_, true) => Some("other channel"),
        _ => None,
    }
}

impl Watched {
    /// A beacon long before its time, that is not the last one heard twice.
    fn is_early(&self, at: CaptureTime, timestamp: u64, interval_us: u64) -> bool {
        self.beacon != CaptureTime(0)
            && timestamp != self.timestamp
            && at.since_us(self.beacon) < interval_us / 4
    }

    /// Announcements of a switch or of a silence that the next beacon does not repeat.
    fn announcement(
        &mut self,
        scene: Scene<'_>,
        bssid: Mac,
        stray: EvidenceSet,
        found: &mut Found,
    ) {
        let heard = scene.heard;
        let (Some(advert), Some(network)) = (&heard.advert, scene.air.network(bssid)) else {
            return;
        };
        let kind = if advert.channel_switch.is_some() {
            Some(Kind::ChannelSwitchSpoof)
        } else if advert.quiet.is_some() && !network.has_quiet {
            Some(Kind::QuietSpoof)
        } else {
            None
        };
        if let Some(kind) = kind {
            self.announced = Some(Announced { kind, at: heard.at, evidence: stray });
            let meter = if kind == Kind::QuietSpoof { &self.quiet } else { &self.switch };
            if meter.is_reached() {
                found
                    .add(scene, kind, stray)
                    .by(Transmitter::Spoofed { address: bssid })
                    .about(Some(bssid))
                    .frames(heard.at, 0);
            }
            return;
        }
        let stays = (advert.ds_channel, advert.ht_channel) == network.channels;
        let Some(announced) = self.announced.take_if(|_| stays) else { return };
        if heard.at.since_us(announced.at) > TOGETHER_US {
            return;
        }
        let meter = match announced.kind {
            Kind::QuietSpoof => &mut self.quiet,
            _ => &mut self.switch,
        };
        if let Some(it) = meter.add(heard, scene.rules.threshold(announced.kind)) {
            found
                .add(scene, announced.kind, announced.evidence.with(Evidence::Contradiction))
                .by(Transmitter::Spoofed { address: bssid })
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .frames(it.since, it.frames)
                .by_reaction();
        }
    }
}
