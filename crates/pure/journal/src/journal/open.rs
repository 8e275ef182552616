//! Recovery: what a stop left behind, and what of it is the log.

use std::collections::BTreeMap;

use model::pair::Position;

use super::cut::{CutName, finish_cut, remove_eras_before, zero};
use super::damage::gaps;
use super::{
    Base, HOLES_MAX, Journal, Lost, Recovered, SEGMENT_BYTES_MIN, Scan, Segment, Settings, Torn,
    UNFINISHED,
};
use crate::Error;
use crate::disk::{Disk, DiskError};
use crate::epochs::Epochs;
use crate::scan::{Place, Run, Window, survey};
use crate::segment::{
    FOOTER_BYTES, Footer, Header, RECORDS_FROM, SEGMENT_BYTES_MAX, SegmentName, read_header,
};

impl<D: Disk> Journal<D> {
    /// Opens the log in a directory, or begins one in an empty directory.
    ///
    /// `hint` is an index that was surely durable before the stop, as far as the caller noted it. On
    /// success everything that is in the log is durable.
    pub fn open(disk: D, settings: Settings, hint: u64) -> Result<(Self, Recovered), Error> {
        let (bytes, least, most) = (settings.segment_bytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        if !(least..=most).contains(&bytes) {
            return Err(Error::ConfigSegmentBytes { bytes, least, most });
        }
        let mut journal = Self {
            disk,
            settings,
            era: 0,
            base: Base::default(),
            segments: Vec::new(),
            epochs: Epochs::default(),
            durable: Position::default(),
            gaps: Vec::new(),
            holes: Vec::new(),
            lost: None,
            strays: Vec::new(),
            pins: BTreeMap::new(),
            next_pin: 0,
            buffer: Vec::new(),
            marks: Vec::new(),
            cursors: Vec::new(),
            next_cursor: 0,
            scrubbed: 0,
            is_poisoned: false,
        };
        let recovered = journal.recover(hint)?;
        Ok((journal, recovered))
    }

    fn recover(&mut self, hint: u64) -> Result<Recovered, Error> {
        let mut recovered = Recovered::default();
        self.tidy_up(&mut recovered)?;
        let mut names: Vec<SegmentName> =
            self.disk.names()?.iter().filter_map(|name| SegmentName::parse(name)).collect();
        names.retain(|name| name.era == self.era);
        names.sort();
        for (nth, name) in names.iter().enumerate() {
            let next = names.get(nth + 1);
            if !self.join(*name, next.copied(), hint, &mut recovered)? {
                self.strays = names.iter().skip(nth).map(ToString::to_string).collect();
                break;
            }
        }
        if names.is_empty() {
            self.era = 1;
            let segment = self.add_segment(self.era, &Base::default(), 0)?;
            self.segments.push(segment);
        }
        self.gaps.truncate(HOLES_MAX);
        self.note_holes();
        recovered.holes.clone_from(&self.holes);
        let end = self.end().index;
        let owed = recovered.lost.map_or(hint, |lost| lost.hint.max(hint));
        let is_lost = owed > end || !self.strays.is_empty();
        self.lost = is_lost.then_some(Lost { end, hint: owed.max(end) });
        recovered.lost = self.lost;
        // What a process wrote survives its crash without having been synced.
        if let Some(segment) = self.segments.last() {
            self.disk.sync(&segment.name)?;
        }
        self.durable = self.end();
        Ok(recovered)
    }

    /// Removes what was never finished and what a new beginning left, and finishes cuts.
    fn tidy_up(&mut self, recovered: &mut Recovered) -> Result<(), Error> {
        let names = self.disk.names()?;
        self.era = names
            .iter()
            .filter_map(|name| SegmentName::parse(name))
            .map(|name| name.era)
            .max()
            .unwrap_or_default();
        for name in &names {
            let is_ours = |stem: &str| {
                SegmentName::parse(stem).is_some() || CutName::of_cutting(stem).is_some()
            };
            if name.strip_suffix(UNFINISHED).is_some_and(is_ours) {
                self.disk.remove(name)?;
            }
        }
        remove_eras_before(&mut self.disk, self.era)?;
        for cut in names.iter().filter_map(|name| CutName::of_cutting(name)) {
            recovered.finished_cut = true;
            finish_cut(&mut self.disk, cut)?;
        }
        Ok(())
    }

    /// Adds one segment to the log; `false` when it cannot be joined to what is there.
    fn join(
        &mut self,
        name: SegmentName,
        next: Option<SegmentName>,
        hint: u64,
        recovered: &mut Recovered,
    ) -> Result<bool, Error> {
        let file = name.to_string();
        let copies = read_header(&self.disk, &file, Some(self.settings.group))?;
        let header = match copies.header {
            Some(header) => Some(header),
            None => self.header_after_the_last(name)?,
        };
        let Some(header) = header.filter(|header| self.is_joined(header)) else {
            return Ok(false);
        };
        if !copies.is_whole {
            self.disk.write_at(&file, 0, &header.encode())?;
            self.disk.sync(&file)?;
            recovered.healed += 1;
        }
        if self.segments.is_empty() {
            self.base = header.base.clone();
        }
        self.epochs = header.epochs();
        let start = header.start();
        let segment =
            Segment { name: file, bytes: header.bytes, start, end: start, is_sealed: false };
        match next {
            Some(next) => self.join_sealed(segment, &header, next, recovered),
            None => self.join_last(segment, &header, hint, recovered).map(|()| true),
        }
    }

    /// Whether a segment begins where the log ends.
    fn is_joined(&self, header: &Header) -> bool {
        self.segments.last().is_none_or(|before| {
            before.end.position == header.base.position
                && before.end.chain == Some(header.base.chain)
        })
    }

    /// What the header must have said, when the segment before it says so.
    fn header_after_the_last(&self, name: SegmentName) -> Result<Option<Header>, Error> {
        let file = name.to_string();
        let bytes = self.disk.size(&file)?.min(SEGMENT_BYTES_MAX);
        let group = self.settings.group;
        let base = match self.segments.last() {
            // The very first segment follows nothing.
            None if name.first == 1 => Base::default(),
            None => return Ok(None),
            Some(before) => {
                let Some(chain) = before.end.chain else { return Ok(None) };
                let copies = read_header(&self.disk, &before.name, None)?;
                let mut epochs = copies.header.map(|it| it.epochs()).unwrap_or_default();
                let mut window = Window::new(&self.disk, &before.name, before.limit());
                for run in survey(&mut window, before.start, HOLES_MAX)? {
                    epochs.note_all(&run.epochs);
                }
                epochs.note(before.end.position);
                Base { position: before.end.position, chain, epochs: epochs.ends().to_vec() }
            }
        };
        let header = Header { group, era: name.era, bytes, first: name.first, base };
        let is_next = header.base.position.index + 1 == name.first;
        let has_room = bytes >= RECORDS_FROM + FOOTER_BYTES;
        Ok(Some(header).filter(|_| is_next && has_room))
    }

    /// A segment that another one follows: all of it was durable.
    fn join_sealed(
        &mut self,
        mut segment: Segment,
        header: &Header,
        next: SegmentName,
        recovered: &mut Recovered,
    ) -> Result<bool, Error> {
        let footer = Footer::read(&self.disk, &segment.name, header)?;
        segment.is_sealed = true;
        if let (Some(footer), Scan::Tail) = (footer, self.settings.scan) {
            segment.end = footer.place();
            self.segments.push(segment);
            return Ok(true);
        }
        let end = match footer {
            Some(footer) => Some(footer.place()),
            None => read_header(&self.disk, &next.to_string(), None)?.header.map(|next| Place {
                offset: header.limit(),
                position: next.base.position,
                chain: Some(next.base.chain),
            }),
        };
        let mut window = Window::new(&self.disk, &segment.name, header.limit());
        let runs = survey(&mut window, segment.start, HOLES_MAX)?;
        let read_to = runs.last().map_or(segment.start, |run| run.end);
        let is_read_to_the_end = read_to.position.index + 1 == next.first;
        // With neither its end nor what follows it is as long as it can be read.
        segment.end = end.filter(|_| !is_read_to_the_end).unwrap_or(read_to);
        let found = gaps(&runs, end);
        let is_whole = found.is_empty();
        self.gaps.extend(found);
        self.segments.push(segment);
        if is_whole && footer.is_none() && is_read_to_the_end {
            self.seal(self.segments.len() - 1)?;
            recovered.healed += 1;
        }
        Ok(true)
    }

    /// The segment that was being written.
    fn join_last(
        &mut self,
        mut segment: Segment,
        header: &Header,
        hint: u64,
        recovered: &mut Recovered,
    ) -> Result<(), Error> {
        let footer = Footer::read(&self.disk, &segment.name, header)?;
        let mut window = Window::new(&self.disk, &segment.name, header.limit());
        let mut runs = survey(&mut window, segment.start, HOLES_MAX)?;
        let known = runs.iter().map(|run| run.durable).max().unwrap_or_default();
        // The segment before is sealed, which means synced.
        let evidence = hint.max(known).max(header.base.position.index);
        let ends_before = |run: &Run| run.end.position.index < evidence;
        // What follows bytes that were never durable was never durable either.
        let kept = runs.iter().take_while(|run| ends_before(run)).count() + 1;
        runs.truncate(kept);
        segment.end = runs.last().map_or(segment.start, |run| run.end);
        let is_short = segment.end.position.index < evidence;
        let sealed = footer.map(|footer| footer.place());
        let end = sealed.filter(|end| is_short && end.position.index == evidence);
        self.gaps.extend(gaps(&runs, end));
        for run in &runs {
            self.epochs.note_all(&run.epochs);
        }
        match end {
            Some(end) => (segment.end, segment.is_sealed) = (end, true),
            None if is_short => {
                recovered.lost = Some(Lost { end: segment.end.position.index, hint: evidence });
            }
            None => segment.is_sealed = sealed == Some(segment.end),
        }
        if !is_short && !segment.is_sealed {
            recovered.torn = self.cut_torn(&segment)?;
        }
        self.marks.clear();
        self.segments.push(segment);
        Ok(())
    }

    /// Zeros behind the last record, so that nothing there is ever taken for one.
    fn cut_torn(&mut self, segment: &Segment) -> Result<Option<Torn>, DiskError> {
        let Segment { name, bytes, end, .. } = segment;
        let used = Window::new(&self.disk, name, *bytes).used_end(end.offset)?;
        let is_cut_short = self.disk.size(name)? < *bytes;
        if used == end.offset && !is_cut_short {
            return Ok(None);
        }
        if is_cut_short {
            self.disk.write_at(name, segment.limit(), &[0; FOOTER_BYTES as usize])?;
        }
        zero(&mut self.disk, name, end.offset, *bytes)?;
        self.disk.sync(name)?;
        let bytes = used - end.offset;
        Ok(Some(Torn { segment: name.clone(), offset: end.offset, bytes }))
    }
}
