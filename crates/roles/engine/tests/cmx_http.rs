//! The requests of programs written for CMX are answered.
//!
//! `tests/cmx_http/<case>/request.txt` holds the requests of one program of the field
//! (`reference/nmsp-mse-cmx.md` section C.1), one after another with an empty line between;
//! `{basic}` stands for its credentials. They are written from the programs' sources. Their heads
//! were captured from the real libraries for python-requests 2.31 and urllib, and are what the
//! libraries' sources say for the others; `perl_client` runs one of the programs. `expected.json` holds the answers: status, the headers that
//! such programs look at, and the body. What depends on the clock or the estimator is masked by key,
//! everything else is exact. The shapes for other filters and orders are in `tests/cmx/`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p engine --test cmx_http` rewrites the answers; read the difference
//! before keeping it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tokio::net::TcpStream;

mod common;

use common::http::{Response, exchange_bytes};
use common::{ADMIN, Lab, basic, eventually, site};

/// Headers that the programs look at.
const HEADERS: [&str; 2] = ["content-type", "www-authenticate"];
/// What depends on the clock: the kind of value is compared, not the value.
const CLOCK_KEYS: [&str; 9] = [
    "changedOn",
    "currentServerTime",
    "firstLocatedTime",
    "lastHeardInSeconds",
    "lastLocatedTime",
    "lastSeen",
    "notificationTime",
    "timestamp",
    "confidenceFactor",
];
/// Where the estimator says that an element is; CMX calls places of the maps `mapCoordinates`, and MSE 8
/// has no word of their own for them.
const ESTIMATE_KEYS: [&str; 3] = ["mapCoordinate", "locationCoordinate", "MapCoordinate"];
/// Every key of a v2 client (section B.9), each of which a program in the field dereferences.
const V2_KEYS: [&str; 68] = [
    "macAddress",
    "mapInfo",
    "mapInfo.mapHierarchyString",
    "mapInfo.floorRefId",
    "mapInfo.floorDimension.length",
    "mapInfo.floorDimension.width",
    "mapInfo.floorDimension.height",
    "mapInfo.floorDimension.offsetX",
    "mapInfo.floorDimension.offsetY",
    "mapInfo.floorDimension.unit",
    "mapInfo.image.imageName",
    "mapInfo.image.zoomLevel",
    "mapInfo.image.width",
    "mapInfo.image.height",
    "mapInfo.image.size",
    "mapInfo.image.maxResolution",
    "mapInfo.image.colorDepth",
    "mapInfo.tagList",
    "mapInfo.mapHierarchyDetails",
    "mapInfo.mapHierarchyDetails.campus",
    "mapInfo.mapHierarchyDetails.campusAesUid",
    "mapInfo.mapHierarchyDetails.building",
    "mapInfo.mapHierarchyDetails.buildingAesUid",
    "mapInfo.mapHierarchyDetails.floor",
    "mapInfo.mapHierarchyDetails.floorAesUid",
    "mapInfo.mapHierarchyDetails.zones",
    "locComputeType",
    "mapCoordinate.x",
    "mapCoordinate.y",
    "mapCoordinate.z",
    "mapCoordinate.unit",
    "currentlyTracked",
    "confidenceFactor",
    "statistics",
    "statistics.currentServerTime",
    "statistics.firstLocatedTime",
    "statistics.lastLocatedTime",
    "statistics.maxDetectedRssi",
    "statistics.maxDetectedRssi.apMacAddress",
    "statistics.maxDetectedRssi.band",
    "statistics.maxDetectedRssi.slot",
    "statistics.maxDetectedRssi.rssi",
    "statistics.maxDetectedRssi.antennaIndex",
    "statistics.maxDetectedRssi.lastHeardInSeconds",
    "historyLogReason",
    "geoCoordinate",
    "rawLocation",
    "rawLocation.rawX",
    "rawLocation.rawY",
    "rawLocation.unit",
    "networkStatus",
    "changedOn",
    "ipAddress",
    "userName",
    "ssId",
    "sourceTimestamp",
    "band",
    "apMacAddress",
    "dot11Status",
    "manufacturer",
    "areaGlobalIdList",
    "detectingControllers",
    "bytesSent",
    "bytesReceived",
    "guestUser",
    "mapInfo.floorDimension",
    "mapInfo.image",
    "mapCoordinate",
];

#[tokio::test]
async fn programs_of_the_field_are_answered() {
    let lab = Lab::start().await;
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmx_http");
    let mut cases: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert_eq!(cases.len(), 16, "cases that are there");
    for case in cases {
        check(&lab, &case).await;
    }
}

async fn check(lab: &Lab, case: &Path) {
    let requests = fs::read_to_string(case.join("request.txt")).unwrap();
    let requests = requests.replace("{basic}", &basic(ADMIN));
    let mut answers = Vec::new();
    for request in requests.split_terminator("\n\n") {
        let bytes = format!("{}\r\n\r\n", request.trim().replace('\n', "\r\n"));
        let stream = TcpStream::connect(lab.engine.address).await.unwrap();
        let response = exchange_bytes(stream, bytes.as_bytes()).await;
        answers.push(shown(&response));
    }
    let answers = Value::Array(answers);
    let golden = case.join("expected.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = serde_json::to_string_pretty(&answers).unwrap();
        fs::write(&golden, text + "\n").unwrap();
    }
    let expected: Value = serde_json::from_slice(&fs::read(&golden).unwrap()).unwrap();
    assert!(
        answers == expected,
        "{}:\n{answers:#}\nis not what is expected:\n{expected:#}",
        case.display()
    );
}

/// An XML document as JSON: attributes, and lists of elements by their name.
fn tree(document: &str) -> Value {
    fn of(node: roxmltree::Node<'_, '_>) -> Value {
        let mut object: serde_json::Map<String, Value> =
            node.attributes().map(|it| (it.name().into(), it.value().into())).collect();
        for child in node.children().filter(roxmltree::Node::is_element) {
            let list = object.entry(child.tag_name().name()).or_insert_with(|| json!([]));
            list.as_array_mut().unwrap().push(of(child));
        }
        match node.text().filter(|_| object.is_empty()) {
            Some(text) => text.into(),
            None => object.into(),
        }
    }
    let document = roxmltree::Document::parse(document).unwrap();
    let root = document.root_element();
    json!({root.tag_name().name(): of(root)})
}

/// A response as it is kept: images by their hash, JSON and XML masked.
fn shown(response: &Response) -> Value {
    let headers =
        HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), response.header(name)?.into())));
    let headers: serde_json::Map<String, Value> = headers.collect();
    let media_type = response.header("content-type").unwrap_or_default();
    let mut body = match &response.body {
        empty if empty.is_empty() => Value::Null,
        _ if media_type.starts_with("application/json") => response.json(),
        _ if media_type.starts_with("application/xml") => tree(&response.text()),
        _ if media_type.starts_with("text/plain") => response.text().into(),
        bytes => json!({"sha256": node::token::hex(&node::token::sha256(bytes))}),
    };
    mask(&mut body);
    json!({"status": response.status, "headers": headers, "body": body})
}

fn mask(value: &mut Value) {
    let hide = |value: &mut Value| {
        *value = match value {
            Value::Number(_) => "<number>".into(),
            Value::String(_) => "<text>".into(),
            ref other => panic!("{other} is neither a number nor a text"),
        };
    };
    match value {
        Value::Array(values) => values.iter_mut().for_each(mask),
        Value::Object(members) => {
            for (key, value) in members {
                if CLOCK_KEYS.contains(&key.as_str()) {
                    hide(value);
                } else if ESTIMATE_KEYS.contains(&key.as_str()) {
                    let places: &mut [Value] = match value {
                        Value::Array(values) => values,
                        value => std::slice::from_mut(value),
                    };
                    for place in places {
                        hide(&mut place["x"]);
                        hide(&mut place["y"]);
                    }
                } else {
                    mask(value);
                }
            }
        }
        _ => {}
    }
}

/// As a program plots a client on its floor: the newest of `Records`, by the names of its places.
#[tokio::test]
async fn a_history_has_whole_clients_newest_first() {
    let lab = Lab::start().await;
    let anna = "/api/location/v1/history/clients/00-00-5E-00-53-01";
    eventually("the first position is written", async || lab.json(anna).await["Count"] == 1).await;
    lab.wlc.notify(site::measurement(site::ANNA, site::GROUND, (15.0, 11.0))).await;
    eventually("the second position is written", async || lab.json(anna).await["Count"] == 2).await;
    let history = lab.json(anna).await;
    let [newest, oldest] = [0, 1].map(|at| &history["Records"][at]);
    assert!(newest["changedOn"].as_u64() > oldest["changedOn"].as_u64(), "{history:#}");
    assert!(newest["mapCoordinate"]["x"].as_f64() > oldest["mapCoordinate"]["x"].as_f64());
    let places = &newest["mapInfo"]["mapHierarchyDetails"];
    let floor = ["campus", "building", "floor"].map(|key| places[key].as_str().unwrap());
    lab.json(&format!("/api/config/v1/maps/info/{}", floor.join("/"))).await;

    // Everybody's: an array, filtered and in pages as v1 does; a client without address has a list.
    let all = lab.json("/api/location/v1/history/clients").await;
    let all = all.as_array().unwrap();
    let whose: BTreeSet<&str> = all.iter().map(|it| it["macAddress"].as_str().unwrap()).collect();
    assert_eq!(whose.len(), 3);
    assert!(all.iter().all(|client| client["ipAddress"].is_array()));
    let page = lab.json("/api/location/v1/history/clients?page=1&pageSize=1").await;
    assert_eq!(page.as_array().unwrap().len(), 1);
    let other_day = lab.json(&format!("{anna}?date=2020/02/03")).await;
    assert_eq!((&other_day["Count"], &other_day["Records"]), (&json!(0), &json!([])));
    assert_eq!(lab.get("/api/location/v1/history/clients?date=2020/02/03").await.status, 204);
    assert_eq!(lab.get("/api/location/v1/history/byusername/nobody").await.status, 404);
    assert_eq!(lab.get(&format!("{anna}?date=soon")).await.status, 400);
}

/// As a program collects every client of an MSE: it follows the pages until the last one.
#[tokio::test]
async fn pages_of_mse_lead_to_the_last_one() {
    let lab = Lab::start().await;
    let mut path = "/api/contextaware/v1/location/clients?mapHierarchy=North&pageSize=2".to_owned();
    let mut macs = BTreeSet::new();
    loop {
        let page = lab.json(&path).await["Locations"].clone();
        let entries = page["entries"].as_array().unwrap().iter();
        macs.extend(entries.map(|entry| entry["macAddress"].as_str().unwrap().to_owned()));
        if page["totalPages"] == page["currentPage"] {
            break;
        }
        let next = page["nextResourceURI"].as_str().unwrap();
        path = next.strip_prefix("http://localhost").unwrap().to_owned();
    }
    assert_eq!(macs.len(), 3);
}

/// As a portal draws it: the zones of a floor hang below `Building/Floor` of the floors' counts.
#[tokio::test]
async fn counts_of_zones_hang_below_counts_of_floors() {
    let lab = Lab::start().await;
    let floors = lab.json("/api/analytics/v1/now/connectedDetected").await;
    let name = |floor: &Value| {
        let building = floor["ancestry"][0]["name"].as_str().unwrap();
        format!("{building}/{}", floor["area"].as_str().unwrap())
    };
    let floors: Vec<String> = floors["results"].as_array().unwrap().iter().map(name).collect();
    let zones = lab.json("/api/location/v1/clients/count/byzone").await;
    let zones = zones["ZoneCounts"]["zoneCountList"].as_array().unwrap();
    assert!(!zones.is_empty());
    for zone in zones {
        let names: Vec<&str> = zone["hierarchy"].as_str().unwrap().split('/').collect();
        assert!(floors.contains(&names[1..names.len() - 1].join("/")), "{zone}");
    }
}

/// `KeyError` is how a program in the field ends when one is missing.
#[tokio::test]
async fn every_key_of_a_v2_client_is_there() {
    let lab = Lab::start().await;
    let page = lab.json("/api/location/v2/clients/?page=1&pageSize=1000");
    let clients = page.await;
    let clients = clients.as_array().unwrap();
    assert_eq!(clients.len(), 3, "anna, the passer-by and the guest");
    for client in clients {
        for key in V2_KEYS {
            let pointer = format!("/{}", key.replace('.', "/"));
            assert!(client.pointer(&pointer).is_some(), "{key} of {client:#}");
        }
    }
}

/// Elements are where the controller heard them, in feet from the top left corner.
#[tokio::test]
async fn coordinates_are_feet_on_the_right_floor() {
    let lab = Lab::start().await;
    let clients = lab.json("/api/location/v2/clients?sortBy=macAddress:ASC");
    let clients = clients.await;
    let places = [("Ground", 4.0, 4.0), ("Ground", 15.0, 11.0), ("First", 6.0, 5.0)];
    for (client, (floor, x, y)) in clients.as_array().unwrap().iter().zip(places) {
        let path = client["mapInfo"]["mapHierarchyString"].as_str().unwrap();
        assert_eq!(path, format!("North>Main>{floor}"));
        let coordinate = &client["mapCoordinate"];
        let metres = |key: &str| coordinate[key].as_f64().unwrap() * 0.3048;
        let off = (metres("x") - x).hypot(metres("y") - y);
        assert!(off < 2.0, "{off} m beside ({x}, {y}): {client:#}");
    }
}
