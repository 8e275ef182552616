//! All floors and access points, numbered so that the estimator works with indices.

use std::collections::BTreeMap;

use model::map::{Floor, FloorRef, MapId, Maps};
use model::survey::Survey;
use model::{Band, Mac, Metres};

use crate::Settings;
use crate::calibration::fingerprints::{Fingerprints, Likeness};
use crate::calibration::places::places;
use crate::calibration::quality::{Approach, Method};
use crate::floor::{FloorModel, Receiver, STOREYS_HEARD};

/// Radios this close are in one case.
const ONE_PLACE_M: f32 = 0.3;

/// The maps and the survey as the estimator uses them.
#[derive(Debug, Default)]
pub(crate) struct Site {
    numbers: Numbers,
    /// Access points, those of one building together and from the lowest floor upwards.
    pub(crate) receivers: Vec<Receiver>,
    /// Floors in the same order.
    pub(crate) floors: Vec<FloorModel>,
    /// What the surveyed places sound like.
    pub(crate) fingerprints: Fingerprints,
    /// How they are compared: as most of the surveyed floors do.
    pub(crate) likeness: Option<Likeness>,
    /// Where access points without a place are at home: the floor whose survey hears them best.
    homes: BTreeMap<Mac, usize>,
}

/// Access points that have a place, by address.
#[derive(Debug, Default)]
pub(crate) struct Numbers(BTreeMap<Mac, usize>);

impl Numbers {
    /// The number of an access point, an index into [`Site::receivers`].
    pub(crate) fn number(&self, ap: Mac) -> Option<usize> {
        self.0.get(&ap).copied()
    }
}

impl Site {
    /// `approaches` says how floors are located that are not located by the model alone.
    pub(crate) fn new(
        maps: &Maps,
        survey: &Survey,
        approaches: &BTreeMap<MapId, Approach>,
        settings: &Settings,
    ) -> Self {
        let mut site = Self::default();
        let mut floors: Vec<FloorRef<'_>> = maps.floors().collect();
        for building in floors.chunk_by_mut(|a, b| std::ptr::eq(a.building, b.building)) {
            building.sort_by_key(|place| place.floor.level);
            site.add_building(building, survey, approaches, settings);
        }
        let uses_fingerprints =
            |floor: &MapId| approaches.get(floor).is_some_and(|it| it.method.likeness().is_some());
        let surveyed = survey.points.iter().filter(|point| uses_fingerprints(&point.floor));
        site.fingerprints = Fingerprints::new(surveyed);
        let mut votes: BTreeMap<Likeness, usize> = BTreeMap::new();
        for likeness in approaches.values().filter_map(|it| it.method.likeness()) {
            *votes.entry(likeness).or_default() += 1;
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        site.likeness = most.map(|(likeness, _)| likeness);
        site.homes = site.homes(survey);
        site
    }

    fn homes(&self, survey: &Survey) -> BTreeMap<Mac, usize> {
        let mut loudest: BTreeMap<Mac, (f32, usize)> = BTreeMap::new();
        for point in &survey.points {
            let Some(floor) = self.floor(point.floor) else { continue };
            for reading in point.readings.iter().filter(|it| self.number(it.ap).is_none()) {
                let known = loudest.entry(reading.ap).or_insert((reading.rssi.0, floor));
                if reading.rssi.0 > known.0 {
                    *known = (reading.rssi.0, floor);
                }
            }
        }
        loudest.into_iter().map(|(ap, (_, floor))| (ap, floor)).collect()
    }

    /// The floor of an access point without a place, by its index; none when no survey heard it.
    pub(crate) fn home(&self, ap: Mac) -> Option<usize> {
        self.homes.get(&ap).copied()
    }

    /// The number of an access point, an index into [`Site::receivers`].
    pub(crate) fn number(&self, ap: Mac) -> Option<usize> {
        self.numbers.number(ap)
    }

    /// The index of a floor.
    pub(crate) fn floor(&self, id: MapId) -> Option<usize> {
        self.floors.iter().position(|floor| floor.id == id)
    }

    /// Adds the floors of one building, which are sorted by level.
    fn add_building(
        &mut self,
        floors: &[FloorRef<'_>],
        survey: &Survey,
        approaches: &BTreeMap<MapId, Approach>,
        settings: &Settings,
    ) {
        let first = self.receivers.len();
        let elevations = elevations(floors);
        for (index, (place, elevation)) in floors.iter().zip(&elevations).enumerate() {
            self.add_receivers(self.floors.len() + index, place.floor, *elevation);
        }
        for (place, elevation) in floors.iter().zip(elevations) {
            let added = self.receivers.get(first..).unwrap_or_default();
            let level = place.floor.level;
            let from = level.saturating_sub(STOREYS_HEARD);
            let to = level.saturating_add(STOREYS_HEARD);
            let near = first + added.partition_point(|receiver| receiver.level < from)
                ..first + added.partition_point(|receiver| receiver.level <= to);
            let id = place.id();
            let approach = approaches.get(&id).copied().unwrap_or(Approach::of(Method::Model));
            let points: Vec<_> = survey.points.iter().filter(|it| it.floor == id).collect();
            let places = match approach.method {
                Method::Model => Vec::new(),
                _ => places(&points, &self.numbers),
            };
            let index = self.floors.len();
            let calibration = (approach, places);
            self.floors.push(FloorModel::new(
                index,
                *place,
                elevation,
                near,
                calibration,
                settings,
            ));
        }
    }

    /// Adds the access points of a floor. One without a place cannot be used; of two with the same
    /// address, which validated maps do not have, the first counts.
    fn add_receivers(&mut self, floor: usize, place: &Floor, elevation: Metres) {
        for ap in &place.access_points {
            let placed = ap.at.is_finite() && ap.height.0.is_finite();
            if !placed || self.numbers.0.contains_key(&ap.mac) {
                continue;
            }
            let number = self.receivers.len();
            let beside =
                |other: &Receiver| other.floor == floor && other.at.distance(ap.at) < ONE_PLACE_M;
            let first = self.receivers.iter().position(beside);
            self.numbers.0.insert(ap.mac, number);
            self.receivers.push(Receiver {
                place: first.unwrap_or(number),
                floor,
                level: place.level,
                at: ap.at,
                elevation: elevation + ap.height,
                antennas: Band::ALL.map(|band| {
                    ap.radios.iter().find(|radio| radio.band == band).and_then(|it| it.antenna)
                }),
            });
        }
    }
}

/// Heights of the floors over the lowest. A storey that is not drawn is as high as the one below.
fn elevations(places: &[FloorRef<'_>]) -> Vec<Metres> {
    let mut sum = Metres(0.0);
    let mut below: Option<&Floor> = None;
    places
        .iter()
        .map(|place| {
            if let Some(below) = below {
                let storeys = place.floor.level.abs_diff(below.level);
                sum = sum + below.height * f32::from(storeys);
            }
            below = Some(place.floor);
            sum
        })
        .collect()
}
