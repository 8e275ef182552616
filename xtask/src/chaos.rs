//! Breaks real pairs of the released program: builds it and the crate `chaos`, which does the rest.

use anyhow::Result;

use crate::shell::{Line, Shell};
use crate::tools::{self, Tool};

/// Builds what is needed, and runs scenarios; arguments go through to them.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Result<()> {
    tools::offer(shell, Tool::Ip)?;
    tools::offer(shell, Tool::Nft)?;
    run_words(shell, arguments)
}

/// The same beside others, which needs a Debian of theirs.
pub(crate) fn compare(shell: &Shell, what: &str, arguments: &[String]) -> Result<()> {
    tools::offer(shell, Tool::Debootstrap)?;
    let words: Vec<String> = [what.to_owned()].into_iter().chain(arguments.to_vec()).collect();
    run(shell, &words)
}

fn run_words(shell: &Shell, arguments: &[String]) -> Result<()> {
    let build = Line::new("cargo build --release --locked -p mse -p chaos");
    let run = Line::new(format!("target/release/chaos {}", arguments.join(" ")));
    if arguments.iter().any(|argument| argument == "--json") {
        // Standard output is the document; cargo tells its progress elsewhere.
        return shell.run_unseen(&build).and_then(|()| shell.run_unseen(&run));
    }
    shell.run(&build)?;
    shell.run(&run)
}
