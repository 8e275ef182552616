//! All floors and access points, numbered so that the estimator works with indices.

use std::collections::BTreeMap;

use model::map::{Floor, FloorRef, Maps};
use model::{Mac, Metres};

use crate::floor::{FloorModel, Receiver, STOREYS_HEARD};

/// The maps as the estimator uses them.
#[derive(Debug, Default)]
pub(crate) struct Site {
    numbers: BTreeMap<Mac, usize>,
    /// Access points, those of one building together and from the lowest floor upwards.
    pub(crate) receivers: Vec<Receiver>,
    /// Floors in the same order.
    pub(crate) floors: Vec<FloorModel>,
}

impl Site {
    pub(crate) fn new(maps: &Maps) -> Self {
        let mut site = Self::default();
        let mut places: Vec<FloorRef<'_>> = maps.floors().collect();
        for building in places.chunk_by_mut(|a, b| std::ptr::eq(a.building, b.building)) {
            building.sort_by_key(|place| place.floor.level);
            site.add_building(building);
        }
        site
    }

    /// The number of an access point, an index into [`Site::receivers`].
    pub(crate) fn number(&self, ap: Mac) -> Option<usize> {
        self.numbers.get(&ap).copied()
    }

    /// Adds the floors of one building, which are sorted by level.
    fn add_building(&mut self, places: &[FloorRef<'_>]) {
        let first = self.receivers.len();
        let elevations = elevations(places);
        for (index, (place, elevation)) in places.iter().zip(&elevations).enumerate() {
            self.add_receivers(self.floors.len() + index, place.floor, *elevation);
        }
        let added = self.receivers.get(first..).unwrap_or_default();
        for (place, elevation) in places.iter().zip(elevations) {
            let level = place.floor.level;
            let from = level.saturating_sub(STOREYS_HEARD);
            let to = level.saturating_add(STOREYS_HEARD);
            let near = first + added.partition_point(|receiver| receiver.level < from)
                ..first + added.partition_point(|receiver| receiver.level <= to);
            let model = FloorModel::new(self.floors.len(), *place, elevation, near);
            self.floors.push(model);
        }
    }

    /// Adds the access points of a floor. One without a place cannot be used; of two with the same
    /// address, which validated maps do not have, the first counts.
    fn add_receivers(&mut self, floor: usize, place: &Floor, elevation: Metres) {
        for ap in &place.access_points {
            let placed = ap.at.is_finite() && ap.height.0.is_finite();
            if !placed || self.numbers.contains_key(&ap.mac) {
                continue;
            }
            self.numbers.insert(ap.mac, self.receivers.len());
            self.receivers.push(Receiver {
                floor,
                level: place.level,
                at: ap.at,
                elevation: elevation + ap.height,
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
