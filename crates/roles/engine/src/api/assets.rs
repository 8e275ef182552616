//! The console: files that `console/dist` holds, built into the program.
//!
//! `MSE_CONSOLE_DIR` serves them from a directory instead, for work on the console.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use node::token;

use super::Shared;

/// Name, media type and content of every file of the console.
const FILES: [(&str, &str, &[u8]); 4] = [
    (
        "index.html",
        "text/html; charset=utf-8",
        include_bytes!("../../../../../console/dist/index.html"),
    ),
    (
        "console.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../../../../console/dist/console.js"),
    ),
    (
        "console.css",
        "text/css; charset=utf-8",
        include_bytes!("../../../../../console/dist/console.css"),
    ),
    ("icon.svg", "image/svg+xml", include_bytes!("../../../../../console/dist/icon.svg")),
];

/// Routes of the console's files. It is a single page: every other path is the API's.
pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { file("index.html", &headers) }))
        .route(
            "/{name}",
            get(
                |Path(name): Path<String>, headers: HeaderMap| async move { file(&name, &headers) },
            ),
        )
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some((name, media_type, content)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return (StatusCode::NOT_FOUND, "no such page; the console is at /\n").into_response();
    };
    let replaced = std::env::var_os("MSE_CONSOLE_DIR")
        .and_then(|dir| std::fs::read(std::path::Path::new(&dir).join(name)).ok());
    let content = replaced.unwrap_or_else(|| content.to_vec());
    let etag = format!("\"{}\"", token::hex(&token::sha256(&content)));
    let is_known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let cached = [(header::ETAG, etag), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if is_known {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    (cached, [(header::CONTENT_TYPE, *media_type)], content).into_response()
}
