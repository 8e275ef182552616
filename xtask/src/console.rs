//! The console's own tool chain: npm, the type checker, the bundler and a real browser.
//!
//! Nothing but `cargo xtask check` and `cargo xtask console` needs it; a build of the product
//! embeds the committed `console/dist`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

use crate::shell::{Line, Shell, say};
use crate::tools::{self, Tool};

/// Installs the npm packages of the lock file and rebuilds `console/dist`.
pub(crate) fn build(shell: &Shell) -> Result<()> {
    tools::ensure(shell, &[Tool::Node, Tool::Npm])?;
    shell.run(&npm_ci())?;
    shell.run(&npm("run build"))
}

/// Types, unit tests, that `console/dist` is what its sources build, and the browser's tests.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    tools::ensure(shell, &[Tool::Node, Tool::Npm, Tool::Chromium])?;
    shell.run(&npm_ci())?;
    shell.run(&npm("run check"))?;
    shell.run(&npm("test"))?;
    rebuild_and_compare(shell)?;
    shell.run(&Line::new("cargo build -p mse --locked"))?;
    let binary = target_folder(shell.root()).join("debug/mse");
    shell.run(&npm("run e2e").env("MSE_BIN", binary.display().to_string()))
}

/// One file of dist.
#[derive(Debug, Clone, PartialEq)]
struct Built {
    bytes: Vec<u8>,
    modified: SystemTime,
}

type Dist = BTreeMap<PathBuf, Built>;

/// Compares bytes rather than asking git: a fresh dist that is not committed yet is right, too.
fn rebuild_and_compare(shell: &Shell) -> Result<()> {
    let folder = shell.root().join("console/dist");
    let before = dist(&folder)?;
    shell.run(&npm("run build"))?;
    let changed = differences(&before, &dist(&folder)?);
    if !changed.is_empty() {
        bail!(
            "console/dist was not what its sources build: {} changed; the build has just replaced \
             them, so look at them and commit console/dist",
            changed.join(", ")
        );
    }
    // The engine embeds these files. Same bytes, same times: cargo need not compile it again.
    for (path, built) in &before {
        fs::File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(built.modified))
            .with_context(|| format!("cannot restore the time of {}", path.display()))?;
    }
    say("console/dist is what its sources build");
    Ok(())
}

fn dist(folder: &Path) -> Result<Dist> {
    let mut files = Dist::new();
    let entries = fs::read_dir(folder).with_context(|| {
        format!("cannot read {}; build it: cargo xtask console", folder.display())
    })?;
    for entry in entries {
        let path = entry?.path();
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let modified = fs::metadata(&path)?.modified()?;
        files.insert(path, Built { bytes, modified });
    }
    Ok(files)
}

/// Names of files that are only on one side or whose bytes differ.
fn differences(before: &Dist, after: &Dist) -> Vec<String> {
    let bytes = |files: &Dist, path: &PathBuf| files.get(path).map(|file| file.bytes.clone());
    let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter(|path| bytes(before, path) != bytes(after, path))
        .map(|path| path.file_name().unwrap_or_default().display().to_string())
        .collect()
}

fn npm(arguments: &str) -> Line {
    Line::new(format!("npm {arguments}")).within("console")
}

fn npm_ci() -> Line {
    npm("ci --no-audit --no-fund").env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
}

/// Where cargo, started at the root, puts what it builds.
fn target_folder(root: &Path) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(folder)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn files(files: &[(&str, &str)], modified: SystemTime) -> Dist {
        let built = |bytes: &str| Built { bytes: bytes.into(), modified };
        files.iter().map(|(name, bytes)| (Path::new("dist").join(name), built(bytes))).collect()
    }

    #[test]
    fn dist_differs_by_bytes_and_names_but_not_by_time() {
        let start = SystemTime::UNIX_EPOCH;
        let later = start + Duration::from_secs(1);
        let before = files(&[("console.js", "1"), ("icon.svg", "x"), ("old.css", "")], start);
        let after = files(&[("console.js", "2"), ("icon.svg", "x"), ("new.css", "")], later);
        assert_eq!(differences(&before, &after), ["console.js", "new.css", "old.css"]);
        assert_eq!(differences(&before, &before), Vec::<String>::new());
    }
}
