//! Chaos: real pairs of the real program, in network namespaces, broken on purpose.
//!
//! The simulator (`sim`) proves the protocol in worlds without a clock. Here is the rest: the
//! program as it is shipped, its sockets, its disk and the kernel's own timers. A run sets up two
//! nodes, a witness and clients on one switch, pairs them as an operator would, breaks something
//! while clients write and ask, mends it, and then compares what clients were told with what is
//! there.
//!
//! It is a crate of its own beside `sim` rather than a part of `xtask`, because the service that it
//! has the pair replicate implements [`node::service::Replicated`], and `xtask` uses none of our
//! crates. It deliberately does not know the monitor or the protocol's state: it sees what an
//! operator and a client see.
//!
//! | module | what it is for |
//! |---|---|
//! | [`command`] | the command line and the table |
//! | `scenarios` | what can go wrong, and what it may cost |
//! | `site` | machines that run the program, paired, with clients |
//! | `lab` | network namespaces on a switch; cables, cuts, loss |
//! | `wire`, `packets` | a cable with a delay, in user space |
//! | `probes` | clients that record what they see |
//! | `judge` | what it means |
//! | [`ledger`] | the service that is replicated |
//! | [`positions`] | the real engine: how long nobody is told where anything is |
//! | [`commit`] | what an acknowledged row costs, beside PostgreSQL |
//! | [`compare`] | the same faults against what else keeps things available |

pub mod command;
pub mod commit;
pub mod compare;
mod judge;
mod lab;
pub mod ledger;
mod packets;
pub mod positions;
mod probes;
mod scenarios;
mod site;
mod wire;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

pub use judge::{Mark, Problem, Report};
pub use lab::missing;
pub use site::Programs;

use scenarios::Scenario;
use site::{Site, pass};

/// Clients that write at once. Ours: more only wait for the same two cores.
const WRITERS: usize = 4;
/// Clients are served for so long before anything happens, and after it.
const CALM_S: f64 = 2.0;

/// Runs the scenario of this name once.
pub fn run_by_name(name: &str, programs: &Programs, logs: &Path) -> Result<Report> {
    let scenario = scenarios::ALL.iter().find(|scenario| scenario.name == name);
    Ok(run(scenario.with_context(|| format!("there is no {name}"))?, 1, programs, logs))
}

/// Runs a scenario. What goes wrong is in the report.
fn run(scenario: &Scenario, run: u32, programs: &Programs, logs: &Path) -> Report {
    let mut report = Report { scenario: scenario.name.to_owned(), run, ..Report::default() };
    report.skipped = (scenario.missing)();
    if report.skipped.is_none()
        && let Err(error) = run_into(scenario, programs, logs, &mut report)
    {
        report.problems.push(Problem::Broken(format!("{error:#}")));
    }
    report.judge(scenario.limits);
    report
}

fn run_into(
    scenario: &Scenario,
    programs: &Programs,
    logs: &Path,
    report: &mut Report,
) -> Result<()> {
    // Logs of an earlier run would only confuse; there may be none.
    let _ = std::fs::remove_dir_all(logs);
    let mut site = Site::set_up(programs, scenario.plan, logs)?;
    if scenario.plan.is_older && !site.has_older() {
        report.note = Some("the same build twice; --older DIR names another one".to_owned());
    }
    site.probe(scenario.patience, WRITERS)?;
    (scenario.prepares)(&mut site).context("before it happened")?;
    pass(CALM_S);
    let first_mark = site.marks.len();
    site.mark("begins");
    let from = site.now();
    let happened = (scenario.happens)(&mut site);
    let to = site.now();
    let mended = site.mend();
    pass(CALM_S);
    let all_seen = site.seen()?;
    let read = site.primaries().into_iter().map(|primary| {
        let here = site.read_all(primary)?;
        site.switch(primary)?;
        let there = site.read_all(primary)?;
        Ok([here, there])
    });
    let read: Result<Vec<_>> = read.collect();
    site.keep_events();
    let marks = site.marks.iter();
    let ms = |at: &Duration| at.as_millis() as u64;
    report.marks = marks.map(|(at, what)| Mark { at_ms: ms(at), what: what.clone() }).collect();
    // Without a reading nothing is known to be missing, and the run is broken.
    let unread: Vec<_> = all_seen.iter().map(|_| Vec::new()).collect();
    let found = match &read {
        Ok(read) => read.iter().map(<[_; 2]>::as_slice).collect(),
        Err(_) => unread.iter().map(Vec::as_slice).collect::<Vec<_>>(),
    };
    for (seen, read) in all_seen.iter().zip(found) {
        report.add(seen, (from, to), read);
    }
    let switches = site.marks.iter().skip(first_mark).filter(|(_, what)| {
        (what.starts_with("switchover") || what.starts_with("failback")) && to > from
    });
    let switches: Vec<Duration> =
        switches.map(|(at, _)| *at).filter(|at| (from..to).contains(at)).collect();
    if switches.len() > 1
        && let Some(seen) = all_seen.first()
    {
        report.add_each(seen, &switches, to);
    }
    happened.context("while it happened")?;
    mended.context("after it was mended")?;
    read.context("when everything was read")?;
    Ok(())
}

/// Tells who waits how far it is.
fn say(line: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}
