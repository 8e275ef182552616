//! Where elements were: rows that are appended, read by element, and pruned by age.
//!
//! Sketch for 100,000 rows/s of 20,000 elements. Disk: 90 bytes a row with both indexes, 9 MB/s, but
//! rows of different elements meet different index pages, so pages are what costs: large commits and
//! late checkpoints let a page collect rows before it is written. CPU: 5 µs a row, half a core.
//! Memory: the queue, 64 bytes a row, 4 MB; 64 MB of pages. No fsync between checkpoints.
//! Measured on two shared cores: 190,000 rows/s through the writer, 100,000 in commits of 1,000.
//! `cargo test --release -p store -- --ignored --nocapture` prints the figures of a machine.
//!
//! [`HistoryWriter`] never makes the position pipeline wait: when the disk cannot follow, rows are
//! dropped at the door and counted. Rows that were accepted are kept until they are written.
//!
//! Rows that come by entries of the journal take another way: they wait in the [`tail`] and are then
//! [`sealed`] into files. A trail is read from all three places.

mod columns;
mod kept;
mod newest;
mod playback;
pub(crate) mod sealed;
pub(crate) mod tail;
mod writer;

use model::geometry::Point;
use model::map::MapId;
use model::{Category, Mac, Metres, Time};
use rusqlite::{Connection, Row, params};
use std::thread;
use std::time::Duration;

use crate::apply::replica;
use crate::{Store, StoreError, column_time, damaged, time_column};
pub use kept::KeptRow;
pub(crate) use kept::packed;
pub use newest::NEWEST_ROWS_MAX;
pub use playback::{FloorHistory, PLAYBACK_ROWS_MAX};
pub use sealed::SealedFile;
pub use writer::{
    COMMIT_INTERVAL_MS, COMMIT_ROWS_MAX, HistoryCounts, HistoryWriter, QUEUE_ROWS_MAX,
};

/// Most rows of one trail: a position every second of a day, and some.
pub const TRAIL_ROWS_MAX: u32 = 100_000;
/// Rows that one transaction prunes: some tens of milliseconds, so that the writer is not held up.
const PRUNE_ROWS: u32 = 10_000;
/// Pause between two prunings. A connection that waits for the write lock looks for it at intervals;
/// without a pause it could lose every time.
const PRUNE_PAUSE: Duration = Duration::from_millis(20);
/// Centimetres in a metre: positions are good to a metre, so a centimetre loses nothing.
const CM: f32 = 100.0;

/// Where one element was at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryRow {
    /// What kind.
    pub category: Category,
    /// Which one.
    pub mac: Mac,
    /// When.
    pub at: Time,
    /// On which floor.
    pub floor: MapId,
    /// Where on it; kept to the centimetre.
    pub point: Point,
    /// Radius that holds the truth 95 times in 100; kept to the centimetre.
    pub confidence: Metres,
    /// Access point that heard it best.
    pub ap: Option<Mac>,
}

impl Store {
    /// Appends rows in one transaction. For a stream of rows use a [`HistoryWriter`].
    pub fn append_history(&self, rows: &[HistoryRow]) -> Result<(), StoreError> {
        self.run(|connection| append(connection, rows))
    }

    /// Where an element was between two times, both included, oldest first.
    /// When there are more than `limit` rows, the newest are returned.
    pub fn trail(
        &self,
        category: Category,
        mac: Mac,
        from: Time,
        until: Time,
        limit: u32,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let limit = limit.min(TRAIL_ROWS_MAX) as usize;
        let element = (category, mac);
        let (mut trail, files, from) = self.run(|connection| {
            // One moment of the database: a row is in the tail or in a file, never in both.
            let moment = connection.transaction()?;
            let mut trail: Trail = appended(&moment, element, (from, until), limit)?
                .into_iter()
                .map(|row| (u64::MAX, row))
                .collect();
            // What has expired may still be in a file with newer rows.
            let from = from.max(replica::load(&moment)?.history_from);
            let newest = tail::trail(&moment, element, (from, until))?;
            trail.extend(newest.iter().map(|(entry, row)| (*entry, row.into())));
            let files = sealed::between(&moment, (from, until))?;
            Ok((trail, files, from))
        })?;
        keep_newest(&mut trail, limit);
        for file in files {
            let is_full = trail.len() == limit;
            if is_full && trail.first().is_none_or(|(_, oldest)| oldest.at > file.newest) {
                break;
            }
            let rows = self.sealed_trail(&file, element, (from, until))?;
            trail.extend(rows.iter().map(|row| (file.first, row.into())));
            keep_newest(&mut trail, limit);
        }
        Ok(trail.into_iter().map(|(_, row)| row).collect())
    }

    /// The rows of one element in one file; none when the file has expired meanwhile.
    fn sealed_trail(
        &self,
        file: &SealedFile,
        element: (Category, Mac),
        times: (Time, Time),
    ) -> Result<Vec<KeptRow>, StoreError> {
        let path = self.history.join(file.name());
        if let Some(rows) = sealed::trail(&path, element, times)? {
            return Ok(rows);
        }
        if self.run(|connection| sealed::is_recorded(connection, file.first))? {
            let what = "it is missing".to_owned();
            return Err(StoreError::LocalSealedFile { path, what });
        }
        Ok(Vec::new())
    }

    /// The sealed files, in order of their entries. A peer that has a file with the same hash need
    /// not fetch it.
    pub fn sealed_files(&self) -> Result<Vec<SealedFile>, StoreError> {
        self.run(|connection| sealed::list(connection))
    }

    /// The sealed files that are missing or not as they were sealed. Reads all of them.
    ///
    /// They are to be fetched from the peer and put in their place. The store works without them,
    /// except for trails of their time and for snapshots.
    pub fn damaged_files(&self) -> Result<Vec<SealedFile>, StoreError> {
        let mut files = self.sealed_files()?;
        files.retain(|file| file.check(&sealed::path(&self.history, file)).is_err());
        Ok(files)
    }

    /// Removes the rows that are older than `before`; says how many. Takes long when there are many,
    /// but leaves the database to others in between.
    pub fn prune_history(&self, before: Time) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let chunk = self.run(|connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM history WHERE rowid IN (SELECT rowid FROM history
                         WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
                    )?
                    .execute(params![time_column(before), PRUNE_ROWS])
            })?;
            removed += chunk;
            if chunk < PRUNE_ROWS as usize {
                return Ok(removed);
            }
            thread::sleep(PRUNE_PAUSE);
        }
    }

    /// How many rows there are, wherever they are. Reads an index from end to end.
    pub fn history_count(&self) -> Result<u64, StoreError> {
        let count: i64 = self.run(|connection| {
            connection.query_row(
                "SELECT (SELECT count(*) FROM history)
                 + (SELECT coalesce(sum(rows), 0) FROM history_tail)
                 + (SELECT coalesce(sum(rows), 0) FROM history_sealed)",
                [],
                |row| row.get(0),
            )
        })?;
        Ok(count.cast_unsigned())
    }

    /// Starts a thread that writes history through a connection of its own.
    pub fn history_writer(&self) -> Result<HistoryWriter, StoreError> {
        HistoryWriter::start(&self.database)
    }
}

/// Rows with the entry they came by: it orders the rows of one time.
type Trail = Vec<(u64, HistoryRow)>;

/// Brings the rows into order and keeps the newest `limit` of them.
fn keep_newest(trail: &mut Trail, limit: usize) {
    trail.sort_by_key(|(entry, row)| (row.at, *entry));
    trail.drain(..trail.len().saturating_sub(limit));
}

/// The rows of an element that were written without entries, the newest `limit` of them.
fn appended(
    connection: &Connection,
    (category, mac): (Category, Mac),
    (from, until): (Time, Time),
    limit: usize,
) -> rusqlite::Result<Vec<HistoryRow>> {
    let mut rows: Vec<HistoryRow> = connection
        .prepare_cached(
            "SELECT category, mac, at_ms, floor, x_cm, y_cm, confidence_cm, ap FROM history
             WHERE mac = ?1 AND category = ?2 AND at_ms BETWEEN ?3 AND ?4
             ORDER BY at_ms DESC, rowid DESC LIMIT ?5",
        )?
        .query_map(
            params![
                mac_column(mac),
                category_column(category),
                time_column(from),
                time_column(until),
                limit as u32
            ],
            row_from,
        )?
        .collect::<rusqlite::Result<_>>()?;
    rows.reverse();
    Ok(rows)
}

fn append(connection: &mut Connection, rows: &[HistoryRow]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO history (category, mac, at_ms, floor, x_cm, y_cm, confidence_cm, ap)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for row in rows {
            insert.execute(params![
                category_column(row.category),
                mac_column(row.mac),
                time_column(row.at),
                row.floor.0.cast_signed(),
                cm_column(row.point.x),
                cm_column(row.point.y),
                cm_column(row.confidence.0),
                row.ap.map(mac_column)
            ])?;
        }
    }
    transaction.commit()
}

fn row_from(row: &Row<'_>) -> rusqlite::Result<HistoryRow> {
    let category: u32 = row.get(0)?;
    let category = Category::ALL
        .get(category as usize)
        .ok_or_else(|| damaged(0, format!("history: there is no category {category}")))?;
    let ap: Option<i64> = row.get(7)?;
    Ok(HistoryRow {
        category: *category,
        mac: column_mac(row.get(1)?),
        at: column_time(row.get(2)?),
        floor: MapId(row.get::<_, i64>(3)?.cast_unsigned()),
        point: Point::new(column_metres(row.get(4)?), column_metres(row.get(5)?)),
        confidence: Metres(column_metres(row.get(6)?)),
        ap: ap.map(column_mac),
    })
}

/// The place in [`Category::ALL`], which is never reordered.
fn category_column(category: Category) -> u32 {
    category.index() as u32
}

fn mac_column(mac: Mac) -> i64 {
    mac.to_u64().cast_signed()
}

fn column_mac(value: i64) -> Mac {
    Mac::from_u64(value.cast_unsigned())
}

/// What is beyond 21,000 km, or no number, is cut to what fits.
fn cm_column(metres: f32) -> i32 {
    (metres * CM).round() as i32
}

fn column_metres(cm: i32) -> f32 {
    cm as f32 / CM
}

#[cfg(test)]
mod tests;
