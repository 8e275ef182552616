//! `mse wips` as a person uses it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#![expect(clippy::print_stdout, reason = "how many captures are compared is a figure")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Instant;

use serde_json::Value;

/// Played at their own speed as well, all at once: attacks that are counted in time, attacks that one frame
/// proves, busy air without an attack, and captures without a radio header. The longest takes 20 s.
const SPEED_1: [&str; 8] = [
    "public/aircrack_wpa-psk-linksys.cap",
    "public/blackhat17_openbsd-mitm.pcapng",
    "public/dementedproton_deauth.pcap",
    "public/fragattacks_amsdu-inject-fromap.pcapng",
    "public/fragattacks_linux-plain-fromap.pcapng",
    "public/heigvd_p1_noradiotap_noid.pcap",
    "public/krack_example-tptk-attack.pcapng",
    "public/wifite2_handshake_not_exists.cap",
];
/// What is longer is not played ten times as fast, to keep the test short.
const FAST_S_MAX: f64 = 60.0;
/// Captures that are played at once. They sleep most of the time.
const PLAYERS: usize = 24;

fn mse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mse")).args(arguments).output().unwrap()
}

/// A capture that third parties made; nothing, with a word about it, where it is absent.
fn capture(name: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/captures");
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("skipped: no {}", path.display());
        return None;
    }
    Some(path.display().to_string())
}

fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("openmse-wips-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn check_refused(arguments: &[&str], code: i32, expected: &[&str]) {
    let output = mse(arguments);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    for part in expected {
        assert!(told.contains(part), "{arguments:?}: {told}");
    }
}

#[test]
fn a_replay_says_the_same_at_every_speed() {
    let Some(manifest) = capture("manifest.json") else { return };
    let manifest: Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    let mut plays = Vec::new();
    for entry in manifest.as_array().unwrap() {
        let name =
            format!("{}/{}", entry["set"].as_str().unwrap(), entry["file"].as_str().unwrap());
        let seconds = entry["seconds"].as_f64().unwrap_or(0.0);
        let Some(file) = capture(&name).filter(|_| seconds > 0.0) else { continue };
        if SPEED_1.contains(&name.as_str()) {
            plays.push(Play { file: file.clone(), speed: 1, seconds });
        }
        if seconds <= FAST_S_MAX {
            plays.push(Play { file, speed: 10, seconds: seconds / 10.0 });
        }
    }
    assert_eq!(plays.iter().filter(|it| it.speed == 1).count(), SPEED_1.len());
    // The longest begin first, or the others would wait for them at the end.
    plays.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let count = plays.len();
    let waiting = Mutex::new(plays);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let player = || {
            loop {
                let Some(play) = waiting.lock().unwrap().pop() else { break };
                play.check();
            }
        };
        for _ in 0..PLAYERS {
            scope.spawn(player);
        }
    });
    println!(
        "{} captures at speed 1 and {} at speed 10 say what they say at full speed, in {:.1} s",
        SPEED_1.len(),
        count - SPEED_1.len(),
        started.elapsed().as_secs_f64()
    );
}

/// A capture that is played at a speed.
struct Play {
    file: String,
    speed: u32,
    /// How long it takes.
    seconds: f64,
}

impl Play {
    /// Every byte that is said of it is what is said of it at full speed; and it was played that slowly.
    fn check(&self) {
        let said = |speed: &[&str]| {
            let arguments = ["wips", "replay", "--json", &self.file];
            let output = mse(&[&arguments, speed].concat());
            assert!(output.status.success(), "{}", self.file);
            assert!(!output.stdout.is_empty(), "{}", self.file);
            output.stdout
        };
        let fastest = said(&[]);
        let started = Instant::now();
        let played = said(&["--speed", &self.speed.to_string()]);
        let took_s = started.elapsed().as_secs_f64();
        assert_eq!(fastest, played, "{} at speed {}", self.file, self.speed);
        assert!(took_s >= self.seconds * 0.9, "{} took {took_s} s", self.file);
    }
}

#[test]
fn a_flood_is_one_incident_with_its_remedy() {
    let Some(file) = capture("lab/hwsim_aireplay-deauth-directed.pcap") else { return };
    let output = mse(&["wips", "replay", "--json", &file]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let incidents = document["incidents"].as_array().unwrap();
    let matters: Vec<&Value> =
        incidents.iter().filter(|it| it["severity"] != "informational").collect();
    let [incident] = matters.as_slice() else { panic!("{matters:?}") };
    assert_eq!(incident["kind"], "deauthentication-flood");
    assert_eq!(incident["transmitter"]["who"], "spoofed");
    assert_eq!(incident["victim"], "02:00:00:00:01:00");
    let article = &document["encyclopaedia"]["deauthentication-flood"];
    assert!(article["remedy"].as_str().unwrap().contains("802.11w"));
    let text = String::from_utf8(mse(&["wips", "replay", &file]).stdout).unwrap();
    assert!(text.contains("Deauthentication flood: major"), "{text}");
}

#[test]
fn a_profile_protects_only_what_is_managed() {
    let Some(file) = capture("lab/hwsim_aireplay-deauth-directed.pcap") else { return };
    let profile = scratch("profile.toml", b"[managed]\nssids = [\"Elsewhere\"]\n");
    let told = mse(&["wips", "replay", &file, "--profile", &profile.display().to_string()]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(text.contains("Deauthentication flood: informational"), "{text}");
    std::fs::remove_file(profile).unwrap();
}

#[test]
fn the_default_profile_can_be_read_again() {
    let printed = mse(&["wips", "profile"]).stdout;
    let profile = scratch("default.toml", &printed);
    let Some(file) = capture("lab/hwsim_benign-wpa2.pcap") else { return };
    let output = mse(&["wips", "replay", &file, "--profile", &profile.display().to_string()]);
    assert!(output.status.success());
    std::fs::remove_file(profile).unwrap();
}

#[test]
fn what_is_no_capture_is_named_with_a_remedy() {
    check_refused(&["wips", "replay", "/nowhere.pcap"], 1, &["/nowhere.pcap", "No such file"]);
    let text = scratch("text.pcap", b"no capture at all");
    let path = text.display().to_string();
    check_refused(
        &["wips", "replay", &path],
        1,
        &[&path, "not a pcap or pcapng", "monitor interface"],
    );
    std::fs::remove_file(text).unwrap();
    let profile = scratch("bad.toml", b"thresholds = 3\n");
    let path = profile.display().to_string();
    check_refused(&["wips", "replay", "x", "--profile", &path], 5, &[&path, "mse wips profile"]);
    std::fs::remove_file(profile).unwrap();
    check_refused(&["wips", "replay", "x", "--speed", "0"], 2, &["'0' is no speed"]);
}

#[test]
fn a_capture_that_is_cut_is_read_as_far_as_it_goes() {
    let Some(file) = capture("public/aircrack_pmkid-not-recognized.cap") else { return };
    let output = mse(&["wips", "replay", "--json", &file]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["counts"]["packets"], 20_056);
    assert!(document["cut"][0].as_str().unwrap().contains("ends inside"));
}

#[test]
fn what_a_running_engine_sees_needs_one() {
    for what in ["incidents", "rogues", "sensors"] {
        let arguments = ["wips", what, "--data", "/nowhere"];
        check_refused(&arguments, 3, &["no engine runs in /nowhere", "--data"]);
    }
}
