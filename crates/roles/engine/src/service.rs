//! The engine of a pair: dormant or active, as the health monitor of its node orders.
//!
//! ```text
//! dormant   the store is open and entries are applied; nothing listens but the node's own socket
//! active    as a stand-alone engine, but every durable change is an entry of the journal
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | `replica` | the state and the two duties, order by order |
//! | `newest` | where every element was last, for the moment of activation |
//! | `founding` | what the first activation makes once: the service's identity, the first user |
//!
//! The monitor starts the process and tells it its place by variables of the environment. When the
//! line to the monitor ends, nobody keeps the node's lease any more: the engine stops serving,
//! and the process ends.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use axum::Router;
use axum::extract::Request;
use node::service::Line;
use node::{http, service as line};
use store::{Outcome, Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::api::Shared;
use crate::api::dormant::{self, Dormant};
use crate::config::Config;
use crate::engine::{self, SOCKET_NAME, StartError};
use newest::Newest;

mod founding;
pub(crate) mod newest;
mod replica;

/// The variable with the path of the monitor's socket; an engine that has it is one of a pair.
pub const SOCKET_VARIABLE: &str = "MSE_SERVICE_SOCKET";
/// The variable with the directory of the service's state, which stands for `data`.
pub const DATA_VARIABLE: &str = "MSE_SERVICE_DATA";

/// The variable with the address at which clients look for the service: the pair's virtual one.
pub const ADDRESS_VARIABLE: &str = "MSE_SERVICE_ADDRESS";

/// Where a service finds its monitor and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The monitor's socket.
    pub socket: PathBuf,
    /// The directory of the state.
    pub data: PathBuf,
    /// Stands for the address in `https.listen`, whose port stays: a secondary runs one engine for
    /// each of its primaries, and each has an address of its own.
    pub address: Option<IpAddr>,
}

impl Place {
    /// As the environment tells it; none for a stand-alone engine.
    pub fn from_environment() -> Result<Option<Self>, StartError> {
        let path = |name| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        match (path(SOCKET_VARIABLE), path(DATA_VARIABLE)) {
            (None, None) => Ok(None),
            (Some(socket), Some(data)) => {
                let address = std::env::var(ADDRESS_VARIABLE).ok().filter(|it| !it.is_empty());
                let parsed = |text: String| {
                    text.parse().map_err(|_| {
                        let text = format!("{ADDRESS_VARIABLE} is no address: '{text}'");
                        StartError::LocalMonitor(text)
                    })
                };
                let address = address.map(parsed).transpose()?;
                Ok(Some(Self { socket, data, address }))
            }
            _ => {
                let text = format!(
                    "{SOCKET_VARIABLE} and {DATA_VARIABLE} belong together: set both, as the health monitor does, or none for a stand-alone engine"
                );
                Err(StartError::LocalMonitor(text))
            }
        }
    }
}

/// A running engine of a pair.
#[derive(Debug)]
pub struct Service {
    line: Line<Outcome>,
    desk: Arc<Desk>,
    ended: oneshot::Receiver<Result<(), String>>,
    /// The node's own socket; ends with this.
    _local: JoinSet<()>,
    socket: PathBuf,
}

impl Service {
    /// Opens the state in its place, and stands by for what the monitor orders.
    pub async fn start(mut config: Config, place: Place) -> Result<Self, StartError> {
        config.data = place.data;
        if let Some(address) = place.address {
            config.https.listen.set_ip(address);
            for other in &mut config.compatibility {
                other.listen.set_ip(address);
            }
        }
        config.validate()?;
        make_node_directory(&config.data)?;
        node::directory::claim(&config.data, "engine")?;
        let (store, newest) = open(&config).await?;
        let store = Arc::new(store);
        let starts = engine::starts_before(&config.data, &store)? + 1;
        let desk = Arc::new(Desk::new(&config, starts));
        desk.dormant.look_at(&store);
        let socket = config.data.join(SOCKET_NAME);
        let local =
            http::serve_local(&socket, desk_router(Arc::clone(&desk))).map_err(|source| {
                StartError::LocalMake { what: socket.display().to_string(), source }
            })?;
        let mut locals = JoinSet::new();
        locals.spawn(local);
        engine::count_start(&config.data, starts)?;
        let (line, orders) = line::connect(&place.socket).map_err(|error| {
            let monitor = place.socket.display();
            StartError::LocalMonitor(format!(
                "cannot reach the health monitor at {monitor}: {error}; it starts its engine by itself"
            ))
        })?;
        let runtime = tokio::runtime::Handle::current();
        let mut replica = replica::Replica::new(
            config,
            starts,
            (store, newest),
            line.clone(),
            Arc::clone(&desk),
            runtime,
        );
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("orders".to_owned());
        let serve = move || {
            // Nobody waits for the end of an engine that is dropped.
            let _ = end.send(orders.serve(&mut replica));
        };
        thread.spawn(serve).map_err(|source| StartError::LocalMake {
            what: "the thread for the monitor's orders".to_owned(),
            source,
        })?;
        tracing::info!(monitor = %place.socket.display(), "engine stands by");
        Ok(Self { line, desk, ended, _local: locals, socket })
    }

    /// What it serves, while it is active.
    pub fn serving(&self) -> Option<Arc<Shared>> {
        self.desk.serving()
    }

    /// The address of the console and the APIs, while it is active.
    pub fn address(&self) -> Option<SocketAddr> {
        Some(self.serving()?.address)
    }

    /// Waits until the monitor is gone; the engine does not serve any more then. The error is why
    /// the engine itself could not go on.
    pub async fn ended(&mut self) -> Result<(), String> {
        let lost = || Err("the thread for the monitor's orders has failed".to_owned());
        let ended = (&mut self.ended).await.unwrap_or_else(|_| lost());
        let _ = std::fs::remove_file(&self.socket);
        ended
    }

    /// Leaves the pair: [`ended`](Self::ended) returns soon, and the peer takes over.
    pub fn leave(&self) {
        self.line.hang_up();
    }
}

/// What stands behind the node's own socket: the engine while it is active, otherwise the one that
/// says that it is dormant.
#[derive(Debug)]
struct Desk {
    dormant: Arc<Dormant>,
    at_it: RwLock<AtIt>,
}

#[derive(Debug)]
struct AtIt {
    router: Router,
    serving: Weak<Shared>,
}

impl Desk {
    fn new(config: &Config, starts: u64) -> Self {
        let dormant = Arc::new(Dormant::new(config, starts));
        let router = dormant::router(Arc::clone(&dormant));
        Self { dormant, at_it: RwLock::new(AtIt { router, serving: Weak::new() }) }
    }

    fn active(&self, router: Router, serving: &Arc<Shared>) {
        self.set(AtIt { router, serving: Arc::downgrade(serving) });
    }

    fn dormant(&self) {
        let router = dormant::router(Arc::clone(&self.dormant));
        self.set(AtIt { router, serving: Weak::new() });
    }

    fn set(&self, at_it: AtIt) {
        *self.at_it.write().unwrap_or_else(PoisonError::into_inner) = at_it;
    }

    fn serving(&self) -> Option<Arc<Shared>> {
        self.at_it.read().unwrap_or_else(PoisonError::into_inner).serving.upgrade()
    }

    fn router(&self) -> Router {
        self.at_it.read().unwrap_or_else(PoisonError::into_inner).router.clone()
    }
}

fn desk_router(desk: Arc<Desk>) -> Router {
    Router::new().fallback(move |request: Request| {
        let router = desk.router();
        async move { router.oneshot(request).await }
    })
}

/// Opening may take long: a write-ahead log may have to be worked off first.
async fn open(config: &Config) -> Result<(Store, Newest), StartError> {
    let config = config.clone();
    let open = move || {
        let store = Store::open(&config.data)?;
        let newest = Newest::read(&store, &config)?;
        Ok::<_, StoreError>((store, newest))
    };
    let opened = tokio::task::spawn_blocking(open).await;
    let failed = |error| StartError::LocalMake {
        what: "the thread that opens the state".to_owned(),
        source: io::Error::other(error),
    };
    Ok(opened.map_err(failed)??)
}

fn make_node_directory(data: &Path) -> Result<(), StartError> {
    let dir = data.join("node");
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
    made.map_err(|source: io::Error| StartError::LocalMake {
        what: dir.display().to_string(),
        source,
    })
}
