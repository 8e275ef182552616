//! Campuses, buildings and floors.

use model::map::{AccessPoint, Building, Campus, FloorRef};
use serde_json::{Value, json};

use super::Form;
use crate::cmx::shape::{self, Coordinate, Dimension};
use crate::cmx::{Answer, View};

/// Answers what comes after `/api/contextaware/v1/maps`.
pub(super) fn answer(rest: &[&str], view: &View<'_>, form: Form) -> Option<Answer> {
    let campuses = &view.maps.campuses;
    let (name, found) = match *rest {
        [] => {
            let campuses: Vec<Value> = campuses.iter().map(of_campus).collect();
            ("Maps", Some(json!({"Campus": campuses})))
        }
        ["count"] => {
            let buildings = campuses.iter().map(|campus| campus.buildings.len()).sum::<usize>();
            let aps = view.maps.floors().map(|it| it.floor.access_points.len()).sum::<usize>();
            let count = json!({
                "campuses": campuses.len(),
                "buildings": buildings,
                "floors": view.maps.floors().count(),
                "accessPoints": aps,
            });
            ("MapsCount", Some(count))
        }
        ["info", name] => {
            ("Campus", campuses.iter().find(|campus| campus.name == name).map(of_campus))
        }
        ["info", campus, name] => {
            let campus = campuses.iter().find(|place| place.name == campus);
            let found = campus.and_then(|campus| {
                let building = campus.buildings.iter().find(|place| place.name == name)?;
                Some(of_building(campus, building))
            });
            ("Building", found)
        }
        ["info", campus, building, name] => {
            let found = view.maps.floors().find(|it| {
                it.campus.name == campus && it.building.name == building && it.floor.name == name
            });
            ("Floor", found.map(of_floor))
        }
        _ => return None,
    };
    Some(match found {
        Some(found) => form.answer(200, &json!({name: found})),
        None => form.error(404, &format!("there is no such {}", name.to_lowercase())),
    })
}

fn of_campus(campus: &Campus) -> Value {
    let floors = campus.buildings.iter().flat_map(|building| &building.floors);
    let buildings: Vec<Value> =
        campus.buildings.iter().map(|building| of_building(campus, building)).collect();
    json!({
        "name": campus.name,
        "Dimension": Dimension::around(floors),
        "Building": buildings,
    })
}

fn of_building(campus: &Campus, building: &Building) -> Value {
    let floors: Vec<Value> = building
        .floors
        .iter()
        .map(|floor| of_floor(FloorRef { campus, building, floor }))
        .collect();
    json!({
        "name": building.name,
        "Dimension": Dimension::around(building.floors.iter()),
        "Floor": floors,
    })
}

fn of_floor(place: FloorRef<'_>) -> Value {
    let floor = place.floor;
    let zone = |zone: &model::map::Zone| {
        let corners: Vec<Value> = zone
            .outline
            .corners
            .iter()
            .map(|corner| Coordinate::new(*corner, model::Metres(0.0)).flat())
            .collect();
        json!({"name": zone.name, "zoneType": "COVERAGE_AREA", "ZoneCoordinate": corners})
    };
    json!({
        "name": floor.name,
        "floorNumber": floor.level,
        "isOutdoor": false,
        "floorRefId": place.id().to_string(),
        "hierarchyName": place.path(),
        "Dimension": Dimension::of_floor(floor),
        "Image": {"imageName": floor.image.as_ref().map(shape::image_name)},
        "AccessPoint": floor.access_points.iter().map(of_access_point).collect::<Vec<_>>(),
        "Zone": floor.zones.iter().map(zone).collect::<Vec<_>>(),
    })
}

fn of_access_point(ap: &AccessPoint) -> Value {
    let interface = |radio: &model::map::Radio| {
        json!({
            "band": shape::band(Some(radio.band)),
            "slotNumber": shape::slot(radio.band),
            "channelNumber": radio.channel,
            "txPowerLevel": radio.tx_power.0.round() as i32,
        })
    };
    json!({
        "name": ap.name,
        "radioMacAddress": ap.mac,
        "numOfSlots": ap.radios.len(),
        "MapCoordinate": Coordinate::new(ap.at, ap.height).flat(),
        "ApInterface": ap.radios.iter().map(interface).collect::<Vec<_>>(),
    })
}
