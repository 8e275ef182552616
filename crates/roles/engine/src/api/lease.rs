//! No answer from a node that may not serve any more.
//!
//! A node of a pair holds a lease. When it has run out, the peer may have taken over and changed
//! something, so what this node knows may be old. The lease is looked at when an answer is there,
//! just before it is sent: what was read before is then known to have been true at that moment.
//! WebSockets look at it before each frame, see [`super::live`].

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use node::http::Origin;

use super::Shared;
use super::error::ApiError;

/// A client may look for the node that serves after this long. Ours: a failover takes about three
/// seconds.
const RETRY_S: u64 = 1;

/// Lets an answer pass, or says in its place that this node may not serve now.
///
/// These pass always: metrics and what the node's own commands ask about this node, which are no
/// state of the service; that something was changed, because a change that was acknowledged is safe
/// wherever it is told; and answers that say themselves that the engine is not available.
pub async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_local = request.extensions().get::<Origin>() == Some(&Origin::Local);
    let is_about_the_node = path == "/metrics" || (is_local && path.starts_with("/api/v1/server"));
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // Logging in changes nothing of the service, and tells whether a password is right.
    let is_change = !is_safe && path != "/api/v1/session";
    let response = next.run(request).await;
    let is_acknowledged = is_change && response.status().is_success();
    let is_unavailable = response.status() == StatusCode::SERVICE_UNAVAILABLE;
    if is_about_the_node || is_acknowledged || is_unavailable || shared.writer.may_read() {
        return response;
    }
    let message = "this node may not serve now; its peer may, ask the service's address again";
    let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "may_not_serve", message);
    ApiError { retry_after_s: Some(RETRY_S), ..error }.into_response()
}
