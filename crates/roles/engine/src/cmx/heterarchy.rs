//! `/api/config/v1/heterarchy`: the places of the maps, level by level.
//!
//! Programs of the field look for the level by its place (0 is campuses, 3 is zones) or by its
//! `originalName`, and read `id`, `name` and `ancestors` of its children: the names from the campus on.
//! The shape of `childrenfloors` is not public: ours is a list of such children.

use model::map::{FloorRef, MapId};
use serde_json::{Value, json};

use super::{Answer, View};

/// The levels, as CMX calls them.
const LEVELS: [&str; 4] = ["Campus", "Building", "Floor", "Zone"];

/// Answers what comes after `/api/config/v1`.
pub(super) fn answer(rest: &[&str], view: &View<'_>) -> Option<Answer> {
    match rest {
        ["heterarchy", "allUserLevels"] => {
            let places = places(view);
            let level = |(number, name): (usize, &&str)| {
                let children = places.iter().filter(|path| path.len() == number + 1);
                json!({
                    "name": name,
                    "originalName": name,
                    "level": number,
                    "children": children.map(|path| child(path)).collect::<Vec<_>>(),
                })
            };
            let levels: Vec<Value> = LEVELS.iter().enumerate().map(level).collect();
            Some(Answer::ok(&json!({"userLevels": levels})))
        }
        ["heterarchy", above @ .., "childrenfloors"] => {
            let above = above.join(">");
            let is_asked = |id: &str, path: &str| above == path || above == id;
            let holds = |floor: &FloorRef<'_>| {
                let path = floor.path();
                let ends = path.match_indices('>').map(|(at, _)| at);
                ends.map(|at| &path[..at]).any(|it| is_asked(&MapId::of(it).to_string(), it))
            };
            let floors = view.maps.floors().filter(holds);
            let floors: Vec<Value> = floors.map(|floor| child(&names(&floor))).collect();
            if floors.is_empty() {
                return Some(Answer::not_found("such campus or building, or it has no floors"));
            }
            Some(Answer::ok(&floors))
        }
        _ => None,
    }
}

/// Every place as its path.
fn places<'v>(view: &View<'v>) -> Vec<Vec<&'v str>> {
    let mut places = Vec::new();
    for campus in &view.maps.campuses {
        places.push(vec![campus.name.as_str()]);
        for building in &campus.buildings {
            places.push(vec![campus.name.as_str(), building.name.as_str()]);
            for floor in &building.floors {
                let path = vec![campus.name.as_str(), building.name.as_str(), floor.name.as_str()];
                let zones = floor.zones.iter().map(|zone| [&path[..], &[&zone.name]].concat());
                let zones: Vec<_> = zones.collect();
                places.push(path);
                places.extend(zones);
            }
        }
    }
    places
}

fn names<'v>(floor: &FloorRef<'v>) -> [&'v str; 3] {
    [&floor.campus.name, &floor.building.name, &floor.floor.name]
}

fn child(path: &[&str]) -> Value {
    let (name, ancestors) = path.split_last().unwrap_or((&"", &[]));
    json!({"id": MapId::of(&path.join(">")).to_string(), "name": name, "ancestors": ancestors})
}
