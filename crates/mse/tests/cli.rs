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

/// At any moment: while it makes its storage, while it plays, while it stops.
#[test]
fn an_interrupted_demo_says_so_and_leaves_nothing_behind() {
    let scratch = Scratch::new("interrupted");
    for (signal, after_ms) in [("TERM", 30), ("INT", 100), ("HUP", 400), ("TERM", 1_500)] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_mse"))
            .args(["demo", "--once"])
            .env("TMPDIR", &scratch.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(after_ms));
        let sent = Command::new("kill").args(["-s", signal, &demo.id().to_string()]).status();
        assert!(sent.unwrap().success());
        // Before the program listens for signals, one simply ends it.
        let code = demo.wait().unwrap().code();
        assert!(matches!(code, Some(130) | None), "{signal} after {after_ms} ms: {code:?}");
        let left = std::fs::read_dir(&scratch.0).unwrap().count();
        assert_eq!(left, 0, "{signal} after {after_ms} ms");
    }
}

/// An engine and a controller with files of their own, that know each other's keys.
struct Site {
    scratch: Scratch,
    engine: String,
    controller: String,
    engine_auth: Value,
    controller_auth: Value,
    nmsp_port: u16,
}

impl Site {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let (engine, controller) = (scratch.path("engine"), scratch.path("controller"));
        check(&["cmdshell", "--data", &engine, "show", "server-auth-info"], 4, "mse init");
        let auth = |data: &str| {
            let made = json(&["init", "--data", data]);
            assert_eq!(made, json(&["cmdshell", "--data", data, "show", "server-auth-info"]));
            made
        };
        let (engine_auth, controller_auth) = (auth(&engine), auth(&controller));
        let nmsp_port = free_port();
        Self { scratch, engine, controller, engine_auth, controller_auth, nmsp_port }
    }

    /// The controller's file, with this key hash for the engine's MAC.
    fn controller_file(&self, key_hash: &Value) -> String {
        let (data, port, mac) =
            (&self.controller, self.nmsp_port, &self.engine_auth["mac_address"]);
        let text = format!(
            "data = {data:?}\nname = \"wlc-test\"\n[nmsp]\nlisten = \"127.0.0.1:{port}\"\n\
             [[trusted]]\nmac = {mac}\nkey_hash = {key_hash}\n\
             [source]\nkind = \"replay\"\npath = {:?}\nloop = true\n",
            demo_file("tetam"),
        );
        self.scratch.write("controller.toml", &text)
    }

    fn engine_file(&self) -> String {
        let (data, port) = (&self.engine, self.nmsp_port);
        let text = format!(
            "data = {data:?}\nname = \"mse-test\"\n[https]\nlisten = \"127.0.0.1:{}\"\n\
             [[controller]]\naddress = \"127.0.0.1:{port}\"\nkey_hash = {}\n",
            free_port(),
            self.controller_auth["sha2_key_hash"]
        );
        self.scratch.write("engine.toml", &text)
    }

    /// Starts both and waits until the link is active.
    fn start(&self) -> (Role, Role) {
        let controller =
            Role::start("controller", &self.controller_file(&self.engine_auth["sha1_key_hash"]));
        let engine = Role::start("engine", &self.engine_file());
        self.wait_until_active();
        (controller, engine)
    }

    fn wait_until_active(&self) {
        let status = ["nmsp", "status", "--data", &self.engine];
        eventually("active", || text(&mse(&status).stdout).contains("NMSP Status: Active"));
    }
}

#[test]
fn a_wrong_key_hash_is_named_on_both_sides_and_put_right_on_one() {
    let site = Site::new("keys");
    // The controller trusts another key under the engine's address.
    let wrong = site.controller_file(&site.controller_auth["sha2_key_hash"]);
    let _engine = Role::start("engine", &site.engine_file());
    let status = ["nmsp", "status", "--data", &site.engine];
    eventually("refused", || text(&mse(&status).stdout).contains("Reason: refused"));
    {
        let _controller = Role::start("controller", &wrong);
        eventually("mismatch", || text(&mse(&status).stdout).contains("Reason: hash_mismatch"));
        let log = std::fs::read_to_string(format!("{wrong}.log")).unwrap();
        let line =
            log.lines().find(|line| line.contains("authlist authentication failed")).unwrap();
        for said in ["sha2_key_hash", "sha1_key_hash", "mac_address"] {
            assert!(line.contains(site.engine_auth[said].as_str().unwrap()), "{said}: {line}");
        }
        assert!(line.contains("certificate_unknown"), "{line}");
    }
    let _controller =
        Role::start("controller", &site.controller_file(&site.engine_auth["sha1_key_hash"]));
    site.wait_until_active();
}

/// A notification lives from put to remove.
fn notifications(site: &Site, data: [&str; 2]) {
    let listener = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let file = site.scratch.path("notification.json");
    let definition = serde_json::json!({
        "name": "over there",
        "conditions": [{"type": "association"}],
        "receivers": [
            {"transport": {"type": "syslog", "host": "127.0.0.1", "port": port, "protocol": "udp"}},
        ],
    });
    std::fs::write(&file, definition.to_string()).unwrap();
    let run = |words: &[&str], code, expected| {
        check(&[&["notifications"], words, &data].concat(), code, expected);
    };
    run(&["put", &file], 0, "over there: put");
    run(&["list"], 0, "sent 0");
    run(&["test", "over there"], 0, "taken");
    let mut datagram = [0; 64];
    listener.recv(&mut datagram).unwrap();
    assert!(datagram.starts_with(b"<133>1 "));
    run(&["show", "over there"], 0, "\"association\"");
    run(&["remove", "over there"], 0, "over there: removed");
    run(&["show", "over there"], 4, "over there");
}

#[test]
fn maps_are_made_imported_and_exported_and_elements_are_found_on_them() {
    let site = Site::new("maps");
    let _roles = site.start();
    let data = ["--data", &site.engine];
    let (archive, again) = (site.scratch.path("maps.tar.gz"), site.scratch.path("again.tar.gz"));
    let source = site.scratch.path("controller.toml");
    check(&["maps", "from-source", &source, &archive], 0, "access points 12");
    check(&["maps", "import", &archive, data[0], data[1]], 0, "floors 1");
    check(&["maps", "export", &again, data[0], data[1]], 0, "bytes");
    let bytes = |file| std::fs::read(file).unwrap();
    assert_eq!(bytes(&archive), bytes(&again), "the archive comes back as it was");

    let mut found = Value::Null;
    eventually("a position", || {
        found = beacon(&site.engine);
        !found["position"].is_null()
    });
    let mac = found["mac"].as_str().unwrap();
    check(&["track", mac, data[0], data[1]], 0, "Tetam>Office>Office");
    assert_eq!(json(&["track", mac, data[0], data[1]])[0]["mac"], mac);
    check(&["track", "00:00:00:00:00:01", data[0], data[1]], 4, "not tracked");
    check(&["analytics", data[0], data[1]], 0, "everywhere, days of UTC");
    check(
        &["analytics", "Tetam>Office", "--period", "lastweek", data[0], data[1]],
        0,
        "Tetam>Office",
    );
    check(&["analytics", "Atlantis", data[0], data[1]], 4, "'Atlantis'");
    let figures = json(&["analytics", data[0], data[1]]);
    assert_eq!(figures["counts"]["buckets"].as_array().unwrap().len(), 24, "hours of today");
    check(&["getserverinfo", data[0], data[1]], 0, "Active Tags: 1");
    notifications(&site, data);

    // Called by the appliance's name through a link.
    let link = site.scratch.0.join("getserverinfo");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mse"), &link).unwrap();
    let linked = Command::new(&link).args(data).output().unwrap();
    assert!(text(&linked.stdout).contains("MSE services are up, getting the status"));
}

#[test]
fn a_role_does_not_start_in_the_directory_of_another() {
    let site = Site::new("roles");
    let _roles = site.start();
    let text = format!("data = {:?}\n[https]\nlisten = \"127.0.0.1:0\"\n", site.controller);
    let file = site.scratch.write("other.toml", &text);
    check(&["engine", "--config", &file], 1, "of a role 'controller'");
}

#[test]
fn the_controller_prints_the_published_shapes() {
    let site = Site::new("shapes");
    let _roles = site.start();
    let show = |what: &str, expected: &str| {
        check(&["show", "nmsp", "--data", &site.controller, what], 0, expected);
    };
    let statistics = ["show", "nmsp", "--data", &site.controller, "statistics"];
    let line = "   15 Measurement Notification";
    eventually("measurements", || text(&mse(&statistics).stdout).contains(line));
    let header = "DNA Spaces/CMX IP Address   Active    Tx Echo Resp  Rx Echo Req  Tx Data   Rx Data   Transport";
    show("status", header);
    show("status", "127.0.0.1                   Active");
    show("capability", "RSSI                    Mobile Station, Tags, Rogue, Interferer");
    show(
        "subscription",
        "127.0.0.1           RSSI, Info, Statistics, Attachment, Location, IDS, AP Info",
    );
}

#[test]
fn users_are_added_listed_and_removed() {
    let site = Site::new("users");
    let _roles = site.start();
    let user = |arguments: &[&str], typed: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mse"))
            .args([&["user"], arguments, &["--data", &site.engine]].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let said = |code, words: &str| (Some(code), format!("{words}\n"));
    assert_eq!(
        user(&["add", "ana", "--role", "operator"], "a good password\n"),
        said(0, "ana: added")
    );
    assert_eq!(user(&["add", "ben"], "short\n"), said(1, "mse: a password has 8 to 256 bytes"));
    assert!(user(&["list"], "").1.contains("ana                     operator"));
    assert_eq!(user(&["remove", "ben"], "").0, Some(4));
    assert_eq!(user(&["remove", "ana"], ""), said(0, "ana: removed"));
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
