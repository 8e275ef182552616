//! Which method a floor is located with, and how good it is: each has to find survey points that it
//! was not shown.
//!
//! The places of a survey are dealt into five hands. For each hand a site is made of the other four,
//! and every method looks for the points of the hand. The method with the least mean error wins, and
//! the errors in spreads of the posterior say how wide an honest radius is.

use std::collections::BTreeMap;

use model::map::{MapId, Maps};
use model::survey::{Survey, SurveyPoint};
use model::{Reading, Time};

use super::fingerprints::Likeness;
use crate::estimate::{Power, Scratch};
use crate::posterior::SPREADS_HELD;
use crate::{Locator, Settings};

/// Fewer points say nothing about a floor: `reference/location.md` section 6.
pub const POINTS_MIN: usize = 5;
/// Hands that the places are dealt into.
const HANDS: usize = 5;
/// Points that are looked for by each method; more make the figures no better.
const SOUGHT_MAX: usize = 600;
/// Squares whose points are in one hand, in metres (ours).
const SQUARE_M: f32 = 2.0;
/// With fewer devices, leaving one out leaves too little.
const DEVICES_MIN: usize = 4;
/// A method that uses everything is taken while its error times this is the least: leaving points
/// out harms it more than the others.
const PREFERRED: f32 = 0.9;
/// The share of the survey that the radius holds.
const CONFIDENCE_SHARE: f32 = 0.95;

/// How elements on a floor are located.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// By the shipped propagation model.
    Model,
    /// By maps that a survey has corrected.
    RadioMap,
    /// By the likeness to surveyed places alone; access points need no place.
    Fingerprints(Likeness),
    /// By corrected maps and by likeness together.
    Both,
}

impl Method {
    /// Its name in APIs and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::RadioMap => "radio_map",
            Self::Fingerprints(_) => "fingerprints",
            Self::Both => "radio_map_and_fingerprints",
        }
    }

    pub(crate) fn uses_radio_map(self) -> bool {
        matches!(self, Self::RadioMap | Self::Both)
    }

    pub(crate) fn uses_layers(self) -> bool {
        !matches!(self, Self::Fingerprints(_))
    }

    pub(crate) fn likeness(self) -> Option<Likeness> {
        match self {
            Self::Model | Self::RadioMap => None,
            Self::Both => Some(Likeness::Both),
            Self::Fingerprints(likeness) => Some(likeness),
        }
    }
}

/// What is known of the location of one floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// How many survey points there are.
    pub points: usize,
    /// The method that found them best.
    pub method: Method,
    /// Mean error of the points that were looked for, in metres.
    pub error_mean: f32,
    /// The error that nine in ten did not exceed.
    pub error_p90: f32,
    /// The radius that held 95 % of the points, in spreads of their posterior, at least
    /// [`SPREADS_HELD`].
    pub(crate) radius_spreads: f32,
}

/// One point that was looked for.
struct Found {
    error: f32,
    spreads: f32,
}

/// What the survey says about each floor that it covers.
pub(crate) fn assess(
    maps: &Maps,
    survey: &Survey,
    settings: &Settings,
) -> BTreeMap<MapId, Quality> {
    let floors = surveyed(maps, survey);
    if floors.is_empty() {
        return BTreeMap::new();
    }
    let has_access_points = maps.floors().any(|it| !it.floor.access_points.is_empty());
    let deal = Deal::of(survey);
    let mut found: BTreeMap<(MapId, Method), Vec<Found>> = BTreeMap::new();
    for hand in 0..HANDS {
        let shown = survey.points.iter().filter(|point| deal.is_shown(point, hand));
        let shown = Survey { points: shown.cloned().collect() };
        for method in methods(has_access_points) {
            let methods = floors.keys().map(|floor| (*floor, method)).collect();
            let locator = Locator::with_methods(maps, &shown, &methods, settings.clone());
            for (floor, points) in &floors {
                let sought = points.iter().filter(|point| deal.is_sought(point, hand));
                let sought: Vec<_> = sought.collect();
                let step = sought.len().div_ceil(SOUGHT_MAX / HANDS / floors.len() + 1);
                let errors = sought.into_iter().step_by(step.max(1));
                let errors = errors.filter_map(|point| seek(&locator, point));
                found.entry((*floor, method)).or_default().extend(errors);
            }
        }
    }
    let mut qualities = BTreeMap::new();
    for building in maps.campuses.iter().flat_map(|campus| &campus.buildings) {
        // Floors are compared with one another, so those of a building have one method.
        let is_own =
            |id: &MapId| maps.floor(*id).is_some_and(|it| std::ptr::eq(it.building, building));
        let own: Vec<MapId> = floors.keys().copied().filter(is_own).collect();
        let Some(method) = best_method(&own, methods(has_access_points), &found) else { continue };
        for floor in own {
            let points = floors.get(&floor).map_or(0, Vec::len);
            let own = found.remove(&(floor, method)).unwrap_or_default();
            qualities.extend(quality(points, method, own).map(|quality| (floor, quality)));
        }
    }
    qualities
}

/// The points of each floor that has enough of them.
fn surveyed<'a>(maps: &Maps, survey: &'a Survey) -> BTreeMap<MapId, Vec<&'a SurveyPoint>> {
    let mut floors: BTreeMap<MapId, Vec<&SurveyPoint>> = BTreeMap::new();
    for point in &survey.points {
        floors.entry(point.floor).or_default().push(point);
    }
    floors.retain(|floor, points| maps.floor(*floor).is_some() && points.len() >= POINTS_MIN);
    floors
}

/// The method with the least mean error on some floors. The last one that there is uses all that is
/// known; another has to be clearly better.
fn best_method(
    floors: &[MapId],
    methods: impl Iterator<Item = Method>,
    found: &BTreeMap<(MapId, Method), Vec<Found>>,
) -> Option<Method> {
    let error = |method: Method| {
        let found = floors.iter().filter_map(|floor| found.get(&(*floor, method))).flatten();
        let (sum, count) = found.fold((0.0, 0.0), |(sum, count), it| (sum + it.error, count + 1.0));
        let factor = if method == Method::Both { PREFERRED } else { 1.0 };
        (count > 0.0).then(|| factor * sum / count)
    };
    let errors = methods.filter_map(|method| Some((error(method)?, method)));
    errors.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, method)| method)
}

/// The methods that there are for a site.
fn methods(has_access_points: bool) -> impl Iterator<Item = Method> {
    let by_maps = [Method::Model, Method::RadioMap, Method::Both];
    let by_likeness =
        [Likeness::Share, Likeness::NearestShare, Likeness::Difference, Likeness::Both]
            .map(Method::Fingerprints);
    let by_maps = by_maps.into_iter().filter(move |_| has_access_points);
    by_maps.chain(by_likeness)
}

/// Looks for a survey point.
fn seek(locator: &Locator, point: &SurveyPoint) -> Option<Found> {
    let reading = |reading: &model::survey::SurveyReading| Reading {
        ap: reading.ap,
        band: reading.band,
        rssi: reading.rssi,
        at: Time(0),
    };
    let mut scratch = Scratch::default();
    let readings = point.readings.iter().map(reading);
    let estimate = locator.estimate(&mut scratch, readings, Power::Known, None)?;
    // A wrong floor is a wrong place, however near it is on the plan.
    let storey = if estimate.position.floor == point.floor { 0.0 } else { 4.0 };
    let error = estimate.position.point.distance(point.at) + storey;
    Some(Found { error, spreads: error / estimate.spread.max(f32::MIN_POSITIVE) })
}

fn quality(points: usize, method: Method, mut found: Vec<Found>) -> Option<Quality> {
    if found.is_empty() {
        return None;
    }
    let at = |share: f32| ((found.len() as f32 * share) as usize).min(found.len() - 1);
    let (p90, held) = (at(0.9), at(CONFIDENCE_SHARE));
    let error_mean = found.iter().map(|it| it.error).sum::<f32>() / found.len() as f32;
    found.sort_by(|a, b| a.error.total_cmp(&b.error));
    let error_p90 = found.get(p90)?.error;
    found.sort_by(|a, b| a.spreads.total_cmp(&b.spreads));
    let radius_spreads = found.get(held)?.spreads;
    // A survey is taken in one go: its points agree with one another better than with a later day.
    let radius_spreads = radius_spreads.max(SPREADS_HELD);
    Some(Quality { points, method, error_mean, error_p90, radius_spreads })
}

/// How survey points are dealt into hands. Neighbouring points sound alike because they were taken one
/// after the other, so all points of a square go into one hand; and where several devices took part,
/// a point is looked for without the points of its device.
struct Deal<'a> {
    /// The hand of each device; empty when there are too few to do without one.
    devices: BTreeMap<&'a str, usize>,
}

impl<'a> Deal<'a> {
    fn of(survey: &'a Survey) -> Self {
        let mut devices = BTreeMap::new();
        for point in &survey.points {
            let next = devices.len() % HANDS;
            devices.entry(point.device.as_str()).or_insert(next);
        }
        if devices.len() < DEVICES_MIN {
            devices.clear();
        }
        Self { devices }
    }

    fn is_shown(&self, point: &SurveyPoint, hand: usize) -> bool {
        square_hand(point) != hand && self.devices.get(point.device.as_str()) != Some(&hand)
    }

    fn is_sought(&self, point: &SurveyPoint, hand: usize) -> bool {
        let device = self.devices.get(point.device.as_str());
        square_hand(point) == hand && device.is_none_or(|device| *device == hand)
    }
}

/// The hand of the square that a point is in.
fn square_hand(point: &SurveyPoint) -> usize {
    let square = |length: f32| u64::from(((length / SQUARE_M).floor() as i32).cast_unsigned());
    let key = square(point.at.x) << 32 | square(point.at.y);
    let mixed = (key ^ point.floor.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize % HANDS
}
