//! Access points of others: which class each is in, how sure that is, and what is recommended.
//!
//! Classes and their order are those of the appliance. A rule fits when all of its conditions do, and
//! the first rule that fits counts; without one an access point is unclassified. Sensors that agree make
//! a class surer, as Aruba counts it: 50 %, and 5 % for each sensor after the first, to 95 %.
//!
//! Nothing here is done by itself: containment is radio interference, which most countries forbid, so it
//! is recommended to a person or it is not.

use model::Mac;
use serde::{Deserialize, Serialize};

use crate::dot11::Channel;
use crate::incident::Hearing;
use crate::packet::CaptureTime;

/// What an access point of others is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RogueClass {
    /// Known, or outside and harmless.
    Friendly,
    /// Not sorted yet.
    #[default]
    Unclassified,
    /// Of a class of the owner's own.
    Custom,
    /// Inside, or pretending to be ours.
    Malicious,
}

/// An access point that is not of the infrastructure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question that a rule may ask")]
pub struct Rogue {
    /// Its address.
    pub bssid: Mac,
    /// Its name.
    pub ssid: Option<String>,
    /// Where it is, as it says itself.
    pub channel: Option<Channel>,
    /// Whether its name is one of ours.
    pub has_managed_ssid: bool,
    /// Whether it needs no key.
    pub is_open: bool,
    /// Whether it requires protected management frames.
    pub requires_pmf: bool,
    /// The strongest signal of it.
    pub rssi_dbm: Option<i8>,
    /// Who hears its beacons, and how strongly: where it is.
    pub heard_by: Vec<Hearing>,
    /// When it was heard first.
    pub first: CaptureTime,
    /// When it was heard last.
    pub last: CaptureTime,
    /// How long it has been heard.
    pub lasted_s: u32,
    /// How many sensors hear it.
    pub sensors: u32,
    /// How many stations it has.
    pub stations: u32,
    /// Whether it was seen on the wire of the owner.
    pub is_on_wire: bool,
    /// Whether an attack comes from it.
    pub is_attacking: bool,
}

/// Sorts access points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The class it gives.
    pub class: RogueClass,
    /// What the class is called, when it is [`RogueClass::Custom`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<String>,
    /// The name of the network, or the beginning of it with a star: `Guest*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssid: Option<String>,
    /// Whether the name is one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_ssid: Option<bool>,
    /// Whether it needs no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// At least so strong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rssi_dbm_min: Option<i8>,
    /// Heard for so many seconds at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasted_s_min: Option<u32>,
    /// So many stations at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stations_min: Option<u32>,
    /// Whether it was seen on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_wire: Option<bool>,
    /// How much surer the rule makes its class, in percent.
    #[serde(default)]
    pub confidence: u8,
}

impl Rule {
    /// Whether all of its conditions hold.
    pub fn fits(&self, rogue: &Rogue) -> bool {
        let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|it| it == found);
        self.ssid
            .as_deref()
            .is_none_or(|it| rogue.ssid.as_deref().is_some_and(|ssid| fits_name(it, ssid)))
            && is(self.managed_ssid, rogue.has_managed_ssid)
            && is(self.open, rogue.is_open)
            && is(self.on_wire, rogue.is_on_wire)
            && self.rssi_dbm_min.is_none_or(|it| rogue.rssi_dbm.is_some_and(|rssi| rssi >= it))
            && self.lasted_s_min.is_none_or(|it| rogue.lasted_s >= it)
            && self.stations_min.is_none_or(|it| rogue.stations >= it)
    }
}

fn fits_name(pattern: &str, ssid: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => ssid.starts_with(beginning),
        None => ssid == pattern,
    }
}

/// Which class an access point is in, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The class.
    pub class: RogueClass,
    /// The rule that gave it, or what is built in.
    pub reason: String,
    /// How sure it is, in percent.
    pub confidence: u8,
    /// What is recommended.
    pub recommendation: Recommendation,
}

/// What is recommended against an access point. A person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recommendation {
    /// Nothing: it is somebody else's, or harmless.
    Leave,
    /// Look at it, and go there.
    Locate,
    /// Shut the port of the switch that it hangs on.
    ShutPort,
    /// Keep stations from it by radio, where the law lets the owner.
    Contain,
}

/// The confidence of one sensor, and of each more, and the most (`ArubaOS`, suspected rogues).
const CONFIDENCE: u32 = 50;
const CONFIDENCE_SENSOR: u32 = 5;
const CONFIDENCE_MAX: u32 = 95;
/// Less sure than that, containment is never recommended (`ArubaOS`, containment gate).
const CONTAIN_CONFIDENCE_MIN: u8 = 60;

/// Sorts one access point. `is_known` says that the profile knows it as harmless.
pub fn classify(rules: &[Rule], rogue: &Rogue, is_known: bool) -> Verdict {
    let rule = rules.iter().find(|rule| rule.fits(rogue));
    let (class, reason) = match rule {
        _ if is_known => (RogueClass::Friendly, "known"),
        Some(rule) => (rule.class, rule.name.as_str()),
        None if rogue.is_on_wire => (RogueClass::Malicious, "on our wire"),
        None if rogue.is_attacking => (RogueClass::Malicious, "attacks"),
        None if rogue.has_managed_ssid => (RogueClass::Malicious, "has our name"),
        None => (RogueClass::Unclassified, "no rule fits"),
    };
    let more = rule.filter(|_| !is_known).map_or(0, |rule| u32::from(rule.confidence));
    let sensors = rogue.sensors.saturating_sub(1).saturating_mul(CONFIDENCE_SENSOR);
    let confidence = CONFIDENCE.saturating_add(sensors).saturating_add(more).min(CONFIDENCE_MAX);
    let confidence = confidence as u8;
    let recommendation = recommend(class, confidence, rogue);
    Verdict { class, reason: reason.to_owned(), confidence, recommendation }
}

/// Containment is for access points on our wire or under our name only: a neighbour has a right to its
/// network. It is useless where management frames are protected, since stations ignore it.
fn recommend(class: RogueClass, confidence: u8, rogue: &Rogue) -> Recommendation {
    let is_ours_to_stop = rogue.is_on_wire || rogue.has_managed_ssid;
    match class {
        RogueClass::Friendly => Recommendation::Leave,
        RogueClass::Malicious if rogue.is_on_wire => Recommendation::ShutPort,
        RogueClass::Malicious
            if is_ours_to_stop && !rogue.requires_pmf && confidence >= CONTAIN_CONFIDENCE_MIN =>
        {
            Recommendation::Contain
        }
        RogueClass::Unclassified | RogueClass::Custom | RogueClass::Malicious => {
            Recommendation::Locate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbour() -> Rogue {
        Rogue {
            bssid: Mac([2, 0, 0, 0, 0, 9]),
            ssid: Some("Guest 5".to_owned()),
            channel: None,
            has_managed_ssid: false,
            is_open: true,
            requires_pmf: false,
            rssi_dbm: Some(-60),
            heard_by: Vec::new(),
            first: CaptureTime(0),
            last: CaptureTime(100_000_000),
            lasted_s: 100,
            sensors: 1,
            stations: 0,
            is_on_wire: false,
            is_attacking: false,
        }
    }

    fn rule(class: RogueClass) -> Rule {
        Rule {
            name: "a rule".to_owned(),
            class,
            custom: None,
            ssid: None,
            managed_ssid: None,
            open: None,
            rssi_dbm_min: None,
            lasted_s_min: None,
            stations_min: None,
            on_wire: None,
            confidence: 0,
        }
    }

    fn check(rules: &[Rule], rogue: &Rogue, class: RogueClass, what: Recommendation) {
        let verdict = classify(rules, rogue, false);
        assert_eq!((verdict.class, verdict.recommendation), (class, what), "{rogue:?}");
    }

    #[test]
    fn a_neighbour_is_never_contained() {
        check(&[], &neighbour(), RogueClass::Unclassified, Recommendation::Locate);
        let attacking = Rogue { is_attacking: true, sensors: 9, ..neighbour() };
        check(&[], &attacking, RogueClass::Malicious, Recommendation::Locate);
        let rules = [rule(RogueClass::Malicious)];
        check(
            &rules,
            &Rogue { sensors: 9, ..neighbour() },
            RogueClass::Malicious,
            Recommendation::Locate,
        );
    }

    #[test]
    fn who_has_our_name_may_be_contained_unless_that_is_useless_or_unsure() {
        let ours = Rogue { has_managed_ssid: true, sensors: 3, ..neighbour() };
        check(&[], &ours, RogueClass::Malicious, Recommendation::Contain);
        let protected = Rogue { requires_pmf: true, ..ours.clone() };
        check(&[], &protected, RogueClass::Malicious, Recommendation::Locate);
        let unsure = Rogue { sensors: 1, ..ours };
        check(&[], &unsure, RogueClass::Malicious, Recommendation::Locate);
    }

    #[test]
    fn on_our_wire_the_port_is_shut() {
        let on_wire = Rogue { is_on_wire: true, ..neighbour() };
        check(&[], &on_wire, RogueClass::Malicious, Recommendation::ShutPort);
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let guests = Rule { ssid: Some("Guest*".to_owned()), ..rule(RogueClass::Friendly) };
        let near = Rule { rssi_dbm_min: Some(-70), ..rule(RogueClass::Custom) };
        let rules = [guests, near];
        check(&rules, &neighbour(), RogueClass::Friendly, Recommendation::Leave);
        let other = Rogue { ssid: Some("Other".to_owned()), ..neighbour() };
        check(&rules, &other, RogueClass::Custom, Recommendation::Locate);
        let far = Rogue { rssi_dbm: Some(-80), ..other };
        check(&rules, &far, RogueClass::Unclassified, Recommendation::Locate);
    }

    #[test]
    fn sensors_that_agree_make_it_surer() {
        let sure = |sensors| classify(&[], &Rogue { sensors, ..neighbour() }, false).confidence;
        assert_eq!([sure(1), sure(2), sure(10), sure(1_000)], [50, 55, 95, 95]);
    }
}
