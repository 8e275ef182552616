//! One data node's part in the pair, without time: what it may do, never when.
//!
//! Everything that safety depends on is here: the register (`register`), whose acknowledgements
//! count (`replication`), and what a node that has lost its memory may do (`recall`). Inputs may come
//! at any moment and in any order. The model check drives this type; [`crate::Member`] adds the
//! clock.
//!
//! Effects are carried out in order, and [`Effect::Persist`], [`Effect::Truncate`] and
//! [`Effect::Wipe`] are on disk before the next one begins: a crash may fall between any two. What
//! [`Effect::Append`] hands to the disk becomes durable later; [`Input::Durable`] says so.

mod recall;
mod register;
mod replication;

use std::collections::VecDeque;

use model::pair::{Ballot, Entry, Epoch, Position, Seat};
use serde::{Deserialize, Serialize};

use crate::log::Log;
use crate::message::{From, Known, Life, Message, To};
use crate::record::{Incarnation, Memory, Record};
use crate::table::{self, Standing, Trigger, Verb};
use crate::value::{Change, Value};
use register::Proposal;

/// What happens to a replica.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Input {
    /// Propose a change.
    Attempt(Change),
    /// A message came.
    Message(From, Message),
    /// A client writes.
    Write(Vec<Draft>),
    /// Everything up to here is on disk.
    Durable(Position),
    /// Let go what may be let go; with `true` a sole holder waits for its backup all the same.
    Advance {
        /// Wait for the backup even where nothing demands it.
        with_backup: bool,
    },
    /// Say what of the running proposal may have been lost once more.
    Repeat,
    /// As holder: ask the backup once more to follow the session.
    Offer,
    /// Ask once more to be recognised, or what the others know.
    Introduce,
    /// Give up what has been promised only, not accepted.
    Withdraw,
    /// Accept nothing new.
    Freeze,
    /// Go on after all.
    Thaw,
    /// An operator makes this node sole holder by decree.
    Force,
    /// An operator dissolves the group.
    Dissolve,
    /// Entries that were corrupt on this disk were repaired.
    Repaired,
    /// An operator vouches for a node without memory: what it has heard is all there is.
    Enrol,
    /// Nobody has answered since the start: a sole holder acts all the same.
    ActAlone,
    /// A snapshot that was sent in this session is ready: log and state may be replaced.
    Install(Epoch, Log),
}

/// An entry before it has its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Draft {
    /// What it is.
    pub kind: u16,
    /// Version of that kind.
    pub version: u8,
    /// Its content.
    pub payload: Vec<u8>,
}

/// What the owner of a replica must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// Write the record; it is on disk before the next effect begins.
    Persist(Record),
    /// Send a message. It may get lost.
    Send(To, Message),
    /// Write entries after the end of the journal; [`Input::Durable`] follows.
    Append(Vec<Entry>),
    /// Put everything after this index aside, then cut it off; on disk before the next effect.
    Truncate {
        /// The last index that stays.
        after: u64,
    },
    /// Put the whole journal and the applied state aside and begin empty; on disk before the next
    /// effect.
    Wipe,
    /// Replace journal and state by the snapshot; on disk before the next effect.
    Install,
    /// Send entries of the session from the journal to the backup, as many as fit.
    Ship {
        /// The first index that the backup lacks.
        first: u64,
    },
    /// Apply everything up to here; a holder acknowledges it to its clients.
    Commit(u64),
    /// Something was refused.
    Refuse {
        /// What was asked.
        trigger: Trigger,
        /// Why not.
        reason: &'static str,
    },
}

/// One data node's part in one group.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Replica {
    identity: Identity,
    record: Record,
    log: Log,
    commit: u64,
    /// What recovery found in the log: see [`Self::owed`].
    owed: u64,
    /// What was written while the peer held may have been acknowledged by it.
    inherits: bool,
    /// As backup: what the followed holder owes, to be complete.
    needs: u64,
    /// As backup: what the followed holder has committed.
    told: u64,
    /// The peer or the witness has recognised this start.
    is_recognised: bool,
    /// Waits for that; a sole holder does not.
    is_arriving: bool,
    /// Some entries of the log cannot be read.
    has_holes: bool,
    is_frozen: bool,
    proposal: Proposal,
    /// The highest round that was met, so that the next proposal is above it.
    met: Ballot,
    /// As holder: what the backup is known to have on disk in this session.
    backup: Option<Backup>,
    /// As backup: the session that the log follows.
    followed: Option<Epoch>,
    /// The most that is remembered of the peer.
    peer: Life,
    /// Without memory: what others have reported.
    reports: [Option<(Known, Incarnation)>; 2],
    taken: Vec<Step>,
    effects: VecDeque<Effect>,
}

/// What the backup of a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Backup {
    run: u32,
    durable: u64,
}

/// A transition that was made: for the checkers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    /// From where.
    pub from: Standing,
    /// What happened.
    pub trigger: Trigger,
    /// To where.
    pub to: Standing,
}

/// Who a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Which data node.
    pub seat: Seat,
    /// Whether the group has a witness.
    pub has_witness: bool,
    /// The program's feature level.
    pub level: u16,
    /// Random for each start.
    pub birth: u64,
}

/// What recovery found on the disk of a data node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Disk {
    /// The record.
    pub record: Record,
    /// The log, as far as it can be trusted.
    pub log: Log,
    /// The last index that the state has applied.
    pub applied: u64,
    /// Some entries of the log cannot be read.
    pub has_holes: bool,
}

impl Replica {
    /// A node that starts on what recovery found. The first effect counts the start on disk.
    pub fn start(identity: Identity, disk: Disk) -> Self {
        let Disk { mut record, log, applied, has_holes } = disk;
        let seat = identity.seat;
        let before = standing_of(seat, &record, has_holes, false, false);
        // Only what is on disk is applied: a state that is ahead of its log has seen it lost.
        let is_ahead = applied > log.durable();
        let has_lost = record.hint.index > log.durable();
        if has_lost || is_ahead && record.memory == Memory::Whole {
            record.memory = Memory::Lost;
        }
        record.run += 1;
        let mut replica = Self {
            identity,
            met: record.promised,
            owed: log.durable(),
            inherits: record.value.holder() != seat,
            needs: 0,
            told: 0,
            log,
            commit: applied,
            is_recognised: false,
            is_arriving: true,
            has_holes,
            is_frozen: false,
            proposal: Proposal::Idle,
            backup: None,
            followed: None,
            peer: record.peer,
            reports: [None; 2],
            taken: Vec::new(),
            effects: VecDeque::new(),
            record,
        };
        replica.persist();
        if is_ahead {
            replica.wipe();
        }
        let to = replica.standing();
        replica.taken.push(Step { from: before, trigger: Trigger::Restart, to });
        replica
    }

    /// Lets something happen. Then drain [`Self::poll`].
    pub fn handle(&mut self, input: Input) {
        match input {
            Input::Attempt(change) => {
                self.fire(Trigger::Attempt(change), |replica| replica.propose(change));
            }
            Input::Message(from, message) => self.receive(from, message),
            Input::Write(drafts) => self.fire(Trigger::Write, |replica| replica.write(drafts)),
            Input::Durable(position) => self.durable(position),
            Input::Advance { with_backup } => self.advance(with_backup),
            Input::Repeat => self.repeat(),
            Input::Offer => self.offer(),
            Input::Introduce => self.introduce(),
            Input::Withdraw => self.withdraw(),
            Input::Freeze => self.fire(Trigger::Freeze, |replica| replica.is_frozen = true),
            Input::Thaw => self.fire(Trigger::Thaw, |replica| {
                replica.proposal = Proposal::Idle;
                replica.is_frozen = false;
            }),
            Input::Force => self.fire(Trigger::Force, Self::found),
            Input::Dissolve => self.fire(Trigger::Dissolve, Self::dissolve),
            Input::Repaired => self.repaired(),
            Input::Enrol => self.enrol(),
            Input::ActAlone => self.fire(Trigger::Alone, Self::act_alone),
            Input::Install(session, log) => {
                self.fire(Trigger::Install, |replica| replica.install(session, log));
            }
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Where the node stands.
    pub fn standing(&self) -> Standing {
        standing_of(
            self.identity.seat,
            &self.record,
            self.has_holes,
            self.is_arriving,
            self.is_frozen,
        )
    }

    /// Transitions since they were last cleared, to be compared with the table.
    pub fn steps(&self) -> &[Step] {
        &self.taken
    }

    /// Forgets them.
    pub fn clear_steps(&mut self) {
        self.taken.clear();
    }

    /// Both at once.
    pub fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.taken)
    }

    /// Which node this is.
    pub fn seat(&self) -> Seat {
        self.identity.seat
    }

    /// What is on disk, or about to be.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The program's feature level.
    pub fn level(&self) -> u16 {
        self.identity.level
    }

    /// Whether it has nothing to say of itself: without memory, or outside any pair.
    pub fn is_mute(&self) -> bool {
        matches!(self.standing(), Standing::Blank | Standing::Alone | Standing::Dissolved)
    }

    /// Whether somebody has recognised it since it started.
    pub(crate) fn is_recognised(&self) -> bool {
        self.is_recognised
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The last index that may be applied.
    pub fn commit(&self) -> u64 {
        self.commit
    }

    /// The most that is remembered of the peer.
    pub fn peer(&self) -> Life {
        self.peer
    }

    /// How far this start has come.
    pub fn life(&self) -> Life {
        let durable = self.log.position(self.log.durable()).unwrap_or_default();
        let Identity { birth, .. } = self.identity;
        Life {
            run: self.record.run,
            birth,
            promised: self.record.promised,
            cuts: self.record.cuts,
            durable,
        }
    }

    /// The session that this node holds.
    pub fn session(&self) -> Option<Epoch> {
        self.standing()
            .serves()
            .then_some(Epoch { ballot: self.record.accepted, run: self.record.run })
    }

    /// The session that the log of this backup follows.
    pub fn followed(&self) -> Option<Epoch> {
        self.followed
    }

    /// What the backup has on disk in the session of this holder; nothing when it has not
    /// answered yet.
    pub fn backup_durable(&self) -> Option<u64> {
        self.backup.map(|backup| backup.durable)
    }

    /// Whether a proposal of this node is running, and whether it has accepted it itself.
    pub fn is_proposing(&self) -> bool {
        self.proposal != Proposal::Idle
    }

    /// Up to here entries may have been acknowledged, in this run or before: the state may lag
    /// behind what was acknowledged before a crash, the log does not.
    pub fn owed(&self) -> u64 {
        self.commit.max(self.owed)
    }

    /// The backup has everything that was ever acknowledged.
    pub fn backup_is_complete(&self) -> bool {
        self.backup.is_some_and(|backup| backup.durable >= self.owed())
    }

    /// Frozen, and the backup has the whole log.
    pub fn is_drained(&self) -> bool {
        let end = self.log.end().index;
        self.is_frozen
            && self.log.durable() == end
            && self.backup.is_some_and(|backup| backup.durable == end)
    }

    /// Writes where the log is, what is remembered of the peer, to which feature level both have
    /// agreed, and whether an operator has paused the pair: see [`Record`]. Nothing in the register depends on it.
    pub fn note(&mut self, level: u16, is_paused: bool) {
        let hint = self.log.position(self.log.durable()).unwrap_or_default();
        let level = level.max(self.record.level);
        let Record { hint: noted_hint, level: noted_level, is_paused: noted_pause, .. } =
            self.record;
        let noted = (noted_hint, noted_level, noted_pause, self.record.peer);
        if self.record.memory != Memory::Lost && noted != (hint, level, is_paused, self.peer) {
            self.record.peer = self.peer;
            self.record.hint = hint;
            self.record.level = level;
            self.record.is_paused = is_paused;
            self.persist();
        }
    }

    /// Asks the table, acts if it says so, and notes the transition.
    fn fire(&mut self, trigger: Trigger, act: impl FnOnce(&mut Self)) {
        let from = self.standing();
        let rule = table::rule(from, trigger);
        match rule.verb {
            Verb::Act => act(self),
            Verb::Ignore => {}
            Verb::Refuse => self.effects.push_back(Effect::Refuse { trigger, reason: rule.reason }),
        }
        self.taken.push(Step { from, trigger, to: self.standing() });
    }

    fn receive(&mut self, from: From, message: Message) {
        if let Some(ballot) = message.ballot() {
            self.meet(ballot);
        }
        if self.record.dissolved && from == From::Peer {
            self.say_dissolved(&message);
            return;
        }
        match (from, message) {
            (From::Peer, Message::Hello { life, .. }) => self.greeted(life),
            (_, Message::Welcome { run, birth, .. })
                if self.is_meant(run, birth) && self.counts(from) =>
            {
                self.is_recognised = true;
                self.fire(Trigger::Recognised, |replica| {
                    replica.is_arriving = false;
                    replica.lead();
                });
            }
            (_, Message::Forgotten { run, birth, life })
                if self.is_meant(run, birth)
                    && self.counts(from)
                    && self.life().has_forgotten(&life) =>
            {
                self.fire(Trigger::Forgotten, |replica| replica.forget(life));
            }
            (From::Peer, Message::Prepare { ballot }) => {
                self.fire(Trigger::Prepare, |replica| replica.prepare(ballot));
            }
            (From::Peer, Message::Accept { ballot, value }) => {
                self.fire(Trigger::Accept, |replica| replica.accept(ballot, value));
            }
            (_, Message::Promise { ballot, accepted, value }) => {
                self.promised(from, ballot, accepted, value);
            }
            (_, Message::Accepted { ballot }) => self.accepted(from, ballot),
            (_, Message::Reject { ballot, .. }) => self.rejected(ballot),
            (From::Peer, Message::Decided { ballot, value }) => {
                self.fire(Trigger::Decided, |replica| replica.learn(ballot, value));
            }
            (_, Message::Ask { life }) => self.asked(from, life),
            (_, Message::Report { asker, known, life, witness, left }) => {
                self.reported(from, asker, known, life, (witness, left));
            }
            (From::Peer, Message::Open { session, value, backup_run, base, owed, commit }) => {
                self.fire(Trigger::Open, |replica| {
                    replica.open(session, value, backup_run, &base, owed, commit);
                });
            }
            (From::Peer, Message::Append { session, backup_run, entries, commit }) => {
                self.fire(Trigger::Append, |replica| {
                    replica.append(session, backup_run, entries, commit);
                });
            }
            (From::Peer, Message::Ack { session, run, durable }) => {
                self.fire(Trigger::Ack, |replica| replica.acked(session, run, durable));
            }
            (From::Peer, Message::Nack { session, run, known }) => {
                self.refused(session, run, known);
            }
            (From::Peer, Message::Dissolved { generation })
                if generation >= self.record.promised.generation =>
            {
                self.fire(Trigger::Dissolved, Self::dissolved);
            }
            // What remains is for the member, or from somebody who has no right to say it.
            (_, _) => {}
        }
    }

    /// Whether an answer is for this life: one that was given to an earlier life comes late, and
    /// says nothing of a disk that was set back since.
    pub(crate) fn is_meant(&self, run: u32, birth: u64) -> bool {
        run == self.record.run && birth == self.identity.birth
    }

    /// Remembers the ballot, and gives way to a higher generation.
    fn meet(&mut self, ballot: Ballot) {
        self.met = self.met.max(ballot);
        // Without memory it learns everything at once, when it recalls.
        let is_blank = self.record.memory == Memory::Lost;
        if ballot.generation > self.record.promised.generation && !is_blank {
            self.fire(Trigger::Newer, |replica| replica.abdicate(ballot.generation));
        }
    }

    fn persist(&mut self) {
        self.effects.push_back(Effect::Persist(self.record.clone()));
    }

    fn send(&mut self, to: To, message: Message) {
        self.effects.push_back(Effect::Send(to, message));
    }

    fn known(&self) -> Known {
        let Record { promised, accepted, value, decided, .. } = self.record;
        Known { promised, accepted, value, decided }
    }
}

fn standing_of(
    seat: Seat,
    record: &Record,
    has_holes: bool,
    is_arriving: bool,
    is_frozen: bool,
) -> Standing {
    let is_decided = record.is_decided();
    if record.dissolved {
        let is_own =
            record.value == Value::Sole(seat) && is_decided && record.memory == Memory::Whole;
        return if is_own { Standing::Alone } else { Standing::Dissolved };
    }
    match record.memory {
        Memory::Lost => return Standing::Blank,
        _ if is_arriving => return Standing::Arriving,
        Memory::Partial => return Standing::Rebuilding,
        Memory::Whole if has_holes => return Standing::Rebuilding,
        Memory::Whole => {}
    }
    match (record.value.holder() == seat, record.value) {
        (true, _) if !is_decided => Standing::Claimant,
        (true, _) if is_frozen => Standing::Frozen,
        (true, Value::Pair(_)) => Standing::PairHolder,
        (true, Value::Sole(_)) => Standing::SoleHolder,
        (false, _) if !is_decided => Standing::Doubtful,
        (false, Value::Pair(_)) => Standing::Standby,
        (false, Value::Sole(_)) => Standing::Outdated,
    }
}
