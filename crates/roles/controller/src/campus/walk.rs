//! People: they walk to a place, rest there, and walk on.
//!
//! A walker is a list of legs in time, planned only as far ahead as it is asked about, so its place
//! at any remembered moment is exact and does not depend on how often it was asked.

use std::collections::VecDeque;

use model::Time;
use model::geometry::Point;
use rand::RngExt;
use rand_pcg::Pcg32;

use super::world::World;

/// How long the past of a walker is remembered, for scoring. Ours.
const REMEMBERED_MS: u64 = 10 * 60_000;
/// Beyond this a gap in time (a suspended machine) is rested through rather than walked through: it
/// bounds the work of one call. Ours.
const GAP_MAX_MS: u64 = 10 * 60_000;
/// Share of the ways that lead to a named zone rather than just anywhere. Ours.
const TO_ZONE: f64 = 0.8;
/// How long stairs or a lift take for one floor. Ours.
const FLOOR_RIDE_MS: u64 = 15_000;

/// How someone walks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Metres a second, above zero.
    pub(super) speed: f32,
    /// Shortest and longest rest.
    pub(super) pause_ms: (u64, u64),
    /// Share of the ways that lead to another floor.
    pub(super) changes_floor: f32,
}

/// Someone who walks.
#[derive(Debug, Clone)]
pub(super) struct Walker {
    rng: Pcg32,
    manner: Manner,
    legs: VecDeque<Leg>,
    /// The end of the last leg.
    here: Spot,
    now: Time,
}

/// A cell of a floor.
#[derive(Debug, Clone, Copy)]
struct Spot {
    storey: usize,
    cell: usize,
}

/// A straight way, or a rest, on one floor.
#[derive(Debug, Clone, Copy)]
struct Leg {
    storey: usize,
    from: Point,
    to: Point,
    begins: Time,
    ends: Time,
}

impl Walker {
    /// Someone who is anywhere on `storey` at `begins`. The storey has cells to walk on.
    pub(super) fn new(
        world: &World,
        storey: usize,
        manner: Manner,
        mut rng: Pcg32,
        begins: Time,
    ) -> Self {
        let cell = destination(world, storey, &mut rng);
        let mut walker =
            Self { rng, manner, legs: VecDeque::new(), here: Spot { storey, cell }, now: begins };
        // The first rest has any length, so that not everyone sets off at once.
        let rest_ms = walker.rng.random_range(0..=manner.pause_ms.1);
        walker.rest(world, rest_ms);
        walker
    }

    /// Plans as far as `until` and forgets what is long past.
    pub(super) fn advance(&mut self, world: &World, until: Time) {
        let gap_ms = until.since_ms(self.now);
        if gap_ms > GAP_MAX_MS {
            self.rest(world, gap_ms);
        }
        while self.now <= until {
            self.plan(world);
        }
        let is_past = |leg: &Leg| until.since_ms(leg.ends) > REMEMBERED_MS;
        while self.legs.front().is_some_and(is_past) {
            self.legs.pop_front();
        }
    }

    /// The floor and place at `at`; none when that is forgotten or not planned.
    pub(super) fn place(&self, at: Time) -> Option<(usize, Point)> {
        let leg = self.legs.get(self.legs.partition_point(|leg| leg.ends <= at))?;
        if at < leg.begins {
            return None;
        }
        let whole_ms = leg.ends.since_ms(leg.begins).max(1);
        let share = at.since_ms(leg.begins) as f32 / whole_ms as f32;
        let x = leg.from.x + share * (leg.to.x - leg.from.x);
        let y = leg.from.y + share * (leg.to.y - leg.from.y);
        Some((leg.storey, Point::new(x, y)))
    }

    /// One more way, with the rest at its end.
    fn plan(&mut self, world: &World) {
        let storeys = &world.houses[world.storeys[self.here.storey].building].storeys;
        let lifts = &world.storeys[self.here.storey].lifts;
        let can_ride = storeys.len() > 1 && !lifts.is_empty();
        if can_ride && self.rng.random_bool(f64::from(self.manner.changes_floor)) {
            let lift = self.rng.random_range(0..lifts.len() as u32) as usize;
            self.walk(world, lifts[lift]);
            let floor = storeys[self.rng.random_range(0..storeys.len() as u32) as usize];
            let level = |storey: usize| world.storeys[storey].level;
            let floors = level(floor).abs_diff(level(self.here.storey));
            self.rest(world, u64::from(floors) * FLOOR_RIDE_MS);
            self.here = Spot { storey: floor, cell: world.storeys[floor].lifts[lift] };
        }
        let to = destination(world, self.here.storey, &mut self.rng);
        self.walk(world, to);
        let (shortest_ms, longest_ms) = self.manner.pause_ms;
        let rest_ms = self.rng.random_range(shortest_ms..=longest_ms);
        self.rest(world, rest_ms);
    }

    fn walk(&mut self, world: &World, to: usize) {
        let way = world.storeys[self.here.storey].grid.way(self.here.cell, to);
        for (from, to) in way.iter().zip(way.iter().skip(1)) {
            let ms = from.distance(*to) / self.manner.speed * 1_000.0;
            self.leg(*from, *to, ms as u64);
        }
        self.here.cell = to;
    }

    fn rest(&mut self, world: &World, ms: u64) {
        let middle = world.storeys[self.here.storey].grid.middle(self.here.cell);
        // Even nobody stands still for no time at all: without this a leg could be empty and
        // planning never come to an end.
        self.leg(middle, middle, ms.max(1));
    }

    fn leg(&mut self, from: Point, to: Point, ms: u64) {
        let ends = self.now.plus_ms(ms);
        self.legs.push_back(Leg { storey: self.here.storey, from, to, begins: self.now, ends });
        self.now = ends;
    }
}

/// A cell of `storey` to go to.
fn destination(world: &World, storey: usize, rng: &mut Pcg32) -> usize {
    let storey = &world.storeys[storey];
    let cells = if !storey.spots.is_empty() && rng.random_bool(TO_ZONE) {
        &storey.spots[rng.random_range(0..storey.spots.len() as u32) as usize]
    } else {
        &storey.cells
    };
    cells[rng.random_range(0..cells.len() as u32) as usize]
}
