//! The command line: many seeds on some threads, or one seed with its trace.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::coverage::Coverage;
use crate::regressions::{self, Regression};
use crate::seed::{self, Report, Run};

/// How it is called.
const USAGE: &str = "usage: sim --seeds N [--first K] [--minutes M] [--threads T] [--twice N] [--all]\n       \
                     sim --seed N [--minutes M] [--trace] [--beacons]";
/// Below this many seeds a counter at zero proves nothing.
const FLOOR_SEEDS: u64 = 2_000;
/// Seeds between two lines of progress.
const PROGRESS: u64 = 100;

#[derive(Debug, Clone, Copy)]
struct Arguments {
    seeds: u64,
    first: u64,
    minutes: u64,
    threads: u64,
    twice: u64,
    single: Option<u64>,
    is_traced: bool,
    with_beacons: bool,
    /// Go on after a seed has failed.
    runs_all: bool,
}

/// Sums over seeds.
#[derive(Debug, Default)]
struct Sum {
    coverage: Coverage,
    seeds: u64,
    events: u64,
    simulated: u64,
    faults: Vec<u64>,
    failovers: u64,
    handovers: u64,
    network: [u64; 5],
    /// Seeds that failed, and what they said.
    failed: BTreeMap<u64, String>,
}

impl Sum {
    fn add(&mut self, seed: u64, report: &Report) {
        self.coverage.add(&report.coverage);
        self.seeds += 1;
        self.events += report.events;
        self.simulated += report.simulated;
        self.faults.resize(report.faults.len(), 0);
        for (mine, theirs) in self.faults.iter_mut().zip(&report.faults) {
            *mine += theirs;
        }
        self.failovers += report.failovers;
        self.handovers += report.handovers;
        for (mine, theirs) in self.network.iter_mut().zip(report.network) {
            *mine += theirs;
        }
        if let Some(violation) = &report.violation {
            self.failed.insert(seed, violation.what.clone());
        }
    }
}

/// Runs what the arguments ask for. Says whether every promise was kept; `Err` is how it is called.
pub fn run(
    arguments: &[String],
    out: &mut impl Write,
    progress: &mut (impl Write + Send),
) -> Result<bool, String> {
    let arguments = parse(arguments)?;
    let verdict = match arguments.single {
        Some(seed) => single(seed, &arguments, out),
        None => many(&arguments, out, progress),
    };
    // A reader that went away does not change a verdict.
    Ok(verdict.unwrap_or(false))
}

fn parse(words: &[String]) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        seeds: 0,
        first: 0,
        minutes: 10,
        threads: 2,
        twice: 0,
        single: None,
        is_traced: false,
        with_beacons: false,
        runs_all: false,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || {
            let word = words.next().ok_or(USAGE)?;
            word.parse::<u64>().map_err(|_| USAGE)
        };
        match word.as_str() {
            "--seeds" => arguments.seeds = number()?,
            "--first" => arguments.first = number()?,
            "--minutes" => arguments.minutes = number()?.max(1),
            "--threads" => arguments.threads = number()?.clamp(1, 64),
            "--twice" => arguments.twice = number()?,
            "--seed" => arguments.single = Some(number()?),
            "--trace" => arguments.is_traced = true,
            "--all" => arguments.runs_all = true,
            "--beacons" => arguments.with_beacons = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    if arguments.single.is_none() && arguments.seeds == 0 && arguments.twice == 0 {
        return Err(USAGE.to_owned());
    }
    Ok(arguments)
}

fn plain(seed: u64, minutes: u64) -> Run {
    Run { seed, minutes, is_traced: false, with_beacons: false }
}

fn single(seed: u64, arguments: &Arguments, out: &mut impl Write) -> io::Result<bool> {
    let run = Run { with_beacons: arguments.with_beacons, ..plain(seed, arguments.minutes) };
    let mut report = seed::run(run);
    if arguments.is_traced || report.violation.is_some() {
        report = seed::run(Run { is_traced: true, ..run });
        for line in &report.trace {
            writeln!(out, "{line}")?;
        }
    }
    say_verdict(seed, &report, out)?;
    Ok(report.violation.is_none())
}

fn say_verdict(seed: u64, report: &Report, out: &mut impl Write) -> io::Result<()> {
    match &report.violation {
        Some(violation) => {
            let at = violation.at as f64 / 1e6;
            writeln!(out, "seed {seed}: VIOLATED at {at:.6} s: {}", violation.what)
        }
        None => writeln!(
            out,
            "seed {seed}: kept; {} events, {:.0} s, hash {:016x}",
            report.events,
            report.simulated as f64 / 1e6,
            report.hash
        ),
    }
}

fn many(
    arguments: &Arguments,
    out: &mut impl Write,
    progress: &mut (impl Write + Send),
) -> io::Result<bool> {
    let mut is_kept = true;
    for Regression { name, seed, minutes, shows } in regressions::all() {
        let report = seed::run(plain(seed, minutes));
        if report.violation.is_some() {
            writeln!(out, "regression {name}, which once showed: {shows}")?;
            say_verdict(seed, &report, out)?;
            is_kept = false;
        }
    }
    for seed in arguments.first..arguments.first + arguments.twice {
        let run = plain(seed, arguments.minutes);
        let (once, again) = (seed::run(run), seed::run(run));
        if once.hash != again.hash {
            writeln!(out, "seed {seed} is not reproducible")?;
            is_kept = false;
        }
    }
    if arguments.twice > 0 {
        writeln!(out, "{} seeds were run twice: same traces", arguments.twice)?;
    }
    let started = Instant::now();
    let sum = spread(arguments, progress);
    let elapsed = started.elapsed().as_secs_f64();
    say_sum(&sum, arguments.threads, elapsed, out)?;
    for (seed, what) in &sum.failed {
        writeln!(out, "seed {seed} failed: {what}")?;
    }
    if let Some(seed) = sum.failed.keys().next().copied() {
        let run = plain(seed, arguments.minutes);
        let report = seed::run(Run { is_traced: true, ..run });
        for line in &report.trace {
            writeln!(out, "{line}")?;
        }
        say_verdict(seed, &report, out)?;
        let minutes = arguments.minutes;
        writeln!(out, "replay it with: sim --seed {seed} --minutes {minutes} --trace")?;
        is_kept = false;
    }
    let missing: Vec<&str> =
        sum.coverage.counters().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect();
    if !missing.is_empty() && arguments.seeds >= FLOOR_SEEDS && sum.failed.is_empty() {
        writeln!(out, "never met: {}", missing.join(", "))?;
        is_kept = false;
    }
    Ok(is_kept)
}

fn spread(arguments: &Arguments, progress: &mut (impl Write + Send)) -> Sum {
    let next = AtomicU64::new(arguments.first);
    let has_failed = AtomicBool::new(false);
    let end = arguments.first + arguments.seeds;
    let sum = Mutex::new((Sum::default(), progress));
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // Every seed below a failed one is run, so that the lowest is found.
                    if seed >= end || has_failed.load(Ordering::Relaxed) {
                        break;
                    }
                    let report = seed::run(plain(seed, arguments.minutes));
                    if report.violation.is_some() && !arguments.runs_all {
                        has_failed.store(true, Ordering::Relaxed);
                    }
                    let Ok(mut guard) = sum.lock() else { break };
                    let (sum, progress) = &mut *guard;
                    sum.add(seed, &report);
                    if sum.seeds.is_multiple_of(PROGRESS) {
                        let _closed_pipe =
                            writeln!(progress, "{} seeds, {} events", sum.seeds, sum.events);
                    }
                }
            });
        }
    });
    sum.into_inner().map(|(sum, _)| sum).unwrap_or_default()
}

fn say_sum(sum: &Sum, threads: u64, elapsed: f64, out: &mut impl Write) -> io::Result<()> {
    let hours = sum.simulated as f64 / 3.6e9;
    let rate = sum.events as f64 / elapsed / threads as f64;
    writeln!(
        out,
        "{} seeds, {hours:.1} simulated hours, {} events in {elapsed:.0} s: {rate:.0} events/s on each of {threads} threads",
        sum.seeds, sum.events
    )?;
    writeln!(out, "failovers {}, handovers {}", sum.failovers, sum.handovers)?;
    let faults: Vec<String> = seed::fault_names()
        .zip(&sum.faults)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    writeln!(out, "faults injected: {} ({})", sum.faults.iter().sum::<u64>(), faults.join(", "))?;
    let [lost, doubled, damaged, late, echoed] = sum.network;
    writeln!(
        out,
        "parcels lost {lost}, doubled {doubled}, damaged {damaged}, late {late}, echoed {echoed}"
    )?;
    let seen: Vec<String> =
        sum.coverage.counters().map(|(name, count)| format!("{name} {count}")).collect();
    writeln!(out, "met: {}", seen.join(", "))?;
    let (met, rows) = sum.coverage.rows();
    let unseen = sum.coverage.unseen_moves();
    let moves = sum.coverage.moves();
    writeln!(
        out,
        "rows of the table met: {met} of {rows}; moves made: {} of {moves}",
        moves - unseen.len()
    )?;
    for (from, trigger, to) in unseen {
        writeln!(out, "  never: {from} --{trigger}--> {to}")?;
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
    fn a_call_that_makes_no_sense_is_told_how() {
        for line in ["", "--seeds", "--seeds x", "--sneeze"] {
            assert_eq!(parse(&words(line)).err().as_deref(), Some(USAGE), "{line}");
        }
        assert!(parse(&words("--seeds 3 --first 5 --threads 1")).is_ok());
    }
}
