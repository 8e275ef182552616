//! What depends on the owner's profile: names, stations, hours, wires, and what is recommended.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end at what it did not expect"
)]

mod kit;

use std::collections::BTreeSet;

use kit::frames::{self, Ap, Protection};
use kit::{BEGIN_US, Ether, SECOND};
use model::Mac;
use wips::incident::Transmitter;
use wips::profile::rogue::{Recommendation, RogueClass, Rule};
use wips::profile::{Hours, Managed, Threshold};
use wips::{CaptureTime, Change, Incident, Kind, Link, Packet, Profile, SensorId, Severity, Wips};

/// Who owns `CorpNet` in an air without an attack.
fn owner(ether: &Ether) -> Profile {
    let ours = ether.aps.iter().filter(|it| it.ssid == b"CorpNet");
    Profile {
        managed: Managed {
            ssids: BTreeSet::from(["CorpNet".to_owned()]),
            bssids: ours.map(|it| Mac(it.mac)).collect(),
            stations: BTreeSet::new(),
        },
        ..Profile::default()
    }
}

/// A machine that has heard everything, with all that it said.
fn heard(ether: Ether, profile: Profile) -> (Wips, Vec<Incident>) {
    let mut wips = Wips::new(profile);
    let mut incidents = std::collections::BTreeMap::new();
    for sent in ether.in_order().iter().filter(|it| it.channel == 6) {
        let signal = (sent.dbm.round() as i8).cast_unsigned();
        let mut bytes = vec![0, 0, 13, 0, 0x28, 0, 0, 0, 0x85, 0x09, 0xa0, 0, signal];
        bytes.extend(&sent.bytes);
        wips.handle(&Packet::new(CaptureTime(sent.at_us), SensorId(0), Link::Radiotap, &bytes));
        while let Some(change) = wips.poll() {
            let (Change::Opened(it) | Change::Updated(it) | Change::Closed(it)) = change;
            incidents.insert(it.id, it);
        }
    }
    for it in wips.open() {
        incidents.insert(it.id, it.clone());
    }
    (wips, incidents.into_values().collect())
}

fn loud(incidents: &[Incident]) -> Vec<(Kind, Transmitter)> {
    let loud = incidents.iter().filter(|it| it.severity >= Severity::Minor);
    // What is wrong with the owner's own networks is said as well, and no concern here.
    let faults = [Kind::UnprotectedManagement, Kind::PmkidExposed, Kind::RepeatedKeyMessage];
    loud.filter(|it| !faults.contains(&it.kind)).map(|it| (it.kind, it.transmitter)).collect()
}

fn own(mac: frames::Mac) -> Transmitter {
    Transmitter::Own { address: Mac(mac) }
}

const STRANGER: frames::Mac = [0x00, 0xc0, 0xca, 7, 7, 7];

fn stranger(ether: &Ether, name: &str, protection: Protection) -> Ap {
    let ssid = name.as_bytes().to_vec();
    Ap { mac: STRANGER, ssid, protection, vendor: Vec::new(), ..ether.aps[0].clone() }
}

fn beacons(ether: &mut Ether, ap: &Ap) {
    for number in 0..100 {
        let at = BEGIN_US + 10 * SECOND + number * 102_400;
        ether.send(at, 6, -60.0, ap.mac, frames::beacon(ap, at, &[]));
    }
}

#[track_caller]
fn check_name(name: &str, change: impl FnOnce(&mut Profile), expected: &[Kind]) {
    let mut ether = kit::benign::air(3, 30);
    let ap = stranger(&ether, name, Protection::Wpa2);
    beacons(&mut ether, &ap);
    let mut profile = owner(&ether);
    change(&mut profile);
    let (_, incidents) = heard(ether, profile);
    let expected: Vec<_> = expected.iter().map(|kind| (*kind, own(STRANGER))).collect();
    assert_eq!(loud(&incidents), expected, "{name}");
}

#[test]
fn names_are_compared_with_those_of_the_owner() {
    check_name("C0rpNet", |_| {}, &[Kind::LookAlikeSsid]);
    check_name("CorpNett", |_| {}, &[Kind::LookAlikeSsid]);
    check_name("CorpNet", |_| {}, &[Kind::RogueAccessPoint]);
    check_name("Somebody", |_| {}, &[]);
    let approve = |profile: &mut Profile| {
        profile.approved_ssids.insert("C0rpNet".to_owned());
    };
    check_name("C0rpNet", approve, &[]);
}

#[test]
fn who_shows_a_name_that_nobody_has_answers_to_anything() {
    let canary = |profile: &mut Profile| {
        profile.canary_ssids.insert("Vault 7".to_owned());
    };
    check_name("Vault 7", canary, &[Kind::Karma]);
    check_name("Vault 8", canary, &[]);
}

#[test]
fn a_station_of_the_owner_that_joins_another_network_is_told() {
    for is_known in [false, true] {
        let mut ether = kit::benign::air(5, 30);
        let station = ether.stations[0].mac;
        let cafe = ether.aps.iter().position(|it| it.ssid == b"Cafe").unwrap();
        let mut life =
            kit::benign::Life { mac: station, dbm: -50.0, ap: cafe, number: 1, counter: 1 };
        let end = ether.end_us;
        life.join(&mut ether, end, None);
        let mut profile = owner(&ether);
        if is_known {
            profile.approved_ssids.insert("Cafe".to_owned());
        }
        let (_, incidents) = heard(ether, profile);
        let told = loud(&incidents);
        if is_known {
            assert_eq!(told, []);
        } else {
            assert_eq!(told, [(Kind::Misassociation, own(station))]);
        }
    }
}

#[test]
fn networks_are_used_in_their_hours() {
    // 1,800,000,000 s are Friday, 2027-01-15, 08:00 UTC.
    let at = |day: u64, hour: u64| CaptureTime(BEGIN_US + (day * 24 + hour) * 3_600 * SECOND);
    let hours = Hours { from_h: 7, to_h: 19, utc_offset_min: 0, weekends: false };
    let check = |hours: Hours, at, is_within| assert_eq!(hours.contain(at), is_within, "{hours:?}");
    check(hours, at(0, 0), true);
    check(hours, at(0, 11), false);
    check(hours, at(1, 0), false);
    check(Hours { weekends: true, ..hours }, at(1, 0), true);
    check(hours, at(3, 0), true);
    check(Hours { utc_offset_min: -120, ..hours }, at(0, 0), false);
    check(Hours { utc_offset_min: 120, ..hours }, at(0, 10), false);
    check(Hours { from_h: 22, to_h: 9, ..hours }, at(0, 0), true);
    check(Hours { from_h: 22, to_h: 9, ..hours }, at(0, 2), false);

    for (to_h, is_told) in [(19, false), (8, true)] {
        let ether = kit::benign::air(7, 20);
        let mut profile = owner(&ether);
        profile.hours = Some(Hours { to_h, ..hours });
        let (_, incidents) = heard(ether, profile);
        let told = loud(&incidents);
        assert_eq!(!told.is_empty(), is_told, "{told:?}");
        assert!(told.iter().all(|(kind, _)| *kind == Kind::AfterHours), "{told:?}");
    }
}

#[test]
fn a_threshold_of_the_profile_counts_instead_of_the_default() {
    let attack = |frames| {
        let mut ether = kit::benign::air(9, 30);
        let (bssid, station) = (ether.aps[0].mac, ether.stations[0].mac);
        for number in 0..frames {
            let at = BEGIN_US + 20 * SECOND + number * 100_000;
            ether.send_raw(at, 6, -20.0, frames::leave(station, bssid, bssid, 7, false));
        }
        ether
    };
    let kind = Kind::DeauthenticationFlood;
    for (most, frames, is_told) in [(10, 12, true), (10, 8, false), (20, 12, false), (5, 8, true)] {
        let threshold = Threshold { frames: most, transmitters: None, seconds: 5 };
        let profile = Profile {
            thresholds: [(kind, threshold)].into(),
            disabled: BTreeSet::from([Kind::SpoofedDisconnect]),
            ..Profile::default()
        };
        let (_, incidents) = heard(attack(frames), profile);
        let told = incidents.iter().any(|it| it.kind == kind);
        assert_eq!(told, is_told, "{frames} of {most}");
    }
}

#[test]
fn an_attack_on_others_is_told_quietly() {
    let run = |victim: usize| {
        let mut ether = kit::benign::air(11, 30);
        let ap = ether.aps[victim].clone();
        for number in 0..60 {
            let at = BEGIN_US + 20 * SECOND + number * 20_000;
            let frame = frames::leave(frames::ALL, ap.mac, ap.mac, 7, false);
            ether.send_raw(at, 6, -20.0, frame);
        }
        let profile = owner(&ether);
        let (_, incidents) = heard(ether, profile);
        let of_kind = incidents.into_iter().find(|it| it.kind == Kind::DeauthenticationBroadcast);
        of_kind.unwrap().severity
    };
    assert_eq!(run(0), Severity::Major);
    assert_eq!(run(5), Severity::Informational);
}

/// The rogue that an access point is, with what is recommended.
fn verdict(
    profile: &mut Profile,
    name: &str,
    protection: Protection,
    attacks: bool,
) -> (RogueClass, Recommendation) {
    let mut ether = kit::benign::air(13, 30);
    let ap = stranger(&ether, name, protection);
    beacons(&mut ether, &ap);
    if attacks {
        for number in 0..8 {
            let at = BEGIN_US + 15 * SECOND + number * SECOND;
            let other = Ap { ssid: format!("Secret {number}").into_bytes(), ..ap.clone() };
            ether.send(
                at,
                6,
                -60.0,
                ap.mac,
                frames::probe_response(&other, at, [2, 1, 1, 1, 1, 1]),
            );
        }
    }
    profile.managed = owner(&ether).managed;
    let (wips, _) = heard(ether, profile.clone());
    let rogues = wips.rogues();
    assert!(rogues.iter().all(|(it, _)| !profile.managed.bssids.contains(&it.bssid)));
    let (_, verdict) = rogues.into_iter().find(|(it, _)| it.bssid == Mac(STRANGER)).unwrap();
    (verdict.class, verdict.recommendation)
}

#[test]
fn an_access_point_is_on_the_wire_when_a_switch_knows_its_neighbour() {
    let on_wire = |wired: [u8; 6]| {
        let mut profile = Profile { wired: BTreeSet::from([Mac(wired)]), ..Profile::default() };
        verdict(&mut profile, "Somebody", Protection::Wpa2, false)
    };
    let [a, b, c, d, e, f] = STRANGER;
    let found = (RogueClass::Malicious, Recommendation::ShutPort);
    for last in f - 2..=f + 2 {
        assert_eq!(on_wire([a, b, c, d, e, last]), found, "{last}");
    }
    assert_eq!(on_wire([a | 2, b, c, d, e, f]), found, "an address that says it was made up");
    let elsewhere = (RogueClass::Unclassified, Recommendation::Locate);
    for far in [f - 3, f + 3] {
        assert_eq!(on_wire([a, b, c, d, e, far]), elsewhere, "{far}");
    }
    assert_eq!(on_wire([a, b, c, d, e ^ 1, f]), elsewhere);
}

#[test]
fn containment_is_recommended_against_whoever_takes_our_name_and_nobody_else() {
    let sure = |class| Rule {
        name: "all".to_owned(),
        class,
        custom: None,
        ssid: None,
        managed_ssid: None,
        open: None,
        rssi_dbm_min: None,
        lasted_s_min: None,
        stations_min: None,
        on_wire: None,
        confidence: 40,
    };
    let with = |class| Profile { rules: vec![sure(class)], ..Profile::default() };
    let malicious = || with(RogueClass::Malicious);
    let contain = (RogueClass::Malicious, Recommendation::Contain);
    let locate = (RogueClass::Malicious, Recommendation::Locate);
    assert_eq!(verdict(&mut malicious(), "CorpNet", Protection::Wpa2, false), contain);
    // A neighbour may attack, or be called malicious by a rule: its network is its own.
    assert_eq!(verdict(&mut malicious(), "Somebody", Protection::Open, false), locate);
    assert_eq!(verdict(&mut malicious(), "Somebody", Protection::Open, true), locate);
    assert_eq!(verdict(&mut Profile::default(), "Somebody", Protection::Open, true), locate);
    // Stations that protect management frames ignore it.
    assert_eq!(verdict(&mut malicious(), "CorpNet", Protection::Wpa3, false), locate);
    // Nothing is done where the owner knows it, nor where nobody is sure.
    let mut known = malicious();
    known.approved_bssids.insert(Mac(STRANGER));
    let leave = (RogueClass::Friendly, Recommendation::Leave);
    assert_eq!(verdict(&mut known, "CorpNet", Protection::Wpa2, false), leave);
    assert_eq!(verdict(&mut Profile::default(), "CorpNet", Protection::Wpa2, false), locate);
}

#[test]
fn a_station_that_is_the_owners_matters_in_the_network_of_others() {
    let mut ether = kit::benign::air(15, 30);
    let station = ether.stations[0].mac;
    for number in 0..8 {
        let at = BEGIN_US + 15 * SECOND + number * SECOND;
        let ssid = format!("Secret {number}").into_bytes();
        let ap = Ap { ssid, ..stranger(&ether, "", Protection::Open) };
        ether.send(at, 6, -60.0, ap.mac, frames::probe_response(&ap, at, station));
    }
    let mut profile = owner(&ether);
    profile.managed.stations.insert(Mac(station));
    let (_, incidents) = heard(ether, profile);
    assert_eq!(loud(&incidents), [(Kind::Karma, own(STRANGER))]);
}
