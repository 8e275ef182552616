//! `mse getserverinfo`: sections and fields of MSE 8.0 (`mse-8.0-high-availability`).
//!
//! Services that this version does not have yet are listed as not installed: operators and scripts
//! look for their names.

use std::io::{self, Write};
use std::path::Path;

use engine::api::server::{Duty, ServerInfo, SessionInfo};
use engine::engine::SOCKET_NAME;
use node::clock::date_text;

use crate::local;
use crate::output::{Failure, Output};

const RULE: &str = "-------------";

pub(crate) async fn run(output: &mut Output<impl Write>, data: &Path) -> Result<(), Failure> {
    let info: ServerInfo = match local::get(data, SOCKET_NAME, "/api/v1/server/info").await {
        Err(Failure::NotRunning(message)) => {
            if !output.json {
                output.line("MSE services are not running")?;
            }
            return Err(Failure::NotRunning(message));
        }
        other => other?,
    };
    output.show(&info, |out| print(out, &info))
}

fn print(out: &mut dyn Write, info: &ServerInfo) -> io::Result<()> {
    writeln!(out, "Retrieving MSE Services status.")?;
    writeln!(
        out,
        "{}\n",
        match info.duty {
            Duty::Active => "MSE services are up, getting the status",
            Duty::Dormant => "MSE services are up and in DORMANT mode, getting the status",
        }
    )?;
    server_config(out, info)?;
    services(out, info)?;
    server_monitor(out, info)?;
    sessions(out, &info.sessions)?;
    heading(out, "Default Trap Destinations")?;
    writeln!(out)?;
    context_aware_service(out, info)
}

fn heading(out: &mut dyn Write, title: &str) -> io::Result<()> {
    writeln!(out, "{RULE}\n{title}\n{RULE}\n")
}

fn server_config(out: &mut dyn Write, info: &ServerInfo) -> io::Result<()> {
    heading(out, "Server Config")?;
    let serial = format!("{}_{}", info.name, info.mac.replace(':', ""));
    writeln!(out, "Product name: {}", info.product)?;
    writeln!(out, "Version: {}", info.version)?;
    writeln!(out, "Health Monitor Ip Address: Not configured")?;
    writeln!(out, "High Availability Role: Not configured")?;
    writeln!(out, "Hw Version: V01")?;
    writeln!(out, "Hw Product Identifier: OPENMSE-VA")?;
    writeln!(out, "Hw Serial Number: {serial}")?;
    writeln!(out, "HTTPS: {}", info.https)?;
    writeln!(out, "Legacy Port: Not configured")?;
    writeln!(out, "Log Modules: -1")?;
    writeln!(out, "Log Level: {}", info.log_level)?;
    writeln!(out, "Days to keep events: {}", info.history_days)?;
    writeln!(out, "Session timeout in mins: {}", info.session_timeout_minutes)?;
    writeln!(out, "DB backup in days: Not configured\n")
}

fn services(out: &mut dyn Write, info: &ServerInfo) -> io::Result<()> {
    heading(out, "Services")?;
    let rows = [
        ("Context Aware Service", Some(info.version.as_str())),
        ("WIPS", None),
        ("Mobile Concierge Service", None),
        ("CMX Analytics", None),
        ("CMX Connect & Engage", None),
        ("HTTP Proxy Service", None),
    ];
    for (name, version) in rows {
        let (admin, operation) =
            if version.is_some() { ("Enabled", "Up") } else { ("Disabled", "Down") };
        writeln!(out, "Service Name: {name}")?;
        writeln!(out, "Service Version: {}", version.unwrap_or("Not installed"))?;
        writeln!(out, "Admin Status: {admin}")?;
        writeln!(out, "Operation Status: {operation}\n")?;
    }
    Ok(())
}

fn server_monitor(out: &mut dyn Write, info: &ServerInfo) -> io::Result<()> {
    heading(out, "Server Monitor")?;
    writeln!(out, "Server start time: {}", date_text(info.start_time))?;
    writeln!(out, "Server current time: {}", date_text(info.current_time))?;
    writeln!(out, "Server timezone: {}", info.timezone)?;
    writeln!(out, "Server timezone offset (mins): {}", info.timezone_offset_minutes)?;
    writeln!(out, "Restarts: {}", info.restarts)?;
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
