//! Events as MSE 8 posts them in JSON, and as MSE 7 did in XML.
//!
//! `{"StreamingNotification": {.., "location": {..}}}` for positions, `{"ContainmentEvent": {..}}` and
//! the like for events (`reference/nmsp-mse-cmx.md` section B.8); `<ContainmentTrackEvent ../>` and
//! the like in XML, with `<NorthboundNotificationEvent>` for the position of a tag (section B.6; that it
//! stands for positions is our reading). The names of what MSE 8 has no sample of are formed alike, and ours.
//! In XML `state` is `clear` for an element that left an area or the network and for an incident that is
//! over, and `set` otherwise.

use model::map::FloorRef;
use model::{Category, Metres, Position, Time};
use notify::{Alert, Boundary, Event, EventKind, Phase};
use serde_json::{Map, Value, json};

use super::xml;
use crate::cmx::shape::{self, Coordinate, Dimension, Feet, GeoCoordinate, IsoTime};
use crate::cmx::tag::TagInfo;
use crate::notifications::names;

/// What events of MSE 7 do not have (section B.8).
const ONLY_IN_8: [&str; 3] = ["confidenceFactor", "mseUdi", "floorRefId"];

/// The body of one event. `sender` stands for the UDI of an MSE.
pub fn json(event: &Event, floor: Option<&FloorRef<'_>>, sender: &str) -> Value {
    let (name, own) = own(event, floor);
    let mut body = common(event, sender);
    if let (Some(all), Some(own)) = (body.as_object_mut(), own.as_object()) {
        all.extend(own.clone());
    }
    json!({name: body})
}

/// Makes a body of [`json()`] one of MSE 7: events have less there, and its latitude is misspelt (section
/// B.8).
pub fn make_older(body: &mut Value) {
    let Some(event) = body.as_object_mut().and_then(|body| body.values_mut().next()) else {
        return;
    };
    let Some(event) = event.as_object_mut() else { return };
    misspell(event);
    match event.get_mut("location").and_then(Value::as_object_mut) {
        Some(location) => misspell(location),
        None => event.retain(|key, _| !ONLY_IN_8.contains(&key.as_str())),
    }
}

fn misspell(object: &mut Map<String, Value>) {
    let geo = object.get_mut("geoCoordinate").and_then(Value::as_object_mut);
    if let Some(geo) = geo
        && let Some(latitude) = geo.remove("latitude")
    {
        geo.insert("lattitude".to_owned(), latitude);
    }
}

/// The document of one event.
pub fn xml(event: &Event, floor: Option<&FloorRef<'_>>) -> String {
    let element = &event.subject.element;
    let (name, own) = own_xml(event, floor);
    let is_clear = match &event.kind {
        EventKind::Containment { boundary: Boundary::Outside, .. }
        | EventKind::Association { associated: false } => true,
        EventKind::Alert(alert) => {
            matches!(&**alert, Alert::Incident(it) if it.phase == Phase::Closed)
        }
        _ => false,
    };
    let mut attributes = json!({
        "state": if is_clear { "clear" } else { "set" },
        "trackDefn": &*event.definition,
        "entityType": entity_type(element.category),
        "entityID": element.mac,
        "timestamp": IsoTime(event.at),
    });
    if let (Some(all), Some(own)) = (attributes.as_object_mut(), own.as_object()) {
        all.extend(own.clone());
    }
    String::from_utf8_lossy(&xml::write(&json!({name: attributes}))).into_owned()
}

fn common(event: &Event, sender: &str) -> Value {
    let element = &event.subject.element;
    let position = element.position.as_ref();
    let coordinate = |it: &Position| Coordinate::new(it.point, Metres(0.0)).flat();
    json!({
        "subscriptionName": &*event.definition,
        "entity": element.category.entity(),
        "deviceId": element.mac,
        "mseUdi": sender,
        "confidenceFactor": position.map_or(0, |it| Feet::from(it.confidence).rounded()),
        "locationCoordinate": position.map(coordinate),
        "geoCoordinate": GeoCoordinate::UNKNOWN,
        "floorRefId": position.map(|it| it.floor.to_string()).unwrap_or_default(),
        "timestamp": IsoTime(event.at),
        "timestampMillis": event.at.0,
    })
}

/// The name of an event, and what it says besides.
fn own(event: &Event, floor: Option<&FloorRef<'_>>) -> (&'static str, Value) {
    let element = &event.subject.element;
    let path = floor.map(FloorRef::path).unwrap_or_default();
    match &event.kind {
        EventKind::Containment { area, boundary } => (
            "ContainmentEvent",
            json!({
                "boundary": names::boundary(*boundary),
                "areaType": names::area_type(area),
                "containerHierarchy": &**area,
            }),
        ),
        EventKind::Movement { moved_m, .. } => (
            "MovementEvent",
            json!({
                "moveDistanceInFt": moved_m.map(names::feet),
                "referenceMarkerName": null,
                "locationMapHierarchy": path,
            }),
        ),
        EventKind::Absence { absent_ms } => (
            "AbsenceEvent",
            json!({
                "locationMapHierarchy": path,
                "absenceDurationInMinutes": absent_ms / 60_000,
                "lastSeen": IsoTime(element.last_seen),
            }),
        ),
        EventKind::AreaChange { from, to } => {
            ("AreaChangeEvent", json!({"fromMapHierarchy": &**from, "locationMapHierarchy": &**to}))
        }
        EventKind::Association { associated } => (
            "AssociationEvent",
            json!({
                "association": associated,
                "ssId": element.association.ssid.as_deref().unwrap_or_default(),
                "userName": element.association.username.as_deref().unwrap_or_default(),
                "ipAddress": shape::ip_addresses(element),
                "apMacAddress": element.association.ap.map(|ap| ap.to_string()).unwrap_or_default(),
                "locationMapHierarchy": path,
            }),
        ),
        EventKind::Battery { level } => (
            "BatteryLifeEvent",
            json!({"batteryStatus": names::battery(*level), "locationMapHierarchy": path}),
        ),
        EventKind::Emergency { reason } => (
            "EmergencyEvent",
            json!({"emergencyReason": names::emergency(*reason), "locationMapHierarchy": path}),
        ),
        EventKind::Chokepoint { name } => {
            ("ChokepointEvent", json!({"chokepointName": &**name, "locationMapHierarchy": path}))
        }
        EventKind::LocationUpdate => {
            ("StreamingNotification", json!({"location": location(event, floor)}))
        }
        EventKind::Alert(alert) => {
            let mut own = names::alert(alert);
            if let Some(all) = own.as_object_mut() {
                all.insert("locationMapHierarchy".to_owned(), path.into());
            }
            let name = match **alert {
                Alert::Incident(_) => "IncidentEvent",
                Alert::Rogue { .. } => "RogueEvent",
                Alert::SensorSilent { .. } => "SensorSilentEvent",
            };
            (name, own)
        }
    }
}

/// Where an element is, in the shape of a location with the map spelt as pushes have it.
fn location(event: &Event, floor: Option<&FloorRef<'_>>) -> Value {
    let element = &event.subject.element;
    let association = &element.association;
    let position = element.position.as_ref();
    let located_at = position.map_or(Time(0), |it| it.at);
    json!({
        "macAddress": element.mac,
        "currentlyTracked": true,
        "confidenceFactor": position.map_or(0, |it| Feet::from(it.confidence).rounded()),
        "userName": association.username.as_deref().unwrap_or_default(),
        "ssId": association.ssid.as_deref().unwrap_or_default(),
        "band": shape::band(element.band),
        "apMacAddress": association.ap.map(|ap| ap.to_string()).unwrap_or_default(),
        "dot11Status": if association.associated { "ASSOCIATED" } else { "PROBING" },
        "guestUser": false,
        "ipAddress": shape::ip_addresses(element),
        "MapInfo": floor.map(|it| json!({
            "mapHierarchyString": it.path(),
            "floorRefId": it.id().to_string(),
            "Dimension": Dimension::of_floor(it.floor),
            "Image": {"imageName": it.floor.image.as_ref().map(shape::image_name)},
        })),
        "MapCoordinate": position.map(|it| Coordinate::new(it.point, Metres(0.0)).flat()),
        "Statistics": {
            "currentServerTime": IsoTime(event.at),
            "firstLocatedTime": IsoTime(element.first_seen),
            "lastLocatedTime": IsoTime(located_at),
        },
        "geoCoordinate": GeoCoordinate::UNKNOWN,
    })
}

fn own_xml(event: &Event, floor: Option<&FloorRef<'_>>) -> (&'static str, Value) {
    let element = &event.subject.element;
    let seen = IsoTime(element.last_seen);
    let path = floor.map(FloorRef::path).unwrap_or_default();
    match &event.kind {
        EventKind::Containment { area, boundary } => (
            "ContainmentTrackEvent",
            json!({
                "boundary": names::boundary(*boundary),
                "containerType": names::area_type(area),
                "containerID": &**area,
            }),
        ),
        EventKind::Movement { moved_m, trigger_m } => (
            "MovementTrackEvent",
            json!({
                "distance": moved_m.map(names::feet),
                "triggerDistance": names::feet(*trigger_m),
            }),
        ),
        EventKind::Absence { absent_ms } => {
            ("AbsenceTrackEvent", json!({"lastSeen": seen, "absenceInMinutes": absent_ms / 60_000}))
        }
        EventKind::AreaChange { from, to } => {
            ("AreaChangeTrackEvent", json!({"from": &**from, "to": &**to}))
        }
        EventKind::Association { associated } => {
            ("AssociationTrackEvent", json!({"associated": associated}))
        }
        EventKind::Battery { level } => (
            "BatteryLifeTrackEvent",
            json!({"batteryStatus": names::battery(*level), "lastSeen": seen}),
        ),
        EventKind::Emergency { reason } => {
            ("EmergencyTrackEvent", json!({"reason": names::emergency(*reason), "isActive": true}))
        }
        EventKind::Chokepoint { name } => {
            ("ChokepointTrackEvent", json!({"chokepointName": &**name}))
        }
        EventKind::LocationUpdate if element.category == Category::Tag => {
            ("NorthboundNotificationEvent", json!({"AesTagLocation": tag_location(event, floor)}))
        }
        EventKind::LocationUpdate => {
            let at = element.position.as_ref().map(|it| Coordinate::new(it.point, Metres(0.0)));
            let at = at.map(Coordinate::flat).unwrap_or_default();
            ("UpdateTrackEvent", json!({"x": at["x"], "y": at["y"], "floor": path}))
        }
        EventKind::Alert(alert) => {
            let mut own = names::alert(alert);
            if let Some(kinds) = own.get_mut("attackKinds") {
                // An attribute is one text.
                let words = kinds.as_array().into_iter().flatten().filter_map(Value::as_str);
                *kinds = words.collect::<Vec<_>>().join(" ").into();
            }
            let name = match **alert {
                Alert::Incident(_) => "IncidentTrackEvent",
                Alert::Rogue { .. } => "RogueTrackEvent",
                Alert::SensorSilent { .. } => "SensorSilentTrackEvent",
            };
            (name, own)
        }
    }
}

/// Where a tag is and what it says about itself, as MSE 7 tells it. What is not known is left out.
fn tag_location(event: &Event, floor: Option<&FloorRef<'_>>) -> Value {
    let element = &event.subject.element;
    let position = element.position.as_ref();
    let at = position.map(|it| Coordinate::new(it.point, Metres(0.0)).flat()).unwrap_or_default();
    let said = serde_json::to_value(TagInfo::of(element)).unwrap_or_default();
    let names = floor.map(|it| [&it.campus.name, &it.building.name, &it.floor.name]);
    json!({
        "macAddress": element.mac,
        "x": at["x"],
        "y": at["y"],
        "floorId": position.map(|it| it.floor.to_string()),
        "simpleHierarchy": floor.map(FloorRef::path),
        "confidenceFactor": position.map(|it| Feet::from(it.confidence).rounded()),
        "changedOn": position.map(|it| IsoTime(it.at)),
        "minLastHeardSecs": event.at.since_ms(element.last_seen) / 1_000,
        "calcFloorId": said["calcFloorId"],
        "calcX": said["calcX"],
        "calcY": said["calcY"],
        "chokepointEncounterTime": said["chokepointEncounterTime"],
        "floorHierarchy": {"elem": names},
        "info": {"AesTag": {
            "macAddress": element.mac,
            "batteryInfo": {"AesBatteryInfo": said["batteryInfo"]},
            "telemetryList": {"AesTelemetry": said["telemetryList"]},
        }},
    })
}

/// The word of MSE 7 for a category; the last two are ours.
fn entity_type(category: Category) -> &'static str {
    match category {
        Category::WirelessClient => "Mobile Station",
        Category::Tag => "Tag",
        Category::RogueAp => "Rogue AP",
        Category::RogueClient => "Rogue Client",
        Category::Interferer => "Interferer",
        Category::WiredClient => "Wired Client",
    }
}
