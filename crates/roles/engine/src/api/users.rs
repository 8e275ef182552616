//! Who may log in: list, add, remove, give a new password.

use axum::Json;
use axum::extract::{Path, State as FromState};
use axum::http::StatusCode;
use model::Time;
use node::clock;
use node::password::PasswordError;
use serde::{Deserialize, Serialize};
use store::{Role, User};
use utoipa::ToSchema;

use super::State;
use super::access::Admin;
use super::error::{ApiError, ErrorBody, blocking};
use crate::accounts::{self, FIRST_USER};

/// One user.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// User name.
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(value_type = String, example = "viewer")]
    pub role: Role,
    /// Whether the password has to be changed first.
    pub must_change_password: bool,
    /// When the user was added.
    pub created: Time,
    /// When role or password was last changed.
    pub changed: Time,
}

/// A user to add.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// User name.
    pub name: String,
    /// At least so long as a new password of one's own.
    pub password: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(value_type = String, example = "viewer")]
    pub role: Role,
    /// Whether the user has to choose another one first.
    #[serde(default)]
    pub must_change_password: bool,
}

/// A password for somebody else.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The new password.
    pub password: String,
    /// Whether the user has to choose another one first.
    #[serde(default)]
    pub must_change_password: bool,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { name, role, must_change_password, created, changed, .. } = user;
        Self { name, role, must_change_password, created, changed }
    }
}

/// Every user, by name. Needs the role admin.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses(
    (status = 200, body = Vec<UserView>), (status = 403, body = ErrorBody)
))]
pub async fn list(FromState(shared): State, _: Admin) -> Result<Json<Vec<UserView>>, ApiError> {
    let store = std::sync::Arc::clone(&shared.store);
    let users = blocking(move || store.users()).await?;
    Ok(Json(users.into_iter().map(UserView::from).collect()))
}

/// Add a user. Needs the role admin.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = NewUser, responses(
    (status = 201, body = UserView),
    (status = 400, body = ErrorBody, description = "the name or the password is not allowed"),
    (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "there is a user of this name"),
    (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn add(
    FromState(shared): State,
    Admin(principal): Admin,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Json<UserView>), ApiError> {
    let NewUser { name, password, role, must_change_password } = new;
    let made = move || accounts::new_user(&name, &password, role, must_change_password);
    let user = hashing(made).await?;
    shared.writer.add_user(user.clone()).await?;
    tracing::info!(user = user.name, role = %user.role, by = principal.user, "user added");
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// Remove a user; the last admin stays. Needs the role admin.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "users", params(("name" = String, Path)), responses(
    (status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "this is the last admin"),
    (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn remove(
    FromState(shared): State,
    Admin(principal): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    shared.writer.remove_user(&name).await?;
    tracing::info!(user = name, by = principal.user, "user removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Give a user a new password; ends the user's sessions. Needs the role admin.
#[utoipa::path(put, path = "/api/v1/users/{name}/password", tag = "users",
    params(("name" = String, Path)), request_body = NewPassword, responses(
    (status = 204),
    (status = 400, body = ErrorBody, description = "the password is not allowed"),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn set_password(
    FromState(shared): State,
    Admin(principal): Admin,
    Path(name): Path<String>,
    Json(new): Json<NewPassword>,
) -> Result<StatusCode, ApiError> {
    let NewPassword { password, must_change_password } = new;
    let hash = hashing(move || node::password::hash(&password)).await?;
    shared.writer.set_password(&name, hash, must_change_password, clock::wall(), None).await?;
    if name == FIRST_USER {
        // The password in it, if it is there, is worth nothing now.
        let _ = tokio::fs::remove_file(&shared.initial_password).await;
    }
    tracing::info!(user = name, by = principal.user, "password set");
    Ok(StatusCode::NO_CONTENT)
}

/// Hashes off the event loop; a password that is not allowed is the caller's mistake.
async fn hashing<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(made) => made.map_err(|error| ApiError::bad_request(error.to_string())),
        Err(panicked) => Err(ApiError::internal(&panicked)),
    }
}
