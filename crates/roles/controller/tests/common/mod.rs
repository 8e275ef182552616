//! A controller with sensors, and an engine's end of a real NMSP session.
#![allow(dead_code, reason = "each test program uses a part of this module")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use controller::{Config, Controller};
use model::{Mac, Observation};
use nmsp::{CapturedPacket, Command, Event, Sensor, SensorState, SubserviceMask};
use node::clock;
use node::identity::{Identity, Validity};
use node::nmsp::{Dial, LinkStatus, Owner, dial};
use tokio::task::JoinSet;
use wips::capture::Writer;
use wips::{CaptureTime, Link, Packet, SensorId};

/// A test waits no longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The access point beside which sensors of tests stand.
pub(crate) const PLACE: Mac = Mac([0, 0x1b, 0x0d, 0, 0, 0x10]);

/// A directory that is removed at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("openmse-sensors-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A new key with a certificate around it.
pub(crate) fn identity(last: u8) -> Identity {
    let now_s = (clock::wall().0 / 1_000) as i64;
    Identity::ephemeral(Mac([2, 0, 0, 0, 0, last]), Validity::around(now_s)).unwrap()
}

/// What an engine was told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) packets: Vec<CapturedPacket>,
    /// Packets of each message.
    pub(crate) messages: Vec<usize>,
    pub(crate) sensors: Vec<Vec<Sensor>>,
    pub(crate) observations: Vec<Observation>,
}

#[derive(Clone, Default)]
pub(crate) struct Notebook(Arc<Mutex<Told>>);

impl Owner for Notebook {
    fn event(&mut self, event: Event<'_>) -> Vec<Command> {
        if let Event::Data { records, .. } = event {
            let mut told = self.0.lock().unwrap();
            let packets: Vec<_> = records
                .captured()
                .map(|it| CapturedPacket {
                    sensor: it.sensor,
                    at_us: it.at_us,
                    link: it.link,
                    fcs_bytes: it.fcs_bytes,
                    wire_bytes: it.wire_bytes,
                    bytes: it.bytes.into(),
                })
                .collect();
            if !packets.is_empty() {
                told.messages.push(packets.len());
            }
            told.packets.extend(packets);
            let sensors: Vec<_> = records.sensors().collect();
            if !sensors.is_empty() {
                told.sensors.push(sensors);
            }
            told.observations.extend(records.measured().map(|it| Observation {
                category: it.category,
                mac: it.mac,
                readings: it.readings().collect(),
            }));
        }
        Vec::new()
    }
}

/// A controller whose only radio are sensors, and one engine.
pub(crate) struct Site {
    pub(crate) controller: Controller,
    notebook: Notebook,
    tasks: JoinSet<()>,
    pub(crate) scratch: Scratch,
}

/// A configuration of sensors alone; `rest` are its tables.
pub(crate) fn config(scratch: &Scratch, rest: &str) -> Config {
    let text = format!(
        "data = '{}'\nname = 'wlc-1'\nunauthenticated_nmsp = true\n\
         nmsp.listen = '127.0.0.1:0'\n{rest}",
        scratch.0.join("data").display(),
    );
    let config: Config = toml::from_str(&text).unwrap();
    config.validate().unwrap();
    config.rooted(&scratch.0)
}

impl Site {
    pub(crate) async fn start(scratch: Scratch, rest: &str) -> Self {
        let config = config(&scratch, rest);
        let source = config.source.open(Path::new("/"), clock::wall()).unwrap();
        let controller = Controller::start(&config, source).await.unwrap();
        let link = Dial {
            address: controller.address.to_string(),
            name: "mse-1".into(),
            tls: Arc::new(
                node::tls::nmsp_client(&identity(1), controller.identity.credentials.sha256)
                    .unwrap(),
            ),
            settings: nmsp::Settings::default(),
            wanted: SubserviceMask::ALL,
        };
        let notebook = Notebook::default();
        let mut owner = notebook.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (_commands, receiver) = tokio::sync::mpsc::channel(1);
            let status = LinkStatus::new("", "", "WLC", clock::wall());
            dial(link, &mut owner, receiver, status).await;
        });
        Self { controller, notebook, tasks, scratch }
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.notebook.0.lock().unwrap()
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut(&Told) -> bool) {
        let started = Instant::now();
        while !is_so(&self.told()) {
            let shown = self.shown();
            let first = shown.first_chunk::<3>().map_or(&shown[..], |it| it);
            assert!(started.elapsed() < PATIENCE, "never: {what}: {first:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until a sensor is in a state, also on the engine's side; returns it.
    pub(crate) async fn state(&self, name: &str, state: SensorState) -> Sensor {
        let mut found = None;
        self.until(&format!("{name} is {state:?}"), |told| {
            let newest = told.sensors.iter().rev().flatten().find(|it| it.name == name);
            found = newest.filter(|it| it.state == state).cloned();
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    pub(crate) fn shown(&self) -> Vec<Sensor> {
        self.controller.fleet.shown()
    }

    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.controller.stop().await;
    }
}

/// A beacon of `bssid` on channel 6 with its number at its end, behind a radiotap header.
pub(crate) fn beacon(bssid: Mac, number: u32) -> Vec<u8> {
    let mut bytes = vec![0, 0, 13, 0, 0x28, 0, 0, 0, 0x85, 0x09, 0xa0, 0, 0xc8];
    bytes.extend([0x80, 0, 0, 0]);
    bytes.extend([[0xff; 6], bssid.0, bssid.0].concat());
    bytes.extend([0, 0]);
    bytes.extend([0; 8]);
    bytes.extend([100, 0, 1, 0]);
    bytes.extend([0, 4]);
    bytes.extend(format!("{number:04}").bytes());
    bytes
}

/// A pcapng file of so many beacons, one each `distance_us`.
pub(crate) fn capture(beacons: u32, begin: CaptureTime, distance_us: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, None);
    for number in 0..beacons {
        let frame = beacon(Mac([0, 0x50, 0x56, 0, 0, 1]), number);
        let at = begin.plus_us(u64::from(number) * distance_us);
        writer.packet(&mut bytes, &Packet::new(at, SensorId(0), Link::Radiotap, &frame), None);
    }
    bytes
}

/// Microseconds from each packet to the next.
pub(crate) fn distances(packets: &[CapturedPacket]) -> Vec<u64> {
    packets.windows(2).map(|two| two[1].at_us.saturating_sub(two[0].at_us)).collect()
}

/// Now, in microseconds.
pub(crate) fn now_us() -> u64 {
    clock::wall().0 * 1_000
}
