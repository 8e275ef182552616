//! What a tag says about itself.

use serde::{Deserialize, Serialize};

use crate::Time;

/// What a tag said last about itself, all of it: a newer report replaces an older one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TagReport {
    /// When it said so, by the controller's clock.
    pub at: Time,
    /// How much its battery holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub battery: Option<Battery>,
    /// Why it calls for help, for as long as it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub emergency: Option<Emergency>,
    /// The chokepoint that triggered it last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub encounter: Option<Encounter>,
    /// What it measures.
    #[serde(skip_serializing_if = "Telemetry::is_empty", default)]
    pub telemetry: Telemetry,
}

/// How much a battery holds. A tag that knows only its level says the middle of that level, and half
/// of its width as tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Battery {
    /// Hundredths of what it held when it was new, 0 to 100.
    pub percent: u8,
    /// By how many percent that may be wrong, 0 to 100.
    pub tolerance_percent: u8,
}

/// How much a battery holds: the three words of MSE (B.6 of the reference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum BatteryLevel {
    /// It has to be replaced.
    Low,
    /// It will have to be.
    Medium,
    /// It is well.
    Normal,
}

/// Why a tag calls for help (B.6 of the reference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Emergency {
    /// Somebody pressed its button.
    PanicButton,
    /// Somebody works on it.
    Tampered,
    /// It was taken from what it was fixed to.
    Detached,
}

/// A tag within the range of a chokepoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Encounter {
    /// Name of the chokepoint.
    pub chokepoint: Box<str>,
    /// When it triggered the tag first.
    pub since: Time,
    /// When it triggered the tag last.
    pub until: Time,
}

/// What a tag measures; each value only where the tag has a sensor for it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Telemetry {
    /// How probable it is that the tag moves.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub motion_percent: Option<f32>,
    /// Temperature in degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub temperature_c: Option<f32>,
    /// Relative humidity.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub humidity_percent: Option<f32>,
    /// Pressure of the air.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pressure_hpa: Option<f32>,
}

impl Battery {
    /// Below this a battery is low. Ours: the words are published, their bounds are not.
    pub const LOW_BELOW_PERCENT: u8 = 20;
    /// Below this it is medium. Ours.
    pub const MEDIUM_BELOW_PERCENT: u8 = 50;

    /// The level in one word.
    pub fn level(self) -> BatteryLevel {
        match self.percent {
            percent if percent < Self::LOW_BELOW_PERCENT => BatteryLevel::Low,
            percent if percent < Self::MEDIUM_BELOW_PERCENT => BatteryLevel::Medium,
            _ => BatteryLevel::Normal,
        }
    }

    /// The level of a battery that was at `was`: it rises only when the tolerance leaves no doubt, so a
    /// battery at a bound does not go to and fro.
    pub fn level_after(self, was: BatteryLevel) -> BatteryLevel {
        let surely = Self { percent: self.percent.saturating_sub(self.tolerance_percent), ..self };
        self.level().min(surely.level().max(was))
    }
}

impl Telemetry {
    /// Whether the tag measures nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_begins_at_its_bound() {
        let level = |percent| Battery { percent, tolerance_percent: 0 }.level();
        assert_eq!([0, 19].map(level), [BatteryLevel::Low; 2]);
        assert_eq!([20, 49].map(level), [BatteryLevel::Medium; 2]);
        assert_eq!([50, 100].map(level), [BatteryLevel::Normal; 2]);
    }

    #[test]
    fn a_level_rises_only_beyond_doubt() {
        let after = |percent, was| Battery { percent, tolerance_percent: 5 }.level_after(was);
        assert_eq!(after(19, BatteryLevel::Normal), BatteryLevel::Low, "it falls at once");
        assert_eq!(after(24, BatteryLevel::Low), BatteryLevel::Low);
        assert_eq!(after(24, BatteryLevel::Medium), BatteryLevel::Medium);
        assert_eq!(after(25, BatteryLevel::Low), BatteryLevel::Medium);
        assert_eq!(after(54, BatteryLevel::Low), BatteryLevel::Medium);
        assert_eq!(after(100, BatteryLevel::Low), BatteryLevel::Normal, "replaced");
    }

    #[test]
    fn what_a_tag_does_not_say_is_not_written() {
        let report = TagReport { at: Time(1), ..TagReport::default() };
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(text, r#"{"at":1}"#);
        assert_eq!(serde_json::from_str::<TagReport>(&text).unwrap(), report);
    }
}
