//! The witness: third voter of a group. It stores no data and proposes nothing.
//!
//! It keeps its votes in memory only, and trusts neither a disk nor a clock nor a backup of its
//! own: each start is a new incarnation, which asks both data nodes what they know and votes only
//! when both have answered. Whatever an earlier incarnation promised or accepted, the proposer had
//! on its own disk before, so the maxima of both cannot be lower.

use std::collections::VecDeque;

use model::pair::{Ballot, Seat};
use serde::{Deserialize, Serialize};

use crate::message::{Known, Life, Message};
use crate::record::Incarnation;
use crate::value::Value;

/// One group's third voter, in one life of the witness.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Witness {
    incarnation: Incarnation,
    known: Option<Known>,
    reports: [Option<Known>; 2],
    lives: [Life; 2],
    /// The newest beacon of each data node.
    beacons: [u64; 2],
    is_dissolved: bool,
    is_left: bool,
    messages: VecDeque<(Seat, Message)>,
}

impl Witness {
    /// A witness without memory. It asks both data nodes what they know.
    pub fn start(incarnation: Incarnation) -> Self {
        let mut witness = Self {
            incarnation,
            known: None,
            reports: [None; 2],
            lives: [Life::default(); 2],
            beacons: [0; 2],
            is_dissolved: false,
            is_left: false,
            messages: VecDeque::new(),
        };
        witness.ask();
        witness
    }

    /// Which life this is.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Whether both data nodes have reported, so that it may vote.
    pub fn is_valid(&self) -> bool {
        self.known.is_some()
    }

    /// What it knows of the register, when it may vote.
    pub fn known(&self) -> Option<Known> {
        self.known
    }

    /// Whether a data node has bound to another witness. This life is over then: start another one,
    /// but not at once, so that two witnesses that were set up by mistake take turns slowly.
    pub fn is_left(&self) -> bool {
        self.is_left
    }

    /// The newest life of a data node that it has heard of.
    pub fn life(&self, seat: Seat) -> Life {
        self.lives[place(seat)]
    }

    /// Asks the data nodes that have not reported yet; to be repeated until it is valid.
    pub fn ask(&mut self) {
        if self.known.is_none() && !self.is_dissolved && !self.is_left {
            for seat in Seat::ALL {
                if self.reports[place(seat)].is_none() {
                    let life = self.incarnation.0;
                    self.messages.push_back((seat, Message::Ask { life }));
                }
            }
        }
    }

    /// The next message to send.
    pub fn poll(&mut self) -> Option<(Seat, Message)> {
        self.messages.pop_front()
    }

    /// A message of a data node came.
    pub fn handle(&mut self, from: Seat, message: &Message) {
        if let (Some(ballot), Some(known)) = (message.ballot(), &mut self.known) {
            known.meet(ballot);
        }
        match *message {
            Message::Report { asker, known, .. } if asker == self.incarnation.0 => {
                self.reported(from, known);
            }
            Message::Hello { life, .. } => self.greeted(from, life),
            Message::Prepare { ballot } => self.prepare(from, ballot),
            Message::Accept { ballot, value } => self.accept(from, ballot, value),
            Message::Decided { ballot, value } => self.learn(ballot, value),
            Message::Ask { life } => self.asked(from, life),
            Message::Beacon(beacon) => {
                self.remember(from, beacon.seq, beacon.life);
                let sees_witness = self.is_valid();
                let answer = Message::BeaconAck {
                    seq: beacon.seq,
                    sent: beacon.sent,
                    session: None,
                    sees_witness,
                };
                self.messages.push_back((from, answer));
            }
            Message::Left { incarnation } if incarnation == self.incarnation => {
                self.is_left = true;
                self.known = None;
            }
            Message::Dissolved { .. } => {
                self.is_dissolved = true;
                self.known = None;
            }
            // Data nodes exchange the rest among themselves.
            _ => {}
        }
    }

    fn reported(&mut self, from: Seat, known: Known) {
        if self.known.is_some() || self.is_dissolved || self.is_left {
            return;
        }
        self.reports[place(from)] = Some(known);
        let [Some(mut all), Some(other)] = self.reports else { return };
        if other.accepted > all.accepted {
            all.accepted = other.accepted;
            all.value = other.value;
        }
        all.promised = all.promised.max(other.promised);
        all.decided = all.decided.max(other.decided).min(all.accepted);
        self.known = Some(all);
    }

    fn prepare(&mut self, from: Seat, ballot: Ballot) {
        let Some(known) = &mut self.known else { return };
        let answer = if ballot < known.promised {
            Message::Reject { ballot, promised: known.promised }
        } else if ballot == known.promised && known.accepted >= ballot {
            return;
        } else {
            known.promised = ballot;
            Message::Promise { ballot, accepted: known.accepted, value: known.value }
        };
        self.messages.push_back((from, answer));
    }

    fn accept(&mut self, from: Seat, ballot: Ballot, value: Value) {
        let Some(known) = &mut self.known else { return };
        let answer = if ballot < known.promised || ballot < known.accepted {
            Message::Reject { ballot, promised: known.promised }
        } else {
            known.promised = ballot;
            known.accepted = ballot;
            known.value = value;
            Message::Accepted { ballot }
        };
        self.messages.push_back((from, answer));
    }

    fn learn(&mut self, ballot: Ballot, value: Value) {
        let Some(known) = &mut self.known else { return };
        if ballot >= known.promised && ballot > known.accepted {
            known.promised = ballot;
            known.accepted = ballot;
            known.value = value;
        }
        if ballot == known.accepted {
            known.decided = ballot;
        }
    }

    /// A data node without memory asks. What it promised to whom is with the proposers, so a
    /// witness that may not vote has nothing to say.
    fn asked(&mut self, from: Seat, asker: u128) {
        if let Some(known) = self.known {
            let life = self.lives[place(from)];
            let witness = self.incarnation;
            let report = Message::Report { asker, known, life, witness, left: Vec::new() };
            self.messages.push_back((from, report));
        }
    }

    fn greeted(&mut self, from: Seat, life: Life) {
        let Some(known) = self.known else { return };
        let seen = self.lives[place(from)].having_proposed(known.accepted, from);
        let Life { run, birth, .. } = life;
        if life.has_forgotten(&seen) {
            self.messages.push_back((from, Message::Forgotten { run, birth, life: seen }));
            return;
        }
        if run > seen.run {
            self.beacons[place(from)] = 0;
            self.lives[place(from)] = life;
        }
        self.messages.push_back((from, Message::Welcome { run, birth, level: 0 }));
    }

    fn remember(&mut self, from: Seat, seq: u64, life: Life) {
        let (seen, newest) = (&mut self.lives[place(from)], &mut self.beacons[place(from)]);
        let is_known = life.run == seen.run && life.birth == seen.birth;
        if seen.run == 0 || is_known && seq > *newest {
            *seen = life;
            *newest = seq;
        }
    }
}

impl Known {
    /// Gives way to a higher generation: its founder is sole holder by decree.
    fn meet(&mut self, ballot: Ballot) {
        if ballot.generation > self.promised.generation {
            let founding = Ballot::founding(ballot.generation);
            let value = Value::Sole(founding.by);
            *self = Self { promised: founding, accepted: founding, value, decided: founding };
        }
    }
}

fn place(seat: Seat) -> usize {
    match seat {
        Seat::Primary => 0,
        Seat::Secondary => 1,
    }
}
