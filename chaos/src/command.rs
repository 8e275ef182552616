//! The command line: which scenarios, how often, and the table at the end.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::judge::Report;
use crate::lab;
use crate::scenarios::{ALL, Scenario};
use crate::site::Programs;

/// What `--help` says.
pub const USAGE: &str = "\
Usage: cargo xtask chaos [SCENARIO..] [--repeat N] [--json] [--list]

Breaks a real pair in network namespaces and compares what clients were told with what is there.
Needs root, `ip` and `nft`; without them it says so and exits with 0.

  positions    instead of scenarios: the real engine, and how long nobody is told where anything is;
               it runs on loopback and needs nothing. --repeat N hurts it N times each way (5)
  SCENARIO     run only those whose names begin so; all of them when none is named
  --repeat N   run each N times
  --json       print one JSON document instead of the table
  --list       say which scenarios there are
  --mse FILE   the program under test
  --older DIR  where an older `mse` and `chaos` are, which `upgrade` begins with
  --logs DIR   where logs are kept
";

/// What the command line says.
#[derive(Debug)]
struct Arguments {
    names: Vec<String>,
    repeat: u32,
    is_json: bool,
    is_list: bool,
    mse: PathBuf,
    older: Option<PathBuf>,
    logs: PathBuf,
}

fn parse(words: &[String]) -> Result<Arguments> {
    let mut arguments = Arguments {
        names: Vec::new(),
        repeat: 1,
        is_json: false,
        is_list: false,
        mse: PathBuf::from("target/release/mse"),
        older: None,
        logs: PathBuf::from("target/chaos"),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value"));
        match word.as_str() {
            "--repeat" => arguments.repeat = value()?.parse().context("--repeat wants a number")?,
            "--json" => arguments.is_json = true,
            "--list" => arguments.is_list = true,
            "--mse" => arguments.mse = value()?.into(),
            "--older" => arguments.older = Some(value()?.into()),
            "--logs" => arguments.logs = value()?.into(),
            name if name.starts_with('-') => bail!("{name} is unknown"),
            name => arguments.names.push(name.to_owned()),
        }
    }
    Ok(arguments)
}

/// The scenarios whose names begin with one of these.
fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>> {
    for name in names {
        if !ALL.iter().any(|scenario| scenario.name.starts_with(name)) {
            let known: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
            bail!("there is no scenario {name}; there is {}", known.join(", "));
        }
    }
    // A whole name is that scenario alone, though others begin so.
    let is_whole = |name: &String| ALL.iter().any(|scenario| scenario.name == name);
    let is_meant = |scenario: &Scenario, name: &String| {
        scenario.name == name || (!is_whole(name) && scenario.name.starts_with(name))
    };
    let is_chosen = |scenario: &&Scenario| {
        names.is_empty() || names.iter().any(|name| is_meant(scenario, name))
    };
    Ok(ALL.iter().filter(is_chosen).collect())
}

/// Runs what the words say. Whether every promise was kept.
pub fn run(words: &[String], out: &mut impl Write) -> Result<bool> {
    let arguments = parse(words)?;
    let scenarios = chosen(&arguments.names)?;
    if arguments.is_list {
        for Scenario { name, about, .. } in scenarios {
            writeln!(out, "{name:<18}{about}")?;
        }
        return Ok(true);
    }
    if let Some(reason) = lab::missing() {
        writeln!(out, "skipped: {reason}")?;
        return Ok(true);
    }
    let older = arguments
        .older
        .as_ref()
        .map(|folder| Programs::of(&folder.join("mse"), &folder.join("chaos"), None).map(Box::new));
    let programs = Programs::of(&arguments.mse, &std::env::current_exe()?, older.transpose()?)?;
    let mut reports = Vec::new();
    for run in 1..=arguments.repeat {
        for scenario in &scenarios {
            let Scenario { name, about, .. } = scenario;
            crate::say(&format!("chaos: {name}, run {run} of {}: {about}", arguments.repeat));
            let logs = arguments.logs.join(format!("{name}-{run}"));
            let report = crate::run(scenario, run, &programs, &logs);
            crate::say(&format!("chaos: {name}: {}; logs in {}", report.verdict(), logs.display()));
            reports.push(report);
        }
    }
    if arguments.is_json {
        serde_json::to_writer_pretty(&mut *out, &reports)?;
        writeln!(out)?;
    } else {
        table(out, &reports)?;
    }
    Ok(reports.iter().all(Report::is_kept))
}

/// One line for each run.
fn table(out: &mut impl Write, reports: &[Report]) -> io::Result<()> {
    writeln!(
        out,
        "{:<18}{:>8}{:>9}{:>9}{:>9}{:>9}{:>13}{:>11}{:>7}  verdict",
        "scenario",
        "gap ms",
        "stall ms",
        "acked",
        "unknown",
        "missing",
        "2 owners ms",
        "dual acks",
        "stale"
    )?;
    for report in reports {
        writeln!(
            out,
            "{:<18}{:>8}{:>9}{:>9}{:>9}{:>9}{:>13}{:>11}{:>7}  {}",
            report.scenario,
            report.gap_ms,
            report.stall_ms,
            report.acked,
            report.unknown,
            report.missing,
            report.two_owners_ms.max(report.two_holders_ms),
            report.dual_acks,
            report.stale,
            report.verdict()
        )?;
        if let (Some(p50), Some(p99)) = (report.gap_p50_ms, report.gap_p99_ms) {
            writeln!(out, "{:<18}gap p50 {p50} ms, p99 {p99} ms", "")?;
        }
    }
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let (missing, unread) = (sum(|report| report.missing), sum(|report| report.unread));
    let compared = sum(|report| report.acked) - unread;
    writeln!(out, "{missing} of {compared} acknowledged rows are missing on either node")?;
    if unread > 0 {
        writeln!(out, "{unread} more could not be read back")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn scenarios_are_chosen_by_how_their_names_begin() {
        let check = |line: &str, expected: &[&str]| {
            let names: Vec<_> = chosen(&words(line)).unwrap().iter().map(|it| it.name).collect();
            assert_eq!(names, expected, "{line}");
        };
        check("cable", &["cable-a", "cable-b"]);
        check("kill-monitor cable", &["cable-a", "cable-b", "kill-monitor"]);
        assert_eq!(chosen(&[]).unwrap().len(), ALL.len());
        assert!(chosen(&words("nothing")).unwrap_err().to_string().contains("cable-a"));
    }

    #[test]
    fn what_is_no_argument_is_named() {
        let arguments = parse(&words("cut --repeat 3 --json")).unwrap();
        assert_eq!((arguments.repeat, arguments.is_json), (3, true));
        assert_eq!(parse(&words("up --older old")).unwrap().older, Some(PathBuf::from("old")));
        for (line, expected) in [
            ("--repeat", "wants a value"),
            ("--repeat x", "number"),
            ("--fast", "--fast is unknown"),
        ] {
            let error = parse(&words(line)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
