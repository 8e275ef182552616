//! What the member wants done, in its order, which is the protocol: see [`ha::Output`].
//!
//! `sim/src/driver.rs` does the same on simulated disks; whoever changes one reads the other.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ha::{
    Command, Disk, Event, Identity, Input, Member, Memory, Message, Output, Record,
    SHIP_ENTRIES_MAX, To,
};
use model::Time;
use model::pair::Entry;
use node::clock;
use node::journal::Progress;
use tokio::sync::{mpsc, oneshot};

use super::events::Events;
use super::feed::Feed;
use super::service::{STATE_NAME, Service};
use super::storage::Storage;
use super::transfer::{self, Receiving, Sending};
use super::{
    Inbound, LEVEL_UNTOLD, Other, Prepared, ServiceState, Shown, generated_by, level, sender,
};
use crate::address::Keeper;
use crate::links::{Delivery, Links};
use crate::peers::Group;
use crate::wire::{FRAME_BYTES_MAX, Push, Refused};

/// Entries that cannot be read are asked for again after so long. Source: `sim`, one second.
const HOLES_PAUSE_MS: u64 = 1_000;
/// A chunk that has not come is asked for again after so long. Ours: many round trips.
const CHUNK_PATIENCE_MS: u64 = 1_000;
/// What an entry takes in a frame besides its payload. Ours: a little more than position and kind.
const HEAD_BYTES: usize = 64;
/// Most bytes of entries in one answer. Ours: they fit into a frame, with room for what is around.
const FETCHED_BYTES_MAX: usize = FRAME_BYTES_MAX - (1 << 20);
/// How much a new response time counts in the mean. Ours: about the last second of beacons.
const RESPONSE_WEIGHT: f64 = 0.05;

/// Why a group ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Its node stops.
    Ordered,
    /// A shutdown is complete.
    Stopped,
    /// Its state is not what its journal makes: it begins anew.
    Rebuild,
    /// Its service is of another level: its member begins anew, from its record.
    Level,
}

/// An address that was released. The member counts on more than its name says: once it is gone,
/// the peer may serve without waiting for the lease.
#[derive(Debug, Clone, Copy)]
struct Release {
    address_is_gone: bool,
    /// The service has still to say that it answers no reads.
    fence: Option<u64>,
}

/// One group's member and everything that carries out what it wants.
pub(super) struct Driver {
    group: Group,
    pub(super) folder: PathBuf,
    record: Record,
    pub(super) member: Member,
    pub(super) storage: Storage,
    pub(super) service: Service,
    keeper: Keeper,
    links: Links,
    pub(super) orders: mpsc::UnboundedSender<Inbound>,
    shown: Arc<Mutex<Shown>>,
    pub(super) feed: Feed,
    /// The ticket of the write that is being handled.
    pub(super) refusing: Option<u64>,
    commanded: Option<(Command, oneshot::Sender<Result<(), String>>)>,
    /// Until when the address was last wanted.
    wanted_address: Option<Time>,
    has_address: bool,
    /// What was released and is not known to be gone, oldest first.
    releases: VecDeque<Release>,
    pub(super) sending: Option<Sending>,
    pub(super) is_preparing: bool,
    pub(super) receiving: Option<Receiving>,
    chunk_at: Time,
    holes_at: Time,
    /// Sealed segments that are still to be read, because one of them is damaged.
    scrub_left: usize,
    response_ms: Option<f64>,
    /// Why the service is down.
    pub(super) failure: Option<String>,
    events: Arc<Events>,
    ended: Option<Ended>,
}

impl Driver {
    /// The member takes part, at its service's level.
    pub(super) fn new(prepared: Prepared, level: u16) -> Self {
        let Prepared { settings, group, folder, mut record, log, mut storage, .. } = prepared;
        if record.level == LEVEL_UNTOLD {
            record.level = level;
            storage.persist(&record);
        }
        let has_holes = !storage.holes().is_empty();
        let applied = storage.first_index().saturating_sub(1);
        let disk = Disk { record: record.clone(), log, applied, has_holes };
        let identity = Identity {
            seat: group.seat,
            has_witness: settings.has_witness,
            level,
            birth: u64::from_le_bytes(node::token::random()) | 1,
        };
        let seed = u64::from_le_bytes(node::token::random());
        let now = clock::boot();
        let mut driver = Self {
            member: Member::start(settings, identity, disk, now, seed),
            group,
            folder,
            record,
            storage,
            service: prepared.service,
            keeper: prepared.keeper,
            links: prepared.links,
            orders: prepared.orders,
            shown: prepared.shown,
            events: prepared.events,
            feed: Feed::new(now),
            refusing: None,
            commanded: None,
            wanted_address: None,
            has_address: false,
            releases: VecDeque::new(),
            sending: None,
            is_preparing: false,
            receiving: None,
            chunk_at: now,
            holes_at: now,
            scrub_left: 0,
            response_ms: None,
            failure: None,
            ended: None,
        };
        let first = driver.storage.first_index();
        driver.tell(Input::Retained(first));
        // A snapshot that the journal has begun after, and the state has not taken yet.
        let incoming = driver.folder.join(transfer::INCOMING);
        driver.receiving =
            Receiving::left(incoming).filter(|it| it.base().position.index + 1 == first);
        driver
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// When [`Self::tick`] is due.
    pub(super) fn deadline(&self) -> Time {
        let member = self.member.deadline().unwrap_or_else(|| clock::boot().plus_ms(1_000));
        let own = self.feed.deadline();
        member.min(own)
    }

    /// Something is due.
    pub(super) fn tick(&mut self) {
        let now = clock::boot();
        self.tell(Input::Tick);
        self.scrub_on();
        if now >= self.holes_at && !self.storage.holes().is_empty() {
            self.holes_at = now.plus_ms(HOLES_PAUSE_MS);
            if let Some(hole) = self.storage.holes().first() {
                let message = Message::Fetch { first: hole.first, last: hole.last };
                self.links.send(To::Peer, message);
            }
        }
        if now >= self.chunk_at {
            self.want_chunk();
        }
    }

    /// Something came from this node.
    pub(super) fn hear(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Journal(Progress::Durable(position)) => self.tell(Input::Durable(position)),
            Inbound::Journal(Progress::Refused(error)) => {
                tracing::error!(%error, "the journal refuses entries; this process stops, its peer takes over");
                std::process::abort();
            }
            Inbound::AddressGone => {
                if let Some(release) = self.releases.iter_mut().find(|it| !it.address_is_gone) {
                    release.address_is_gone = true;
                }
                self.let_go();
            }
            Inbound::Service(word) => self.word(word),
            Inbound::SnapshotReady(sending) => {
                self.is_preparing = false;
                match sending {
                    Ok(sending) => {
                        self.sending = Some(sending);
                        self.offer();
                    }
                    Err(error) => {
                        tracing::error!(%error, "the snapshot for the peer cannot be read; tried again");
                    }
                }
            }
            Inbound::Command(command, answer) => {
                self.commanded = Some((command, answer));
                self.tell(Input::Command(command));
                self.carry_out();
                if let Some((_, answer)) = self.commanded.take() {
                    // Who ordered may have gone away.
                    let _ = answer.send(Ok(()));
                }
            }
            Inbound::Admission(has_room) => self.tell(Input::Admission(has_room)),
            Inbound::Carrier(is_there) => self.carrier(is_there),
            Inbound::Damaged(segments) => self.scrub(segments),
            Inbound::Stop => self.ended = Some(Ended::Ordered),
        }
    }

    /// Something came from another node.
    pub(super) fn receive(&mut self, delivery: Delivery) {
        if let Delivery::Message(Message::BeaconAck { sent, .. }) = &delivery {
            let took_ms = clock::boot().since_ms(*sent) as f64;
            let mean = self.response_ms.unwrap_or(took_ms);
            self.response_ms = Some(mean + (took_ms - mean) * RESPONSE_WEIGHT);
        }
        match sender(delivery) {
            Ok(input) => self.tell(input),
            Err(Other::Push(push)) => self.pushed(push),
            Err(Other::Refused(Refused::Copy(address))) => {
                tracing::error!(
                    "another machine with this node's key is connected from {address}, and this one \
                     may be its copy; stop that one, or give this one a key and a group of its own in \
                     an empty data directory; this process stops"
                );
                std::process::exit(1);
            }
        }
    }

    pub(super) fn tell(&mut self, input: Input) {
        self.member.handle(clock::boot(), input);
    }

    /// Carries out what the member wants, until it wants nothing more.
    pub(super) fn carry_out(&mut self) {
        while let Some(output) = self.member.poll() {
            self.act(output);
            if self.ended.is_some() {
                return;
            }
        }
        self.watch_service(clock::boot());
        self.tell_level();
        self.activate_when_ready();
        self.lend_reads();
        self.show();
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Persist(record) => {
                self.storage.persist(&record);
                self.record = record;
            }
            Output::Send(to, message) => self.links.send(to, message),
            Output::Append(entries) => self.storage.append(entries),
            Output::Truncate { after } => self.truncate(after),
            Output::Wipe => {
                self.receiving = None;
                let wiped = self.storage.wipe();
                must(wiped, "the journal cannot be emptied");
                self.tell(Input::Retained(1));
                self.holes_are_cut();
                self.check_state();
            }
            Output::Install => self.install(),
            Output::Ship { first } => self.ship(first),
            Output::Snapshot => self.offer(),
            Output::Commit(_) => self.feed_on(),
            Output::RefuseWrite(reason) => self.refuse_write(reason),
            Output::Fetch { first, last } => self.answer_fetch(first, last),
            Output::Fetched(entries) => self.repair(entries),
            Output::Activate => self.feed.wants_active = true,
            Output::Deactivate => self.deactivate(),
            Output::HoldAddress { until } => {
                self.wanted_address = Some(until);
                self.hold_address();
            }
            Output::ReleaseAddress => {
                self.wanted_address = None;
                self.has_address = false;
                self.keeper.release();
                let fence = self.end_reads();
                self.releases.push_back(Release { address_is_gone: false, fence });
            }
            Output::Rebuild => self.ended = Some(Ended::Rebuild),
            Output::Event(event) => self.event(event),
            Output::RefuseCommand(command, reason) => {
                if let Some((_, answer)) = self.commanded.take_if(|(asked, _)| *asked == command) {
                    let _ = answer.send(Err(reason.to_owned()));
                } else {
                    tracing::warn!(%command, reason, "a command is refused");
                }
            }
            Output::Stopped => {
                self.ended = Some(Ended::Stopped);
                // The last word of `gethainfo`; nothing is shown after it.
                self.show();
            }
        }
    }

    /// Says of releases that they are complete: the peer may serve from then on, so the address is
    /// gone and no read is answered here any more.
    pub(super) fn let_go(&mut self) {
        while let Some(Release { address_is_gone: true, fence: None }) = self.releases.front() {
            self.releases.pop_front();
            self.tell(Input::AddressGone);
        }
    }

    /// The service answers no read any more, up to that order of ours, or is gone.
    pub(super) fn reads_ended(&mut self, number: u64) {
        for release in &mut self.releases {
            release.fence = release.fence.filter(|fence| *fence > number);
        }
        self.let_go();
    }

    /// Whether this node has the address, or is about to.
    pub(super) fn wants_address(&self) -> bool {
        self.wanted_address.is_some()
    }

    /// The address follows the listeners: who has none yet holds nothing.
    pub(super) fn hold_address(&mut self) {
        if let Some(until) = self.wanted_address
            && self.feed.is_active
            && until > clock::boot()
        {
            self.keeper.hold(until);
            self.has_address = true;
        }
    }

    fn truncate(&mut self, after: u64) {
        if self.storage.truncate(after).is_ok() {
            self.holes_are_cut();
            self.cut_state(after);
            return;
        }
        // No log can go on right behind a hole. What is before it is not all that was durable:
        // that is lost memory, and the next start has to know.
        let hole = self.storage.holes().iter().find(|hole| hole.last >= after).copied();
        let Some(hole) = hole else {
            return must::<()>(Err("there is no hole"), "the journal cannot be cut");
        };
        self.record.memory = Memory::Lost;
        self.storage.persist(&self.record);
        let cut = self.storage.truncate(hole.first.saturating_sub(1));
        must(cut, "the journal cannot be cut");
        tracing::error!(
            "the journal ends in a hole; this process starts again as one without memory"
        );
        std::process::abort();
    }

    /// What was cut off may have been all that could not be read.
    pub(super) fn holes_are_cut(&mut self) {
        if self.storage.holes().is_empty() {
            self.tell(Input::Repaired);
        }
    }

    fn ship(&mut self, first: u64) {
        if first < self.storage.first_index() || first > self.member.replica().log().end().index {
            return;
        }
        let entries = self.storage.read(first, SHIP_ENTRIES_MAX as usize);
        if let Some(message) = self.member.ship(clock::boot(), entries) {
            self.links.send(To::Peer, message);
        }
    }

    fn answer_fetch(&mut self, first: u64, last: u64) {
        let has_them = first >= self.storage.first_index()
            && last <= self.member.replica().log().durable()
            && self.storage.holes().is_empty();
        if !has_them {
            return;
        }
        let count = last - first + 1;
        let mut entries: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        while (entries.len() as u64) < count {
            let missing = count as usize - entries.len();
            let more = self.storage.read(first + entries.len() as u64, missing);
            if more.is_empty() {
                return;
            }
            bytes += more.iter().map(|entry| entry.payload.len() + HEAD_BYTES).sum::<usize>();
            if bytes > FETCHED_BYTES_MAX {
                // A hole is filled as a whole or not at all: a larger one is for a snapshot.
                return self.offer();
            }
            entries.extend(more);
        }
        self.links.send(To::Peer, Message::Fetched { entries });
    }

    fn repair(&mut self, entries: Vec<Entry>) {
        let ends = entries.first().zip(entries.last());
        let fits = ends.is_some_and(|(first, last)| {
            self.storage
                .holes()
                .iter()
                .any(|hole| (hole.first, hole.last) == (first.position.index, last.position.index))
        });
        if !fits {
            return;
        }
        // What the peer sends is refused by the journal's chain if it is not what was here.
        if let Err(error) = self.storage.repair(entries) {
            tracing::warn!(%error, "entries of the peer do not fit the hole");
        }
        if self.storage.holes().is_empty() {
            tracing::info!("the journal is whole again");
            self.tell(Input::Repaired);
            self.feed_on();
        }
        self.holes_at = clock::boot();
    }

    /// Finds out what of the journal cannot be read, and asks for it.
    fn scrub(&mut self, segments: usize) {
        tracing::error!(
            "the journal is damaged; what is missing is fetched from the peer; replace the disk if this comes again"
        );
        self.scrub_left = segments;
    }

    /// One segment at a time: beacons and entries go between two of them.
    fn scrub_on(&mut self) {
        let Some(left) = self.scrub_left.checked_sub(1) else { return };
        self.scrub_left = left;
        if let Err(error) = self.storage.scrub() {
            tracing::error!(%error, "a segment of the journal cannot be looked over");
        }
    }

    /// The backup needs a snapshot: offers one, the same as before if it still helps.
    pub(super) fn offer(&mut self) {
        let Some(session) = self.member.replica().session() else { return };
        let first = self.storage.first_index();
        if let Some(sending) = self.sending.as_ref().filter(|it| it.index() + 1 >= first) {
            self.links.push(sending.offer(session));
        } else {
            self.sending = None;
            self.prepare_snapshot();
        }
    }

    fn pushed(&mut self, push: Push) {
        match push {
            Push::Offer { session, id, manifest } => {
                let is_followed = self.member.replica().followed() == Some(session);
                if is_followed && let Err(error) = self.offered(session, id, &manifest) {
                    tracing::error!(%error, "the snapshot cannot be stored; it is asked for again");
                    self.receiving = None;
                }
            }
            Push::Want { id, file, offset } => {
                let chunk = self.sending.as_ref().map(|sending| sending.chunk(id, file, offset));
                match chunk {
                    Some(Ok(Some(push))) => {
                        self.links.push(push);
                    }
                    Some(Err(error)) => {
                        tracing::error!(%error, "the snapshot cannot be read; another one is made");
                        self.sending = None;
                    }
                    _ => {}
                }
            }
            Push::Chunk { id, file, offset, bytes } => {
                let taken = self.receiving.as_mut().map(|it| it.take(id, file, offset, &bytes));
                match taken {
                    Some(Ok(true)) => self.chunk_came(),
                    Some(Err(error)) => {
                        tracing::error!(%error, "the snapshot cannot be stored; it is asked for again");
                        self.receiving = None;
                    }
                    _ => {}
                }
            }
        }
    }

    fn offered(
        &mut self,
        session: model::pair::Epoch,
        id: u64,
        manifest: &[u8],
    ) -> std::io::Result<()> {
        match &mut self.receiving {
            Some(receiving) if receiving.is(id) => receiving.session = session,
            _ => {
                let folder = self.folder.join(transfer::INCOMING);
                self.receiving = Some(Receiving::begin(folder, session, id, manifest)?);
            }
        }
        self.chunk_came();
        Ok(())
    }

    fn chunk_came(&mut self) {
        let Some(receiving) = &self.receiving else { return };
        let (done, total) = receiving.progress();
        if receiving.is_complete() {
            if let Err(error) = receiving.sync() {
                tracing::error!(%error, "the snapshot cannot be stored; it is asked for again");
                self.receiving = None;
                return;
            }
            let base = receiving.base();
            let log = ha::Log::recovered(ha::History::new(base.epochs));
            let session = receiving.session;
            self.tell(Input::Snapshot { done, total });
            self.tell(Input::Install { session, log });
        } else {
            self.tell(Input::Snapshot { done, total });
            self.want_chunk();
        }
    }

    fn want_chunk(&mut self) {
        self.chunk_at = clock::boot().plus_ms(CHUNK_PATIENCE_MS);
        if let Some(want) = self.receiving.as_ref().and_then(Receiving::want) {
            self.links.push(want);
        }
    }

    /// The journal begins at the snapshot; the state follows when the service has taken it.
    fn install(&mut self) {
        let Some(base) = self.receiving.as_ref().map(Receiving::base) else { return };
        let first = base.position.index + 1;
        let begun = self.storage.restart_at(base);
        must(begun, "the journal cannot begin at the snapshot");
        self.tell(Input::Retained(first));
        self.check_state();
    }

    /// Journal and state are of no use to this node: it begins anew.
    pub(super) fn rebuild(&mut self) {
        self.ended = Some(Ended::Rebuild);
    }

    /// The link of the interface that clients come over is lost, or back: a service that nobody
    /// reaches is of no more use than one that has failed.
    fn carrier(&mut self, is_there: bool) {
        let (text, severity) = if is_there {
            tracing::info!("the interface of the virtual address has a link again");
            ("Network interface has a link again", ha::Severity::Information)
        } else {
            tracing::error!(
                "the interface of the virtual address has no link; the peer is to serve"
            );
            ("Network interface has no link", ha::Severity::Critical)
        };
        self.events.note(text.to_owned(), severity, generated_by(self.group.seat));
        self.feed.has_carrier = is_there;
        self.tell_health(self.feed.health);
    }

    /// The service is of another release than the one that the pair was told of.
    pub(super) fn take_level(&mut self, level: u16) {
        let before = self.member.replica().level();
        tracing::info!(
            before,
            level,
            "the service has another feature level; the member begins anew"
        );
        must(level::keep(&self.folder, level), "the service's level cannot be kept");
        self.ended = Some(Ended::Level);
    }

    fn event(&self, event: Event) {
        let instance = self.group.instance;
        match event.severity() {
            ha::Severity::Information => tracing::info!(instance, "{event}"),
            ha::Severity::Warning => tracing::warn!(instance, "{event}"),
            ha::Severity::Critical => tracing::error!(instance, "{event}"),
        }
        self.events.add(&event, generated_by(self.group.seat));
    }

    fn show(&mut self) {
        let status = self.member.status(clock::boot());
        let service = match (self.feed.is_active, self.feed.is_ready) {
            (true, _) => ServiceState::Active,
            (false, true) => ServiceState::Dormant,
            (false, false) => ServiceState::Down,
        };
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.status = Some(status);
        shown.service = service;
        shown.failure.clone_from(&self.failure);
        shown.level = Some(self.member.replica().level());
        shown.applied = self.feed.applied;
        shown.response_ms = self.response_ms;
        shown.has_address = self.has_address;
    }

    /// The thread ends.
    pub(super) fn end(self) {
        let Self { folder, service, keeper, feed, storage, ended, shown, .. } = self;
        // The address first, then the service: nobody is led to a node that does not answer. A
        // service whose line ends stops by itself.
        drop(keeper);
        drop(feed);
        service.stop();
        drop(storage);
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.has_stopped = ended == Some(Ended::Stopped);
        shown.service = ServiceState::Down;
        shown.has_address = false;
        if ended == Some(Ended::Rebuild)
            && let Err(error) = put_aside(&folder)
        {
            tracing::error!(%error, "the old journal cannot be put aside");
        }
    }
}

/// A failure of the disk ends the process.
fn must<T>(outcome: Result<T, impl std::fmt::Display>, what: &str) {
    if let Err(error) = outcome {
        tracing::error!(%error, "{what}; this process stops, its peer takes over");
        std::process::abort();
    }
}

/// Journal and record make room for a new beginning; nothing is lost.
fn put_aside(folder: &Path) -> std::io::Result<()> {
    let aside = folder.join(format!("aside-{}", clock::wall().0));
    fs::create_dir_all(&aside)?;
    for name in ["journal", "record", STATE_NAME] {
        match fs::rename(folder.join(name), aside.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
