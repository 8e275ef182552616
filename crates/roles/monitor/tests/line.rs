//! A group and its service, which this test plays: what the line is for before entries go over it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ha::Settings;
use model::pair::{Position, Seat};
use monitor::address::Everywhere;
use monitor::config::{Provider, VirtualAddress};
use monitor::group::{Beginning, Parts, Running, SOCKET_NAME, Shown};
use monitor::peers::{FIRST_INSTANCE, Group, GroupId};
use node::log::{Limits, Rotating};
use node::service::{LINE_VERSION, Order, Report, read_frame, write_frame, write_greeting};

/// Nothing here takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// The data directory of a node.
struct Node(PathBuf);

impl Node {
    fn new(name: &str) -> Self {
        let data = std::env::temp_dir().join(format!("openmse-line-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&data).unwrap();
        Self(data)
    }

    /// A primary alone; without a command the test is its service.
    fn start(&self, command: &[&str]) -> Running {
        let address = "127.9.8.11".parse().unwrap();
        let virtual_address = VirtualAddress { address, prefix: 24, provider: Provider::Loopback };
        let group = Group {
            id: GroupId([7; 16]),
            instance: FIRST_INSTANCE,
            seat: Seat::Primary,
            is_begun: false,
            virtual_address,
            settings: Settings {
                has_witness: false,
                failover: ha::Mode::Manual,
                ..Settings::fast()
            },
            peer: None,
            witness: None,
        };
        let limits = Limits { file_bytes_max: 10_000, files_max: 2 };
        let parts = Parts {
            group,
            data: self.0.clone(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            log: Rotating::open(self.0.join("logs/service-3.log"), limits).unwrap(),
            holder: Box::new(Everywhere),
            carrier: None,
            beginning: Beginning::Founder,
        };
        Running::start(parts).unwrap()
    }

    fn folder(&self) -> PathBuf {
        self.0.join("instances").join(FIRST_INSTANCE.to_string())
    }

    /// Connects as a service that speaks this version of the line.
    fn connect(&self, version: u16) -> UnixStream {
        let mut line = UnixStream::connect(self.folder().join(SOCKET_NAME)).unwrap();
        write_greeting(&mut line, version).unwrap();
        line
    }

    /// Connects as a service of this feature level.
    fn serve(&self, level: u16) -> UnixStream {
        let mut line = self.connect(LINE_VERSION);
        let hello = Report::Hello { applied: Position::default(), level };
        write_frame(&mut line, &hello).unwrap();
        line
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn until(running: &Running, what: &str, holds: impl Fn(&Shown) -> bool) -> Shown {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let shown = running.shown();
        if holds(&shown) {
            return shown;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}: {:?}", running.shown());
}

fn until_ended(running: &Running) {
    let started = Instant::now();
    while !running.has_ended() {
        assert!(started.elapsed() < PATIENCE, "the group goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_node_has_the_level_that_its_service_says_and_remembers_it() {
    let node = Node::new("level");
    let running = node.start(&[]);
    std::thread::sleep(Duration::from_millis(100));
    assert!(running.shown().status.is_none(), "nobody has said the level yet");
    let line = node.serve(5);
    let shown = until(&running, "the member takes part", |it| it.status.is_some());
    assert_eq!((shown.level, shown.status.unwrap().level), (Some(5), 5));
    drop(line);
    running.stop();

    // Its service is not there, and the node votes all the same.
    let running = node.start(&[]);
    let shown = until(&running, "the member takes part", |it| it.status.is_some());
    assert_eq!(shown.level, Some(5));

    // A service of the next release: the member begins anew with its level.
    let _line = node.serve(6);
    until_ended(&running);
    assert!(!running.shown().has_stopped, "its node starts it again");
    running.stop();
    let running = node.start(&[]);
    let shown = until(&running, "the member takes part", |it| it.status.is_some());
    assert_eq!(shown.level, Some(6));
    assert_eq!(shown.status.unwrap().level, 5, "nobody has agreed to more than was written");
    running.stop();
}

#[test]
fn a_service_of_another_release_is_refused_with_both_versions() {
    let node = Node::new("version");
    let running = node.start(&[]);
    for is_new_node in [true, false] {
        let mut line = node.connect(LINE_VERSION + 6);
        let shown = until(&running, "it is refused", |it| {
            it.failure.as_ref().is_some_and(|reason| reason.contains("version"))
        });
        let text = shown.failure.unwrap();
        let (service, own) =
            (format!("version {}", LINE_VERSION + 6), format!("version {LINE_VERSION};"));
        assert!(text.contains(&service) && text.contains(&own), "{text}");
        // Nothing is ordered of it.
        line.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(read_frame::<Order>(&mut line), Ok(None)), "the line ends");
        drop(line);
        if is_new_node {
            let mut line = node.serve(1);
            until(&running, "one of this release is taken", |it| it.failure.is_none());
            assert!(matches!(read_frame::<Order>(&mut line), Ok(Some(_))));
        }
    }
    running.stop();
}

#[test]
fn a_service_is_told_its_place_and_what_it_prints_is_kept() {
    let node = Node::new("place");
    let said =
        "echo $MSE_SERVICE_ADDRESS/$MSE_SERVICE_PREFIX; echo $MSE_SERVICE_DATA >&2; sleep 60";
    let running = node.start(&["sh", "-c", said]);
    let expected = format!("127.9.8.11/24\n{}\n", node.folder().join("state").display());
    let started = Instant::now();
    let log = node.0.join("logs/service-3.log");
    while std::fs::read_to_string(&log).unwrap() != expected {
        assert!(started.elapsed() < PATIENCE, "{}", std::fs::read_to_string(&log).unwrap());
        std::thread::sleep(Duration::from_millis(10));
    }
    running.stop();
}
