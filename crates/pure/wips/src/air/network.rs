//! What is known of one network.

use crate::advert::{Advert, Protection};
use crate::dot11::header::Kind;
use crate::dot11::wps::Wps;
use crate::heard::Heard;
use crate::packet::CaptureTime;

/// Bytes of a name at most: IEEE 802.11-2020, 9.4.2.2.
const SSID_BYTES_MAX: usize = 32;
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
