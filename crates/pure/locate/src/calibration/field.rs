//! How strengths differ from the law from place to place: a Gaussian process over the survey.
//!
//! `k = sd² exp(-distance² / 2 length²)`, the same for all access points of a floor
//! (`reference/location.md` section 6), so that one factorisation serves them all.
//!
//! Sketch, for 300 places on 80 x 48 m: the factorisation takes 9 million multiplications once, and
//! each layer 3,840 cells times the places within 14 m, some 100: 2 ms.

use model::geometry::Point;

use crate::grid::Grid;
use crate::posterior::exp;

/// Standard deviation of the field, its length, and the standard deviation of a survey reading
/// around it: section 6.
const FIELD_SD_DB: f32 = 8.0;
const LENGTH_M: f32 = 4.0;
const NOISE_SD_DB: f32 = 4.0;
/// Beyond so many lengths a place says nothing: less than 1/400.
const LENGTHS_MAX: f32 = 3.5;
/// Places that tell how well a tile is known. Ours: the next ring changes the variance by 1 %.
const NEIGHBOURS: usize = 40;

/// The field of one floor.
#[derive(Debug)]
pub(crate) struct Field {
    places: Vec<Point>,
    factor: Factor,
    /// Places near enough to matter, for each tile.
    near: Vec<Vec<u16>>,
}

impl Field {
    /// `places` are at most 65,536.
    pub(crate) fn new(grid: &Grid, places: Vec<Point>) -> Self {
        let size = grid.tile_size();
        let reach = LENGTHS_MAX * LENGTH_M + size.x.hypot(size.y) / 2.0;
        let near = |tile| {
            let middle = grid.tile_middle(tile);
            let is_near = |(_, place): &(u16, &Point)| place.distance(middle) < reach;
            (0..).zip(&places).filter(is_near).map(|(number, _)| number).collect()
        };
        let near = (0..grid.tiles()).map(near).collect();
        let factor = Factor::new(places.len(), |a, b| covariance(places[a], places[b]));
        Self { places, factor, near }
    }

    /// The field that explains `residuals`, one for each place: its value anywhere on the floor.
    pub(crate) fn explain(&self, residuals: &[f32]) -> Explained<'_> {
        Explained { field: self, weights: self.factor.solve(residuals) }
    }

    /// Variance of a reading around the field at a tile, in dB².
    pub(crate) fn variance(&self, grid: &Grid, tile: usize) -> f32 {
        let middle = grid.tile_middle(tile);
        let distance = |number: u16| self.places[usize::from(number)].distance(middle);
        let mut nearest = self.near[tile].clone();
        nearest.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        nearest.truncate(NEIGHBOURS);
        let place = |index: usize| self.places[usize::from(nearest[index])];
        let factor = Factor::new(nearest.len(), |a, b| covariance(place(a), place(b)));
        let known = factor.half_solve((0..nearest.len()).map(|it| kernel(place(it), middle)));
        let explained: f32 = known.iter().map(|part| part * part).sum();
        (FIELD_SD_DB.powi(2) - explained).max(0.0) + NOISE_SD_DB.powi(2)
    }
}

/// A field with its weights.
pub(crate) struct Explained<'a> {
    field: &'a Field,
    weights: Vec<f32>,
}

impl Explained<'_> {
    /// Its value at a place of a tile.
    pub(crate) fn at(&self, tile: usize, place: Point) -> f32 {
        let mut sum = 0.0;
        for number in &self.field.near[tile] {
            let number = usize::from(*number);
            sum += self.weights[number] * kernel(self.field.places[number], place);
        }
        sum
    }
}

fn kernel(a: Point, b: Point) -> f32 {
    let (dx, dy) = (a.x - b.x, a.y - b.y);
    FIELD_SD_DB.powi(2) * exp((dx * dx + dy * dy) * (-0.5 / (LENGTH_M * LENGTH_M)))
}

/// Two readings of one place have their noise in common, because a place is a mean already.
fn covariance(a: Point, b: Point) -> f32 {
    let noise = if a == b { NOISE_SD_DB.powi(2) } else { 0.0 };
    kernel(a, b) + noise
}

/// The Cholesky factor of a covariance matrix, by rows.
#[derive(Debug)]
struct Factor {
    size: usize,
    rows: Vec<f32>,
}

impl Factor {
    fn new(size: usize, covariance: impl Fn(usize, usize) -> f32) -> Self {
        let mut rows = vec![0.0_f32; size * size];
        for row in 0..size {
            let (above, own) = rows.split_at_mut(row * size);
            for column in 0..=row {
                let other = above.get(column * size..column * size + column);
                let other = other.unwrap_or(&own[..0]);
                let known = &own[..column];
                let mut sum = covariance(row, column);
                if column < row {
                    sum -= dot(known, other);
                    own[column] = sum / above[column * size + column];
                } else {
                    sum -= dot(known, known);
                    // The noise keeps it away from zero, except for what rounding takes.
                    own[column] = sum.max(1e-3).sqrt();
                }
            }
        }
        Self { size, rows }
    }

    /// `L⁻¹ right`.
    fn half_solve(&self, right: impl Iterator<Item = f32>) -> Vec<f32> {
        let mut solution = Vec::with_capacity(self.size);
        for (row, right) in right.enumerate() {
            let factors = &self.rows[row * self.size..row * self.size + row];
            let value = (right - dot(factors, &solution)) / self.rows[row * self.size + row];
            solution.push(value);
        }
        solution
    }

    /// `(L Lᵀ)⁻¹ right`.
    fn solve(&self, right: &[f32]) -> Vec<f32> {
        let mut solution = self.half_solve(right.iter().copied());
        for row in (0..self.size).rev() {
            let value = solution[row] / self.rows[row * self.size + row];
            solution[row] = value;
            let factors = &self.rows[row * self.size..row * self.size + row];
            for (other, factor) in solution.iter_mut().zip(factors) {
                *other -= factor * value;
            }
        }
        solution
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_factor_solves_its_matrix(
            places in prop::collection::vec((0.0_f32..20.0, 0.0_f32..20.0), 1..20),
            seed in 0_u32..1_000,
        ) {
            let places: Vec<Point> = places.iter().map(|(x, y)| Point::new(*x, *y)).collect();
            let size = places.len();
            let right: Vec<f32> =
                (0..size).map(|it| ((it as u32 * 37 + seed) % 19) as f32 - 9.0).collect();
            let matrix = |a: usize, b: usize| covariance(places[a], places[b]);
            let solution = Factor::new(size, matrix).solve(&right);
            for (row, right) in right.iter().enumerate() {
                let left: f32 = (0..size).map(|it| matrix(row, it) * solution[it]).sum();
                prop_assert!((left - right).abs() < 0.05, "{left}, {right}");
            }
        }
    }

    #[test]
    fn the_field_follows_the_survey_and_fades_away_from_it() {
        let floor = crate::testing::floor("hall", 0, 60.0, 10.0, &[]);
        let grid = Grid::new(&floor);
        let places: Vec<Point> = (1..10).map(|x| Point::new(x as f32 * 2.0, 5.0)).collect();
        let field = Field::new(&grid, places.clone());
        let residuals: Vec<f32> = places.iter().map(|place| place.x - 10.0).collect();
        let explained = field.explain(&residuals);
        let at = |x: f32| {
            let place = Point::new(x, 5.0);
            (explained.at(grid.locate(place).0, place), field.variance(&grid, grid.locate(place).0))
        };
        assert!((at(14.0).0 - 4.0).abs() < 1.0, "{}", at(14.0).0);
        assert!((at(6.0).0 + 4.0).abs() < 1.0, "{}", at(6.0).0);
        assert!(at(50.0).0.abs() < 0.01);
        let (near, far) = (at(10.0).1, at(50.0).1);
        assert!((16.0..32.0).contains(&near), "{near} dB² amid the survey");
        assert!((far - 80.0).abs() < 0.1, "{far} dB² far from it");
    }
}
