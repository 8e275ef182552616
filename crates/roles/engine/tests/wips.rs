//! Intrusions, from what the sensors of a controller capture to what people see of it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic and say what it skips"
)]

use std::process::Command;

use engine::Engine;
use nmsp::{Batch, SensorState};
use node::clock;
use serde_json::{Value, json};

mod common;

use common::air::{self, AP, TWIN};
use common::http::Request;
use common::{ADMIN, Dir, Lab, VIEWER, config, eventually, send};

const INCIDENTS: &str = "/api/v1/wips/incidents";

fn now_us() -> u64 {
    clock::wall().0 * 1_000
}

async fn put(lab: &Lab, path: &str, body: &Value, expected: u16) -> Value {
    let answer = lab.send(Request::new("PUT", path).basic(ADMIN).json(body)).await;
    assert_eq!(answer.status, expected, "{path}: {}", answer.text());
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// Three sensors that capture.
async fn announce(lab: &Lab) {
    let sensors = (0..3).map(|it| air::sensor(it, SensorState::Capturing)).collect();
    lab.wlc.notify(Batch::Sensors(sensors)).await;
    eventually("the sensors are known", async || {
        lab.json("/api/v1/wips/sensors").await["sensors"].as_array().unwrap().len() == 3
    })
    .await;
}

/// The incident of a kind, as soon as there is one.
async fn incident(engine: &Engine, kind: &str) -> Value {
    let mut found = Value::Null;
    eventually(kind, async || {
        let path = format!("{INCIDENTS}?kind={kind}");
        let page = send(engine, Request::get(&path).basic(ADMIN)).await;
        assert_eq!(page.status, 200, "{}", page.text());
        found = page.json()["incidents"][0].clone();
        !found.is_null()
    })
    .await;
    found
}

#[tokio::test]
async fn a_flood_becomes_an_incident_with_a_file_and_outlives_a_restart() {
    let lab = Lab::start().await;
    announce(&lab).await;
    // Five seconds after the detection the file is written: what is heard then tells the time.
    let flood_us = now_us() - 3_000_000;
    lab.wlc.notify(air::flood(flood_us)).await;
    let found = incident(&lab.engine, "deauthentication-broadcast").await;
    let path = format!("{INCIDENTS}/{}", found["id"]);
    let later = air::beacon(AP, air::SSID, false, 99);
    let later = air::captured((1, -40), now_us() + 4_500_000, &later);
    lab.wlc.notify(Batch::Captured(vec![later])).await;
    eventually("the file is there", async || !lab.json(&path).await["forensics"].is_null()).await;
    let found = lab.json(&path).await;
    assert_eq!(found["transmitter"], json!({"who": "spoofed", "address": AP.to_string()}));
    assert_eq!(found["severity"], "major");
    assert_eq!(found["standing"], "active");
    assert_eq!(found["ssid"], air::SSID);
    assert_eq!(found["sensors"][0]["name"], "sensor-1");
    assert_eq!(found["sensors"][0]["rssi_dbm"], -75);
    assert_eq!(found["place"]["is_presence"], true);
    assert_eq!(found["place"]["path"], json!(["North", "Main", "Ground"]));

    let file = lab.get(&format!("{path}/forensics")).await;
    assert_eq!(file.status, 200);
    assert_eq!(found["forensics"]["bytes"], file.body.len());
    let disposition = format!("attachment; filename=\"incident-{}.pcapng\"", found["id"]);
    assert_eq!(file.header("content-disposition"), Some(disposition.as_str()));
    check_by_tshark(&lab.dir, &file.body, &found);

    let mut summary = Value::Null;
    eventually("all packets are counted", async || {
        summary = lab.json("/api/v1/wips/summary").await;
        summary["packets"] == 51
    })
    .await;
    assert_eq!(summary["state"], "up");
    assert_eq!(summary["incidents"]["major"], 1);
    assert_eq!(summary["dropped"], 0);
    assert_eq!(summary["sensors"]["capturing"], 3);
    assert_eq!((&summary["monitor_mode_aps"], &summary["local_mode_aps"]), (&json!(2), &json!(1)));

    let found = lab.json(&path).await;
    let word = json!({"note": "on my way"});
    let acknowledge = format!("{path}/acknowledge");
    let said = Request::new("POST", &acknowledge).basic(VIEWER).json(&word);
    lab.send(said).await.error(403, "forbidden");
    let said = lab.send(Request::new("POST", &acknowledge).basic(ADMIN).json(&word)).await;
    assert_eq!(said.status, 200, "{}", said.text());
    assert_eq!(said.json()["standing"], "acknowledged");

    let Lab { engine, dir, .. } = lab;
    engine.stop().await;
    let engine = Engine::start(config(&dir, &[])).await.unwrap();
    let again = send(&engine, Request::get(&path).basic(ADMIN)).await.json();
    assert_eq!(again["acknowledged_by"], ADMIN.0);
    assert_eq!(again["note"], "on my way");
    for key in ["id", "kind", "frames", "transmitter", "sensors", "forensics", "place"] {
        assert_eq!(again[key], found[key], "{key}");
    }
    let file_again = send(&engine, Request::get(&format!("{path}/forensics")).basic(ADMIN)).await;
    assert!(file_again.body == file.body);
    engine.stop().await;
}

/// Wireshark reads the file, with the sensor's name and what is evidence.
fn check_by_tshark(dir: &Dir, content: &[u8], found: &Value) {
    let path = dir.path().join("incident.pcapng");
    std::fs::write(&path, content).unwrap();
    let fields = ["-T", "fields", "-e", "frame.interface_name", "-e", "frame.comment"];
    let read = Command::new("tshark").arg("-r").arg(&path).args(fields).output();
    let Ok(read) = read else {
        eprintln!("skipped: tshark is not installed");
        return;
    };
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let text = String::from_utf8(read.stdout).unwrap();
    assert_eq!(text.lines().count(), found["forensics"]["packets"]);
    assert!(text.lines().all(|line| line.starts_with("sensor-1")), "{text}");
    let evidence = format!("evidence of incident {}", found["id"]);
    assert!(text.lines().filter(|line| line.ends_with(&evidence)).count() > 5, "{text}");
}

#[tokio::test]
async fn an_evil_twin_is_found_located_and_sorted() {
    let lab = Lab::start().await;
    announce(&lab).await;
    for batch in air::twins(now_us(), &[(0, -48), (1, -60), (2, -62)]) {
        lab.wlc.notify(batch).await;
    }
    let found = incident(&lab.engine, "evil-twin").await;
    assert_eq!(found["transmitter"], json!({"who": "own", "address": TWIN.to_string()}));
    assert_eq!(found["victim"], AP.to_string());
    let path = format!("{INCIDENTS}/{}", found["id"]);
    eventually("three sensors locate it", async || {
        lab.json(&path).await["place"]["is_presence"] == false
    })
    .await;
    let found = lab.json(&path).await;
    assert_eq!(found["place"]["path"], json!(["North", "Main", "Ground"]));
    assert_eq!(found["victim_place"]["x"], 1.0, "the access point is where it was drawn");

    let rogue = async || {
        let rogues = lab.json("/api/v1/wips/rogues").await;
        rogues["rogues"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["bssid"] == TWIN.to_string())
            .cloned()
    };
    eventually("it is among the rogues", async || rogue().await.is_some()).await;
    eventually("it attacks", async || rogue().await.unwrap()["is_attacking"] == true).await;
    let seen = rogue().await.unwrap();
    assert_eq!(seen["class"], "malicious");
    assert_eq!((&seen["sensors"], &seen["is_open"]), (&json!(3), &json!(true)));
    assert_eq!(seen["channel"]["number"], 6);
    let rogues = lab.json("/api/v1/wips/rogues").await;
    assert_eq!(rogues["rogues"].as_array().unwrap().len(), 1, "ours is none: {rogues}");

    let class = format!("/api/v1/wips/rogues/{TWIN}/class");
    put(&lab, &class, &json!({"class": "friendly"}), 204).await;
    let Lab { engine, dir, .. } = lab;
    engine.stop().await;
    // Classes are kept, what is heard is not.
    let wlc = common::wlc::Wlc::start(&dir).await;
    let engine = Engine::start(config(&dir, &[wlc.config()])).await.unwrap();
    let lab = Lab { engine, wlc, dir };
    common::settled(&lab.engine).await;
    for batch in air::twins(now_us(), &[(0, -48)]) {
        lab.wlc.notify(batch).await;
    }
    let rogue = async || {
        let rogues = lab.json("/api/v1/wips/rogues").await;
        rogues["rogues"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["bssid"] == TWIN.to_string())
            .cloned()
    };
    eventually("it is heard again", async || rogue().await.is_some()).await;
    let seen = rogue().await.unwrap();
    assert_eq!((&seen["class"], &seen["set_by"]), (&json!("friendly"), &json!(ADMIN.0)));
    assert_eq!(seen["rule"], Value::Null);
    let removed = lab.send(Request::new("DELETE", &class).basic(ADMIN)).await;
    assert_eq!(removed.status, 204);
    assert_ne!(rogue().await.unwrap()["set_by"], ADMIN.0);
}

#[tokio::test]
async fn a_profile_is_checked_and_kept() {
    let lab = Lab::start().await;
    let path = "/api/v1/wips/profile";
    let mut profile = lab.json(path).await;
    profile["quiet_s_min"] = json!("soon");
    let refused = put(&lab, path, &profile, 422).await;
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("quiet_s_min"), "{message}");
    profile["quiet_s_min"] = json!(1);
    profile["managed"]["ssids"] = json!(["corp"]);
    assert_eq!(put(&lab, path, &profile, 200).await, profile);
    lab.send(Request::new("PUT", path).basic(VIEWER).json(&profile)).await.error(403, "forbidden");
    let Lab { engine, dir, .. } = lab;
    engine.stop().await;
    let engine = Engine::start(config(&dir, &[])).await.unwrap();
    assert_eq!(send(&engine, Request::get(path).basic(ADMIN)).await.json(), profile);
    engine.stop().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_so() {
    let lab = Lab::start().await;
    let kinds = lab.json("/api/v1/wips/kinds").await;
    let kinds = kinds["kinds"].as_array().unwrap();
    assert!(kinds.iter().all(|it| !it["description"].as_str().unwrap().is_empty()));
    assert!(kinds.iter().any(|it| it["kind"] == "evil-twin" && it["class"] == "impersonation"));
    for query in ["limit=0", "limit=501", "kind=no", "standing=some", "severity=x", "colour=red"] {
        let answer = lab.get(&format!("{INCIDENTS}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    for path in ["/9", "/9/forensics"] {
        lab.get(&format!("{INCIDENTS}{path}")).await.error(404, "not_found");
    }
    let class = format!("/api/v1/wips/rogues/{TWIN}/class");
    put(&lab, &class, &json!({"class": "nice"}), 422).await;
    put(&lab, "/api/v1/wips/rogues/roof/class", &json!({"class": "friendly"}), 400).await;
}
