//! The places of a simulated campus: maps for the engine, and the same walls and receivers in the
//! shape that the simulation needs.

use model::geometry::{Point, Polygon, Segment};
use model::map::{
    AccessPoint, Building, Campus, Chokepoint, FLOOR_SIDE_MAX, Floor, MapError, MapId, Maps,
    Outlet, Radio, Region, Switch, Wall, Zone,
};
use model::{Band, Dbm, Mac, Metres};

use super::CampusError;
use super::document::{ApTable, BuildingTable, CampusTable, FloorTable, WallTable};
use super::grid::{CELLS_MAX, Grid};

/// Width of a door. Ours: a hospital bed passes, and so does a cell of the grid with its clearance.
const DOOR_M: f32 = 1.4;
/// Channels that access points without a list of radios use in turn.
const CHANNELS_2_4: [u8; 3] = [1, 6, 11];
const CHANNELS_5: [u8; 8] = [36, 44, 52, 60, 100, 108, 116, 124];
/// The first BLE advertising channel.
const CHANNEL_BLE: u8 = 37;

/// Everything that stands still.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) maps: Maps,
    pub(super) houses: Vec<House>,
    pub(super) storeys: Vec<Storey>,
    pub(super) receivers: Vec<Receiver>,
}

/// A building.
#[derive(Debug, Clone)]
pub(super) struct House {
    pub(super) name: String,
    /// Its floors, as indices.
    pub(super) storeys: Vec<usize>,
}

/// A floor.
#[derive(Debug, Clone)]
pub(super) struct Storey {
    pub(super) id: MapId,
    pub(super) name: String,
    pub(super) building: usize,
    pub(super) level: i16,
    pub(super) height_m: f32,
    pub(super) walls: Vec<Wall>,
    pub(super) chokepoints: Vec<Chokepoint>,
    pub(super) grid: Grid,
    /// The cells where people go, by zone.
    pub(super) spots: Vec<Vec<usize>>,
    /// All cells where people go.
    pub(super) cells: Vec<usize>,
    /// Cells of the stairs and lifts, in the order of the building.
    pub(super) lifts: Vec<usize>,
}

/// An access point as a listener.
#[derive(Debug, Clone)]
pub(super) struct Receiver {
    pub(super) mac: Mac,
    pub(super) storey: usize,
    pub(super) at: Point,
    pub(super) height_m: f32,
    pub(super) bands: Vec<Band>,
}

impl World {
    pub(super) fn new(tables: &[CampusTable]) -> Result<Self, CampusError> {
        let mut maps = Maps::default();
        for campus in tables {
            let buildings = campus.building.iter();
            let buildings = buildings
                .map(|building| map_of_building(&campus.name, building))
                .collect::<Result<_, _>>()?;
            maps.campuses.push(Campus { name: campus.name.clone(), buildings });
        }
        maps.validate()?;
        let mut world = Self {
            maps: Maps::default(),
            houses: Vec::new(),
            storeys: Vec::new(),
            receivers: Vec::new(),
        };
        let drawn = maps.campuses.iter().flat_map(|campus| &campus.buildings);
        let written = tables.iter().flat_map(|campus| &campus.building);
        let ids: Vec<MapId> = maps.floors().map(|floor| floor.id()).collect();
        for (building, table) in drawn.zip(written) {
            world.add(building, table, &ids)?;
        }
        world.maps = maps;
        Ok(world)
    }

    /// Adds a building; `ids` are those of all floors, in order.
    fn add(
        &mut self,
        building: &Building,
        table: &BuildingTable,
        ids: &[MapId],
    ) -> Result<(), CampusError> {
        let mut house = House { name: building.name.clone(), storeys: Vec::new() };
        for floor in &building.floors {
            let index = self.storeys.len();
            let path = format!("{}>{}", building.name, floor.name);
            let (lifts, cells, grid) = walkable(&path, floor, &table.lifts)?;
            let spots = floor.zones.iter().map(|zone| {
                let is_in = |cell: &usize| zone.outline.contains(grid.middle(*cell));
                cells.iter().copied().filter(is_in).collect::<Vec<_>>()
            });
            self.storeys.push(Storey {
                id: ids.get(index).copied().unwrap_or_default(),
                name: floor.name.clone(),
                building: self.houses.len(),
                level: floor.level,
                height_m: floor.height.0,
                walls: floor.walls.clone(),
                chokepoints: floor.chokepoints.clone(),
                spots: spots.filter(|cells| !cells.is_empty()).collect(),
                grid,
                cells,
                lifts,
            });
            house.storeys.push(index);
            let aps = floor.access_points.iter();
            self.receivers.extend(aps.map(|ap| Receiver {
                mac: ap.mac,
                storey: index,
                at: ap.at,
                height_m: ap.height.0,
                bands: ap.radios.iter().map(|radio| radio.band).collect(),
            }));
        }
        self.houses.push(house);
        Ok(())
    }
}

/// The cells of the lifts, all cells that can be reached from them, and the grid of `floor`.
///
/// Without lifts the largest connected part of the floor is taken.
fn walkable(
    path: &str,
    floor: &Floor,
    lifts: &[[f32; 2]],
) -> Result<(Vec<usize>, Vec<usize>, Grid), CampusError> {
    let grid = Grid::new(floor);
    let lift_cells = lifts.iter().map(|&[x, y]| {
        let cell = grid.cell(Point::new(x, y));
        cell.ok_or_else(|| CampusError::ConfigLift { path: path.to_owned(), x, y })
    });
    let lift_cells: Vec<usize> = lift_cells.collect::<Result<_, _>>()?;
    let cells = match lift_cells.first() {
        Some(first) => grid.reachable(*first),
        None => grid.largest_part(),
    };
    for (cell, &[x, y]) in lift_cells.iter().zip(lifts) {
        if cells.binary_search(cell).is_err() {
            return Err(CampusError::ConfigLift { path: path.to_owned(), x, y });
        }
    }
    Ok((lift_cells, cells, grid))
}

fn map_of_building(campus: &str, table: &BuildingTable) -> Result<Building, CampusError> {
    let floors = table
        .floor
        .iter()
        .map(|floor| map_of_floor(&format!("{campus}>{}>{}", table.name, floor.name), floor))
        .collect::<Result<_, _>>()?;
    Ok(Building { name: table.name.clone(), floors })
}

fn map_of_floor(path: &str, table: &FloorTable) -> Result<Floor, CampusError> {
    // Checked before anything is sized by it; the grid counts quarters of a square metre.
    let is_side = |side: f32| side > 0.0 && side <= FLOOR_SIDE_MAX.0;
    let fits = table.width * table.length * 4.0 <= CELLS_MAX as f32;
    if !is_side(table.width) || !is_side(table.length) || !fits {
        return Err(CampusError::Maps(MapError::BadLength {
            path: path.to_owned(),
            what: "the width or length (at most 250,000 m² together)",
        }));
    }
    let mut walls = Vec::new();
    for wall in &table.walls {
        cut_doors(path, wall, &mut walls)?;
    }
    let aps = table.aps.iter().enumerate();
    let zones = table
        .zones
        .iter()
        .map(|zone| Zone { name: zone.name.clone(), outline: outline(&zone.area) });
    let chokepoints = table.chokepoints.iter().map(|it| Chokepoint {
        name: it.name.clone(),
        at: Point::new(it.at[0], it.at[1]),
        range: Metres(it.range),
    });
    let regions = table
        .regions
        .iter()
        .map(|region| Region { kind: region.kind, outline: outline(&region.area) });
    let switches = table.switches.iter().map(|it| Switch {
        name: it.name.clone(),
        at: Point::new(it.at[0], it.at[1]),
        reach: Switch::usual_reach(),
        outlets: it
            .outlets
            .iter()
            .map(|it| Outlet { port: it.port.clone(), at: Point::new(it.at[0], it.at[1]) })
            .collect(),
    });
    Ok(Floor {
        height: Metres(table.height),
        access_points: aps.map(|(nth, ap)| access_point(path, nth, ap)).collect(),
        walls,
        regions: regions.collect(),
        chokepoints: chokepoints.collect(),
        switches: switches.collect(),
        zones: zones.collect(),
        ..Floor::bare(&table.name, table.level, table.width, table.length)
    })
}

/// Two corners are opposite ones of a rectangle, more are a polygon.
fn outline(area: &[[f32; 2]]) -> Polygon {
    match *area {
        [[x0, y0], [x1, y1]] => Polygon::rectangle(x0, y0, x1, y1),
        _ => Polygon { corners: area.iter().map(|&[x, y]| Point::new(x, y)).collect() },
    }
}

fn access_point(path: &str, nth: usize, table: &ApTable) -> AccessPoint {
    // Ours: 02:4d:53 (locally administered, "MS") and 24 bits of the hash of the path.
    let [.., a, b, c] = MapId::of(&format!("{path}>{}", table.name)).0.to_be_bytes();
    let radio = |band, channel, dbm| Radio { band, channel, tx_power: Dbm(dbm), antenna: None };
    let usual = || {
        vec![
            radio(Band::Ghz2_4, CHANNELS_2_4[nth % CHANNELS_2_4.len()], 11.0),
            radio(Band::Ghz5, CHANNELS_5[nth % CHANNELS_5.len()], 14.0),
            radio(Band::Ble, CHANNEL_BLE, 4.0),
        ]
    };
    AccessPoint {
        mac: table.mac.unwrap_or(Mac([0x02, 0x4d, 0x53, a, b, c])),
        name: table.name.clone(),
        at: Point::new(table.at[0], table.at[1]),
        height: Metres(table.height),
        radios: table.radios.clone().unwrap_or_else(usual),
    }
}

/// Adds the pieces of `table` that its doors leave.
fn cut_doors(path: &str, table: &WallTable, walls: &mut Vec<Wall>) -> Result<(), CampusError> {
    let ([x0, y0], [x1, y1]) = (table.from, table.to);
    let length = (x1 - x0).hypot(y1 - y0);
    let along = |metres: f32| {
        let share = metres / length.max(f32::MIN_POSITIVE);
        Point::new(x0 + share * (x1 - x0), y0 + share * (y1 - y0))
    };
    let mut doors = table.doors.clone();
    doors.sort_by(f32::total_cmp);
    let mut piece = |from: f32, to: f32| {
        if to > from {
            walls.push(Wall {
                line: Segment { from: along(from), to: along(to) },
                loss_db: table.loss_db,
            });
        }
    };
    let mut done = 0.0;
    for door in doors {
        let (opens, closes) = (door - DOOR_M / 2.0, door + DOOR_M / 2.0);
        // Written so that a coordinate that is no number fails as well.
        if !(opens >= done && closes <= length) {
            return Err(CampusError::ConfigDoor {
                path: path.to_owned(),
                from: table.from,
                to: table.to,
                door,
            });
        }
        piece(done, opens);
        done = closes;
    }
    piece(done, length);
    Ok(())
}
