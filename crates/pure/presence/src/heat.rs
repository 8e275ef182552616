//! How long elements were in each cell of a floor.
//!
//! What is gathered here is taken away now and then and added to what is kept, so it stays small.

use std::collections::BTreeMap;

use model::geometry::Point;
use model::map::MapId;
use model::{Metres, Time};

/// Side of a cell. Ours: about the error of a good position; a finer picture would be noise.
pub const CELL: Metres = Metres(2.0);
/// Times are gathered by hours since 1970 UTC.
pub const HOUR_MS: u64 = 3_600_000;
/// What one sighting says about the time after it. Ours: clients in use are heard every few seconds;
/// who is silent for longer may be anywhere.
const KNOWN_MS: u64 = 60_000;
/// Cells that are gathered before they must be taken away. Ours: 32 MB.
pub const CELLS_MAX: usize = 500_000;

/// One cell of a floor, counted from the top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Cells from the top.
    pub row: u16,
    /// Cells from the left.
    pub column: u16,
}

/// Element-milliseconds by floor and hour, then by cell.
#[derive(Debug, Default)]
pub struct Heat {
    gathered: BTreeMap<(MapId, Time), BTreeMap<Cell, u64>>,
    cells: usize,
    refused: u64,
}

impl Cell {
    /// The cell of a point. What is beside the floor is in the nearest cell that has a number.
    pub fn of(point: Point) -> Self {
        // A cast cuts to what fits, and makes zero of what is no number.
        let count = |metres: f32| (metres / CELL.0).floor() as u16;
        Self { row: count(point.y), column: count(point.x) }
    }
}

impl Heat {
    /// An element was at `point` at `at`, and heard again `until` later.
    pub(crate) fn add(&mut self, floor: MapId, point: Point, at: Time, until: Time) {
        let known_ms = until.since_ms(at).min(KNOWN_MS);
        if known_ms == 0 {
            return;
        }
        let hour = Time(at.0 - at.0 % HOUR_MS);
        let cells = self.gathered.entry((floor, hour)).or_default();
        let is_full = self.cells >= CELLS_MAX;
        let cell = Cell::of(point);
        match cells.get_mut(&cell) {
            Some(time_ms) => *time_ms = time_ms.saturating_add(known_ms),
            None if is_full => self.refused += 1,
            None => {
                cells.insert(cell, known_ms);
                self.cells += 1;
            }
        }
    }

    /// What was gathered since the last time: floor and beginning of the hour, then the cells.
    pub fn take(&mut self) -> BTreeMap<(MapId, Time), BTreeMap<Cell, u64>> {
        self.cells = 0;
        std::mem::take(&mut self.gathered)
    }

    /// Whether it is full, or nearly so, and should be taken.
    pub fn is_large(&self) -> bool {
        self.cells >= CELLS_MAX / 2
    }

    /// How often time was not counted because there were too many cells.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: MapId = MapId(7);

    fn check(sightings: &[(f32, f32, u64, u64)], expected: &[(u16, u16, u64)]) {
        let mut heat = Heat::default();
        for (x, y, at, until) in sightings {
            heat.add(FLOOR, Point::new(*x, *y), Time(*at), Time(*until));
        }
        let found: Vec<(u16, u16, u64)> = heat
            .take()
            .into_values()
            .flatten()
            .map(|(Cell { row, column }, time_ms)| (column, row, time_ms))
            .collect();
        assert_eq!(found, expected);
        assert!(heat.take().is_empty(), "taken once");
    }

    #[test]
    fn time_is_added_to_the_cell_where_it_was_spent() {
        check(&[(0.0, 0.0, 0, 5_000), (1.9, 1.9, 9_000, 10_000)], &[(0, 0, 6_000)]);
        check(&[(4.1, 2.0, 0, 5_000)], &[(2, 1, 5_000)]);
    }

    #[test]
    fn silence_counts_for_a_minute_at_most() {
        check(&[(0.0, 0.0, 0, 3_000_000)], &[(0, 0, 60_000)]);
        check(&[(0.0, 0.0, 10, 10), (0.0, 0.0, 10, 5)], &[]);
    }

    #[test]
    fn hours_are_apart() {
        let both = [(0.0, 0.0, HOUR_MS - 1, HOUR_MS), (0.0, 0.0, HOUR_MS, HOUR_MS + 1)];
        check(&both, &[(0, 0, 1), (0, 0, 1)]);
    }

    #[test]
    fn what_is_no_place_has_a_cell_all_the_same() {
        check(&[(f32::NAN, -3.0, 0, 1)], &[(0, 0, 1)]);
        check(&[(f32::INFINITY, 1e9, 0, 1)], &[(u16::MAX, u16::MAX, 1)]);
    }

    #[test]
    fn too_many_cells_are_counted() {
        let mut heat = Heat::default();
        for n in 0..CELLS_MAX + 3 {
            let point = Point::new((n % 1_000) as f32 * 2.0, (n / 1_000) as f32 * 2.0);
            heat.add(FLOOR, point, Time(0), Time(1));
        }
        assert!(heat.is_large());
        assert_eq!(heat.refused(), 3);
        assert_eq!(heat.take().into_values().map(|cells| cells.len()).sum::<usize>(), CELLS_MAX);
    }
}
