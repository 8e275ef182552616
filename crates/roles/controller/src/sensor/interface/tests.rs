//! Packet sockets on real interfaces, in a network namespace of their own.
//!
//! There is no radio in a test, and a veth is no interface of 802.11: what is tested is that its packets come
//! as they were sent. It needs root, `ip` of iproute2, and namespaces; without them a test says so on the
//! terminal and proves nothing.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process::Command;
use std::sync::{Arc, Mutex};

use model::{Mac, Time};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, sendto, socket};
use node::clock::Steady;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use super::*;
use crate::feed::Feed;
use crate::sensor::lane::Waiting;
use crate::sensor::register::Entry;
use crate::sensor::sights::Sights;
use crate::source::Nothing;

/// A test waits no longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A namespace with two ends of a cable, `ear` and `mouth`; removed when dropped.
struct Cable(String);

impl Cable {
    fn new(name: &str) -> Option<Self> {
        let cable = Self(format!("mse-ear-{name}-{}", std::process::id()));
        let made = ip(&["netns", "add", &cable.0]).and_then(|()| {
            let namespace = cable.0.as_str();
            ip(&["-n", namespace, "link", "add", "ear", "type", "veth", "peer", "name", "mouth"])?;
            ip(&["-n", namespace, "link", "set", "ear", "up"])?;
            ip(&["-n", namespace, "link", "set", "mouth", "up"])
        });
        if let Err(reason) = made {
            // Not a macro: those are captured, and this must be seen.
            let line = format!("SKIPPED packet sockets: {reason}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return None;
        }
        Some(cable)
    }

    /// Does `work` on a thread inside the namespace.
    fn inside<T: Send>(&self, work: impl FnOnce(&Runtime) -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.0)).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), kind).unwrap();
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                let _entered = runtime.enter();
                work(&runtime)
            });
            thread.join().unwrap()
        })
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.0]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    output.status.success().then_some(()).ok_or(told)
}

fn address(name: &str) -> LinkAddr {
    let mut entries = getifaddrs().unwrap().filter(|it| it.interface_name == name);
    entries.find_map(|it| Some(*it.address?.as_link_addr()?)).unwrap()
}

fn send(from: &str, packets: &[Vec<u8>]) {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None).unwrap();
    for packet in packets {
        sendto(socket.as_raw_fd(), packet, &address(from), MsgFlags::empty()).unwrap();
    }
}

fn lane() -> (Lane, mpsc::Receiver<Waiting>) {
    let text = "name = 'ear'\nkind = 'interface'\ninterface = 'ear'";
    let entry = Arc::new(Entry::new(4, &toml::from_str(text).unwrap(), Time(0)));
    let (queue, waiting) = mpsc::channel(64);
    let sights = Arc::new(Mutex::new(Sights::default()));
    let feed = Feed::new(&Nothing::default());
    (Lane::new(entry, queue, sights, feed, Steady::new()), waiting)
}

/// A radiotap header of 13 bytes, and a frame that is told apart by its last byte.
fn packet(number: u8, bytes: usize) -> Vec<u8> {
    let mut packet = vec![0, 0, 13, 0, 0x28, 0, 0, 0, 0x85, 0x09, 0xa0, 0, 0xc8, 0x80, 0, 0, 0];
    packet.extend(
        [Mac([0xff; 6]), Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 1])].map(|it| it.0).concat(),
    );
    packet.resize(bytes, number);
    packet
}

#[test]
fn packets_of_an_interface_come_as_they_were_sent() {
    let Some(cable) = Cable::new("whole") else { return };
    cable.inside(|runtime| {
        let ear = address("ear");
        let socket = PacketSocket::open(&ear).unwrap();
        let sent: Vec<_> = (0..50).map(|it| packet(it, 60 + usize::from(it) * 20)).collect();
        // What this machine sends is not what a radio heard.
        send("ear", &[packet(99, 100)]);
        send("mouth", &sent);
        let (lane, mut waiting) = lane();
        let received = runtime.block_on(tokio::time::timeout(PATIENCE, async {
            let listening = receive(&lane, &socket, Link::Radiotap);
            let collecting = async {
                let mut received = Vec::new();
                while received.len() < sent.len() {
                    let Waiting { packet, .. } = waiting.recv().await.unwrap();
                    // The kernel's own talk on a new cable is no frame of ours.
                    if packet.bytes.starts_with(&sent[0][..13]) {
                        received.push(packet);
                    }
                }
                received
            };
            tokio::select! {
                error = listening => panic!("{error}"),
                received = collecting => received,
            }
        }));
        let received = received.expect("the packets, in time");
        let now_us = node::clock::wall().0 * 1_000;
        for (packet, sent) in received.iter().zip(&sent) {
            assert_eq!(*packet.bytes, **sent);
            assert_eq!((packet.sensor, packet.link), (4, 127));
            assert!(packet.at_us <= now_us + 1_000 && packet.at_us + 20_000_000 > now_us);
        }
        assert!(received.windows(2).all(|two| two[0].at_us <= two[1].at_us));
    });
}

#[test]
fn an_interface_that_goes_down_is_said_to() {
    let Some(cable) = Cable::new("down") else { return };
    cable.inside(|runtime| {
        let socket = PacketSocket::open(&address("ear")).unwrap();
        let (lane, _waiting) = lane();
        ip(&["link", "set", "ear", "down"]).unwrap();
        let listening = receive(&lane, &socket, Link::Radiotap);
        let error = runtime.block_on(tokio::time::timeout(PATIENCE, listening)).expect("in time");
        let told = socket_error("ear", error).to_string();
        assert_eq!(told, "ear is down: ip link set ear up");
    });
}

#[test]
fn what_cannot_be_listened_to_is_said_with_a_remedy() {
    let error = Radio::find("no-such-link").unwrap_err().to_string();
    assert!(error.contains("no-such-link does not exist; `ip link`"), "{error}");
    let error = Radio::find("lo").unwrap_err().to_string();
    assert!(error.contains("lo is not in monitor mode (link type 772)"), "{error}");
    assert!(error.contains("iw dev lo set type monitor"), "{error}");
    let kinds = [801, 802, 803, 1].map(link_of);
    assert_eq!(kinds, [Some(Link::Bare), Some(Link::Prism), Some(Link::Radiotap), None]);
}

#[test]
fn without_the_capability_it_is_named() {
    let error = InterfaceError::LocalCapability("wlan1".to_owned()).to_string();
    assert!(error.contains("no CAP_NET_RAW"), "{error}");
}
