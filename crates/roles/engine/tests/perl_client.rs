//! A program of the field, unmodified, against a real engine: `Net::Cisco::MSE::REST` 0.2, the client
//! of MSE 8 that `PacketFence` uses, as Debian ships it (`libnet-cisco-mse-rest-perl`, GPL 3 or
//! later: it is run here and not a part of OpenMSE).
//!
//! `cargo xtask check` installs it where that is safe to do unasked. Without it the tests say that
//! they were skipped; the requests that it sends are then still kept in `cmx_http/perl_mse`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

mod common;

use common::receiver::Receiver;
use common::site::{self, ANNA, GROUND, PASSER_BY, ROGUE, TAG, measurement};
use common::{ADMIN, Lab, VIEWER, eventually};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/perl_client/ask.pl");

/// Whether the client is on this machine; says so when it is not.
fn is_installed() -> bool {
    let probe = Command::new("perl").args(["-MNet::Cisco::MSE::REST", "-e", "1"]).output();
    let is_there = probe.is_ok_and(|it| it.status.success());
    if !is_there {
        eprintln!("skipped: there is no Net::Cisco::MSE::REST (libnet-cisco-mse-rest-perl)");
    }
    is_there
}

/// What the client answers to calls, one after another; see `ask.pl`.
async fn ask(
    lab: &Lab,
    (user, password): (&'static str, &'static str),
    calls: &Value,
) -> Vec<Value> {
    // It puts `/api/..` behind this: a path begins with two slashes, as with its own default.
    let url = format!("http://{}/", lab.engine.address);
    let calls = calls.to_string();
    let run = move || {
        let mut client = Command::new("perl")
            .args([SCRIPT, &url, user, password])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        client.stdin.take().unwrap().write_all(calls.as_bytes()).unwrap();
        let output = client.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the client ended with {}: {words}", output.status);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Every question that the client has, in the order of its manual: the method, what it is given, where
/// to look in what it returned, and what is there.
fn questions() -> Vec<(&'static str, Option<Value>, &'static str, Value)> {
    let ground = json!({"campusName": "North", "buildingName": "Main", "floorName": "Ground"});
    let id = |id: &str| Some(json!({ "id": id }));
    let (anna, rogue) = (id(&ANNA.text()), id(&ROGUE.text()));
    let located = "/WirelessClientLocation/macAddress";
    let (entries, first) = ("/Locations/entries", "/Locations/entries/0/macAddress");
    vec![
        ("maps", None, "/Maps/Campus/0/name", json!("North")),
        ("maps_count", None, "/MapsCount/floors", json!(3)),
        ("maps_info", Some(ground), "/Floor/Zone/0/name", json!("Lobby")),
        ("real_time_localisation_for_client", anna.clone(), located, json!(ANNA.text())),
        ("real_time_localisation_for_client", id("anna"), located, json!(ANNA.text())),
        ("real_time_localisation_for_client", id("192.0.2.10"), located, json!(ANNA.text())),
        ("real_time_localisation_for_client_count", None, "/DeviceCount/count", json!(3)),
        ("real_time_localisation_for_tags", None, first, json!(TAG.text())),
        ("real_time_localisation_for_tags_count", None, "/DeviceCount/count", json!(1)),
        ("real_time_localisation_for_rogueaps", None, first, json!(ROGUE.text())),
        ("real_time_localisation_for_rogueaps_count", None, "/DeviceCount/count", json!(1)),
        ("real_time_localisation_for_rogueclients", None, entries, json!([])),
        ("real_time_localisation_for_rogueclients_count", None, "/DeviceCount/count", json!(0)),
        ("real_time_localisation_for_interferers_count", None, "/DeviceCount/count", json!(0)),
        ("localisation_history_for_client", anna, first, json!(ANNA.text())),
        ("localisation_history_for_client_count", None, "/DeviceCount/count", json!(3)),
        ("localisation_history_for_tags", None, first, json!(TAG.text())),
        ("localisation_history_for_tags_count", None, "/DeviceCount/count", json!(1)),
        ("localisation_history_for_rogueaps", None, first, json!(ROGUE.text())),
        ("localisation_history_for_rogueaps_count", rogue.clone(), "/DeviceCount/count", json!(1)),
        ("localisation_history_for_rogueclients", None, entries, json!([])),
        (
            "localisation_history_for_rogueclients_count",
            rogue.clone(),
            "/DeviceCount/count",
            json!(0),
        ),
        ("localisation_history_for_interferers", None, entries, json!([])),
        ("localisation_history_for_interferers_count", rogue, "/DeviceCount/count", json!(0)),
    ]
}

#[tokio::test]
async fn every_question_is_answered() {
    if !is_installed() {
        return;
    }
    let lab = Lab::start().await;
    let history = "/api/contextaware/v1/location/history/clients/count";
    eventually("histories are written", async || {
        lab.json(history).await["DeviceCount"]["count"] == 3
    })
    .await;
    let questions = questions();
    let calls: Vec<Value> =
        questions.iter().map(|(method, given, ..)| json!([method, given])).collect();
    let answers = ask(&lab, VIEWER, &json!(calls)).await;
    for ((method, given, pointer, expected), answer) in questions.iter().zip(&answers) {
        let found = answer["returned"].pointer(pointer);
        assert_eq!(found, Some(expected), "{method} {given:?}: {pointer} of {answer:#}");
    }
}

#[tokio::test]
async fn a_plan_arrives_whole_and_a_refusal_in_our_words() {
    if !is_installed() {
        return;
    }
    let lab = Lab::start().await;
    let info = lab.json("/api/contextaware/v1/maps/info/North/Main/Ground").await;
    let plan = json!({"imageName": info["Floor"]["Image"]["imageName"]});
    let attic = json!({"campusName": "North", "buildingName": "Main", "floorName": "Attic"});
    let nobody = json!({"id": "nobody"});
    let calls = json!([
        ["maps_info", attic],
        ["real_time_localisation_for_client", nobody],
        ["real_time_localisation_for_interferers", nobody],
        ["maps_image_source", plan],
    ]);
    let answers = ask(&lab, VIEWER, &calls).await;
    let refusals = ["no such floor", "no such element", "no such element"];
    for (answer, words) in answers.iter().zip(refusals) {
        let died = answer["died"].as_str().unwrap_or_default();
        assert!(died.starts_with("server error: ") && died.contains(words), "{answer}");
    }
    assert_eq!(answers[3], json!({"bytes": site::PLAN_PNG.len()}));
    let strange = ask(&lab, ("mallory", "guessed it"), &json!([["maps_count"]])).await;
    assert!(strange[0]["died"].is_string(), "{}", strange[0]);
}

#[tokio::test]
async fn a_subscription_fires_and_is_removed() {
    if !is_installed() {
        return;
    }
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[200]).await;
    let (host, port) = receiver.url["http://".len()..].split_once(':').unwrap();
    let (port, path) = port.split_once('/').unwrap();
    // As its manual has it.
    let lobby = |boundary| {
        json!({"type": "ContainmentEventTrigger", "eventEntity": "WIRELESS_CLIENTS",
            "boundary": boundary, "zoneHierarchy": "North>Main>Ground>Lobby", "zoneTimeout": 10})
    };
    let subscription = json!({"NotificationSubscription": {
        "name": "OutIn", "notificationType": "EVENT_DRIVEN", "dataFormat": "JSON",
        "subscribedEvents": [lobby("INSIDE"), lobby("OUTSIDE")],
        "NotificationReceiverInfo": {"transport": {"type": "TransportHttp", "hostAddress": host,
            "port": port.parse::<u16>().unwrap(), "macScramblingEnabled": false,
            "urlPath": format!("/{path}"), "https": false}},
    }});
    let calls = json!([["notification_create", subscription], ["notification_view"]]);
    let answers = ask(&lab, ADMIN, &calls).await;
    assert!(answers[0].get("died").is_none(), "{answers:?}");
    assert!(answers[1].to_string().contains("OutIn"), "{answers:?}");

    lab.wlc.notify(measurement(PASSER_BY, GROUND, (4.0, 4.0))).await;
    let event = receiver.wait(1).await[0]["ContainmentEvent"].clone();
    assert_eq!(
        (&event["boundary"], &event["subscriptionName"]),
        (&json!("INSIDE"), &json!("OutIn"))
    );
    assert_eq!(event["deviceId"], site::PASSER_BY.text());

    let calls = json!([["notification_delete", {"name": "OutIn"}], ["notification_view"]]);
    let answers = ask(&lab, ADMIN, &calls).await;
    assert!(answers[0].get("died").is_none(), "{answers:?}");
    assert!(!answers[1].to_string().contains("OutIn"), "{answers:?}");
}
