//! A controller of sensors alone, and a sensor elsewhere, as a person runs them: real processes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use wips::capture::Writer;
use wips::{CaptureTime, Link, Packet, SensorId};

/// A directory that is removed with everything in it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that runs until the end of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mse")).args(arguments).output().unwrap()
}

fn key_hash(data: &str) -> String {
    let made: Value =
        serde_json::from_slice(&mse(&["--json", "init", "--data", data]).stdout).unwrap();
    made["sha2_key_hash"].as_str().unwrap().to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A capture of so many acknowledgements.
fn capture(packets: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, None);
    for number in 0..packets {
        let frame = [0xd4, 0, 0, 0, 2, 0, 0, 0, 0, number as u8];
        let at = CaptureTime(1_400_000_000_000_000 + number * 500);
        writer.packet(&mut bytes, &Packet::new(at, SensorId(0), Link::Bare, &frame), None);
    }
    bytes
}

#[test]
fn a_sensor_elsewhere_is_set_up_with_two_key_hashes() {
    let dir = format!("openmse-sensor-processes-{}", std::process::id());
    let scratch = Scratch(std::env::temp_dir().join(dir));
    std::fs::create_dir_all(&scratch.0).unwrap();
    let path = |name: &str| scratch.0.join(name).display().to_string();
    let (controller, sensor) = (path("controller"), path("sensor"));
    let (controller_key, sensor_key) = (key_hash(&controller), key_hash(&sensor));
    let address = format!("127.0.0.1:{}", free_port());
    let config = path("controller.toml");
    std::fs::write(path("own.pcapng"), capture(30)).unwrap();
    let text = format!(
        "data = '{controller}'\nname = 'wlc-1'\nunauthenticated_nmsp = true\n\
         nmsp.listen = '127.0.0.1:{}'\nsensors.listen = '{address}'\n\
         [[sensor]]\nname = 'gate'\nkind = 'remote'\nkey_hash = '{sensor_key}'\n\
         [[sensor]]\nname = 'own'\nkind = 'file'\npath = 'own.pcapng'\n",
        free_port(),
    );
    std::fs::write(&config, text).unwrap();
    let checked = mse(&["check-config", &config]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("controller: ok"), "{checked:?}");
    let log = std::fs::File::create(path("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mse"));
    let _controller =
        Running(command.args(["controller", "--config", &config]).stderr(log).spawn().unwrap());

    let sending =
        ["sensor", "--controller", &address, "--key-hash", &controller_key, "--data", &sensor];
    let started = Instant::now();
    while !mse(&[&sending[..], &["--check"]].concat()).status.success() {
        assert!(started.elapsed() < Duration::from_secs(30), "never let in");
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut piped = Command::new(env!("CARGO_BIN_EXE_mse"))
        .args(sending)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    piped.stdin.take().unwrap().write_all(&capture(200)).unwrap();
    assert!(piped.wait().unwrap().success());

    let show = ["show", "sensors", "--data", &controller];
    let sensors: Value =
        serde_json::from_slice(&mse(&[&["--json"], &show[..]].concat()).stdout).unwrap();
    let shown = |number: usize| (&sensors[number]["state"], &sensors[number]["packets"]);
    assert_eq!(shown(0), (&"ended".into(), &200.into()), "{sensors}");
    assert_eq!(shown(1), (&"ended".into(), &30.into()), "{sensors}");
    let table = String::from_utf8(mse(&show).stdout).unwrap();
    assert!(table.starts_with("#  Name  State"), "{table}");
    assert!(table.contains("0  gate  Ended"), "{table}");

    // What is wrong is said, and with the exit codes of the help.
    let refused = |arguments: &[&str], code: i32, part: &str| {
        let output = mse(&[&sending[..], arguments].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(part), "{arguments:?}: {told}");
    };
    refused(&[], 5, "give one of --interface NAME, --file FILE, and -");
    refused(&["--interface", "wlan1", "--channels", "15"], 5, "channel 15 is unknown");
    refused(&["--interface", "wlan1", "-"], 5, "give one of");
    let stranger = path("stranger");
    let mut arguments = sending;
    arguments[6] = &stranger;
    let output = mse(&[&arguments[..], &["--check"]].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&key_hash(&stranger)), "{told}");
}
