//! `mse demo`: everything on this machine, on loopback, with storage that is removed at the end.
//!
//! Two controllers: one replays the recording in `demo/tetam` (real radio of a real office, CC0),
//! one simulates the hospital of `demo/campus.toml`. One engine tracks what both report. All of it
//! is the real thing: identities, mutual TLS, NMSP, SQLite, HTTP.

mod page;
mod pair;
mod score;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use controller::Controller;
use controller::campus::Campus;
use controller::replay::{Pace, Recording, Replay};
use controller::source::Source;
use engine::Engine;
use engine::config::{
    Analytics, Config, ControllerConfig, History, Https, Notifications, Tracking, Wips,
};
use model::map::Maps;
use node::clock;
use node::identity::Identity;
use node::key_hash::{AuthEntry, AuthList};
use serde::Serialize;
use store::{Role, Store};

use super::maps;
use super::roles::Stop;
use crate::output::{Failure, Output};

/// The recording and the campus, built in so that the program needs no files beside it.
const TETAM: [(&str, &[u8]); 4] = [
    ("aps.csv", include_bytes!("../../../../demo/tetam/aps.csv")),
    ("meta.json", include_bytes!("../../../../demo/tetam/meta.json")),
    ("occupancy_0.5m.csv.gz", include_bytes!("../../../../demo/tetam/occupancy_0.5m.csv.gz")),
    (
        "stream_rectangular_without_rotation.csv.gz",
        include_bytes!("../../../../demo/tetam/stream_rectangular_without_rotation.csv.gz"),
    ),
];
const CAMPUS: &str = include_str!("../../../../demo/campus.toml");

/// Name of the user that a demo makes.
const USER: &str = "admin";
/// Reporting intervals: the recording's reference figures are per second; 2 s is NMSP's default.
const REPLAY_INTERVAL_MS: u64 = 1_000;
const CAMPUS_INTERVAL_MS: u64 = 2_000;
/// How much faster `--once` plays the recording.
const ONCE_SPEED: u32 = 20;

/// What a person needs to know.
#[derive(Serialize)]
struct Welcome {
    console: String,
    username: &'static str,
    password: String,
    data: PathBuf,
}

/// Runs the demo.
pub(crate) async fn run(
    output: &mut Output<impl Write>,
    once: bool,
    is_pair: bool,
    port: u16,
) -> Result<(), Failure> {
    // Before anything is made that must be removed again.
    let mut stop = Stop::new()?;
    let scratch = Scratch::new()?;
    if once {
        score::run(output, &scratch, &mut stop).await
    } else if is_pair {
        pair::run(output, &scratch, &mut stop, port).await
    } else {
        live(output, &scratch, &mut stop, port).await
    }
}

async fn live(
    output: &mut Output<impl Write>,
    scratch: &Scratch,
    stop: &mut Stop,
    port: u16,
) -> Result<(), Failure> {
    let now = clock::wall();
    let pace = Pace { speed: 1, repeat: true, interval_ms: REPLAY_INTERVAL_MS };
    let replay = Replay::new(scratch.recording()?, pace, now);
    let campus = Campus::parse(CAMPUS, CAMPUS_INTERVAL_MS, now).map_err(anyhow::Error::from)?;
    let sources: [(&str, Box<dyn Source>); 2] =
        [("wlc-hospital", Box::new(campus)), ("wlc-office", Box::new(replay))];
    let stage = Stage::start(scratch, sources, port).await?;
    let welcome = Welcome {
        console: format!("http://{}/", stage.engine.address),
        username: USER,
        password: stage.password.clone(),
        data: scratch.dir("engine"),
    };
    if output.json {
        // One line, so that a program can read it while the demo runs.
        let line = serde_json::to_string(&welcome).map_err(anyhow::Error::from)?;
        output.line(line)?;
    } else {
        let is_other_port = port != 0 && stage.engine.address.port() != port;
        output.line(welcome_text(&welcome, is_other_port.then_some(port)))?;
    }
    stop.wait().await;
    stage.stop().await;
    Ok(())
}

fn welcome_text(welcome: &Welcome, taken_port: Option<u16>) -> String {
    let Welcome { console, username, password, data } = welcome;
    // As it was called: `target/release/mse` from a build, `mse` once installed.
    let program = std::env::args().next().unwrap_or_else(|| "mse".to_owned());
    let note = taken_port.map_or(String::new(), |port| format!("   (port {port} was in use)"));
    format!(
        "\n  OpenMSE demo: a simulated hospital, and a recorded walk through a real office.\n\n\
         \x20   Console    {console}{note}\n\
         \x20   User       {username}\n\
         \x20   Password   {password}   (for this run only)\n\n\
         \x20 In another terminal:\n\n\
         \x20   export MSE_DATA={}\n\
         \x20   {program} nmsp status\n\
         \x20   {program} getserverinfo\n\n\
         \x20 Ctrl-C ends the demo and removes what it stored.\n",
        data.display()
    )
}

/// Everything that runs in a demo.
struct Stage {
    engine: Engine,
    controllers: Vec<Controller>,
    password: String,
}

impl Stage {
    /// Starts a controller for every source, and an engine that knows their maps and keys.
    async fn start(
        scratch: &Scratch,
        sources: impl IntoIterator<Item = (&'static str, Box<dyn Source>)>,
        port: u16,
    ) -> Result<Self, Failure> {
        let engine_dir = scratch.dir("engine");
        let identity =
            Identity::load_or_create(&engine_dir.join("node"), node::identity::random_mac)
                .map_err(anyhow::Error::from)?;
        let trusted =
            AuthList(vec![AuthEntry { mac: identity.mac, key_hash: identity.credentials.sha256 }]);
        let (mut controllers, mut links, mut maps) = (Vec::new(), Vec::new(), Maps::default());
        for (name, source) in sources {
            maps.campuses.extend(source.maps().campuses.iter().cloned());
            let config = controller::Config {
                data: scratch.dir(name),
                name: name.to_owned(),
                nmsp: controller::config::NmspServer { listen: loopback(0), ..Default::default() },
                trusted: trusted.clone(),
                unauthenticated_nmsp: false,
                // The source is handed over open.
                source: controller::config::SourceConfig::Campus {
                    file: PathBuf::new(),
                    interval_s: 2,
                },
                sensors: controller::sensor::config::Sensors::default(),
                sensor: Vec::new(),
            };
            let controller =
                Controller::start(&config, source).await.map_err(anyhow::Error::from)?;
            links.push(ControllerConfig {
                address: controller.address.to_string(),
                name: name.to_owned(),
                key_hash: controller.identity.credentials.sha256,
            });
            controllers.push(controller);
        }
        let password = node::token::one_time_password();
        furnish(&engine_dir, maps, &password)?;
        let config = |port| Config {
            data: engine_dir.clone(),
            name: Some("mse-demo".to_owned()),
            https: Https { listen: loopback(port), plain: true },
            compatibility: Vec::new(),
            nmsp: nmsp_settings(),
            controllers: links.clone(),
            tracking: Tracking::default(),
            history: History::default(),
            analytics: Analytics::default(),
            notifications: Notifications::default(),
            wips: Wips::default(),
        };
        let engine = match Engine::start(config(port)).await {
            Err(engine::StartError::LocalListen { .. }) => Engine::start(config(0)).await,
            other => other,
        };
        Ok(Self { engine: engine.map_err(anyhow::Error::from)?, controllers, password })
    }

    async fn stop(self) {
        self.engine.stop().await;
        for controller in self.controllers {
            controller.stop().await;
        }
    }
}

/// A demo shows echoes within seconds instead of the usual quarter of a minute.
fn nmsp_settings() -> nmsp::Settings {
    nmsp::Settings { echo_interval_ms: 5_000, dead_interval_ms: 15_000, ..Default::default() }
}

/// Puts maps and a user into the store before the engine opens it.
fn furnish(engine_dir: &Path, mut maps: Maps, password: &str) -> Result<(), Failure> {
    let store = Store::open(engine_dir).map_err(anyhow::Error::from)?;
    for content in maps::draw_plans(&mut maps).values() {
        store.files().put(content).map_err(anyhow::Error::from)?;
    }
    store.save_maps(&maps).map_err(anyhow::Error::from)?;
    engine::accounts::add_user(&store, USER, password, Role::Admin, false)
        .map_err(anyhow::Error::from)?;
    Ok(())
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A directory that is removed with everything in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let name = format!("openmse-demo-{}", node::token::hex(&node::token::random::<6>()));
        let scratch = Self(std::env::temp_dir().join(name));
        let recording = scratch.dir("tetam");
        // The engine keeps its key here: nobody else looks in.
        let mut private = std::fs::DirBuilder::new();
        private.mode(0o700);
        private.create(&scratch.0).with_context(|| scratch.0.display().to_string())?;
        private.create(&recording).with_context(|| recording.display().to_string())?;
        for (name, content) in TETAM {
            std::fs::write(recording.join(name), content).with_context(|| name.to_owned())?;
        }
        Ok(scratch)
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn recording(&self) -> Result<Recording, Failure> {
        Ok(Recording::open(&self.dir("tetam")).map_err(anyhow::Error::from)?)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, dir = %self.0.display(), "the demo's storage is left behind");
        }
    }
}
