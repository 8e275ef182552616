//! What must never be true of a pair.

use std::fmt;

use ha::{Rule, Standing, Step, Trigger, Value, Verb};
use model::pair::{Ballot, Position, Seat};

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Flaw {
    /// Code 1 of the reference: a serving holder lacks an entry that was acknowledged.
    Lost { seat: Seat, entry: Position },
    /// Code 2: acknowledged, or applied, another entry than was acknowledged at that index.
    Contradicted { seat: Seat, acknowledged: Position, instead: Option<Position> },
    /// Code 3: two sole holders in one generation.
    Split { generation: u32 },
    /// A backup applied what nobody has acknowledged yet.
    Hasty { seat: Seat, index: u64 },
    /// A transition that the table does not have.
    Unlisted(Step),
    /// The standing changed, or seems to have changed, without a transition being reported.
    Silent { seat: Seat, from: Standing, to: Standing },
    /// The register's value changed in a way that no change of any node explains.
    Leap { from: (Ballot, Value), to: (Ballot, Value) },
    /// A node without memory, though no memory was lost.
    Imagined { seat: Seat },
    /// Applied state was thrown away, though no operator forced anything.
    Undone { seat: Seat },
    /// The replica's idea of its log is not what is in the journal.
    Astray { seat: Seat, believed: Position, actual: Position },
    /// The replica believes more of its journal to be on disk than is.
    Unsafe { seat: Seat, believed: u64, synced: u64 },
    /// An input is dealt with, and its register is not on disk.
    Unwritten { seat: Seat },
    /// A write was sent to the disk that does not continue the journal.
    Gap { seat: Seat, after: u64, entry: Position },
}

/// What is wrong with a transition, by the table.
pub(super) fn of_step(step: Step) -> Option<Flaw> {
    let Rule { verb, next, .. } = ha::rule(step.from, step.trigger);
    let is_allowed = step.to == step.from || (verb == Verb::Act && next.contains(&step.to));
    (!is_allowed).then_some(Flaw::Unlisted(step))
}

/// What is wrong with the transitions that one input made, besides each of them alone.
pub(super) fn of_steps(seat: Seat, from: Standing, steps: &[Step], to: Standing) -> Option<Flaw> {
    // One transition may lie within another, so the first that is told need not be the outermost.
    let begins = |step: &Step| step.from == from || step.trigger == Trigger::Restart;
    let begins = steps.is_empty() || steps.iter().any(begins);
    let ends = steps.last().map_or(from, |step| step.to) == to;
    (!(begins && ends)).then_some(Flaw::Silent { seat, from, to })
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { seat, entry } => {
                write!(f, "code 1: the {seat} serves without acknowledged entry {entry}")
            }
            Self::Contradicted { seat, acknowledged, instead } => {
                write!(f, "code 2: {acknowledged} was acknowledged, the {seat} committed ")?;
                match instead {
                    Some(instead) => write!(f, "{instead}"),
                    None => f.write_str("nothing there"),
                }
            }
            Self::Split { generation } => {
                write!(f, "code 3: two sole holders in generation {generation}")
            }
            Self::Hasty { seat, index } => {
                write!(f, "the {seat} applied entry {index} before anybody acknowledged it")
            }
            Self::Unlisted(Step { from, trigger, to }) => {
                write!(f, "the table has no {from} --{trigger}--> {to}")
            }
            Self::Silent { seat, from, to } => {
                write!(f, "the {seat} went from {from} to {to} without saying so")
            }
            Self::Leap { from, to } => {
                write!(f, "the register went from {}@{} to {}@{}", from.1, from.0, to.1, to.0)
            }
            Self::Imagined { seat } => write!(f, "the {seat} believes it has lost its memory"),
            Self::Undone { seat } => write!(f, "the {seat} threw applied state away"),
            Self::Astray { seat, believed, actual } => {
                write!(f, "the {seat} believes its log ends at {believed}, it ends at {actual}")
            }
            Self::Unsafe { seat, believed, synced } => {
                write!(f, "the {seat} believes {believed} entries are on disk, {synced} are")
            }
            Self::Unwritten { seat } => {
                write!(f, "the {seat} goes on although its register is not on disk")
            }
            Self::Gap { seat, after, entry } => {
                write!(f, "the {seat} wrote {entry} after index {after}")
            }
        }
    }
}
