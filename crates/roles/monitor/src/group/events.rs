//! The events log of a group: the newest lines, in memory for operators, in a file for the next start.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use node::{clock, directory};
use serde::{Deserialize, Serialize};

/// The file in the group's folder.
const FILE_NAME: &str = "events.jsonl";
/// Lines that are kept. Ours: months of a pair that is well.
const LINES_MAX: usize = 1_000;
/// The file is written anew when it has so many: each line is then written twice at most.
const FILE_LINES_MAX: usize = 2 * LINES_MAX;

/// One line of the events log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    /// Counts events of this node's group.
    pub id: u64,
    /// When, by the wall clock.
    pub at_ms: u64,
    /// The documents' words.
    pub event: String,
    /// Who noticed it.
    pub generated_by: String,
    /// How much a person has to do with it.
    pub severity: ha::Severity,
}

/// The log, shared by who writes it and who shows it.
#[derive(Debug)]
pub(super) struct Events {
    path: PathBuf,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    lines: VecDeque<EventLine>,
    lines_in_file: usize,
}

impl Events {
    /// What earlier runs have left in the group's folder. Lines that cannot be read are left out.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE_NAME);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut lines: VecDeque<EventLine> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.drain(..lines.len().saturating_sub(LINES_MAX));
        let log = Log { lines, lines_in_file: text.lines().count() };
        Self { path, log: Mutex::new(log) }
    }

    /// The lines, oldest first.
    pub(super) fn lines(&self) -> Vec<EventLine> {
        self.log().lines.iter().cloned().collect()
    }

    /// Something happened to the pair.
    pub(super) fn add(&self, event: &ha::Event, generated_by: &str) {
        self.note(event.to_string(), event.severity(), generated_by);
    }

    /// Something happened.
    pub(super) fn note(&self, event: String, severity: ha::Severity, generated_by: &str) {
        let mut log = self.log();
        let id = log.lines.back().map_or(1, |last| last.id + 1);
        log.lines.push_back(EventLine {
            id,
            at_ms: clock::wall().0,
            event,
            generated_by: generated_by.to_owned(),
            severity,
        });
        if log.lines.len() > LINES_MAX {
            log.lines.pop_front();
        }
        if let Err(error) = log.write(&self.path) {
            tracing::warn!(%error, "the events log cannot be written");
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Writes the newest line, or, when the file has become long, all that are kept.
    fn write(&mut self, path: &Path) -> io::Result<()> {
        let is_long = self.lines_in_file >= FILE_LINES_MAX;
        let newest = self.lines.len().saturating_sub(1);
        let mut text = String::new();
        for line in self.lines.range(if is_long { 0 } else { newest }..) {
            text += &serde_json::to_string(line)?;
            text.push('\n');
        }
        if is_long {
            directory::replace(path, text.as_bytes(), 0o600)?;
            self.lines_in_file = self.lines.len();
        } else {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            file.write_all(text.as_bytes())?;
            self.lines_in_file += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_survive_a_start_and_the_file_stays_short() {
        let folder = std::env::temp_dir().join(format!("openmse-events-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let events = Events::open(&folder);
        assert!(events.lines().is_empty());
        for _ in 0..FILE_LINES_MAX + 10 {
            events.add(&ha::Event::HeartbeatsUp, "Primary");
        }
        let in_file = fs::read_to_string(folder.join(FILE_NAME)).unwrap().lines().count();
        assert!(in_file <= FILE_LINES_MAX, "{in_file} lines in the file");
        let again = Events::open(&folder);
        assert_eq!(again.lines().len(), LINES_MAX);
        assert_eq!(again.lines(), events.lines());
        again.add(&ha::Event::Active, "Secondary");
        let last = again.lines().pop().unwrap();
        assert_eq!((last.id, last.event.as_str()), (FILE_LINES_MAX as u64 + 11, "Active"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
