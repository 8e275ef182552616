//! One floor as the estimator sees it: a grid of places, a layer of predicted strengths per access
//! point and band, and what a survey has taught about them.
//!
//! A layer is computed when the first reading needs it and kept. What nobody hears costs nothing, and
//! the bands that an access point declares need not be complete.

use std::ops::Range;
use std::sync::OnceLock;

use model::geometry::{Point, Segment};
use model::map::{Antenna, Floor, FloorRef, MapId, RegionKind};
use model::{Band, Metres};

use crate::Settings;
use crate::calibration::field::Field;
use crate::calibration::law;
use crate::calibration::places::{Place, spacing};
use crate::calibration::quality::{Approach, Method};
use crate::grid::{Grid, Layer, NOWHERE, TILE_CELLS};
use crate::posterior::{HintScale, Surface};
use crate::propagation::{HEARING_LIMIT_DBM, Path, Propagation, Source};

/// Access points this many storeys away still get a layer (ours). Further ones are expected at the
/// limit of hearing everywhere, which two storeys of concrete come close to anyway.
pub(crate) const STOREYS_HEARD: i16 = 2;

/// Elements are where people survey: a place counts less the further it is from every survey point,
/// by half at this many spacings. Measured: 1 to 1.5 spacings are equally good on five recordings.
const SURVEYED_SPACINGS: f32 = 1.25;
/// The same is never less than this many metres: the size of a cell.
const SURVEYED_LEAST_M: f32 = 0.7;
/// Where a survey did not hear an access point it is at most at the limit of hearing; so much of that
/// counts, because devices pass over access points that they would hear. Measured on five recordings: up
/// to a half are within 1 %, queries prefer a quarter and held-out survey points nothing.
const SILENCE_COUNTS: f32 = 0.125;
/// What either distance can take at most, as `-2 ln` of the probability (ours): people
/// do go where nobody surveyed.
const FAR_MOST: f32 = 12.0;

/// Without a survey or an inclusion region, elements are among the access points that were put there
/// for them: a place counts less the further it is outside their rectangle, by half at this many
/// metres. Measured: 5 to 10 are equally good on five recordings.
const AROUND_ACCESS_POINTS_M: f32 = 7.0;

/// Fingerprints speak for places as far around them as the survey is dense, at least this far.
const HINT_LEAST_M: f32 = 1.0;
/// The power of the density of fingerprints beside a map: both come from the same readings, so the one adds
/// half of what it says to the other. Measured: 0.4 to 0.7 are equally good.
const HINT_POWER: f32 = 0.5;
/// Their density far from all of them, in units of one (ours): beside layers, because fingerprints
/// are wrong altogether now and then; alone, so little that a whole campus of it does not count.
const HINT_DENSITY_LEAST: f32 = 1e-4;
const LONE_HINT_DENSITY_LEAST: f32 = 1e-9;

/// An access point with a known place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receiver {
    /// Index of its floor.
    pub(crate) floor: usize,
    /// Storey of its floor.
    pub(crate) level: i16,
    /// Place on its floor.
    pub(crate) at: Point,
    /// Height over the lowest floor of the building.
    pub(crate) elevation: Metres,
    /// Receivers at one place have this in common: the number of the first of them.
    pub(crate) place: usize,
    /// The antennas of its bands that are directional.
    pub(crate) antennas: [Option<Antenna>; Band::ALL.len()],
}

/// One floor with its layers.
#[derive(Debug)]
pub(crate) struct FloorModel {
    /// The id of the floor.
    pub(crate) id: MapId,
    /// Its places.
    pub(crate) grid: Grid,
    /// What is known of them before anything is heard.
    pub(crate) surface: Surface,
    /// How an element on it is located.
    pub(crate) method: Method,
    /// The radius that held 95 % of the survey points, in spreads of their posterior.
    pub(crate) radius_spreads: Option<f32>,
    /// How fingerprints count.
    hint_scale: HintScale,
    /// The zones of each cell, one bit each.
    pub(crate) zones: Box<[[u64; TILE_CELLS]]>,
    survey: Option<Survey>,
    index: usize,
    floor: Floor,
    elevation: Metres,
    /// Receivers of this building that are near enough for a layer, and the layers of each.
    near: Range<usize>,
    layers: Vec<[OnceLock<Layer>; Band::ALL.len()]>,
}

/// What was heard on a floor, and how it differs from the law.
#[derive(Debug)]
struct Survey {
    places: Vec<Place>,
    field: Field,
}

impl FloorModel {
    /// `elevation` is the height over the lowest floor of the building, `near` are the receivers of
    /// the same building within [`STOREYS_HEARD`], `places` those of the survey of this floor.
    pub(crate) fn new(
        index: usize,
        place: FloorRef<'_>,
        elevation: Metres,
        near: Range<usize>,
        (Approach { method, reach }, places): (Approach, Vec<Place>),
        settings: &Settings,
    ) -> Self {
        let grid = Grid::new(place.floor);
        let points: Vec<Point> = places.iter().map(|place| place.at).collect();
        let spacing = spacing(&points);
        let has_field = method.uses_radio_map() && !places.is_empty();
        let field = |places| Field::new(&grid, places, reach);
        let survey = has_field.then(|| Survey { field: field(points.clone()), places });
        let surveyed = if has_field { points.as_slice() } else { &[] };
        let expected = Expected::of(place.floor, surveyed, spacing);
        let surface = surface(&grid, &expected, survey.as_ref(), settings);
        Self {
            id: place.id(),
            surface,
            method,
            radius_spreads: None,
            hint_scale: HintScale {
                reach: spacing.unwrap_or_default().max(HINT_LEAST_M),
                power: HINT_POWER,
                least: HINT_DENSITY_LEAST,
            },
            zones: zones(&grid, place.floor),
            survey,
            index,
            floor: place.floor.clone(),
            elevation,
            layers: near.clone().map(|_| Default::default()).collect(),
            near,
            grid,
        }
    }

    /// The layer of receiver number `number`; none when it is in another building, another wing or
    /// too many storeys away.
    pub(crate) fn layer(
        &self,
        number: usize,
        receiver: &Receiver,
        band: Band,
        settings: &Settings,
    ) -> Option<&Layer> {
        let storeys = receiver.level.abs_diff(self.floor.level);
        // Two floors on one level are wings, whose coordinates have nothing to do with each other.
        if !self.near.contains(&number) || (storeys == 0 && receiver.floor != self.index) {
            return None;
        }
        let layers = self.layers.get(number - self.near.start)?;
        let layer = layers.get(band as usize)?.get_or_init(|| {
            let source = Source {
                at: receiver.at,
                above: receiver.elevation - self.elevation - settings.element_height,
                storeys,
                antenna: receiver.antennas[band as usize],
            };
            let propagation = Propagation::new(source, band, &self.floor.walls, settings);
            match &self.survey {
                Some(survey) => survey.layer(&self.grid, propagation, (number, band)),
                None => self.grid.layer(|place| propagation.rssi(place)),
            }
        });
        Some(layer)
    }

    /// Memory of the layers that were made and of what is known of the places.
    pub(crate) fn bytes(&self) -> usize {
        let layers = self.layers.iter().flatten().filter_map(OnceLock::get);
        let layers: usize =
            layers.map(|layer| size_of_val(&*layer.coarse) + size_of_val(&*layer.fine)).sum();
        let Surface { prior, fine_prior, precision, log_variance } = &self.surface;
        let tiles = [prior, precision, log_variance].map(|tiles| size_of_val(&**tiles));
        layers
            + tiles.iter().sum::<usize>()
            + size_of_val(&**fine_prior)
            + size_of_val(&*self.zones)
    }

    /// `point` itself when an element can be there, else the nearest place: of the rails, if there
    /// are any, or of the grid.
    pub(crate) fn snap(&self, point: Point) -> Point {
        let on_rails = self.floor.rails.iter().filter_map(|rail| self.on_rail(rail, point));
        match nearest_of(on_rails, point) {
            Some(place) => place,
            None if self.floor.includes(point) => point,
            None => self.grid.nearest(point),
        }
    }

    /// The nearest place of a rail where an element can be; beside an exclusion to half a cell.
    fn on_rail(&self, rail: &Segment, point: Point) -> Option<Point> {
        let nearest = rail.nearest(point);
        if self.floor.includes(nearest) {
            return Some(nearest);
        }
        let (Segment { from, to }, length) = (*rail, rail.from.distance(rail.to));
        let steps = (length / (self.grid.cell_side() / 2.0)).ceil().max(1.0);
        let places = (0..=steps as u32).map(|step| {
            let along = step as f32 / steps;
            Point::new(from.x + along * (to.x - from.x), from.y + along * (to.y - from.y))
        });
        nearest_of(places.filter(|place| self.floor.includes(*place)), point)
    }

    /// How fingerprints count; without layers they alone are the posterior.
    pub(crate) fn hint_scale(&self) -> HintScale {
        if self.method.uses_layers() {
            return self.hint_scale;
        }
        HintScale { power: 1.0, least: LONE_HINT_DENSITY_LEAST, ..self.hint_scale }
    }

    /// Names of the zones, in the order of their bits.
    pub(crate) fn zone_names(&self) -> impl Iterator<Item = &str> {
        self.floor.zones.iter().map(|zone| zone.name.as_str())
    }
}

impl Survey {
    /// The law that fits what this access point heard, and how the survey differs from it.
    fn layer(&self, grid: &Grid, believed: Propagation<'_>, key: (usize, Band)) -> Layer {
        let heard: Vec<(Path, f32)> = self
            .places
            .iter()
            .filter_map(|place| Some((believed.path(place.at), *place.heard.get(&key)?)))
            .collect();
        let law = law::fit(believed.law(), &heard);
        let propagation = believed.calibrated(law);
        let residual = |place: &Place| {
            let predicted = propagation.rssi(place.at);
            let unheard = SILENCE_COUNTS * (HEARING_LIMIT_DBM - predicted).min(0.0);
            place.heard.get(&key).map_or(unheard, |rssi| rssi - predicted)
        };
        let residuals: Vec<f32> = self.places.iter().map(residual).collect();
        let explained = self.field.explain(&residuals);
        let rssi = |place| propagation.rssi(place) + explained.at(grid.locate(place).0, place);
        let precision = explained.precision(|place| self.places[place].heard.contains_key(&key));
        Layer { precision, ..grid.layer(rssi) }
    }
}

/// The one of some places that is nearest to `point`.
fn nearest_of(places: impl Iterator<Item = Point>, point: Point) -> Option<Point> {
    places.min_by(|a, b| a.distance(point).total_cmp(&b.distance(point)))
}

/// Where elements are expected before anything is heard.
enum Expected<'a> {
    /// Anywhere on the floor.
    Everywhere,
    /// Near to where people surveyed, on this scale in metres.
    Surveyed(&'a [Point], f32),
    /// In the rectangle of the access points and around it.
    Among { from: Point, to: Point },
}

impl<'a> Expected<'a> {
    fn of(floor: &Floor, surveyed: &'a [Point], spacing: Option<f32>) -> Self {
        if !surveyed.is_empty() {
            let scale = spacing.unwrap_or_default() * SURVEYED_SPACINGS;
            return Self::Surveyed(surveyed, scale.max(SURVEYED_LEAST_M));
        }
        let mut aps = floor.access_points.iter().map(|ap| ap.at);
        let is_drawn = floor.regions.iter().any(|region| region.kind == RegionKind::Inclusion);
        match aps.next().filter(|_| !is_drawn) {
            None => Self::Everywhere,
            Some(first) => {
                let (from, to) = aps.fold((first, first), |(from, to), at| {
                    let from = Point::new(from.x.min(at.x), from.y.min(at.y));
                    (from, Point::new(to.x.max(at.x), to.y.max(at.y)))
                });
                Self::Among { from, to }
            }
        }
    }

    /// `-2 ln` of the probability of a place.
    fn prior(&self, place: Point) -> f32 {
        let scales = match self {
            Self::Everywhere => 0.0,
            Self::Surveyed(places, scale) => {
                let distances = places.iter().map(|other| other.distance(place));
                distances.fold(f32::INFINITY, f32::min) / scale
            }
            Self::Among { from, to } => {
                let beside = |from: f32, at: f32, to: f32| (from - at).max(at - to).max(0.0);
                let (dx, dy) = (beside(from.x, place.x, to.x), beside(from.y, place.y, to.y));
                dx.hypot(dy) / AROUND_ACCESS_POINTS_M
            }
        };
        (scales * scales).min(FAR_MOST)
    }
}

/// What is known of the places of a floor: barred ones, where elements are expected, and how well
/// readings are predicted.
fn surface(
    grid: &Grid,
    expected: &Expected<'_>,
    survey: Option<&Survey>,
    settings: &Settings,
) -> Surface {
    let mut fine_prior = vec![[NOWHERE; TILE_CELLS]; grid.tiles()];
    for (tile, priors) in fine_prior.iter_mut().enumerate() {
        for (cell, middle) in grid.cells(tile).filter(|(cell, _)| grid.is_open(tile, *cell)) {
            priors[cell] = expected.prior(middle);
        }
    }
    let prior = grid.tiles_of(NOWHERE, |tile| {
        let open = fine_prior[tile].iter().filter(|prior| **prior < NOWHERE);
        let (sum, count) =
            open.fold((0.0, 0.0), |(sum, count), prior| (sum + (-0.5 * prior).exp(), count + 1.0));
        if count > 0.0 { -2.0 * f32::ln(sum / count) } else { NOWHERE }
    });
    let usual = settings.shadowing_db.powi(2);
    let precision = grid.tiles_of(1.0 / usual, |tile| {
        1.0 / survey.map_or(usual, |survey| survey.field.variance(grid, tile))
    });
    let log_variance = grid.tiles_of(0.0, |tile| -(precision.as_flattened()[tile] * usual).ln());
    Surface { prior, fine_prior: fine_prior.into_boxed_slice(), precision, log_variance }
}

/// The zones of each cell. A floor with more than 64 zones tells the first 64 by probability.
fn zones(grid: &Grid, floor: &Floor) -> Box<[[u64; TILE_CELLS]]> {
    let mut zones = vec![[0; TILE_CELLS]; grid.tiles()];
    for (bit, zone) in floor.zones.iter().take(64).enumerate() {
        for (tile, cells) in zones.iter_mut().enumerate() {
            for (cell, middle) in grid.cells(tile) {
                cells[cell] |= u64::from(zone.outline.contains(middle)) << bit;
            }
        }
    }
    zones.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::calibration::field::Reach;

    /// Along a hall an access point in the middle is heard on its left as the law says, and on its right
    /// not at all: a metal shutter that nobody drew.
    #[test]
    fn where_a_survey_did_not_hear_an_access_point_it_is_expected_weaker() {
        let hall = crate::testing::floor("hall", 0, 80.0, 6.0, &[]);
        let grid = Grid::new(&hall);
        let settings = Settings::default();
        let source =
            Source { at: Point::new(40.0, 3.0), above: Metres(1.4), storeys: 0, antenna: None };
        let propagation = || Propagation::new(source, Band::Ghz5, &[], &settings);
        let key = (0, Band::Ghz5);
        let survey = |spoken: fn(f32) -> bool| {
            let points = (0..20).map(|step| Point::new(2.0 + 4.0 * step as f32, 3.0));
            let place = |at: Point| Place {
                at,
                heard: BTreeMap::from_iter(spoken(at.x).then(|| (key, propagation().rssi(at)))),
            };
            let places: Vec<Place> = points.map(place).collect();
            let points = places.iter().map(|place| place.at).collect();
            let field = Field::new(&grid, points, Reach::Usual);
            Survey { places, field }.layer(&grid, propagation(), key)
        };
        let at = |layer: &Layer, x: f32| {
            let (tile, cell) = grid.locate(Point::new(x, 3.0));
            i32::from(layer.fine[tile][cell])
        };
        let (everywhere, left) = (survey(|_| true), survey(|x| x < 40.0));
        assert!((at(&left, 30.0) - at(&everywhere, 30.0)).abs() <= 1, "the left stays");
        let lost = at(&everywhere, 50.0) - at(&left, 50.0);
        assert!((1..=8).contains(&lost), "{lost} dB: some of what is missing, not all");
    }
}
