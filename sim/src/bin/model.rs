//! `model`: checks that the pair keeps its promises in every order of events.
//!
//! | call | what it does |
//! |---|---|
//! | `model` | the quick runs, in about three minutes on two cores |
//! | `model --deep` | the long ones as well |
//! | `model --run NAME` | one run |
//! | `model --list` | which runs there are |
//! | `model --seconds N` | gives up on a run after that time, and says so |
//! | `model --table` | afterwards, which rows of the transition table were taken |
//!
//! It ends with 1 when a promise is broken, or when a full set of runs never got anywhere.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use sim::model::{Coverage, Depth, RUNS, Run, check};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match command(&words, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn command(words: &[String], out: &mut impl Write) -> io::Result<bool> {
    let has = |flag: &str| words.iter().any(|word| word == flag);
    if has("--list") {
        for run in RUNS {
            let depth = if run.depth == Depth::Deep { "deep " } else { "quick" };
            writeln!(out, "{:<16} {depth} {}", run.name, run.about)?;
        }
        return Ok(true);
    }
    let coverage = Arc::new(Coverage::default());
    let value = |flag: &str| words.iter().skip_while(|word| *word != flag).nth(1);
    let limit = value("--seconds").and_then(|word| word.parse().ok()).map(Duration::from_secs);
    let is_sound = match value("--run").map(|name| (name, Run::named(name))) {
        Some((_, Some(run))) => check_one(run, &coverage, limit, out)?,
        Some((name, None)) => {
            writeln!(out, "there is no run {name}; `model --list` shows them")?;
            return Ok(false);
        }
        None => check_all(has("--deep"), &coverage, limit, out)?,
    };
    if has("--table") {
        write!(out, "{}", coverage.report())?;
    }
    Ok(is_sound)
}

fn check_all(
    is_deep: bool,
    coverage: &Arc<Coverage>,
    limit: Option<Duration>,
    out: &mut impl Write,
) -> io::Result<bool> {
    for run in RUNS.iter().filter(|run| is_deep || run.depth == Depth::Quick) {
        if !check_one(run, coverage, limit, out)? {
            return Ok(false);
        }
    }
    let missing = coverage.missing();
    for line in &missing {
        writeln!(out, "{line}")?;
    }
    Ok(missing.is_empty())
}

fn check_one(
    run: &'static Run,
    coverage: &Arc<Coverage>,
    limit: Option<Duration>,
    out: &mut impl Write,
) -> io::Result<bool> {
    let verdict = check(run, coverage, limit);
    let word = match (&verdict.counterexample, verdict.is_finished) {
        (Some(_), _) => "BROKEN",
        (None, true) => "ok",
        (None, false) => "partly",
    };
    let seconds = verdict.took.as_secs_f64();
    writeln!(
        out,
        "{:<16} {word:<6} {:>10} states {:>11} transitions  depth {:>3} {seconds:>7.1} s {:>8.0} states/s",
        run.name,
        verdict.states,
        verdict.transitions,
        verdict.depth,
        verdict.states as f64 / seconds.max(0.001),
    )?;
    if let Some(story) = &verdict.counterexample {
        write!(out, "{story}")?;
    }
    out.flush()?;
    Ok(verdict.counterexample.is_none())
}
