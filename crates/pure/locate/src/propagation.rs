//! How strongly an access point hears an element at a place.
//!
//! Log-distance path loss in three dimensions, plus drawn walls, plus storeys. The transmit power
//! of the access point plays no part: it is the element that transmits. What its power is not
//! known to be is the business of the estimator's offset.

use model::geometry::{Point, Segment};
use model::map::{Antenna, Wall};
use model::{Band, Metres};

use crate::Settings;

/// Where an access point is, seen from the floor that a map is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Source {
    /// Place in the coordinates of the floor.
    pub(crate) at: Point,
    /// Height over the elements of the floor; negative below them.
    pub(crate) above: Metres,
    /// Storeys between the two.
    pub(crate) storeys: u16,
    /// The antenna, when it is a directional one.
    pub(crate) antenna: Option<Antenna>,
}

/// The limit of hearing: section 6 ranks floors by how far readings rise above it.
pub(crate) const HEARING_LIMIT_DBM: f32 = -95.0;
/// What the power at 1 m holds already: the gain of the usual antenna under a ceiling.
const USUAL_GAIN_DBI: f32 = 3.0;
/// The least that a directional antenna hears behind it, below its best: 3GPP TR 36.814, table A.2.1.1-2.
const FRONT_TO_BACK_DB: f32 = 25.0;

/// Received power at 1 m in dBm. Section 6 of `reference/location.md` has -32, -35 and -47; ADR 14 says why
/// these are others.
fn power_at_1_m(band: Band) -> f32 {
    match band {
        Band::Ghz2_4 => -30.0,
        Band::Ghz5 | Band::Ghz6 => -32.0,
        Band::Ble => -49.0,
    }
}

/// Predictions for one access point and band on one floor.
pub(crate) struct Propagation<'a> {
    source: Source,
    shadows: Vec<Shadow>,
    power_at_1_m: f32,
    exponent: f32,
    settings: &'a Settings,
}

impl<'a> Propagation<'a> {
    /// `walls` are those of the floor that the map is made for.
    pub(crate) fn new(source: Source, band: Band, walls: &[Wall], settings: &'a Settings) -> Self {
        // The walls of other storeys are not on the path that is drawn, so such a source keeps the
        // exponent that stands for the usual clutter.
        let walls = if source.storeys == 0 { walls } else { &[] };
        Self {
            source,
            shadows: walls.iter().map(|wall| Shadow::new(source.at, wall)).collect(),
            power_at_1_m: power_at_1_m(band),
            exponent: if walls.is_empty() {
                settings.exponent_open
            } else {
                settings.exponent_walled
            },
            settings,
        }
    }

    /// The same with another power at 1 m and another exponent, as a survey has shown them.
    pub(crate) fn calibrated(self, law: Law) -> Self {
        Self { power_at_1_m: law.power_at_1_m, exponent: law.exponent, ..self }
    }

    /// Power at 1 m and exponent that it works with.
    pub(crate) fn law(&self) -> Law {
        Law { power_at_1_m: self.power_at_1_m, exponent: self.exponent }
    }

    /// The strength in dBm with which an element at `place` is heard.
    pub(crate) fn rssi(&self, place: Point) -> f32 {
        let Path { decades, obstacles_db } = self.path(place);
        self.power_at_1_m - 10.0 * self.exponent * decades - obstacles_db
    }

    /// What is between the source and `place`.
    pub(crate) fn path(&self, place: Point) -> Path {
        // Below one metre the model has no meaning and the logarithm no bound.
        let distance = self.source.at.distance(place).hypot(self.source.above.0);
        let walls: f32 = self.shadows.iter().map(|shadow| shadow.loss(place)).sum();
        let storeys = self.settings.storey_loss_db * f32::from(self.source.storeys);
        Path {
            decades: distance.max(1.0).log10(),
            obstacles_db: walls.min(self.settings.wall_loss_max_db) + storeys
                - self.source.gain(place),
        }
    }
}

impl Source {
    /// How much better than the usual antenna its own hears an element at `place`: a parabola in the
    /// angle off its axis, as planners use it.
    fn gain(&self, place: Point) -> f32 {
        let Some(Antenna { azimuth, tilt, beamwidth, gain }) = self.antenna else { return 0.0 };
        let (azimuth, tilt) = (azimuth.to_radians(), tilt.to_radians());
        // On a plan y grows downwards.
        let axis = [azimuth.sin() * tilt.cos(), -azimuth.cos() * tilt.cos(), -tilt.sin()];
        let way = [place.x - self.at.x, place.y - self.at.y, -self.above.0];
        let length = way.iter().map(|part| part * part).sum::<f32>().sqrt();
        let along: f32 = axis.iter().zip(way).map(|(axis, way)| axis * way).sum();
        let off_axis = if length > 0.0 { (along / length).clamp(-1.0, 1.0).acos() } else { 0.0 };
        let share = off_axis.to_degrees() / beamwidth;
        gain - USUAL_GAIN_DBI - (12.0 * share * share).min(FRONT_TO_BACK_DB)
    }
}

/// How strength falls with distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Law {
    /// Received power at 1 m in dBm.
    pub(crate) power_at_1_m: f32,
    /// Path-loss exponent.
    pub(crate) exponent: f32,
}

/// What is between a source and a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// Decimal logarithm of the distance in metres.
    pub(crate) decades: f32,
    /// What walls and storeys take.
    pub(crate) obstacles_db: f32,
}

/// The places that a wall hides from a source: three half-planes, so that a map of many cells and
/// many walls costs three multiplications each instead of an intersection of segments.
struct Shadow {
    sides: [HalfPlane; 3],
    loss_db: f32,
}

impl Shadow {
    fn new(source: Point, wall: &Wall) -> Self {
        let Segment { from, to } = wall.line;
        // The two rays from the source through the ends, and the wall itself; each turned so that
        // the hidden side is positive.
        let behind = HalfPlane::through(from, to).without(source);
        let beside = HalfPlane::through(source, from).with(to);
        let other = HalfPlane::through(source, to).with(from);
        Self { sides: [behind, beside, other], loss_db: wall.loss_db }
    }

    fn loss(&self, place: Point) -> f32 {
        let hidden = self.sides.iter().all(|side| side.height(place) > 0.0);
        if hidden { self.loss_db } else { 0.0 }
    }
}

/// The points where `x * self.x + y * self.y + self.c > 0`.
#[derive(Clone, Copy)]
struct HalfPlane {
    x: f32,
    y: f32,
    c: f32,
}

impl HalfPlane {
    fn through(a: Point, b: Point) -> Self {
        let (x, y) = (a.y - b.y, b.x - a.x);
        Self { x, y, c: -(x * a.x + y * a.y) }
    }

    fn height(self, point: Point) -> f32 {
        self.x * point.x + self.y * point.y + self.c
    }

    /// The side that holds `point`; nothing when the point is on the line.
    fn with(self, point: Point) -> Self {
        let sign = match self.height(point) {
            height if height > 0.0 => 1.0,
            height if height < 0.0 => -1.0,
            _ => 0.0,
        };
        Self { x: self.x * sign, y: self.y * sign, c: self.c * sign }
    }

    /// The side that does not hold `point`.
    fn without(self, point: Point) -> Self {
        let with = self.with(point);
        Self { x: -with.x, y: -with.y, c: -with.c }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OVERHEAD: Source =
        Source { at: Point::new(10.0, 10.0), above: Metres(1.0), storeys: 0, antenna: None };

    fn wall(from: (f32, f32), to: (f32, f32), loss_db: f32) -> Wall {
        Wall {
            line: Segment { from: Point::new(from.0, from.1), to: Point::new(to.0, to.1) },
            loss_db,
        }
    }

    /// The strength of a 2.4 GHz element at (`x`, 10), as seen from (10, 10) one metre above.
    fn check(source: Source, walls: &[Wall], x: f32, expected: f32) {
        let settings = Settings::default();
        let propagation = Propagation::new(source, Band::Ghz2_4, walls, &settings);
        let rssi = propagation.rssi(Point::new(x, 10.0));
        assert!((rssi - expected).abs() < 0.1, "{rssi} dBm at {x} m, expected {expected}");
    }

    #[test]
    fn strength_falls_with_the_distance_in_space() {
        check(OVERHEAD, &[], 10.0, -30.0);
        // hypot(3, 1) = 3.16 m.
        check(OVERHEAD, &[], 13.0, -48.5);
        check(OVERHEAD, &[], 20.0, -67.1);
        let inside = Source { above: Metres(0.0), ..OVERHEAD };
        check(inside, &[], 10.1, -30.0);
    }

    #[test]
    fn an_antenna_hears_best_where_it_points() {
        let east = Antenna { azimuth: 90.0, tilt: 0.0, beamwidth: 60.0, gain: 9.0 };
        let level = Source { above: Metres(0.0), antenna: Some(east), ..OVERHEAD };
        // 30 + 37 dB at ten metres.
        check(level, &[], 20.0, -67.0 + 6.0);
        check(level, &[], 0.0, -67.0 + 6.0 - 25.0);
        let north_east = Antenna { azimuth: 60.0, ..east };
        check(Source { antenna: Some(north_east), ..level }, &[], 20.0, -67.0 + 3.0);
        let down = Antenna { tilt: 90.0, ..east };
        let high = Source { above: Metres(10.0), antenna: Some(down), ..OVERHEAD };
        check(high, &[], 10.0, -67.0 + 6.0);
    }

    #[test]
    fn a_wall_counts_for_what_is_behind_it() {
        let walls = [wall((14.0, 8.0), (14.0, 12.0), 13.0)];
        check(OVERHEAD, &walls, 13.0, -40.5);
        check(OVERHEAD, &walls, 20.0, -51.1 - 13.0);
        check(OVERHEAD, &walls, 0.0, -51.1);
    }

    #[test]
    fn walls_together_take_no_more_than_the_cap() {
        let walls = [11.0, 12.0, 13.0, 14.0].map(|x| wall((x, 0.0), (x, 20.0), 13.0));
        check(OVERHEAD, &walls, 20.0, -51.1 - 30.0);
    }

    #[test]
    fn a_storey_takes_its_share_and_its_walls_do_not_count() {
        let above = Source { above: Metres(4.0), storeys: 1, ..OVERHEAD };
        check(above, &[], 13.0, -30.0 - 25.9 - 28.0);
        let walls = [wall((14.0, 8.0), (14.0, 12.0), 13.0)];
        check(above, &walls, 13.0, -30.0 - 25.9 - 28.0);
    }

    proptest! {
        /// The half-planes say what the intersection of segments says, except within a hair of an
        /// end or of the wall itself.
        #[test]
        fn a_shadow_is_what_the_wall_separates(
            ends in prop::array::uniform4(0.0_f32..20.0),
            x in 0.0_f32..20.0,
            y in 0.0_f32..20.0,
        ) {
            let [x0, y0, x1, y1] = ends;
            let wall = wall((x0, y0), (x1, y1), 3.0);
            let shadow = Shadow::new(OVERHEAD.at, &wall);
            let place = Point::new(x, y);
            let near = shadow.sides.iter().any(|side| side.height(place).abs() < 1e-2);
            prop_assume!(!near && Segment { from: wall.line.from, to: wall.line.to }
                .nearest(OVERHEAD.at).distance(OVERHEAD.at) > 0.1);
            let path = Segment { from: OVERHEAD.at, to: place };
            prop_assert_eq!(shadow.loss(place) > 0.0, path.crosses(&wall.line));
        }
    }
}
