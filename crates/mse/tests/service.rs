//! `mse engine` as a health monitor starts it: a real process, and the other end of its line.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use model::pair::{Entry, Epoch, Position};
use node::service::{Order, Report, read_frame, read_greeting, write_frame};
use serde_json::Value;
use store::{Change, holds_secret};

/// Nothing here takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// An engine of a pair, its monitor, and the journal that the monitor keeps.
struct Pair {
    dir: PathBuf,
    engine: Child,
    stream: UnixStream,
    reports: Receiver<Report>,
    journal: Arc<Mutex<Vec<Entry>>>,
}

impl Pair {
    fn start(name: &str) -> Self {
        Self::start_at(name, "127.0.0.1")
    }

    /// With this virtual address.
    fn start_at(name: &str, address: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("openmse-pair-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (socket, config) = (dir.join("monitor.sock"), dir.join("engine.toml"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text =
            format!("data = \"/not/here\"\n[https]\nlisten = \"127.0.0.1:{port}\"\nplain = true\n");
        std::fs::write(&config, text).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        let engine = Command::new(env!("CARGO_BIN_EXE_mse"))
            .arg("engine")
            .arg("--config")
            .arg(&config)
            .env("MSE_SERVICE_SOCKET", &socket)
            .env("MSE_SERVICE_DATA", dir.join("data"))
            .env("MSE_SERVICE_ADDRESS", address)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stream, _) = listener.accept().unwrap();
        let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let journal = Arc::new(Mutex::new(Vec::new()));
        let (kept, (say, reports)) = (Arc::clone(&journal), channel());
        read_greeting(&mut reader).unwrap();
        thread::spawn(move || {
            while let Ok(Some(report)) = read_frame::<Report>(&mut reader) {
                let Report::Write { ticket, drafts } = report else {
                    if say.send(report).is_err() {
                        return;
                    }
                    continue;
                };
                let mut journal = kept.lock().unwrap();
                let first = journal.len() as u64 + 1;
                let entries: Vec<Entry> = (first..)
                    .zip(drafts)
                    .map(|(index, draft)| Entry {
                        position: Position { index, ..Position::default() },
                        kind: draft.kind,
                        version: draft.version,
                        payload: draft.payload,
                    })
                    .collect();
                journal.extend(entries.iter().cloned());
                for order in [Order::Written { ticket, first }, Order::Apply(entries)] {
                    if write_frame(&mut writer, &order).is_err() {
                        return;
                    }
                }
            }
        });
        let pair = Self { dir, engine, stream, reports, journal };
        assert!(matches!(pair.hear(), Report::Hello { .. }));
        pair
    }

    fn hear(&self) -> Report {
        loop {
            match self.reports.recv_timeout(PATIENCE).expect("the engine says something") {
                Report::Applied { .. } => {}
                report => return report,
            }
        }
    }

    fn order(&self, order: &Order) -> Report {
        // What is committed is written under the same lock: no frame is torn.
        {
            let _alone = self.journal.lock().unwrap();
            write_frame(&mut (&self.stream), order).unwrap();
        }
        self.hear()
    }

    fn activate(&self) {
        write_frame(&mut (&self.stream), &Order::Level(store::FEATURE_LEVEL as u16)).unwrap();
        assert_eq!(self.order(&Order::Activate(Epoch::default())), Report::Active);
        let _alone = self.journal.lock().unwrap();
        let until = node::clock::boot().plus_ms(600_000);
        write_frame(&mut (&self.stream), &Order::Reads(until)).unwrap();
    }

    fn data(&self) -> String {
        self.dir.join("data").display().to_string()
    }

    /// Runs a command on the engine's directory.
    fn mse(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut child = Command::new(env!("CARGO_BIN_EXE_mse"))
            .args(arguments)
            .arg("--data")
            .arg(self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn check(&self, arguments: &[&str], input: &str, code: i32, expected: &str) {
        let output = self.mse(arguments, input);
        let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "mse {arguments:?}: {all}");
        assert!(all.contains(expected), "mse {arguments:?} does not say '{expected}': {all}");
    }

    fn eventually(&self, what: &str, is_so: impl Fn(&[Entry]) -> bool) {
        let started = Instant::now();
        while !is_so(&self.journal.lock().unwrap()) {
            assert!(started.elapsed() < PATIENCE, "never: {what}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of the process: its exit code and its log.
    fn ended(mut self) -> (Option<i32>, String) {
        use std::io::Read as _;
        let mut log = String::new();
        self.engine.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.engine.wait().unwrap().code(), log)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = self.engine.kill();
        let _ = self.engine.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn operators_see_both_duties_and_change_users_through_the_pair() {
    let pair = Pair::start("duties");
    pair.check(&["getserverinfo"], "", 0, "MSE services are up and in DORMANT mode, getting");
    pair.check(&["user", "add", "bob"], "a long password\n", 1, "this node is dormant");
    pair.activate();
    pair.check(&["getserverinfo"], "", 0, "MSE services are up, getting the status");
    pair.eventually("the service is founded", |journal| journal.len() >= 3);
    pair.check(&["user", "add", "bob"], "a long password\n", 0, "bob: added");
    let last = pair.journal.lock().unwrap().last().cloned().unwrap();
    assert!(matches!(Change::of(&last), Ok(Change::UserAdded { name, .. }) if name == "bob"));
    assert!(holds_secret(&last));
    pair.check(&["user", "list"], "", 0, "bob");

    // What controllers are told to trust is what the pair keeps, whichever node is asked.
    let Change::ServiceIdentitySet { certificate, key } =
        Change::of(&pair.journal.lock().unwrap()[1]).unwrap()
    else {
        panic!("no identity")
    };
    let identity = node::identity::Identity::parse(&certificate, &key.0).unwrap();
    let shown = pair.mse(&["--json", "cmdshell", "show", "server-auth-info"], "");
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["sha2_key_hash"], identity.credentials.sha256.to_string());

    assert_eq!(pair.order(&Order::Deactivate), Report::Dormant);
    pair.check(&["getserverinfo"], "", 0, "DORMANT");
    pair.activate();
    pair.check(&["user", "remove", "bob"], "", 0, "bob: removed");

    pair.stream.shutdown(std::net::Shutdown::Both).unwrap();
    let data = pair.data();
    thread::sleep(Duration::from_millis(500));
    let refused = Command::new(env!("CARGO_BIN_EXE_mse"))
        .args(["user", "remove", "admin", "--data", &data])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("one node of a pair"), "{text}");
    let (code, log) = pair.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("activated in"), "{log}");
    assert!(log.contains("the line to the health monitor has ended"), "{log}");
    assert!(!log.contains("PRIVATE KEY") && !log.contains("ERROR"), "{log}");
}

#[test]
fn an_engine_that_is_terminated_leaves_its_monitor() {
    let pair = Pair::start("terminated");
    pair.activate();
    let killed = Command::new("kill").arg(pair.engine.id().to_string()).status().unwrap();
    assert!(killed.success());
    let (code, log) = pair.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("deactivated in"), "{log}");
}

#[test]
fn an_engine_of_a_pair_listens_at_the_virtual_address() {
    let pair = Pair::start_at("address", "127.9.8.7");
    pair.activate();
    let text = std::fs::read_to_string(pair.dir.join("engine.toml")).unwrap();
    let port = text.split("127.0.0.1:").nth(1).unwrap().split('"').next().unwrap();
    assert!(std::net::TcpStream::connect(format!("127.9.8.7:{port}")).is_ok());
    assert!(std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err());
}
