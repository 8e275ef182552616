//! Connections to the other voters of a group, over every path, and who dials.
//!
//! The primary dials its secondary, both dial their witness. Beacons and the register travel on
//! every path at once, as datagrams too, entries on one, the direct cable before the LAN, but a path
//! on which the peer was heard just now before one that has fallen silent. What cannot be sent now
//! is dropped: the protocol says it again.
//!
//! A connection that its other end closed says that the process there is gone; one that fell silent
//! says nothing, and is made anew.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use ha::{Message, To};
use model::Time;
use node::identity::Identity;
use node::key_hash::KeyHash;
use node::{clock, tls};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

use crate::datagrams::Channel;
use crate::machines::Presence;
use crate::peers::GroupId;
use crate::wire::{self, Frame, Hello, Kind, PROTOCOL, Push, Refused};

/// A connection must be made after this long. Ours: a LAN answers in milliseconds; the first repeat
/// of a lost SYN comes after a second.
const CONNECT_MAX: Duration = Duration::from_millis(1_500);
/// Between two attempts to dial. Ours: a peer that is back is found at once.
const DIAL_PAUSE: Duration = Duration::from_millis(200);
/// A connection on which nothing is said says so this often.
const ALIVE_INTERVAL: Duration = Duration::from_millis(500);
/// A connection from which nothing has come for so long is made anew. Ours: six signs of life.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// A path on which the peer was not heard for so long is the last choice. Ours: three beacons of the
/// slowest profile, and sooner than a holder gives its backup up.
const FRESH_MS: u64 = 300;
/// Frames that wait to be sent. Ours: a second of beacons, and all entries that may be in flight.
const QUEUE_FRAMES_MAX: usize = 64;

/// A way to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// The cable between both nodes.
    Direct,
    /// The health monitors' network.
    Lan,
}

/// What has come.
#[derive(Debug)]
pub enum Delivery {
    /// A data node says something.
    Message(Message),
    /// A witness says something.
    Vote(ha::Incarnation, Message),
    /// A part of a snapshot.
    Push(Push),
    /// The process at the other end is gone.
    Disconnected(To),
    /// The other end does not want this node.
    Refused(Refused),
}

/// The connections of one group.
#[derive(Debug, Clone)]
pub struct Links {
    group: GroupId,
    table: Arc<Mutex<BTreeMap<Place, Outgoing>>>,
    numbers: Arc<AtomicU64>,
    inbox: mpsc::Sender<Delivery>,
}

/// One connection's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    whom: Whom,
    kind: Kind,
    path: Path,
    carrier: Carrier,
}

/// How frames travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Carrier {
    /// Inside TLS.
    Stream,
    /// Beside it.
    Datagram,
}

/// The other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// The other data node.
    Peer,
    /// The witness.
    Witness,
}

#[derive(Debug)]
struct Outgoing {
    number: u64,
    frames: mpsc::Sender<Arc<Frame>>,
    /// When something came last, by [`clock::boot`], in milliseconds.
    heard_ms: Arc<AtomicU64>,
}

/// Notes that something has come by a connection.
#[derive(Debug)]
struct Ear {
    presence: Option<Presence>,
    heard_ms: Arc<AtomicU64>,
}

impl Ear {
    fn hears(&self) {
        let now = clock::boot();
        self.heard_ms.store(now.0, Ordering::Relaxed);
        if let Some(presence) = &self.presence {
            presence.heard(now);
        }
    }
}

/// What one connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The other end.
    pub whom: Whom,
    /// Over which path.
    pub path: Path,
    /// Which traffic.
    pub kind: Kind,
}

/// Whom to dial.
#[derive(Debug, Clone)]
pub struct Target {
    /// Who it is.
    pub whom: Whom,
    /// Over which path.
    pub path: Path,
    /// Where.
    pub address: SocketAddr,
    /// From which of this node's addresses.
    pub from: Option<IpAddr>,
    /// Its key.
    pub key_hash: KeyHash,
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    /// The process at the other end closed it, or is gone.
    Closed,
    /// Nothing came for too long.
    Silent,
    /// What came is no frame of ours.
    Wrong(io::Error),
    /// Another connection took its place.
    Replaced,
}

impl Links {
    /// No connections yet; what comes goes to `inbox`.
    pub fn new(group: GroupId, inbox: mpsc::Sender<Delivery>) -> Self {
        Self { group, table: Arc::default(), numbers: Arc::default(), inbox }
    }

    /// Sends a message, if there is a way.
    pub fn send(&self, to: To, message: Message) {
        let whom = match to {
            To::Peer => Whom::Peer,
            To::Witness => Whom::Witness,
        };
        let kind = if whom == Whom::Witness { Kind::Control } else { Kind::of(&message) };
        self.send_frame(whom, kind, Frame::Message(message));
    }

    /// Sends a part of a snapshot. Says whether it is on its way.
    pub fn push(&self, push: Push) -> bool {
        self.send_frame(Whom::Peer, Kind::Transfer, Frame::Push(push))
    }

    fn send_frame(&self, whom: Whom, kind: Kind, frame: Frame) -> bool {
        let frame = Arc::new(frame);
        let table = self.table();
        let ways = table.iter().filter(|(place, _)| (place.whom, place.kind) == (whom, kind));
        let mut ways: Vec<_> = ways.collect();
        if ways.len() > 1 && kind != Kind::Control {
            let now = clock::boot();
            let is_stale = |path: Path| {
                let all =
                    table.iter().filter(|(place, _)| (place.whom, place.path) == (whom, path));
                let heard = all.map(|(_, outgoing)| outgoing.heard_ms.load(Ordering::Relaxed));
                now.since_ms(Time(heard.max().unwrap_or(0))) > FRESH_MS
            };
            // Those that are alike stay in their order.
            ways.sort_by_cached_key(|(place, _)| is_stale(place.path));
        }
        let mut is_sent = false;
        for (_, outgoing) in ways {
            is_sent |= outgoing.frames.try_send(Arc::clone(&frame)).is_ok();
            if is_sent && kind != Kind::Control {
                break;
            }
        }
        is_sent
    }

    fn table(&self) -> std::sync::MutexGuard<'_, BTreeMap<Place, Outgoing>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps one connection up, until the task is dropped.
    pub async fn dial(self, target: Target, kind: Kind, identity: Arc<Identity>) {
        let config = match tls::pair_client(&identity, Some(target.key_hash), wire::ALPN) {
            Ok(config) => Arc::new(config),
            Err(error) => return tracing::error!(%error, "TLS cannot be set up"),
        };
        let mut was_told = false;
        loop {
            match connect(&target, Arc::clone(&config)).await {
                Ok(mut stream) => {
                    let hello = Hello { protocol: PROTOCOL, group: self.group, kind };
                    if wire::write(&mut stream, &Frame::Hello(hello)).await.is_ok() {
                        was_told = false;
                        let channel = match kind {
                            Kind::Control => {
                                let (_, connection) = stream.get_ref();
                                Channel::dialled(connection, target.address, target.from).await
                            }
                            Kind::Replication | Kind::Transfer => None,
                        };
                        let line = Line { whom: target.whom, path: target.path, kind };
                        self.run(stream, line, channel, None).await;
                    }
                }
                Err(error) if !was_told => {
                    was_told = true;
                    let address = target.address;
                    tracing::warn!(%address, %error, ?kind, "cannot be reached; tried again");
                }
                Err(_) => {}
            }
            tokio::time::sleep(DIAL_PAUSE).await;
        }
    }

    /// Carries one connection until it ends, with its datagrams where it has any. One that was
    /// accepted has a presence.
    pub async fn run(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        line: Line,
        channel: Option<Channel>,
        presence: Option<Presence>,
    ) {
        let Line { whom, path, kind } = line;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let ear = Ear { presence, heard_ms: Arc::new(AtomicU64::new(clock::boot().0)) };
        let enter = |carrier| {
            let (frames, queue) = mpsc::channel(QUEUE_FRAMES_MAX);
            let place = Place { whom, kind, path, carrier };
            let heard_ms = Arc::clone(&ear.heard_ms);
            self.table().insert(place, Outgoing { number, frames, heard_ms });
            queue
        };
        let queue = enter(Carrier::Stream);
        let channel = channel.map(|channel| (channel, enter(Carrier::Datagram)));
        tracing::debug!(group = %self.group, ?line, has_datagrams = channel.is_some(), "connected");
        let datagrams = async {
            let Some((mut channel, mut queue)) = channel else { return pending().await };
            while let Some(frame) = channel.exchange(&mut queue).await {
                if !self.deliver(whom, frame, &ear).await {
                    return;
                }
            }
        };
        let end = tokio::select! {
            end = self.carry(stream, whom, queue, &ear) => end,
            () = datagrams => End::Replaced,
        };
        let is_last = {
            let mut table = self.table();
            table.retain(|_, outgoing| outgoing.number != number);
            !table.keys().any(|it| (it.whom, it.kind) == (whom, Kind::Control))
        };
        tracing::debug!(group = %self.group, ?line, %end, "disconnected");
        if kind == Kind::Control && is_last && matches!(end, End::Closed) {
            let to = match whom {
                Whom::Peer => To::Peer,
                Whom::Witness => To::Witness,
            };
            // The group may be stopping.
            let _ = self.inbox.send(Delivery::Disconnected(to)).await;
        }
    }

    async fn carry(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        whom: Whom,
        mut queue: mpsc::Receiver<Arc<Frame>>,
        ear: &Ear,
    ) -> End {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let reading = async {
            loop {
                match tokio::time::timeout(SILENCE_MAX, wire::read(&mut reader)).await {
                    Err(_) => return End::Silent,
                    Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                        return End::Wrong(error);
                    }
                    Ok(Ok(None) | Err(_)) => return End::Closed,
                    Ok(Ok(Some(frame))) => {
                        if !self.deliver(whom, frame, ear).await {
                            return End::Replaced;
                        }
                    }
                }
            }
        };
        let writing = async {
            loop {
                let frame = match tokio::time::timeout(ALIVE_INTERVAL, queue.recv()).await {
                    Ok(Some(frame)) => frame,
                    Ok(None) => return End::Replaced,
                    Err(_) => Arc::new(Frame::Alive),
                };
                let written = wire::write(&mut writer, &frame);
                match tokio::time::timeout(SILENCE_MAX, written).await {
                    Ok(Ok(())) => {}
                    // The other direction knows better why.
                    Ok(Err(_)) => return End::Closed,
                    Err(_) => return End::Silent,
                }
            }
        };
        tokio::select! {
            end = reading => end,
            end = writing => end,
        }
    }
}

impl Links {
    /// Hands on what has come. Says whether anybody wants more.
    async fn deliver(&self, whom: Whom, frame: Frame, ear: &Ear) -> bool {
        ear.hears();
        let delivery = match (whom, frame) {
            (Whom::Peer, Frame::Message(message)) => Delivery::Message(message),
            (Whom::Peer, Frame::Push(push)) => Delivery::Push(push),
            (Whom::Witness, Frame::Vote(life, message)) => Delivery::Vote(life, message),
            (_, Frame::Refused(reason)) => Delivery::Refused(reason),
            _ => return true,
        };
        self.inbox.send(delivery).await.is_ok()
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the other end"),
            Self::Silent => f.write_str("silent for too long"),
            Self::Wrong(error) => write!(f, "what came is not understood: {error}"),
            Self::Replaced => f.write_str("a newer connection took its place"),
        }
    }
}

/// Connects and proves both keys.
pub async fn connect(
    target: &Target,
    config: Arc<rustls::ClientConfig>,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let connecting = async {
        let socket = match target.address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(from) = target.from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream = socket.connect(target.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(target.address.ip());
        TlsConnector::from(config).connect(name, stream).await
    };
    tokio::time::timeout(CONNECT_MAX, connecting)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What waits on each path, the direct cable first.
    fn sent(heard_ms: [u64; 2], kind: Kind) -> [bool; 2] {
        let (inbox, _) = mpsc::channel(1);
        let links = Links::new(GroupId([1; 16]), inbox);
        let mut queues = Vec::new();
        for (path, heard_ms) in [Path::Direct, Path::Lan].into_iter().zip(heard_ms) {
            let (frames, queue) = mpsc::channel(1);
            let heard_ms = Arc::new(AtomicU64::new(heard_ms));
            let carrier = Carrier::Stream;
            let place = Place { whom: Whom::Peer, kind, path, carrier };
            links.table().insert(place, Outgoing { number: 0, frames, heard_ms });
            queues.push(queue);
        }
        assert!(links.send_frame(Whom::Peer, kind, Frame::Alive));
        let mut sent = queues.iter_mut().map(|queue| queue.try_recv().is_ok());
        [sent.next(), sent.next()].map(Option::unwrap)
    }

    #[test]
    fn entries_take_the_direct_cable_unless_only_the_network_was_heard_just_now() {
        let check = |ago_ms: [u64; 2], kind, expected| {
            let heard_ms = ago_ms.map(|ago_ms| clock::boot().0.saturating_sub(ago_ms));
            assert_eq!(sent(heard_ms, kind), expected, "{ago_ms:?} {kind:?}");
        };
        check([0, 0], Kind::Replication, [true, false]);
        check([2 * FRESH_MS, 0], Kind::Replication, [false, true]);
        check([0, 2 * FRESH_MS], Kind::Transfer, [true, false]);
        check([3 * FRESH_MS, 2 * FRESH_MS], Kind::Replication, [true, false]);
        check([2 * FRESH_MS, 0], Kind::Control, [true, true]);
    }
}
