//! The maps in use, with what is computed from them: the locator and an index of floors.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use locate::{Locator, Misplaced};
use model::geometry::Point;
use model::map::{Chokepoint, FloorRef, MapId, Maps, Switch};
use model::survey::Survey;
use model::{Mac, Position};

/// One set of maps, ready for use. Replaced as a whole when the maps change.
#[derive(Debug)]
pub struct Site {
    /// Revision in the store; 0 before the first import.
    pub revision: u64,
    /// The maps.
    pub maps: Maps,
    /// The estimator on these maps.
    pub locator: Locator,
    /// Where each floor is in `maps`: campus, building, floor.
    index: BTreeMap<MapId, [usize; 3]>,
    /// The floor of each access point, and its place there.
    access_points: BTreeMap<Mac, (MapId, Point)>,
    /// The floor and the place among its chokepoints, by name.
    chokepoints: BTreeMap<Box<str>, (MapId, usize)>,
    /// The floor and the place among its switches, by name.
    switches: BTreeMap<Box<str>, (MapId, usize)>,
    /// Survey points of each floor that the locator has learnt from.
    survey_points: BTreeMap<MapId, usize>,
    /// Access points that the survey heard best somewhere else.
    misplaced: Vec<Misplaced>,
    /// The ids of the zones of each floor, in their order.
    zone_ids: BTreeMap<MapId, Vec<MapId>>,
}

impl Site {
    /// Prepares a set of maps, without a survey.
    pub fn new(revision: u64, maps: Maps) -> Self {
        Self::calibrated(revision, maps, &Survey::default())
    }

    /// Prepares a set of maps and learns from a survey of them, which can take seconds.
    pub fn calibrated(revision: u64, maps: Maps, survey: &Survey) -> Self {
        let mut index = BTreeMap::new();
        let zone_ids = maps.floors().map(|it| (it.id(), zone_ids(it))).collect();
        for (c, campus) in maps.campuses.iter().enumerate() {
            for (b, building) in campus.buildings.iter().enumerate() {
                for (f, floor) in building.floors.iter().enumerate() {
                    index.insert(FloorRef { campus, building, floor }.id(), [c, b, f]);
                }
            }
        }
        let mut chokepoints = BTreeMap::new();
        for it in maps.floors() {
            for (nth, chokepoint) in it.floor.chokepoints.iter().enumerate() {
                chokepoints.insert(chokepoint.name.as_str().into(), (it.id(), nth));
            }
        }
        let mut switches = BTreeMap::new();
        for it in maps.floors() {
            for (nth, switch) in it.floor.switches.iter().enumerate() {
                switches.insert(switch.name.as_str().into(), (it.id(), nth));
            }
        }
        let locator = Locator::new(&maps, survey, locate::Settings::default());
        let access_points = maps
            .floors()
            .flat_map(|it| it.floor.access_points.iter().map(move |ap| (ap.mac, (it.id(), ap.at))))
            .collect();
        let mut survey_points = BTreeMap::new();
        for point in &survey.points {
            *survey_points.entry(point.floor).or_default() += 1;
        }
        let misplaced = locate::misplaced(&maps, survey);
        Self {
            revision,
            maps,
            locator,
            index,
            access_points,
            chokepoints,
            switches,
            survey_points,
            misplaced,
            zone_ids,
        }
    }

    /// Whether the locator has learnt from a survey.
    pub fn is_surveyed(&self) -> bool {
        !self.survey_points.is_empty()
    }

    /// How many survey points of a floor the locator has learnt from.
    pub fn survey_points(&self, floor: MapId) -> usize {
        self.survey_points.get(&floor).copied().unwrap_or(0)
    }

    /// Access points of a floor that the survey heard best somewhere else, the furthest first.
    pub fn misplaced(&self, floor: MapId) -> impl Iterator<Item = &Misplaced> {
        self.misplaced.iter().filter(move |it| it.floor == floor)
    }

    /// Whether an access point has a place on a map.
    pub fn has_access_point(&self, mac: Mac) -> bool {
        self.access_points.contains_key(&mac)
    }

    /// What an access point is called on the maps.
    pub fn access_point_name(&self, mac: Mac) -> Option<&str> {
        let (floor, _) = self.access_point(mac)?;
        let drawn = self.floor(floor)?.floor.access_points.iter();
        drawn.into_iter().find(|ap| ap.mac == mac).map(|ap| ap.name.as_str())
    }

    /// Where an access point is.
    pub fn access_point(&self, mac: Mac) -> Option<(MapId, Point)> {
        self.access_points.get(&mac).copied()
    }

    /// The floor with this id.
    pub fn floor(&self, id: MapId) -> Option<FloorRef<'_>> {
        let [c, b, f] = *self.index.get(&id)?;
        let campus = self.maps.campuses.get(c)?;
        let building = campus.buildings.get(b)?;
        Some(FloorRef { campus, building, floor: building.floors.get(f)? })
    }

    /// The chokepoint with this name, and its floor.
    pub fn chokepoint(&self, name: &str) -> Option<(MapId, &Chokepoint)> {
        let (floor, nth) = *self.chokepoints.get(name)?;
        Some((floor, self.floor(floor)?.floor.chokepoints.get(nth)?))
    }

    /// The switch with this name, and its floor.
    pub fn switch(&self, name: &str) -> Option<(MapId, &Switch)> {
        let (floor, nth) = *self.switches.get(name)?;
        Some((floor, self.floor(floor)?.floor.switches.get(nth)?))
    }

    /// Ids of the zones that hold a position.
    pub fn zone_ids_at(&self, position: &Position) -> impl Iterator<Item = MapId> {
        let zones = self.floor(position.floor).map(|it| it.floor.zones.as_slice());
        let ids = self.zone_ids.get(&position.floor).map(Vec::as_slice);
        let zones = zones.unwrap_or_default().iter().zip(ids.unwrap_or_default());
        let point = position.point;
        zones.filter(move |(zone, _)| zone.outline.contains(point)).map(|(_, id)| *id)
    }

    /// Ids of all floors and zones.
    pub fn place_ids(&self) -> Vec<MapId> {
        let floors = self.zone_ids.iter();
        floors.flat_map(|(floor, zones)| std::iter::once(floor).chain(zones)).copied().collect()
    }

    /// Names of the zones that hold a position.
    pub fn zones(&self, position: &Position) -> Vec<String> {
        let floor = self.floor(position.floor);
        floor.map_or_else(Vec::new, |it| {
            it.floor.zones_at(position.point).map(str::to_owned).collect()
        })
    }
}

/// The ids of the zones of a floor, in their order.
fn zone_ids(place: FloorRef<'_>) -> Vec<MapId> {
    let path = place.path();
    let zones = place.floor.zones.iter();
    zones.map(|zone| MapId::of(&format!("{path}>{}", zone.name))).collect()
}

/// The site in use, shared by the tracker and the APIs.
#[derive(Debug, Clone)]
pub struct CurrentSite(Arc<RwLock<Arc<Site>>>);

impl CurrentSite {
    /// Begins with `site`.
    pub fn new(site: Site) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(site))))
    }

    /// The site now; it stays whole for as long as the caller holds it.
    pub fn load(&self) -> Arc<Site> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the site.
    pub fn replace(&self, site: Site) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
    }
}
