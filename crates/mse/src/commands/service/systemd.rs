//! What systemd has to do with a node.
//!
//! It is asked through `systemctl`, which also tells whether it runs this machine at all: in a
//! container it usually does not.

use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::cli::node::{CONFIG, Node};
use crate::output::Failure;

/// Source: packaging/mse-monitor.service.
pub(super) const UNIT: &str = "mse-monitor.service";

/// The installed unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// Its process, while it runs.
    pub(super) process: Option<u32>,
}

impl Unit {
    /// The unit of this node: it runs the node of the usual configuration, and no other one.
    pub(super) fn of(node: &Node) -> Result<Option<Self>, Failure> {
        if node.data.is_some() || node.config.as_os_str() != CONFIG {
            return Ok(None);
        }
        let words = ["show", "--property=LoadState,MainPID", UNIT];
        let shown = Command::new("systemctl").args(words).stdin(Stdio::null()).output();
        match shown {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(anyhow::Error::from(error).context("systemctl").into()),
            // It does not run this machine.
            Ok(shown) if !shown.status.success() => Ok(None),
            Ok(shown) => Ok(Self::parse(&String::from_utf8_lossy(&shown.stdout))),
        }
    }

    fn parse(shown: &str) -> Option<Self> {
        let value =
            |name: &str| shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        (value("LoadState") == Some("loaded")).then(|| Self {
            process: value("MainPID").and_then(|it| it.parse().ok()).filter(|it| *it != 0),
        })
    }
}

/// `systemctl start` or `stop`, done when this returns.
pub(super) fn order(verb: &str) -> Result<(), Failure> {
    let status = begin(verb)?.wait().context("systemctl")?;
    if status.success() {
        return Ok(());
    }
    let text = format!("`systemctl {verb} {UNIT}` failed ({status}); its words are above");
    Err(Failure::Failed(anyhow::anyhow!(text)))
}

/// The same, going on.
pub(super) fn begin(verb: &str) -> Result<Child, Failure> {
    // What it says goes where this command's own words for people go.
    let child = Command::new("systemctl").args([verb, UNIT]).stdin(Stdio::null()).spawn();
    Ok(child.context("systemctl")?)
}

/// Whether the unit runs, or is on its way.
pub(super) fn looks_alive() -> Result<bool, Failure> {
    let words = ["show", "--property=ActiveState", "--value", UNIT];
    let shown = Command::new("systemctl").args(words).output().context("systemctl")?;
    let state = String::from_utf8_lossy(&shown.stdout);
    Ok(!matches!(state.trim(), "failed" | "inactive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_installed_unit_counts() {
        let check = |shown: &str, expected: Option<Option<u32>>| {
            assert_eq!(Unit::parse(shown).map(|unit| unit.process), expected, "{shown}");
        };
        check("LoadState=loaded\nMainPID=4711\n", Some(Some(4711)));
        check("MainPID=0\nLoadState=loaded\n", Some(None));
        check("LoadState=not-found\nMainPID=0\n", None);
        check("LoadState=masked\nMainPID=0\n", None);
        check("", None);
    }
}
