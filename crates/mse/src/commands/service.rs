//! `mse service ..`: `/etc/init.d/msed start`, `stop` and `status` of the documents
//! (`mse-8.0-high-availability`), whose words the lines begin with.
//!
//! systemd is asked first, because what it started it must stop. Which process runs is told by the
//! monitor's own file, however it was started.

mod systemd;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ha::State;
use model::pair::Seat;
use monitor::config::Config;
use monitor::info::{Info, PATH, SOCKET_NAME};
use monitor::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use self::systemd::Unit;
use super::ha_info;
use crate::cli::node::{Node, Place};
use crate::cli::service::ServiceCommand;
use crate::local;
use crate::output::{Failure, Output};

/// A monitor that has not answered for so long after its start is given up. Ours: it takes a second,
/// and its disks may have to be looked through.
const START_MAX: Duration = Duration::from_secs(30);
/// The same for its end. Source: `TimeoutStopSec` of packaging/mse-monitor.service: 10 s for handing
/// over, 5 s for its service, and a reserve.
const STOP_MAX: Duration = Duration::from_secs(20);
/// A running monitor answers at once.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// What a monitor says before it has its log, and what it says last when it dies.
const START_LOG_NAME: &str = "start.log";
/// Bytes of a log that are shown when a process fails. Ours: about a screen.
pub(crate) const TAIL_BYTES: u64 = 4 << 10;

/// What `status` tells.
#[derive(Debug, Serialize)]
struct Status {
    running: bool,
    process: Option<u32>,
    /// Who looks after the process.
    systemd: bool,
    logs: PathBuf,
    #[serde(flatten)]
    info: Info,
}

/// What `start` and `stop` have done.
#[derive(Debug, Serialize)]
struct Done {
    running: bool,
    changed: bool,
    process: Option<u32>,
    states: Vec<State>,
}

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: ServiceCommand,
) -> Result<(), Failure> {
    match command {
        ServiceCommand::Start(which) => start(output, &which.node).await,
        ServiceCommand::Stop(which) => stop(output, &which.node).await,
        ServiceCommand::Status(which) => status(output, &which.node).await,
    }
}

/// A line of progress; JSON has one document at the end instead.
fn tell(output: &mut Output<impl Write>, line: &str) -> Result<(), Failure> {
    if output.json { Ok(()) } else { output.line(line) }
}

/// The process of the monitor that runs.
fn running(place: &Place) -> Result<Option<Process>, Failure> {
    let folder = place.data.join("node");
    monitor::process::running(&folder).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::Failed(anyhow::anyhow!(
            "{} belongs to the user of the health monitor; run this command as that user or as root",
            folder.display()
        )),
        _ => anyhow::Error::from(error).context(folder.display().to_string()).into(),
    })
}

/// What the running monitor says, if it says something.
async fn ask(data: &Path) -> Option<Info> {
    let asked = local::get(data, SOCKET_NAME, PATH);
    tokio::time::timeout(ANSWER_MAX, asked).await.ok()?.ok()
}

/// The same once its start is over: it answers before it listens to others.
async fn up(place: &Place) -> Result<Option<Info>, Failure> {
    Ok(if running(place)?.is_some_and(|it| it.is_up) { ask(&place.data).await } else { None })
}

async fn start(output: &mut Output<impl Write>, node: &Node) -> Result<(), Failure> {
    let place = node.place()?;
    if let Some(Process { number: process, .. }) = running(&place)? {
        let states = Vec::new();
        let done = Done { running: true, changed: false, process: Some(process), states };
        return output.show(&done, |out| {
            writeln!(out, "Health Monitor is running already (process {process})")
        });
    }
    let unit = Unit::of(node)?;
    tell(output, "Starting Health Monitor ..")?;
    let info = if unit.is_some() {
        systemd::order("start")?;
        started_by_systemd(&place).await?
    } else {
        let config: Config = super::load(&node.config)?;
        config.validate().map_err(|error| super::roles::config_failure(&node.config, &error))?;
        let place = Place { data: config.data.clone(), has_monitor: true, config: None };
        if let Some(Process { number: process, .. }) = running(&place)? {
            let data = place.data.display();
            let text = format!("process {process} runs in {data} already; stop it first");
            return Err(Failure::Failed(anyhow::anyhow!(text)));
        }
        let (child, log) = detach(&node.config, &config)?;
        started(child, &log, &place).await?
    };
    let process = running(&place)?.map(|it| it.number);
    let states = info.peers.iter().map(|peer| peer.state).collect();
    let done = Done { running: true, changed: true, process, states };
    output.show(&done, |out| {
        writeln!(out, "Health Monitor is running")?;
        roles(out, &info)
    })
}

/// Starts `mse monitor` so that it outlives this command and its terminal.
fn detach(file: &Path, config: &Config) -> Result<(Child, PathBuf), Failure> {
    // Makes the directory, with the right mode.
    let directory = config.log_directory();
    config.log("monitor").with_context(|| directory.display().to_string())?;
    let path = directory.join(START_LOG_NAME);
    let log = File::create(&path).with_context(|| path.display().to_string())?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let file = std::path::absolute(file).with_context(|| file.display().to_string())?;
    let child = Command::new(program)
        .args(["monitor", "--detached", "--config"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("cannot start this program")?;
    Ok((child, path))
}

/// Waits until a monitor that was started here answers.
async fn started(mut child: Child, log: &Path, place: &Place) -> Result<Info, Failure> {
    let began = Instant::now();
    while began.elapsed() < START_MAX {
        if let Some(status) = child.try_wait()? {
            let said = tail(log);
            let text = format!("the health monitor has ended ({status}):\n{}", said.trim_end());
            return Err(Failure::Failed(anyhow::anyhow!(text)));
        }
        if let Some(info) = up(place).await? {
            return Ok(info);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let text = format!(
        "the health monitor (process {}) has not answered in {} s; its log is {}",
        child.id(),
        START_MAX.as_secs(),
        log.with_file_name("monitor.log").display()
    );
    Err(Failure::Failed(anyhow::anyhow!(text)))
}

/// The same for one that systemd started.
async fn started_by_systemd(place: &Place) -> Result<Info, Failure> {
    let began = Instant::now();
    while began.elapsed() < START_MAX {
        if let Some(info) = up(place).await? {
            return Ok(info);
        }
        if !systemd::looks_alive()? {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let text = format!(
        "{} does not run; `journalctl -u {}` says why",
        systemd::UNIT,
        systemd::UNIT.trim_end_matches(".service")
    );
    Err(Failure::Failed(anyhow::anyhow!(text)))
}

async fn stop(output: &mut Output<impl Write>, node: &Node) -> Result<(), Failure> {
    let place = node.place()?;
    let Some(Process { number: process, .. }) = running(&place)? else {
        let done = Done { running: false, changed: false, process: None, states: Vec::new() };
        return output.show(&done, |out| writeln!(out, "Health Monitor is not running"));
    };
    tell(output, "Stopping Health Monitor ..")?;
    let mut systemctl = match Unit::of(node)? {
        Some(unit) if unit.process == Some(process) => Some(systemd::begin("stop")?),
        _ => {
            terminate(process)?;
            None
        }
    };
    let began = Instant::now();
    let mut states = Vec::new();
    while running(&place)?.is_some() {
        if began.elapsed() >= STOP_MAX {
            let text = format!(
                "process {process} still runs after {} s; look at {}, then end it with `kill -9 {process}`: nothing that was acknowledged is lost",
                STOP_MAX.as_secs(),
                log_directory(&place).display()
            );
            return Err(Failure::Failed(anyhow::anyhow!(text)));
        }
        let info = ask(&place.data).await;
        for state in info.iter().flat_map(|info| &info.peers).map(|peer| peer.state) {
            if states.last() != Some(&state) {
                states.push(state);
                tell(output, &format!("Current state: {state}"))?;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    if let Some(systemctl) = &mut systemctl {
        systemctl.wait().context("systemctl")?;
    }
    let last = Info::load_last(&place.data.join("node")).map_err(anyhow::Error::from)?;
    let done = Done { running: false, changed: true, process: None, states };
    output.show(&done, |out| {
        writeln!(out, "Health Monitor is not running")?;
        last.as_ref().map_or(Ok(()), |info| roles(out, info))
    })
}

fn terminate(process: u32) -> Result<(), Failure> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    let pid = pid.with_context(|| format!("{process} is no process"))?;
    kill_process(pid, Signal::TERM)
        .with_context(|| format!("process {process} cannot be told to stop; try as root"))?;
    Ok(())
}

async fn status(output: &mut Output<impl Write>, node: &Node) -> Result<(), Failure> {
    let place = node.place()?;
    let process = running(&place)?.map(|it| it.number);
    let info = match process {
        None => ha_info::last(&place)?,
        Some(process) => ask(&place.data).await.ok_or_else(|| {
            let text = format!(
                "Health Monitor (process {process}) does not answer; its log is in {}",
                log_directory(&place).display()
            );
            Failure::Failed(anyhow::anyhow!(text))
        })?,
    };
    // Without permission to ask systemd, what is known is told all the same.
    let unit = Unit::of(node).ok().flatten();
    let status = Status {
        running: process.is_some(),
        process,
        systemd: unit.is_some_and(|unit| process.is_some() && unit.process == process),
        logs: log_directory(&place),
        info,
    };
    output.show(&status, |out| print(out, &status))?;
    if status.running {
        return Ok(());
    }
    Err(Failure::NotRunning(
        "the health monitor does not run; `mse service start` starts it".to_owned(),
    ))
}

fn log_directory(place: &Place) -> PathBuf {
    place.config.as_ref().map_or_else(|| place.data.join("logs"), Config::log_directory)
}

fn print(out: &mut dyn Write, status: &Status) -> io::Result<()> {
    let Status { running, process, systemd, logs, info } = status;
    if *running {
        writeln!(out, "Health Monitor is running")?;
        let services = if info.node.serving {
            "MSE services are up"
        } else {
            "MSE services are up and in DORMANT mode"
        };
        writeln!(out, "{services}")?;
    } else {
        writeln!(out, "Health Monitor is not running")?;
    }
    roles(out, info)?;
    if let Some(process) = process {
        let by = if *systemd { ", looked after by systemd" } else { "" };
        writeln!(out, "Process: {process}{by}")?;
    }
    writeln!(out, "Logs: {}", logs.display())
}

/// Role and state, in the words of `gethainfo`.
fn roles(out: &mut dyn Write, info: &Info) -> io::Result<()> {
    writeln!(out, "Server role: {}", ha_info::role(info.node.role))?;
    if info.peers.is_empty() && info.node.role == Seat::Primary {
        writeln!(out, "Number of paired peers: 0")?;
    }
    for peer in &info.peers {
        let (words, state) = match (info.running, peer.last_shutdown_state) {
            (false, Some(state)) => ("Last shutdown state", state),
            _ => ("Current state", peer.state),
        };
        let of = if info.peers.len() > 1 { format!(" ({})", peer.name) } else { String::new() };
        writeln!(out, "{words}{of}: {state}")?;
    }
    Ok(())
}

/// The end of a file, from the beginning of a line.
pub(crate) fn tail(path: &Path) -> String {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole =
            if from > 0 { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
        Ok(whole.to_owned())
    };
    read().unwrap_or_else(|error| format!("{}: {error}\n", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::ha_info::tests::{primary, secondary};
    use crate::golden;

    fn check(name: &str, info: Info, is_systemd: bool) {
        let running = info.running;
        let process = running.then_some(4711);
        let logs = PathBuf::from("/var/lib/mse/logs");
        let status = Status { running, process, systemd: is_systemd, logs, info };
        let mut text = Vec::new();
        print(&mut text, &status).unwrap();
        golden::check(&format!("service/{name}.txt"), &String::from_utf8(text).unwrap());
    }

    #[test]
    fn a_node_says_its_role_and_state() {
        check("serving", primary(State::PrimaryActive, true), true);
        check("dormant", secondary(State::SecondaryActive, true), false);
        check("stopped", primary(State::GracefulShutdown, false).stopped(), false);
        let mut alone = primary(State::PrimaryActive, true);
        alone.peers.clear();
        check("alone", alone, false);
    }

    #[test]
    fn the_end_of_a_long_file_begins_with_a_line() {
        let path = std::env::temp_dir().join(format!("openmse-tail-{}", std::process::id()));
        let lines: Vec<String> = (0..2_000).map(|number| format!("line {number}")).collect();
        let lines = lines.join("\n") + "\n";
        std::fs::write(&path, &lines).unwrap();
        let end = tail(&path);
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let whole = tail(&path);
        std::fs::remove_file(&path).unwrap();
        assert!(end.starts_with("line ") && end.ends_with("line 1999\n"), "{end}");
        assert!(end.len() as u64 <= TAIL_BYTES && lines.ends_with(&end));
        assert_eq!(whole, "one\ntwo\n");
    }
}
