//! Keeps an engine connected to one controller.

use std::sync::Arc;
use std::time::Duration;

use nmsp::{Command, Session, Side, SubserviceMask};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

use super::drive::{Owner, drive};
use super::status::{Failure, LinkStatus};
use crate::clock::Steady;

/// A TCP connection must be made after this long.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A TLS handshake must be done after this long. The 3850 takes 1 s for its authorisation list.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Time between tries: doubled from the first to the last. Ours.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LAST: Duration = Duration::from_secs(15);

/// How to reach a controller and what to say.
#[derive(Debug, Clone)]
pub struct Dial {
    /// `host:port`.
    pub address: String,
    /// Our name in the capability.
    pub name: String,
    /// TLS with the pinned key of the controller.
    pub tls: Arc<ClientConfig>,
    /// NMSP parameters.
    pub settings: nmsp::Settings,
    /// The sub-services that are wanted.
    pub wanted: SubserviceMask,
}

/// Connects, runs the session, and tries again when it ends, until it is told to stop or the task is
/// dropped.
pub async fn dial(
    dial: Dial,
    owner: &mut impl Owner,
    mut commands: mpsc::Receiver<Command>,
    status: LinkStatus,
) {
    let clock = Steady::new();
    let mut retry = RETRY_FIRST;
    loop {
        status.connecting();
        let started = clock.now();
        let failure = match connect(&dial).await {
            Ok(stream) => {
                let session =
                    Session::new(Side::Engine, dial.settings, dial.wanted, &dial.name, clock.now());
                drive(stream, session, clock, owner, &mut commands, &status).await
            }
            Err(failure) => failure,
        };
        // A session that held for a while was a good one: begin again with short pauses.
        if clock.now().since_ms(started) > 60_000 {
            retry = RETRY_FIRST;
        }
        if failure == Failure::Stopped {
            status.failed(&failure, clock.now());
            return;
        }
        if status.failed(&failure, clock.now()) {
            tracing::warn!(controller = %dial.address, reason = failure.word(), detail = %failure, "NMSP is inactive");
        }
        tokio::time::sleep(retry).await;
        retry = (retry * 2).min(RETRY_LAST);
    }
}

async fn connect(dial: &Dial) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Failure> {
    let timed_out =
        |what: &str, limit: Duration| format!("{what} not done within {} s", limit.as_secs());
    let stream = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(&dial.address))
        .await
        .map_err(|_| Failure::Unreachable(timed_out("connection", CONNECT_MAX)))?
        .map_err(|error| Failure::of_io(&error))?;
    let _ = stream.set_nodelay(true);
    // The key is pinned; the name in the certificate means nothing.
    let name = ServerName::IpAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST).into());
    let connector = TlsConnector::from(Arc::clone(&dial.tls));
    tokio::time::timeout(HANDSHAKE_MAX, connector.connect(name, stream))
        .await
        .map_err(|_| Failure::Silent(timed_out("TLS handshake", HANDSHAKE_MAX)))?
        .map_err(|error| Failure::of_io(&error))
}
