//! Tells the network that the virtual address has moved here.
//!
//! Hosts and switches remember which Ethernet address a virtual address had. An announcement makes
//! them forget at once what would otherwise cost each of them seconds: a gratuitous ARP, once as a
//! request and once as a reply because some stacks believe only one of them, and an unsolicited
//! neighbour advertisement for IPv6. They are repeated, as one can be lost, and go on as long as
//! the address is held, which also mends the caches after a rare moment with two owners.
//!
//! # With and without `CAP_NET_RAW`
//!
//! Only a packet socket sends such frames at will, and it needs `CAP_NET_RAW`.
//! Without it the kernel is asked to announce: `arp_notify` and `ndisc_notify` are switched on, and
//! the interface is given the Ethernet address that it has (`RTM_SETLINK`), on which the kernel
//! announces every address of the interface. Measured on Linux 6.18:
//!
//! | | packet socket | kernel |
//! |---|---|---|
//! | needs | `CAP_NET_RAW` | `CAP_NET_ADMIN`, writable `/proc/sys/net` |
//! | IPv4 | request and reply | request only |
//! | IPv6 | advertisement | advertisement |
//! | schedule | 0, 0.1, 0.5, 1, 2, 5 s, then every 60 s | 0, 0.1, 0.5, 1, 2, 5 s |
//! | besides | nothing | announces the interface's other addresses too, and empties its neighbour cache |
//!
//! `arp_notify` and `ndisc_notify` alone announce nothing when an address is added (measured), only
//! when the interface comes up. Before it skipped addresses that do not change, the kernel handed
//! the request to the driver; one that cannot change its address while it is up then refuses with
//! `EBUSY`, which is logged. Give the monitor `CAP_NET_RAW` where that happens.
//!
//! A process that is frozen between the last look at the clock and the sending announces once too
//! often when it goes on. Nothing here can prevent that; the next announcement of whoever has the
//! address by then mends it.
//!
//! The advertisement does not claim to be a router: clients route through a node's own addresses.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use model::{Mac, Time};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, sendto, socket};

use super::link::Link;
use super::netlink::Netlink;
use super::rules;

/// When an address is announced after it became new. Source: ha.md section 4.11.
const AFTER_MS: [u64; 6] = [0, 100, 500, 1_000, 2_000, 5_000];
/// How often after that. Source: ha.md section 4.11.
const EVERY_MS: u64 = 60_000;

/// Source: IEEE 802.3, everybody.
const BROADCAST: [u8; 6] = [0xff; 6];
/// `ff02::1`, all nodes of the link. Source: RFC 4291 section 2.7.1.
const ALL_NODES: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// Ethernet address of [`ALL_NODES`]. Source: RFC 2464 section 7.
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
/// Source: IEEE 802 numbers.
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Source: IEEE 802 numbers.
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
/// `ICMPv6`. Source: IANA protocol numbers.
const NEXT_ICMPV6: u8 = 58;
/// Source: RFC 4861 section 4.4: receivers drop anything else.
const HOP_LIMIT: u8 = 255;
/// Source: RFC 4861 section 4.4, type of a neighbour advertisement.
const ADVERTISEMENT: u8 = 136;
/// Source: RFC 4861 section 4.4: Override set; Router and Solicited clear.
const OVERRIDE: u8 = 0x20;
/// Source: RFC 4861 section 4.6.1: target link-layer address, one unit of eight octets.
const OPTION_TARGET_MAC: [u8; 2] = [2, 1];

/// The frames that say that `address` is at `mac`: two for IPv4, one for IPv6.
pub(super) fn frames(address: IpAddr, mac: Mac) -> Vec<Vec<u8>> {
    let Mac(mac) = mac;
    match address {
        IpAddr::V4(address) => {
            let arp = |operation: u8, target_mac: [u8; 6]| {
                let mut frame = Vec::with_capacity(42);
                frame.extend(BROADCAST);
                frame.extend(mac);
                frame.extend(ETHERTYPE_ARP);
                // Ethernet with addresses of 6, IPv4 with addresses of 4. Source: RFC 826.
                frame.extend([0, 1, 8, 0, 6, 4, 0, operation]);
                frame.extend(mac);
                frame.extend(address.octets());
                frame.extend(target_mac);
                frame.extend(address.octets());
                frame
            };
            // Source: RFC 5944 section 4.6: a reply names the sender as the target too.
            vec![arp(1, [0; 6]), arp(2, mac)]
        }
        IpAddr::V6(address) => {
            let mut message = vec![ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
            message.extend(address.octets());
            message.extend(OPTION_TARGET_MAC);
            message.extend(mac);
            // Fits: it has 32 octets.
            let length = message.len() as u8;
            let sum = checksum([
                &address.octets()[..],
                &ALL_NODES,
                &[0, 0, 0, length, 0, 0, 0, NEXT_ICMPV6],
                &message,
            ]);
            message.splice(2..4, sum);
            let mut frame = Vec::with_capacity(86);
            frame.extend(ALL_NODES_MAC);
            frame.extend(mac);
            frame.extend(ETHERTYPE_IPV6);
            frame.extend([0x60, 0, 0, 0, 0, length, NEXT_ICMPV6, HOP_LIMIT]);
            frame.extend(address.octets());
            frame.extend(ALL_NODES);
            frame.extend(message);
            vec![frame]
        }
    }
}

/// The internet checksum of parts that each have an even length. Source: RFC 1071.
fn checksum(parts: [&[u8]; 4]) -> [u8; 2] {
    let mut sum: u32 = 0;
    for pair in parts.iter().flat_map(|part| part.chunks_exact(2)) {
        if let [high, low] = *pair {
            sum += u32::from(u16::from_be_bytes([high, low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// When the next announcement is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    since: Time,
    last: Time,
    /// Of [`AFTER_MS`].
    done: usize,
    repeats: bool,
}

impl Schedule {
    /// An address that is new now: its first announcement is due.
    pub(super) fn new(now: Time, repeats: bool) -> Self {
        Self { since: now, last: now, done: 0, repeats }
    }

    /// When; never again if there is none.
    pub(super) fn due(&self) -> Option<Time> {
        match AFTER_MS.get(self.done) {
            Some(after_ms) => Some(self.since.plus_ms(*after_ms)),
            None => self.repeats.then(|| self.last.plus_ms(EVERY_MS)),
        }
    }

    /// It was announced at `now`: announcements that are overdue besides are not made up for.
    pub(super) fn announced(&mut self, now: Time) {
        self.last = now;
        let passed_ms = now.since_ms(self.since);
        self.done = AFTER_MS.iter().filter(|after_ms| **after_ms <= passed_ms).count();
    }
}

/// Announces an address on an interface, by the best means that this process has.
#[derive(Debug)]
pub(super) struct Announcer {
    address: IpAddr,
    interface: String,
    /// None without `CAP_NET_RAW`. It is bound to no protocol, so nothing is received on it.
    packets: Option<OwnedFd>,
}

impl Announcer {
    /// Without `CAP_NET_RAW` this switches on the kernel's own announcements.
    pub(super) fn new(address: IpAddr, interface: &str) -> io::Result<Self> {
        let opened = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            None,
        );
        let packets = match opened {
            Ok(packets) => Some(packets),
            Err(nix::errno::Errno::EPERM) => None,
            Err(error) => return Err(error.into()),
        };
        if packets.is_none() {
            tracing::warn!(
                %address,
                interface,
                "no CAP_NET_RAW: the kernel announces the address, with ARP requests only and for \
                 5 s; add CAP_NET_RAW to announce it for as long as it is held"
            );
            rules::let_kernel_announce(address, interface);
        }
        Ok(Self { address, interface: interface.to_owned(), packets })
    }

    /// Whether it goes on after the first seconds.
    pub(super) fn repeats(&self) -> bool {
        self.packets.is_some()
    }

    /// Announces it once. The interface is looked at anew: a bond changes its Ethernet address.
    pub(super) fn announce(&self, netlink: &mut Netlink) -> io::Result<()> {
        let link = Link::find(&self.interface)?;
        let Some(mac) = link.mac else { return Ok(()) };
        let Some(packets) = &self.packets else { return nudge(netlink, &link, mac) };
        for frame in frames(self.address, mac) {
            sendto(packets.as_raw_fd(), &frame, &link.address, MsgFlags::empty())?;
        }
        Ok(())
    }
}

/// Gives the interface the address that it has, which makes the kernel announce.
fn nudge(netlink: &mut Netlink, link: &Link, Mac(mac): Mac) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = link.index;
    message.attributes.push(LinkAttribute::Address(mac.to_vec()));
    netlink.change(RouteNetlinkMessage::SetLink(message), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0x02, 0x50, 0x56, 0x9c, 0x34, 0x89]);

    fn check(address: &str, expected: &[&str]) {
        let hex = |frame: Vec<u8>| {
            frame.iter().fold(String::new(), |text, octet| format!("{text}{octet:02x}"))
        };
        let found: Vec<_> = frames(address.parse().unwrap(), MAC).into_iter().map(hex).collect();
        let expected: Vec<_> = expected.iter().map(|text| text.replace(' ', "")).collect();
        assert_eq!(found, expected, "{address}");
    }

    #[test]
    fn ipv4_is_announced_as_request_and_as_reply() {
        check(
            "10.10.10.11",
            &[
                "ffffffffffff 0250569c3489 0806 0001 0800 06 04 0001 \
                 0250569c3489 0a0a0a0b 000000000000 0a0a0a0b",
                "ffffffffffff 0250569c3489 0806 0001 0800 06 04 0002 \
                 0250569c3489 0a0a0a0b 0250569c3489 0a0a0a0b",
            ],
        );
    }

    #[test]
    fn ipv6_is_announced_to_all_nodes_with_override() {
        check(
            "fd00::11",
            &["333300000001 0250569c3489 86dd 60000000 0020 3a ff \
               fd000000000000000000000000000011 ff020000000000000000000000000001 \
               88 00 cf06 20000000 fd000000000000000000000000000011 0201 0250569c3489"],
        );
    }

    #[test]
    fn announcements_come_quickly_at_first_and_then_each_minute() {
        let check = |repeats, until_ms: u64, expected: &[u64]| {
            let mut schedule = Schedule::new(Time(1_000), repeats);
            let mut found = Vec::new();
            while let Some(due) = schedule.due().filter(|due| due.0 <= 1_000 + until_ms) {
                schedule.announced(due);
                found.push(due.since_ms(Time(1_000)));
            }
            assert_eq!(found, expected);
        };
        check(true, 125_000, &[0, 100, 500, 1_000, 2_000, 5_000, 65_000, 125_000]);
        check(false, 125_000, &[0, 100, 500, 1_000, 2_000, 5_000]);
    }

    #[test]
    fn what_is_overdue_is_announced_once() {
        let mut schedule = Schedule::new(Time(0), true);
        schedule.announced(Time(1_500));
        assert_eq!(schedule.due(), Some(Time(2_000)));
        schedule.announced(Time(9_000));
        assert_eq!(schedule.due(), Some(Time(69_000)));
    }
}
