//! How likely each place of a floor is, given what was heard.
//!
//! This is the hot path. It looks twice: at every tile of sixteen cells, and then at the cells of
//! the tiles that carry the mass. Cost of one floor of 80 x 48 m (240 tiles) with eight readings:
//!
//! - processor: 240 x 8 x 5 operations for the tiles and at most 24 x 16 x 8 x 6 for the cells, in
//!   lanes of four, two a cycle: 3,500 cycles; then 600 exponentials, twice: once for the answer,
//!   once for its confidence;
//! - memory: eight maps of 5 KiB, of which 1 KiB is read in order; no allocation;
//! - disk and network: none.

use model::geometry::Point;

use crate::grid::{BLOCK, Grid, NOWHERE, TILE_CELLS, Tiles};

/// Most tiles that are looked at a second time (ours): a quarter of the floor above, and all of the
/// mass when a few access points are heard well.
const REFINED_MAX: usize = 24;

/// Tiles whose cells are less likely than the likeliest by more than this, as `-2 ln` of the ratio,
/// are not looked at again: 1 to 1,000.
const REFINED_WITHIN: f32 = 13.8;

/// One reading against one layer. Without a layer, as by default, it cannot be scanned.
#[derive(Clone, Copy, Default)]
pub(crate) struct Term<'a> {
    /// Predicted strength of each tile.
    pub(crate) coarse: &'a Tiles,
    /// Predicted strength of each cell.
    pub(crate) fine: &'a [[i8; TILE_CELLS]],
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
    /// Sum of all weights.
    pub(crate) weights: f32,
    /// `1 / (sum of weights + variance of readings / variance of the offset)`.
    pub(crate) offset_share: f32,
}

/// What a floor says about its places before anything is heard.
#[derive(Debug)]
pub(crate) struct Surface {
    /// `-2 ln` of the probability of a place, for each tile and for each cell.
    pub(crate) prior: Box<Tiles>,
    pub(crate) fine_prior: Box<[[f32; TILE_CELLS]]>,
    /// Variance of a reading around its prediction in dB², for each tile.
    pub(crate) variance: Box<Tiles>,
    /// Its natural logarithm: where readings are predicted worse, each says less.
    pub(crate) log_variance: Box<Tiles>,
}

/// Where the element was found by other means, with a weight each; the weights of all floors add up
/// to one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hint {
    /// The place.
    pub(crate) at: Point,
    /// How much speaks for it.
    pub(crate) weight: f32,
}

/// What was heard, against what is predicted on one floor.
#[derive(Clone, Copy)]
pub(crate) struct Heard<'a> {
    /// Readings that a layer predicts.
    pub(crate) terms: &'a [Term<'a>],
    /// The others.
    pub(crate) base: Base,
}

/// Hints for one floor.
#[derive(Clone, Copy)]
pub(crate) struct Hints<'a> {
    /// Where they are.
    pub(crate) places: &'a [Hint],
    /// How they count.
    pub(crate) scale: HintScale,
}

/// How hints count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HintScale {
    /// A hint speaks for places this far around it, in metres.
    pub(crate) reach: f32,
    /// The power of their density.
    pub(crate) power: f32,
    /// The density far from all of them, in units of one hint.
    pub(crate) least: f32,
}

/// The posterior over one floor. Reused from estimate to estimate.
#[derive(Debug, Default)]
pub(crate) struct Posterior {
    /// `-2 ln p` of each tile, for one of its cells, not normalised.
    tiles: Vec<[f32; BLOCK]>,
    /// Tiles that were looked at again.
    refined: Vec<usize>,
    candidates: Vec<(f32, usize)>,
    density: Vec<f32>,
    /// The places that carry mass: `-2 ln p` and how many cells, where, and probability.
    places: Vec<Place>,
    probabilities: Vec<f32>,
    least: f32,
    mass: f32,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    misfit: f32,
    cells: f32,
    at: Point,
    tile: u32,
    /// The cell; of a tile that was not looked at again, the first that an element can be in.
    cell: u8,
}

impl Posterior {
    /// Finds how likely each place is: `J = (S2 - S1² share) / variance + weights ln variance`, and
    /// what is known beforehand.
    pub(crate) fn scan(
        &mut self,
        grid: &Grid,
        surface: &Surface,
        heard: Heard<'_>,
        hints: Option<Hints<'_>>,
    ) {
        self.tiles.resize(surface.prior.len(), [0.0; BLOCK]);
        for (block, misfits) in self.tiles.iter_mut().enumerate() {
            *misfits = block_misfits(block, heard.terms, heard.base);
            let (prior, variance) = (&surface.prior[block], &surface.variance[block]);
            let log_variance = &surface.log_variance[block];
            let weights = heard.base.weights;
            for tile in 0..BLOCK {
                misfits[tile] =
                    misfits[tile] / variance[tile] + weights * log_variance[tile] + prior[tile];
            }
        }
        if let Some(hints) = hints {
            self.hint_tiles(grid, hints);
        }
        self.refine(grid, surface, heard, hints);
    }

    /// Adds what hints say about each tile; they are spread over its size as well.
    fn hint_tiles(&mut self, grid: &Grid, Hints { places, scale }: Hints<'_>) {
        let size = grid.tile_size();
        let spread = scale.reach * scale.reach + (size.x * size.x + size.y * size.y) / 24.0;
        // What is spread over a larger area is thinner.
        let thinner = scale.reach * scale.reach / spread;
        self.density.clear();
        self.density.resize(grid.tiles(), 0.0);
        for (tile, density) in self.density.iter_mut().enumerate() {
            *density = thinner * density_at(grid.tile_middle(tile), places, spread);
        }
        let tiles = self.tiles.as_flattened_mut().iter_mut();
        for (misfit, density) in tiles.zip(&self.density) {
            *misfit -= 2.0 * scale.power * (density + scale.least).ln();
        }
    }

    /// Looks at the cells of the likeliest tiles, and gathers all places.
    fn refine(
        &mut self,
        grid: &Grid,
        surface: &Surface,
        heard: Heard<'_>,
        hints: Option<Hints<'_>>,
    ) {
        let tiles = &self.tiles.as_flattened()[..grid.tiles()];
        let least = tiles.iter().fold(NOWHERE, |least, misfit| lesser(*misfit, least));
        self.candidates.clear();
        let within = least + REFINED_WITHIN;
        for (tile, misfit) in tiles.iter().enumerate() {
            if *misfit <= within {
                self.candidates.push((*misfit, tile));
            }
        }
        if self.candidates.len() > REFINED_MAX {
            let order =
                |a: &(f32, usize), b: &(f32, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            self.candidates.select_nth_unstable_by(REFINED_MAX, order);
            self.candidates.truncate(REFINED_MAX);
        }
        self.refined.clear();
        self.refined.extend(self.candidates.iter().map(|(_, tile)| *tile));
        self.refined.sort_unstable();

        self.places.clear();
        let mut refined = self.refined.iter().copied().peekable();
        for (tile, misfit) in tiles.iter().enumerate() {
            if refined.next_if_eq(&tile).is_none() {
                let cells = grid.open_cells(tile);
                if cells > 0 {
                    let at = grid.tile_middle(tile);
                    let cell = grid.first_open_cell(tile) as u8;
                    let (cells, tile) = (cells as f32, tile as u32);
                    self.places.push(Place { misfit: *misfit, cells, at, tile, cell });
                }
                continue;
            }
            let mut misfits = tile_misfits(tile, heard.terms, heard.base);
            let variance = surface.variance.as_flattened()[tile];
            let known = heard.base.weights * surface.log_variance.as_flattened()[tile];
            for (cell, misfit) in misfits.iter_mut().enumerate() {
                *misfit = *misfit / variance + known + surface.fine_prior[tile][cell];
                if !grid.is_open(tile, cell) {
                    continue;
                }
                let at = grid.middle(tile, cell);
                if let Some(Hints { places, scale }) = hints {
                    let density = density_at(at, places, scale.reach * scale.reach);
                    *misfit -= 2.0 * scale.power * (density + scale.least).ln();
                }
                let (tile, cell) = (tile as u32, cell as u8);
                self.places.push(Place { misfit: *misfit, cells: 1.0, at, tile, cell });
            }
        }
        let misfits = self.places.iter().map(|place| place.misfit);
        self.least = misfits.fold(NOWHERE, lesser);
    }

    /// Turns misfits into probabilities, `exp(-(J - min J) / 2 * sharpness)`.
    pub(crate) fn weigh(&mut self, sharpness: f32) {
        self.probabilities.clear();
        let half = 0.5 * sharpness;
        let least = self.least;
        let probability = |place: &Place| place.cells * exp((least - place.misfit) * half);
        self.probabilities.extend(self.places.iter().map(probability));
        self.mass = self.probabilities.iter().sum();
    }

    /// `-2 ln p` of the likeliest place, not normalised.
    pub(crate) fn least(&self) -> f32 {
        self.least
    }

    /// Natural logarithm of the mass after [`Posterior::weigh`] with sharpness 1, comparable between
    /// floors.
    pub(crate) fn log_mass(&self, grid: &Grid) -> f32 {
        (self.mass * grid.cell_area()).ln() - 0.5 * self.least
    }

    /// The centre of the mass.
    pub(crate) fn mean(&self) -> Point {
        let (mut x, mut y) = (0.0, 0.0);
        for (place, probability) in self.places.iter().zip(&self.probabilities) {
            x += probability * place.at.x;
            y += probability * place.at.y;
        }
        Point::new(x / self.mass, y / self.mass)
    }

    /// The root of the mean squared distance from `centre`.
    pub(crate) fn spread(&self, centre: Point) -> f32 {
        let mut sum = 0.0;
        for (place, probability) in self.places.iter().zip(&self.probabilities) {
            let (dx, dy) = (place.at.x - centre.x, place.at.y - centre.y);
            sum += probability * (dx * dx + dy * dy);
        }
        (sum / self.mass).sqrt()
    }

    /// The share of the mass in each zone; `zones` has a bit for each zone of each cell.
    pub(crate) fn zone_shares(&self, zones: &[[u64; TILE_CELLS]]) -> [f32; 64] {
        let mut shares = [0.0; 64];
        for (place, probability) in self.places.iter().zip(&self.probabilities) {
            let mut bits = zones[place.tile as usize][usize::from(place.cell)];
            while bits != 0 {
                shares[bits.trailing_zeros() as usize] += probability / self.mass;
                bits &= bits - 1;
            }
        }
        shares
    }

    /// Radius of the circle around `centre` that holds `share` of the mass.
    pub(crate) fn extent(&self, grid: &Grid, centre: Point, share: f32) -> f32 {
        let least = grid.cell_side() / 2.0;
        let step = (grid.diagonal() / RINGS as f32).max(least / 2.0);
        let mut rings = [0.0_f32; RINGS + 1];
        for (place, probability) in self.places.iter().zip(&self.probabilities) {
            let (dx, dy) = (place.at.x - centre.x, place.at.y - centre.y);
            let ring = ((dx * dx + dy * dy).sqrt() / step) as usize;
            rings[ring.min(RINGS)] += probability;
        }
        let wanted = share * self.mass;
        let mut sum = 0.0;
        for (ring, mass) in rings.iter().enumerate() {
            if sum + mass >= wanted {
                let part = if *mass > 0.0 { (wanted - sum) / mass } else { 0.0 };
                return ((ring as f32 + part) * step).max(least);
            }
            sum += mass;
        }
        grid.diagonal().max(least)
    }
}

/// Rings in which the mass around a point is counted: on a floor of 80 x 48 m half a metre each.
const RINGS: usize = 192;

/// The density of hints at a place, when each is spread with this variance in metres².
fn density_at(place: Point, hints: &[Hint], variance: f32) -> f32 {
    let factor = -0.5 / variance;
    let mut density = 0.0;
    for hint in hints {
        let (dx, dy) = (place.x - hint.at.x, place.y - hint.at.y);
        density += hint.weight * exp((dx * dx + dy * dy) * factor);
    }
    density
}

/// The misfits of the tiles of one block in dB².
fn block_misfits(block: usize, terms: &[Term<'_>], base: Base) -> [f32; BLOCK] {
    let mut sum = [base.misfit; BLOCK];
    let mut squares = [base.misfit_squared; BLOCK];
    for term in terms {
        let map = &term.coarse[block];
        for tile in 0..BLOCK {
            let misfit = term.rssi - map[tile];
            let weighted = term.weight * misfit;
            sum[tile] += weighted;
            squares[tile] += weighted * misfit;
        }
    }
    for tile in 0..BLOCK {
        squares[tile] -= sum[tile] * sum[tile] * base.offset_share;
    }
    squares
}

/// The misfits of the cells of one tile in dB².
fn tile_misfits(tile: usize, terms: &[Term<'_>], base: Base) -> [f32; TILE_CELLS] {
    let mut sum = [base.misfit; TILE_CELLS];
    let mut squares = [base.misfit_squared; TILE_CELLS];
    for term in terms {
        let map = &term.fine[tile];
        for cell in 0..TILE_CELLS {
            let misfit = term.rssi - f32::from(map[cell]);
            let weighted = term.weight * misfit;
            sum[cell] += weighted;
            squares[cell] += weighted * misfit;
        }
    }
    for cell in 0..TILE_CELLS {
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
pub(crate) fn exp(x: f32) -> f32 {
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
