//! The machinery that proves the pair protocol: model check and simulator, built optimised.
//!
//! Both are programs of the crate `sim`; arguments go through to them.

use anyhow::Result;

use crate::shell::{Line, Shell};

/// What one check runs. Source: `docs/ha.md`, "How it is proven".
const SEEDS_OF_A_CHECK: &str = "--seeds 2000 --minutes 10 --twice 20";

/// Explores the model; without arguments, the runs that fit a check.
pub(crate) fn model(shell: &Shell, arguments: &[String]) -> Result<()> {
    program(shell, "model", &arguments.join(" "))
}

/// Simulates seeds; without arguments, as many as a check runs.
pub(crate) fn simulate(shell: &Shell, arguments: &[String]) -> Result<()> {
    if arguments.is_empty() {
        return program(shell, "sim", SEEDS_OF_A_CHECK);
    }
    program(shell, "sim", &arguments.join(" "))
}

fn program(shell: &Shell, name: &str, arguments: &str) -> Result<()> {
    let line = format!("cargo run -q --release --locked -p sim --bin {name} -- {arguments}");
    shell.run(&Line::new(line.trim_end().trim_end_matches(" --")))
}
