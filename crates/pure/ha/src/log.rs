//! What a node knows of its log without reading it: which epoch wrote which entries.
//!
//! One epoch is one run of one holder under one ballot, and that run numbers its entries once. So
//! equal positions mean equal logs up to there, and the list of epochs tells where two logs part
//! without comparing an entry. The chain of hashes in the journal proves it afterwards.

use model::pair::{Epoch, Position};
use serde::{Deserialize, Serialize};

/// Most epochs that are remembered or sent. Ours: an epoch is a role change or a restart of the
/// holder; a backup that missed more than this many is rebuilt from a snapshot.
pub const EPOCHS_MAX: usize = 128;

/// The last position of each epoch in the log, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct History(Vec<Position>);

/// The log of one node: its epochs and how much of it is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Log {
    history: History,
    durable: u64,
}

impl History {
    /// A history from the last position of each epoch, oldest first; only the newest
    /// [`EPOCHS_MAX`] are kept.
    pub fn new(mut ends: Vec<Position>) -> Self {
        let surplus = ends.len().saturating_sub(EPOCHS_MAX);
        ends.drain(..surplus);
        Self(ends)
    }

    /// The last position of each epoch, oldest first.
    pub fn ends(&self) -> &[Position] {
        &self.0
    }

    /// The last position; the beginning when there is none.
    pub fn end(&self) -> Position {
        self.0.last().copied().unwrap_or_default()
    }

    /// Everything that was written before `epoch`.
    #[must_use]
    pub fn before(&self, epoch: Epoch) -> Self {
        Self(self.0.iter().copied().filter(|end| end.epoch < epoch).collect())
    }

    /// The last index up to which both logs are the same.
    pub fn common(&self, other: &Self) -> u64 {
        let shared = |end: &Position| {
            let theirs = other.0.iter().find(|their| their.epoch == end.epoch)?;
            Some(end.index.min(theirs.index))
        };
        self.0.iter().filter_map(shared).max().unwrap_or(0)
    }

    /// The epoch that wrote `index`; nothing when the log ends before it.
    pub fn epoch_of(&self, index: u64) -> Option<Epoch> {
        let place = self.0.partition_point(|end| end.index < index);
        self.0.get(place).map(|end| end.epoch)
    }

    fn extend_to(&mut self, position: Position) {
        match self.0.last_mut() {
            Some(last) if last.epoch == position.epoch => last.index = position.index,
            _ => self.0.push(position),
        }
        if self.0.len() > EPOCHS_MAX {
            self.0.remove(0);
        }
    }

    fn cut_after(&mut self, index: u64) {
        let Some(epoch) = self.epoch_of(index) else { return };
        let keep = self.0.partition_point(|end| end.index < index);
        self.0.truncate(keep);
        if index > 0 {
            self.0.push(Position { epoch, index });
        }
    }
}

impl Log {
    /// A log as recovery found it; all of it is on disk.
    pub fn recovered(history: History) -> Self {
        let durable = history.end().index;
        Self { history, durable }
    }

    /// Its epochs.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Its last position, on disk or not.
    pub fn end(&self) -> Position {
        self.history.end()
    }

    /// The last index that survives a crash.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// The position of `index`, if the log goes that far.
    pub fn position(&self, index: u64) -> Option<Position> {
        if index == 0 {
            return Some(Position::default());
        }
        self.history.epoch_of(index).map(|epoch| Position { epoch, index })
    }

    /// Entries up to `position` were handed to the disk.
    pub(crate) fn extend_to(&mut self, position: Position) {
        self.history.extend_to(position);
    }

    /// The disk says that everything up to `position` is safe. Word of an entry that was cut off
    /// since is worth nothing.
    pub(crate) fn note_durable(&mut self, position: Position) {
        if self.position(position.index) == Some(position) {
            self.durable = self.durable.max(position.index);
        }
    }

    /// Everything after `index` is gone.
    pub(crate) fn cut_after(&mut self, index: u64) {
        self.history.cut_after(index);
        self.durable = self.durable.min(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::pair::{Ballot, Seat};

    fn at(round: u32, index: u64) -> Position {
        let ballot = Ballot { generation: 1, round, by: Seat::Primary };
        Position { epoch: Epoch { ballot, run: 1 }, index }
    }

    fn log(ends: &[(u32, u64)]) -> Log {
        Log::recovered(History::new(ends.iter().map(|(round, index)| at(*round, *index)).collect()))
    }

    fn check_common(one: &[(u32, u64)], other: &[(u32, u64)], expected: u64) {
        let (one, other) = (log(one), log(other));
        assert_eq!(one.history().common(other.history()), expected);
        assert_eq!(other.history().common(one.history()), expected);
    }

    #[test]
    fn logs_part_at_the_end_of_the_last_epoch_they_share() {
        check_common(&[(1, 5)], &[(1, 5)], 5);
        check_common(&[(1, 5), (2, 9)], &[(1, 7)], 5);
        check_common(&[(1, 5), (2, 9)], &[(1, 5), (3, 6)], 5);
        check_common(&[(1, 5), (3, 9)], &[(1, 5), (2, 7)], 5);
        check_common(&[(1, 5)], &[(2, 5)], 0);
        check_common(&[], &[(1, 5)], 0);
    }

    #[test]
    fn a_cut_keeps_the_epoch_of_what_remains() {
        let mut log = log(&[(1, 5), (2, 9)]);
        log.cut_after(7);
        assert_eq!(log.end(), at(2, 7));
        log.cut_after(5);
        assert_eq!(log.end(), at(1, 5));
        assert_eq!(log.position(6), None);
        log.cut_after(0);
        assert_eq!(log.end(), Position::default());
    }

    #[test]
    fn the_beginning_belongs_to_no_epoch() {
        assert_eq!(log(&[(1, 5)]).position(0), Some(Position::default()));
        assert_eq!(log(&[]).position(0), Some(Position::default()));
        assert_eq!(log(&[(1, 5)]).position(6), None);
    }

    #[test]
    fn late_word_of_an_entry_that_was_replaced_is_worth_nothing() {
        let mut log = log(&[(1, 5)]);
        log.extend_to(at(2, 8));
        log.cut_after(5);
        log.extend_to(at(3, 8));
        log.note_durable(at(2, 8));
        assert_eq!(log.durable(), 5);
        log.note_durable(at(3, 7));
        assert_eq!(log.durable(), 7);
    }

    #[test]
    fn only_the_newest_epochs_are_remembered() {
        let mut log = Log::default();
        for round in 1..=EPOCHS_MAX as u32 + 10 {
            log.extend_to(at(round, u64::from(round)));
        }
        assert_eq!(log.history().ends().len(), EPOCHS_MAX);
        assert_eq!(log.history().ends()[0], at(11, 11));
    }
}
