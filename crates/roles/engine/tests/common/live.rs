//! A WebSocket client that watches `/api/v1/live`, on a thread of its own.

use std::net::{SocketAddr, TcpStream};

use engine::Engine;
use serde_json::Value;
use tokio::sync::mpsc;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::HandshakeError;
use tungstenite::{Error, Message, WebSocket};

use super::{ADMIN, PATIENCE, basic};

/// What the engine sends, frame by frame.
pub(crate) struct Watcher(mpsc::UnboundedReceiver<Value>);

impl Watcher {
    /// The next frame with news.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let frame = self.next_of_any_kind().await;
            if frame["type"] != "heartbeat" {
                return frame;
            }
        }
    }

    /// Waits until the engine hangs up; false when it says something instead.
    pub(crate) async fn ended(&mut self) -> bool {
        let frame = tokio::time::timeout(PATIENCE, self.0.recv()).await;
        frame.expect("the engine hangs up in time").is_none()
    }

    /// The next frame, heartbeats included.
    pub(crate) async fn next_of_any_kind(&mut self) -> Value {
        let frame = tokio::time::timeout(PATIENCE, self.0.recv()).await;
        frame.expect("a frame in time").expect("the socket is open")
    }
}

/// Watches as an admin.
pub(crate) async fn watch(engine: &Engine, path: &str) -> Watcher {
    let headers = [("authorization", basic(ADMIN))];
    try_watch(engine, path, &headers).await.expect("the engine agrees")
}

/// Asks for a WebSocket with these headers; the error is the status of the refusal.
pub(crate) async fn try_watch(
    engine: &Engine,
    path: &str,
    headers: &[(&'static str, String)],
) -> Result<Watcher, u16> {
    try_watch_at(engine.address, path, headers).await
}

/// The same of whoever listens there.
pub(crate) async fn try_watch_at(
    address: SocketAddr,
    path: &str,
    headers: &[(&'static str, String)],
) -> Result<Watcher, u16> {
    let url = format!("ws://{address}{path}");
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let shake_hands = move || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(socket),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    };
    let socket = tokio::task::spawn_blocking(shake_hands).await.unwrap()?;
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || forward(socket, &sender));
    Ok(Watcher(receiver))
}

/// Hands on frames until one side has enough.
fn forward(mut socket: WebSocket<TcpStream>, frames: &mpsc::UnboundedSender<Value>) {
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        if frames.send(serde_json::from_str(&text).unwrap()).is_err() {
            return;
        }
    }
}
