//! The log: what is appended, synced and read.

mod cut;
mod damage;
mod open;

use std::collections::BTreeMap;

use model::pair::{ENTRY_BYTES_MAX, Entry, Position};

use crate::disk::{Disk, DiskErrorKind};
use crate::epochs::Epochs;
use crate::record::{encode, framed_bytes};
use crate::scan::{Place, WINDOW_BYTES, Window, follow};
use crate::segment::{FOOTER_BYTES, Footer, Header, RECORDS_FROM, SegmentName};
use crate::{DiskError, Error};
pub(crate) use cut::CutName;
use damage::Gap;

/// Smallest segment. Ours: header, footer and a few records.
pub const SEGMENT_BYTES_MIN: u64 = 16 << 10;
/// Default size of a segment. Source: ha.md section 5.3.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Most bytes of records in one append. Ours: twice the longest entry.
pub const APPEND_BYTES_MAX: usize = 2 * ENTRY_BYTES_MAX;
/// Holes that are told apart. Ours: whoever has more is better off with a snapshot.
pub const HOLES_MAX: usize = 1024;
/// Quarantine files that are kept, newest first. Ours: each is a divergence that an operator may
/// want to look into; a flapping pair must not fill the disk.
pub const QUARANTINES_MAX: usize = 64;
/// The encoding buffer is given back above this. Ours: a few batches of 1,000 rows.
const BUFFER_BYTES_KEPT: usize = 1 << 20;
/// Bytes of records between two marks of the last segment.
const MARK_BYTES: u64 = 64 << 10;
/// Bytes of a segment that are read at once. Ours: the wanted entries are often only some of those
/// that would fit.
const STEP_BYTES: usize = 256 << 10;
/// Readers that go on where they were. Ours: the peer, the applier, a repair, an operator.
const CURSORS: usize = 4;

/// How a journal is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The group whose log it is; another group's files are refused.
    pub group: u64,
    /// Size of a segment in bytes; one that must take a longer append is made larger.
    pub segment_bytes: u64,
    /// How much is read at once when it is opened.
    pub scan: Scan,
}

/// How much recovery reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scan {
    /// The last segment; sealed ones when they are read or scrubbed.
    #[default]
    Tail,
    /// Everything.
    Full,
}

/// What came before a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Base {
    /// The last entry before it; the default is the beginning.
    pub position: Position,
    /// The chain after that entry.
    pub chain: u64,
    /// The last position of each epoch up to there, oldest first.
    pub epochs: Vec<Position>,
}

/// Entries that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hole {
    /// The first one.
    pub first: u64,
    /// The last one.
    pub last: u64,
}

/// The log ends below what was surely durable: its node has lost memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// The last index that is left.
    pub end: u64,
    /// The index that was durable.
    pub hint: u64,
}

/// Bytes of a write that a stop interrupted; they were cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub segment: String,
    /// Where they began.
    pub offset: u64,
    /// How many there were; none when the file had only become shorter.
    pub bytes: u64,
}

/// What recovery found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Entries that must come from the peer.
    pub holes: Vec<Hole>,
    /// The log ends too early; nothing was removed.
    pub lost: Option<Lost>,
    /// An unfinished write was cut off.
    pub torn: Option<Torn>,
    /// Headers and footers that were written again from what is known twice.
    pub healed: u32,
    /// A truncation was finished that a stop had interrupted.
    pub finished_cut: bool,
}

/// Keeps entries from being removed while a snapshot is on its way.
#[derive(Debug, PartialEq, Eq)]
pub struct Pin(u64);

/// One file of the log.
#[derive(Debug, Clone)]
struct Segment {
    name: String,
    /// Its size, and so where its footer stands.
    bytes: u64,
    /// Before its first record.
    start: Place,
    /// After its last one.
    end: Place,
    is_sealed: bool,
}

/// The log on a disk.
#[derive(Debug)]
pub struct Journal<D> {
    disk: D,
    settings: Settings,
    era: u32,
    base: Base,
    /// Oldest first. Empty only when the first one cannot be read.
    segments: Vec<Segment>,
    epochs: Epochs,
    durable: Position,
    gaps: Vec<Gap>,
    holes: Vec<Hole>,
    lost: Option<Lost>,
    /// Files that cannot be joined to the log; a cut puts them aside.
    strays: Vec<String>,
    pins: BTreeMap<u64, u64>,
    next_pin: u64,
    buffer: Vec<u8>,
    /// Places in the last segment, oldest first.
    marks: Vec<Place>,
    /// Where readers were, in a ring.
    cursors: Vec<Place>,
    next_cursor: usize,
    /// The first index of the segment that was scrubbed last.
    scrubbed: u64,
    is_poisoned: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { group: 0, segment_bytes: SEGMENT_BYTES, scan: Scan::Tail }
    }
}

impl Segment {
    fn limit(&self) -> u64 {
        self.bytes.saturating_sub(FOOTER_BYTES)
    }

    fn first(&self) -> u64 {
        self.start.position.index + 1
    }

    fn last(&self) -> u64 {
        self.end.position.index
    }
}

impl<D: Disk> Journal<D> {
    /// The last entry, durable or not.
    pub fn end(&self) -> Position {
        self.segments.last().map_or(self.base.position, |segment| segment.end.position)
    }

    /// The last entry that survives a crash.
    pub fn durable(&self) -> Position {
        self.durable
    }

    /// The first index that is retained, whether or not it was written yet.
    pub fn first_index(&self) -> u64 {
        self.base.position.index + 1
    }

    /// The chain after the last entry: equal chains at equal positions are equal logs.
    pub fn chain(&self) -> u64 {
        self.segments.last().and_then(|segment| segment.end.chain).unwrap_or(self.base.chain)
    }

    /// The last position of each epoch, oldest first, also of what is no longer retained; the newest
    /// [`crate::EPOCHS_MAX`] of them.
    pub fn epochs(&self) -> &[Position] {
        self.epochs.ends()
    }

    /// What came before the retained part.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Entries that are known to be unreadable.
    pub fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// Gives the disk back.
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// The disk, for what lies beside the journal.
    pub fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Writes entries after the end, all or none, with one write. They are not durable yet.
    ///
    /// A full disk ([`DiskErrorKind::NoSpace`] while a segment is added) changes nothing; any other
    /// failure of the disk poisons the journal.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Position, Error> {
        self.ready()?;
        if let Some(Lost { end, .. }) = self.lost {
            return Err(Error::Lost { from: end + 1 });
        }
        if entries.is_empty() {
            return Ok(self.end());
        }
        let bytes = admit(self.end(), entries)?;
        self.make_room(bytes as u64)?;
        let (mut chain, durable) = (self.chain(), self.durable.index);
        let Some(segment) = self.segments.last_mut() else { return Err(Error::Lost { from: 1 }) };
        self.buffer.clear();
        let start = segment.end.offset;
        for entry in entries {
            let offset = start + self.buffer.len() as u64;
            let mark = Place { offset, position: segment.end.position, chain: Some(chain) };
            let newest = self.marks.last().map_or(RECORDS_FROM, |mark| mark.offset);
            if offset >= newest + MARK_BYTES {
                self.marks.push(mark);
            }
            chain = encode(&mut self.buffer, entry, chain, durable);
            self.epochs.note(entry.position);
            segment.end.position = entry.position;
        }
        segment.end.offset = start + self.buffer.len() as u64;
        segment.end.chain = Some(chain);
        let written = self.disk.write_at(&segment.name, start, &self.buffer);
        if self.buffer.capacity() > BUFFER_BYTES_KEPT {
            self.buffer = Vec::new();
        }
        self.checked(written)?;
        Ok(self.end())
    }

    /// Makes everything that was appended durable. After an error nothing is known of what was
    /// written: stop, and let recovery look.
    pub fn sync(&mut self) -> Result<Position, Error> {
        self.ready()?;
        if self.durable != self.end()
            && let Some(segment) = self.segments.last()
        {
            let synced = self.disk.sync(&segment.name);
            self.checked(synced)?;
            self.durable = self.end();
        }
        Ok(self.durable)
    }

    /// Entries from `first` on, `max_entries` of them or until their payloads exceed `max_bytes`: at
    /// least one, unless the log ends before `first`.
    ///
    /// Every entry is checked against its CRC and the chain. A hole ends the answer, or is the error.
    pub fn read(
        &mut self,
        first: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Vec<Entry>, Error> {
        self.ready()?;
        if first < self.first_index() {
            return Err(Error::Gone { index: first, first: self.first_index() });
        }
        // Nothing behind the last one that is wanted is looked at.
        let last = self.end().index.min(first.saturating_add(max_entries.max(1) as u64 - 1));
        let (mut entries, mut budget, mut next) = (Vec::new(), max_bytes, first);
        while next <= last && (budget > 0 || entries.is_empty()) {
            match self.read_segment(next, last, &mut budget, &mut entries) {
                Ok(read_to) => next = read_to + 1,
                Err(Error::Damaged { .. }) if !entries.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }

    /// Reads on in the segment of entry `next`, up to entry `last`; returns the last index that was
    /// read.
    fn read_segment(
        &mut self,
        next: u64,
        last: u64,
        budget: &mut usize,
        entries: &mut Vec<Entry>,
    ) -> Result<u64, Error> {
        let from = self.place_before(next)?;
        let mut place = from;
        let Some(segment) = self.nth_of(next).and_then(|nth| self.segments.get(nth)) else {
            return Err(Error::Beyond { index: next, end: self.end().index });
        };
        // With room for a few heads; more is read when that was not enough.
        let step = budget.saturating_add(framed_bytes(0) * 8).min(STEP_BYTES);
        let window = Window::new(&self.disk, &segment.name, segment.end.offset);
        let mut window = window.in_steps_of(step);
        let last = last.min(segment.last());
        while place.position.index < last && (*budget > 0 || entries.is_empty()) {
            let one = place.position.index + 1;
            follow(&mut window, &mut place, one, |record| {
                // An empty payload costs something too.
                *budget = budget.saturating_sub(record.payload().len().max(1));
                entries.push(record.entry());
            })?;
            if place.position.index < one {
                break;
            }
        }
        if place.position.index < next {
            return Err(self.unreadable(next));
        }
        self.remember(from, place);
        Ok(place.position.index)
    }

    /// The chain after entry `index`, from the base to the end.
    pub fn chain_at(&mut self, index: u64) -> Result<u64, Error> {
        self.ready()?;
        if index == self.end().index {
            return Ok(self.chain());
        }
        if index < self.base.position.index {
            return Err(Error::Gone { index, first: self.first_index() });
        }
        if index == self.base.position.index {
            return Ok(self.base.chain);
        }
        Self::chain_of(&self.place_before(index + 1)?)
    }

    /// Sees to it that the last segment takes `bytes` more.
    fn make_room(&mut self, bytes: u64) -> Result<(), Error> {
        let Some(last) = self.segments.len().checked_sub(1) else { return Ok(()) };
        let segment = &self.segments[last];
        if !segment.is_sealed && segment.end.offset + bytes <= segment.limit() {
            return Ok(());
        }
        // An empty one is replaced under its name by one that is large enough.
        let is_empty = segment.last() < segment.first();
        if !segment.is_sealed && !is_empty {
            let sealed = self.seal(last);
            self.checked(sealed)?;
            self.durable = self.end();
        }
        let epochs = self.epochs.ends().to_vec();
        let base = Base { position: self.end(), chain: self.chain(), epochs };
        let least = bytes + RECORDS_FROM + FOOTER_BYTES;
        let segment = self.add_segment(self.era, &base, least)?;
        if is_empty {
            self.segments.pop();
        }
        self.segments.push(segment);
        self.marks.clear();
        Ok(())
    }

    /// Writes the footer of a segment and makes it durable with its records.
    fn seal(&mut self, nth: usize) -> Result<(), DiskError> {
        let segment = &self.segments[nth];
        let footer = Footer {
            position: segment.end.position,
            chain: segment.end.chain.unwrap_or_default(),
            end: segment.end.offset,
            digest: digest(&self.disk, &segment.name, segment.end.offset)?,
        };
        self.disk.write_at(&segment.name, segment.limit(), &footer.encode())?;
        self.disk.sync(&segment.name)?;
        self.segments[nth].is_sealed = true;
        Ok(())
    }

    /// Makes an empty segment of at least `least` bytes; it is on disk when this returns.
    ///
    /// It gets its name last, so a segment of that name always has a header.
    fn add_segment(&mut self, era: u32, base: &Base, least: u64) -> Result<Segment, Error> {
        let first = base.position.index + 1;
        let name = SegmentName { era, first }.to_string();
        let bytes = self.settings.segment_bytes.max(least);
        let unfinished = format!("{name}{UNFINISHED}");
        let group = self.settings.group;
        let header = Header { group, era, bytes, first, base: base.clone() };
        if let Err(error) = self.disk.create(&unfinished, bytes) {
            // Half of it may be there and keep the disk full; recovery removes it otherwise.
            let _ = self.disk.remove(&unfinished);
            self.is_poisoned |= error.kind != DiskErrorKind::NoSpace;
            return Err(error.into());
        }
        let published = self.publish(&unfinished, &name, &header.encode());
        self.checked(published)?;
        let start =
            Place { offset: RECORDS_FROM, position: base.position, chain: Some(base.chain) };
        Ok(Segment { name, bytes, start, end: start, is_sealed: false })
    }

    /// Writes the beginning of an unfinished file, makes it durable and gives it its name.
    fn publish(&mut self, unfinished: &str, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.write_at(unfinished, 0, bytes)?;
        self.disk.sync(unfinished)?;
        self.disk.rename(unfinished, name)?;
        self.disk.sync_names()
    }

    /// After a failure nothing more is written.
    fn checked<T>(&mut self, result: Result<T, DiskError>) -> Result<T, Error> {
        self.is_poisoned |= result.is_err();
        Ok(result?)
    }

    fn ready(&self) -> Result<(), Error> {
        if self.is_poisoned { Err(Error::Poisoned) } else { Ok(()) }
    }

    fn nth_of(&self, index: u64) -> Option<usize> {
        let after = self.segments.partition_point(|segment| segment.first() <= index);
        after.checked_sub(1)
    }

    /// The place before entry `index`, which may be one after the end.
    fn place_before(&mut self, index: u64) -> Result<Place, Error> {
        let found = self.find_before(index)?;
        if found.position.index + 1 == index {
            return Ok(found);
        }
        // A hole that nobody knew; behind it there may be a place to begin.
        let error = self.unreadable(found.position.index + 1);
        let found = self.find_before(index)?;
        if found.position.index + 1 == index { Ok(found) } else { Err(error) }
    }

    /// The place before entry `index`, or before the first one that cannot be read on the way.
    fn find_before(&self, index: u64) -> Result<Place, Error> {
        let end = self.end().index;
        let nth = self.nth_of(index).filter(|_| index <= end + 1);
        let Some(segment) = nth.and_then(|nth| self.segments.get(nth)) else {
            return Err(Error::Beyond { index, end });
        };
        if segment.last() < index {
            return Ok(segment.end);
        }
        let inside = segment.first()..index;
        let behind_holes = self.gaps.iter().filter_map(Gap::behind);
        let known = self.marks.iter().chain(&self.cursors).copied().chain(behind_holes);
        let mut place = known
            .filter(|place| inside.contains(&place.position.index))
            .max_by_key(|place| (place.position.index, place.chain.is_some()))
            .unwrap_or(segment.start);
        let mut window = Window::new(&self.disk, &segment.name, segment.end.offset);
        follow(&mut window, &mut place, index - 1, |_| ())?;
        Ok(place)
    }

    fn hole_at(&self, index: u64) -> Option<Hole> {
        self.holes.iter().copied().find(|hole| (hole.first..=hole.last).contains(&index))
    }

    /// A reader came from here to there, and will probably go on.
    fn remember(&mut self, from: Place, to: Place) {
        if let Some(known) = self.cursors.iter_mut().find(|cursor| **cursor == from) {
            *known = to;
            return;
        }
        match self.cursors.get_mut(self.next_cursor) {
            Some(oldest) => *oldest = to,
            None => self.cursors.push(to),
        }
        self.next_cursor = (self.next_cursor + 1) % CURSORS;
    }
}

/// Suffix of a file that has not got its name yet; recovery removes it.
pub(crate) const UNFINISHED: &str = ".new";

/// BLAKE3 of the records of a segment.
pub(crate) fn digest(disk: &impl Disk, name: &str, end: u64) -> Result<[u8; 32], DiskError> {
    let mut hasher = blake3::Hasher::new();
    let mut window = Window::new(disk, name, end);
    let mut offset = RECORDS_FROM;
    while offset < end {
        let count = (end - offset).min(WINDOW_BYTES as u64);
        hasher.update(window.slice(offset, count as usize)?.unwrap_or_default());
        offset += count;
    }
    Ok(*hasher.finalize().as_bytes())
}

/// Checks that `entries` may follow `after`, and counts the bytes of their records.
fn admit(after: Position, entries: &[Entry]) -> Result<usize, Error> {
    let (mut after, mut bytes) = (after, 0_usize);
    for entry in entries {
        let (found, length) = (entry.position, entry.payload.len());
        if after.index.checked_add(1) != Some(found.index) || found.epoch < after.epoch {
            return Err(Error::OutOfPlace { found, after });
        }
        if length > ENTRY_BYTES_MAX {
            return Err(Error::TooLong { bytes: length, most: ENTRY_BYTES_MAX });
        }
        bytes += framed_bytes(length);
        after = found;
    }
    if bytes > APPEND_BYTES_MAX {
        return Err(Error::TooLong { bytes, most: APPEND_BYTES_MAX });
    }
    Ok(bytes)
}
