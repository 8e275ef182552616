//! The places of a floor: cells of one metre, sixteen of them to a tile.
//!
//! Everything that the estimator knows about a floor exists twice: once per tile, for a first look
//! at the whole floor, and once per cell, for a second look at the tiles that matter. See
//! [`crate::posterior`] for what that costs.

use model::geometry::Point;
use model::map::Floor;

/// Cells along the side of a tile, and in all.
const TILE_SIDE: usize = 4;
pub(crate) const TILE_CELLS: usize = TILE_SIDE * TILE_SIDE;

/// Values that are worked on beside one another: the compiler turns loops of this length into vector
/// instructions on every target, and two sums of so many stay in registers.
pub(crate) const LANES: usize = TILE_CELLS;

/// Side of a cell in metres: `reference/location.md` section 6.
const CELL_SIDE_M: f32 = 1.0;

/// Most cells of a floor (ours): a hall of 256 x 256 m. Larger floors get larger cells, so that a
/// map is at most 80 KiB.
const CELLS_MAX: f32 = 65_536.0;

/// `-2 ln` of the probability of a place where no element can be (ours): further off than any
/// reading can bring it.
pub(crate) const NOWHERE: f32 = 1e9;

/// One value for each tile; the last lanes are filled up.
pub(crate) type Tiles = [[f32; LANES]];

/// A grid over a floor.
#[derive(Debug)]
pub(crate) struct Grid {
    columns: usize,
    rows: usize,
    tile_columns: usize,
    /// Size of a cell.
    pitch: Point,
    /// The cells of each tile that an element can be in, one bit each.
    open: Box<[u16]>,
    /// What is asked of each tile, whether or not all of it is on the floor.
    tile: Box<[Tile]>,
    /// 1 for each cell that an element can be in, otherwise 0, row by row of the whole floor: for who
    /// goes from cell to cell.
    open_by_rows: Box<[f32]>,
    /// How far each cell of a tile is to the right of its middle, and below it.
    offsets: ([f32; TILE_CELLS], [f32; TILE_CELLS]),
}

/// What is told of a tile: found anew it would take as long as all else about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tile {
    pub(crate) middle: Point,
    /// How many of its cells an element can be in.
    pub(crate) open_cells: f32,
    /// The first of them, counted over all tiles; of a tile that has one.
    pub(crate) first_open_cell: u32,
}

/// Predicted strengths of one access point and band, in dBm.
#[derive(Debug)]
pub(crate) struct Layer {
    /// The mean of each tile.
    pub(crate) coarse: Box<Tiles>,
    /// Each cell, to the decibel: the model is wrong by several.
    pub(crate) fine: Box<[[i8; TILE_CELLS]]>,
    /// How much a reading counts, beside the usual one: more where a survey is predicted better.
    pub(crate) precision: f32,
}

impl Grid {
    pub(crate) fn new(floor: &Floor) -> Self {
        let (width, length) = (floor.width.0, floor.length.0);
        let side = (width * length / CELLS_MAX).sqrt().max(CELL_SIDE_M);
        // A saturating conversion: a size that is no number makes one cell that is barred.
        let count = |length: f32| ((length / side).ceil() as usize).clamp(1, CELLS_MAX as usize);
        let (columns, rows) = (count(width), count(length));
        let tile_columns = columns.div_ceil(TILE_SIDE);
        let tiles = tile_columns * rows.div_ceil(TILE_SIDE);
        let mut grid = Self {
            columns,
            rows,
            tile_columns,
            pitch: Point::new(width / columns as f32, length / rows as f32),
            open: vec![0; tiles].into_boxed_slice(),
            tile: Box::default(),
            open_by_rows: Box::default(),
            offsets: ([0.0; TILE_CELLS], [0.0; TILE_CELLS]),
        };
        let (across, down) = &mut grid.offsets;
        for cell in 0..TILE_CELLS {
            let from_middle = |cells: usize| cells as f32 + 0.5 - TILE_SIDE as f32 / 2.0;
            across[cell] = from_middle(cell % TILE_SIDE) * grid.pitch.x;
            down[cell] = from_middle(cell / TILE_SIDE) * grid.pitch.y;
        }
        grid.open = (0..tiles)
            .map(|tile| {
                let bit = |(cell, place)| u16::from(floor.includes(place)) << cell;
                grid.cells(tile).map(bit).fold(0, |bits, bit| bits | bit)
            })
            .collect();
        let tile = |(tile, bits): (usize, &u16)| {
            let (column, row) = grid.tile_at(tile);
            let half = TILE_SIDE as f32 / 2.0;
            Tile {
                middle: Point::new(
                    (column as f32 + half) * grid.pitch.x,
                    (row as f32 + half) * grid.pitch.y,
                ),
                open_cells: bits.count_ones() as f32,
                first_open_cell: tile as u32 * TILE_CELLS as u32 + bits.trailing_zeros(),
            }
        };
        grid.tile = grid.open.iter().enumerate().map(tile).collect();
        let mut by_rows = vec![0.0; columns * rows];
        for cell in 0..tiles * TILE_CELLS {
            if let Some(place) = grid.by_rows(cell)
                && grid.is_open(cell / TILE_CELLS, cell % TILE_CELLS)
            {
                by_rows[place] = 1.0;
            }
        }
        grid.open_by_rows = by_rows.into_boxed_slice();
        grid
    }

    /// Whether an element can be anywhere on it.
    pub(crate) fn has_places(&self) -> bool {
        self.open.iter().any(|bits| *bits != 0)
    }

    /// How many tiles there are.
    pub(crate) fn tiles(&self) -> usize {
        self.open.len()
    }

    /// What is told of a tile.
    pub(crate) fn tile(&self, tile: usize) -> Tile {
        self.tile[tile]
    }

    /// Cells of a row.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Rows of cells.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The place of a cell, counted over all tiles, in what goes row by row; none beyond the floor.
    pub(crate) fn by_rows(&self, cell: usize) -> Option<usize> {
        let (column, row) = self.tile_at(cell / TILE_CELLS);
        let cell = cell % TILE_CELLS;
        let (column, row) = (column + cell % TILE_SIDE, row + cell / TILE_SIDE);
        (column < self.columns && row < self.rows).then_some(row * self.columns + column)
    }

    /// 1 for each cell that an element can be in, otherwise 0, row by row.
    pub(crate) fn open_by_rows(&self) -> &[f32] {
        &self.open_by_rows
    }

    /// The middle of a cell of a row.
    pub(crate) fn middle_by_rows(&self, column: usize, row: usize) -> Point {
        let Point { x, y } = self.pitch;
        Point::new((column as f32 + 0.5) * x, (row as f32 + 0.5) * y)
    }

    /// Whether an element can be in a cell of a tile.
    pub(crate) fn is_open(&self, tile: usize, cell: usize) -> bool {
        self.open[tile] >> cell & 1 == 1
    }

    /// Area of a cell in square metres.
    pub(crate) fn cell_area(&self) -> f32 {
        self.pitch.x * self.pitch.y
    }

    /// The longer side of a cell.
    pub(crate) fn cell_side(&self) -> f32 {
        self.pitch.x.max(self.pitch.y)
    }

    /// Longest distance on the floor.
    pub(crate) fn diagonal(&self) -> f32 {
        (self.columns as f32 * self.pitch.x).hypot(self.rows as f32 * self.pitch.y)
    }

    /// Size of a tile.
    pub(crate) fn tile_size(&self) -> Point {
        Point::new(TILE_SIDE as f32 * self.pitch.x, TILE_SIDE as f32 * self.pitch.y)
    }

    /// Length of the diagonal of a tile.
    pub(crate) fn tile_diagonal(&self) -> f32 {
        let size = self.tile_size();
        size.x.hypot(size.y)
    }

    /// The tiles whose middle is within `reach` of a place along each axis.
    pub(crate) fn tiles_within(&self, place: Point, reach: f32) -> impl Iterator<Item = usize> {
        let size = self.tile_size();
        let rows = self.tiles() / self.tile_columns;
        // What is negative saturates to the first.
        let range = |at: f32, size: f32, count: usize| {
            let first = (((at - reach) / size - 0.5).ceil() as usize).min(count);
            let end = (((at + reach) / size - 0.5).floor() as i64 + 1).max(0) as usize;
            first..end.min(count)
        };
        let columns = range(place.x, size.x, self.tile_columns);
        let (rows, per_row) = (range(place.y, size.y, rows), self.tile_columns);
        rows.flat_map(move |row| columns.clone().map(move |column| row * per_row + column))
    }

    /// How far each cell of a tile is to the right of its middle, and below it.
    pub(crate) fn offsets(&self) -> &([f32; TILE_CELLS], [f32; TILE_CELLS]) {
        &self.offsets
    }

    /// The middle of a cell of a tile.
    pub(crate) fn middle(&self, tile: usize, cell: usize) -> Point {
        let Point { x, y } = self.tile[tile].middle;
        let (across, down) = &self.offsets;
        Point::new(x + across[cell], y + down[cell])
    }

    /// The cells of a tile that are on the floor, with their middles.
    pub(crate) fn cells(&self, tile: usize) -> impl Iterator<Item = (usize, Point)> + use<> {
        let (column, row) = self.tile_at(tile);
        let (columns, rows, pitch) = (self.columns, self.rows, self.pitch);
        (0..TILE_CELLS).filter_map(move |cell| {
            let (x, y) = (column + cell % TILE_SIDE, row + cell / TILE_SIDE);
            let middle = Point::new((x as f32 + 0.5) * pitch.x, (y as f32 + 0.5) * pitch.y);
            (x < columns && y < rows).then_some((cell, middle))
        })
    }

    /// The tile of a point, or the nearest one, and the cell of it.
    pub(crate) fn locate(&self, point: Point) -> (usize, usize) {
        // What is negative saturates to the first.
        let column = ((point.x / self.pitch.x) as usize).min(self.columns - 1);
        let row = ((point.y / self.pitch.y) as usize).min(self.rows - 1);
        let tile = row / TILE_SIDE * self.tile_columns + column / TILE_SIDE;
        (tile, row % TILE_SIDE * TILE_SIDE + column % TILE_SIDE)
    }

    /// The middle of the open cell that is nearest to `point`.
    pub(crate) fn nearest(&self, point: Point) -> Point {
        let mut nearest = (f32::INFINITY, point);
        for tile in 0..self.tiles() {
            for (cell, middle) in self.cells(tile) {
                let distance = middle.distance(point);
                if self.is_open(tile, cell) && distance < nearest.0 {
                    nearest = (distance, middle);
                }
            }
        }
        nearest.1
    }

    /// One value for each tile, from its number, and `filling` after the last.
    pub(crate) fn tiles_of(&self, filling: f32, mut value: impl FnMut(usize) -> f32) -> Box<Tiles> {
        let mut blocks = vec![[filling; LANES]; self.tiles().div_ceil(LANES)];
        for (tile, place) in blocks.as_flattened_mut().iter_mut().take(self.tiles()).enumerate() {
            *place = value(tile);
        }
        blocks.into_boxed_slice()
    }

    /// A layer from the strength at each place.
    pub(crate) fn layer(&self, mut rssi: impl FnMut(Point) -> f32) -> Layer {
        let mut fine = vec![[0_i8; TILE_CELLS]; self.tiles()];
        let coarse = self.tiles_of(0.0, |tile| {
            let (mut sum, mut count) = (0.0, 0.0);
            for (cell, middle) in self.cells(tile) {
                let rssi = rssi(middle);
                // A saturating conversion; nothing is weaker than -128 dBm.
                fine[tile][cell] = rssi.round() as i8;
                sum += rssi;
                count += 1.0;
            }
            sum / f32::max(count, 1.0)
        });
        Layer { coarse, fine: fine.into_boxed_slice(), precision: 1.0 }
    }

    /// Column and row of the first cell of a tile.
    fn tile_at(&self, tile: usize) -> (usize, usize) {
        (tile % self.tile_columns * TILE_SIDE, tile / self.tile_columns * TILE_SIDE)
    }
}

#[cfg(test)]
mod tests;
