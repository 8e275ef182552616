//! Services, sub-services and the 23-bit mask.
//!
//! The bit of a sub-service is its place in `Cisco-IOS-XE-wireless-nmsp-oper.yang` (revision
//! 2022-11-01), shown to be right by a captured mask; see `reference/nmsp-mse-cmx.md` A.5.

use std::fmt;

use model::Category;
use serde::{Deserialize, Serialize};

/// One thing that an engine can ask a controller for. The discriminant is the bit of the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Subservice {
    /// Signal strengths of wireless clients.
    RssiMobileStation = 0,
    /// Signal strengths of tags.
    RssiTag = 1,
    /// Signal strengths of rogue access points and rogue clients.
    RssiRogue = 2,
    /// Signal strengths of interferers.
    RssiInterferer = 3,
    /// Signal strengths of clients that hand over.
    RssiHandoverClient = 4,
    /// Signal strengths of associated clients only.
    RssiMobileStationAssociatedOnly = 5,
    /// Interferer reports.
    SpectrumInterferer = 6,
    /// Air quality reports.
    SpectrumAirQuality = 7,
    /// Merged interferer reports.
    SpectrumAggregateInterferer = 8,
    /// What the network knows about wireless clients.
    InformationMobileStation = 9,
    /// What the network knows about tags.
    InformationTag = 10,
    /// What the network knows about rogues.
    InformationRogue = 11,
    /// What the network knows about clients that hand over.
    InformationHandoverClient = 12,
    /// Counters of wireless clients.
    StatisticsMobileStation = 13,
    /// Counters of tags.
    StatisticsTag = 14,
    /// Counters of rogues.
    StatisticsRogue = 15,
    /// Stations on switch ports.
    Attachment = 16,
    /// Civic and geographic places of switch ports.
    Location = 17,
    /// Handover service.
    Handover = 18,
    /// Access point monitor.
    ApMonitor = 19,
    /// Wireless intrusion prevention.
    Ids = 20,
    /// Requests about one device.
    OnDemand = 21,
    /// The controller's access points.
    ApInfo = 22,
}

impl Subservice {
    /// Every sub-service, by bit.
    pub const ALL: [Self; 23] = [
        Self::RssiMobileStation,
        Self::RssiTag,
        Self::RssiRogue,
        Self::RssiInterferer,
        Self::RssiHandoverClient,
        Self::RssiMobileStationAssociatedOnly,
        Self::SpectrumInterferer,
        Self::SpectrumAirQuality,
        Self::SpectrumAggregateInterferer,
        Self::InformationMobileStation,
        Self::InformationTag,
        Self::InformationRogue,
        Self::InformationHandoverClient,
        Self::StatisticsMobileStation,
        Self::StatisticsTag,
        Self::StatisticsRogue,
        Self::Attachment,
        Self::Location,
        Self::Handover,
        Self::ApMonitor,
        Self::Ids,
        Self::OnDemand,
        Self::ApInfo,
    ];

    /// The bit in the mask.
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// The sub-service that carries the readings of a category.
    pub fn rssi_of(category: Category) -> Self {
        match category {
            Category::WirelessClient => Self::RssiMobileStation,
            Category::Tag => Self::RssiTag,
            Category::RogueAp | Category::RogueClient => Self::RssiRogue,
            Category::Interferer => Self::RssiInterferer,
            Category::WiredClient => Self::Attachment,
        }
    }

    /// Service and sub-service as the MSE console prints them (`nmsp-3850-troubleshooting`).
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::RssiMobileStation => ("RSSI", "MOBILE_STATION"),
            Self::RssiTag => ("RSSI", "TAG"),
            Self::RssiRogue => ("RSSI", "ROGUE"),
            Self::RssiInterferer => ("RSSI", "INTERFERER"),
            Self::RssiHandoverClient => ("RSSI", "HANDOVER_CLIENT"),
            Self::RssiMobileStationAssociatedOnly => ("RSSI", "MOBILE_STATION_ASSOCIATED_ONLY"),
            Self::SpectrumInterferer => ("SPECTRUM", "INTERFERER"),
            Self::SpectrumAirQuality => ("SPECTRUM", "AIR_QUALITY"),
            Self::SpectrumAggregateInterferer => ("SPECTRUM", "AGGREGATE_INTERFERER"),
            Self::InformationMobileStation => ("INFORMATION", "MOBILE_STATION"),
            Self::InformationTag => ("INFORMATION", "TAG"),
            Self::InformationRogue => ("INFORMATION", "ROGUE"),
            Self::InformationHandoverClient => ("INFORMATION", "HANDOVER_CLIENT"),
            Self::StatisticsMobileStation => ("STATISTICS", "MOBILE_STATION"),
            Self::StatisticsTag => ("STATISTICS", "TAG"),
            Self::StatisticsRogue => ("STATISTICS", "ROGUE"),
            Self::Attachment => ("ATTACHMENT", "MOBILE_STATION_ATTACHMENT"),
            Self::Location => ("LOCATION", "SUBSCRIPTION"),
            Self::Handover => ("HANDOVER", "SUBSCRIPTION"),
            Self::ApMonitor => ("APMONITOR", "SUBSCRIPTION"),
            Self::Ids => ("IDS", "SUBSCRIPTION"),
            Self::OnDemand => ("ON_DEMAND", "DEVICE_INFO"),
            Self::ApInfo => ("AP_INFO", "SUBSCRIPTION"),
        }
    }

    /// Service and sub-service as `show nmsp capability` prints them on a controller.
    pub fn titles(self) -> (&'static str, &'static str) {
        match self {
            Self::RssiMobileStation => ("RSSI", "Mobile Station"),
            Self::RssiTag => ("RSSI", "Tags"),
            Self::RssiRogue => ("RSSI", "Rogue"),
            Self::RssiInterferer => ("RSSI", "Interferer"),
            Self::RssiHandoverClient => ("RSSI", "Handover Client"),
            Self::RssiMobileStationAssociatedOnly => ("RSSI", "Mobile Station (Associated)"),
            Self::SpectrumInterferer => ("Spectrum", "Interferer"),
            Self::SpectrumAirQuality => ("Spectrum", "Air Quality"),
            Self::SpectrumAggregateInterferer => ("Spectrum", "Aggregate Interferer"),
            Self::InformationMobileStation => ("Info", "Mobile Station"),
            Self::InformationTag => ("Info", "Tags"),
            Self::InformationRogue => ("Info", "Rogue"),
            Self::InformationHandoverClient => ("Info", "Handover Client"),
            Self::StatisticsMobileStation => ("Statistics", "Mobile Station"),
            Self::StatisticsTag => ("Statistics", "Tags"),
            Self::StatisticsRogue => ("Statistics", "Rogue"),
            Self::Attachment => ("Attachment", "Wired Station"),
            Self::Location => ("Location", "Subscription"),
            Self::Handover => ("Handover", "Subscription"),
            Self::ApMonitor => ("AP Monitor", "Subscription"),
            Self::Ids => ("IDS", "Subscription"),
            Self::OnDemand => ("On Demand Services", "Device Info"),
            Self::ApInfo => ("AP Info", "Subscription"),
        }
    }
}

/// A set of sub-services; 64 bits on the wire, 23 of them known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubserviceMask(u64);

impl SubserviceMask {
    /// Every known sub-service.
    pub const ALL: Self = Self((1 << Subservice::ALL.len()) - 1);
    /// No sub-service.
    pub const NONE: Self = Self(0);

    /// The known sub-services among the bits of a mask from the wire.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The mask as it is sent.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set of these sub-services.
    pub fn of(subservices: &[Subservice]) -> Self {
        Self(subservices.iter().fold(0, |mask, subservice| mask | subservice.bit()))
    }

    /// The sub-services that both sets hold.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set holds this sub-service.
    pub const fn contains(self, subservice: Subservice) -> bool {
        self.0 & subservice.bit() != 0
    }

    /// The members, by bit.
    pub fn iter(self) -> impl Iterator<Item = Subservice> {
        Subservice::ALL.into_iter().filter(move |subservice| self.contains(*subservice))
    }

    /// The members grouped by service, in order of their first bit; names come from `name`.
    pub fn grouped(
        self,
        name: fn(Subservice) -> (&'static str, &'static str),
    ) -> Vec<(&'static str, Vec<&'static str>)> {
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for (service, subservice) in self.iter().map(name) {
            match groups.last_mut() {
                Some((last, members)) if *last == service => members.push(subservice),
                _ => groups.push((service, vec![subservice])),
            }
        }
        groups
    }
}

impl fmt::Debug for SubserviceMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubserviceMask({:#x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bit_is_the_place_in_the_list() {
        for (bit, subservice) in Subservice::ALL.into_iter().enumerate() {
            assert_eq!(subservice.bit(), 1 << bit, "{subservice:?}");
        }
    }

    /// The mask captured from a live 9800 (reference/nmsp-mse-cmx.md A.5) decodes to its leaves.
    #[test]
    fn the_captured_mask_decodes() {
        let bits: Vec<u8> =
            SubserviceMask::from_bits(0x0068_EBE7).iter().map(|member| member as u8).collect();
        assert_eq!(bits, [0, 1, 2, 5, 6, 7, 8, 9, 11, 13, 14, 15, 19, 21, 22]);
    }

    #[test]
    fn unknown_bits_are_dropped() {
        assert_eq!(SubserviceMask::from_bits(u64::MAX), SubserviceMask::ALL);
        assert_eq!(SubserviceMask::ALL.iter().count(), 23);
    }

    #[test]
    fn members_are_grouped_by_service() {
        let mask = SubserviceMask::of(&[
            Subservice::RssiTag,
            Subservice::RssiMobileStation,
            Subservice::ApInfo,
        ]);
        let expected =
            vec![("RSSI", vec!["MOBILE_STATION", "TAG"]), ("AP_INFO", vec!["SUBSCRIPTION"])];
        assert_eq!(mask.grouped(Subservice::names), expected);
    }
}
