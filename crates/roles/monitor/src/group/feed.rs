//! Entries to the service, and what it says.
//!
//! The service's state follows the journal on its own: it says where it stands, and is given what
//! is committed beyond. A position names its whole past, so a state that is not of this log shows,
//! whatever happened to either.

use std::thread;

use ha::{Input, Service as Health};
use model::Time;
use model::pair::Position;
use node::clock;
use node::service::{Order, Report};

use super::driver::Driver;
use super::service::{Orders, Word};
use super::transfer::{self, OUTGOING, Sending};
use super::{Inbound, service::STATE_NAME};

/// Entries that the service may have before it said that they are applied. Ours: enough to keep it
/// busy, few enough to be waited for when it must serve.
const WINDOW: u64 = 256;
/// The service is asked whether it is well this often.
const CHECK_INTERVAL_MS: u64 = 500;
/// A service that has not answered for so long has failed. Ours: longer than it takes to begin to
/// serve, which is done on the same thread.
const CHECK_MAX_MS: u64 = 3_000;
/// A service that has never come to the line for so long has failed. Ours: starting takes less than
/// a second.
const START_MAX_MS: u64 = 5_000;
/// The state is made durable this often, so that the journal before it may go.
const SYNC_INTERVAL_MS: u64 = 10_000;
/// Bytes that the journal keeps below the state on disk, so that a peer that was away for a while
/// needs no snapshot. Ours: some minutes at full speed, four segments.
const KEEP_BYTES: u64 = 256 << 20;
/// A snapshot is kept so many syncs for a peer that is gone: ten minutes. Ours.
const IDLE_SYNCS_MAX: u32 = 60;
/// The lease is told again when it has moved so far.
const LEASE_STEP_MS: u64 = 50;

/// What is known of the service.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Debug)]
pub(super) struct Feed {
    line: Option<Orders>,
    /// Where its state stands, as it says.
    pub(super) applied: Position,
    /// The last index that it was given.
    given: u64,
    /// It is on the line, and its state is of this log.
    pub(super) is_ready: bool,
    /// The member wants it to serve.
    pub(super) wants_active: bool,
    is_ordered_active: bool,
    /// It serves.
    pub(super) is_active: bool,
    has_failed: bool,
    /// How the service is, whether anybody can reach it or not.
    pub(super) health: Health,
    /// Clients can reach this node, as far as its interface knows.
    pub(super) has_carrier: bool,
    started: Time,
    /// It does not take orders any more.
    has_overflowed: bool,
    /// Counts orders to end reads.
    endings: u64,
    check: u64,
    check_at: Time,
    asked_at: Option<Time>,
    sync_at: Time,
    /// Syncs since the peer was heard of last.
    idle_syncs: u32,
    reads_until: Time,
    /// The feature level that it was told.
    level: Option<u16>,
}

impl Feed {
    pub(super) fn new(now: Time) -> Self {
        Self {
            line: None,
            applied: Position::default(),
            given: 0,
            is_ready: false,
            wants_active: false,
            is_ordered_active: false,
            is_active: false,
            has_failed: false,
            health: Health::Well,
            has_carrier: true,
            started: now,
            has_overflowed: false,
            endings: 0,
            check: 0,
            check_at: now,
            asked_at: None,
            sync_at: now.plus_ms(SYNC_INTERVAL_MS),
            idle_syncs: 0,
            reads_until: Time(0),
            level: None,
        }
    }

    pub(super) fn deadline(&self) -> Time {
        self.check_at.min(self.sync_at).max(clock::boot().plus_ms(1))
    }

    fn order(&mut self, order: Order) -> bool {
        let Some(line) = &self.line else { return false };
        let is_taken = line.give(order);
        self.has_overflowed |= !is_taken;
        is_taken
    }

    /// The line is gone, or of no use any more.
    fn lose(&mut self) {
        self.line = None;
        self.has_overflowed = false;
        self.is_ready = false;
        self.is_ordered_active = false;
        self.is_active = false;
        self.asked_at = None;
        self.reads_until = Time(0);
        self.level = None;
    }
}

impl Driver {
    /// The line says something.
    pub(super) fn word(&mut self, word: Word) {
        match word {
            Word::Connected(orders) => {
                self.feed.lose();
                self.is_preparing = false;
                self.reads_ended(u64::MAX);
                self.feed.line = Some(orders);
            }
            Word::Says(number, report) => {
                if self.feed.line.as_ref().is_some_and(|line| line.number == number) {
                    self.report(report);
                }
            }
            Word::Strange(number, reason) => {
                if self.feed.line.as_ref().is_some_and(|line| line.number == number) {
                    self.fail_service(&reason);
                }
            }
            Word::Gone(number) => {
                if self.feed.line.as_ref().is_some_and(|line| line.number == number) {
                    self.fail_service("it has ended");
                }
            }
        }
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Hello { applied, level } => {
                if level != self.member.replica().level() {
                    return self.take_level(level);
                }
                self.feed.applied = applied;
                self.check_state();
            }
            Report::Restored(position) => {
                self.feed.applied = position;
                let incoming = self.folder.join(transfer::INCOMING);
                self.check_state();
                if self.feed.is_ready
                    && position.index > 0
                    && let Err(error) = transfer::clear(&incoming)
                {
                    tracing::warn!(%error, "the snapshot that was taken in cannot be removed");
                }
            }
            Report::Write { ticket, drafts } => {
                let end = self.member.replica().log().end().index;
                self.refusing = Some(ticket);
                self.tell(Input::Write(drafts));
                if self.member.replica().log().end().index > end {
                    self.refusing = None;
                    self.feed.order(Order::Written { ticket, first: end + 1 });
                }
                self.carry_out();
                self.refuse_write("this node does not serve");
            }
            Report::Applied { position, hashes } => {
                self.feed.applied = position;
                for (index, hash) in hashes {
                    self.tell(Input::StateHash { index, hash });
                }
                self.feed_on();
            }
            Report::Synced(position) => self.retain(position),
            Report::Active => {
                self.feed.is_active = self.feed.is_ordered_active;
                self.hold_address();
            }
            Report::Dormant => self.feed.is_active = false,
            Report::Well(number) => {
                if number == self.feed.check {
                    self.feed.asked_at = None;
                }
            }
            Report::ReadsEnded(number) => self.reads_ended(number),
            Report::Failed(reason) => self.fail_service(&reason),
            Report::Snapshot(position) => self.look_at_snapshot(position),
        }
    }

    /// The write that is being handled was not appended.
    pub(super) fn refuse_write(&mut self, reason: &str) {
        if let Some(ticket) = self.refusing.take() {
            self.feed.order(Order::Refused { ticket, reason: reason.to_owned() });
        }
    }

    /// Whether the service's state is of this log; if not, it is made so.
    pub(super) fn check_state(&mut self) {
        if self.feed.line.is_none() {
            return;
        }
        let (applied, first) = (self.feed.applied, self.storage.first_index());
        let log = self.member.replica().log();
        let is_of_log = applied.index == 0 || log.position(applied.index) == Some(applied);
        if is_of_log && applied.index + 1 >= first {
            // The last one comes once more, as far as it is kept: the state compares it with its own.
            let again = u64::from(applied.index >= first);
            self.feed.given = applied.index - again;
            self.feed.is_ready = true;
            self.feed.has_failed = false;
            self.failure = None;
            self.tell_health(Health::Well);
            self.feed_on();
            return;
        }
        self.feed.is_ready = false;
        let is_holder =
            self.member.replica().record().value.holder() == self.member.replica().seat();
        // A state that is ahead of its log may be the only copy of what the log has lost.
        let is_ahead = applied.index > log.end().index;
        if !is_holder {
            // Until its state is there, this node would not take over.
            self.tell_health(Health::Failed);
        }
        let arrived = self.receiving.as_ref().filter(|it| it.is_complete());
        let snapshot = arrived.filter(|it| it.base().position.index + 1 == first);
        if let Some(files) = snapshot.map(super::transfer::Receiving::files) {
            self.feed.order(Order::Restore(files));
        } else if first == 1 && !is_ahead {
            self.feed.order(Order::Clear);
        } else if is_holder {
            let state = self.folder.join(STATE_NAME);
            tracing::error!(state = %state.display(), "the service's state is lost and the journal does not reach back to its beginning; restore it, or force the peer");
            self.fail_service("its state is lost");
        } else {
            tracing::error!(
                "the service's state does not fit the journal; both are fetched from the peer"
            );
            self.rebuild();
        }
    }

    /// Entries beyond that index are cut off: a state that has seen them is not of this log.
    pub(super) fn cut_state(&mut self, after: u64) {
        if self.feed.given.max(self.feed.applied.index) <= after {
            return;
        }
        self.feed.is_ready = false;
        if self.storage.first_index() == 1 {
            self.feed.given = 0;
            self.feed.order(Order::Clear);
        } else {
            tracing::error!(
                "the service's state has what the journal has not; both are fetched from the peer"
            );
            self.rebuild();
        }
    }

    /// Hands over what is committed.
    pub(super) fn feed_on(&mut self) {
        let commit = self.member.replica().commit();
        while self.feed.is_ready
            && self.feed.given < commit
            && self.feed.given < self.feed.applied.index + WINDOW
        {
            let most = (commit - self.feed.given).min(WINDOW) as usize;
            let entries = self.storage.read(self.feed.given + 1, most);
            // A hole that is known: the state goes on when it is mended.
            let Some(last) = entries.last() else { return };
            let last = last.position.index;
            if !self.feed.order(Order::Apply(entries)) {
                return;
            }
            self.feed.given = last;
        }
    }

    /// Tells the service at which feature level it may write.
    pub(super) fn tell_level(&mut self) {
        let level = self.member.replica().record().level;
        if self.feed.is_ready
            && self.feed.level != Some(level)
            && self.feed.order(Order::Level(level))
        {
            self.feed.level = Some(level);
        }
    }

    /// Lets the service serve when its state has everything that was ever acknowledged.
    pub(super) fn activate_when_ready(&mut self) {
        let replica = self.member.replica();
        let has_all =
            self.feed.applied.index >= replica.owed() && replica.commit() >= replica.owed();
        let feed = &self.feed;
        let is_due = feed.wants_active && feed.is_ready && !feed.is_ordered_active && has_all;
        if is_due && let Some(session) = replica.session() {
            self.feed.is_ordered_active = self.feed.order(Order::Activate(session));
        }
    }

    pub(super) fn deactivate(&mut self) {
        self.feed.wants_active = false;
        self.feed.is_active = false;
        self.feed.reads_until = Time(0);
        if std::mem::take(&mut self.feed.is_ordered_active) {
            self.feed.order(Order::Deactivate);
        }
    }

    /// Tells the service until when it may answer reads.
    pub(super) fn lend_reads(&mut self) {
        if !self.feed.is_active || !self.wants_address() {
            return;
        }
        let until = self.member.reads_until(clock::boot());
        let told = self.feed.reads_until;
        let has_moved = until.0.abs_diff(told.0) >= LEASE_STEP_MS;
        if has_moved && self.feed.order(Order::Reads(until)) {
            self.feed.reads_until = until;
        }
    }

    /// Has the service answer no read from now on; the number that it names when that is done, if there
    /// is a service.
    pub(super) fn end_reads(&mut self) -> Option<u64> {
        self.feed.reads_until = Time(0);
        self.feed.endings += 1;
        let number = self.feed.endings;
        self.feed.order(Order::EndReads(number)).then_some(number)
    }

    /// Asks the service how it is, and does not wait for ever.
    pub(super) fn watch_service(&mut self, now: Time) {
        if self.feed.has_overflowed {
            self.fail_service("it does not take orders any more");
        }
        if now >= self.feed.check_at {
            self.feed.check_at = now.plus_ms(CHECK_INTERVAL_MS);
            // A copy of a large state takes its time, on the same thread.
            let is_late = !self.is_preparing
                && self.feed.asked_at.is_some_and(|asked| now.since_ms(asked) >= CHECK_MAX_MS);
            let never_came = !self.feed.is_ready
                && !self.feed.has_failed
                && now.since_ms(self.feed.started) >= START_MAX_MS;
            if is_late {
                self.fail_service("it does not answer");
            } else if never_came && self.feed.line.is_none() {
                self.fail_service("it has not started");
            } else if self.feed.asked_at.is_none() && self.feed.is_ready {
                self.feed.check += 1;
                let check = self.feed.check;
                if self.feed.order(Order::Check(check)) {
                    self.feed.asked_at = Some(now);
                }
            }
        }
        if now >= self.feed.sync_at {
            self.feed.sync_at = now.plus_ms(SYNC_INTERVAL_MS);
            if self.feed.is_ready {
                self.feed.order(Order::Sync);
            }
        }
    }

    /// The service crashed, hangs, or says that it cannot go on.
    fn fail_service(&mut self, reason: &str) {
        if !self.feed.has_failed {
            tracing::error!(reason, process = self.service.process(), "the service has failed");
        }
        self.failure = Some(reason.to_owned());
        self.feed.lose();
        self.feed.has_failed = true;
        self.service.kill();
        self.is_preparing = false;
        self.reads_ended(u64::MAX);
        self.tell_health(Health::Failed);
    }

    /// Tells the member how the service is, as clients find it.
    pub(super) fn tell_health(&mut self, health: Health) {
        self.feed.health = health;
        let found = if self.feed.has_carrier { health } else { Health::Failed };
        self.tell(Input::Service(found));
    }

    /// The state is durable up to here: the journal need not keep all before it.
    fn retain(&mut self, position: Position) {
        // Dropped when the peer has it, or when nobody has fetched it for long.
        let has_it = |sending: &Sending| {
            self.member.replica().backup_durable().is_some_and(|had| had >= sending.index())
        };
        let is_up = self.member.status(clock::boot()).heartbeat_is_up;
        self.feed.idle_syncs = if is_up { 0 } else { self.feed.idle_syncs + 1 };
        let is_done =
            self.sending.as_ref().is_some_and(has_it) || self.feed.idle_syncs >= IDLE_SYNCS_MAX;
        if is_done && self.sending.take().is_some() {
            let outgoing = self.folder.join(OUTGOING);
            if let Err(error) = transfer::clear(&outgoing) {
                tracing::warn!(%error, "the snapshot that was sent cannot be removed");
            }
        }
        if self.sending.is_some() || self.is_preparing {
            return;
        }
        let had_holes = !self.storage.holes().is_empty();
        match self.storage.retain(position.index, KEEP_BYTES) {
            Ok(first) => {
                self.tell(Input::Retained(first));
                // What could not be read may have been among what is not kept any more.
                if had_holes {
                    self.holes_are_cut();
                }
            }
            Err(error) => tracing::warn!(%error, "old entries cannot be removed"),
        }
    }

    /// Has the service copy its state for the peer.
    pub(super) fn prepare_snapshot(&mut self) {
        if self.is_preparing || !self.feed.is_ready {
            return;
        }
        let outgoing = self.folder.join(OUTGOING);
        if let Err(error) = transfer::clear(&outgoing) {
            return tracing::error!(%error, "there is no place for a snapshot");
        }
        self.is_preparing = self.feed.order(Order::Snapshot(outgoing));
    }

    /// Reads the snapshot once, on a thread of its own.
    fn look_at_snapshot(&mut self, position: Position) {
        let base = match self.storage.base_at(position.index) {
            Ok(base) => base,
            Err(error) => {
                self.is_preparing = false;
                return tracing::error!(%error, "the snapshot has no place in the journal; tried again");
            }
        };
        let (outgoing, orders) = (self.folder.join(OUTGOING), self.orders.clone());
        let looking = thread::Builder::new().name("snapshot".to_owned()).spawn(move || {
            let _ = orders.send(Inbound::SnapshotReady(Sending::of(outgoing, &base)));
        });
        if let Err(error) = looking {
            self.is_preparing = false;
            tracing::error!(%error, "the snapshot cannot be read");
        }
    }
}
