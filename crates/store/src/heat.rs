//! Heat maps: how long elements were in each cell of a floor, by the hour.
//!
//! A row has the cells of a floor and an hour, packed: cells that somebody was in only, six to eight
//! bytes each. Adding reads and writes the row; that happens every few minutes.

use std::collections::BTreeMap;

use model::Time;
use model::map::MapId;
use presence::Cell;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::{Outcome, Store, StoreError, damaged, stays, time_column};

/// Most cells of one entry. Ours: 200 KB at most.
pub const HEAT_CELLS_MAX: usize = 20_000;

/// How long elements were in a cell, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeatCell {
    /// Cells from the top.
    pub row: u16,
    /// Cells from the left.
    pub column: u16,
    /// How long.
    pub time_ms: u64,
}

/// Cells and how long.
type Cells = BTreeMap<Cell, u64>;

impl Store {
    /// Adds what was gathered of a floor and an hour.
    pub fn add_heat(&self, floor: MapId, hour: Time, cells: &[HeatCell]) -> Result<(), StoreError> {
        self.transact(|transaction| Ok(Ok(add(transaction, floor, hour, cells)?)))
    }

    /// How long elements were in the cells of a floor during the hours that begin from `from` up to
    /// `until`, all together; in order of rows and columns.
    pub fn heat(&self, floor: MapId, from: Time, until: Time) -> Result<Vec<HeatCell>, StoreError> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT cells FROM heat WHERE floor = ?1 AND hour_ms >= ?2 AND hour_ms < ?3",
            )?;
            let mut rows = statement.query(params![
                floor.0.cast_signed(),
                time_column(from),
                time_column(until)
            ])?;
            let mut cells = Cells::new();
            while let Some(row) = rows.next()? {
                merge(&mut cells, &unpack(row.get_ref(0)?.as_blob()?)?);
            }
            Ok(listed(&cells))
        })
    }
}

/// Whether there are as many as an entry may hold.
pub(crate) fn check(cells: &[HeatCell]) -> Result<(), StoreError> {
    let is_allowed = (1..=HEAT_CELLS_MAX).contains(&cells.len());
    is_allowed.then_some(()).ok_or_else(|| StoreError::PeerBadValue {
        what: "a piece of a heat map",
        allowed: format!("1 to {HEAT_CELLS_MAX} cells"),
    })
}

fn add(
    connection: &Connection,
    floor: MapId,
    hour: Time,
    added: &[HeatCell],
) -> rusqlite::Result<()> {
    let key = params![floor.0.cast_signed(), time_column(hour)];
    let known: Option<Vec<u8>> = connection
        .prepare_cached("SELECT cells FROM heat WHERE floor = ?1 AND hour_ms = ?2")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    let mut cells = Cells::new();
    if let Some(known) = known {
        merge(&mut cells, &unpack(&known)?);
    }
    merge(&mut cells, added);
    let packed = postcard::to_stdvec(&listed(&cells))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached(
            "INSERT INTO heat (floor, hour_ms, cells) VALUES (?1, ?2, ?3)
             ON CONFLICT (floor, hour_ms) DO UPDATE SET cells = ?3",
        )?
        .execute(params![floor.0.cast_signed(), time_column(hour), packed])?;
    Ok(())
}

/// Adds the cells of an entry.
pub(crate) fn apply(
    connection: &Connection,
    floor: MapId,
    hour: Time,
    cells: &[HeatCell],
) -> rusqlite::Result<Outcome> {
    add(connection, floor, hour, cells)?;
    stays::chain(connection, &digest(floor, hour, cells))?;
    Ok(Outcome::Done)
}

/// Removes the heat maps of hours that began before `before`.
pub(crate) fn expire(connection: &Connection, before: Time) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM heat WHERE hour_ms < ?1", [time_column(before)])
}

/// What tells this piece from others, for `stays::chain`.
fn digest(floor: MapId, hour: Time, cells: &[HeatCell]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&floor.0.to_le_bytes()).update(&hour.0.to_le_bytes());
    for cell in cells {
        hasher
            .update(&cell.row.to_le_bytes())
            .update(&cell.column.to_le_bytes())
            .update(&cell.time_ms.to_le_bytes());
    }
    hasher.finalize().into()
}

fn merge(cells: &mut Cells, added: &[HeatCell]) {
    for HeatCell { row, column, time_ms } in added {
        let time = cells.entry(Cell { row: *row, column: *column }).or_default();
        *time = time.saturating_add(*time_ms);
    }
}

fn listed(cells: &Cells) -> Vec<HeatCell> {
    let cell = |(cell, time_ms): (&Cell, &u64)| HeatCell {
        row: cell.row,
        column: cell.column,
        time_ms: *time_ms,
    };
    cells.iter().map(cell).collect()
}

fn unpack(packed: &[u8]) -> rusqlite::Result<Vec<HeatCell>> {
    postcard::from_bytes(packed).map_err(|error| damaged(0, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Scratch;

    fn cell(row: u16, column: u16, time_ms: u64) -> HeatCell {
        HeatCell { row, column, time_ms }
    }

    /// Adds pieces at hours, and compares the sum of the hours before `until`.
    fn check(pieces: &[(u64, &[HeatCell])], until: u64, expected: &[HeatCell]) {
        let scratch = Scratch::new();
        let store = scratch.open();
        for (hour, cells) in pieces {
            store.add_heat(MapId(1), Time(*hour), cells).unwrap();
        }
        store.add_heat(MapId(2), Time(0), &[cell(9, 9, 9)]).unwrap();
        assert_eq!(store.heat(MapId(1), Time(0), Time(until)).unwrap(), expected);
    }

    #[test]
    fn time_is_added_cell_by_cell() {
        check(
            &[(0, &[cell(1, 1, 10), cell(0, 5, 1)]), (0, &[cell(1, 1, 5)])],
            1,
            &[cell(0, 5, 1), cell(1, 1, 15)],
        );
        check(&[(0, &[cell(1, 1, u64::MAX)]), (0, &[cell(1, 1, 5)])], 1, &[cell(1, 1, u64::MAX)]);
    }

    #[test]
    fn hours_are_added_up() {
        let pieces: [(u64, &[HeatCell]); 3] =
            [(0, &[cell(0, 0, 1)]), (10, &[cell(0, 0, 2)]), (20, &[cell(0, 0, 4)])];
        check(&pieces, 20, &[cell(0, 0, 3)]);
        check(&pieces, 0, &[]);
    }

    #[test]
    fn old_hours_are_removed() {
        let scratch = Scratch::new();
        let store = scratch.open();
        for hour in [0, 10, 20] {
            store.add_heat(MapId(1), Time(hour), &[cell(0, 0, 1)]).unwrap();
        }
        assert_eq!(store.prune_analytics(Time(11)).unwrap(), 2);
        assert_eq!(store.heat(MapId(1), Time(0), Time(99)).unwrap(), [cell(0, 0, 1)]);
    }

    #[test]
    fn an_entry_holds_so_many_cells() {
        assert!(check_count(0).is_err());
        assert!(check_count(HEAT_CELLS_MAX).is_ok());
        assert!(check_count(HEAT_CELLS_MAX + 1).is_err());
    }

    fn check_count(count: usize) -> Result<(), StoreError> {
        super::check(&vec![cell(0, 0, 1); count])
    }
}
