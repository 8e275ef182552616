//! What an engine keeps over a restart, and that a directory belongs to one engine at a time.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::sync::atomic::Ordering;

use engine::Engine;
use serde_json::Value;

mod common;

use common::http::{Request, Response};
use common::{ADMIN, Dir, Lab, PATIENCE, VIEWER, config, eventually, refused, send, site};

async fn get(engine: &Engine, path: &str) -> Response {
    let response = send(engine, Request::get(path).basic(ADMIN)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response
}

async fn stop(engine: Engine) {
    let stopped = tokio::time::timeout(PATIENCE, engine.stop()).await;
    stopped.expect("the engine stops in time");
}

async fn info(engine: &Engine) -> Value {
    get(engine, "/api/v1/server/info").await.json()
}

#[tokio::test]
async fn an_engine_that_starts_again_is_as_before() {
    let trail = format!("{}/trail", site::ANNA.path());
    let kept = ["/api/v1/maps", "/api/v1/maps/archive", &trail];
    let Lab { engine, wlc, dir } = Lab::start().await;
    let started_first = info(&engine).await;
    assert_eq!(started_first["restarts"], 0);
    let key_hash = engine.shared.identity.credentials.sha256;
    // Still in memory when the engine is stopped: stopping makes it durable.
    let place = (11.0, 5.0);
    wlc.notify(site::measurement(site::ANNA, site::GROUND, place)).await;
    let one = site::ANNA.path();
    eventually("anna moved", async || {
        get(&engine, &one).await.json()["position"]["point"]["x"].as_f64().is_some_and(|x| x > 8.0)
    })
    .await;
    eventually("both positions are in the trail", async || {
        let points = get(&engine, &trail).await.json();
        points.as_array().unwrap().len() == 2
    })
    .await;
    let mut before = Vec::new();
    for path in kept {
        before.push(get(&engine, path).await.body);
    }
    let position = get(&engine, &one).await.json()["position"].clone();
    assert!(!position["at"].is_null() && !position["floor"].is_null(), "{position}");
    stop(engine).await;

    // Without the controller: everything must come from the directory.
    let engine = Engine::start(config(&dir, &[])).await.unwrap();
    assert_eq!(engine.shared.identity.credentials.sha256, key_hash);
    let again = info(&engine).await;
    assert_eq!(again["restarts"], 1);
    assert_eq!(again["mac"], started_first["mac"]);
    for (path, before) in kept.into_iter().zip(before) {
        assert!(get(&engine, path).await.body == before, "{path}");
    }
    let taken_up = &get(&engine, &one).await.json()["position"];
    for field in ["at", "floor"] {
        assert_eq!(taken_up[field], position[field], "anna is where she was");
    }
    assert!((taken_up["point"]["x"].as_f64().unwrap() - 11.0).abs() < 3.0, "{taken_up}");
    let viewer = send(&engine, Request::get("/api/v1/session").basic(VIEWER)).await;
    assert_eq!(viewer.json()["role"], "viewer");
    assert!(!dir.path().join("initial-password").exists(), "there were users");
    stop(engine).await;
}

#[tokio::test]
async fn what_was_measured_last_is_in_the_history_after_a_stop() {
    let Lab { engine, wlc, dir } = Lab::start().await;
    let batch = site::measurement(site::TAG, site::GROUND, (5.0, 12.0));
    let before = engine.shared.counters.reports.load(Ordering::Relaxed);
    wlc.notify(batch).await;
    eventually("the tracker took it", async || {
        engine.shared.counters.reports.load(Ordering::Relaxed) > before
    })
    .await;
    // No waiting for a commit here.
    stop(engine).await;
    let store = store::Store::open(dir.path()).unwrap();
    // Five located elements of the story, and the one that was measured last.
    assert_eq!(store.history_count().unwrap(), site::LOCATED as u64 + 1);
}

#[tokio::test]
async fn a_directory_belongs_to_one_engine_at_a_time() {
    let dir = Dir::new();
    let first = Engine::start(config(&dir, &[])).await.unwrap();
    let error = refused(config(&dir, &[])).await.to_string();
    let path = dir.path().display().to_string();
    assert!(
        error.contains(&path) && error.contains("running"),
        "'{error}' names the directory and the reason"
    );
    assert_eq!(info(&first).await["restarts"], 0, "the first one goes on undisturbed");
    stop(first).await;
    let second = Engine::start(config(&dir, &[])).await.unwrap();
    assert_eq!(info(&second).await["restarts"], 1, "a start that was refused is none");
    stop(second).await;
}

#[tokio::test]
async fn an_engine_stops_although_clients_are_connected() {
    let lab = Lab::start().await;
    // A console that watches, and a program that keeps its connection open.
    let watcher = common::live::watch(&lab.engine, "/api/v1/live").await;
    let idle = tokio::net::TcpStream::connect(lab.engine.address).await.unwrap();
    stop(lab.engine).await;
    drop((watcher, idle));
}

#[tokio::test]
async fn the_first_start_leaves_a_one_time_password() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Dir::empty();
    let engine = Engine::start(config(&dir, &[])).await.unwrap();
    let file = dir.path().join("initial-password");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let password = std::fs::read_to_string(&file).unwrap();
    let user = ("admin", password.trim());
    let session = send(&engine, Request::get("/api/v1/session").basic(user)).await;
    assert_eq!(session.json()["must_change_password"], true);
    let refused = send(&engine, Request::get("/api/v1/counts").basic(user)).await;
    refused.error(403, "password_change_required");
    stop(engine).await;
}
