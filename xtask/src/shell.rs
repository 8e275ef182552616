//! Runs commands the way a person would, and says which one failed.
//!
//! A [`Line`] is shown before it runs, in a form that can be pasted into a shell at the root of the
//! repository. Output of the command goes straight through.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Where commands run.
#[derive(Debug)]
pub(crate) struct Shell {
    root: PathBuf,
}

/// One command line. Words are separated by spaces; no command of ours needs a space in a word.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    words: String,
    folder: Option<&'static str>,
    environment: Vec<(&'static str, String)>,
}

/// Writes one line to standard output. A reader that went away does not change a verdict.
pub(crate) fn say(line: impl fmt::Display) {
    let mut out = io::stdout().lock();
    let _closed_pipe = writeln!(out, "{line}").and_then(|()| out.flush());
}

impl Shell {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Shows the command and runs it; its output goes to ours.
    pub(crate) fn run(&self, line: &Line) -> Result<()> {
        say(format_args!("$ {line}"));
        self.run_unseen(line)
    }

    /// Runs the command without showing it, so that standard output is the command's alone.
    pub(crate) fn run_unseen(&self, line: &Line) -> Result<()> {
        let status =
            self.command(line).status().with_context(|| format!("cannot start `{line}`"))?;
        if !status.success() {
            bail!("`{line}` failed ({status})");
        }
        Ok(())
    }

    /// Runs the command without showing it and returns what it wrote to standard output.
    pub(crate) fn output(&self, line: &Line) -> Result<Vec<u8>> {
        let output = self
            .command(line)
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start `{line}`"))?;
        if !output.status.success() {
            bail!("`{line}` failed ({})", output.status);
        }
        Ok(output.stdout)
    }

    fn command(&self, line: &Line) -> Command {
        let mut words = line.words.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .current_dir(self.root.join(line.folder.unwrap_or_default()))
            .envs(line.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}

impl Line {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), folder: None, environment: Vec::new() }
    }

    /// Runs in `folder`, relative to the root of the repository.
    pub(crate) fn within(mut self, folder: &'static str) -> Self {
        self.folder = Some(folder);
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(folder) = self.folder {
            write!(f, "cd {folder} && ")?;
        }
        for (name, value) in &self.environment {
            if value.contains(' ') {
                write!(f, "{name}='{value}' ")?;
            } else {
                write!(f, "{name}={value} ")?;
            }
        }
        f.write_str(&self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_as_it_is_typed() {
        let line = Line::new("npm run e2e")
            .within("console")
            .env("MSE_BIN", "/target/debug/mse")
            .env("FLAGS", "-D warnings");
        assert_eq!(
            line.to_string(),
            "cd console && MSE_BIN=/target/debug/mse FLAGS='-D warnings' npm run e2e"
        );
    }

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let shell = Shell::new(Path::new("/"));
        let failure = shell.run(&Line::new("false")).unwrap_err().to_string();
        assert_eq!(failure, "`false` failed (exit status: 1)");
    }

    #[test]
    fn output_of_a_command_is_returned() {
        let shell = Shell::new(Path::new("/"));
        let line = Line::new("printenv COLOUR").env("COLOUR", "green");
        assert_eq!(shell.output(&line).unwrap(), b"green\n");
    }
}
