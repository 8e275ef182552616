//! The page of `mse demo --ha`: the state of both nodes, and a button for each word.
//!
//! It is served on 127.0.0.1 by the demo itself. Its address has a random token, so no other user of
//! the machine finds it; and a word is taken from this page only, so no page of another site that a
//! browser shows can say one: `Host` and `Origin` must be this page's own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use node::token::Token;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::loopback;
use crate::output::Failure;

const TEMPLATE: &str = include_str!("page.html");
/// Requests that wait for the demo. Ours: one page asks once a second.
const ASKED_MAX: usize = 16;
/// Longest request. Ours: a word.
const BODY_BYTES_MAX: usize = 256;

/// What the page asks of the demo.
#[derive(Debug)]
pub(super) enum Asked {
    /// How everything is.
    View(oneshot::Sender<View>),
    /// Do as if it was typed.
    Word(String, oneshot::Sender<String>),
}

/// How everything is.
#[derive(Debug, Serialize)]
pub(super) struct View {
    pub(super) nodes: Vec<NodeView>,
    pub(super) witness_runs: bool,
    /// What was said last, oldest first.
    pub(super) said: Vec<String>,
}

/// One data node.
#[derive(Debug, Serialize)]
pub(super) struct NodeView {
    pub(super) name: &'static str,
    /// Its health monitor answers.
    pub(super) runs: bool,
    pub(super) state: String,
    pub(super) serves: bool,
}

/// The page while it is served; it ends with this.
#[derive(Debug)]
pub(super) struct Page {
    /// Where a browser finds it.
    pub(super) address: String,
    pub(super) asked: mpsc::Receiver<Asked>,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Door {
    token: [u8; 32],
    host: String,
    html: String,
    nonce: String,
    ask: mpsc::Sender<Asked>,
}

#[derive(Debug, Deserialize)]
struct Word {
    word: String,
}

impl Page {
    /// Serves it on a free port; `words` are those that have a button.
    pub(super) async fn open(
        console: &str,
        words: impl Iterator<Item = (&'static str, &'static str)>,
    ) -> Result<Self, Failure> {
        let listener = TcpListener::bind(loopback(0)).await?;
        let address: SocketAddr = listener.local_addr()?;
        let (token, nonce) = (Token::new(), Token::new().to_hex());
        let button = |(word, meaning)| {
            format!("<button data-word=\"{word}\" title=\"{meaning}\">{word}</button>")
        };
        let buttons: Vec<String> = words.map(button).collect();
        let html = TEMPLATE
            .replace("{nonce}", &nonce)
            .replace("{console}", console)
            .replace("{buttons}", &buttons.join("\n"));
        let (ask, asked) = mpsc::channel(ASKED_MAX);
        let host = address.to_string();
        let shown = format!("http://{host}/{}/", token.to_hex());
        let door = Arc::new(Door { token: token.hash(), host, html, nonce, ask });
        let router = Router::new()
            .route("/{token}/", get(page))
            .route("/{token}/view", get(view))
            .route("/{token}/word", post(word))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(door);
        let mut serving = JoinSet::new();
        serving.spawn(node::http::serve(listener, None, router));
        Ok(Self { address: shown, asked, _serving: serving })
    }
}

impl Door {
    /// Whether a request has the token, and asks for this address: a name that somebody else's server
    /// has given to 127.0.0.1 does not count.
    fn lets_in(&self, token: &str, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host == Some(&self.host)
            && Token::from_hex(token).is_some_and(|token| token.hash() == self.token)
    }

    /// Whether it comes from the page itself.
    fn is_own(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        origin.and_then(|origin| origin.strip_prefix("http://")) == Some(&self.host)
    }
}

type Here = State<Arc<Door>>;

async fn page(State(door): Here, Path(token): Path<String>, headers: HeaderMap) -> Response {
    if !door.lets_in(&token, &headers) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let policy = format!(
        "default-src 'none'; connect-src 'self'; style-src 'nonce-{0}'; script-src 'nonce-{0}'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        door.nonce
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, Html(door.html.clone())).into_response()
}

async fn view(State(door): Here, Path(token): Path<String>, headers: HeaderMap) -> Response {
    if !door.lets_in(&token, &headers) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (answer, answered) = oneshot::channel();
    answer_of(door.ask.send(Asked::View(answer)).await.is_ok(), answered).await
}

async fn word(
    State(door): Here,
    Path(token): Path<String>,
    headers: HeaderMap,
    Json(Word { word }): Json<Word>,
) -> Response {
    if !door.lets_in(&token, &headers) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if !door.is_own(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let (answer, answered) = oneshot::channel();
    answer_of(door.ask.send(Asked::Word(word, answer)).await.is_ok(), answered).await
}

async fn answer_of<T: Serialize>(is_asked: bool, answered: oneshot::Receiver<T>) -> Response {
    match answered.await {
        Ok(answer) if is_asked => Json(answer).into_response(),
        // The demo is ending.
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
