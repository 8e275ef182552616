//! Puts a controller together and runs it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use model::Mac;
use node::directory::DirectoryError;
use node::identity::{Identity, IdentityError};
use node::nmsp::status::service_rows;
use node::nmsp::{Connection, Listen, ServiceRow};
use node::{clock, http, tls};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::config::{Config, ConfigError};
use crate::feed::{self, Feed};
use crate::sensor::Fleet;
use crate::source::Source;

/// Unix socket in the data directory, for the node's own commands. It lies beside the key, in a
/// directory that is closed to others.
pub const SOCKET_NAME: &str = "node/controller.sock";

/// Why a controller does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not fit together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The directory belongs to another role.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// There is no key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    LocalTls(#[from] tls::Error),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; change nmsp.listen, or stop what uses it")]
    LocalListen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The same, for remote sensors.
    #[error("cannot listen on {address}: {source}; change sensors.listen, or stop what uses it")]
    LocalSensors {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The socket cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    LocalSocket {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A running controller.
#[derive(Debug)]
pub struct Controller {
    /// Where engines connect to.
    pub address: SocketAddr,
    /// Key and certificate.
    pub identity: Arc<Identity>,
    /// What engines are told.
    pub feed: Feed,
    /// What listens.
    pub fleet: Fleet,
    services: JoinSet<()>,
    socket: PathBuf,
}

/// What `show nmsp ..` is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NmspView {
    /// Engines, connected now or before.
    pub connections: Vec<Connection>,
    /// Offered sub-services, in the controller's words.
    pub capability: Vec<ServiceRow>,
    /// Notifications that slow engines missed.
    pub dropped: u64,
}

impl Controller {
    /// Listens, and begins to report what `source` hears.
    pub async fn start(config: &Config, source: Box<dyn Source>) -> Result<Self, StartError> {
        config.validate()?;
        let identity = Arc::new(Identity::load_or_create(
            &config.data.join("node"),
            node::identity::machine_mac,
        )?);
        node::directory::claim(&config.data, "controller")?;
        if config.unauthenticated_nmsp {
            tracing::warn!(
                "unauthenticated_nmsp = true: every engine is let in; for laboratories only"
            );
        }
        let trusted = (!config.unauthenticated_nmsp).then(|| config.trusted.clone());
        let listen = Listen {
            name: config.name.clone(),
            tls: Arc::new(tls::nmsp_server(&identity, trusted)?),
            is_authenticated: !config.unauthenticated_nmsp,
            settings: config.nmsp.timers,
            offered: feed::offered(),
        };
        let listen_error = |source| StartError::LocalListen { address: config.nmsp.listen, source };
        let listener = TcpListener::bind(config.nmsp.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;

        let feed = Feed::new(&*source);
        let mut services = JoinSet::new();
        let accepting = feed.clone();
        services.spawn(node::nmsp::listen(listener, listen, move |accepted| {
            accepting.accept(accepted)
        }));
        let own: Vec<Mac> = source.access_points().iter().map(|it| it.mac).collect();
        let fleet = Fleet::start(config, own, &identity, &feed, &mut services).await?;
        // Sensors alone have no source that could be exhausted.
        if source.deadline().is_some() {
            services.spawn(report(source, feed.clone()));
        }
        let socket = config.data.join(SOCKET_NAME);
        let local = http::serve_local(&socket, router(feed.clone(), fleet.clone()))
            .map_err(|source| StartError::LocalSocket { path: socket.clone(), source })?;
        services.spawn(local);
        tracing::info!(name = config.name, %address, trusted = config.trusted.0.len(), sensors = config.sensor.len(), "controller started");
        Ok(Self { address, identity, feed, fleet, services, socket })
    }

    /// Stops listening and reporting.
    pub async fn stop(mut self) {
        self.services.shutdown().await;
        let _ = std::fs::remove_file(&self.socket);
        tracing::info!("controller stopped");
    }
}

/// Publishes the source's reports when they are due, until it is exhausted.
async fn report(mut source: Box<dyn Source>, feed: Feed) {
    while let Some(deadline) = source.deadline() {
        // Times in reports are wall times: engines compare them with those of other controllers.
        tokio::time::sleep(Duration::from_millis(deadline.since_ms(clock::wall()))).await;
        while let Some(report) = source.poll(clock::wall()) {
            feed.publish(report);
        }
    }
    tracing::info!("the source is exhausted; the controller stays connected");
}

/// What the node's own commands ask for. Only its user can open the socket.
fn router(feed: Feed, fleet: Fleet) -> Router {
    Router::new()
        .route("/api/v1/nmsp", get(move || async move { Json(view(&feed)) }))
        .route("/api/v1/sensors", get(move || async move { Json(fleet.shown()) }))
}

fn view(feed: &Feed) -> NmspView {
    NmspView {
        connections: feed.connections(),
        capability: service_rows(feed::offered(), nmsp::Subservice::titles),
        dropped: feed.dropped(),
    }
}
