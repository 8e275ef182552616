//! The words that CMX and MSE have for what a definition says.
//!
//! Spellings: `reference/nmsp-mse-cmx.md` sections B.6, B.8 and B.9; those that it marks as not seen
//! are its best reading.

use model::{BatteryLevel, Category, Emergency, Metres};
use notify::{Alert, AreaType, Boundary, Condition, EventKind, Gravity, Phase};
use serde_json::{Value, json};

/// International foot in metres, exact.
const FOOT_M: f32 = 0.3048;

/// `INSIDE`
pub fn boundary(boundary: Boundary) -> &'static str {
    match boundary {
        Boundary::Inside => "INSIDE",
        Boundary::Outside => "OUTSIDE",
    }
}

/// `ZONE`
pub fn area_type(path: &str) -> &'static str {
    match AreaType::of(path) {
        AreaType::Campus => "CAMPUS",
        AreaType::Building => "BUILDING",
        AreaType::Floor => "FLOOR",
        AreaType::Zone => "ZONE",
    }
}

/// `low`
pub fn battery(level: BatteryLevel) -> &'static str {
    match level {
        BatteryLevel::Low => "low",
        BatteryLevel::Medium => "medium",
        BatteryLevel::Normal => "high",
    }
}

/// The level that a program of CMX or MSE means.
pub fn battery_level(word: &str) -> Option<BatteryLevel> {
    Some(match word {
        "low" => BatteryLevel::Low,
        "medium" => BatteryLevel::Medium,
        "high" | "normal" => BatteryLevel::Normal,
        _ => return None,
    })
}

/// The reason that a program of MSE means.
pub fn emergency_reason(word: &str) -> Option<Emergency> {
    [Emergency::PanicButton, Emergency::Tampered, Emergency::Detached]
        .into_iter()
        .find(|reason| emergency(*reason) == word)
}

/// `panic`
pub fn emergency(reason: Emergency) -> &'static str {
    match reason {
        Emergency::PanicButton => "panic",
        Emergency::Tampered => "tampered",
        Emergency::Detached => "detached",
    }
}

/// The type of a condition in subscriptions of CMX, and, in lower case, of its events in CMX.
pub fn condition(condition: &Condition) -> &'static str {
    match condition {
        Condition::Containment { .. } => "InOut",
        Condition::Movement { .. } => "Movement",
        Condition::Absence { .. } => "Absence",
        Condition::AreaChange => "AreaChange",
        Condition::Association { .. } => "Association",
        Condition::Battery { .. } => "BatteryLife",
        Condition::Emergency { .. } => "Emergency",
        Condition::Chokepoint { .. } => "Chokepoint",
        Condition::LocationUpdate => "LocationUpdate",
        Condition::Incident { .. } => "Incident",
        Condition::Rogue { .. } => "Rogue",
        Condition::SensorSilent => "SensorSilent",
    }
}

/// `notificationType` of an event of CMX.
pub fn event(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Containment { .. } => "inout",
        EventKind::Movement { .. } => "movement",
        EventKind::Absence { .. } => "absence",
        EventKind::AreaChange { .. } => "areachange",
        EventKind::Association { .. } => "association",
        EventKind::Battery { .. } => "batterylife",
        EventKind::Emergency { .. } => "emergency",
        EventKind::Chokepoint { .. } => "chokepoint",
        EventKind::LocationUpdate => "locationupdate",
        EventKind::Alert(alert) => match **alert {
            Alert::Incident(_) => "incident",
            Alert::Rogue { .. } => "rogue",
            Alert::SensorSilent { .. } => "sensorsilent",
        },
    }
}

/// What the wIPS service saw, as all bodies have it; the keys are ours.
pub fn alert(alert: &Alert) -> Value {
    match alert {
        Alert::Incident(it) => json!({
            "incidentId": it.id,
            "incidentState": match it.phase {
                Phase::Opened => "OPENED",
                Phase::Closed => "CLOSED",
            },
            "severity": gravity(it.seen.severity),
            "attack": &*it.name,
            "attackKinds": it.seen.kinds.iter().map(|(kind, _)| &**kind).collect::<Vec<_>>(),
            "fidelity": it.fidelity,
            "transmitterKind": &*it.who,
            "transmitter": it.transmitter.map(|mac| mac.to_string()).unwrap_or_default(),
            "victim": it.victim.map(|mac| mac.to_string()).unwrap_or_default(),
            "ssid": it.ssid.as_deref().unwrap_or_default(),
            "frames": it.frames,
        }),
        Alert::Rogue { class, reason, ssid } => json!({
            "rogueClass": &**class,
            "reason": &**reason,
            "ssid": ssid.as_deref().unwrap_or_default(),
        }),
        Alert::SensorSilent { sensor, controller, text } => json!({
            "sensor": &**sensor,
            "controller": &**controller,
            "reason": &**text,
        }),
    }
}

/// `CRITICAL`
pub fn gravity(gravity: Gravity) -> &'static str {
    match gravity {
        Gravity::Informational => "INFORMATIONAL",
        Gravity::Minor => "MINOR",
        Gravity::Major => "MAJOR",
        Gravity::Critical => "CRITICAL",
    }
}

/// The category that a program of CMX or MSE means: `client`, `CLIENTS`, `WIRELESS_CLIENTS`. None is
/// `all`.
pub fn categories(word: &str) -> Option<Vec<Category>> {
    let plain: String =
        word.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    let category = match plain.trim_end_matches('s') {
        "client" | "wirelessclient" => Category::WirelessClient,
        "tag" | "rfidtag" => Category::Tag,
        "rogueap" => Category::RogueAp,
        "rogueclient" => Category::RogueClient,
        "interferer" => Category::Interferer,
        "wiredclient" => Category::WiredClient,
        "all" => return Some(Vec::new()),
        _ => return None,
    };
    Some(vec![category])
}

/// `client`, as conditions of CMX have it; `all` without one.
pub fn device_type(category: Option<&Category>) -> &'static str {
    match category {
        Some(Category::WirelessClient) => "client",
        Some(Category::Tag) => "tag",
        Some(Category::RogueAp) => "rogueap",
        Some(Category::RogueClient) => "rogueclient",
        Some(Category::Interferer) => "interferer",
        Some(Category::WiredClient) => "wiredclient",
        None => "all",
    }
}

/// Metres as whole feet.
pub fn feet(metres: f32) -> i64 {
    Metres(metres).to_feet().round() as i64
}

/// Feet as metres.
pub fn metres(feet: f32) -> f32 {
    feet * FOOT_M
}

/// A truth value, also as text: scripts in the field send `"true"`.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A number from 0 on, also as text.
pub fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_read_in_every_spelling_of_the_field() {
        for word in ["client", "clients", "CLIENTS", "WIRELESS_CLIENTS"] {
            assert_eq!(categories(word), Some(vec![Category::WirelessClient]), "{word}");
        }
        for category in Category::ALL {
            assert_eq!(categories(category.entity()), Some(vec![category]));
            assert_eq!(categories(device_type(Some(&category))), Some(vec![category]));
        }
        assert_eq!(categories("ALL"), Some(vec![]));
        assert_eq!(categories("unicorns"), None);
    }

    #[test]
    fn truths_and_numbers_may_be_texts() {
        assert_eq!(truth(&json!("True")), Some(true));
        assert_eq!(truth(&json!(false)), Some(false));
        assert_eq!(truth(&json!("yes")), None);
        assert_eq!(number(&json!("12.5")), Some(12.5));
        assert_eq!(number(&json!(3)), Some(3.0));
        assert_eq!(number(&json!(-1)), None);
    }
}
