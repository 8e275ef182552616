//! Notifications from the report of a controller to a receiver, and the three APIs that define them.

use std::time::Duration;

use engine::Engine;
use model::{Battery, Emergency, Encounter, TagReport, Telemetry};
use node::clock;
use serde_json::{Value, json};

mod common;

use common::http::Request;
use common::receiver::Receiver;
use common::{ADMIN, Lab, VIEWER, config, settled, site};
use site::{ANNA, GROUND, PASSER_BY, TAG, measurement, tag_report};

fn lobby(url: &str, format: &str) -> Value {
    json!({
        "name": "lobby",
        "conditions": [{"type": "containment", "area": "North>Main>Ground>Lobby"}],
        "filter": {"categories": ["wireless_client"]},
        "receivers": [{
            "transport": {"type": "http", "url": url, "headers": {"X-Key": "secret"}},
            "format": format,
        }],
        "retry_count": 5,
    })
}

async fn put(lab: &Lab, path: &str, body: &Value, expected: u16) -> Value {
    let answer = lab.send(Request::new("PUT", path).basic(ADMIN).json(body)).await;
    assert_eq!(answer.status, expected, "{path}: {}", answer.text());
    answer.json()
}

const LOBBY: &str = "/api/v1/notifications/lobby";

#[tokio::test]
async fn who_enters_and_leaves_a_zone_is_told() {
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[500, 200]).await;
    put(&lab, LOBBY, &lobby(&receiver.url, "cmx"), 201).await;
    // Anna is in the lobby already, which is no news; who passes by walks in.
    lab.wlc.notify(measurement(PASSER_BY, GROUND, (4.0, 4.0))).await;
    let bodies = receiver.wait(1).await;
    let entered = &bodies[0]["notifications"][0];
    let expected = json!({
        "notificationType": "inout", "subscriptionName": "lobby", "entity": "WIRELESS_CLIENTS",
        "deviceId": PASSER_BY.text(), "boundary": "INSIDE", "areaType": "ZONE",
        "locationMapHierarchy": "North>Main>Ground>Lobby", "floorRefId": site::floor_id("Ground"),
        "associated": false, "ipAddress": [],
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&entered[key], value, "{key}");
    }
    // Strengths are smoothed over two seconds: one measurement does not take it far from the edge.
    let walk = async {
        loop {
            lab.wlc.notify(measurement(PASSER_BY, GROUND, (18.0, 14.0))).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let bodies = tokio::select! {
        () = walk => unreachable!("it walks until it is outside"),
        bodies = receiver.wait(2) => bodies,
    };
    let left = &bodies[1]["notifications"][0];
    assert_eq!(left["boundary"], "OUTSIDE");
    assert_eq!(left["deviceId"], PASSER_BY.text());

    let view = lab.json(LOBBY).await;
    let fared = &view["receivers"][0];
    for (key, expected) in [("sent", 2), ("failures", 1), ("lost", 0), ("dropped", 0)] {
        assert_eq!(fared[key], expected, "{key}: {fared}");
    }
    assert_eq!(fared["reach"], "up");
    let metrics = lab.get("/metrics").await.text();
    for line in [
        "mse_notifications_sent_total{definition=\"lobby\"} 2",
        "mse_notifications_failures_total{definition=\"lobby\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    // A change is no reason to forget.
    let mut changed = view["definition"].clone();
    changed["retry_count"] = json!(4);
    put(&lab, LOBBY, &changed, 200).await;
    let view = lab.json(LOBBY).await;
    assert_eq!(view["definition"]["retry_count"], 4);
    assert_eq!(
        (&view["receivers"][0]["sent"], &view["receivers"][0]["failures"]),
        (&json!(2), &json!(1))
    );
}

#[tokio::test]
async fn the_second_of_two_who_change_a_definition_is_told() {
    let lab = Lab::start().await;
    let body = |group: &str| {
        let mut body = lobby("http://127.0.0.1:9/", "cmx");
        body["group"] = json!(group);
        body
    };
    let send = async |method, (name, value): (&str, &str), body: &Value| {
        lab.send(Request::new(method, LOBBY).basic(ADMIN).header(name, value).json(body)).await
    };
    let added = send("PUT", ("If-None-Match", "*"), &body("first")).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let seen = lab.get(LOBBY).await.header("etag").unwrap().to_owned();
    assert_eq!(added.header("etag"), Some(seen.as_str()));
    let message = send("PUT", ("If-None-Match", "*"), &body("x")).await.error(412, "changed");
    assert!(message.contains("'lobby' is there already"), "{message}");

    let second = send("PUT", ("If-Match", &seen), &body("second")).await;
    let now = second.header("etag").unwrap().to_owned();
    for method in ["PUT", "DELETE"] {
        let message = send(method, ("If-Match", &seen), &body("late")).await.error(412, "changed");
        assert!(message.contains("somebody else changed the notification 'lobby'"), "{message}");
    }
    assert_eq!(lab.json(LOBBY).await["definition"]["group"], "second");
    // Programs that do not say what they saw replace what is there.
    put(&lab, LOBBY, &body("third"), 200).await;
    let gone = send("DELETE", ("If-Match", &now), &json!(null)).await;
    gone.error(412, "changed");
    assert_eq!(lab.send(Request::new("DELETE", LOBBY).basic(ADMIN)).await.status, 204);
    let message = send("PUT", ("If-Match", &now), &body("late")).await.error(412, "changed");
    assert!(message.contains("somebody removed"), "{message}");
}

#[tokio::test]
async fn an_address_that_is_none_is_named_with_what_to_write() {
    let lab = Lab::start().await;
    let mut body = lobby("http://127.0.0.1:9/", "cmx");
    body["filter"]["macs"] = json!(["00:0c:cc:*", "00:0c:c*"]);
    let refused = put(&lab, LOBBY, &body, 422).await;
    assert_eq!(refused["error"]["field"], "filter.macs[1]");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("'00:0c:c*' is neither a MAC address nor"), "{message}");
    assert!(message.contains("00:0c:cc:*"), "{message}");
}

/// The battery runs low, somebody presses the button, and the tag passes the gate twice.
#[tokio::test]
async fn what_a_tag_says_about_itself_is_told() {
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[200]).await;
    let care = json!({
        "name": "care",
        "conditions": [
            {"type": "battery", "level": "low"},
            {"type": "emergency"},
            {"type": "chokepoint", "name": "Gate"},
        ],
        "filter": {"categories": ["tag"]},
        "receivers": [{"transport": {"type": "http", "url": receiver.url}}],
    });
    put(&lab, "/api/v1/notifications/care", &care, 201).await;
    let mut report = TagReport::default();
    let mut count = 0;
    let mut check = async |change: &dyn Fn(&mut TagReport), expected: &Value| {
        report.at = clock::wall();
        change(&mut report);
        lab.wlc.notify(tag_report(report.clone())).await;
        count += 1;
        let told = receiver.wait(count).await[count - 1]["notifications"][0].clone();
        assert_eq!(told["deviceId"], TAG.text());
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&told[key], value, "{key}: {told}");
        }
    };
    check(
        &|said| {
            said.battery = Some(Battery { percent: 12, tolerance_percent: 5 });
            said.telemetry = Telemetry { temperature_c: Some(-4.25), ..Telemetry::default() };
        },
        &json!({"notificationType": "batterylife", "batteryStatus": "low"}),
    )
    .await;
    check(
        &|said| said.emergency = Some(Emergency::PanicButton),
        &json!({"notificationType": "emergency", "emergencyReason": "panic"}),
    )
    .await;
    let passes = |said: &mut TagReport| {
        let (since, until) = (said.at, said.at);
        said.encounter = Some(Encounter { chokepoint: "Gate".into(), since, until });
    };
    let gate = json!({
        "notificationType": "chokepoint", "chokepointName": "Gate",
        "locationCoordinate": {"x": 6.56, "y": 19.69, "z": 0.0, "unit": "FEET"},
    });
    check(&passes, &gate).await;
    check(&passes, &gate).await;
    assert_eq!(receiver.bodies().len(), 4, "nothing is told twice");

    let shown = lab.json(&TAG.path()).await;
    assert_eq!(shown["tag"]["battery"], json!({"percent": 12, "tolerance_percent": 5}));
    assert_eq!(shown["tag"]["emergency"], "panic_button");
    assert_eq!(shown["tag"]["encounter"]["chokepoint"], "Gate");
    assert_eq!(shown["tag"]["telemetry"], json!({"temperature_c": -4.25}));
    let gate = json!({"x": site::GATE.x, "y": site::GATE.y});
    assert_eq!(shown["position"]["point"], gate, "it is on the chokepoint");
    assert_ne!(shown["computed"]["point"], gate, "whatever the radio says");
    assert_eq!(shown["zones"], json!(["Lobby"]));
}

#[tokio::test]
async fn secrets_are_neither_shown_nor_lost() {
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[200]).await;
    let shown = put(&lab, LOBBY, &lobby(&receiver.url, "mse8"), 201).await;
    assert_eq!(shown["receivers"][0]["transport"]["headers"]["X-Key"], "***");
    let view = lab.get(LOBBY).await;
    assert!(!view.text().contains("secret"));
    // What is shown can be sent back.
    put(&lab, LOBBY, &view.json()["definition"], 200).await;
    let mut stolen = shown;
    stolen["receivers"][0]["transport"]["url"] = json!("http://127.0.0.1:9/");
    put(&lab, LOBBY, &stolen, 400).await;

    let tested = lab.send(Request::new("POST", &format!("{LOBBY}/test")).basic(ADMIN)).await;
    let place = receiver.url.strip_suffix("/notify").unwrap();
    assert_eq!(tested.json(), json!([{"place": place}]));
    let event = &receiver.wait(1).await[0]["ContainmentEvent"];
    assert_eq!(event["deviceId"], "00:00:5e:00:53:00");
    assert_eq!(event["containerHierarchy"], "North>Main>Ground>Lobby");
}

#[tokio::test]
async fn only_admins_define_and_only_allowed_places_are_told() {
    let lab = Lab::start().await;
    let body = lobby("http://127.0.0.1:9/", "cmx");
    let send = async |method, path, user, body: &Value| {
        lab.send(Request::new(method, path).basic(user).json(body)).await
    };
    for path in [LOBBY, "/api/config/v1/notification", "/api/contextaware/v1/notifications"] {
        assert_eq!(send("PUT", path, VIEWER, &body).await.status, 403, "{path}");
        assert_eq!(lab.send(Request::get(path).basic(VIEWER)).await.status, 403, "{path}");
        assert_eq!(lab.send(Request::get(path)).await.status, 401, "{path}");
    }
    assert_eq!(lab.json("/api/v1/notifications").await, json!([]), "nothing was made");
    let metadata = lobby("http://169.254.169.254/latest", "cmx");
    let refused = send("PUT", LOBBY, ADMIN, &metadata).await;
    let message = refused.error(400, "bad_request");
    assert!(message.contains("notifications.link_local"), "{message}");
    let other = send("PUT", "/api/v1/notifications/other", ADMIN, &body).await;
    other.error(400, "bad_request");
    let mut empty = body.clone();
    empty["conditions"] = json!([]);
    let message = send("PUT", LOBBY, ADMIN, &empty).await.error(400, "bad_request");
    assert!(message.contains("0 conditions"), "{message}");
    lab.send(Request::new("DELETE", LOBBY).basic(ADMIN)).await.error(404, "not_found");
}

#[tokio::test]
async fn a_subscription_of_cmx_lives_from_put_to_delete() {
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[200]).await;
    let subscription = json!({
        "name": "Zone", "userId": "learning", "notificationType": "InOut", "enabled": "true",
        "rules": [{"conditions": [
            {"condition": "inout.deviceType == client"},
            {"condition": "inout.hierarchy == North>Main>Ground>Lobby"},
        ]}],
        "subscribers": [{"receivers": [{"uri": receiver.url, "messageFormat": "JSON", "headers": null}]}],
        "enableMacScrambling": true, "macScramblingSalt": "pepper",
    });
    put(&lab, "/api/config/v1/notification", &subscription, 201).await;
    put(&lab, "/api/config/v1//notifications/Zone/", &subscription, 200).await;
    let listed = lab.json("/api/config/v1/notifications").await;
    assert_eq!(listed[0]["name"], "Zone");
    assert!(!listed.to_string().contains("pepper"));
    lab.wlc.notify(measurement(PASSER_BY, GROUND, (4.0, 4.0))).await;
    let event = receiver.wait(1).await[0]["notifications"][0].clone();
    let scrambled = notify::scrambled(PASSER_BY.mac(), "pepper").to_string();
    assert_eq!(event["deviceId"], scrambled, "{event}");
    let removed =
        lab.send(Request::new("DELETE", "/api/config/v1/notifications/Zone").basic(ADMIN));
    assert_eq!(removed.await.status, 200);
    let gone = lab.get("/api/config/v1/notification/Zone").await;
    assert_eq!(gone.status, 404);
}

/// As glance does it: a list of one, the addresses with a semicolon behind each, and `DELETE` is done
/// when it answers 200.
#[tokio::test]
async fn a_subscription_of_glance_tells_who_leaves_the_network() {
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[200]).await;
    let subscription = |name: &str, prefix: &str, kind: &str, condition: &str| {
        json!([{
            "name": name, "userId": "learning", "notificationType": kind, "enabled": true,
            "rules": [{"conditions": [
                {"condition": format!("{prefix}.deviceType == client")}, {"condition": condition},
            ]}],
            "subscribers": [{"receivers": [
                {"uri": receiver.url, "messageFormat": "JSON", "qos": "AT_MOST_ONCE"},
            ]}],
            "enableMacScrambling": false,
        }])
    };
    let path = "/api/config/v1/notifications";
    let who = format!("locationupdate.macAddressList == {};", ANNA.text());
    let update = subscription("update", "locationupdate", "LocationUpdate", &who);
    put(&lab, path, &update, 201).await;
    let left =
        subscription("left", "association", "Association", "association.association == false");
    put(&lab, path, &left, 201).await;
    put(&lab, path, &left, 200).await;
    let exists =
        async |name: &str| lab.json(&format!("{path}/exists/{name}")).await["exists"] == true;
    assert!(exists("left").await && !exists("right").await);
    let shown = lab.json(&format!("{path}/left")).await.to_string();
    assert!(shown.contains("association.association == false"), "{shown}");
    lab.wlc.notify(measurement(PASSER_BY, GROUND, (4.0, 4.0))).await;
    lab.wlc.notify(measurement(ANNA, GROUND, (18.0, 14.0))).await;
    let event = receiver.wait(1).await[0]["notifications"][0].clone();
    assert_eq!(event["deviceId"], ANNA.text(), "the passer-by is not in the list");
    let removed = lab.send(Request::new("DELETE", &format!("{path}/left")).basic(ADMIN)).await;
    assert_eq!((removed.status, removed.json()), (200, json!({"success": true})));
}

#[tokio::test]
async fn a_subscription_of_mse_lives_from_put_to_delete() {
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[200]).await;
    let (host, port) = receiver.url["http://".len()..].split_once(':').unwrap();
    let (port, path) = port.split_once('/').unwrap();
    let base = "/api/contextaware/v1/notifications";
    let subscription = json!({"NotificationSubscription": {
        "name": "pf", "notificationType": "EVENT_DRIVEN", "dataFormat": "JSON",
        "subscribedEvents": [{"type": "ContainmentEventTrigger", "eventEntity": "WIRELESS_CLIENTS",
            "boundary": "OUTSIDE", "zoneHierarchy": "North>Main>Ground>Lobby", "zoneTimeout": 10}],
        "NotificationReceiverInfo": {"transport": {"type": "TransportHttp", "hostAddress": host,
            "port": port, "macScramblingEnabled": "false", "urlPath": path, "https": "false"}},
    }});
    put(&lab, base, &subscription, 201).await;
    let xml = lab.get(&format!("{base}.xml")).await.text();
    assert!(xml.contains("<NotificationSubscription "), "{xml}");
    let xml = lab.get(&format!("{base}/pf.xml")).await.body;
    let request = Request::new("PUT", base).basic(ADMIN);
    let request = request.header("Content-Type", "application/xml").body(xml);
    let again = lab.send(request).await;
    assert_eq!(again.status, 200, "{}", again.text());
    lab.wlc.notify(measurement(ANNA, GROUND, (18.0, 14.0))).await;
    let event = receiver.wait(1).await[0]["ContainmentEvent"].clone();
    assert_eq!((&event["boundary"], &event["deviceId"]), (&json!("OUTSIDE"), &json!(ANNA.text())));
    assert_eq!((&event["subscriptionName"], &event["mseUdi"]), (&json!("pf"), &json!("mse-1")));
    let own = format!("{base}/pf");
    let removed = lab.send(Request::new("DELETE", &own).basic(ADMIN)).await;
    assert_eq!(removed.status, 200);
    let error = lab.get(&own).await;
    assert!(error.json()["error"].is_string(), "{}", error.text());
}

/// What programs made for CMX and MSE 8 are shown, they can put back.
#[tokio::test]
async fn a_definition_comes_back_unchanged_from_both_dialects() {
    let lab = Lab::start().await;
    let mut definition = lobby("https://127.0.0.1:9/path", "mse7");
    definition["enabled"] = json!(false);
    definition["queue_limit"] = json!(30_000);
    definition["group"] = json!("night");
    definition["scramble_salt"] = json!("pepper");
    definition["conditions"] = json!([
        {"type": "containment", "area": "North>Main>Ground>Lobby", "boundary": "inside"},
        {"type": "movement", "distance_m": 5.0},
        {"type": "emergency", "reason": "tampered"},
    ]);
    put(&lab, LOBBY, &definition, 201).await;
    let before = lab.json(LOBBY).await;
    let (cmx, mse) = ("/api/config/v1/notification", "/api/contextaware/v1/notifications");
    for path in [cmx, mse] {
        let shown = lab.json(&format!("{path}/lobby")).await;
        put(&lab, path, &shown, 200).await;
        assert_eq!(lab.json(LOBBY).await, before, "{path}");
    }
    definition["receivers"] =
        json!([definition["receivers"][0].clone(), definition["receivers"][0].clone()]);
    put(&lab, LOBBY, &definition, 200).await;
    let before = lab.json(LOBBY).await;
    let shown = lab.json(&format!("{mse}/lobby")).await;
    let refused = lab.send(Request::new("PUT", mse).basic(ADMIN).json(&shown)).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    let message = refused.json()["error"].to_string();
    assert!(message.contains("2 receivers") && message.contains(LOBBY), "{message}");
    assert_eq!(lab.json(LOBBY).await, before);
}

#[tokio::test]
async fn what_waits_when_an_engine_stops_is_sent_first() {
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[200, 200]).await;
    let mut updates = lobby(&receiver.url, "cmx");
    updates["conditions"] = json!([{"type": "location_update"}]);
    updates["rate_limit_ms"] = json!(500);
    put(&lab, LOBBY, &updates, 201).await;
    for element in [ANNA, PASSER_BY] {
        lab.wlc.notify(measurement(element, GROUND, (18.0, 14.0))).await;
    }
    receiver.wait(1).await;
    let Lab { engine, wlc: _wlc, dir: _dir } = lab;
    engine.stop().await;
    receiver.wait(2).await;
}

#[tokio::test]
async fn definitions_outlive_a_restart() {
    let lab = Lab::start().await;
    let receiver = Receiver::start(&[200]).await;
    put(&lab, LOBBY, &lobby(&receiver.url, "cmx"), 201).await;
    let Lab { engine, wlc, dir } = lab;
    engine.stop().await;
    let engine = Engine::start(config(&dir, &[wlc.config()])).await.unwrap();
    settled(&engine).await;
    wlc.notify(measurement(PASSER_BY, GROUND, (4.0, 4.0))).await;
    receiver.wait(1).await;
}
