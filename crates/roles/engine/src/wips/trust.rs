//! Whom to protect: what the profile names, and the infrastructure that the engine knows anyway.
//!
//! The access points of the maps and those that controllers report are the owner's. A network is taken for
//! theirs when it is heard under one of their addresses; what is not heard protects nobody, for a profile
//! that names only what is far away would make every attack somebody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use model::{Mac, Time};
use serde::{Deserialize, Serialize};
use wips::Profile;
use wips::profile::lists::Lists;
use wips::profile::rogue::{RogueClass, Rule};
use wips::profile::{Hours, Threshold};

use super::tell::word;
use crate::site::Site;

/// The profile, as a document of the store.
pub const PROFILE_COLLECTION: &str = "wips-profile";
/// Its name there.
pub const PROFILE_NAME: &str = "profile";
/// Classes that people gave, as documents of the store; each is named by the address.
pub const CLASS_COLLECTION: &str = "wips-rogues";
/// Classes that people give. Ours: more than anybody sorts by hand.
pub const CLASSES_MAX: usize = 10_000;
/// Names of networks that are taken from the air. Ours: an access point has 16.
const NAMES_MAX: usize = 64;
/// Networks that are taken from the air. Ours: as many as a machine follows.
const NETWORKS_MAX: usize = 4_096;
/// Networks of one access point: the field numbers them in the last four bits of its base address.
const BLOCK: u64 = 0xf;
/// Most of each list of a profile. Ours: a large campus has some thousand radios.
const LIST_MAX: usize = 16_384;
const RULES_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 256;
const SSID_BYTES_MAX: usize = 32;
const CONFIDENCE_MAX: u8 = 100;
/// Minutes that a time zone is off at most: Kiribati.
const OFFSET_MIN_MAX: u16 = 14 * 60;
const QUIET_MAX: Duration = Duration::from_hours(24);
const SPAN_MAX: Duration = Duration::from_hours(1);
/// Addresses that are followed. Ours: below, a crowd pushes itself out; above, memory.
const RADIOS: std::ops::RangeInclusive<usize> = 1_024..=262_144;

/// A class that a person gave to an access point of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// The class.
    pub class: RogueClass,
    /// What it is called, when it is [`RogueClass::Custom`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<String>,
    /// Who gave it.
    pub by: String,
    /// When.
    pub at: Time,
}

/// Classes that people gave.
pub type Classes = BTreeMap<Mac, Set>;

/// The infrastructure, by the base addresses of its access points.
#[derive(Debug, Default)]
pub(super) struct Infrastructure {
    bases: BTreeSet<Mac>,
}

impl Infrastructure {
    /// The access points of the maps, and those that controllers report.
    pub(super) fn new(site: &Site, reporting: impl IntoIterator<Item = Mac>) -> Self {
        let of_maps = site.maps.floors().flat_map(|it| it.floor.access_points.iter());
        Self { bases: of_maps.map(|ap| ap.mac).chain(reporting).collect() }
    }

    /// Whether a network is one of theirs: the base address itself, or one of its block.
    fn has(&self, bssid: Mac) -> bool {
        let base = Mac::from_u64(bssid.to_u64() & !BLOCK);
        self.bases.contains(&bssid) || self.bases.contains(&base)
    }
}

/// What the machine is told: the profile, with the infrastructure that is heard and the friends that
/// people named.
pub(super) fn effective<'a>(
    profile: &Profile,
    infrastructure: &Infrastructure,
    heard: impl IntoIterator<Item = (Mac, Option<std::borrow::Cow<'a, str>>)>,
    classes: &Classes,
) -> Profile {
    let mut effective = profile.clone();
    let ours = heard.into_iter().filter(|(bssid, _)| infrastructure.has(*bssid));
    for (bssid, name) in ours.take(NETWORKS_MAX) {
        effective.managed.bssids.insert(bssid);
        let has_room = effective.managed.ssids.len() < NAMES_MAX;
        if let Some(name) = name
            && profile.managed.ssids.is_empty()
            && has_room
        {
            effective.managed.ssids.insert(name.into_owned());
        }
    }
    for (bssid, set) in classes {
        match set.class {
            RogueClass::Friendly => _ = effective.approved_bssids.insert(*bssid),
            _ => _ = effective.approved_bssids.remove(bssid),
        }
    }
    effective
}

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadProfile {
    /// Where, as `rules[0].ssid`; empty: all of it.
    pub field: String,
    /// What is wrong there, and what can be.
    pub reason: String,
}

impl fmt::Display for BadProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, reason } = self;
        if field.is_empty() { f.write_str(reason) } else { write!(f, "{field}: {reason}") }
    }
}

fn bad<T>(field: impl Into<String>, reason: impl Into<String>) -> Result<T, BadProfile> {
    Err(BadProfile { field: field.into(), reason: reason.into() })
}

/// Reads a profile and names the field that cannot be used.
pub fn read(document: &serde_json::Value) -> Result<Profile, BadProfile> {
    if !document.is_object() {
        return bad("", "a profile is an object; GET /api/v1/wips/profile shows one");
    }
    let profile: Profile = serde_path_to_error::deserialize(document).or_else(|error| {
        bad(with_key(document, error.path().to_string()), error.inner().to_string())
    })?;
    validate(&profile).map(|()| profile)
}

/// A path with the key that it has as `?`: a kind is no text to those who read it.
fn with_key(document: &serde_json::Value, path: String) -> String {
    let Some((map, rest)) = path.split_once(".?") else { return path };
    let is_bad = |(key, value): &(&String, &serde_json::Value)| {
        let alone = serde_json::json!({ map: { key.as_str(): value } });
        serde_json::from_value::<Profile>(alone).is_err()
    };
    let entries = document.get(map).and_then(serde_json::Value::as_object);
    match entries.and_then(|entries| entries.iter().find(is_bad)) {
        Some((key, _)) => format!("{map}.{key}{rest}"),
        None => map.to_owned(),
    }
}

fn validate(profile: &Profile) -> Result<(), BadProfile> {
    let lists = [
        ("managed.ssids", profile.managed.ssids.len()),
        ("managed.bssids", profile.managed.bssids.len()),
        ("managed.stations", profile.managed.stations.len()),
        ("approved_bssids", profile.approved_bssids.len()),
        ("approved_ssids", profile.approved_ssids.len()),
        ("canary_ssids", profile.canary_ssids.len()),
        ("wired", profile.wired.len()),
        ("lists.access_point_vendors", profile.lists.access_point_vendors.len()),
        ("lists.station_vendors", profile.lists.station_vendors.len()),
        ("lists.countries", profile.lists.countries.len()),
        ("lists.forbidden_words", profile.lists.forbidden_words.len()),
        ("lists.isolated_ssids", profile.lists.isolated_ssids.len()),
    ];
    if let Some((name, count)) = lists.into_iter().find(|(_, count)| *count > LIST_MAX) {
        return bad(name, format!("{count} entries; at most {LIST_MAX}"));
    }
    if !is_named(&profile.name) {
        return bad("name", format!("1 to {NAME_BYTES_MAX} bytes"));
    }
    validate_ssids("managed.ssids", &profile.managed.ssids)?;
    validate_ssids("approved_ssids", &profile.approved_ssids)?;
    validate_ssids("canary_ssids", &profile.canary_ssids)?;
    validate_lists(&profile.lists)?;
    if let Some(hours) = profile.hours {
        validate_hours(hours)?;
    }
    let quiet_max = QUIET_MAX.as_secs();
    if u64::from(profile.quiet_s_max) > quiet_max || profile.quiet_s_max == 0 {
        return bad("quiet_s_max", format!("1 to {quiet_max} seconds"));
    }
    if profile.quiet_s_min == 0 || profile.quiet_s_min > profile.quiet_s_max {
        let reason = format!("1 second to quiet_s_max, which is {}", profile.quiet_s_max);
        return bad("quiet_s_min", reason);
    }
    if !RADIOS.contains(&profile.radios_max) {
        return bad("radios_max", format!("{} to {}", RADIOS.start(), RADIOS.end()));
    }
    for (kind, threshold) in &profile.thresholds {
        validate_threshold(&format!("thresholds.{}", word(kind)), *threshold)?;
    }
    if profile.rules.len() > RULES_MAX {
        return bad("rules", format!("{} of them; at most {RULES_MAX}", profile.rules.len()));
    }
    for (at, rule) in profile.rules.iter().enumerate() {
        validate_rule(&format!("rules[{at}]"), rule)?;
    }
    Ok(())
}

fn is_named(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
}

fn validate_ssids(field: &str, ssids: &BTreeSet<String>) -> Result<(), BadProfile> {
    match ssids.iter().find(|it| it.is_empty() || it.len() > SSID_BYTES_MAX) {
        Some(name) => {
            bad(field, format!("'{name}' is no name of a network; 1 to {SSID_BYTES_MAX} bytes"))
        }
        None => Ok(()),
    }
}

fn validate_lists(lists: &Lists) -> Result<(), BadProfile> {
    validate_ssids("lists.isolated_ssids", &lists.isolated_ssids)?;
    let is_country = |it: &str| it.len() == 2 && it.bytes().all(|byte| byte.is_ascii_alphabetic());
    if let Some(other) = lists.countries.iter().find(|it| !is_country(it)) {
        return bad("lists.countries", format!("'{other}' is no country; two letters, as DE"));
    }
    if lists.channels.contains(&0) {
        return bad("lists.channels", "a channel is a number from 1 on, as 36");
    }
    let is_word = |it: &str| !it.trim().is_empty() && it.len() <= SSID_BYTES_MAX;
    if let Some(other) = lists.forbidden_words.iter().find(|it| !is_word(it)) {
        let reason = format!("'{other}' can be in no name; 1 to {SSID_BYTES_MAX} bytes");
        return bad("lists.forbidden_words", reason);
    }
    Ok(())
}

fn validate_hours(hours: Hours) -> Result<(), BadProfile> {
    if hours.from_h > 23 {
        return bad("hours.from_h", "0 to 23");
    }
    if hours.to_h > 24 {
        return bad("hours.to_h", "0 to 24");
    }
    if hours.utc_offset_min.unsigned_abs() > OFFSET_MIN_MAX {
        return bad("hours.utc_offset_min", format!("-{OFFSET_MIN_MAX} to {OFFSET_MIN_MAX}"));
    }
    Ok(())
}

fn validate_threshold(field: &str, threshold: Threshold) -> Result<(), BadProfile> {
    if threshold.frames == 0 {
        return bad(format!("{field}.frames"), "at least 1");
    }
    if threshold.transmitters == Some(0) {
        return bad(format!("{field}.transmitters"), "at least 1; leave it out to count none");
    }
    let span_max = SPAN_MAX.as_secs();
    if threshold.seconds == 0 || u64::from(threshold.seconds) > span_max {
        return bad(format!("{field}.seconds"), format!("1 to {span_max}"));
    }
    Ok(())
}

fn validate_rule(field: &str, rule: &Rule) -> Result<(), BadProfile> {
    if !is_named(&rule.name) {
        return bad(format!("{field}.name"), format!("1 to {NAME_BYTES_MAX} bytes"));
    }
    let custom = rule.custom.as_deref();
    if rule.class == RogueClass::Custom && !custom.is_some_and(is_named) {
        let reason = format!("the name of a custom class, 1 to {NAME_BYTES_MAX} bytes");
        return bad(format!("{field}.custom"), reason);
    }
    let ssid = rule.ssid.as_deref().map(|it| it.strip_suffix('*').unwrap_or(it));
    if ssid.is_some_and(|it| it.len() > SSID_BYTES_MAX) || rule.ssid.as_deref() == Some("") {
        let reason = format!(
            "the name of a network, or its beginning and a star; 1 to {SSID_BYTES_MAX} bytes"
        );
        return bad(format!("{field}.ssid"), reason);
    }
    if rule.confidence > CONFIDENCE_MAX {
        return bad(format!("{field}.confidence"), format!("0 to {CONFIDENCE_MAX} percent"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BASE: Mac = Mac([0x70, 0xdf, 0x2f, 0xb5, 0x38, 0x10]);

    fn told(profile: &Profile, heard: &[(Mac, &'static str)], classes: &Classes) -> Profile {
        let infrastructure = Infrastructure { bases: BTreeSet::from([BASE]) };
        let heard = heard.iter().map(|(bssid, name)| (*bssid, Some((*name).into())));
        effective(profile, &infrastructure, heard, classes)
    }

    #[test]
    fn the_infrastructure_is_trusted_once_it_is_heard() {
        let (profile, classes) = (Profile::default(), Classes::new());
        let second = Mac::from_u64(BASE.to_u64() + 3);
        let stranger = Mac::from_u64(BASE.to_u64() + 16);
        assert!(told(&profile, &[(stranger, "Cafe")], &classes).managed.is_empty());
        let told = told(&profile, &[(second, "Corp"), (stranger, "Cafe")], &classes).managed;
        assert_eq!(told.bssids, BTreeSet::from([second]));
        assert_eq!(told.ssids, BTreeSet::from(["Corp".to_owned()]));
    }

    #[test]
    fn names_in_the_profile_are_all_the_names_there_are() {
        let mut profile = Profile::default();
        profile.managed.ssids.insert("Corp".to_owned());
        let told = told(&profile, &[(BASE, "Guests")], &Classes::new()).managed;
        assert_eq!(told.ssids, profile.managed.ssids);
        assert!(told.bssids.contains(&BASE));
    }

    #[test]
    fn a_persons_word_wins_over_the_list() {
        let (friend, foe) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
        let profile = Profile { approved_bssids: BTreeSet::from([foe]), ..Profile::default() };
        let set = |class| Set { class, custom: None, by: "ada".to_owned(), at: Time(1) };
        let classes =
            Classes::from([(friend, set(RogueClass::Friendly)), (foe, set(RogueClass::Malicious))]);
        assert_eq!(told(&profile, &[], &classes).approved_bssids, BTreeSet::from([friend]));
    }

    #[test]
    fn a_profile_that_cannot_be_used_names_its_field() {
        let check = |document: serde_json::Value, expected: &str| {
            let error = read(&document).unwrap_err().to_string();
            assert!(error.starts_with(expected), "'{error}' does not begin with {expected}");
        };
        assert_eq!(read(&json!({})), Ok(Profile::default()));
        check(json!([]), "a profile is an object");
        check(json!({"quiet_s_min": "soon"}), "quiet_s_min:");
        check(json!({"no_such": 1}), "no_such:");
        check(json!({"quiet_s_min": 300, "quiet_s_max": 200}), "quiet_s_min:");
        check(json!({"radios_max": 1}), "radios_max:");
        check(json!({"canary_ssids": [""]}), "canary_ssids:");
        check(
            json!({"lists": {"countries": ["Germany"]}}),
            "lists.countries: 'Germany' is no country",
        );
        check(json!({"lists": {"channels": [36, 0]}}), "lists.channels:");
        check(json!({"lists": {"forbidden_words": [" "]}}), "lists.forbidden_words:");
        check(json!({"lists": {"isolated_ssids": [""]}}), "lists.isolated_ssids:");
        check(json!({"lists": {"station_vendors": ["00:11"]}}), "lists.station_vendors[0]:");
        check(json!({"hours": {"from_h": 24, "to_h": 8}}), "hours.from_h:");
        check(json!({"hours": {"from_h": 7, "to_h": 25}}), "hours.to_h:");
        check(json!({"managed": {"ssids": [""]}}), "managed.ssids:");
        check(
            json!({"managed": {"bssids": ["02:00:00:00:00:01", "roof"]}}),
            "managed.bssids[1]: 'roof' is not a MAC address",
        );
        check(
            json!({"thresholds": {"deauthentication-flood": {"frames": 0, "seconds": 1}}}),
            "thresholds.deauthentication-flood.frames:",
        );
        check(
            json!({"thresholds": {"deauthentication-flood": {"frames": 1, "seconds": 1, "transmitters": 0}}}),
            "thresholds.deauthentication-flood.transmitters:",
        );
        check(
            json!({"thresholds": {"deauthentication-flood": {"frames": "many", "seconds": 1}}}),
            "thresholds.deauthentication-flood.frames:",
        );
        check(json!({"severities": {"no-such": "major"}}), "severities.no-such:");
        check(json!({"rules": [{"name": "x", "class": "custom"}]}), "rules[0].custom:");
        let fine = json!({"name": "x", "class": "friendly"});
        check(json!({"rules": [fine, {"name": "", "class": "friendly"}]}), "rules[1].name:");
        check(json!({"rules": [fine, {"name": "y", "class": "nice"}]}), "rules[1].class:");
        let long = "x".repeat(33);
        check(
            json!({"rules": [{"name": "y", "class": "friendly", "ssid": long}]}),
            "rules[0].ssid",
        );
    }
}
