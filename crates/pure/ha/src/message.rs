//! What data nodes and the witness say to each other.
//!
//! Every message carries the ballots and values it is about, so that it may be lost, repeated,
//! delayed and reordered at will. The transport authenticates the sender and tells it.

use model::Time;
use model::pair::{Ballot, Entry, Epoch, Position};
use serde::{Deserialize, Serialize};

use crate::log::History;
use crate::record::Incarnation;
use crate::value::Value;

/// Who sent a message. The transport has authenticated it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum From {
    /// The other data node of the group.
    Peer,
    /// A witness, in one of its lives.
    Witness(Incarnation),
}

/// To whom a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum To {
    /// The other data node of the group.
    Peer,
    /// The witness.
    Witness,
}

/// A configuration as one node knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Known {
    /// No lower ballot is answered.
    pub promised: Ballot,
    /// The ballot of the value.
    pub accepted: Ballot,
    /// The accepted value.
    pub value: Value,
    /// The highest ballot known to be decided.
    pub decided: Ballot,
}

/// How far one start of a data node has come.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Life {
    /// Starts of the process on its disk.
    pub run: u32,
    /// Random for each start: two starts with the same run are not the same life.
    pub birth: u64,
    /// What it has promised.
    pub promised: Ballot,
    /// How often its log was cut to follow a holder: after a cut it may be shorter.
    pub cuts: u32,
    /// The last position on its disk.
    pub durable: Position,
}

/// A message between two voters of one group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// A data node has started: does anybody remember more of it than it does itself?
    Hello {
        /// What it remembers of itself.
        life: Life,
        /// Its program's feature level.
        level: u16,
    },
    /// Nobody here remembers more.
    Welcome {
        /// The run that is welcomed.
        run: u32,
        /// The life that is welcomed: a disk that was set back counts the same run once more.
        birth: u64,
        /// The answering program's feature level; the witness has none.
        level: u16,
    },
    /// More is remembered here: that node has lost memory.
    Forgotten {
        /// The run that has lost memory.
        run: u32,
        /// The life that greeted.
        birth: u64,
        /// What is remembered of it.
        life: Life,
    },
    /// A proposer asks for a promise.
    Prepare {
        /// Its ballot.
        ballot: Ballot,
    },
    /// No lower ballot will be answered.
    Promise {
        /// The promised ballot.
        ballot: Ballot,
        /// The ballot of the value.
        accepted: Ballot,
        /// The value accepted so far.
        value: Value,
    },
    /// A proposer asks to accept its value.
    Accept {
        /// Its ballot.
        ballot: Ballot,
        /// Its value.
        value: Value,
    },
    /// The value of this ballot was accepted.
    Accepted {
        /// The ballot.
        ballot: Ballot,
    },
    /// A higher ballot was promised.
    Reject {
        /// The ballot that is refused.
        ballot: Ballot,
        /// The higher one.
        promised: Ballot,
    },
    /// A quorum has accepted.
    Decided {
        /// The ballot.
        ballot: Ballot,
        /// Its value.
        value: Value,
    },
    /// Somebody without memory asks what the others know.
    Ask {
        /// The life that asks: a witness's incarnation, or a data node's birth. An answer to
        /// another life says what was known then, not what is known now.
        life: u128,
    },
    /// The answer.
    Report {
        /// The life that asked.
        asker: u128,
        /// What the answering node knows.
        known: Known,
        /// What it remembers of the asking data node; nothing for a witness.
        life: Life,
        /// The witness whose votes count for the answering node.
        witness: Incarnation,
        /// The witnesses that it has left.
        left: Vec<Incarnation>,
    },
    /// The holder opens its session: the backup's log shall follow.
    Open {
        /// The session.
        session: Epoch,
        /// Its decided value.
        value: Value,
        /// The backup's run that is meant.
        backup_run: u32,
        /// The holder's log when the session began.
        base: History,
        /// Up to here the holder may have acknowledged entries, in this run or before.
        owed: u64,
        /// What the holder has committed.
        commit: u64,
    },
    /// Entries of the session.
    Append {
        /// The session.
        session: Epoch,
        /// The backup's run that is meant.
        backup_run: u32,
        /// Consecutive entries; none just tells the commit index.
        entries: Vec<Entry>,
        /// What the holder has committed.
        commit: u64,
    },
    /// What the backup has on disk in this session.
    Ack {
        /// The session.
        session: Epoch,
        /// The backup's run.
        run: u32,
        /// The last index on its disk.
        durable: u64,
    },
    /// The session is refused, or was not opened to this run.
    Nack {
        /// The session.
        session: Epoch,
        /// The backup's run.
        run: u32,
        /// What the backup knows.
        known: Known,
    },
    /// To a witness: this data node counts the votes of another one, and will not come back.
    Left {
        /// The life that was left.
        incarnation: Incarnation,
    },
    /// A sign of life.
    Beacon(Beacon),
    /// The answer to a sign of life.
    BeaconAck {
        /// The beacon's number.
        seq: u64,
        /// When the beacon was sent, on its sender's clock.
        sent: Time,
        /// The session that the answering backup follows; the holder's lease hangs on it.
        session: Option<Epoch>,
        /// Whether the answering data node sees the witness; the witness sees itself when it may
        /// vote.
        sees_witness: bool,
    },
    /// The holder's service has failed: it stopped, its address is gone; take over now.
    Abdicate {
        /// The session that it gives up.
        session: Epoch,
    },
    /// The sender stops on purpose.
    Leaving {
        /// Its run.
        run: u32,
    },
    /// The group was dissolved.
    Dissolved {
        /// The generation that dissolved it.
        generation: u32,
    },
    /// The state after an entry, to compare.
    StateHash {
        /// The entry.
        position: Position,
        /// The hash of everything that was applied so far.
        hash: u64,
    },
    /// Entries that are corrupt on the sender's disk: please send them again.
    Fetch {
        /// The first index.
        first: u64,
        /// The last index.
        last: u64,
    },
    /// Entries that were asked for.
    Fetched {
        /// Consecutive entries.
        entries: Vec<Entry>,
    },
}

/// A sign of life of a data node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Beacon {
    /// Counts beacons.
    pub seq: u64,
    /// When it was sent, on the sender's clock; comes back in the answer.
    pub sent: Time,
    /// How far the sender has come.
    pub life: Life,
    /// The session and value, when the sender holds one.
    pub session: Option<(Epoch, Value)>,
    /// What the sender has committed.
    pub commit: u64,
    /// The sender sees the witness.
    pub sees_witness: bool,
    /// As holder: its backup has answered lately. One that can send but not receive is no holder.
    pub is_answered: bool,
    /// As backup: it would take over.
    pub is_willing: bool,
    /// Unplanned changes of the holder that the sender remembers: who has just started asks.
    pub changes: u32,
    /// The sender's feature level.
    pub level: u16,
}

impl Message {
    /// The highest ballot that the message tells: a higher generation in it ends lower ones.
    pub fn ballot(&self) -> Option<Ballot> {
        match self {
            Self::Prepare { ballot }
            | Self::Promise { ballot, .. }
            | Self::Accept { ballot, .. }
            | Self::Accepted { ballot }
            | Self::Decided { ballot, .. } => Some(*ballot),
            Self::Reject { promised, .. } => Some(*promised),
            Self::Hello { life, .. } => Some(life.promised),
            Self::Open { session, .. } | Self::Append { session, .. } => Some(session.ballot),
            Self::Report { known, .. } | Self::Nack { known, .. } => Some(known.promised),
            Self::Beacon(beacon) => Some(beacon.life.promised),
            Self::Dissolved { generation } => Some(Ballot::founding(*generation)),
            Self::Welcome { .. }
            | Self::Forgotten { .. }
            | Self::Ask { .. }
            | Self::Ack { .. }
            | Self::BeaconAck { .. }
            | Self::Abdicate { .. }
            | Self::Leaving { .. }
            | Self::Left { .. }
            | Self::StateHash { .. }
            | Self::Fetch { .. }
            | Self::Fetched { .. } => None,
        }
    }
}
