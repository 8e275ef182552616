//! The nouns of a pair: who sits where, in which configuration an entry was written, and entries.
//!
//! `ha` decides with them, `journal` stores them. Neither knows the other.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two data nodes of a group.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Seat {
    /// The protected node, which is preferred as holder.
    #[default]
    Primary,
    /// The standby instance on the secondary machine.
    Secondary,
}

/// The number of a proposal, totally ordered. Zero is before every proposal.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Ballot {
    /// Raised only by an operator: forced takeovers and the founding of the group.
    pub generation: u32,
    /// Counts proposals within the generation; 0 founds it.
    pub round: u32,
    /// Who proposed: two nodes never share a ballot.
    pub by: Seat,
}

/// Under whose authority an entry was written: one run of the holder's process under one ballot.
///
/// The run is part of it because a process that dies may lose entries that its peer has: what the
/// next run writes at the same index under the same ballot must be another entry.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Epoch {
    /// The configuration.
    pub ballot: Ballot,
    /// Starts of the holder's process, counted on its disk.
    pub run: u32,
}

/// One place in the log. Equal positions have equal logs up to there.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Position {
    /// Who wrote it.
    pub epoch: Epoch,
    /// Entries are counted from 1; 0 is the beginning.
    pub index: u64,
}

/// One entry of the replicated log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// What it is: `ha` and `journal` do not look.
    pub kind: u16,
    /// Version of that kind.
    pub version: u8,
    /// Its content, bounded by [`ENTRY_BYTES_MAX`].
    pub payload: Vec<u8>,
}

/// Longest payload of an entry. Ours: a batch of 1,000 history rows is below 64 KiB, a document of
/// maps below a few MiB.
pub const ENTRY_BYTES_MAX: usize = 16 << 20;

impl Seat {
    /// Both, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Secondary];

    /// The other one.
    #[must_use]
    pub fn peer(self) -> Self {
        match self {
            Self::Primary => Self::Secondary,
            Self::Secondary => Self::Primary,
        }
    }
}

impl Ballot {
    /// The ballot that founds a generation, and with it makes one node sole holder by decree.
    ///
    /// Odd generations are the primary's, even ones the secondary's: two operators who force both
    /// nodes at once found two generations, of which the higher one wins.
    pub fn founding(generation: u32) -> Self {
        let by = if generation % 2 == 1 { Seat::Primary } else { Seat::Secondary };
        Self { generation, round: 0, by }
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        })
    }
}

impl fmt::Display for Ballot {
    /// `1.7p`: generation 1, round 7, by the primary.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            Seat::Primary => 'p',
            Seat::Secondary => 's',
        };
        write!(f, "{}.{}{by}", self.generation, self.round)
    }
}

impl fmt::Display for Epoch {
    /// `1.7p/3`: ballot 1.7p, third run of the holder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ballot, self.run)
    }
}

impl fmt::Display for Position {
    /// `42@1.7p/3`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_nodes_found_the_same_generation() {
        assert_eq!(Ballot::founding(1).by, Seat::Primary);
        assert_eq!(Ballot::founding(2).by, Seat::Secondary);
    }

    #[test]
    fn a_generation_is_above_every_round_of_the_one_before() {
        let last = Ballot { generation: 1, round: u32::MAX, by: Seat::Secondary };
        assert!(Ballot::founding(2) > last);
        assert!(Ballot::founding(1) < last);
    }

    #[test]
    fn positions_are_ordered_by_who_wrote_them_first() {
        let at = |round, run, index| Position {
            epoch: Epoch { ballot: Ballot { generation: 1, round, by: Seat::Primary }, run },
            index,
        };
        assert!(at(2, 1, 1) > at(1, 9, 9));
        assert!(at(1, 2, 1) > at(1, 1, 9));
        assert_eq!(at(7, 3, 42).to_string(), "42@1.7p/3");
    }
}
