//! The CMX 10 API, as JSON that programs written for CMX read without a change.
//!
//! Pure: [`answer`] turns a path, a query, the maps and the elements into a status and a body.
//! Listening, logging in (`WWW-Authenticate: Basic`) and images of maps are not done here.
//!
//! # What is spoken
//!
//! The shapes are from `reference/nmsp-mse-cmx.md` section B.9 (and the public samples that it names),
//! the tolerance from section C.2.
//!
//! | path (GET) | answer |
//! |---|---|
//! | `/api/location/v1\|v2/{clients,tags,rogueaps,rogueclients,interferers}` | array of [`v2::Client`]; 204 when empty |
//! | `.../{mac, address or user}` | one [`v2::Client`]; 204 when there is none |
//! | `.../count` | `{"count": n}` |
//! | `/api/location/v3/{clients,..}` | array of [`v3::LocationUpdate`]; `[]` when empty |
//! | `/api/location/v3/{clients,..}/count` | `{"totalCount", "associatedCount", "probingCount"}` |
//! | `/api/location/v1/clients/count/byzone[/detail?zoneId=]` | `{"ZoneCounts": ..}`, or who is in a zone |
//! | `/api/location/v1/historylite/{clients,byipaddress,byusername}/{..}[?date=]` | [`history`]: `{"Macaddress", "Count", "Data": [..]}` |
//! | `/api/location/v1/history/clients[/{mac, address}][?date=]` | [`history::records`]: clients as they were |
//! | `/api/location/v1/history/uniqueclientsbyhierarchy?hierarchy=&date=` | `{"macaddresses": [..]}` of a day |
//! | `/api/location/v1/compliance/clientcompliance/floor/{mac}` | `Campus>Building>Floor` as plain text |
//! | `/api/analytics/v1/now/{connectedDetected,clientCount}` | counts, in all and by floor |
//! | `/api/analytics/v1/summary` | the figures of the day, as `kpisummary` of presence; the shape is ours |
//! | `/api/config/v1/sites[/{id or name}]` | the campuses |
//! | `/api/config/v1/zoneCountParams/1`, also by PUT | every zone: all are counted |
//! | `/api/config/v1/heterarchy/allUserLevels` | every place, level by level |
//! | `/api/config/v1/heterarchy/{campus}[/{building}]/childrenfloors` | the floors there |
//! | `/api/configuration/v1/attributes` | what conditions of subscriptions are made of |
//! | `/api/config/v1/version/image` | the release |
//! | `/api/config/v1/maps` | `{"campuses": [..]}` |
//! | `/api/config/v1/maps/count` | places and access points, counted level by level |
//! | `/api/config/v1/maps/building/list[/{campus}]` | array of `Campus>Building` |
//! | `/api/config/v1/maps/floor/list[/{building}]` | array of `Campus>Building>Floor` |
//! | `/api/config/v1/maps/info/{campus}[/{building}[/{floor}]]` | that place with all in it |
//! | `/api/config/v1/aps[/{mac}]` | access points, or one |
//!
//! Every key of the samples is always present, `null` where nothing is known. Coordinates are feet
//! from the top left corner. A missing raw position is -999; a missing geographic position is `null`
//! in v1 and v2 and -999 in v3, as in the samples. Times are `2018-07-06T16:04:10.486+0000`, or
//! milliseconds since 1970 where the key says so. 64-bit ids come as number and as text.
//!
//! # What is ours
//!
//! - Only elements that are on a floor of the maps are listed and counted: clients of CMX rely on
//!   `mapInfo` and `mapCoordinate`.
//! - A presence site is a campus.
//! - `/history/clients` has at most 20 positions of each client, and 5,000 in all.
//! - The history has no network name and no user: those of today stand for them.
//! - Unknown texts: `userName` and `username` are `""` as in the samples, `ssId`, `ssid` and
//!   `apMacAddress` are `null`. Without an address `ipAddress` is `null` in v1 and v2 and `[]` in v3:
//!   clients of each rely on it.
//! - A floor without a plan has an `image` without name and with zeros. `mapHierarchyDetails`,
//!   `locComputeType` and `calibrationModelId` are read by programs of the field.
//! - `tagList` names the zones that hold the element. `areaGlobalIdList` is empty.
//! - 6 GHz and BLE have no word in CMX 10: their band is `UNKNOWN`.
//! - `eventId` is 0; `subscriptionName`, `sourceNotification` and `sourceNotificationKey` are `null`,
//!   because nobody subscribed to what was asked for.
//! - v3 of others than clients: the shape of clients, with their own `entity`, and neither associated
//!   nor probing.
//! - A tag has, besides, what it says about itself, see [`tag`].
//! - `txPowerLevel` is dBm; size and position of campus and building are those of their floors.
//! - v1 and v2 answer 400 with the body of v3 when a value cannot be understood.

#![expect(clippy::struct_field_names, reason = "fields are named as the keys of CMX")]

use std::collections::BTreeMap;

use model::map::{FloorRef, MapId, Maps};
use model::{Category, Element, Position, Time};
use serde::Serialize;
use serde_json::json;

mod heterarchy;
pub mod history;
pub mod maps;
mod now;
pub mod path;
pub mod push;
pub mod query;
pub mod shape;
mod sites;
pub mod subscription;
pub mod tag;
pub mod v2;
pub mod v3;
mod zones;

use query::{V2Query, V3Query};

/// What CMX says of its JSON.
const JSON: &str = "application/json;charset=UTF-8";
const TEXT: &str = "text/plain;charset=UTF-8";

/// What answers are made from, besides the elements.
#[derive(Debug)]
pub struct View<'a> {
    pub(crate) maps: &'a Maps,
    places: BTreeMap<MapId, Place<'a>>,
    pub(crate) now: Time,
    missing_after_ms: u64,
}

/// A floor with its hierarchy path.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) floor: FloorRef<'a>,
    pub(crate) path: String,
}

/// An element that is on a floor of the maps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located<'a> {
    pub(crate) element: &'a Element,
    pub(crate) position: &'a Position,
    pub(crate) place: &'a Place<'a>,
}

/// What is sent back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status: 200, 204, 400 or 404.
    pub status: u16,
    /// What the body is.
    pub media_type: &'static str,
    /// The body; empty with 204.
    pub body: Vec<u8>,
}

impl<'a> View<'a> {
    /// A view of the maps at a time. An element that was not heard for `missing_after_ms` is no longer
    /// tracked.
    pub fn new(maps: &'a Maps, now: Time, missing_after_ms: u64) -> Self {
        let places = maps.floors().map(|floor| {
            let path = floor.path();
            (MapId::of(&path), Place { floor, path })
        });
        Self { maps, places: places.collect(), now, missing_after_ms }
    }

    /// Whether an element was heard lately.
    pub(crate) fn is_tracked(&self, element: &Element) -> bool {
        self.now.since_ms(element.last_seen) <= self.missing_after_ms
    }

    pub(crate) fn locate<'v>(&'v self, element: &'v Element) -> Option<Located<'v>> {
        let position = element.position.as_ref()?;
        let place = self.places.get(&position.floor)?;
        Some(Located { element, position, place })
    }
}

impl Answer {
    pub(crate) fn ok(body: &impl Serialize) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn nothing() -> Self {
        Self { status: 204, media_type: JSON, body: Vec::new() }
    }

    fn text(body: &str) -> Self {
        Self { status: 200, media_type: TEXT, body: body.as_bytes().into() }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        let message = format!("There is no {what}");
        Self::json(404, &json!({"success": false, "error": {"message": message}}))
    }

    pub(crate) fn bad_query(error: &impl std::error::Error) -> Self {
        let message = error.to_string();
        Self::json(400, &json!({"success": false, "error": {"message": message}}))
    }

    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self { status, media_type: JSON, body },
            // Our shapes have text keys and finite numbers only; should that change, say so.
            Err(_) => Self { status: 500, media_type: JSON, body: Vec::new() },
        }
    }
}

/// Answers a GET of `path` with the part of the URL after `?`, both as they came, encoded.
/// None when the path is not one of those above.
pub fn answer<'v>(
    path: &str,
    query: &str,
    view: &'v View<'_>,
    elements: impl IntoIterator<Item = &'v Element>,
) -> Option<Answer> {
    let segments = path::segments(path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let pairs = query::pairs(query);
    let of = |category| {
        elements
            .into_iter()
            .filter(move |element| element.category == category)
            .filter_map(|element| view.locate(element))
    };
    let answered = match segments[..] {
        ["api", "location", "v1" | "v2", kind] => {
            let located = of(category_of(kind)?);
            V2Query::parse(&pairs).map(|query| v2_list(v2::select(located, &query), view))
        }
        ["api", "location", "v1" | "v2", kind, "count"] => {
            let located = of(category_of(kind)?);
            V2Query::parse(&pairs)
                .map(|query| Answer::ok(&json!({"count": v2::count(located, &query)})))
        }
        // All that are listed are active.
        ["api", "location", "v1" | "v2", "clients", "active"] => {
            let located = of(Category::WirelessClient);
            V2Query::parse(&pairs).map(|query| v2_list(v2::select(located, &query), view))
        }
        ["api", "location", "v1" | "v2", kind, id] => {
            let located = of(category_of(kind)?);
            let found = v2::select(located, &V2Query::of_device(id));
            Ok(found.first().map_or_else(Answer::nothing, |located| {
                Answer::ok(&v2::Client::new(*located, view))
            }))
        }
        ["api", "location", "v3", kind] => {
            let located = of(category_of(kind)?);
            V3Query::parse(&pairs).map(|query| {
                let found = v3::select(located, &query);
                let all = found.map(|located| v3::LocationUpdate::new(located, view));
                Answer::ok(&all.collect::<Vec<_>>())
            })
        }
        ["api", "location", "v3", kind, "count"] => {
            let located = of(category_of(kind)?);
            V3Query::parse(&pairs)
                .map(|query| Answer::ok(&v3::Count::of(v3::select(located, &query))))
        }
        ["api", "location", "v1", "clients", "count", "byzone", ref rest @ ..] => {
            return zones::count(rest, &pairs, of(Category::WirelessClient), view);
        }
        ["api", "location", "v1", "compliance", "clientcompliance", "floor", id] => {
            let found = v2::select(of(Category::WirelessClient), &V2Query::of_device(id));
            Ok(found.first().map_or_else(Answer::nothing, |it| Answer::text(&it.place.path)))
        }
        ["api", "analytics", "v1", "now", what] => {
            return now::answer(what, of(Category::WirelessClient), view);
        }
        ["api", "configuration", "v1", "attributes"] => {
            return Some(Answer::ok(&subscription::attributes()));
        }
        ["api", "config", "v1", ref rest @ ..] => {
            return maps::answer(rest, view)
                .or_else(|| zones::parameters(rest, view))
                .or_else(|| heterarchy::answer(rest, view))
                .or_else(|| sites::answer(rest, view));
        }
        _ => return None,
    };
    Some(answered.unwrap_or_else(|error| Answer::bad_query(&error)))
}

fn v2_list(found: Vec<Located<'_>>, view: &View<'_>) -> Answer {
    if found.is_empty() {
        return Answer::nothing();
    }
    let clients: Vec<_> = found.into_iter().map(|located| v2::Client::new(located, view)).collect();
    Answer::ok(&clients)
}

/// The category of a word in a path of CMX, which has no wired clients.
fn category_of(word: &str) -> Option<Category> {
    word.parse().ok().filter(|category| *category != Category::WiredClient)
}

#[cfg(test)]
mod tests;
