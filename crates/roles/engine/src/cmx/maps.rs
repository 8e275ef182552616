//! `/api/config/v1`: the maps and access points.

use model::Mac;
use model::map::{self, FloorRef, MapId};
use serde::Serialize;
use serde_json::json;

use super::shape::{Coordinate, Dimension, Image, band, slot};
use super::{Answer, View};

/// Every object is in its first version; CMX counts changes here.
const OBJECT_VERSION: u32 = 0;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Campus<'v> {
    object_version: u32,
    name: &'v str,
    dimension: Dimension,
    image: Option<Image>,
    building_list: Vec<Building<'v>>,
    aes_uid: u64,
    aes_uid_string: String,
    members: [u64; 0],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Building<'v> {
    object_version: u32,
    name: &'v str,
    dimension: Dimension,
    image: Option<Image>,
    floor_list: Vec<Floor<'v>>,
    aes_uid: u64,
    aes_uid_string: String,
    hierarchy_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Floor<'v> {
    object_version: u32,
    name: &'v str,
    is_outdoor: bool,
    floor_number: i16,
    floor_ref_id: String,
    dimension: Dimension,
    image: Image,
    calibration_model_id: Option<u64>,
    zones: Vec<Zone<'v>>,
    access_points: Vec<AccessPoint<'v>>,
    aes_uid: u64,
    aes_uid_string: String,
    hierarchy_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Zone<'v> {
    name: &'v str,
    zone_type: &'static str,
    zone_coordinate: Vec<Coordinate>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessPoint<'v> {
    name: &'v str,
    radio_mac_address: Mac,
    eth_mac_address: Option<Mac>,
    ip_address: Option<&'static str>,
    ap_mode: Option<&'static str>,
    num_of_slots: usize,
    map_coordinates: Coordinate,
    ap_interfaces: Vec<ApInterface>,
    floor_id_string: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ApInterface {
    band: &'static str,
    slot_number: u8,
    channel_number: u8,
    tx_power_level: i32,
}

/// Answers what comes after `/api/config/v1`.
pub(super) fn answer(segments: &[&str], view: &View<'_>) -> Option<Answer> {
    let campuses = &view.maps.campuses;
    let answer = match *segments {
        ["maps"] => {
            let campuses: Vec<_> = campuses.iter().map(Campus::new).collect();
            Answer::ok(&json!({"campuses": campuses}))
        }
        ["maps", "count"] => Answer::ok(&count(campuses)),
        ["maps", "building", "list"] => Answer::ok(&buildings(campuses, None)),
        ["maps", "building", "list", name] => Answer::ok(&buildings(campuses, Some(name))),
        ["maps", "floor", "list"] => Answer::ok(&floors(view, None)),
        ["maps", "floor", "list", name] => Answer::ok(&floors(view, Some(name))),
        ["maps", "info", name] => match campuses.iter().find(|campus| campus.name == name) {
            Some(campus) => Answer::ok(&Campus::new(campus)),
            None => Answer::not_found("such campus"),
        },
        ["maps", "info", campus, name] => {
            let campus = campuses.iter().find(|place| place.name == campus);
            let found = campus.and_then(|campus| {
                let building = campus.buildings.iter().find(|place| place.name == name)?;
                Some(Building::new(campus, building))
            });
            found.map_or_else(|| Answer::not_found("such building"), |found| Answer::ok(&found))
        }
        ["maps", "info", campus, building, name] => {
            let id = MapId::of(&format!("{campus}>{building}>{name}"));
            let found = view.places.get(&id);
            found.map_or_else(
                || Answer::not_found("such floor"),
                |place| Answer::ok(&Floor::new(place.floor)),
            )
        }
        ["aps"] => Answer::ok(&access_points(view).collect::<Vec<_>>()),
        ["aps", mac] => {
            let mac: Option<Mac> = mac.parse().ok();
            let found = access_points(view).find(|ap| Some(ap.radio_mac_address) == mac);
            found.map_or_else(|| Answer::not_found("such access point"), |ap| Answer::ok(&ap))
        }
        _ => return None,
    };
    Some(answer)
}

impl<'v> Campus<'v> {
    fn new(campus: &'v map::Campus) -> Self {
        let floors = campus.buildings.iter().flat_map(|building| &building.floors);
        let id = MapId::of(&campus.name);
        Self {
            object_version: OBJECT_VERSION,
            name: &campus.name,
            dimension: Dimension::around(floors),
            image: None,
            building_list: (campus.buildings.iter())
                .map(|building| Building::new(campus, building))
                .collect(),
            aes_uid: id.0,
            aes_uid_string: id.to_string(),
            members: [],
        }
    }
}

impl<'v> Building<'v> {
    fn new(campus: &'v map::Campus, building: &'v map::Building) -> Self {
        let hierarchy_name = format!("{}>{}", campus.name, building.name);
        let id = MapId::of(&hierarchy_name);
        let floors = building.floors.iter().map(|floor| FloorRef { campus, building, floor });
        Self {
            object_version: OBJECT_VERSION,
            name: &building.name,
            dimension: Dimension::around(building.floors.iter()),
            image: None,
            floor_list: floors.map(Floor::new).collect(),
            aes_uid: id.0,
            aes_uid_string: id.to_string(),
            hierarchy_name,
        }
    }
}

impl<'v> Floor<'v> {
    fn new(place: FloorRef<'v>) -> Self {
        let (id, floor) = (place.id(), place.floor);
        let zones = floor.zones.iter().map(|zone| Zone {
            name: &zone.name,
            zone_type: "ZONE",
            zone_coordinate: (zone.outline.corners.iter())
                .map(|corner| Coordinate::new(*corner, model::Metres(0.0)))
                .collect(),
        });
        Self {
            object_version: OBJECT_VERSION,
            name: &floor.name,
            is_outdoor: false,
            floor_number: floor.level,
            floor_ref_id: id.to_string(),
            dimension: Dimension::of_floor(floor),
            image: Image::of(floor),
            // A floor has no model of its own here: its survey calibrates it.
            calibration_model_id: None,
            zones: zones.collect(),
            access_points: (floor.access_points.iter())
                .map(|ap| AccessPoint::new(ap, id))
                .collect(),
            aes_uid: id.0,
            aes_uid_string: id.to_string(),
            hierarchy_name: place.path(),
        }
    }
}

impl<'v> AccessPoint<'v> {
    fn new(ap: &'v map::AccessPoint, floor: MapId) -> Self {
        let interfaces = ap.radios.iter().map(|radio| ApInterface {
            band: band(Some(radio.band)),
            slot_number: slot(radio.band),
            channel_number: radio.channel,
            tx_power_level: radio.tx_power.0.round() as i32,
        });
        Self {
            name: &ap.name,
            radio_mac_address: ap.mac,
            eth_mac_address: None,
            ip_address: None,
            ap_mode: None,
            num_of_slots: ap.radios.len(),
            map_coordinates: Coordinate::new(ap.at, ap.height),
            ap_interfaces: interfaces.collect(),
            floor_id_string: floor.to_string(),
        }
    }
}

/// `Campus>Building` of every building, or of those of one campus.
fn buildings(campuses: &[map::Campus], campus: Option<&str>) -> Vec<String> {
    let campuses = campuses.iter();
    campuses
        .filter(|place| campus.is_none_or(|name| place.name == name))
        .flat_map(|place| place.buildings.iter().map(move |building| (place, building)))
        .map(|(place, building)| format!("{}>{}", place.name, building.name))
        .collect()
}

/// `Campus>Building>Floor` of every floor, or of those of the buildings with one name.
fn floors(view: &View<'_>, building: Option<&str>) -> Vec<String> {
    let floors = view.maps.floors();
    floors
        .filter(|floor| building.is_none_or(|name| floor.building.name == name))
        .map(|floor| floor.path())
        .collect()
}

fn access_points<'v>(view: &'v View<'_>) -> impl Iterator<Item = AccessPoint<'v>> {
    view.maps.floors().flat_map(|place| {
        let id = place.id();
        let aps = place.floor.access_points.iter();
        aps.map(move |ap| AccessPoint::new(ap, id))
    })
}

/// How many places and access points there are, level by level.
fn count(campuses: &[map::Campus]) -> serde_json::Value {
    let of_floor =
        |floor: &map::Floor| json!({"floorName": floor.name, "apCount": floor.access_points.len()});
    let of_building = |building: &map::Building| {
        json!({
            "buildingName": building.name,
            "totalFloors": building.floors.len(),
            "floorCounts": building.floors.iter().map(of_floor).collect::<Vec<_>>(),
        })
    };
    let of_campus = |campus: &map::Campus| {
        json!({
            "campusName": campus.name,
            "totalBuildings": campus.buildings.len(),
            "buildingCounts": campus.buildings.iter().map(of_building).collect::<Vec<_>>(),
        })
    };
    let buildings = || campuses.iter().flat_map(|campus| &campus.buildings);
    let floors = || buildings().flat_map(|building| &building.floors);
    json!({
        "totalCampuses": campuses.len(),
        "totalBuildings": buildings().count(),
        "totalFloors": floors().count(),
        "totalAps": floors().map(|floor| floor.access_points.len()).sum::<usize>(),
        "campusCounts": campuses.iter().map(of_campus).collect::<Vec<_>>(),
    })
}
