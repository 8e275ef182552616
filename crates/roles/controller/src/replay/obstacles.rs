//! Turns a grid of places that no one can pass into a few rectangles.
//!
//! The largest all-blocked rectangle is taken until the largest left is too small to matter.
//! The outermost ring of cells is the frame of the recording, not furniture, and is left out.

use model::geometry::Polygon;

/// Distance between two cells; the format has one size (`occupancy_0.5m.csv.gz`).
const CELL_M: f32 = 0.5;
/// Smallest rectangle in cells (1.5 m²): smaller ones cost the estimator more than they tell. Ours.
const CELLS_MIN: usize = 6;
/// Most rectangles of one floor; each is a polygon that every candidate place is tested against. Ours.
const RECTANGLES_MAX: usize = 64;
/// Most cells along one side: 2,000 m, the largest floor.
const SIDE_CELLS_MAX: usize = 4_000;

/// A grid of cells around the multiples of half a metre.
#[derive(Debug, Clone, Default)]
pub(super) struct Obstacles {
    columns: usize,
    blocked: Vec<bool>,
}

/// A rectangle of cells: columns `x0..x1`, rows `y0..y1`.
#[derive(Clone, Copy, Default)]
struct Cells {
    x0: usize,
    x1: usize,
    y0: usize,
    y1: usize,
}

impl Cells {
    fn area(self) -> usize {
        (self.x1 - self.x0) * (self.y1 - self.y0)
    }
}

impl Obstacles {
    /// The index of the cell around `metres`; none when it is off the largest grid or off its pitch.
    pub(super) fn index(metres: f32) -> Option<usize> {
        let cells = metres / CELL_M;
        let fits = (0.0..SIDE_CELLS_MAX as f32).contains(&cells) && cells.fract() == 0.0;
        fits.then_some(cells as usize)
    }

    /// The grid whose cells are passable only where `passable` says so.
    pub(super) fn new(passable: &[(usize, usize, bool)]) -> Self {
        let columns = passable.iter().map(|cell| cell.0 + 1).max().unwrap_or(0);
        let rows = passable.iter().map(|cell| cell.1 + 1).max().unwrap_or(0);
        let mut blocked = vec![false; columns * rows];
        for &(x, y, free) in passable {
            let is_frame = x == 0 || y == 0 || x + 1 == columns || y + 1 == rows;
            blocked[y * columns + x] = !free && !is_frame;
        }
        Self { columns, blocked }
    }

    /// The blocked areas as rectangles in metres, largest first, disjoint.
    pub(super) fn rectangles(mut self) -> Vec<Polygon> {
        let mut rectangles = Vec::new();
        while rectangles.len() < RECTANGLES_MAX {
            let best = self.largest();
            if best.area() < CELLS_MIN {
                break;
            }
            for y in best.y0..best.y1 {
                let row = y * self.columns;
                self.blocked[row + best.x0..row + best.x1].fill(false);
            }
            // Cell k reaches from k - 1/2 to k + 1/2.
            let edge = |cell: usize| (cell as f32 - 0.5) * CELL_M;
            let [x0, y0, x1, y1] = [best.x0, best.y0, best.x1, best.y1].map(edge);
            rectangles.push(Polygon::rectangle(x0, y0, x1, y1));
        }
        rectangles
    }

    /// The largest rectangle of blocked cells: the largest rectangle under a histogram, row by row.
    fn largest(&self) -> Cells {
        let mut best = Cells::default();
        let mut heights = vec![0; self.columns];
        for (y, row) in self.blocked.chunks(self.columns.max(1)).enumerate() {
            for (height, blocked) in heights.iter_mut().zip(row) {
                *height = if *blocked { *height + 1 } else { 0 };
            }
            // Columns of rising height whose rectangles are not closed yet: (first column, height).
            let mut open: Vec<(usize, usize)> = Vec::new();
            for (x, height) in heights.iter().copied().chain([0]).enumerate() {
                let mut first = x;
                while let Some(&(start, tall)) = open.last()
                    && tall > height
                {
                    open.pop();
                    first = start;
                    let cells = Cells { x0: start, x1: x, y0: y + 1 - tall, y1: y + 1 };
                    if cells.area() > best.area() {
                        best = cells;
                    }
                }
                if height > 0 && open.last().is_none_or(|&(_, tall)| tall < height) {
                    open.push((first, height));
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws a grid with `#` for blocked cells, and checks its rectangles.
    fn check(rows: &[&str], expected: &[(f32, f32, f32, f32)]) {
        let mut cells = Vec::new();
        for (y, row) in rows.iter().enumerate() {
            cells.extend(row.bytes().enumerate().map(|(x, c)| (x, y, c == b'.')));
        }
        let expected: Vec<Polygon> =
            expected.iter().map(|&(x0, y0, x1, y1)| Polygon::rectangle(x0, y0, x1, y1)).collect();
        let close = |a: &Polygon, b: &Polygon| {
            let pairs = a.corners.iter().zip(&b.corners);
            pairs.fold(0.0_f32, |worst, (a, b)| worst.max(a.distance(*b))) < 1e-4
        };
        let found = Obstacles::new(&cells).rectangles();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(&expected).all(|(a, b)| close(a, b)), "{found:?}");
    }

    #[test]
    fn blocked_cells_become_few_rectangles_without_the_frame() {
        check(&[], &[]);
        check(&["####", "#..#", "#..#", "####"], &[]);
        check(&["######", "#.##.#", "#.##.#", "#.##.#", "######"], &[(0.75, 0.25, 1.75, 1.75)]);
        // An L becomes two rectangles, the larger one first.
        check(
            &["##########", "#.###....#", "#.###....#", "#.######.#", "#.######.#", "##########"],
            &[(0.75, 0.25, 2.25, 2.25), (2.25, 1.25, 3.75, 2.25)],
        );
    }
}
