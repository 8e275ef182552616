//! Access points that do not exist.
//!
//! A sensor that starts, or moves, meets fifty networks in a second, so new ones alone say nothing. What
//! gives invented ones away is that no vendor has their addresses, that one name is on many addresses
//! of no common vendor, or that many of them come with one signal strength.

use std::collections::BTreeSet;

use model::Mac;

use super::meter::{Crowd, Meter};
use super::{Found, Scene};
use crate::dot11::header::Kind as FrameKind;
use crate::dot11::{Anomalies, Anomaly, Channel};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::profile::Threshold;
use crate::table::Table;
use crate::window::scattered;

/// Channels, and names, that are followed at once.
const CHANNELS_MAX: usize = 64;
const NAMES_MAX: usize = 1_024;
/// Group addresses that beacon. The standard allows none; damage makes one now and then where sensors
/// do not check frames, but leaves other traces as well.
const GROUPS_MIN: u32 = 3;
/// Vendors of the radios under one name. An owner buys from two or three.
const VENDORS_MIN: usize = 8;

/// Watches new networks.
#[derive(Debug)]
pub(crate) struct Beacons {
    channels: Table<Option<Channel>, Newcomers>,
    names: Table<u64, BTreeSet<[u8; 3]>>,
}

/// New networks on one channel.
#[derive(Debug, Default)]
struct Newcomers {
    all: Crowd,
    groups: Meter,
    of_one_name: Meter,
}

impl Beacons {
    pub(crate) fn new() -> Self {
        Self { channels: Table::new(CHANNELS_MAX), names: Table::new(NAMES_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(advert), Some(from)) = (&heard.advert, heard.transmitter()) else { return };
        let is_new = heard.kind() == FrameKind::Beacon
            && !scene.air.is_network(from)
            && !advert.beacon.capabilities.is_ad_hoc();
        if !is_new || !heard.has_time() {
            return;
        }
        let kind = Kind::BeaconFlood;
        let threshold = scene.rules.threshold(kind);
        let newcomers = self.channels.entry(heard.channel, Newcomers::default);
        let one_radio =
            newcomers.all.add(heard, threshold, from, from.to_u64()).filter(|it| it.is_one_radio);
        let few = |frames: u32| Threshold { frames: frames.min(threshold.frames), ..threshold };
        let damage = heard.parsed.anomalies.without(Anomalies::of(&[Anomaly::GroupTransmitter]));
        let groups = if from.is_multicast() && damage.is_empty() {
            newcomers.groups.add(heard, few(GROUPS_MIN))
        } else {
            None
        };
        let of_one_name = advert.ssid.is_some_and(|ssid| {
            let key = ssid.iter().fold(0, |key, byte| scattered(key ^ u64::from(*byte)));
            let vendors = self.names.entry(key, BTreeSet::new);
            let Mac([a, b, c, ..]) = from;
            if vendors.len() < VENDORS_MIN {
                vendors.insert([a, b, c]);
            }
            vendors.len() >= VENDORS_MIN
        });
        let of_one_name = if of_one_name { newcomers.of_one_name.add(heard, few(1)) } else { None };
        let evidence = EvidenceSet::of(&[Evidence::Rate])
            .with_if(one_radio.is_some(), Evidence::OneRadio)
            .with_if(groups.is_some(), Evidence::ImplausibleAddresses)
            .with_if(of_one_name.is_some(), Evidence::ManyTransmitters);
        let Some(it) = groups.or(of_one_name).or(one_radio.map(|it| it.reached)) else { return };
        found
            .add(scene, kind, evidence)
            .by(Transmitter::Invented { example: from })
            .named(of_one_name.and(advert.ssid))
            .frames(it.since, it.frames);
    }
}
