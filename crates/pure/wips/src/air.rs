//! What is on the air: radios, networks, names, and who is connected to whom.
//!
//! Detectors look here for what was true before a frame. Everything is in bounded tables; a flood of
//! invented addresses costs old strangers their place, not the stations that are here.

pub(crate) mod network;
pub(crate) mod signal;

use std::collections::BTreeMap;

use model::Mac;

pub(crate) use self::network::Network;
use self::signal::Signal;
use crate::dot11::data::Security;
use crate::dot11::header::Kind;
use crate::dot11::management::Management;
use crate::dot11::security::RsnCapabilities;
use crate::heard::Heard;
use crate::packet::{CaptureTime, SensorId};
use crate::table::Table;

/// What is on the air.
#[derive(Debug)]
pub(crate) struct Air {
    radios: Table<Mac, Radio>,
    networks: Table<Mac, Network>,
}

/// One address that sends, or is sent something by an access point.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Radio {
    /// How strongly its beacons or its encrypted data are heard, which are hard to forge for long.
    pub(crate) signal: Signal,
    /// The network that it is connected to.
    pub(crate) joined: Option<Joined>,
    /// Whether it asked for protected management frames when it joined.
    wants_pmf: bool,
}

/// A connection, on the word of the access point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joined {
    /// To which network.
    pub(crate) bssid: Mac,
    /// When the access point sent it something last.
    pub(crate) served: CaptureTime,
    /// Whether data between them is encrypted.
    pub(crate) is_encrypted: bool,
    /// Whether they protect management frames.
    pub(crate) has_pmf: bool,
}

impl Air {
    pub(crate) fn new(radios_max: usize) -> Self {
        Self { radios: Table::new(radios_max), networks: Table::new(radios_max / 4) }
    }

    /// What is known of an address.
    pub(crate) fn radio(&self, mac: Mac) -> Option<&Radio> {
        self.radios.get(&mac)
    }

    /// What is known of a network.
    pub(crate) fn network(&self, bssid: Mac) -> Option<&Network> {
        self.networks.get(&bssid)
    }

    /// Whether an address is that of a network.
    pub(crate) fn is_network(&self, mac: Mac) -> bool {
        self.networks.get(&mac).is_some()
    }

    /// Name of a network.
    pub(crate) fn ssid(&self, bssid: Mac) -> Option<&[u8]> {
        self.network(bssid).and_then(Network::ssid)
    }

    /// When a network came back after a silence.
    pub(crate) fn restarted(&self, bssid: Mac) -> Option<CaptureTime> {
        self.network(bssid).and_then(|it| it.restarted)
    }

    /// Somebody throws the stations of a network off.
    pub(crate) fn disturb(&mut self, bssid: Mac, at: CaptureTime) {
        if let Some(network) = self.networks.get_mut(&bssid) {
            network.disturbed = Some(at);
        }
    }

    /// The connection of a station.
    pub(crate) fn joined(&self, station: Mac) -> Option<Joined> {
        self.radio(station).and_then(|it| it.joined)
    }

    /// Every network.
    pub(crate) fn networks(&self) -> impl Iterator<Item = (Mac, &Network)> {
        self.networks.iter().map(|(bssid, network)| (*bssid, network))
    }

    /// A sensor heard a beacon of a network that is known.
    pub(crate) fn hear(&mut self, bssid: Mac, hearing: (SensorId, Option<f32>), at: CaptureTime) {
        let (sensor, signal_dbm) = hearing;
        if let Some(network) = self.networks.get_mut(&bssid) {
            network.hear(sensor, signal_dbm.map(|it| it.round() as i8), at);
        }
    }

    /// How many stations are connected to each network.
    pub(crate) fn stations(&self) -> BTreeMap<Mac, u32> {
        let mut stations = BTreeMap::new();
        for (_, radio) in self.radios.iter() {
            if let Some(joined) = radio.joined {
                *stations.entry(joined.bssid).or_default() += 1;
            }
        }
        stations
    }

    /// How many addresses and networks are held.
    pub(crate) fn len(&self) -> usize {
        self.radios.len() + self.networks.len()
    }

    /// How many were dropped to make room.
    pub(crate) fn dropped(&self) -> u64 {
        self.radios.dropped() + self.networks.dropped()
    }

    /// Learns from a frame.
    pub(crate) fn learn(&mut self, heard: &Heard<'_>) {
        if let (Some(advert), Some(bssid)) = (&heard.advert, heard.transmitter()) {
            let network = self.networks.entry(bssid, Network::default);
            network.learn(heard, advert);
            if heard.kind() == Kind::Beacon
                && let Some(dbm) = heard.signal_dbm
            {
                self.radios.entry(bssid, Radio::default).signal.learn(dbm);
            }
            return;
        }
        match heard.management() {
            Some(Management::AssociationRequest(_) | Management::ReassociationRequest(_)) => {
                let wants = heard.parsed.elements.rsn().and_then(|it| it.capabilities);
                if let Some(station) = heard.transmitter() {
                    let radio = self.radios.entry(station, Radio::default);
                    radio.wants_pmf = wants.is_some_and(RsnCapabilities::can_protect_management);
                }
            }
            Some(_) if heard.takes_in() && heard.is_from_ap() => self.join(heard, false),
            None if heard.has_payload() => self.data(heard),
            _ => {}
        }
    }

    fn data(&mut self, heard: &Heard<'_>) {
        let is_encrypted = heard.is_protected();
        if is_encrypted
            && let Some(dbm) = heard.signal_dbm
            && let Some(from) = heard.transmitter()
        {
            self.radios.entry(from, Radio::default).signal.learn(dbm);
        }
        let is_keyed =
            matches!(heard.data().and_then(|it| it.security), Some(Security::Extended(_)));
        if heard.is_from_ap() && (is_keyed || heard.eapol().is_none()) {
            self.join(heard, is_keyed);
        }
    }

    /// The access point treats a station as connected.
    fn join(&mut self, heard: &Heard<'_>, is_encrypted: bool) {
        let Some((bssid, station)) = heard.pair() else { return };
        let has_pmf = self.networks.get(&bssid).is_some_and(|it| it.has_pmf);
        let requires_pmf = self.networks.get(&bssid).is_some_and(|it| it.requires_pmf);
        let radio = self.radios.entry(station, Radio::default);
        let before = radio.joined.filter(|it| it.bssid == bssid);
        radio.joined = Some(Joined {
            bssid,
            served: heard.at,
            is_encrypted: is_encrypted || before.is_some_and(|it| it.is_encrypted),
            has_pmf: requires_pmf || has_pmf && radio.wants_pmf,
        });
    }
}
