//! What the machine itself says: its interfaces, addresses and names, as defaults of the wizard.
//!
//! Read from files only, below a root that tests choose. What cannot be read is simply not known.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::answers::Network;

/// Interfaces that are offered at most. Ours: a line of a serial console.
const INTERFACES_MAX: usize = 8;

/// What the machine says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Machine {
    pub(crate) host_name: Option<String>,
    pub(crate) domain: Option<String>,
    /// At least one: the documents' two when none can be seen.
    pub(crate) interfaces: Vec<MachineInterface>,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) dns_servers: Vec<IpAddr>,
    pub(crate) time_zone: Option<String>,
    /// IANA names, sorted; empty when the machine has no list.
    pub(crate) zones: Vec<String>,
}

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MachineInterface {
    pub(crate) name: String,
    pub(crate) network: Option<Network>,
}

impl Machine {
    /// Reads what there is below `root`.
    pub(crate) fn read(root: &Path) -> Self {
        let text = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
        let resolv = text("etc/resolv.conf");
        let routes = text("proc/net/route");
        let local = local_addresses(&text("proc/net/fib_trie"));
        let mut names = interface_names(&root.join("sys/class/net"));
        names.truncate(INTERFACES_MAX);
        if names.is_empty() {
            names = vec!["eth0".to_owned(), "eth1".to_owned()];
        }
        let with_network = |name: String| {
            let network = network(&routes, &name, &local);
            MachineInterface { name, network }
        };
        Self {
            host_name: Some(text("proc/sys/kernel/hostname").trim().to_owned())
                .filter(|name| !name.is_empty()),
            domain: words(&resolv, "search").or_else(|| words(&resolv, "domain")),
            interfaces: names.into_iter().map(with_network).collect(),
            gateway: gateway(&routes),
            dns_servers: resolv
                .lines()
                .filter_map(|line| line.strip_prefix("nameserver")?.trim().parse().ok())
                .collect(),
            time_zone: time_zone(root),
            zones: zones(&text("usr/share/zoneinfo/zone.tab")),
        }
    }

    /// The names of the interfaces, in the machine's order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.interfaces.iter().map(|it| it.name.as_str())
    }

    /// The interface that is meant when nothing was said.
    pub(crate) fn first(&self) -> &str {
        self.names().next().unwrap_or("eth0")
    }

    /// The address that an interface has now.
    pub(crate) fn network(&self, name: &str) -> Option<Network> {
        self.interfaces.iter().find(|it| it.name == name)?.network
    }
}

/// Ethernet interfaces: those of a device, and others that are named like one (containers).
fn interface_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_ethernet = |name: &String| {
        let has_device = folder.join(name).join("device").exists();
        name != "lo" && (has_device || name.starts_with('e'))
    };
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(is_ethernet).collect();
    names.sort();
    names
}

/// The host's own IPv4 addresses. Source: `Documentation/networking/fib_trie.rst` of Linux.
fn local_addresses(trie: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut leaf = None;
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = leaf
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// A route: interface, destination, gateway, mask.
fn routes(text: &str) -> impl Iterator<Item = (&str, Ipv4Addr, Ipv4Addr, Ipv4Addr)> {
    text.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        // The kernel prints them as it keeps them, in network order on a little endian machine.
        let address = |at: usize| {
            let number = u32::from_str_radix(columns.get(at)?, 16).ok()?;
            Some(Ipv4Addr::from(number.to_ne_bytes()))
        };
        Some((*columns.first()?, address(1)?, address(2)?, address(7)?))
    })
}

/// The first of the host's addresses in a network that is on the interface.
fn network(text: &str, name: &str, local: &[Ipv4Addr]) -> Option<Network> {
    let on_link = routes(text).filter(|(interface, _, gateway, mask)| {
        *interface == name && gateway.is_unspecified() && !mask.is_unspecified()
    });
    on_link.into_iter().find_map(|(_, destination, _, mask)| {
        let destination = Network::with_mask(destination.into(), &mask.to_string()).ok()?;
        let address = local.iter().find(|it| destination.contains(IpAddr::V4(**it)))?;
        Some(Network { address: IpAddr::V4(*address), prefix: destination.prefix })
    })
}

fn gateway(text: &str) -> Option<IpAddr> {
    let default = routes(text).find(|(_, destination, gateway, mask)| {
        destination.is_unspecified() && mask.is_unspecified() && !gateway.is_unspecified()
    });
    default.map(|(_, _, gateway, _)| IpAddr::V4(gateway))
}

/// The first word after a keyword of `resolv.conf`.
fn words(text: &str, keyword: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(keyword))?;
    line.split_whitespace().next().map(str::to_owned).filter(|word| word != ".")
}

fn time_zone(root: &Path) -> Option<String> {
    let link = std::fs::read_link(root.join("etc/localtime")).ok()?;
    let name = link.to_str()?.split("zoneinfo/").nth(1)?.to_owned();
    Some(if name == "Etc/UTC" { "UTC".to_owned() } else { name })
}

/// The third column of `zone.tab`. Source: `tzfile` distribution, "zone.tab".
fn zones(table: &str) -> Vec<String> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let mut zones: Vec<String> =
        lines.filter_map(|line| line.split('\t').nth(2)).map(str::to_owned).collect();
    zones.sort();
    zones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read_from_its_files() {
        let root = std::env::temp_dir().join(format!("openmse-machine-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("proc/sys/kernel/hostname", "host7\n");
        write("etc/resolv.conf", "search example.org other.org\nnameserver 192.0.2.53\n");
        write("sys/class/net/enp3s0/device/x", "");
        write("sys/class/net/lo/x", "");
        write("sys/class/net/ifb0/x", "");
        write("sys/class/net/enp4s0/device/x", "");
        write(
            "usr/share/zoneinfo/zone.tab",
            "# code\nBE\t+5050\tEurope/Brussels\nAD\t+1\tEurope/Andorra\n",
        );
        write(
            "proc/net/route",
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
             enp3s0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
             enp3s0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
        );
        write(
            "proc/net/fib_trie",
            "Main:\n  +-- 192.0.2.0/24 2 0 2\n     |-- 192.0.2.2\n        /32 host LOCAL\n\
             \x20    |-- 192.0.2.255\n        /32 link BROADCAST\n",
        );
        std::os::unix::fs::symlink(
            "/usr/share/zoneinfo/Europe/Brussels",
            root.join("etc/localtime"),
        )
        .unwrap();
        let machine = Machine::read(&root);
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(machine.host_name.as_deref(), Some("host7"));
        assert_eq!(machine.domain.as_deref(), Some("example.org"));
        assert_eq!(machine.names().collect::<Vec<_>>(), ["enp3s0", "enp4s0"]);
        assert_eq!(machine.network("enp3s0").unwrap().to_string(), "192.0.2.2/24");
        assert_eq!(machine.network("enp4s0"), None);
        assert_eq!(machine.gateway, Some("192.0.2.1".parse().unwrap()));
        assert_eq!(machine.dns_servers, ["192.0.2.53".parse::<IpAddr>().unwrap()]);
        assert_eq!(machine.time_zone.as_deref(), Some("Europe/Brussels"));
        assert_eq!(machine.zones, ["Europe/Andorra", "Europe/Brussels"]);
    }

    #[test]
    fn a_machine_that_says_nothing_has_the_documents_interfaces() {
        let machine = Machine::read(Path::new("/nonexistent"));
        assert_eq!(machine.names().collect::<Vec<_>>(), ["eth0", "eth1"]);
        assert_eq!(
            machine,
            Machine { interfaces: machine.interfaces.clone(), ..Machine::default() }
        );
    }
}
