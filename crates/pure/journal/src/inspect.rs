//! Looking at a directory without changing it.

use std::fmt;

use model::pair::{Entry, Position};

use crate::disk::Disk;
use crate::journal::{CutName, digest};
use crate::record::framed_bytes;
use crate::scan::{Place, Window, survey};
use crate::segment::{Footer, Header, RECORDS_FROM, SegmentName, read_header};
use crate::{Error, HOLES_MAX, Hole};

/// What is in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose log it is, by the first header that can be read.
    pub group: u64,
    /// The first index that is retained.
    pub first_index: u64,
    /// The last entry that can be read.
    pub end: Position,
    /// The chain after it.
    pub chain: u64,
    /// The last position of each epoch, oldest first.
    pub epochs: Vec<Position>,
    /// Its segments, oldest first.
    pub segments: Vec<SegmentReport>,
    /// Files with entries that were cut off, oldest first.
    pub quarantined: Vec<String>,
}

/// What is in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// Its file.
    pub name: String,
    /// Index of the first entry that belongs there.
    pub first: u64,
    /// Index of the last entry that can be read; one less than the first when there is none.
    pub last: u64,
    /// Entries that can be read.
    pub entries: u64,
    /// Bytes of its records, holes included.
    pub bytes: u64,
    /// It is complete and has a digest.
    pub is_sealed: bool,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// What may be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// One copy of the header cannot be read; the next start writes it again.
    HeaderCopy,
    /// Neither copy can be read.
    Header,
    /// It does not begin where the one before ends.
    Unjoined,
    /// Entries cannot be read; the peer has them.
    Hole(Hole),
    /// Bytes behind the last entry: a write that a stop interrupted, which the next start cuts off,
    /// or an entry that was lost.
    Tail {
        /// Where they begin.
        offset: u64,
        /// How many there are.
        bytes: u64,
    },
    /// A complete segment without a footer; the next start writes it again.
    Footer,
    /// The records are not those that were sealed.
    Digest,
}

impl Problem {
    /// Whether the next start settles it without anybody's help.
    pub fn heals_itself(&self) -> bool {
        matches!(self, Self::HeaderCopy | Self::Footer | Self::Tail { .. })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderCopy => {
                f.write_str("one copy of the header is damaged; the next start heals it")
            }
            Self::Header => f.write_str("the header is damaged, both copies"),
            Self::Unjoined => f.write_str("does not continue the segment before it"),
            Self::Hole(Hole { first, last }) => {
                write!(f, "entries {first} to {last} are corrupt; the peer has them")
            }
            Self::Tail { offset, bytes } => {
                write!(f, "{bytes} bytes at {offset} are no entry: an interrupted write, as a rule")
            }
            Self::Footer => f.write_str("the footer is damaged; the next start heals it"),
            Self::Digest => f.write_str("the BLAKE3 in the footer is not that of the records"),
        }
    }
}

/// Reads everything and says what it found. Changes nothing; the role may be running, and then what
/// it is writing just now looks like a tail.
pub fn verify(disk: &impl Disk) -> Result<Report, Error> {
    let names = disk.names()?;
    let mut quarantined: Vec<_> =
        names.iter().filter_map(|name| Some((CutName::of_quarantine(name)?, name))).collect();
    quarantined.sort();
    let mut report = Report {
        group: 0,
        first_index: 1,
        end: Position::default(),
        chain: 0,
        epochs: Vec::new(),
        segments: Vec::new(),
        quarantined: quarantined.into_iter().map(|(_, name)| name.clone()).collect(),
    };
    let segments = newest_era(&names);
    let mut before: Option<Place> = None;
    for (nth, name) in segments.iter().enumerate() {
        let next = segments.get(nth + 1);
        let (segment, end) = verify_segment(disk, *name, next, before, &mut report)?;
        report.segments.push(segment);
        before = end;
    }
    Ok(report)
}

/// The segments of the log, oldest first.
fn newest_era(names: &[String]) -> Vec<SegmentName> {
    let mut segments: Vec<_> = names.iter().filter_map(|name| SegmentName::parse(name)).collect();
    let newest = segments.iter().map(|segment| segment.era).max();
    segments.retain(|segment| Some(segment.era) == newest);
    segments.sort();
    segments
}

fn verify_segment(
    disk: &impl Disk,
    name: SegmentName,
    next: Option<&SegmentName>,
    before: Option<Place>,
    report: &mut Report,
) -> Result<(SegmentReport, Option<Place>), Error> {
    let file = name.to_string();
    let copies = read_header(disk, &file, None)?;
    let mut segment = SegmentReport {
        name: file.clone(),
        first: name.first,
        last: name.first.saturating_sub(1),
        entries: 0,
        bytes: 0,
        is_sealed: false,
        problems: Vec::new(),
    };
    let Some(header) = copies.header else {
        segment.problems.push(Problem::Header);
        return Ok((segment, None));
    };
    if !copies.is_whole {
        segment.problems.push(Problem::HeaderCopy);
    }
    let base = &header.base;
    let is_joined = before.is_none_or(|before| {
        before.position == base.position && before.chain.is_none_or(|chain| chain == base.chain)
    });
    if !is_joined {
        segment.problems.push(Problem::Unjoined);
    }
    if report.segments.is_empty() {
        (report.group, report.first_index) = (header.group, header.first);
    }
    let mut window = Window::new(disk, &file, header.limit());
    let runs = survey(&mut window, header.start(), HOLES_MAX)?;
    let mut epochs = header.epochs();
    let mut end = header.start();
    for run in &runs {
        let first = end.position.index + 1;
        if run.start.position.index >= first {
            let hole = Hole { first, last: run.start.position.index };
            segment.problems.push(Problem::Hole(hole));
        }
        segment.entries += run.end.position.index - run.start.position.index;
        epochs.note_all(&run.epochs);
        end = run.end;
    }
    (segment.last, segment.bytes) = (end.position.index, end.offset - RECORDS_FROM);
    let end = verify_end(disk, &header, &mut segment, end, next)?;
    (report.end, report.chain) = (end.position, end.chain.unwrap_or_default());
    report.epochs = epochs.ends().to_vec();
    Ok((segment, Some(end)))
}

/// What stands behind the last record that can be read. Returns where the segment should end.
fn verify_end(
    disk: &impl Disk,
    header: &Header,
    segment: &mut SegmentReport,
    end: Place,
    next: Option<&SegmentName>,
) -> Result<Place, Error> {
    let footer = Footer::read(disk, &segment.name, header)?;
    let used = Window::new(disk, &segment.name, header.bytes).used_end(end.offset)?;
    let last = next.map(|next| next.first.saturating_sub(1));
    let is_short = last.is_some_and(|last| last > end.position.index);
    if let Some(last) = last.filter(|_| is_short) {
        segment.problems.push(Problem::Hole(Hole { first: end.position.index + 1, last }));
    }
    match footer {
        Some(footer) => {
            segment.is_sealed = true;
            if digest(disk, &segment.name, footer.end)? != footer.digest {
                segment.problems.push(Problem::Digest);
            }
            return Ok(footer.place());
        }
        None if next.is_some() => segment.problems.push(Problem::Footer),
        None if used > end.offset => {
            let (offset, bytes) = (end.offset, used - end.offset);
            segment.problems.push(Problem::Tail { offset, bytes });
        }
        None => {}
    }
    let position = Position { index: last.unwrap_or(end.position.index), ..end.position };
    Ok(if is_short { Place { position, chain: None, ..end } } else { end })
}

/// One thing that stands in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dumped {
    /// An entry.
    Entry {
        /// The file.
        segment: String,
        /// Where its record begins.
        offset: u64,
        /// The entry.
        entry: Entry,
        /// The chain after it.
        chain: u64,
        /// The last index that was durable when it was written.
        durable: u64,
    },
    /// Something that cannot be read.
    Problem {
        /// The file.
        segment: String,
        /// What is wrong.
        problem: Problem,
    },
}

/// The entries of a log, from an index on.
#[derive(Debug)]
pub struct Dump<'d, D> {
    disk: &'d D,
    from: u64,
    /// Newest first.
    rest: Vec<SegmentName>,
    current: Option<(SegmentName, Window<'d, D>, Place)>,
}

/// The entries of the log in a directory from index `from` on, in order, with what cannot be read
/// between them.
pub fn dump<D: Disk>(disk: &D, from: u64) -> Result<Dump<'_, D>, Error> {
    let mut rest = newest_era(&disk.names()?);
    let needed = rest.partition_point(|segment| segment.first <= from).saturating_sub(1);
    rest.drain(..needed);
    rest.reverse();
    Ok(Dump { disk, from, rest, current: None })
}

impl<D: Disk> Dump<'_, D> {
    fn step(&mut self) -> Result<Option<Dumped>, Error> {
        loop {
            let Some((name, window, place)) = &mut self.current else {
                let Some(name) = self.rest.pop() else { return Ok(None) };
                let file = name.to_string();
                let Some(header) = read_header(self.disk, &file, None)?.header else {
                    let problem = Problem::Header;
                    return Ok(Some(Dumped::Problem { segment: file, problem }));
                };
                let window = Window::new(self.disk, &file, header.limit());
                self.current = Some((name, window, header.start()));
                continue;
            };
            let segment = name.to_string();
            if let Some(record) = window.next(place)? {
                let (head, offset) = (record.head, place.offset);
                let entry = (head.position.index >= self.from).then(|| record.entry());
                let end = offset + framed_bytes(head.payload_bytes) as u64;
                let (chain, durable) = (head.chain, head.durable);
                *place = Place { offset: end, position: head.position, chain: Some(chain) };
                if let Some(entry) = entry {
                    return Ok(Some(Dumped::Entry { segment, offset, entry, chain, durable }));
                }
                continue;
            }
            let first = place.position.index + 1;
            if let Some(next) = window.resume(place)? {
                *place = next;
                let problem = Problem::Hole(Hole { first, last: next.position.index });
                return Ok(Some(Dumped::Problem { segment, problem }));
            }
            let (offset, used) = (place.offset, window.used_end(place.offset)?);
            self.current = None;
            if used > offset {
                let problem = Problem::Tail { offset, bytes: used - offset };
                return Ok(Some(Dumped::Problem { segment, problem }));
            }
        }
    }
}

impl<D: Disk> Iterator for Dump<'_, D> {
    type Item = Result<Dumped, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            // Once is enough.
            self.rest.clear();
            self.current = None;
        }
        step.transpose()
    }
}
