//! The node's configuration file, as the set-up wizard writes it.
//!
//! `demo/node.toml` is a commented example that a test keeps valid.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::{fs, io};

use model::pair::Seat;
use node::log::{Limits, Rotating};
use serde::{Deserialize, Serialize};

/// Source: `shared/design/architecture.md`, "Ports".
pub const PORT: u16 = 8082;
/// Active instances of one secondary. Source: the pairing matrix of the guides, two primaries.
const ACTIVE_MAX: usize = 2;
/// The directory of logs in the data directory.
const LOGS_NAME: &str = "logs";
/// Largest log file. Ours: one that an editor still opens.
const FILE_MIB_MAX: u32 = 1_024;
/// Most log files of one process. Ours.
const FILES_MAX: u32 = 100;

/// What a node is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept. One node per directory.
    pub data: PathBuf,
    /// The host name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `High availability role`.
    pub role: Seat,
    /// How the other nodes reach this one.
    pub health_monitor: HealthMonitor,
    /// The address that clients use; a primary has one, a secondary takes over those of its peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_address: Option<VirtualAddress>,
    /// A primary that was paired and has lost its configuration: it takes it from the secondary,
    /// and does not serve before.
    #[serde(default)]
    pub recovery: bool,
    /// The service that is supervised; a secondary runs one for each peer.
    pub service: Service,
    /// Most instances that a secondary serves at once.
    #[serde(default = "active_max")]
    pub max_active: usize,
    /// Where logs are kept, and how much of them.
    #[serde(default, skip_serializing_if = "Logs::are_usual")]
    pub logs: Logs,
}

/// Where logs are kept, and how much of them.
///
/// `monitor.log` is this process's, `service-<instance>.log` what a service prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// `logs` in the data directory when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// MiB of one file.
    pub file_mib_max: u32,
    /// Files of one process, with the one that is written.
    pub files_max: u32,
}

/// How the other nodes reach this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthMonitor {
    /// `Health Monitor Interface`; needed for a virtual address in the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// `Health Monitor IP Address`.
    pub address: IpAddr,
    /// TCP port.
    #[serde(default = "port")]
    pub port: u16,
    /// `Direct connect interface`: a cable between both nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_connect: Option<DirectConnect>,
}

/// A cable between both nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectConnect {
    /// The interface.
    pub interface: String,
    /// This node's address on it.
    pub address: IpAddr,
}

/// The address that clients use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VirtualAddress {
    /// `Virtual IP Address`.
    pub address: IpAddr,
    /// Length of the prefix that `Virtual IP Netmask` means: the network it must share with the
    /// health monitor's address.
    pub prefix: u8,
    /// Who holds it.
    #[serde(default)]
    pub provider: Provider,
}

/// Who holds the virtual address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// The kernel, on the health monitor's interface; needs `CAP_NET_ADMIN`.
    #[default]
    Kernel,
    /// Nobody: an address of 127.0.0.0/8 is everywhere on its machine. For demonstrations, and for
    /// machines without the capability.
    Loopback,
}

/// The service that is supervised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Program and arguments. Its environment says where its monitor listens (`MSE_SERVICE_SOCKET`),
    /// where its state belongs (`MSE_SERVICE_DATA`), and at which address clients look for it
    /// (`MSE_SERVICE_ADDRESS`, `MSE_SERVICE_PREFIX`).
    pub command: Vec<String>,
}

/// Values that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Clients would reach the monitor, or nobody.
    #[error(
        "virtual_address.address {0} is the health monitor's own; the virtual address must be another one of the same network"
    )]
    ConfigSameAddress(IpAddr),
    /// A gratuitous ARP reaches one network only.
    #[error(
        "virtual_address.address {address}/{prefix} and health_monitor.address {monitor} are not in the same network; layer 3 redundancy is not possible"
    )]
    ConfigOtherNetwork {
        /// The virtual address.
        address: IpAddr,
        /// Its prefix.
        prefix: u8,
        /// The health monitor's.
        monitor: IpAddr,
    },
    /// A prefix that the family does not have.
    #[error("virtual_address.prefix {0} is too long for {1}")]
    ConfigPrefix(u8, IpAddr),
    /// Without an interface the kernel has nowhere to put it.
    #[error("health_monitor.interface is needed for a virtual address in the kernel")]
    ConfigNoInterface,
    /// Outside 127.0.0.0/8 a loopback address reaches nobody.
    #[error("virtual_address.provider = \"loopback\" needs an address of 127.0.0.0/8, not {0}")]
    ConfigNoLoopback(IpAddr),
    /// A primary serves somewhere.
    #[error("a primary needs [virtual_address]")]
    ConfigNoVirtualAddress,
    /// A secondary has none of its own.
    #[error("a secondary has no virtual address of its own; remove [virtual_address]")]
    ConfigVirtualAddress,
    /// Only a primary can have lost what a secondary keeps.
    #[error("recovery = true is for a primary")]
    ConfigRecovery,
    /// Nothing to supervise.
    #[error("service.command is empty; write the program and its arguments")]
    ConfigNoCommand,
    /// No log at all, or one that fills the disk.
    #[error(
        "logs.file_mib_max must be 1 to {FILE_MIB_MAX} MiB, and logs.files_max 1 to {FILES_MAX} files"
    )]
    ConfigLogs,
    /// A secondary that may serve nobody.
    #[error("max_active must be at least 1")]
    ConfigMaxActive,
}

fn port() -> u16 {
    PORT
}

fn active_max() -> usize {
    ACTIVE_MAX
}

impl Logs {
    fn are_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Logs {
    /// Source: ours; 50 MiB are weeks of a node that is well, and fit on every disk.
    fn default() -> Self {
        Self { directory: None, file_mib_max: 10, files_max: 5 }
    }
}

impl Config {
    /// Where the other nodes reach this one.
    pub fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.health_monitor.address, self.health_monitor.port)
    }

    /// Where logs are kept.
    pub fn log_directory(&self) -> PathBuf {
        self.logs.directory.clone().unwrap_or_else(|| self.data.join(LOGS_NAME))
    }

    /// Opens the log of that name, such as `monitor`.
    pub fn log(&self, name: &str) -> io::Result<Rotating> {
        let Logs { file_mib_max, files_max, .. } = self.logs;
        let limits = Limits { file_bytes_max: u64::from(file_mib_max) << 20, files_max };
        // Closed to others, as it is when it is made for the key; the log comes first.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data)?;
        Rotating::open(self.log_directory().join(format!("{name}.log")), limits)
    }

    /// Checks what one value alone cannot show.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.service.command.is_empty() {
            return Err(ConfigError::ConfigNoCommand);
        }
        if self.max_active == 0 {
            return Err(ConfigError::ConfigMaxActive);
        }
        let Logs { file_mib_max, files_max, .. } = self.logs;
        if !(1..=FILE_MIB_MAX).contains(&file_mib_max) || !(1..=FILES_MAX).contains(&files_max) {
            return Err(ConfigError::ConfigLogs);
        }
        match (self.role, &self.virtual_address) {
            (Seat::Primary, None) => Err(ConfigError::ConfigNoVirtualAddress),
            (Seat::Secondary, Some(_)) => Err(ConfigError::ConfigVirtualAddress),
            (Seat::Secondary, None) if self.recovery => Err(ConfigError::ConfigRecovery),
            (Seat::Secondary, None) => Ok(()),
            (Seat::Primary, Some(virtual_address)) => virtual_address.check(&self.health_monitor),
        }
    }
}

impl VirtualAddress {
    /// Whether clients of the health monitor's network reach it.
    fn check(&self, monitor: &HealthMonitor) -> Result<(), ConfigError> {
        let Self { address, prefix, provider } = *self;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if prefix > bits {
            return Err(ConfigError::ConfigPrefix(prefix, address));
        }
        if address == monitor.address {
            return Err(ConfigError::ConfigSameAddress(address));
        }
        match provider {
            Provider::Loopback if address.is_ipv4() && address.is_loopback() => Ok(()),
            Provider::Loopback => Err(ConfigError::ConfigNoLoopback(address)),
            Provider::Kernel if monitor.interface.is_none() => Err(ConfigError::ConfigNoInterface),
            Provider::Kernel if same_network(address, monitor.address, prefix) => Ok(()),
            Provider::Kernel => {
                let monitor = monitor.address;
                Err(ConfigError::ConfigOtherNetwork { address, prefix, monitor })
            }
        }
    }
}

/// Whether both addresses have the first `prefix` bits in common.
fn same_network(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let (one, other, bits) = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (u128::from(one.to_bits()), u128::from(other.to_bits()), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
        _ => return false,
    };
    (one ^ other).checked_shr(bits - u32::from(prefix)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: &str = r#"
        data = "/var/lib/mse"
        role = "primary"
        [health_monitor]
        interface = "eth0"
        address = "10.10.10.12"
        [virtual_address]
        address = "10.10.10.11"
        prefix = 24
        [service]
        command = ["mse", "engine"]
        [logs]
        file_mib_max = 10
        files_max = 5
    "#;

    fn check_refused(from: &str, to: &str, expected: &str) {
        assert!(PRIMARY.contains(from), "{from}");
        let error = match node::config::parse::<Config>(&PRIMARY.replace(from, to)) {
            Ok(config) => config.validate().expect_err(expected).to_string(),
            Err(error) => error,
        };
        assert!(error.contains(expected), "'{error}' does not name {expected}");
    }

    #[test]
    fn the_documents_primary_is_accepted() {
        let config = node::config::parse::<Config>(PRIMARY).unwrap();
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(config.listen().to_string(), "10.10.10.12:8082");
        assert_eq!(config.max_active, 2);
    }

    #[test]
    fn what_is_wrong_is_named() {
        check_refused("10.10.10.11", "10.10.10.12", "the health monitor's own");
        check_refused("10.10.10.11", "10.10.11.11", "10.10.11.11/24 and health_monitor");
        check_refused("prefix = 24", "prefix = 33", "prefix 33");
        check_refused("interface = \"eth0\"", "", "health_monitor.interface");
        check_refused("role = \"primary\"", "role = \"secondary\"", "remove [virtual_address]");
        check_refused("prefix = 24", "prefix = 24\nprovider = \"loopback\"", "127.0.0.0/8");
        check_refused("[\"mse\", \"engine\"]", "[]", "service.command");
        check_refused("role = \"primary\"", "role = \"third\"", "third");
        check_refused("files_max = 5", "files_max = 0", "logs.files_max");
        check_refused("file_mib_max = 10", "file_mib_max = 4096", "logs.file_mib_max");
    }

    #[test]
    fn networks_are_compared_by_their_prefix() {
        let check = |one: &str, other: &str, prefix, expected| {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(same_network(one, other, prefix), expected, "{one} {other}/{prefix}");
        };
        check("10.10.10.11", "10.10.10.12", 24, true);
        check("10.10.10.11", "10.10.11.12", 24, false);
        check("10.10.10.11", "10.10.11.12", 22, true);
        check("10.0.0.1", "11.0.0.1", 0, true);
        check("10.0.0.1", "10.0.0.2", 32, false);
        check("fd00::1", "fd00::2", 64, true);
        check("fd00::1", "fd01::2", 64, false);
        check("fd00::1", "fd00::2", 128, false);
        check("10.0.0.1", "fd00::2", 0, false);
    }
}
