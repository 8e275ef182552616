//! The CMX API over HTTP.

use axum::extract::Request;

use super::error::ApiError;

/// Answers.
pub async fn answer(request: Request) -> ApiError {
    ApiError::not_found(format!("no such resource: {}", request.uri().path()))
}
