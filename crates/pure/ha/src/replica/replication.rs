//! Whose acknowledgements count, and how the backup's log follows its holder.
//!
//! A session is one run of one holder under one decided ballot. The backup follows it only while
//! its own register says the same, and its acknowledgements count in that session only.

use model::pair::{Entry, Epoch, Position};

use super::{Backup, Draft, Effect, Replica};
use crate::log::{EPOCHS_MAX, History, Log};
use crate::message::{Known, Life, Message, To};
use crate::record::Memory;
use crate::table::Trigger;
use crate::value::Value;

impl Replica {
    /// The node may have become holder: opens its session, and lets go what it may.
    pub(super) fn lead(&mut self) {
        if self.session().is_some() {
            if self.inherits {
                // What the peer wrote it may have acknowledged.
                self.owed = self.owed.max(self.log.end().index);
                self.inherits = false;
            }
            self.advance(false);
            self.offer();
        }
    }

    /// As holder: asks the backup to follow.
    pub(super) fn offer(&mut self) {
        let Some(session) = self.session() else { return };
        let open = Message::Open {
            session,
            value: self.record.value,
            backup_run: self.peer.run,
            base: self.log.history().before(session),
            owed: self.owed(),
            commit: self.commit,
        };
        self.send(To::Peer, open);
    }

    /// As holder: a client writes.
    pub(super) fn write(&mut self, drafts: Vec<Draft>) {
        let Some(epoch) = self.session() else { return };
        let first = self.log.end().index + 1;
        let entries: Vec<Entry> = (first..)
            .zip(drafts)
            .map(|(index, draft)| Entry {
                position: Position { epoch, index },
                kind: draft.kind,
                version: draft.version,
                payload: draft.payload,
            })
            .collect();
        let Some(last) = entries.last() else { return };
        self.log.extend_to(last.position);
        self.effects.push_back(Effect::Append(entries));
        if self.backup.is_some() {
            self.effects.push_back(Effect::Ship { first });
        }
    }

    /// The disk has everything up to here.
    pub(super) fn durable(&mut self, position: Position) {
        self.log.note_durable(position);
        self.complete();
        self.acknowledge();
    }

    /// As backup: tells the holder what is on disk, and can be read.
    pub(super) fn acknowledge(&mut self) {
        if let Some(session) = self.followed
            && !self.has_holes
        {
            let ack = Message::Ack { session, run: self.record.run, durable: self.log.durable() };
            self.send(To::Peer, ack);
        }
    }

    /// As holder: lets go what is safe.
    ///
    /// An entry is safe when it is on disk here, and under PAIR on the backup's disk in this
    /// session. A sole holder needs nobody; `with_backup` makes it wait all the same.
    pub(super) fn advance(&mut self, with_backup: bool) {
        if !self.standing().serves() {
            return;
        }
        let mut safe = self.log.durable();
        if self.record.value.is_pair() || with_backup {
            safe = safe.min(self.backup_durable().unwrap_or(0));
        }
        self.commit_to(safe);
    }

    /// As holder: the backup says what it has.
    pub(super) fn acked(&mut self, session: Epoch, run: u32, durable: u64) {
        if self.session() != Some(session) || run < self.peer.run {
            return;
        }
        self.meet_run(run);
        self.peer.durable = self.peer.durable.max(self.log.position(durable).unwrap_or_default());
        match &mut self.backup {
            Some(backup) if backup.run == run => backup.durable = backup.durable.max(durable),
            _ => self.backup = Some(Backup { run, durable }),
        }
    }

    /// As holder: the backup refuses the session, or has not opened it in this run.
    pub(super) fn refused(&mut self, session: Epoch, run: u32, known: Known) {
        if run < self.peer.run {
            return;
        }
        let is_new = run > self.peer.run;
        self.meet_run(run);
        if known.decided == known.accepted && known.accepted > self.record.accepted {
            self.fire(Trigger::Decided, |replica| replica.learn(known.accepted, known.value));
        }
        if self.session() == Some(session) {
            self.backup = None;
            // A new run has only not been told yet. Any other one has a reason, which an answer at
            // once would only make it repeat.
            if is_new {
                self.offer();
            }
        }
    }

    /// A new run of the peer: what earlier ones have said about their disk counts no more.
    pub(super) fn meet_run(&mut self, run: u32) {
        if run > self.peer.run {
            self.peer.run = run;
            self.peer.birth = Life::UNKNOWN_BIRTH;
            self.backup = None;
        }
    }

    /// As backup: a holder opens its session.
    pub(super) fn open(
        &mut self,
        session: Epoch,
        value: Value,
        backup_run: u32,
        base: &History,
        owed: u64,
        commit: u64,
    ) {
        if backup_run != self.record.run || !self.follows(session, value) {
            self.deny(session);
            return;
        }
        if self.followed != Some(session) {
            if !self.match_log(session, base) {
                self.deny(session);
                return;
            }
            self.followed = Some(session);
            self.needs = 0;
            self.told = 0;
        }
        self.needs = self.needs.max(owed);
        self.told = self.told.max(commit);
        self.complete();
        self.acknowledge();
    }

    /// As backup: entries of the session.
    pub(super) fn append(
        &mut self,
        session: Epoch,
        backup_run: u32,
        entries: Vec<Entry>,
        commit: u64,
    ) {
        if backup_run != self.record.run || self.followed != Some(session) {
            self.deny(session);
            return;
        }
        let next = self.log.end().index + 1;
        let is_empty = entries.is_empty();
        let fresh: Vec<Entry> =
            entries.into_iter().skip_while(|entry| entry.position.index < next).collect();
        if let (Some(first), Some(last)) = (fresh.first(), fresh.last()) {
            if first.position.index != next {
                self.acknowledge();
                return;
            }
            for entry in &fresh {
                self.log.extend_to(entry.position);
            }
            debug_assert_eq!(self.log.end(), last.position);
            self.effects.push_back(Effect::Append(fresh));
        } else if !is_empty {
            // The holder would not send again what it knows to be here.
            self.acknowledge();
        }
        self.told = self.told.max(commit);
        self.complete();
    }

    /// Whether this node's register allows it to follow that session; adopts a newer one that the
    /// holder knows to be decided.
    fn follows(&mut self, session: Epoch, value: Value) -> bool {
        self.learn(session.ballot, value);
        let record = &self.record;
        record.accepted == session.ballot
            && record.value == value
            && value.holder() != self.seat()
            && session >= self.log.end().epoch
            && self.followed.is_none_or(|followed| session >= followed)
    }

    fn deny(&mut self, session: Epoch) {
        let nack = Message::Nack { session, run: self.record.run, known: self.known() };
        self.send(To::Peer, nack);
    }

    /// Cuts off what the holder does not have. Entries of the session itself it has all.
    ///
    /// What was applied cannot be undone: a node that has applied more begins empty. That happens
    /// only to one that knows itself incomplete, after an operator forced the other node or after it
    /// lost its memory; a whole one would rather not follow.
    fn match_log(&mut self, session: Epoch, base: &History) -> bool {
        let common = self.log.history().before(session).common(base);
        let end = self.log.history().before(session).end().index;
        let continues = self.log.end().epoch == session && common == base.end().index;
        if end == common && (continues || self.log.end().index == common) {
            return true;
        }
        if common >= self.commit {
            self.cut_after(common, Effect::Truncate { after: common });
            return true;
        }
        // A log that was away for so long shares no epoch that anybody remembers. Its holder is a
        // sole one, so nobody counts on what is here.
        let is_forgotten = base.ends().len() >= EPOCHS_MAX && !self.record.value.is_pair();
        let may_wipe = self.record.memory == Memory::Partial || is_forgotten;
        if may_wipe {
            self.record.memory = Memory::Partial;
            self.wipe();
        }
        may_wipe
    }

    /// Begins empty.
    pub(super) fn wipe(&mut self) {
        self.cut_after(0, Effect::Wipe);
        self.commit = 0;
    }

    /// The record says first that the log may be shorter from now on.
    fn cut_after(&mut self, index: u64, effect: Effect) {
        self.record.cuts += 1;
        if index < self.record.hint.index {
            self.record.hint = self.log.position(index).unwrap_or_default();
        }
        self.persist();
        self.effects.push_back(effect);
        self.log.cut_after(index);
        self.owed = self.owed.min(index);
    }

    /// As backup: applies what the holder has committed, and is complete when it has on disk all
    /// that the holder owes. It knows that before it says so: a holder that counts on a complete
    /// backup must find one.
    pub(super) fn complete(&mut self) {
        if self.followed.is_none() {
            return;
        }
        let durable = self.log.durable();
        self.commit_to(self.told.min(durable));
        let has_all = durable >= self.needs.max(self.told);
        if has_all && !self.has_holes && self.record.memory == Memory::Partial {
            self.fire(Trigger::Complete, |replica| {
                replica.record.memory = Memory::Whole;
                replica.record.diverged = false;
                replica.persist();
            });
        }
    }

    /// As backup: log and state are replaced by the holder's snapshot. Until the session is opened
    /// anew, this node knows itself incomplete.
    pub(super) fn install(&mut self, session: Epoch, log: Log) {
        let brings_more = self.has_holes || log.end().index > self.log.end().index;
        if self.followed != Some(session) || !brings_more {
            return;
        }
        self.has_holes = false;
        self.record.memory = Memory::Partial;
        self.record.cuts += 1;
        self.record.hint = Position::default();
        self.persist();
        self.effects.push_back(Effect::Install);
        self.commit = log.durable();
        self.owed = self.commit;
        self.log = log;
        self.followed = None;
    }

    fn commit_to(&mut self, index: u64) {
        if index > self.commit {
            self.commit = index;
            self.effects.push_back(Effect::Commit(index));
        }
    }
}
