//! Who was heard when: beacons, the lease, and the backup's patience.
//!
//! A holder under PAIR may serve reads until `lease_ms` after it SENT the last beacon that its
//! backup answered; the backup waits `failover_wait_ms` after it RECEIVED that beacon. Nothing is
//! received before it is sent, so the holder has stopped before the backup begins, whatever the
//! clocks say.

use model::Time;

use super::Member;
use crate::event::Event;
use crate::message::{Beacon, From, Message, To};
use crate::record::Incarnation;
use crate::replica;
use crate::settings::Settings;

/// What is known of the others, by the clock.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Debug, Clone)]
pub(super) struct Contact {
    pub(super) next_beacon: Time,
    seq: u64,
    introduce_at: Time,
    /// The peer has recognised this life.
    peer_knows_life: bool,
    /// The incarnation of the witness that has.
    witness_knows_life: Option<Incarnation>,
    /// Anything came from the peer.
    pub(super) peer_heard: Option<Time>,
    heartbeat_is_up: bool,
    /// When the newest beacon was sent that the peer has answered, whatever it follows.
    peer_answered: Time,
    /// The same of the witness.
    witness_answered: Time,
    /// When the newest beacon of this holder's session was sent that its backup has answered. What
    /// comes back after the lease is no use to anybody.
    peer_followed: Time,
    peer_sees_witness: bool,
    /// The run of the peer that stops on purpose.
    leaving_run: Option<u32>,
    /// The newest beacon: run of the peer and number.
    newest: (u32, u64),
    pub(super) peer_level: Option<u16>,
    /// The witness may vote and answered.
    witness_seen: Option<Time>,
    /// Since when it does so without a break.
    witness_since: Option<Time>,
    /// A holder under PAIR may serve reads until then.
    pub(super) lease_until: Time,
    /// The backup's patience counts from here: a beacon was answered, or the configuration is new.
    pub(super) patient_since: Time,
    /// Since when the holder whose beacons come has not heard an answer.
    unanswered_since: Option<Time>,
    /// The peer would take over.
    pub(super) peer_is_willing: bool,
    /// A peer that has just started is given a moment to go on where it stood.
    pub(super) peer_starts_until: Time,
    /// The holder's service has failed in this session, and it has stopped.
    pub(super) abdicated: Option<model::pair::Epoch>,
    was_incompatible: bool,
    witness_was_lost: bool,
}

impl Contact {
    pub(super) fn new(now: Time) -> Self {
        Self {
            next_beacon: now,
            seq: 0,
            introduce_at: now,
            peer_knows_life: false,
            witness_knows_life: None,
            peer_heard: None,
            heartbeat_is_up: false,
            peer_answered: now,
            witness_answered: now,
            peer_followed: now,
            peer_sees_witness: false,
            leaving_run: None,
            newest: (0, 0),
            peer_level: None,
            witness_seen: None,
            witness_since: None,
            lease_until: Time(0),
            patient_since: now,
            unanswered_since: None,
            peer_is_willing: false,
            peer_starts_until: now,
            abdicated: None,
            was_incompatible: false,
            witness_was_lost: false,
        }
    }

    /// A new configuration: everybody's patience starts again.
    pub(super) fn configured(&mut self, now: Time) {
        self.patient_since = now;
        self.peer_followed = now;
    }

    /// A process that dies closes its connections: nobody needs to wait for its silence. Its
    /// address may live on for a while, so a backup waits all the same.
    pub(super) fn disconnected(&mut self, to: To) {
        match to {
            To::Peer => self.peer_followed = Time(0),
            To::Witness => self.witness_since = None,
        }
    }

    pub(super) fn hears_peer(&self, now: Time, settings: &Settings) -> bool {
        self.peer_heard.is_some_and(|heard| now.since_ms(heard) < settings.suspect_ms)
    }

    /// How long an answer takes, from whoever of the others is quicker: the age of the newest
    /// beacon that came back.
    pub(super) fn answer_ms(&self, now: Time) -> u64 {
        now.since_ms(self.peer_answered.max(self.witness_answered))
    }

    /// How long an answer of the peer takes.
    pub(super) fn peer_answer_ms(&self, now: Time) -> u64 {
        now.since_ms(self.peer_answered)
    }

    /// The backup of this holder has answered lately, and soon enough.
    pub(super) fn is_followed(&self, now: Time, settings: &Settings) -> bool {
        now.since_ms(self.peer_followed) < settings.suspect_ms
    }

    /// Its beacons are answered, so that its lease goes on.
    fn is_answered(&self, now: Time, settings: &Settings) -> bool {
        now.since_ms(self.peer_followed) < settings.lease_ms
    }

    pub(super) fn sees_witness(&self, now: Time, settings: &Settings) -> bool {
        self.witness_seen.is_some_and(|seen| now.since_ms(seen) < settings.disarm_ms)
    }

    /// Neither this node nor its peer sees the witness.
    pub(super) fn witness_is_gone(&self, now: Time, settings: &Settings) -> bool {
        !self.sees_witness(now, settings) && !self.peer_sees_witness
    }

    pub(super) fn witness_is_back(&self, now: Time, settings: &Settings) -> bool {
        self.sees_witness(now, settings)
            && self.witness_since.is_some_and(|since| now.since_ms(since) >= settings.rearm_ms)
    }
}

impl Member {
    /// Sends a sign of life to everybody, and asks to be recognised while nobody has.
    pub(super) fn beacon(&mut self) {
        let contact = &mut self.contact;
        contact.next_beacon = contact.next_beacon.plus_ms(self.settings.beacon_ms);
        if contact.next_beacon <= self.now {
            contact.next_beacon = self.now.plus_ms(self.settings.beacon_ms);
        }
        contact.seq += 1;
        if self.now >= contact.introduce_at {
            contact.introduce_at = self.now.plus_ms(self.settings.request_ms);
            self.replica.handle(replica::Input::Introduce);
            self.drain();
            self.greet_the_others();
        }
        let beacon = Beacon {
            seq: self.contact.seq,
            sent: self.now,
            life: self.replica.life(),
            session: self.replica.session().map(|session| (session, self.replica.record().value)),
            commit: self.replica.commit(),
            sees_witness: self.contact.sees_witness(self.now, &self.settings),
            is_answered: self.contact.is_answered(self.now, &self.settings),
            is_willing: self.is_willing(),
            changes: self.orders.changes(),
            level: self.replica.level(),
        };
        if !self.replica.is_mute() {
            self.send(To::Peer, Message::Beacon(beacon));
            if self.settings.has_witness {
                self.send(To::Witness, Message::Beacon(beacon));
            }
        }
        self.notice_silence();
    }

    /// One who recognises this node is enough for it to go on. Whoever has not heard of this life yet
    /// would recognise a disk that is set back behind it, so everybody is to know.
    fn greet_the_others(&mut self) {
        if !self.replica.is_recognised() || self.replica.is_mute() {
            return;
        }
        let hello = Message::Hello { life: self.replica.life(), level: self.replica.level() };
        if !self.contact.peer_knows_life {
            self.send(To::Peer, hello.clone());
        }
        let witness = self.replica.record().witness;
        if self.settings.has_witness && self.contact.witness_knows_life != Some(witness) {
            self.send(To::Witness, hello);
        }
    }

    fn notice_silence(&mut self) {
        let is_up = self.contact.hears_peer(self.now, &self.settings);
        if is_up != self.contact.heartbeat_is_up {
            self.contact.heartbeat_is_up = is_up;
            self.event(if is_up { Event::HeartbeatsUp } else { Event::HeartbeatsDown });
        }
        if !self.settings.has_witness
            || !self.replica.standing().serves()
            || !self.has_waited_for_witness()
        {
            return;
        }
        let is_lost = self.contact.witness_is_gone(self.now, &self.settings);
        if is_lost != self.contact.witness_was_lost {
            self.contact.witness_was_lost = is_lost;
            self.event(if is_lost { Event::WitnessLost } else { Event::WitnessBack });
        }
    }

    pub(super) fn receive(&mut self, from: From, message: Message) {
        if from == From::Peer {
            self.contact.peer_heard = Some(self.now);
        }
        if let Message::Welcome { run, birth, .. } = message
            && self.replica.is_meant(run, birth)
        {
            match from {
                From::Peer => self.contact.peer_knows_life = true,
                From::Witness(incarnation) => {
                    self.contact.witness_knows_life = Some(incarnation);
                }
            }
        }
        match (from, message) {
            (From::Peer, Message::Beacon(beacon)) => self.beacon_came(&beacon),
            (From::Peer, Message::BeaconAck { sent, session, sees_witness, .. }) => {
                self.contact.peer_sees_witness = sees_witness;
                self.contact.peer_answered = self.contact.peer_answered.max(sent.min(self.now));
                if session.is_some() && session == self.replica.session() {
                    self.contact.peer_followed = self.contact.peer_followed.max(sent.min(self.now));
                    let until = sent.plus_ms(self.settings.lease_ms);
                    self.contact.lease_until = self.contact.lease_until.max(until);
                }
            }
            (From::Witness(incarnation), Message::BeaconAck { sent, sees_witness, .. }) => {
                self.contact.witness_answered =
                    self.contact.witness_answered.max(sent.min(self.now));
                let record = self.replica.record();
                let is_ours = incarnation == record.witness;
                if !is_ours && record.left_witnesses.contains(&incarnation) {
                    self.send(To::Witness, Message::Left { incarnation });
                }
                if is_ours && sees_witness {
                    if !self.contact.sees_witness(self.now, &self.settings) {
                        self.contact.witness_since = None;
                    }
                    self.contact.witness_seen = Some(self.now);
                    self.contact.witness_since.get_or_insert(self.now);
                }
            }
            (From::Peer, Message::Abdicate { session }) => {
                if self.replica.followed() == Some(session) {
                    self.contact.abdicated = Some(session);
                }
            }
            (From::Peer, Message::Leaving { run }) => {
                self.contact.leaving_run = Some(run);
            }
            (From::Peer, Message::StateHash { position, hash }) => self.compare(position, hash),
            (From::Peer, Message::Fetch { first, last }) if first <= last => {
                self.fetch(first, last);
            }
            (From::Peer, Message::Fetched { entries }) => {
                self.outputs.push_back(super::Output::Fetched(entries));
            }
            (From::Peer, message) => {
                match &message {
                    Message::Hello { level, life } => {
                        self.level_came(*level);
                        if life.run > self.replica.peer().run {
                            self.contact.peer_starts_until =
                                self.now.plus_ms(self.settings.suspect_ms);
                        }
                    }
                    Message::Welcome { level, .. } => self.level_came(*level),
                    Message::Open { commit, .. } | Message::Append { commit, .. } => {
                        self.sync.holder_commit = *commit;
                    }
                    _ => {}
                }
                if self.is_compatible() || !matches!(message, Message::Open { .. }) {
                    self.pass_on(From::Peer, message);
                }
            }
            (From::Witness(_), message) => self.pass_on(from, message),
        }
    }

    /// The peer lives. If it holds a session that this node follows, its lease hangs on the
    /// answer: a node that is taking over does not give it.
    fn beacon_came(&mut self, beacon: &Beacon) {
        let number = (beacon.life.run, beacon.seq);
        if number > self.contact.newest {
            self.contact.newest = number;
            self.contact.peer_sees_witness = beacon.sees_witness;
            self.contact.peer_is_willing = beacon.is_willing;
            self.learn_changes(beacon.changes);
            if beacon.is_answered || beacon.session.is_none() {
                self.contact.unanswered_since = None;
            } else {
                self.contact.unanswered_since.get_or_insert(self.now);
            }
            self.replica.remember(beacon.life);
            self.level_came(beacon.level);
        }
        if let Some((session, _)) = beacon.session
            && self.is_compatible()
        {
            let run = self.replica.record().run;
            let empty = Message::Append {
                session,
                backup_run: run,
                entries: Vec::new(),
                commit: beacon.commit,
            };
            self.sync.holder_commit = beacon.commit;
            self.pass_on(From::Peer, empty);
            self.drain();
        }
        let held = beacon.session.map(|(session, _)| session);
        // A holder that can send but not receive has no lease; to go on answering it would only
        // keep everybody waiting.
        let is_deaf = self
            .contact
            .unanswered_since
            .is_some_and(|since| self.now.since_ms(since) >= self.settings.failover_wait_ms);
        let follows =
            held.is_some() && self.replica.followed() == held && !self.is_taking_over() && !is_deaf;
        if follows {
            self.contact.patient_since = self.now;
        }
        let answer = Message::BeaconAck {
            seq: beacon.seq,
            sent: beacon.sent,
            session: held.filter(|_| follows),
            sees_witness: self.contact.sees_witness(self.now, &self.settings),
        };
        self.send(To::Peer, answer);
    }

    /// The peer's present run has said that it stops.
    pub(super) fn peer_is_leaving(&self) -> bool {
        self.contact.leaving_run == Some(self.replica.peer().run)
    }

    fn level_came(&mut self, level: u16) {
        self.contact.peer_level = Some(level);
        let is_incompatible = !self.is_compatible();
        if is_incompatible && !self.contact.was_incompatible {
            let own = self.replica.level();
            self.event(Event::Incompatible { own, peer: level });
        }
        self.contact.was_incompatible = is_incompatible;
    }

    /// Programs may be one feature level apart, and neither may be below what is written already.
    pub(super) fn is_compatible(&self) -> bool {
        let own = self.replica.level();
        self.contact
            .peer_level
            .is_none_or(|peer| own.abs_diff(peer) <= 1 && peer >= self.replica.record().level)
    }

    /// The level at which both may write from now on.
    pub(super) fn agreed_level(&self) -> u16 {
        let own = self.replica.level();
        self.contact.peer_level.map_or(0, |peer| own.min(peer))
    }
}
