//! Tooling of the repository, reached as `cargo xtask`.
//!
//! | command | what it does |
//! |---|---|
//! | `check` | everything that must hold before a change is merged; CI runs nothing else |
//! | `tidy` | the rules of this repository that no other tool knows; needs neither network nor node |
//! | `openapi` | rewrites `docs/api/openapi.json` from the engine's own description |
//! | `console` | rebuilds `console/dist` |
//! | `model` | explores the model of the pair protocol |
//! | `sim` | simulates the pair protocol under faults, or replays one seed |
//! | `chaos` | breaks real pairs in network namespaces |
//! | `compare-ha` | the same faults against OpenMSE, keepalived, Pacemaker, Patroni, `pg_auto_failover` |
//! | `bench-commit` | an acknowledged row of a pair beside PostgreSQL's, at equal durability |
//! | `mutants` | seeds mistakes into the pair protocol and sees that each is found |
//!
//! It depends on none of our crates, so that it can judge a tree that does not compile.

mod chaos;
mod check;
mod console;
mod mutants;
mod openapi;
mod proof;
mod shell;
mod tidy;
mod tools;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::check::Step;
use crate::shell::Shell;

/// Tooling of OpenMSE.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check in order and stop at the first that fails.
    ///
    /// Every command is printed before it runs, so that it can be run again by hand. As root on
    /// Debian the test and console steps install what they miss (iproute2; Node.js, npm, Chromium).
    Check {
        /// Run only these steps, for example `cargo xtask check fmt tidy clippy`.
        #[arg(value_name = "STEP")]
        steps: Vec<Step>,
    },
    /// Check the rules of this repository: floors, purity, who knows what, text, links, console.
    Tidy,
    /// Write docs/api/openapi.json.
    Openapi {
        /// Compare instead of writing; fails when the file is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Build console/dist with npm.
    Console,
    /// Explore the model of the pair protocol; `--deep` takes an hour, `--list` names the runs.
    Model {
        /// Arguments of the program, for example `--run NAME`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Simulate the pair protocol under faults; `--seed N` replays one world exactly.
    Sim {
        /// Arguments of the program, for example `--seeds 20000`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Break real pairs in network namespaces, and compare what clients were told with what is there.
    ///
    /// As root on Debian it installs what it misses (iproute2, nftables, faketime). Where it cannot run
    /// it says so and succeeds.
    Chaos {
        /// Arguments of the program: scenarios, `--repeat N`, `--json`, `--list`; and `--from REV`,
        /// which builds that revision too, for `upgrade` to begin with.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Put OpenMSE and what else keeps things available through the same faults, side by side.
    ///
    /// The peers come from Debian's packages into a folder below target, which takes minutes the first
    /// time; as root on Debian it installs what it misses (debootstrap). Where it cannot run it says
    /// so and succeeds.
    CompareHa {
        /// Arguments of the program: faults, `--only SYSTEM`, `--json`, `--list`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure an acknowledged row of a pair beside one of PostgreSQL with a synchronous standby.
    BenchCommit {
        /// Arguments of the program: `--rounds N`, `--json`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Seed mistakes into the pair protocol, one at a time, and see that each is found.
    Mutants {
        /// Only mutants whose names contain one of these.
        #[arg(value_name = "PART")]
        names: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed there is nobody to tell.
            let _nobody = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .context("the repository is not known; run this as `cargo xtask`")?;
    let root = Path::new(&manifest)
        .parent()
        .context("CARGO_MANIFEST_DIR has no parent; run this as `cargo xtask`")?;
    let shell = Shell::new(root);
    match arguments.command {
        Command::Check { steps } => check::run(&shell, &steps),
        Command::Tidy => tidy::run(root),
        Command::Openapi { check: true } => openapi::compare(&shell),
        Command::Openapi { check: false } => openapi::write(&shell),
        Command::Console => console::build(&shell),
        Command::Model { arguments } => proof::model(&shell, &arguments),
        Command::Sim { arguments } => proof::simulate(&shell, &arguments),
        Command::Chaos { arguments } => chaos::run(&shell, &arguments),
        Command::CompareHa { arguments } => chaos::compare(&shell, "compare-ha", &arguments),
        Command::BenchCommit { arguments } => chaos::compare(&shell, "bench-commit", &arguments),
        Command::Mutants { names } => mutants::run(&shell, &names),
    }
}
