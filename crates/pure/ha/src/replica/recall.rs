//! What a node may do that has just started, or has lost its memory.
//!
//! A node that started asks its peer and the witness whether they remember more of it than it does
//! itself: a disk that was replaced or set back shows that way. A node without memory asks both
//! what they know, and takes the maxima. That is at least what it forgot: whatever it promised or
//! accepted for the peer's proposals the peer has on its own disk, and whatever of its own proposals
//! can still have an effect somebody else has promised.

use std::cmp::Ordering;

use model::pair::{Ballot, Seat};

use super::{Effect, Replica, Standing};
use crate::message::{From, Known, Life, Message, To};
use crate::record::{Incarnation, LEFT_WITNESSES_MAX, Memory};
use crate::table::Trigger;
use crate::value::Value;

impl Replica {
    /// Asks to be recognised, or, without memory, what the others know.
    pub fn introduce(&mut self) {
        match self.standing() {
            Standing::Blank => {
                let life = u128::from(self.identity.birth);
                self.ask_all(&Message::Ask { life });
            }
            Standing::Alone | Standing::Dissolved => {}
            _ if self.is_recognised => {}
            _ => {
                let (life, level) = (self.life(), self.identity.level);
                self.ask_all(&Message::Hello { life, level });
            }
        }
    }

    /// Nobody answers: a sole holder acts, because nobody else may.
    pub(super) fn act_alone(&mut self) {
        let is_sole = self.record.value == Value::Sole(self.seat()) && self.record.is_decided();
        if is_sole && self.record.memory == Memory::Whole && !self.has_holes {
            self.is_arriving = false;
            self.lead();
        }
    }

    /// Remembers how far the peer has come. Who calls knows that no newer word of it was heard.
    ///
    /// A new run has to greet first: it may be a disk that was set back.
    pub fn remember(&mut self, life: Life) {
        let is_known = life.run == self.peer.run
            && [life.birth, Life::UNKNOWN_BIRTH].contains(&self.peer.birth);
        if is_known || self.peer.run == 0 {
            self.meet_run(life.run);
            self.peer = life;
        }
    }

    /// The peer has started and asks to be recognised.
    pub(super) fn greeted(&mut self, life: Life) {
        let Life { run, birth, .. } = life;
        let seen = self.peer.having_proposed(self.record.accepted, self.seat().peer());
        if life.has_forgotten(&seen) {
            self.send(To::Peer, Message::Forgotten { run, birth, life: seen });
            return;
        }
        if run > self.peer.run || self.peer.birth == Life::UNKNOWN_BIRTH {
            self.meet_run(run);
            self.peer = life;
            self.record.peer = life;
            self.persist();
        }
        self.send(To::Peer, Message::Welcome { run, birth, level: self.identity.level });
    }

    /// This node has lost its memory.
    pub(super) fn forget(&mut self, remembered: Life) {
        self.record.memory = Memory::Lost;
        self.record.run = self.record.run.max(remembered.run);
        self.followed = None;
        self.backup = None;
        self.is_frozen = false;
        self.proposal = super::Proposal::Idle;
        self.reports = [None; 2];
        self.persist();
    }

    /// Somebody without memory asks what this node knows.
    pub(super) fn asked(&mut self, from: From, asker: u128) {
        if self.record.memory == Memory::Lost || self.is_arriving || self.record.dissolved {
            return;
        }
        let (to, life) = match from {
            From::Peer => (To::Peer, self.peer),
            From::Witness(incarnation) => {
                if incarnation.0 != asker || !self.bind(incarnation) {
                    return;
                }
                (To::Witness, Life::default())
            }
        };
        let report = Message::Report {
            asker,
            known: self.known(),
            life,
            witness: self.record.witness,
            left: self.record.left_witnesses.clone(),
        };
        self.send(to, report);
    }

    /// From now on only the votes of this witness count; on disk before it is told anything.
    fn bind(&mut self, incarnation: Incarnation) -> bool {
        if incarnation == self.record.witness {
            return true;
        }
        if self.record.left_witnesses.contains(&incarnation) {
            return false;
        }
        self.withdraw_from_witness();
        self.record.left_witnesses.insert(0, self.record.witness);
        self.record.left_witnesses.truncate(LEFT_WITNESSES_MAX);
        self.record.witness = incarnation;
        self.persist();
        true
    }

    /// Promises and acceptances of the old witness are worth nothing any more.
    fn withdraw_from_witness(&mut self) {
        self.proposal = super::Proposal::Idle;
    }

    /// Without memory: somebody answered.
    pub(super) fn reported(
        &mut self,
        from: From,
        asker: u128,
        known: Known,
        life: Life,
        witness: (Incarnation, Vec<Incarnation>),
    ) {
        if self.standing() != Standing::Blank || asker != u128::from(self.identity.birth) {
            return;
        }
        let (witness, left) = witness;
        let place = usize::from(from != From::Peer);
        self.reports[place] = Some((known, witness));
        // What others have seen of this node it has done, whether the register shows it or not.
        self.record.run = self.record.run.max(life.run);
        self.record.cuts = self.record.cuts.max(life.cuts);
        self.record.promised = self.record.promised.max(life.promised);
        if from == From::Peer {
            self.record.left_witnesses = left;
        }
        let is_complete = match self.reports {
            [Some(_), None] => !self.identity.has_witness,
            // A witness that the peer has left may not know what was decided since.
            [Some((_, bound)), Some((_, witness))] => bound == witness,
            [None, _] => false,
        };
        if is_complete {
            self.record.witness = witness;
            self.fire(Trigger::Recalled, Self::recall);
        }
    }

    /// An operator vouches that what was heard is all there is.
    pub(super) fn enrol(&mut self) {
        if self.reports == [None; 2] {
            let reason = "nobody has told yet what was promised; one of the others must answer";
            self.effects.push_back(Effect::Refuse { trigger: Trigger::Recalled, reason });
        } else {
            self.fire(Trigger::Recalled, Self::recall);
        }
    }

    fn recall(&mut self) {
        for (known, _) in self.reports.into_iter().flatten() {
            self.record.promised = self.record.promised.max(known.promised);
            if known.accepted > self.record.accepted {
                self.record.accepted = known.accepted;
                self.record.value = known.value;
            }
            self.record.decided = self.record.decided.max(known.decided);
        }
        self.record.decided = self.record.decided.min(self.record.accepted);
        self.met = self.met.max(self.record.promised);
        self.record.memory = Memory::Partial;
        // Answers to an earlier life must not be taken for answers to this one, and a log that is
        // shorter than it was is no surprise.
        self.record.run += 1;
        self.record.cuts += 1;
        self.record.hint = self.log.position(self.log.durable()).unwrap_or_default();
        self.is_arriving = false;
        self.is_recognised = false;
        self.reports = [None; 2];
        self.persist();
    }

    /// What could not be read was fetched from the peer.
    pub(super) fn repaired(&mut self) {
        let makes_whole =
            self.standing() == Standing::Rebuilding && self.record.memory == Memory::Whole;
        if makes_whole {
            self.fire(Trigger::Complete, |replica| replica.has_holes = false);
        } else {
            self.has_holes = false;
            self.complete();
        }
        self.acknowledge();
    }
}

impl Life {
    /// A run that was heard of, but not from its own greeting.
    pub(crate) const UNKNOWN_BIRTH: u64 = 0;

    /// What is seen of the node `by` when a ballot was accepted: what it proposed it has promised
    /// on its own disk.
    #[must_use]
    pub(crate) fn having_proposed(mut self, accepted: Ballot, by: Seat) -> Self {
        if accepted.by == by {
            self.promised = self.promised.max(accepted);
        }
        self
    }

    /// Whether a node that says this of itself has forgotten what was seen of it.
    ///
    /// The same life may say it again; a new one must have counted its start, and have all that
    /// the last one had. The one who is accused judges by what it says of itself then: an old
    /// greeting that comes late accuses a node of what it has not forgotten.
    pub(crate) fn has_forgotten(&self, seen: &Self) -> bool {
        let is_another = match self.run.cmp(&seen.run) {
            Ordering::Less => true,
            Ordering::Equal => seen.birth != Self::UNKNOWN_BIRTH && self.birth != seen.birth,
            Ordering::Greater => {
                let is_shorter = self.cuts == seen.cuts && self.durable < seen.durable;
                self.cuts < seen.cuts || is_shorter
            }
        };
        is_another || self.promised < seen.promised
    }
}
