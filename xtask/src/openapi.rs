//! `docs/api/openapi.json` is what the engine says of itself; it is committed so that a change of
//! the API is seen in review.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::shell::{Line, Shell, say};

const DOCUMENT: &str = "docs/api/openapi.json";

/// Writes the document.
pub(crate) fn write(shell: &Shell) -> Result<()> {
    let path = shell.root().join(DOCUMENT);
    let document = described(shell)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(&path, document).with_context(|| format!("cannot write {DOCUMENT}"))?;
    say(format_args!("{DOCUMENT} is written"));
    Ok(())
}

/// Fails when the document differs from what the engine says.
pub(crate) fn compare(shell: &Shell) -> Result<()> {
    let committed = fs::read(shell.root().join(DOCUMENT))
        .with_context(|| format!("cannot read {DOCUMENT}; write it: cargo xtask openapi"))?;
    if committed != described(shell)? {
        bail!("{DOCUMENT} is out of date; write it again: cargo xtask openapi");
    }
    say(format_args!("{DOCUMENT} is current"));
    Ok(())
}

fn described(shell: &Shell) -> Result<Vec<u8>> {
    shell.output(&Line::new("cargo run -q --locked -p mse -- openapi"))
}
