//! What one group keeps on this node's disk: the pair's record and the journal.
//!
//! ```text
//! <data>/instances/<instance>/
//!   record/    the record, in two slots
//!   journal/   the segments
//!   incoming/  a snapshot that is arriving
//!   outgoing/  one that the peer fetches
//!   state/     the service's own
//! ```
//!
//! A failure of the disk ends the process: see [`node::journal`].

use std::collections::VecDeque;
use std::path::Path;

use ha::{History, Log, Record};
use journal::{Base, Error, Hole, Journal, Scan, Slots};
use model::pair::{Entry, Position};
use node::journal::{Files, Progress, Writer};

use crate::peers::GroupId;

/// The file of the record.
const RECORD: &str = "record";
/// Bytes of a segment. Source: ha.md section 5.3.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Bytes that are read from the journal at once. Ours: a message to the peer or to the service.
pub(crate) const READ_BYTES: usize = 4 << 20;
/// Bytes of the newest entries that are kept in memory, so that shipping and applying them does not
/// wait for the disk. Ours: a second of the fastest stream that was measured.
const RECENT_BYTES_MAX: usize = 32 << 20;

/// The disk of one group.
#[derive(Debug)]
pub(crate) struct Storage {
    files: Files,
    slots: Slots,
    writer: Writer<Files>,
    recent: Recent,
    first: u64,
    holes: Vec<Hole>,
}

/// What a start found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) record: Option<Record>,
    pub(crate) log: Log,
}

/// The newest entries, without a gap.
#[derive(Debug, Default)]
struct Recent {
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// The disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The journal cannot be opened.
    #[error("the journal in {folder} cannot be opened: {source}")]
    LocalJournal {
        /// Where.
        folder: String,
        /// Why.
        source: Error,
    },
    /// The record cannot be read.
    #[error(
        "the pair's record in {folder} is damaged; move the folder away, and the node rejoins as a blank one"
    )]
    LocalRecord {
        /// Where.
        folder: String,
    },
    /// The thread cannot be started.
    #[error("the journal's thread cannot be started: {0}")]
    LocalThread(#[from] std::io::Error),
}

impl Storage {
    /// Opens what is in `folder`; an empty one gets an empty journal and no record.
    pub(crate) fn open(
        folder: &Path,
        group: GroupId,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<(Self, Found), StorageError> {
        let failed = |name: &str| {
            let folder = folder.join(name).display().to_string();
            move |source: Error| StorageError::LocalJournal { folder, source }
        };
        let files =
            Files::open(&folder.join("record")).map_err(Error::from).map_err(failed(RECORD))?;
        let slots = Slots::open(&files, RECORD).map_err(failed(RECORD))?;
        let record: Option<Record> = match slots.load() {
            None => None,
            Some(bytes) => Some(postcard::from_bytes(bytes).map_err(|_| {
                StorageError::LocalRecord { folder: folder.join(RECORD).display().to_string() }
            })?),
        };
        let hint = record.as_ref().map_or(0, |record| record.hint.index);
        let settings = journal::Settings {
            group: number(group),
            segment_bytes: SEGMENT_BYTES,
            scan: Scan::Tail,
        };
        let disk =
            Files::open(&folder.join("journal")).map_err(Error::from).map_err(failed("journal"))?;
        let (mut journal, recovered) =
            Journal::open(disk, settings, hint).map_err(failed("journal"))?;
        if let Some(torn) = &recovered.torn {
            tracing::info!(
                segment = torn.segment,
                bytes = torn.bytes,
                "an interrupted write was cut off"
            );
        }
        if let Some(lost) = recovered.lost {
            tracing::error!(
                end = lost.end,
                durable = lost.hint,
                "the journal has lost entries; the node rejoins as a blank one"
            );
            let end = journal.end().index;
            journal.truncate(end).map_err(failed("journal"))?;
        }
        let log = Log::recovered(History::new(journal.epochs().to_vec()));
        let (first, holes) = (journal.first_index(), journal.holes().to_vec());
        let writer = Writer::start(journal, progress)?;
        let storage = Self { files, slots, writer, recent: Recent::default(), first, holes };
        Ok((storage, Found { record, log }))
    }

    /// Writes the record; it is on disk when this returns.
    pub(crate) fn persist(&mut self, record: &Record) {
        let stored =
            postcard::to_stdvec(record).map_err(|error| error.to_string()).and_then(|bytes| {
                self.slots.store(&mut self.files, &bytes).map_err(|error| error.to_string())
            });
        if let Err(error) = stored {
            tracing::error!(
                error,
                "the pair's record cannot be written; this process stops, its peer takes over"
            );
            std::process::abort();
        }
    }

    /// Writes entries after the end; word of their durability follows.
    pub(crate) fn append(&mut self, entries: Vec<Entry>) {
        self.recent.push(&entries);
        let mut rest = entries;
        while let Err(node::journal::Full(back)) = self.writer.append(rest) {
            rest = back;
            // The writer takes its time: whatever is before us in its queue is done after this.
            let _ = self.run(|_| Ok(()));
        }
    }

    /// Entries from `first` on, as many as are read at once. Nothing where there is none, or where it
    /// cannot be read.
    pub(crate) fn read(&mut self, first: u64, most: usize) -> Vec<Entry> {
        if let Some(entries) = self.recent.from(first, most) {
            return entries;
        }
        match self.run(move |journal| journal.read(first, most, READ_BYTES)) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(first, %error, "entries cannot be read");
                self.note_holes();
                Vec::new()
            }
        }
    }

    /// Cuts off everything after that index. Behind a hole that is not possible: see the driver.
    pub(crate) fn truncate(&mut self, after: u64) -> Result<(), Error> {
        self.recent.cut(after);
        let cut = self.run(move |journal| journal.truncate(after));
        self.note_holes();
        cut
    }

    /// Begins empty.
    pub(crate) fn wipe(&mut self) -> Result<(), Error> {
        self.recent = Recent::default();
        let wiped = self.run(|journal| {
            let first = journal.first_index();
            journal.truncate(first.saturating_sub(1))?;
            journal.restart_at(Base::default())
        });
        self.first = 1;
        self.note_holes();
        wiped
    }

    /// Begins after a snapshot.
    pub(crate) fn restart_at(&mut self, base: Base) -> Result<(), Error> {
        self.recent = Recent::default();
        self.first = base.position.index + 1;
        let begun = self.run(move |journal| journal.restart_at(base));
        self.note_holes();
        begun
    }

    /// Lets go what is below that index but for the last so many bytes, as far as whole segments are;
    /// says what is kept.
    pub(crate) fn retain(&mut self, index: u64, keep_bytes: u64) -> Result<u64, Error> {
        self.first = self.run(move |journal| {
            let from = journal.index_below(index, keep_bytes);
            journal.retain_from(from)
        })?;
        self.note_holes();
        Ok(self.first)
    }

    /// The log up to `index`, as the base of another one.
    pub(crate) fn base_at(&mut self, index: u64) -> Result<Base, Error> {
        self.run(move |journal| {
            let chain = journal.chain_at(index)?;
            let mut epochs = journal.epochs().to_vec();
            let keep = epochs.partition_point(|end: &Position| end.index < index);
            epochs.truncate(keep + 1);
            if let Some(last) = epochs.last_mut() {
                last.index = last.index.min(index);
            }
            let position = epochs.last().copied().unwrap_or_default();
            Ok(Base { position, chain, epochs })
        })
    }

    /// Fills a hole with what the peer sent.
    pub(crate) fn repair(&mut self, entries: Vec<Entry>) -> Result<(), Error> {
        let repaired = self.run(move |journal| journal.repair(&entries));
        self.note_holes();
        repaired
    }

    /// Reads the next sealed segment and finds its holes; its name, if there is one.
    pub(crate) fn scrub(&mut self) -> Result<Option<String>, Error> {
        let name = self.run(Journal::scrub);
        self.note_holes();
        name
    }

    /// The first index that the journal keeps.
    pub(crate) fn first_index(&self) -> u64 {
        self.first
    }

    /// Entries that cannot be read, as far as is known.
    pub(crate) fn holes(&self) -> &[Hole] {
        &self.holes
    }

    fn note_holes(&mut self) {
        if let Ok(holes) = self.run(|journal| Ok(journal.holes().to_vec())) {
            self.holes = holes;
        }
    }

    fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Journal<Files>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // A writer that ended has aborted the process.
        self.writer.run(task).unwrap_or(Err(Error::Poisoned))
    }
}

impl Recent {
    fn push(&mut self, entries: &[Entry]) {
        for entry in entries {
            let follows = self
                .entries
                .back()
                .is_none_or(|last| last.position.index + 1 == entry.position.index);
            if !follows {
                *self = Self::default();
            }
            self.bytes += entry.payload.len();
            self.entries.push_back(entry.clone());
        }
        while self.bytes > RECENT_BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.payload.len();
        }
    }

    fn from(&self, first: u64, most: usize) -> Option<Vec<Entry>> {
        let oldest = self.entries.front()?.position.index;
        let newest = self.entries.back()?.position.index;
        if first < oldest || first > newest {
            return None;
        }
        let mut bytes = 0;
        let wanted = self.entries.range((first - oldest) as usize..);
        let fits = wanted.take(most).take_while(|entry| {
            let is_first = bytes == 0;
            bytes += entry.payload.len().max(1);
            is_first || bytes <= READ_BYTES
        });
        Some(fits.cloned().collect())
    }

    fn cut(&mut self, after: u64) {
        while self.entries.back().is_some_and(|last| last.position.index > after) {
            if let Some(last) = self.entries.pop_back() {
                self.bytes -= last.payload.len();
            }
        }
    }
}

/// What the journal calls its group.
fn number(group: GroupId) -> u64 {
    let mut half = [0; 8];
    half.copy_from_slice(&group.0[..8]);
    u64::from_be_bytes(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, bytes: usize) -> Entry {
        let position = Position { index, ..Position::default() };
        Entry { position, kind: 1, version: 1, payload: vec![0; bytes] }
    }

    fn indices(entries: Option<Vec<Entry>>) -> Vec<u64> {
        entries.unwrap_or_default().iter().map(|entry| entry.position.index).collect()
    }

    #[test]
    fn the_newest_entries_are_read_without_the_disk() {
        let mut recent = Recent::default();
        recent.push(&[entry(5, 1), entry(6, 1), entry(7, 1)]);
        assert_eq!(indices(recent.from(6, usize::MAX)), [6, 7]);
        assert_eq!(indices(recent.from(6, 1)), [6]);
        assert_eq!(recent.from(4, usize::MAX), None);
        assert_eq!(recent.from(8, usize::MAX), None);
        recent.cut(5);
        assert_eq!(indices(recent.from(5, usize::MAX)), [5]);
        recent.push(&[entry(9, 1)]);
        assert_eq!(recent.from(5, usize::MAX), None, "there is a gap");
        assert_eq!(indices(recent.from(9, usize::MAX)), [9]);
    }

    #[test]
    fn damage_to_a_sealed_segment_is_found_and_repaired() {
        let folder = std::env::temp_dir().join(format!("openmse-scrub-{}", std::process::id()));
        let open = || Storage::open(&folder, GroupId([3; 16]), |_| {}).unwrap().0;
        let mut storage = open();
        // Two segments and the beginning of a third.
        let all: Vec<Entry> = (1..=17).map(|index| entry(index, 8 << 20)).collect();
        for entry in &all {
            storage.append(vec![entry.clone()]);
        }
        drop(storage);
        let mut names: Vec<_> = std::fs::read_dir(folder.join("journal")).unwrap().collect();
        names.retain(|file| file.as_ref().unwrap().path().extension().is_some());
        names.sort_by_key(|file| file.as_ref().unwrap().path());
        let first = std::fs::OpenOptions::new().write(true).open(names[0].as_ref().unwrap().path());
        std::os::unix::fs::FileExt::write_all_at(&first.unwrap(), b"damage", 20 << 20).unwrap();
        let mut storage = open();
        assert_eq!(storage.holes(), []);
        let first = storage.scrub().unwrap();
        assert_eq!(storage.holes(), [Hole { first: 3, last: 3 }]);
        storage.repair(vec![all[2].clone()]).unwrap();
        assert_ne!(storage.scrub().unwrap(), first);
        assert_eq!(storage.scrub().unwrap(), first, "round again");
        assert_eq!(storage.holes(), []);
        drop(storage);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_kept_and_what_is_read_at_once_is_bounded() {
        let mut recent = Recent::default();
        for index in 1..=40 {
            recent.push(&[entry(index, 1 << 20)]);
        }
        assert!(recent.bytes <= RECENT_BYTES_MAX);
        assert_eq!(recent.from(1, usize::MAX), None);
        assert_eq!(indices(recent.from(20, usize::MAX)), [20, 21, 22, 23]);
        recent.push(&[entry(41, 6 << 20)]);
        assert_eq!(indices(recent.from(41, usize::MAX)), [41], "one that is longer goes alone");
    }
}
