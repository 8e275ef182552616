//! Puts the parts together and runs them.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use node::directory::DirectoryError;
use node::identity::{Identity, IdentityError};
use node::nmsp::{Dial, LinkStatus};
use node::notifier::{AddressRules, Courier};
use node::{clock, http, tls};
use store::{Change, HistoryRow, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::accounts::{self, AccountError, INITIAL_PASSWORD_NAME};
use crate::analytics::Analytics;
use crate::api::{self, Shared, access::Access};
use crate::config::{Config, ConfigError, ControllerConfig};
use crate::history::{self, History};
use crate::ingest::Ingest;
use crate::notifications::Notifications;
use crate::service::newest::Newest;
use crate::site::{CurrentSite, Site};
use crate::survey::{self, Surveying};
use crate::tracker::{QUEUE_REPORTS_MAX, Task, Tracker};
use crate::wips::{self, Guard};
use crate::writer::Writer;

/// Unix socket in the data directory, for the node's own commands. It lies beside the key, in a
/// directory that is closed to others.
pub const SOCKET_NAME: &str = "node/engine.sock";
/// The tracker is woken at least this often, to run its timers.
const TICK: Duration = Duration::from_millis(250);
/// How many times an engine was started on a directory; the node's own, so no part of the state.
const STARTS_NAME: &str = "node/starts";
/// Answers that are known when a node of a pair stops serving still have this long to reach their
/// clients. Ours: loopback and LAN take less than a millisecond, a switchover may take 300.
const LAST_ANSWERS: Duration = Duration::from_millis(10);
/// A node that took over has better things to do at first than to remove old positions. Ours.
const PRUNE_AFTER_ACTIVATION: Duration = Duration::from_mins(1);
/// Old positions are removed this often.
const PRUNE_INTERVAL: Duration = Duration::from_hours(1);

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not fit together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory belongs to another role.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// There is no key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    LocalTls(#[from] tls::Error),
    /// An address is taken or not ours.
    #[error("cannot listen on {address}: {source}; change {key}, or stop what uses it")]
    LocalListen {
        /// Its key in the configuration.
        key: &'static str,
        /// The address.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file or thread cannot be made.
    #[error("cannot make {what}: {source}")]
    LocalMake {
        /// What.
        what: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// What is written past the journal would be on one node only.
    #[error(
        "{} is the state of one node of a pair; its health monitor starts the engine there, give a stand-alone engine another directory", .0.display()
    )]
    ConfigOfAPair(PathBuf),
    /// The health monitor cannot be reached, or its place is half told.
    #[error("{0}")]
    LocalMonitor(String),
    /// The first user cannot be made.
    #[error("cannot make the first user: {0}")]
    Accounts(#[from] AccountError),
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    /// Where the console and the APIs are.
    pub address: SocketAddr,
    /// Where the APIs of CMX and MSE 8 are besides, in the order of the configuration.
    pub compatibility: Vec<SocketAddr>,
    /// The reading ends of the engine.
    pub shared: Arc<Shared>,
    pub(crate) services: JoinSet<()>,
    tracker: JoinHandle<()>,
    /// The thread that watches for intrusions, when that is wanted.
    wips: Option<JoinHandle<()>>,
    /// Set to end the tracker at once.
    quit: Arc<AtomicBool>,
    /// The node's own socket, when it belongs to the engine.
    socket: Option<PathBuf>,
}

/// What an engine stands on.
pub(crate) struct Ground {
    pub(crate) identity: Arc<Identity>,
    pub(crate) store: Arc<Store>,
    pub(crate) writer: Writer,
    pub(crate) starts: u64,
    /// Where everything was last, oldest knowledge first; empty when nobody served before.
    pub(crate) newest: Vec<HistoryRow>,
    /// The address to listen at comes to this machine once the engine listens.
    pub(crate) is_early: bool,
}

impl Engine {
    /// Opens everything and starts.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.validate()?;
        let identity = Arc::new(Identity::load_or_create(
            &config.data.join("node"),
            node::identity::machine_mac,
        )?);
        node::directory::claim(&config.data, "engine")?;
        let store = Arc::new(Store::open(&config.data)?);
        if store.applied()?.index > 0 {
            return Err(StartError::ConfigOfAPair(config.data));
        }
        let starts = starts_before(&config.data, &store)? + 1;
        accounts::make_first_user(&store, &config.data)?;
        let writer = Writer::Own(Arc::clone(&store));
        let newest = Newest::read(&store, &config)?.at(clock::wall());
        let ground = Ground { identity, store, writer, starts, newest, is_early: false };
        let mut engine = Self::open(&config, ground).await?;
        // The socket shows whether another engine runs here: nothing is counted or connected before.
        let socket = config.data.join(SOCKET_NAME);
        let local = http::serve_local(&socket, engine.router()).map_err(|source| {
            StartError::LocalMake { what: socket.display().to_string(), source }
        })?;
        engine.services.spawn(local);
        engine.socket = Some(socket);
        count_start(&config.data, starts)?;
        engine.link(&config)?;
        let (name, address) = (&engine.shared.name, engine.address);
        tracing::info!(name, %address, controllers = engine.shared.links.len(), "engine started");
        Ok(engine)
    }

    /// Makes what is in memory, then listens. No controller is connected yet.
    pub(crate) async fn open(config: &Config, ground: Ground) -> Result<Self, StartError> {
        let Ground { identity, store, writer, starts, newest, is_early } = ground;
        let (revision, maps) = store.maps()?;
        let site = CurrentSite::new(Site::new(revision, maps));
        let mut services = JoinSet::new();
        let is_kept = config.history.keep_days > 0;
        let history = is_kept.then(|| keep_history(&store, &writer, &mut services)).transpose()?;
        let analytics = Analytics::new(&config.analytics, config.tracking.limit);
        let mut tracker = Tracker::new(&config.tracking, site.clone(), history.clone())
            .with_analytics(analytics.clone());
        tracker.resume(&newest);
        if let Some(analytics) = &analytics {
            analytics.resume(&site.load(), &newest, clock::wall());
            let places = site.load().place_ids();
            services.spawn(analytics.clone().keep(Arc::clone(&store), places, writer.clone()));
        }
        let (tasks, queue) = mpsc::channel(QUEUE_REPORTS_MAX);
        let (elements, notices, counters, reporting) =
            (tracker.elements(), tracker.notices(), tracker.counters(), tracker.reporting());
        let rules = AddressRules { link_local: config.notifications.link_local };
        let (courier, sender) = (Courier::new(rules), name(config));
        let notifications =
            Arc::new(Notifications::new(courier, sender, site.clone(), elements.clone()));
        notifications.load(&store)?;
        services.spawn(Arc::clone(&notifications).run(notices.subscribe()));
        let quit = tracker.quit();
        let thread = std::thread::Builder::new().name("tracker".to_owned());
        let tracker = thread.spawn(move || tracker.run(queue, clock::wall)).map_err(|source| {
            StartError::LocalMake { what: "the tracker thread".to_owned(), source }
        })?;

        let now = clock::wall();
        let status =
            |it: &ControllerConfig| LinkStatus::new(&it.address, &it.name, "Controller", now);
        let links: Vec<LinkStatus> = config.controllers.iter().map(status).collect();
        let (guard, wips) = if config.wips.enabled {
            let (guard, ends) = Guard::open(&store, links.clone())?;
            let vendors = config.wips.vendors.clone();
            let thread = guard.start(ends, site.clone(), Arc::clone(&reporting), vendors);
            let what = "the wIPS thread".to_owned();
            let started = thread.map_err(|source| StartError::LocalMake { what, source })?;
            (Some(guard), Some(started))
        } else {
            (None, None)
        };
        let (wips, news) = wips.unzip();
        let access = Access::new(Arc::clone(&store), writer.clone());
        let (listener, address) = listen("https.listen", config.https.listen, is_early).await?;
        let mut others = Vec::with_capacity(config.compatibility.len());
        for other in &config.compatibility {
            let (listener, address) =
                listen("compatibility.listen", other.listen, is_early).await?;
            others.push((listener, address, other.plain));
        }
        let shared = Arc::new(Shared {
            address,
            history_days: config.history.keep_days,
            name: name(config),
            started: now,
            starts,
            store,
            writer,
            identity,
            site,
            elements,
            notices,
            counters,
            reporting,
            missing_after_ms: config.tracking.missing_after_min.saturating_mul(60_000),
            links,
            tasks,
            history,
            analytics,
            wips: guard,
            notifications,
            importing: tokio::sync::Mutex::default(),
            surveying: Surveying::default(),
            stopping: watch::Sender::new(false),
            initial_password: config.data.join(INITIAL_PASSWORD_NAME),
            is_plain: config.https.plain,
            access,
        });
        let compatibility = others.iter().map(|(_, address, _)| *address).collect();
        serve(&mut services, &shared, listener, others)?;
        services.spawn(tick(shared.tasks.clone()));
        services.spawn(survey::keep_calibrated(Arc::clone(&shared)));
        services.spawn(survey::known::keep(Arc::clone(&shared)));
        if let (Some(guard), Some(news)) = (&shared.wips, news) {
            services.spawn(wips::tell(Arc::clone(&shared), guard.clone(), news));
            services.spawn(wips::keep(guard.clone(), Arc::clone(&shared), config.wips.keep_days));
        }
        if is_kept {
            services.spawn(prune(Arc::clone(&shared), config.history.keep_days));
        }
        Ok(Self { address, compatibility, shared, services, tracker, wips, quit, socket: None })
    }

    /// What it serves, for the node's own socket.
    pub(crate) fn router(&self) -> axum::Router {
        api::router(Arc::clone(&self.shared))
    }

    /// Connects to the controllers, to all at once.
    pub(crate) fn link(&mut self, config: &Config) -> Result<(), StartError> {
        start_links(config, &self.shared, &mut self.services)
    }

    /// Whether it can go on.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.shared.tasks.is_closed() {
            return Err("the tracker has stopped".to_owned());
        }
        Ok(())
    }

    /// Stops: links, listeners and their connections first, then the tracker, whose history is
    /// durable on return.
    pub async fn stop(self) {
        self.shared.notifications.send_the_last().await;
        self.end().await;
        tracing::info!("engine stopped");
    }

    /// Stops as a node of a pair does: at once, whatever waits. Nobody has to be told; the peer goes
    /// on with what was committed.
    pub(crate) async fn leave(self) {
        self.shared.stopping.send_replace(true);
        self.quit.store(true, Ordering::Relaxed);
        tokio::time::sleep(LAST_ANSWERS).await;
        self.end().await;
    }

    async fn end(mut self) {
        self.shared.stopping.send_replace(true);
        self.services.shutdown().await;
        self.shared.notifications.report_unsent();
        if let Some(socket) = &self.socket {
            let _ = std::fs::remove_file(socket);
        }
        let Self { shared, tracker, wips, .. } = self;
        if let Some(guard) = &shared.wips {
            guard.quit();
        }
        let _ = shared.tasks.send(Task::Stop).await;
        if let Ok(Err(_)) = tokio::task::spawn_blocking(move || tracker.join()).await {
            tracing::error!("the tracker had failed; positions since then are lost");
        }
        if let (Some(guard), Some(thread)) = (&shared.wips, wips) {
            if let Ok(Err(_)) = tokio::task::spawn_blocking(move || thread.join()).await {
                tracing::error!("the wIPS thread had failed; intrusions since then were not seen");
            }
            guard.finish(&shared.writer).await;
        }
        if let Some(analytics) = &shared.analytics {
            analytics.finish(&shared.writer).await;
        }
    }
}

/// Where positions go.
fn keep_history(
    store: &Store,
    writer: &Writer,
    services: &mut JoinSet<()>,
) -> Result<History, StoreError> {
    Ok(match writer {
        Writer::Own(_) => History::Own(Arc::new(store.history_writer()?)),
        Writer::Replicated { .. } => {
            let (history, task) = history::journal(writer.clone());
            services.spawn(task);
            history
        }
    })
}

pub(crate) fn start_links(
    config: &Config,
    shared: &Arc<Shared>,
    services: &mut JoinSet<()>,
) -> Result<(), StartError> {
    for (controller, status) in config.controllers.iter().zip(&shared.links) {
        let link = Dial {
            address: controller.address.clone(),
            name: shared.name.clone(),
            tls: Arc::new(tls::nmsp_client(&shared.identity, controller.key_hash)?),
            settings: config.nmsp,
            wanted: Ingest::wanted(shared.wips.is_some()),
        };
        let feed = shared.wips.as_ref().map(Guard::feed);
        let mut owner = Ingest::new(&controller.address, shared.tasks.clone()).with_feed(feed);
        let status = status.clone();
        services.spawn(async move {
            // Nothing commands a link yet; the sender lives as long as the link.
            let (_commands, waiting) = mpsc::channel(1);
            node::nmsp::dial(link, &mut owner, waiting, status).await;
        });
    }
    Ok(())
}

/// Listens, and says where.
async fn listen(
    key: &'static str,
    address: SocketAddr,
    is_early: bool,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let error = |source| StartError::LocalListen { key, address: address.to_string(), source };
    let listener =
        if is_early { http::listen_early(address) } else { TcpListener::bind(address).await };
    let listener = listener.map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    Ok((listener, address))
}

/// Serves everything at the first, and the APIs of CMX and MSE 8 at the others.
fn serve(
    services: &mut JoinSet<()>,
    shared: &Arc<Shared>,
    listener: TcpListener,
    others: Vec<(TcpListener, SocketAddr, bool)>,
) -> Result<(), StartError> {
    let tls = Arc::new(tls::https_server(&shared.identity)?);
    let https = (!shared.is_plain).then(|| Arc::clone(&tls));
    services.spawn(http::serve(listener, https, api::router(Arc::clone(shared))));
    for (listener, address, is_plain) in others {
        if is_plain {
            tracing::info!(%address, "programs of CMX and MSE 8 send their passwords in clear here; compatibility.plain allows it");
        }
        let tls = (!is_plain).then(|| Arc::clone(&tls));
        let router = api::compatibility_router(Arc::clone(shared), is_plain);
        services.spawn(http::serve(listener, tls, router));
    }
    Ok(())
}

async fn tick(tasks: mpsc::Sender<Task>) {
    loop {
        tokio::time::sleep(TICK).await;
        if tasks.send(Task::Tick).await.is_err() {
            return;
        }
    }
}

/// Removes old positions now and then: those of the store itself, and by an entry those that came by
/// entries.
async fn prune(shared: Arc<Shared>, keep_days: u64) {
    let is_replicated = matches!(shared.writer, Writer::Replicated { .. });
    if is_replicated {
        tokio::time::sleep(PRUNE_AFTER_ACTIVATION).await;
    }
    loop {
        let before = clock::wall().minus_ms(keep_days.saturating_mul(24 * 3_600_000));
        let store = Arc::clone(&shared.store);
        match tokio::task::spawn_blocking(move || store.prune_history(before)).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(rows)) => {
                tracing::info!(rows, keep_days, "old positions removed from the history");
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "old positions cannot be removed from the history");
            }
        }
        let expired = shared.writer.journal(vec![Change::HistoryExpired { before }]).await;
        if let Err(error) = expired {
            tracing::warn!(%error, "old positions are not removed this time");
        }
        tokio::time::sleep(PRUNE_INTERVAL).await;
    }
}

/// How many times an engine was started on `data` before. It was a setting once.
pub(crate) fn starts_before(data: &Path, store: &Store) -> Result<u64, StoreError> {
    let starts = match std::fs::read_to_string(data.join(STARTS_NAME)) {
        Ok(text) => Some(text),
        Err(_) => store.setting("starts")?,
    };
    Ok(starts.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
}

/// Counts a start.
pub(crate) fn count_start(data: &Path, starts: u64) -> Result<(), StartError> {
    let path = data.join(STARTS_NAME);
    node::directory::replace(&path, format!("{starts}\n").as_bytes(), 0o600)
        .map_err(|source| StartError::LocalMake { what: path.display().to_string(), source })
}

/// The engine's name: configured, or the host's.
pub(crate) fn name(config: &Config) -> String {
    config.name.clone().unwrap_or_else(host_name)
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "mse".to_owned(), |name| name.trim().to_owned())
}
