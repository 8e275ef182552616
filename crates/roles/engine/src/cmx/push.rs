//! Events as CMX 10 posts them: `{"notifications": [{..}]}`, one event in each body.
//!
//! Receivers in the field read element 0 alone, and look up keys without asking whether they are
//! there (`reference/nmsp-mse-cmx.md` sections B.9, C.1 and C.2): every key is there in every event.
//! `timestamp` is when the event happened, `lastSeen` when the element was heard. What a kind adds
//! beyond the samples (`moveDistanceInFt`, `absenceDurationInMinutes`, ..) is named as MSE 8 does. An
//! event of a tag has, besides, what the tag says about itself, as lists have it, see [`tag`](super::tag).

use model::map::FloorRef;
use model::{Metres, Position};
use notify::{Event, EventKind};
use serde_json::{Value, json};

use super::shape::{
    Coordinate, Feet, GeoCoordinate, IsoTime, LOC_COMPUTE_TYPE, MaxDetectedRssi, RawLocation, band,
    ip_addresses,
};
use super::tag::TagInfo;
use crate::notifications::names;

/// `status` of an association: in the samples 3 is that of a client that has joined.
const STATUS_JOINED: u8 = 3;

/// The body of one event. `floor` is where the element is.
pub fn body(event: &Event, floor: Option<&FloorRef<'_>>) -> Value {
    let mut notification = common(event, floor);
    if let Some(all) = notification.as_object_mut() {
        if let Some(Ok(Value::Object(tag))) =
            TagInfo::of(&event.subject.element).map(serde_json::to_value)
        {
            all.extend(tag);
        }
        if let Value::Object(own) = own(&event.kind) {
            all.extend(own);
        }
    }
    json!({"notifications": [notification]})
}

fn common(event: &Event, floor: Option<&FloorRef<'_>>) -> Value {
    let element = &event.subject.element;
    let association = &element.association;
    let position = element.position.as_ref();
    let coordinate = |it: &Position| Coordinate::new(it.point, Metres(0.0));
    let confidence = |it: &Position| Feet::from(it.confidence).rounded();
    json!({
        "notificationType": names::event(&event.kind),
        "subscriptionName": &*event.definition,
        "eventId": event.id,
        "entity": element.category.entity(),
        "deviceId": element.mac,
        "macAddress": element.mac,
        "locationMapHierarchy": floor.map(FloorRef::path).unwrap_or_default(),
        "locationCoordinate": position.map(coordinate),
        "geoCoordinate": GeoCoordinate::UNKNOWN,
        "confidenceFactor": position.map_or(0, confidence),
        "rawLocation": RawLocation::UNKNOWN,
        "floorId": position.map_or(0, |it| it.floor.0),
        "floorRefId": position.map(|it| it.floor.to_string()).unwrap_or_default(),
        "apMacAddress": association.ap,
        "associated": association.associated,
        "username": association.username.as_deref().unwrap_or_default(),
        "ipAddress": ip_addresses(element),
        "ssid": association.ssid,
        "band": band(element.band),
        "lastSeen": IsoTime(element.last_seen),
        "maxDetectedRssi": MaxDetectedRssi::new(element.strongest.as_ref(), event.at),
        "locComputeType": LOC_COMPUTE_TYPE,
        "manufacturer": null,
        "tagVendorData": null,
        "sourceNotification": null,
        "sourceNotificationKey": null,
        "timestamp": event.at.0,
        "notificationTime": event.at.0.to_string(),
    })
}

/// What one kind of event says besides.
fn own(kind: &EventKind) -> Value {
    match kind {
        EventKind::Containment { area, boundary } => json!({
            "locationMapHierarchy": &**area,
            "areaType": names::area_type(area),
            "boundary": names::boundary(*boundary),
        }),
        EventKind::Movement { moved_m, trigger_m } => json!({
            "moveDistanceInFt": moved_m.map(names::feet),
            "triggerDistanceInFt": names::feet(*trigger_m),
        }),
        EventKind::Absence { absent_ms } => json!({
            "absenceDurationInMinutes": absent_ms / 60_000,
        }),
        EventKind::AreaChange { from, to } => json!({
            "locationMapHierarchy": &**to,
            "fromLocationMapHierarchy": &**from,
        }),
        EventKind::Association { associated } => json!({
            "association": associated,
            "status": if *associated { STATUS_JOINED } else { 0 },
        }),
        EventKind::Battery { level } => json!({"batteryStatus": names::battery(*level)}),
        EventKind::Emergency { reason } => json!({"emergencyReason": names::emergency(*reason)}),
        EventKind::Chokepoint { name } => json!({"chokepointName": &**name}),
        EventKind::LocationUpdate => json!({}),
        EventKind::Alert(alert) => names::alert(alert),
    }
}
