//! The thread that owns a journal.
//!
//! Entries wait in a queue; what has come while the last sync ran becomes durable with the next one.
//! Nobody waits for company: the design note's window of 2 ms was most of what a lone row took, and
//! while a disk syncs, enough comes for a group. Everything else that is done to the journal goes through the same queue,
//! so that the order of calls is the order on disk.
//!
//! A failure of the disk aborts the process, and it is never tried again: after a failed sync the
//! kernel may have dropped what was to be written and call it clean, so a second sync would lie
//! (Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020). The peer takes
//! over, and recovery looks at what is really there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use journal::{Disk, Error, Journal};
use model::pair::{Entry, Position};

/// Commands that wait at most. Ours: far more than comes while a disk syncs.
pub const QUEUE_COMMANDS_MAX: usize = 1_024;
/// Bytes of payloads that wait at most. Ours: one second of the fastest disk that was measured.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Bytes that are written before a sync is due, whatever waits. Ours: 5 ms of writing.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// What the writer reports, from its own thread.
#[derive(Debug)]
pub enum Progress {
    /// Everything up to here survives a crash.
    Durable(Position),
    /// Entries did not belong where they were to go: a mistake of the caller. None were taken.
    Refused(Error),
}

/// The queue is full; the entries are handed back.
#[derive(Debug, thiserror::Error)]
#[error("the journal's queue is full: {} entries wait no more than others do; try again when some are durable", .0.len())]
pub struct Full(pub Vec<Entry>);

/// The writer has ended.
#[derive(Debug, thiserror::Error)]
#[error("the journal's writer has ended")]
pub struct Stopped;

type Task<D> = Box<dyn FnOnce(&mut Journal<D>) + Send>;

enum Command<D> {
    Append(Vec<Entry>),
    Run(Task<D>),
}

/// A journal with a thread of its own. Dropping it makes durable what was appended.
#[derive(Debug)]
pub struct Writer<D> {
    /// `None` only while it is dropped.
    queue: Option<SyncSender<Command<D>>>,
    queued_bytes: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl<D: Disk + Send + 'static> Writer<D> {
    /// Starts the thread. `progress` is called on it, so it must not wait for the writer.
    pub fn start(
        journal: Journal<D>,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, commands) = sync_channel(QUEUE_COMMANDS_MAX);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let mut group = Group {
            reported: journal.durable(),
            journal,
            progress: Box::new(progress),
            queued_bytes: Arc::clone(&queued_bytes),
            bytes: 0,
        };
        let thread = std::thread::Builder::new().name("journal".to_owned());
        let thread = thread.spawn(move || group.run(&commands))?;
        Ok(Self { queue: Some(queue), queued_bytes, thread: Some(thread) })
    }

    /// Hands entries over. [`Progress::Durable`] follows.
    pub fn append(&self, entries: Vec<Entry>) -> Result<(), Full> {
        let bytes = bytes_of(&entries);
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        // One that is longer than the limit goes when it is alone.
        let has_room = before == 0 || before + bytes <= QUEUE_BYTES_MAX;
        let sent = match &self.queue {
            Some(queue) if has_room => queue.try_send(Command::Append(entries)),
            _ => Err(TrySendError::Full(Command::Append(entries))),
        };
        sent.map_err(|error| {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match error {
                TrySendError::Full(Command::Append(entries))
                | TrySendError::Disconnected(Command::Append(entries)) => Full(entries),
                _ => Full(Vec::new()),
            }
        })
    }

    /// Does something to the journal after everything that was handed over before, and waits for it:
    /// read, truncate, retain, repair. A failure of the disk in it aborts, as in the writer itself.
    pub fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Journal<D>) -> Result<T, Error> + Send + 'static,
    ) -> Result<Result<T, Error>, Stopped> {
        let (answer, answered) = sync_channel(1);
        let task: Task<D> = Box::new(move |journal| {
            let done = task(journal);
            if let Err(error @ (Error::Disk(_) | Error::Poisoned)) = &done {
                abort(error);
            }
            // Who asked may have gone away.
            let _ = answer.send(done);
        });
        let queue = self.queue.as_ref().ok_or(Stopped)?;
        queue.send(Command::Run(task)).map_err(|_| Stopped)?;
        answered.recv().map_err(|_| Stopped)
    }
}

impl<D> Drop for Writer<D> {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// What runs on the thread.
struct Group<D> {
    journal: Journal<D>,
    progress: Box<dyn FnMut(Progress) + Send>,
    queued_bytes: Arc<AtomicUsize>,
    reported: Position,
    /// Written since the last sync.
    bytes: usize,
}

impl<D: Disk> Group<D> {
    fn run(&mut self, commands: &Receiver<Command<D>>) {
        while let Ok(command) = commands.recv() {
            self.handle(command);
            while self.journal.durable() != self.journal.end() && self.bytes < GROUP_BYTES_MAX {
                let Ok(command) = commands.try_recv() else { break };
                self.handle(command);
            }
            self.sync();
        }
    }

    fn handle(&mut self, command: Command<D>) {
        match command {
            Command::Append(entries) => {
                let bytes = bytes_of(&entries);
                self.bytes += bytes;
                let appended = self.journal.append(&entries);
                self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
                match appended {
                    Ok(_) => {}
                    Err(error @ (Error::Disk(_) | Error::Poisoned)) => abort(&error),
                    Err(error) => (self.progress)(Progress::Refused(error)),
                }
            }
            Command::Run(task) => task(&mut self.journal),
        }
    }

    fn sync(&mut self) {
        match self.journal.sync() {
            Ok(durable) if durable != self.reported => {
                self.reported = durable;
                (self.progress)(Progress::Durable(durable));
            }
            Ok(_) => {}
            Err(error) => abort(&error),
        }
        self.bytes = 0;
    }
}

fn bytes_of(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.payload.len()).sum()
}

/// Ends the process as a crash does: nothing more is sent, written or released in order.
fn abort(error: &Error) -> ! {
    tracing::error!(%error, "the journal cannot be written; this process stops, its peer takes over");
    std::process::abort();
}
