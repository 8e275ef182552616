//! What an acknowledged row costs: the pair beside PostgreSQL, at equal durability.
//!
//! Both keep a row on two disks before they acknowledge it: the pair syncs its journal on both nodes,
//! PostgreSQL its log on the primary and, with `synchronous_commit = on` and one synchronous standby,
//! on that. Both run between machines of the same lab, on the same file system, one right after the
//! other, round by round, and take the same rows from as many clients: one row a commit, and as many as a
//! controller's report or a second of positions has.
//!
//! Network: one round trip from the client and one between the nodes. Disk: one sync on each node, which
//! rows that wait at the same time share. CPU: two cores for clients and both nodes, which is what
//! bounds many clients. Memory: nothing to speak of.
//!
//! The pair's service is the ledger: it parses a line, and keeps a row in memory and in a file. It is
//! no database: what is compared is the way to an acknowledgement, not what can be asked afterwards.

mod clients;
mod command;
mod postgres;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

pub use command::{USAGE, run};

use crate::lab::Host;
use crate::scenarios::PLAIN;
use crate::site::{Programs, Site};

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Load {
    /// At once.
    clients: usize,
    /// Of a commit.
    rows: usize,
}

/// Source: the brief of the comparison; 64 clients are many for two cores. Rows: ours, what the engine's
/// history has in an entry when few and when many elements move.
const LOADS: [Load; 6] = [
    Load { clients: 1, rows: 1 },
    Load { clients: 4, rows: 1 },
    Load { clients: 16, rows: 1 },
    Load { clients: 64, rows: 1 },
    Load { clients: 4, rows: 100 },
    Load { clients: 4, rows: 1_000 },
];
/// Before anything is counted. Ours: connections, statements and caches are warm.
const WARM: Duration = Duration::from_secs(1);
/// What is counted. Ours.
const COUNTED: Duration = Duration::from_secs(5);

/// A round in which the pair gave its backup up is run again so often. Ours: a busy machine's pauses.
const TRIES: usize = 5;

/// What one system did under a load; the times are a commit's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Figures {
    rows_per_s: f64,
    p50_us: u64,
    p99_us: u64,
}

impl Figures {
    /// From how long each commit of so many rows took.
    fn new(mut took_us: Vec<u64>, rows: usize) -> Result<Self> {
        took_us.sort_unstable();
        let of_100 = |nth: usize| took_us.get((took_us.len() * nth).div_ceil(100).max(1) - 1);
        let (Some(p50_us), Some(p99_us)) = (of_100(50), of_100(99)) else {
            bail!("nothing was acknowledged");
        };
        let rows_per_s = (took_us.len() * rows) as f64 / COUNTED.as_secs_f64();
        Ok(Self { rows_per_s, p50_us: *p50_us, p99_us: *p99_us })
    }

    /// The middle of each figure over several rounds.
    fn median(rounds: &[Self]) -> Option<Self> {
        let middle = |of: fn(&Self) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied()
        };
        Some(Self {
            rows_per_s: middle(|it| it.rows_per_s)?,
            p50_us: middle(|it| it.p50_us as f64)? as u64,
            p99_us: middle(|it| it.p99_us as f64)? as u64,
        })
    }
}

/// The pair under a load. On a busy machine it may give its backup up, and what one node alone
/// acknowledges is not as durable: such a round does not count.
fn ours(load: Load, programs: &Programs, logs: &Path) -> Result<Figures> {
    for _ in 1..TRIES {
        match try_ours(load, programs, logs) {
            Ok(figures) => return Ok(figures),
            Err(error) => crate::say(&format!("commit: again, as {error:#}")),
        }
    }
    try_ours(load, programs, logs)
}

fn try_ours(load: Load, programs: &Programs, logs: &Path) -> Result<Figures> {
    // Logs of an earlier run would only confuse; there may be none.
    let _ = std::fs::remove_dir_all(logs);
    let site = Site::set_up(programs, PLAIN, logs)?;
    let took_us = site.lab.inside(Host::C.name(), || clients::ledger(load))??;
    // It takes a backup back in only after 10 s, which is longer than a round.
    let is_whole = site.holder(Host::A).is_some_and(|(_, told)| told.is_whole());
    if !is_whole {
        bail!("the pair was not complete all the time");
    }
    Figures::new(took_us, load.rows)
}

/// PostgreSQL under a load.
fn theirs(load: Load, root: &Path, logs: &Path) -> Result<Figures> {
    let field = postgres::set_up(root, logs)?;
    let took_us = field.lab.inside(Host::C.name(), || clients::postgres(load))??;
    Figures::new(took_us, load.rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_all_rows_and_of_the_middle_round() {
        let figures = Figures::new((1..=200).rev().collect(), 10).unwrap();
        assert_eq!((figures.p50_us, figures.p99_us), (100, 198));
        assert!((figures.rows_per_s - 400.0).abs() < 1e-9);
        let other = |rows_per_s, p50_us| Figures { rows_per_s, p50_us, p99_us: 7 };
        let rounds = [other(3.0, 1), other(1.0, 9), other(2.0, 5)];
        assert_eq!(Figures::median(&rounds), Some(other(2.0, 5)));
        assert_eq!(Figures::median(&[]), None);
        assert!(Figures::new(Vec::new(), 1).is_err());
    }
}
