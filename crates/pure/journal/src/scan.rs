//! Reading a segment from front to back, and finding records again after damage.
//!
//! One window of bytes moves over the file, so that memory is bounded by the window and the longest
//! record, whatever lengths the disk claims.

use model::pair::Position;

use crate::disk::{Disk, DiskError};
use crate::epochs::Epochs;
use crate::record::{ALIGNMENT, HEAD_BYTES, Head, Record, framed_bytes, parse_head};

/// How much is read at once. Ours: a few hundred microseconds of disk, and no allocation to speak of.
pub(crate) const WINDOW_BYTES: usize = 256 << 10;

/// Ours: a page.
const STEP_BYTES_MIN: usize = 4 << 10;
/// Ours: zeros are looked for in steps of a sector, by comparing memory; most of a segment is zeros.
const ZEROS: [u8; 512] = [0; 512];

/// Whether there are only zeros.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(ZEROS.len()).all(|sector| *sector == ZEROS[..sector.len()])
}

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the next record begins.
    pub(crate) offset: u64,
    /// The entry before it.
    pub(crate) position: Position,
    /// The chain after that entry; unknown behind a hole.
    pub(crate) chain: Option<u64>,
}

/// Some bytes of a file; zeros where the file is shorter than it should be.
#[derive(Debug)]
pub(crate) struct Window<'d, D> {
    disk: &'d D,
    name: String,
    /// Nothing from here on is looked at.
    limit: u64,
    /// How much is read at once, unless one record is longer.
    step: usize,
    start: u64,
    bytes: Vec<u8>,
}

impl<'d, D: Disk> Window<'d, D> {
    pub(crate) fn new(disk: &'d D, name: &str, limit: u64) -> Self {
        let name = name.to_owned();
        Self { disk, name, limit, step: WINDOW_BYTES, start: 0, bytes: Vec::new() }
    }

    /// Reads about `bytes` at once.
    pub(crate) fn in_steps_of(self, bytes: usize) -> Self {
        Self { step: bytes.clamp(STEP_BYTES_MIN, WINDOW_BYTES), ..self }
    }

    /// `count` bytes from `offset` on; `None` beyond the limit.
    pub(crate) fn slice(&mut self, offset: u64, count: usize) -> Result<Option<&[u8]>, DiskError> {
        let Some(end) = offset.checked_add(count as u64).filter(|end| *end <= self.limit) else {
            return Ok(None);
        };
        let is_inside = offset >= self.start && end <= self.start + self.bytes.len() as u64;
        if !is_inside {
            let wanted = (self.limit - offset).min(self.step.max(count) as u64) as usize;
            self.bytes.clear();
            self.bytes.resize(wanted, 0);
            self.start = offset;
            if let Err(error) = self.disk.read_at(&self.name, offset, &mut self.bytes) {
                self.bytes.clear();
                return Err(error);
            }
        }
        let from = (offset - self.start) as usize;
        Ok(self.bytes.get(from..from + count))
    }

    /// The record at `offset`, if there is one with a right CRC.
    fn record(&mut self, offset: u64) -> Result<Option<Record<'_>>, DiskError> {
        let Some(head) = self.head(offset)? else { return Ok(None) };
        let bytes = self.slice(offset, framed_bytes(head.payload_bytes))?;
        Ok(bytes.and_then(|bytes| Record::new(head, bytes)))
    }

    fn head(&mut self, offset: u64) -> Result<Option<Head>, DiskError> {
        Ok(self.slice(offset, HEAD_BYTES)?.and_then(parse_head))
    }

    /// The record at `place`, if it is the one that belongs there.
    pub(crate) fn next(&mut self, place: &Place) -> Result<Option<Record<'_>>, DiskError> {
        Ok(self.record(place.offset)?.filter(|record| {
            let position = record.head.position;
            place.position.index.checked_add(1) == Some(position.index)
                && place.chain.is_none_or(|chain| record.follows(chain))
        }))
    }

    /// Looks behind damage at `from` for the next record of this log.
    ///
    /// It must leave room for the entries between, of which there is at least one, and its epoch
    /// must not be older: what was cut off once and comes back does not pass.
    pub(crate) fn resume(&mut self, from: &Place) -> Result<Option<Place>, DiskError> {
        let used = self.used_end(from.offset)?;
        let mut offset = from.offset + ALIGNMENT as u64;
        while offset < used {
            let head = self.head(offset)?.filter(|head| is_plausible(head, from, offset));
            if let Some(head) = head
                && self.record(offset)?.is_some()
            {
                let index = head.position.index - 1;
                let position = Position { index, epoch: from.position.epoch };
                return Ok(Some(Place { offset, position, chain: None }));
            }
            offset += ALIGNMENT as u64;
        }
        Ok(None)
    }

    /// Where the last sector, counted from `from` on, ends that is not all zeros; `from` when there
    /// is none.
    pub(crate) fn used_end(&mut self, from: u64) -> Result<u64, DiskError> {
        let (mut offset, mut end) = (from, from);
        while offset < self.limit {
            let count = (self.limit - offset).min(WINDOW_BYTES as u64);
            let bytes = self.slice(offset, count as usize)?.unwrap_or_default();
            let last = bytes.chunks(ZEROS.len()).rposition(|sector| !is_zero(sector));
            if let Some(last) = last {
                let sector_end = ((last + 1) * ZEROS.len()).min(bytes.len());
                end = offset + sector_end as u64;
            }
            offset += count;
        }
        Ok(end)
    }
}

fn is_plausible(head: &Head, from: &Place, offset: u64) -> bool {
    let index = head.position.index;
    let room = (offset - from.offset) / HEAD_BYTES as u64;
    let missing = index.saturating_sub(from.position.index).saturating_sub(1);
    missing >= 1
        && missing <= room
        && head.durable < index
        && head.position.epoch >= from.position.epoch
}

/// Records without a gap.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Before its first record.
    pub(crate) start: Place,
    /// After its last one.
    pub(crate) end: Place,
    /// The highest index that one of its records knows to have been durable.
    pub(crate) durable: u64,
    /// The epochs of its records.
    pub(crate) epochs: Epochs,
}

/// Follows the records from `place` on as long as they fit, up to index `last`.
pub(crate) fn follow<D: Disk>(
    window: &mut Window<'_, D>,
    place: &mut Place,
    last: u64,
    mut visit: impl FnMut(&Record<'_>),
) -> Result<(), DiskError> {
    while place.position.index < last {
        let Some(record) = window.next(place)? else { break };
        visit(&record);
        let Head { payload_bytes, position, chain, .. } = record.head;
        let offset = place.offset + framed_bytes(payload_bytes) as u64;
        *place = Place { offset, position, chain: Some(chain) };
    }
    Ok(())
}

/// All runs from `place` on; the first may be empty. More than `most` are not looked for.
pub(crate) fn survey<D: Disk>(
    window: &mut Window<'_, D>,
    mut place: Place,
    most: usize,
) -> Result<Vec<Run>, DiskError> {
    let mut runs = Vec::new();
    loop {
        let (start, mut durable, mut epochs) = (place, 0, Epochs::default());
        follow(window, &mut place, u64::MAX, |record| {
            durable = durable.max(record.head.durable);
            epochs.note(record.head.position);
        })?;
        runs.push(Run { start, end: place, durable, epochs });
        match window.resume(&place)? {
            Some(next) if runs.len() < most => place = next,
            _ => return Ok(runs),
        }
    }
}
