//! Clients at known places of a floor: survey points that renew themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as FromState};
use axum::http::StatusCode;
use model::geometry::Point;
use model::{Category, Mac, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::access::Operator;
use super::elements::{parse_category, parse_mac};
use super::error::{ApiError, ErrorBody};
use super::survey::{check_place, find_floor};
use crate::survey::known::{self, KnownClient};

/// A client that stays at a known place.
#[derive(Debug, Serialize, ToSchema)]
pub struct KnownClientView {
    /// As in the list of elements.
    category: Category,
    /// Its address.
    mac: Mac,
    /// The place on the floor.
    at: Point,
    /// When it was heard there last for the survey; absent until it was.
    taken: Option<Time>,
    /// How many access points heard it then.
    access_points: usize,
}

/// Where a client stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownPlace {
    /// The place on the floor.
    at: Point,
}

impl From<&KnownClient> for KnownClientView {
    fn from(client: &KnownClient) -> Self {
        let mut aps: Vec<Mac> = client.readings.iter().map(|it| it.ap).collect();
        aps.sort_unstable();
        aps.dedup();
        let &KnownClient { category, mac, at, taken, .. } = client;
        Self { category, mac, at, taken, access_points: aps.len() }
    }
}

/// The clients at known places of a floor.
#[utoipa::path(get, path = "/api/v1/floors/{id}/known_clients", tag = "survey", params(("id" = String, Path)),
    responses((status = 200, body = Vec<KnownClientView>), (status = 404, body = ErrorBody))
)]
pub async fn list(
    FromState(shared): State,
    Path(id): Path<String>,
) -> Result<Json<Vec<KnownClientView>>, ApiError> {
    let (floor, _) = find_floor(&shared, &id)?;
    let known = known::read(&shared).await?;
    Ok(Json(known.iter().filter(|it| it.floor == floor).map(KnownClientView::from).collect()))
}

/// Say that a client stays at a place: it becomes a survey point that renews itself hourly. Needs the
/// role operator.
#[utoipa::path(put, path = "/api/v1/floors/{id}/known_clients/{category}/{mac}", tag = "survey",
    params(("id" = String, Path), ("category" = String, Path), ("mac" = String, Path)),
    request_body = KnownPlace,
    responses(
        (status = 200, body = KnownClientView), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)
    )
)]
pub async fn put(
    FromState(shared): State,
    Path((id, category, mac)): Path<(String, String, String)>,
    Operator(principal): Operator,
    Json(KnownPlace { at }): Json<KnownPlace>,
) -> Result<Json<KnownClientView>, ApiError> {
    let (floor, drawn) = find_floor(&shared, &id)?;
    let (category, mac) = (parse_category(&category)?, parse_mac(&mac)?);
    if category == Category::WiredClient {
        let message = "no access point hears a wired client; its switch port says where it is";
        return Err(ApiError::bad_request(message));
    }
    check_place(at, &drawn)?;
    let client = KnownClient { category, mac, floor, at, taken: None, readings: Vec::new() };
    let view = KnownClientView::from(&client);
    let writing = Arc::clone(&shared);
    let put = tokio::spawn(async move { known::put(&writing, client).await });
    put.await.map_err(|panicked| ApiError::internal(&panicked))??;
    tracing::info!(user = principal.user, floor = id, %mac, "client at a known place");
    Ok(Json(view))
}

/// Say that a client does not stay there any more. Needs the role operator.
#[utoipa::path(delete, path = "/api/v1/floors/{id}/known_clients/{category}/{mac}", tag = "survey",
    params(("id" = String, Path), ("category" = String, Path), ("mac" = String, Path)),
    responses(
        (status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)
    )
)]
pub async fn remove(
    FromState(shared): State,
    Path((id, category, mac)): Path<(String, String, String)>,
    Operator(principal): Operator,
) -> Result<StatusCode, ApiError> {
    let (floor, _) = find_floor(&shared, &id)?;
    let (category, mac) = (parse_category(&category)?, parse_mac(&mac)?);
    known::remove(&shared, floor, (category, mac)).await?;
    tracing::info!(user = principal.user, floor = id, %mac, "client at a known place removed");
    Ok(StatusCode::NO_CONTENT)
}
