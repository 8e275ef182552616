//! What is said of every capture, against what its manifest says that is in it.
//!
//! Attacks: the expected incident, exactly once, from the right transmitter against the right victim,
//! soon after its first frame. Controls: nothing that matters. Prints a table with recall,
//! misattributions, false alarms per hour and delays, beside what Kismet says of the same file.
#![expect(clippy::unwrap_used, reason = "a test may end at what it did not expect")]
#![expect(clippy::print_stdout, reason = "the figures are what this test is for")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use wips::incident::Transmitter;
use wips::{CaptureTime, Change, Incident, Packet, Profile, SensorId, Severity, Wips, parse};

mod common;
#[path = "evidence/truth.rs"]
mod truth;

use truth::{By, GAPS, Soon, TRUTHS, Truth};

/// A flood must be told of so soon, a low rate so soon.
const FLOOD_S: f64 = 5.0;
const LOW_RATE_S: f64 = 10.0;
/// The attacker of the laboratory is weaker than its access point and its client.
const ATTACKER_DBM_MAX: f32 = -45.0;

/// One capture, replayed.
struct Replayed {
    incidents: Vec<Incident>,
    first: CaptureTime,
    last: CaptureTime,
    /// When the attacker of the laboratory was on the air first.
    attack: Option<CaptureTime>,
}

fn replay(path: &Path, attack_start: Option<f64>) -> Replayed {
    replay_some(path, attack_start, &mut |_| true)
}

/// The same of the packets that `is_heard` lets through.
fn replay_some(
    path: &Path,
    attack_start: Option<f64>,
    is_heard: &mut dyn FnMut(&Packet<'_>) -> bool,
) -> Replayed {
    let mut wips = Wips::new(Profile::default());
    let mut closed = Vec::new();
    let (mut first, mut last, mut attack) = (None, CaptureTime(0), None);
    common::packets(path, |captured| {
        let packet = captured.packet;
        first.get_or_insert(packet.at);
        last = packet.at;
        if let Some(start) = attack_start
            && packet.at.0 as f64 / 1e6 >= start
            && attack.is_none()
            && parse(&packet).radio.signal.is_some_and(|it| it.0 <= ATTACKER_DBM_MAX)
        {
            attack = Some(packet.at);
        }
        if is_heard(&packet) {
            wips.handle(&packet);
        }
        take(&mut wips, &mut closed);
    });
    closed.extend(wips.open().cloned());
    closed.sort_by_key(|it| it.id);
    let start = attack_start.map(|it| CaptureTime((it * 1e6) as u64));
    Replayed { incidents: closed, first: first.unwrap_or_default(), last, attack: attack.or(start) }
}

fn take(wips: &mut Wips, closed: &mut Vec<Incident>) {
    while let Some(change) = wips.poll() {
        if let Change::Closed(incident) = change {
            closed.push(incident);
        }
    }
}

/// What is wrong with what is said of an attack.
fn judge(truth: &Truth, replayed: &Replayed) -> Vec<String> {
    let mut wrong = Vec::new();
    let right: Vec<&Incident> = expected(truth, replayed).collect();
    if right.len() != truth.times {
        wrong.push(format!("{} incidents of {}", right.len(), truth.times));
    }
    for incident in &right {
        if !is_by(truth, incident.transmitter) {
            wrong.push(format!("transmitter {}", incident.transmitter));
        }
        let victim = incident.victim.map(|it| it.to_string());
        if truth.victim != "*" && victim.as_deref().unwrap_or("") != truth.victim {
            wrong.push(format!("victim {victim:?}"));
        }
        let limit = match truth.soon {
            Soon::Flood => FLOOD_S,
            Soon::LowRate => LOW_RATE_S,
            Soon::WhenProven => f64::INFINITY,
        };
        let delay = delay_s(incident, replayed);
        if delay > limit {
            wrong.push(format!("told after {delay:.1} s"));
        }
    }
    let other = others(truth, replayed).count();
    if other > 0 {
        wrong.push(format!("{other} other incidents"));
    }
    wrong
}

fn is_by(truth: &Truth, transmitter: Transmitter) -> bool {
    match (truth.by, transmitter) {
        (By::Own(mac), Transmitter::Own { address })
        | (By::As(mac), Transmitter::Spoofed { address }) => {
            mac == "*" || address.to_string() == mac
        }
        (By::Invented, Transmitter::Invented { .. }) | (By::Unnamed, Transmitter::Unnamed) => true,
        _ => false,
    }
}

fn expected<'a>(truth: &Truth, replayed: &'a Replayed) -> impl Iterator<Item = &'a Incident> {
    let kinds = truth.kinds;
    replayed.incidents.iter().filter(move |it| kinds.contains(&it.kind))
}

/// What matters and was not expected.
fn others<'a>(truth: &Truth, replayed: &'a Replayed) -> impl Iterator<Item = &'a Incident> {
    let kinds = truth.kinds;
    let matters = |it: &&Incident| it.severity >= Severity::Minor;
    replayed.incidents.iter().filter(matters).filter(move |it| !kinds.contains(&it.kind))
}

/// From the first frame of the attack until it was told. Where nobody wrote down when it began, from the
/// first frame that the incident counts.
fn delay_s(incident: &Incident, replayed: &Replayed) -> f64 {
    let start = replayed.attack.unwrap_or(incident.first);
    incident.detected.since_us(start) as f64 / 1e6
}

#[test]
fn every_capture_is_told_right() {
    let manifest = common::manifest();
    if manifest.is_empty() {
        return;
    }
    let truths: BTreeMap<&str, &Truth> = TRUTHS.iter().map(|it| (it.file, it)).collect();
    let gaps: BTreeMap<&str, &str> = GAPS.iter().copied().collect();
    let (mut attacks, mut told, mut misattributed, mut controls) = (0, 0, 0, 0);
    let (mut false_alarms, mut seconds) = (0, 0.0);
    let mut failures = Vec::new();
    println!("{:<48} {:<34} {:>6}  Kismet", "capture", "OpenMSE", "s");
    for entry in &manifest {
        let file = entry["file"].as_str().unwrap();
        let path = common::folder().join(entry["set"].as_str().unwrap()).join(file);
        let replayed = replay(&path, entry["attack_start"].as_f64());
        seconds += replayed.last.since_us(replayed.first) as f64 / 1e6;
        let wrong = if let Some(truth) = truths.get(file) {
            attacks += 1;
            let wrong = judge(truth, &replayed);
            let is_told = expected(truth, &replayed).next().is_some();
            told += usize::from(is_told);
            misattributed +=
                expected(truth, &replayed).filter(|it| !is_by(truth, it.transmitter)).count();
            false_alarms += others(truth, &replayed).count();
            row(file, truth, &replayed);
            wrong
        } else {
            controls += 1;
            let matters = replayed.incidents.iter().filter(|it| it.severity >= Severity::Minor);
            let wrong: Vec<String> =
                matters.map(|it| format!("{:?} on a control", it.kind)).collect();
            false_alarms += wrong.len();
            println!(
                "{file:<48} {:<34} {:>6}",
                if wrong.is_empty() { "quiet" } else { "ALARM" },
                ""
            );
            wrong
        };
        match (gaps.get(file), wrong.is_empty()) {
            (None, true) => {}
            (None, false) => failures.push(format!("{file}: {}", wrong.join("; "))),
            (Some(reason), false) => println!("  known gap: {reason}: {}", wrong.join("; ")),
            (Some(_), true) => failures.push(format!("{file}: a known gap that is none any more")),
        }
    }
    println!(
        "recall {told} of {attacks}, misattributed {misattributed}, controls {controls}, \
         false alarms {false_alarms} in {:.2} h = {:.2}/h, known gaps {}",
        seconds / 3600.0,
        f64::from(u32::try_from(false_alarms).unwrap()) / (seconds / 3600.0),
        gaps.len()
    );
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn row(file: &str, truth: &Truth, replayed: &Replayed) {
    let incident = expected(truth, replayed).next();
    let name = incident.map_or("MISSED", |it| it.kind.article().name);
    let delay = incident.map_or(f64::NAN, |it| delay_s(it, replayed));
    // Where the start is not known, the delay is our own word.
    let mark = if replayed.attack.is_some() { ' ' } else { '~' };
    println!("{file:<48} {name:<34} {mark}{delay:>5.2}  {}", truth.kismet);
}

/// What locates the attacker is the signal of its own frames, not that of its victim's answers.
#[test]
fn the_attacker_is_heard_from_where_it_is() {
    // In these it is not the weaker radio that attacks.
    let elsewhere = ["hwsim_adhoc.pcap", "hwsim_bssid-clone.pcap", "hwsim_eviltwin-deauth.pcap"];
    let lab = TRUTHS.iter().filter(|it| it.file.starts_with("hwsim_"));
    for truth in lab.filter(|it| !elsewhere.contains(&it.file)) {
        let path = common::folder().join("lab").join(truth.file);
        if !path.exists() {
            continue;
        }
        let replayed = replay(&path, None);
        for incident in expected(truth, &replayed) {
            let [hearing] = incident.heard_by.as_slice() else { panic!("{incident:?}") };
            let rssi = hearing.rssi_dbm.map(f32::from);
            assert!(rssi.is_some_and(|it| it <= ATTACKER_DBM_MAX), "{}: {rssi:?}", truth.file);
        }
    }
}

/// A sensor far away hears two frames of three. What needs one certain frame may go unseen then; nothing
/// that is quiet may become loud, and nobody else may be blamed.
#[test]
fn a_third_of_the_frames_lost_costs_few_attacks_and_raises_no_alarm() {
    let truths: BTreeMap<&str, &Truth> = TRUTHS.iter().map(|it| (it.file, it)).collect();
    let (mut attacks, mut told) = (0, 0);
    for entry in &common::manifest() {
        let file = entry["file"].as_str().unwrap();
        let path = common::folder().join(entry["set"].as_str().unwrap()).join(file);
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let replayed = replay_some(&path, None, &mut |_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            !random.is_multiple_of(3)
        });
        if let Some(truth) = truths.get(file) {
            attacks += 1;
            told += usize::from(expected(truth, &replayed).any(|it| is_by(truth, it.transmitter)));
        } else {
            let loud = replayed.incidents.iter().filter(|it| it.severity >= Severity::Minor);
            assert_eq!(loud.count(), 0, "{file}");
        }
    }
    println!("with a third of the frames lost: {told} of {attacks}");
    assert!(told * 10 >= attacks * 9, "{told} of {attacks}");
}

/// A card that tells neither signal nor channel, and a sensor that begins in the middle: what is quiet
/// stays quiet, and few attacks need what is missing.
#[test]
fn without_a_radio_header_or_a_beginning_controls_stay_quiet() {
    let truths: BTreeMap<&str, &Truth> = TRUTHS.iter().map(|it| (it.file, it)).collect();
    let (mut attacks, mut told) = (0, 0);
    let mut loud = Vec::new();
    let mut missed = Vec::new();
    for entry in &common::manifest() {
        let file = entry["file"].as_str().unwrap();
        let path = common::folder().join(entry["set"].as_str().unwrap()).join(file);
        let begins = [0, entry["frames"].as_u64().unwrap() / 3];
        for skipped in begins {
            let replayed = replay_bare(&path, skipped);
            let wrong: Vec<_> = match truths.get(file) {
                Some(truth) if skipped == 0 => {
                    attacks += 1;
                    let is_told = expected(truth, &replayed).any(|it| is_by(truth, it.transmitter));
                    told += usize::from(is_told);
                    if !is_told {
                        missed.push(file.to_owned());
                    }
                    others(truth, &replayed).collect()
                }
                Some(truth) => others(truth, &replayed).collect(),
                None => {
                    replayed.incidents.iter().filter(|it| it.severity >= Severity::Minor).collect()
                }
            };
            loud.extend(wrong.iter().map(|it| format!("{file} from {skipped}: {:?}", it.kind)));
        }
    }
    println!("without radio headers: {told} of {attacks}; missed {missed:?}");
    assert!(told * 10 >= attacks * 8, "{told} of {attacks}");
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}

/// Replays the frames alone, without what the radio said of them.
fn replay_bare(path: &Path, skipped: u64) -> Replayed {
    let mut wips = Wips::new(Profile::default());
    let mut closed = Vec::new();
    let (mut number, mut first, mut last) = (0, None, CaptureTime(0));
    common::packets(path, |captured| {
        let packet = captured.packet;
        let parsed = parse(&packet);
        number += 1;
        if number <= skipped || parsed.anomalies.contains(wips::dot11::Anomaly::BadFcs) {
            return;
        }
        first.get_or_insert(packet.at);
        last = packet.at;
        let mut bare = Packet::new(packet.at, packet.sensor, wips::Link::Bare, parsed.frame);
        bare.wire_bytes += packet.missing_bytes();
        wips.handle(&bare);
        take(&mut wips, &mut closed);
    });
    closed.extend(wips.open().cloned());
    closed.sort_by_key(|it| it.id);
    Replayed { incidents: closed, first: first.unwrap_or_default(), last, attack: None }
}

#[test]
fn truths_are_of_captures_that_exist() {
    let manifest: Vec<Value> = common::manifest();
    if manifest.is_empty() {
        return;
    }
    let files: Vec<&str> = manifest.iter().map(|it| it["file"].as_str().unwrap()).collect();
    for truth in TRUTHS {
        assert!(files.contains(&truth.file), "{}", truth.file);
    }
    for (file, _) in GAPS {
        assert!(files.contains(file), "{file}");
    }
}

/// The JSON of everything that is said of packets.
fn told(packets: &[(Vec<u8>, Head)], shown: &dyn Fn(&mut Wips, &Packet<'_>)) -> String {
    let mut wips = Wips::new(Profile::default());
    let mut changes = String::new();
    for (bytes, head) in packets {
        let mut packet = Packet::new(head.at, head.sensor, head.link, bytes);
        (packet.wire_bytes, packet.fcs_bytes) = (head.wire_bytes, head.fcs_bytes);
        shown(&mut wips, &packet);
        while let Some(change) = wips.poll() {
            changes.push_str(&serde_json::to_string(&change).unwrap());
            changes.push('\n');
        }
    }
    for incident in wips.open() {
        changes.push_str(&serde_json::to_string(incident).unwrap());
    }
    changes
}

/// All of a packet but its bytes.
#[derive(Clone, Copy)]
struct Head {
    at: CaptureTime,
    sensor: SensorId,
    link: wips::Link,
    wire_bytes: usize,
    fcs_bytes: Option<u8>,
}

fn owned(path: &Path, sensor: SensorId) -> Vec<(Vec<u8>, Head)> {
    let mut packets = Vec::new();
    common::packets(path, |captured| {
        let Packet { at, link, wire_bytes, fcs_bytes, bytes, .. } = captured.packet;
        packets.push((bytes.to_vec(), Head { at, sensor, link, wire_bytes, fcs_bytes }));
    });
    packets
}

#[test]
fn ticks_in_between_change_nothing() {
    // A slow replay ticks while it waits, a fast one does not.
    for path in common::captures(&["lab"]) {
        let packets = owned(&path, SensorId(0));
        let fast = told(&packets, &|wips, packet| wips.handle(packet));
        let slow = told(&packets, &|wips, packet| {
            wips.tick(CaptureTime(packet.at.0.saturating_sub(1)));
            wips.handle(packet);
        });
        assert_eq!(fast, slow, "{}", path.display());
    }
}

#[test]
fn two_sensors_hear_one_attack_with_two_strengths() {
    for path in common::captures(&["lab"]) {
        let alone = replay(&path, None).incidents;
        let mut both = owned(&path, SensorId(0));
        both.extend(
            owned(&path, SensorId(1))
                .into_iter()
                .map(|(bytes, head)| (bytes, Head { at: head.at.plus_us(2_000), ..head })),
        );
        both.sort_by_key(|(_, head)| (head.at, head.sensor));
        let mut wips = Wips::new(Profile::default());
        let mut closed = Vec::new();
        for (bytes, head) in &both {
            let mut packet = Packet::new(head.at, head.sensor, head.link, bytes);
            (packet.wire_bytes, packet.fcs_bytes) = (head.wire_bytes, head.fcs_bytes);
            wips.handle(&packet);
            take(&mut wips, &mut closed);
        }
        closed.extend(wips.open().cloned());
        closed.sort_by_key(|it| it.id);
        let without_hearings = |incidents: &[Incident]| {
            let cleared = |it: &Incident| Incident { heard_by: Vec::new(), ..it.clone() };
            incidents.iter().map(cleared).collect::<Vec<_>>()
        };
        assert_eq!(without_hearings(&alone), without_hearings(&closed), "{}", path.display());
        for incident in closed.iter().filter(|it| it.severity >= Severity::Minor) {
            let heard: Vec<_> = incident.heard_by.iter().map(|it| it.rssi_dbm).collect();
            assert_eq!(heard.len(), 2, "{}: {incident:?}", path.display());
            assert_eq!(heard.first(), heard.last(), "{}", path.display());
        }
    }
}
