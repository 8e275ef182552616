//! Access points that are not where the maps say.
//!
//! Whoever surveys beside an access point hears it best. The middle of the few points that heard it
//! best is therefore near to it, and what is far from there was probably moved, or mixed up.

use std::collections::BTreeMap;

use model::Mac;
use model::geometry::Point;
use model::map::{MapId, Maps};
use model::survey::Survey;

use super::quality::POINTS_MIN;

/// Further off than this is worth a look: `reference/location.md` section 6.
const MISPLACED_M: f32 = 8.0;
/// Points that are averaged, at most (ours).
const STRONGEST: usize = 5;
/// Points this much weaker than the strongest do not count.
const WITHIN_DB: f32 = 10.0;
/// An access point that nobody came near was not surveyed: its strongest reading is at least this.
const NEAR_DBM: f32 = -60.0;

/// An access point that the survey heard best somewhere else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Misplaced {
    /// Which one.
    pub ap: Mac,
    /// The floor that the maps have it on.
    pub floor: MapId,
    /// Where it probably is.
    pub likely: Point,
    /// How far that is from its place on the maps, in metres.
    pub distance: f32,
}

/// The best strength in each square metre, and where exactly.
type HeardBest = BTreeMap<(i32, i32), (f32, Point)>;

/// The access points that are probably somewhere else on their floor, the furthest first.
pub fn misplaced(maps: &Maps, survey: &Survey) -> Vec<Misplaced> {
    let mut places: BTreeMap<(MapId, Mac), HeardBest> = BTreeMap::new();
    for point in &survey.points {
        let cell = |length: f32| length.round() as i32;
        for reading in &point.readings {
            let heard = places.entry((point.floor, reading.ap)).or_default();
            // The same place again says nothing new.
            let best = heard.entry((cell(point.at.x), cell(point.at.y)));
            let best = best.or_insert((f32::NEG_INFINITY, point.at));
            if reading.rssi.0 > best.0 {
                *best = (reading.rssi.0, point.at);
            }
        }
    }
    let mut misplaced = Vec::new();
    for it in maps.floors() {
        let floor = it.id();
        for ap in &it.floor.access_points {
            let Some(heard) = places.get(&(floor, ap.mac)) else { continue };
            let Some(likely) = likely_place(heard.values().copied().collect()) else { continue };
            let distance = likely.distance(ap.at);
            if distance > MISPLACED_M {
                misplaced.push(Misplaced { ap: ap.mac, floor, likely, distance });
            }
        }
    }
    misplaced.sort_by(|a, b| b.distance.total_cmp(&a.distance));
    misplaced
}

fn likely_place(mut heard: Vec<(f32, Point)>) -> Option<Point> {
    heard.sort_by(|a, b| b.0.total_cmp(&a.0));
    let strongest = heard.first()?.0;
    if heard.len() < POINTS_MIN || strongest < NEAR_DBM {
        return None;
    }
    heard.retain(|(rssi, _)| *rssi >= strongest - WITHIN_DB);
    heard.truncate(STRONGEST);
    let (mut x, mut y, mut sum) = (0.0, 0.0, 0.0);
    for (rssi, at) in heard {
        let weight = 10_f32.powf((rssi - strongest) / 10.0);
        x += weight * at.x;
        y += weight * at.y;
        sum += weight;
    }
    Some(Point::new(x / sum, y / sum))
}

#[cfg(test)]
mod tests {
    use model::survey::{SurveyPoint, SurveyReading};
    use model::{Band, Dbm, Time};

    use super::*;
    use crate::testing::{floor, maps};

    /// An access point at (5, 5) that is heard as if it were at (`x`, 5).
    fn check(x: f32, (points, surveyed_from): (u16, f32), expected: &[f32]) {
        let maps = maps(vec![floor("hall", 0, 40.0, 10.0, &[(1, 5.0, 5.0)])]);
        let id = MapId::of("campus>building>hall");
        let point = |step: u16| {
            let at = Point::new(surveyed_from + f32::from(step) * 2.0, 5.0);
            let distance = at.distance(Point::new(x, 5.0)).max(1.0);
            let rssi = Dbm(-35.0 - 30.0 * distance.log10());
            let reading = SurveyReading { ap: Mac::from_u64(1), band: Band::Ghz5, rssi };
            let readings = vec![reading];
            SurveyPoint { floor: id, at, taken: Time(0), device: String::new(), readings }
        };
        let survey = Survey { points: (0..points).map(point).collect() };
        let found = misplaced(&maps, &survey);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, likely) in found.iter().zip(expected) {
            assert!((found.likely.x - likely).abs() < 2.0, "{found:?}");
        }
    }

    #[test]
    fn an_access_point_in_its_place_is_not_named() {
        check(5.0, (10, 0.0), &[]);
    }

    #[test]
    fn one_that_was_moved_is_named_with_its_likely_place() {
        check(19.0, (10, 2.0), &[19.0]);
    }

    #[test]
    fn one_that_nobody_came_near_is_not_judged() {
        check(5.0, (10, 22.0), &[]);
    }

    #[test]
    fn a_handful_of_points_is_no_ground_for_blame() {
        check(19.0, (4, 14.0), &[]);
        check(19.0, (5, 14.0), &[19.0]);
    }
}
