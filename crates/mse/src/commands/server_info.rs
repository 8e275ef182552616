//! `mse getserverinfo`: sections and fields of MSE 8.0 (`mse-8.0-high-availability`).
//!
//! A node of a pair begins with its health monitor, a secondary says that it is dormant, and a
//! monitor that does not run leaves one line. Services that this version does not have yet are listed as not installed: operators and scripts
//! look for their names.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use engine::api::server::{Duty, PRODUCT, ServerInfo, SessionInfo};
use engine::engine::SOCKET_NAME;
use model::pair::Seat;
use monitor::info::{HARDWARE_VERSION, Info, NodeInfo, PATH, PRODUCT_ID};
use node::clock::date_text;
use serde::Serialize;

use crate::cli::node::Place;
use crate::local;
use crate::output::{Failure, Output};

const RULE: &str = "-------------";

/// What a node of a pair tells with `--json`; a stand-alone engine tells its [`ServerInfo`].
#[derive(Serialize)]
struct Report<'a> {
    health_monitor: &'a NodeInfo,
    server: Option<&'a ServerInfo>,
}

pub(crate) async fn run(output: &mut Output<impl Write>, place: &Place) -> Result<(), Failure> {
    if place.has_monitor {
        return node_of_a_pair(output, &place.data).await;
    }
    let info: ServerInfo = match local::get(&place.data, SOCKET_NAME, "/api/v1/server/info").await {
        Err(Failure::NotRunning(message)) => {
            if !output.json {
                output.line("MSE services are not running")?;
            }
            return Err(Failure::NotRunning(message));
        }
        other => other?,
    };
    output.show(&info, |out| print(out, None, &info))
}

async fn node_of_a_pair(output: &mut Output<impl Write>, data: &Path) -> Result<(), Failure> {
    let info: Info = match local::get(data, monitor::info::SOCKET_NAME, PATH).await {
        Err(Failure::NotRunning(message)) => {
            if !output.json {
                output.line("Health Monitor is not running")?;
            }
            return Err(Failure::NotRunning(message));
        }
        other => other?,
    };
    let server = engine_info(data, &info).await?;
    output.show(
        &Report { health_monitor: &info.node, server: server.as_ref() },
        |out| match &server {
            Some(server) => print(out, Some(&info.node), server),
            None => print_without_engine(out, &info.node),
        },
    )
}

/// What the node's engine says; a dormant instance may have none that answers.
async fn engine_info(data: &Path, info: &Info) -> Result<Option<ServerInfo>, Failure> {
    for directory in engine_directories(data, info) {
        match local::get(&directory, SOCKET_NAME, "/api/v1/server/info").await {
            Err(Failure::NotRunning(_)) => {}
            other => return other.map(Some),
        }
    }
    Ok(None)
}

/// Where a supervised engine may be: in the folder of its instance.
fn engine_directories(data: &Path, info: &Info) -> Vec<PathBuf> {
    let first = monitor::peers::FIRST_INSTANCE;
    let mut instances: Vec<u32> = info.peers.iter().map(|peer| peer.instance).collect();
    if instances.is_empty() {
        instances.push(first);
    }
    let folder = |instance: u32| data.join("instances").join(instance.to_string());
    instances
        .into_iter()
        .map(|instance| folder(instance).join(monitor::group::STATE_NAME))
        .collect()
}

/// The whole text; `monitor` is what a node of a pair adds.
fn print(out: &mut dyn Write, monitor: Option<&NodeInfo>, info: &ServerInfo) -> io::Result<()> {
    let is_dormant = info.duty == Duty::Dormant || monitor.is_some_and(|node| !node.serving);
    if monitor.is_some() {
        writeln!(out, "Health Monitor is running")?;
    }
    writeln!(out, "Retrieving MSE Services status.")?;
    if is_dormant {
        writeln!(out, "{DORMANT}\n")?;
    } else {
        writeln!(out, "MSE services are up, getting the status\n")?;
    }
    server_config(out, monitor, info)?;
    services(out, Some(info))?;
    server_monitor(out, info, is_dormant)?;
    if is_dormant {
        // The documents' secondary ends here: nobody is logged in at it, and it tracks nothing.
        return Ok(());
    }
    sessions(out, &info.sessions)?;
    heading(out, "Default Trap Destinations")?;
    writeln!(out)?;
    context_aware_service(out, info)?;
    wips(out, info)
}

const DORMANT: &str = "MSE services are up and in DORMANT mode, getting the status";

/// What is known when no engine answers: the health monitor's part of it.
fn print_without_engine(out: &mut dyn Write, node: &NodeInfo) -> io::Result<()> {
    writeln!(out, "Health Monitor is running\nRetrieving MSE Services status.")?;
    // Ours: the documents do not show a node whose services should be up and are not.
    let line = if node.serving { "MSE services are not running" } else { DORMANT };
    writeln!(out, "{line}\n")?;
    heading(out, "Server Config")?;
    writeln!(out, "Product name: {PRODUCT}")?;
    writeln!(out, "Version: {}", node.version)?;
    identity(out, Some(node), "")?;
    writeln!(out)?;
    services(out, None)
}

fn heading(out: &mut dyn Write, title: &str) -> io::Result<()> {
    writeln!(out, "{RULE}\n{title}\n{RULE}\n")
}

fn server_config(
    out: &mut dyn Write,
    monitor: Option<&NodeInfo>,
    info: &ServerInfo,
) -> io::Result<()> {
    heading(out, "Server Config")?;
    writeln!(out, "Product name: {}", info.product)?;
    writeln!(out, "Version: {}", info.version)?;
    identity(out, monitor, &format!("{}_{}", info.name, info.mac.replace(':', "")))?;
    writeln!(out, "HTTPS: {}", info.https)?;
    writeln!(out, "Legacy Port: Not configured")?;
    writeln!(out, "Log Modules: -1")?;
    writeln!(out, "Log Level: {}", info.log_level)?;
    writeln!(out, "Days to keep events: {}", info.history_days)?;
    writeln!(out, "Session timeout in mins: {}", info.session_timeout_minutes)?;
    writeln!(out, "DB backup in days: Not configured\n")
}

/// Who the node is; a pair's node is known by its UDI.
fn identity(out: &mut dyn Write, monitor: Option<&NodeInfo>, serial: &str) -> io::Result<()> {
    let Some(node) = monitor else {
        writeln!(out, "Health Monitor Ip Address: Not configured")?;
        writeln!(out, "High Availability Role: Not configured")?;
        return hardware(out, PRODUCT_ID, HARDWARE_VERSION, serial);
    };
    let role = match node.role {
        Seat::Primary => 1,
        Seat::Secondary => 2,
    };
    writeln!(out, "Health Monitor Ip Address: {}", node.health_monitor)?;
    writeln!(out, "High Availability Role: {role}")?;
    let mut parts = node.udi.splitn(3, ':');
    let mut part = || parts.next().unwrap_or_default();
    hardware(out, part(), part(), part())
}

fn hardware(out: &mut dyn Write, product: &str, version: &str, serial: &str) -> io::Result<()> {
    writeln!(out, "Hw Version: {version}")?;
    writeln!(out, "Hw Product Identifier: {product}")?;
    writeln!(out, "Hw Serial Number: {serial}")
}

fn services(out: &mut dyn Write, info: Option<&ServerInfo>) -> io::Result<()> {
    heading(out, "Services")?;
    let version = info.map(|info| info.version.as_str());
    let wips = info.and_then(|info| info.wips.as_ref());
    let is_enabled = wips.is_some_and(|it| it.is_enabled);
    let is_up = wips.is_some_and(|it| it.is_up);
    // A service that is there: its version, whether it is wanted, whether it works.
    let there = |is_wanted, is_up| (version, is_wanted, is_up);
    let rows = [
        ("Context Aware Service", there(version.is_some(), version.is_some())),
        ("WIPS", if wips.is_some() { there(is_enabled, is_up) } else { (None, false, false) }),
        ("Mobile Concierge Service", (None, false, false)),
        ("CMX Analytics", (None, false, false)),
        ("CMX Connect & Engage", (None, false, false)),
        ("HTTP Proxy Service", (None, false, false)),
    ];
    for (name, (version, is_wanted, is_up)) in rows {
        let admin = if is_wanted { "Enabled" } else { "Disabled" };
        let operation = if is_up { "Up" } else { "Down" };
        writeln!(out, "Service Name: {name}")?;
        writeln!(out, "Service Version: {}", version.unwrap_or("Not installed"))?;
        writeln!(out, "Admin Status: {admin}")?;
        writeln!(out, "Operation Status: {operation}\n")?;
    }
    Ok(())
}

fn server_monitor(out: &mut dyn Write, info: &ServerInfo, is_dormant: bool) -> io::Result<()> {
    heading(out, "Server Monitor")?;
    writeln!(out, "Server start time: {}", date_text(info.start_time))?;
    writeln!(out, "Server current time: {}", date_text(info.current_time))?;
    writeln!(out, "Server timezone: {}", info.timezone)?;
    writeln!(out, "Server timezone offset (mins): {}", info.timezone_offset_minutes)?;
    // The documents' secondary does not count them.
    let restarts = if is_dormant { "null".to_owned() } else { info.restarts.to_string() };
    writeln!(out, "Restarts: {restarts}")?;
    writeln!(out, "Used Memory (MB): {}", info.used_memory_mb)?;
    // There is no heap of a fixed size: what is allocated is what is used.
    writeln!(out, "Allocated Memory (MB): {}", info.used_memory_mb)?;
    writeln!(out, "Max Memory (MB): {}", info.max_memory_mb)?;
    writeln!(out, "DB disk size (MB): {}\n", info.database_mb)
}

fn sessions(out: &mut dyn Write, sessions: &[SessionInfo]) -> io::Result<()> {
    heading(out, "Active Sessions")?;
    for (number, session) in sessions.iter().enumerate() {
        writeln!(out, "Session ID: {}", number + 1)?;
        writeln!(out, "Session User ID: {}", session.user)?;
        writeln!(out, "Session IP Address: {}", session.address)?;
        writeln!(out, "Session start time: {}", date_text(session.start_time))?;
        writeln!(out, "Session last access time: {}\n", date_text(session.last_access_time))?;
    }
    Ok(())
}

fn context_aware_service(out: &mut dyn Write, info: &ServerInfo) -> io::Result<()> {
    heading(out, "Context Aware Service")?;
    let (counts, rows) = (&info.counts, &info.counts.categories);
    let names = "Wireless Clients, Tags, Rogue APs, Rogue Clients, Interferers, Wired Clients";
    let active: usize = rows.iter().map(|row| row.active).sum();
    writeln!(out, "Total Active Elements({names}): {active}")?;
    for row in rows {
        writeln!(out, "Active {}: {}", row.title, row.active)?;
    }
    writeln!(out, "Active Elements({names}) Limit: {}", counts.limit)?;
    writeln!(out, "Active Sessions: {}", info.sessions.len())?;
    for row in rows {
        writeln!(out, "{} Not Tracked due to the limiting: {}", row.title, row.not_tracked)?;
    }
    let not_tracked: usize = rows.iter().map(|row| row.not_tracked).sum();
    writeln!(out, "Total Elements({names}) Not Tracked due to the limiting: {not_tracked}\n")?;
    heading(out, "Context Aware Sub Services")?;
    writeln!(out, "Subservice Name: OpenMSE Tag Engine")?;
    writeln!(out, "Admin Status: Enabled")?;
    writeln!(out, "Operation Status: Up")
}

/// What licences count. The documents have no such section; ours.
fn wips(out: &mut dyn Write, info: &ServerInfo) -> io::Result<()> {
    let Some(wips) = info.wips.as_ref().filter(|it| it.is_enabled) else { return Ok(()) };
    writeln!(out)?;
    heading(out, "WIPS")?;
    writeln!(out, "Monitor Mode APs: {}", wips.monitor_mode_aps)?;
    writeln!(out, "Local Mode APs: {}", wips.local_mode_aps)
}

#[cfg(test)]
mod tests {
    use engine::api::elements::{CategoryCount, Counts};
    use engine::api::server::WipsInfo;
    use ha::State;
    use model::Time;

    use super::*;
    use crate::commands::ha_info::tests::{primary, secondary};
    use crate::golden;

    fn server() -> ServerInfo {
        let row = |title: &str, active| CategoryCount {
            category: title.to_lowercase(),
            title: title.to_owned(),
            active,
            located: active,
            limit: 100,
            not_tracked: 0,
        };
        ServerInfo {
            duty: Duty::Active,
            product: PRODUCT.to_owned(),
            version: "8.0.110.0".to_owned(),
            name: "mse1".to_owned(),
            mac: "00:11:22:33:44:55".to_owned(),
            start_time: Time(1_425_814_832_000),
            current_time: Time(1_425_819_870_000),
            timezone: "Europe/Brussels".to_owned(),
            timezone_offset_minutes: 60,
            restarts: 1,
            used_memory_mb: 197,
            max_memory_mb: 989,
            database_mb: 17_191,
            history_days: 2,
            https: "0.0.0.0:8880".to_owned(),
            log_level: "INFO".to_owned(),
            session_timeout_minutes: 30,
            counts: Counts {
                limit: 100,
                total: 3,
                categories: vec![row("Wireless Clients", 2), row("Tags", 1)],
            },
            wips: Some(WipsInfo {
                is_enabled: true,
                is_up: true,
                monitor_mode_aps: 4,
                local_mode_aps: 12,
            }),
            sessions: vec![SessionInfo {
                user: "admin".to_owned(),
                address: "10.48.39.238".to_owned(),
                start_time: Time(1_425_815_094_000),
                last_access_time: Time(1_425_819_826_000),
            }],
        }
    }

    /// Times are printed in the zone of the machine that runs the test.
    fn check(name: &str, text: &[u8]) {
        let mut text = String::from_utf8(text.to_vec()).unwrap();
        for (number, s) in
            [1_425_814_832, 1_425_819_870, 1_425_815_094, 1_425_819_826].into_iter().enumerate()
        {
            text = text.replace(&date_text(Time(s * 1_000)), &format!("<time {}>", number + 1));
        }
        golden::check(&format!("getserverinfo/{name}.txt"), &text);
    }

    fn printed(monitor: Option<&NodeInfo>) -> Vec<u8> {
        let mut text = Vec::new();
        print(&mut text, monitor, &server()).unwrap();
        text
    }

    #[test]
    fn each_kind_of_node_has_the_documents_text() {
        let (primary, mut secondary) = (
            primary(State::PrimaryActive, true).node,
            secondary(State::SecondaryActive, true).node,
        );
        check("stand-alone", &printed(None));
        check("primary", &printed(Some(&primary)));
        check("dormant", &printed(Some(&secondary)));
        let mut text = Vec::new();
        print_without_engine(&mut text, &secondary).unwrap();
        check("dormant-without-engine", &text);
        secondary.serving = true;
        check("secondary-serves", &printed(Some(&secondary)));
        text.clear();
        print_without_engine(&mut text, &secondary).unwrap();
        assert!(String::from_utf8(text).unwrap().contains("\nMSE services are not running\n"));
    }
}
