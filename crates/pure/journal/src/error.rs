//! What can go wrong.

use model::pair::Position;

use crate::disk::DiskError;

/// Why the journal did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk failed. After anything but a full disk the journal is [`Error::Poisoned`].
    #[error("the disk failed at {0}")]
    Disk(#[from] DiskError),
    /// The disk failed before: what is on it is unknown until the journal is opened anew.
    #[error("an earlier write or sync failed; restart, so that recovery looks at the disk")]
    Poisoned,
    /// The directory belongs to another group.
    #[error(
        "{name} belongs to group {found}, not to {configured}; point the role at its own directory"
    )]
    ConfigGroup {
        /// The file.
        name: String,
        /// The group in it.
        found: u64,
        /// The group that was asked for.
        configured: u64,
    },
    /// The directory was written by a newer program.
    #[error("{name} has format {found}, this program knows {known}; install the newer program")]
    ConfigFormat {
        /// The file.
        name: String,
        /// Its format.
        found: u16,
        /// The format that is known.
        known: u16,
    },
    /// These settings cannot be used.
    #[error("segments of {bytes} bytes: choose {least} to {most}")]
    ConfigSegmentBytes {
        /// What was asked for.
        bytes: u64,
        /// The least that is allowed.
        least: u64,
        /// The most that is allowed.
        most: u64,
    },
    /// The log ends below what was durable once: cut or restart it before going on.
    #[error("the log was lost from index {from} on; this node must be rebuilt from its peer")]
    Lost {
        /// The first index that is gone.
        from: u64,
    },
    /// These entries cannot be read.
    #[error("entries {first} to {last} are corrupt; fetch them from the peer")]
    Damaged {
        /// The first one.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// What was asked for is below the retained part.
    #[error("index {index} is gone; the log begins at {first}")]
    Gone {
        /// What was asked for.
        index: u64,
        /// The first index that is retained.
        first: u64,
    },
    /// What was asked for is above the end.
    #[error("index {index} is beyond the end of the log at {end}")]
    Beyond {
        /// What was asked for.
        index: u64,
        /// The last index.
        end: u64,
    },
    /// An entry does not belong here: indexes go up by one, epochs never go down.
    #[error("entry {found} does not belong after {after}")]
    OutOfPlace {
        /// The entry.
        found: Position,
        /// What it should follow.
        after: Position,
    },
    /// Too much at once.
    #[error("{bytes} bytes at once; at most {most} are taken")]
    TooLong {
        /// What was handed in.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// What the peer sent is not what was here.
    #[error("the peer's entries {first} to {last} do not fit the chain of this log")]
    PeerMisfit {
        /// The first one.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// A base whose epochs do not end at its position.
    #[error("a base at {position} whose epochs end at {end}")]
    PeerBase {
        /// The position.
        position: Position,
        /// Where its epochs end.
        end: Position,
    },
}
