//! The mutation gate: mistakes that are seeded one at a time must be found.
//!
//! A mutant is a patch of one place in the sources, listed in `sim/mutants/*.toml`. Each is applied
//! to a copy of the repository under `target/mutants`, built, and given to the program that must
//! find it: that program has to end with exit code 1, and what it says is shown. A mutant whose text
//! is not found exactly once is an error, so that the list follows the code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::shell::{Shell, say};

const FOLDER: &str = "sim/mutants";
const COPY: &str = "target/mutants/tree";
const TARGET: &str = "target/mutants/target";
/// What the copy does not need: it is large, and no crate of the proof looks at it.
const LEFT_OUT: [&str; 6] = [".git", "target", "node_modules", "dist", "images", "fuzz"];
/// What `sim` is given: a mistake that takes more seeds to show counts as not found.
const SEEDS: &str = "2000";
/// Exit code of both programs when a promise was broken; another one is a failure of the gate.
const FOUND: i32 = 1;
/// What stands in the line in which a program says what it has found.
const FINDINGS: [&str; 3] = [" failed: ", "VIOLATED", "=> "];

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mutant {
    name: String,
    file: String,
    find: String,
    replace: String,
    /// `sim`, or the name of a run of `model`.
    caught_by: String,
}

/// Seeds the mistakes whose names contain one of `wanted`, or all.
pub(crate) fn run(shell: &Shell, wanted: &[String]) -> Result<()> {
    let mutants: Vec<Mutant> = list(shell.root())?
        .into_iter()
        .filter(|mutant| {
            wanted.is_empty() || wanted.iter().any(|part| mutant.name.contains(part.as_str()))
        })
        .collect();
    ensure!(!mutants.is_empty(), "no mutant has such a name; they are listed in {FOLDER}");
    let tree = shell.root().join(COPY);
    copy(shell.root(), &tree)?;
    let mut escaped = Vec::new();
    for (index, mutant) in mutants.iter().enumerate() {
        say(format_args!("\nmutants: {} of {}: {}", index + 1, mutants.len(), mutant.name));
        let start = Instant::now();
        let verdict = seed(shell.root(), &tree, mutant)?;
        let seconds = start.elapsed().as_secs();
        if let Some(words) = verdict {
            say(format_args!("mutants: found in {seconds} s: {words}"));
        } else {
            say(format_args!("mutants: ESCAPED after {seconds} s"));
            escaped.push(mutant.name.as_str());
        }
    }
    ensure!(escaped.is_empty(), "not found: {}", escaped.join(", "));
    say(format_args!("\nmutants: all {} found", mutants.len()));
    Ok(())
}

/// Fails when a mutant does not fit the sources any more.
pub(crate) fn check(root: &Path) -> Result<usize> {
    let mutants = list(root)?;
    for mutant in &mutants {
        patched(root, mutant)?;
    }
    Ok(mutants.len())
}

/// Builds and runs one mutant; what the program said when it found it.
fn seed(root: &Path, tree: &Path, mutant: &Mutant) -> Result<Option<String>> {
    let path = tree.join(&mutant.file);
    fs::write(&path, patched(root, mutant)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let outcome = judge(root, tree, mutant);
    fs::copy(root.join(&mutant.file), &path)
        .with_context(|| format!("cannot restore {}", path.display()))?;
    outcome
}

fn judge(root: &Path, tree: &Path, mutant: &Mutant) -> Result<Option<String>> {
    let (program, arguments) = match mutant.caught_by.as_str() {
        "sim" => ("sim", ["--seeds", SEEDS]),
        run => ("model", ["--run", run]),
    };
    let cargo = |arguments: &[&str]| -> Result<Output> {
        Command::new("cargo")
            .args(arguments)
            .current_dir(tree)
            .env("CARGO_TARGET_DIR", root.join(TARGET))
            // Each is built once and run for seconds: the time to build is what counts.
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .output()
            .context("cannot start cargo")
    };
    let build = cargo(&["build", "-q", "--release", "--locked", "-p", "sim", "--bin", program])?;
    if !build.status.success() {
        let errors = String::from_utf8_lossy(&build.stderr);
        bail!("{} does not compile, so it shows nothing:\n{errors}", mutant.name);
    }
    let binary = root.join(TARGET).join("release").join(program);
    let run = Command::new(&binary)
        .args(arguments)
        .current_dir(tree)
        .output()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    match run.status.code() {
        Some(0) => Ok(None),
        Some(FOUND) => Ok(finding(&run)),
        _ => {
            let errors = String::from_utf8_lossy(&run.stderr);
            bail!("{} ended with {}, which is no finding:\n{errors}", mutant.name, run.status)
        }
    }
}

/// The line that says what was found. Without one, it was something else that went wrong.
fn finding(run: &Output) -> Option<String> {
    let output = String::from_utf8_lossy(&run.stdout);
    let is_finding = |line: &&str| FINDINGS.iter().any(|mark| line.contains(mark));
    output.lines().find(is_finding).map(|line| line.trim().to_owned())
}

fn patched(root: &Path, mutant: &Mutant) -> Result<String> {
    let source = fs::read_to_string(root.join(&mutant.file))
        .with_context(|| format!("{}: cannot read {}", mutant.name, mutant.file))?;
    mutated(&source, mutant)
}

fn mutated(source: &str, mutant: &Mutant) -> Result<String> {
    let times = source.matches(&mutant.find).count();
    ensure!(
        times == 1,
        "{}: its text is {times} times in {}, not once; bring {FOLDER} up to date",
        mutant.name,
        mutant.file
    );
    Ok(source.replacen(&mutant.find, &mutant.replace, 1))
}

fn list(root: &Path) -> Result<Vec<Mutant>> {
    let folder = root.join(FOLDER);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {FOLDER}"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut mutants = Vec::new();
    for path in files {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        mutants.extend(parse(&text).with_context(|| path.display().to_string())?);
    }
    Ok(mutants)
}

fn parse(text: &str) -> Result<Vec<Mutant>> {
    let document: toml::Table = text.parse()?;
    let entries = document.get("mutant").and_then(toml::Value::as_array);
    entries.context("there is no [[mutant]]")?.iter().map(mutant_from).collect()
}

fn mutant_from(entry: &toml::Value) -> Result<Mutant> {
    let field = |key: &str| -> Result<String> {
        let value = entry.get(key).and_then(toml::Value::as_str);
        Ok(value.with_context(|| format!("a mutant has no '{key}'"))?.to_owned())
    };
    Ok(Mutant {
        name: field("name")?,
        file: field("file")?,
        find: field("find")?,
        replace: field("replace")?,
        caught_by: field("caught_by")?,
    })
}

/// Brings the copy up to date; files that did not change keep their times, so that cargo builds
/// only what a mutant touches.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            copy(&source, &target)?;
        } else if entry.file_type()?.is_file() {
            let content = fs::read(&source)?;
            if fs::read(&target).ok().as_ref() != Some(&content) {
                fs::write(&target, content)
                    .with_context(|| format!("cannot write {}", target.display()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [[mutant]]
        name = "wrong-quorum"
        file = "a.rs"
        find = "QUORUM: usize = 2"
        replace = "QUORUM: usize = 1"
        caught_by = "sim"
    "#;

    fn mutated(source: &str) -> Result<String> {
        super::mutated(source, &parse(LIST)?[0])
    }

    #[test]
    fn a_mutant_changes_one_place() {
        let mutated = mutated("const QUORUM: usize = 2;").unwrap();
        assert_eq!(mutated, "const QUORUM: usize = 1;");
    }

    #[test]
    fn a_mutant_that_fits_nowhere_or_twice_is_an_error() {
        for (source, times) in
            [("const OTHER: usize = 2;", "0"), ("QUORUM: usize = 2; QUORUM: usize = 2;", "2")]
        {
            let error = mutated(source).unwrap_err().to_string();
            assert!(error.contains(&format!("its text is {times} times in a.rs")), "{error}");
        }
    }

    #[test]
    fn a_mutant_without_a_field_is_named() {
        let error = parse("[[mutant]]\nname = \"x\"").unwrap_err().to_string();
        assert!(error.contains("no 'file'"), "{error}");
    }
}
