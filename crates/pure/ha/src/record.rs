//! What a data node keeps on disk about the pair. It is written before anything depends on it.

use std::fmt;

use model::pair::{Ballot, Position};
use serde::{Deserialize, Serialize};

use crate::message::Life;
use crate::value::Value;

/// One life of a witness: random, so that a witness that was cloned or lost its memory is another.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Incarnation(pub u128);

/// Lives of witnesses that a node remembers to have left. Ours: a witness that restarts more often
/// between two meetings with a clone of itself is not a witness any more.
pub const LEFT_WITNESSES_MAX: usize = 8;

/// How much of what it once knew a node still knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Memory {
    /// Everything.
    Whole,
    /// The register, but not the whole log.
    Partial,
    /// Nothing that may be relied on.
    Lost,
}

/// One node's register and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    /// Starts of this process on this disk.
    pub run: u32,
    /// No lower ballot is answered.
    pub promised: Ballot,
    /// The ballot at which [`Self::value`] was accepted.
    pub accepted: Ballot,
    /// The accepted value.
    pub value: Value,
    /// The highest ballot that is known to be decided.
    pub decided: Ballot,
    /// How much the node still knows.
    pub memory: Memory,
    /// Entries that only this node has may lie aside: an operator forced the other one.
    pub diverged: bool,
    /// The group was dissolved.
    pub dissolved: bool,
    /// The witness whose votes count.
    pub witness: Incarnation,
    /// Witnesses whose votes count no more, newest first.
    pub left_witnesses: Vec<Incarnation>,
    /// How often the log was cut to follow a holder.
    pub cuts: u32,
    /// What is remembered of the peer, so that a peer whose disk is set back is found out even if
    /// this node has started since.
    pub peer: Life,
    /// A position that was on disk when this was written. A log that ends before it was lost.
    pub hint: Position,
    /// The highest feature level that both nodes have understood.
    pub level: u16,
    /// An operator wants no automatic failover for now.
    pub is_paused: bool,
}

impl Record {
    /// The record of a node that founds a group: sole holder by decree.
    ///
    /// The founder of a new group is the primary; `generation` 1 is its own.
    pub fn founder(generation: u32, level: u16) -> Self {
        let ballot = Ballot::founding(generation);
        Self {
            promised: ballot,
            accepted: ballot,
            value: Value::Sole(ballot.by),
            decided: ballot,
            memory: Memory::Whole,
            ..Self::member(generation, level)
        }
    }

    /// The record of the primary whose group was dissolved, and which begins the next one on its own:
    /// with the next generation that only it can found. Its log goes on.
    #[must_use]
    pub fn founded_again(&self) -> Self {
        let next = self.promised.generation + 1;
        let generation = if next % 2 == 1 { next } else { next + 1 };
        let Self { run, cuts, hint, .. } = *self;
        let left_witnesses = self.left_witnesses.clone();
        Self { run, left_witnesses, cuts, hint, ..Self::founder(generation, self.level) }
    }

    /// The record of a node that an operator adds to a group in which it has never been.
    ///
    /// It has forgotten nothing, so it may vote; its log is empty, so it may not take over.
    pub fn member(generation: u32, level: u16) -> Self {
        let founding = Ballot::founding(generation);
        Self {
            run: 0,
            promised: Ballot::default(),
            accepted: Ballot::default(),
            value: Value::Sole(founding.by),
            decided: Ballot::default(),
            memory: Memory::Partial,
            diverged: false,
            dissolved: false,
            witness: Incarnation::default(),
            left_witnesses: Vec::new(),
            cuts: 0,
            peer: Life::default(),
            hint: Position::default(),
            level,
            is_paused: false,
        }
    }

    /// The record of a node that has been in the group and finds its disk empty or reverted.
    pub fn blank(level: u16) -> Self {
        Self { memory: Memory::Lost, ..Self::member(1, level) }
    }

    /// Whether the accepted value is known to be decided.
    pub fn is_decided(&self) -> bool {
        self.accepted == self.decided
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doubt = if self.is_decided() { "" } else { "?" };
        write!(
            f,
            "run {} promised {} {}@{}{doubt}",
            self.run, self.promised, self.value, self.accepted
        )?;
        match self.memory {
            Memory::Whole => Ok(()),
            Memory::Partial => f.write_str(" partial"),
            Memory::Lost => f.write_str(" lost"),
        }
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 as u32)
    }
}
