//! Breaks real pairs of the released program: builds it and the crate `chaos`, which does the rest.
//!
//! `--from REV` is ours: it builds that revision too, in a work tree of its own, and `upgrade` begins
//! with it.

use anyhow::{Context as _, Result};

use crate::shell::{Line, Shell};
use crate::tools::{self, Tool};

/// Where an older revision is checked out. It is left there: the next run builds what has changed.
const OLDER: &str = "target/older";

/// Builds what is needed, and runs scenarios; other arguments go through to them.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Result<()> {
    tools::offer(shell, Tool::Ip)?;
    tools::offer(shell, Tool::Nft)?;
    tools::offer(shell, Tool::Faketime)?;
    let (revision, mut arguments) = taken(arguments)?;
    // Standard output is the document; cargo tells its progress elsewhere.
    let is_document = arguments.iter().any(|argument| argument == "--json");
    let run = |line: &Line| if is_document { shell.run_unseen(line) } else { shell.run(line) };
    if let Some(revision) = revision {
        build_older(shell, &revision, run)?;
        arguments.push(format!("--older {OLDER}/target/release"));
    }
    run(&Line::new("cargo build --release --locked -p mse -p chaos"))?;
    run(&Line::new(format!("target/release/chaos {}", arguments.join(" "))))
}

/// The same beside others, which needs a Debian of theirs.
pub(crate) fn compare(shell: &Shell, what: &str, arguments: &[String]) -> Result<()> {
    tools::offer(shell, Tool::Debootstrap)?;
    let words: Vec<String> = [what.to_owned()].into_iter().chain(arguments.to_vec()).collect();
    run(shell, &words)
}

/// The revision after `--from`, and what else there is.
fn taken(arguments: &[String]) -> Result<(Option<String>, Vec<String>)> {
    let mut rest = arguments.to_vec();
    let Some(place) = rest.iter().position(|argument| argument == "--from") else {
        return Ok((None, rest));
    };
    let revision = rest.get(place + 1).context("--from wants a revision")?.clone();
    rest.drain(place..place + 2);
    Ok((Some(revision), rest))
}

fn build_older(shell: &Shell, revision: &str, run: impl Fn(&Line) -> Result<()>) -> Result<()> {
    if shell.root().join(OLDER).join(".git").exists() {
        let line = format!("git checkout --quiet --detach {revision}");
        run(&Line::new(line).within(OLDER))?;
    } else {
        run(&Line::new("git worktree prune"))?;
        run(&Line::new(format!("git worktree add --quiet --detach {OLDER} {revision}")))?;
    }
    let build = Line::new("cargo build --release --locked --target-dir target -p mse -p chaos");
    run(&build.within(OLDER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_is_ours_and_the_rest_goes_through() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let check = |line: &str, revision: Option<&str>, rest: &str| {
            let expected = (revision.map(str::to_owned), words(rest));
            assert_eq!(taken(&words(line)).unwrap(), expected, "{line}");
        };
        check("upgrade --from 6a0f38e --json", Some("6a0f38e"), "upgrade --json");
        check("cable --repeat 3", None, "cable --repeat 3");
        assert!(taken(&words("upgrade --from")).unwrap_err().to_string().contains("revision"));
    }
}
