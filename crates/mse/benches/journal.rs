//! How fast the journal takes rows, and how fast it opens: `cargo bench --bench journal`.
//!
//! Rows of 48 bytes in durable batches of 1, 100 and 1,000, into the journal and into `SQLite` (WAL,
//! `synchronous=FULL`, rowid order, no index) in turn, on the same disk; then the time to open a
//! journal of some size, with a cold and with a warm cache.
//!
//! | argument | meaning |
//! |---|---|
//! | `--dir DIR` | where to write; the target directory by default, because `/tmp` may be memory |
//! | `--gigabytes N` | size of the journal that is opened; 0.25 by default |

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints its figures, and may panic"
)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use journal::{Journal, Scan, Settings};
use model::pair::{Entry, Position};
use node::journal::Files;
use rusqlite::{Connection, params};

/// Bytes of a row: time, element, floor, place, confidence.
const ROW_BYTES: usize = 48;
/// Every round of a figure takes about this long, in turn with the other store.
const ROUND: Duration = Duration::from_millis(300);
/// Rounds per figure; the best counts, because a shared machine only ever makes a round slower.
const ROUNDS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let parent = value("--dir").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").to_owned());
    let dir = PathBuf::from(parent).join(format!("journal-bench-{}", std::process::id()));
    let gigabytes = value("--gigabytes").and_then(|it| it.parse().ok()).unwrap_or(0.25_f64);
    for batch in [1, 100, 1_000] {
        compare(&dir, batch);
    }
    reopen(&dir, gigabytes);
}

/// Rows a second, both in turn.
fn compare(dir: &Path, batch: usize) {
    let rows: Vec<u8> = (0..batch * ROW_BYTES).map(|nth| (nth * 31) as u8).collect();
    let (mut ours, mut theirs) = (Rate::default(), Rate::default());
    for _ in 0..ROUNDS {
        let mut journal = open(dir, Scan::Tail);
        ours.round(batch, |nth| {
            let position = Position { index: nth + 1, ..Position::default() };
            let entry = Entry { position, kind: 1, version: 1, payload: rows.clone() };
            journal.append(&[entry]).expect("room on the disk");
            journal.sync().expect("a disk that syncs");
        });
        drop(journal);
        remove(dir);
        let connection = sqlite(dir);
        theirs.round(batch, |_| insert(&connection, &rows));
        drop(connection);
        remove(dir);
    }
    let ratio = ours.best / theirs.best;
    println!("Durable batches of {batch} rows: {ours}; SQLite {theirs}; ratio {ratio:.2}");
}

#[derive(Default)]
struct Rate {
    best: f64,
    latencies: Vec<Duration>,
}

impl Rate {
    fn round(&mut self, batch: usize, mut write: impl FnMut(u64)) {
        let started = Instant::now();
        let mut batches = 0;
        while started.elapsed() < ROUND {
            let before = Instant::now();
            write(batches);
            self.latencies.push(before.elapsed());
            batches += 1;
        }
        self.latencies.sort_unstable();
        let rows = batches as f64 * batch as f64;
        self.best = self.best.max(rows / started.elapsed().as_secs_f64());
    }

    fn percentile_us(&self, percent: usize) -> u128 {
        let place = (self.latencies.len() * percent / 100).min(self.latencies.len() - 1);
        self.latencies.get(place).map_or(0, Duration::as_micros)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = [50, 99, 100].map(|percent| self.percentile_us(percent));
        write!(f, "{:.0} rows/s (p50 {p50} us, p99 {p99} us, max {max} us)", self.best)
    }
}

fn open(dir: &Path, scan: Scan) -> Journal<Files> {
    let files = Files::open(dir).expect("a directory");
    let settings = Settings { group: 1, scan, ..Settings::default() };
    Journal::open(files, settings, 0).expect("a journal").0
}

fn sqlite(dir: &Path) -> Connection {
    std::fs::create_dir_all(dir).expect("a directory");
    let connection = Connection::open(dir.join("rows.db")).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
             CREATE TABLE row (at INTEGER, mac INTEGER, floor INTEGER, x REAL, y REAL, conf REAL)",
        )
        .expect("a table");
    connection
}

/// The columns of a row are its bytes, eight each.
fn insert(connection: &Connection, rows: &[u8]) {
    let transaction = connection.unchecked_transaction().expect("a transaction");
    let mut statement = transaction
        .prepare_cached("INSERT INTO row VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .expect("a statement");
    for row in rows.chunks_exact(ROW_BYTES) {
        let column = |nth: usize| {
            let bytes = row[nth * 8..nth * 8 + 8].try_into().unwrap_or_default();
            i64::from_le_bytes(bytes)
        };
        let real = |nth| f64::from_bits(column(nth) as u64 & !(0x7FF << 52) | 0x3FF << 52);
        let values = params![column(0), column(1), column(2), real(3), real(4), real(5)];
        statement.execute(values).expect("a row");
    }
    drop(statement);
    transaction.commit().expect("a commit");
}

/// How long it takes to open a journal.
fn reopen(dir: &Path, gigabytes: f64) {
    let mut journal = open(dir, Scan::Tail);
    let bytes = (gigabytes * 1e9) as u64;
    let payload: Vec<u8> = (0..1_000 * ROW_BYTES).map(|nth| (nth * 31) as u8).collect();
    let mut next = 1;
    let started = Instant::now();
    while next * (payload.len() as u64) < bytes {
        let position = |index| Position { index, ..Position::default() };
        let entry = |index| Entry {
            position: position(index),
            kind: 1,
            version: 1,
            payload: payload.clone(),
        };
        let entries: Vec<Entry> = (next..next + 20).map(entry).collect();
        next += 20;
        journal.append(&entries).expect("room on the disk");
    }
    journal.sync().expect("a disk that syncs");
    println!("Written: {gigabytes} GB in {:.1} s", started.elapsed().as_secs_f64());
    drop(journal);
    for (scan, cache) in [(Scan::Tail, "cold"), (Scan::Tail, "warm"), (Scan::Full, "as it comes")] {
        if cache == "cold" {
            // Only root may; without it the first time is as warm as the second.
            let _ = std::fs::write("/proc/sys/vm/drop_caches", "3");
        }
        let started = Instant::now();
        let journal = open(dir, scan);
        let took = started.elapsed();
        assert_eq!(journal.end().index, next - 1, "everything is there");
        println!(
            "Opened: {gigabytes} GB, scan {scan:?}, cache {cache}: {:.3} s",
            took.as_secs_f64()
        );
    }
    remove(dir);
}

fn remove(dir: &Path) {
    std::fs::remove_dir_all(dir).expect("our own directory");
}
