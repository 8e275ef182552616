//! Remote sensors: other machines that connect here, over TLS and a WebSocket.
//!
//! A sensor is who proves the key of its table in the configuration; TLS asks for it, and nothing else lets
//! anybody in. In the WebSocket, binary messages are the bytes of one pcapng capture, cut anywhere; a text
//! message says how the sensor is: empty when it captures, else why it cannot. A new connection of a
//! sensor begins a new capture and replaces the old one, which may be dead without knowing it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use node::accept::{Limits, accept};
use node::http::{self, Origin};
use node::key_hash::{Credentials, KeyHash};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::config::SENSORS_MAX;
use super::lane::Lane;
use super::stream::{Stream, StreamError};

/// Where the WebSocket is.
pub(super) const PATH: &str = "/sensor";
/// Largest message: what a sensor of ours sends, twice.
const MESSAGE_BYTES_MAX: usize = 128 * 1_024;
/// Connections at once. Ours: every sensor, and those that are being replaced; half of them may be behind
/// one address, as those of a branch office are.
const LIMITS: Limits =
    Limits { connections_max: SENSORS_MAX + 128, per_address_max: SENSORS_MAX / 2 };
/// A TLS handshake must be done after this long.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A sensor is asked so often whether it is there.
pub(super) const PING: Duration = Duration::from_secs(10);
/// Who says nothing for so long is gone: three questions without an answer.
pub(super) const DEAD: Duration = Duration::from_secs(30);
/// What is sent must be taken after this long.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Why the WebSocket is closed. Source: RFC 6455, 7.4.1.
mod close {
    pub(super) const DATA: u16 = 1007;
    pub(super) const REPLACED: u16 = 1008;
}

/// The remote sensors of a controller, by what they prove.
#[derive(Debug, Clone, Default)]
pub(super) struct Remotes(Arc<BTreeMap<KeyHash, Arc<Remote>>>);

#[derive(Debug)]
struct Remote {
    lane: Arc<Lane>,
    /// Number of its newest connection.
    newest: watch::Sender<u64>,
}

/// Who connected.
#[derive(Debug, Clone)]
struct Peer {
    address: SocketAddr,
    credentials: Option<Credentials>,
}

/// Why a connection of a sensor ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the sensor has closed its connection")]
    Closed,
    #[error("the sensor is gone without a word")]
    PeerGone,
    #[error("the connection is lost: {0}")]
    PeerLost(axum::Error),
    #[error("nothing came for {} s", DEAD.as_secs())]
    PeerDead,
    #[error("a newer connection replaces it")]
    Replaced,
    #[error("what it sends is refused: {0}")]
    PeerStream(#[from] StreamError),
}

impl Ended {
    /// A machine that is switched off says nothing any more; the library tells that at length.
    fn lost(error: axum::Error) -> Self {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(inner) = cause {
            let io = inner.downcast_ref::<io::Error>();
            if io.is_some_and(|it| it.kind() == io::ErrorKind::UnexpectedEof) {
                return Self::PeerGone;
            }
            cause = inner.source();
        }
        Self::PeerLost(error)
    }
}

impl Remotes {
    pub(super) fn new(sensors: impl IntoIterator<Item = (KeyHash, Lane)>) -> Self {
        let remote = |(key_hash, lane): (KeyHash, Lane)| {
            lane.entry.fails(&"it has not connected yet");
            (key_hash, Arc::new(Remote { lane: Arc::new(lane), newest: watch::channel(0).0 }))
        };
        Self(Arc::new(sensors.into_iter().map(remote).collect()))
    }

    fn find(&self, credentials: &Credentials) -> Option<Arc<Remote>> {
        let hashes = [credentials.sha256, credentials.sha1];
        hashes.iter().find_map(|it| self.0.get(it)).map(Arc::clone)
    }
}

/// Serves sensors until the task is dropped; then all connections end.
pub(super) async fn listen(listener: TcpListener, tls: Arc<ServerConfig>, remotes: Remotes) {
    let acceptor = TlsAcceptor::from(tls);
    let router = Router::new().route(PATH, get(upgrade)).layer(Extension(remotes));
    accept(listener, LIMITS, |stream, address| {
        serve(acceptor.clone(), router.clone(), stream, address)
    })
    .await;
}

async fn serve(acceptor: TlsAcceptor, router: Router, stream: TcpStream, address: SocketAddr) {
    let stream = match timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(peer = %address, %error, "TLS handshake failed"),
        Err(_) => return tracing::debug!(peer = %address, "TLS handshake not finished in time"),
    };
    let chain = stream.get_ref().1.peer_certificates();
    let credentials = chain.and_then(|chain| Credentials::of(chain.first()?));
    let router = router.layer(Extension(Peer { address, credentials }));
    http::connection(stream, Origin::Network(address), router).await;
}

async fn upgrade(
    Extension(remotes): Extension<Remotes>,
    Extension(Peer { address, credentials }): Extension<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(remote) = credentials.as_ref().and_then(|it| remotes.find(it)) else {
        let key_hash = credentials.map(|it| it.sha256.to_string()).unwrap_or_default();
        tracing::warn!(peer = %address, key_hash, "no [[sensor]] has this key; it is not let in");
        let text = format!(
            "no [[sensor]] of this controller has key_hash = \"{key_hash}\"; add it there and restart the controller"
        );
        return (StatusCode::FORBIDDEN, text).into_response();
    };
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| carry(remote, socket, address))
}

/// Takes what one connection of a sensor sends.
async fn carry(remote: Arc<Remote>, mut socket: WebSocket, address: SocketAddr) {
    let mut newest = remote.newest.subscribe();
    let mut own = 0;
    remote.newest.send_modify(|number| {
        *number += 1;
        own = *number;
    });
    newest.mark_unchanged();
    let entry = &remote.lane.entry;
    entry.captures(None, remote.lane.clock.now());
    let ended = tokio::select! {
        ended = receive(&remote, &mut socket) => ended,
        _ = newest.wait_for(|number| *number != own) => Ended::Replaced,
    };
    tracing::info!(peer = %address, sensor = entry.number(), %ended, "connection of a sensor ended");
    // What is said of it is the newest connection's to say.
    match ended {
        Ended::Replaced => {}
        Ended::Closed => entry.ends(Some(ended.to_string())),
        _ => entry.fails(&format!("connection from {address}: {ended}")),
    }
    let code = match ended {
        Ended::PeerStream(_) => close::DATA,
        Ended::Replaced => close::REPLACED,
        _ => return,
    };
    let reason = ended.to_string().chars().filter(char::is_ascii).take(120).collect::<String>();
    let frame = CloseFrame { code, reason: reason.into() };
    let _ = timeout(SEND_MAX, socket.send(Message::Close(Some(frame)))).await;
}

async fn receive(remote: &Remote, socket: &mut WebSocket) -> Ended {
    let lane = &remote.lane;
    let mut stream = Stream::new(lane);
    let mut pings = interval(PING);
    let mut heard = lane.clock.now();
    loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            _ = pings.tick() => {
                let silent_ms = lane.clock.now().since_ms(heard);
                if u128::from(silent_ms) >= DEAD.as_millis() {
                    return Ended::PeerDead;
                }
                let ping = socket.send(Message::Ping(Vec::new().into()));
                match timeout(SEND_MAX, ping).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => return Ended::lost(error),
                    Err(_) => return Ended::PeerDead,
                }
            }
        };
        heard = lane.clock.now();
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                if let Err(error) = stream.push(&bytes) {
                    return error.into();
                }
                lane.settle().await;
            }
            Some(Ok(Message::Text(text))) if text.is_empty() => lane.entry.captures(None, heard),
            Some(Ok(Message::Text(text))) => {
                let text: String = text.chars().filter(|c| !c.is_control()).collect();
                lane.entry.fails(&text);
            }
            Some(Ok(Message::Close(_))) => return Ended::Closed,
            None => return Ended::PeerGone,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Err(error)) => return Ended::lost(error),
        }
    }
}
