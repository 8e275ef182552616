//! The thread that writes history.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};

use super::{HistoryRow, append};
use crate::{StoreError, connect, database_error};

/// A row is committed at most this long after it was taken from the queue.
pub const COMMIT_INTERVAL_MS: u64 = 100;
/// Most rows of one commit. Ours, measured: under load 10,000 rows write half as many index pages
/// as ten times 1,000, and still hold the write lock for less than the interval.
pub const COMMIT_ROWS_MAX: usize = 10_000;
/// Rows that wait at most: more than half a second at 100,000 rows/s, 4 MB.
pub const QUEUE_ROWS_MAX: usize = 65_536;
/// Pause before a failed commit is tried again; the queue takes up the rows meanwhile.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Appends rows from a queue, on a thread of its own.
#[derive(Debug)]
pub struct HistoryWriter {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
}

/// What became of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryCounts {
    /// Rows that were committed.
    pub written: u64,
    /// Rows that were refused because the queue was full, or could not be written before the end.
    pub dropped: u64,
}

#[derive(Debug)]
enum Message {
    Row(HistoryRow),
    Close,
}

#[derive(Debug, Default)]
struct Shared {
    written: AtomicU64,
    dropped: AtomicU64,
    /// A failed commit is not tried for ever once somebody waits for the end.
    closing: AtomicBool,
}

impl HistoryWriter {
    pub(super) fn start(database: &Path) -> Result<Self, StoreError> {
        let connection = connect(database)?;
        let (queue, rows) = sync_channel(QUEUE_ROWS_MAX);
        let shared = Arc::new(Shared::default());
        let worker = Worker {
            connection,
            rows,
            shared: Arc::clone(&shared),
            batch: Vec::with_capacity(COMMIT_ROWS_MAX),
            is_failing: false,
        };
        let database = database.to_owned();
        let thread = thread::Builder::new()
            .name("history".into())
            .spawn(move || worker.run().map_err(database_error(&database)))
            .map_err(StoreError::LocalThread)?;
        Ok(Self { queue, shared, thread: Mutex::new(Some(thread)) })
    }

    /// Hands a row over without ever waiting. False, and counted, when the queue is full or the
    /// writer closed.
    pub fn push(&self, row: HistoryRow) -> bool {
        let taken = self.queue.try_send(Message::Row(row)).is_ok();
        if !taken {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// What became of the rows until now.
    pub fn counts(&self) -> HistoryCounts {
        HistoryCounts {
            written: self.shared.written.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
        }
    }

    /// Waits until every row that was taken is on disk and would survive a loss of power.
    /// Rows pushed afterwards are dropped. The second call does nothing.
    pub fn close(&self) -> Result<HistoryCounts, StoreError> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            self.shared.closing.store(true, Ordering::Relaxed);
            // An error means that the thread has ended; joining it says why.
            let _ = self.queue.send(Message::Close);
            if let Ok(ended) = thread.join() {
                ended?;
            }
        }
        Ok(self.counts())
    }
}

impl Drop for HistoryWriter {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the newest history is lost");
        }
    }
}

struct Worker {
    connection: Connection,
    rows: Receiver<Message>,
    shared: Arc<Shared>,
    batch: Vec<HistoryRow>,
    is_failing: bool,
}

impl Worker {
    fn run(mut self) -> rusqlite::Result<()> {
        while self.collect() {
            self.commit()?;
        }
        self.commit()?;
        // The log is not synced at each commit; a checkpoint does it, unless others keep it busy.
        let is_busy: bool =
            self.connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))?;
        if is_busy {
            let busy = ffi::Error::new(ffi::SQLITE_BUSY);
            let what = "history is written but not yet synced to disk";
            return Err(rusqlite::Error::SqliteFailure(busy, Some(what.into())));
        }
        Ok(())
    }

    /// Fills the batch until it is full or its oldest row has waited long enough.
    /// False when no more rows will come.
    fn collect(&mut self) -> bool {
        match self.rows.recv() {
            Ok(Message::Row(row)) => self.batch.push(row),
            Ok(Message::Close) | Err(_) => return false,
        }
        let deadline = Instant::now() + Duration::from_millis(COMMIT_INTERVAL_MS);
        while self.batch.len() < COMMIT_ROWS_MAX {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.rows.recv_timeout(left) {
                Ok(Message::Row(row)) => self.batch.push(row),
                Err(RecvTimeoutError::Timeout) => return true,
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    /// Commits the batch. A failure is tried again until it succeeds or the end is wanted.
    fn commit(&mut self) -> rusqlite::Result<()> {
        while let Err(error) = append(&mut self.connection, &self.batch) {
            if self.shared.closing.load(Ordering::Relaxed) {
                let waiting = self.rows.try_iter().filter(|m| matches!(m, Message::Row(_)));
                let lost = (self.batch.len() + waiting.count()) as u64;
                self.shared.dropped.fetch_add(lost, Ordering::Relaxed);
                return Err(error);
            }
            if !self.is_failing {
                self.is_failing = true;
                tracing::error!(%error, "history cannot be written; rows wait, then are dropped");
            }
            thread::sleep(RETRY_PAUSE);
        }
        if self.is_failing {
            self.is_failing = false;
            tracing::info!("history is written again");
        }
        let written = self.batch.len() as u64;
        self.shared.written.fetch_add(written, Ordering::Relaxed);
        self.batch.clear();
        Ok(())
    }
}
