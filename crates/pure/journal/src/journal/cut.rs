//! What shortens the log: truncation, a new beginning after a snapshot, retention.
//!
//! A truncation copies the tail to a file, which gets the name `..cutting` when it is on disk. From
//! then on the cut is decided: recovery finishes it, by that name alone, as often as it takes. When
//! the tail is gone the file is renamed to `..quarantine` and stays.

use std::fmt;

use super::{Base, HOLES_MAX, Journal, Pin, QUARANTINES_MAX, UNFINISHED};
use crate::bytes::put_position;
use crate::disk::{Disk, DiskError};
use crate::epochs::Epochs;
use crate::scan::{Place, WINDOW_BYTES, Window, follow, is_zero, survey};
use crate::segment::{
    HEADER_BYTES, Header, HeaderCopies, RECORDS_FROM, SegmentName, read_header, seal,
};
use crate::{DiskErrorKind, Error};

/// Begins a quarantine file: magic, CRC-32C of the rest of the block, group, era, the position after
/// which was cut and the chain there. The cut bytes follow as they were.
const QUARANTINE_MAGIC: [u8; 8] = *b"MSEJCUTS";
/// A cut that was decided and perhaps not finished.
const CUTTING: &str = ".cutting";
/// What was cut.
const QUARANTINE: &str = ".quarantine";

/// `00000001-00000000000000000042-000003`: era, last index that stays, number of the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CutName {
    number: u32,
    pub(crate) era: u32,
    pub(crate) after: u64,
}

impl CutName {
    /// From a file's name without its suffix.
    fn parse(stem: &str) -> Option<Self> {
        let mut parts = stem.split('-');
        let era = u32::from_str_radix(parts.next()?, 16).ok()?;
        let (after, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let parsed = Self { number, era, after };
        (parsed.to_string() == stem).then_some(parsed)
    }

    pub(crate) fn of_cutting(name: &str) -> Option<Self> {
        Self::parse(name.strip_suffix(CUTTING)?)
    }

    pub(crate) fn of_quarantine(name: &str) -> Option<Self> {
        Self::parse(name.strip_suffix(QUARANTINE)?)
    }
}

impl fmt::Display for CutName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:020}-{:06}", self.era, self.after, self.number)
    }
}

impl<D: Disk> Journal<D> {
    /// Cuts everything after entry `after`. The tail is in a quarantine file, and the cut and all that
    /// stays are on disk, when this returns; a crash in between leaves the log whole or cut, never half.
    ///
    /// A hint above `after` must be lowered first, or the next start will call the log lost.
    pub fn truncate(&mut self, after: u64) -> Result<(), Error> {
        self.ready()?;
        if after < self.base.position.index {
            return Err(Error::Gone { index: after, first: self.first_index() });
        }
        if after == self.end().index && self.lost.is_none() {
            return self.sync().map(drop);
        }
        if self.segments.is_empty() {
            return self.restart_at(Base::default());
        }
        let (kept, end, epochs) = self.cut_place(after)?;
        self.put_strays_aside()?;
        let cut = CutName { number: self.next_cut()?, era: self.era, after };
        self.quarantine(cut, kept, &end)?;
        let finished = finish_cut(&mut self.disk, cut);
        self.checked(finished)?;
        self.segments.truncate(kept + 1);
        let segment = &mut self.segments[kept];
        (segment.end, segment.is_sealed) = (end, false);
        self.epochs = epochs;
        self.durable = self.end();
        self.gaps.retain(|gap| gap.hole.last <= after);
        self.note_holes();
        self.marks.retain(|mark| mark.position.index < after);
        self.cursors.clear();
        self.next_cursor = 0;
        self.lost = None;
        self.forget_oldest_quarantine()
    }

    /// Which segment the cut falls into, where, and the epochs up to there.
    fn cut_place(&self, after: u64) -> Result<(usize, Place, Epochs), Error> {
        let kept = self.nth_of(after).unwrap_or(0);
        let segment = &self.segments[kept];
        let damaged = Error::Damaged { first: after, last: after };
        let Some(header) = read_header(&self.disk, &segment.name, None)?.header else {
            return Err(damaged);
        };
        let mut epochs = header.epochs();
        let mut window = Window::new(&self.disk, &segment.name, segment.limit());
        let end = end_at(&mut window, segment.start, after, &mut epochs)?;
        // Behind a hole the chain is not known, and nothing could be appended.
        match end.filter(|end| end.chain.is_some()) {
            Some(end) => Ok((kept, end, epochs)),
            None if after > self.end().index => {
                Err(Error::Beyond { index: after, end: self.end().index })
            }
            None => Err(damaged),
        }
    }

    /// Copies what is cut; from its last step on the cut will be made, crash or not.
    fn quarantine(&mut self, cut: CutName, kept: usize, end: &Place) -> Result<(), Error> {
        let mut parts = Vec::new();
        for (nth, segment) in self.segments.iter().enumerate().skip(kept) {
            let from = if nth == kept { end.offset } else { RECORDS_FROM };
            let mut window = Window::new(&self.disk, &segment.name, segment.limit());
            // What cannot be read counts too, and it may be behind the last record.
            let to = if self.lost.is_some() { window.used_end(from)? } else { segment.end.offset };
            parts.push((segment.name.clone(), from, to));
        }
        let bytes: u64 = parts.iter().map(|(_, from, to)| to.saturating_sub(*from)).sum();
        let name = format!("{cut}{CUTTING}");
        let unfinished = format!("{name}{UNFINISHED}");
        let copied = self.copy(&unfinished, HEADER_BYTES as u64 + bytes, &parts);
        if let Err(error) = copied {
            let _ = self.disk.remove(&unfinished);
            // Nothing of the log has been touched, so a full disk is no reason to stop.
            self.is_poisoned |= error.kind != DiskErrorKind::NoSpace;
            return Err(error.into());
        }
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&QUARANTINE_MAGIC);
        header.extend_from_slice(&[0; 4]);
        header.extend_from_slice(&self.settings.group.to_le_bytes());
        header.extend_from_slice(&self.era.to_le_bytes());
        put_position(&mut header, end.position);
        header.extend_from_slice(&Self::chain_of(end)?.to_le_bytes());
        header.resize(HEADER_BYTES, 0);
        seal(&mut header);
        let published = self.publish(&unfinished, &name, &header);
        self.checked(published)
    }

    fn copy(
        &mut self,
        to: &str,
        bytes: u64,
        parts: &[(String, u64, u64)],
    ) -> Result<(), DiskError> {
        self.disk.create(to, bytes)?;
        let mut place = HEADER_BYTES as u64;
        let mut buffer = Vec::new();
        for (name, from, end) in parts {
            let mut from = *from;
            while from < *end {
                buffer.clear();
                buffer.resize((end - from).min(WINDOW_BYTES as u64) as usize, 0);
                self.disk.read_at(name, from, &mut buffer)?;
                self.disk.write_at(to, place, &buffer)?;
                from += buffer.len() as u64;
                place += buffer.len() as u64;
            }
        }
        Ok(())
    }

    /// Begins an empty log after `base`, because a snapshot brought everything up to there. The old
    /// log is removed. A crash in between leaves the one or the other.
    pub fn restart_at(&mut self, mut base: Base) -> Result<(), Error> {
        self.ready()?;
        let end = base.epochs.last().copied().unwrap_or_default();
        if end != base.position {
            return Err(Error::PeerBase { position: base.position, end });
        }
        let epochs = Epochs::from_ends(&base.epochs);
        base.epochs = epochs.ends().to_vec();
        self.put_strays_aside()?;
        let era = self.era + 1;
        let segment = self.add_segment(era, &base, 0)?;
        self.era = era;
        self.segments = vec![segment];
        self.epochs = epochs;
        self.durable = base.position;
        self.base = base;
        self.gaps.clear();
        self.note_holes();
        self.lost = None;
        self.pins.clear();
        self.marks.clear();
        self.cursors.clear();
        (self.next_cursor, self.scrubbed) = (0, 0);
        let removed = remove_eras_before(&mut self.disk, era);
        self.checked(removed)
    }

    /// Removes whole segments all of whose entries are below `index`, oldest first, and none that a
    /// pin holds. Returns the first index that is left.
    pub fn retain_from(&mut self, index: u64) -> Result<u64, Error> {
        self.ready()?;
        let least = self.pins.values().copied().min().map_or(index, |pinned| pinned.min(index));
        while self.segments.len() > 1 && self.segments[0].last() < least {
            let copies = read_header(&self.disk, &self.segments[1].name, None)?;
            let Some(header) = copies.header else {
                // Its neighbour knows what it says; without it nothing does.
                return Ok(self.first_index());
            };
            // One by one: a gap between segments would look like a loss.
            let name = self.segments[0].name.clone();
            let removed = self.disk.remove(&name).and_then(|()| self.disk.sync_names());
            self.checked(removed)?;
            self.segments.remove(0);
            self.base = header.base;
            let base = self.base.position.index;
            self.gaps.retain(|gap| gap.hole.first > base);
            self.note_holes();
        }
        Ok(self.first_index())
    }

    /// Where to retain from so that at least `bytes` of records are left below `index`, in whole
    /// segments.
    pub fn index_below(&self, index: u64, bytes: u64) -> u64 {
        let mut left = 0;
        for segment in self.segments.iter().rev().filter(|it| it.last() < index) {
            if left >= bytes {
                return segment.last() + 1;
            }
            left += segment.end.offset - segment.start.offset;
        }
        self.first_index()
    }

    /// Keeps `index` and everything after it until [`Self::unpin`], whatever is retained.
    pub fn pin(&mut self, index: u64) -> Pin {
        self.next_pin += 1;
        self.pins.insert(self.next_pin, index);
        Pin(self.next_pin)
    }

    /// Lets go what was pinned.
    #[expect(clippy::needless_pass_by_value, reason = "a pin is let go once")]
    pub fn unpin(&mut self, pin: Pin) {
        self.pins.remove(&pin.0);
    }

    /// Files that belong to no log are kept for a person to look at.
    fn put_strays_aside(&mut self) -> Result<(), Error> {
        if self.strays.is_empty() {
            return Ok(());
        }
        for name in std::mem::take(&mut self.strays) {
            let renamed = self.disk.rename(&name, &format!("{name}{QUARANTINE}"));
            self.checked(renamed)?;
        }
        let synced = self.disk.sync_names();
        self.checked(synced)
    }

    fn next_cut(&self) -> Result<u32, Error> {
        let names = self.disk.names()?;
        let newest = names.iter().filter_map(|name| CutName::of_quarantine(name)).max();
        Ok(newest.map_or(1, |cut| cut.number.saturating_add(1)))
    }

    fn forget_oldest_quarantine(&mut self) -> Result<(), Error> {
        let names = self.disk.names()?;
        let mut cuts: Vec<_> =
            names.iter().filter_map(|name| Some((CutName::of_quarantine(name)?, name))).collect();
        cuts.sort();
        let surplus = cuts.len().saturating_sub(QUARANTINES_MAX);
        for (_, name) in cuts.into_iter().take(surplus) {
            let removed = self.disk.remove(name);
            self.checked(removed)?;
        }
        Ok(())
    }
}

/// Where entry `after` ends, behind holes too; notes the epochs up to there.
fn end_at<D: Disk>(
    window: &mut Window<'_, D>,
    start: Place,
    after: u64,
    epochs: &mut Epochs,
) -> Result<Option<Place>, DiskError> {
    for run in survey(window, start, HOLES_MAX)? {
        let mut place = run.start;
        follow(window, &mut place, after, |record| epochs.note(record.head.position))?;
        if place.position.index == after {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// Makes a cut that was decided, however much of it was made before, and says so by its name.
pub(super) fn finish_cut(disk: &mut impl Disk, cut: CutName) -> Result<(), DiskError> {
    let mut segments: Vec<SegmentName> =
        disk.names()?.iter().filter_map(|name| SegmentName::parse(name)).collect();
    segments.retain(|segment| segment.era == cut.era);
    segments.sort();
    let kept = segments.partition_point(|segment| segment.first <= cut.after).saturating_sub(1);
    for segment in segments.iter().skip(kept + 1).rev() {
        disk.remove(&segment.to_string())?;
    }
    disk.sync_names()?;
    if let Some(segment) = segments.get(kept) {
        let name = segment.to_string();
        match read_header(disk, &name, None) {
            Ok(HeaderCopies { header: Some(header), .. }) => {
                zero_after(disk, &name, &header, cut.after)?;
            }
            Err(Error::Disk(error)) => return Err(error),
            // With the header damaged too, recovery decides as if there had been no cut.
            Ok(_) | Err(_) => {}
        }
    }
    disk.rename(&format!("{cut}{CUTTING}"), &format!("{cut}{QUARANTINE}"))?;
    disk.sync_names()
}

fn zero_after(
    disk: &mut impl Disk,
    name: &str,
    header: &Header,
    after: u64,
) -> Result<(), DiskError> {
    let mut window = Window::new(disk, name, header.limit());
    // So it does with the last entry that stays.
    if let Some(end) = end_at(&mut window, header.start(), after, &mut Epochs::default())? {
        zero(disk, name, end.offset, header.bytes)?;
        disk.sync(name)?;
    }
    Ok(())
}

/// Writes zeros where there are none.
pub(super) fn zero(disk: &mut impl Disk, name: &str, from: u64, to: u64) -> Result<(), DiskError> {
    let mut offset = from;
    let mut bytes = Vec::new();
    while offset < to {
        bytes.clear();
        bytes.resize((to - offset).min(WINDOW_BYTES as u64) as usize, 0);
        disk.read_at(name, offset, &mut bytes)?;
        if !is_zero(&bytes) {
            bytes.fill(0);
            disk.write_at(name, offset, &bytes)?;
        }
        offset += bytes.len() as u64;
    }
    Ok(())
}

/// Removes the logs before the last new beginning.
pub(super) fn remove_eras_before(disk: &mut impl Disk, era: u32) -> Result<(), DiskError> {
    let mut removed = false;
    for name in disk.names()? {
        if SegmentName::parse(&name).is_some_and(|segment| segment.era < era) {
            disk.remove(&name)?;
            removed = true;
        }
    }
    if removed { disk.sync_names() } else { Ok(()) }
}
