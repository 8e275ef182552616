//! `mse gethainfo`: text of MSE 7.2 and 8.0 (`mse-8.0-high-availability`), line by line.
//!
//! The peer's line `Health Monitor IP Address 10.10.10.13` has no colon there, so it has none here.

use std::io::{self, Write};

use ha::Mode;
use model::pair::Seat;
use monitor::info::{Info, NodeInfo, PATH, PeerInfo, SOCKET_NAME};

use crate::cli::node::Place;
use crate::local;
use crate::output::{Failure, Output};

/// As long as the heading.
const BASE_RULE: &str = "----------------------------------------------------";
const PEER_RULE: &str = "----------------------------";

pub(crate) async fn run(output: &mut Output<impl Write>, place: &Place) -> Result<(), Failure> {
    let info = load(place).await?;
    output.show(&info, |out| print(out, &info))
}

/// What the running monitor says, or what it said last.
pub(crate) async fn load(place: &Place) -> Result<Info, Failure> {
    match local::get(&place.data, SOCKET_NAME, PATH).await {
        Err(Failure::NotRunning(_)) => last(place),
        other => other,
    }
}

/// What the monitor said last; what was configured when it never ran.
pub(crate) fn last(place: &Place) -> Result<Info, Failure> {
    let folder = place.data.join("node");
    if let Some(last) = Info::load_last(&folder).map_err(anyhow::Error::from)? {
        return Ok(last);
    }
    if let Some(config) = &place.config {
        // Made at the first start.
        let mac = node::identity::Identity::load(&folder).ok().map(|identity| identity.mac);
        return Ok(Info::configured(config, mac, env!("CARGO_PKG_VERSION")));
    }
    Err(Failure::NotFound(format!(
        "no health monitor ever ran in {}; 'mse setup' sets a node up, --data names its directory",
        place.data.display()
    )))
}

pub(crate) fn print(out: &mut dyn Write, info: &Info) -> io::Result<()> {
    if info.running {
        writeln!(out, "Health Monitor is running. Retrieving HA related information\n")?;
    } else {
        writeln!(
            out,
            "Health Monitor is not running. Following information is from the last saved configuration\n"
        )?;
    }
    base(out, &info.node, info.peers.len())?;
    info.peers.iter().try_for_each(|it| peer(out, it, info.running))
}

fn base(out: &mut dyn Write, node: &NodeInfo, peers: usize) -> io::Result<()> {
    writeln!(
        out,
        "{BASE_RULE}\nBase high availability configuration for this server\n{BASE_RULE}\n"
    )?;
    writeln!(out, "Server role: {}", role(node.role))?;
    writeln!(out, "Health Monitor IP Address: {}", node.health_monitor)?;
    match node.virtual_address {
        Some(address) => writeln!(out, "Virtual IP Address: {address}")?,
        None => writeln!(out, "Virtual IP Address: Not Applicable for a secondary")?,
    }
    writeln!(out, "Version: {}", node.version)?;
    writeln!(out, "UDI: {}", node.udi)?;
    writeln!(out, "Number of paired peers: {peers}")
}

fn peer(out: &mut dyn Write, peer: &PeerInfo, running: bool) -> io::Result<()> {
    writeln!(out, "\n{PEER_RULE}\nPeer configuration#: {}\n{PEER_RULE}\n", peer.number)?;
    writeln!(out, "Health Monitor IP Address {}", peer.health_monitor)?;
    writeln!(out, "Virtual IP Address: {}", peer.virtual_address)?;
    writeln!(out, "Version: {}", peer.version)?;
    writeln!(out, "UDI: {}", peer.udi)?;
    writeln!(out, "Failover type: {}", mode(peer.failover))?;
    writeln!(out, "Failback type: {}", mode(peer.failback))?;
    writeln!(out, "Failover wait time (seconds): {}", seconds(peer.failover_wait_ms))?;
    writeln!(out, "Instance database name: {}", peer.database.name)?;
    writeln!(out, "Instance database port: {}", peer.database.port)?;
    writeln!(out, "Dataguard configuration name: {}", peer.database.dataguard)?;
    writeln!(out, "Primary database alias: {}", peer.database.primary_alias)?;
    writeln!(out, "Direct connect used: {}", if peer.direct_connect { "Yes" } else { "No" })?;
    if running {
        writeln!(out, "Heartbeat status: {}", if peer.heartbeat_is_up { "Up" } else { "Down" })?;
        writeln!(out, "Current state: {}", peer.state)
    } else {
        let state = peer.last_shutdown_state.unwrap_or(peer.state);
        writeln!(out, "Last shutdown state: {state}")
    }
}

/// `Primary` or `Secondary`, as the documents write it.
pub(crate) fn role(seat: Seat) -> &'static str {
    match seat {
        Seat::Primary => "Primary",
        Seat::Secondary => "Secondary",
    }
}

/// `Automatic` or `Manual`, as the documents write it.
pub(crate) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Automatic => "Automatic",
        Mode::Manual => "Manual",
    }
}

/// 10000 ms are `10`, 2500 ms are `2.5`.
pub(crate) fn seconds(ms: u64) -> String {
    (ms as f64 / 1000.0).to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use ha::State;
    use model::Time;
    use monitor::info::Database;

    use super::*;
    use crate::golden;

    /// A node of the documents: `(host, health monitor, UDI)`.
    type Node = (&'static str, &'static str, &'static str);

    const MSE1: Node = ("mse1", "10.10.10.12", "AIR-MSE-VA-K9:V01:mse1");
    const MSE2: Node = ("mse2", "10.10.10.13", "AIR-MSE-VA-K9:V01:mse2");
    const NICO: Node = (
        "NicoMSE",
        "10.48.39.238",
        "AIR-MSE-VA-K9:V01:NicoMSE_b950a7c0-b68c-11e4-99d9-005056993b63",
    );
    const NICO2: Node = (
        "NicoMSE2",
        "10.48.39.240",
        "AIR-MSE-VA-K9:V01:NicoMSE2_1c6b1940-b6a5-11e4-b017-005056993b66",
    );

    /// `node` in `role` with the virtual address of its pair and one peer in `state`.
    pub(crate) fn pair(role: Seat, node: Node, peer: Node, address: &str, state: State) -> Info {
        let version = if address == "10.48.39.224" { "8.0.110.0" } else { "7.2.103.0" };
        let virtual_address = address.parse().unwrap();
        Info {
            running: true,
            at_ms: Time(0),
            node: NodeInfo {
                name: node.0.to_owned(),
                role,
                health_monitor: node.1.parse().unwrap(),
                virtual_address: (role == Seat::Primary).then_some(virtual_address),
                version: version.to_owned(),
                udi: node.2.to_owned(),
                serving: role == Seat::Primary,
            },
            peers: vec![PeerInfo {
                number: 1,
                instance: 3,
                name: peer.0.to_owned(),
                health_monitor: peer.1.parse().unwrap(),
                virtual_address,
                version: version.to_owned(),
                udi: peer.2.to_owned(),
                failover: Mode::Manual,
                failback: Mode::Manual,
                failover_wait_ms: 10_000,
                database: Database::of(role, 3),
                direct_connect: false,
                heartbeat_is_up: true,
                state,
                last_shutdown_state: None,
                sync_percent: 100,
                heartbeat_response_ms: Some(12),
                is_paused: false,
            }],
        }
    }

    /// The primary of the failover scenario.
    pub(crate) fn primary(state: State, heartbeat_is_up: bool) -> Info {
        let mut info = pair(Seat::Primary, NICO, NICO2, "10.48.39.224", state);
        info.peers[0].heartbeat_is_up = heartbeat_is_up;
        info
    }

    /// The secondary of the failover scenario.
    pub(crate) fn secondary(state: State, heartbeat_is_up: bool) -> Info {
        let mut info = pair(Seat::Secondary, NICO2, NICO, "10.48.39.224", state);
        info.peers[0].heartbeat_is_up = heartbeat_is_up;
        info
    }

    fn check(name: &str, info: &Info) {
        let mut text = Vec::new();
        print(&mut text, info).unwrap();
        golden::check(&format!("gethainfo/{name}.txt"), &String::from_utf8(text).unwrap());
        // The document loses nothing on its way.
        let document = serde_json::to_string(info).unwrap();
        assert_eq!(serde_json::from_str::<Info>(&document).unwrap(), *info);
    }

    #[test]
    fn a_pair_is_shown_as_the_documents_show_it() {
        let (address, serial1, serial2) = (
            "10.10.10.11",
            "AIR-MSE-VA-K9:V01:mse1_d5972642-5696-11e1-bd0c-0050568901d6",
            "AIR-MSE-VA-K9:V01:mse2_666f2046-5699-11e1-b1b1-0050568901d9",
        );
        let peer = |node: Node, udi| (node.0, node.1, udi);
        let of = |role, node, peer, state| pair(role, node, peer, address, state);
        check("primary", &of(Seat::Primary, MSE1, peer(MSE2, serial2), State::PrimaryActive));
        check("secondary", &of(Seat::Secondary, MSE2, peer(MSE1, serial1), State::SecondaryActive));
    }

    #[test]
    fn a_direct_connect_is_shown() {
        let one = ("mse3355-1", "10.10.10.15", "AIR-MSE-3355-K9:V01:KQ37xx");
        let two = ("mse3355-2", "10.10.10.16", "AIR-MSE-3355-K9:V01:KQ45xx");
        let direct = |role, node, peer, state| {
            let mut info = pair(role, node, peer, "10.10.10.14", state);
            info.peers[0].direct_connect = true;
            info.peers[0].failover = Mode::Automatic;
            info
        };
        let primary = direct(Seat::Primary, one, two, State::PrimaryActive);
        check("direct-connect-primary", &primary);
        let secondary = direct(Seat::Secondary, two, one, State::SecondaryActive);
        check("direct-connect-secondary", &secondary);
    }

    #[test]
    fn two_peers_have_two_databases() {
        let node = ("mse3355-2", "10.10.10.16", "AIR-MSE-3355-K9:V01:KQ45xx");
        let first = ("mse3350", "10.10.10.22", "AIR-MSE-3350-K9:V01:MXQ839xx");
        let second = ("mse3310", "10.10.10.17", "AIR-MSE-3310-K9:V01:FTX140xx");
        let of = |peer, address| pair(Seat::Secondary, node, peer, address, State::SecondaryActive);
        let mut info = of(first, "10.10.10.21");
        let mut other = of(second, "10.10.10.18").peers.remove(0);
        (other.number, other.instance) = (2, 4);
        other.database = Database::of(Seat::Secondary, 4);
        info.peers.push(other);
        check("two-peers", &info);
    }

    #[test]
    fn a_failover_is_shown_as_the_documents_show_it() {
        check("scenario-primary-active", &primary(State::PrimaryActive, true));
        check("scenario-secondary-active", &secondary(State::SecondaryActive, true));
        check("failover-invoked-primary", &primary(State::FailoverInvoked, false));
        check("failover-invoked-secondary", &secondary(State::FailoverInvoked, false));
        check("failover-active-primary", &primary(State::FailoverActive, false).stopped());
        check("failover-active-secondary", &secondary(State::FailoverActive, false));
    }

    #[test]
    fn a_failback_is_shown_as_the_documents_show_it() {
        check("terminated", &primary(State::Terminated, false));
        check("failback-active-primary", &primary(State::FailbackActive, false));
        check("failback-active-secondary", &secondary(State::FailbackActive, false));
        check("failback-complete", &primary(State::FailbackComplete, true));
        check("secondary-alone", &secondary(State::SecondaryAlone, true));
    }

    #[test]
    fn a_primary_that_is_not_paired_has_no_peers() {
        let mut info = primary(State::PrimaryActive, true);
        info.peers.clear();
        check("alone", &info);
    }

    #[test]
    fn seconds_have_a_fraction_only_when_they_need_it() {
        assert_eq!((seconds(10_000), seconds(2_500)), ("10".to_owned(), "2.5".to_owned()));
    }
}
