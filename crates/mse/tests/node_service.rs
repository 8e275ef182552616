//! `mse service ..` and `mse support` on real nodes: real processes, a real pair on loopback.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Nothing here takes this long.
const PATIENCE: Duration = Duration::from_mins(1);
const PASSWORD: &str = "a pairing password";

/// Nodes that know each other, in a directory that is removed.
struct Site {
    dir: PathBuf,
    /// The third number of their addresses.
    network: u8,
    port: u16,
}

impl Site {
    fn new(name: &str, network: u8) -> Self {
        let dir = std::env::temp_dir().join(format!("openmse-msed-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let engine =
            format!("data = \"/nowhere\"\n[https]\nlisten = \"127.0.0.1:{port}\"\nplain = true\n");
        std::fs::write(dir.join("engine.toml"), engine).unwrap();
        Self { dir, network, port }
    }

    fn data(&self, node: &str) -> PathBuf {
        self.dir.join(node)
    }

    /// The configuration of a node; `more` stands at its end.
    fn configure(&self, node: &str, more: &str) -> String {
        let Self { dir, network, port } = self;
        let (role, last) = if node == "primary" { ("primary", 12) } else { ("secondary", 13) };
        let virtual_address = if node == "primary" {
            format!(
                "[virtual_address]\naddress = \"127.9.{network}.11\"\nprefix = 24\nprovider = \"loopback\"\n"
            )
        } else {
            String::new()
        };
        let text = format!(
            "data = \"{}\"\nname = {node:?}\nrole = {role:?}\n\
             [health_monitor]\naddress = \"127.9.{network}.{last}\"\nport = {port}\n{virtual_address}\
             [service]\ncommand = [{:?}, \"engine\", \"--config\", \"{}\"]\n{more}",
            self.data(node).display(),
            env!("CARGO_BIN_EXE_mse"),
            dir.join("engine.toml").display(),
        );
        let file = dir.join(format!("{node}.toml"));
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for node in ["primary", "secondary"] {
            let file = self.dir.join(format!("{node}.toml"));
            let _ = mse(&["service", "stop", "--config", file.to_str().unwrap()], "");
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn mse(arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mse"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let output = child.wait_with_output().unwrap();
    let all = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(all).unwrap())
}

#[track_caller]
fn check(arguments: &[&str], code: i32, expected: &str) -> String {
    let (found, text) = mse(arguments, "");
    assert_eq!(found, Some(code), "mse {arguments:?}: {text}");
    assert!(text.contains(expected), "mse {arguments:?} does not say '{expected}': {text}");
    text
}

fn json(arguments: &[&str]) -> Value {
    let (_, text) = mse(&[&["--json"], arguments].concat(), "");
    serde_json::from_str(text.split("\nmse: ").next().unwrap()).unwrap()
}

#[track_caller]
fn until(arguments: &[&str], expected: &str) {
    let started = Instant::now();
    loop {
        let (_, text) = mse(arguments, "");
        if text.contains(expected) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "mse {arguments:?} never says '{expected}': {text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_pair_is_started_looked_at_and_stopped_in_order() {
    let site = Site::new("pair", 20);
    let primary = site.configure("primary", "");
    let secondary = site.configure("secondary", "");
    let (data, other) = (site.data("primary"), site.data("secondary"));
    check(&["service", "status", "--config", &primary], 3, "Health Monitor is not running");
    check(&["service", "stop", "--config", &primary], 0, "Health Monitor is not running");
    check(&["service", "start", "--config", &primary], 0, "Health Monitor is running\n");
    let text = check(&["service", "start", "--config", &secondary], 0, "Server role: Secondary");
    assert!(text.starts_with("Starting Health Monitor ..\n"), "{text}");
    check(&["service", "start", "--config", &primary], 0, "running already");

    let passwd = ["ha", "passwd", "admin", "--data", other.to_str().unwrap()];
    assert_eq!(mse(&passwd, &format!("{PASSWORD}\n")).0, Some(0));
    let auth = ["cmdshell", "--data", other.to_str().unwrap(), "show", "server-auth-info"];
    let key_hash = json(&auth)["sha2_key_hash"].as_str().unwrap().to_owned();
    let (address, port) = (format!("127.9.{}.13", site.network), site.port.to_string());
    let pair =
        ["ha", "pair", &address, "--port", &port, "--key-hash", &key_hash, "--config", &primary];
    let (code, text) = mse(&pair, &format!("{PASSWORD}\n"));
    assert_eq!(code, Some(0), "{text}");
    until(&["service", "status", "--config", &primary], "Current state: PRIMARY_ACTIVE");
    until(&["service", "status", "--config", &secondary], "in DORMANT mode");
    let status = json(&["service", "status", "--config", &secondary]);
    assert_eq!((&status["running"], &status["systemd"]), (&true.into(), &false.into()));
    assert!(
        status["process"].as_u64().is_some() && status["peers"][0]["instance"] == 3,
        "{status}"
    );

    let text = check(&["service", "stop", "--config", &secondary], 0, "Stopping Health Monitor ..");
    assert!(text.contains("Last shutdown state: GRACEFUL_SHUTDOWN"), "{text}");
    let text = check(&["service", "status", "--config", &secondary], 3, "Server role: Secondary");
    assert!(text.contains("Last shutdown state: GRACEFUL_SHUTDOWN"), "{text}");
    // Both processes have logs, and only those who run the node read them.
    for (node, name) in [(&data, "monitor.log"), (&data, "service-3.log"), (&other, "monitor.log")]
    {
        let log = node.join("logs").join(name);
        let mode = std::fs::metadata(&log).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & !0o640, 0, "{}: {mode:o}", log.display());
        assert!(!std::fs::read_to_string(&log).unwrap().is_empty(), "{}", log.display());
    }
    let mode = std::fs::metadata(&data).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "{mode:o}");
    let log = std::fs::read_to_string(other.join("logs/monitor.log")).unwrap();
    assert!(log.contains("health monitor stopped"), "{log}");
    assert!(!log.contains(PASSWORD) && !log.contains("PRIVATE KEY"), "{log}");
    check(&["service", "stop", "--config", &primary], 0, "Health Monitor is not running");
}

#[test]
fn a_node_that_cannot_start_says_why_and_one_that_was_killed_is_not_running() {
    let site = Site::new("fault", 21);
    let primary = site.configure("primary", "[logs]\nfile_mib_max = 0\n");
    check(&["service", "start", "--config", &primary], 5, "logs.file_mib_max");
    let elsewhere = site.dir.join("var/log");
    let primary = site.configure("primary", &format!("[logs]\ndirectory = {elsewhere:?}\n"));
    let taken = TcpListener::bind((format!("127.9.{}.12", site.network), site.port)).unwrap();
    check(&["service", "start", "--config", &primary], 1, "cannot listen on 127.9.21.12");
    drop(taken);
    check(&["service", "start", "--config", &primary], 0, "Health Monitor is running");
    assert!(elsewhere.join("monitor.log").exists() && !site.data("primary").join("logs").exists());
    let process = json(&["service", "status", "--config", &primary])["process"].as_u64().unwrap();
    let kill = |signal: &str| {
        let sent = Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
        assert!(sent.success());
    };
    kill("-STOP");
    // Its threads stop one after the other.
    until(&["service", "status", "--config", &primary], "does not answer");
    check(&["service", "status", "--config", &primary], 1, "does not answer");
    kill("-CONT");
    kill("-KILL");
    until(&["service", "status", "--config", &primary], "Health Monitor is not running");
    check(&["service", "status", "--config", &primary], 3, "Server role: Primary");
    check(&["service", "start", "--config", &primary], 0, "Health Monitor is running");
    check(&["service", "status", "--config", &primary], 0, "MSE services");
    check(
        &["service", "status", "--config", "/nonexistent.toml", "--data", "/nonexistent"],
        4,
        "--data",
    );
}

/// A systemd that keeps what it is asked, and whose unit fails.
#[test]
fn a_machine_with_systemd_and_the_unit_leaves_it_to_systemd() {
    if Path::new("/etc/mse/node.toml").exists() {
        let line = "SKIPPED: this machine has a node of its own\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    let site = Site::new("systemd", 22);
    let (asked, program) = (site.dir.join("asked"), site.dir.join("systemctl"));
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {asked:?}\ncase \"$*\" in\n\
         *LoadState*) echo LoadState=loaded; echo MainPID=0;;\n*ActiveState*) echo failed;;\nesac\n"
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", site.dir.display(), std::env::var("PATH").unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_mse"))
        .args(["service", "start"])
        .env("PATH", path)
        .env_remove("MSE_DATA")
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("`journalctl -u mse-monitor` says why"), "{text}");
    let asked = std::fs::read_to_string(&asked).unwrap();
    assert!(asked.contains("start mse-monitor.service\n"), "{asked}");
}

/// The unpacked bytes of a bundle.
fn unpacked(file: &Path) -> Vec<u8> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_support_bundle_has_what_helps_and_no_secret() {
    use std::fmt::Write as _;
    const CONFIGURED: &str = "smtp-pass-4711";
    const COMMENTED: &str = "old-pass-0815";
    const CLIENT: &str = "00:50:56:9c:34:89";
    let site = Site::new("support", 23);
    let primary = site.configure("primary", "");
    let data = site.data("primary");
    check(&["service", "start", "--config", &primary], 0, "Health Monitor is running");
    let passwd = ["ha", "passwd", "admin", "--data", data.to_str().unwrap()];
    assert_eq!(mse(&passwd, &format!("{PASSWORD}\n")).0, Some(0));
    until(&["service", "status", "--config", &primary], "MSE services are up\n");

    // Secrets where they should be, and where they should not.
    let read = |name: &str| std::fs::read_to_string(data.join(name)).unwrap();
    let key = read("node/identity.key");
    let operators = read("node/operators.toml");
    let hash = operators.split('"').find(|word| word.starts_with("$argon2")).unwrap();
    let engine = site.dir.join("engine.toml");
    let mut text = std::fs::read_to_string(&engine).unwrap();
    let _ = write!(text, "# {COMMENTED}\n[smtp]\npassword = \"{CONFIGURED}\"\n");
    std::fs::write(&engine, text).unwrap();
    let mut log =
        std::fs::File::options().append(true).open(data.join("logs/monitor.log")).unwrap();
    write!(log, "{key}\nkey {}\n", key.lines().nth(1).unwrap()).unwrap();
    writeln!(log, "sent {CONFIGURED} for {CLIENT}, hash {hash}, as 0050.569C.3489").unwrap();
    let line = format!("{CLIENT} was heard with token=abc-{CONFIGURED}\n");
    std::fs::write(data.join("logs/monitor.log.1"), line.repeat(200_000)).unwrap();

    let file = site.dir.join("bundle.tar.gz");
    let arguments = ["support", "--output", file.to_str().unwrap(), "--config", &primary];
    let report = json(&arguments);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    let bytes = unpacked(&file);
    for secret in
        [PASSWORD, CONFIGURED, COMMENTED, CLIENT, "569C.3489", hash, "$argon2", "PRIVATE KEY"]
    {
        assert!(!has(&bytes, secret), "{secret} is in the bundle");
    }
    for line in key.lines() {
        assert!(!has(&bytes, line), "a line of the key is in the bundle");
    }
    for kept in [
        "Server role: Primary",
        "mse_ha_serves",
        "health monitor started",
        "\"segments\"",
        "inodes free",
    ] {
        assert!(has(&bytes, kept), "{kept} is not in the bundle");
    }
    let names: Vec<&str> = report["contents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    for name in [
        "README.txt",
        "config/node.toml",
        "config/service.toml",
        "node/peers.toml",
        "node/getserverinfo.txt",
        "node/gethainfo.json",
        "node/ha-status.json",
        "node/ha-events.json",
        "node/metrics.txt",
        "instances/3/journal.json",
        "instances/3/metrics.txt",
        "logs/monitor.log",
        "logs/service-3.log",
        "system/versions.txt",
        "system/disk.txt",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert_eq!(report["missing"], Value::Array(Vec::new()));
    // 13 MB of log become the newest 2 MiB of it.
    let long =
        report["contents"].as_array().unwrap().iter().find(|it| it["name"] == "logs/monitor.log.1");
    let long = long.unwrap()["bytes"].as_u64().unwrap();
    assert!((1 << 20..=2 << 20).contains(&long), "{long}");
    assert!(bytes.len() < 8 << 20, "{} bytes", bytes.len());

    // None is replaced, and a node that does not run has one, too.
    let (code, text) = mse(&arguments, "");
    assert_eq!(code, Some(1), "{text}");
    check(&["service", "stop", "--config", &primary], 0, "not running");
    let stopped = site.dir.join("stopped.tar.gz");
    let arguments = ["support", "--output", stopped.to_str().unwrap(), "--config", &primary];
    let text = check(&arguments, 0, "MAC addresses are replaced");
    assert!(text.contains("not there: node/ha-status.json: no monitor runs"), "{text}");
    assert!(has(&unpacked(&stopped), "Health Monitor is not running."));
}
