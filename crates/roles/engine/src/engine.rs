//! Puts the parts together and runs them.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use node::identity::{Identity, IdentityError};
use node::nmsp::{Dial, LinkStatus};
use node::{clock, http, tls};
use store::{Role, Store, StoreError, User};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::api::{self, Shared, access::Access};
use crate::config::{Config, ConfigError, ControllerConfig};
use crate::ingest::Ingest;
use crate::site::{CurrentSite, Site};
use crate::tracker::{QUEUE_REPORTS_MAX, Task, Tracker};

/// Name of the Unix socket in the data directory, for the node's own commands.
pub const SOCKET_NAME: &str = "engine.sock";
/// File with the one-time password of the first start.
pub const INITIAL_PASSWORD_NAME: &str = "initial-password";
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
    /// The first password cannot be made.
    #[error("cannot make the first user: {0}")]
    LocalPassword(#[from] node::password::PasswordError),
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
        let store = Arc::new(Store::open(&config.data)?);
        let identity = Arc::new(Identity::load_or_create(
            &config.data.join("node"),
            node::identity::machine_mac,
        )?);
        let starts = count_start(&store)?;
        make_first_user(&store, &config)?;
        let (revision, maps) = store.maps()?;
        let site = CurrentSite::new(Site::new(revision, maps));

        let history = (config.history.keep_days > 0)
            .then(|| store.history_writer())
            .transpose()?;
        let tracker = Tracker::new(&config.tracking, site.clone(), history);
        let (tasks, queue) = mpsc::channel(QUEUE_REPORTS_MAX);
        let (elements, notices, counters) =
            (tracker.elements(), tracker.notices(), tracker.counters());
        let thread = std::thread::Builder::new().name("tracker".to_owned());
        let tracker = thread
            .spawn(move || tracker.run(queue, clock::wall))
            .map_err(|source| StartError::LocalMake {
                what: "the tracker thread".to_owned(),
                source,
            })?;

        let now = clock::wall();
        let status =
            |it: &ControllerConfig| LinkStatus::new(&it.address, &it.name, "Controller", now);
        let links: Vec<LinkStatus> = config.controllers.iter().map(status).collect();
        let access = Access::new(Arc::clone(&store)).ok_or(ConfigError::ConfigZero("limit"))?;
        let address = config.https.listen;
        let listen_error = |source| StartError::LocalListen {
            address: address.to_string(),
            source,
        };
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
            access,
        });

        let mut services = JoinSet::new();
        start_links(&config, &shared, &mut services)?;
        start_listeners(&config, &shared, listener, &mut services)?;
        services.spawn(tick(shared.tasks.clone()));
        if config.history.keep_days > 0 {
            services.spawn(prune(Arc::clone(&shared.store), config.history.keep_days));
        }
        tracing::info!(name = shared.name, %address, controllers = shared.links.len(), "engine started");
        Ok(Self {
            address,
            shared,
            services,
            tracker,
            socket: config.data.join(SOCKET_NAME),
        })
    }

    /// Stops: links and listeners first, then the tracker, whose history is durable on return.
    pub async fn stop(mut self) {
        self.services.shutdown().await;
        let _ = std::fs::remove_file(&self.socket);
        let Self {
            shared, tracker, ..
        } = self;
        drop(shared);
        // The tracker ends when the last sender of tasks is gone.
        let _ = tokio::task::spawn_blocking(move || tracker.join()).await;
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
    let local = http::serve_local(&socket, router).map_err(|source| StartError::LocalMake {
        what: socket.display().to_string(),
        source,
    })?;
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

fn count_start(store: &Store) -> Result<u64, StoreError> {
    let starts = store
        .setting("starts")?
        .and_then(|text| text.parse::<u64>().ok())
        .unwrap_or(0)
        + 1;
    store.set_setting("starts", &starts.to_string())?;
    Ok(starts)
}

/// Without users nobody could log in: makes `admin` with a password that must be changed, and
/// leaves it in a file that only the node's user can read.
fn make_first_user(store: &Store, config: &Config) -> Result<(), StartError> {
    if !store.users()?.is_empty() {
        return Ok(());
    }
    let password = node::token::one_time_password();
    let path = config.data.join(INITIAL_PASSWORD_NAME);
    let write = || {
        use std::io::Write as _;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        writeln!(file, "{password}")
    };
    write().map_err(|source| StartError::LocalMake {
        what: path.display().to_string(),
        source,
    })?;
    add_user(store, "admin", &password, Role::Admin, true)?;
    tracing::warn!(
        user = "admin", file = %path.display(),
        "first start: the one-time password is in the file; it must be changed at the first log-in"
    );
    Ok(())
}

/// Adds a user with a password.
pub fn add_user(
    store: &Store,
    name: &str,
    password: &str,
    role: Role,
    must_change_password: bool,
) -> Result<(), StartError> {
    let (password_hash, now) = (node::password::hash(password)?, clock::wall());
    store.add_user(&User {
        name: name.to_owned(),
        role,
        password_hash,
        must_change_password,
        created: now,
        changed: now,
    })?;
    Ok(())
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "mse".to_owned(), |name| name.trim().to_owned())
}
