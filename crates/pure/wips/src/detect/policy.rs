//! What is no attack, but not as the owner wants it.

use model::Mac;

use super::meter::{Meter, Reminder};
use super::{Found, Scene};
use crate::advert::Protection;
use crate::air::Network;
use crate::dot11::authentication::Algorithm;
use crate::dot11::data::{Msdu, Payload, Security, ethertype};
use crate::dot11::management::Management;
use crate::dot11::security::RsnCapabilities;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::table::Table;

/// Networks and stations whose faults were told.
const TOLD_MAX: usize = 4_096;
/// What the name of every Wi-Fi Direct group begins with (Wi-Fi Peer-to-Peer 1.7, 3.2.1).
const DIRECT: &[u8] = b"DIRECT-";
/// What an SSID holds to be run by whoever shows it.
const CODE: [&[u8]; 5] = [b"%n", b"%s%s", b"<script", b"${", b"'\""];

/// Looks for what breaks the policy.
#[derive(Debug)]
pub(crate) struct Policy {
    told: Table<(Kind, Mac), ()>,
    /// Traffic after hours, by network.
    late: Table<Mac, Reminder>,
    /// Data in clear where none should be.
    clear: Table<Mac, Meter>,
    /// Stations that spoke to a network of the owner's with its key.
    ours: Table<Mac, ()>,
}

impl Policy {
    pub(crate) fn new() -> Self {
        Self {
            told: Table::new(TOLD_MAX),
            late: Table::new(TOLD_MAX),
            clear: Table::new(TOLD_MAX),
            ours: Table::new(TOLD_MAX),
        }
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
        if heard.takes_in() {
            self.joins(scene, found);
        }
        if let Some(Management::AssociationRequest(_) | Management::ReassociationRequest(_)) =
            heard.management()
        {
            self.unprotected(scene, found);
        }
        if heard.is_data() {
            self.learn(scene);
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
        // One beacon may be damaged, or the only one that an attacker sends in this name.
        let is_open = scene.air.network(bssid).is_some_and(|it| {
            it.is_settled() && it.protection == Protection::Open && !it.is_ad_hoc
        });
        match advert.protection {
            Protection::Open if !is_open || advert.is_mesh => {}
            Protection::Open => self.once(scene, Kind::OpenNetwork, bssid, "", found),
            Protection::Wep => self.once(scene, Kind::WepInUse, bssid, "", found),
            _ if advert.has_tkip => self.once(scene, Kind::TkipInUse, bssid, "", found),
            _ => {}
        }
        if advert.protection > Protection::Wep && !advert.has_pmf {
            self.once(scene, Kind::UnprotectedManagement, bssid, "", found);
        }
        if advert.ssid.is_some_and(|it| it.starts_with(DIRECT)) {
            self.once(scene, Kind::WifiDirect, bssid, "", found);
        }
        if advert.is_mesh && scene.air.network(bssid).is_some_and(Network::is_settled) {
            self.once(scene, Kind::Mesh, bssid, "", found);
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
        self.in_clear(scene, found);
        self.after_hours(scene, found);
    }

    /// Data in clear in a network that encrypts, or of a managed station in one that does not.
    fn in_clear(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(Payload::Msdu(Msdu { ethertype: Some(number), .. })) =
            heard.data().map(|it| &it.payload)
        else {
            return;
        };
        if !matches!(*number, ethertype::IPV4 | ethertype::IPV6 | ethertype::ARP) {
            return;
        }
        let Some((bssid, station)) = heard.pair().filter(|_| !heard.is_retry()) else { return };
        let Some(network) = scene.air.network(bssid).filter(|it| it.is_settled()) else { return };
        let is_secret = network.protection > Protection::Wep;
        let is_ours = scene.rules.profile.managed.stations.contains(&station);
        if !is_secret && !is_ours {
            return;
        }
        let kind = Kind::UnencryptedData;
        let meter = self.clear.entry(station, Meter::default);
        if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
            let from = heard.transmitter().unwrap_or_default();
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Policy]))
                .by(Transmitter::Own { address: from })
                .against(Some(station))
                .about(Some(bssid))
                .named(network.ssid())
                .frames(it.since, it.frames);
        }
    }

    /// A station that joins without the protection of management frames that the network offers.
    fn unprotected(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some((bssid, station)) = heard.pair().filter(|_| heard.is_to_ap()) else { return };
        let Some(network) = scene.air.network(bssid) else { return };
        let Some(security) = heard.parsed.elements.rsn() else { return };
        let takes = security.capabilities.is_some_and(RsnCapabilities::can_protect_management);
        let kind = Kind::UnprotectedStation;
        if !network.has_pmf || takes || !self.is_new(kind, station) {
            return;
        }
        found
            .add(scene, kind, EvidenceSet::of(&[Evidence::Policy]))
            .by(Transmitter::Own { address: station })
            .against(Some(station))
            .about(Some(bssid))
            .named(network.ssid());
    }

    /// A managed network is used when nobody should be there. It is told again when it goes on.
    fn after_hours(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let profile = &scene.rules.profile;
        let Some(hours) = profile.hours.filter(|_| heard.has_payload()) else { return };
        let Some((bssid, station)) = heard.pair().filter(|_| heard.has_time()) else { return };
        if hours.contain(heard.at) || !profile.owns(bssid, scene.air.ssid(bssid)) {
            return;
        }
        if self.late.entry(bssid, Reminder::default).is_due(heard.at) {
            found
                .add(scene, Kind::AfterHours, EvidenceSet::of(&[Evidence::Policy]))
                .by(Transmitter::Own { address: station })
                .about(Some(bssid))
                .named(scene.air.ssid(bssid));
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

    /// A managed station joins a network that is not managed.
    fn joins(&mut self, scene: Scene<'_>, found: &mut Found) {
        let Some((bssid, station)) = scene.heard.pair() else { return };
        let profile = &scene.rules.profile;
        let is_ours =
            || profile.managed.stations.contains(&station) || self.ours.get(&station).is_some();
        let ssid = scene.air.ssid(bssid);
        if profile.managed.is_empty() || profile.owns(bssid, ssid) || !is_ours() {
            return;
        }
        let name = ssid.and_then(|it| std::str::from_utf8(it).ok());
        if profile.knows(bssid, name) {
            return;
        }
        found
            .add(scene, Kind::Misassociation, EvidenceSet::of(&[Evidence::Policy]))
            .by(Transmitter::Own { address: station })
            .against(Some(station))
            .about(Some(bssid))
            .named(ssid);
    }

    /// Who has the key of a managed network is a station of the owner (as Aruba learns them).
    fn learn(&mut self, scene: Scene<'_>) {
        let heard = scene.heard;
        let profile = &scene.rules.profile;
        if profile.managed.is_empty() || !heard.is_protected() || !heard.is_from_ap() {
            return;
        }
        if let Some((bssid, station)) = heard.pair()
            && profile.owns(bssid, scene.air.ssid(bssid))
        {
            self.ours.entry(station, || ());
        }
    }

    fn is_new(&mut self, kind: Kind, about: Mac) -> bool {
        let mut is_new = false;
        self.told.entry((kind, about), || is_new = true);
        is_new
    }
}
