//! Puts the parts together and runs them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use node::directory::DirectoryError;
use node::identity::{Identity, IdentityError};
use node::nmsp::{Dial, LinkStatus};
use node::{clock, http, tls};
use store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::accounts::{self, AccountError, INITIAL_PASSWORD_NAME};
use crate::api::{self, Shared, access::Access};
use crate::config::{Config, ConfigError, ControllerConfig};
use crate::ingest::Ingest;
use crate::site::{CurrentSite, Site};
use crate::tracker::{QUEUE_REPORTS_MAX, Task, Tracker};

/// Unix socket in the data directory, for the node's own commands. It lies beside the key, in a
/// directory that is closed to others.
pub const SOCKET_NAME: &str = "node/engine.sock";
/// The tracker is woken at least this often, to run its timers.
const TICK: Duration = Duration::from_millis(250);
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
    #[error("cannot listen on {address}: {source}; change https.listen, or stop what uses it")]
    LocalListen {
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
    /// The first user cannot be made.
    #[error("cannot make the first user: {0}")]
    Accounts(#[from] AccountError),
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    /// Where the console and the APIs are.
    pub address: SocketAddr,
    /// The reading ends of the engine.
    pub shared: Arc<Shared>,
    services: JoinSet<()>,
    tracker: JoinHandle<()>,
    socket: PathBuf,
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
        let starts = starts_before(&store)? + 1;
        accounts::make_first_user(&store, &config.data)?;
        let (revision, maps) = store.maps()?;
        let site = CurrentSite::new(Site::new(revision, maps));

        let history = (config.history.keep_days > 0).then(|| store.history_writer()).transpose()?;
        let history = history.map(Arc::new);
        let tracker = Tracker::new(&config.tracking, site.clone(), history.clone());
        let (tasks, queue) = mpsc::channel(QUEUE_REPORTS_MAX);
        let (elements, notices, counters) =
            (tracker.elements(), tracker.notices(), tracker.counters());
        let thread = std::thread::Builder::new().name("tracker".to_owned());
        let tracker = thread.spawn(move || tracker.run(queue, clock::wall)).map_err(|source| {
            StartError::LocalMake { what: "the tracker thread".to_owned(), source }
        })?;

        let now = clock::wall();
        let status =
            |it: &ControllerConfig| LinkStatus::new(&it.address, &it.name, "Controller", now);
        let links: Vec<LinkStatus> = config.controllers.iter().map(status).collect();
        let access = Access::new(Arc::clone(&store));
        let address = config.https.listen;
        let listen_error =
            |source| StartError::LocalListen { address: address.to_string(), source };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let shared = Arc::new(Shared {
            address,
            history_days: config.history.keep_days,
            name: config.name.clone().unwrap_or_else(host_name),
            started: now,
            starts,
            store,
            identity,
            site,
            elements,
            notices,
            counters,
            missing_after_ms: config.tracking.missing_after_min.saturating_mul(60_000),
            links,
            tasks,
            history,
            importing: Mutex::default(),
            stopping: watch::Sender::new(false),
            initial_password: config.data.join(INITIAL_PASSWORD_NAME),
            is_plain: config.https.plain,
            access,
        });

        let mut services = JoinSet::new();
        // The socket shows whether another engine runs here: nothing is counted or connected before.
        start_listeners(&config, &shared, listener, &mut services)?;
        shared.store.set_setting("starts", &starts.to_string())?;
        start_links(&config, &shared, &mut services)?;
        services.spawn(tick(shared.tasks.clone()));
        if config.history.keep_days > 0 {
            services.spawn(prune(Arc::clone(&shared.store), config.history.keep_days));
        }
        tracing::info!(name = shared.name, %address, controllers = shared.links.len(), "engine started");
        Ok(Self { address, shared, services, tracker, socket: config.data.join(SOCKET_NAME) })
    }

    /// Stops: links, listeners and their connections first, then the tracker, whose history is
    /// durable on return.
    pub async fn stop(mut self) {
        self.shared.stopping.send_replace(true);
        self.services.shutdown().await;
        let _ = std::fs::remove_file(&self.socket);
        let Self { shared, tracker, .. } = self;
        let _ = shared.tasks.send(Task::Stop).await;
        if let Ok(Err(_)) = tokio::task::spawn_blocking(move || tracker.join()).await {
            tracing::error!("the tracker had failed; positions since then are lost");
        }
        tracing::info!("engine stopped");
    }
}

fn start_links(
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
            wanted: Ingest::wanted(),
        };
        let mut owner = Ingest::new(&controller.address, shared.tasks.clone());
        let status = status.clone();
        services.spawn(async move {
            // Nothing commands a link yet; the sender lives as long as the link.
            let (_commands, waiting) = mpsc::channel(1);
            node::nmsp::dial(link, &mut owner, waiting, status).await;
        });
    }
    Ok(())
}

fn start_listeners(
    config: &Config,
    shared: &Arc<Shared>,
    listener: TcpListener,
    services: &mut JoinSet<()>,
) -> Result<(), StartError> {
    let router = api::router(Arc::clone(shared));
    let tls = if config.https.plain {
        None
    } else {
        Some(Arc::new(tls::https_server(&shared.identity)?))
    };
    services.spawn(http::serve(listener, tls, router.clone()));
    let socket = config.data.join(SOCKET_NAME);
    let local = http::serve_local(&socket, router)
        .map_err(|source| StartError::LocalMake { what: socket.display().to_string(), source })?;
    services.spawn(local);
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

async fn prune(store: Arc<Store>, keep_days: u64) {
    loop {
        let before = clock::wall().minus_ms(keep_days.saturating_mul(24 * 3_600_000));
        let store = Arc::clone(&store);
        match tokio::task::spawn_blocking(move || store.prune_history(before)).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(rows)) => {
                tracing::info!(rows, keep_days, "old positions removed from the history");
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "old positions cannot be removed from the history");
            }
        }
        tokio::time::sleep(PRUNE_INTERVAL).await;
    }
}

fn starts_before(store: &Store) -> Result<u64, StoreError> {
    let starts = store.setting("starts")?;
    Ok(starts.and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "mse".to_owned(), |name| name.trim().to_owned())
}
