//! What is known of one network.

use model::Band;

use crate::advert::{Advert, Protection};
use crate::dot11::Channel;
use crate::dot11::header::Kind;
use crate::dot11::wps::Wps;
use crate::heard::Heard;
use crate::incident::Hearing;
use crate::packet::{CaptureTime, SensorId};

/// Bytes of a name at most: IEEE 802.11-2020, 9.4.2.2.
const SSID_BYTES_MAX: usize = 32;
/// Sensors of one network that are told apart. Ours: half of what an incident has, there are more of them.
const HEARINGS_MAX: usize = 8;
/// A sensor that has not heard a network for so long hears it no more. Ours: a sensor that hops comes
/// to each of 40 channels several times.
const HEARING_US: u64 = 120_000_000;
/// A network that is silent for so long has restarted, when somebody was listening: ten beacons.
const RESTART_US: u64 = 1_000_000;

/// One BSSID that beacons, or answers probes.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that the network said")]
pub(crate) struct Network {
    /// When it was heard first.
    pub(crate) first: CaptureTime,
    /// When its last beacon was heard.
    pub(crate) last: CaptureTime,
    /// How long somebody had listened by then.
    dwell_us: u64,
    /// How long somebody had listened when it was heard first.
    pub(crate) first_dwell_us: u64,
    /// Beacons that were heard.
    beacons: u32,
    /// Beacons and probe responses: some captures keep one beacon of each network.
    adverts: u32,
    /// When it came back after a silence.
    pub(crate) restarted: Option<CaptureTime>,
    /// When somebody threw its stations off last.
    pub(crate) disturbed: Option<CaptureTime>,
    ssid: [u8; SSID_BYTES_MAX],
    ssid_bytes: u8,
    /// The channels that its DS and its HT element say.
    pub(crate) channels: (Option<u8>, Option<u8>),
    /// How well it protects itself.
    pub(crate) protection: Protection,
    /// Whether it is an ad-hoc network.
    pub(crate) is_ad_hoc: bool,
    /// Whether it protects management frames, or can.
    pub(crate) has_pmf: bool,
    /// Whether it requires that.
    pub(crate) requires_pmf: bool,
    /// Whether it said that it refuses PINs.
    pub(crate) is_wps_locked: bool,
    /// Microseconds between beacons, as it says.
    pub(crate) interval_us: u64,
    /// The shape of its first beacons.
    pub(crate) shape: u64,
    /// Whether it announced quiet periods from the beginning.
    pub(crate) has_quiet: bool,
    /// The channel that the sensor was on which heard it first.
    heard_on: Option<Channel>,
    hearings: [Option<(Hearing, CaptureTime)>; HEARINGS_MAX],
}

impl Network {
    /// Its name, unless hidden.
    pub(crate) fn ssid(&self) -> Option<&[u8]> {
        self.ssid.get(..usize::from(self.ssid_bytes)).filter(|it| !it.is_empty())
    }

    /// Whether somebody can join it: it shows itself again and again, and is not one of a thousand names
    /// that were said once.
    pub(crate) fn is_settled(&self) -> bool {
        self.adverts >= 3
    }

    /// Its channel: what it says itself, in the band of the sensor.
    pub(crate) fn channel(&self) -> Option<Channel> {
        let Some(number) = self.channels.0.or(self.channels.1) else { return self.heard_on };
        let band = self.heard_on.map_or_else(
            || if number <= 14 { Band::Ghz2_4 } else { Band::Ghz5 },
            |channel| channel.band,
        );
        Some(Channel { band, number })
    }

    /// Who hears it now, the first one first.
    pub(crate) fn heard_by(&self) -> Vec<Hearing> {
        let is_now = |at: CaptureTime| self.last.since_us(at) <= HEARING_US;
        self.hearings.iter().flatten().filter(|(_, at)| is_now(*at)).map(|(it, _)| *it).collect()
    }

    /// A sensor heard a beacon of it. Who heard it the longest ago makes room.
    pub(crate) fn hear(&mut self, sensor: SensorId, rssi_dbm: Option<i8>, at: CaptureTime) {
        let known =
            self.hearings.iter().position(|slot| slot.is_some_and(|(it, _)| it.sensor == sensor));
        let oldest = || {
            let slots = self.hearings.iter().enumerate();
            slots.min_by_key(|(_, slot)| slot.map(|(_, at)| at)).map(|(place, _)| place)
        };
        let Some(slot) = known.or_else(oldest).and_then(|it| self.hearings.get_mut(it)) else {
            return;
        };
        let before = slot.map(|(it, _)| it).filter(|it| it.sensor == sensor);
        let frames = before.map_or(0, |it| it.frames) + 1;
        let rssi_dbm = rssi_dbm.or(before.and_then(|it| it.rssi_dbm));
        *slot = Some((Hearing { sensor, rssi_dbm, frames }, at));
    }

    pub(crate) fn learn(&mut self, heard: &Heard<'_>, advert: &Advert<'_>) {
        let is_first = self.last == CaptureTime(0);
        if heard.kind() == Kind::Beacon {
            let silent_us = heard.dwell_us.saturating_sub(self.dwell_us);
            if self.beacons > 0 && silent_us > RESTART_US {
                // It may have other settings now.
                self.restarted = Some(heard.at);
                self.shape = 0;
            }
            self.beacons = self.beacons.saturating_add(1);
            self.dwell_us = heard.dwell_us;
        }
        self.adverts = self.adverts.saturating_add(1);
        self.last = heard.at;
        // A frame that contradicts the first ones may be another radio's; the first ones stay.
        if !is_first && self.beacons > 0 && self.shape != 0 {
            self.is_wps_locked |= advert.wps.and_then(Wps::is_setup_locked) == Some(true);
            if self.ssid_bytes == 0 {
                self.name(advert);
            }
            return;
        }
        if is_first {
            (self.first, self.first_dwell_us) = (heard.at, heard.dwell_us);
        }
        self.name(advert);
        self.channels = (advert.ds_channel, advert.ht_channel);
        self.heard_on = heard.channel;
        self.protection = advert.protection;
        self.is_ad_hoc = advert.beacon.capabilities.is_ad_hoc();
        self.has_pmf = advert.has_pmf;
        self.requires_pmf = advert.requires_pmf;
        self.is_wps_locked = advert.wps.and_then(Wps::is_setup_locked) == Some(true);
        self.interval_us = u64::from(advert.beacon.interval_tu) * 1_024;
        self.shape = if heard.kind() == Kind::Beacon { advert.shape | 1 } else { 0 };
        self.has_quiet = advert.quiet.is_some();
    }

    fn name(&mut self, advert: &Advert<'_>) {
        let name = advert.ssid.unwrap_or_default();
        let bytes = name.len().min(SSID_BYTES_MAX);
        if let (Some(to), Some(from)) = (self.ssid.get_mut(..bytes), name.get(..bytes)) {
            to.copy_from_slice(from);
            self.ssid_bytes = bytes as u8;
        }
    }
}
