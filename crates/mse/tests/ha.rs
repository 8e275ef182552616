//! The operators' commands of a node, against a monitor that answers what a test wants: the real
//! program, real files, a real socket.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use ha::{Mode, State};
use model::Time;
use model::pair::Seat;
use monitor::info::{Database, Info, NodeInfo, PeerInfo};
use serde_json::{Value, json};

/// A data directory that is removed with everything in it.
struct Node(PathBuf);

impl Node {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("openmse-ha-{name}-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("node")).unwrap();
        Self(dir)
    }

    /// Answers every request with what `answer` says to (method and path, body) until the test ends.
    fn monitor(
        &self,
        answer: impl Fn(&str, &str) -> (u16, Value) + Send + 'static,
    ) -> mpsc::Receiver<(String, String)> {
        let listener = UnixListener::bind(self.0.join("node/monitor.sock")).unwrap();
        let (heard, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut line = String::new();
                let (mut request, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).unwrap() > 0 && line != "\r\n" {
                    if request.is_empty() {
                        line.trim_end_matches(" HTTP/1.1\r\n").clone_into(&mut request);
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                // Somebody only looked whether the monitor runs.
                if request.is_empty() {
                    continue;
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let body = String::from_utf8(body).unwrap();
                let (status, document) = answer(&request, &body);
                let document = document.to_string();
                let _ = write!(
                    reader.get_mut(),
                    "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{document}",
                    document.len()
                );
                let _ = heard.send((request, body));
            }
        });
        requests
    }

    fn run(&self, arguments: &[&str], typed: &str) -> (Option<i32>, String) {
        run(env!("CARGO_BIN_EXE_mse").as_ref(), &self.0, arguments, typed)
    }

    fn check(&self, arguments: &[&str], typed: &str, code: i32, expected: &str) -> String {
        let (found, text) = self.run(arguments, typed);
        assert_eq!(found, Some(code), "mse {arguments:?}: {text}");
        assert!(text.contains(expected), "mse {arguments:?} does not say '{expected}': {text}");
        text
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(program: &Path, data: &Path, arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .args(["--data", data.to_str().unwrap(), "--config", "/nonexistent/node.toml"])
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

fn info(role: Seat, states: &[State]) -> Info {
    let peer = |(nth, state): (usize, &State)| PeerInfo {
        number: nth as u32 + 1,
        instance: nth as u32 + 3,
        name: format!("peer{nth}"),
        health_monitor: "10.10.10.13".parse().unwrap(),
        virtual_address: "10.10.10.11".parse().unwrap(),
        version: "0.1.0".to_owned(),
        udi: "OPENMSE-VA:V01:peer".to_owned(),
        failover: Mode::Manual,
        failback: Mode::Manual,
        failover_wait_ms: 2_500,
        database: Database::of(role, nth as u32 + 3),
        direct_connect: false,
        heartbeat_is_up: true,
        state: *state,
        last_shutdown_state: None,
        sync_percent: 100,
        heartbeat_response_ms: Some(8),
        is_paused: false,
    };
    Info {
        running: true,
        at_ms: Time(0),
        node: NodeInfo {
            name: "mse1".to_owned(),
            role,
            health_monitor: "10.10.10.12".parse().unwrap(),
            virtual_address: (role == Seat::Primary).then(|| "10.10.10.11".parse().unwrap()),
            version: "0.1.0".to_owned(),
            udi: "OPENMSE-VA:V01:mse1_001122334455".to_owned(),
            serving: false,
        },
        peers: states.iter().enumerate().map(peer).collect(),
    }
}

/// A monitor that does everything for these groups.
fn willing(info: Info) -> impl Fn(&str, &str) -> (u16, Value) {
    move |request, _| match request {
        "GET /api/v1/ha/info" => (200, serde_json::to_value(&info).unwrap()),
        "GET /api/v1/ha/events?after=0" | "GET /api/v1/ha/events?after=1" => {
            let row = |id: u64| {
                json!({ "id": id, "at_ms": 1_425_814_757_000_u64, "group": 3, "event": format!("Event {id}"),
                        "generated_by": "Primary", "severity": "information", "remarks": null })
            };
            let first = if request.ends_with('0') { 1 } else { 2 };
            (200, (first..=3).map(row).collect())
        }
        _ => (200, json!({ "text": format!("done: {request}") })),
    }
}

#[test]
fn a_monitor_that_does_not_run_leaves_its_last_word() {
    let node = Node::new("stopped");
    node.check(&["gethainfo"], "", 4, "no health monitor ever ran in");
    info(Seat::Primary, &[State::FailoverActive]).save(&node.0.join("node")).unwrap();
    let text = node.check(&["gethainfo"], "", 0, "Last shutdown state: FAILOVER_ACTIVE");
    assert!(text.starts_with("Health Monitor is not running. Following information is from"));
    let (_, text) = node.run(&["--json", "gethainfo"], "");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["running"], false);
    assert_eq!(document["peers"][0]["last_shutdown_state"], "FAILOVER_ACTIVE");
    let text = node.check(&["getserverinfo"], "", 3, "Health Monitor is not running\n");
    assert!(text.starts_with("Health Monitor is not running\nmse: no monitor runs"), "{text}");
    node.check(&["ha", "status"], "", 0, "Health Monitor is not running");
    node.check(&["ha", "switchover"], "", 3, "no monitor runs");
}

#[test]
fn a_running_monitor_is_asked() {
    let node = Node::new("running");
    let _requests = node.monitor(willing(info(Seat::Secondary, &[State::SecondaryActive])));
    node.check(&["gethainfo"], "", 0, "Current state: SECONDARY_ACTIVE");
    node.check(
        &["getserverinfo"],
        "",
        0,
        "Health Monitor is running\nRetrieving MSE Services status.\n\
         MSE services are up and in DORMANT mode, getting the status\n",
    );
    node.check(&["ha", "status"], "", 0, "Mean Heartbeat Response Time  8 millisec");
    let text = node.check(&["ha", "events", "--limit", "2"], "", 0, "Event 3");
    assert!(!text.contains("Event 1") && text.find("Event 3") < text.find("Event 2"), "{text}");
    let text = node.check(&["ha", "history", "--after", "1"], "", 0, "Event 2");
    assert!(!text.contains("Event 1"), "{text}");
    // Called by the appliance's name through a link.
    let link = node.0.join("gethainfo");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mse"), &link).unwrap();
    let (code, text) = run(&link, &node.0, &[], "");
    assert!(code == Some(0) && text.contains("Server role: Secondary"), "{text}");
}

#[test]
fn commands_go_to_the_group_that_is_meant() {
    let node = Node::new("groups");
    let states = [State::SecondaryActive, State::FailoverActive];
    let requests = node.monitor(willing(info(Seat::Secondary, &states)));
    node.check(&["ha", "switchover"], "", 1, "add --instance: 3 with peer0, 4 with peer1");
    node.check(&["ha", "switchover", "--instance", "5"], "", 4, "no group 5 here");
    for (arguments, path) in [
        ("switchover --instance 3", "groups/3/switchover"),
        ("failback --instance 4", "groups/4/failback"),
        ("pause --instance 3", "groups/3/pause"),
        ("resume --instance 3", "groups/3/resume"),
        ("enrol --instance 4", "groups/4/enrol"),
        ("force --yes --instance 3", "groups/3/force"),
        ("unpair --yes --instance 4", "groups/4/unpair"),
    ] {
        let words: Vec<&str> = ["ha"].into_iter().chain(arguments.split(' ')).collect();
        node.check(&words, "", 0, &format!("done: POST /api/v1/ha/{path}\n"));
    }
    let bodies = requests.try_iter().filter(|(request, _)| request.starts_with("POST"));
    assert!(bodies.map(|(_, body)| body).all(|body| body == "{}"));
    let (_, text) = node.run(&["--json", "ha", "pause", "--instance", "3"], "");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["text"], "done: POST /api/v1/ha/groups/3/pause");
}

#[test]
fn a_goal_that_is_reached_is_not_asked_for() {
    let node = Node::new("reached");
    let requests = node.monitor(willing(info(Seat::Primary, &[State::PrimaryActive])));
    node.check(&["ha", "failback"], "", 0, "the primary serves already; nothing was changed");
    assert!(requests.try_iter().all(|(request, _)| request.starts_with("GET")));
}

#[test]
fn what_cannot_be_taken_back_wants_its_word() {
    let node = Node::new("confirm");
    let requests = node.monitor(willing(info(Seat::Secondary, &[State::Suspended])));
    let text =
        node.check(&["ha", "force"], "yes\n", 1, "'force' was not typed; nothing was changed");
    assert!(text.contains("is lost to clients"), "{text}");
    node.check(&["ha", "unpair"], "", 1, "nothing was changed");
    node.check(&["--json", "ha", "unpair"], "unpair\n", 1, "--yes");
    assert!(requests.try_iter().all(|(request, _)| request.starts_with("GET")));
    node.check(&["ha", "force"], "force\n", 0, "done: POST /api/v1/ha/groups/3/force");
}

#[test]
fn a_refusal_is_passed_on() {
    let node = Node::new("refused");
    let document = serde_json::to_value(info(Seat::Primary, &[State::PrimaryActive])).unwrap();
    let _requests = node.monitor(move |request, _| match request {
        "GET /api/v1/ha/info" => (200, document.clone()),
        _ => (409, json!({ "error": "the secondary is at 66 %" })),
    });
    node.check(&["ha", "switchover"], "", 1, "mse: the secondary is at 66 %");
}

#[test]
fn pairing_sends_what_the_other_node_needs() {
    let node = Node::new("pair");
    let requests = node.monitor(willing(info(Seat::Primary, &[])));
    let hash = "ab".repeat(32);
    let pair = ["ha", "pair", "10.10.10.13", "--key-hash", &hash];
    node.check(&[&pair[..], &["--direct-connect"]].concat(), "a good password\n", 0, "done: POST");
    let (request, body) = requests.try_iter().last().unwrap();
    assert_eq!(request, "POST /api/v1/ha/pair");
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({
            "address": "10.10.10.13", "port": 8082, "user": "admin", "password": "a good password",
            "key_hash": hash, "failover": "manual", "failback": "manual", "failover_wait_s": 2.5,
            "witness": null, "direct_connect": true, "allow_smaller": false
        })
    );
    let automatic = [&pair[..], &["--failover", "automatic"]].concat();
    node.check(&automatic, "", 5, "automatic failover needs a witness");
    let witness = ["--witness", "10.10.10.9:8082", "--witness-key-hash", &hash];
    node.check(&[&automatic[..], &witness].concat(), "a good password\n", 0, "done: POST");
    let (_, body) = requests.try_iter().last().unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["witness"], json!({ "address": "10.10.10.9:8082", "key_hash": hash }));
    node.check(&[&pair[..], &["--failover-wait", "1"]].concat(), "", 5, "failover_wait_ms is 1000");
    node.check(&["ha", "pair", "10.10.10.13"], "", 2, "--key-hash");
    node.check(&["ha", "switchover"], "", 4, "this node is not paired");
}
