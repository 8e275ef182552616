//! What an access point says of itself, in beacons and probe responses.

use crate::dot11::Parsed;
use crate::dot11::element::{ChannelSwitch, ElementId, Quiet};
use crate::dot11::management::{Beacon, Management};
use crate::dot11::security::{Akm, Cipher, Security};
use crate::dot11::wps::Wps;
use crate::window::scattered;

/// How well a network protects itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum Protection {
    /// Anybody joins, nothing is encrypted.
    #[default]
    Open,
    /// WEP.
    Wep,
    /// WPA with TKIP.
    Wpa,
    /// WPA2 with a password or 802.1X.
    Wpa2,
    /// SAE, OWE or suite B.
    Wpa3,
}

/// One beacon or probe response.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that a network says")]
pub(crate) struct Advert<'a> {
    /// Its fixed fields.
    pub(crate) beacon: Beacon,
    /// Its name, unless hidden.
    pub(crate) ssid: Option<&'a [u8]>,
    /// Whether there is an element for the name, and how long it is.
    pub(crate) ssid_bytes: Option<usize>,
    /// The channel of the DS element.
    pub(crate) ds_channel: Option<u8>,
    /// The primary channel of the HT element.
    pub(crate) ht_channel: Option<u8>,
    /// How well it protects itself.
    pub(crate) protection: Protection,
    /// Whether it offers TKIP.
    pub(crate) has_tkip: bool,
    /// Whether it is opportunistic encryption, which comes with an open twin of its own.
    pub(crate) is_owe: bool,
    /// Whether it protects management frames, or can.
    pub(crate) has_pmf: bool,
    /// Whether it requires that.
    pub(crate) requires_pmf: bool,
    /// An announced switch of the channel.
    pub(crate) channel_switch: Option<ChannelSwitch>,
    /// An announced silence.
    pub(crate) quiet: Option<Quiet>,
    /// Whether it relays frames of its like.
    pub(crate) is_mesh: bool,
    /// Wi-Fi Protected Setup.
    pub(crate) wps: Option<Wps<'a>>,
    /// A hash of which elements there are and how long.
    pub(crate) shape: u64,
}

impl<'a> Advert<'a> {
    /// Reads one; nothing when the frame is neither beacon nor probe response.
    pub(crate) fn read(parsed: &Parsed<'a>) -> Option<Self> {
        let beacon = match parsed.management()? {
            Management::Beacon(beacon) | Management::ProbeResponse(beacon) => *beacon,
            _ => return None,
        };
        let mut advert = Self::new(beacon);
        let elements = parsed.elements;
        for element in elements.iter() {
            let value = element.value;
            advert.shape = scattered(advert.shape ^ u64::from(element.id.0));
            match element.id {
                ElementId::SSID if advert.ssid_bytes.is_none() => {
                    let is_hidden = value.iter().all(|byte| *byte == 0);
                    advert.ssid = (!is_hidden).then_some(value);
                    advert.ssid_bytes = Some(value.len());
                }
                ElementId::DS_PARAMETER => advert.ds_channel = value.first().copied(),
                ElementId::HT_OPERATION => advert.ht_channel = value.first().copied(),
                ElementId::CHANNEL_SWITCH | ElementId::EXTENDED_CHANNEL_SWITCH => {
                    advert.channel_switch = elements.channel_switch();
                }
                // Some tools copy the element of a station into what they say as an access point.
                ElementId::MESH_ID => advert.is_mesh = !beacon.capabilities.is_infrastructure(),
                ElementId::QUIET => advert.quiet = elements.quiet(),
                ElementId::RSN => elements.rsn().iter().for_each(|it| advert.secure(it)),
                ElementId::VENDOR => match value {
                    [0x00, 0x50, 0xf2, 1, ..] => {
                        elements.wpa().iter().for_each(|it| advert.secure(it));
                    }
                    [0x00, 0x50, 0xf2, 4, attributes @ ..] => advert.wps = Some(Wps(attributes)),
                    _ => {}
                },
                _ => {}
            }
        }
        Some(advert)
    }

    fn new(beacon: Beacon) -> Self {
        let is_private = beacon.capabilities.privacy();
        Self {
            beacon,
            ssid: None,
            ssid_bytes: None,
            ds_channel: None,
            ht_channel: None,
            protection: if is_private { Protection::Wep } else { Protection::Open },
            has_tkip: false,
            is_owe: false,
            has_pmf: false,
            requires_pmf: false,
            channel_switch: None,
            quiet: None,
            is_mesh: false,
            wps: None,
            shape: 0,
        }
    }

    fn secure(&mut self, security: &Security<'_>) {
        let is_modern = |akm| {
            matches!(akm, Akm::Sae | Akm::FtSae | Akm::SaeExt | Akm::FtSaeExt | Akm::Owe)
                || matches!(akm, Akm::EapSuiteB | Akm::EapSuiteB192)
        };
        let protection = match security {
            Security { is_rsn: false, .. } => Protection::Wpa,
            it if it.akms.akms().any(is_modern) => Protection::Wpa3,
            _ => Protection::Wpa2,
        };
        self.protection = self.protection.max(protection);
        self.is_owe |= security.akms.akms().any(|akm| akm == Akm::Owe);
        self.has_tkip |= security.pairwise.ciphers().any(|cipher| cipher == Cipher::Tkip);
        if let Some(capabilities) = security.capabilities.filter(|_| security.is_rsn) {
            self.has_pmf |= capabilities.can_protect_management();
            self.requires_pmf |= capabilities.requires_protected_management();
        }
    }
}
