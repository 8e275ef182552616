//! What the owner lists: vendors, countries, channels, words, and networks whose stations are kept apart.
//!
//! An empty list allows everything. Lists are about managed networks; only words are looked for in every
//! name.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use model::Mac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first three octets of an address, which the IEEE gives to a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oui(pub [u8; 3]);

/// Says that an address was made up.
const MADE_UP: u8 = 0b10;

impl Oui {
    /// That of an address.
    pub fn of(Mac([a, b, c, ..]): Mac) -> Self {
        Self([a, b, c])
    }

    /// The same without the bit that says that the address was made up: access points set it for their
    /// second network.
    fn given(self) -> Self {
        let Self([a, b, c]) = self;
        Self([a & !MADE_UP, b, c])
    }
}

/// A text that is no vendor's prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no vendor's prefix; write its three octets as 00:11:22")]
pub struct OuiError(String);

impl FromStr for Oui {
    type Err = OuiError;

    fn from_str(text: &str) -> Result<Self, OuiError> {
        let refused = || OuiError(text.chars().take(64).collect());
        let whole: Mac = format!("{text}:00:00:00").parse().map_err(|_| refused())?;
        Ok(Self::of(whole))
    }
}

impl fmt::Display for Oui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([a, b, c]) = self;
        write!(f, "{a:02x}:{b:02x}:{c:02x}")
    }
}

impl Serialize for Oui {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Oui {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The lists of the owner.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lists {
    /// Vendors of access points that may have a managed name.
    pub access_point_vendors: BTreeSet<Oui>,
    /// Vendors of stations that may be in a managed network.
    pub station_vendors: BTreeSet<Oui>,
    /// Stations whose address was made up have no vendor: they are told as well.
    pub refuse_made_up: bool,
    /// Countries whose radio rules managed networks may follow, as `DE`.
    pub countries: BTreeSet<String>,
    /// Channels that managed networks may be on, in any band.
    pub channels: BTreeSet<u8>,
    /// Words that no network may have in its name, in any case.
    pub forbidden_words: BTreeSet<String>,
    /// Networks whose access points must not pass on what one station sends to another.
    pub isolated_ssids: BTreeSet<String>,
}

impl Lists {
    /// Whether an access point of this address may have a managed name.
    pub(crate) fn allow_access_point(&self, bssid: Mac) -> bool {
        let vendors = &self.access_point_vendors;
        let oui = Oui::of(bssid);
        vendors.is_empty() || vendors.contains(&oui) || vendors.contains(&oui.given())
    }

    /// Whether a station of this address may be in a managed network.
    pub(crate) fn allow_station(&self, station: Mac) -> bool {
        if station.is_locally_administered() {
            return !self.refuse_made_up;
        }
        self.station_vendors.is_empty() || self.station_vendors.contains(&Oui::of(station))
    }

    /// Whether nothing is said of stations.
    pub(crate) fn allow_every_station(&self) -> bool {
        self.station_vendors.is_empty() && !self.refuse_made_up
    }

    /// Whether a managed network may follow the rules of this country. Capitals count as small letters.
    pub(crate) fn allow_country(&self, [a, b, _]: [u8; 3]) -> bool {
        let is = |name: &String| name.as_bytes().eq_ignore_ascii_case(&[a, b]);
        self.countries.is_empty() || self.countries.iter().any(is)
    }

    /// Whether a managed network may be on a channel of this number.
    pub(crate) fn allow_channel(&self, number: u8) -> bool {
        self.channels.is_empty() || self.channels.contains(&number)
    }

    /// Whether a name has a word that is forbidden.
    pub(crate) fn forbid_name(&self, ssid: &[u8]) -> bool {
        if self.forbidden_words.is_empty() {
            return false;
        }
        let name = String::from_utf8_lossy(ssid).to_lowercase();
        self.forbidden_words.iter().any(|it| !it.is_empty() && name.contains(&it.to_lowercase()))
    }

    /// Whether the stations of a network are kept apart.
    pub(crate) fn isolate(&self, ssid: Option<&[u8]>) -> bool {
        let name = ssid.and_then(|it| std::str::from_utf8(it).ok());
        name.is_some_and(|it| self.isolated_ssids.contains(it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_written_as_it_is_read() {
        for (text, is_read) in [("00:11:22", true), ("00:11", false), ("00:11:22:33", false)] {
            let read = text.parse::<Oui>().map(|it| it.to_string());
            assert_eq!(read.ok(), is_read.then(|| text.to_owned()), "{text}");
        }
        let error = "x".repeat(100).parse::<Oui>().map(|_| ()).map_err(|it| it.to_string());
        assert!(error.is_err_and(|it| it.contains("00:11:22") && it.len() < 150));
    }

    #[test]
    fn an_empty_list_allows_everything() {
        let lists = Lists::default();
        let mac = Mac([0x00, 0x11, 0x22, 3, 4, 5]);
        assert!(lists.allow_access_point(mac) && lists.allow_station(mac));
        assert!(lists.allow_country(*b"DE ") && lists.allow_channel(13));
        assert!(!lists.forbid_name(b"Free Wi-Fi") && !lists.isolate(Some(b"Guests")));
    }

    #[test]
    fn an_access_point_has_its_vendor_with_and_without_the_bit_of_made_up_addresses() {
        let lists = Lists {
            access_point_vendors: BTreeSet::from([Oui([0, 0x11, 0x22])]),
            ..Lists::default()
        };
        assert!(lists.allow_access_point(Mac([0, 0x11, 0x22, 0, 0, 1])));
        assert!(lists.allow_access_point(Mac([2, 0x11, 0x22, 0, 0, 1])));
        assert!(!lists.allow_access_point(Mac([0, 0x11, 0x23, 0, 0, 1])));
    }
}
