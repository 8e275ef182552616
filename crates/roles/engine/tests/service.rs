//! An engine as one of a pair: what its monitor orders, what becomes an entry, what survives.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::net::TcpStream;
use std::time::Instant;

use engine::accounts::{INITIAL_PASSWORD_NAME, new_user};
use engine::config::ControllerConfig;
use engine::engine::SOCKET_NAME;
use model::pair::Position;
use model::{Category, Mac};
use nmsp::Batch;
use node::http::{Call, call_local};
use node::key_hash::KeyHash;
use node::service::Order;
use serde_json::{Value, json};
use store::{Change, KeptRow, Role, STATE_HASH_INTERVAL, Secret};

mod common;

use common::air;
use common::http::{Request, Response};
use common::monitor::{Journal, Node, Writes};
use common::wlc::Wlc;
use common::{ADMIN, Dir, PATIENCE, config, eventually, send_to, site};

/// A journal whose service has the users and the maps of the tests, and its plans.
fn begun() -> Journal {
    begun_at(store::FEATURE_LEVEL)
}

/// The same, founded by programs of this feature level.
fn begun_at(level: u32) -> Journal {
    let journal = Journal::default();
    let user = new_user(ADMIN.0, ADMIN.1, Role::Admin, false).unwrap();
    journal.write(&[
        Change::LevelRaised { level },
        Change::UserAdded {
            name: user.name,
            role: user.role,
            password_hash: Secret(user.password_hash),
            must_change_password: false,
            at: user.created,
        },
        Change::FilePut { content: store::Content(site::PLAN_PNG.to_vec()) },
        Change::FilePut { content: store::Content(site::PLAN_SVG.to_vec()) },
        Change::maps(&site::maps()).unwrap(),
    ]);
    journal
}

async fn alone(journal: &Journal) -> Node {
    Node::start(journal, |dir| config(dir, &[])).await
}

async fn connected(journal: &Journal, controller: ControllerConfig) -> Node {
    Node::start(journal, |dir| config(dir, &[controller])).await
}

async fn ask(node: &Node, request: Request<'_>) -> Response {
    send_to(node.service.address().expect("it is active"), request).await
}

async fn get(node: &Node, path: &str) -> Response {
    ask(node, Request::get(path).basic(ADMIN)).await
}

/// What the node's own commands are told.
async fn ask_locally(dir: &Dir, path: &str) -> (u16, Value) {
    let (status, body) = call_local(&dir.path().join(SOCKET_NAME), Call::get(path)).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn key_hash(node: &Node) -> KeyHash {
    node.service.serving().expect("it is active").identity.credentials.sha256
}

/// How many positions were written.
fn rows(journal: &Journal) -> usize {
    let rows = |change: Change| match change {
        Change::HistoryAppended { rows } => rows.len(),
        _ => 0,
    };
    journal.changes().into_iter().map(rows).sum()
}

async fn founded(journal: &Journal) {
    let is_set = |it: &Change| matches!(it, Change::ServiceIdentitySet { .. });
    eventually("the service has its identity", async || journal.changes().iter().any(is_set)).await;
}

fn new_user_request(name: &str) -> Request<'_> {
    let body = json!({ "name": name, "password": "a long password", "role": "viewer" });
    Request::new("POST", "/api/v1/users").basic(ADMIN).json(&body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dormant_engine_says_so_on_its_own_socket_only() {
    let journal = begun();
    let node = alone(&journal).await;
    node.catch_up();
    node.pass();
    assert_eq!(node.service.address(), None);
    let (status, info) = ask_locally(&node.dir, "/api/v1/server/info").await;
    assert_eq!((status, &info["duty"]), (200, &json!("dormant")));
    assert_eq!(info["name"], "mse-1");
    assert_eq!(ask_locally(&node.dir, "/api/v1/server").await.0, 200);
    let (status, refused) = ask_locally(&node.dir, "/api/v1/elements").await;
    assert_eq!((status, &refused["error"]["code"]), (503, &json!("dormant")));

    node.activate(1);
    let (_, info) = ask_locally(&node.dir, "/api/v1/server/info").await;
    assert_eq!(info["duty"], "active");
    let address = node.service.address().unwrap();
    node.deactivate();
    assert!(TcpStream::connect(address).is_err(), "nothing listens");
    assert_eq!(ask_locally(&node.dir, "/api/v1/server/info").await.1["duty"], "dormant");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_activation_founds_the_service_for_both_nodes() {
    let journal = Journal::default();
    let (first, second) = (alone(&journal).await, alone(&journal).await);
    first.activate(1);
    let password = first.dir.path().join(INITIAL_PASSWORD_NAME);
    eventually("the first user is there", async || {
        matches!(journal.changes().last(), Some(Change::UserAdded { .. }))
    })
    .await;
    let changes = journal.changes();
    let ours = store::FEATURE_LEVEL;
    assert!(matches!(changes[0], Change::LevelRaised { level } if level == ours), "{changes:?}");
    assert!(matches!(changes[1], Change::ServiceIdentitySet { .. }), "{changes:?}");
    assert_eq!(changes.len(), 3);
    // What is in the journal is applied a moment later.
    first.pass();
    let password = std::fs::read_to_string(password).unwrap();
    let user = ("admin", password.trim());
    let session = Request::get("/api/v1/session").basic(user);
    assert_eq!(ask(&first, session.clone()).await.json()["must_change_password"], true);
    let known = key_hash(&first);
    first.deactivate();

    second.activate(2);
    assert_eq!(key_hash(&second), known, "controllers trust it");
    assert_eq!(ask(&second, session).await.json()["username"], "admin");
    assert!(!second.dir.path().join(INITIAL_PASSWORD_NAME).exists(), "it stays on its node");
    assert!(!second.dir.path().join("node/identity.key").exists(), "it has no key of its own");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(journal.changes().len(), 3, "founded once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_rises_when_both_nodes_understand_it() {
    let journal = begun_at(2);
    let node = alone(&journal).await;
    node.activate_at(1, 2);
    let definition = json!({
        "name": "moves", "conditions": [{"type": "movement", "distance_m": 5.0}],
        "receivers": [{"transport": {"type": "syslog", "host": "127.0.0.1", "port": 9, "protocol": "udp"}, "format": "text"}],
    });
    let request = Request::new("PUT", "/api/v1/notifications/moves").basic(ADMIN);
    let put = || ask(&node, request.clone().json(&definition));
    let refused = put().await.error(409, "conflict");
    assert!(refused.contains("needs feature level 3, the pair agreed on 2"), "{refused}");

    node.say(&Order::Level(store::FEATURE_LEVEL as u16));
    eventually("the level is raised", async || put().await.status == 201).await;
    let raised =
        journal.changes().into_iter().filter(|it| matches!(it, Change::LevelRaised { .. }));
    assert_eq!(raised.count(), 2, "once by the founder, once now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_was_added_is_an_entry_and_stays() {
    let journal = begun();
    let (first, second) = (alone(&journal).await, alone(&journal).await);
    first.activate(1);
    founded(&journal).await;
    let added = ask(&first, new_user_request("bob")).await;
    assert_eq!(added.status, 201, "{}", added.text());
    ask(&first, new_user_request("bob")).await.error(409, "conflict");
    let is_bob = |it: &Change| matches!(it, Change::UserAdded { name, .. } if name == "bob");
    assert_eq!(journal.changes().iter().filter(|it| is_bob(it)).count(), 2, "refused by both");
    let names = async |node: &Node| {
        let users = get(node, "/api/v1/users").await.json();
        users.as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first).await, ["ada", "bob"]);
    first.deactivate();
    first.activate(2);
    assert_eq!(names(&first).await, ["ada", "bob"], "again in the same process");
    first.deactivate();
    second.activate(3);
    assert_eq!(names(&second).await, ["ada", "bob"]);
    let body = json!({ "password": "another password" });
    let put = Request::new("PUT", "/api/v1/users/bob/password").basic(ADMIN).json(&body);
    assert_eq!(ask(&second, put).await.status, 204);
    let bob = Request::get("/api/v1/session").basic(("bob", "another password"));
    assert_eq!(ask(&second, bob).await.status, 200);
    let gone = Request::new("DELETE", "/api/v1/users/bob").basic(ADMIN);
    assert_eq!(ask(&second, gone).await.status, 204);
    assert!(
        matches!(journal.changes().last(), Some(Change::UserRemoved { name }) if name == "bob")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_survive_a_takeover_and_the_controller_lets_the_peer_in() {
    let journal = begun();
    let dir = Dir::empty();
    // The identity that the first node has already becomes that of the service.
    let wlc = Wlc::start(&dir).await;
    let first_config = config(&dir, &[wlc.config()]);
    let first = Node::start_in(&journal, dir, first_config).await;
    let second = connected(&journal, wlc.config()).await;
    let third = alone(&journal).await;
    first.activate(1);
    let rows = || rows(&journal);
    eventually("the positions are entries", async || rows() == site::LOCATED).await;
    let anna = site::ANNA.path();
    let before = get(&first, &anna).await.json();
    first.deactivate();

    // Nothing is told here but by the journal.
    third.activate(2);
    let page = get(&third, "/api/v1/elements").await.json();
    assert_eq!(page["total"], site::LOCATED, "before anything was heard: {page}");
    let after = get(&third, &anna).await.json();
    assert_eq!(after["zones"], before["zones"]);
    assert_eq!(after["position"]["floor"], before["position"]["floor"]);
    assert_eq!(after["position"]["at"], before["position"]["at"]);
    third.deactivate();

    second.activate(3);
    eventually("the link of the peer is active, too", async || {
        get(&second, "/api/v1/nmsp").await.json()["connections"][0]["state"] == "active"
    })
    .await;
    // What stands where it stood when it was heard last is not written again.
    wlc.notify(site::measurement(site::ANNA, site::FIRST, (11.0, 5.0))).await;
    eventually("the peer writes on", async || rows() > site::LOCATED).await;
    let trail = format!("{anna}/trail");
    eventually("the trail has both", async || {
        get(&second, &trail).await.json().as_array().is_some_and(|points| points.len() >= 2)
    })
    .await;
}

/// The incident, its file and what a person said of it are on the node that takes over, which takes the
/// incident up.
#[tokio::test(flavor = "multi_thread")]
async fn incidents_survive_a_takeover() {
    let journal = begun();
    let dir = Dir::empty();
    let wlc = Wlc::start(&dir).await;
    let first_config = config(&dir, &[wlc.config()]);
    let first = Node::start_in(&journal, dir, first_config).await;
    let second = connected(&journal, wlc.config()).await;
    first.activate(1);
    let is_linked = async |node: &Node| {
        let links = get(node, "/api/v1/nmsp").await.json();
        links["connections"][0]["state"] == "active"
    };
    eventually("the link is active", async || is_linked(&first).await).await;
    let now_us = || node::clock::wall().0 * 1_000;
    let flood = || wlc.notify(air::flood(now_us() - 3_000_000));
    flood().await;
    let list = "/api/v1/wips/incidents?kind=deauthentication-broadcast";
    let incidents = async |node: &Node| get(node, list).await.json()["incidents"].clone();
    eventually("an incident", async || incidents(&first).await[0]["id"].is_u64()).await;
    let beacon = air::beacon(air::AP, air::SSID, false, 99);
    let later = air::captured((1, -40), now_us() + 4_500_000, &beacon);
    wlc.notify(Batch::Captured(vec![later])).await;
    eventually("its file", async || incidents(&first).await[0]["forensics"].is_object()).await;
    let before = incidents(&first).await[0].clone();
    let path = format!("/api/v1/wips/incidents/{}", before["id"]);
    let acknowledge = format!("{path}/acknowledge");
    let word = json!({"note": "mine"});
    let said = Request::new("POST", &acknowledge).basic(ADMIN).json(&word);
    assert_eq!(ask(&first, said).await.status, 200);
    let file = get(&first, &format!("{path}/forensics")).await;
    first.deactivate();

    second.activate(2);
    let after = get(&second, &path).await.json();
    assert_eq!((&after["note"], &after["standing"]), (&json!("mine"), &json!("acknowledged")));
    assert_eq!(after["transmitter"], before["transmitter"]);
    assert!(get(&second, &format!("{path}/forensics")).await.body == file.body);
    eventually("the link of the peer is active, too", async || is_linked(&second).await).await;
    flood().await;
    eventually("it goes on under its number", async || {
        get(&second, &path).await.json()["frames"].as_u64() > before["frames"].as_u64()
    })
    .await;
    assert_eq!(incidents(&second).await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn visits_survive_a_takeover() {
    let journal = begun();
    let dir = Dir::empty();
    let wlc = Wlc::start(&dir).await;
    let first_config = config(&dir, &[wlc.config()]);
    let first = Node::start_in(&journal, dir, first_config).await;
    let second = alone(&journal).await;
    first.activate(1);
    eventually("the positions are entries", async || rows(&journal) == site::LOCATED).await;
    // What is associated may be known after the first position.
    eventually("both clients are known to be associated", async || {
        wlc.notify(site::measurement(site::ANNA, site::GROUND, (4.0, 4.1))).await;
        wlc.notify(site::measurement(site::GUEST, site::FIRST, (6.0, 5.1))).await;
        let summary = get(&first, "/api/v1/analytics/summary").await.json();
        (&summary["connected"], &summary["passers_by"]) == (&json!(2), &json!(1))
    })
    .await;
    let is_connected = |change: Change| match change {
        Change::StaysKept { stays } => stays.into_iter().filter(|stay| stay.is_connected).count(),
        _ => 0,
    };
    eventually("their stays are entries", async || {
        // Two floors and the lobby.
        journal.changes().into_iter().map(is_connected).sum::<usize>() >= 3
    })
    .await;
    first.deactivate();

    // Nothing is told here but by the journal.
    second.activate(2);
    let summary = get(&second, "/api/v1/analytics/summary").await.json();
    let counts = ["visitors", "connected", "passers_by"].map(|key| summary[key].as_u64());
    assert_eq!(counts, [Some(2), Some(2), Some(1)], "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_wait_while_the_pair_takes_nothing() {
    let journal = begun();
    let dir = Dir::empty();
    let wlc = Wlc::start(&dir).await;
    let config = config(&dir, &[wlc.config()]);
    let node = Node::start_in(&journal, dir, config).await;
    node.activate(1);
    eventually("the positions are entries", async || rows(&journal) == site::LOCATED).await;
    node.writes(Writes::Refused);
    wlc.notify(site::measurement(site::ANNA, site::FIRST, (11.0, 5.0))).await;
    // Several tries.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(rows(&journal), site::LOCATED);
    let metrics = get(&node, "/metrics").await.text();
    assert!(metrics.contains("mse_history_dropped_total 0"), "{metrics}");
    node.writes(Writes::Committed);
    eventually("it was kept", async || rows(&journal) == site::LOCATED + 1).await;
    node.pass();
    let metrics = get(&node, "/metrics").await.text();
    let written = format!("mse_history_written_total {}", site::LOCATED + 1);
    assert!(metrics.contains(&written), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_brings_everything_to_another_node() {
    let journal = begun();
    let (first, other) = (alone(&journal).await, alone(&journal).await);
    first.activate(1);
    founded(&journal).await;
    let archive = get(&first, "/api/v1/maps/archive").await;
    let import = Request::new("PUT", "/api/v1/maps/archive").basic(ADMIN).body(archive.body);
    let imported = ask(&first, import).await;
    assert_eq!(imported.status, 200, "{}", imported.text());
    assert!(matches!(journal.changes().last(), Some(Change::MapsSaved { .. })));
    let (maps, hash) = (get(&first, "/api/v1/maps").await.body, key_hash(&first));
    let image = format!("/api/v1/floors/{}/image", site::floor_id("Ground"));
    assert_eq!(get(&first, &image).await.body, site::PLAN_PNG);

    let place = first.dir.path().join("snapshot");
    // Some monitors make the directory.
    std::fs::create_dir(&place).unwrap();
    let position = first.snapshot(&place);
    assert_eq!(position.index, journal.entries().len() as u64);
    assert_eq!(other.restore(&place), position);
    first.deactivate();
    other.activate(2);
    assert_eq!(get(&other, "/api/v1/maps").await.body, maps);
    assert_eq!(get(&other, &image).await.body, site::PLAN_PNG, "plans are part of it");
    assert_eq!(key_hash(&other), hash);
    assert_eq!(ask(&other, new_user_request("bob")).await.status, 201, "it goes on");
    other.deactivate();

    other.say(&Order::Clear);
    let cleared = other.answer();
    assert_eq!(cleared, node::service::Report::Restored(Position::default()));
    other.activate(3);
    assert_eq!(get(&other, &image).await.body, site::PLAN_PNG, "plans come by entries, too");
    assert_eq!(key_hash(&other), hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_pair_does_not_take_is_told_with_its_reason() {
    let journal = begun();
    let node = alone(&journal).await;
    node.activate(1);
    founded(&journal).await;
    node.writes(Writes::Refused);
    let refused = ask(&node, new_user_request("bob")).await;
    assert_eq!(refused.header("retry-after"), Some("2"));
    let reason = refused.error(503, "not_written");
    assert!(reason.contains("the peer is rebuilt"), "{reason}");

    node.writes(Writes::InTheDark);
    let address = node.service.address().unwrap();
    let asked = tokio::spawn(async move { send_to(address, new_user_request("bob")).await });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!asked.is_finished());
    node.deactivate();
    let unknown = asked.await.unwrap().error(503, "outcome_unknown");
    assert!(unknown.contains("not known"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_without_a_lease() {
    let journal = begun();
    let node = alone(&journal).await;
    node.activate(1);
    founded(&journal).await;
    let address = node.service.address().unwrap();
    let headers = [("authorization", common::basic(ADMIN))];
    let mut watcher = common::live::try_watch_at(address, "/api/v1/live", &headers).await.unwrap();
    assert_eq!(watcher.next().await["type"], "elements");
    node.lease(0);
    node.pass();
    let paths =
        ["/api/v1/elements", "/api/v1/server", "/api/location/v2/clients", "/api/v1/nowhere"];
    for path in paths {
        let message = get(&node, path).await.error(503, "may_not_serve");
        assert!(message.contains("this node may not serve now"), "{message}");
    }
    let log_in = json!({ "username": ADMIN.0, "password": ADMIN.1 });
    let log_in = Request::new("POST", "/api/v1/session").json(&log_in);
    ask(&node, log_in).await.error(503, "may_not_serve");
    let watch = common::live::try_watch_at(address, "/api/v1/live", &headers).await;
    assert_eq!(watch.err(), Some(503));
    assert!(watcher.ended().await, "a heartbeat is not sent without a lease");
    for path in ["/livez", "/readyz", "/health", "/metrics"] {
        assert_eq!(get(&node, path).await.status, 200, "{path}");
    }
    assert_eq!(ask_locally(&node.dir, "/api/v1/server/info").await.0, 200, "the node itself");
    assert_eq!(ask(&node, new_user_request("bob")).await.status, 201, "what is safe may be told");
    node.lease(600_000);
    node.pass();
    assert_eq!(get(&node, "/api/v1/elements").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_monitor_is_gone_ends() {
    let journal = begun();
    let mut node = alone(&journal).await;
    node.activate(1);
    let address = node.service.address().unwrap();
    node.lose_monitor();
    let ended = tokio::time::timeout(PATIENCE, node.service.ended()).await;
    assert_eq!(ended.unwrap(), Ok(()));
    assert!(TcpStream::connect(address).is_err(), "nothing listens");
    assert_eq!(node.service.address(), None);
    assert!(!node.dir.path().join(SOCKET_NAME).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_logged_in_stays_logged_in_over_a_takeover() {
    let journal = begun();
    let (first, second) = (alone(&journal).await, alone(&journal).await);
    first.activate(1);
    founded(&journal).await;
    let log_in = json!({ "username": ADMIN.0, "password": ADMIN.1 });
    let log_in = || Request::new("POST", "/api/v1/session").json(&log_in);
    let cookie = async |node: &Node| {
        let answer = ask(node, log_in()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    };
    let (kept, ended) = (cookie(&first).await, cookie(&first).await);
    let with = |method, path, cookie: &str| {
        Request::new(method, path).header("Cookie", cookie).header("X-MSE-Console", "1")
    };
    assert_eq!(ask(&first, with("DELETE", "/api/v1/session", &ended)).await.status, 204);
    first.writes(Writes::Refused);
    let local = cookie(&first).await;
    assert_eq!(ask(&first, with("GET", "/api/v1/counts", &local)).await.status, 200);
    first.deactivate();

    second.activate(2);
    assert_eq!(ask(&second, with("GET", "/api/v1/counts", &kept)).await.status, 200);
    assert_eq!(ask(&second, with("GET", "/api/v1/counts", &ended)).await.status, 401);
    assert_eq!(ask(&second, with("GET", "/api/v1/counts", &local)).await.status, 401);
    let change = json!({ "current": ADMIN.1, "new": "another long one" });
    let change = with("PUT", "/api/v1/session/password", &kept).json(&change);
    assert_eq!(ask(&second, change).await.status, 204);
    second.deactivate();

    first.writes(Writes::Committed);
    first.activate(3);
    assert_eq!(ask(&first, with("GET", "/api/v1/counts", &kept)).await.status, 200);
    assert_eq!(ask(&first, with("GET", "/api/v1/counts", &local)).await.status, 401, "ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_nodes_tell_the_same_hash_of_their_states() {
    let journal = begun();
    let put = |n: u64| Change::SettingPut { key: "n".into(), value: n.to_string() };
    journal.write(&(0..STATE_HASH_INTERVAL).map(put).collect::<Vec<_>>());
    let entries = journal.entries();
    let (first, second) = (alone(&journal).await, alone(&journal).await);
    let all_at_once = first.apply(&entries);
    let piece_by_piece: Vec<_> =
        entries.chunks(3_000).flat_map(|entries| second.apply(entries)).collect();
    assert_eq!(all_at_once, piece_by_piece);
    let [(STATE_HASH_INTERVAL, hash)] = all_at_once[..] else { panic!("{all_at_once:?}") };
    assert_ne!(hash, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_pair_is_no_place_for_an_engine_alone() {
    let journal = begun();
    let mut node = alone(&journal).await;
    node.catch_up();
    node.pass();
    node.lose_monitor();
    assert_eq!(node.service.ended().await, Ok(()));
    let error = common::refused(config(&node.dir, &[])).await.to_string();
    assert!(error.contains("one node of a pair"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_told_to_stop_leaves_its_monitor() {
    let journal = begun();
    let mut node = alone(&journal).await;
    node.activate(1);
    node.service.leave();
    let ended = tokio::time::timeout(PATIENCE, node.service.ended()).await;
    assert_eq!(ended.unwrap(), Ok(()));
}

/// `cargo test --release -p engine --test service -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
async fn measure_activation_with_20_000_elements() {
    let journal = begun();
    let node = alone(&journal).await;
    let now = node::clock::wall();
    let floor = model::map::MapId::of("North>Main>Ground");
    let row = |second: u64, n: u64| KeptRow {
        mac: Mac::from_u64(n),
        category: Category::WirelessClient,
        at: now.minus_ms(60_000 - second * 1_000),
        floor,
        x_cm: (n % 2_000) as i32,
        y_cm: (n % 1_600) as i32,
        confidence_cm: 250,
        ap: Some(Mac::from_u64(n % 100)),
    };
    let mut rows = 0;
    for second in 0..60_u64 {
        let elements: Vec<KeptRow> = (0..20_000).map(|n| row(second, n)).collect();
        rows += elements.len();
        let batches =
            elements.chunks(500).map(|rows| Change::HistoryAppended { rows: rows.into() });
        journal.write(&batches.collect::<Vec<_>>());
    }
    for entries in journal.entries().chunks(200) {
        node.say(&Order::Apply(entries.to_vec()));
        node.pass();
    }
    for round in 1..=3 {
        let began = Instant::now();
        node.say(&Order::Activate(common::monitor::epoch(round)));
        assert_eq!(node.answer(), node::service::Report::Active);
        let activated = began.elapsed();
        node.lease(600_000);
        node.pass();
        let page = get(&node, "/api/v1/elements").await.json();
        let (served, total) = (began.elapsed(), &page["total"]);
        let began = Instant::now();
        node.deactivate();
        let left = began.elapsed();
        println!(
            "{rows} rows: active after {activated:?}, {total} elements served after {served:?}, dormant after {left:?}"
        );
    }
}
