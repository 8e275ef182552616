//! The line between a health monitor and the service that it supervises, over a Unix socket.
//!
//! The monitor owns the pair, the journal and the virtual address; the service owns its state and
//! its listeners. A service implements [`Replicated`], connects, and hands its orders to
//! [`Orders::serve`]; whatever it wants to change goes through [`Line::write`] and comes back as a
//! committed entry. Nothing else in a role knows that it is replicated.
//!
//! ```text
//! service                               monitor
//!    | == greeting: line version ======> |   before any frame; another version ends the line
//!    | -- Hello {applied, level} -------> |   the first word
//!    | <------------- Apply {entries} --- |   committed, in order; on both nodes
//!    | -- Applied {position, hashes} ---> |
//!    | <---------------- Activate ------- |   this node serves; everything acknowledged is applied
//!    | -- Active -----------------------> |
//!    | -- Write {ticket, drafts} -------> |
//!    | <--- Written {ticket, first} ----- |   appended, not yet safe; Apply follows when it is
//!    | <---------------- Reads {until} -- |   reads may be answered until then
//!    | <--------------------- EndReads -- |   the peer is about to serve: no read from now on
//!    | -- ReadsEnded -------------------> |   at once, whatever the service is busy with
//! ```
//!
//! A line that ends means that the monitor is gone: the service stops serving at once, because
//! nobody keeps its lease any more. Frames are a length (u32, little endian) and `postcard`; the
//! greeting is older than any frame, so that every version can read every other one's.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

pub use ha::Draft;
use model::Time;
use model::pair::{ENTRY_BYTES_MAX, Entry, Epoch, Position};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

use crate::clock;

/// The version of this line: raised whenever an [`Order`] or a [`Report`] looks otherwise. What a
/// service writes into the journal is none of it; that is its feature level.
pub const LINE_VERSION: u16 = 2;
/// How a greeting begins. As the length of a frame it is longer than any.
const LINE_MAGIC: [u8; 4] = *b"MSEL";
/// Longest frame. Ours: one entry of the longest kind and its envelope; batches stay below.
pub const FRAME_BYTES_MAX: usize = ENTRY_BYTES_MAX + (1 << 20);
/// Writes whose outcome is awaited. Ours: as many as the pair lets wait.
const WAITING_MAX: usize = 4_096;

/// What a monitor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Apply these committed entries, in this order. Ones that are applied already are skipped.
    Apply(Vec<Entry>),
    /// Serve from now on. Everything that was ever acknowledged has been applied.
    Activate(Epoch),
    /// Stop serving: close the listeners, drop the connections.
    Deactivate,
    /// Reads may be answered until then, by [`clock::boot`].
    Reads(Time),
    /// The programs of both nodes understand this feature level: the service may write at it.
    Level(u16),
    /// No read is answered from now on; [`Report::ReadsEnded`] follows at once, whatever the service
    /// is busy with.
    EndReads(u64),
    /// A write was appended; its entries are committed later, or never.
    Written {
        /// Of [`Report::Write`].
        ticket: u64,
        /// The index of its first entry.
        first: u64,
    },
    /// A write was not appended.
    Refused {
        /// Of [`Report::Write`].
        ticket: u64,
        /// Why, for people.
        reason: String,
    },
    /// Say whether all is well.
    Check(u64),
    /// Make the state durable, so that the journal before it may go.
    Sync,
    /// Copy the state into this directory, which is made for it.
    Snapshot(PathBuf),
    /// Replace the state by the snapshot in this directory.
    Restore(PathBuf),
    /// Throw the state away and begin empty.
    Clear,
}

/// What a service says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The first word.
    Hello {
        /// Where its state stands.
        applied: Position,
        /// The program's feature level.
        level: u16,
    },
    /// Something is to be changed.
    Write {
        /// Comes back in the answer.
        ticket: u64,
        /// What.
        drafts: Vec<Draft>,
    },
    /// Entries were applied.
    Applied {
        /// Where the state stands.
        position: Position,
        /// Index and hash of the states that are compared between the nodes.
        hashes: Vec<(u64, u64)>,
    },
    /// The state is durable up to here.
    Synced(Position),
    /// It serves.
    Active,
    /// It does not serve any more.
    Dormant,
    /// No read is answered any more; the number is that of [`Order::EndReads`].
    ReadsEnded(u64),
    /// The answer to [`Order::Check`].
    Well(u64),
    /// The answer to [`Order::Check`], or a word of its own: the service cannot go on.
    Failed(String),
    /// The snapshot is in the directory that was ordered.
    Snapshot(Position),
    /// The state is that of the snapshot, or empty.
    Restored(Position),
}

/// A service that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum GreetingError {
    /// It is of another release.
    #[error(
        "the service speaks version {service} of the line to its health monitor, this health monitor version {LINE_VERSION}; install both from one release"
    )]
    PeerVersion {
        /// The service's.
        service: u16,
    },
    /// It is older than the greeting, or something else altogether.
    #[error(
        "the service names no version of the line to its health monitor, this health monitor speaks version {LINE_VERSION}; install both from one release"
    )]
    PeerUnknown,
    /// The line ended.
    #[error("the line to the service ended: {0}")]
    LocalEnded(#[from] io::Error),
}

/// What became of applied entries.
#[derive(Debug)]
pub struct Applied<O> {
    /// Where the state stands.
    pub position: Position,
    /// Index and outcome of each entry, in order.
    pub outcomes: Vec<(u64, O)>,
    /// Index and hash of the states that are compared between the nodes.
    pub hashes: Vec<(u64, u64)>,
}

/// A service that is replicated. Its calls come one at a time, from one thread.
///
/// An error is for people; it ends the service, and the peer takes over.
pub trait Replicated {
    /// What became of one entry.
    type Outcome: Send + 'static;

    /// The program's feature level.
    fn level(&self) -> u16;
    /// Where the state stands.
    fn applied(&self) -> Result<Position, String>;
    /// Applies committed entries. A pure function of state and entries: no clock, no randomness.
    fn apply(&mut self, entries: &[Entry]) -> Result<Applied<Self::Outcome>, String>;
    /// Makes the state durable.
    fn sync(&mut self) -> Result<Position, String>;
    /// Copies the state into a directory that is made for it.
    fn snapshot(&mut self, dir: &Path) -> Result<Position, String>;
    /// Replaces the state by a snapshot.
    fn restore(&mut self, dir: &Path) -> Result<Position, String>;
    /// Throws the state away.
    fn clear(&mut self) -> Result<Position, String>;
    /// Serves from now on: on return the listeners are open.
    fn activate(&mut self, epoch: Epoch) -> Result<(), String>;
    /// Stops serving: on return the listeners are closed.
    fn deactivate(&mut self) -> Result<(), String>;
    /// The application's own checks.
    fn check(&mut self) -> Result<(), String>;
}

/// Why a write has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// It was not appended, and never will be.
    #[error("not written: {0}")]
    Refused(String),
    /// It may have been appended: the node stopped serving before that was known.
    #[error("the outcome is not known: this node has stopped serving; look, then ask again")]
    Unknown,
}

/// The service's end of the line, for whoever writes or reads.
#[derive(Debug)]
pub struct Line<O> {
    shared: Arc<Shared<O>>,
}

impl<O> Clone for Line<O> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

/// What the monitor orders: to be served by one thread.
#[derive(Debug)]
pub struct Orders<O> {
    reader: BufReader<UnixStream>,
    shared: Arc<Shared<O>>,
}

#[derive(Debug)]
struct Shared<O> {
    writer: Mutex<UnixStream>,
    waiting: Mutex<Waiting<O>>,
    /// Reads may be answered until then.
    reads_until: AtomicU64,
    /// What both nodes understand.
    level: watch::Sender<u16>,
}

#[derive(Debug)]
struct Waiting<O> {
    next_ticket: u64,
    /// Asked, not yet answered.
    tickets: BTreeMap<u64, (usize, Answer<O>)>,
    /// Appended: by the index of the last entry.
    appended: BTreeMap<u64, Appended<O>>,
}

#[derive(Debug)]
struct Appended<O> {
    first: u64,
    outcomes: Vec<O>,
    answer: Answer<O>,
}

type Answer<O> = oneshot::Sender<Result<Vec<O>, WriteError>>;

/// Connects to the monitor at `socket`.
pub fn connect<O>(socket: &Path) -> io::Result<(Line<O>, Orders<O>)> {
    line(UnixStream::connect(socket)?)
}

fn line<O>(stream: UnixStream) -> io::Result<(Line<O>, Orders<O>)> {
    let waiting = Waiting { next_ticket: 1, tickets: BTreeMap::new(), appended: BTreeMap::new() };
    let shared = Arc::new(Shared {
        writer: Mutex::new(stream.try_clone()?),
        waiting: Mutex::new(waiting),
        reads_until: AtomicU64::new(0),
        level: watch::Sender::default(),
    });
    let orders = Orders { reader: BufReader::new(stream), shared: Arc::clone(&shared) };
    Ok((Line { shared }, orders))
}

impl<O: Send + 'static> Line<O> {
    /// Has something changed: one outcome for each draft, when all are safe on as many disks as the
    /// pair demands, and applied here.
    pub async fn write(&self, drafts: Vec<Draft>) -> Result<Vec<O>, WriteError> {
        let answered = self.submit(drafts)?;
        answered.await.unwrap_or(Err(WriteError::Unknown))
    }

    /// The same from a thread that may wait.
    pub fn write_blocking(&self, drafts: Vec<Draft>) -> Result<Vec<O>, WriteError> {
        let answered = self.submit(drafts)?;
        answered.blocking_recv().unwrap_or(Err(WriteError::Unknown))
    }

    /// Whether a read that was computed before this moment may be answered: nobody else has served
    /// meanwhile. It is asked last, just before the answer is given.
    pub fn may_read(&self) -> bool {
        clock::boot().0 < self.shared.reads_until.load(Ordering::Acquire)
    }

    /// The feature level that both nodes understand, whenever it rises; 0 until the monitor has said.
    pub fn level(&self) -> watch::Receiver<u16> {
        self.shared.level.subscribe()
    }

    /// Leaves: the orders end, the service becomes dormant, and the peer may take over.
    pub fn hang_up(&self) {
        self.shared.hang_up();
    }

    fn submit(
        &self,
        drafts: Vec<Draft>,
    ) -> Result<oneshot::Receiver<Result<Vec<O>, WriteError>>, WriteError> {
        let (answer, answered) = oneshot::channel();
        let ticket = {
            let mut waiting = self.shared.waiting();
            if waiting.tickets.len() + waiting.appended.len() >= WAITING_MAX {
                let reason = "too much waits for the pair; ask again in a moment".to_owned();
                return Err(WriteError::Refused(reason));
            }
            let ticket = waiting.next_ticket;
            waiting.next_ticket += 1;
            waiting.tickets.insert(ticket, (drafts.len(), answer));
            ticket
        };
        if self.shared.say(&Report::Write { ticket, drafts }).is_err() {
            self.shared.waiting().tickets.remove(&ticket);
            return Err(WriteError::Refused("the health monitor is gone".to_owned()));
        }
        Ok(answered)
    }
}

impl<O: Send + 'static> Orders<O> {
    /// Carries out orders until the monitor is gone; then the service is dormant. Blocks.
    ///
    /// An error is the service's own: it has failed, and its process should end.
    pub fn serve(self, service: &mut impl Replicated<Outcome = O>) -> Result<(), String> {
        let Self { reader, shared } = self;
        let outcome = serve(reader, &shared, service);
        shared.end_reads();
        shared.forget();
        if let Err(reason) = &outcome {
            // The monitor may be gone, too.
            let _ = shared.say(&Report::Failed(reason.clone()));
        }
        shared.hang_up();
        let stopped = service.deactivate();
        outcome.and(stopped)
    }
}

/// Carries orders out one after the other. A thread of its own reads them: what is only about reads
/// and writes that wait is done there at once, however long the service is busy.
fn serve<O: Send + 'static>(
    reader: BufReader<UnixStream>,
    shared: &Arc<Shared<O>>,
    service: &mut impl Replicated<Outcome = O>,
) -> Result<(), String> {
    let hello = Report::Hello { applied: service.applied()?, level: service.level() };
    if shared.greet().is_err() || shared.say(&hello).is_err() {
        return Ok(());
    }
    // Bounded by the monitor, which gives few orders before it has heard of the ones before.
    let (orders, queue) = channel();
    let for_reader = Arc::clone(shared);
    thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || read_orders(reader, &for_reader, &orders))
        .map_err(|error| format!("the thread that reads orders cannot be started: {error}"))?;
    for order in queue {
        let report = shared.obey(order?, service)?;
        if report.is_some_and(|report| shared.say(&report).is_err()) {
            break;
        }
    }
    Ok(())
}

/// Reads orders until the line ends; then no read is answered any more.
fn read_orders<O>(
    mut reader: BufReader<UnixStream>,
    shared: &Shared<O>,
    orders: &Sender<Result<Order, String>>,
) {
    loop {
        let order = match read_frame(&mut reader) {
            Ok(Some(Order::Reads(until))) => {
                shared.reads_until.store(until.0, Ordering::Release);
                continue;
            }
            Ok(Some(Order::Level(level))) => {
                shared.level.send_replace(level);
                continue;
            }
            Ok(Some(Order::EndReads(number))) => {
                shared.end_reads();
                if shared.say(&Report::ReadsEnded(number)).is_err() {
                    break;
                }
                continue;
            }
            Ok(Some(Order::Written { ticket, first })) => {
                shared.written(ticket, first);
                continue;
            }
            Ok(Some(Order::Refused { ticket, reason })) => {
                shared.refused(ticket, reason);
                continue;
            }
            Ok(Some(Order::Deactivate)) => {
                shared.end_reads();
                Ok(Order::Deactivate)
            }
            Ok(Some(order)) => Ok(order),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(format!("the health monitor says what is no order: {error}"))
            }
            // The monitor is gone.
            Ok(None) | Err(_) => break,
        };
        let is_last = order.is_err();
        if orders.send(order).is_err() || is_last {
            break;
        }
    }
    shared.end_reads();
}

impl<O> Shared<O> {
    fn obey(
        &self,
        order: Order,
        service: &mut impl Replicated<Outcome = O>,
    ) -> Result<Option<Report>, String> {
        let report = match order {
            Order::Apply(entries) => {
                let Applied { position, outcomes, hashes } = service.apply(&entries)?;
                self.resolve(outcomes);
                Report::Applied { position, hashes }
            }
            Order::Activate(epoch) => {
                service.activate(epoch)?;
                Report::Active
            }
            Order::Deactivate => {
                self.forget();
                service.deactivate()?;
                Report::Dormant
            }
            // Done where they are read.
            Order::Reads(_)
            | Order::Level(_)
            | Order::EndReads(_)
            | Order::Written { .. }
            | Order::Refused { .. } => return Ok(None),
            Order::Check(number) => match service.check() {
                Ok(()) => Report::Well(number),
                Err(reason) => Report::Failed(reason),
            },
            Order::Sync => Report::Synced(service.sync()?),
            Order::Snapshot(dir) => Report::Snapshot(service.snapshot(&dir)?),
            Order::Restore(dir) => Report::Restored(service.restore(&dir)?),
            Order::Clear => Report::Restored(service.clear()?),
        };
        Ok(Some(report))
    }

    fn end_reads(&self) {
        self.reads_until.store(0, Ordering::Release);
    }

    fn hang_up(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // It may be closed already.
        let _ = writer.shutdown(std::net::Shutdown::Both);
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting<O>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn greet(&self) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        write_greeting(&mut *writer, LINE_VERSION)
    }

    fn say(&self, report: &Report) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        write_frame(&mut *writer, report)
    }

    fn written(&self, ticket: u64, first: u64) {
        let mut waiting = self.waiting();
        let Some((count, answer)) = waiting.tickets.remove(&ticket) else { return };
        let last = first + count.saturating_sub(1) as u64;
        let outcomes = Vec::with_capacity(count);
        waiting.appended.insert(last, Appended { first, outcomes, answer });
    }

    fn refused(&self, ticket: u64, reason: String) {
        if let Some((_, answer)) = self.waiting().tickets.remove(&ticket) {
            // Who asked may have gone away.
            let _ = answer.send(Err(WriteError::Refused(reason)));
        }
    }

    /// Hands outcomes to those who wait for them.
    fn resolve(&self, outcomes: Vec<(u64, O)>) {
        let mut waiting = self.waiting();
        for (index, outcome) in outcomes {
            let Some(mut place) = waiting.appended.first_entry() else { return };
            let last = *place.key();
            if index < place.get().first {
                continue;
            }
            place.get_mut().outcomes.push(outcome);
            if index == last {
                let Appended { outcomes, answer, .. } = place.remove();
                let _ = answer.send(Ok(outcomes));
            }
        }
    }

    /// Nobody will learn any more what became of what waits.
    fn forget(&self) {
        let mut waiting = self.waiting();
        for (_, (_, answer)) in std::mem::take(&mut waiting.tickets) {
            let _ = answer.send(Err(WriteError::Unknown));
        }
        for (_, Appended { answer, .. }) in std::mem::take(&mut waiting.appended) {
            let _ = answer.send(Err(WriteError::Unknown));
        }
    }
}

/// Says which version of the line this is; a service does so before its first frame.
pub fn write_greeting(writer: &mut impl Write, version: u16) -> io::Result<()> {
    let mut greeting = LINE_MAGIC.to_vec();
    greeting.extend(version.to_le_bytes());
    writer.write_all(&greeting)
}

/// Reads what a service says before its first frame.
pub fn read_greeting(reader: &mut impl Read) -> Result<(), GreetingError> {
    let mut magic = [0; 4];
    reader.read_exact(&mut magic)?;
    if magic != LINE_MAGIC {
        return Err(GreetingError::PeerUnknown);
    }
    let mut version = [0; 2];
    reader.read_exact(&mut version)?;
    match u16::from_le_bytes(version) {
        LINE_VERSION => Ok(()),
        service => Err(GreetingError::PeerVersion { service }),
    }
}

/// Writes one frame.
pub fn write_frame(writer: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut frame = vec![0; 4];
    frame = postcard::to_extend(message, frame).map_err(io::Error::other)?;
    let length = frame.len() - 4;
    if length > FRAME_BYTES_MAX {
        let text = format!("a frame of {length} bytes; at most {FRAME_BYTES_MAX} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    writer.write_all(&frame)
}

/// Reads one frame; nothing when the other end has closed the line between two.
pub fn read_frame<T: DeserializeOwned>(reader: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match reader.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        let text = format!("a frame of {length} bytes; at most {FRAME_BYTES_MAX} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut frame = vec![0; length];
    reader.read_exact(&mut frame)?;
    let message = postcard::from_bytes(&frame);
    message.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests;
