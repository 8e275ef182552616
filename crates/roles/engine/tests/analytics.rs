//! Who was where and for how long: from what a controller reports, and from stays of the past.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use engine::Engine;
use model::Time;
use model::map::MapId;
use presence::Stay;
use serde_json::{Value, json};
use store::{HeatCell, Store};

mod common;

use common::http::Request;
use common::past::{self, DAY_MS, HOUR_MS, MONDAY};
use common::{ADMIN, Dir, Lab, VIEWER, config, eventually, send, site};

/// An engine that no controller reports to, with the past in its store.
async fn engine_with_a_past(dir: &Dir, stays: &[Stay]) -> Engine {
    let store = Store::open(dir.path()).unwrap();
    store.keep_stays(stays).unwrap();
    let heat = [HeatCell { row: 1, column: 2, time_ms: 90_000 }];
    store.add_heat(MapId::of("North>Main>Ground"), Time(MONDAY + 8 * HOUR_MS), &heat).unwrap();
    drop(store);
    Engine::start(config(dir, &[])).await.unwrap()
}

async fn ask(engine: &Engine, path: &str) -> Value {
    let response = send(engine, Request::get(path).basic(VIEWER)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

/// A value of each bucket.
fn each(series: &Value, pointer: &str) -> Vec<u64> {
    let buckets = series["buckets"].as_array().unwrap().iter();
    buckets.map(|bucket| bucket.pointer(pointer).unwrap().as_u64().unwrap()).collect()
}

const THREE_DAYS: &str = "from=2026-11-23&until=2026-11-25";

#[tokio::test]
async fn the_summary_has_the_figures_of_the_day() {
    let dir = Dir::new();
    let engine = engine_with_a_past(&dir, &past::stays()).await;
    let summary = ask(&engine, "/api/analytics/v1/summary?date=2026-11-25").await;
    let same = ask(&engine, "/api/presence/v1/kpisummary?date=2026-11-25").await;
    assert_eq!(summary, same);
    assert_eq!(summary["visitorCount"], 3);
}

/// As programs of CMX ask who was on a floor on a day.
#[tokio::test]
async fn who_was_at_a_place_on_a_day_is_listed_once() {
    let dir = Dir::new();
    let engine = engine_with_a_past(&dir, &past::stays()).await;
    let base = "/api/location/v1/history/uniqueclientsbyhierarchy";
    let floor = MapId::of("North>Main>Ground");
    let check = async |query: &str, expected: &[u64]| {
        let found = ask(&engine, &format!("{base}?{query}")).await;
        let macs: Vec<String> =
            expected.iter().map(|mac| model::Mac::from_u64(*mac).to_string()).collect();
        assert_eq!(found["macaddresses"], json!(macs), "{query}: {found}");
        assert_eq!(found["count"], expected.len());
    };
    check("hierarchy=North/Main/Ground&date=2026/11/23", &[1, 2]).await;
    check("hierarchy=North%3EMain%3EFirst&date=2026-11-25", &[1]).await;
    check(&format!("floorid={floor}&date=2026/11/25"), &[1, 2, 3, 4]).await;
    check("date=2026/11/20", &[]).await;
    let unknown = send(&engine, Request::get(&format!("{base}?floorid=109")).basic(VIEWER)).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text());
}

#[tokio::test]
async fn the_past_is_counted_by_day_and_hour() {
    let dir = Dir::new();
    let engine = engine_with_a_past(&dir, &past::stays()).await;
    let days = ask(&engine, &format!("/api/v1/analytics/counts?{THREE_DAYS}")).await;
    assert_eq!(each(&days, "/visitors"), [2, 2, 3]);
    assert_eq!(each(&days, "/connected"), [1, 1, 1]);
    assert_eq!(each(&days, "/passers_by"), [0, 0, 1]);
    assert_eq!(days["time_zone"], "UTC");
    assert_eq!(days["buckets"][1]["from"], MONDAY + DAY_MS);
    assert_eq!(days["buckets"][1]["local"], "2026-11-24T00:00");

    let hours = ask(&engine, "/api/v1/analytics/counts?from=2026-11-25&place=North").await;
    let mut expected = [0; 24];
    expected[8] = 1;
    expected[9..=10].copy_from_slice(&[2, 2]);
    expected[11..=12].copy_from_slice(&[1, 2]);
    assert_eq!(each(&hours, "/visitors"), expected);

    let lobby =
        format!("/api/v1/analytics/counts?{THREE_DAYS}&place=North%3EMain%3EGround%3ELobby");
    assert_eq!(each(&ask(&engine, &lobby).await, "/visitors"), [2, 2, 2]);
    let roof = format!("/api/v1/analytics/counts?{THREE_DAYS}&place={}", site::floor_id("Roof"));
    assert_eq!(each(&ask(&engine, &roof).await, "/visitors"), [0, 0, 0]);
    engine.stop().await;
}

#[tokio::test]
async fn dwell_and_repeat_visitors_have_classes() {
    let dir = Dir::new();
    let engine = engine_with_a_past(&dir, &past::stays()).await;
    let dwell = ask(&engine, &format!("/api/v1/analytics/dwell?{THREE_DAYS}")).await;
    assert_eq!(each(&dwell, "/classes/THIRTY_TO_SIXTY_MINUTES"), [1, 1, 1]);
    assert_eq!(each(&dwell, "/classes/ONE_TO_FIVE_HOURS"), [1, 1, 2]);
    let floor = format!("/api/v1/analytics/dwell?{THREE_DAYS}&place=North%3EMain%3EGround");
    let floor = ask(&engine, &floor).await;
    assert_eq!(each(&floor, "/classes/FIVE_TO_THIRTY_MINUTES"), [1, 1, 1]);

    let repeats = ask(&engine, &format!("/api/v1/analytics/repeats?{THREE_DAYS}")).await;
    assert_eq!(each(&repeats, "/classes/FIRST_TIME"), [2, 0, 1]);
    assert_eq!(each(&repeats, "/classes/YESTERDAY"), [0, 2, 2]);

    let summary = ask(&engine, &format!("/api/v1/analytics/summary?{THREE_DAYS}")).await;
    assert_eq!(summary["visitors"], 3, "each of them once");
    assert_eq!(summary["dwell"]["classes"]["ONE_TO_FIVE_HOURS"], 4);
    assert_eq!(summary["peak_hour"], 12);
    engine.stop().await;
}

#[tokio::test]
async fn flows_and_heat_have_places() {
    let dir = Dir::new();
    let engine = engine_with_a_past(&dir, &past::stays()).await;
    let flows = ask(&engine, &format!("/api/v1/analytics/flows?{THREE_DAYS}")).await;
    let lobby = "North>Main>Ground>Lobby";
    let expected = json!([{"to": lobby, "count": 6}, {"from": lobby, "count": 6}]);
    assert_eq!(flows, expected);
    let ground = format!("{THREE_DAYS}&place=North%3EMain%3EGround");
    let heat = ask(&engine, &format!("/api/v1/analytics/heat?{ground}")).await;
    assert_eq!(heat["cells"], json!([{"column": 2, "row": 1, "seconds": 90.0}]));
    assert_eq!((heat["columns"].as_u64(), heat["rows"].as_u64()), (Some(10), Some(8)));
    engine.stop().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let dir = Dir::new();
    let engine = engine_with_a_past(&dir, &[]).await;
    let check = async |query: &str, status: u16, word: &str| {
        let path = format!("/api/v1/analytics/{query}");
        let response = send(&engine, Request::get(&path).basic(ADMIN)).await;
        assert_eq!(response.status, status, "{path}: {}", response.text());
        assert!(response.text().contains(word), "{path}: {}", response.text());
    };
    check("counts?period=tomorrow", 400, "'tomorrow'").await;
    check("counts?from=2026-11-31", 400, "'2026-11-31'").await;
    check("counts?until=2026-11-30", 400, "from and until").await;
    check("counts?from=9999-12-31&until=9999-12-31", 400, "until 9999-12-31: days are").await;
    check("counts?from=0001-01-01", 400, "from 0001-01-01").await;
    check("counts?from=2026-01-01&until=2026-12-31", 400, "at most 92 days").await;
    check("counts?place=South", 404, "'South'").await;
    check("counts?category=rogueaps", 400, "clients and tags").await;
    check("counts?by=minute", 400, "minute").await;
    check("counts?colour=red", 400, "colour").await;
    check("heat?place=North", 400, "floor").await;
    let nobody = send(&engine, Request::get("/api/v1/analytics/counts")).await;
    assert_eq!(nobody.status, 401);
    engine.stop().await;
}

#[tokio::test]
async fn an_engine_that_counts_nothing_says_so() {
    let dir = Dir::new();
    let mut config = config(&dir, &[]);
    config.analytics.keep_days = 0;
    let engine = Engine::start(config).await.unwrap();
    let response = send(&engine, Request::get("/api/v1/analytics/counts").basic(ADMIN)).await;
    let message = response.error(409, "switched_off");
    assert!(message.contains("keep_days"), "{message}");
    engine.stop().await;
}

/// What a controller reports is counted at once, and is still there after a restart.
#[tokio::test]
async fn those_who_are_there_are_counted() {
    let lab = Lab::start().await;
    let check = async |engine: &Engine| {
        eventually("they are counted", async || {
            let summary = ask(engine, "/api/v1/analytics/summary?place=North").await;
            let count = |key: &str| summary[key].as_u64().unwrap();
            (count("visitors"), count("connected"), count("passers_by")) == (2, 2, 1)
        })
        .await;
        let lobby = "/api/v1/analytics/summary?place=North%3EMain%3EGround%3ELobby";
        assert_eq!(ask(engine, lobby).await["connected"], 1, "anna");
    };
    // The associations came after the positions: the next measurement is one of connected clients.
    lab.wlc.notify(site::measurement(site::ANNA, site::GROUND, (4.0, 4.1))).await;
    lab.wlc.notify(site::measurement(site::GUEST, site::FIRST, (6.0, 5.1))).await;
    check(&lab.engine).await;
    let places = ask(&lab.engine, "/api/v1/analytics/places").await;
    let now = |path: &str| {
        let place = places.as_array().unwrap().iter().find(|it| it["path"] == path).unwrap();
        (place["connected"].as_u64().unwrap(), place["detected"].as_u64().unwrap())
    };
    assert_eq!(now(""), (2, 1));
    assert_eq!(now("North>Main>Ground"), (1, 1));
    assert_eq!(now("North>Main>Ground>Lobby"), (1, 0));
    assert_eq!(now("North>Main>Roof"), (0, 0));

    let tags = ask(&lab.engine, "/api/v1/analytics/summary?category=tags").await;
    assert_eq!(tags["passers_by"], 1, "a tag is seldom connected");

    // A few seconds have passed between two positions of anna.
    let heat = "/api/v1/analytics/heat?place=North%3EMain%3EGround";
    assert_eq!(ask(&lab.engine, heat).await["cells"], json!([]), "not written yet");

    let Lab { engine, dir, wlc } = lab;
    engine.stop().await;
    drop(wlc);
    let engine = Engine::start(config(&dir, &[])).await.unwrap();
    check(&engine).await;
    assert_ne!(ask(&engine, heat).await["cells"], json!([]));
    engine.stop().await;
}

/// A program that registers zones before it asks for their counts.
#[tokio::test]
async fn zones_are_counted_whether_they_were_registered_or_not() {
    let dir = Dir::new();
    let engine = engine_with_a_past(&dir, &[]).await;
    let path = "/api/config/v1/zoneCountParams/1";
    let body = json!({"name": "ZoneCountParams", "zoneHierarchy": [], "totalZones": "0"});
    let put = send(&engine, Request::new("PUT", path).basic(VIEWER).json(&body)).await;
    assert_eq!((put.status, put.json()["totalZones"].as_u64()), (200, Some(1)));
    assert_eq!(put.json(), ask(&engine, path).await);
    let other = send(&engine, Request::new("PUT", "/api/config/v1/maps").basic(ADMIN).json(&body));
    other.await.error(405, "method_not_allowed");
    engine.stop().await;
}

#[tokio::test]
async fn a_floor_is_played_back() {
    let lab = Lab::start().await;
    let ground = site::floor_id("Ground");
    let now = node::clock::wall().0;
    let path = format!(
        "/api/v1/floors/{ground}/playback?from={}&until={}&step_s=3600",
        now - HOUR_MS,
        now + HOUR_MS
    );
    eventually("everything on the floor is in the history", async || {
        let playback = lab.json(&path).await;
        let points = playback["points"].as_array().unwrap().iter();
        let mut macs: Vec<String> = points.map(|it| it["mac"].as_str().unwrap().into()).collect();
        macs.sort();
        macs.dedup();
        macs == [site::ANNA.text(), site::PASSER_BY.text(), site::TAG.text()]
    })
    .await;
    let unknown = format!("/api/v1/floors/17/playback?from={}&until={now}", now - HOUR_MS);
    lab.get(&unknown).await.error(404, "not_found");
    let too_long = format!("/api/v1/floors/{ground}/playback?from=0&until={now}");
    lab.get(&too_long).await.error(400, "bad_request");
}

/// A month of 20,000 elements, as programs ask for it. `cargo test --release -p engine --test
/// analytics -- --ignored --nocapture measure`
#[tokio::test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
async fn measure_a_month() {
    const ELEMENTS: u64 = 20_000;
    const DAYS: u64 = 29;
    /// From 2026-10-12 on: days that are over are remembered.
    const BEFORE_MS: u64 = 42 * DAY_MS;
    const PLACES: [&str; 4] = ["Ground", "Ground>Lobby", "First", "Roof"];
    let dir = Dir::new();
    let store = Store::open(dir.path()).unwrap();
    for day in 0..DAYS {
        let stays: Vec<Stay> = (0..ELEMENTS)
            .flat_map(|mac| {
                let from_min = 420 + mac.wrapping_mul(0x9e37_79b9) % 240;
                let places = PLACES.iter().zip(0..);
                places.map(move |(place, n)| {
                    let stay = past::stay(mac, place, day, from_min + 60 * n, 55);
                    let earlier = |at: Time| at.minus_ms(BEFORE_MS);
                    Stay { entered: earlier(stay.entered), left: earlier(stay.left), ..stay }
                })
            })
            .collect();
        store.keep_stays(&stays).unwrap();
    }
    drop(store);
    let engine = Engine::start(config(&dir, &[])).await.unwrap();
    println!("{} stays of {ELEMENTS} elements on {DAYS} days", ELEMENTS * DAYS * 4);
    let last = "from=2026-11-09";
    for path in [
        format!("counts?{last}"),
        format!("counts?{last}&place=North%3EMain%3EGround%3ELobby"),
        format!("dwell?{last}"),
        format!("flows?{last}"),
        format!("repeats?{last}"),
        format!("repeats?{last}"),
        "counts?from=2026-10-12&until=2026-11-09".to_owned(),
    ] {
        let started = std::time::Instant::now();
        let answer = ask(&engine, &format!("/api/v1/analytics/{path}")).await;
        println!("{:>9.0?}  {path}  {}", started.elapsed(), answer.to_string().len());
    }
    engine.stop().await;
}
