//! The steps of `cargo xtask check`, from the cheapest to the dearest.
//!
//! The first failure stops it: whatever comes later would repeat the same cause at more cost.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::shell::{Line, Shell, say};
use crate::tools::{self, Tool};
use crate::{console, mutants, proof, tidy};

/// One step, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// Formatting
    Fmt,
    /// The rules of this repository
    Tidy,
    /// Lints of every target
    Clippy,
    /// Unit, integration and documentation tests
    Test,
    /// The model of the pair protocol
    Model,
    /// The pair protocol under simulated faults
    Sim,
    /// Documentation without a warning
    Doc,
    /// Benchmarks compile
    Bench,
    /// Console: types, unit tests, a fresh dist, a browser against the product
    Console,
}

/// Runs the steps named in `wanted`, or all of them when none is named.
pub(crate) fn run(shell: &Shell, wanted: &[Step]) -> Result<()> {
    tools::mend_null_device(shell)?;
    let steps = selected(wanted);
    let mut times = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let name = step.name();
        say(format_args!("\ncheck: step {} of {}: {name}", index + 1, steps.len()));
        let start = Instant::now();
        let outcome = step.run(shell);
        let time = start.elapsed();
        let verdict = if outcome.is_ok() { "passed" } else { "FAILED" };
        say(format_args!("check: {name} {verdict} in {}", seconds(time)));
        outcome.with_context(|| {
            format!("step {name}; to repeat only this: cargo xtask check {name}")
        })?;
        times.push((name, time));
    }
    say("");
    for (name, time) in &times {
        say(format_args!("{name:<8} {:>9}", seconds(*time)));
    }
    let total = times.iter().map(|(_, time)| *time).sum();
    say(format_args!("{:<8} {:>9}", "total", seconds(total)));
    say(format_args!("check: all {} steps passed", times.len()));
    Ok(())
}

/// The wanted steps once each, in the order in which steps run.
fn selected(wanted: &[Step]) -> Vec<Step> {
    Step::value_variants()
        .iter()
        .copied()
        .filter(|step| wanted.is_empty() || wanted.contains(step))
        .collect()
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Clippy => "clippy",
            Self::Test => "test",
            Self::Model => "model",
            Self::Sim => "sim",
            Self::Doc => "doc",
            Self::Bench => "bench",
            Self::Console => "console",
        }
    }

    fn run(self, shell: &Shell) -> Result<()> {
        let line = match self {
            Self::Fmt => Line::new("cargo fmt --all --check"),
            Self::Tidy => {
                say("$ cargo xtask tidy");
                return tidy::run(shell.root());
            }
            Self::Clippy => {
                Line::new("cargo clippy --workspace --all-targets --locked -- -D warnings")
            }
            Self::Test => {
                tools::offer(shell, Tool::Ip)?;
                tools::offer(shell, Tool::PerlMseClient)?;
                tools::offer(shell, Tool::Tshark)?;
                Line::new("cargo test --workspace --locked")
            }
            Self::Model => {
                let mutants = mutants::check(shell.root())?;
                say(format_args!("all {mutants} mutants fit the sources"));
                return proof::model(shell, &[]);
            }
            Self::Sim => return proof::simulate(shell, &[]),
            Self::Doc => Line::new("cargo doc --workspace --no-deps --locked")
                .env("RUSTDOCFLAGS", "-D warnings"),
            // Building them would compile every dependency once more, optimised; numbers are
            // taken by hand, so types are enough here.
            Self::Bench => Line::new("cargo check --workspace --benches --locked"),
            Self::Console => return console::check(shell),
        };
        shell.run(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_named_means_all_and_order_is_ours() {
        assert_eq!(selected(&[]).len(), 9);
        assert_eq!(selected(&[Step::Test, Step::Fmt, Step::Test]), [Step::Fmt, Step::Test]);
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for step in Step::value_variants() {
            assert_eq!(Step::from_str(step.name(), false), Ok(*step));
        }
    }
}
