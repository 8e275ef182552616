//! Notifications: who is told what about which element.
//!
//! Definitions are shown without their secrets: `***` stands for each, and means "as it was" when it
//! is sent back for the same receiver.

use std::sync::Arc;

use axum::extract::{Path, State as FromState};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use notify::{DEFINITIONS_MAX, Definition, ReceiverStatus};
use serde::{Deserialize, Serialize};
use store::Role;
use utoipa::ToSchema;

use super::access::{Admin, Principal};
use super::document::Document;
use super::error::{ApiError, ErrorBody, blocking};
use super::revision::{self, Seen};
use super::{Shared, State};
use crate::notifications::{self, COLLECTION};

/// A definition, and how its receivers fare.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct NotificationView {
    /// What was configured, without secrets.
    pub definition: Definition,
    /// How each receiver fares, on this node since it began to serve; empty while it is not enabled.
    pub receivers: Vec<ReceiverStatus>,
}

/// What became of a test.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TestOutcome {
    /// Where the receiver is.
    pub place: String,
    /// Why it did not take the event; absent when it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// Every notification, by name. Needs the role operator.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications", responses(
    (status = 200, body = Vec<NotificationView>), (status = 403, body = ErrorBody)
))]
pub async fn list(
    FromState(shared): State,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Vec<NotificationView>>, ApiError> {
    principal.require(Role::Operator)?;
    let definitions = all(&shared).await?;
    let status = shared.notifications.status();
    let view = |definition: Definition| {
        let own = status.iter().find(|status| status.name == definition.name);
        let receivers = own.map(|status| status.receivers.clone()).unwrap_or_default();
        NotificationView { definition: definition.shown(), receivers }
    };
    Ok(Json(definitions.into_iter().map(view).collect()))
}

/// One notification. Needs the role operator.
#[utoipa::path(get, path = "/api/v1/notifications/{name}", tag = "notifications",
    params(("name" = String, Path)), responses(
    (status = 200, body = NotificationView, headers(("ETag" = String, description = "revision of the definition, for `If-Match`"))),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub async fn one(
    state: State,
    principal: Extension<Principal>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let Json(views) = list(state, principal).await?;
    let found = views.into_iter().find(|view| view.definition.name == name);
    let view = found.ok_or_else(|| unknown(&name))?;
    Ok(([(header::ETAG, etag_of(&view.definition)?)], Json(view)).into_response())
}

/// The revision of a definition as it is shown: a hash of its secrets would help to guess them. Whoever
/// sends `***` keeps the secret that is there, so nobody undoes a change of a secret unseen.
fn etag_of(shown: &Definition) -> Result<String, ApiError> {
    Ok(revision::etag(revision::of_content(shown)?))
}

/// Add a notification, or replace it. Needs the role admin.
#[utoipa::path(put, path = "/api/v1/notifications/{name}", tag = "notifications",
    params(
        ("name" = String, Path),
        ("If-Match" = Option<String>, Header, description = "the `ETag` of the one that was edited; without it, whatever is there is replaced"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: it is added, and never replaced"),
    ),
    request_body = Definition, responses(
    (status = 200, body = Definition, description = "it was replaced", headers(("ETag" = String, description = "its new revision"))),
    (status = 201, body = Definition, description = "it was added", headers(("ETag" = String, description = "its revision"))),
    (status = 400, body = ErrorBody, description = "says which value cannot be used"),
    (status = 403, body = ErrorBody),
    (status = 412, body = ErrorBody, description = "somebody else changed, removed or added it meanwhile"),
    (status = 422, body = ErrorBody, description = "names the field that cannot be read"),
    (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn put(
    FromState(shared): State,
    Admin(principal): Admin,
    Path(name): Path<String>,
    seen: Seen,
    Document(definition): Document<Definition>,
) -> Result<Response, ApiError> {
    if definition.name != name {
        let message = format!("the path names '{name}', the body '{}'", definition.name);
        return Err(ApiError::bad_request(message));
    }
    let (is_new, shown) = save(shared, principal, seen, move |_| Ok(definition)).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(header::ETAG, etag_of(&shown)?)], Json(shown)).into_response())
}

/// Remove a notification; what waits for its receivers is dropped. Needs the role admin.
#[utoipa::path(delete, path = "/api/v1/notifications/{name}", tag = "notifications",
    params(
        ("name" = String, Path),
        ("If-Match" = Option<String>, Header, description = "the `ETag` of the one that was seen; without it, whatever is there is removed"),
    ),
    responses(
    (status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 412, body = ErrorBody, description = "somebody else changed it meanwhile"),
    (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn remove(
    FromState(shared): State,
    Admin(principal): Admin,
    Path(name): Path<String>,
    seen: Seen,
) -> Result<StatusCode, ApiError> {
    drop_one(shared, principal, name, seen).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a made-up event to each receiver of a notification, now. Needs the role admin.
#[utoipa::path(post, path = "/api/v1/notifications/{name}/test", tag = "notifications",
    params(("name" = String, Path)), responses(
    (status = 200, body = Vec<TestOutcome>), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)
))]
pub async fn test(
    FromState(shared): State,
    _: Admin,
    Path(name): Path<String>,
) -> Result<Json<Vec<TestOutcome>>, ApiError> {
    let found = all(&shared).await?.into_iter().find(|it| it.name == name);
    let definition = found.ok_or_else(|| unknown(&name))?;
    let outcomes = shared.notifications.test(&definition).await;
    let outcome = |(receiver, outcome): (&notify::Receiver, Result<(), _>)| TestOutcome {
        place: receiver.place(),
        error: outcome.err().map(|error: node::notifier::DeliveryError| error.to_string()),
    };
    Ok(Json(definition.receivers.iter().zip(outcomes).map(outcome).collect()))
}

/// Every definition, with its secrets.
pub(super) async fn all(shared: &Shared) -> Result<Vec<Definition>, ApiError> {
    let store = Arc::clone(&shared.store);
    blocking(move || notifications::definitions(&store)).await
}

/// Keeps what is made of the definitions that there are, and puts it to use; whether it is a new one,
/// and how it is shown.
pub(super) async fn save(
    shared: Arc<Shared>,
    principal: Principal,
    seen: Seen,
    make: impl FnOnce(&[Definition]) -> Result<Definition, ApiError> + Send + 'static,
) -> Result<(bool, Definition), ApiError> {
    // To its end even when the client has gone: what is kept is what is in use.
    let saving = tokio::spawn(async move {
        let _alone = shared.notifications.changing.lock().await;
        let known = all(&shared).await?;
        let mut definition = make(&known)?;
        let old = known.iter().find(|it| it.name == definition.name);
        check_seen(&seen, old, &definition.name)?;
        let refused = |error: notify::DefinitionError| ApiError::bad_request(error.to_string());
        definition.reveal(old).map_err(refused)?;
        definition.validate().map_err(refused)?;
        notifications::Notifications::check_words(&definition).map_err(ApiError::bad_request)?;
        let checked = shared.notifications.check(&definition);
        checked.map_err(|error| ApiError::bad_request(error.to_string()))?;
        if old.is_none() && known.len() >= DEFINITIONS_MAX {
            let message = format!(
                "there are {DEFINITIONS_MAX} notifications already, which is the most; remove one first"
            );
            return Err(ApiError::new(StatusCode::CONFLICT, "conflict", message));
        }
        let text =
            serde_json::to_string(&definition).map_err(|error| ApiError::internal(&error))?;
        shared.writer.put_document(COLLECTION, &definition.name, text).await?;
        load(&shared).await?;
        tracing::info!(name = definition.name, by = principal.user, "notification set");
        Ok((old.is_none(), definition.shown()))
    });
    saving.await.map_err(|panicked| ApiError::internal(&panicked))?
}

/// Removes a definition.
pub(super) async fn drop_one(
    shared: Arc<Shared>,
    principal: Principal,
    name: String,
    seen: Seen,
) -> Result<(), ApiError> {
    let removing = tokio::spawn(async move {
        let _alone = shared.notifications.changing.lock().await;
        if let Some(old) = all(&shared).await?.iter().find(|it| it.name == name) {
            check_seen(&seen, Some(old), &name)?;
        }
        if !shared.writer.remove_document(COLLECTION, &name).await? {
            return Err(unknown(&name));
        }
        load(&shared).await?;
        tracing::info!(name, by = principal.user, "notification removed");
        Ok(())
    });
    removing.await.map_err(|panicked| ApiError::internal(&panicked))?
}

fn check_seen(seen: &Seen, old: Option<&Definition>, name: &str) -> Result<(), ApiError> {
    let current = old.map(|old| etag_of(&old.shown())).transpose()?;
    seen.check(current.as_deref(), &format!("the notification '{name}'"))
}

async fn load(shared: &Arc<Shared>) -> Result<(), ApiError> {
    let shared = Arc::clone(shared);
    blocking(move || shared.notifications.load(&shared.store)).await
}

fn unknown(name: &str) -> ApiError {
    ApiError::not_found(format!("no notification is named '{name}'; see /api/v1/notifications"))
}
