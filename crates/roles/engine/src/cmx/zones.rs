//! `clients/count/byzone` and `zoneCountParams`: how many clients are in each zone.
//!
//! CMX counts the zones that were registered. Every zone is counted here, so there is nothing to
//! register: the parameters name all zones, also to a program that has just registered some.

use model::map::{FloorRef, MapId};
use serde_json::{Value, json};

use super::query::QueryError;
use super::{Answer, Located, View};

/// One zone of the maps.
struct Zone<'v> {
    name: &'v str,
    path: String,
    id: MapId,
    floor: FloorRef<'v>,
    /// Its place among the zones of the floor.
    number: usize,
}

/// Answers what comes after `/api/location/v1/clients/count/byzone`.
pub(super) fn count<'v>(
    rest: &[&str],
    pairs: &[(String, String)],
    clients: impl Iterator<Item = Located<'v>>,
    view: &View<'_>,
) -> Option<Answer> {
    let clients: Vec<Located<'v>> = clients.collect();
    let zones = zones(view);
    match rest {
        [] => {
            let counts: Vec<Value> = zones
                .iter()
                .map(|zone| {
                    json!({
                        "zoneName": zone.name,
                        "zoneId": zone.id.to_string(),
                        // `Campus/Building/Floor/Zone`: programs of the field split it, and drop what
                        // comes first.
                        "hierarchy": zone.path.replace('>', "/"),
                        "zoneCount": clients.iter().filter(|client| zone.holds(client)).count(),
                    })
                })
                .collect();
            let body = json!({"ZoneCounts": {"totalZones": counts.len(), "zoneCountList": counts}});
            Some(Answer::ok(&body))
        }
        ["detail"] => {
            let asked = pairs.iter().find(|(key, _)| key == "zoneId").map(|(_, value)| value);
            let Some(asked) = asked else {
                return Some(Answer::bad_query(&QueryError::PeerBadValue {
                    key: "zoneId",
                    value: String::new(),
                    allowed: "the id of a zone",
                }));
            };
            let id = MapId::named(asked, zones.iter().map(|zone| zone.id));
            let is_asked = |zone: &&Zone<'_>| Some(zone.id) == id || zone.path == *asked;
            let Some(zone) = zones.iter().find(is_asked) else {
                return Some(Answer::not_found("such zone"));
            };
            let there = clients.iter().filter(|client| zone.holds(client));
            let macs: Vec<_> = there.map(|client| client.element.mac).collect();
            Some(Answer::ok(&json!({
                "zoneName": zone.name,
                "zoneId": zone.id.to_string(),
                "zoneCount": macs.len(),
                "macAddresses": macs,
            })))
        }
        _ => None,
    }
}

/// Answers `/api/config/v1/zoneCountParams/1`.
pub(super) fn parameters(rest: &[&str], view: &View<'_>) -> Option<Answer> {
    let ["zoneCountParams", "1"] = rest else { return None };
    let zones = zones(view);
    let details: Vec<Value> = zones
        .iter()
        .map(|zone| {
            json!({
                "id": zone.id.to_string(),
                "name": zone.name,
                "hierarchy": zone.path,
                "active": true,
            })
        })
        .collect();
    Some(Answer::ok(&json!({
        "name": "ZoneCountParams",
        "zoneHierarchy": zones.iter().map(|zone| zone.path.as_str()).collect::<Vec<_>>(),
        "zoneIds": zones.iter().map(|zone| zone.id.to_string()).collect::<Vec<_>>(),
        "zoneDetails": details,
        "totalZones": zones.len(),
        "debug": false,
    })))
}

impl Zone<'_> {
    fn holds(&self, client: &Located<'_>) -> bool {
        let zone = self.floor.floor.zones.get(self.number);
        client.position.floor == self.floor.id()
            && zone.is_some_and(|zone| zone.outline.contains(client.position.point))
    }
}

fn zones<'v>(view: &'v View<'_>) -> Vec<Zone<'v>> {
    let of_floor = |floor: FloorRef<'v>| {
        let place = floor.path();
        floor.floor.zones.iter().enumerate().map(move |(number, zone)| {
            let path = format!("{place}>{}", zone.name);
            Zone { name: &zone.name, id: MapId::of(&path), path, floor, number }
        })
    };
    view.maps.floors().flat_map(of_floor).collect()
}
