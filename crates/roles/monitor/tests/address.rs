//! The virtual address on real interfaces: in network namespaces of its own, never on the machine's.
//!
//! Two nodes `a` and `b` and a client `c` hang on one bridge. It needs root, `ip` of iproute2, and
//! namespaces; without them a test says so on the terminal and proves nothing.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::Duration;

use model::{Mac, Time};
use monitor::address::{self, Conflict, Holder as _, Keeper, Kernel, probe};
use monitor::config::{Provider, VirtualAddress};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use node::clock::boot;
use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets, LinkNameSpaceType, move_into_link_name_space};

const V4: &str = "10.9.0.9";
const V6: &str = "fd00:9::9";
/// The fast profile's life.
const LIFE_MS: u64 = 1_000;
/// A life that outlasts what a busy machine may take between two refreshes, but not the test.
const LONG_MS: u64 = 3 * LIFE_MS;
/// The kernel's quarter of a second and our rounding, see the module doc of `address::kernel`. Most
/// lives must end within it; on a busy machine one may be looked at late.
const GONE_MS: u64 = 400;

/// Nodes on a bridge. Dropping it removes them.
struct Lab(String);

impl Lab {
    /// None, and the reason on the terminal, where that cannot be.
    fn new() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let lab = Self(format!("mse-{}-{made}", std::process::id()));
        if let Err(reason) = lab.make() {
            // Not a macro: those are captured, and this must be seen.
            let test = std::thread::current().name().unwrap_or_default().to_owned();
            let line = format!("SKIPPED {test}: {reason}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return None;
        }
        Some(lab)
    }

    fn make(&self) -> Result<(), String> {
        if !rustix::process::geteuid().is_root() {
            return Err("network namespaces need root".to_owned());
        }
        Command::new("ip")
            .arg("-V")
            .output()
            .map_err(|error| format!("no `ip`; apt-get install iproute2 ({error})"))?;
        for node in ["a", "b", "c"] {
            let made = Command::new("ip").args(["netns", "add", &self.node(node)]).output();
            let made = made.map_err(|error| error.to_string())?;
            if !made.status.success() {
                let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
                return Err(format!("no network namespaces here: {why}"));
            }
        }
        // From here on a failure is a failure.
        let c = self.node("c");
        self.ip("c", "link add br0 type bridge");
        self.ip("c", "link set br0 up");
        self.ip("c", "addr add 10.9.0.3/24 dev br0");
        self.ip("c", "addr add fd00:9::3/64 dev br0 nodad");
        for (node, host) in [("a", 1), ("b", 2)] {
            self.ip(node, &format!("link add eth0 type veth peer name port-{node} netns {c}"));
            self.ip(node, "link set eth0 up");
            self.ip(node, &format!("addr add 10.9.0.{host}/24 dev eth0"));
            self.ip(node, &format!("addr add fd00:9::{host}/64 dev eth0 nodad"));
            self.ip("c", &format!("link set port-{node} master br0 up"));
        }
        Ok(())
    }

    fn node(&self, node: &str) -> String {
        format!("{}-{node}", self.0)
    }

    /// Runs `ip` in a node and returns what it printed.
    fn ip(&self, node: &str, arguments: &str) -> String {
        let mut command = Command::new("ip");
        let command = command.args(["-n", &self.node(node)]).args(arguments.split(' '));
        let done = command.output().unwrap();
        let why = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "ip {arguments} in {node}: {why}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Does `work` in a node, on a thread that ends with it: the process never moves.
    fn inside<T: Send>(&self, node: &str, work: impl FnOnce() -> T + Send) -> T {
        let namespace = std::fs::File::open(format!("/run/netns/{}", self.node(node))).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), kind).unwrap();
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn mac(&self, node: &str) -> Mac {
        self.inside(node, || {
            std::process::Command::new("ip").args(["-br", "link", "show", "eth0"]).output()
        })
        .map(|done| String::from_utf8(done.stdout).unwrap())
        .unwrap()
        .split_whitespace()
        .nth(2)
        .unwrap()
        .parse()
        .unwrap()
    }

    /// Which Ethernet address the client believes an address to have.
    fn believed(&self, address: &str) -> Option<Mac> {
        let table = self.ip("c", &format!("neigh show {address}"));
        let mac = table.split_whitespace().skip_while(|word| *word != "lladdr").nth(1)?;
        mac.parse().ok()
    }

    /// Makes the client find out where an address is.
    fn resolve(&self, address: &str) -> Option<Mac> {
        self.inside("c", || send(address));
        within(2_000, || self.believed(address).is_some());
        self.believed(address)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for node in ["a", "b", "c"] {
            let _ = Command::new("ip").args(["netns", "del", &self.node(node)]).output();
        }
    }
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// A socket of this node's own choice of address.
fn socket_for(address: &str) -> UdpSocket {
    UdpSocket::bind(if ip(address).is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).unwrap()
}

/// Sends something that nobody waits for.
fn send(address: &str) {
    socket_for(address).send_to(b"?", (ip(address), 9)).unwrap();
}

fn later(ms: u64) -> Time {
    boot().plus_ms(ms)
}

fn pause(ms: u64) {
    sleep(Duration::from_millis(ms));
}

/// Waits until `done`, at most so long; whether it came.
fn within(ms: u64, mut done: impl FnMut() -> bool) -> bool {
    let until = later(ms);
    while !done() {
        if boot() > until {
            return false;
        }
        pause(2);
    }
    true
}

/// Whether this node has the address: only then a socket can be bound to it.
fn is_here(address: &str) -> bool {
    UdpSocket::bind((ip(address), 0)).is_ok()
}

/// Makes this thread nobody, who has one capability.
fn become_nobody_with(only: CapabilitySet) {
    rustix::thread::set_keep_capabilities(true).unwrap();
    // Source: Debian base-passwd.
    let nobody = 65_534;
    rustix::thread::set_thread_gid(Gid::from_raw(nobody)).unwrap();
    rustix::thread::set_thread_uid(Uid::from_raw(nobody)).unwrap();
    let inheritable = CapabilitySet::empty();
    let sets = CapabilitySets { effective: only, permitted: only, inheritable };
    rustix::thread::set_capabilities(None, sets).unwrap();
}

/// Takes a capability from this thread.
fn drop_capability(capability: CapabilitySet) {
    let mut sets = rustix::thread::capabilities(None).unwrap();
    sets.effective.remove(capability);
    sets.permitted.remove(capability);
    rustix::thread::set_capabilities(None, sets).unwrap();
}

#[test]
fn an_address_appears_alone_and_with_a_life() {
    let Some(lab) = Lab::new() else { return };
    for (address, alone) in [(V4, "10.9.0.9/32"), (V6, "fd00:9::9/128")] {
        let mut kernel = lab.inside("a", || Kernel::new(ip(address), "eth0")).unwrap();
        kernel.hold(later(5_000)).unwrap();
        let shown = lab.ip("a", "-o addr show dev eth0");
        let line = shown.lines().find(|line| line.contains(alone)).expect(&shown);
        assert!(line.contains("valid_lft 5sec preferred_lft 0sec"), "{line}");
        assert!(!line.contains("tentative") && !line.contains("secondary"), "{line}");
    }
}

#[test]
fn an_address_that_is_not_refreshed_goes_by_itself() {
    let Some(lab) = Lab::new() else { return };
    std::thread::scope(|scope| {
        for address in [V4, V6] {
            let lab = &lab;
            scope.spawn(move || {
                let mut late_ms = lab.inside("a", || {
                    let mut kernel = Kernel::new(ip(address), "eth0").unwrap();
                    let late_ms = (0..8).map(|phase| {
                        // The kernel looks at its own seconds; meet them at every phase.
                        pause(phase * 125);
                        let until = later(LIFE_MS);
                        kernel.hold(until).unwrap();
                        assert!(is_here(address));
                        assert!(within(3 * LIFE_MS, || !is_here(address)), "{address} stays");
                        let now = boot();
                        assert!(now.plus_ms(20) > until, "{address} went early");
                        now.since_ms(until)
                    });
                    late_ms.collect::<Vec<_>>()
                });
                late_ms.sort_unstable();
                assert!(late_ms[late_ms.len() / 2] <= GONE_MS, "{late_ms:?}");
                let line = format!("{address} was gone so many ms after its time: {late_ms:?}\n");
                std::io::stderr().write_all(line.as_bytes()).unwrap();
            });
        }
    });
}

#[test]
fn another_change_of_addresses_puts_the_end_off_by_no_more_than_a_second() {
    let Some(lab) = Lab::new() else { return };
    for (address, other) in [(V4, "10.9.8.7/32"), (V6, "fd00:8::7/128")] {
        lab.inside("a", || {
            let mut kernel = Kernel::new(ip(address), "eth0").unwrap();
            let until = later(LIFE_MS);
            kernel.hold(until).unwrap();
            pause(LIFE_MS - 100);
            lab.ip("a", &format!("addr add {other} dev eth0"));
            assert!(within(3 * LIFE_MS, || !is_here(address)), "{address} stays");
            let line = format!("{address}: {} ms after its time\n", boot().since_ms(until));
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        });
    }
}

#[test]
fn refreshes_keep_an_address_and_release_removes_it_at_once() {
    let Some(lab) = Lab::new() else { return };
    for address in [V4, V6] {
        lab.inside("a", || {
            let (gone, was_gone) = mpsc::channel();
            let kernel = Kernel::new(ip(address), "eth0").unwrap();
            let keeper = Keeper::start(kernel, move || gone.send(()).unwrap()).unwrap();
            keeper.hold(later(LONG_MS));
            assert!(within(3_000, || is_here(address)));
            for _ in 0..14 {
                pause(250);
                assert!(is_here(address));
                keeper.hold(later(LONG_MS));
            }
            keeper.release();
            was_gone.recv_timeout(Duration::from_secs(5)).unwrap();
            assert!(!is_here(address), "gone when it says so");
            keeper.hold(later(LONG_MS));
            assert!(within(3_000, || is_here(address)));
            drop(keeper);
            assert!(!is_here(address), "the end releases");
        });
    }
}

#[test]
fn a_time_that_has_passed_adds_nothing_and_a_life_below_a_second_is_refused() {
    let Some(lab) = Lab::new() else { return };
    lab.inside("a", || {
        let mut kernel = Kernel::new(ip(V4), "eth0").unwrap();
        kernel.hold(boot()).unwrap();
        kernel.hold(boot().minus_ms(1)).unwrap();
        assert!(!is_here(V4));
        let error = kernel.hold(later(800)).unwrap_err().to_string();
        assert!(error.contains("address_life_ms is below 1000"), "{error}");
        assert!(!is_here(V4));
        // Nor does it take away what is there.
        kernel.hold(later(LIFE_MS)).unwrap();
        kernel.hold(boot()).unwrap();
        assert!(is_here(V4));
        kernel.release().unwrap();
        kernel.release().unwrap();
    });
}

#[test]
fn a_leftover_is_removed_at_the_start_wherever_it_is() {
    let Some(lab) = Lab::new() else { return };
    lab.ip("a", "link add other type veth peer name far");
    lab.ip("a", "addr add 10.9.0.9/32 dev eth0");
    lab.ip("a", "addr add 10.9.0.9/24 dev other label other:vip");
    lab.ip("a", "addr add 10.9.0.8/24 dev other");
    lab.ip("a", "addr add fd00:9::9/64 dev other nodad");
    for address in [V4, V6] {
        lab.inside("a", || Kernel::new(ip(address), "eth0")).unwrap();
    }
    let shown = lab.ip("a", "-o addr");
    assert!(!shown.contains("10.9.0.9/") && !shown.contains("fd00:9::9/"), "{shown}");
    for own in ["10.9.0.1/24", "10.9.0.8/24", "fd00:9::1/64"] {
        assert!(shown.contains(own), "{own} went too: {shown}");
    }
}

/// A client that knows the address at `a` learns that it has moved to `b`, though `a` no longer
/// says anything and the client never asks.
fn check_takeover(address: &str, has_raw: bool) {
    let Some(lab) = Lab::new() else { return };
    let (a, b) = (lab.mac("a"), lab.mac("b"));
    let mut first = lab.inside("a", || Kernel::new(ip(address), "eth0")).unwrap();
    first.hold(later(60_000)).unwrap();
    assert_eq!(lab.resolve(address), Some(a));
    lab.ip("a", "link set eth0 down");
    let ears = lab.inside("c", Ears::open);
    assert_eq!(lab.believed(address), Some(a));
    lab.inside("b", || {
        if !has_raw {
            become_nobody_with(CapabilitySet::NET_ADMIN);
        }
        let mut second = Kernel::new(ip(address), "eth0").unwrap();
        second.hold(later(60_000)).unwrap();
    });
    assert!(within(1_000, || lab.believed(address) == Some(b)), "{:?}", lab.believed(address));
    let expected: &[u8] = match (ip(address).is_ipv4(), has_raw) {
        (true, true) => &[1, 2],
        (true, false) => &[1],
        (false, _) => &[136],
    };
    assert_eq!(ears.heard(address), expected.iter().copied().collect());
}

/// What is heard in a node.
struct Ears(std::os::fd::OwnedFd);

impl Ears {
    fn open() -> Self {
        let flags = SockFlag::SOCK_CLOEXEC;
        let ears = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll);
        let ears = ears.unwrap();
        setsockopt(&ears, sockopt::ReceiveTimeout, &TimeVal::milliseconds(50)).unwrap();
        Self(ears)
    }

    /// ARP operations and neighbour advertisements to everybody about an address.
    fn heard(&self, address: &str) -> BTreeSet<u8> {
        let mut found = BTreeSet::new();
        let mut frame = [0; 200];
        while let Ok(length) = recv(self.0.as_raw_fd(), &mut frame, MsgFlags::empty()) {
            let heard = match ip(address) {
                IpAddr::V4(address) => {
                    length >= 42
                        && frame[..6] == [0xff; 6]
                        && frame[12..14] == [8, 6]
                        && frame[28..32] == address.octets()
                }
                IpAddr::V6(address) => {
                    length >= 78
                        && frame[..6] == [0x33, 0x33, 0, 0, 0, 1]
                        && frame[12..14] == [0x86, 0xdd]
                        && frame[62..78] == address.octets()
                }
            };
            if heard {
                found.insert(frame[if ip(address).is_ipv4() { 21 } else { 54 }]);
            }
        }
        found
    }
}

#[test]
fn clients_learn_by_arp_that_an_address_has_moved() {
    check_takeover(V4, true);
}

#[test]
fn clients_learn_by_advertisement_that_an_address_has_moved() {
    check_takeover(V6, true);
}

#[test]
fn with_cap_net_admin_and_nothing_more_the_kernel_tells_clients_by_arp() {
    check_takeover(V4, false);
}

#[test]
fn with_cap_net_admin_and_nothing_more_the_kernel_tells_clients_by_advertisement() {
    check_takeover(V6, false);
}

#[test]
fn an_address_is_announced_again_while_it_is_held_and_not_after() {
    let Some(lab) = Lab::new() else { return };
    lab.inside("a", || {
        let mut kernel = Kernel::new(ip(V4), "eth0").unwrap();
        assert_eq!(kernel.deadline(), None);
        let start = boot();
        kernel.hold(start.plus_ms(LIFE_MS)).unwrap();
        let held = boot();
        let due = kernel.deadline().unwrap();
        assert!(start.plus_ms(100) <= due && due <= held.plus_ms(100), "{start:?} {due:?}");
        let ears = lab.inside("c", Ears::open);
        pause(due.since_ms(boot()));
        kernel.tick();
        assert_eq!(ears.heard(V4), [1, 2].into());
        let due = kernel.deadline().unwrap();
        assert!(start.plus_ms(500) <= due && due <= held.plus_ms(500), "{start:?} {due:?}");
        // As after a long stop.
        pause(1_100);
        let ears = lab.inside("c", Ears::open);
        kernel.tick();
        assert_eq!(kernel.deadline(), None);
        assert_eq!(ears.heard(V4), BTreeSet::new());
    });
}

#[test]
fn a_link_that_goes_and_comes_back_is_told_once_each_time() {
    let Some(lab) = Lab::new() else { return };
    let (told, words) = mpsc::channel();
    let watch = lab.inside("a", || {
        let told = move |is_there| told.send(is_there).unwrap();
        monitor::address::carrier::Watch::start("eth0", told).unwrap()
    });
    let next = |ms| words.recv_timeout(Duration::from_millis(ms)).ok();
    assert_eq!(next(300), None);
    lab.ip("c", "link set port-a down");
    let begun = boot();
    assert_eq!(next(2_000), Some(false));
    assert!(boot().since_ms(begun) >= 150, "a blink is no loss");
    lab.ip("c", "link set port-a up");
    assert_eq!(next(2_000), Some(true));
    assert_eq!(next(500), None);
    drop(watch);
    assert_eq!(words.recv(), Err(mpsc::RecvError));
}

#[test]
fn a_probe_finds_who_has_an_address_and_finds_nobody() {
    let Some(lab) = Lab::new() else { return };
    let holder = lab.mac("b");
    for address in [V4, V6] {
        let start = boot();
        assert_eq!(lab.inside("a", || probe(ip(address), "eth0")).unwrap(), None);
        let took_ms = boot().since_ms(start);
        assert!((900..3_000).contains(&took_ms), "{took_ms} ms");
        let mut kernel = lab.inside("b", || Kernel::new(ip(address), "eth0")).unwrap();
        kernel.hold(later(60_000)).unwrap();
        let found = lab.inside("a", || probe(ip(address), "eth0")).unwrap();
        assert_eq!(found, Some(Conflict { address: ip(address), mac: holder }));
        // What the node knows from before counts for nothing.
        lab.inside("a", || send(address));
        let is_known = || lab.ip("a", &format!("neigh show {address}")).contains("REACHABLE");
        assert!(within(2_000, is_known));
        kernel.release().unwrap();
        assert_eq!(lab.inside("a", || probe(ip(address), "eth0")).unwrap(), None);
    }
    lab.ip("a", "link set eth0 down");
    let error = lab.inside("a", || probe(ip(V4), "eth0")).unwrap_err().to_string();
    assert!(error.contains("eth0 has no link"), "{error}");
}

#[test]
fn connections_of_the_node_itself_do_not_come_from_the_address() {
    let Some(lab) = Lab::new() else { return };
    for (address, client) in [(V4, "10.9.0.3"), (V6, "fd00:9::3")] {
        lab.inside("a", || {
            let mut kernel = Kernel::new(ip(address), "eth0").unwrap();
            kernel.hold(later(5_000)).unwrap();
            let socket = socket_for(client);
            socket.connect((ip(client), 9)).unwrap();
            assert_ne!(socket.local_addr().unwrap().ip(), ip(address));
        });
    }
}

#[test]
fn the_interface_answers_for_its_own_addresses_only() {
    let Some(lab) = Lab::new() else { return };
    lab.inside("a", || {
        let read = |name| {
            let path = format!("/proc/sys/net/ipv4/conf/eth0/{name}");
            std::fs::read_to_string(path).unwrap().trim().to_owned()
        };
        assert_eq!((read("arp_ignore").as_str(), read("arp_announce").as_str()), ("0", "0"));
        let _kernel = Kernel::new(ip(V4), "eth0").unwrap();
        assert_eq!((read("arp_ignore").as_str(), read("arp_announce").as_str()), ("1", "2"));
    });
}

#[test]
fn what_is_missing_is_named_with_its_remedy() {
    let Some(lab) = Lab::new() else { return };
    let config = |provider| VirtualAddress { address: ip(V4), prefix: 24, provider };
    let refused = |interface| match address::holder(&config(Provider::Kernel), interface) {
        Ok(_) => panic!("{interface:?} was accepted"),
        Err(error) => error.to_string(),
    };
    lab.inside("a", || {
        assert!(refused(None).contains("health_monitor.interface is needed"));
        assert!(refused(Some("eth7")).contains("eth7 does not exist"));
        assert!(address::holder(&config(Provider::Kernel), Some("eth0")).is_ok());
        drop_capability(CapabilitySet::NET_ADMIN);
        let error = refused(Some("eth0"));
        for text in ["CAP_NET_ADMIN is missing", "AmbientCapabilities", "setcap", "\"loopback\""] {
            assert!(error.contains(text), "{error}");
        }
        let mut everywhere = address::holder(&config(Provider::Loopback), None).unwrap();
        everywhere.hold(later(LIFE_MS)).unwrap();
        everywhere.release().unwrap();
    });
}
