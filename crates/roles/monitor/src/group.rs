//! One group on this node: a thread that drives the pair's member, its disk, its service and its
//! address.
//!
//! ```text
//! storage    record and journal
//! service    the line to the service, and its process
//! transfer   snapshots on their way
//! driver     what the member wants done, in its order
//! feed       entries to the service, and what it says
//! level      the feature level, which is the service's
//! output     what the service prints
//! events     the events log
//! scrub      looks over the journal
//! ```
//!
//! The thread does one thing after the other. What must be on disk before the next step is: the
//! thread waits for it. Everything else comes back to it as an `Inbound`.

mod driver;
mod events;
mod feed;
mod level;
mod output;
mod scrub;
mod service;
mod storage;
mod transfer;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io, thread};

use ha::{Command, From, Input, Log, Record, SafeSettings};
use model::pair::{Position, Seat};
use node::clock;
use node::journal::Progress;
use node::log::Rotating;
use node::service::Report;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::address::carrier::Watch;
use crate::address::{Holder, Keeper};
use crate::links::{Delivery, Links};
use crate::peers::{Group, GroupId};
use crate::wire::{Push, Refused};
use driver::Driver;
pub use events::EventLine;
use events::Events;
use scrub::Scrub;
pub use service::{
    ADDRESS_VARIABLE, PREFIX_VARIABLE, SOCKET_NAME, SOCKET_VARIABLE, STATE_NAME, STATE_VARIABLE,
};
use service::{Service, Word};
use storage::Storage;
pub use storage::StorageError;

/// Messages of other nodes that wait. Ours: beyond that their connections wait.
const DELIVERIES_MAX: usize = 1_024;
/// The feature level of a record that is made before the service has said its own.
const LEVEL_UNTOLD: u16 = 0;
/// A service that has not said its level for so long is worth a line. Ours: starting takes less than
/// a second.
const LEVEL_PATIENCE: Duration = Duration::from_secs(5);

/// What comes to the thread from its own node.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// The journal's writer reports.
    Journal(Progress),
    /// The virtual address is gone.
    AddressGone,
    /// The line to the service.
    Service(Word),
    /// A snapshot of the state was looked at.
    SnapshotReady(io::Result<transfer::Sending>),
    /// An operator asks for something.
    Command(Command, oneshot::Sender<Result<(), String>>),
    /// Whether this machine has room for another active instance.
    Admission(bool),
    /// Whether the interface of the virtual address has a link.
    Carrier(bool),
    /// A sealed segment of the journal is not as it was written; so many are sealed.
    Damaged(usize),
    /// End, without handing over.
    Stop,
}

/// What a group runs with.
pub struct Parts {
    /// What pairing knows.
    pub group: Group,
    /// The node's data directory.
    pub data: PathBuf,
    /// Program and arguments of the service; nothing when somebody else starts it.
    pub command: Vec<String>,
    /// Where what the service prints is kept.
    pub log: Rotating,
    /// Who holds the virtual address.
    pub holder: Box<dyn Holder>,
    /// The interface without whose link this node cannot serve; none when it does not matter.
    pub carrier: Option<String>,
    /// A primary that founds its group, a secondary that joins one, or one that has lost its memory.
    pub beginning: Beginning,
}

/// What a node without a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// The primary of a new group.
    Founder,
    /// A node that has never been in the group.
    Member,
    /// A node that was in the group and has lost its memory: recovery mode.
    Blank,
}

/// A running group.
#[derive(Debug)]
pub struct Running {
    orders: mpsc::UnboundedSender<Inbound>,
    /// Where connections of the group belong.
    pub links: Links,
    status: Arc<Mutex<Shown>>,
    events: Arc<Events>,
    thread: Option<thread::JoinHandle<()>>,
    _carrier: Option<Watch>,
    _scrub: Scrub,
}

/// What operators see of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shown {
    /// The pair's state; nothing before the thread has begun.
    pub status: Option<ha::Status>,
    /// Whether the service is on the line, and what it does.
    pub service: ServiceState,
    /// Why the service is down, if that is known.
    pub failure: Option<String>,
    /// The service's feature level, which is this node's in the pair; none before it has ever said it.
    pub level: Option<u16>,
    /// How far the service's state has come.
    pub applied: Position,
    /// Mean time from a beacon to its answer.
    pub response_ms: Option<f64>,
    /// The virtual address is held here.
    pub has_address: bool,
    /// The last shutdown was asked for.
    pub has_stopped: bool,
}

/// What the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// It is not on the line.
    Down,
    /// It takes entries and serves nobody.
    Dormant,
    /// It serves.
    Active,
}

/// A group cannot start.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The settings do not hold together.
    #[error("the pair's settings: {0}")]
    ConfigSettings(#[from] ha::SettingsError),
    /// A folder, socket or thread cannot be made.
    #[error("cannot make {what}: {source}")]
    LocalMake {
        /// What.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

impl Running {
    /// Opens the disk, starts the service, and drives the member from then on.
    pub fn start(parts: Parts) -> Result<Self, GroupError> {
        let Parts { group, data, command, log, holder, carrier, beginning } = parts;
        let folder = group.folder(&data);
        let made = |what: String| move |source| GroupError::LocalMake { what, source };
        fs::create_dir_all(&folder).map_err(made(folder.display().to_string()))?;
        close_to_others(&folder).map_err(made(folder.display().to_string()))?;
        let settings = group.settings.clone().checked()?;
        let (orders, queue) = mpsc::unbounded_channel();
        let (inbox, deliveries) = mpsc::channel(DELIVERIES_MAX);
        let links = Links::new(group.id, inbox);

        let told = orders.clone();
        let progress = move |progress| {
            // The thread may have ended.
            let _ = told.send(Inbound::Journal(progress));
        };
        let (mut storage, found) = Storage::open(&folder, group.id, progress)?;
        let record = found.record.unwrap_or_else(|| first_record(&mut storage, beginning));

        let told = orders.clone();
        let gone = move || {
            let _ = told.send(Inbound::AddressGone);
        };
        let keeper = Keeper::start(holder, gone).map_err(made("the address thread".to_owned()))?;
        let told = orders.clone();
        let word = move |word| {
            let _ = told.send(Inbound::Service(word));
        };
        let service = Service::start(&folder, &command, &group.virtual_address, log, word)
            .map_err(made(folder.join(SOCKET_NAME).display().to_string()))?;

        let status = Arc::new(Mutex::new(Shown::new()));
        let events = Arc::new(Events::open(&folder));
        let journal = folder.join("journal");
        let prepared = Prepared {
            settings,
            group,
            folder,
            record,
            log: found.log,
            storage,
            service,
            keeper,
            links: links.clone(),
            orders: orders.clone(),
            shown: Arc::clone(&status),
            events: Arc::clone(&events),
        };
        let thread = thread::Builder::new().name("group".to_owned());
        let thread = thread
            .spawn(move || run(prepared, queue, deliveries))
            .map_err(made("the group's thread".to_owned()))?;
        let told = orders.clone();
        let damaged = move |segments| {
            let _ = told.send(Inbound::Damaged(segments));
        };
        let scrub = Scrub::start(journal, damaged).map_err(made("the scrub thread".to_owned()))?;
        let told = orders.clone();
        let watch = carrier.map(|interface| {
            let carrier = move |is_there| {
                let _ = told.send(Inbound::Carrier(is_there));
            };
            Watch::start(&interface, carrier).map_err(made(format!("the watch of {interface}")))
        });
        let watch = watch.transpose()?;
        let thread = Some(thread);
        Ok(Self { orders, links, status, events, thread, _carrier: watch, _scrub: scrub })
    }

    /// What operators see.
    pub fn shown(&self) -> Shown {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What happened, oldest first.
    pub fn events(&self) -> Vec<EventLine> {
        self.events.lines()
    }

    /// Whom to order something.
    pub fn commander(&self) -> Commander {
        Commander(self.orders.clone())
    }

    /// Whether this machine has room for another active instance.
    pub fn admit(&self, has_room: bool) {
        let _ = self.orders.send(Inbound::Admission(has_room));
    }

    /// Ends the thread and the service, without handing over. Blocks.
    pub fn stop(mut self) {
        let _ = self.orders.send(Inbound::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the group's thread had failed");
        }
    }

    /// Whether the thread has ended by itself: an ordered shutdown is complete, or the group has to
    /// begin anew.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(thread::JoinHandle::is_finished)
    }
}

/// Takes orders for a group.
#[derive(Debug, Clone)]
pub struct Commander(mpsc::UnboundedSender<Inbound>);

impl Commander {
    /// Orders something; an error says why it is refused.
    pub async fn order(&self, command: Command) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let gone = || "the group has stopped".to_owned();
        self.0.send(Inbound::Command(command, answer)).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// The primary of a dissolved group goes on alone: its record founds the group anew, its log stays.
/// The group must not run.
pub fn found_again(folder: &Path, group: GroupId) -> Result<(), StorageError> {
    let (mut storage, found) = Storage::open(folder, group, |_| {})?;
    if let Some(record) = found.record {
        storage.persist(&record.founded_again());
    }
    Ok(())
}

impl Shown {
    fn new() -> Self {
        Self {
            status: None,
            service: ServiceState::Down,
            failure: None,
            level: None,
            applied: Position::default(),
            response_ms: None,
            has_address: false,
            has_stopped: false,
        }
    }
}

/// The record of a node that has none; on disk before anything else.
fn first_record(storage: &mut Storage, beginning: Beginning) -> Record {
    let record = match beginning {
        Beginning::Founder => Record::founder(1, LEVEL_UNTOLD),
        Beginning::Member => Record::member(1, LEVEL_UNTOLD),
        Beginning::Blank => Record::blank(LEVEL_UNTOLD),
    };
    storage.persist(&record);
    record
}

fn close_to_others(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// What a group is before its member takes part.
struct Prepared {
    settings: SafeSettings,
    group: Group,
    folder: PathBuf,
    record: Record,
    log: Log,
    storage: Storage,
    service: Service,
    keeper: Keeper,
    links: Links,
    orders: mpsc::UnboundedSender<Inbound>,
    shown: Arc<Mutex<Shown>>,
    events: Arc<Events>,
}

/// What was heard while the service had not said its level: the driver hears it again.
#[derive(Default)]
struct Heard {
    words: Vec<Word>,
    has_room: Option<bool>,
    has_carrier: Option<bool>,
    damaged: Option<usize>,
}

impl Heard {
    /// The level, once it is said; or why it will not be. A line that is given up ends here, and
    /// nothing counts before the first word.
    fn hear(&mut self, word: Word) -> Result<Option<u16>, String> {
        let current = match self.words.first() {
            Some(Word::Connected(orders)) => orders.number,
            _ => 0,
        };
        let said = match &word {
            Word::Connected(_) => {
                self.words.clear();
                self.words.push(word);
                return Ok(None);
            }
            Word::Says(number, _) | Word::Strange(number, _) | Word::Gone(number)
                if *number != current =>
            {
                return Ok(None);
            }
            Word::Says(_, Report::Hello { level, .. }) => Ok(Some(*level)),
            Word::Says(_, Report::Failed(reason)) | Word::Strange(_, reason) => Err(reason.clone()),
            Word::Says(..) => return Ok(None),
            Word::Gone(_) => Err("it has ended".to_owned()),
        };
        match &said {
            Ok(_) => self.words.push(word),
            Err(_) => self.words.clear(),
        }
        said
    }
}

impl Prepared {
    /// Waits until the service says its level; nothing when the group is to end. Only a node whose
    /// service has never been on the line waits here: it has nothing that its pair could miss.
    async fn hear_level(
        &self,
        queue: &mut mpsc::UnboundedReceiver<Inbound>,
        deliveries: &mut mpsc::Receiver<Delivery>,
    ) -> Option<(u16, Heard)> {
        let mut heard = Heard::default();
        let mut late = pin!(tokio::time::sleep(LEVEL_PATIENCE));
        let mut is_late = false;
        loop {
            let inbound = tokio::select! {
                biased;
                Some(inbound) = queue.recv() => inbound,
                // Lost, as on the way.
                Some(_) = deliveries.recv() => continue,
                () = &mut late, if !is_late => {
                    is_late = true;
                    self.fail("it has not started");
                    continue;
                }
            };
            match inbound {
                Inbound::Service(word) => {
                    let Some(level) = heard.hear(word).unwrap_or_else(|reason| {
                        self.fail(&reason);
                        None
                    }) else {
                        continue;
                    };
                    match level::keep(&self.folder, level) {
                        Ok(()) => return Some((level, heard)),
                        Err(error) => self.fail(&format!("its level cannot be kept: {error}")),
                    }
                }
                Inbound::Command(Command::Shutdown, answer) => {
                    self.shown().has_stopped = true;
                    let _ = answer.send(Ok(()));
                    return None;
                }
                Inbound::Command(_, answer) => {
                    let text = "the service of this node has never started; its log says why";
                    let _ = answer.send(Err(text.to_owned()));
                }
                Inbound::Admission(has_room) => heard.has_room = Some(has_room),
                Inbound::Carrier(is_there) => heard.has_carrier = Some(is_there),
                Inbound::Damaged(segments) => heard.damaged = Some(segments),
                Inbound::Stop => return None,
                Inbound::Journal(_) | Inbound::AddressGone | Inbound::SnapshotReady(_) => {}
            }
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service cannot say its level: its process is started again.
    fn fail(&self, reason: &str) {
        let process = self.service.process();
        tracing::error!(reason, process, "the service has failed");
        self.shown().failure = Some(reason.to_owned());
        self.service.kill();
    }
}

/// The thread: what comes from this node goes before what comes from others.
fn run(
    prepared: Prepared,
    mut queue: mpsc::UnboundedReceiver<Inbound>,
    mut deliveries: mpsc::Receiver<Delivery>,
) {
    let _or_nothing = OrNothing;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "the group's thread cannot start"),
    };
    let driver = runtime.block_on(async {
        let (level, heard) = match level::told(&prepared.folder) {
            Some(level) => (level, Heard::default()),
            None => match prepared.hear_level(&mut queue, &mut deliveries).await {
                Some(heard) => heard,
                None => return Err(prepared),
            },
        };
        let mut driver = Driver::new(prepared, level);
        let Heard { words, has_room, has_carrier, damaged } = heard;
        let words = words.into_iter().map(Inbound::Service);
        let rest = [
            has_room.map(Inbound::Admission),
            has_carrier.map(Inbound::Carrier),
            damaged.map(Inbound::Damaged),
        ];
        for inbound in words.chain(rest.into_iter().flatten()) {
            driver.hear(inbound);
        }
        loop {
            driver.carry_out();
            if driver.has_ended() {
                return Ok(driver);
            }
            let left = driver.deadline().since_ms(clock::boot());
            tokio::select! {
                biased;
                Some(inbound) = queue.recv() => driver.hear(inbound),
                Some(delivery) = deliveries.recv() => driver.receive(delivery),
                () = tokio::time::sleep(Duration::from_millis(left)) => driver.tick(),
            }
        }
    });
    match driver {
        Ok(driver) => driver.end(),
        Err(prepared) => prepared.service.stop(),
    }
}

/// A group's thread that panics takes the process with it: half a monitor would keep a service alive
/// that nobody looks after, and its peer takes over sooner from a process that is gone.
struct OrNothing;

impl Drop for OrNothing {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!(
                "the thread of a group has failed; this process stops, its peer takes over"
            );
            std::process::abort();
        }
    }
}

/// What the protocol does not know.
enum Other {
    Push(Push),
    Refused(Refused),
}

/// What a delivery is to the protocol.
fn sender(delivery: Delivery) -> Result<Input, Other> {
    match delivery {
        Delivery::Message(message) => Ok(Input::Message(From::Peer, message)),
        Delivery::Vote(life, message) => Ok(Input::Message(From::Witness(life), message)),
        Delivery::Disconnected(to) => Ok(Input::Disconnected(to)),
        Delivery::Push(push) => Err(Other::Push(push)),
        Delivery::Refused(reason) => Err(Other::Refused(reason)),
    }
}

/// As the documents name the nodes in the events log.
fn generated_by(seat: Seat) -> &'static str {
    match seat {
        Seat::Primary => "Primary",
        Seat::Secondary => "Secondary",
    }
}
