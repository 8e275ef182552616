//! Accepts engines on a controller.
//!
//! The log follows the trace of a 3850 (`nmsp-3850-troubleshooting`): connection assigned, peer
//! certificate checked against the authorisation list, success or `certificate_unknown`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nmsp::{Command, Session, Side, SubserviceMask};
use rustls::ServerConfig;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::drive::{Owner, drive};
use super::status::{Failure, LinkStatus};
use crate::accept::{Limits, accept};
use crate::clock::Steady;
use crate::key_hash::Credentials;
use crate::tls::Rejection;

/// Engines and half-made connections at once. Ours: a controller has a handful of engines, and an
/// engine has one connection and now and then one that is ending.
const LIMITS: Limits = Limits { connections_max: 64, per_address_max: 8 };
/// A TLS handshake must be done after this long; a half-open one holds its place no longer.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// After a refused handshake the peer has this long to read the alert.
const ALERT_LINGER: Duration = Duration::from_secs(1);
/// Commands that wait for a slow engine before the owner must leave some out.
pub const COMMANDS_MAX: usize = 64;

/// How to serve engines.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Our name in the capability.
    pub name: String,
    /// TLS with the authorisation list.
    pub tls: Arc<ServerConfig>,
    /// Whether there is a list: otherwise every engine is let in.
    pub is_authenticated: bool,
    /// NMSP parameters.
    pub settings: nmsp::Settings,
    /// The sub-services that are offered.
    pub offered: SubserviceMask,
}

/// A new connection, handed to the controller before its session runs.
#[derive(Debug)]
pub struct Accepted {
    /// Number of the connection, from 0.
    pub connection: u64,
    /// The engine's address.
    pub peer: SocketAddr,
    /// Where to put what shall be sent.
    pub commands: mpsc::Sender<Command>,
    /// What operators see of it.
    pub status: LinkStatus,
}

/// Serves engines on `listener` until the task is dropped; then all sessions end.
/// `owner` makes the owner of each session.
pub async fn listen<O: Owner + 'static>(
    listener: TcpListener,
    listen: Listen,
    owner: impl Fn(Accepted) -> O + Send + Sync + 'static,
) {
    let (listen, owner) = (Arc::new(listen), Arc::new(owner));
    let mut connections = 0_u64..;
    accept(listener, LIMITS, |stream, peer| {
        let connection = connections.next().unwrap_or_default();
        let (listen, owner) = (Arc::clone(&listen), Arc::clone(&owner));
        async move {
            tracing::info!(connection, %peer, "assigned new NMSP connection");
            if let Some(stream) = handshake(&listen, connection, stream, peer).await {
                session(&listen, connection, stream, peer, &*owner).await;
            }
        }
    })
    .await;
}

/// Runs the session of one engine.
async fn session<O: Owner>(
    listen: &Listen,
    connection: u64,
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    owner: &impl Fn(Accepted) -> O,
) {
    let clock = Steady::new();
    let status = LinkStatus::new(&peer.ip().to_string(), "", "MSE", clock.now());
    let (commands, mut waiting) = mpsc::channel(COMMANDS_MAX);
    let mut owner = owner(Accepted { connection, peer, commands, status: status.clone() });
    let session =
        Session::new(Side::Controller, listen.settings, listen.offered, &listen.name, clock.now());
    let failure = drive(stream, session, clock, &mut owner, &mut waiting, &status).await;
    status.failed(&failure, clock.now());
    let reason = failure.word();
    match failure {
        Failure::Closed | Failure::Stopped => {
            tracing::info!(connection, %peer, "NMSP connection closed");
        }
        _ => {
            tracing::warn!(connection, %peer, reason, detail = %failure, "NMSP connection ended");
        }
    }
}

/// The TLS handshake, with the words of the trace.
async fn handshake(
    listen: &Listen,
    connection: u64,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<TlsStream<TcpStream>> {
    let acceptor = TlsAcceptor::from(Arc::clone(&listen.tls));
    let accept = acceptor.accept(stream).into_fallible();
    match tokio::time::timeout(HANDSHAKE_MAX, accept).await {
        Ok(Ok(stream)) => {
            let chain = stream.get_ref().1.peer_certificates();
            let credentials = chain.and_then(|chain| Credentials::of(chain.first()?));
            let mac = credentials.and_then(|it| it.mac).unwrap_or_default();
            if listen.is_authenticated {
                tracing::info!(connection, %mac, "validation of peer certificate done, authlist authentication successful");
                tracing::info!(connection, %peer, %mac, "NMSP connection success: peer validated against authlist");
            } else {
                tracing::info!(connection, %peer, %mac, "NMSP connection success: no authlist, every peer is let in");
            }
            Some(stream)
        }
        Ok(Err((error, mut stream))) => {
            log_refusal(connection, peer, &error);
            // Closing at once would reset the connection, and the peer might never read the alert.
            let mut rest = [0; 1024];
            let drain =
                async { while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {} };
            let _ = tokio::time::timeout(ALERT_LINGER, drain).await;
            None
        }
        Err(_) => {
            tracing::warn!(connection, %peer, limit_s = HANDSHAKE_MAX.as_secs(), "TLS handshake not finished in time; NMSP connection freed");
            None
        }
    }
}

fn log_refusal(connection: u64, peer: SocketAddr, error: &std::io::Error) {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls.and_then(Rejection::of) {
        Some(Rejection { mac, sha1, sha256 }) => {
            let mac = mac.unwrap_or_default();
            tracing::warn!(
                connection, %peer, %mac, %sha256, %sha1, alert = "certificate_unknown",
                "authlist authentication failed: peer not validated against authlist; NMSP connection freed"
            );
        }
        None => {
            tracing::warn!(connection, %peer, %error, "TLS handshake failed; NMSP connection freed");
        }
    }
}
