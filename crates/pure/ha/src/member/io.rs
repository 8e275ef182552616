//! What goes into a member, and what comes out.

use std::fmt;

use model::Time;
use model::pair::{Entry, Epoch, Position};
use serde::{Deserialize, Serialize};

use crate::log::Log;
use crate::message::{From, Message, To};
use crate::record::Record;
use crate::replica::Draft;

/// What happens to a member. Recorded, a production run can be replayed as a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// The deadline has passed.
    Tick,
    /// A message came; the transport authenticated its sender.
    Message(From, Message),
    /// The connection to another voter was lost.
    Disconnected(To),
    /// A client writes; refused or appended at once.
    Write(Vec<Draft>),
    /// Everything up to here is on disk.
    Durable(Position),
    /// The journal keeps entries from this index on.
    Retained(u64),
    /// The supervised service is well, or has failed.
    Service(Service),
    /// The virtual address was removed; once for each [`Output::ReleaseAddress`].
    AddressGone,
    /// A snapshot was verified to its last byte: journal and state may be replaced by it. The
    /// member answers with [`Output::Install`], or not at all: then it is of no use any more.
    Install {
        /// The holder's session in which it was sent.
        session: Epoch,
        /// The log as it will be: its epochs up to the snapshot's position.
        log: Log,
    },
    /// How far the snapshot has come, in bytes that were verified.
    Snapshot {
        /// Verified.
        done: u64,
        /// All.
        total: u64,
    },
    /// The state's hash after the entry of this index.
    StateHash {
        /// The entry's index.
        index: u64,
        /// The hash.
        hash: u64,
    },
    /// Everything in the journal can be read again: it was repaired, or a cut took away what could not
    /// be read.
    Repaired,
    /// Whether this machine has room for another active instance.
    Admission(bool),
    /// An operator asks for something.
    Command(Command),
}

/// How the supervised service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Service {
    /// It passes its application checks.
    Well,
    /// It crashed, or fails them.
    Failed,
}

/// What an operator may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Hand over to the other node, on purpose.
    Switchover,
    /// Make this node sole holder by decree: what only the other node has is lost.
    Force,
    /// Dissolve the group; works with the peer dead.
    Unpair,
    /// No automatic failover or failback until [`Self::Resume`].
    Pause,
    /// End a pause, a flap stop and the back-off.
    Resume,
    /// Stop this node on purpose; a holder hands over first.
    Shutdown,
    /// This blank node may vote again with what it has heard: the others are gone for good.
    Enrol,
}

/// What the owner of a member must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Write the record; it is on disk before the next output is looked at.
    Persist(Record),
    /// Send a message. It may get lost.
    Send(To, Message),
    /// Write entries after the end of the journal; [`Input::Durable`] follows.
    Append(Vec<Entry>),
    /// Put everything after this index aside, then cut it off, before the next output.
    Truncate {
        /// The last index that stays.
        after: u64,
    },
    /// Put journal and applied state aside and begin empty, before the next output. The state goes
    /// first: one that is ahead of its log counts as lost memory.
    Wipe,
    /// Replace journal and state by the snapshot that is ready, before the next output.
    Install,
    /// Read entries from the journal, from `first` on and as many as fit one message, and send what
    /// [`crate::Member::ship`] makes of them.
    Ship {
        /// The first index that the backup lacks.
        first: u64,
    },
    /// The backup lacks what the journal does not keep any more: send it a snapshot.
    Snapshot,
    /// Apply everything up to here; a holder acknowledges it to its clients.
    Commit(u64),
    /// The write was refused: no entry of it was appended.
    RefuseWrite(&'static str),
    /// The peer asks for entries that its disk has lost: send [`Message::Fetched`].
    Fetch {
        /// The first index.
        first: u64,
        /// The last index.
        last: u64,
    },
    /// The peer sent entries that were asked for.
    Fetched(Vec<Entry>),
    /// This node serves from now on: start serving.
    Activate,
    /// This node serves no longer: stop serving; what waits is unknown to its clients. A holder that
    /// is in doubt for a moment is not told this: its clients wait.
    Deactivate,
    /// Hold the virtual address; announce it when it is new.
    HoldAddress {
        /// The kernel is to drop it by itself at this time of the member's clock. Who comes here
        /// later than that, because a disk stalled or the process was frozen, does not add it.
        until: Time,
    },
    /// Remove the virtual address and say [`Input::AddressGone`].
    ReleaseAddress,
    /// This node's state is not what its journal makes: end the process, put journal, state and
    /// record aside, and start again as [`crate::Record::blank`].
    Rebuild,
    /// Something that an operator wants to know.
    Event(super::Event),
    /// A command was refused.
    RefuseCommand(Command, &'static str),
    /// The shutdown is complete: the process may end.
    Stopped,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Switchover => "switchover",
            Self::Force => "force",
            Self::Unpair => "unpair",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Shutdown => "shutdown",
            Self::Enrol => "enrol",
        })
    }
}
