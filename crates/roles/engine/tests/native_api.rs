//! The native API, as the console and programs of the operator use it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tokio::net::UnixStream;

mod common;

use common::http::{Request, Response, exchange};
use common::{ADMIN, Lab, VIEWER, basic, eventually, send_to, site};
use site::{ANNA, GUEST, NOWHERE, PASSER_BY, ROGUE, TAG, WIRED};

/// The console's header.
const CONSOLE: (&str, &str) = ("X-MSE-Console", "1");
const SESSION: &str = "/api/v1/session";
const PASSWORD: &str = "/api/v1/session/password";

async fn log_in(lab: &Lab, (username, password): (&str, &str)) -> Response {
    let body = json!({"username": username, "password": password});
    lab.send(Request::new("POST", SESSION).json(&body)).await
}

/// The `Cookie` header of a user who has logged in.
async fn cookie(lab: &Lab, user: (&str, &str)) -> String {
    let response = log_in(lab, user).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let set = response.header("set-cookie").unwrap();
    set.split(';').next().unwrap().to_owned()
}

/// A request from the console.
fn from_console<'a>(method: &'a str, path: &'a str, cookie: &str) -> Request<'a> {
    Request::new(method, path).header("Cookie", cookie).header(CONSOLE.0, CONSOLE.1)
}

#[tokio::test]
async fn a_session_lives_from_log_in_to_log_out() {
    let lab = Lab::start().await;
    let response = log_in(&lab, ADMIN).await;
    let expected = json!({"username": "ada", "role": "admin", "must_change_password": false});
    assert_eq!((response.status, response.json()), (200, expected.clone()));
    let set = response.header("set-cookie").unwrap();
    let attributes: Vec<&str> = set.split("; ").skip(1).collect();
    assert_eq!(attributes, ["Path=/", "HttpOnly", "SameSite=Strict"]);

    let other = cookie(&lab, ADMIN).await;
    let cookie = set.split(';').next().unwrap();
    let shown = lab.send(Request::get(SESSION).header("Cookie", cookie));
    assert_eq!(shown.await.json(), expected);
    let forged = lab.send(Request::new("DELETE", SESSION).header("Cookie", cookie));
    let message = forged.await.error(403, "header_required");
    assert!(message.contains("X-MSE-Console"), "{message}");

    let out = lab.send(from_console("DELETE", SESSION, cookie)).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    let ended = lab.send(Request::get(SESSION).header("Cookie", cookie));
    ended.await.error(401, "unauthenticated");
    let still = lab.send(Request::get(SESSION).header("Cookie", &other));
    assert_eq!(still.await.status, 200, "the other browser stays");
}

#[tokio::test]
async fn without_credentials_nothing_is_told_and_no_browser_asks() {
    let lab = Lab::start().await;
    let paths = [
        SESSION,
        "/api/v1/counts",
        "/api/v1/elements",
        "/api/v1/floors",
        "/api/v1/maps/archive",
        "/api/v1/nmsp",
        "/api/v1/server/info",
        "/api/v1/nothing",
    ];
    let bad_cookie = format!("mse_session={}", "0".repeat(64));
    for path in paths {
        for request in [
            Request::get(path),
            Request::get(path).header("Cookie", &bad_cookie),
            Request::get(path).header("Authorization", "Basic ???"),
            Request::get(path).header("Authorization", "Bearer x"),
        ] {
            let response = lab.send(request).await;
            response.error(401, "unauthenticated");
            let challenge = response.header("www-authenticate").unwrap();
            assert!(!challenge.contains("Basic"), "{path}: {challenge}");
        }
    }
    // Programs of CMX must be asked, or they never send their credentials.
    for path in ["/api/location/v2/clients", "/metrics"] {
        let response = lab.send(Request::get(path)).await;
        response.error(401, "unauthenticated");
        let challenge = response.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic realm="), "{path}: {challenge}");
    }
}

#[tokio::test]
async fn programs_that_begin_together_use_one_try() {
    let lab = Lab::start().await;
    let address = lab.engine.address;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..40 {
        asked.spawn(async move {
            send_to(address, Request::get("/api/v1/counts").basic(VIEWER)).await.status
        });
    }
    let answers = asked.join_all().await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
}

#[tokio::test]
async fn the_name_of_a_scheme_has_no_case() {
    let lab = Lab::start().await;
    let lower = basic(VIEWER).replacen("Basic ", "basic ", 1);
    let request = Request::get("/api/v1/counts").header("Authorization", lower);
    assert_eq!(lab.send(request).await.status, 200);
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let lab = Lab::start().await;
    let mut refused = 0;
    let last = loop {
        let response = log_in(&lab, (ADMIN.0, "not the password")).await;
        if response.status != 401 {
            break response;
        }
        let message = response.error(401, "unauthenticated");
        assert_eq!(message, "wrong user name or password");
        refused += 1;
        assert!(refused <= 10, "never slowed down");
    };
    last.error(429, "too_many_tries");
    let seconds: u64 = last.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=7).contains(&seconds), "{seconds} s");
    // Starting the lab was one try.
    assert_eq!(refused, 9);
    log_in(&lab, ADMIN).await.error(429, "too_many_tries");
    assert_eq!(lab.get("/api/v1/counts").await.status, 200, "a program that is known goes on");
}

#[tokio::test]
async fn a_given_password_must_be_changed_first() {
    let lab = Lab::start().await;
    let (name, given, chosen) = ("otto", "given by somebody", "chosen by himself");
    let role = store::Role::Operator;
    engine::accounts::add_user(&lab.engine.shared.store, name, given, role, true).unwrap();
    let here = cookie(&lab, (name, given)).await;
    let elsewhere = cookie(&lab, (name, given)).await;
    let session = lab.send(Request::get(SESSION).header("Cookie", &here)).await;
    assert_eq!(session.json()["must_change_password"], true);
    let refused = lab.send(Request::get("/api/v1/counts").header("Cookie", &here));
    refused.await.error(403, "password_change_required");
    let cmx = Request::get("/api/location/v2/clients").basic((name, given));
    lab.send(cmx).await.error(403, "password_change_required");

    let change = async |current: &str, new: &str| {
        let body = json!({"current": current, "new": new});
        lab.send(from_console("PUT", PASSWORD, &here).json(&body)).await
    };
    change(given, "short").await.error(400, "bad_request");
    change(given, given).await.error(400, "bad_request");
    change("wrong one", chosen).await.error(401, "unauthenticated");
    assert_eq!(change(given, chosen).await.status, 204);

    let counts = lab.send(Request::get("/api/v1/counts").header("Cookie", &here));
    assert_eq!(counts.await.status, 200);
    let ended = lab.send(Request::get(SESSION).header("Cookie", &elsewhere));
    ended.await.error(401, "unauthenticated");
    log_in(&lab, (name, given)).await.error(401, "unauthenticated");
}

#[tokio::test]
async fn only_an_admin_imports_maps() {
    let lab = Lab::start().await;
    let archive = lab.get("/api/v1/maps/archive").await;
    assert_eq!(archive.header("content-type"), Some("application/gzip"));
    let put = || Request::new("PUT", "/api/v1/maps/archive").body(archive.body.clone());
    let refused = lab.send(put().basic(VIEWER)).await;
    let message = refused.error(403, "forbidden");
    assert!(message.contains("admin") && message.contains("vera"), "{message}");
    let done = lab.send(put().basic(ADMIN)).await;
    let expected = json!({"campuses": 1, "buildings": 1, "floors": 3, "access_points": 9});
    assert_eq!((done.status, done.json()), (200, expected));
    let again = lab.get("/api/v1/maps/archive").await;
    assert!(again.body == archive.body, "the same maps, the same bytes");
    // Whoever says what they saw does not undo what somebody else did meanwhile.
    let seen = archive.header("etag").unwrap();
    let late = lab.send(put().basic(ADMIN).header("If-Match", seen)).await;
    let message = late.error(412, "maps_changed");
    assert!(message.contains("somebody else changed the maps"), "{message}");
    let seen = again.header("etag").unwrap();
    let floors = lab.get("/api/v1/floors").await;
    assert_eq!(floors.header("etag"), Some(seen));
    let done = lab.send(put().basic(ADMIN).header("If-Match", seen)).await;
    assert_eq!(done.status, 200, "{}", done.text());
}

/// Positions belong to maps. New maps end the old positions, and what is heard next has one again,
/// even when it did not move.
#[tokio::test]
async fn elements_are_located_again_after_an_import() {
    let lab = Lab::start().await;
    let archive = lab.get("/api/v1/maps/archive").await.body;
    let put = Request::new("PUT", "/api/v1/maps/archive").body(archive);
    assert_eq!(lab.send(put.basic(ADMIN)).await.status, 200);
    let anna = ANNA.path();
    eventually("the old position is forgotten", async || {
        lab.json(&anna).await["position"].is_null()
    })
    .await;
    eventually("the new position is known", async || {
        let same_place = site::measurement(ANNA, site::GROUND, (4.0, 4.0));
        lab.wlc.notify(same_place).await;
        lab.json(&anna).await["position"]["floor"] == site::floor_id("Ground")
    })
    .await;
}

#[tokio::test]
async fn elements_are_filtered_searched_and_paged() {
    let lab = Lab::start().await;
    let names = async |query: &str| -> Vec<String> {
        let page = lab.json(&format!("/api/v1/elements?{query}")).await;
        let elements = page["elements"].as_array().unwrap().iter();
        let macs: Vec<String> = elements.map(|it| it["mac"].as_str().unwrap().to_owned()).collect();
        assert!(page["total"].as_u64().unwrap() >= macs.len() as u64);
        macs
    };
    let check = async |query: &str, expected: &[site::Name]| {
        let expected: Vec<String> = expected.iter().map(|it| it.text()).collect();
        assert_eq!(names(query).await, expected, "{query}");
    };
    check("", &[ANNA, PASSER_BY, GUEST, NOWHERE, TAG, ROGUE, WIRED]).await;
    check("category=clients", &[ANNA, PASSER_BY, GUEST, NOWHERE]).await;
    check("category=wiredclients", &[WIRED]).await;
    check("category=interferers", &[]).await;
    let ground = format!("floor={}", site::floor_id("Ground"));
    check(&ground, &[ANNA, PASSER_BY, TAG]).await;
    let clients_upstairs = format!("category=clients&floor={}", site::floor_id("First"));
    check(&clients_upstairs, &[GUEST]).await;
    for anna in ["ANNA", "192.0.2.10", "corp", "5e:00:53:01", "5E-00-53-01", "5e00.5301"] {
        check(&format!("search={anna}"), &[ANNA]).await;
    }
    check("search=carol", &[WIRED]).await;
    check("search=nobody", &[]).await;
    check("page=2&page_size=3", &[NOWHERE, TAG, ROGUE]).await;
    check("page=9&page_size=3", &[]).await;
    let third = lab.json("/api/v1/elements?page=3&page_size=3").await;
    assert_eq!(third["total"], site::ELEMENTS);

    for (query, culprit) in [
        ("colour=red", "colour"),
        ("category=cars", "'cars'"),
        ("floor=ground", "decimal number"),
        ("page=0", "page"),
        ("page_size=1001", "1000"),
        ("page=x", "page"),
    ] {
        let response = lab.get(&format!("/api/v1/elements?{query}")).await;
        let message = response.error(400, "bad_request");
        assert!(message.contains(culprit), "{query}: {message}");
    }
}

#[tokio::test]
async fn one_element_is_told_with_all_that_is_known() {
    let lab = Lab::start().await;
    let mut anna = lab.json("/api/v1/elements/clients/0000.5E00.5301").await;
    let position = anna["position"].take();
    assert_eq!(position["floor"], site::floor_id("Ground"));
    let point = |axis: &str| position["point"][axis].as_f64().unwrap();
    assert!((point("x") - 4.0).hypot(point("y") - 4.0) < 2.0, "{position}");
    assert!(position["confidence"].as_f64().unwrap() > 0.0);
    for time in ["first_seen", "last_seen"] {
        let at = anna[time].take().as_u64().unwrap();
        assert!(node::clock::wall().0 - at < 60_000, "{time} is {at}");
    }
    let rssi = anna["strongest"]["rssi"].take().as_f64().unwrap();
    assert!((-60.0..-40.0).contains(&rssi), "{rssi}");
    anna["strongest"]["at"].take();
    let expected = json!({
        "category": "wireless_client",
        "mac": "00:00:5e:00:53:01",
        "first_seen": null,
        "last_seen": null,
        "band": "5GHz",
        "strongest": {"ap": "70:df:2f:b5:38:10", "band": "5GHz", "rssi": null, "at": null},
        "position": null,
        "association": {
            "associated": true,
            "ap": "70:df:2f:b5:38:10",
            "ssid": "corp",
            "username": "anna",
            "ip_addresses": ["192.0.2.10", "fe80::f953:31c3:a5c9:1865"],
            "bytes_sent": 154,
            "bytes_received": 140,
        },
        "controller": lab.wlc.address.to_string(),
        "missing": false,
        "zones": ["Lobby"],
    });
    assert_eq!(anna, expected);

    let absent = lab.get("/api/v1/elements/tags/00:00:5e:00:53:01").await;
    let message = absent.error(404, "not_found");
    assert!(message.contains("00:00:5e:00:53:01"), "{message}");
    for path in ["cars/00:00:5e:00:53:01", "clients/xyz"] {
        let response = lab.get(&format!("/api/v1/elements/{path}")).await;
        response.error(400, "bad_request");
    }
}

#[tokio::test]
async fn a_trail_has_every_position_oldest_first() {
    let lab = Lab::start().await;
    let trail = format!("{}/trail", ANNA.path());
    let length = async |query: &str| {
        let points = lab.json(&format!("{trail}{query}")).await;
        points.as_array().unwrap().len()
    };
    eventually("the first position is written", async || length("").await == 1).await;
    let moved = site::measurement(ANNA, site::GROUND, (15.0, 11.0));
    lab.wlc.notify(moved).await;
    eventually("the second position is written", async || length("").await == 2).await;

    let points = lab.json(&trail).await;
    let column = |key: &str| [0, 1].map(|at| points[at][key].as_f64().unwrap());
    let ([then, now], [left, right]) = (column("at"), column("x"));
    assert!(then < now && left + 6.0 < right, "{points}");
    assert_eq!(points[1]["floor"], site::floor_id("Ground"));
    assert!(points[1]["confidence"].as_f64().unwrap() > 0.0);
    let newest = lab.json(&format!("{trail}?limit=1")).await;
    assert_eq!(newest, json!([points[1]]));
    assert_eq!(length("?minutes=0").await, 0);
    let unknown = lab.get(&format!("{trail}?hours=1")).await;
    let message = unknown.error(400, "bad_request");
    assert!(message.contains("hours"), "{message}");
    let nobody = "/api/v1/elements/clients/00:00:5e:00:53:99/trail";
    assert_eq!(lab.json(nobody).await, json!([]));
}

#[tokio::test]
async fn counts_say_what_is_tracked_and_located() {
    let lab = Lab::start().await;
    let counts = lab.json("/api/v1/counts").await;
    assert_eq!((&counts["limit"], &counts["total"]), (&json!(50_000), &json!(7)));
    let row = |word: &str, title: &str, active: u64, located: u64| {
        json!({"category": word, "title": title, "active": active, "located": located,
            "limit": 50_000, "not_tracked": 0})
    };
    let expected = json!([
        row("clients", "Wireless Clients", 4, 3),
        row("tags", "Tags", 1, 1),
        row("rogueaps", "Rogue APs", 1, 1),
        row("rogueclients", "Rogue Clients", 0, 0),
        row("interferers", "Interferers", 0, 0),
        row("wiredclients", "Wired Clients", 1, 0),
    ]);
    assert_eq!(counts["categories"], expected);
}

#[tokio::test]
async fn floors_are_listed_and_told_one_by_one() {
    let lab = Lab::start().await;
    let floors = lab.json("/api/v1/floors").await;
    let names: Vec<&Value> = floors.as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["Ground", "First", "Roof"]);
    let expected = json!({
        "id": site::floor_id("Ground"), "campus": "North", "building": "Main", "name": "Ground",
        "level": 0, "width": 20.0, "length": 16.0,
        "counts": {"clients": 2, "tags": 1, "rogueaps": 0, "rogueclients": 0, "interferers": 0,
            "wiredclients": 0},
    });
    assert_eq!(floors[0], expected);

    let ground = format!("/api/v1/floors/{}", site::floor_id("Ground"));
    let one = lab.json(&ground).await;
    let maps = lab.json("/api/v1/maps").await;
    assert_eq!(maps, serde_json::to_value(site::maps()).unwrap());
    assert_eq!(one["floor"], maps["campuses"][0]["buildings"][0]["floors"][0]);
    assert_eq!((&one["campus"], &one["building"]), (&json!("North"), &json!("Main")));

    let unknown = lab.get("/api/v1/floors/1").await.error(404, "not_found");
    assert!(unknown.contains("id 1"), "{unknown}");
    lab.get("/api/v1/floors/ground").await.error(400, "bad_request");
    lab.get("/api/v1/floors/1/image").await.error(404, "not_found");
    let roof = format!("/api/v1/floors/{}/image", site::floor_id("Roof"));
    let message = lab.get(&roof).await.error(404, "not_found");
    assert!(message.contains("North>Main>Roof"), "{message}");
}

#[tokio::test]
async fn plans_are_cached_and_can_do_nothing_in_a_browser() {
    let lab = Lab::start().await;
    for (floor, media_type, plan) in
        [("Ground", "image/png", site::PLAN_PNG), ("First", "image/svg+xml", site::PLAN_SVG)]
    {
        let path = format!("/api/v1/floors/{}/image", site::floor_id(floor));
        let fresh = lab.get(&path).await;
        assert_eq!((fresh.status, fresh.header("content-type")), (200, Some(media_type)));
        assert!(fresh.body == plan);
        let policy = fresh.header("content-security-policy").unwrap();
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(fresh.header("x-content-type-options"), Some("nosniff"));
        let etag = fresh.header("etag").unwrap();

        let known = Request::get(&path).basic(ADMIN).header("If-None-Match", etag);
        let known = lab.send(known).await;
        assert_eq!((known.status, known.body.len()), (304, 0));
        // RFC 9111, section 4.3.4: a browser takes these over into what it has.
        for name in ["etag", "cache-control", "content-security-policy"] {
            assert_eq!(known.header(name), fresh.header(name), "{name} of the 304");
        }
        let stale = Request::get(&path).basic(ADMIN).header("If-None-Match", "\"old\"");
        assert_eq!(lab.send(stale).await.status, 200);
    }
}

#[tokio::test]
async fn the_link_to_the_controller_is_shown() {
    let lab = Lab::start().await;
    let link = async || lab.json("/api/v1/nmsp").await["connections"][0].clone();
    eventually("counters are renewed", async || link().await["rx_data"] == 5).await;
    let link = link().await;
    let address = lab.wlc.address.to_string();
    for (key, expected) in [
        ("address", json!(address)),
        ("name", json!("wlc-1")),
        ("state", json!("active")),
        ("reason", json!(null)),
        ("detail", json!(null)),
        ("target_type", json!("Controller")),
        ("unsupported", json!(0)),
    ] {
        assert_eq!(link[key], expected, "{key}");
    }
    let subscribed = link["subscribed"].as_array().unwrap();
    let rssi = subscribed.iter().find(|it| it["service"] == "RSSI").unwrap();
    assert_eq!(rssi["subservices"][0], "MOBILE_STATION");
    let messages = link["messages"].as_array().unwrap();
    let measured = messages.iter().find(|it| it["name"] == "MEASUREMENT_NOTIFICATION").unwrap();
    assert_eq!((&measured["id"], &measured["count"]), (&json!(15), &json!(1)));
    assert_eq!(measured["direction"], "in");
    assert!(measured["bytes"].as_u64().unwrap() > 100);
}

#[tokio::test]
async fn the_server_tells_about_itself() {
    let lab = Lab::start().await;
    let about = lab.json("/api/v1/server").await;
    assert_eq!(about["name"], "mse-1");
    assert!(about["start_time"].as_u64() <= about["current_time"].as_u64());
    let session = cookie(&lab, VIEWER).await;
    let info = Request::get("/api/v1/server/info").header("Cookie", session);
    let info = lab.send(info).await.json();
    assert_eq!(info["mac"], lab.engine.shared.identity.mac.to_string());
    assert_eq!(info["https"], lab.engine.address.to_string());
    assert_eq!((&info["restarts"], &info["history_days"]), (&json!(0), &json!(30)));
    assert_eq!(info["counts"]["total"], site::ELEMENTS);
    let sessions = info["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        (&sessions[0]["user"], &sessions[0]["address"]),
        (&json!("vera"), &json!("127.0.0.1"))
    );
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let lab = Lab::start().await;
    let response = lab.get("/metrics").await;
    assert_eq!(response.status, 200);
    let media_type = response.header("content-type").unwrap();
    assert!(media_type.starts_with("application/openmetrics-text; version=1.0.0"));
    let text = response.text();
    assert!(text.ends_with("# EOF\n"), "the end is marked");
    let mut samples = std::collections::BTreeMap::new();
    let mut described = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            let (kind, name) = (words.next().unwrap(), words.next());
            assert!(["HELP", "TYPE", "UNIT", "EOF"].contains(&kind), "{line}");
            described.extend(name);
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let family = name.strip_suffix("_total").unwrap_or(name);
        assert!(described.contains(family), "{line} has a description");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(samples.insert(series.to_owned(), value).is_none(), "{line} is there once");
    }
    let link = format!("mse_nmsp_active{{controller=\"{}\"}}", lab.wlc.address);
    for (series, expected) in [
        ("mse_elements_active{category=\"clients\"}", 4.0),
        ("mse_elements_located{category=\"clients\"}", 3.0),
        ("mse_elements_not_tracked{category=\"tags\"}", 0.0),
        (&link, 1.0),
        ("mse_unplaced_access_points", 0.0),
        ("mse_estimates_total", 6.0),
        ("mse_readings_impossible_total", 0.0),
        ("mse_unlocatable_total", 1.0),
    ] {
        assert_eq!(samples.get(series), Some(&expected), "{series} in\n{text}");
    }
}

#[tokio::test]
async fn probes_answer_everyone() {
    let lab = Lab::start().await;
    for path in ["/livez", "/readyz"] {
        let response = lab.send(Request::get(path)).await;
        assert_eq!((response.status, response.text().as_str()), (200, "ok\n"), "{path}");
    }
    let health = lab.send(Request::get("/health")).await;
    let expected = json!({"status": "ok", "controllers": 1, "active": 1});
    assert_eq!((health.status, health.json()), (200, expected));
}

#[tokio::test]
async fn the_node_itself_is_admin_over_its_socket() {
    let lab = Lab::start().await;
    let socket = lab.dir.path().join(engine::engine::SOCKET_NAME);
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for the node's own user only");
    let stream = UnixStream::connect(&socket).await.unwrap();
    let session = exchange(stream, &Request::get(SESSION)).await;
    let expected = json!({"username": "local", "role": "admin", "must_change_password": false});
    assert_eq!(session.json(), expected);
}

#[tokio::test]
async fn the_console_is_served_with_its_policy() {
    let lab = Lab::start().await;
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/console.js", "text/javascript; charset=utf-8"),
        ("/console.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let fresh = lab.send(Request::get(path)).await;
        assert_eq!((fresh.status, fresh.header("content-type")), (200, Some(media_type)));
        let policy = fresh.header("content-security-policy").unwrap();
        for rule in ["default-src 'self'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(fresh.header(name), Some(value), "{path}: {name}");
        }
        let etag = fresh.header("etag").unwrap();
        let known = lab.send(Request::get(path).header("If-None-Match", etag)).await;
        assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
        for name in ["etag", "cache-control"] {
            assert_eq!(known.header(name), fresh.header(name), "{name} of the 304");
        }
    }
    assert_eq!(lab.send(Request::get("/nothing.js")).await.status, 404);
    let data = lab.get("/api/v1/counts").await;
    assert_eq!(data.header("cache-control"), Some("no-store"));
}

/// Whatever goes wrong, a program finds a code and a person a message.
#[tokio::test]
async fn every_error_has_the_same_form() {
    let lab = Lab::start().await;
    let post = || Request::new("POST", SESSION);
    let put = |path| Request::new("PUT", path).basic(ADMIN);
    let missing = post().json(&json!({"username": "ada"}));
    let unknown = post().json(&json!({"username": "ada", "password": "x", "otp": 1}));
    let cut = post().header("Content-Type", "application/json").body(b"{\"username\":".to_vec());
    for (request, status, code, culprit) in [
        (missing, 422, "bad_request", "password"),
        (unknown, 422, "bad_request", "otp"),
        (cut, 400, "bad_request", "EOF"),
        (post().body(b"{}".to_vec()), 415, "unsupported_media_type", "application/json"),
        (put("/api/v1/counts"), 405, "method_not_allowed", ""),
        (Request::get("/api/v1/live").basic(ADMIN), 400, "bad_request", "pgrade"),
        (Request::get("/api/v1/nothing").basic(ADMIN), 404, "not_found", "/api/v1/nothing"),
        (Request::get("/api/config/v1/nothing").basic(ADMIN), 404, "not_found", "CMX"),
        (put("/api/config/v1/maps"), 405, "method_not_allowed", "GET"),
    ] {
        let message = lab.send(request).await.error(status, code);
        assert!(message.contains(culprit), "'{message}' names {culprit}");
    }
}
