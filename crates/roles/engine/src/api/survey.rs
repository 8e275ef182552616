//! The survey of a floor and what it has taught: points taken, listed, removed, brought in and out.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as FromState};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::geometry::Point;
use model::map::{Floor, FloorRef, MapId};
use model::survey::{SurveyPoint, SurveyReading};
use model::{Mac, Time};
use node::clock;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Operator;
use super::elements::{parse_category, parse_floor, parse_mac};
use super::error::{ApiError, ErrorBody};
use super::maps::no_floor;
use super::{Shared, State};
use crate::site::Site;
use crate::survey::{self, HEARD_WITHIN_MS, SurveyFailure, csv};

/// A survey point with its number on the floor.
#[derive(Debug, Serialize, ToSchema)]
pub struct SurveyPointView {
    /// From 0, in the order they were taken.
    number: usize,
    /// The point.
    #[serde(flatten)]
    point: SurveyPoint,
}

/// A point to take: what an element is heard with now, or readings that somebody else took.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPoint {
    /// The place on the floor.
    at: Point,
    /// The element that is carried; it is there now.
    element: Option<CarriedElement>,
    /// What was heard there; instead of an element.
    readings: Option<Vec<SurveyReading>>,
    /// The device that was heard, beside readings.
    #[serde(default)]
    device: String,
}

/// An element that somebody carries.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CarriedElement {
    /// As in the list of elements.
    category: String,
    /// Any form.
    mac: String,
}

/// Which point exactly.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct RemoveQuery {
    /// When it was taken: the point is removed only if that is so.
    taken: Option<u64>,
}

/// What an import brought.
#[derive(Debug, Serialize, ToSchema)]
pub struct SurveyImport {
    /// How many points the survey has now.
    points: usize,
    /// How many access points heard them that are on no map: mistyped, or without a known place.
    unplaced_access_points: usize,
}

/// How a floor is located, and how well.
#[derive(Debug, Serialize, ToSchema)]
pub struct Calibration {
    /// Survey points that were learnt from.
    points: usize,
    /// Points that are needed at least.
    points_min: usize,
    /// `none`, `model`, `radio_map`, `fingerprints` or `radio_map_and_fingerprints`.
    method: &'static str,
    /// Mean error in metres of points that were left out and looked for.
    error_mean_m: Option<f32>,
    /// The error that nine in ten of them did not exceed.
    error_p90_m: Option<f32>,
    /// Access points that were heard best somewhere else.
    misplaced: Vec<MisplacedView>,
}

/// The same of one of several floors.
#[derive(Debug, Serialize, ToSchema)]
pub struct FloorCalibration {
    /// The id of the floor.
    floor: MapId,
    #[serde(flatten)]
    calibration: Calibration,
}

/// An access point that is probably not where the maps have it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MisplacedView {
    mac: Mac,
    name: String,
    /// From its place on the maps to where it probably is.
    distance_m: f32,
    /// Where it probably is.
    likely: Point,
}

/// The survey points of a floor.
#[utoipa::path(get, path = "/api/v1/floors/{id}/survey", tag = "survey", params(("id" = String, Path)), responses(
    (status = 200, body = Vec<SurveyPointView>), (status = 404, body = ErrorBody)
))]
pub async fn list(
    FromState(shared): State,
    Path(id): Path<String>,
) -> Result<Json<Vec<SurveyPointView>>, ApiError> {
    let (floor, _) = find_floor(&shared, &id)?;
    let points = read(&shared, floor).await?;
    let view = |(number, point)| SurveyPointView { number, point };
    Ok(Json(points.into_iter().enumerate().map(view).collect()))
}

/// Take a survey point. Needs the role operator.
#[utoipa::path(post, path = "/api/v1/floors/{id}/survey", tag = "survey", params(("id" = String, Path)),
    request_body = NewPoint,
    responses(
        (status = 201, body = SurveyPointView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "the element is not heard now")
    )
)]
pub async fn add(
    FromState(shared): State,
    Path(id): Path<String>,
    Operator(principal): Operator,
    Json(new): Json<NewPoint>,
) -> Result<(StatusCode, Json<SurveyPointView>), ApiError> {
    let (floor, drawn) = find_floor(&shared, &id)?;
    let NewPoint { at, element, readings, device } = new;
    let now = clock::wall();
    let (device, readings) = match (element, readings) {
        (Some(element), None) => heard_now(&shared, &element, now)?,
        (None, Some(readings)) => (device, readings),
        _ => {
            let message = "a point needs either an element that is heard now, or readings";
            return Err(ApiError::bad_request(message));
        }
    };
    if device.len() > csv::TEXT_BYTES_MAX {
        let max = csv::TEXT_BYTES_MAX;
        return Err(ApiError::bad_request(format!("a device is named in at most {max} bytes")));
    }
    check_place(at, &drawn)?;
    let point = SurveyPoint { floor, at, taken: now, device, readings };
    point.validate().map_err(|error| ApiError::bad_request(error.to_string()))?;
    let number = survey::add(&shared, point.clone()).await?;
    tracing::debug!(user = principal.user, floor = id, number, "survey point taken");
    Ok((StatusCode::CREATED, Json(SurveyPointView { number, point })))
}

/// Remove all survey points of a floor. Needs the role operator.
#[utoipa::path(delete, path = "/api/v1/floors/{id}/survey", tag = "survey", params(("id" = String, Path)), responses(
    (status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub async fn clear(
    FromState(shared): State,
    Path(id): Path<String>,
    Operator(principal): Operator,
) -> Result<StatusCode, ApiError> {
    let (floor, _) = find_floor(&shared, &id)?;
    survey::replace(&shared, floor, Vec::new()).await?;
    tracing::info!(user = principal.user, floor = id, "survey points removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Remove one survey point. Needs the role operator.
#[utoipa::path(delete, path = "/api/v1/floors/{id}/survey/{number}", tag = "survey",
    params(("id" = String, Path), ("number" = usize, Path), RemoveQuery),
    responses(
        (status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "another point has this number now")
    )
)]
pub async fn remove(
    FromState(shared): State,
    Path((id, number)): Path<(String, usize)>,
    Query(RemoveQuery { taken }): Query<RemoveQuery>,
    Operator(principal): Operator,
) -> Result<StatusCode, ApiError> {
    let (floor, _) = find_floor(&shared, &id)?;
    let is_it = |point: &SurveyPoint| taken.is_none_or(|taken| point.taken == Time(taken));
    survey::remove(&shared, floor, number, is_it).await?;
    tracing::debug!(user = principal.user, floor = id, number, "survey point removed");
    Ok(StatusCode::NO_CONTENT)
}

/// The survey of a floor as CSV.
#[utoipa::path(get, path = "/api/v1/floors/{id}/survey.csv", tag = "survey", params(("id" = String, Path)), responses(
    (status = 200, description = "`x,y,ap,band,rssi,device,point`, one line for each reading", content_type = "text/csv"),
    (status = 404, body = ErrorBody)
))]
pub async fn export_csv(
    FromState(shared): State,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (floor, _) = find_floor(&shared, &id)?;
    let text = csv::write(&read(&shared, floor).await?);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"survey.csv\""),
    ];
    Ok((headers, text).into_response())
}

/// Replace the survey of a floor by that of a CSV file. Needs the role operator.
#[utoipa::path(put, path = "/api/v1/floors/{id}/survey.csv", tag = "survey", params(("id" = String, Path)),
    request_body(content_type = "text/csv", description = "`x,y,ap,band,rssi[,device][,point]`, one line for each reading"),
    responses(
        (status = 200, body = SurveyImport),
        (status = 400, body = ErrorBody, description = "names the line that is wrong; nothing is changed"),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)
    )
)]
pub async fn import_csv(
    FromState(shared): State,
    Path(id): Path<String>,
    Operator(principal): Operator,
    body: Bytes,
) -> Result<Json<SurveyImport>, ApiError> {
    let (floor, drawn) = find_floor(&shared, &id)?;
    let now = clock::wall();
    let read = tokio::task::spawn_blocking(move || csv::read(&body, floor, &drawn, now));
    let points = read.await.map_err(|panicked| ApiError::internal(&panicked))?;
    let points = points.map_err(|error| ApiError::bad_request(error.to_string()))?;
    let count = points.len();
    let heard: BTreeSet<Mac> = points.iter().flat_map(|it| &it.readings).map(|it| it.ap).collect();
    let site = shared.site.load();
    let unplaced = heard.iter().filter(|ap| !site.has_access_point(**ap)).count();
    let replace = tokio::spawn(async move { survey::replace(&shared, floor, points).await });
    replace.await.map_err(|panicked| ApiError::internal(&panicked))??;
    tracing::info!(user = principal.user, floor = id, points = count, "survey imported");
    Ok(Json(SurveyImport { points: count, unplaced_access_points: unplaced }))
}

/// How a floor is located and how well, as its own survey shows.
#[utoipa::path(get, path = "/api/v1/floors/{id}/calibration", tag = "survey", params(("id" = String, Path)), responses(
    (status = 200, body = Calibration), (status = 404, body = ErrorBody)
))]
pub async fn calibration(
    FromState(shared): State,
    Path(id): Path<String>,
) -> Result<Json<Calibration>, ApiError> {
    let site = shared.site.load();
    let place = site.floor(parse_floor(&id)?).ok_or_else(|| no_floor(&id))?;
    Ok(Json(calibration_of(&site, place)))
}

/// How every floor is located and how well, for comparing them.
#[utoipa::path(get, path = "/api/v1/calibration", tag = "survey", responses(
    (status = 200, body = Vec<FloorCalibration>)
))]
pub async fn calibrations(FromState(shared): State) -> Json<Vec<FloorCalibration>> {
    let site = shared.site.load();
    let of = |place: FloorRef<'_>| FloorCalibration {
        floor: place.id(),
        calibration: calibration_of(&site, place),
    };
    Json(site.maps.floors().map(of).collect())
}

fn calibration_of(site: &Site, place: FloorRef<'_>) -> Calibration {
    let floor = place.id();
    let quality = site.locator.quality(floor);
    let misplaced = site.misplaced(floor).map(|it| {
        let ap = place.floor.access_points.iter().find(|ap| ap.mac == it.ap);
        let name = ap.map_or_else(String::new, |ap| ap.name.clone());
        MisplacedView { mac: it.ap, name, distance_m: it.distance, likely: it.likely }
    });
    Calibration {
        points: site.survey_points(floor),
        points_min: locate::POINTS_MIN,
        method: quality.map_or("none", |it| it.method.name()),
        error_mean_m: quality.map(|it| it.error_mean),
        error_p90_m: quality.map(|it| it.error_p90),
        misplaced: misplaced.collect(),
    }
}

/// What an element is heard with now.
fn heard_now(
    shared: &Shared,
    element: &CarriedElement,
    now: Time,
) -> Result<(String, Vec<SurveyReading>), ApiError> {
    let (category, mac) = (parse_category(&element.category)?, parse_mac(&element.mac)?);
    let not_heard = |why: String| ApiError::new(StatusCode::CONFLICT, "not_heard", why);
    let readings = survey::heard(shared, category, mac, now);
    let elements = shared.elements.read();
    let tracked = elements.find(category, mac).ok_or_else(|| {
        not_heard(format!("nobody hears {mac}; is its radio on, and is it among the elements?"))
    })?;
    if readings.is_empty() {
        let ago_s = now.since_ms(tracked.readings.newest().unwrap_or(tracked.first_seen)) / 1_000;
        let within_s = HEARD_WITHIN_MS / 1_000;
        return Err(not_heard(format!(
            "{mac} was last heard {ago_s} s ago, and {within_s} s is the most; let it send something and try again"
        )));
    }
    Ok((mac.to_string(), readings))
}

/// An error unless a place is on a floor.
pub(super) fn check_place(at: Point, floor: &Floor) -> Result<(), ApiError> {
    let (width, length) = (floor.width.0, floor.length.0);
    if (0.0..=width).contains(&at.x) && (0.0..=length).contains(&at.y) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "the place ({}, {}) is outside the floor, which is {width} x {length} m",
        at.x, at.y
    )))
}

pub(super) fn find_floor(shared: &Shared, id: &str) -> Result<(MapId, Floor), ApiError> {
    let site = shared.site.load();
    let floor = parse_floor(id)?;
    let found = site.floor(floor).ok_or_else(|| no_floor(id))?;
    Ok((floor, found.floor.clone()))
}

async fn read(shared: &Shared, floor: MapId) -> Result<Vec<SurveyPoint>, ApiError> {
    let store = std::sync::Arc::clone(&shared.store);
    let read = tokio::task::spawn_blocking(move || survey::points(&store, floor));
    Ok(read.await.map_err(|panicked| ApiError::internal(&panicked))??)
}

impl From<SurveyFailure> for ApiError {
    fn from(failure: SurveyFailure) -> Self {
        match failure {
            SurveyFailure::PeerTooMany | SurveyFailure::PeerTooManyKnown => {
                Self::bad_request(failure.to_string())
            }
            SurveyFailure::PeerNoKnown(_) => {
                Self::new(StatusCode::NOT_FOUND, "not_found", failure.to_string())
            }
            SurveyFailure::PeerNoPoint => {
                Self::new(StatusCode::CONFLICT, "no_such_point", failure.to_string())
            }
            SurveyFailure::LocalDocument { .. } => Self::internal(&failure),
            SurveyFailure::Write(error) => error.into(),
        }
    }
}
