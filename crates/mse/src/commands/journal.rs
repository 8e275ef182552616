//! `mse journal ..`: looks at a replicated log on disk without changing it.

use std::io::{self, Write};
use std::path::Path;

use anyhow::anyhow;
use journal::{Dumped, Problem, Report, SegmentReport};
use model::pair::{Entry, Position};
use node::journal::Files;
use serde::Serialize;

use crate::cli::JournalCommand;
use crate::output::{Failure, Output};

pub(crate) fn run(output: &mut Output<impl Write>, command: JournalCommand) -> Result<(), Failure> {
    match command {
        JournalCommand::Verify { dir } => verify(output, &dir),
        JournalCommand::Dump { dir, from, limit, payload } => {
            dump(output, &dir, from, limit, payload)
        }
    }
}

#[derive(Serialize)]
struct Verified {
    group: u64,
    first_index: u64,
    end: Position,
    chain: String,
    epochs: Vec<Position>,
    segments: Vec<Segment>,
    quarantined: Vec<String>,
}

#[derive(Serialize)]
struct Segment {
    file: String,
    first: u64,
    last: u64,
    entries: u64,
    bytes: u64,
    sealed: bool,
    problems: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    message: String,
    /// The next start of the role settles it.
    heals_itself: bool,
}

pub(super) fn verify(output: &mut Output<impl Write>, dir: &Path) -> Result<(), Failure> {
    let files = files(dir)?;
    let report = journal::verify(&files).map_err(|error| failed(dir, error))?;
    if report.segments.is_empty() {
        return Err(no_journal(dir));
    }
    let verified = Verified::from(report);
    output.show(&verified, |out| summary(out, &verified))?;
    let is_damaged =
        |segment: &&Segment| segment.problems.iter().any(|problem| !problem.heals_itself);
    let damaged = verified.segments.iter().filter(is_damaged).count();
    if damaged == 0 {
        return Ok(());
    }
    let (all, shown) = (verified.segments.len(), dir.display());
    Err(Failure::Failed(anyhow!(
        "{shown}: {damaged} of {all} segments are damaged; start the role, which fetches what is \
         missing from its peer, and replace the disk if this comes again"
    )))
}

impl From<Report> for Verified {
    fn from(report: Report) -> Self {
        let Report { group, first_index, end, chain, epochs, segments, quarantined } = report;
        let told = |problem: &Problem| Told {
            message: problem.to_string(),
            heals_itself: problem.heals_itself(),
        };
        let segment = |segment: SegmentReport| Segment {
            problems: segment.problems.iter().map(told).collect(),
            file: segment.name,
            first: segment.first,
            last: segment.last,
            entries: segment.entries,
            bytes: segment.bytes,
            sealed: segment.is_sealed,
        };
        let segments = segments.into_iter().map(segment).collect();
        let chain = hex(&chain.to_be_bytes());
        Self { group, first_index, end, chain, epochs, segments, quarantined }
    }
}

fn summary(out: &mut dyn Write, verified: &Verified) -> io::Result<()> {
    let Verified { group, first_index, end, chain, .. } = verified;
    writeln!(out, "Group: {group}")?;
    writeln!(out, "Entries: {first_index} to {}", end.index)?;
    writeln!(out, "End: {end}  chain {chain}")?;
    let epochs: Vec<_> = verified.epochs.iter().map(ToString::to_string).collect();
    writeln!(out, "Epochs end at: {}", epochs.join(", "))?;
    writeln!(out, "Segments:")?;
    for segment in &verified.segments {
        let Segment { file, entries, bytes, sealed, .. } = segment;
        let state = if *sealed { "sealed" } else { "open" };
        writeln!(out, "  {file}  {entries:>10} entries {bytes:>12} bytes  {state}")?;
        for problem in &segment.problems {
            writeln!(out, "    {}", problem.message)?;
        }
    }
    for file in &verified.quarantined {
        writeln!(out, "Cut off and kept: {file}")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Line {
    segment: String,
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<Shown>,
}

#[derive(Serialize)]
struct Shown {
    position: Position,
    kind: u16,
    version: u8,
    bytes: usize,
    chain: String,
    durable: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
}

fn dump(
    output: &mut Output<impl Write>,
    dir: &Path,
    from: u64,
    limit: Option<u64>,
    payload: bool,
) -> Result<(), Failure> {
    let files = files(dir)?;
    let dumped = journal::dump(&files, from).map_err(|error| failed(dir, error))?;
    let mut left = limit.unwrap_or(u64::MAX);
    let (mut shown, mut problems) = (0_u64, 0_u64);
    for item in dumped {
        let item = item.map_err(|error| failed(dir, error))?;
        match &item {
            Dumped::Entry { .. } if left == 0 => break,
            Dumped::Entry { .. } => (left, shown) = (left - 1, shown + 1),
            Dumped::Problem { .. } => problems += 1,
        }
        let line = line(item, payload);
        if output.json {
            let document = serde_json::to_string(&line).map_err(anyhow::Error::from)?;
            writeln!(output.writer(), "{document}")?;
        } else {
            write_line(output.writer(), &line)?;
        }
    }
    output.flush()?;
    match (shown, problems) {
        (0, 0) if from > 1 => {
            Err(Failure::NotFound(format!("{}: the log ends before {from}", dir.display())))
        }
        (_, 0) => Ok(()),
        _ => Err(Failure::Failed(anyhow!(
            "{}: {problems} places cannot be read; `mse journal verify` says more",
            dir.display()
        ))),
    }
}

fn line(item: Dumped, with_payload: bool) -> Line {
    match item {
        Dumped::Entry { segment, offset, entry, chain, durable } => {
            // Hashed passwords and the key of the service stay where they are.
            let shown = if store::holds_secret(&entry) {
                "(not shown)".to_owned()
            } else {
                hex(&entry.payload)
            };
            let Entry { position, kind, version, payload } = entry;
            let bytes = payload.len();
            let chain = hex(&chain.to_be_bytes());
            let payload = with_payload.then_some(shown);
            let entry = Shown { position, kind, version, bytes, chain, durable, payload };
            Line { segment, offset, problem: None, entry: Some(entry) }
        }
        Dumped::Problem { segment, problem } => {
            let offset = if let Problem::Tail { offset, .. } = problem { offset } else { 0 };
            Line { segment, offset, problem: Some(problem.to_string()), entry: None }
        }
    }
}

fn write_line(out: &mut dyn Write, line: &Line) -> io::Result<()> {
    if let Some(problem) = &line.problem {
        writeln!(out, "{}: {problem}", line.segment)?;
    }
    if let Some(entry) = &line.entry {
        let Shown { position, kind, version, bytes, chain, .. } = entry;
        write!(out, "{position}  kind {kind}.{version}  {bytes} bytes  chain {chain}")?;
        let payload = entry.payload.as_deref().unwrap_or_default();
        writeln!(out, "{}{payload}", if payload.is_empty() { "" } else { "  " })?;
    }
    Ok(())
}

/// The directory, which nobody makes here.
fn files(dir: &Path) -> Result<Files, Failure> {
    if dir.is_dir() { Ok(Files::look_at(dir)) } else { Err(no_journal(dir)) }
}

fn no_journal(dir: &Path) -> Failure {
    let dir = dir.display();
    Failure::NotFound(format!(
        "{dir} holds no journal; name the directory whose files are called <era>-<index>.log"
    ))
}

fn failed(dir: &Path, error: journal::Error) -> Failure {
    Failure::Failed(anyhow::Error::from(error).context(dir.display().to_string()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
