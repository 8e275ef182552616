//! What an operator wants to know, with the words of the source documents where they have them.
//!
//! Source of the texts: the events log of `shared/sources/mse-8.0-high-availability.ja.txt`; the
//! ones marked "ours" name what the documents' system does not have.

use std::fmt;

use model::pair::Seat;
use serde::{Deserialize, Serialize};

use crate::status::State;

/// One line of the events log. Who generated it and when, its owner adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The peer answers.
    HeartbeatsUp,
    /// The peer does not answer any more. Ours.
    HeartbeatsDown,
    /// The backup is being brought up to date.
    Synchronizing,
    /// The backup has not come closer for a minute. Ours.
    SynchronizationStalled {
        /// Where it stands.
        percent: u8,
    },
    /// The pair is complete.
    Active,
    /// A failover begins; said by the holder that gives way.
    FailoverShutsDownPrimary,
    /// A failover begins; said by the backup.
    FailoverReconfigures,
    /// The register names the backup; it starts to serve.
    FailoverStartsInstance,
    /// The secondary serves.
    FailoverActive,
    /// A failback begins.
    FailbackStartsPrimary,
    /// The primary serves again, and its backup is not complete yet.
    PrimaryNotSynchronized,
    /// An operator changed how the pair behaves.
    ConfigurationUpdated {
        /// Automatic failover is on.
        is_automatic: bool,
    },
    /// The holder went on alone: its backup is not needed for acknowledgements any more. Ours.
    BackupLost {
        /// Why.
        why: Loss,
    },
    /// Nobody sees the witness: automatic failover is not available. Ours.
    WitnessLost,
    /// The witness is back. Ours.
    WitnessBack,
    /// This node serves nobody: it sees neither its peer nor the witness. Ours.
    Suspended,
    /// This node has lost its memory, and may neither vote nor serve. Ours.
    Blank,
    /// An operator forced the other node; what only this node had lies aside. Ours.
    Diverged,
    /// An operator made this node holder by decree. Ours.
    Forced {
        /// The generation that begins.
        generation: u32,
    },
    /// The holder changed too often: automatic failover is off until an operator resumes. Ours.
    Flapping {
        /// Changes within the last hour.
        changes: u32,
    },
    /// A handover was given up before anything was changed. Ours.
    HandoverAborted,
    /// The supervised service has failed. Ours.
    ServiceFailed,
    /// The backup's state differs from the holder's after the same entry. Ours.
    StateDiffers {
        /// The entry's index.
        index: u64,
    },
    /// The programs are too far apart to be paired. Ours.
    Incompatible {
        /// This program's feature level.
        own: u16,
        /// The peer's.
        peer: u16,
    },
    /// The group was dissolved. Ours.
    Dissolved,
    /// The state that operators see has changed. Ours.
    State {
        /// This node.
        seat: Seat,
        /// The new state.
        state: State,
    },
}

/// Why a holder goes on alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// It does not answer.
    Silent,
    /// It answers, but too slowly.
    Slow,
    /// It said that it stops.
    Leaving,
    /// The own service had failed and is back: what was given up goes on only under a new ballot.
    Abdicated,
    /// It would not take over: paused, without room, or its own service fails.
    Unwilling,
    /// Automatic failover is off, so that the register must not promise it.
    Manual,
}

/// How much a person has to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Information,
    /// It goes on, with less protection.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Event {
    /// How much a person has to do with it.
    pub fn severity(&self) -> Severity {
        match self {
            Self::HeartbeatsUp
            | Self::Synchronizing
            | Self::Active
            | Self::FailbackStartsPrimary
            | Self::ConfigurationUpdated { .. }
            | Self::WitnessBack
            | Self::Dissolved
            | Self::State { .. } => Severity::Information,
            Self::HeartbeatsDown
            | Self::PrimaryNotSynchronized
            | Self::BackupLost { .. }
            | Self::HandoverAborted
            | Self::FailoverShutsDownPrimary
            | Self::FailoverReconfigures
            | Self::FailoverStartsInstance
            | Self::WitnessLost => Severity::Warning,
            Self::FailoverActive
            | Self::SynchronizationStalled { .. }
            | Self::Suspended
            | Self::Blank
            | Self::Diverged
            | Self::Forced { .. }
            | Self::Flapping { .. }
            | Self::ServiceFailed
            | Self::StateDiffers { .. }
            | Self::Incompatible { .. } => Severity::Critical,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeartbeatsUp => f.write_str("Heartbeats have been setup successfully"),
            Self::HeartbeatsDown => f.write_str("Heartbeats are down"),
            Self::Synchronizing => {
                f.write_str("Primary and secondary server synchronization in progress")
            }
            Self::SynchronizationStalled { percent } => write!(
                f,
                "Synchronization stands still at {percent}%; it resumes by itself, check the link and the disk of the peer"
            ),
            Self::Active => f.write_str("Active"),
            Self::FailoverShutsDownPrimary => {
                f.write_str("Failover invoked; shutting down primary instance")
            }
            Self::FailoverReconfigures => {
                f.write_str("Failover has been invoked. Reconfiguring instance database")
            }
            Self::FailoverStartsInstance => {
                f.write_str("Failover invoked; starting application instance")
            }
            Self::FailoverActive => f.write_str("Instance is in failover active state"),
            Self::FailbackStartsPrimary => {
                f.write_str("Failback in progress; starting primary database instance")
            }
            Self::PrimaryNotSynchronized => f.write_str(
                "Primary instance is not synchronized with the secondary server. In progress.",
            ),
            Self::ConfigurationUpdated { is_automatic } => {
                let mode = if *is_automatic { "AUTOMATIC" } else { "MANUAL" };
                write!(f, "Configuration updated: Failover mode set to {mode}.")
            }
            Self::BackupLost { why } => write!(f, "The holder goes on alone: {why}"),
            Self::WitnessLost => {
                f.write_str("Automatic failover is not available: nobody sees the witness")
            }
            Self::WitnessBack => f.write_str("The witness is back"),
            Self::Suspended => f.write_str(
                "Suspended: neither the peer nor the witness answers; bring one back, or force this node",
            ),
            Self::Blank => f.write_str(
                "This node has lost its memory; it rejoins when both others answer, or when an operator enrols it",
            ),
            Self::Diverged => f.write_str(
                "An operator forced the other node; entries that only this node has are kept aside",
            ),
            Self::Forced { generation } => {
                write!(f, "Forced to serve by an operator; generation {generation} begins")
            }
            Self::Flapping { changes } => write!(
                f,
                "The holder changed {changes} times within an hour; automatic failover is off until an operator resumes"
            ),
            Self::HandoverAborted => {
                f.write_str("The handover was given up: the backup did not catch up in time")
            }
            Self::ServiceFailed => f.write_str("The supervised service has failed"),
            Self::StateDiffers { index } => {
                write!(f, "The states of both nodes differ after entry {index}; the backup is rebuilt")
            }
            Self::Incompatible { own, peer } => write!(
                f,
                "The peer's feature level {peer} does not fit this node's {own}; upgrade the older one"
            ),
            Self::Dissolved => f.write_str("The pair was dissolved"),
            Self::State { seat, state } => write!(f, "The {seat} is {state}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "its backup does not answer",
            Self::Slow => "its backup answers too slowly",
            Self::Leaving => "its backup stops on purpose",
            Self::Abdicated => "its own service had failed, and is back",
            Self::Unwilling => "its backup would not take over",
            Self::Manual => "automatic failover is off",
        })
    }
}
