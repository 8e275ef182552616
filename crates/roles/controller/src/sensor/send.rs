//! The other end: a machine that captures and sends it to a controller. `mse sensor` runs it.
//!
//! ```text
//!   file, FIFO, interface, stdin --> Lane --> queue --> pcapng in a WebSocket over TLS --> controller
//! ```
//!
//! The sensor knows the controller by its key hash, and the controller knows the sensor by its own. While
//! there is no connection what is captured is thrown away and counted: minutes later nobody could do
//! anything with it.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use model::Mac;
use nmsp::{CapturedPacket, SensorMode, SensorState};
use node::clock::Steady;
use node::identity::Identity;
use node::key_hash::KeyHash;
use node::tls::{self, Rejection};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Instant, interval, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wips::capture::Writer;
use wips::{CaptureTime, Link, Packet, SensorId};

use super::config::{Kind, SensorConfig};
use super::interface::{self, Listening};
use super::lane::{Lane, Waiting};
use super::register::{Entry, Watch};
use super::remote::{DEAD, PATH};
use super::sights::Sights;
use super::stream::Stream;
use super::{Backoff, QUEUE_PACKETS, READERS_MAX, file};
use crate::feed::Feed;
use crate::source::Nothing;

/// TCP, TLS and the WebSocket must be there after this long.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// A message must be taken after this long, or the connection is as good as none.
const SEND_MAX: Duration = Duration::from_secs(10);
/// A message is sent when it has so many bytes, or when its first packet is so old. Ours.
const MESSAGE_BYTES: usize = 32 * 1_024;
const MESSAGE_WAIT: Duration = Duration::from_millis(50);
/// What a controller of ours sends: questions whether we are there, and why it hangs up.
const RECEIVED_BYTES_MAX: usize = 16 * 1_024;
/// How often it is looked whether the capture has a problem.
const LOOK: Duration = Duration::from_millis(500);
/// Words of a refusal that are shown.
const REFUSAL_BYTES_MAX: usize = 400;

/// Where to send what is captured.
#[derive(Debug, Clone)]
pub struct Sending {
    /// `host:port` of the controller's `[sensors] listen`.
    pub controller: String,
    /// The controller's key.
    pub key_hash: KeyHash,
}

/// Where packets come from.
pub enum Capture {
    /// As in the configuration of a controller; a remote one is none.
    Own(SensorConfig),
    /// A capture that is made now, such as one that comes through standard input.
    Stream(Pin<Box<dyn AsyncRead + Send>>),
}

/// Why a sensor does not send.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    LocalTls(#[from] tls::Error),
    /// There is no way to the controller.
    #[error("cannot reach {controller}: {source}")]
    PeerUnreachable {
        /// Its address.
        controller: String,
        /// What the system says.
        source: io::Error,
    },
    /// It has another key.
    #[error(
        "the controller at {controller} has key hash {found}; if it is the right one, give that as --key-hash"
    )]
    PeerKey {
        /// Its address.
        controller: String,
        /// Its key.
        found: KeyHash,
    },
    /// It does not let us in.
    #[error("the controller at {controller} refuses: {text}")]
    PeerRefused {
        /// Its address.
        controller: String,
        /// In its words.
        text: String,
    },
    /// The connection has ended.
    #[error("the connection to {controller} is lost: {text}")]
    PeerLost {
        /// Its address.
        controller: String,
        /// What is known of it.
        text: String,
    },
    /// What shall be sent cannot be read.
    #[error("what shall be sent cannot be read: {0}")]
    ConfigCapture(String),
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// The way to one controller.
#[derive(Clone)]
struct Route {
    controller: String,
    tls: Arc<ClientConfig>,
}

/// Whether the controller lets this sensor in.
pub async fn check(identity: &Identity, sending: &Sending) -> Result<(), SendError> {
    let mut socket = Route::new(identity, sending)?.connect().await?;
    let _ = socket.close(None).await;
    Ok(())
}

/// Captures and sends until what is captured has ended; radios and FIFOs never do.
pub async fn run(
    identity: &Identity,
    sending: &Sending,
    capture: Capture,
) -> Result<(), SendError> {
    let route = Route::new(identity, sending)?;
    let (config, stream) = match capture {
        Capture::Own(config) => (config, None),
        Capture::Stream(stream) => (piped(), Some(stream)),
    };
    let clock = Steady::new();
    let entry = Arc::new(Entry::new(0, &config, clock.now()));
    let (queue, waiting) = mpsc::channel(QUEUE_PACKETS);
    // Where stations are is the controller's business: it sees the same frames.
    let sights = Arc::new(Mutex::new(Sights::new(std::iter::empty::<Mac>(), false)));
    let feed = Feed::new(&Nothing::default());
    let lane = Lane::new(Arc::clone(&entry), queue, sights, feed, clock);
    let begin = Arc::new(Notify::new());
    let sender = Sender { route, entry: Arc::clone(&entry), clock, begin: Arc::clone(&begin) };
    let capture = async move {
        // A file would be over before anybody takes it.
        begin.notified().await;
        if let Some(stream) = stream {
            return read(lane, stream).await;
        }
        match config.kind {
            Kind::File { path, speed, repeat } => {
                let readers = Arc::new(Semaphore::new(READERS_MAX));
                file::run(lane, path, file::Pace { speed, repeat }, readers).await;
                Ok(())
            }
            Kind::Interface { interface, channels_mhz, dwell_ms } => {
                let dwell = Duration::from_millis(u64::from(dwell_ms));
                interface::run(lane, Listening { interface, channels_mhz, dwell }).await;
                Ok(())
            }
            Kind::Remote { .. } => {
                let text = "a remote sensor has nothing to capture with";
                Err(SendError::ConfigCapture(text.to_owned()))
            }
        }
    };
    let (captured, ()) = tokio::join!(capture, sender.run(waiting));
    let told = entry.shown(clock.now());
    tracing::info!(packets = told.packets, dropped = told.dropped, "everything is sent");
    captured
}

/// The sensor that a stream is.
fn piped() -> SensorConfig {
    let kind = Kind::File { path: PathBuf::new(), speed: 1, repeat: false };
    let name = "standard input".to_owned();
    SensorConfig { name, ap: None, mode: SensorMode::Monitor, silent_s: 30, kind }
}

/// Reads a capture from a stream until it ends.
async fn read(lane: Lane, mut input: Pin<Box<dyn AsyncRead + Send>>) -> Result<(), SendError> {
    let lane = Arc::new(lane);
    let mut stream = Stream::new(&lane);
    loop {
        lane.settle().await;
        let count = input.read(stream.space()).await;
        match count.map(|count| (count, stream.filled(count))) {
            Ok((0, _)) => break,
            Ok((_, Ok(()))) => {}
            Ok((_, Err(error))) => return Err(SendError::ConfigCapture(error.to_string())),
            Err(error) => return Err(SendError::ConfigCapture(error.to_string())),
        }
    }
    if let Err(error) = stream.end() {
        tracing::warn!(%error, "the capture ended early; all packets before were read");
    }
    Ok(())
}

impl Route {
    fn new(identity: &Identity, sending: &Sending) -> Result<Self, SendError> {
        let tls = Arc::new(tls::nmsp_client(identity, sending.key_hash)?);
        Ok(Self { controller: sending.controller.clone(), tls })
    }

    async fn connect(&self) -> Result<Socket, SendError> {
        match timeout(CONNECT_MAX, self.shake_hands()).await {
            Ok(connected) => connected,
            Err(_) => Err(self.unreachable(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn shake_hands(&self) -> Result<Socket, SendError> {
        let stream = TcpStream::connect(&self.controller).await;
        let stream = stream.map_err(|error| self.unreachable(error))?;
        let _ = stream.set_nodelay(true);
        // The key is pinned; the name in the certificate means nothing.
        let name =
            ServerName::IpAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST).into());
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream =
            connector.connect(name, stream).await.map_err(|error| self.tls_error(error))?;
        let request = format!("wss://sensors.invalid{PATH}");
        let limits = WebSocketConfig::default()
            .max_message_size(Some(RECEIVED_BYTES_MAX))
            .max_frame_size(Some(RECEIVED_BYTES_MAX));
        match client_async_with_config(request, stream, Some(limits)).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let mut text = String::from_utf8_lossy(body).into_owned();
                text.truncate(text.floor_char_boundary(REFUSAL_BYTES_MAX));
                if text.is_empty() {
                    text = response.status().to_string();
                }
                Err(SendError::PeerRefused { controller: self.controller.clone(), text })
            }
            Err(error) => Err(self.lost(&error)),
        }
    }

    fn tls_error(&self, error: io::Error) -> SendError {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls.and_then(Rejection::of) {
            Some(rejection) => {
                let controller = self.controller.clone();
                SendError::PeerKey { controller, found: rejection.sha256 }
            }
            None => self.unreachable(error),
        }
    }

    fn unreachable(&self, source: io::Error) -> SendError {
        SendError::PeerUnreachable { controller: self.controller.clone(), source }
    }

    fn lost(&self, text: &dyn std::fmt::Display) -> SendError {
        SendError::PeerLost { controller: self.controller.clone(), text: text.to_string() }
    }
}

/// Sends what is in the queue.
struct Sender {
    route: Route,
    entry: Arc<Entry>,
    clock: Steady,
    /// Told when there is a connection for the first time.
    begin: Arc<Notify>,
}

impl Sender {
    /// Until the queue has come to its end.
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut backoff = Backoff::new();
        let mut is_first = true;
        while let Some(mut socket) = self.connected(&mut waiting, &mut backoff, is_first).await {
            is_first = false;
            let began = self.clock.now();
            tracing::info!(controller = self.route.controller, "connected");
            self.begin.notify_one();
            match self.carry(&mut socket, &mut waiting).await {
                Ok(()) => {
                    let _ = timeout(SEND_MAX, socket.close(None)).await;
                    return;
                }
                Err(error) => tracing::warn!(%error, "captures are thrown away until it is back"),
            }
            // A connection that held for a while was a good one.
            if self.clock.now().since_ms(began) > 60_000 {
                backoff = Backoff::new();
            }
        }
    }

    /// A connection, however long it takes; none when there is nothing more to send. What is captured
    /// meanwhile is thrown away.
    async fn connected(
        &self,
        waiting: &mut mpsc::Receiver<Waiting>,
        backoff: &mut Backoff,
        is_first: bool,
    ) -> Option<Socket> {
        let connecting = async {
            // Two machines with one key would otherwise take each other's place without end.
            if !is_first {
                backoff.wait().await;
            }
            loop {
                match self.route.connect().await {
                    Ok(socket) => return socket,
                    Err(error) => tracing::warn!(%error, "not connected; tried again"),
                }
                backoff.wait().await;
            }
        };
        tokio::pin!(connecting);
        loop {
            tokio::select! {
                socket = &mut connecting => return Some(socket),
                thrown = waiting.recv() => {
                    thrown?;
                    self.entry.dropped(1);
                }
            }
        }
    }

    /// Sends until the queue ends or the connection does.
    async fn carry(
        &self,
        socket: &mut Socket,
        waiting: &mut mpsc::Receiver<Waiting>,
    ) -> Result<(), SendError> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, None);
        let mut looks = interval(LOOK);
        let mut watch = Watch::default();
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                packet = waiting.recv() => {
                    let Some(Waiting { packet, .. }) = packet else {
                        return self.send(socket, Message::Binary(bytes.into())).await;
                    };
                    let deadline = Instant::now() + MESSAGE_WAIT;
                    write(&mut writer, &mut bytes, &packet);
                    while bytes.len() < MESSAGE_BYTES
                        && let Ok(Some(Waiting { packet: next, .. })) =
                            timeout_at(deadline, waiting.recv()).await
                    {
                        write(&mut writer, &mut bytes, &next);
                    }
                    let message = std::mem::take(&mut bytes);
                    self.send(socket, Message::Binary(message.into())).await?;
                }
                message = socket.next() => match message {
                    // Its questions are answered by the library.
                    Some(Ok(Message::Close(frame))) => {
                        let reason = frame.map(|it| it.reason.to_string()).unwrap_or_default();
                        return Err(self.route.lost(&format!("the controller hung up: {reason}")));
                    }
                    Some(Ok(_)) => heard = Instant::now(),
                    Some(Err(error)) => return Err(self.route.lost(&error)),
                    None => return Err(self.route.lost(&"the controller hung up")),
                },
                _ = looks.tick() => {
                    if heard.elapsed() > DEAD {
                        let text = format!("nothing came for {} s", DEAD.as_secs());
                        return Err(self.route.lost(&text));
                    }
                    if let Some(changed) = watch.look(&[self.entry.shown(self.clock.now())]).pop() {
                        let is_failed = changed.state == SensorState::Failed;
                        let text = if is_failed { changed.text } else { String::new() };
                        self.send(socket, Message::Text(text.into())).await?;
                    }
                }
            }
        }
    }

    async fn send(&self, socket: &mut Socket, message: Message) -> Result<(), SendError> {
        match timeout(SEND_MAX, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.route.lost(&error)),
            Err(_) => {
                let text = format!("a message was not taken within {} s", SEND_MAX.as_secs());
                Err(self.route.lost(&text))
            }
        }
    }
}

fn write(writer: &mut Writer, out: &mut Vec<u8>, captured: &CapturedPacket) {
    let packet = Packet {
        at: CaptureTime(captured.at_us),
        sensor: SensorId(0),
        link: Link::from_number(captured.link),
        wire_bytes: captured.wire_bytes as usize,
        fcs_bytes: captured.fcs_bytes,
        bytes: &captured.bytes,
    };
    writer.packet(out, &packet, None);
}
