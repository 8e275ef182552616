//! Where people can walk on a floor, and the way from one place to another.
//!
//! A cell is passable when no wall, and no border of a region, comes near it. Ways are found with A*
//! and then pulled straight where nothing is between. Costs are whole numbers, so that every machine
//! finds the same way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::geometry::{Point, Segment};
use model::map::Floor;

/// Side of a cell; a door holds at least one.
const CELL_M: f32 = 0.5;
/// Distance that the middle of a cell keeps from walls: above half its diagonal (0.354 m), so that
/// no wall touches a passable cell.
const CLEARANCE_M: f32 = 0.36;
/// Cost of a step along the grid and of a diagonal one, in tenths of a cell.
const STEP: [u32; 2] = [10, 14];
/// Most cells of a floor: 500 m by 500 m, a quarter of a megabyte. Ours.
pub(super) const CELLS_MAX: usize = 1_000_000;

/// The cells of one floor.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    columns: usize,
    rows: usize,
    passable: Vec<bool>,
    /// What no one walks through: walls and borders of regions.
    obstacles: Vec<Segment>,
}

impl Grid {
    /// The grid of `floor`, whose size is below [`CELLS_MAX`].
    pub(super) fn new(floor: &Floor) -> Self {
        let walls = floor.walls.iter().map(|wall| wall.line);
        let borders = floor.regions.iter().flat_map(|r| r.outline.sides());
        let mut grid = Self {
            columns: (floor.width.0 / CELL_M) as usize,
            rows: (floor.length.0 / CELL_M) as usize,
            passable: Vec::new(),
            obstacles: walls.chain(borders).collect(),
        };
        grid.passable =
            (0..grid.columns * grid.rows).map(|cell| floor.includes(grid.middle(cell))).collect();
        for obstacle in grid.obstacles.clone() {
            grid.block(&obstacle);
        }
        grid
    }

    /// Marks the cells that are too near to `obstacle`.
    fn block(&mut self, obstacle: &Segment) {
        let reach = |a: f32, b: f32, cells: usize| {
            let low = (a.min(b) - CLEARANCE_M) / CELL_M - 1.0;
            let high = (a.max(b) + CLEARANCE_M) / CELL_M + 1.0;
            (low.max(0.0) as usize)..(high.max(0.0) as usize).min(cells)
        };
        for row in reach(obstacle.from.y, obstacle.to.y, self.rows) {
            for column in reach(obstacle.from.x, obstacle.to.x, self.columns) {
                let cell = row * self.columns + column;
                let middle = self.middle(cell);
                if obstacle.nearest(middle).distance(middle) < CLEARANCE_M {
                    self.passable[cell] = false;
                }
            }
        }
    }

    /// The middle of `cell`.
    pub(super) fn middle(&self, cell: usize) -> Point {
        let (column, row) = (cell % self.columns, cell / self.columns);
        Point::new((column as f32 + 0.5) * CELL_M, (row as f32 + 0.5) * CELL_M)
    }

    /// The passable cell that holds `point`.
    pub(super) fn cell(&self, point: Point) -> Option<usize> {
        if point.x < 0.0 || point.y < 0.0 {
            return None;
        }
        let (column, row) = ((point.x / CELL_M) as usize, (point.y / CELL_M) as usize);
        let cell = row * self.columns + column;
        (column < self.columns && row < self.rows && self.passable[cell]).then_some(cell)
    }

    /// Every cell that can be reached from `start`, in order.
    pub(super) fn reachable(&self, start: usize) -> Vec<usize> {
        self.part(start, &mut vec![false; self.passable.len()])
    }

    /// The largest connected part of the floor, in order.
    pub(super) fn largest_part(&self) -> Vec<usize> {
        let mut seen = vec![false; self.passable.len()];
        let mut largest = Vec::new();
        for start in 0..seen.len() {
            if self.passable[start] && !seen[start] {
                let part = self.part(start, &mut seen);
                if part.len() > largest.len() {
                    largest = part;
                }
            }
        }
        largest
    }

    /// The cells that can be reached from `start` and were not seen before, in order.
    fn part(&self, start: usize, seen: &mut [bool]) -> Vec<usize> {
        let mut part = vec![start];
        seen[start] = true;
        let mut done = 0;
        while let Some(cell) = part.get(done).copied() {
            done += 1;
            for (next, _) in self.steps(cell) {
                if !seen[next] {
                    seen[next] = true;
                    part.push(next);
                }
            }
        }
        part.sort_unstable();
        part
    }

    /// The corners of a short way from one passable cell to another, ends included; empty when there
    /// is none.
    pub(super) fn way(&self, from: usize, to: usize) -> Vec<Point> {
        let mut best = vec![u32::MAX; self.passable.len()];
        let mut came_from = vec![from; self.passable.len()];
        let mut open = BinaryHeap::from([Reverse((self.at_least(from, to), from))]);
        best[from] = 0;
        while let Some(Reverse((promise, cell))) = open.pop() {
            if cell == to {
                break;
            }
            if promise > best[cell] + self.at_least(cell, to) {
                continue;
            }
            for (next, cost) in self.steps(cell) {
                let total = best[cell] + cost;
                if total < best[next] {
                    best[next] = total;
                    came_from[next] = cell;
                    open.push(Reverse((total + self.at_least(next, to), next)));
                }
            }
        }
        if best[to] == u32::MAX {
            return Vec::new();
        }
        let mut cells = vec![to];
        let mut cell = to;
        while cell != from {
            cell = came_from[cell];
            cells.push(cell);
        }
        cells.reverse();
        self.straightened(&cells)
    }

    /// Leaves out every corner that can be cut without touching anything.
    fn straightened(&self, cells: &[usize]) -> Vec<Point> {
        let points: Vec<Point> = cells.iter().map(|cell| self.middle(*cell)).collect();
        let mut way: Vec<Point> = points.first().copied().into_iter().collect();
        let mut at = 0;
        while at + 1 < points.len() {
            let sees = |to: &usize| self.is_free(points[at], points[*to]);
            at = (at + 2..points.len()).rev().find(sees).unwrap_or(at + 1);
            way.push(points[at]);
        }
        way
    }

    /// Whether one can walk straight from `from` to `to`.
    fn is_free(&self, from: Point, to: Point) -> bool {
        let line = Segment { from, to };
        let samples = (from.distance(to) / (CELL_M / 4.0)).ceil().max(1.0);
        let is_passable = |sample: usize| {
            let share = sample as f32 / samples;
            let x = from.x + share * (to.x - from.x);
            let y = from.y + share * (to.y - from.y);
            self.cell(Point::new(x, y)).is_some()
        };
        // The samples keep a distance from corners; the obstacles make sure.
        (0..=samples as usize).all(is_passable) && !self.obstacles.iter().any(|o| o.crosses(&line))
    }

    /// The cells one step from `cell`, with the cost of the step.
    fn steps(&self, cell: usize) -> impl Iterator<Item = (usize, u32)> + '_ {
        let (column, row) = (cell % self.columns, cell / self.columns);
        let free = move |dx: isize, dy: isize| {
            let x = column.checked_add_signed(dx).filter(|x| *x < self.columns)?;
            let y = row.checked_add_signed(dy).filter(|y| *y < self.rows)?;
            let next = y * self.columns + x;
            self.passable[next].then_some(next)
        };
        let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
        around.filter_map(move |(dx, dy)| match (dx, dy) {
            (0, 0) => None,
            (_, 0) | (0, _) => Some((free(dx, dy)?, STEP[0])),
            // A diagonal step never cuts a corner.
            _ => free(dx, 0).and(free(0, dy)).and(Some((free(dx, dy)?, STEP[1]))),
        })
    }

    /// A cost that no way from `from` to `to` is below.
    fn at_least(&self, from: usize, to: usize) -> u32 {
        let dx = (from % self.columns).abs_diff(to % self.columns) as u32;
        let dy = (from / self.columns).abs_diff(to / self.columns) as u32;
        STEP[0] * dx.abs_diff(dy) + STEP[1] * dx.min(dy)
    }
}
