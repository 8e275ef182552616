//! Following one element from cell to cell: a hidden Markov model over the places where it can be.
//!
//! A [`Track`](crate::Track) knows one place and one velocity. A walk knows every cell where the
//! element may be: between two estimates they spread as far as people walk, never over places that
//! are barred, and each estimate then weighs them with its whole posterior, not with its mean
//! (`reference/location.md` section 6). It costs more, so it is for tags and few others.
//!
//! It smooths by itself, so it is to be handed what was heard in one step ([`Settings::walking`]), not
//! what was smoothed over several: two filters in a row lag behind, and what each of them holds back
//! is counted again and again. For the same reason it takes the posterior as sharp as it is: the flat
//! one from which the radius of a single estimate comes would add to the lag. What cannot be averaged
//! away, because the next estimate errs in the same way, is added to the radius at the end.
//!
//! [`Settings::walking`]: crate::Settings
//!
//! Sketch, for 80 x 48 m (3,840 cells) and one estimate a second: two steps of two passes over
//! 31 KiB, in lanes, and the posterior's 600 places: 15 µs. Kept between two estimates: the cells that
//! count, some 300 of 8 bytes.

use model::geometry::Point;
use model::{Metres, Position, Time};

use crate::estimate::{Estimate, Locator, Scratch};
use crate::grid::Grid;
use crate::posterior::{Posterior, SPREADS_HELD};

/// In one step the belief spreads by 0.7 cells along each axis; two steps a second are a spread of a
/// metre a second: walking. Measured on the recorded tracks: 1 to 3 are within 5 %.
const STEP_MS: u64 = 500;
/// The share of the radius of an estimate that stays however many follow: what maps say wrongly of a place
/// is wrong in the next moment as well, and more of it where nobody surveyed. Measured on the recorded
/// tracks: with it the radius holds the truth in 97 to 99 % with a survey, by three access points or all;
/// without, in 98 to 99 % by up to four and by all, but in 86 to 88 % by five to eight.
const COMMON_SHARE_SURVEYED: f32 = 0.3;
const COMMON_SHARE: f32 = 0.45;
/// After so long a silence the walk begins anew: section 6. It bounds the steps as well.
const SILENCE_MS: u64 = 60_000;
/// How likely every place is beside the likeliest, whatever the posterior says: it may be wrong
/// altogether. Measured: 1e-2 to 1e-5 differ by 3 %.
const LIKELIHOOD_LEAST: f32 = 1e-3;
/// So many estimates in a row that speak against every cell of the belief begin the walk anew (ours):
/// the element took a way that the maps do not know.
const DOUBTS_MAX: u8 = 5;
/// Cells that are less likely beside the likeliest are forgotten, and all but so many (ours).
const KEPT_SHARE: f32 = 1e-5;
const KEPT_MAX: usize = 2_048;

/// Where an element may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// When the last step was taken.
    at: Time,
    /// Cells of the floor.
    cells: usize,
    /// Those that count, by rows, and how likely they are.
    belief: Vec<(u32, f32)>,
    /// Estimates in a row that spoke against all of it.
    doubts: u8,
    position: Position,
}

/// Working memory, reused: one value for each cell, by rows.
#[derive(Debug, Default)]
pub(crate) struct Ground {
    belief: Vec<f32>,
    spread: Vec<f32>,
}

impl Locator {
    /// Takes the last estimate into a walk, which begins with the first one, on another floor and after
    /// a silence; says where the element is. One that comes before the next step, or from the past,
    /// changes nothing: it says what the last one said.
    pub fn follow(
        &self,
        scratch: &mut Scratch,
        walk: &mut Option<Box<Walk>>,
        estimate: &Estimate,
    ) -> Position {
        let position = estimate.position;
        let Some((floor, posterior, ground)) = self.answered(scratch) else { return position };
        let cells = floor.grid.columns() * floor.grid.rows();
        let going = walk.take().filter(|walk| {
            // Maps that were changed have other cells.
            walk.position.floor == position.floor
                && walk.cells == cells
                && position.at.since_ms(walk.at) <= SILENCE_MS
        });
        let (at, doubts) = match going {
            None => {
                ground.begin(cells);
                (position.at, 0)
            }
            Some(going) => {
                let steps = position.at.since_ms(going.at) / STEP_MS;
                if steps == 0 {
                    return walk.insert(going).position;
                }
                ground.take(&going);
                for _ in 0..steps {
                    ground.step(&floor.grid);
                }
                (going.at.plus_ms(steps * STEP_MS), going.doubts)
            }
        };
        let mut doubts = match ground.weigh(&floor.grid, posterior) {
            // It has been barred since.
            0.0 => DOUBTS_MAX,
            expected if expected < 2.0 * LIKELIHOOD_LEAST => doubts + 1,
            _ => 0,
        };
        if doubts >= DOUBTS_MAX {
            ground.begin(cells);
            ground.weigh(&floor.grid, posterior);
            doubts = 0;
        }
        let (middle, spread) = ground.middle(&floor.grid);
        let half_cell = floor.grid.cell_side() / 2.0;
        // The estimate's share that does not average out.
        let is_surveyed = floor.method.uses_survey();
        let share = if is_surveyed { COMMON_SHARE_SURVEYED } else { COMMON_SHARE };
        let common = share * position.confidence.0;
        let radius = (SPREADS_HELD * spread + half_cell).hypot(common);
        let position =
            Position { point: floor.snap(middle), confidence: Metres(radius), ..position };
        walk.insert(Box::new(Walk { at, cells, belief: ground.kept(), doubts, position })).position
    }
}

impl Ground {
    /// The element may be anywhere.
    fn begin(&mut self, cells: usize) {
        for values in [&mut self.belief, &mut self.spread] {
            values.clear();
            values.resize(cells, 1.0);
        }
    }

    fn take(&mut self, walk: &Walk) {
        for values in [&mut self.belief, &mut self.spread] {
            values.clear();
            values.resize(walk.cells, 0.0);
        }
        for (cell, likely) in &walk.belief {
            self.belief[*cell as usize] = *likely;
        }
    }

    /// Spreads the belief by half a second of walking: a quarter of each cell goes to either neighbour
    /// along each axis. What would go where nobody can be is lost, as are ways through there.
    fn step(&mut self, grid: &Grid) {
        let Self { belief, spread } = self;
        let columns = grid.columns();
        for (row, spread) in belief.chunks_exact(columns).zip(spread.chunks_exact_mut(columns)) {
            let last = columns - 1;
            spread[0] = 0.5 * row[0];
            spread[last] = 0.5 * row[last];
            if last > 0 {
                spread[0] += 0.25 * row[1];
                spread[last] += 0.25 * row[last - 1];
            }
            for column in 1..last {
                spread[column] = 0.5 * row[column] + 0.25 * (row[column - 1] + row[column + 1]);
            }
        }
        for row in 0..grid.rows() {
            let own = row * columns..(row + 1) * columns;
            let open = &grid.open_by_rows()[own.clone()];
            let above = row.checked_sub(1).map(|row| &spread[row * columns..(row + 1) * columns]);
            let below = spread.get((row + 1) * columns..(row + 2) * columns);
            for (column, belief) in belief[own.clone()].iter_mut().enumerate() {
                let beside =
                    above.map_or(0.0, |it| it[column]) + below.map_or(0.0, |it| it[column]);
                *belief = open[column] * (0.5 * spread[own.start + column] + 0.25 * beside);
            }
        }
    }

    /// Weighs each cell with how likely it is now; the mean of that over what was believed, nothing when
    /// nobody can be there. The belief adds up to one then.
    fn weigh(&mut self, grid: &Grid, posterior: &Posterior) -> f32 {
        let Self { belief, spread: likelihood } = self;
        likelihood.fill(LIKELIHOOD_LEAST);
        posterior.likelihoods(|cells, likely| {
            for cell in cells.filter_map(|cell| grid.by_rows(cell)) {
                likelihood[cell] += likely;
            }
        });
        let (mut before, mut sum) = (0.0, 0.0);
        let cells = belief.iter_mut().zip(&*likelihood).zip(grid.open_by_rows());
        for ((belief, likely), open) in cells {
            *belief *= open;
            before += *belief;
            *belief *= likely;
            sum += *belief;
        }
        let scale = 1.0 / sum.max(f32::MIN_POSITIVE);
        for belief in &mut *belief {
            *belief *= scale;
        }
        sum / before.max(f32::MIN_POSITIVE)
    }

    /// The centre of the belief, and the root of the mean squared distance from it.
    fn middle(&self, grid: &Grid) -> (Point, f32) {
        let (mut x, mut y, mut squares) = (0.0, 0.0, 0.0);
        for (row, belief) in self.belief.chunks_exact(grid.columns()).enumerate() {
            for (column, likely) in belief.iter().enumerate().filter(|(_, likely)| **likely > 0.0) {
                let middle = grid.middle_by_rows(column, row);
                x += likely * middle.x;
                y += likely * middle.y;
                squares += likely * (middle.x * middle.x + middle.y * middle.y);
            }
        }
        (Point::new(x, y), (squares - x * x - y * y).max(0.0).sqrt())
    }

    /// The cells that count.
    fn kept(&self) -> Vec<(u32, f32)> {
        let most = self.belief.iter().copied().fold(0.0, f32::max);
        let least = most * KEPT_SHARE;
        let counts = |(cell, likely): (u32, &f32)| (*likely > least).then_some((cell, *likely));
        let mut kept: Vec<_> = (0..).zip(&self.belief).filter_map(counts).collect();
        if kept.len() > KEPT_MAX {
            let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
            kept.select_nth_unstable_by(KEPT_MAX, order);
            kept.truncate(KEPT_MAX);
        }
        kept.shrink_to_fit();
        kept
    }
}

#[cfg(test)]
mod tests {
    use model::geometry::Polygon;
    use model::map::{Maps, Region, RegionKind};
    use model::survey::Survey;
    use model::{Band, Dbm, Mac, Reading};

    use super::*;
    use crate::{Power, Settings, testing};

    /// A corridor of 40 m with an access point every 8 m; what is barred is from 18 to 22 m.
    struct Corridor {
        locator: Locator,
        aps: Vec<(Mac, Point)>,
        scratch: Scratch,
        walk: Option<Box<Walk>>,
        now: Time,
    }

    impl Corridor {
        fn new(is_barred: bool) -> Self {
            let ap = |it: u16| {
                (u64::from(it), f32::from(it) * 8.0, if it.is_multiple_of(2) { 0.5 } else { 3.5 })
            };
            let aps: Vec<_> = (0..6).map(ap).collect();
            let mut floor = testing::floor("corridor", 0, 40.0, 4.0, &aps);
            if is_barred {
                floor.regions.push(Region {
                    kind: RegionKind::Exclusion,
                    outline: Polygon::rectangle(18.0, 0.0, 22.0, 4.0),
                });
            }
            let aps = floor.access_points.iter().map(|ap| (ap.mac, ap.at)).collect();
            let maps: Maps = testing::maps(vec![floor]);
            let locator = Locator::new(&maps, &Survey::default(), Settings::default());
            Self { locator, aps, scratch: Scratch::default(), walk: None, now: Time(1_000_000) }
        }

        /// Where it is said to be, heard as at `x` after so long.
        fn heard(&mut self, x: f32, after_ms: u64) -> Position {
            self.now = self.now.plus_ms(after_ms);
            let readings = self.aps.iter().map(|(ap, at)| {
                let decades = at.distance(Point::new(x, 2.0)).hypot(1.4).max(1.0).log10();
                let (ap, band, rssi) = (*ap, Band::Ghz5, Dbm(-32.0 - 37.0 * decades));
                Reading { ap, band, rssi, at: self.now }
            });
            let estimate =
                self.locator.estimate(&mut self.scratch, readings, Power::Known, None).unwrap();
            self.locator.follow(&mut self.scratch, &mut self.walk, &estimate)
        }
    }

    #[test]
    fn an_element_is_followed_at_walking_pace() {
        let mut corridor = Corridor::new(false);
        for step in 0..20_u16 {
            let x = 6.0 + f32::from(step);
            let position = corridor.heard(x, 1_000);
            if step > 3 {
                let off = position.point.distance(Point::new(x, 2.0));
                assert!(off < 2.5, "{off} m off at {x} m");
                assert!(off < position.confidence.0, "{off} m beyond {:?}", position.confidence);
            }
        }
    }

    #[test]
    fn nobody_jumps_and_nobody_walks_through_a_shaft() {
        let at = |is_barred, seconds| {
            let mut corridor = Corridor::new(is_barred);
            for _ in 0..10 {
                corridor.heard(8.0, 1_000);
            }
            // One wild estimate, then more of them.
            let position = (0..seconds).map(|_| corridor.heard(30.0, 1_000)).last();
            position.unwrap().point.x
        };
        assert!(at(false, 1) < 16.0, "one moment moved it to {}", at(false, 1));
        assert!(at(false, 20) > 24.0, "it stayed at {} against all that was heard", at(false, 20));
        assert!(at(true, 4) < 18.5, "it went through the shaft to {}", at(true, 4));
        assert!(at(true, 20) > 24.0, "it was never let out: {}", at(true, 20));
    }

    #[test]
    fn it_begins_anew_after_a_silence() {
        let mut corridor = Corridor::new(true);
        for _ in 0..10 {
            corridor.heard(8.0, 1_000);
        }
        let position = corridor.heard(32.0, SILENCE_MS + 1_000);
        assert!(position.point.x > 24.0, "{}", position.point.x);
    }

    #[test]
    fn what_comes_too_soon_or_too_late_changes_nothing() {
        let mut corridor = Corridor::new(false);
        corridor.heard(8.0, 1_000);
        let last = corridor.heard(8.0, 1_000);
        assert_eq!(corridor.heard(30.0, STEP_MS / 2), last, "no step has passed");
        corridor.now = Time(900_000);
        assert_eq!(corridor.heard(30.0, 0), last, "it is from the past");
    }
}
