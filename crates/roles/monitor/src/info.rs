//! What `gethainfo` tells: this node, and with whom it is paired.
//!
//! The monitor serves it as JSON at [`PATH`] on its Unix socket [`SOCKET_NAME`], and keeps it in
//! `<data>/node/last-info.json` so that it can be told when the monitor does not run. Names and
//! order of the fields: `gethainfo` of `shared/sources/mse-8.0-high-availability.ja.txt`.
//!
//! Deliberately absent: the register, ballots and standings. Those are the protocol's, and
//! [`ha::Status`] has them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ha::{Mode, State};
use model::pair::Seat;
use model::{Mac, Time};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::peers::FIRST_INSTANCE;

/// The monitor's Unix socket, in the data directory.
pub const SOCKET_NAME: &str = "node/monitor.sock";
/// Where the document is served.
pub const PATH: &str = "/api/v1/ha/info";
/// Where the document is kept, in the node's folder.
pub const FILE_NAME: &str = "last-info.json";
/// `Hw Product Identifier`, also of `getserverinfo`. Ours.
pub const PRODUCT_ID: &str = "OPENMSE-VA";
/// `Hw Version`. Source: `AIR-MSE-VA-K9:V01:mse1`.
pub const HARDWARE_VERSION: &str = "V01";
/// Port of the first standby instance. Source: `mseos3` is at 1524, `mseos4` at 1525.
const STANDBY_PORT: u16 = 1524;
/// Port of a primary's copy on its secondary, as the primary shows it. Source: `mseos3s` at 1624.
const PRIMARY_PORT: u16 = 1624;

/// This node and its peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Whether the monitor runs; a document from the disk says no.
    pub running: bool,
    /// When the document was made.
    pub at_ms: Time,
    /// `Base high availability configuration for this server`.
    pub node: NodeInfo,
    /// `Number of paired peers`, and each of them. A primary that is not paired has none.
    pub peers: Vec<PeerInfo>,
}

/// `Base high availability configuration for this server`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Host name.
    pub name: String,
    /// `Server role`.
    pub role: Seat,
    /// `Health Monitor IP Address`.
    pub health_monitor: IpAddr,
    /// `Virtual IP Address`; not applicable for a secondary.
    pub virtual_address: Option<IpAddr>,
    /// `Version`.
    pub version: String,
    /// `UDI`, of [`udi`].
    pub udi: String,
    /// Whether any instance of this node serves clients now; otherwise its services are dormant.
    pub serving: bool,
}

/// `Peer configuration#`: one group, as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerInfo {
    /// `Peer configuration#`, from 1.
    pub number: u32,
    /// The instance on this node, from [`FIRST_INSTANCE`]; commands name the group by it.
    pub instance: u32,
    /// The peer's host name.
    pub name: String,
    /// `Health Monitor IP Address` of the peer.
    pub health_monitor: IpAddr,
    /// `Virtual IP Address` of the group.
    pub virtual_address: IpAddr,
    /// `Version` of the peer.
    pub version: String,
    /// `UDI` of the peer.
    pub udi: String,
    /// `Failover type`.
    pub failover: Mode,
    /// `Failback type`.
    pub failback: Mode,
    /// `Failover wait time (seconds)`, with its fraction as milliseconds: 2500 is `2.5`.
    pub failover_wait_ms: u64,
    /// Names of the instance's database.
    pub database: Database,
    /// `Direct connect used`.
    pub direct_connect: bool,
    /// `Heartbeat status`: whether the peer answers.
    pub heartbeat_is_up: bool,
    /// `Current state`; of a document from the disk, the last one that it was saved with.
    pub state: State,
    /// `Last shutdown state`, when the monitor does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_shutdown_state: Option<State>,
    /// How far the backup has come, in percent.
    pub sync_percent: u8,
    /// `Mean Heartbeat Response Time`, in milliseconds; none when there was no answer yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_response_ms: Option<u64>,
    /// Automatic failover is off until an operator resumes.
    #[serde(default)]
    pub is_paused: bool,
}

/// The documents' names for an instance's database. Here it is an embedded one behind a replicated
/// log: nobody can connect to this name or port. They are shown because operators and scripts look
/// for them, and because they tell two instances of one secondary apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// `Instance database name`.
    pub name: String,
    /// `Instance database port`.
    pub port: u16,
    /// `Dataguard configuration name`.
    pub dataguard: String,
    /// `Primary database alias`.
    pub primary_alias: String,
}

impl Database {
    /// The names that the node in `seat` shows for its `instance`.
    pub fn of(seat: Seat, instance: u32) -> Self {
        let beyond = u16::try_from(instance.saturating_sub(FIRST_INSTANCE)).unwrap_or(u16::MAX);
        let (suffix, first_port) = match seat {
            Seat::Primary => ("s", PRIMARY_PORT),
            Seat::Secondary => ("", STANDBY_PORT),
        };
        Self {
            name: format!("mseos{instance}{suffix}"),
            port: first_port.saturating_add(beyond),
            dataguard: format!("dg_mse{instance}"),
            primary_alias: format!("mseop{instance}s"),
        }
    }
}

/// `UDI` of a node: product, hardware version and serial number, which is the host name and the MAC
/// of its certificate, as in `getserverinfo`.
pub fn udi(name: &str, mac: Mac) -> String {
    let mac = mac.to_string().replace(':', "");
    format!("{PRODUCT_ID}:{HARDWARE_VERSION}:{name}_{mac}")
}

/// The last document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InfoError {
    /// It cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not what its name says.
    #[error(
        "{} is damaged: {source}; remove it, the health monitor writes it anew", path.display()
    )]
    LocalDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Info {
    /// Keeps the document in the node's folder; on disk when this returns.
    pub fn save(&self, folder: &Path) -> Result<(), InfoError> {
        let path = folder.join(FILE_NAME);
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::other);
        let written = text.and_then(|text| node::directory::replace(&path, &text, 0o600));
        written.map_err(|source| InfoError::LocalFile { path, source })
    }

    /// The document of a monitor that does not run, from the node's folder; none when it never ran.
    pub fn load_last(folder: &Path) -> Result<Option<Self>, InfoError> {
        let path = folder.join(FILE_NAME);
        match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<Self>(&bytes) {
                Ok(info) => Ok(Some(info.stopped())),
                Err(source) => Err(InfoError::LocalDamaged { path, source }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(InfoError::LocalFile { path, source }),
        }
    }

    /// What is known of a node that was set up and never ran; its certificate may not be there yet.
    pub fn configured(config: &Config, mac: Option<Mac>, version: &str) -> Self {
        let name = config.name.clone().unwrap_or_default();
        let udi = mac.map_or_else(
            || format!("{PRODUCT_ID}:{HARDWARE_VERSION}:{name}"),
            |mac| udi(&name, mac),
        );
        Self {
            running: false,
            at_ms: Time(0),
            node: NodeInfo {
                name,
                role: config.role,
                health_monitor: config.health_monitor.address,
                virtual_address: config.virtual_address.as_ref().map(|it| it.address),
                version: version.to_owned(),
                udi,
                serving: false,
            },
            peers: Vec::new(),
        }
    }

    /// Whether an operator would see a difference; times and response times do not count.
    pub fn differs(&self, other: &Self) -> bool {
        let plain = |info: &Self| {
            let mut info = info.clone();
            info.at_ms = Time(0);
            for peer in &mut info.peers {
                peer.heartbeat_response_ms = None;
            }
            info
        };
        plain(self) != plain(other)
    }

    /// The same when the monitor has stopped: states are the last ones.
    #[must_use]
    pub fn stopped(mut self) -> Self {
        self.running = false;
        self.node.serving = false;
        for peer in &mut self.peers {
            peer.last_shutdown_state.get_or_insert(peer.state);
            peer.heartbeat_is_up = false;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> Info {
        Info {
            running: true,
            at_ms: Time(1_425_819_870_000),
            node: NodeInfo {
                name: "mse2".to_owned(),
                role: Seat::Secondary,
                health_monitor: "10.10.10.13".parse().unwrap(),
                virtual_address: None,
                version: "0.1.0".to_owned(),
                udi: udi("mse2", "00:11:22:33:44:55".parse().unwrap()),
                serving: true,
            },
            peers: vec![PeerInfo {
                number: 1,
                instance: 3,
                name: "mse1".to_owned(),
                health_monitor: "10.10.10.12".parse().unwrap(),
                virtual_address: "10.10.10.11".parse().unwrap(),
                version: "0.1.0".to_owned(),
                udi: "OPENMSE-VA:V01:mse1".to_owned(),
                failover: Mode::Automatic,
                failback: Mode::Manual,
                failover_wait_ms: 2_500,
                database: Database::of(Seat::Secondary, 3),
                direct_connect: false,
                heartbeat_is_up: true,
                state: State::Syncing(66),
                last_shutdown_state: None,
                sync_percent: 66,
                heartbeat_response_ms: Some(13),
                is_paused: false,
            }],
        }
    }

    #[test]
    fn names_are_those_of_the_documents() {
        let check = |seat, instance, expected: [&str; 4]| {
            let Database { name, port, dataguard, primary_alias } = Database::of(seat, instance);
            assert_eq!([name, port.to_string(), dataguard, primary_alias], expected);
        };
        check(Seat::Primary, 3, ["mseos3s", "1624", "dg_mse3", "mseop3s"]);
        check(Seat::Secondary, 3, ["mseos3", "1524", "dg_mse3", "mseop3s"]);
        check(Seat::Secondary, 4, ["mseos4", "1525", "dg_mse4", "mseop4s"]);
        assert_eq!(info().node.udi, "OPENMSE-VA:V01:mse2_001122334455");
    }

    #[test]
    fn what_was_saved_is_told_as_the_last_state() {
        let folder = std::env::temp_dir().join(format!("openmse-info-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(Info::load_last(&folder).unwrap(), None);
        info().save(&folder).unwrap();
        let last = Info::load_last(&folder).unwrap().unwrap();
        assert_eq!((last.running, last.node.serving), (false, false));
        assert_eq!(last.peers[0].last_shutdown_state, Some(State::Syncing(66)));
        std::fs::write(folder.join(FILE_NAME), "{").unwrap();
        let error = Info::load_last(&folder).unwrap_err().to_string();
        assert!(error.contains("last-info.json is damaged"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
