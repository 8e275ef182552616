//! The places of a survey: points that lie closer together than the model can tell are one.

use std::collections::BTreeMap;

use model::Band;
use model::geometry::Point;
use model::survey::SurveyPoint;

use crate::site::Numbers;

/// Points this close are one place (ours): half a cell.
const MERGED_M: f32 = 0.5;
/// Most places of one floor (ours): solving for them takes the cube of their number, 0.1 s for so
/// many.
const PLACES_MAX: usize = 600;

/// One place and what was heard there.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The middle of its points.
    pub(crate) at: Point,
    /// Number of the access point, band, and mean strength.
    pub(crate) heard: BTreeMap<(usize, Band), f32>,
}

/// The places of the points of one floor. Access points without a place on the maps are left out.
pub(crate) fn places(points: &[&SurveyPoint], numbers: &Numbers) -> Vec<Place> {
    let mut side = MERGED_M;
    loop {
        let places = merged(points, numbers, side);
        if places.len() <= PLACES_MAX {
            return places;
        }
        side *= 1.5;
    }
}

fn merged(points: &[&SurveyPoint], numbers: &Numbers, side: f32) -> Vec<Place> {
    let mut groups: BTreeMap<(i32, i32), Vec<&SurveyPoint>> = BTreeMap::new();
    for point in points {
        let cell = |length: f32| (length / side).round() as i32;
        groups.entry((cell(point.at.x), cell(point.at.y))).or_default().push(point);
    }
    groups
        .into_values()
        .map(|group| {
            let mean = |of: fn(&SurveyPoint) -> f32| {
                group.iter().map(|point| of(point)).sum::<f32>() / group.len() as f32
            };
            let mut sums: BTreeMap<(usize, Band), (f32, f32)> = BTreeMap::new();
            for reading in group.iter().flat_map(|point| &point.readings) {
                if let Some(number) = numbers.number(reading.ap) {
                    let (sum, count) = sums.entry((number, reading.band)).or_default();
                    *sum += reading.rssi.0;
                    *count += 1.0;
                }
            }
            let heard = sums.into_iter().map(|(key, (sum, count))| (key, sum / count)).collect();
            Place { at: Point::new(mean(|it| it.at.x), mean(|it| it.at.y)), heard }
        })
        .collect()
}

/// Median distance of a place to its nearest neighbour.
pub(crate) fn spacing(places: &[Point]) -> Option<f32> {
    let nearest = |(index, place): (usize, &Point)| {
        let others = places.iter().enumerate().filter(|(other, _)| *other != index);
        others.map(|(_, other)| other.distance(*place)).fold(f32::INFINITY, f32::min)
    };
    let mut distances: Vec<f32> = places.iter().enumerate().map(nearest).collect();
    distances.sort_by(f32::total_cmp);
    distances.get(distances.len() / 2).copied().filter(|distance| distance.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spacing_is_that_of_most_places() {
        let row = [0.0, 2.0, 4.0, 6.0, 30.0].map(|x| Point::new(x, 1.0));
        assert_eq!(spacing(&row), Some(2.0));
        assert_eq!(spacing(&row[..1]), None);
        assert_eq!(spacing(&[]), None);
    }
}
