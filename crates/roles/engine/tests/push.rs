//! What receivers are sent, against golden files: `tests/push/<event>.{cmx.json,mse8.json,xml,txt}`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p engine --test push` rewrites them; read the difference before keeping
//! it.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test may panic, and uses a part of the fixture"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use engine::notifications::body::message;
use engine::site::Site;
use model::{BatteryLevel, Emergency};
use notify::{Boundary, Event, EventKind, Format, Place, Receiver, Subject, Transport, Trust};
use serde_json::Value;

#[path = "cmx/fixture.rs"]
mod fixture;

const FLOOR: &str = "System Campus>Main>Ground";
const LOBBY: &str = "System Campus>Main>Ground>Lobby";
/// The client that is associated, that which has no position, and the tag.
const ASSOCIATED: usize = 1;
const UNLOCATED: usize = 2;
const TAG: usize = 3;

/// Every kind of event, with its name and whom it is about.
fn events() -> Vec<(&'static str, usize, EventKind)> {
    let containment = |boundary| EventKind::Containment { area: LOBBY.into(), boundary };
    vec![
        ("inside", ASSOCIATED, containment(Boundary::Inside)),
        ("outside", ASSOCIATED, containment(Boundary::Outside)),
        ("movement", ASSOCIATED, EventKind::Movement { moved_m: Some(12.3), trigger_m: 10.0 }),
        ("floor_change", ASSOCIATED, EventKind::Movement { moved_m: None, trigger_m: 10.0 }),
        ("absence", TAG, EventKind::Absence { absent_ms: 300_000 }),
        ("absence_of_nobody_knows_where", UNLOCATED, EventKind::Absence { absent_ms: 300_000 }),
        ("area_change", ASSOCIATED, EventKind::AreaChange { from: FLOOR.into(), to: LOBBY.into() }),
        ("joined", ASSOCIATED, EventKind::Association { associated: true }),
        ("battery", TAG, EventKind::Battery { level: BatteryLevel::Low }),
        ("emergency", TAG, EventKind::Emergency { reason: Emergency::PanicButton }),
        ("chokepoint", TAG, EventKind::Chokepoint { name: "Gate <1>".into() }),
        ("location_update", ASSOCIATED, EventKind::LocationUpdate),
        ("tag_update", TAG, EventKind::LocationUpdate),
    ]
}

fn event(about: usize, kind: EventKind) -> Event {
    let element = fixture::elements().swap_remove(about);
    let place = Place { floor: FLOOR.into(), zones: Vec::new() };
    let place = element.position.map(|_| place);
    Event {
        id: 7,
        definition: "watch".into(),
        kind,
        subject: Arc::new(Subject { element, place }),
        at: fixture::NOW,
    }
}

fn body(event: &Event, format: Format) -> String {
    let transport =
        Transport::Http { url: "http://a/".into(), headers: [].into(), trust: Trust::System };
    let site = Site::new(1, fixture::maps());
    message(event, &Receiver { transport, format }, &site, "mse-1").unwrap().body
}

fn check(name: &str, event: &Event, format: Format, ending: &str) {
    let mut text = body(event, format);
    if ending.ends_with("json") {
        let value: Value = serde_json::from_str(&text).unwrap();
        text = serde_json::to_string_pretty(&value).unwrap();
    }
    text.push('\n');
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/push/{name}.{ending}"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(text == expected, "{}:\n{text}\nis not what is expected:\n{expected}", path.display());
}

#[test]
fn golden_bodies_stay_the_same() {
    for (name, about, kind) in events() {
        let event = event(about, kind);
        check(name, &event, Format::Cmx, "cmx.json");
        check(name, &event, Format::Mse8, "mse8.json");
        check(name, &event, Format::Mse7, "mse7.json");
        check(name, &event, Format::Xml, "xml");
        check(name, &event, Format::Text, "txt");
    }
}

/// What each receiver of the field looks up without asking (`reference/nmsp-mse-cmx.md` C.1).
#[test]
fn receivers_of_the_field_find_what_they_look_up() {
    for (name, about, kind) in events() {
        let event = event(about, kind);
        let body: Value = serde_json::from_str(&body(&event, Format::Cmx)).unwrap();
        let notifications = body["notifications"].as_array().unwrap();
        assert_eq!(notifications.len(), 1, "{name}: they read element 0 alone");
        let first = &notifications[0];
        // cmx-api-server.
        for key in
            ["deviceId", "entity", "associated", "ipAddress", "locationMapHierarchy", "floorRefId"]
        {
            assert!(!first[key].is_null(), "{name}: {key}");
        }
        assert!(first["ipAddress"].is_array() && first["associated"].is_boolean(), "{name}");
        // n2kafka, which refuses what is an hour off.
        assert!(first["subscriptionName"].is_string(), "{name}");
        assert_eq!(first["timestamp"].as_u64(), Some(fixture::NOW.0), "{name}");
    }
    let update = event(ASSOCIATED, EventKind::LocationUpdate);
    let body: Value = serde_json::from_str(&body(&update, Format::Mse8)).unwrap();
    let stream = &body["StreamingNotification"];
    for key in ["subscriptionName", "deviceId", "timestampMillis"] {
        assert!(!stream[key].is_null(), "{key}");
    }
    assert!(stream["timestampMillis"].is_u64());
    assert_eq!(stream["location"]["macAddress"], stream["deviceId"]);
}

/// MSE 7 misspells the latitude, and its events have less.
#[test]
fn each_generation_has_its_own_words() {
    for (name, about, kind) in events() {
        let event = event(about, kind);
        let [new, old] = [Format::Mse8, Format::Mse7].map(|format| {
            let body: Value = serde_json::from_str(&body(&event, format)).unwrap();
            body.as_object().unwrap().values().next().unwrap().clone()
        });
        assert_eq!(new["geoCoordinate"]["latitude"], -999, "{name}");
        assert_eq!(old["geoCoordinate"]["lattitude"], -999, "{name}");
        assert!(old["geoCoordinate"].get("latitude").is_none(), "{name}");
        let is_stream = new.get("location").is_some();
        assert_eq!(old.get("mseUdi").is_some(), is_stream, "{name}");
        if is_stream {
            assert_eq!(old["location"]["geoCoordinate"]["lattitude"], -999, "{name}");
        }
    }
}

#[test]
fn xml_is_well_formed_whatever_the_names_are() {
    for (name, about, kind) in events() {
        let text = body(&event(about, kind), Format::Xml);
        let document = roxmltree::Document::parse(&text).unwrap();
        let root = document.root_element();
        let is_northbound = root.has_tag_name("NorthboundNotificationEvent");
        assert!(is_northbound || root.tag_name().name().ends_with("TrackEvent"), "{name}: {text}");
        assert_eq!(is_northbound, name == "tag_update");
        for attribute in ["state", "trackDefn", "entityType", "entityID"] {
            assert!(root.has_attribute(attribute), "{name}: {attribute}");
        }
    }
}
