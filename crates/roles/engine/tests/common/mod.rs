//! A real engine in a directory of its own, on loopback, with controllers, clients and maps.
//!
//! Every test program includes this module and uses a part of it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test program uses a part, and a test may panic"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use engine::accounts::add_user;
use engine::config::{
    Analytics, Config, ControllerConfig, History, Https, Notifications, Tracking, Wips,
};
use engine::{Engine, StartError};
use serde_json::Value;
use store::{Role, Store};
use tokio::net::TcpStream;

pub(crate) mod air;
pub(crate) mod http;
pub(crate) mod live;
pub(crate) mod monitor;
pub(crate) mod past;
pub(crate) mod receiver;
pub(crate) mod site;
pub(crate) mod wlc;

use http::{Request, Response};
use wlc::Wlc;

/// Nothing on loopback takes this long; a test that waits longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Users that are there from the start, with their passwords.
pub(crate) const ADMIN: (&str, &str) = ("ada", "correct horse battery");
pub(crate) const VIEWER: (&str, &str) = ("vera", "staple only looking");

/// A data directory that is removed in the end.
pub(crate) struct Dir(PathBuf);

impl Dir {
    /// A directory with users, maps and their plans.
    pub(crate) fn new() -> Self {
        let dir = Self::empty();
        let store = Store::open(&dir.0).unwrap();
        add_user(&store, ADMIN.0, ADMIN.1, Role::Admin, false).unwrap();
        add_user(&store, VIEWER.0, VIEWER.1, Role::Viewer, false).unwrap();
        for plan in [site::PLAN_PNG, site::PLAN_SVG] {
            store.files().put(plan).unwrap();
        }
        store.save_maps(&site::maps()).unwrap();
        dir
    }

    /// A directory that is not there yet.
    pub(crate) fn empty() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("openmse-engine-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The configuration of an engine on `dir` that is connected to `controllers`.
pub(crate) fn config(dir: &Dir, controllers: &[ControllerConfig]) -> Config {
    Config {
        data: dir.path().to_owned(),
        name: Some("mse-1".to_owned()),
        https: Https { listen: SocketAddr::from(([127, 0, 0, 1], 0)), plain: true },
        compatibility: Vec::new(),
        nmsp: nmsp::Settings::default(),
        controllers: controllers.to_vec(),
        tracking: Tracking::default(),
        history: History::default(),
        analytics: Analytics::default(),
        notifications: Notifications::default(),
        wips: Wips::default(),
    }
}

/// A running engine with one controller that tells the story of [`site`], and what belongs to them.
pub(crate) struct Lab {
    pub(crate) engine: Engine,
    pub(crate) wlc: Wlc,
    pub(crate) dir: Dir,
}

impl Lab {
    /// Starts both and waits until everything that the controller tells has arrived.
    pub(crate) async fn start() -> Self {
        let dir = Dir::new();
        let wlc = Wlc::start(&dir).await;
        let engine = Engine::start(config(&dir, &[wlc.config()])).await.unwrap();
        let lab = Self { engine, wlc, dir };
        settled(&lab.engine).await;
        lab
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: Request<'_>) -> Response {
        send(&self.engine, request).await
    }

    /// What an admin gets at a path.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(Request::get(path).basic(ADMIN)).await
    }

    /// The JSON that an admin gets at a path.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }
}

/// Sends a request to the engine's listener, on a connection of its own.
pub(crate) async fn send(engine: &Engine, request: Request<'_>) -> Response {
    let stream = TcpStream::connect(engine.address).await.unwrap();
    http::exchange(stream, &request).await
}

/// Sends a request to whoever listens there, on a connection of its own.
pub(crate) async fn send_to(address: SocketAddr, request: Request<'_>) -> Response {
    http::exchange(TcpStream::connect(address).await.unwrap(), &request).await
}

/// Waits until everything that [`site`] tells about is in the engine's table, and a link is shown.
pub(crate) async fn settled(engine: &Engine) {
    eventually("the whole story has arrived", async || {
        let request = Request::get("/api/v1/elements").basic(ADMIN);
        let page = send(engine, request).await.json();
        let elements = page["elements"].as_array().unwrap();
        let located = elements.iter().filter(|it| !it["position"].is_null());
        let anna = elements.iter().find(|it| it["mac"] == site::ANNA.text());
        let is_known = anna.is_some_and(|anna| {
            let known = &anna["association"];
            known["username"] == "anna" && known["bytes_sent"] == site::ANNA_BYTES_SENT
        });
        page["total"] == site::ELEMENTS && located.count() == site::LOCATED && is_known
    })
    .await;
    // What is shown of a link may be a fifth of a second old.
    eventually("the link is shown", async || {
        send(engine, Request::get("/health")).await.status == 200
    })
    .await;
}

/// Asks again and again until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The `Authorization` header of a user.
pub(crate) fn basic((name, password): (&str, &str)) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    format!("Basic {encoded}")
}

/// Why an engine does not start.
pub(crate) async fn refused(config: Config) -> StartError {
    let started = tokio::time::timeout(PATIENCE, Engine::start(config)).await;
    started.expect("the engine starts or not, in time").expect_err("the engine does not start")
}
