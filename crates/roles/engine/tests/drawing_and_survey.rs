//! Floors are drawn and surveyed over the API, and both outlive the engine.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};

mod common;

use common::http::{Request, Response};
use common::{ADMIN, Lab, VIEWER, eventually};
use site::{ANNA, GROUND, PASSER_BY, measurement};

use common::site;

const ZONE: &str = "Corner";

async fn floor(lab: &Lab) -> (String, String, Value) {
    let floors = lab.json("/api/v1/floors").await;
    let id = floors[0]["id"].as_str().unwrap().to_owned();
    let response = lab.get(&format!("/api/v1/floors/{id}")).await;
    let etag = response.header("etag").unwrap().to_owned();
    (id, etag, response.json()["floor"].clone())
}

fn drawing(floor: &Value) -> Value {
    let kept = |key: &str| floor.get(key).cloned().unwrap_or_else(|| json!([]));
    json!({
        "access_points": kept("access_points"), "walls": kept("walls"), "regions": kept("regions"),
        "rails": kept("rails"), "zones": kept("zones"),
    })
}

async fn put(lab: &Lab, user: (&str, &str), id: &str, etag: &str, body: &Value) -> Response {
    let path = format!("/api/v1/floors/{id}");
    lab.send(Request::new("PUT", &path).basic(user).header("If-Match", etag).json(body)).await
}

async fn located(lab: &Lab, floor: &str) -> u64 {
    let page = lab.json(&format!("/api/v1/elements?floor={floor}")).await;
    page["total"].as_u64().unwrap()
}

#[tokio::test]
async fn a_drawing_is_taken_from_whoever_saw_what_is_there() {
    let lab = Lab::start().await;
    let (id, etag, before) = floor(&lab).await;
    let other = lab.json("/api/v1/floors").await[1]["id"].as_str().unwrap().to_owned();
    let there = located(&lab, &other).await;
    assert!(there > 0);
    let mut body = drawing(&before);
    let outline = json!([{"x": 0, "y": 0}, {"x": 2, "y": 0}, {"x": 2, "y": 2}]);
    body["zones"].as_array_mut().unwrap().push(json!({"name": ZONE, "outline": outline}));
    body["rails"] = json!([{"from": {"x": 0, "y": 1}, "to": {"x": 5, "y": 1}}]);

    assert_eq!(before.get("rails"), None, "a floor is shown without rails that it does not have");
    let shown = drawing(&before);
    let mut bare = shown.clone();
    bare.as_object_mut().unwrap().remove("rails");
    let again = put(&lab, ADMIN, &id, &etag, &bare).await;
    assert_eq!(again.status, 204, "{}", again.text());
    let (id, etag, same) = floor(&lab).await;
    assert_eq!(drawing(&same), shown);

    put(&lab, VIEWER, &id, &etag, &body).await.error(403, "forbidden");
    put(&lab, ADMIN, &id, "\"999\"", &body).await.error(412, "maps_changed");
    let path = format!("/api/v1/floors/{id}");
    let unseen = lab.send(Request::new("PUT", &path).basic(ADMIN).json(&body)).await;
    unseen.error(428, "if_match_required");

    let saved = put(&lab, ADMIN, &id, &etag, &body).await;
    assert_eq!(saved.status, 204, "{}", saved.text());
    let (_, new_etag, after) = floor(&lab).await;
    assert_eq!(saved.header("etag").unwrap(), new_etag);
    assert_eq!(drawing(&after), {
        let mut expected = drawing(&before);
        expected["zones"] = after["zones"].clone();
        expected["rails"] = after["rails"].clone();
        expected
    });
    assert_eq!(after["zones"].as_array().unwrap().last().unwrap()["name"], ZONE);
    assert_eq!(after["image"], before["image"], "the plan stays");
    assert_eq!(after["chokepoints"], before["chokepoints"], "and what the drawing is silent about");
    assert_eq!(located(&lab, &other).await, there, "nobody on another floor is forgotten");
    put(&lab, ADMIN, &id, &etag, &body).await.error(412, "maps_changed");

    body["chokepoints"] = json!([{"name": "Dock", "at": {"x": 3, "y": 3}, "range": 2.5}]);
    let saved = put(&lab, ADMIN, &id, &new_etag, &body).await;
    assert_eq!(saved.status, 204, "{}", saved.text());
    let (_, new_etag, after) = floor(&lab).await;
    assert_eq!(after["chokepoints"][0]["name"], "Dock");

    body["zones"][0]["outline"] = json!([{"x": 0, "y": 0}]);
    let message = put(&lab, ADMIN, &id, &new_etag, &body).await.error(400, "bad_request");
    assert!(message.contains("corners"), "{message}");
}

#[tokio::test]
async fn access_points_without_a_place_are_listed_until_they_have_one() {
    let lab = Lab::start().await;
    let unplaced = async || lab.json("/api/v1/access_points/unplaced").await;
    assert_eq!(unplaced().await, json!([]));
    let (id, etag, before) = floor(&lab).await;
    let mut body = drawing(&before);
    let taken = body["access_points"].as_array_mut().unwrap().remove(0);
    let saved = put(&lab, ADMIN, &id, &etag, &body).await;
    assert_eq!(saved.status, 204, "{}", saved.text());
    let expected = json!([{"mac": taken["mac"], "name": taken["name"]}]);
    assert_eq!(unplaced().await, expected);
    let back = put(&lab, ADMIN, &id, saved.header("etag").unwrap(), &drawing(&before)).await;
    assert_eq!(back.status, 204, "{}", back.text());
    assert_eq!(unplaced().await, json!([]));
}

#[tokio::test]
async fn a_survey_is_taken_listed_removed_and_learnt_from() {
    let lab = Lab::start().await;
    let (id, ..) = floor(&lab).await;
    let survey = format!("/api/v1/floors/{id}/survey");
    let post = async |user, body: Value| {
        lab.send(Request::new("POST", &survey).basic(user).json(&body)).await
    };
    let ap = "00:00:5e:00:53:01";
    let reading = |rssi: i32| json!([{"ap": ap, "band": "5GHz", "rssi": rssi}]);
    let point = |x: f32| json!({"at": {"x": x, "y": 1}, "readings": reading(-60)});
    post(VIEWER, point(1.0)).await.error(403, "forbidden");
    let outside = post(ADMIN, point(1_000.0)).await.error(400, "bad_request");
    assert!(outside.contains("outside the floor"), "{outside}");
    let impossible = json!({"at": {"x": 1, "y": 1}, "readings": reading(90)});
    post(ADMIN, impossible).await.error(400, "bad_request");
    let stranger = json!({"category": "clients", "mac": "00:00:5e:00:53:77"});
    let unheard = json!({"at": {"x": 1, "y": 1}, "element": stranger});
    let message = post(ADMIN, unheard).await.error(409, "not_heard");
    assert!(message.contains("nobody hears"), "{message}");
    // The story is old when it is told.
    let anna = json!({"category": "clients", "mac": ANNA.mac()});
    let late = json!({"at": {"x": 1, "y": 1}, "element": anna});
    let message = post(ADMIN, late).await.error(409, "not_heard");
    assert!(message.contains("last heard"), "{message}");

    for x in 0..6u8 {
        assert_eq!(post(ADMIN, point(f32::from(x))).await.status, 201);
    }
    let points = lab.json(&survey).await;
    assert_eq!(points.as_array().unwrap().len(), 6);
    let path = format!("{survey}/5?taken=1");
    lab.send(Request::new("DELETE", &path).basic(ADMIN)).await.error(409, "no_such_point");
    let path = format!("{survey}/5?taken={}", points[5]["taken"]);
    assert_eq!(lab.send(Request::new("DELETE", &path).basic(ADMIN)).await.status, 204);
    let calibration = format!("/api/v1/floors/{id}/calibration");
    eventually("it is learnt from", async || lab.json(&calibration).await["points"] == 5).await;
    let all = lab.json("/api/v1/calibration").await;
    let of_floor = |id: &str| all.as_array().unwrap().iter().find(|it| it["floor"] == id).cloned();
    let (here, quality) = (of_floor(&id).unwrap(), lab.json(&calibration).await);
    assert_eq!([&here["points"], &here["method"]], [&quality["points"], &quality["method"]]);
    assert_eq!(
        all.as_array().unwrap().len(),
        lab.json("/api/v1/floors").await.as_array().unwrap().len()
    );

    let csv = format!("/api/v1/floors/{id}/survey.csv");
    let exported = lab.get(&csv).await;
    assert_eq!(exported.text().lines().count(), 6);
    let import =
        async |body: Vec<u8>| lab.send(Request::new("PUT", &csv).basic(ADMIN).body(body)).await;
    let message = import(b"x,y,ap,band,rssi\n1,1,a,5GHz,-3".to_vec()).await;
    assert!(message.error(400, "bad_request").contains("line 2"));
    assert_eq!(lab.json(&survey).await.as_array().unwrap().len(), 5, "nothing was changed");
    let imported = import(exported.text().into_bytes()).await.json();
    assert_eq!(imported, json!({"points": 5, "unplaced_access_points": 1}), "{ap} is on no map");
    assert_eq!(lab.json(&survey).await.as_array().unwrap().len(), 5);
    assert_eq!(lab.send(Request::new("DELETE", &survey).basic(ADMIN)).await.status, 204);
    assert_eq!(lab.json(&survey).await, json!([]));
}

/// A display on a wall is heard by itself; people only say where it is.
#[tokio::test]
async fn a_client_at_a_known_place_is_a_point_that_takes_itself() {
    let lab = Lab::start().await;
    let (id, ..) = floor(&lab).await;
    let known = format!("/api/v1/floors/{id}/known_clients");
    let path = |category: &str| format!("{known}/{category}/{}", PASSER_BY.mac());
    let put = async |user, category: &str, x: f32| {
        let (path, body) = (path(category), json!({"at": {"x": x, "y": 4}}));
        lab.send(Request::new("PUT", &path).basic(user).json(&body)).await
    };
    put(VIEWER, "clients", 4.0).await.error(403, "forbidden");
    let outside = put(ADMIN, "clients", 1_000.0).await.error(400, "bad_request");
    assert!(outside.contains("outside the floor"), "{outside}");
    let wired = put(ADMIN, "wiredclients", 4.0).await.error(400, "bad_request");
    assert!(wired.contains("switch port"), "{wired}");
    assert_eq!(put(ADMIN, "clients", 4.0).await.json()["taken"], Value::Null);

    let calibration = format!("/api/v1/floors/{id}/calibration");
    eventually("it is heard and learnt from", async || {
        lab.wlc.notify(measurement(PASSER_BY, GROUND, (4.0, 4.0))).await;
        lab.json(&calibration).await["points"] == 1
    })
    .await;
    let listed = lab.json(&known).await;
    assert!(listed[0]["taken"].is_u64() && listed[0]["access_points"].as_u64() > Some(0));
    let survey = lab.json(&format!("/api/v1/floors/{id}/survey")).await;
    assert_eq!(survey, json!([]), "nobody took it");

    let remove = async || lab.send(Request::new("DELETE", &path("clients")).basic(ADMIN)).await;
    assert_eq!(remove().await.status, 204);
    remove().await.error(404, "not_found");
    eventually("it is forgotten", async || lab.json(&calibration).await["points"] == 0).await;
}
