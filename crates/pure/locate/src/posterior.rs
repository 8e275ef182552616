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

use std::ops::Range;

use model::geometry::Point;

use crate::grid::{Grid, LANES, NOWHERE, TILE_CELLS, Tile, Tiles};

/// Most tiles that are looked at a second time (ours): a quarter of the floor above, and all of the
/// mass when a few access points are heard well.
const REFINED_MAX: usize = 24;

/// Tiles whose cells are less likely than the likeliest by more than this, as `-2 ln` of the ratio,
/// are not looked at again: 1 to 1,000 for a sharpness of 1.3.
const REFINED_WITHIN: f32 = 10.6;

/// Tiles that are less likely than the likeliest by more than this carry nothing: 1 to 1,000,000, or 1
/// to 30 when the confidence counts all readings as a quarter of what they are.
const CARRYING_WITHIN: f32 = 27.6;

/// So many spreads around its middle hold 95 % of a Gaussian in the plane.
pub(crate) const SPREADS_HELD: f32 = 1.73;

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
    /// One over the variance of a reading around its prediction, in 1/dB², for each tile: to divide takes
    /// four times as long as to multiply.
    pub(crate) precision: Box<Tiles>,
    /// The natural logarithm of that variance: where readings are predicted worse, each says less.
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
    tiles: Vec<[f32; LANES]>,
    density: Vec<f32>,
    /// Tiles that carry mass, and those of them that are looked at again.
    carrying: Vec<(f32, usize)>,
    refined: Vec<(f32, usize)>,
    places: Places,
    /// Probability of each place, not normalised.
    probabilities: Vec<f32>,
    /// The ring of each place around the last centre.
    rings: Vec<u32>,
    least: f32,
    mass: f32,
}

/// The places that carry mass: cells, and tiles that were not looked at again. One array for each of
/// their properties, because that is what the compiler turns into vector instructions; places of no
/// cells fill them up to whole [`LANES`].
#[derive(Debug, Default)]
struct Places {
    /// `-2 ln p` of one cell.
    misfits: Vec<f32>,
    /// How many cells it stands for.
    cells: Vec<f32>,
    x: Vec<f32>,
    y: Vec<f32>,
    /// Its cell, counted over all tiles, or of a tile the first that an element can be in.
    at: Vec<u32>,
}

impl Posterior {
    /// Finds how likely each place is: `J = (S2 - S1² share) precision + weights ln variance`, and
    /// what is known beforehand.
    pub(crate) fn scan(
        &mut self,
        grid: &Grid,
        surface: &Surface,
        heard: Heard<'_>,
        hints: Option<Hints<'_>>,
    ) {
        self.tiles.resize(surface.prior.len(), [0.0; LANES]);
        for (block, misfits) in self.tiles.iter_mut().enumerate() {
            *misfits = misfits_of(heard, |term| term.coarse[block]);
            let (prior, precision) = (&surface.prior[block], &surface.precision[block]);
            let log_variance = &surface.log_variance[block];
            let weights = heard.base.weights;
            for tile in 0..LANES {
                misfits[tile] =
                    misfits[tile] * precision[tile] + weights * log_variance[tile] + prior[tile];
            }
        }
        if let Some(hints) = hints {
            self.hint_tiles(grid, hints);
        }
        self.choose_tiles();
        self.gather(grid, surface, heard, hints);
    }

    /// Adds what hints say about each tile; they are spread over its size as well.
    fn hint_tiles(&mut self, grid: &Grid, Hints { places, scale }: Hints<'_>) {
        let size = grid.tile_size();
        let spread = scale.reach * scale.reach + (size.x * size.x + size.y * size.y) / 24.0;
        // What is spread over a larger area is thinner.
        let thinner = scale.reach * scale.reach / spread;
        self.density.clear();
        self.density.resize(grid.tiles(), scale.least);
        let within = REACHES_MAX * spread.sqrt();
        for hint in places {
            for tile in grid.tiles_within(hint.at, within) {
                let distance2 = distance2(grid.tile(tile).middle, hint.at);
                self.density[tile] += thinner * hint.weight * exp(-0.5 * distance2 / spread);
            }
        }
        let tiles = self.tiles.as_flattened_mut().iter_mut();
        for (misfit, density) in tiles.zip(&self.density) {
            *misfit -= 2.0 * scale.power * density.ln();
        }
    }

    /// Finds the tiles that carry mass, and which of them to look at again.
    fn choose_tiles(&mut self) {
        let least = least(&self.tiles);
        let within = (least + CARRYING_WITHIN).min(NOWHERE / 2.0);
        let again = least + REFINED_WITHIN;
        self.carrying.clear();
        self.refined.clear();
        for (block, misfits) in self.tiles.iter().enumerate() {
            // Without an early end, so that it is done in lanes.
            let carrying = misfits.iter().fold(0, |any, misfit| any | u32::from(*misfit <= within));
            if carrying == 0 {
                continue;
            }
            for (tile, misfit) in misfits.iter().enumerate() {
                if *misfit <= within {
                    let list =
                        if *misfit <= again { &mut self.refined } else { &mut self.carrying };
                    list.push((*misfit, block * LANES + tile));
                }
            }
        }
        if self.refined.len() > REFINED_MAX {
            let order =
                |a: &(f32, usize), b: &(f32, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            self.refined.select_nth_unstable_by(REFINED_MAX, order);
            self.carrying.extend(self.refined.drain(REFINED_MAX..));
        }
    }

    /// Looks at the cells of the chosen tiles, and gathers all places.
    fn gather(
        &mut self,
        grid: &Grid,
        surface: &Surface,
        heard: Heard<'_>,
        hints: Option<Hints<'_>>,
    ) {
        self.places.clear();
        self.places.push_tiles(grid, &self.carrying);
        for (_, tile) in self.refined.iter().copied() {
            let mut misfits = misfits_of(heard, |term| term.fine[tile].map(f32::from));
            let scale = surface.precision.as_flattened()[tile];
            let known = heard.base.weights * surface.log_variance.as_flattened()[tile];
            let prior = &surface.fine_prior[tile];
            for cell in 0..TILE_CELLS {
                misfits[cell] = misfits[cell] * scale + known + prior[cell];
            }
            if let Some(Hints { places, scale }) = hints {
                let mut density = [scale.least; TILE_CELLS];
                let within = (REACHES_MAX * scale.reach + grid.tile_diagonal() / 2.0).powi(2);
                let near = |hint: &&Hint| distance2(grid.tile(tile).middle, hint.at) < within;
                let factor = -0.5 / (scale.reach * scale.reach);
                for hint in places.iter().filter(near) {
                    for (cell, density) in density.iter_mut().enumerate() {
                        let distance2 = distance2(grid.middle(tile, cell), hint.at);
                        *density += hint.weight * exp(distance2 * factor);
                    }
                }
                for (misfit, density) in misfits.iter_mut().zip(density) {
                    *misfit -= 2.0 * scale.power * density.ln();
                }
            }
            self.places.push_cells(grid, tile, &misfits);
        }
        self.least = least(self.places.misfits.as_chunks().0);
    }

    /// Turns misfits into probabilities, `exp(-(J - min J) / 2 * sharpness)`.
    pub(crate) fn weigh(&mut self, sharpness: f32) {
        let half = 0.5 * sharpness;
        let least = self.least;
        self.probabilities.clear();
        let places = self.places.misfits.iter().zip(&self.places.cells);
        self.probabilities
            .extend(places.map(|(misfit, cells)| cells * exp((least - misfit) * half)));
        self.mass = sum(&self.probabilities, [], |[]| 1.0);
    }

    /// `-2 ln p` of the likeliest place, not normalised.
    pub(crate) fn least(&self) -> f32 {
        self.least
    }

    /// Natural logarithm of the mass after [`Posterior::weigh`] with this sharpness, comparable between
    /// floors that were weighed alike.
    pub(crate) fn log_mass(&self, grid: &Grid, sharpness: f32) -> f32 {
        (self.mass * grid.cell_area()).ln() - 0.5 * sharpness * self.least
    }

    /// How likely places are beside the likeliest, whatever they were last weighed with, and which cells
    /// they are, counted over all tiles.
    pub(crate) fn likelihoods(&self, mut each: impl FnMut(Range<usize>, f32)) {
        let Places { misfits, cells, at, .. } = &self.places;
        let filled = |((_, cells), _): &((_, &f32), _)| **cells > 0.0;
        for ((misfit, cells), at) in misfits.iter().zip(cells).zip(at).filter(filled) {
            let at = *at as usize;
            // A tile that was not looked at again is one place.
            let first = at / TILE_CELLS * TILE_CELLS;
            let range = if *cells < 1.5 { at..at + 1 } else { first..first + TILE_CELLS };
            each(range, exp((self.least - misfit) * 0.5));
        }
    }

    /// The centre of the mass.
    pub(crate) fn mean(&self) -> Point {
        let Places { x, y, .. } = &self.places;
        let mean = |axis: &[f32]| sum(&self.probabilities, [axis], |[at]| at) / self.mass;
        Point::new(mean(x), mean(y))
    }

    /// The root of the mean squared distance from `centre`.
    pub(crate) fn spread(&self, centre: Point) -> f32 {
        let Places { x, y, .. } = &self.places;
        let squared = |[x, y]: [f32; 2]| distance2(Point::new(x, y), centre);
        (sum(&self.probabilities, [x, y], squared) / self.mass).sqrt()
    }

    /// The share of the mass in each zone; `zones` has a bit for each zone of each cell.
    pub(crate) fn zone_shares(&self, zones: &[[u64; TILE_CELLS]]) -> [f32; 64] {
        let mut shares = [0.0; 64];
        let zones = zones.as_flattened();
        for (at, probability) in self.places.at.iter().zip(&self.probabilities) {
            let mut bits = zones[*at as usize];
            while bits != 0 {
                shares[bits.trailing_zeros() as usize] += probability / self.mass;
                bits &= bits - 1;
            }
        }
        shares
    }

    /// Radius of the circle around `centre` that holds `share` of the mass.
    pub(crate) fn extent(&mut self, grid: &Grid, centre: Point, share: f32) -> f32 {
        let least = grid.cell_side() / 2.0;
        let step = (grid.diagonal() / RINGS as f32).max(least / 2.0);
        let per_metre = 1.0 / step;
        let places = self.places.x.iter().zip(&self.places.y);
        self.rings.clear();
        self.rings.extend(places.map(|(x, y)| {
            let (dx, dy) = (x - centre.x, y - centre.y);
            ring((dx * dx + dy * dy).sqrt() * per_metre)
        }));
        // Neighbours fall into one ring; in turns they do not wait for one another.
        let mut turns = [[0.0_f32; RINGS + 1]; 4];
        let probabilities = self.rings.iter().zip(&self.probabilities);
        for (turn, (ring, probability)) in probabilities.enumerate() {
            turns[turn % 4][*ring as usize] += probability;
        }
        let wanted = share * self.mass;
        let mut sum = 0.0;
        for ring in 0..=RINGS {
            let mass: f32 = turns.iter().map(|rings| rings[ring]).sum();
            if sum + mass >= wanted {
                let part = if mass > 0.0 { (wanted - sum) / mass } else { 0.0 };
                return ((ring as f32 + part) * step).max(least);
            }
            sum += mass;
        }
        grid.diagonal().max(least)
    }
}

impl Places {
    fn clear(&mut self) {
        let Self { misfits, cells, x, y, at } = self;
        for values in [misfits, cells, x, y] {
            values.clear();
        }
        at.clear();
    }

    /// Tiles as one place each, and what fills the lanes.
    fn push_tiles(&mut self, grid: &Grid, tiles: &[(f32, usize)]) {
        let whole = tiles.len().next_multiple_of(LANES);
        self.misfits.resize(whole, NOWHERE);
        for values in [&mut self.cells, &mut self.x, &mut self.y] {
            values.resize(whole, 0.0);
        }
        self.at.resize(whole, 0);
        let Self { misfits, cells, x, y, at } = self;
        let places = misfits.iter_mut().zip(cells).zip(x).zip(y).zip(at);
        for ((misfit, tile), ((((to, cells), x), y), at)) in tiles.iter().zip(places) {
            let Tile { middle, open_cells, first_open_cell } = grid.tile(*tile);
            (*to, *cells, *x, *y, *at) = (*misfit, open_cells, middle.x, middle.y, first_open_cell);
        }
    }

    /// The cells of a tile; the prior has made nothing of those where no element can be.
    fn push_cells(&mut self, grid: &Grid, tile: usize, misfits: &[f32; TILE_CELLS]) {
        self.misfits.extend_from_slice(misfits);
        self.cells.extend_from_slice(&[1.0; TILE_CELLS]);
        let first = grid.tile(tile).middle;
        let (across, down) = grid.offsets();
        let (mut x, mut y) = ([first.x; TILE_CELLS], [first.y; TILE_CELLS]);
        let mut at = [(tile * TILE_CELLS) as u32; TILE_CELLS];
        for cell in 0..TILE_CELLS {
            x[cell] += across[cell];
            y[cell] += down[cell];
            at[cell] += cell as u32;
        }
        self.x.extend_from_slice(&x);
        self.y.extend_from_slice(&y);
        self.at.extend_from_slice(&at);
    }
}

/// The sum of `weight * value(axes)` over all places, which come in whole lanes.
fn sum<const AXES: usize>(
    weights: &[f32],
    axes: [&[f32]; AXES],
    value: impl Fn([f32; AXES]) -> f32,
) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let axes = axes.map(|axis| axis.as_chunks::<LANES>().0);
    for (at, weights) in weights.as_chunks::<LANES>().0.iter().enumerate() {
        let axes = axes.map(|axis| &axis[at]);
        for lane in 0..LANES {
            sums[lane] += weights[lane] * value(axes.map(|axis| axis[lane]));
        }
    }
    sums.into_iter().sum()
}

/// The least of some misfits.
fn least(misfits: &[[f32; LANES]]) -> f32 {
    let mut least = [NOWHERE; LANES];
    for misfits in misfits {
        for lane in 0..LANES {
            least[lane] = lesser(misfits[lane], least[lane]);
        }
    }
    least.into_iter().fold(NOWHERE, lesser)
}

fn distance2(a: Point, b: Point) -> f32 {
    let (dx, dy) = (a.x - b.x, a.y - b.y);
    dx * dx + dy * dy
}

/// Beyond so many reaches a hint says nothing: less than 1/2,000.
const REACHES_MAX: f32 = 4.0;

/// Rings in which the mass around a point is counted: on a floor of 80 x 48 m half a metre each.
const RINGS: usize = 192;

/// Adding it leaves no room for a fraction: what a conversion does, in lanes.
const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23

/// The ring at a distance in rings.
fn ring(distance: f32) -> u32 {
    let down = lesser(distance, RINGS as f32) - 0.5;
    (down + ROUND).to_bits().wrapping_sub(ROUND.to_bits())
}

/// The misfits of some places in dB², from what each term is predicted with there.
fn misfits_of(
    Heard { terms, base }: Heard<'_>,
    predicted: impl Fn(&Term<'_>) -> [f32; LANES],
) -> [f32; LANES] {
    let mut sum = [base.misfit; LANES];
    let mut squares = [base.misfit_squared; LANES];
    for term in terms {
        let predicted = predicted(term);
        for lane in 0..LANES {
            let misfit = term.rssi - predicted[lane];
            let weighted = term.weight * misfit;
            sum[lane] += weighted;
            squares[lane] += weighted * misfit;
        }
    }
    for lane in 0..LANES {
        squares[lane] -= sum[lane] * sum[lane] * base.offset_share;
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
