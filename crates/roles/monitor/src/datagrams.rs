//! Control connections by datagram as well: what they carry is said again and again, and worth
//! nothing when it comes late.
//!
//! A path that loses packets, or is suddenly slow, holds a stream up for seconds: every loss doubles
//! its timer, and everything waits behind the first byte that is missing. A beacon that is lost costs
//! one beacon. Each datagram is sealed with keys of its connection (see [`node::datagram`]), lives
//! as long as that, and is never the only way: where UDP is filtered, the stream does it alone.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use node::datagram::{self, DATAGRAM_BYTES_MAX, End, Keys, Opener, Sealer};
use rustls::ConnectionCommon;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::wire::Frame;

/// Datagrams of one connection that wait to be looked at. Ours: three seconds of beacons and answers.
const QUEUE_DATAGRAMS_MAX: usize = 128;

/// Where a node's listeners receive datagrams.
#[derive(Debug)]
pub struct Port {
    socket: UdpSocket,
    connections: Mutex<HashMap<u64, mpsc::Sender<Datagram>>>,
}

type Datagram = (SocketAddr, Vec<u8>);

/// The datagrams of one connection.
#[derive(Debug)]
pub struct Channel {
    sealer: Sealer,
    opener: Opener,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// A socket of its own.
    Dialled(UdpSocket),
    /// The listener's; where the other end is, its first datagram tells.
    Accepted { entry: Entry, datagrams: mpsc::Receiver<Datagram>, remote: Option<SocketAddr> },
}

/// A connection's place at the port, which it leaves when it ends.
#[derive(Debug)]
struct Entry {
    port: Arc<Port>,
    connection: u64,
}

/// A port that receives as long as the tasks run; none, and a word to the operator, when the
/// address cannot be had.
pub async fn port(address: SocketAddr, tasks: &mut JoinSet<()>) -> Option<Arc<Port>> {
    match Port::bind(address).await {
        Ok(port) => {
            tasks.spawn(Arc::clone(&port).run());
            Some(port)
        }
        Err(error) => {
            tracing::warn!(%address, %error, "no datagrams can be received; beacons travel inside TLS alone");
            None
        }
    }
}

impl Port {
    /// Begins to receive at that address.
    pub async fn bind(address: SocketAddr) -> io::Result<Arc<Self>> {
        let socket = UdpSocket::bind(address).await?;
        Ok(Arc::new(Self { socket, connections: Mutex::default() }))
    }

    /// Hands every datagram to its connection, until the task is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut bytes = [0; DATAGRAM_BYTES_MAX];
        loop {
            // An error is an earlier datagram that found nobody.
            let Ok((length, from)) = self.socket.recv_from(&mut bytes).await else { continue };
            let datagram = &bytes[..length];
            let connection = datagram::connection_of(datagram);
            if let Some(queue) = connection.and_then(|it| self.connections().get(&it).cloned()) {
                // What cannot wait is lost, as on the way.
                let _ = queue.try_send((from, datagram.to_vec()));
            }
        }
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, mpsc::Sender<Datagram>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.port.connections().remove(&self.connection);
    }
}

impl Channel {
    /// Of a connection that this node has dialled; none when there is no socket to be had.
    pub async fn dialled<Data>(
        connection: &ConnectionCommon<Data>,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Option<Self> {
        let (sealer, opener) = Keys::of(connection)?.ends(End::Client)?;
        let any = if to.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
        let socket = UdpSocket::bind((from.unwrap_or(any), 0)).await.ok()?;
        socket.connect(to).await.ok()?;
        Some(Self { sealer, opener, way: Way::Dialled(socket) })
    }

    /// Of a connection that was accepted where this port is.
    pub fn accepted<Data>(connection: &ConnectionCommon<Data>, port: &Arc<Port>) -> Option<Self> {
        let keys = Keys::of(connection)?;
        let (sealer, opener) = keys.ends(End::Server)?;
        let connection = keys.connection();
        let (queue, datagrams) = mpsc::channel(QUEUE_DATAGRAMS_MAX);
        port.connections().insert(connection, queue);
        let entry = Entry { port: Arc::clone(port), connection };
        Some(Self { sealer, opener, way: Way::Accepted { entry, datagrams, remote: None } })
    }

    /// Sends what is in the queue until something comes; none when the queue has ended.
    pub async fn exchange<T: Borrow<Frame>>(
        &mut self,
        queue: &mut mpsc::Receiver<T>,
    ) -> Option<Frame> {
        loop {
            tokio::select! {
                frame = queue.recv() => self.send(frame?.borrow()).await,
                frame = self.next() => return Some(frame),
            }
        }
    }

    /// Sends a frame, if it fits and the other end has been heard.
    async fn send(&mut self, frame: &Frame) {
        let Ok(text) = postcard::to_stdvec(frame) else { return };
        let Some(datagram) = self.sealer.seal(&text) else { return };
        // A datagram may be lost anywhere, also here.
        let _ = match &self.way {
            Way::Dialled(socket) => socket.send(&datagram).await,
            Way::Accepted { remote: None, .. } => Ok(0),
            Way::Accepted { entry, remote: Some(remote), .. } => {
                entry.port.socket.send_to(&datagram, remote).await
            }
        };
    }

    /// The next frame. May be dropped at any time without losing one.
    async fn next(&mut self) -> Frame {
        loop {
            let (from, mut datagram) = self.way.next().await;
            let Some(text) = self.opener.open(&mut datagram) else { continue };
            if let (Way::Accepted { remote, .. }, Some(from)) = (&mut self.way, from) {
                *remote = Some(from);
            }
            if let Ok(frame) = postcard::from_bytes(text) {
                return frame;
            }
        }
    }
}

impl Way {
    async fn next(&mut self) -> (Option<SocketAddr>, Vec<u8>) {
        match self {
            Self::Dialled(socket) => {
                let mut bytes = [0; DATAGRAM_BYTES_MAX];
                loop {
                    // An error is an earlier datagram that found nobody.
                    if let Ok(length) = socket.recv(&mut bytes).await {
                        return (None, bytes[..length].to_vec());
                    }
                }
            }
            Self::Accepted { datagrams, .. } => match datagrams.recv().await {
                Some((from, datagram)) => (Some(from), datagram),
                // Another connection of this name took its place: that is for its end to tell.
                None => std::future::pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ha::Message;
    use node::identity::{self, Identity};
    use node::tls;
    use rustls::pki_types::ServerName;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;
    use crate::wire;

    fn frame(life: u128) -> Frame {
        Frame::Message(Message::Ask { life })
    }

    /// A node that dials and one that is dialled, over real TLS on loopback.
    async fn pair(port: &Arc<Port>) -> (Channel, Channel) {
        let folder = std::env::temp_dir().join(format!("mse-datagrams-{}", std::process::id()));
        let identity = Identity::load_or_create(&folder, identity::machine_mac).unwrap();
        let server = Arc::new(tls::pair_server(&identity, &[wire::ALPN]).unwrap());
        let client = Arc::new(tls::pair_client(&identity, None, wire::ALPN).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = async {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(server).accept(stream).await.unwrap()
        };
        let dialling = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::from(address.ip());
            TlsConnector::from(client).connect(name, stream).await.unwrap()
        };
        let (accepted, dialled) = tokio::join!(accepting, dialling);
        std::fs::remove_dir_all(folder).unwrap();
        let to = port.socket.local_addr().unwrap();
        let dialled = Channel::dialled(dialled.get_ref().1, to, None).await.unwrap();
        (dialled, Channel::accepted(accepted.get_ref().1, port).unwrap())
    }

    #[tokio::test]
    async fn both_ends_of_a_connection_hear_each_other_and_nobody_else() {
        let port = Port::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let receiving = tokio::spawn(Arc::clone(&port).run());
        let (mut dialled, mut accepted) = pair(&port).await;
        // Until it has been heard, nobody knows where the other end is.
        accepted.send(&frame(0)).await;
        dialled.send(&frame(1)).await;
        assert_eq!(accepted.next().await, frame(1));
        accepted.send(&frame(2)).await;
        assert_eq!(dialled.next().await, frame(2));
        // A stranger knows the name of the connection and not its keys.
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut forged = dialled.sealer.seal(b"forged").unwrap();
        forged[20] ^= 1;
        stranger.send_to(&forged, port.socket.local_addr().unwrap()).await.unwrap();
        let silence = tokio::time::timeout(Duration::from_millis(100), accepted.next()).await;
        assert!(silence.is_err());
        accepted.send(&frame(3)).await;
        assert_eq!(dialled.next().await, frame(3), "answers do not follow the stranger");
        assert_eq!(port.connections().len(), 1);
        drop(accepted);
        assert_eq!(port.connections().len(), 0);
        receiving.abort();
    }
}
