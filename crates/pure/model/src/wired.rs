//! Where a station is that no access point hears: on a port of a switch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where a wired client is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SwitchPort {
    /// Name of the switch; empty when it is the one that reports.
    pub switch: Box<str>,
    /// Its port, as the switch prints it: `1/0/24`, `Gi1/0/7`.
    pub port: Box<str>,
    /// The address that was entered for the port, or else for the switch.
    #[serde(default, skip_serializing_if = "CivicAddress::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = std::collections::BTreeMap<String, String>))]
    pub civic: CivicAddress,
}

/// An address as people write it, part by part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CivicAddress(pub BTreeMap<CivicPart, Box<str>>);

macro_rules! civic_parts {
    ($($(#[$doc:meta])* $variant:ident = $number:literal;)*) => {
        /// A part of a civic address. The discriminant is the type of RFC 4776, section 3.4; the
        /// country, which has none there, is 0.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum CivicPart { $($(#[$doc])* $variant = $number,)* }

        impl CivicPart {
            /// Every part, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The part with this number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

civic_parts! {
    /// Two letters (ISO 3166).
    Country = 0;
    /// State, province, region.
    State = 1;
    /// County, parish, district.
    County = 2;
    /// City, township.
    City = 3;
    /// City division, borough.
    CityDivision = 4;
    /// Neighbourhood, block.
    Neighborhood = 5;
    /// Group of streets below the neighbourhood.
    StreetGroup = 6;
    /// House number.
    Number = 19;
    /// Letter after it.
    NumberSuffix = 20;
    /// Landmark, vanity address.
    Landmark = 21;
    /// What helps to find the place.
    AdditionalLocation = 22;
    /// Who lives or works there.
    Name = 23;
    /// Postal code.
    PostalCode = 24;
    /// Building.
    Building = 25;
    /// Apartment, suite.
    Unit = 26;
    /// Floor.
    Floor = 27;
    /// Room.
    Room = 28;
    /// Office, classroom, ward.
    TypeOfPlace = 29;
    /// Desk, cubicle, workstation.
    Seat = 33;
    /// The street.
    PrimaryRoad = 34;
}

impl SwitchPort {
    /// Splits what a controller calls a port: `switch 1/0/24`, or the port alone.
    pub fn parse(text: &str) -> Self {
        let (switch, port) = text.trim().rsplit_once(' ').unwrap_or(("", text.trim()));
        Self { switch: switch.trim().into(), port: port.into(), civic: CivicAddress::default() }
    }
}

impl CivicAddress {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl CivicPart {
    /// The number of RFC 4776.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_with_its_switch_or_alone() {
        let check = |text: &str, switch: &str, port: &str| {
            let found = SwitchPort::parse(text);
            assert_eq!((&*found.switch, &*found.port), (switch, port), "{text}");
        };
        check("sw-main-g1 1/0/24", "sw-main-g1", "1/0/24");
        check("Main building, ground 1/0/24", "Main building, ground", "1/0/24");
        check(" Gi1/0/7 ", "", "Gi1/0/7");
        check("", "", "");
    }

    #[test]
    fn an_address_is_written_by_the_names_of_its_parts() {
        let json = r#"{"country":"ES","city":"Bilbao","room":"2.14"}"#;
        let address: CivicAddress = serde_json::from_str(json).expect("it is an address");
        assert_eq!(serde_json::to_string(&address).expect("it has a form"), json);
        assert!(serde_json::from_str::<CivicAddress>(r#"{"planet":"Earth"}"#).is_err());
    }

    #[test]
    fn parts_have_their_numbers() {
        assert!(CivicPart::ALL.is_sorted());
        for part in CivicPart::ALL {
            assert_eq!(CivicPart::from_number(part.number()), Some(*part));
        }
        assert_eq!(CivicPart::from_number(128), None);
    }
}
