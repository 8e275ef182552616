//! Text or JSON on standard output, and exit codes.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

/// Where a command writes. Text by default, one JSON document with `--json`.
#[derive(Debug)]
pub(crate) struct Output<W> {
    writer: W,
    /// Whether JSON was asked for.
    pub(crate) json: bool,
}

/// Why a command did not do what it was asked. The numbers are the exit codes of the program.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 0: the reader of our output went away, which is not our failure (`mse .. | head`).
    ClosedPipe,
    /// 1: it was tried and did not work.
    Failed(anyhow::Error),
    /// 3: the role does not run.
    NotRunning(String),
    /// 4: there is no such thing.
    NotFound(String),
    /// 5: the configuration is refused.
    Config(String),
    /// 130: it was interrupted before it was done, as shells number it.
    Interrupted,
}

/// Shown by `mse --help`. 2 is the number of `clap` for wrong usage.
pub(crate) const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 tried and failed; 2 wrong usage; 3 the role does not run;
            4 there is no such thing; 5 the configuration is refused; 130 interrupted.";

impl<W: Write> Output<W> {
    pub(crate) fn new(writer: W, json: bool) -> Self {
        Self { writer, json }
    }

    /// Writes `value` as JSON, or what `text` writes.
    pub(crate) fn show<T: Serialize>(
        &mut self,
        value: &T,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.json {
            let document = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
            writeln!(self.writer, "{document}")?;
        } else {
            text(&mut self.writer)?;
        }
        self.flush()
    }

    /// Writes a line of text whatever was asked for.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result<(), Failure> {
        writeln!(self.writer, "{line}")?;
        self.flush()
    }

    /// Where text goes.
    pub(crate) fn writer(&mut self) -> &mut W {
        &mut self.writer
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.writer.flush()?)
    }
}

impl Failure {
    /// Says on standard error what is wrong, and returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        if matches!(self, Self::ClosedPipe) {
            return ExitCode::SUCCESS;
        }
        let (code, message) = self.told();
        // Without standard error there is nobody to tell.
        let _ = writeln!(io::stderr(), "mse: {message}");
        ExitCode::from(code)
    }

    /// What is wrong, for a person.
    pub(crate) fn message(self) -> String {
        self.told().1
    }

    fn told(self) -> (u8, String) {
        match self {
            Self::ClosedPipe => (0, "nobody reads the output".to_owned()),
            Self::Failed(error) => (1, chain(&error)),
            Self::NotRunning(message) => (3, message),
            Self::NotFound(message) => (4, message),
            Self::Config(message) => (5, message),
            Self::Interrupted => (130, "interrupted; nothing was finished".to_owned()),
        }
    }
}

/// An error with its causes, except those that it already tells.
fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        _ if told.contains(&cause) => told,
        _ => format!("{told}: {cause}"),
    })
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Failed(error.into())
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}
