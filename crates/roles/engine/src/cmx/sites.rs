//! `/api/config/v1/sites` and `version`: what else programs ask the configuration for.
//!
//! A presence site of CMX is a group of access points; here it is a campus. Both spellings of its id
//! are in the field, so both are there.

use model::map::{Campus, MapId};
use serde_json::{Value, json};

use super::{Answer, View};

/// Answers what comes after `/api/config/v1`.
pub(super) fn answer(rest: &[&str], view: &View<'_>) -> Option<Answer> {
    let campuses = || view.maps.campuses.iter();
    let answer = match rest {
        ["sites"] => Answer::ok(&campuses().map(site).collect::<Vec<_>>()),
        ["sites", asked] => {
            let id = MapId::named(asked, campuses().map(|campus| MapId::of(&campus.name)));
            let is_asked =
                |campus: &&Campus| campus.name == *asked || Some(MapId::of(&campus.name)) == id;
            let found = campuses().find(is_asked);
            found.map_or_else(|| Answer::not_found("such site"), |it| Answer::ok(&site(it)))
        }
        ["version", "image"] => {
            let release = concat!("OpenMSE-", env!("CARGO_PKG_VERSION"));
            Answer::ok(&json!({"cmx_image_version": release, "cmx_rpm_versions": []}))
        }
        _ => return None,
    };
    Some(answer)
}

fn site(campus: &Campus) -> Value {
    let id = MapId::of(&campus.name);
    let floors = || campus.buildings.iter().flat_map(|building| &building.floors);
    json!({
        "aesUId": id.0,
        "aesUid": id.0,
        "aesUidString": id.to_string(),
        "name": campus.name,
        "address": null,
        "apCount": floors().map(|floor| floor.access_points.len()).sum::<usize>(),
        "zoneCount": floors().map(|floor| floor.zones.len()).sum::<usize>(),
    })
}
