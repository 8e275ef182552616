//! How strengths differ from the law from place to place: a Gaussian process over the survey.
//!
//! `k = sd² exp(-distance² / 2 length²)`, the same for all access points of a floor
//! (`reference/location.md` section 6), so that one factorisation serves them all. How far what is heard
//! at a place tells of its neighbourhood depends on the building, so the length is chosen
//! ([`quality`](super::quality)): it is short among many small rooms and long in a hall.
//!
//! Sketch, for 300 places on 80 x 48 m: the factorisation takes 9 million multiplications once, and
//! each layer 3,840 cells times the places within 14 m, some 100: 2 ms.

use model::geometry::Point;

use crate::grid::Grid;
use crate::posterior::exp;

/// Standard deviation of the field, and that of a survey reading around it: section 6.
const FIELD_SD_DB: f32 = 8.0;
const NOISE_SD_DB: f32 = 4.0;
/// Beyond so many lengths a place says nothing: less than 1/400.
const LENGTHS_MAX: f32 = 3.5;
/// Places that tell how well a tile is known. Ours: the next ring changes the variance by 1 %.
const NEIGHBOURS: usize = 40;

/// How many left-out places the usual precision of an access point counts as, when its own are counted.
/// Ours, measured: 3 to 30 are within 1 % on five recordings.
const PRECISION_BELIEF: f32 = 5.0;

/// How far the field reaches: its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Half the usual one.
    Short,
    /// Section 6.
    Usual,
    /// Twice the usual one.
    Long,
}

impl Reach {
    fn length_m(self) -> f32 {
        match self {
            Self::Short => 2.0,
            Self::Usual => 4.0,
            Self::Long => 8.0,
        }
    }
}

/// The field of one floor.
#[derive(Debug)]
pub(crate) struct Field {
    covariance: Covariance,
    places: Vec<Point>,
    factor: Factor,
    /// The variance of each place when it is left out of the survey, in dB².
    left_out: Vec<f32>,
    /// Places near enough to matter, for each tile.
    near: Vec<Vec<u16>>,
}

/// How alike two places are.
#[derive(Debug, Clone, Copy)]
struct Covariance {
    length_m: f32,
}

impl Field {
    /// `places` are at most 65,536.
    pub(crate) fn new(grid: &Grid, places: Vec<Point>, reach: Reach) -> Self {
        let covariance = Covariance { length_m: reach.length_m() };
        let reach = LENGTHS_MAX * covariance.length_m + grid.tile_diagonal() / 2.0;
        let near = |tile| {
            let middle = grid.tile(tile).middle;
            let is_near = |(_, place): &(u16, &Point)| place.distance(middle) < reach;
            (0..).zip(&places).filter(is_near).map(|(number, _)| number).collect()
        };
        let near = (0..grid.tiles()).map(near).collect();
        let factor = Factor::new(places.len(), |a, b| covariance.of(places[a], places[b]));
        let left_out = factor.inverse_diagonal().into_iter().map(f32::recip).collect();
        Self { covariance, places, factor, left_out, near }
    }

    /// The field that explains `residuals`, one for each place: its value anywhere on the floor.
    pub(crate) fn explain(&self, residuals: &[f32]) -> Explained<'_> {
        Explained { field: self, weights: self.factor.solve(residuals) }
    }

    /// Variance of a reading around the field at a tile, in dB².
    pub(crate) fn variance(&self, grid: &Grid, tile: usize) -> f32 {
        let middle = grid.tile(tile).middle;
        let distance = |number: u16| self.places[usize::from(number)].distance(middle);
        let mut nearest = self.near[tile].clone();
        nearest.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        nearest.truncate(NEIGHBOURS);
        let place = |index: usize| self.places[usize::from(nearest[index])];
        let covariance = self.covariance;
        let factor = Factor::new(nearest.len(), |a, b| covariance.of(place(a), place(b)));
        let known = (0..nearest.len()).map(|it| covariance.field(place(it), middle));
        let known = factor.half_solve(known);
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
            let covariance = self.field.covariance.field(self.field.places[number], place);
            sum += self.weights[number] * covariance;
        }
        sum
    }

    /// How precisely readings are predicted beside what the field expects: 1 when the places that heard
    /// the access point, each left out in turn, are as far off as it says, and more when they are nearer.
    pub(crate) fn precision(&self, has_heard: impl Fn(usize) -> bool) -> f32 {
        let (mut squares, mut count) = (PRECISION_BELIEF, PRECISION_BELIEF);
        let places = self.weights.iter().zip(&self.field.left_out).enumerate();
        for (_, (weight, variance)) in places.filter(|(place, _)| has_heard(*place)) {
            // Left out, a place would be off by its weight times this variance.
            squares += weight * weight * variance;
            count += 1.0;
        }
        count / squares
    }
}

impl Covariance {
    /// Of the field at two places.
    fn field(self, a: Point, b: Point) -> f32 {
        let (dx, dy) = (a.x - b.x, a.y - b.y);
        let square = self.length_m * self.length_m;
        FIELD_SD_DB.powi(2) * exp((dx * dx + dy * dy) * (-0.5 / square))
    }

    /// Of the readings at two places. Two of one place have their noise in common, because a place is a
    /// mean already.
    fn of(self, a: Point, b: Point) -> f32 {
        let noise = if a == b { NOISE_SD_DB.powi(2) } else { 0.0 };
        self.field(a, b) + noise
    }
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

    /// The diagonal of `(L Lᵀ)⁻¹`: the sums of the squares of the columns of `L⁻¹`.
    fn inverse_diagonal(&self) -> Vec<f32> {
        let size = self.size;
        let column = |first: usize| {
            let mut column: Vec<f32> = Vec::with_capacity(size - first);
            for row in first..size {
                let right = if row == first { 1.0 } else { 0.0 };
                let factors = &self.rows[row * size + first..row * size + row];
                column.push((right - dot(factors, &column)) / self.rows[row * size + row]);
            }
            dot(&column, &column)
        };
        (0..size).map(column).collect()
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
            let covariance = Covariance { length_m: 4.0 };
            let matrix = |a: usize, b: usize| covariance.of(places[a], places[b]);
            let factor = Factor::new(size, matrix);
            for (number, found) in factor.inverse_diagonal().into_iter().enumerate() {
                let unit: Vec<f32> = (0..size).map(|it| f32::from(u8::from(it == number))).collect();
                prop_assert!((found - factor.solve(&unit)[number]).abs() < 1e-3, "{found}");
            }
            let solution = factor.solve(&right);
            for (row, right) in right.iter().enumerate() {
                let left: f32 = (0..size).map(|it| matrix(row, it) * solution[it]).sum();
                prop_assert!((left - right).abs() < 0.05, "{left}, {right}");
            }
        }
    }

    #[test]
    fn an_access_point_that_is_predicted_well_counts_more() {
        let floor = crate::testing::floor("hall", 0, 60.0, 10.0, &[]);
        let grid = Grid::new(&floor);
        let places: Vec<Point> = (1..20).map(|x| Point::new(x as f32 * 2.0, 5.0)).collect();
        let field = Field::new(&grid, places.clone(), Reach::Usual);
        let precision = |residual: fn(f32) -> f32| {
            let residuals: Vec<f32> = places.iter().map(|place| residual(place.x)).collect();
            let explained = field.explain(&residuals);
            (explained.precision(|_| true), explained.precision(|_| false))
        };
        let (smooth, erratic) =
            (|x: f32| 0.3 * x, |x: f32| if x % 4.0 < 1.0 { 12.0 } else { -12.0 });
        assert!(precision(smooth).0 > 1.5, "{:?}", precision(smooth));
        assert!(precision(erratic).0 < 0.5, "{:?}", precision(erratic));
        assert!((precision(erratic).1 - 1.0).abs() < 1e-6, "nobody heard it, nothing is known");
    }

    #[test]
    fn the_field_follows_the_survey_and_fades_away_from_it() {
        let floor = crate::testing::floor("hall", 0, 60.0, 10.0, &[]);
        let grid = Grid::new(&floor);
        let places: Vec<Point> = (1..10).map(|x| Point::new(x as f32 * 2.0, 5.0)).collect();
        let field = Field::new(&grid, places.clone(), Reach::Usual);
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
