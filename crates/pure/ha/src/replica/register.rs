//! The register: proposer and acceptor of one data node.
//!
//! `CASPaxos` over both data nodes and the witness, quorum two; without a witness over both, quorum
//! two. A proposer promises and accepts on its own disk before it asks anybody, so whatever the
//! witness may forget is on the disk of the data node that proposed it.

use model::pair::Ballot;

use super::{Effect, Replica};
use crate::message::{From, Message, To};
use crate::record::{Memory, Record};
use crate::table::Trigger;
use crate::value::{Change, Grounds, Value};

/// Votes that decide: two of three, or both without a witness.
const QUORUM: usize = 2;

/// How far a proposal of this node has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Proposal {
    Idle,
    /// Promises are being collected; this node's own is on disk.
    Preparing {
        ballot: Ballot,
        change: Change,
        promises: Votes<(Ballot, Value)>,
    },
    /// Acceptances are being collected; this node's own is on disk.
    Accepting {
        ballot: Ballot,
        value: Value,
        acceptances: Votes<()>,
    },
}

/// What the other voters answered. The proposer's own vote is counted by who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Votes<T> {
    peer: Option<T>,
    witness: Option<T>,
}

impl<T: Copy> Votes<T> {
    const NONE: Self = Self { peer: None, witness: None };

    fn add(&mut self, from: From, vote: T) {
        match from {
            From::Peer => self.peer = Some(vote),
            From::Witness(_) => self.witness = Some(vote),
        }
    }

    fn others(&self) -> impl Iterator<Item = T> {
        self.peer.into_iter().chain(self.witness)
    }

    /// Whether they are a quorum together with the proposer's own vote.
    fn decide(&self) -> bool {
        1 + self.others().count() >= QUORUM
    }
}

impl Replica {
    /// Begins a proposal at a ballot of its own.
    pub(super) fn propose(&mut self, change: Change) {
        let highest = self.record.promised.max(self.met);
        let ballot = Ballot {
            generation: self.record.promised.generation,
            round: highest.round.saturating_add(1),
            by: self.seat(),
        };
        self.record.promised = ballot;
        self.persist();
        self.proposal = Proposal::Preparing { ballot, change, promises: Votes::NONE };
        self.ask_all(&Message::Prepare { ballot });
    }

    /// Sends what the running proposal waits for once more.
    pub(super) fn repeat(&mut self) {
        match self.proposal {
            Proposal::Idle => {}
            Proposal::Preparing { ballot, .. } => self.ask_all(&Message::Prepare { ballot }),
            Proposal::Accepting { ballot, value, .. } => {
                self.ask_all(&Message::Accept { ballot, value });
            }
        }
    }

    /// Gives up the running proposal. If this node has accepted it, what it holds stays in doubt until
    /// `confirm` finds out.
    pub(super) fn withdraw(&mut self) {
        self.proposal = Proposal::Idle;
    }

    /// As acceptor: somebody prepares.
    pub(super) fn prepare(&mut self, ballot: Ballot) {
        let Record { promised, accepted, value, .. } = self.record;
        if ballot < promised {
            self.send(To::Peer, Message::Reject { ballot, promised });
            return;
        }
        if ballot > promised {
            self.proposal = Proposal::Idle;
            self.record.promised = ballot;
            self.persist();
        } else if accepted >= ballot {
            return;
        }
        self.send(To::Peer, Message::Promise { ballot, accepted, value });
    }

    /// As acceptor: somebody asks to accept.
    pub(super) fn accept(&mut self, ballot: Ballot, value: Value) {
        let Record { promised, accepted, .. } = self.record;
        if ballot < promised || ballot < accepted {
            self.send(To::Peer, Message::Reject { ballot, promised });
            return;
        }
        if accepted < ballot {
            self.adopt(ballot, value);
            self.persist();
            self.lead();
        }
        self.send(To::Peer, Message::Accepted { ballot });
    }

    /// As proposer: somebody promised.
    pub(super) fn promised(&mut self, from: From, ballot: Ballot, accepted: Ballot, value: Value) {
        if !self.counts(from) {
            return;
        }
        let Proposal::Preparing { ballot: mine, change, mut promises } = self.proposal else {
            return;
        };
        if mine != ballot {
            return;
        }
        promises.add(from, (accepted, value));
        self.proposal = Proposal::Preparing { ballot, change, promises };
        if promises.decide() {
            self.fire(Trigger::Promised, |replica| replica.choose(ballot, change, promises));
        }
    }

    /// A quorum has promised: the value of the highest ballot, changed, is accepted here first.
    fn choose(&mut self, ballot: Ballot, change: Change, promises: Votes<(Ballot, Value)>) {
        let own = (self.record.accepted, self.record.value);
        let (_, value) = promises
            .others()
            .fold(own, |highest, vote| if vote.0 > highest.0 { vote } else { highest });
        let grounds = Grounds {
            backup_is_complete: self.backup_is_complete(),
            is_drained: self.is_drained(),
        };
        let value = value.changed(change, self.seat(), grounds);
        self.adopt(ballot, value);
        self.persist();
        self.proposal = Proposal::Accepting { ballot, value, acceptances: Votes::NONE };
        self.ask_all(&Message::Accept { ballot, value });
    }

    /// As proposer: somebody accepted.
    pub(super) fn accepted(&mut self, from: From, ballot: Ballot) {
        if !self.counts(from) {
            return;
        }
        let Proposal::Accepting { ballot: mine, value, mut acceptances } = self.proposal else {
            return;
        };
        if mine != ballot {
            return;
        }
        acceptances.add(from, ());
        self.proposal = Proposal::Accepting { ballot, value, acceptances };
        if acceptances.decide() {
            self.fire(Trigger::Chosen, |replica| {
                replica.proposal = Proposal::Idle;
                replica.decide(ballot);
                replica.ask_all(&Message::Decided { ballot, value });
            });
        }
    }

    /// As proposer: somebody has promised a higher ballot.
    pub(super) fn rejected(&mut self, ballot: Ballot) {
        if let Proposal::Preparing { ballot: mine, .. } = self.proposal
            && mine == ballot
        {
            self.proposal = Proposal::Idle;
        }
        if let Proposal::Accepting { ballot: mine, .. } = self.proposal
            && mine == ballot
        {
            self.proposal = Proposal::Idle;
        }
    }

    /// Somebody tells a decided value.
    pub(super) fn learn(&mut self, ballot: Ballot, value: Value) {
        let Record { promised, accepted, .. } = self.record;
        if ballot >= promised && ballot > accepted {
            self.adopt(ballot, value);
            if self.record.is_decided() {
                self.persist();
                self.lead();
            }
        }
        self.decide(ballot);
    }

    /// An operator makes this node sole holder by decree, in a generation of its own.
    pub(super) fn found(&mut self) {
        self.found_generation();
        let Record { accepted: ballot, value, .. } = self.record;
        self.persist();
        self.ask_all(&Message::Decided { ballot, value });
        self.lead();
    }

    /// The sole holder leaves the group behind.
    pub(super) fn dissolve(&mut self) {
        self.found_generation();
        self.record.dissolved = true;
        self.persist();
        let generation = self.record.promised.generation;
        self.ask_all(&Message::Dissolved { generation });
    }

    /// Tells a peer that does not know it yet.
    pub(super) fn say_dissolved(&mut self, message: &Message) {
        if !matches!(message, Message::Dissolved { .. }) {
            let generation = self.record.promised.generation;
            self.send(To::Peer, Message::Dissolved { generation });
        }
    }

    /// The peer dissolved the group.
    pub(super) fn dissolved(&mut self) {
        self.record.dissolved = true;
        self.record.value = Value::Sole(self.seat().peer());
        self.persist();
    }

    /// A higher generation was met: its founder is sole holder by decree.
    pub(super) fn abdicate(&mut self, generation: u32) {
        let ballot = Ballot::founding(generation);
        if ballot.by == self.seat() {
            // Only this node founds that generation, and it does not know of it.
            self.forget(self.life());
            return;
        }
        self.record.diverged = self.record.memory != Memory::Lost && self.log.end().index > 0;
        self.adopt(ballot, Value::Sole(ballot.by));
        self.record.decided = ballot;
        if self.record.memory == Memory::Whole {
            self.record.memory = Memory::Partial;
        }
        self.persist();
    }

    fn found_generation(&mut self) {
        let highest = self.met.generation.max(self.record.promised.generation);
        let mut ballot = Ballot::founding(highest + 1);
        if ballot.by != self.seat() {
            ballot = Ballot::founding(highest + 2);
        }
        self.met = ballot;
        self.adopt(ballot, Value::Sole(self.seat()));
        self.record.decided = ballot;
        self.record.memory = Memory::Whole;
        self.record.diverged = false;
        self.has_holes = false;
        self.is_arriving = false;
        self.proposal = Proposal::Idle;
    }

    /// Accepts a value; who calls has compared the ballots and persists.
    pub(super) fn adopt(&mut self, ballot: Ballot, value: Value) {
        // Nobody but this node can change SOLE(self): a node that stood there and finds it
        // proposed again need not wait until that is decided.
        let sole = Value::Sole(self.seat());
        let goes_on = self.standing().serves() && self.record.value == sole && value == sole;
        self.backup = None;
        self.followed = None;
        self.is_frozen = false;
        self.proposal = Proposal::Idle;
        self.met = self.met.max(ballot);
        self.record.promised = ballot;
        self.record.accepted = ballot;
        self.record.value = value;
        self.inherits |= value.holder() != self.seat();
        if goes_on {
            self.record.decided = ballot;
        }
    }

    /// Notes that the accepted ballot is decided, and acts on it.
    fn decide(&mut self, ballot: Ballot) {
        if self.record.accepted == ballot && self.record.decided < ballot {
            self.record.decided = ballot;
            self.persist();
            self.lead();
        }
    }

    /// Whether the vote counts: that of a witness which this node has left does not.
    pub(super) fn counts(&self, from: From) -> bool {
        match from {
            From::Peer => true,
            From::Witness(incarnation) => {
                self.identity.has_witness && incarnation == self.record.witness
            }
        }
    }

    pub(super) fn ask_all(&mut self, message: &Message) {
        self.effects.push_back(Effect::Send(To::Peer, message.clone()));
        if self.identity.has_witness {
            self.effects.push_back(Effect::Send(To::Witness, message.clone()));
        }
    }
}
