//! The command line: how many rounds, and the table of ratios.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::{COUNTED, Figures, LOADS, Load, ours, theirs};
use crate::compare::chroot;
use crate::site::Programs;

/// What `--help` says.
pub const USAGE: &str = "\
Usage: cargo xtask bench-commit [--rounds N] [--json]

Acknowledged rows that are on two disks: our pair beside PostgreSQL 15 with a synchronous standby,
with 1, 4, 16 and 64 clients that commit row by row, and with 4 that commit 100 and 1,000. Aim: 5 times PostgreSQL's rows, and no worse p99.
Needs root, `ip` and `nft`, and PostgreSQL 15: that of compare-ha's folder or the machine's own, or
`debootstrap` to get it; without them it says so and exits with 0.

  --rounds N    how often; the middle of all is printed (3)
  --json        print one JSON document instead of the table
  --mse FILE    our program
  --folder DIR  where PostgreSQL's Debian and logs are kept
";

/// Where the machine's own PostgreSQL is. Source: Debian's package.
const INSTALLED: &str = "/usr/lib/postgresql/15/bin/postgres";
/// As many times PostgreSQL's rows. Source: the brief of the comparison.
const AIM: f64 = 5.0;

/// What the command line says.
#[derive(Debug)]
struct Arguments {
    rounds: usize,
    is_json: bool,
    mse: PathBuf,
    folder: PathBuf,
}

fn parse(words: &[String]) -> Result<Arguments> {
    let mut arguments = Arguments {
        rounds: 3,
        is_json: false,
        mse: PathBuf::from("target/release/mse"),
        folder: PathBuf::from("target/compare"),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value"));
        match word.as_str() {
            "--rounds" => arguments.rounds = value()?.parse().context("--rounds wants a number")?,
            "--json" => arguments.is_json = true,
            "--mse" => arguments.mse = value()?.into(),
            "--folder" => arguments.folder = value()?.into(),
            _ => bail!("{word} is unknown"),
        }
    }
    if arguments.rounds == 0 {
        bail!("--rounds wants one or more");
    }
    Ok(arguments)
}

/// Both under a load.
#[derive(Debug, Clone, Copy, Serialize)]
struct Row {
    #[serde(flatten)]
    load: Load,
    ours: Figures,
    postgresql: Figures,
}

impl Row {
    /// How many times PostgreSQL's rows.
    fn ratio(&self) -> f64 {
        self.ours.rows_per_s / self.postgresql.rows_per_s
    }

    fn is_reached(&self) -> bool {
        self.ratio() >= AIM && self.ours.p99_us <= self.postgresql.p99_us
    }
}

/// Runs what the words say.
pub fn run(words: &[String], out: &mut impl Write) -> Result<bool> {
    let arguments = parse(words)?;
    let is_installed = Path::new(INSTALLED).exists() && chroot::done(&arguments.folder).is_none();
    let lacks = || if is_installed { None } else { chroot::missing(&arguments.folder) };
    let missing = crate::missing().or_else(lacks);
    if let Some(reason) = missing {
        writeln!(out, "skipped: {reason}")?;
        return Ok(true);
    }
    let programs = Programs::of(&arguments.mse, &std::env::current_exe()?, None)?;
    let root = if is_installed { PathBuf::from("/") } else { chroot::made(&arguments.folder)? };
    let mut rows = Vec::new();
    for load in LOADS {
        let (mut our_rounds, mut their_rounds) = (Vec::new(), Vec::new());
        for round in 1..=arguments.rounds {
            let Load { clients, rows } = load;
            crate::say(&format!("commit: {clients} clients, {rows} rows, round {round}"));
            let logs = arguments.folder.join(format!("logs/commit-{clients}-{rows}"));
            our_rounds.push(ours(load, &programs, &logs.join("openmse"))?);
            their_rounds.push(theirs(load, &root, &logs.join("postgresql"))?);
            crate::say(&format!("commit: {:?} {:?}", our_rounds.last(), their_rounds.last()));
        }
        let ours = Figures::median(&our_rounds).context("no round")?;
        let postgresql = Figures::median(&their_rounds).context("no round")?;
        rows.push(Row { load, ours, postgresql });
    }
    if arguments.is_json {
        serde_json::to_writer_pretty(&mut *out, &rows)?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "middle of {} rounds of {} s; PostgreSQL of {}",
            arguments.rounds,
            COUNTED.as_secs(),
            root.display()
        )?;
        table(out, &rows)?;
    }
    Ok(true)
}

fn table(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let titles = ["OpenMSE", "PostgreSQL", "ratio"];
    write!(out, "{:<14}", "")?;
    for group in ["rows/s", "p50 us", "p99 us"] {
        write!(out, " |{group:>27}")?;
    }
    write!(out, "\n{:<8}{:>6}", "clients", "rows")?;
    for _ in 0..3 {
        write!(out, " |{:>9}{:>11}{:>7}", titles[0], titles[1], titles[2])?;
    }
    writeln!(out, "  aim")?;
    for row in rows {
        let Row { load: Load { clients, rows }, ours, postgresql } = row;
        write!(out, "{clients:<8}{rows:>6}")?;
        for (ours, theirs) in [
            (ours.rows_per_s, postgresql.rows_per_s),
            (ours.p50_us as f64, postgresql.p50_us as f64),
            (ours.p99_us as f64, postgresql.p99_us as f64),
        ] {
            write!(out, " |{ours:>9.0}{theirs:>11.0}{:>7.2}", ours / theirs)?;
        }
        writeln!(out, "  {}", if row.is_reached() { "reached" } else { "missed" })?;
    }
    writeln!(out, "aim: {AIM} times PostgreSQL's rows, and no worse p99")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_ratios_and_says_whether_the_aim_is_reached() {
        let figures = |rows_per_s, p50_us, p99_us| Figures { rows_per_s, p50_us, p99_us };
        let load = Load { clients: 4, rows: 1 };
        let row = |ours| Row { load, ours, postgresql: figures(100.0, 400, 900) };
        let check = |ours, expected: &str| {
            let mut out = Vec::new();
            table(&mut out, &[row(ours)]).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(expected), "{text}");
        };
        check(figures(500.0, 200, 900), "4            1 |      500        100   5.00 |");
        check(figures(500.0, 200, 900), "  reached\n");
        check(figures(500.0, 200, 901), "  missed\n");
        check(figures(499.0, 200, 900), "  missed\n");
    }

    #[test]
    fn what_is_no_argument_is_named() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parse(&words("--rounds 5")).unwrap().rounds, 5);
        for (line, expected) in
            [("--rounds 0", "one or more"), ("--rounds x", "a number"), ("fast", "fast is unknown")]
        {
            let error = parse(&words(line)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
