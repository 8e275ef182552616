//! The register's values and the six functions that change them.
//!
//! The value says whose acknowledgements count, and whether they need the other node.

use std::fmt;

use model::pair::Seat;
use serde::{Deserialize, Serialize};

/// What the register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Value {
    /// This node serves, and every acknowledgement needs both: the other one is complete.
    Pair(Seat),
    /// This node serves and may acknowledge alone: nobody else may ever take over by itself.
    Sole(Seat),
}

/// A change that a data node may propose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Change {
    /// The holder goes on alone because its backup does not answer.
    Shrink,
    /// The backup takes over because the holder does not answer.
    Takeover,
    /// The holder takes its backup back in, which has caught up.
    Readmit,
    /// The holder gives way to its backup, on purpose.
    Handover,
    /// Both agree to go on without the witness: the holder alone, so that it outlives its backup.
    Disarm,
    /// What was in doubt is proposed again.
    Confirm,
}

/// What the proposer knows when it chooses the new value, after it heard a quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grounds {
    /// The backup has everything that was acknowledged, in this session.
    pub backup_is_complete: bool,
    /// Nothing new is accepted, and the backup has the whole log.
    pub is_drained: bool,
}

impl Value {
    /// Every value.
    pub const ALL: [Self; 4] = [
        Self::Pair(Seat::Primary),
        Self::Sole(Seat::Primary),
        Self::Pair(Seat::Secondary),
        Self::Sole(Seat::Secondary),
    ];

    /// Who serves.
    pub fn holder(self) -> Seat {
        match self {
            Self::Pair(holder) | Self::Sole(holder) => holder,
        }
    }

    /// Whether acknowledgements need both nodes.
    pub fn is_pair(self) -> bool {
        matches!(self, Self::Pair(_))
    }

    /// The value after `by` applied `change` to it: itself when the change does not apply.
    ///
    /// Source: `shared/design/ha.md` section 4.2. Whatever is not listed leaves the value as it
    /// is, so that a proposer that knew too little merely learns.
    #[must_use]
    pub fn changed(self, change: Change, by: Seat, grounds: Grounds) -> Self {
        let is_holder = self.holder() == by;
        match (change, self) {
            (Change::Shrink | Change::Disarm, Self::Pair(_)) if is_holder => Self::Sole(by),
            (Change::Takeover, Self::Pair(_)) if !is_holder => Self::Sole(by),
            (Change::Readmit, Self::Sole(_)) if is_holder && grounds.backup_is_complete => {
                Self::Pair(by)
            }
            (Change::Handover, Self::Pair(_)) if is_holder && grounds.is_drained => {
                Self::Pair(by.peer())
            }
            (Change::Handover, Self::Sole(_)) if is_holder && grounds.is_drained => {
                Self::Sole(by.peer())
            }
            (
                Change::Shrink
                | Change::Takeover
                | Change::Readmit
                | Change::Handover
                | Change::Disarm
                | Change::Confirm,
                Self::Pair(_) | Self::Sole(_),
            ) => self,
        }
    }

    /// Whether some change of some node turns `self` into `next`: what a checker may see.
    pub fn may_become(self, next: Self) -> bool {
        let willing = Grounds { backup_is_complete: true, is_drained: true };
        Change::ALL.iter().any(|change| {
            Seat::ALL.iter().any(|seat| self.changed(*change, *seat, willing) == next)
        })
    }
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 6] =
        [Self::Shrink, Self::Takeover, Self::Readmit, Self::Handover, Self::Disarm, Self::Confirm];
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pair(holder) => write!(f, "PAIR({holder})"),
            Self::Sole(holder) => write!(f, "SOLE({holder})"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shrink => "shrink",
            Self::Takeover => "takeover",
            Self::Readmit => "readmit",
            Self::Handover => "handover",
            Self::Disarm => "disarm",
            Self::Confirm => "confirm",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Change::{Confirm, Disarm, Handover, Readmit, Shrink, Takeover};
    use Seat::{Primary, Secondary};
    use Value::{Pair, Sole};

    /// All twelve proposals on both kinds of value; the list is section 4.2 of the design.
    fn check(change: Change, by: Seat, value: Value, expected: Value) {
        let willing = Grounds { backup_is_complete: true, is_drained: true };
        assert_eq!(value.changed(change, by, willing), expected, "{by} {change} {value}");
        let unwilling = Grounds { backup_is_complete: false, is_drained: false };
        let without = value.changed(change, by, unwilling);
        let needs_grounds = matches!(change, Readmit | Handover);
        assert_eq!(without, if needs_grounds { value } else { expected }, "{by} {change} {value}");
    }

    #[test]
    fn the_holder_changes_what_it_holds() {
        check(Shrink, Primary, Pair(Primary), Sole(Primary));
        check(Disarm, Primary, Pair(Primary), Sole(Primary));
        check(Readmit, Primary, Sole(Primary), Pair(Primary));
        check(Handover, Primary, Pair(Primary), Pair(Secondary));
        check(Handover, Primary, Sole(Primary), Sole(Secondary));
    }

    #[test]
    fn the_backup_takes_over_from_a_pair_and_never_from_a_sole_holder() {
        check(Takeover, Secondary, Pair(Primary), Sole(Secondary));
        check(Takeover, Secondary, Sole(Primary), Sole(Primary));
    }

    #[test]
    fn whoever_has_no_right_to_a_change_merely_learns() {
        for value in Value::ALL {
            check(Confirm, Primary, value, value);
            let other = value.holder().peer();
            for change in [Shrink, Disarm, Readmit, Handover] {
                check(change, other, value, value);
            }
            check(Takeover, value.holder(), value, value);
        }
        check(Shrink, Primary, Sole(Primary), Sole(Primary));
        check(Readmit, Primary, Pair(Primary), Pair(Primary));
    }
}
