//! Errors of the native API: a status, a code for programs, a message for people.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use node::service::WriteError;
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

use crate::writer::WriteFailure;

/// A pair that does not take a change now may take it after this long. Ours: a failover takes about
/// three seconds.
const WRITE_RETRY_S: u64 = 2;
/// Longest message that is taken over from a layer.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Body of every error.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// Word for programs.
    #[schema(example = "unauthenticated")]
    pub code: &'static str,
    /// Sentence for people: the culprit and the remedy.
    pub message: String,
    /// The field of the body that is at fault, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rules[0].ssid")]
    pub field: Option<String>,
}

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// Word for programs.
    pub code: &'static str,
    /// Sentence for people.
    pub message: String,
    /// The field of the body that is at fault, where that is known.
    pub field: Option<String>,
    /// Seconds to wait before trying again.
    pub retry_after_s: Option<u64>,
}

impl ApiError {
    /// An error with this status, code and message.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, retry_after_s: None }
    }

    /// Something that is not there.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", what)
    }

    /// A request that cannot be understood.
    pub fn bad_request(what: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", what)
    }

    /// A fault of this engine: logged here, where it is handled, and told without its inside.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the engine failed; its log says why",
        )
    }

    fn body(&self) -> ErrorBody {
        let (message, field) = (self.message.clone(), self.field.clone());
        ErrorBody { error: ErrorDetail { code: self.code, message, field } }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::PeerUnknownUser(_) => Self::not_found(error.to_string()),
            StoreError::PeerUserExists(_)
            | StoreError::PeerLastAdmin(_)
            | StoreError::PeerAboveLevel { .. } => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
            StoreError::PeerBadValue { .. }
            | StoreError::ConfigMaps(_)
            | StoreError::ConfigMapsUnreadable(_) => Self::bad_request(error.to_string()),
            other => Self::internal(&other),
        }
    }
}

impl From<WriteFailure> for ApiError {
    fn from(failure: WriteFailure) -> Self {
        let (code, message) = match failure {
            WriteFailure::Store(error) => return error.into(),
            WriteFailure::LocalTask(error) => return Self::internal(&error),
            WriteFailure::Pair(error @ WriteError::Refused(_)) => {
                ("not_written", error.to_string())
            }
            WriteFailure::Pair(error @ WriteError::Unknown) => {
                ("outcome_unknown", error.to_string())
            }
        };
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        Self { retry_after_s: Some(WRITE_RETRY_S), ..error }
    }
}

/// Gives errors that were made before or around a handler (a body that is no JSON, an unknown key, a
/// wrong method, a body over the limit, no answer in time) the body of all others.
pub async fn in_one_form(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let media_type = response.headers().get(header::CONTENT_TYPE);
    // XML is an error of MSE 8 that is written already.
    let is_ours = media_type.is_some_and(|it| {
        ["application/json", "application/xml"]
            .iter()
            .any(|ours| it.as_bytes().starts_with(ours.as_bytes()))
    });
    if !is_error || is_ours {
        return response;
    }
    let (parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, MESSAGE_BYTES_MAX).await.unwrap_or_default();
    let message = match &*text {
        [] => status.canonical_reason().unwrap_or_default().to_owned(),
        text => String::from_utf8_lossy(text).into_owned(),
    };
    let code = match status {
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ if status.is_client_error() => "bad_request",
        _ => "internal",
    };
    let mut response = ApiError::new(status, code, message).into_response();
    for (name, value) in &parts.headers {
        // Others, as `Allow`, stay.
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Runs a blocking call to the store off the event loop.
pub async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(outcome) => outcome.map_err(ApiError::from),
        Err(panicked) => Err(ApiError::internal(&panicked)),
    }
}
