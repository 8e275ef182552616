//! Whom to protect: what the profile names, and the infrastructure that the engine knows anyway.
//!
//! The access points of the maps and those that controllers report are the owner's. A network is taken for
//! theirs when it is heard under one of their addresses; what is not heard protects nobody, for a profile
//! that names only what is far away would make every attack somebody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Mac, Time};
use serde::{Deserialize, Serialize};
use wips::Profile;
use wips::profile::rogue::RogueClass;

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

/// Reads a profile and names the field that cannot be used.
pub fn read(document: &serde_json::Value) -> Result<Profile, String> {
    let Some(fields) = document.as_object() else {
        return Err("a profile is an object; GET /api/v1/wips/profile shows one".to_owned());
    };
    for (name, value) in fields {
        let one = serde_json::json!({ name: value });
        if let Err(error) = serde_json::from_value::<Profile>(one) {
            return Err(format!("{name}: {error}"));
        }
    }
    let profile: Profile =
        serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    validate(&profile).map(|()| profile)
}

fn validate(profile: &Profile) -> Result<(), String> {
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
        return Err(format!("{name}: {count} entries; at most {LIST_MAX}"));
    }
    if profile.name.is_empty() || profile.name.len() > NAME_BYTES_MAX {
        return Err(format!("name: 1 to {NAME_BYTES_MAX} bytes"));
    }
    let names = profile.managed.ssids.iter().chain(&profile.approved_ssids);
    let names = names.chain(&profile.canary_ssids).chain(&profile.lists.isolated_ssids);
    if let Some(name) = names.into_iter().find(|it| it.is_empty() || it.len() > SSID_BYTES_MAX) {
        return Err(format!(
            "ssids: '{name}' is no name of a network; 1 to {SSID_BYTES_MAX} bytes"
        ));
    }
    let mut words = profile.lists.forbidden_words.iter();
    if let Some(word) = words.find(|it| it.is_empty() || it.len() > SSID_BYTES_MAX) {
        return Err(format!(
            "lists.forbidden_words: '{word}' is in no name; 1 to {SSID_BYTES_MAX} bytes"
        ));
    }
    let is_country = |it: &&String| it.len() == 2 && it.bytes().all(|it| it.is_ascii_alphabetic());
    if let Some(country) = profile.lists.countries.iter().find(|it| !is_country(it)) {
        return Err(format!("lists.countries: '{country}' is no country; two letters, as DE"));
    }
    if let Some(hours) = profile.hours
        && (hours.from_h > 23
            || hours.to_h > 24
            || hours.utc_offset_min.unsigned_abs() > OFFSET_MIN_MAX)
    {
        return Err(format!(
            "hours: from_h is 0 to 23, to_h 0 to 24, utc_offset_min -{OFFSET_MIN_MAX} to {OFFSET_MIN_MAX}"
        ));
    }
    let quiet_max = QUIET_MAX.as_secs();
    if u64::from(profile.quiet_s_max) > quiet_max || profile.quiet_s_max == 0 {
        return Err(format!("quiet_s_max: 1 to {quiet_max} seconds"));
    }
    if profile.quiet_s_min == 0 || profile.quiet_s_min > profile.quiet_s_max {
        return Err("quiet_s_min: 1 second to quiet_s_max".to_owned());
    }
    if !RADIOS.contains(&profile.radios_max) {
        return Err(format!("radios_max: {} to {}", RADIOS.start(), RADIOS.end()));
    }
    let span_max = SPAN_MAX.as_secs();
    for (kind, threshold) in &profile.thresholds {
        let name = kind.article().name;
        if threshold.frames == 0 || threshold.transmitters == Some(0) {
            return Err(format!("thresholds: {name}: frames and transmitters are at least 1"));
        }
        if threshold.seconds == 0 || u64::from(threshold.seconds) > span_max {
            return Err(format!("thresholds: {name}: seconds are 1 to {span_max}"));
        }
    }
    if profile.rules.len() > RULES_MAX {
        return Err(format!("rules: {} of them; at most {RULES_MAX}", profile.rules.len()));
    }
    for rule in &profile.rules {
        let is_named = !rule.name.is_empty() && rule.name.len() <= NAME_BYTES_MAX;
        if !is_named {
            return Err(format!("rules: each has a name of 1 to {NAME_BYTES_MAX} bytes"));
        }
        if rule.class == RogueClass::Custom && rule.custom.as_ref().is_none_or(String::is_empty) {
            return Err(format!("rules: '{}': a custom class needs its name in custom", rule.name));
        }
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
            let error = read(&document).unwrap_err();
            assert!(error.starts_with(expected), "'{error}' does not begin with {expected}");
        };
        assert_eq!(read(&json!({})), Ok(Profile::default()));
        check(json!([]), "a profile is an object");
        check(json!({"quiet_s_min": "soon"}), "quiet_s_min:");
        check(json!({"no_such": 1}), "no_such:");
        check(json!({"quiet_s_min": 300, "quiet_s_max": 200}), "quiet_s_min:");
        check(json!({"radios_max": 1}), "radios_max:");
        check(json!({"canary_ssids": [""]}), "ssids:");
        check(json!({"lists": {"isolated_ssids": [""]}}), "ssids:");
        check(json!({"lists": {"forbidden_words": [""]}}), "lists.forbidden_words:");
        check(json!({"lists": {"countries": ["Germany"]}}), "lists.countries: 'Germany'");
        check(json!({"lists": {"station_vendors": ["Cisco"]}}), "lists: 'Cisco'");
        check(json!({"hours": {"from_h": 24, "to_h": 8}}), "hours:");
        check(json!({"managed": {"ssids": [""]}}), "ssids:");
        check(
            json!({"thresholds": {"deauthentication-flood": {"frames": 0, "seconds": 1}}}),
            "thresholds: Deauthentication flood",
        );
        check(json!({"rules": [{"name": "x", "class": "custom"}]}), "rules: 'x'");
    }
}
