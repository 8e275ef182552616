//! Where every element was last: what a node shows when it takes over, until it hears by itself.
//!
//! Sketch: the tail and the newest sealed files are read from end to end, newest first, and one row
//! of each element is kept. An element that is heard has a row each minute at least, so a few
//! million rows hold all that matter, however many rows a second there are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use model::{Category, Mac, Time};
use rusqlite::{Connection, params};

use super::{HistoryRow, KeptRow, row_from, sealed, tail};
use crate::apply::replica;
use crate::{Store, StoreError, time_column};

/// Reading ends with the file that makes it so many rows. Ours: 100 s at 20,000 rows/s, an hour of
/// 20,000 elements that stand still; a tenth of a second of work (measured).
pub const NEWEST_ROWS_MAX: u64 = 2_000_000;

/// The newest row of each element.
type Newest = HashMap<(Category, Mac), KeptRow>;

impl Store {
    /// The newest row of each element since `since`, in order of category and address: from the tail,
    /// sealed files and what was written without entries, the newest [`NEWEST_ROWS_MAX`] rows or some
    /// more.
    pub fn newest_of_each(&self, since: Time) -> Result<Vec<HistoryRow>, StoreError> {
        let mut newest = Newest::new();
        let (mut rows, files, since) = self.run(|connection| {
            // One moment of the database: a row is in the tail or in a file, never in both.
            let moment = connection.transaction()?;
            // What has expired may still be in a file with newer rows.
            let since = since.max(replica::load(&moment)?.history_from);
            let mut rows = tail::each_since(&moment, since, |row| keep(&mut newest, row, true))?;
            rows += appended(&moment, since, |row| keep(&mut newest, row, false))?;
            Ok((rows, sealed::between(&moment, (since, Time(u64::MAX)))?, since))
        })?;
        for file in files {
            if rows >= NEWEST_ROWS_MAX {
                break;
            }
            rows += file.rows;
            let path = sealed::path(&self.history, &file);
            // None: it has expired meanwhile, or is lost, which a trail of that time reports.
            for row in sealed::newest_of_each(&path)?.unwrap_or_default() {
                if row.at >= since {
                    keep(&mut newest, row, false);
                }
            }
        }
        let mut newest: Vec<HistoryRow> = newest.values().map(HistoryRow::from).collect();
        newest.sort_unstable_by_key(|row| (row.category, row.mac));
        Ok(newest)
    }
}

/// Hands the rows that were written without entries to `each`, newest first; says how many there were.
fn appended(
    connection: &Connection,
    since: Time,
    mut each: impl FnMut(KeptRow),
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(
        "SELECT category, mac, at_ms, floor, x_cm, y_cm, confidence_cm, ap FROM history
         WHERE at_ms >= ?1 ORDER BY at_ms DESC, rowid DESC LIMIT ?2",
    )?;
    let mut found = statement.query(params![time_column(since), NEWEST_ROWS_MAX.cast_signed()])?;
    let mut count = 0;
    while let Some(row) = found.next()? {
        count += 1;
        each(KeptRow::from(&row_from(row)?));
    }
    Ok(count)
}

/// Keeps a row when it is newer. `is_later` says which one of two rows of one time it is.
fn keep(newest: &mut Newest, row: KeptRow, is_later: bool) {
    match newest.entry((row.category, row.mac)) {
        Entry::Vacant(place) => _ = place.insert(row),
        Entry::Occupied(mut place) => {
            let known = place.get().at;
            if row.at > known || (is_later && row.at == known) {
                place.insert(row);
            }
        }
    }
}
