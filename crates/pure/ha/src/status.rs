//! How a member looks from outside: the states of the source documents, and ours.
//!
//! Source of the first nine: the HA state matrix of `shared/sources/mse-8.0-high-availability.ja.txt`,
//! completed in `shared/design/ha.md` section 4.10. The others make the quorum visible.

use std::fmt;

use model::Time;
use model::pair::Seat;
use serde::{Deserialize, Serialize};

use crate::table::Standing;
use crate::value::Value;

/// `Current state` of `gethainfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// The primary serves, its backup is complete.
    PrimaryActive,
    /// The secondary is complete and dormant.
    SecondaryActive,
    /// A failover is running.
    FailoverInvoked,
    /// The secondary serves.
    FailoverActive,
    /// The primary is up, the secondary serves.
    Terminated,
    /// A failback is running.
    FailbackActive,
    /// The primary serves again, its backup is not complete yet.
    FailbackComplete,
    /// The secondary gave back, and is not complete yet.
    SecondaryAlone,
    /// Stopped on purpose.
    GracefulShutdown,
    /// Ours: named by the register, but without a quorum; serves nobody.
    Suspended,
    /// Ours: serves, but nobody would take over by itself.
    Disarmed,
    /// Ours: a backup that is being brought up to date.
    Syncing(u8),
    /// Ours: has lost its memory.
    Blank,
    /// Ours: has entries that the forced holder does not have.
    Diverged,
}

/// What a member knows of itself and the others.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// This node.
    pub seat: Seat,
    /// As operators see it.
    pub state: State,
    /// As the protocol sees it.
    pub standing: Standing,
    /// The register, as this node has accepted it.
    pub value: Value,
    /// Raised by operators only.
    pub generation: u32,
    /// Whether reads are served now.
    pub may_read: bool,
    /// Whether a failover would start by itself now.
    pub is_armed: bool,
    /// Whether the peer answers.
    pub heartbeat_is_up: bool,
    /// Whether this node sees the witness.
    pub sees_witness: bool,
    /// When the peer was last heard of.
    pub last_contact: Option<Time>,
    /// How far the backup has come, in percent.
    pub sync_percent: u8,
    /// The last index of the log.
    pub end: u64,
    /// The last index that is applied.
    pub commit: u64,
    /// The feature level that both nodes have agreed to.
    pub level: u16,
    /// Automatic failover is off until an operator resumes.
    pub is_paused: bool,
}

impl State {
    /// Every state; a percentage stands for all.
    pub const ALL: [Self; 14] = [
        Self::PrimaryActive,
        Self::SecondaryActive,
        Self::FailoverInvoked,
        Self::FailoverActive,
        Self::Terminated,
        Self::FailbackActive,
        Self::FailbackComplete,
        Self::SecondaryAlone,
        Self::GracefulShutdown,
        Self::Suspended,
        Self::Disarmed,
        Self::Syncing(0),
        Self::Blank,
        Self::Diverged,
    ];
}

/// What the state of a member follows from.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) seat: Seat,
    pub(crate) standing: Standing,
    pub(crate) value: Value,
    pub(crate) has_authority: bool,
    pub(crate) is_diverged: bool,
    pub(crate) is_stopping: bool,
    /// The other node serves, or is about to, because this one gives way.
    pub(crate) is_taking_over: bool,
    pub(crate) backup_is_complete: bool,
    /// The backup answers.
    pub(crate) backup_is_near: bool,
    pub(crate) is_automatic: bool,
    pub(crate) has_failed_back: bool,
    pub(crate) is_complete: bool,
    pub(crate) percent: u8,
}

impl View {
    /// The state matrix.
    pub(crate) fn state(self) -> State {
        if self.is_stopping {
            return State::GracefulShutdown;
        }
        match self.standing {
            Standing::Blank => State::Blank,
            Standing::Rebuilding | Standing::Arriving if self.is_diverged => State::Diverged,
            Standing::Dissolved | Standing::Alone => State::Disarmed,
            Standing::Frozen => self.giving_way(),
            Standing::PairHolder | Standing::SoleHolder | Standing::Claimant => self.holder(),
            Standing::Arriving | Standing::Rebuilding if self.value.holder() == self.seat => {
                State::Suspended
            }
            Standing::Arriving
            | Standing::Rebuilding
            | Standing::Standby
            | Standing::Outdated
            | Standing::Doubtful => self.backup(),
        }
    }

    fn giving_way(self) -> State {
        match self.seat {
            Seat::Primary => State::FailoverInvoked,
            Seat::Secondary => State::FailbackActive,
        }
    }

    fn holder(self) -> State {
        if self.is_taking_over {
            return match self.seat {
                Seat::Primary => State::FailbackActive,
                Seat::Secondary => State::FailoverInvoked,
            };
        }
        if !self.has_authority {
            return State::Suspended;
        }
        match self.seat {
            Seat::Secondary => State::FailoverActive,
            Seat::Primary if self.value.is_pair() => State::PrimaryActive,
            Seat::Primary if self.backup_is_complete && !self.is_automatic => State::PrimaryActive,
            Seat::Primary if self.backup_is_complete || !self.backup_is_near => State::Disarmed,
            Seat::Primary if self.has_failed_back => State::FailbackComplete,
            Seat::Primary => State::Syncing(self.percent),
        }
    }

    fn backup(self) -> State {
        if self.is_taking_over {
            return match self.seat {
                Seat::Primary => State::FailbackActive,
                Seat::Secondary => State::FailoverInvoked,
            };
        }
        match self.seat {
            Seat::Primary => State::Terminated,
            Seat::Secondary if self.is_complete => State::SecondaryActive,
            Seat::Secondary if self.has_failed_back => State::SecondaryAlone,
            Seat::Secondary => State::Syncing(self.percent),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::PrimaryActive => "PRIMARY_ACTIVE",
            Self::SecondaryActive => "SECONDARY_ACTIVE",
            Self::FailoverInvoked => "FAILOVER_INVOKED",
            Self::FailoverActive => "FAILOVER_ACTIVE",
            Self::Terminated => "TERMINATED",
            Self::FailbackActive => "FAILBACK_ACTIVE",
            Self::FailbackComplete => "FAILBACK_COMPLETE",
            Self::SecondaryAlone => "SECONDARY_ALONE",
            Self::GracefulShutdown => "GRACEFUL_SHUTDOWN",
            Self::Suspended => "SUSPENDED",
            Self::Disarmed => "DISARMED",
            Self::Syncing(percent) => return write!(f, "SYNCING {percent} %"),
            Self::Blank => "BLANK",
            Self::Diverged => "DIVERGED",
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Seat::{Primary, Secondary};
    use Value::{Pair, Sole};

    fn view(seat: Seat, standing: Standing, value: Value) -> View {
        View {
            seat,
            standing,
            value,
            has_authority: true,
            is_diverged: false,
            is_stopping: false,
            is_taking_over: false,
            backup_is_complete: true,
            backup_is_near: true,
            is_automatic: false,
            has_failed_back: false,
            is_complete: true,
            percent: 66,
        }
    }

    /// The matrix of the source documents, row by row.
    #[test]
    fn the_documents_states_are_shown_as_they_describe_them() {
        let check = |view: View, expected: &str| assert_eq!(view.state().to_string(), expected);
        let primary = |standing, value| view(Primary, standing, value);
        let secondary = |standing, value| view(Secondary, standing, value);
        check(primary(Standing::PairHolder, Pair(Primary)), "PRIMARY_ACTIVE");
        check(primary(Standing::SoleHolder, Sole(Primary)), "PRIMARY_ACTIVE");
        check(secondary(Standing::Standby, Pair(Primary)), "SECONDARY_ACTIVE");
        check(secondary(Standing::Outdated, Sole(Primary)), "SECONDARY_ACTIVE");
        check(primary(Standing::Frozen, Pair(Primary)), "FAILOVER_INVOKED");
        let taking_over =
            View { is_taking_over: true, ..secondary(Standing::Standby, Pair(Primary)) };
        check(taking_over, "FAILOVER_INVOKED");
        check(secondary(Standing::SoleHolder, Sole(Secondary)), "FAILOVER_ACTIVE");
        check(primary(Standing::Outdated, Sole(Secondary)), "TERMINATED");
        check(primary(Standing::Standby, Pair(Secondary)), "TERMINATED");
        check(secondary(Standing::Frozen, Pair(Secondary)), "FAILBACK_ACTIVE");
        let failed_back = View {
            has_failed_back: true,
            backup_is_complete: false,
            is_complete: false,
            ..primary(Standing::SoleHolder, Sole(Primary))
        };
        check(failed_back, "FAILBACK_COMPLETE");
        let alone = View { seat: Secondary, standing: Standing::Outdated, ..failed_back };
        check(alone, "SECONDARY_ALONE");
        let stopping = View { is_stopping: true, ..primary(Standing::PairHolder, Pair(Primary)) };
        check(stopping, "GRACEFUL_SHUTDOWN");
    }

    #[test]
    fn our_states_make_the_quorum_visible() {
        let check = |view: View, expected: &str| assert_eq!(view.state().to_string(), expected);
        let sole = view(Primary, Standing::SoleHolder, Sole(Primary));
        check(View { is_automatic: true, ..sole }, "DISARMED");
        let syncing = View { backup_is_complete: false, ..sole };
        check(syncing, "SYNCING 66 %");
        check(View { backup_is_near: false, ..syncing }, "DISARMED");
        for standing in [Standing::PairHolder, Standing::Claimant] {
            let lost = View { has_authority: false, ..view(Primary, standing, Pair(Primary)) };
            check(lost, "SUSPENDED");
        }
        let syncing =
            View { is_complete: false, ..view(Secondary, Standing::Outdated, Sole(Primary)) };
        check(syncing, "SYNCING 66 %");
        check(view(Secondary, Standing::Blank, Sole(Primary)), "BLANK");
        let diverged =
            View { is_diverged: true, ..view(Primary, Standing::Rebuilding, Sole(Secondary)) };
        check(diverged, "DIVERGED");
    }
}
