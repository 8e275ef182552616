//! Where positions go: into the store's own table, or in batches into the pair's journal.
//!
//! Neither way makes the tracker wait: a row that finds the queue full is dropped and counted.
//!
//! Sketch of the journal's way for 20,000 rows/s: 40 entries of 500 rows a second, 10 KB each; one
//! write of at most four of them is under way at a time, so a pair that takes 50 ms to commit still
//! takes 40,000 rows/s.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use node::service::WriteError;
use store::{
    COMMIT_INTERVAL_MS, Change, HISTORY_BATCH_ROWS_MAX, HistoryCounts, HistoryRow, HistoryWriter,
    KeptRow, QUEUE_ROWS_MAX, StoreError,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use crate::writer::{WriteFailure, Writer};

/// Rows of one entry. Source: ha.md section 5.3, "some hundreds".
const ENTRY_ROWS: usize = 500;
/// Rows of one write. Ours: four entries, so that the journal's latency costs a fourth.
const WRITE_ROWS: usize = 4 * ENTRY_ROWS;
/// Pause before a refused write is tried again; the queue takes up the rows meanwhile.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

const _: () = assert!(ENTRY_ROWS <= HISTORY_BATCH_ROWS_MAX);
const _: () = assert!(WRITE_ROWS <= QUEUE_ROWS_MAX);

/// Takes positions.
#[derive(Debug, Clone)]
pub enum History {
    /// A thread writes them into the store.
    Own(Arc<HistoryWriter>),
    /// A task writes them into the journal.
    Journal(Journal),
}

/// The queue of the task that writes into the journal.
#[derive(Debug, Clone)]
pub struct Journal {
    queue: mpsc::Sender<HistoryRow>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
}

impl History {
    /// Hands a row over without ever waiting. False, and counted, when the queue is full.
    pub fn push(&self, row: HistoryRow) -> bool {
        match self {
            Self::Own(writer) => writer.push(row),
            Self::Journal(Journal { queue, counts }) => {
                let is_taken = queue.try_send(row).is_ok();
                let count = if is_taken { &counts.taken } else { &counts.dropped };
                count.fetch_add(1, Ordering::Relaxed);
                is_taken
            }
        }
    }

    /// What became of the rows until now.
    pub fn counts(&self) -> HistoryCounts {
        match self {
            Self::Own(writer) => writer.counts(),
            Self::Journal(Journal { counts, .. }) => HistoryCounts {
                written: counts.written.load(Ordering::Relaxed),
                dropped: counts.dropped.load(Ordering::Relaxed),
            },
        }
    }

    /// The end: own rows are on disk afterwards; what waits for the journal is left, because this
    /// node has stopped serving.
    pub fn close(&self) -> Result<(), StoreError> {
        match self {
            Self::Own(writer) => writer.close().map(drop),
            Self::Journal(Journal { counts, .. }) => {
                let known = counts.written.load(Ordering::Relaxed);
                let waiting = counts.taken.load(Ordering::Relaxed).saturating_sub(known);
                if waiting > 0 {
                    tracing::info!(
                        rows = waiting,
                        "positions were not written, or it is not known: this node stopped serving"
                    );
                }
                Ok(())
            }
        }
    }
}

/// A history that goes through the journal, and the task that writes it until it is dropped.
pub(crate) fn journal(writer: Writer) -> (History, impl Future<Output = ()>) {
    let (queue, rows) = mpsc::channel(QUEUE_ROWS_MAX);
    let counts = Arc::new(Counts::default());
    let history = History::Journal(Journal { queue, counts: Arc::clone(&counts) });
    (history, write(rows, writer, counts))
}

async fn write(mut rows: mpsc::Receiver<HistoryRow>, writer: Writer, counts: Arc<Counts>) {
    let mut batch: Vec<HistoryRow> = Vec::with_capacity(WRITE_ROWS);
    let mut is_failing = false;
    loop {
        batch.clear();
        if rows.recv_many(&mut batch, WRITE_ROWS).await == 0 {
            return;
        }
        let deadline = Instant::now() + Duration::from_millis(COMMIT_INTERVAL_MS);
        while batch.len() < ENTRY_ROWS {
            let left = WRITE_ROWS - batch.len();
            match timeout_at(deadline, rows.recv_many(&mut batch, left)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        loop {
            let entry = |rows: &[HistoryRow]| Change::HistoryAppended {
                rows: rows.iter().map(KeptRow::from).collect(),
            };
            let outcome = writer.journal(batch.chunks(ENTRY_ROWS).map(entry).collect()).await;
            let count = batch.len() as u64;
            match outcome {
                Ok(_) => {
                    counts.written.fetch_add(count, Ordering::Relaxed);
                    if std::mem::take(&mut is_failing) {
                        tracing::info!("history is written again");
                    }
                    break;
                }
                // Never appended: it can be asked again.
                Err(WriteFailure::Pair(WriteError::Refused(reason))) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(%reason, "history is not taken; rows wait, then are dropped");
                    }
                    sleep(RETRY_PAUSE).await;
                }
                // Asked again it could be there twice.
                Err(WriteFailure::Pair(WriteError::Unknown)) => return,
                Err(error) => {
                    tracing::error!(%error, rows = count, "positions cannot be written");
                    counts.taken.fetch_sub(count, Ordering::Relaxed);
                    counts.dropped.fetch_add(count, Ordering::Relaxed);
                    break;
                }
            }
        }
    }
}
