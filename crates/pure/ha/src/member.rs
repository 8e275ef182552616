//! A data node's part in one group, with the clock: when what the replica may do is tried.
//!
//! Nothing here can break the pair: a timer that fires too early or never costs availability, not
//! data. Two things hang on time all the same and are kept here: reads and the virtual address,
//! which a holder under PAIR has only while its lease lasts (`contact`).
//!
//! ```text
//! contact   beacons, lease, who was heard when
//! wishes    which change to propose now
//! orders    what operators and the service's health ask for
//! sync      shipping entries and waiting for the backup; progress: how far it has come
//! ```

mod contact;
mod io;
mod orders;
mod progress;
mod sync;
mod wishes;

use std::collections::VecDeque;

use model::Time;
use model::pair::{Ballot, ENTRY_BYTES_MAX, Seat};

use crate::event::{Event, Loss};
use crate::message::{From, Message, To};
use crate::replica::{self, Disk, Draft, Effect, Identity, Replica, Step};
use crate::settings::SafeSettings;
use crate::status::{State, Status, View};
use crate::table::{Standing, Trigger};
use crate::value::{Change, Value};
use contact::Contact;
use orders::Orders;
use sync::Sync;
use wishes::Attempts;

pub use io::{Command, Input, Output, Service};
pub use sync::SHIP_ENTRIES_MAX;

/// One data node's part in one group.
#[derive(Debug, Clone)]
pub struct Member {
    settings: SafeSettings,
    replica: Replica,
    now: Time,
    started: Time,
    contact: Contact,
    attempts: Attempts,
    orders: Orders,
    sync: Sync,
    seen: Seen,
    /// When the record's hints are written again.
    note_at: Time,
    outputs: VecDeque<Output>,
}

/// What was last acted on, to notice what is new.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    accepted: Ballot,
    value: Value,
    standing: Standing,
    /// Who served last, as far as it was decided.
    holder: Seat,
    state: Option<State>,
    is_active: bool,
    has_address: bool,
    refresh_at: Time,
    has_failed_back: bool,
    /// The last change of the holder was nobody's order.
    was_unplanned: bool,
}

/// Entries that may wait to be acknowledged. Ours: at 20,000 rows/s in batches of 200 they are ten
/// seconds' worth; whoever writes more is told to wait.
const WAITING_ENTRIES_MAX: u64 = 1_024;
/// Between two hints on disk. Source: ha.md section 4.1, "written lazily (1/s)".
const NOTE_MS: u64 = 1_000;

impl Member {
    /// A member that starts on what recovery found. `seed` spreads its retries, nothing else.
    pub fn start(
        settings: SafeSettings,
        identity: Identity,
        disk: Disk,
        now: Time,
        seed: u64,
    ) -> Self {
        let is_paused = disk.record.is_paused;
        let replica = Replica::start(identity, disk);
        let record = replica.record();
        let seen = Seen {
            accepted: record.accepted,
            value: record.value,
            standing: replica.standing(),
            holder: record.value.holder(),
            state: None,
            is_active: false,
            has_address: false,
            refresh_at: now,
            has_failed_back: false,
            was_unplanned: false,
        };
        let mut member = Self {
            contact: Contact::new(now),
            attempts: Attempts::new(now, seed),
            orders: Orders::new(is_paused),
            sync: Sync::new(now),
            note_at: now.plus_ms(NOTE_MS),
            settings,
            replica,
            now,
            started: now,
            seen,
            outputs: VecDeque::new(),
        };
        member.go_on();
        member
    }

    /// Lets something happen. Then drain [`Self::poll`].
    pub fn handle(&mut self, now: Time, input: Input) {
        self.now = self.now.max(now);
        self.replica.clear_steps();
        match input {
            Input::Tick => {}
            Input::Message(from, message) => self.receive(from, message),
            Input::Disconnected(to) => self.contact.disconnected(to),
            Input::Write(drafts) => self.write(drafts),
            Input::Durable(position) => {
                self.replica.handle(replica::Input::Durable(position));
            }
            Input::Retained(first) => self.sync.retained(first),
            Input::Service(service) => self.service(service),
            Input::AddressGone => self.orders.address_gone(),
            Input::Install { session, log } => {
                self.replica.handle(replica::Input::Install(session, log));
            }
            Input::Snapshot { done, total } => {
                self.sync.progress.snapshot(self.now, done, total);
            }
            Input::StateHash { index, hash } => {
                if let Some(position) = self.replica.log().position(index) {
                    self.sync.hashed(position, hash);
                    self.send(To::Peer, Message::StateHash { position, hash });
                }
            }
            Input::Repaired => self.replica.handle(replica::Input::Repaired),
            Input::Admission(has_room) => self.orders.has_room = has_room,
            Input::Command(command) => self.command(command),
        }
        self.go_on();
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let mut deadline = self.contact.next_beacon;
        if self.replica.is_proposing() {
            deadline = deadline.min(self.attempts.repeat_at());
        }
        if self.seen.has_address && !self.is_sole() {
            deadline = deadline.min(self.contact.lease_until);
        }
        Some(deadline.max(self.now.plus_ms(1)))
    }

    /// Whether a read that was computed before this moment may be answered: nobody else has served
    /// meanwhile, and the state has everything that was ever acknowledged.
    pub fn may_read(&self, now: Time) -> bool {
        self.replica.standing().serves()
            && self.has_authority(now)
            && self.may_serve()
            && self.replica.commit() >= self.replica.owed()
    }

    /// Until when reads may be answered, as far as is known now; the beginning of time when not at
    /// all. A sole holder's end only with its process: `lease_ms` bounds how long that may be
    /// noticed late.
    pub fn reads_until(&self, now: Time) -> Time {
        match (self.may_read(now), self.is_sole()) {
            (false, _) => Time(0),
            (true, true) => now.plus_ms(self.settings.lease_ms),
            (true, false) => self.contact.lease_until,
        }
    }

    /// The replica: standing, record, log.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Transitions that the last input caused, to be compared with the table.
    pub fn steps(&self) -> &[Step] {
        self.replica.steps()
    }

    /// How the member looks from outside.
    pub fn status(&self, now: Time) -> Status {
        let record = self.replica.record();
        Status {
            seat: self.replica.seat(),
            state: self.state(now),
            standing: self.replica.standing(),
            value: record.value,
            generation: record.promised.generation,
            may_read: self.may_read(now),
            is_armed: record.value.is_pair() && record.is_decided() && self.pair_is_wanted(),
            heartbeat_is_up: self.contact.hears_peer(now, &self.settings),
            sees_witness: self.contact.sees_witness(now, &self.settings),
            last_contact: self.contact.peer_heard,
            sync_percent: self.sync.progress.percent(),
            end: self.replica.log().end().index,
            commit: self.replica.commit(),
            level: record.level,
            is_paused: self.orders.is_paused || self.orders.is_flapping,
        }
    }

    /// What follows from what happened and from the time that has passed.
    fn go_on(&mut self) {
        self.drain();
        self.stop_waiting();
        if self.now >= self.contact.next_beacon {
            self.beacon();
        }
        self.let_go();
        self.bring_up_to_date();
        self.follow_orders();
        self.drain();
        self.propose();
        self.drain();
        self.let_go();
        self.drain();
        self.serve();
        self.tell();
        if self.now >= self.note_at {
            self.note_at = self.now.plus_ms(NOTE_MS);
            let level = self.agreed_level();
            self.replica.note(level, self.orders.is_paused);
            self.drain();
        }
    }

    /// A holder that has started and hears nobody acts alone, if its register allows it.
    fn stop_waiting(&mut self) {
        let is_waiting = self.replica.standing() == Standing::Arriving;
        if is_waiting && self.now.since_ms(self.started) >= self.settings.suspect_ms {
            self.replica.handle(replica::Input::ActAlone);
        }
    }

    /// Turns the replica's effects into outputs, and notices a new configuration.
    fn drain(&mut self) {
        while let Some(effect) = self.replica.poll() {
            let output = match effect {
                Effect::Persist(record) => Output::Persist(record),
                Effect::Send(to, message) => Output::Send(to, message),
                Effect::Append(entries) => Output::Append(entries),
                Effect::Truncate { after } => Output::Truncate { after },
                Effect::Wipe => Output::Wipe,
                Effect::Install => Output::Install,
                Effect::Ship { first } => {
                    if !self.sync.may_ship(first, &self.replica) {
                        continue;
                    }
                    self.sync.shipping(self.now);
                    Output::Ship { first }
                }
                Effect::Commit(index) => Output::Commit(index),
                Effect::Refuse { trigger: Trigger::Write, reason } => Output::RefuseWrite(reason),
                Effect::Refuse { trigger, reason } => match Command::asks_for(trigger) {
                    Some(command) => Output::RefuseCommand(command, reason),
                    None => continue,
                },
            };
            self.outputs.push_back(output);
        }
        self.observe();
    }

    /// A new configuration restarts what hangs on it.
    fn observe(&mut self) {
        let record = self.replica.record();
        let (accepted, value, is_decided) = (record.accepted, record.value, record.is_decided());
        let standing = self.replica.standing();
        if accepted != self.seen.accepted {
            let readmits = self.seen.standing == Standing::SoleHolder
                && value == Value::Pair(self.replica.seat());
            if readmits {
                // Until now nobody but this node could serve; a backup waits from here on.
                self.contact.lease_until =
                    self.contact.lease_until.max(self.now.plus_ms(self.settings.lease_ms));
            }
            let is_takeover = self.seen.value.is_pair() && !value.is_pair();
            let is_moved = value.holder() != self.seen.value.holder();
            self.seen.was_unplanned = is_takeover && is_moved;
            self.contact.configured(self.now);
            self.sync.configured(self.now, value.is_pair());
            self.attempts.in_doubt_since = self.now;
            self.seen.accepted = accepted;
            self.seen.value = value;
        }
        if is_decided && value.holder() != self.seen.holder {
            self.holder_changed(value);
        }
        if is_decided && value.is_pair() {
            self.seen.has_failed_back = false;
        }
        self.seen.standing = standing;
    }

    fn holder_changed(&mut self, value: Value) {
        let holder = value.holder();
        self.seen.holder = holder;
        self.seen.has_failed_back = holder == Seat::Primary;
        self.sync.progress = progress::Progress::new(self.now);
        if self.seen.was_unplanned {
            self.note_change();
        }
        match (holder, holder == self.replica.seat()) {
            (Seat::Secondary, true) => self.event(Event::FailoverStartsInstance),
            (Seat::Primary, true) if !value.is_pair() => self.event(Event::PrimaryNotSynchronized),
            // Who gave way has said so when it began.
            _ => {}
        }
    }

    /// Starts and stops serving, and holds or releases the virtual address.
    fn serve(&mut self) {
        let standing = self.replica.standing();
        // A holder that is in doubt for a moment keeps its clients waiting rather than lose them
        // with every change of the register, and its address while its lease lasts.
        let is_in_doubt = standing == Standing::Claimant;
        let is_active =
            (standing.serves() || is_in_doubt && self.seen.is_active) && self.may_serve();
        if is_active != self.seen.is_active {
            self.seen.is_active = is_active;
            self.outputs.push_back(if is_active { Output::Activate } else { Output::Deactivate });
        }
        let is_named = standing.serves() || is_in_doubt && self.seen.has_address;
        let may_hold = is_named
            && self.has_authority(self.now)
            && self.may_serve()
            && !self.orders.gives_address_up(&self.replica);
        if may_hold {
            if !self.seen.has_address || self.now >= self.seen.refresh_at {
                self.seen.has_address = true;
                self.seen.refresh_at = self.now.plus_ms(self.settings.address_refresh_ms);
                let until = self.now.plus_ms(self.settings.address_life_ms);
                self.outputs.push_back(Output::HoldAddress { until });
            }
        } else if self.seen.has_address {
            self.release_address();
        }
    }

    pub(super) fn release_address(&mut self) {
        self.seen.has_address = false;
        self.orders.address_released();
        self.outputs.push_back(Output::ReleaseAddress);
    }

    /// Whether nobody else may serve at this moment.
    fn has_authority(&self, now: Time) -> bool {
        self.is_sole() || now < self.contact.lease_until
    }

    /// Whether the configuration is so new that no beacon can have been answered under it.
    fn is_newly_named(&self, now: Time) -> bool {
        now.since_ms(self.attempts.in_doubt_since) < self.settings.suspect_ms
    }

    /// Whether the service may be offered at all: it is well, and was not given up in this session.
    fn may_serve(&self) -> bool {
        let can_read_log = self.replica.level() >= self.replica.record().level;
        self.orders.is_well && !self.has_abdicated() && can_read_log
    }

    fn is_sole(&self) -> bool {
        let record = self.replica.record();
        record.is_decided() && record.value == Value::Sole(self.replica.seat())
    }

    /// Says what an operator would see differently now.
    fn tell(&mut self) {
        let state = self.state(self.now);
        let before = self.seen.state.replace(state);
        if before == Some(state) {
            return;
        }
        // A percentage is shown, not logged.
        if matches!((before, state), (Some(State::Syncing(_)), State::Syncing(_))) {
            return;
        }
        let seat = self.replica.seat();
        self.event(Event::State { seat, state });
        match state {
            State::PrimaryActive => self.event(Event::Active),
            State::FailoverActive => self.event(Event::FailoverActive),
            State::FailoverInvoked if seat == Seat::Secondary => {
                self.event(Event::FailoverReconfigures);
            }
            // A holder that has just started is given a moment.
            State::Suspended if self.seen.standing != Standing::Arriving => {
                self.event(Event::Suspended);
            }
            State::Blank => self.event(Event::Blank),
            State::Diverged => self.event(Event::Diverged),
            State::Syncing(_) => self.event(Event::Synchronizing),
            _ => {}
        }
    }

    fn state(&self, now: Time) -> State {
        let record = self.replica.record();
        let is_following = self.replica.followed().is_some();
        View {
            seat: self.replica.seat(),
            standing: self.replica.standing(),
            value: record.value,
            // One that has just been named has not had an answer yet.
            has_authority: self.has_authority(now) || self.is_newly_named(now),
            is_diverged: record.diverged,
            is_stopping: self.orders.is_stopping(),
            is_taking_over: self.is_taking_over(),
            backup_is_complete: self.replica.backup_is_complete(),
            backup_is_near: self.contact.is_followed(now, &self.settings),
            is_automatic: self.settings.is_automatic(),
            has_failed_back: self.seen.has_failed_back,
            is_complete: record.value.is_pair()
                || is_following && self.replica.log().durable() >= self.sync.holder_commit,
            percent: self.sync.progress.percent(),
        }
        .state()
    }

    fn is_taking_over(&self) -> bool {
        let is_running =
            self.replica.is_proposing() || self.replica.standing() == Standing::Claimant;
        is_running && self.attempts.last == Some(Change::Takeover)
    }

    fn write(&mut self, drafts: Vec<Draft>) {
        let waiting = self.replica.log().end().index.saturating_sub(self.replica.commit());
        let is_too_large = |draft: &Draft| draft.payload.len() > ENTRY_BYTES_MAX;
        let refusal = if !self.may_serve() {
            Some("the service has failed")
        } else if drafts.len() as u64 > SHIP_ENTRIES_MAX || drafts.iter().any(is_too_large) {
            Some("too much at once; write it in parts")
        } else if waiting + drafts.len() as u64 > WAITING_ENTRIES_MAX {
            Some("too much waits for the other node; ask again in a moment")
        } else {
            None
        };
        match refusal {
            Some(reason) => self.outputs.push_back(Output::RefuseWrite(reason)),
            None => self.replica.handle(replica::Input::Write(drafts)),
        }
    }

    fn send(&mut self, to: To, message: Message) {
        self.outputs.push_back(Output::Send(to, message));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn lost_backup(&mut self, why: Loss) {
        self.event(Event::BackupLost { why });
    }

    fn pass_on(&mut self, from: From, message: Message) {
        self.replica.handle(replica::Input::Message(from, message));
    }
}
