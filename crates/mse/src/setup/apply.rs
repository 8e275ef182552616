//! What the set-up writes: the node's configuration, its operator, and the answers for the next run.
//!
//! A role that is in use is not changed: while the health monitor runs, as the documents say, and
//! while the node is paired, because its peer would not know.

use std::fmt::Write as _;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use monitor::config::Config;
use monitor::operators::{self, Operators};
use monitor::peers::Peers;
use serde::Serialize;

use super::answers::{Answers, Network, Operator};
use super::known::{Known, UserFault};
use super::machine::Machine;
use super::summary;
use crate::output::{Failure, Output};

/// Name of the answers of the last run, in the node's folder.
const ANSWERS_NAME: &str = "setup.toml";
/// When a mask is nowhere. Source: the guides' `255.255.255.0`.
const PREFIX: u8 = 24;
const HEADER: &str = "# Written by `mse setup`; run it again for changes.\n";

/// Where to write, and what is there.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) file: &'a Path,
    pub(crate) data: &'a Path,
    pub(crate) current: Option<&'a Config>,
}

/// What was written.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    config: &'a Config,
    written: Vec<PathBuf>,
    /// A running monitor still works with what it read when it was started.
    restart_needed: bool,
}

/// What a run begins with: the answers of the last one; the node's configuration, where somebody
/// changed it since.
pub(crate) fn before(
    data: &Path,
    current: Option<&Config>,
    machine: &Machine,
) -> Result<Answers, Failure> {
    let saved = data.join("node").join(ANSWERS_NAME);
    let mut answers: Answers =
        if saved.exists() { crate::commands::load(&saved)? } else { Answers::default() };
    let Some(config) = current else { return Ok(answers) };
    answers.role = config.role;
    answers.recovery = config.recovery;
    if config.name.is_some() {
        answers.host_name.clone_from(&config.name);
    }
    if let Some(virtual_address) = &config.virtual_address {
        let (address, prefix) = (virtual_address.address, virtual_address.prefix);
        answers.virtual_address = Some(Network { address, prefix });
    }
    let monitor = &config.health_monitor;
    answers.health_monitor_interface.clone_from(&monitor.interface);
    let direct = monitor.direct_connect.as_ref();
    answers.direct_connect_interface = direct.map(|it| it.interface.clone());
    let monitor_interface = monitor.interface.as_ref().map(|name| (name, monitor.address));
    let direct = direct.map(|it| (&it.interface, it.address));
    for (name, address) in monitor_interface.into_iter().chain(direct) {
        let known = answers.interface(name).or_else(|| machine.network(name));
        if known.is_none_or(|known| known.address != address) {
            // The file has no mask; the virtual address of a primary is in the same network.
            let prefix = known.or(answers.virtual_address).map_or(PREFIX, |it| it.prefix);
            answers.set_interface(name, Some(Network { address, prefix }));
        }
    }
    Ok(answers)
}

pub(crate) fn apply<'a>(
    output: &mut Output<impl Write>,
    known: &Known<'_>,
    config: &'a Config,
    target: &Target<'_>,
) -> Result<Report<'a>, Failure> {
    let folder = target.data.join("node");
    let is_running = is_running(target.data);
    let mut text = "\nApplying High Availability configuration\n".to_owned();
    if let Some((words, reason)) = refusal(config, target, is_running)? {
        let error = "ERROR: One or more of the requested configurations was not applied.";
        let _ = writeln!(text, "{words}\n{error}\n{}", summary::role_line(known));
        if !output.json {
            output.writer().write_all(text.as_bytes())?;
        }
        return Err(Failure::Failed(anyhow::anyhow!(reason)));
    }
    let operators = operators(&folder, known.answers.operator.as_ref())?;
    // Written before anything is said: a reader that goes away must not make it undone.
    let written = write(known.answers, config, target, operators.as_ref())?;
    let _ = writeln!(text, "{}\nSuccess\n", summary::role_line(known));
    for path in &written {
        let _ = writeln!(text, "Wrote {}", path.display());
    }
    if is_running {
        text.push_str("The running health monitor takes it up when it is started again.\n");
    }
    if !output.json {
        output.writer().write_all(text.as_bytes())?;
    }
    Ok(Report { config, written, restart_needed: is_running })
}

/// Whether something answers on the monitor's socket.
fn is_running(data: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(data.join(monitor::info::SOCKET_NAME)).is_ok()
}

/// Why nothing may be written: the text for the console, and the reason.
fn refusal(
    config: &Config,
    target: &Target<'_>,
    is_running: bool,
) -> Result<Option<(String, String)>, Failure> {
    let Some(current) = target.current else { return Ok(None) };
    let has_new_role = current.role != config.role;
    if has_new_role && is_running {
        let words = "*** User has switched roles for this MSE. MSE must be stopped before switching roles.\n\
                     *** Please stop MSE and then re-run setup.sh.";
        let reason = format!(
            "the health monitor of {} runs; nothing was written: stop it, then run 'mse setup' again",
            target.data.display()
        );
        return Ok(Some((words.to_owned(), reason)));
    }
    let peers = Peers::load(&target.data.join("node")).map_err(anyhow::Error::from)?;
    let peer = peers.groups.iter().find_map(|group| group.peer.as_ref());
    let has_new_address = current.virtual_address != config.virtual_address;
    // Ours: the documents only warn of it, "both MSEs must be reinstalled".
    Ok(peer.filter(|_| has_new_role || has_new_address).map(|peer| {
        let what = if has_new_role { "role" } else { "virtual address" };
        let words =
            format!("*** This MSE is paired with {}; its {what} cannot be changed.", peer.name);
        let reason =
            "this node is paired; nothing was written: 'mse ha unpair' first, then 'mse setup'";
        (words, reason.to_owned())
    }))
}

/// The operators with the one that was answered; none when there is nothing to change.
fn operators(folder: &Path, answered: Option<&Operator>) -> Result<Option<Operators>, Failure> {
    let Some(operator) = answered else { return Ok(None) };
    let mut operators = Operators::load(folder).map_err(anyhow::Error::from)?;
    let password_hash = match (&operator.password, &operator.password_hash) {
        (Some(password), _) => node::password::hash(password).map_err(anyhow::Error::from)?,
        (None, Some(hash)) => hash.clone(),
        (None, None) if operators.operators.iter().any(|it| it.name == operator.name) => {
            return Ok(None);
        }
        (None, None) => {
            let fault = UserFault::NoPassword(operator.name.clone());
            return Err(Failure::Config(fault.to_string()));
        }
    };
    operators.set(operators::Operator { name: operator.name.clone(), password_hash });
    Ok(Some(operators))
}

/// The operator as `--print-answers` writes it: with the hash that is on disk.
pub(crate) fn with_hash(
    data: &Path,
    answered: Option<Operator>,
) -> Result<Option<Operator>, Failure> {
    let Some(operator) = answered else { return Ok(None) };
    let operators = Operators::load(&data.join("node")).map_err(anyhow::Error::from)?;
    let kept = operators.operators.into_iter().find(|it| it.name == operator.name);
    let password_hash = kept.map(|it| it.password_hash);
    Ok(Some(Operator { password: None, password_hash, ..operator }))
}

fn write(
    answers: &Answers,
    config: &Config,
    target: &Target<'_>,
    operators: Option<&Operators>,
) -> Result<Vec<PathBuf>, Failure> {
    let folder = target.data.join("node");
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut written = Vec::new();
    if let Some(operators) = operators {
        operators.save(&folder).map_err(anyhow::Error::from)?;
        written.push(folder.join(operators::FILE_NAME));
    }
    let operator = answers.operator.clone();
    let operator = operator.map(|it| Operator { password: None, password_hash: None, ..it });
    let answers = Answers { operator, ..answers.clone() };
    let saved = folder.join(ANSWERS_NAME);
    put(&saved, &answers, 0o600)?;
    written.push(saved);
    if let Some(folder) = target.file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // Last: whoever finds it finds everything else.
    put(target.file, config, 0o644)?;
    written.push(target.file.to_owned());
    Ok(written)
}

fn put(path: &Path, value: &impl Serialize, mode: u32) -> Result<(), Failure> {
    let text = toml::to_string(value).map_err(anyhow::Error::from)?;
    node::directory::replace(path, format!("{HEADER}{text}").as_bytes(), mode)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
