//! HTTP listeners: TLS, plain on loopback, and Unix sockets, all serving one axum router.
//!
//! A connection that does not finish its TLS handshake or its request header in time is dropped,
//! one that waits between requests is dropped after the same time, and there are never more than
//! [`LIMITS`] allow.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_body_util::{BodyExt as _, Full};
pub use hyper::Method;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::accept::{Limits, accept};

/// Most connections at once per listener. Ours: a thousand consoles and API clients, a quarter of
/// them behind one proxy.
pub const LIMITS: Limits = Limits { connections_max: 1_024, per_address_max: 256 };
/// A TLS handshake must be done after this long.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A request header must be whole after this long.
const HEADER_MAX: Duration = Duration::from_secs(30);

/// Connections that wait to be accepted. Source: linux, `net.core.somaxconn` of old.
const BACKLOG: u32 = 128;

/// Where a request came from; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Over the network.
    Network(SocketAddr),
    /// Over the node's own Unix socket, which only its user can open.
    Local,
}

/// Serves `router` on `listener` until the task is dropped; then all connections end.
pub async fn serve(listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>, router: Router) {
    let acceptor = tls.map(TlsAcceptor::from);
    accept(listener, LIMITS, |stream, peer| {
        let (acceptor, router) = (acceptor.clone(), router.clone());
        async move {
            let origin = Origin::Network(peer);
            let Some(acceptor) = acceptor else { return connection(stream, origin, router).await };
            match tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => connection(stream, origin, router).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "TLS handshake not finished in time"),
            }
        }
    })
    .await;
}

/// Listens at an address that this machine may not have yet: a node of a pair opens its listeners
/// before the virtual address comes to it.
pub fn listen_early(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        let socket = TcpSocket::new_v4()?;
        rustix::net::sockopt::set_ip_freebind(&socket, true)?;
        socket
    } else {
        let socket = TcpSocket::new_v6()?;
        rustix::net::sockopt::set_ipv6_freebind(&socket, true)?;
        socket
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `router` on a Unix socket at `path`, open to the node's own user only.
///
/// The directory of the socket must be closed to others: between making the socket and closing it
/// to them there is a moment.
pub fn serve_local(
    path: &Path,
    router: Router,
) -> std::io::Result<impl Future<Output = ()> + use<>> {
    // A socket file of an earlier run is in the way; one that answers is somebody's.
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        let message = format!("{} is served by a running process", path.display());
        return Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, message));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(async move {
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = running.join_next() => {}
                accepted = listener.accept(), if running.len() < LIMITS.connections_max => match accepted {
                    Ok((stream, _)) => {
                        running.spawn(connection(stream, Origin::Local, router.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a local connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
    })
}

/// Serves `router` on one connection.
///
/// HTTP/1.1 only: its header timeout holds from the first byte on, and one connection is one
/// request at a time, so the limits on connections are limits on work.
pub async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    origin: Origin,
    router: Router,
) {
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(origin);
        router.clone().oneshot(request.map(Body::new))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(?origin, %error, "HTTP connection ended");
    }
}

/// One request to send.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// GET, PUT, ..
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// Value of the `Authorization` header.
    pub authorization: Option<&'a str>,
    /// Value of the `Content-Type` header.
    pub media_type: Option<&'a str>,
    /// Body, empty for none.
    pub body: Vec<u8>,
}

impl<'a> Call<'a> {
    /// A GET request.
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, authorization: None, media_type: None, body: Vec::new() }
    }

    /// A POST request with a JSON body.
    pub fn post(path: &'a str, body: Vec<u8>) -> Self {
        let media_type = Some("application/json");
        Self { method: Method::POST, path, authorization: None, media_type, body }
    }
}

/// Sends one request on a fresh connection and returns status and body.
pub async fn call(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    call: Call<'_>,
) -> std::io::Result<(u16, Vec<u8>)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(std::io::Error::other)?;
    let connection = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(call.method)
        .uri(call.path)
        .header(hyper::header::HOST, "localhost");
    if let Some(value) = call.authorization {
        request = request.header(hyper::header::AUTHORIZATION, value);
    }
    if let Some(value) = call.media_type {
        request = request.header(hyper::header::CONTENT_TYPE, value);
    }
    let request = request
        .body(Full::new(hyper::body::Bytes::from(call.body)))
        .map_err(std::io::Error::other)?;
    let response = sender.send_request(request).await.map_err(std::io::Error::other)?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(std::io::Error::other)?;
    connection.abort();
    Ok((status, body.to_bytes().to_vec()))
}

/// Sends one request to the role behind the Unix socket at `socket`; the client of [`serve_local`].
pub async fn call_local(socket: &Path, request: Call<'_>) -> std::io::Result<(u16, Vec<u8>)> {
    call(tokio::net::UnixStream::connect(socket).await?, request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 192.0.2.0/24 is nobody's. Source: RFC 5737.
    #[tokio::test]
    async fn an_address_that_is_yet_to_come_can_be_listened_at() {
        let address: SocketAddr = "192.0.2.11:0".parse().unwrap();
        assert!(TcpListener::bind(address).await.is_err(), "this machine has {address}");
        assert!(listen_early(address).is_ok());
        assert!(listen_early("[2001:db8::11]:0".parse().unwrap()).is_ok());
    }
}
