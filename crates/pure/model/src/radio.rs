//! What is heard: readings and observations.

use serde::{Deserialize, Serialize};

use crate::{Category, Dbm, Mac, Time};

/// A radio band. Propagation differs enough between bands to need a model each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Band {
    /// 2.4 GHz Wi-Fi.
    #[serde(rename = "2.4GHz")]
    Ghz2_4,
    /// 5 GHz Wi-Fi.
    #[serde(rename = "5GHz")]
    Ghz5,
    /// 6 GHz Wi-Fi.
    #[serde(rename = "6GHz")]
    Ghz6,
    /// Bluetooth Low Energy advertising channels, used by tags.
    #[serde(rename = "BLE")]
    Ble,
}

impl Band {
    /// Every band, in the order of their wire numbers.
    pub const ALL: [Self; 4] = [Self::Ghz2_4, Self::Ghz5, Self::Ghz6, Self::Ble];

    /// The band as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ghz2_4 => "2.4GHz",
            Self::Ghz5 => "5GHz",
            Self::Ghz6 => "6GHz",
            Self::Ble => "BLE",
        }
    }
}

/// One signal strength of one element at one access point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reading {
    /// Base radio address of the access point that heard.
    pub ap: Mac,
    /// Band it was heard on.
    pub band: Band,
    /// How strongly.
    pub rssi: Dbm,
    /// When, by the controller's clock.
    pub at: Time,
}

impl Reading {
    /// The strengths that a radio can report, in dBm (ours): anything else is a broken report.
    pub const STRENGTHS: std::ops::RangeInclusive<f32> = -128.0..=20.0;
}

/// Everything that one element was heard with in one report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// What kind of element.
    pub category: Category,
    /// Which one.
    pub mac: Mac,
    /// At most one reading per access point and band.
    pub readings: Vec<Reading>,
}
