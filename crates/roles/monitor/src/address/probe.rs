//! Asks the network whether somebody has the virtual address, before an operator forces a takeover.
//!
//! RFC 5227 asks three times within about a second. Here the kernel asks: an entry of its neighbour
//! table that is to be used (`NTF_USE`) makes it send an ARP request or a neighbour solicitation at
//! once, and the answer can be read there. So this needs `CAP_NET_ADMIN` and no packet socket, and
//! IPv4 and IPv6 are one.
//!
//! Two things differ from the RFC. The question comes from the interface's own address and not from
//! 0.0.0.0; that form exists so that a newcomer's own address is not learned before it is his, and
//! here the address in question is not in the sender's place. And a second node that probes at the
//! same moment is not noticed: the pair's register decides between two who want the address, the
//! probe only finds one who has it.
//!
//! No answer is no proof: a cut cable looks the same. An interface without link is an error.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use model::Mac;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::link::Link;
use super::netlink::Netlink;

/// Source: RFC 5227 section 1.1, `PROBE_NUM`.
const PROBES: usize = 3;
/// How long each is given. Ours: three of them make the second that ha.md section 4.8 names.
const ANSWER_MS: u64 = 330;
/// Between two looks at the table. Ours: a tenth of a LAN's slowest answer is not worth a busy loop.
const LOOK_MS: u64 = 10;

/// Somebody answers for the virtual address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// The virtual address.
    pub address: IpAddr,
    /// Who answers.
    pub mac: Mac,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, mac } = self;
        write!(
            f,
            "{mac} answers for {address}; stop that machine, or cut it off, before a takeover"
        )
    }
}

/// Asks for about a second who has `address`; none if nobody answers. Not for an address that this
/// machine holds itself: the kernel does not ask for those.
pub fn probe(address: IpAddr, interface: &str) -> io::Result<Option<Conflict>> {
    let link = Link::find(interface)?;
    if !link.is_running {
        return Err(io::Error::new(
            io::ErrorKind::NetworkDown,
            format!("{interface} has no link, so nobody can answer for {address}; mend it first"),
        ));
    }
    let mut netlink = Netlink::open()?;
    let mut answer = None;
    for _ in 0..PROBES {
        forget(&mut netlink, address, link.index);
        let mut entry = entry(address, link.index);
        entry.header.flags = NeighbourFlags::Use;
        netlink
            .change(RouteNetlinkMessage::NewNeighbour(entry), NLM_F_CREATE | NLM_F_REPLACE)
            .map_err(|error| explained(&error, address, interface))?;
        answer = wait(&mut netlink, address, link.index)?;
        if answer.is_some() {
            break;
        }
    }
    // What was learned here is out of date as soon as the address moves.
    forget(&mut netlink, address, link.index);
    Ok(answer.map(|mac| Conflict { address, mac }))
}

/// Waits for the answer to one question.
fn wait(netlink: &mut Netlink, address: IpAddr, index: u32) -> io::Result<Option<Mac>> {
    let until = node::clock::boot().plus_ms(ANSWER_MS);
    loop {
        sleep(Duration::from_millis(LOOK_MS));
        let found = netlink.one(RouteNetlinkMessage::GetNeighbour(entry(address, index)));
        match found {
            Ok(RouteNetlinkMessage::NewNeighbour(found)) if is_known(found.header.state) => {
                return Ok(found.attributes.iter().find_map(mac));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if node::clock::boot() >= until {
            return Ok(None);
        }
    }
}

fn is_known(state: NeighbourState) -> bool {
    use NeighbourState::{Delay, Probe, Reachable, Stale};
    matches!(state, Reachable | Stale | Delay | Probe)
}

fn mac(attribute: &NeighbourAttribute) -> Option<Mac> {
    match attribute {
        NeighbourAttribute::LinkLayerAddress(octets) => octets.as_slice().try_into().ok().map(Mac),
        _ => None,
    }
}

/// Removes what the table knows; a failure means that it knew nothing.
fn forget(netlink: &mut Netlink, address: IpAddr, index: u32) {
    let _ = netlink.change(RouteNetlinkMessage::DelNeighbour(entry(address, index)), 0);
}

fn entry(address: IpAddr, index: u32) -> NeighbourMessage {
    let (family, destination) = match address {
        IpAddr::V4(address) => (AddressFamily::Inet, NeighbourAddress::Inet(address)),
        IpAddr::V6(address) => (AddressFamily::Inet6, NeighbourAddress::Inet6(address)),
    };
    let mut message = NeighbourMessage::default();
    message.header.family = family;
    message.header.ifindex = index;
    message.attributes.push(NeighbourAttribute::Destination(destination));
    message
}

fn explained(error: &io::Error, address: IpAddr, interface: &str) -> io::Error {
    let remedy = if error.kind() == io::ErrorKind::PermissionDenied {
        "; CAP_NET_ADMIN is missing"
    } else {
        ""
    };
    let text = format!("{interface} cannot be asked who has {address}: {error}{remedy}");
    io::Error::new(error.kind(), text)
}
