//! An HTTP/1.1 client that sends exactly what a test wants sent, over any stream.

use std::fmt::Write as _;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{PATIENCE, basic};

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, String)>,
    body: Vec<u8>,
}

/// One response.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &'a str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn basic(self, user: (&str, &str)) -> Self {
        self.header("Authorization", basic(user))
    }

    /// A body of any kind.
    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// A JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string().into_bytes())
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { method, path, headers, body } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if !body.is_empty() || *method != "GET" {
            let _ = write!(text, "Content-Length: {}\r\n", body.len());
        }
        text += "\r\n";
        [text.as_bytes(), body].concat()
    }
}

impl Response {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} '{}': {error}", self.status, self.text()))
    }

    /// Checks that this is an error in the form of the native API; returns its message.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        let body = self.json();
        assert_eq!(body["error"]["code"], code, "{body}");
        body["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// Sends one request and reads its response.
pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &Request<'_>,
) -> Response {
    exchange_bytes(stream, &request.bytes()).await
}

/// Sends the bytes of a request and reads its response.
pub(crate) async fn exchange_bytes(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> Response {
    let (mut reader, mut writer) = tokio::io::split(stream);
    // A server may answer and hang up before it has read everything: that is not a failure.
    let write = async {
        let _ = writer.write_all(request).await;
        let _ = writer.flush().await;
    };
    let both = async { tokio::join!(write, read(&mut reader)).1 };
    let answered = tokio::time::timeout(PATIENCE, both).await;
    answered.expect("the server answers in time")
}

/// Reads one response: its length is always told.
async fn read(reader: &mut (impl AsyncRead + Unpin)) -> Response {
    let mut received = Vec::new();
    let head_bytes = loop {
        if let Some(at) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        let count = reader.read_buf(&mut received).await.unwrap();
        assert!(count > 0, "hung up within the header");
    };
    let head = String::from_utf8(received[..head_bytes].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_owned(), value.trim().to_owned())
    });
    let mut response = Response {
        status: status.parse().unwrap(),
        headers: headers.collect(),
        body: received.split_off(head_bytes + 4),
    };
    let length = response.header("content-length").map(str::parse::<usize>);
    let has_body = !matches!(response.status, 204 | 304);
    let length = length.filter(|_| has_body).map_or(0, Result::unwrap);
    while response.body.len() < length {
        let count = reader.read_buf(&mut response.body).await.unwrap();
        assert!(count > 0, "hung up within the body");
    }
    assert_eq!(response.body.len(), length, "no byte too much");
    response
}
