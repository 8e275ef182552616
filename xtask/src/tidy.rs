//! The rules of this repository that no other tool knows.
//!
//! | module | rule |
//! |---|---|
//! | [`manifest`] | every crate takes lints and publishing from the workspace and describes itself |
//! | [`floors`] | dependencies point down, siblings never meet |
//! | [`knowledge`] | which crate may use which library |
//! | [`pure`] | pure crates are told time, randomness and bytes |
//! | [`text`] | sizes, white space, module documentation, macros that must not stay |
//! | [`docs`] | links lead somewhere, the change log is open |
//! | [`console`] | `console/dist` was built from the sources beside it |
//!
//! A rule is a function from the [`Tree`] to findings: it reads neither disk nor clock, so every
//! rule is tested against a tree of a few lines. A finding names the place, what is wrong, and the
//! remedy. Rules read lines, not syntax; what needs types is clippy's.

mod code;
mod console;
mod docs;
mod floors;
mod knowledge;
mod manifest;
mod pure;
mod text;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use self::tree::Tree;
use crate::shell::say;

/// Checks every rule and prints what it finds.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    findings.sort();
    // A workspace that cannot be read is found by every rule that needs it.
    findings.dedup();
    for finding in &findings {
        say(finding);
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings", findings.len());
    }
    say(format_args!("tidy: {} files are tidy", tree.len()));
    Ok(())
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: [Rule; 7] = [
    manifest::check,
    floors::check,
    knowledge::check,
    pure::check,
    text::check,
    docs::check,
    console::check,
];

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    file: String,
    /// Counted from 1; `None` when the whole file is meant.
    line: Option<usize>,
    wrong: String,
    remedy: String,
}

impl Finding {
    fn new(
        file: &str,
        line: impl Into<Option<usize>>,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { file: file.into(), line: line.into(), wrong: wrong.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}; {}", self.wrong, self.remedy)
    }
}

/// What the tests of all rules share.
#[cfg(test)]
mod testing {
    use super::*;

    /// Runs `rule` over `files` and compares `file:line: what is wrong` with `expected`.
    #[track_caller]
    pub(super) fn check(rule: Rule, files: &[(&str, &str)], expected: &[&str]) {
        let mut findings = rule(&Tree::of(files));
        findings.sort();
        assert!(findings.iter().all(|finding| !finding.remedy.is_empty()));
        let shown: Vec<String> = findings
            .iter()
            .map(|finding| {
                let text = finding.to_string();
                let remedy = format!("; {}", finding.remedy);
                text.strip_suffix(&remedy).unwrap().to_owned()
            })
            .collect();
        assert_eq!(shown, expected);
    }

    /// A root manifest with these members and one crate for each: name, folder, tables.
    pub(super) fn workspace(crates: &[(&str, &str, &str)]) -> Vec<(String, String)> {
        let members: Vec<&str> = crates.iter().map(|(_, folder, _)| *folder).collect();
        let root =
            format!("[workspace]\nmembers = {members:?}\n[workspace.package]\npublish = false\n");
        let mut files = vec![("Cargo.toml".to_owned(), root)];
        for (name, folder, tables) in crates {
            let manifest = format!(
                "[package]\nname = \"{name}\"\ndescription = \"..\"\npublish.workspace = true\n\
                 [lints]\nworkspace = true\n{tables}\n"
            );
            files.push((format!("{folder}/Cargo.toml"), manifest));
        }
        files
    }

    /// As [`check`], for the files of [`workspace`].
    #[track_caller]
    pub(super) fn check_crates(rule: Rule, crates: &[(&str, &str, &str)], expected: &[&str]) {
        let files = workspace(crates);
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        check(rule, &files, expected);
    }
}
