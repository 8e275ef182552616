//! Sensors: radios that listen, and captures of what they heard.
//!
//! ```text
//!   file, FIFO --\                          +-- Register: how each sensor is --> Batch::Sensors
//!   interface ----+--> Lane: time, count, --+-- queue --> collect ------------> Batch::Captured
//!   remote ------/     read, cut            +-- Sights: who, how strongly ----> Batch::Measurements
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | `[sensors]` and `[[sensor]]` |
//! | `file`, `fifo`, `interface`, `remote` | where packets come from |
//! | [`send`] | the other end of a remote one |
//! | `stream`, `clock` | bytes become packets, and packets get a time that can be believed |
//! | `lane`, `cut` | one sensor's way to the engines, and what of a packet is worth sending |
//! | `collect` | packets of all sensors become batches |
//! | `sights` | the same frames for location |
//! | `register` | how each sensor is, and when it is silent |
//!
//! Nothing here judges a frame: detectors are the engine's. Nothing here ever waits for an engine except a
//! file, which has time.
//!
//! # Cost sketch
//!
//! * threads: none of their own; a thousand sensors are a thousand tasks, and no more than
//!   four files are read at a time
//! * memory: 64 to 200 KiB of buffers per sensor, and at most 16 MiB of waiting packets in all
//! * CPU: a packet is parsed once here, and copied once

pub mod config;
pub mod send;

mod clock;
mod collect;
mod cut;
mod fifo;
mod file;
mod interface;
mod lane;
mod register;
mod remote;
mod sights;
mod stream;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::Mac;
use nmsp::Sensor;
use node::clock::Steady;
use node::identity::Identity;
use node::tls;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::feed::Feed;
use crate::server::StartError;
use config::Kind;
use lane::Lane;
use register::{Register, Watch};
use remote::Remotes;
use sights::Sights;

/// Packets that wait to be sent, of all sensors. Ours: two seconds of a busy channel; they hold at most
/// 16 MiB.
const QUEUE_PACKETS: usize = 4_096;
/// Files that are read at the same time. Ours: a disk does not get faster by more.
const READERS_MAX: usize = 4;
/// How often it is looked whether a sensor has changed. Ours: nobody notices half a second.
const LOOK: Duration = Duration::from_millis(500);
/// All sensors are told again after so many looks: ten seconds.
const LOOKS_TO_REPEAT: u32 = 20;
/// A connection is replaced before the old one has ended.
const FILES_PER_SENSOR: u64 = 2;
/// Engines, local commands, databases and libraries. Ours.
const FILES_BESIDES: u64 = 256;
/// First and longest wait before a sensor that failed is tried again. Ours.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_mins(1)];

/// The sensors of a running controller.
#[derive(Debug, Clone)]
pub struct Fleet {
    register: Register,
    clock: Steady,
    /// Where remote sensors connect to, if there are any.
    pub address: Option<SocketAddr>,
}

impl Fleet {
    /// Starts all sensors of `config` in `services`; `own` are one's own access points, and `identity`
    /// is what remote sensors are shown.
    pub async fn start(
        config: &Config,
        own: impl IntoIterator<Item = Mac>,
        identity: &Identity,
        feed: &Feed,
        services: &mut JoinSet<()>,
    ) -> Result<Self, StartError> {
        let clock = Steady::new();
        let register = Register::new(&config.sensor, clock.now());
        let mut fleet = Self { register, clock, address: None };
        if config.sensor.is_empty() {
            return Ok(fleet);
        }
        raise_files(config.sensor.len());
        let own = own
            .into_iter()
            .chain(config.sensor.iter().filter_map(|it| it.ap))
            .chain(config.sensors.managed.iter().copied());
        let sights = Arc::new(Mutex::new(Sights::new(own, config.sensors.rogues)));
        let (queue, waiting) = mpsc::channel(QUEUE_PACKETS);
        services.spawn(collect::collect(waiting, feed.clone(), fleet.register.clone()));
        let interval = Duration::from_secs(u64::from(config.sensors.interval_s));
        services.spawn(measure(Arc::clone(&sights), interval, feed.clone()));
        services.spawn(watch(fleet.clone(), feed.clone()));

        let readers = Arc::new(Semaphore::new(READERS_MAX));
        let mut remotes = Vec::new();
        for (entry, sensor) in fleet.register.entries().zip(&config.sensor) {
            let entry = Arc::clone(entry);
            let lane = Lane::new(entry, queue.clone(), Arc::clone(&sights), feed.clone(), clock);
            match sensor.kind.clone() {
                Kind::File { path, speed, repeat } => {
                    let pace = file::Pace { speed, repeat };
                    services.spawn(file::run(lane, path, pace, Arc::clone(&readers)));
                }
                Kind::Interface { interface, channels_mhz, dwell_ms } => {
                    let dwell = Duration::from_millis(u64::from(dwell_ms));
                    let listening = interface::Listening { interface, channels_mhz, dwell };
                    services.spawn(interface::run(lane, listening));
                }
                Kind::Remote { key_hash } => remotes.push((key_hash, lane)),
            }
        }
        if !remotes.is_empty() {
            let address = config.sensors.listen;
            let listen_error = |source| StartError::LocalSensors { address, source };
            let listener = TcpListener::bind(address).await.map_err(listen_error)?;
            fleet.address = Some(listener.local_addr().map_err(listen_error)?);
            // Whose key it is the sensors know, who then also say it to one that is refused.
            let tls = Arc::new(tls::nmsp_server(identity, None)?);
            services.spawn(remote::listen(listener, tls, Remotes::new(remotes)));
        }
        Ok(fleet)
    }

    /// How each sensor is.
    pub fn shown(&self) -> Vec<Sensor> {
        self.register.shown(self.clock.now())
    }
}

/// Every sensor holds a file or a socket, and shells allow 1,024 of them unless somebody asks for more.
fn raise_files(sensors: usize) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = sensors as u64 * FILES_PER_SENSOR + FILES_BESIDES;
    let (Some(current), most) = (limit.current, limit.maximum) else { return };
    if current >= wanted {
        return;
    }
    let raised = most.map_or(wanted, |most| most.min(wanted)).max(current);
    let done = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: most });
    if done.is_err() || raised < wanted {
        tracing::warn!(
            open_files = raised,
            wanted,
            "not enough open files for all sensors; raise LimitNOFILE of the service, or `ulimit -n`"
        );
    }
}

/// Tells engines who was heard how strongly, once per interval.
async fn measure(sights: Arc<Mutex<Sights>>, interval: Duration, feed: Feed) {
    let mut ticks = tokio::time::interval(interval);
    let mut left_out = 0;
    loop {
        ticks.tick().await;
        let (observations, left_out_now) = {
            let mut sights = sights.lock().unwrap_or_else(PoisonError::into_inner);
            (sights.report(), sights.left_out())
        };
        if left_out == 0 && left_out_now > 0 {
            tracing::warn!(
                left_out = left_out_now,
                "sensors hear more addresses than are located; somebody may be inventing them"
            );
        }
        left_out = left_out_now;
        feed.sighted(node::clock::wall(), observations);
    }
}

/// Tells engines of every change of a sensor, and of all of them now and then.
async fn watch(fleet: Fleet, feed: Feed) {
    let mut watch = Watch::default();
    let mut ticks = tokio::time::interval(LOOK);
    for look in 0_u32.. {
        ticks.tick().await;
        let sensors = fleet.shown();
        let changed = watch.look(&sensors);
        let told = if look % LOOKS_TO_REPEAT == 0 { sensors.clone() } else { changed };
        feed.sensors(sensors, told);
    }
}

/// Waits ever longer between the tries of one sensor.
#[derive(Debug)]
struct Backoff(Duration);

impl Backoff {
    fn new() -> Self {
        Self(RETRY[0])
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(RETRY[1]);
    }
}
