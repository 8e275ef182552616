//! The network interface that carries a virtual address, as it is now.
//!
//! Everything below names it by its index: another interface that takes its name in the meantime
//! is not meant.

use std::io;
use std::net::Ipv4Addr;

use model::Mac;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, SockaddrStorage};

/// Source: linux `if_arp.h`, `ARPHRD_ETHER`.
const ETHERNET: u16 = 1;

/// An interface.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Its index in this network namespace.
    pub(super) index: u32,
    /// Its Ethernet address; none on what is not Ethernet, where nothing can be announced.
    pub(super) mac: Option<Mac>,
    /// Whether frames go in and out now.
    pub(super) is_running: bool,
    /// Where a packet socket sends.
    pub(super) address: LinkAddr,
}

impl Link {
    /// The interface that has this name now.
    pub(super) fn find(name: &str) -> io::Result<Self> {
        for entry in getifaddrs()? {
            if entry.interface_name != name {
                continue;
            }
            let Some(address) = entry.address.as_ref().and_then(|any| any.as_link_addr()) else {
                continue;
            };
            let is_ethernet = address.hatype() == ETHERNET;
            return Ok(Self {
                index: u32::try_from(address.ifindex()).unwrap_or_default(),
                mac: address.addr().filter(|_| is_ethernet).map(Mac),
                is_running: entry
                    .flags
                    .contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING),
                address: *address,
            });
        }
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "health_monitor.interface {name} does not exist; `ip link` shows those that do"
            ),
        ))
    }
}

/// Names of the interfaces other than `name` that have an address in whose network `address` is.
pub(super) fn neighbours(address: Ipv4Addr, name: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in getifaddrs()? {
        let v4 = |any: Option<SockaddrStorage>| Some(any?.as_sockaddr_in()?.ip());
        let (Some(own), Some(mask)) = (v4(entry.address), v4(entry.netmask)) else { continue };
        let is_same = own.to_bits() & mask.to_bits() == address.to_bits() & mask.to_bits();
        if is_same && entry.interface_name != name && !names.contains(&entry.interface_name) {
            names.push(entry.interface_name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_no_ethernet_and_what_is_not_there_is_named() {
        let loopback = Link::find("lo").unwrap();
        assert_eq!((loopback.index, loopback.mac), (1, None));
        let error = Link::find("no-such-link").unwrap_err().to_string();
        assert!(error.contains("no-such-link does not exist"), "{error}");
    }

    #[test]
    fn other_interfaces_of_the_network_are_found() {
        let address = Ipv4Addr::new(127, 9, 9, 9);
        assert_eq!(neighbours(address, "eth0").unwrap(), ["lo"]);
        assert_eq!(neighbours(address, "lo").unwrap(), [""; 0]);
    }
}
