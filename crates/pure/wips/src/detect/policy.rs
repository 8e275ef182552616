//! What is no attack, but not as the owner wants it.

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::advert::Protection;
use crate::dot11::authentication::Algorithm;
use crate::dot11::data::Security;
use crate::dot11::management::{Management, Status};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::table::Table;

/// Networks and stations whose faults were told.
const TOLD_MAX: usize = 4_096;
/// What an SSID holds to be run by whoever shows it.
const CODE: [&[u8]; 5] = [b"%n", b"%s%s", b"<script", b"${", b"'\""];

/// Looks for what breaks the policy.
#[derive(Debug)]
pub(crate) struct Policy {
    told: Table<(Kind, Mac), ()>,
    strays: Table<Mac, Meter>,
}

impl Policy {
    pub(crate) fn new() -> Self {
        Self { told: Table::new(TOLD_MAX), strays: Table::new(TOLD_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        if heard.advert.is_some() {
            self.network(scene, found);
        }
        if let Some(Management::Authentication(it)) = heard.management()
            && it.algorithm == Algorithm::SHARED_KEY
            && let Some(bssid) = heard.bssid()
        {
            self.once(scene, Kind::WepInUse, bssid, "shared key", found);
        }
        if let Some(Management::AssociationResponse(it)) = heard.management()
            && it.status == Status::SUCCESS
        {
            joins(scene, found);
        }
        if heard.is_data() {
            self.data(scene, found);
        }
    }

    fn network(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(advert), Some(bssid)) = (&heard.advert, heard.bssid()) else { return };
        if advert.beacon.capabilities.is_ad_hoc() || bssid.is_multicast() {
            return;
        }
        // Damage writes odd names too, but not the same one three times.
        let is_settled =
            scene.air.network(bssid).is_some_and(|it| it.is_settled() && it.ssid() == advert.ssid);
        let is_odd = is_settled
            && advert.ssid.is_some_and(|ssid| {
                CODE.iter().any(|code| ssid.windows(code.len()).any(|it| it == *code))
                    || ssid.iter().any(|byte| *byte < b' ' && *byte != 0)
            });
        if is_odd && self.is_new(Kind::SsidAnomaly, bssid) {
            found
                .add(scene, Kind::SsidAnomaly, EvidenceSet::of(&[Evidence::Rate]))
                .by(Transmitter::Own { address: bssid })
                .named(advert.ssid);
        }
        let was_station = heard
            .transmitter()
            .is_some_and(|it| scene.air.joined(it).is_some_and(|joined| joined.bssid != it));
        if was_station && !scene.air.is_network(bssid) {
            self.once(scene, Kind::SoftAccessPoint, bssid, "", found);
        }
        match advert.protection {
            Protection::Open => self.once(scene, Kind::OpenNetwork, bssid, "", found),
            Protection::Wep => self.once(scene, Kind::WepInUse, bssid, "", found),
            _ if advert.has_tkip => self.once(scene, Kind::TkipInUse, bssid, "", found),
            _ => {}
        }
        if advert.protection > Protection::Wep && !advert.has_pmf {
            self.once(scene, Kind::UnprotectedManagement, bssid, "", found);
        }
        if advert.wps.is_some() {
            self.once(scene, Kind::WpsInUse, bssid, "", found);
        }
        let managed = &scene.rules.profile.managed;
        let is_our_name = advert
            .ssid
            .and_then(|it| std::str::from_utf8(it).ok())
            .is_some_and(|it| managed.ssids.contains(it));
        let is_unknown = !managed.bssids.contains(&bssid)
            && !scene.rules.profile.approved_bssids.contains(&bssid);
        if is_our_name && is_unknown && !managed.bssids.is_empty() {
            self.once(scene, Kind::RogueAccessPoint, bssid, "", found);
        }
    }

    fn data(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let control = heard.header().control;
        let Some(from) = heard.transmitter() else { return };
        if control.to_ds() && control.from_ds() {
            // Both ends send; the link is told once.
            let end = heard.receiver().map_or(from, |to| from.min(to));
            self.once(scene, Kind::WirelessBridge, end, "", found);
        } else if let Some(Security::Wep { .. }) = heard.data().and_then(|it| it.security)
            && let Some(bssid) = heard.bssid()
        {
            self.once(scene, Kind::WepInUse, bssid, "", found);
        }
        let kind = Kind::MacSpoof;
        if scene.rules.is_enabled(kind) && heard.is_protected() && scene.is_stray(from) {
            let meter = self.strays.entry(from, Meter::default);
            if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
                found
                    .add(scene, kind, EvidenceSet::of(&[Evidence::SignalMismatch]))
                    .by(Transmitter::Spoofed { address: from })
                    .against(Some(from))
                    .about(heard.bssid())
                    .frames(it.since, it.frames);
            }
        }
    }

    fn once(
        &mut self,
        scene: Scene<'_>,
        kind: Kind,
        about: Mac,
        detail: &'static str,
        found: &mut Found,
    ) {
        if about.is_multicast() || !self.is_new(kind, about) {
            return;
        }
        let advert = scene.heard.advert.as_ref();
        found
            .add(scene, kind, EvidenceSet::of(&[Evidence::Policy]))
            .by(Transmitter::Own { address: about })
            .about(Some(about))
            .named(advert.and_then(|it| it.ssid).or_else(|| scene.air.ssid(about)))
            .detail(detail);
    }

    fn is_new(&mut self, kind: Kind, about: Mac) -> bool {
        let mut is_new = false;
        self.told.entry((kind, about), || is_new = true);
        is_new
    }
}

/// A managed station joins a network that is not managed.
fn joins(scene: Scene<'_>, found: &mut Found) {
    let Some((bssid, station)) = scene.heard.pair() else { return };
    let managed = &scene.rules.profile.managed;
    if managed.stations.contains(&station) && !managed.bssids.contains(&bssid) {
        found
            .add(scene, Kind::Misassociation, EvidenceSet::of(&[Evidence::Policy]))
            .by(Transmitter::Own { address: station })
            .against(Some(station))
            .about(Some(bssid))
            .named(scene.air.ssid(bssid));
    }
}
