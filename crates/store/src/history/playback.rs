//! Everything that was on a floor between two times: what a map plays back.
//!
//! A row of each element and step is enough for that. Rows are read oldest first, wherever they are;
//! what would be too much is left out at the end, and the answer says up to where it goes.
//!
//! Sketch: rows that came without entries are found by time; sealed files are read from end to end,
//! as far as their time and floor are asked for, some 10 million rows/s.

use std::collections::BTreeMap;

use model::map::MapId;
use model::{Category, Mac, Time};
use rusqlite::{Connection, params};

use super::{HistoryRow, row_from, sealed, tail};
use crate::apply::replica;
use crate::{Store, StoreError, time_column};

/// Most rows of an answer. Ours: 1,000 elements for 100 steps, 10 MB of JSON.
pub const PLAYBACK_ROWS_MAX: usize = 100_000;
/// Reading ends with the rows that make it so many. Ours: half a second.
const READ_ROWS_MAX: u64 = 5_000_000;

/// What was on a floor.
#[derive(Debug, Clone, PartialEq)]
pub struct FloorHistory {
    /// The newest row of each element and step, in order of time.
    pub rows: Vec<HistoryRow>,
    /// Up to where it goes, included.
    pub until: Time,
}

/// The newest row of each step and element.
struct Steps {
    from: Time,
    step_ms: u64,
    rows: BTreeMap<(u64, Category, Mac), HistoryRow>,
    read: u64,
}

impl Store {
    /// What was on a floor between two times, both included, in steps of `step_ms`.
    pub fn floor_history(
        &self,
        floor: MapId,
        category: Option<Category>,
        (from, until): (Time, Time),
        step_ms: u64,
    ) -> Result<FloorHistory, StoreError> {
        let mut steps = Steps { from, step_ms: step_ms.max(1), rows: BTreeMap::new(), read: 0 };
        let is_asked = |row: &HistoryRow| {
            row.floor == floor && category.is_none_or(|category| row.category == category)
        };
        let (waiting, files, kept_from, mut until) = self.run(|connection| {
            // One moment of the database: a row is in the tail or in a file, never in both.
            let moment = connection.transaction()?;
            let until = appended(&moment, (from, until), is_asked, &mut steps)?;
            let kept_from = from.max(replica::load(&moment)?.history_from);
            let mut waiting = Vec::new();
            tail::each_since(&moment, kept_from, |row| {
                let row = HistoryRow::from(&row);
                if row.at <= until && is_asked(&row) {
                    waiting.push(row);
                }
            })?;
            Ok((waiting, sealed::between(&moment, (kept_from, until))?, kept_from, until))
        })?;
        // Oldest first.
        for file in files.iter().rev() {
            if steps.is_full() {
                until = until.min(file.oldest);
                break;
            }
            steps.read += file.rows;
            let path = sealed::path(&self.history, file);
            // None: it has expired meanwhile, or is lost, which a trail of that time reports.
            for row in sealed::on_floor(&path, floor, (kept_from, until))?.unwrap_or_default() {
                steps.take(HistoryRow::from(&row), is_asked);
            }
        }
        for row in waiting {
            steps.take(row, is_asked);
        }
        Ok(steps.finish(until))
    }
}

impl Steps {
    fn is_full(&self) -> bool {
        self.read >= READ_ROWS_MAX || self.rows.len() >= PLAYBACK_ROWS_MAX
    }

    fn take(&mut self, row: HistoryRow, is_asked: impl Fn(&HistoryRow) -> bool) {
        if is_asked(&row) {
            let step = row.at.since_ms(self.from) / self.step_ms;
            let known = self.rows.entry((step, row.category, row.mac)).or_insert(row);
            if row.at >= known.at {
                *known = row;
            }
        }
    }

    fn finish(self, mut until: Time) -> FloorHistory {
        let mut rows: Vec<HistoryRow> =
            self.rows.into_values().filter(|row| row.at <= until).collect();
        rows.sort_by_key(|row| (row.at, row.category, row.mac));
        if let Some(first_beyond) = rows.get(PLAYBACK_ROWS_MAX).map(|row| row.at) {
            // All rows of one time, or none.
            until = first_beyond.minus_ms(1);
            rows.retain(|row| row.at <= until);
        }
        FloorHistory { rows, until }
    }
}

/// Takes the rows that were written without entries; says up to which time.
fn appended(
    connection: &Connection,
    (from, until): (Time, Time),
    is_asked: impl Fn(&HistoryRow) -> bool,
    steps: &mut Steps,
) -> rusqlite::Result<Time> {
    let mut statement = connection.prepare_cached(
        "SELECT category, mac, at_ms, floor, x_cm, y_cm, confidence_cm, ap FROM history
         WHERE at_ms BETWEEN ?1 AND ?2 ORDER BY at_ms",
    )?;
    let mut found = statement.query(params![time_column(from), time_column(until)])?;
    let mut last = from;
    while let Some(row) = found.next()? {
        let row = row_from(row)?;
        if steps.is_full() && row.at > last {
            return Ok(last);
        }
        last = row.at;
        steps.read += 1;
        steps.take(row, &is_asked);
    }
    Ok(until)
}

#[cfg(test)]
mod tests {
    use model::Metres;
    use model::geometry::Point;

    use super::*;
    use crate::tests::Scratch;

    const FLOOR: MapId = MapId(1);

    fn row(mac: u64, at: u64) -> HistoryRow {
        HistoryRow {
            category: Category::WirelessClient,
            mac: Mac::from_u64(mac),
            at: Time(at),
            floor: FLOOR,
            point: Point::new(1.0, 2.0),
            confidence: Metres(3.0),
            ap: None,
        }
    }

    /// What is played back from 100 to 200 in steps of 10, as element and time.
    fn check(rows: &[HistoryRow], category: Option<Category>, expected: &[(u64, u64)]) {
        let scratch = Scratch::new();
        let store = scratch.open();
        store.append_history(rows).unwrap();
        let found = store.floor_history(FLOOR, category, (Time(100), Time(200)), 10).unwrap();
        let shown: Vec<(u64, u64)> =
            found.rows.iter().map(|row| (row.mac.to_u64(), row.at.0)).collect();
        assert_eq!((shown.as_slice(), found.until), (expected, Time(200)));
    }

    #[test]
    fn each_step_has_the_newest_row_of_each_element() {
        let rows = [row(1, 99), row(1, 100), row(2, 105), row(1, 109), row(1, 110), row(1, 201)];
        check(&rows, None, &[(2, 105), (1, 109), (1, 110)]);
    }

    #[test]
    fn other_floors_and_categories_are_left_out() {
        let elsewhere = HistoryRow { floor: MapId(2), ..row(1, 150) };
        let tag = HistoryRow { category: Category::Tag, ..row(2, 150) };
        check(&[elsewhere, tag], None, &[(2, 150)]);
        check(&[elsewhere, tag], Some(Category::WirelessClient), &[]);
    }

    #[test]
    fn too_much_ends_early_and_says_so() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let count = PLAYBACK_ROWS_MAX as u64 + 10;
        let rows: Vec<HistoryRow> = (0..count).map(|n| row(n, n / 100)).collect();
        store.append_history(&rows).unwrap();
        let found = store.floor_history(FLOOR, None, (Time(0), Time(5_000)), 1).unwrap();
        assert_eq!(found.rows.len(), PLAYBACK_ROWS_MAX);
        assert_eq!(found.until, Time(PLAYBACK_ROWS_MAX as u64 / 100 - 1));
    }
}
