//! Kernel settings around a virtual address: who answers for it, and who speaks in its name.
//!
//! On its own interface `arp_ignore=1` makes the kernel answer only for addresses that are there,
//! and `arp_announce=2` makes it ask in the name of the interface's own address rather than of the
//! virtual one. They are raised, never lowered, and stay when the monitor ends: they belong to the
//! interface's duty, and a peer of the same machine may count on them.
//!
//! The kernel looks at the interface on which a question ARRIVES, so other interfaces in the same
//! network would still answer for the virtual address with their own Ethernet address. They are not
//! ours to change; a warning names what to set. IPv6 answers only where an address is.
//!
//! Writing needs `CAP_NET_ADMIN` and a writable `/proc/sys/net` (containers and systemd's
//! `ProtectKernelTunables=` make it read-only). Where it fails, a warning names the sysctl to set.

use std::io;
use std::net::IpAddr;

use super::link;

/// Answer only for addresses of the interface that is asked. Source: linux `ip-sysctl.rst`.
const ARP_IGNORE: u8 = 1;
/// Ask in the name of the best address for the target. Source: linux `ip-sysctl.rst`.
const ARP_ANNOUNCE: u8 = 2;

/// Sets the rules for an address on its interface, and warns of what they do not reach.
pub(super) fn apply(address: IpAddr, interface: &str) {
    let IpAddr::V4(address) = address else { return };
    raise("ipv4", interface, "arp_ignore", ARP_IGNORE);
    raise("ipv4", interface, "arp_announce", ARP_ANNOUNCE);
    for other in link::neighbours(address, interface).unwrap_or_default() {
        for (name, least) in [("arp_ignore", ARP_IGNORE), ("arp_announce", ARP_ANNOUNCE)] {
            if !reaches("ipv4", &other, name, least) {
                tracing::warn!(
                    sysctl = format!("net.ipv4.conf.{other}.{name}={least}"),
                    "{other} is in the network of the virtual address {address} too, and would \
                     speak for it; set this sysctl"
                );
            }
        }
    }
}

/// Lets the other addresses of a network stay when the first one is removed: by default the kernel
/// removes them with it. `label` is an interface or an alias of it. Whether they will stay.
pub(super) fn keep_secondaries(label: &str) -> bool {
    let interface = label.split(':').next().unwrap_or(label);
    raise("ipv4", interface, "promote_secondaries", 1);
    reaches("ipv4", interface, "promote_secondaries", 1)
}

/// Switches on the kernel's own announcements on an interface.
pub(super) fn let_kernel_announce(address: IpAddr, interface: &str) {
    match address {
        IpAddr::V4(_) => raise("ipv4", interface, "arp_notify", 1),
        IpAddr::V6(_) => raise("ipv6", interface, "ndisc_notify", 1),
    }
}

/// Makes a setting at least so high, or says what to set.
fn raise(family: &str, interface: &str, name: &str, least: u8) {
    if reaches(family, interface, name, least) {
        return;
    }
    if let Err(error) = std::fs::write(path(family, interface, name), least.to_string()) {
        tracing::warn!(
            %error,
            sysctl = format!("net.{family}.conf.{interface}.{name}={least}"),
            "a rule for the virtual address cannot be set from here; set this sysctl"
        );
    }
}

/// Whether a setting is at least so high. The kernel takes the higher one of the interface's and
/// of `all`. Source: linux `ip-sysctl.rst`.
fn reaches(family: &str, interface: &str, name: &str, least: u8) -> bool {
    [interface, "all"].iter().any(|at| read(family, at, name).is_ok_and(|found| found >= least))
}

fn read(family: &str, interface: &str, name: &str) -> io::Result<u8> {
    let text = std::fs::read_to_string(path(family, interface, name))?;
    text.trim().parse().map_err(io::Error::other)
}

fn path(family: &str, interface: &str, name: &str) -> String {
    format!("/proc/sys/net/{family}/conf/{interface}/{name}")
}
