//! Log in, log out, change the password.

use axum::extract::State as FromState;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use node::clock;
use node::http::Origin;
use node::password;
use node::token::Token;
use serde::{Deserialize, Serialize};
use store::{Role, Session};
use utoipa::ToSchema;

use super::State;
use super::access::{COOKIE, Principal, SESSION_IDLE_MS};
use super::error::{ApiError, ErrorBody, blocking};

/// User name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    username: String,
    password: String,
}

/// Old and new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    current: String,
    new: String,
}

/// Who is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    username: String,
    #[schema(value_type = String, example = "viewer")]
    role: Role,
    must_change_password: bool,
}

impl From<&Principal> for SessionView {
    fn from(principal: &Principal) -> Self {
        let Principal { user, role, must_change_password, .. } = principal;
        Self { username: user.clone(), role: *role, must_change_password: *must_change_password }
    }
}

/// Log in. Sets an `HttpOnly` session cookie that ends after 30 minutes without a request.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = LogIn, responses(
    (status = 200, body = SessionView),
    (status = 401, body = ErrorBody, description = "wrong user name or password"),
    (status = 429, body = ErrorBody, description = "too many tries; `Retry-After` says how long to wait")
))]
pub async fn log_in(
    FromState(shared): State,
    Extension(origin): Extension<Origin>,
    Json(log_in): Json<LogIn>,
) -> Result<Response, ApiError> {
    let principal =
        shared.access.check_password(origin, &log_in.username, &log_in.password).await?;
    let (token, now) = (Token::new(), clock::wall());
    let address = match origin {
        Origin::Network(peer) => peer.ip().to_string(),
        Origin::Local => "local".to_owned(),
    };
    let session = Session {
        token_hash: token.hash(),
        user: principal.user.clone(),
        created: now,
        last_access: now,
        expires: now.plus_ms(SESSION_IDLE_MS),
        address,
    };
    let store = std::sync::Arc::clone(&shared.store);
    blocking(move || store.purge_sessions(now)).await?;
    shared.writer.begin_session(session).await?;
    tracing::info!(user = principal.user, "logged in");
    // Browsers keep a "Secure" cookie from plain HTTP, which is served on loopback only.
    let secure = if shared.is_plain { "" } else { "; Secure" };
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}", token.to_hex());
    Ok(([(header::SET_COOKIE, cookie)], Json(SessionView::from(&principal))).into_response())
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses(
    (status = 200, body = SessionView),
    (status = 401, body = ErrorBody)
))]
pub async fn show(Extension(principal): Extension<Principal>) -> Json<SessionView> {
    Json(SessionView::from(&principal))
}

/// Log out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub async fn log_out(
    FromState(shared): State,
    Extension(principal): Extension<Principal>,
) -> Result<Response, ApiError> {
    if let Some(hash) = principal.session {
        shared.writer.end_session(hash).await?;
    }
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    let mut headers = HeaderMap::new();
    if let Ok(cookie) = cookie.parse() {
        headers.insert(header::SET_COOKIE, cookie);
    }
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

/// Change the own password. Ends the user's other sessions.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = ChangePassword, responses(
    (status = 204),
    (status = 400, body = ErrorBody, description = "the new password is too short"),
    (status = 401, body = ErrorBody, description = "the current password is wrong")
))]
pub async fn change_password(
    FromState(shared): State,
    Extension(origin): Extension<Origin>,
    Extension(principal): Extension<Principal>,
    Json(change): Json<ChangePassword>,
) -> Result<StatusCode, ApiError> {
    shared.access.check_password(origin, &principal.user, &change.current).await?;
    if change.current == change.new {
        return Err(ApiError::bad_request("the new password is the current one"));
    }
    let hash = match tokio::task::spawn_blocking(move || password::hash(&change.new)).await {
        Ok(hash) => hash.map_err(|error| ApiError::bad_request(error.to_string()))?,
        Err(panicked) => return Err(ApiError::internal(&panicked)),
    };
    let Principal { user, session, .. } = principal;
    shared.writer.set_password(&user, hash, false, clock::wall(), session).await?;
    // The password in it, if it is there, is worth nothing now.
    let _ = tokio::fs::remove_file(&shared.initial_password).await;
    Ok(StatusCode::NO_CONTENT)
}
