//! The places of a floor, and the scan that weighs them.
//!
//! The scan is the hot path. Cost of one floor of 80 x 48 m (3,840 cells) with eight readings:
//!
//! - processor: 3,840 x 8 x 5 = 154,000 operations in lanes of four, two a cycle: 19,000 cycles;
//!   then a polynomial exponential a cell, twice: once for the answer, once for its confidence;
//! - memory: eight maps of 15 KiB, read in order, from the second-level cache; no allocation;
//! - disk: none;
//! - network: none.
//!
//! Measured: 12.5 µs on one core of an EPYC with SSE2. A second candidate floor costs as much again
//! without its confidence.

use std::iter::zip;

use model::geometry::Point;
use model::map::Floor;

/// Cells of a block. Loops of a fixed length that is too long to unroll are what the compiler
/// turns into vector instructions on every target; and two blocks of sums stay in registers' reach.
pub(crate) const BLOCK: usize = 64;

/// Values of all cells, row by row without gaps; the last block is filled up. Numbers of 16 bits
/// would halve the memory, but take a fifth more time with SSE2 (measured).
pub(crate) type Cells = [[f32; BLOCK]];

/// Side of a cell in metres: `reference/location.md` section 6.
const CELL_SIDE_M: f32 = 1.0;

/// Most cells of a floor (ours): a hall of 256 x 256 m. Larger floors get larger cells, so that a
/// map is at most 256 KiB.
const CELLS_MAX: f32 = 65_536.0;

/// Misfit of a place where no element can be. Readings cannot reach it: sixteen misfits of 150 dB
/// are 360,000 dB².
const NOWHERE: f32 = 1e9;

/// How closely, in cells, the size of the confidence circle is found (ours): it is a statement
/// about a statement, and printed with one decimal.
const EXTENT_STEP_CELLS: f32 = 0.1;

/// A grid over a floor.
#[derive(Debug)]
pub(crate) struct Grid {
    columns: usize,
    rows: usize,
    /// Size of a cell.
    pitch: Point,
    /// 0 where an element can be, [`NOWHERE`] elsewhere.
    barred: Box<Cells>,
    /// How many cells an element can be in.
    open: usize,
}

/// One reading against one map.
#[derive(Clone, Copy, Default)]
pub(crate) struct Term<'a> {
    /// Predicted strengths.
    pub(crate) map: &'a Cells,
    /// What was heard.
    pub(crate) rssi: f32,
    /// How much it counts.
    pub(crate) weight: f32,
}

/// What is known before the maps are looked at.
#[derive(Clone, Copy, Default)]
pub(crate) struct Base {
    /// Weighted sum of the misfits that are the same everywhere.
    pub(crate) misfit: f32,
    /// Weighted sum of their squares.
    pub(crate) misfit_squared: f32,
    /// `1 / (sum of weights + variance of readings / variance of the offset)`.
    pub(crate) offset_share: f32,
}

/// The posterior over one floor. Reused from estimate to estimate.
#[derive(Debug, Default)]
pub(crate) struct Posterior {
    /// Misfit of each cell in dB².
    misfits: Vec<[f32; BLOCK]>,
    least_misfit: f32,
    /// Probability of each cell, not normalised; in [`Posterior::extent`] that of the cell and all
    /// above it in its column.
    probabilities: Vec<[f32; BLOCK]>,
    /// Mass of each column.
    masses: Vec<f32>,
    /// Moment along y of each column.
    moments: Vec<f32>,
}

impl Grid {
    pub(crate) fn new(floor: &Floor) -> Self {
        let (width, length) = (floor.width.0, floor.length.0);
        let side = (width * length / CELLS_MAX).sqrt().max(CELL_SIDE_M);
        // A saturating conversion: a size that is no number makes one cell that is barred.
        let count = |length: f32| ((length / side).ceil() as usize).clamp(1, CELLS_MAX as usize);
        let (columns, rows) = (count(width), count(length));
        let mut grid = Self {
            columns,
            rows,
            pitch: Point::new(width / columns as f32, length / rows as f32),
            barred: Box::default(),
            open: 0,
        };
        let mut open = 0;
        grid.barred = grid.map(NOWHERE, |place| {
            let inside = floor.includes(place);
            open += usize::from(inside);
            if inside { 0.0 } else { NOWHERE }
        });
        grid.open = open;
        grid
    }

    /// The value of `function` at the middle of every cell, and `filling` after the last.
    pub(crate) fn map(&self, filling: f32, mut function: impl FnMut(Point) -> f32) -> Box<Cells> {
        let mut blocks = vec![[filling; BLOCK]; self.cells().div_ceil(BLOCK)];
        for (cell, value) in blocks.as_flattened_mut().iter_mut().take(self.cells()).enumerate() {
            *value = function(self.middle(cell % self.columns, cell / self.columns));
        }
        blocks.into_boxed_slice()
    }

    /// The middle of the open cell that is nearest to `point`.
    pub(crate) fn nearest(&self, point: Point) -> Point {
        let mut nearest = (f32::INFINITY, point);
        for (cell, barred) in self.barred.as_flattened().iter().enumerate() {
            let middle = self.middle(cell % self.columns, cell / self.columns);
            let distance = middle.distance(point);
            if *barred == 0.0 && distance < nearest.0 {
                nearest = (distance, middle);
            }
        }
        nearest.1
    }

    /// Whether an element can be anywhere on it.
    pub(crate) fn has_places(&self) -> bool {
        self.open > 0
    }

    /// Area of a cell in square metres.
    pub(crate) fn cell_area(&self) -> f32 {
        self.pitch.x * self.pitch.y
    }

    fn middle(&self, column: usize, row: usize) -> Point {
        Point::new((column as f32 + 0.5) * self.pitch.x, (row as f32 + 0.5) * self.pitch.y)
    }

    fn size(&self) -> Point {
        Point::new(self.columns as f32 * self.pitch.x, self.rows as f32 * self.pitch.y)
    }

    /// The mass of the cells within `radius` of `centre`. `above` holds the mass above each cell.
    fn mass_in_circle(&self, above: &[f32], centre: Point, radius: f32) -> f32 {
        // How many cells have their middle before a place; what is negative saturates to none.
        let before = |place: f32, pitch: f32, count: usize| {
            let cells = (place / pitch + 0.5) as usize;
            cells.min(count)
        };
        let first = before(centre.x - radius, self.pitch.x, self.columns);
        let last = before(centre.x + radius, self.pitch.x, self.columns);
        let column_mass = |column: usize| {
            let dx = self.middle(column, 0).x - centre.x;
            let height = (radius * radius - dx * dx).sqrt();
            let up_to = |place: f32| match before(place, self.pitch.y, self.rows) {
                0 => 0.0,
                rows => above[(rows - 1) * self.columns + column],
            };
            up_to(centre.y + height) - up_to(centre.y - height)
        };
        (first..last).map(column_mass).sum()
    }

    fn cells(&self) -> usize {
        self.columns * self.rows
    }
}

impl Posterior {
    /// Finds the misfit of every cell: `J = S2 - S1² * share`.
    pub(crate) fn scan(&mut self, grid: &Grid, terms: &[Term<'_>], base: Base) {
        self.misfits.resize(grid.barred.len(), [0.0; BLOCK]);
        let mut least = [NOWHERE; BLOCK];
        for (block, (misfits, barred)) in self.misfits.iter_mut().zip(&grid.barred).enumerate() {
            *misfits = block_misfits(block, terms, base);
            for cell in 0..BLOCK {
                misfits[cell] += barred[cell];
                least[cell] = lesser(misfits[cell], least[cell]);
            }
        }
        self.least_misfit = least.into_iter().fold(NOWHERE, f32::min);
    }

    /// Turns misfits into probabilities: `exp(-(J - min J) * sharpness)`.
    pub(crate) fn weigh(&mut self, grid: &Grid, sharpness: f32) {
        self.exponentiate(sharpness);
        // Sums by column, because lanes of columns add up without crossing.
        self.masses.clear();
        self.masses.resize(grid.columns, 0.0);
        self.moments.clear();
        self.moments.resize(grid.columns, 0.0);
        let rows = self.probabilities.as_flattened().chunks_exact(grid.columns);
        for (row, probabilities) in rows.take(grid.rows).enumerate() {
            let y = grid.middle(0, row).y;
            let sums = zip(&mut self.masses, &mut self.moments);
            for ((mass, moment), probability) in zip(sums, probabilities) {
                *mass += probability;
                *moment += probability * y;
            }
        }
    }

    fn exponentiate(&mut self, sharpness: f32) {
        self.probabilities.resize(self.misfits.len(), [0.0; BLOCK]);
        for (probabilities, misfits) in zip(&mut self.probabilities, &self.misfits) {
            for cell in 0..BLOCK {
                probabilities[cell] = exp((self.least_misfit - misfits[cell]) * sharpness);
            }
        }
    }

    fn mass(&self) -> f32 {
        self.masses.iter().sum()
    }

    /// Natural logarithm of the mass, comparable between floors.
    pub(crate) fn log_mass(&self, grid: &Grid, sharpness: f32) -> f32 {
        (self.mass() * grid.cell_area()).ln() - self.least_misfit * sharpness
    }

    /// The centre of the mass.
    pub(crate) fn mean(&self, grid: &Grid) -> Point {
        let moment = |(column, mass): (usize, &f32)| grid.middle(column, 0).x * mass;
        let x: f32 = self.masses.iter().enumerate().map(moment).sum();
        let y: f32 = self.moments.iter().sum();
        Point::new(x / self.mass(), y / self.mass())
    }

    /// Radius of the circle around `centre` that holds `share` of the mass when misfits count with
    /// this sharpness.
    pub(crate) fn extent(&mut self, grid: &Grid, centre: Point, sharpness: f32, share: f32) -> f32 {
        self.exponentiate(sharpness);
        // With the mass above each cell a column of any height is one subtraction.
        let cells = self.probabilities.as_flattened_mut();
        for row in 1..grid.rows {
            let (above, below) = cells.split_at_mut(row * grid.columns);
            let above = &above[(row - 1) * grid.columns..];
            for (below, above) in zip(below, above) {
                *below += above;
            }
        }
        let everything = &cells[(grid.rows - 1) * grid.columns..grid.rows * grid.columns];
        let wanted = share * everything.iter().sum::<f32>();

        let step = grid.pitch.x.max(grid.pitch.y) * EXTENT_STEP_CELLS;
        // Nothing is known below the size of a cell.
        let least = grid.pitch.x.max(grid.pitch.y) / 2.0;
        let most = grid.size().x.hypot(grid.size().y).max(least);
        let in_circle = |radius| grid.mass_in_circle(cells, centre, radius);
        least_that(least, most, step, |radius| in_circle(radius) >= wanted)
    }
}

/// The least number between `low` and `high`, to within `step`, that `holds`; `high` is taken to.
fn least_that(mut low: f32, mut high: f32, step: f32, holds: impl Fn(f32) -> bool) -> f32 {
    if holds(low) {
        return low;
    }
    while high - low > step {
        let middle = low.midpoint(high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// The misfits of the cells of one block.
fn block_misfits(block: usize, terms: &[Term<'_>], base: Base) -> [f32; BLOCK] {
    let mut sum = [base.misfit; BLOCK];
    let mut squares = [base.misfit_squared; BLOCK];
    // Two readings at a time halve the traffic with the sums. A last odd one is paired with itself,
    // weightless.
    for pair in terms.chunks(2) {
        let (one, two) = match pair {
            [one, two] => (*one, *two),
            [one, ..] => (*one, Term { weight: 0.0, ..*one }),
            [] => break,
        };
        let (map_one, map_two) = (&one.map[block], &two.map[block]);
        for cell in 0..BLOCK {
            let misfit_one = one.rssi - map_one[cell];
            let misfit_two = two.rssi - map_two[cell];
            let weighted_one = one.weight * misfit_one;
            let weighted_two = two.weight * misfit_two;
            sum[cell] += weighted_one + weighted_two;
            squares[cell] += weighted_one * misfit_one + weighted_two * misfit_two;
        }
    }
    for cell in 0..BLOCK {
        squares[cell] -= sum[cell] * sum[cell] * base.offset_share;
    }
    squares
}

/// One instruction on every target, unlike `f32::min`, which also looks after what is no number.
fn lesser(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// `e` to the power of `x` for `x <= 0`, to four digits; below -87 it is as good as nothing.
///
/// Splits off the whole power of two by adding a number that leaves no room for a fraction, and
/// approximates the rest by a polynomial (the Taylor series of 2^f on ±1/2). Unlike `f32::exp` it
/// has no branch and no table, so that it is vectorised.
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    let power = x * std::f32::consts::LOG2_E;
    let power = if power > -126.0 { power } else { -126.0 };
    let rounded = power + ROUND;
    let f = power - (rounded - ROUND);
    let fraction = 1.0
        + f * (std::f32::consts::LN_2 + f * (0.240_226_5 + f * (0.055_504_1 + f * 0.009_618_1)));
    let scale = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    scale * fraction
}

#[cfg(test)]
mod tests;
