//! A JSON body that is refused with the name of the field that cannot be read.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;

/// What somebody configures, as the body of a request. As [`Json`], but a refusal says where and why, and
/// not in which column.
#[derive(Debug, Clone)]
pub struct Document<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Document<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let Json(body) = Json::<Value>::from_request(request, state)
            .await
            .map_err(IntoResponse::into_response)?;
        read(&body).map(Self).map_err(IntoResponse::into_response)
    }
}

fn read<T: DeserializeOwned>(body: &Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let (field, reason) = (error.path().to_string(), error.inner().to_string());
        let is_whole = field == ".";
        let message = if is_whole { reason } else { format!("{field}: {reason}") };
        let refused = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_request", message);
        ApiError { field: Some(field).filter(|_| !is_whole), ..refused }
    })
}

#[cfg(test)]
mod tests {
    use notify::Definition;
    use serde_json::json;

    use super::*;

    fn check(body: &Value, field: Option<&str>, message: &str) {
        let refused = read::<Definition>(body).unwrap_err();
        assert_eq!(refused.field.as_deref(), field, "{}", refused.message);
        assert_eq!(refused.message, message);
    }

    #[test]
    fn the_culprit_and_the_remedy_are_named() {
        let macs = |mac: &str| json!({"name": "x", "conditions": [], "receivers": [], "filter": {"macs": ["00:0c:cc:*", mac]}});
        check(
            &macs("00:0c:c*"),
            Some("filter.macs[1]"),
            "filter.macs[1]: '00:0c:c*' is neither a MAC address nor the beginning of one; write all of it \
             (00:0c:cc:5d:04:01), or whole octets and a star (00:0c:cc:*)",
        );
        check(
            &json!({"name": 7}),
            Some("name"),
            "name: invalid type: integer `7`, expected a string",
        );
        check(&json!({"name": "x"}), None, "missing field `conditions`");
    }
}
