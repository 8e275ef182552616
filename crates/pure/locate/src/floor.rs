//! One floor as the estimator sees it: a grid of places and a propagation map per access point and
//! band.
//!
//! A map is computed when the first reading needs it and kept. What nobody hears costs nothing, and
//! the bands that an access point declares need not be complete.

use std::ops::Range;
use std::sync::OnceLock;

use model::geometry::Point;
use model::map::{Floor, FloorRef, MapId};
use model::{Band, Metres};

use crate::Settings;
use crate::grid::{Cells, Grid};
use crate::propagation::{Propagation, Source};

/// Access points this many storeys away still get a map (ours). Further ones are expected at the
/// limit of hearing everywhere, which two storeys of concrete come close to anyway.
pub(crate) const STOREYS_HEARD: i16 = 2;

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
}

/// Predicted strengths of one access point and band in dBm, in the cell order of [`Grid`].
type Map = OnceLock<Box<Cells>>;

/// One floor with its maps.
#[derive(Debug)]
pub(crate) struct FloorModel {
    /// The id of the floor.
    pub(crate) id: MapId,
    /// Its places.
    pub(crate) grid: Grid,
    index: usize,
    floor: Floor,
    elevation: Metres,
    /// Receivers of this building that are near enough for a map, and the maps of each.
    near: Range<usize>,
    maps: Vec<[Map; Band::ALL.len()]>,
}

impl FloorModel {
    /// `elevation` is the height over the lowest floor of the building, `near` are the receivers of
    /// the same building within [`STOREYS_HEARD`].
    pub(crate) fn new(
        index: usize,
        place: FloorRef<'_>,
        elevation: Metres,
        near: Range<usize>,
    ) -> Self {
        Self {
            id: place.id(),
            grid: Grid::new(place.floor),
            index,
            floor: place.floor.clone(),
            elevation,
            maps: near.clone().map(|_| Default::default()).collect(),
            near,
        }
    }

    /// The map of receiver number `number`; none when it is in another building, another wing or
    /// too many storeys away.
    pub(crate) fn map(
        &self,
        number: usize,
        receiver: &Receiver,
        band: Band,
        settings: &Settings,
    ) -> Option<&Cells> {
        let storeys = receiver.level.abs_diff(self.floor.level);
        // Two floors on one level are wings, whose coordinates have nothing to do with each other.
        if !self.near.contains(&number) || (storeys == 0 && receiver.floor != self.index) {
            return None;
        }
        let maps = self.maps.get(number - self.near.start)?;
        let map = maps.get(band as usize)?.get_or_init(|| {
            let source = Source {
                at: receiver.at,
                above: receiver.elevation - self.elevation - settings.element_height,
                storeys,
            };
            let propagation = Propagation::new(source, band, &self.floor.walls, settings);
            self.grid.map(0.0, |place| propagation.rssi(place))
        });
        Some(map)
    }

    /// `point` itself when an element can be there, else the nearest place of the grid.
    pub(crate) fn snap(&self, point: Point) -> Point {
        if self.floor.includes(point) {
            return point;
        }
        self.grid.nearest(point)
    }
}
