//! What is tracked: elements and where they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::geometry::Point;
use crate::map::MapId;
use crate::{Band, Mac, Metres, SwitchPort, TagReport, Time};

/// The six kinds of tracked elements, as `getserverinfo` of MSE 8.0 counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Category {
    /// A Wi-Fi station, associated or probing.
    WirelessClient,
    /// An RFID or BLE tag.
    Tag,
    /// An access point that is not ours.
    RogueAp,
    /// A station of an access point that is not ours.
    RogueClient,
    /// A source of interference that is no Wi-Fi device.
    Interferer,
    /// A station on a switch port.
    WiredClient,
}

/// A text that names no category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no category; use clients, tags, rogueaps, rogueclients, interferers or wiredclients"
)]
pub struct UnknownCategory(pub String);

impl Category {
    /// Every category, in the order of `getserverinfo`.
    pub const ALL: [Self; 6] = [
        Self::WirelessClient,
        Self::Tag,
        Self::RogueAp,
        Self::RogueClient,
        Self::Interferer,
        Self::WiredClient,
    ];

    /// Position in [`Category::ALL`], for arrays with one place per category.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Title of the category in reports: `Wireless Clients`.
    pub fn title(self) -> &'static str {
        match self {
            Self::WirelessClient => "Wireless Clients",
            Self::Tag => "Tags",
            Self::RogueAp => "Rogue APs",
            Self::RogueClient => "Rogue Clients",
            Self::Interferer => "Interferers",
            Self::WiredClient => "Wired Clients",
        }
    }

    /// Word of the category in URLs: `clients`, `rogueaps`.
    pub fn path(self) -> &'static str {
        match self {
            Self::WirelessClient => "clients",
            Self::Tag => "tags",
            Self::RogueAp => "rogueaps",
            Self::RogueClient => "rogueclients",
            Self::Interferer => "interferers",
            Self::WiredClient => "wiredclients",
        }
    }

    /// Word of the category in CMX bodies: `WIRELESS_CLIENTS`.
    pub fn entity(self) -> &'static str {
        match self {
            Self::WirelessClient => "WIRELESS_CLIENTS",
            Self::Tag => "TAGS",
            Self::RogueAp => "ROGUE_APS",
            Self::RogueClient => "ROGUE_CLIENTS",
            Self::Interferer => "INTERFERERS",
            Self::WiredClient => "WIRED_CLIENTS",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(text: &str) -> Result<Self, UnknownCategory> {
        Self::ALL
            .into_iter()
            .find(|category| category.path() == text)
            .ok_or_else(|| UnknownCategory(text.chars().take(64).collect()))
    }
}

/// Where an element is, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Position {
    /// The floor.
    pub floor: MapId,
    /// The place on it, in metres from the top left corner.
    pub point: Point,
    /// Radius of the circle that holds the truth 95 times in 100.
    pub confidence: Metres,
    /// The time of the newest reading that it was computed from.
    pub at: Time,
}

/// What the network knows about an element besides how it sounds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Association {
    /// Whether the station is associated (otherwise it only probes).
    pub associated: bool,
    /// Access point that serves it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ap: Option<Mac>,
    /// Network name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ssid: Option<Box<str>>,
    /// 802.1X or portal user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<Box<str>>,
    /// Addresses, IPv4 first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub ip_addresses: Vec<std::net::IpAddr>,
    /// Bytes the station sent.
    #[serde(default)]
    pub bytes_sent: u64,
    /// Bytes the station received.
    #[serde(default)]
    pub bytes_received: u64,
}

/// One tracked element as the engine publishes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Element {
    /// What kind.
    pub category: Category,
    /// Which one.
    pub mac: Mac,
    /// When it was first heard.
    pub first_seen: Time,
    /// When it was last heard, by the controller's clock.
    pub last_seen: Time,
    /// Band of its strongest reading.
    pub band: Option<Band>,
    /// Its strongest reading.
    pub strongest: Option<crate::Reading>,
    /// Where it is; absent until it was heard well enough.
    pub position: Option<Position>,
    /// Where its readings put it, while a chokepoint says where it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub computed: Option<Position>,
    /// What the network knows about it.
    pub association: Association,
    /// What it said last about itself, if it is a tag.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tag: Option<Box<TagReport>>,
    /// What it is plugged into, if it is wired.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub switch_port: Option<Box<SwitchPort>>,
    /// Address of the controller that reported it last; empty while nobody has, because it was taken up
    /// from the history.
    pub controller: Box<str>,
}

impl Element {
    /// Whether somebody has reported it since this engine serves. The history does not hold whether it is
    /// associated.
    pub fn is_reported(&self) -> bool {
        !self.controller.is_empty()
    }
}
