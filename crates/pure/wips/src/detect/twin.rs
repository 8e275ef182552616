//! Access points that take a name which is not theirs.

use model::Mac;

use super::{Found, Scene};
use crate::advert::Protection;
use crate::air::Network;
use crate::dot11::header::Kind as FrameKind;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;
use crate::window::scattered;

/// Names that are followed at once.
const NAMES_MAX: usize = 4_096;
/// Access points whose answers are followed at once.
const ANSWERERS_MAX: usize = 1_024;
/// Names that make a karma access point; one more is never counted.
const ANSWERED_MAX: usize = 8;

/// Watches names.
#[derive(Debug)]
pub(crate) struct Names {
    names: Table<u64, Name>,
    answerers: Table<Mac, Answerer>,
}

/// One SSID.
#[derive(Debug, Clone, Copy, Default)]
struct Name {
    /// The best protection under it, and who has it.
    protection: Protection,
    bssid: Mac,
}

/// One access point that answers probes.
#[derive(Debug, Clone, Copy, Default)]
struct Answerer {
    names: [u64; ANSWERED_MAX],
    count: usize,
    since: CaptureTime,
    is_told: bool,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { names: Table::new(NAMES_MAX), answerers: Table::new(ANSWERERS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(advert) = &heard.advert else { return };
        let Some(ssid) = advert.ssid.filter(|it| !it.is_empty()) else { return };
        let (Some(from), Some(bssid)) = (heard.transmitter(), heard.bssid()) else { return };
        let key = key_of(ssid);
        if advert.beacon.capabilities.is_ad_hoc() {
            self.ad_hoc(scene, key, ssid, found);
            return;
        }
        if heard.kind() == FrameKind::ProbeResponse {
            self.answer(scene, bssid, key, found);
        }
        let name = *self.names.entry(key, || Name { protection: advert.protection, bssid });
        // A name that was said once is part of a flood of them; only who stays can be joined.
        let Some(network) = scene.air.network(from).filter(|it| it.is_settled()) else { return };
        if network.protection > name.protection {
            *self.names.entry(key, Name::default) = Name { protection: network.protection, bssid };
        }
        let is_clone = name.bssid == bssid;
        let is_weaker = advert.protection < Protection::Wpa && name.protection >= Protection::Wpa;
        let is_own_word = network.protection == advert.protection;
        if is_weaker && is_own_word && !is_clone && !scene.rules.profile.knows(bssid, None) {
            let evidence = EvidenceSet::of(&[Evidence::Contradiction, Evidence::Downgrade]);
            found
                .add(scene, Kind::EvilTwin, evidence)
                .by(Transmitter::Own { address: bssid })
                .against(Some(name.bssid))
                .about(Some(bssid))
                .named(Some(ssid))
                .frames(network.first, 1);
        }
    }

    fn ad_hoc(&mut self, scene: Scene<'_>, key: u64, ssid: &[u8], found: &mut Found) {
        let heard = scene.heard;
        let (Some(from), bssid) = (heard.transmitter(), heard.bssid()) else { return };
        // A name that was said once is part of a flood of them.
        if !scene.air.network(from).is_some_and(Network::is_settled) {
            return;
        }
        let infrastructure = self.names.get(&key).copied();
        let (kind, evidence) = match infrastructure {
            Some(_) => (Kind::AdHocImpersonation, Evidence::Contradiction),
            None => (Kind::AdHoc, Evidence::Policy),
        };
        found
            .add(scene, kind, EvidenceSet::of(&[evidence]))
            .by(Transmitter::Own { address: from })
            .against(infrastructure.map(|it| it.bssid))
            .about(bssid)
            .named(Some(ssid));
    }

    /// One access point has one name for each BSSID; who answers to three has none of his own.
    fn answer(&mut self, scene: Scene<'_>, bssid: Mac, key: u64, found: &mut Found) {
        let heard = scene.heard;
        let threshold = scene.rules.threshold(Kind::Karma);
        let answerer = self.answerers.entry(bssid, Answerer::default);
        if heard.at.since_us(answerer.since) > threshold.span_us() && !answerer.is_told {
            *answerer = Answerer { since: heard.at, ..Answerer::default() };
        }
        let known = answerer.names.get(..answerer.count).unwrap_or_default();
        if !known.contains(&key)
            && let Some(slot) = answerer.names.get_mut(answerer.count)
        {
            *slot = key;
            answerer.count += 1;
        }
        let limit = usize::try_from(threshold.frames).unwrap_or(usize::MAX).min(ANSWERED_MAX);
        if answerer.count < limit {
            return;
        }
        let frames = if answerer.is_told { 1 } else { answerer.count as u32 };
        answerer.is_told = true;
        found
            .add(
                scene,
                Kind::Karma,
                EvidenceSet::of(&[Evidence::Forbidden, Evidence::Contradiction]),
            )
            .by(Transmitter::Own { address: bssid })
            .against(heard.receiver())
            .about(Some(bssid))
            .frames(answerer.since, frames);
    }
}

fn key_of(ssid: &[u8]) -> u64 {
    ssid.iter().fold(0, |key, byte| scattered(key ^ u64::from(*byte)))
}
