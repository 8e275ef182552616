//! What the owner's lists do not allow: vendors, countries, channels, and words in names.
//!
//! What is not allowed is told again while it goes on.

use model::Mac;

use super::meter::Reminder;
use super::{Found, Scene};
use crate::air::Network;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::profile::lists::Lists;
use crate::table::Table;

/// Networks and stations that are told of at once.
const TOLD_MAX: usize = 4_096;

/// Compares the air with the lists.
#[derive(Debug)]
pub(crate) struct Listed {
    told: Table<(Kind, Mac), Reminder>,
}

impl Listed {
    pub(crate) fn new() -> Self {
        Self { told: Table::new(TOLD_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        if heard.advert.is_some() {
            self.network(scene, found);
            return;
        }
        if scene.rules.profile.lists.allow_every_station() {
            return;
        }
        if heard.takes_in() && heard.is_from_ap() || heard.is_protected() && heard.has_payload() {
            self.station(scene, found);
        }
    }

    fn network(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(advert), Some(bssid)) = (&heard.advert, heard.bssid()) else { return };
        let profile = &scene.rules.profile;
        let lists = &profile.lists;
        // Damage writes other words too, but not three times.
        let is_settled =
            scene.air.network(bssid).is_some_and(|it| it.is_settled() && it.ssid() == advert.ssid);
        if *lists == Lists::default() || !is_settled || bssid.is_multicast() {
            return;
        }
        if advert.ssid.is_some_and(|it| lists.forbid_name(it)) {
            self.tell(scene, Kind::ForbiddenSsid, (bssid, bssid), "", found);
        }
        let has_our_name = advert
            .ssid
            .and_then(|it| std::str::from_utf8(it).ok())
            .is_some_and(|it| profile.managed.ssids.contains(it));
        if has_our_name
            && !lists.allow_access_point(bssid)
            && !profile.approved_bssids.contains(&bssid)
        {
            self.tell(scene, Kind::VendorNotListed, (bssid, bssid), "access point", found);
        }
        if !profile.owns(bssid, advert.ssid) {
            return;
        }
        if heard.parsed.elements.country().is_some_and(|it| !lists.allow_country(it)) {
            self.tell(scene, Kind::CountryNotListed, (bssid, bssid), "", found);
        }
        let channel = scene.air.network(bssid).and_then(Network::channel);
        if channel.is_some_and(|it| !lists.allow_channel(it.number)) {
            self.tell(scene, Kind::ChannelNotListed, (bssid, bssid), "", found);
        }
    }

    fn station(&mut self, scene: Scene<'_>, found: &mut Found) {
        let Some((bssid, station)) = scene.heard.pair() else { return };
        let profile = &scene.rules.profile;
        let is_allowed =
            profile.lists.allow_station(station) || profile.managed.stations.contains(&station);
        if !is_allowed && profile.owns(bssid, scene.air.ssid(bssid)) {
            self.tell(scene, Kind::VendorNotListed, (bssid, station), "station", found);
        }
    }

    fn tell(
        &mut self,
        scene: Scene<'_>,
        kind: Kind,
        (bssid, by): (Mac, Mac),
        detail: &'static str,
        found: &mut Found,
    ) {
        if !self.told.entry((kind, by), Reminder::default).is_due(scene.heard.at) {
            return;
        }
        let advert = scene.heard.advert.as_ref();
        found
            .add(scene, kind, EvidenceSet::of(&[Evidence::Policy]))
            .by(Transmitter::Own { address: by })
            .about(Some(bssid))
            .named(advert.and_then(|it| it.ssid).or_else(|| scene.air.ssid(bssid)))
            .detail(detail);
    }
}
