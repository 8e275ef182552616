//! What operators, the service's health and a nervous pair ask for.

use std::collections::VecDeque;

use model::Time;
use model::pair::{Epoch, Seat};

use super::{Command, Member, Output, Service, Sync};
use crate::event::Event;
use crate::message::{Message, To};
use crate::replica::{self, Replica};
use crate::settings::{Mode, Settings};
use crate::table::{Standing, Trigger};

/// Wishes that outlast one input.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Debug, Clone)]
pub(super) struct Orders {
    /// The supervised service passes its checks.
    pub(super) is_well: bool,
    /// This machine has room for another active instance.
    pub(super) has_room: bool,
    /// An operator wants no automatic failover.
    pub(super) is_paused: bool,
    /// The holder changed too often.
    pub(super) is_flapping: bool,
    changes: VecDeque<Time>,
    /// The peer has told how many it remembers.
    has_learnt_changes: bool,
    /// A handover that is given up at that time.
    handover_until: Option<Time>,
    /// A shutdown that does not wait longer than this.
    stop_at: Option<Time>,
    has_stopped: bool,
    /// Releases of the address that were not confirmed yet.
    releases: u32,
    abdicate_at: Time,
    /// The session whose backup was asked to take over at once.
    abdicated: Option<Epoch>,
}

/// A shutdown waits so long for its handover. Ours: twice what a handover may take.
const STOP_HANDOVERS: u64 = 2;

impl Orders {
    pub(super) fn new(is_paused: bool) -> Self {
        Self {
            is_well: true,
            has_room: true,
            is_paused,
            is_flapping: false,
            changes: VecDeque::new(),
            has_learnt_changes: false,
            handover_until: None,
            stop_at: None,
            has_stopped: false,
            releases: 0,
            abdicate_at: Time(0),
            abdicated: None,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop_at.is_some()
    }

    pub(super) fn address_released(&mut self) {
        self.releases += 1;
    }

    pub(super) fn address_gone(&mut self) {
        self.releases = self.releases.saturating_sub(1);
    }

    /// Whether the address has to go although the node is still named by the register.
    pub(super) fn gives_address_up(&self, replica: &Replica) -> bool {
        self.has_stopped || self.handover_until.is_some() && replica.is_drained()
    }

    pub(super) fn changes(&self) -> u32 {
        self.changes.len() as u32
    }

    /// Counts changes of the holder; their number when it was one too many.
    fn note_changes(&mut self, now: Time, new: u32, settings: &Settings) -> Option<u32> {
        self.changes.extend((0..new.min(settings.flap_changes)).map(|_| now));
        while self.changes.front().is_some_and(|at| now.since_ms(*at) >= settings.flap_ms) {
            self.changes.pop_front();
        }
        let changes = self.changes();
        let is_new = !self.is_flapping && changes >= settings.flap_changes;
        self.is_flapping |= is_new;
        is_new.then_some(changes)
    }
}

impl Command {
    /// The command that was refused.
    pub(super) fn asks_for(trigger: Trigger) -> Option<Self> {
        match trigger {
            Trigger::Force => Some(Self::Force),
            Trigger::Dissolve => Some(Self::Unpair),
            Trigger::Recalled => Some(Self::Enrol),
            _ => None,
        }
    }
}

impl Member {
    /// The holder changed, and nobody had ordered it.
    pub(super) fn note_change(&mut self) {
        if let Some(changes) = self.orders.note_changes(self.now, 1, &self.settings) {
            self.event(Event::Flapping { changes });
        }
    }

    /// A node that has started takes over what its peer remembers: it may have been the one that
    /// died each time.
    pub(super) fn learn_changes(&mut self, changes: u32) {
        if self.orders.has_learnt_changes {
            return;
        }
        self.orders.has_learnt_changes = true;
        let new = changes.saturating_sub(self.orders.changes());
        if let Some(changes) = self.orders.note_changes(self.now, new, &self.settings) {
            self.event(Event::Flapping { changes });
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Switchover => {
                if let Err(reason) = self.begin_handover() {
                    self.outputs.push_back(Output::RefuseCommand(command, reason));
                }
            }
            Command::Force => {
                self.replica.handle(replica::Input::Force);
                if self.replica.standing() == Standing::SoleHolder {
                    let generation = self.replica.record().promised.generation;
                    self.event(Event::Forced { generation });
                }
            }
            Command::Unpair => {
                self.replica.handle(replica::Input::Dissolve);
                if self.replica.standing() == Standing::Dissolved {
                    self.event(Event::Dissolved);
                }
            }
            Command::Pause => self.set_paused(true),
            Command::Resume => {
                self.orders.is_flapping = false;
                self.orders.changes.clear();
                self.attempts.resume(self.now);
                self.set_paused(false);
            }
            Command::Shutdown => self.shut_down(),
            Command::Enrol => self.replica.handle(replica::Input::Enrol),
        }
    }

    fn set_paused(&mut self, is_paused: bool) {
        self.orders.is_paused = is_paused;
        self.note_at = self.now;
        let is_automatic = self.settings.is_automatic() && !is_paused;
        self.event(Event::ConfigurationUpdated { is_automatic });
    }

    /// Freezes, if a handover can succeed.
    fn begin_handover(&mut self) -> Result<(), &'static str> {
        match self.replica.standing() {
            Standing::PairHolder | Standing::SoleHolder => {}
            Standing::Frozen => return Err("a handover is running already"),
            _ => return Err("this node does not serve; ask the other one"),
        }
        if !self.contact.is_followed(self.now, &self.settings) {
            return Err("the other node does not answer");
        }
        if !self.replica.backup_is_complete() || !Sync::is_near(&self.replica) {
            return Err("the other node is not complete yet");
        }
        if self.peer_is_leaving() {
            return Err("the other node is stopping");
        }
        self.orders.handover_until = Some(self.now.plus_ms(self.settings.handover_ms));
        self.replica.handle(replica::Input::Freeze);
        self.event(match self.replica.seat() {
            Seat::Primary => Event::FailoverShutsDownPrimary,
            Seat::Secondary => Event::FailbackStartsPrimary,
        });
        Ok(())
    }

    pub(super) fn may_hand_over(&self) -> bool {
        self.orders.handover_until.is_some() && self.replica.is_drained() && self.has_no_address()
    }

    fn has_no_address(&self) -> bool {
        !self.seen.has_address && self.orders.releases == 0
    }

    /// Whether this node would take over when its turn comes: said in every beacon, so that the
    /// register promises nothing that would be refused.
    pub(super) fn is_willing(&self) -> bool {
        self.pair_is_wanted()
            && self.orders.is_well
            && self.orders.has_room
            && !self.orders.is_stopping()
    }

    fn shut_down(&mut self) {
        if self.orders.is_stopping() {
            return;
        }
        let wait_ms = STOP_HANDOVERS * self.settings.handover_ms;
        self.orders.stop_at = Some(self.now.plus_ms(wait_ms));
        // In manual mode a planned stop is not a reason to move, as in the documents.
        if !self.settings.is_automatic() || self.begin_handover().is_err() {
            self.orders.stop_at = Some(self.now);
        }
    }

    pub(super) fn service(&mut self, service: Service) {
        let is_well = service == Service::Well;
        if self.orders.is_well && !is_well {
            self.event(Event::ServiceFailed);
        }
        self.orders.is_well = is_well;
        if is_well && self.orders.handover_until.is_none() {
            self.replica.handle(replica::Input::Thaw);
        }
    }

    /// Carries on what was ordered.
    pub(super) fn follow_orders(&mut self) {
        self.fail_back();
        self.watch_handover();
        self.abdicate();
        self.stop();
    }

    /// A pair that has long been complete gives the service back to the preferred node.
    fn fail_back(&mut self) {
        let is_due = self.settings.failback == Mode::Automatic
            && self.replica.seat() == Seat::Secondary
            && self.replica.standing() == Standing::PairHolder
            && self.pair_is_wanted()
            && self.now.since_ms(self.attempts.in_doubt_since) >= self.settings.stable_ms;
        if is_due && self.begin_handover().is_err() {
            // Tried again when it has been stable for as long once more.
            self.attempts.in_doubt_since = self.now;
        }
    }

    fn watch_handover(&mut self) {
        let Some(until) = self.orders.handover_until else { return };
        if self.replica.standing() != Standing::Frozen {
            self.orders.handover_until = None;
        } else if self.now >= until && !self.replica.is_proposing() {
            self.orders.handover_until = None;
            self.attempts.in_doubt_since = self.now;
            self.replica.handle(replica::Input::Thaw);
            self.event(Event::HandoverAborted);
        }
    }

    /// Whether the backup was asked to take over this session. It may do so at any time from then
    /// on, without waiting for the lease: this node must not serve in it again.
    pub(super) fn has_abdicated(&self) -> bool {
        self.orders.abdicated.is_some() && self.orders.abdicated == self.replica.session()
    }

    /// A holder whose service has failed stops, and asks its backup to take over at once.
    fn abdicate(&mut self) {
        if self.orders.is_well {
            return;
        }
        if self.replica.standing() == Standing::SoleHolder {
            self.give_way();
            return;
        }
        if !self.replica.record().value.is_pair() {
            return;
        }
        let Some(session) = self.replica.session() else { return };
        self.replica.handle(replica::Input::Freeze);
        let is_out = self.has_no_address() && !self.seen.is_active;
        if is_out && self.now >= self.orders.abdicate_at {
            self.orders.abdicate_at = self.now.plus_ms(self.settings.request_ms);
            self.orders.abdicated = Some(session);
            self.contact.lease_until = Time(0);
            self.send(To::Peer, Message::Abdicate { session });
        }
    }

    /// A sole holder whose service has failed hands over, if its backup is complete.
    fn give_way(&mut self) {
        let is_due = self.settings.is_automatic() && self.now >= self.orders.abdicate_at;
        if is_due && self.orders.handover_until.is_none() {
            self.orders.abdicate_at = self.now.plus_ms(self.settings.failover_wait_ms);
            // Without a complete backup there is nobody to give way to.
            let _nobody = self.begin_handover();
        }
    }

    fn stop(&mut self) {
        let Some(stop_at) = self.orders.stop_at else { return };
        let is_named =
            self.replica.standing().serves() || self.replica.standing() == Standing::Claimant;
        if self.orders.has_stopped {
            return;
        }
        let has_given_way = !is_named && self.replica.record().is_decided();
        if has_given_way || self.now >= stop_at {
            self.orders.has_stopped = true;
            if self.seen.is_active {
                self.seen.is_active = false;
                self.outputs.push_back(Output::Deactivate);
            }
            if self.seen.has_address {
                self.release_address();
            }
            // A handover did not come about in time: the backup need not wait for the lease.
            if let Some(session) = self.replica.session()
                && self.replica.record().value.is_pair()
            {
                self.orders.abdicated = Some(session);
                self.send(To::Peer, Message::Abdicate { session });
            }
            self.send(To::Peer, Message::Leaving { run: self.replica.record().run });
            self.outputs.push_back(Output::Stopped);
        }
    }
}
