//! A data node of the model: the real replica, its disk, and the hands that carry out its effects.

use ha::replica::{Effect, Input};
use ha::{
    Disk, Draft, History, Identity, Log, Memory, Message, Record, Replica, Step, To, Trigger,
};
use ha::{Standing, Value};
use model::pair::{Ballot, Epoch, Position, Seat};

use super::bounds::Run;
use super::coverage::Coverage;
use super::flaw::{self, Flaw};

/// A data node and its disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) replica: Replica,
    /// The record on disk.
    record: Record,
    /// The journal: an entry is its position. What is not on disk is lost in a crash.
    pub(super) journal: Vec<Position>,
    /// How many of its entries a crash leaves.
    synced: u64,
    /// The last index that the applied state has.
    applied: u64,
    /// Starts of the process on any disk: two starts are never the same life.
    starts: u64,
}

/// What is done to a data node.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// Its replica handles this; then its owner does what it always does.
    Handle(Input),
    /// Its disk has written everything, and says so.
    Sync,
    /// The replica handles this, but only so many effects are carried out before the crash.
    HandleTorn(Input, u8),
    /// A snapshot of its holder has arrived: a journal of that session.
    Install(Epoch, Vec<Position>),
    /// It notes how far its log is.
    Note,
    /// It crashes and starts again; with `true` the applied state is at the beginning.
    Crash(bool),
    /// It starts on an empty disk.
    Replace,
}

/// What came of a deed.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) node: Node,
    pub(super) sent: Vec<(To, Message)>,
    /// Up to here something was committed.
    pub(super) committed: u64,
    /// A value that this node saw decided.
    pub(super) chosen: Option<(Ballot, Value)>,
    /// An operator founded a generation.
    pub(super) is_founded: bool,
    pub(super) flaw: Option<Flaw>,
    /// Effects that change the disk were left out by a torn deed.
    is_torn: bool,
}

impl Node {
    /// A node that starts for the first time.
    pub(super) fn first(run: &Run, seat: Seat, record: Record, coverage: &Coverage) -> Outcome {
        let birth = 1 + seat as u64;
        let identity = Identity { seat, has_witness: run.has_witness, level: 0, birth };
        let log = Log::recovered(History::default());
        let disk = Disk { record: record.clone(), log, applied: 0, has_holes: false };
        let replica = Replica::start(identity, disk);
        let node = Self { replica, record, journal: Vec::new(), synced: 0, applied: 0, starts: 1 };
        let mut hands = Hands::new(run, coverage, node);
        hands.carry_out();
        hands.handle(Input::Introduce);
        hands.finish()
    }

    /// What comes of a deed; nothing when a torn deed would leave out nothing that matters.
    pub(super) fn undergo(&self, deed: Deed, run: &Run, coverage: &Coverage) -> Option<Outcome> {
        let mut hands = Hands::new(run, coverage, self.clone());
        match deed {
            Deed::Handle(input) => {
                hands.handle(input);
                hands.attend();
            }
            Deed::Sync => hands.sync(),
            Deed::HandleTorn(input, effects) => {
                hands.effects_left = effects;
                hands.handle(input);
                if !hands.outcome.is_torn {
                    return None;
                }
                hands.effects_left = u8::MAX;
                hands.restart(false);
            }
            Deed::Install(session, journal) => {
                let log = Log::recovered(history(&journal));
                hands.snapshot = journal;
                hands.handle(Input::Install(session, log));
            }
            Deed::Note => {
                hands.outcome.node.replica.note(0, false);
                hands.carry_out();
            }
            Deed::Crash(is_applied_lost) => hands.restart(is_applied_lost),
            Deed::Replace => {
                let node = &mut hands.outcome.node;
                node.record = Record::blank(0);
                node.journal.clear();
                node.synced = 0;
                node.applied = 0;
                hands.restart(false);
            }
        }
        Some(hands.finish())
    }

    pub(super) fn seat(&self) -> Seat {
        self.replica.seat()
    }

    pub(super) fn standing(&self) -> Standing {
        self.replica.standing()
    }

    /// Serves, and may acknowledge alone.
    pub(super) fn is_sole(&self) -> bool {
        self.standing().serves() && !self.replica.record().value.is_pair()
    }

    /// The last position of the journal, on disk or not.
    pub(super) fn end(&self) -> Position {
        self.journal.last().copied().unwrap_or_default()
    }

    fn birth(&self) -> u64 {
        2 * self.starts + self.seat() as u64 - 1
    }
}

/// Carries out the effects of one deed.
struct Hands<'a> {
    run: &'a Run,
    coverage: &'a Coverage,
    outcome: Outcome,
    effects_left: u8,
    /// What is installed when the replica says so.
    snapshot: Vec<Position>,
}

impl<'a> Hands<'a> {
    fn new(run: &'a Run, coverage: &'a Coverage, node: Node) -> Self {
        let outcome = Outcome {
            node,
            sent: Vec::new(),
            committed: 0,
            chosen: None,
            is_founded: false,
            flaw: None,
            is_torn: false,
        };
        Self { run, coverage, outcome, effects_left: u8::MAX, snapshot: Vec::new() }
    }

    fn handle(&mut self, input: Input) {
        let from = self.outcome.node.standing();
        self.outcome.node.replica.handle(input);
        self.judge(from);
        self.carry_out();
    }

    /// Compares the transitions that were made with the table.
    fn judge(&mut self, from: Standing) {
        let node = &mut self.outcome.node;
        let steps: Vec<Step> = node.replica.take_steps();
        let mut flaws = Vec::new();
        for step in &steps {
            self.coverage.note(*step);
            flaws.extend(flaw::of_step(*step));
            let record = node.replica.record();
            if step.trigger == Trigger::Chosen && record.is_decided() {
                self.outcome.chosen = Some((record.accepted, record.value));
            }
            let is_decree = matches!(step.trigger, Trigger::Force | Trigger::Dissolve);
            self.outcome.is_founded |= is_decree && step.to.serves();
        }
        flaws.extend(flaw::of_steps(node.seat(), from, &steps, node.standing()));
        self.blame(flaws);
    }

    fn blame(&mut self, flaws: impl IntoIterator<Item = Flaw>) {
        self.outcome.flaw = self.outcome.flaw.take().or(flaws.into_iter().next());
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.outcome.node.replica.poll() {
            if self.effects_left == 0 {
                self.outcome.is_torn |= !matches!(
                    effect,
                    Effect::Send(..) | Effect::Ship { .. } | Effect::Refuse { .. }
                );
                continue;
            }
            if self.effects_left != u8::MAX {
                self.effects_left -= 1;
            }
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        let node = &mut self.outcome.node;
        match effect {
            Effect::Persist(record) => node.record = record,
            Effect::Send(to, message) => self.outcome.sent.push((to, message)),
            Effect::Append(entries) => {
                for entry in entries {
                    let after = node.end().index;
                    if entry.position.index != after + 1 {
                        let (seat, entry) = (node.seat(), entry.position);
                        self.blame([Flaw::Gap { seat, after, entry }]);
                        return;
                    }
                    node.journal.push(entry.position);
                }
            }
            Effect::Truncate { after } => {
                node.journal.truncate(after as usize);
                node.synced = node.synced.min(after);
            }
            Effect::Wipe => {
                node.journal.clear();
                node.synced = 0;
                node.applied = 0;
                let seat = node.seat();
                if self.run.forces == 0 {
                    self.blame([Flaw::Undone { seat }]);
                }
            }
            Effect::Install => {
                node.journal = std::mem::take(&mut self.snapshot);
                node.synced = node.end().index;
                node.applied = node.synced;
            }
            Effect::Ship { first } => self.ship(first),
            Effect::Commit(index) => {
                node.applied = node.applied.max(index);
                self.outcome.committed = self.outcome.committed.max(index);
            }
            Effect::Refuse { .. } => {}
        }
    }

    /// Sends the session's entries from `first` on.
    fn ship(&mut self, first: u64) {
        let node = &self.outcome.node;
        let Some(session) = node.replica.session() else { return };
        let entries = node.journal.iter().skip(first.saturating_sub(1) as usize);
        let message = Message::Append {
            session,
            backup_run: node.replica.peer().run,
            entries: entries.map(|position| entry(*position)).collect(),
            commit: node.replica.commit(),
        };
        self.outcome.sent.push((To::Peer, message));
    }

    /// What the owner of a replica does after every input, sooner or later.
    ///
    /// A message that is there need never arrive, so offering and shipping at once takes nothing
    /// away. What the disk and the clients do at once is set by the run.
    fn attend(&mut self) {
        let end = self.outcome.node.end();
        if !self.run.slow_disk && self.outcome.node.replica.log().durable() < end.index {
            self.outcome.node.synced = end.index;
            self.handle(Input::Durable(end));
        }
        if !self.outcome.node.standing().serves() {
            return;
        }
        if !self.run.slow_clients {
            self.handle(Input::Advance { with_backup: false });
        }
        match self.outcome.node.replica.backup_durable() {
            Some(durable) => self.ship(durable + 1),
            None => self.handle(Input::Offer),
        }
    }

    fn sync(&mut self) {
        let end = self.outcome.node.end();
        self.outcome.node.synced = end.index;
        self.handle(Input::Durable(end));
        self.attend();
    }

    /// The process dies and starts again on what is on its disk.
    fn restart(&mut self, is_applied_lost: bool) {
        let node = &mut self.outcome.node;
        let from = node.standing();
        let has_witness = self.run.has_witness;
        node.journal.truncate(node.synced as usize);
        if is_applied_lost {
            node.applied = 0;
        }
        node.starts += 1;
        let identity = Identity { seat: node.seat(), has_witness, level: 0, birth: node.birth() };
        let disk = Disk {
            record: node.record.clone(),
            log: Log::recovered(history(&node.journal)),
            applied: node.applied,
            has_holes: false,
        };
        node.replica = Replica::start(identity, disk);
        self.judge(from);
        self.carry_out();
        self.handle(Input::Introduce);
    }

    fn finish(mut self) -> Outcome {
        let node = &self.outcome.node;
        let (seat, believed, actual) = (node.seat(), node.replica.log().end(), node.end());
        if believed != actual {
            self.blame([Flaw::Astray { seat, believed, actual }]);
        }
        let node = &self.outcome.node;
        let (believed, synced) = (node.replica.log().durable(), node.synced);
        if believed > synced {
            self.blame([Flaw::Unsafe { seat, believed, synced }]);
        }
        let node = &self.outcome.node;
        let vows = |record: &Record| {
            let Record { promised, accepted, value, decided, memory, .. } = *record;
            (promised, accepted, value, decided, memory)
        };
        let is_lost = node.replica.record().memory == Memory::Lost;
        // A node without memory promises nothing until it has recalled.
        if !is_lost && vows(node.replica.record()) != vows(&node.record) {
            self.blame([Flaw::Unwritten { seat }]);
        }
        if is_lost && self.run.blanks == 0 && self.run.forces == 0 {
            self.blame([Flaw::Imagined { seat }]);
        }
        self.outcome
    }
}

/// What recovery would find: the last position of each epoch.
fn history(journal: &[Position]) -> History {
    let is_last = |(place, position): (usize, &Position)| {
        let next = journal.get(place + 1);
        next.is_none_or(|next| next.epoch != position.epoch).then_some(*position)
    };
    History::new(journal.iter().enumerate().filter_map(is_last).collect())
}

/// What a client writes: nothing, but it has a place.
pub(super) fn draft() -> Draft {
    Draft { kind: 0, version: 0, payload: Vec::new() }
}

fn entry(position: Position) -> model::pair::Entry {
    model::pair::Entry { position, kind: 0, version: 0, payload: Vec::new() }
}
