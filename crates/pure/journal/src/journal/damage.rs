//! Holes: where they are, and how they are filled.

use model::pair::{Entry, Position};

use super::{HOLES_MAX, Hole, Journal, admit, digest};
use crate::Error;
use crate::disk::{Disk, DiskError};
use crate::record::encode;
use crate::scan::{Place, Run, Window, survey};
use crate::segment::{Footer, read_header};

/// A hole with what stands on both sides.
#[derive(Debug, Clone)]
pub(super) struct Gap {
    pub(super) hole: Hole,
    /// Before the hole.
    left: Place,
    right: Right,
}

/// What stands behind a hole.
#[derive(Debug, Clone, Copy)]
enum Right {
    /// A record that can be read; its place knows no chain.
    Record(Place),
    /// The end of the segment, as its footer or the next header tells it.
    End(Place),
}

impl Gap {
    /// Where reading goes on behind the hole.
    pub(super) fn behind(&self) -> Option<Place> {
        match self.right {
            Right::Record(place) => Some(place),
            Right::End(_) => None,
        }
    }
}

/// The gaps between runs, and the one after them when the segment should end at `end`.
pub(super) fn gaps(runs: &[Run], end: Option<Place>) -> Vec<Gap> {
    let hole = |left: &Place, right: &Place| Hole {
        first: left.position.index + 1,
        last: right.position.index,
    };
    let between = runs.windows(2).filter_map(|pair| match pair {
        [left, right] => Some(Gap {
            hole: hole(&left.end, &right.start),
            left: left.end,
            right: Right::Record(right.start),
        }),
        _ => None,
    });
    let after = runs.last().zip(end).and_then(|(run, end)| {
        let is_short = run.end.position.index < end.position.index;
        let gap = Gap { hole: hole(&run.end, &end), left: run.end, right: Right::End(end) };
        is_short.then_some(gap)
    });
    between.chain(after).collect()
}

impl<D: Disk> Journal<D> {
    /// Puts back the entries of one hole, all of them, as the peer has sent them. They are durable
    /// when this returns.
    ///
    /// They must follow from the entry before the hole, and what is behind it must follow from them:
    /// then they are, byte for byte, what was lost.
    pub fn repair(&mut self, entries: &[Entry]) -> Result<(), Error> {
        self.ready()?;
        let ends = entries.first().zip(entries.last());
        let Some((first, last)) =
            ends.map(|(first, last)| (first.position.index, last.position.index))
        else {
            return Ok(());
        };
        let nth = self.gaps.iter().position(|gap| gap.hole == Hole { first, last });
        let Some(gap) = nth.and_then(|nth| self.gaps.get(nth)).cloned() else {
            return Err(Error::PeerMisfit { first, last });
        };
        admit(gap.left.position, entries)?;
        let Some(segment) = self.nth_of(first) else {
            return Err(Error::PeerMisfit { first, last });
        };
        let filled = self.fill(segment, &gap, entries)?;
        let (name, offset) = (&self.segments[segment].name, gap.left.offset);
        let written = self.disk.write_at(name, offset, &filled);
        self.checked(written)?;
        for entry in entries {
            self.epochs.note(entry.position);
        }
        self.gaps.retain(|other| other.hole != gap.hole);
        self.note_holes();
        let end = offset + filled.len() as u64;
        let finished = self.finish_repair(segment, &gap, end);
        self.checked(finished)
    }

    /// The bytes that fill a gap, after checking that both sides fit.
    fn fill(&self, segment: usize, gap: &Gap, entries: &[Entry]) -> Result<Vec<u8>, Error> {
        let Hole { first, last } = gap.hole;
        let misfit = Error::PeerMisfit { first, last };
        let segment = &self.segments[segment];
        let (Some(mut chain), Some(newest)) = (gap.left.chain, entries.last()) else {
            return Err(misfit);
        };
        let mut filled = Vec::new();
        for entry in entries {
            chain = encode(&mut filled, entry, chain, gap.left.position.index);
        }
        let end = gap.left.offset + filled.len() as u64;
        let after = Place { offset: end, position: newest.position, chain: Some(chain) };
        let fits = match gap.right {
            Right::Record(right) => {
                let mut window = Window::new(&self.disk, &segment.name, segment.limit());
                end == right.offset && window.next(&after)?.is_some()
            }
            Right::End(right) => {
                let (position, chain) = (right.position, right.chain);
                end <= segment.limit() && (after.position, after.chain) == (position, chain)
            }
        };
        if fits { Ok(filled) } else { Err(misfit) }
    }

    fn finish_repair(&mut self, nth: usize, gap: &Gap, end: u64) -> Result<(), DiskError> {
        if let Right::End(_) = gap.right {
            self.segments[nth].end.offset = end;
        }
        let has_gaps = self.gaps.iter().any(|other| self.nth_of(other.hole.first) == Some(nth));
        // The footer's digest is of the bytes, and a repaired record knows less of durability.
        if self.segments[nth].is_sealed && !has_gaps {
            return self.seal(nth);
        }
        let name = &self.segments[nth].name;
        self.disk.sync(name)
    }

    /// Looks at the segment of an entry that cannot be read, and says what is wrong.
    pub(super) fn unreadable(&mut self, index: u64) -> Error {
        let examined = self.nth_of(index).map_or(Ok(()), |nth| self.examine(nth));
        match (examined, self.hole_at(index)) {
            (Err(error), _) => error,
            (Ok(()), Some(Hole { first, last })) => Error::Damaged { first, last },
            // Nothing wrong on second sight, which happens with disks.
            (Ok(()), None) => Error::Damaged { first: index, last: index },
        }
    }

    /// Finds the holes of a segment, all of whose entries should be readable.
    fn examine(&mut self, nth: usize) -> Result<(), Error> {
        let Some(segment) = self.segments.get(nth) else { return Ok(()) };
        let (first, last) = (segment.first(), segment.last());
        let mut window = Window::new(&self.disk, &segment.name, segment.end.offset);
        let runs = survey(&mut window, segment.start, HOLES_MAX)?;
        let found = gaps(&runs, Some(segment.end));
        self.gaps.retain(|gap| !(first..=last).contains(&gap.hole.first));
        self.gaps.extend(found);
        self.gaps.sort_by_key(|gap| gap.hole);
        self.gaps.truncate(HOLES_MAX);
        self.note_holes();
        Ok(())
    }

    pub(super) fn note_holes(&mut self) {
        self.holes = self.gaps.iter().map(|gap| gap.hole).collect();
    }

    /// Checks the next sealed segment against its BLAKE3, one after the other and round again.
    ///
    /// Returns its name, or nothing when none is sealed. What is wrong with it is in
    /// [`Self::holes`] afterwards.
    pub fn scrub(&mut self) -> Result<Option<String>, Error> {
        self.ready()?;
        let sealed = |segment: &&super::Segment| segment.is_sealed;
        let next = self.segments.iter().filter(sealed).find(|it| it.first() > self.scrubbed);
        let Some(segment) = next.or_else(|| self.segments.iter().find(sealed)) else {
            return Ok(None);
        };
        let (name, first) = (segment.name.clone(), segment.first());
        let header = read_header(&self.disk, &name, None)?.header;
        let footer = match &header {
            Some(header) => Footer::read(&self.disk, &name, header)?,
            None => None,
        };
        let is_right = match &footer {
            Some(footer) => footer.digest == digest(&self.disk, &name, footer.end)?,
            None => false,
        };
        self.scrubbed = first;
        if !is_right && let Some(nth) = self.nth_of(first) {
            self.examine(nth)?;
        }
        Ok(Some(name))
    }

    /// The last position of a place, or that it cannot be known.
    pub(super) fn chain_of(place: &Place) -> Result<u64, Error> {
        let Position { index, .. } = place.position;
        place.chain.ok_or(Error::Damaged { first: index, last: index })
    }
}
