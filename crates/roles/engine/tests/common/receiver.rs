//! A receiver of notifications on loopback.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::eventually;

/// Somebody who is told: takes posts, answers each with this status, and remembers the bodies.
pub(crate) struct Receiver {
    pub(crate) url: String,
    bodies: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Answers with these statuses in turn, and with the last of them from then on.
    pub(crate) async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap());
        let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&bodies);
        let task = tokio::spawn(async move {
            for turn in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let status = statuses[turn.min(statuses.len() - 1)];
                let body = take(stream, status).await;
                if status == 200 {
                    kept.lock().unwrap().push(body);
                }
            }
        });
        Self { url, bodies, task }
    }

    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().clone()
    }

    /// Waits for so many bodies.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Value> {
        eventually("the events have arrived", async || self.bodies().len() >= count).await;
        self.bodies()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one post, and answers it.
async fn take(mut stream: TcpStream, status: u16) -> Value {
    let mut received = Vec::new();
    loop {
        assert!(stream.read_buf(&mut received).await.unwrap() > 0, "hung up within a post");
        let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        if received.len() == head.len() + 4 + length {
            let body = serde_json::from_slice(&received[head.len() + 4..]).unwrap();
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            return body;
        }
    }
}
