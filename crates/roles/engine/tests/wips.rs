//! Intrusions, from what the sensors of a controller capture to what people see of it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic and say what it skips"
)]

use std::path::Path;
use std::process::Command;

use engine::Engine;
use nmsp::{Batch, CapturedPacket, SensorState};
use node::clock;
use serde_json::{Value, json};
use wips::capture::Decoder;

mod common;

use common::air::{self, AP, TWIN};
use common::http::Request;
use common::receiver::Receiver;
use common::{ADMIN, Dir, Lab, VIEWER, config, eventually, send, site};

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
    assert_eq!(seen["vendor"], "IGT");
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

/// A definition of all that the service tells, for a receiver here.
fn air(url: &str) -> Value {
    json!({
        "name": "air",
        "conditions": [
            {"type": "incident", "severity": "critical", "classes": ["impersonation"]},
            {"type": "rogue", "classes": ["malicious"]},
            {"type": "sensor_silent"},
        ],
        "receivers": [{"transport": {"type": "http", "url": url}}],
    })
}

#[tokio::test]
async fn whoever_wants_to_know_is_told() {
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[200]).await;
    let path = "/api/v1/notifications/air";
    let mut unknown = air(&receiver.url);
    unknown["conditions"][0]["kinds"] = json!(["evil-twins"]);
    let refused = put(&lab, path, &unknown, 400).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("'evil-twins'"), "{refused}");
    put(&lab, path, &air(&receiver.url), 201).await;
    announce(&lab).await;
    // A flood is no impersonation.
    lab.wlc.notify(air::flood(now_us() - 1_000_000)).await;
    for batch in air::twins(now_us(), &[(0, -48), (1, -60), (2, -62)]) {
        lab.wlc.notify(batch).await;
    }
    let found = incident(&lab.engine, "evil-twin").await;
    let told = async |kind: &str| -> Value {
        let mut found = Value::Null;
        eventually(kind, async || {
            let mut events = receiver.bodies().into_iter().map(|it| it["notifications"][0].clone());
            found = events.rfind(|it| it["notificationType"] == kind).unwrap_or_default();
            !found.is_null()
        })
        .await;
        found
    };
    let opened = told("incident").await;
    assert_eq!(opened["incidentId"], found["id"]);
    assert_eq!(
        (&opened["incidentState"], &opened["severity"]),
        (&json!("OPENED"), &json!("CRITICAL"))
    );
    assert_eq!(
        (&opened["deviceId"], &opened["victim"]),
        (&json!(TWIN.to_string()), &json!(AP.to_string()))
    );
    assert_eq!(opened["locationMapHierarchy"], "North>Main>Ground");
    let rogue = told("rogue").await;
    assert_eq!(
        (&rogue["deviceId"], &rogue["rogueClass"]),
        (&json!(TWIN.to_string()), &json!("malicious"))
    );

    lab.wlc.notify(Batch::Sensors(vec![air::sensor(2, SensorState::Silent)])).await;
    let silent = told("sensorsilent").await;
    assert_eq!(silent["sensor"], "sensor-2");
    assert_eq!(silent["floorRefId"], site::floor_id("Ground"));
    let standing = || {
        let alarms = lab.engine.shared.store.alarms().unwrap();
        alarms.into_iter().filter(|it| it.cleared.is_none()).count()
    };
    eventually("an alarm stands", async || standing() == 1).await;
    lab.wlc.notify(Batch::Sensors(vec![air::sensor(2, SensorState::Capturing)])).await;
    eventually("the alarm is over", async || standing() == 0).await;

    let clear = format!("{INCIDENTS}/{}/clear", found["id"]);
    let cleared = lab.send(Request::new("POST", &clear).basic(ADMIN).json(&json!({}))).await;
    assert_eq!(cleared.json()["standing"], "cleared");
    eventually("its end is told", async || {
        receiver.bodies().iter().any(|it| it["notifications"][0]["incidentState"] == "CLOSED")
    })
    .await;
    assert!(
        lab.json(&format!("{INCIDENTS}?standing=open&kind=evil-twin")).await["incidents"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

/// What a real tool sent, as a recording of third parties has it: five seconds before and after the first
/// deauthentication, as two sensors hear it.
#[tokio::test]
async fn a_recorded_attack_is_seen_as_it_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/captures/lab");
    let file = folder.join("hwsim_aireplay-deauth-bcast.pcap");
    let Ok(content) = std::fs::read(&file) else {
        eprintln!("skipped: no {}", file.display());
        return;
    };
    let packets = decoded(&content);
    let is_deauthentication = |packet: &CapturedPacket| {
        let frame = packet.bytes.get(usize::from(packet.bytes[2])..).unwrap_or_default();
        frame.first() == Some(&0xc0)
    };
    let first = packets.iter().find(|it| is_deauthentication(it)).unwrap().at_us;
    let lab = Lab::start().await;
    announce(&lab).await;
    let now = now_us();
    let near = packets.into_iter().filter(|it| it.at_us.abs_diff(first) < 4_000_000);
    let near: Vec<CapturedPacket> =
        near.map(|it| CapturedPacket { at_us: now + it.at_us - first, ..it }).collect();
    for sensor in [0, 1] {
        for some in near.chunks(200) {
            let heard = |it: &CapturedPacket| CapturedPacket { sensor, ..it.clone() };
            lab.wlc.notify(Batch::Captured(some.iter().map(heard).collect())).await;
        }
    }
    let path = format!("{INCIDENTS}?class=station");
    let mut found = Value::Null;
    eventually("an attack on stations", async || {
        found = lab.json(&path).await["incidents"][0].clone();
        found["sensors"].as_array().is_some_and(|sensors| sensors.len() == 2)
    })
    .await;
    let expected = json!({"who": "spoofed", "address": "02:00:00:00:00:00"});
    assert_eq!(found["transmitter"], expected, "{found}");
    let summary = lab.json("/api/v1/wips/summary").await;
    assert!(summary["copies"].as_u64().unwrap() > near.len() as u64 / 2, "{summary}");
}

/// The packets of a capture with radiotap headers.
fn decoded(content: &[u8]) -> Vec<CapturedPacket> {
    let (mut decoder, mut rest, mut packets) = (Decoder::new(wips::SensorId(0)), content, vec![]);
    loop {
        while let Some(captured) = decoder.poll().unwrap() {
            let it = captured.packet;
            packets.push(CapturedPacket {
                sensor: 0,
                at_us: it.at.0,
                link: it.link.number(),
                fcs_bytes: it.fcs_bytes,
                wire_bytes: it.wire_bytes as u32,
                bytes: it.bytes.into(),
            });
        }
        let space = decoder.space();
        let (now, later) = rest.split_at(rest.len().min(space.len()));
        if now.is_empty() {
            return packets;
        }
        space[..now.len()].copy_from_slice(now);
        decoder.filled(now.len());
        rest = later;
    }
}

/// Addresses that nobody has, as fast as the link takes them.
#[tokio::test]
async fn a_flood_of_random_addresses_costs_a_bounded_amount() {
    let lab = Lab::start().await;
    announce(&lab).await;
    let mut number = 0_u64;
    for _ in 0..200 {
        let start = now_us() - 100_000;
        let frames = (0..500).map(|nth| {
            number += 1;
            let random = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let bssid = model::Mac::from_u64(random >> 16 & !0x0100_0000_0000);
            let beacon = air::beacon(bssid, &format!("{random:x}"), true, nth);
            air::captured((1, -50), start + u64::from(nth) * 200, &beacon)
        });
        lab.wlc.notify(Batch::Captured(frames.collect())).await;
    }
    let mut summary = Value::Null;
    eventually("everything is looked at or dropped", async || {
        summary = lab.json("/api/v1/wips/summary").await;
        summary["packets"].as_u64().unwrap() + summary["dropped"].as_u64().unwrap() >= 100_000
    })
    .await;
    let known = summary["known"].as_u64().unwrap();
    assert!(known <= 16_384 + 16_384 / 4, "{summary}");
    incident(&lab.engine, "beacon-flood").await;
    let page = lab.json(&format!("{INCIDENTS}?limit=500")).await;
    let incidents = page["incidents"].as_array().unwrap().len();
    assert!(incidents <= 500, "{incidents}");
    // An attack still finds its place among them.
    for batch in air::twins(now_us(), &[(0, -48), (1, -60)]) {
        lab.wlc.notify(batch).await;
    }
    incident(&lab.engine, "evil-twin").await;
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
    assert_eq!(refused["error"]["field"], "quiet_s_min");
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
async fn the_second_of_two_who_change_the_profile_is_told() {
    let lab = Lab::start().await;
    let path = "/api/v1/wips/profile";
    let read = lab.get(path).await;
    let (seen, mut profile) = (read.header("etag").unwrap().to_owned(), read.json());
    let put = async |profile: &Value, seen: &str| {
        let request = Request::new("PUT", path).basic(ADMIN).header("If-Match", seen);
        lab.send(request.json(profile)).await
    };
    profile["name"] = json!("first");
    let first = put(&profile, &seen).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let now = lab.get(path).await.header("etag").unwrap().to_owned();
    assert_eq!(first.header("etag").unwrap(), now);
    profile["name"] = json!("second");
    let message = put(&profile, &seen).await.error(412, "changed");
    assert!(message.contains("somebody else changed the profile"), "{message}");
    assert_eq!(lab.json(path).await["name"], "first");
    assert_eq!(put(&profile, &now).await.status, 200);
    assert_eq!(lab.json(path).await["name"], "second");
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_so() {
    let lab = Lab::start().await;
    let kinds = lab.json("/api/v1/wips/kinds").await;
    let kinds = kinds["kinds"].as_array().unwrap();
    assert!(kinds.iter().all(|it| !it["description"].as_str().unwrap().is_empty()));
    assert!(kinds.iter().any(|it| it["kind"] == "evil-twin" && it["class"] == "impersonation"));
    // Where the profile says nothing, what holds is the default.
    assert!(kinds.iter().all(|it| it["threshold"] == it["default_threshold"]));
    assert!(kinds.iter().all(|it| it["severity"] == it["default_severity"]));
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
