//! Which method a floor is located with, and how good it is: each has to find survey points that it
//! was not shown.
//!
//! The places of a survey are dealt into five hands. For each hand a site is made of the other four,
//! and every method looks for the points of the hand. The method with the least mean error wins, then the
//! reach of its field with the least one, and the errors in spreads of the posterior say how wide an
//! honest radius is.

use std::collections::BTreeMap;

use model::map::{Building, MapId, Maps};
use model::survey::{Survey, SurveyPoint};
use model::{Reading, Time};

use super::field::Reach;
use super::fingerprints::Likeness;
use crate::estimate::{Power, SHARPNESS, Scratch};
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

    pub(crate) fn uses_survey(self) -> bool {
        self != Self::Model
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

/// A method with what it can be adjusted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Approach {
    pub(crate) method: Method,
    /// How far the corrections of a map reach.
    pub(crate) reach: Reach,
}

impl Approach {
    /// The method as it is tried first.
    pub(crate) fn of(method: Method) -> Self {
        Self { method, reach: Reach::Usual }
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
    /// The radius that held 95 % of the points, in spreads of their posterior; where layers are used at
    /// least [`SPREADS_HELD`] of one that was not sharpened.
    pub(crate) radius_spreads: f32,
    reach: Reach,
}

impl Quality {
    pub(crate) fn approach(&self) -> Approach {
        Approach { method: self.method, reach: self.reach }
    }
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
    let trial = Trial::new(maps, survey, settings);
    if trial.floors.is_empty() {
        return BTreeMap::new();
    }
    let has_access_points = maps.floors().any(|it| !it.floor.access_points.is_empty());
    let mut found = Findings::new();
    for method in methods(has_access_points) {
        trial.run(&mut found, |_| Some(Approach::of(method)));
    }
    // Floors are compared with one another, so those of a building have one approach.
    let mut chosen: BTreeMap<MapId, Approach> = BTreeMap::new();
    let own: Vec<Vec<MapId>> = maps
        .campuses
        .iter()
        .flat_map(|campus| &campus.buildings)
        .map(|building| trial.floors_of(building))
        .collect();
    for own in &own {
        let all = methods(has_access_points).map(Approach::of);
        let best =
            best(own, all, &found, |it| if it.method == Method::Both { PREFERRED } else { 1.0 });
        chosen.extend(own.iter().filter_map(|floor| Some((*floor, best?))));
    }
    for reach in [Reach::Short, Reach::Long] {
        let is_adjustable = |it: &Approach| it.method.uses_radio_map();
        trial.run(&mut found, |floor| {
            let approach = chosen.get(&floor).copied().filter(is_adjustable)?;
            Some(Approach { reach, ..approach })
        });
    }
    let mut qualities = BTreeMap::new();
    for own in &own {
        let Some(method) = own.first().and_then(|floor| chosen.get(floor)) else { continue };
        let all = [Reach::Usual, Reach::Short, Reach::Long];
        let all = all.map(|reach| Approach { reach, ..*method });
        let Some(approach) = best(own, all.into_iter(), &found, |_| 1.0) else { continue };
        for floor in own {
            let points = trial.floors.get(floor).map_or(0, Vec::len);
            let found = found.remove(&(*floor, approach)).unwrap_or_default();
            qualities.extend(quality(points, approach, found).map(|quality| (*floor, quality)));
        }
    }
    qualities
}

/// What each approach found on each floor.
type Findings = BTreeMap<(MapId, Approach), Vec<Found>>;

/// Survey points, some of which are looked for with the others.
struct Trial<'a> {
    maps: &'a Maps,
    settings: &'a Settings,
    floors: BTreeMap<MapId, Vec<&'a SurveyPoint>>,
    deal: Deal<'a>,
    /// What each hand is looked for with.
    shown: Vec<Survey>,
}

impl<'a> Trial<'a> {
    fn new(maps: &'a Maps, survey: &'a Survey, settings: &'a Settings) -> Self {
        let floors = surveyed(maps, survey);
        let deal = Deal::of(survey);
        let shown = |hand| {
            let shown = survey.points.iter().filter(|point| deal.is_shown(point, hand));
            Survey { points: shown.cloned().collect() }
        };
        let shown = if floors.is_empty() { Vec::new() } else { (0..HANDS).map(shown).collect() };
        Self { maps, settings, floors, deal, shown }
    }

    /// The surveyed floors of a building.
    fn floors_of(&self, building: &Building) -> Vec<MapId> {
        let is_own =
            |id: &MapId| self.maps.floor(*id).is_some_and(|it| std::ptr::eq(it.building, building));
        self.floors.keys().copied().filter(is_own).collect()
    }

    /// Looks for the points of every hand on the floors that there is an approach for.
    fn run(&self, found: &mut Findings, approach: impl Fn(MapId) -> Option<Approach>) {
        let approach = |floor: &MapId| Some((*floor, approach(*floor)?));
        let approaches: BTreeMap<MapId, Approach> =
            self.floors.keys().filter_map(approach).collect();
        if approaches.is_empty() {
            return;
        }
        let most = SOUGHT_MAX / HANDS / self.floors.len() + 1;
        for (hand, shown) in self.shown.iter().enumerate() {
            let settings = self.settings.clone();
            let locator = Locator::with_approaches(self.maps, shown, &approaches, settings);
            for (floor, approach) in &approaches {
                let points = self.floors.get(floor).into_iter().flatten();
                let sought: Vec<_> =
                    points.filter(|point| self.deal.is_sought(point, hand)).collect();
                let step = sought.len().div_ceil(most).max(1);
                let errors = sought.into_iter().step_by(step);
                let errors = errors.filter_map(|point| seek(&locator, point));
                found.entry((*floor, *approach)).or_default().extend(errors);
            }
        }
    }
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

/// The approach with the least mean error on some floors, times a factor; of equals the first.
fn best(
    floors: &[MapId],
    approaches: impl Iterator<Item = Approach>,
    found: &Findings,
    factor: impl Fn(Approach) -> f32,
) -> Option<Approach> {
    let error = |approach: Approach| {
        let found = floors.iter().filter_map(|floor| found.get(&(*floor, approach))).flatten();
        let (sum, count) = found.fold((0.0, 0.0), |(sum, count), it| (sum + it.error, count + 1.0));
        (count > 0.0).then(|| factor(approach) * sum / count)
    };
    let errors = approaches.filter_map(|approach| Some((error(approach)?, approach)));
    errors.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, approach)| approach)
}

/// The methods that there are for a site.
fn methods(has_access_points: bool) -> impl Iterator<Item = Method> {
    let by_maps = [Method::Model, Method::RadioMap, Method::Both];
    let by_likeness = [
        Likeness::Share,
        Likeness::NearestShare,
        Likeness::ShiftedShare,
        Likeness::Difference,
        Likeness::Both,
    ]
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

fn quality(points: usize, approach: Approach, mut found: Vec<Found>) -> Option<Quality> {
    let Approach { method, reach } = approach;
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
    // A survey is taken in one go: its points agree with one another better than with a later day. Places
    // that sound alike are spread wider than that.
    let least = if method.uses_layers() { SPREADS_HELD * SHARPNESS.sqrt() } else { 0.0 };
    let radius_spreads = radius_spreads.max(least);
    Some(Quality { points, method, error_mean, error_p90, radius_spreads, reach })
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
        let mut points: BTreeMap<&str, usize> = BTreeMap::new();
        for point in &survey.points {
            *points.entry(point.device.as_str()).or_default() += 1;
        }
        let mut devices = BTreeMap::new();
        for point in &survey.points {
            let device = point.device.as_str();
            let next = devices.len() % HANDS;
            // A client that stays at its place took one point: that is no survey of its own.
            if points.get(device).is_some_and(|points| *points >= POINTS_MIN) {
                devices.entry(device).or_insert(next);
            }
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

/// The hand of the square that a point is in, on every floor alike: what a floor is called must not show.
fn square_hand(point: &SurveyPoint) -> usize {
    let square = |length: f32| u64::from(((length / SQUARE_M).floor() as i32).cast_unsigned());
    let key = square(point.at.x) << 32 | square(point.at.y);
    // Not mixed further: neighbouring squares often come into one hand, in diagonal stripes, so that a
    // point is looked for from further off. Mixed well, the mean error with all points is 2.42 m.
    let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize % HANDS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of devices along a corridor: so many each.
    fn survey(devices: &[(&str, usize)]) -> Survey {
        let devices = devices.iter().flat_map(|(device, count)| vec![*device; *count]);
        let point = |(nth, device): (usize, &str)| SurveyPoint {
            floor: MapId(1),
            at: model::geometry::Point::new(nth as f32, 0.0),
            taken: Time(0),
            device: device.to_owned(),
            readings: Vec::new(),
        };
        Survey { points: devices.enumerate().map(point).collect() }
    }

    /// How many points are looked for in one hand or another.
    fn check(devices: &[(&str, usize)], all_are_sought: bool) {
        let survey = survey(devices);
        let deal = Deal::of(&survey);
        let is_sought = |point: &&SurveyPoint| (0..HANDS).any(|hand| deal.is_sought(point, hand));
        let sought = survey.points.iter().filter(is_sought).count();
        assert_eq!(sought == survey.points.len(), all_are_sought, "{sought} of {devices:?}");
        for point in survey.points.iter().filter(is_sought) {
            let hands = (0..HANDS).filter(|hand| deal.is_sought(point, *hand));
            assert!(hands.into_iter().all(|hand| !deal.is_shown(point, hand)));
        }
    }

    #[test]
    fn points_are_looked_for_without_those_of_their_device() {
        check(&[("a", 40), ("b", 40), ("c", 40), ("d", 40)], false);
        check(&[("a", 40), ("b", 40), ("c", 40)], true);
    }

    #[test]
    fn clients_at_known_places_are_no_surveys_of_their_own() {
        check(&[("phone", 40), ("display", 1), ("printer", 1), ("scale", 1), ("monitor", 1)], true);
    }
}
