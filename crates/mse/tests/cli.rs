//! The program as a person uses it: real processes, real files, real sockets on loopback.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A directory that is removed with everything in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("openmse-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A role that runs until the end of the test.
struct Role(Child);

impl Role {
    fn start(role: &str, config: &str) -> Self {
        let log = std::fs::File::create(format!("{config}.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_mse"))
            .args([role, "--config", config])
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // TERM first: the role shall stop by itself and say so in its log.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(10) {
            if self.0.try_wait().unwrap().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mse")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn check(arguments: &[&str], code: i32, expected: &str) {
    let output = mse(arguments);
    let all = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "mse {arguments:?}: {all}");
    assert!(all.contains(expected), "mse {arguments:?} does not say '{expected}': {all}");
}

/// The JSON document that a command prints.
fn json(arguments: &[&str]) -> Value {
    let output = mse(&[&["--json"], arguments].concat());
    assert!(output.status.success(), "mse {arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn demo_file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(name).display().to_string()
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let scratch = Scratch::new("codes");
    let empty = scratch.path("nothing-here");
    check(&["--version"], 0, env!("CARGO_PKG_VERSION"));
    check(&["nonsense"], 2, "Usage");
    check(&["track", "not-a-mac"], 2, "not-a-mac");
    check(&["nmsp", "status", "--data", &empty], 3, &empty);
    check(&["getserverinfo", "--data", &empty], 3, "MSE services are not running");
    check(&["user", "list", "--data", &empty], 4, &empty);
    check(&["engine", "--config", &empty], 5, &empty);
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_by_name_and_line() {
    let scratch = Scratch::new("config");
    let file = scratch.write("engine.toml", "data = \"/tmp/x\"\n\n[trackin]\nlimit = 5\n");
    check(&["check-config", &file], 5, "trackin");
    check(&["check-config", &file], 5, "line 3");
    check(&["engine", "--config", &file], 5, "trackin");
    for example in ["engine.toml", "controller.toml", "campus.toml"] {
        check(&["check-config", &demo_file(example)], 0, "ok");
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mse"))
        .arg("openapi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Read a little, hang up, as `| head` does.
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn the_demo_finds_the_recorded_walk_as_well_as_the_reference() {
    let output = mse(&["demo", "--once"]);
    let printed = text(&output.stdout);
    let last = printed.lines().last().unwrap();
    let words: Vec<&str> = last.split(' ').collect();
    let [_, _, n, _, mean, _, median, _, p90] = words[..] else { panic!("{last}") };
    assert!(last.starts_with("demo: n "), "{last}");
    let number = |word: &str| word.parse::<f32>().unwrap();
    assert!(number(n) >= 60.0, "a position for most of the 83 seconds: {last}");
    // "Bayes grid + cut" for BLE with known access points, reference/location.md section 3.
    assert!(number(mean) <= 3.26 && number(median) <= 2.84 && number(p90) <= 6.5, "{last}");
}

/// Two processes with files of their own, from the first key hash to the position of an element.
#[test]
fn an_engine_and_a_controller_are_set_up_by_the_book() {
    let scratch = Scratch::new("book");
    let (engine, controller) = (scratch.path("engine"), scratch.path("controller"));
    check(&["cmdshell", "--data", &engine, "show", "server-auth-info"], 4, "mse init");
    let auth = |data: &str| {
        let made = json(&["init", "--data", data]);
        assert_eq!(made, json(&["cmdshell", "--data", data, "show", "server-auth-info"]));
        made
    };
    let (engine_auth, controller_auth) = (auth(&engine), auth(&controller));
    let (nmsp_port, http_port) = (free_port(), free_port());
    let trusting = |key_hash: &str| {
        let text = format!(
            "data = {controller:?}\nname = \"wlc-test\"\n[nmsp]\nlisten = \"127.0.0.1:{nmsp_port}\"\n\
             [[trusted]]\nmac = {}\nkey_hash = {key_hash}\n\
             [source]\nkind = \"replay\"\npath = {:?}\nloop = true\n",
            engine_auth["mac_address"],
            demo_file("tetam"),
        );
        scratch.write("controller.toml", &text)
    };
    let engine_file = scratch.write(
        "engine.toml",
        &format!(
            "data = {engine:?}\nname = \"mse-test\"\n[https]\nlisten = \"127.0.0.1:{http_port}\"\n\
             [[controller]]\naddress = \"127.0.0.1:{nmsp_port}\"\nkey_hash = {}\n",
            controller_auth["sha2_key_hash"]
        ),
    );

    // The controller trusts another key: the engine says so, and the controller says whose it was.
    let wrong = trusting(&controller_auth["sha2_key_hash"].to_string());
    let _engine = Role::start("engine", &engine_file);
    {
        let _controller = Role::start("controller", &wrong);
        let data = ["nmsp", "status", "--data", &engine];
        eventually("hash mismatch", || {
            let output = mse(&data);
            text(&output.stdout).contains("Reason: hash_mismatch")
        });
        let log = std::fs::read_to_string(format!("{wrong}.log")).unwrap();
        let hash = engine_auth["sha2_key_hash"].as_str().unwrap();
        let line =
            log.lines().find(|line| line.contains("authlist authentication failed")).unwrap();
        assert!(line.contains(hash) && line.contains("certificate_unknown"), "{line}");
        assert!(line.contains(engine_auth["mac_address"].as_str().unwrap()), "{line}");
    }

    // Put right, it works without touching the engine.
    let right = trusting(&engine_auth["sha1_key_hash"].to_string());
    let _controller = Role::start("controller", &right);
    eventually("active", || {
        json(&["nmsp", "status", "--data", &engine])["connections"][0]["state"] == "active"
    });

    let archive = scratch.path("maps.tar.gz");
    check(&["maps", "from-source", &right, &archive], 0, "access points 12");
    check(&["maps", "import", &archive, "--data", &engine], 0, "floors 1");
    let again = scratch.path("again.tar.gz");
    check(&["maps", "export", &again, "--data", &engine], 0, "bytes");
    assert_eq!(
        std::fs::read(&archive).unwrap(),
        std::fs::read(&again).unwrap(),
        "the archive comes back as it was"
    );

    let mut found = Value::Null;
    eventually("a position", || {
        let elements = mse(&["--json", "show", "nmsp", "--data", &controller, "status"]);
        assert!(elements.status.success(), "{}", text(&elements.stderr));
        found = beacon(&engine);
        !found["position"].is_null()
    });
    let mac = found["mac"].as_str().unwrap();
    check(&["track", mac, "--data", &engine], 0, "Tetam>Office>Office");
    check(&["track", "00:00:00:00:00:01", "--data", &engine], 4, "not tracked");
    check(&["getserverinfo", "--data", &engine], 0, "Active Tags: 1");
    check(
        &["show", "nmsp", "--data", &controller, "status"],
        0,
        "127.0.0.1                   Active",
    );
    check(
        &["show", "nmsp", "--data", &controller, "statistics"],
        0,
        "   15 Measurement Notification",
    );
    check(
        &["show", "nmsp", "--data", &controller, "capability"],
        0,
        "RSSI                    Mobile Station, Tags",
    );
    check(
        &["show", "nmsp", "--data", &controller, "subscription"],
        0,
        "Mobility Services Subscribed:",
    );

    // Called by the appliance's name through a link.
    let link = scratch.0.join("getserverinfo");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mse"), &link).unwrap();
    let linked = Command::new(&link).args(["--data", &engine]).output().unwrap();
    assert!(text(&linked.stdout).contains("MSE services are up, getting the status"));

    let mut add = Command::new(env!("CARGO_BIN_EXE_mse"))
        .args(["user", "add", "ana", "--role", "operator", "--data", &engine])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    add.stdin.take().unwrap().write_all(b"a good password\n").unwrap();
    assert!(add.wait().unwrap().success());
    check(&["user", "list", "--data", &engine], 0, "ana                     operator");
    check(&["user", "remove", "ben", "--data", &engine], 4, "ben");
}

/// The one element of the recording.
fn beacon(engine: &str) -> Value {
    // `track` wants an address; the beacons' begin like this.
    let socket = Path::new(engine).join("node/engine.sock");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = node::http::Call::get("/api/v1/elements?category=tags");
    let (_, body) = runtime.block_on(node::http::call_local(&socket, call)).unwrap();
    serde_json::from_slice::<Value>(&body).unwrap()["elements"][0].clone()
}
