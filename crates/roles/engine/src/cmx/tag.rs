//! What a tag says about itself, beside its place.
//!
//! The names are those of `AesTagLocation`, `AesBatteryInfo` and `AesTelemetry` in the XML of MSE 7.4
//! (`reference/nmsp-mse-cmx.md` section B.6). No sample of CMX or MSE 8 shows a tag that says something,
//! so that the JSON has them, too, is ours; so are `chokepointName`, `emergencyReason` and the types of
//! telemetry other than `MOTIONPROB`.

use model::{Battery, Element, Position, TagReport, Telemetry, Time};
use serde::Serialize;

use super::shape::{Feet, IsoTime};
use crate::notifications::names;

/// What is known of a tag besides where it is. What it did not say is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    battery_info: Option<BatteryInfo>,
    telemetry_list: Vec<TelemetryValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chokepoint_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chokepoint_encounter_time: Option<IsoTime>,
    /// Where the radio puts it while it is on a chokepoint.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    computed: Option<Computed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatteryInfo {
    last_received_time: IsoTime,
    percent_remaining: u8,
    tolerance: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct TelemetryValue {
    #[serde(rename = "type")]
    kind: &'static str,
    value: f32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Computed {
    calc_floor_id: String,
    calc_x: Feet,
    calc_y: Feet,
}

impl TagInfo {
    /// What the tag said last; none for what is no tag, and for one that said nothing.
    pub fn of(element: &Element) -> Option<Self> {
        let TagReport { at, battery, emergency, encounter, telemetry } = element.tag.as_deref()?;
        Some(Self {
            battery_info: battery.map(|battery| BatteryInfo::new(battery, *at)),
            telemetry_list: telemetry_values(telemetry),
            emergency_reason: emergency.map(names::emergency),
            chokepoint_name: encounter.as_ref().map(|it| it.chokepoint.clone()),
            chokepoint_encounter_time: encounter.as_ref().map(|it| IsoTime(it.since)),
            computed: element.computed.as_ref().map(Computed::new),
        })
    }
}

impl BatteryInfo {
    fn new(battery: Battery, at: Time) -> Self {
        Self {
            last_received_time: IsoTime(at),
            percent_remaining: battery.percent,
            tolerance: battery.tolerance_percent,
        }
    }
}

impl Computed {
    fn new(position: &Position) -> Self {
        Self {
            calc_floor_id: position.floor.to_string(),
            calc_x: model::Metres(position.point.x).into(),
            calc_y: model::Metres(position.point.y).into(),
        }
    }
}

fn telemetry_values(telemetry: &Telemetry) -> Vec<TelemetryValue> {
    let Telemetry { motion_percent, temperature_c, humidity_percent, pressure_hpa } = *telemetry;
    let values = [
        ("MOTIONPROB", motion_percent),
        ("TEMPERATURE", temperature_c),
        ("HUMIDITY", humidity_percent),
        ("PRESSURE", pressure_hpa),
    ];
    values
        .into_iter()
        .filter_map(|(kind, value)| Some(TelemetryValue { kind, value: value? }))
        .collect()
}
