//! Port 8082: connections of other voters, and HTTP for whoever wants to be paired.
//!
//! Which of both a connection is, ALPN says. Whoever is not known by key gets no further than HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use node::accept::{Limits, accept};
use node::http::{self, Origin};
use node::key_hash::{Credentials, KeyHash};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::wire::{self, Frame, Hello, PROTOCOL};

/// Connections at once. Ours: a secondary of many primaries has some for each; more than these are
/// a mistake or an attack, and must not keep the others out.
const LIMITS: Limits = Limits { connections_max: 512, per_address_max: 64 };
/// TLS and the first frame must be there after this long.
const HELLO_MAX: Duration = Duration::from_secs(5);
/// A request has come and its answer has gone within that time. Ours: three times as long as the one who
/// asks waits.
const CALL_MAX: Duration = Duration::from_secs(30);
/// Longest first frame: nobody is known before it. Ours: a greeting has 20 bytes.
const HELLO_BYTES_MAX: usize = 256;

/// The key that the client has proven; an extension of requests that come over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenKey(pub Option<KeyHash>);

/// The addresses of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// This node's.
    pub local: SocketAddr,
    /// Who has dialled.
    pub remote: SocketAddr,
}

/// Listens until it is dropped. `voter` carries a connection of another voter whose first frame and
/// key are known.
pub async fn listen<F>(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    voter: impl Fn(TlsStream<TcpStream>, KeyHash, Hello, Ends) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(tls);
    accept(listener, LIMITS, |stream, peer| {
        let (acceptor, router, voter) = (acceptor.clone(), router.clone(), voter.clone());
        let local = stream.local_addr().unwrap_or(peer);
        let handshake = async move {
            let mut stream = acceptor.accept(stream).await?;
            let key = key_of(&stream);
            if stream.get_ref().1.alpn_protocol() != Some(wire::ALPN) {
                return Ok((stream, key, None));
            }
            let hello = match wire::read_at_most(&mut stream, HELLO_BYTES_MAX).await? {
                Some(Frame::Hello(hello)) if hello.protocol == PROTOCOL => hello,
                _ => return Err(std::io::Error::other("the first frame is no greeting of ours")),
            };
            Ok((stream, key, Some(hello)))
        };
        let carry =
            move |stream, key, hello| voter(stream, key, hello, Ends { local, remote: peer });
        serve(handshake, router, carry, peer)
    })
    .await;
}

async fn serve<F: Future<Output = ()>>(
    handshake: impl Future<
        Output = std::io::Result<(TlsStream<TcpStream>, Option<KeyHash>, Option<Hello>)>,
    >,
    router: Router,
    carry: impl FnOnce(TlsStream<TcpStream>, KeyHash, Hello) -> F,
    peer: SocketAddr,
) {
    match tokio::time::timeout(HELLO_MAX, handshake).await {
        Err(_) => tracing::debug!(%peer, "the greeting did not come in time"),
        Ok(Err(error)) => tracing::debug!(%peer, %error, "no connection"),
        Ok(Ok((stream, Some(key), Some(hello)))) => carry(stream, key, hello).await,
        Ok(Ok((_, None, Some(_)))) => tracing::warn!(%peer, "a voter without a key is refused"),
        Ok(Ok((stream, key, None))) => {
            let router = router.layer(Extension(ProvenKey(key)));
            let call = http::connection(stream, Origin::Network(peer), router);
            if tokio::time::timeout(CALL_MAX, call).await.is_err() {
                tracing::debug!(%peer, "the request did not come in time");
            }
        }
    }
}

/// The hash of the key that the client has proven.
fn key_of(stream: &TlsStream<TcpStream>) -> Option<KeyHash> {
    let certificates = stream.get_ref().1.peer_certificates()?;
    let credentials = Credentials::of(certificates.first()?)?;
    Some(credentials.sha256)
}
