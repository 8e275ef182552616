//! The same faults and the same probes against OpenMSE and what else keeps things available.
//!
//! Each peer runs from Debian 12's packages on machines of the same lab, with settings that its
//! documentation allows to who wants a fast failover; they are named in each peer's file. Every fault
//! meets a system that was just set up. What is measured is what clients see: the longest time without
//! an answer at the virtual address or without an acknowledged row, how long two machines claimed the
//! address, and which acknowledged rows are missing afterwards.
//!
//! It deliberately judges nobody, and has no fencing hardware to offer: see `docs/ha.md`.

pub(crate) mod chroot;
mod command;
mod echo;
pub(crate) mod machine;
mod ours;
mod peers;
pub(crate) mod rows;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde::Serialize;

pub use command::{USAGE, run};

use self::echo::Echoes;
use self::machine::Field;
use self::peers::{Kind, Peer};
use self::rows::{Writers, Written};
use crate::judge::{Report, longest_gap};
use crate::lab::{Host, VIRTUAL};
use crate::probes::Probes;
use crate::site::pass;

/// Clients that write at once, everywhere.
const WRITERS: usize = 4;
/// Clients are served for so long before anything happens.
const CALM_S: f64 = 2.0;
/// How long a fault lasts at least, or is looked at. Ours: longer than any failover of an address.
const FAULT_S: f64 = 15.0;
/// Source: ha.md section 6.3, `SIGSTOP A 30 s`.
const FREEZE_S: f64 = 30.0;
/// How long is looked at what was mended. Ours: who comes back wants its role by then.
const MENDED_S: f64 = 10.0;
/// Databases are given up after so long. Ours: `pg_auto_failover` took 54 s with its defaults.
const GIVEN_UP: Duration = Duration::from_secs(90);
/// A row in the last of these says that the database serves again. Ours: a failover is no shorter.
const SERVED: Duration = Duration::from_secs(1);

/// What happens to the node that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    Cable,
    Kill,
    Freeze,
    Cut,
    Service,
    Switch,
}

impl Fault {
    const ALL: [Self; 6] =
        [Self::Cable, Self::Kill, Self::Freeze, Self::Cut, Self::Service, Self::Switch];

    fn name(self) -> &'static str {
        match self {
            Self::Cable => "cable",
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::Cut => "cut",
            Self::Service => "service",
            Self::Switch => "switch",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Cable => "the active node's cable is pulled",
            Self::Kill => "kill -9 of everything that runs on the active node",
            Self::Freeze => "SIGSTOP of the active node's HA processes for 30 s",
            Self::Cut => "the nodes do not hear each other; all others hear both",
            Self::Service => "kill -9 of the database or service alone",
            Self::Switch => "a planned switchover",
        }
    }
}

/// What came of a fault. Nothing where a system has no such thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Outcome {
    system: &'static str,
    fault: Fault,
    /// Longest time without an answer at the virtual address.
    answer_gap_ms: Option<u64>,
    /// Longest time without an acknowledged row.
    row_gap_ms: Option<u64>,
    /// Rows that were acknowledged.
    acked: Option<u64>,
    /// Those of them that were missing afterwards.
    lost: Option<u64>,
    /// How long two machines claimed the virtual address.
    two_owners_ms: Option<u64>,
    /// What a reader must know, or why there is no figure.
    note: Option<String>,
}

impl Outcome {
    fn new(system: &'static str, fault: Fault) -> Self {
        Self {
            system,
            fault,
            answer_gap_ms: None,
            row_gap_ms: None,
            acked: None,
            lost: None,
            two_owners_ms: None,
            note: None,
        }
    }
}

/// Runs one fault against a peer. What goes wrong is in the outcome.
fn run_peer(peer: &dyn Peer, fault: Fault, chroot: &Path, logs: &Path) -> Outcome {
    let mut outcome = Outcome::new(peer.name(), fault);
    if fault == Fault::Service && peer.kind() == Kind::Address {
        return outcome;
    }
    let ran = Field::start(&[Host::W, Host::A, Host::B], chroot, logs).and_then(|mut field| {
        peer.set_up(&field)?;
        let active = peers::active(peer, &field).context("nobody serves")?;
        match peer.kind() {
            Kind::Address => strike_address(peer, fault, active, &mut field, &mut outcome),
            Kind::Rows => strike_rows(peer, fault, active, &mut field, &mut outcome),
        }
    });
    if let Err(error) = ran {
        outcome.note = Some(format!("could not be run: {error:#}"));
    }
    outcome
}

fn strike_address(
    peer: &dyn Peer,
    fault: Fault,
    active: Host,
    field: &mut Field,
    outcome: &mut Outcome,
) -> Result<()> {
    let start = Instant::now();
    let echoes = Echoes::start(&field.lab)?;
    // Nobody writes, so nobody has to be patient.
    let probes = Probes::start(&field.lab, &[VIRTUAL], Duration::ZERO, 0, start)?;
    pass(CALM_S);
    let from = start.elapsed();
    strike(peer, fault, active, field)?;
    pass(if fault == Fault::Freeze { FREEZE_S } else { FAULT_S });
    let mended = start.elapsed();
    mend(peer, fault, active, field)?;
    pass(MENDED_S);
    let to = start.elapsed();
    let seen = probes.stop().pop().context("nobody looked on")?;
    drop(echoes);
    if !seen.echoes.iter().any(|echo| echo.at < from) {
        bail!("nobody answered before the fault");
    }
    let is_served =
        seen.echoes.iter().any(|echo| (mended.saturating_sub(SERVED)..mended).contains(&echo.at));
    let mut report = Report::default();
    report.add(&seen, (from, to), &[]);
    outcome.answer_gap_ms = Some(report.gap_ms);
    outcome.two_owners_ms = Some(report.two_owners_ms);
    outcome.note = (!is_served).then(|| "did not serve until it was mended".to_owned());
    Ok(())
}

fn strike_rows(
    peer: &dyn Peer,
    fault: Fault,
    active: Host,
    field: &mut Field,
    outcome: &mut Outcome,
) -> Result<()> {
    rows::make_table(field)?;
    let start = Instant::now();
    let writers = Writers::start(&field.lab, WRITERS, start)?;
    pass(CALM_S);
    let from = start.elapsed();
    if writers.last().is_zero() {
        bail!("no row was acknowledged before the fault");
    }
    strike(peer, fault, active, field)?;
    let least_s = if fault == Fault::Freeze { FREEZE_S } else { FAULT_S };
    let is_served = loop {
        let passed = start.elapsed().saturating_sub(from);
        let is_served = start.elapsed().saturating_sub(writers.last()) < SERVED;
        if passed.as_secs_f64() >= least_s && (is_served || passed >= GIVEN_UP) {
            break is_served;
        }
        pass(0.1);
    };
    mend(peer, fault, active, field)?;
    pass(MENDED_S);
    let to = start.elapsed();
    let Written { acks, unknown: _ } = writers.stop();
    let times: Vec<Duration> = acks.iter().map(|(at, _)| *at).collect();
    outcome.row_gap_ms = Some(longest_gap(&times, from, to).0);
    outcome.acked = Some(acks.len() as u64);
    let read = rows::read_all(field).context("the rows could not be read back")?;
    outcome.lost = Some(acks.iter().filter(|(_, key)| !read.contains(key)).count() as u64);
    outcome.note = (!is_served).then(|| "did not serve until it was mended".to_owned());
    Ok(())
}

fn strike(peer: &dyn Peer, fault: Fault, active: Host, field: &mut Field) -> Result<()> {
    let struck = match fault {
        Fault::Cable => return field.lab.pull(active),
        Fault::Cut => {
            let both = [(Host::A, Host::B, 100), (Host::B, Host::A, 100)];
            return field.lab.lose(&both);
        }
        Fault::Switch => return peer.switch(field, active),
        Fault::Kill => field.signal(active, Signal::KILL, |_| true)?,
        Fault::Freeze => field.signal(active, Signal::STOP, |name| peer.is_ha(name))?,
        Fault::Service => field.signal(active, Signal::KILL, |name| name == "postgres")?,
    };
    if struck == 0 {
        bail!("there was no process to signal");
    }
    Ok(())
}

/// What was killed stays down: that is a machine that is gone, and nobody starts it again.
fn mend(peer: &dyn Peer, fault: Fault, active: Host, field: &mut Field) -> Result<()> {
    match fault {
        Fault::Cable => field.lab.plug_in(active),
        Fault::Cut => field.lab.lose_nothing(),
        Fault::Freeze => {
            field.signal(active, Signal::CONT, |name| peer.is_ha(name))?;
            Ok(())
        }
        Fault::Kill | Fault::Service | Fault::Switch => Ok(()),
    }
}
