//! The command line: which faults, which systems, and the table at the end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::{Fault, Outcome, chroot, ours, peers, run_peer, table};
use crate::site::Programs;

/// What `--help` says.
pub const USAGE: &str = "\
Usage: cargo xtask compare-ha [FAULT..] [--only SYSTEM] [--json] [--list]

The same faults and probes against OpenMSE, keepalived, Pacemaker, Patroni and pg_auto_failover.
Needs root, `ip`, `nft` and, the first time, `debootstrap` and a mirror of Debian; without them it
says so and exits with 0.

  FAULT          run only these; all of them when none is named
  --only SYSTEM  run only this one; may be repeated; the beginning of a name will do
  --json         print one JSON document instead of the table
  --list         say which faults and systems there are
  --mse FILE     our program
  --folder DIR   where the peers' Debian and logs are kept
";

/// Packages whose versions are told.
const TOLD: [&str; 6] =
    ["keepalived", "pacemaker", "corosync", "patroni", "postgresql-15", "pg-auto-failover-cli"];

/// What the command line says.
#[derive(Debug)]
struct Arguments {
    faults: Vec<Fault>,
    systems: Vec<&'static str>,
    is_json: bool,
    is_list: bool,
    mse: PathBuf,
    folder: PathBuf,
}

/// Every system, in the order of the table.
fn systems() -> Vec<&'static str> {
    [ours::NAME].into_iter().chain(peers::ALL.iter().map(|peer| peer.name())).collect()
}

fn parse(words: &[String]) -> Result<Arguments> {
    let mut arguments = Arguments {
        faults: Vec::new(),
        systems: Vec::new(),
        is_json: false,
        is_list: false,
        mse: PathBuf::from("target/release/mse"),
        folder: PathBuf::from("target/compare"),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value"));
        match word.as_str() {
            "--only" => arguments.systems.push(system(value()?)?),
            "--json" => arguments.is_json = true,
            "--list" => arguments.is_list = true,
            "--mse" => arguments.mse = value()?.into(),
            "--folder" => arguments.folder = value()?.into(),
            name if name.starts_with('-') => bail!("{name} is unknown"),
            name => arguments.faults.push(fault(name)?),
        }
    }
    if arguments.faults.is_empty() {
        arguments.faults = Fault::ALL.to_vec();
    }
    if arguments.systems.is_empty() {
        arguments.systems = systems();
    }
    Ok(arguments)
}

fn system(name: &str) -> Result<&'static str> {
    let is_meant = |it: &&str| it.to_lowercase().starts_with(&name.to_lowercase());
    let found = systems().into_iter().find(is_meant);
    found.with_context(|| format!("there is no {name}; there is {}", systems().join(", ")))
}

fn fault(name: &str) -> Result<Fault> {
    let found = Fault::ALL.into_iter().find(|fault| fault.name() == name);
    let known = Fault::ALL.map(Fault::name).join(", ");
    found.with_context(|| format!("there is no fault {name}; there is {known}"))
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    versions: &'a [String],
    outcomes: &'a [Outcome],
}

/// Runs what the words say.
pub fn run(words: &[String], out: &mut impl Write) -> Result<bool> {
    let arguments = parse(words)?;
    if arguments.is_list {
        for fault in Fault::ALL {
            writeln!(out, "{:<18}{}", fault.name(), fault.about())?;
        }
        writeln!(out, "{:<18}{}", "systems", systems().join(", "))?;
        return Ok(true);
    }
    let missing = crate::missing().or_else(|| chroot::missing(&arguments.folder));
    if let Some(reason) = missing {
        writeln!(out, "skipped: {reason}")?;
        return Ok(true);
    }
    let programs = Programs::of(&arguments.mse, &std::env::current_exe()?, None)?;
    let root = chroot::made(&arguments.folder)?;
    let mut outcomes = Vec::new();
    for fault in &arguments.faults {
        for system in &arguments.systems {
            crate::say(&format!("compare: {system}: {}", fault.about()));
            let logs = arguments.folder.join(format!("logs/{}-{system}", fault.name()));
            let peer = peers::ALL.into_iter().find(|peer| peer.name() == *system);
            let outcome = match peer {
                Some(peer) => run_peer(peer, *fault, &root, &logs),
                None => ours::run(*fault, &programs, &logs),
            };
            crate::say(&format!("compare: {}", serde_json::to_string(&outcome)?));
            outcomes.push(outcome);
        }
    }
    let versions = versions(&root)?;
    if arguments.is_json {
        let document = Document { versions: &versions, outcomes: &outcomes };
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)?;
    } else {
        table::print(out, &outcomes)?;
        writeln!(out, "{}", versions.join(", "))?;
    }
    Ok(true)
}

/// What the peers' packages are.
fn versions(root: &Path) -> Result<Vec<String>> {
    let mut query = Command::new("chroot");
    query.arg(root).args(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n"]).args(TOLD);
    let told = query.output().context("cannot start chroot")?.stdout;
    Ok(String::from_utf8_lossy(&told).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn systems_and_faults_are_chosen_by_name() {
        let arguments = parse(&words("cable cut --only pace --only OPENMSE --json")).unwrap();
        assert_eq!(arguments.faults, [Fault::Cable, Fault::Cut]);
        assert_eq!(arguments.systems, ["Pacemaker", "OpenMSE"]);
        assert!(arguments.is_json);
        let arguments = parse(&[]).unwrap();
        assert_eq!((arguments.faults.len(), arguments.systems.len()), (6, 5));
    }

    #[test]
    fn what_is_no_argument_is_named() {
        let check = |line: &str, expected: &str| {
            let error = parse(&words(line)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("--only", "wants a value");
        check("--only redis", "there is OpenMSE, keepalived");
        check("flood", "there is cable, kill");
        check("--fast", "--fast is unknown");
    }
}
