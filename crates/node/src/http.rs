//! HTTP listeners: TLS, plain on loopback, and Unix sockets, all serving one axum router.
//!
//! A connection that does not finish its TLS handshake or its request header in time is dropped,
//! and there are never more than [`CONNECTIONS_MAX`] of them.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// Most connections at once per listener. Ours: a thousand consoles and API clients.
const CONNECTIONS_MAX: usize = 1_024;
/// A TLS handshake must be done after this long.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A request header must be whole after this long.
const HEADER_MAX: Duration = Duration::from_secs(15);
/// After a failed accept (no file descriptors left, mostly) the listener rests this long.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Where a request came from; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Over the network.
    Network(SocketAddr),
    /// Over the node's own Unix socket, which only its user can open.
    Local,
}

/// Serves `router` on `listener` until the task is dropped.
pub async fn serve(listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>, router: Router) {
    let acceptor = tls.map(TlsAcceptor::from);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept an HTTP connection");
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            let _slot = slot;
            let _ = stream.set_nodelay(true);
            let origin = Origin::Network(peer);
            let Some(acceptor) = acceptor else {
                return connection(stream, origin, router).await;
            };
            match tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => connection(stream, origin, router).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "TLS handshake not finished in time"),
            }
        });
    }
}

/// Serves `router` on a Unix socket at `path`, open to the node's own user only.
pub fn serve_local(
    path: &Path,
    router: Router,
) -> std::io::Result<impl Future<Output = ()> + use<>> {
    // A socket file of an earlier run is in the way; one that answers is somebody's.
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::AddrInUse,
            format!("{} is served by a running process", path.display()),
        ));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(connection(stream, Origin::Local, router.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a local connection");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    })
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    origin: Origin,
    router: Router,
) {
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(origin);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_MAX);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)));
    if let Err(error) = server
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(?origin, %error, "HTTP connection ended");
    }
}

/// One request to send.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// GET, PUT, ..
    pub method: hyper::Method,
    /// Path and query.
    pub path: &'a str,
    /// Value of the `Authorization` header.
    pub authorization: Option<&'a str>,
    /// Body, empty for none.
    pub body: Vec<u8>,
}

impl<'a> Call<'a> {
    /// A GET request.
    pub fn get(path: &'a str) -> Self {
        Self {
            method: hyper::Method::GET,
            path,
            authorization: None,
            body: Vec::new(),
        }
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
    let request = request
        .body(Full::new(hyper::body::Bytes::from(call.body)))
        .map_err(std::io::Error::other)?;
    let response = sender
        .send_request(request)
        .await
        .map_err(std::io::Error::other)?;
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(std::io::Error::other)?;
    connection.abort();
    Ok((status, body.to_bytes().to_vec()))
}

/// Sends one request to the role behind the Unix socket at `socket`; the client of [`serve_local`].
pub async fn call_local(socket: &Path, request: Call<'_>) -> std::io::Result<(u16, Vec<u8>)> {
    call(tokio::net::UnixStream::connect(socket).await?, request).await
}
