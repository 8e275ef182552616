//! Access points that take a name which is not theirs.
//!
//! | what | is one when |
//! |---|---|
//! | open twin | it has less protection than others of its name |
//! | twin of equal protection | it is not made like the one whose stations are thrown off, and came when that began |
//! | karma | it answers to three names, or shows three |
//! | ad-hoc | stations use a name without an access point |
//!
//! A new access point of the owner, or a repeater, is as new and as different; what it has not is somebody
//! who throws the stations of the others off.

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

/// Who listened for so long knows a newcomer from those that were there. Ours: fifty beacons.
const NEWCOMER_US: u64 = 5_000_000;
/// A twin comes so long before the disconnections that drive stations to it, or so long after the last.
/// Ours: tools need seconds for either, people minutes.
const BEFORE_US: u64 = 300_000_000;
const AFTER_US: u64 = 60_000_000;

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
    /// When it was heard first.
    since: CaptureTime,
    /// Whose stations were thrown off last, and when.
    disturbed: Option<(Mac, CaptureTime)>,
}

/// One access point that answers probes.
#[derive(Debug, Clone, Copy, Default)]
struct Answerer {
    /// The name of its first beacon.
    own: u64,
    /// A bit for each other name that it beaconed. Damage writes names too, but not one twice.
    beaconed: u128,
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
        self.answer(scene, bssid, key, found);
        let make =
            || Name { protection: advert.protection, bssid, since: heard.at, ..Name::default() };
        let name = *self.names.entry(key, make);
        // A name that was said once is part of a flood of them; only who stays can be joined.
        let Some(network) = scene.air.network(from).filter(|it| it.is_settled()) else { return };
        if network.protection > name.protection {
            let Name { since, disturbed, .. } = name;
            *self.names.entry(key, Name::default) =
                Name { protection: network.protection, bssid, since, disturbed };
        }
        if let Some(at) = network.disturbed.filter(|at| name.disturbed.is_none_or(|it| it.1 < *at))
        {
            self.names.entry(key, Name::default).disturbed = Some((bssid, at));
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
        } else if let Some(victim) = equal_of(scene, name, bssid, network)
            && is_own_word
            && !scene.rules.profile.knows(bssid, None)
        {
            let evidence = EvidenceSet::of(&[Evidence::Contradiction]);
            found
                .add(scene, Kind::EvilTwin, evidence)
                .by(Transmitter::Own { address: bssid })
                .against(Some(victim))
                .about(Some(bssid))
                .named(Some(ssid))
                .frames(network.first, 1)
                .detail("came with disconnections");
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

    /// One access point has one name for each BSSID; who answers to three, or shows three, has none of
    /// its own.
    fn answer(&mut self, scene: Scene<'_>, bssid: Mac, key: u64, found: &mut Found) {
        let heard = scene.heard;
        let is_beacon = heard.kind() == FrameKind::Beacon;
        let is_usual = is_beacon && self.answerers.get(&bssid).is_some_and(|it| it.own == key);
        if is_usual {
            return;
        }
        let threshold = scene.rules.threshold(Kind::Karma);
        let answerer = self.answerers.entry(bssid, Answerer::default);
        if is_beacon && answerer.own == 0 {
            answerer.own = key;
            return;
        }
        if heard.at.since_us(answerer.since) > threshold.span_us() && !answerer.is_told {
            *answerer = Answerer { since: heard.at, own: answerer.own, ..Answerer::default() };
        }
        if is_beacon {
            let bit = 1_u128 << (scattered(key) % 128);
            let is_again = answerer.beaconed & bit != 0;
            answerer.beaconed |= bit;
            if !is_again {
                return;
            }
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

/// Whose twin of equal protection an access point is.
fn equal_of(scene: Scene<'_>, name: Name, bssid: Mac, network: &Network) -> Option<Mac> {
    let (victim, disturbed) = name.disturbed?;
    let other = scene.air.network(victim).filter(|_| victim != bssid)?;
    let is_newcomer =
        network.first.since_us(name.since) >= NEWCOMER_US && network.first_dwell_us >= NEWCOMER_US;
    let came_before = disturbed.since_us(network.first) <= BEFORE_US;
    let came_after = network.first.since_us(disturbed) <= AFTER_US;
    // The shape is that of a beacon; who answers probes alone has none.
    let is_other_make = network.shape != 0 && other.shape != 0 && network.shape != other.shape;
    (is_newcomer && came_before && came_after && is_other_make).then_some(victim)
}

fn key_of(ssid: &[u8]) -> u64 {
    ssid.iter().fold(0, |key, byte| scattered(key ^ u64::from(*byte)))
}
