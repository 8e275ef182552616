//! What one process keeps: the real journal and the real slots on simulated files, and the state.
//!
//! [`Chain`] is the world's own memory of the log: the checkers compare logs with it, and every
//! recovery of the real journal is compared with what had been durable.

use ha::{Disk, History, Log, Record};
use journal::{Base, Error, Journal, Scan, Slots};
use model::pair::{Entry, Position};

use crate::disk::{Files, Image};
use crate::rng::Rng;
use crate::state::{Checkpoint, State, chain};

/// The file of the record.
pub(crate) const SLOTS: &str = "record";
/// Entries that are read at once.
const READ_BYTES: usize = 64 << 10;

/// A log as the world remembers it: positions, and the hash of everything up to each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain {
    base: u64,
    base_hash: u64,
    links: Vec<(Position, u64)>,
}

/// The disk of one process, and what is open on it.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    pub(crate) files: Files,
    pub(crate) journal: Option<Journal<Files>>,
    slots: Option<Slots>,
    pub(crate) checkpoint: Checkpoint,
    /// A snapshot's state that waits for the journal to begin at it.
    pending: Option<State>,
    pub(crate) state: State,
    /// Everything that was written.
    pub(crate) truth: Chain,
    /// Up to here it was synced.
    pub(crate) durable: u64,
    /// Up to here the records behind it say that it was synced.
    evidence: u64,
    /// A bit was flipped: recovery may find less, but not less than there is evidence of.
    pub(crate) is_damaged: bool,
    settings: journal::Settings,
}

/// A copy of a whole disk.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    files: Image,
    checkpoint: Checkpoint,
    pending: Option<State>,
    truth: Chain,
    durable: u64,
}

/// Why a disk could not be opened.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The disk said no: the process dies, and may try again.
    Disk(String),
    /// What it holds is not what was written.
    Wrong(String),
}

/// What a start found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) record: Option<Record>,
    pub(crate) holes: Vec<(u64, u64)>,
    pub(crate) was_torn: bool,
    pub(crate) was_lost: bool,
}

impl Chain {
    /// The last index.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.links.len() as u64
    }

    /// The hash of the log up to there; nothing when that is not known.
    pub(crate) fn hash(&self, index: u64) -> Option<u64> {
        if index == self.base {
            return Some(self.base_hash);
        }
        self.links.get(self.place(index)?).map(|(_, hash)| *hash)
    }

    /// The position at that index.
    pub(crate) fn position(&self, index: u64) -> Option<Position> {
        self.links.get(self.place(index)?).map(|(position, _)| *position)
    }

    fn place(&self, index: u64) -> Option<usize> {
        index.checked_sub(self.base + 1).map(|place| place as usize)
    }

    /// One more entry.
    pub(crate) fn push(&mut self, entry: &Entry) {
        let before = self.links.last().map_or(self.base_hash, |(_, hash)| *hash);
        self.links.push((entry.position, chain(before, entry)));
    }

    /// Takes over what `other` has beyond the end of this one, up to `index`.
    pub(crate) fn follow(&mut self, other: &Self, index: u64) {
        for at in self.end() + 1..=index {
            if let (Some(position), Some(hash)) = (other.position(at), other.hash(at)) {
                self.links.push((position, hash));
            }
        }
    }

    /// Everything after that index is gone.
    pub(crate) fn cut(&mut self, after: u64) {
        self.links.truncate(after.saturating_sub(self.base) as usize);
    }

    /// A log that begins after a snapshot.
    pub(crate) fn from_base(base: u64, base_hash: u64) -> Self {
        Self { base, base_hash, links: Vec::new() }
    }
}

impl Storage {
    /// An empty disk.
    pub(crate) fn new(group: u64, segment_bytes: u64, scan: Scan) -> Self {
        let settings = journal::Settings { group, segment_bytes, scan };
        Self { settings, ..Self::default() }
    }

    /// An empty disk gets the record of a new group's data node.
    pub(crate) fn format(&mut self, record: &Record) {
        if let Ok(slots) = Slots::open(&self.files, SLOTS) {
            self.slots = Some(slots);
            // It cannot fail: no fault has been ordered yet, and a start would show it.
            let _written = self.persist(record);
        }
        self.slots = None;
    }

    /// Opens what is on the disk, as a process that starts does.
    pub(crate) fn open(&mut self) -> Result<Found, Trouble> {
        let slots = Slots::open(&self.files, SLOTS).map_err(disk)?;
        let record: Option<Record> = match slots.load() {
            None => None,
            Some(bytes) => Some(postcard::from_bytes(bytes).map_err(disk)?),
        };
        self.slots = Some(slots);
        let hint = record.as_ref().map_or(0, |record| record.hint.index);
        let (mut journal, recovered) =
            Journal::open(self.files.clone(), self.settings.clone(), hint).map_err(disk)?;
        if recovered.lost.is_some() {
            let end = journal.end().index;
            journal.truncate(end).map_err(disk)?;
        }
        let base = journal.base().position.index;
        match self.pending.take() {
            Some(state) if state.applied.index == base => {
                self.checkpoint = Checkpoint { written: state, durable: state };
                self.truth = Chain::from_base(base, state.hash);
                self.durable = base;
            }
            _ => {}
        }
        self.state = self.checkpoint.written;
        let end = journal.end().index;
        let is_excused = self.is_damaged && end >= self.evidence || recovered.lost.is_some();
        let is_short = end < self.durable && !is_excused;
        self.journal = Some(journal);
        if is_short {
            return Err(Trouble::Wrong(format!(
                "the journal recovered {end} entries of {} that were durable",
                self.durable
            )));
        }
        self.compare()?;
        self.truth.cut(end);
        self.durable = end;
        self.evidence = self.evidence.min(end);
        let first = self.journal.as_ref().map_or(1, Journal::first_index);
        if first > self.state.applied.index + 1 {
            // A wipe that was cut off: the log does not begin where the state ends.
            self.wipe().map_err(Trouble::Disk)?;
        }
        let holes = self.journal.as_ref().map_or(&[][..], |journal| journal.holes());
        let holes = holes.iter().map(|hole| (hole.first, hole.last)).collect();
        let (was_torn, was_lost) = (recovered.torn.is_some(), recovered.lost.is_some());
        Ok(Found { record, holes, was_torn, was_lost })
    }

    /// Everything that the journal recovered is what was written. Reading it all finds the holes
    /// that a quick scan does not look for.
    fn compare(&mut self) -> Result<(), Trouble> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let (mut next, end) = (journal.first_index(), journal.end().index);
        while next <= end {
            let entries = match journal.read(next, usize::MAX, READ_BYTES) {
                Ok(entries) => entries,
                Err(Error::Damaged { last, .. }) if self.is_damaged => {
                    next = last + 1;
                    continue;
                }
                Err(Error::Damaged { first, last }) => {
                    return Err(Trouble::Wrong(format!("{first}..={last} cannot be read")));
                }
                Err(error) => return Err(disk(error)),
            };
            if entries.is_empty() {
                let why = format!("the journal ends at {end} and has no entry {next}");
                return Err(Trouble::Wrong(why));
            }
            for entry in &entries {
                let index = entry.position.index;
                let expected = index.checked_sub(1).and_then(|before| self.truth.hash(before));
                if let Some(before) = expected
                    && self.truth.hash(index) != Some(chain(before, entry))
                {
                    let why = format!("the journal recovered another entry {}", entry.position);
                    return Err(Trouble::Wrong(why));
                }
                next = index + 1;
            }
        }
        Ok(())
    }

    /// The log as recovery found it.
    pub(crate) fn recovered(&self, record: Record, has_holes: bool) -> Disk {
        let epochs = self.journal.as_ref().map(|journal| journal.epochs().to_vec());
        let log = Log::recovered(History::new(epochs.unwrap_or_default()));
        Disk { record, log, applied: self.state.applied.index, has_holes }
    }

    /// Writes the record; it is on disk when this returns.
    pub(crate) fn persist(&mut self, record: &Record) -> Result<(), String> {
        let bytes = postcard::to_stdvec(record).map_err(|error| error.to_string())?;
        let Some(slots) = &mut self.slots else { return Err("no slots".to_owned()) };
        slots.store(&mut self.files, &bytes).map_err(|error| error.to_string())
    }

    /// Writes entries after the end.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<(), String> {
        // First, because an append that fails may have written all the same.
        for entry in entries {
            self.truth.push(entry);
        }
        self.journal()?.append(entries).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Makes everything durable that was written.
    pub(crate) fn sync(&mut self) -> Result<Position, String> {
        let position = self.journal()?.sync().map_err(|error| error.to_string())?;
        if position.index > self.durable {
            self.evidence = self.durable;
        }
        self.durable = position.index;
        Ok(position)
    }

    /// Cuts the log off.
    pub(crate) fn truncate(&mut self, after: u64) -> Result<(), String> {
        self.durable = self.durable.min(after);
        self.evidence = self.evidence.min(after);
        self.journal()?.truncate(after).map_err(|error| error.to_string())?;
        self.truth.cut(after);
        Ok(())
    }

    /// Begins empty. The state goes first: one that is ahead of its log counts as lost memory.
    pub(crate) fn wipe(&mut self) -> Result<(), String> {
        self.durable = 0;
        self.evidence = 0;
        self.state = State::default();
        self.checkpoint = Checkpoint::default();
        let journal = self.journal()?;
        let first = journal.first_index();
        journal.truncate(first.saturating_sub(1)).map_err(|error| error.to_string())?;
        journal.restart_at(Base::default()).map_err(|error| error.to_string())?;
        self.truth = Chain::default();
        self.is_damaged = false;
        Ok(())
    }

    /// Begins at a snapshot.
    pub(crate) fn install(&mut self, base: Base, state: State) -> Result<(), String> {
        self.pending = Some(state);
        self.durable = 0;
        self.evidence = 0;
        let index = base.position.index;
        self.journal()?.restart_at(base).map_err(|error| error.to_string())?;
        self.pending = None;
        self.truth = Chain::from_base(index, state.hash);
        self.durable = index;
        self.is_damaged = false;
        self.state = state;
        self.checkpoint = Checkpoint { written: state, durable: state };
        Ok(())
    }

    /// Entries from `first` on.
    pub(crate) fn read(&mut self, first: u64, most: usize) -> Result<Vec<Entry>, String> {
        self.journal()?.read(first, most, READ_BYTES).map_err(|error| error.to_string())
    }

    /// The log up to `index`, as the base of another one.
    pub(crate) fn base_at(&mut self, index: u64) -> Result<Base, String> {
        let journal = self.journal()?;
        let chain = journal.chain_at(index).map_err(|error| error.to_string())?;
        let mut epochs = journal.epochs().to_vec();
        let keep = epochs.partition_point(|end| end.index < index);
        epochs.truncate(keep + 1);
        if let Some(last) = epochs.last_mut() {
            last.index = last.index.min(index);
        }
        let position = epochs.last().copied().unwrap_or_default();
        Ok(Base { position, chain, epochs })
    }

    /// The state is on disk as it is; the journal keeps `keep` entries below it. Says what the
    /// journal begins with now.
    pub(crate) fn checkpoint(&mut self, keep: u64) -> Result<u64, String> {
        self.checkpoint.durable = self.state;
        let index = self.state.applied.index.saturating_sub(keep);
        self.journal()?.retain_from(index.max(1)).map_err(|error| error.to_string())
    }

    /// The process is gone; a machine that loses power loses what was not synced.
    pub(crate) fn close(&mut self, power_loss: Option<&mut Rng>) {
        self.journal = None;
        self.slots = None;
        if let Some(rng) = power_loss {
            self.files.crash(rng);
            self.checkpoint.written = self.checkpoint.durable;
        }
    }

    /// A copy of everything that is durable.
    pub(crate) fn copy(&self) -> Copy {
        let mut truth = self.truth.clone();
        truth.cut(self.durable);
        let durable = self.checkpoint.durable;
        Copy {
            files: self.files.image(),
            checkpoint: Checkpoint { written: durable, durable },
            pending: self.pending,
            truth,
            durable: self.durable,
        }
    }

    /// The disk is set back.
    pub(crate) fn revert(&mut self, copy: &Copy) {
        self.files.revert(&copy.files);
        self.checkpoint = copy.checkpoint;
        self.pending = copy.pending;
        self.truth = copy.truth.clone();
        self.durable = copy.durable;
        // How long ago the last sync before the copy was is not known.
        self.evidence = 0;
    }

    /// The disk is replaced.
    pub(crate) fn replace(&mut self) {
        self.files.replace();
        self.checkpoint = Checkpoint::default();
        self.pending = None;
        self.truth = Chain::default();
        self.durable = 0;
        self.evidence = 0;
    }

    pub(crate) fn journal(&mut self) -> Result<&mut Journal<Files>, String> {
        self.journal.as_mut().ok_or_else(|| "the journal is not open".to_owned())
    }
}

fn disk(error: impl Into<Box<dyn std::error::Error>>) -> Trouble {
    Trouble::Disk(error.into().to_string())
}
