//! Changes as they happen, over a real WebSocket.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};

mod common;

use common::live::{Watcher, try_watch, watch};
use common::{ADMIN, Lab, basic, site};
use site::{ANNA, FIRST, GROUND, GUEST, Name, PASSER_BY, ROGUE, TAG};

fn on(floor: &str) -> String {
    format!("/api/v1/live?floor={}", site::floor_id(floor))
}

/// The addresses in a list of a frame, sorted.
fn macs(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    let mut macs: Vec<String> = list.map(|it| it["mac"].as_str().unwrap().into()).collect();
    macs.sort();
    macs
}

fn texts(names: &[Name]) -> Vec<String> {
    names.iter().map(|it| it.text()).collect()
}

/// A lab whose story was told to all watchers: a later change is told after it.
async fn lab_in_silence() -> Lab {
    let lab = Lab::start().await;
    let mut watcher = watch(&lab.engine, &on("First")).await;
    // Before the change, or the first frame may have it already and its notice is still to come.
    watcher.next().await;
    let started = node::clock::wall().0;
    lab.wlc.notify(site::measurement(ROGUE, FIRST, (13.0, 10.0))).await;
    news(&mut watcher, |frame| {
        let mut elements = frame["elements"].as_array().unwrap().iter();
        elements.any(|it| it["last_seen"].as_u64() >= Some(started))
    })
    .await;
    lab
}

/// A watcher that has seen its first frame, which it checks.
async fn watching(lab: &Lab, path: &str, expected: &[Name]) -> Watcher {
    let mut watcher = watch(&lab.engine, path).await;
    let first = watcher.next().await;
    assert_eq!(first["type"], "elements");
    assert_eq!(macs(&first["elements"]), texts(expected));
    assert_eq!(first["removed"], json!([]));
    watcher
}

/// The next frame that is news.
async fn news(watcher: &mut Watcher, is_news: impl Fn(&Value) -> bool) -> Value {
    loop {
        let frame = watcher.next().await;
        if is_news(&frame) {
            return frame;
        }
    }
}

#[tokio::test]
async fn a_watcher_sees_all_and_then_only_what_changes() {
    let lab = lab_in_silence().await;
    let mut ground = watching(&lab, &on("Ground"), &[ANNA, PASSER_BY, TAG]).await;
    let mut first = watching(&lab, &on("First"), &[GUEST, ROGUE]).await;

    lab.wlc.notify(site::measurement(PASSER_BY, GROUND, (5.0, 13.0))).await;
    let frame = ground.next().await;
    let x = frame["elements"][0]["position"]["point"]["x"].as_f64();
    assert!(x.is_some_and(|x| x < 10.0), "{frame}");
    assert_eq!(macs(&frame["elements"]), texts(&[PASSER_BY]), "only that one");
    assert_eq!(frame["removed"], json!([]));

    // From the ground floor to the first.
    lab.wlc.notify(site::measurement(ANNA, FIRST, (10.0, 8.0))).await;
    let gone = json!([{"category": "clients", "mac": ANNA.text()}]);
    let left = ground.next().await;
    assert_eq!((&left["removed"], &left["elements"]), (&gone, &json!([])));
    let came = first.next().await;
    assert_eq!(macs(&came["elements"]), texts(&[ANNA]), "nothing of the ground floor");
    assert_eq!(came["elements"][0]["position"]["floor"], site::floor_id("First"));
    assert_eq!(came["removed"], json!([]));
}

#[tokio::test]
async fn without_a_floor_everything_is_watched() {
    let lab = lab_in_silence().await;
    let all = [ANNA, PASSER_BY, GUEST, site::NOWHERE, TAG, ROGUE, site::WIRED];
    let mut watcher = watching(&lab, "/api/v1/live", &all).await;
    lab.wlc
        .notify(nmsp::Batch::Departures(vec![nmsp::Departure {
            category: model::Category::WirelessClient,
            mac: GUEST.mac(),
        }]))
        .await;
    let frame = watcher.next().await;
    assert_eq!(frame["elements"][0]["missing"], true);
    assert_eq!(macs(&frame["elements"]), texts(&[GUEST]));
}

#[tokio::test]
async fn strangers_and_foreign_pages_watch_nothing() {
    let lab = Lab::start().await;
    let authorization = || ("authorization", basic(ADMIN));
    let host = lab.engine.address.to_string();
    let check =
        async |path: &str, headers: &[(&'static str, String)], expected: Result<(), u16>| {
            let outcome = try_watch(&lab.engine, path, headers).await.map(|_| ());
            assert_eq!(outcome, expected, "{path} with {headers:?}");
        };
    let path = "/api/v1/live";
    check(path, &[], Err(401)).await;
    check(path, &[authorization()], Ok(())).await;
    for foreign in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let origin = ("origin", foreign.to_owned());
        check(path, &[authorization(), origin], Err(403)).await;
    }
    let own = ("origin", format!("http://{host}"));
    check(path, &[authorization(), own], Ok(())).await;
    check("/api/v1/live?floor=x", &[authorization()], Err(400)).await;
    check("/api/v1/live?flor=1", &[authorization()], Err(400)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_of_an_empty_floor_hears_that_the_engine_lives() {
    let lab = lab_in_silence().await;
    let mut watcher = watch(&lab.engine, "/api/v1/live?floor=1").await;
    let first = watcher.next_of_any_kind().await;
    assert_eq!(first["elements"], serde_json::json!([]));
    assert_eq!(watcher.next_of_any_kind().await, serde_json::json!({ "type": "heartbeat" }));
}
