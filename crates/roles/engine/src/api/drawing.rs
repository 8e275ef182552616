//! What is drawn on a floor: replaced as a whole, by whoever saw what is there now.
//!
//! A drawing has no plan, no name and no size: those make a place what it is, and come with an
//! archive. Two people who edit at once cannot undo each other's work: the second is told.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Path, State as FromState};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Mac;
use model::geometry::Segment;
use model::map::{AccessPoint, Chokepoint, Floor, MapId, Maps, Region, Switch, Wall, Zone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Operator;
use super::elements::parse_floor;
use super::error::{ApiError, ErrorBody};
use super::maps::{check_seen, no_floor, put_to_use};
use super::revision::{Seen, etag};
use super::{Shared, State};

/// Everything that is drawn on a floor.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Drawing {
    access_points: Vec<AccessPoint>,
    walls: Vec<Wall>,
    regions: Vec<Region>,
    /// Absent: as they are.
    rails: Option<Vec<Segment>>,
    /// Absent: as they are.
    chokepoints: Option<Vec<Chokepoint>>,
    /// Absent: as they are.
    switches: Option<Vec<Switch>>,
    zones: Vec<Zone>,
}

/// An access point that reports.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportingAccessPoint {
    mac: Mac,
    /// As its controller calls it.
    name: String,
}

/// Access points that report and have no place on any floor.
#[utoipa::path(get, path = "/api/v1/access_points/unplaced", tag = "maps", responses(
    (status = 200, body = Vec<ReportingAccessPoint>)
))]
pub async fn unplaced(FromState(shared): State) -> Json<Vec<ReportingAccessPoint>> {
    let site = shared.site.load();
    let reporting = shared.reporting.read().unwrap_or_else(PoisonError::into_inner);
    let unplaced = reporting.iter().filter(|(mac, _)| !site.has_access_point(**mac));
    let views = unplaced
        .map(|(mac, name)| ReportingAccessPoint { mac: *mac, name: name.to_string() })
        .collect();
    Json(views)
}

/// Replace what is drawn on a floor. Needs the role operator.
#[utoipa::path(put, path = "/api/v1/floors/{id}", tag = "maps",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "the `ETag` of the floor that was edited")),
    request_body = Drawing,
    responses(
        (status = 204, headers(("ETag" = String, description = "the new revision of the maps"))),
        (status = 400, body = ErrorBody, description = "names what is wrong"),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 412, body = ErrorBody, description = "somebody else changed the maps meanwhile"),
        (status = 428, body = ErrorBody, description = "`If-Match` is missing")
    )
)]
pub async fn replace(
    FromState(shared): State,
    Path(id): Path<String>,
    Operator(principal): Operator,
    seen: Seen,
    Json(drawing): Json<Drawing>,
) -> Result<Response, ApiError> {
    let floor = parse_floor(&id)?;
    if !matches!(seen, Seen::Revision(_)) {
        let message = "If-Match is missing: send the ETag of the floor that was edited";
        return Err(ApiError::new(StatusCode::PRECONDITION_REQUIRED, "if_match_required", message));
    }
    // To its end even when the client has gone, as an import of maps.
    let work = tokio::spawn(async move { draw(&shared, floor, &seen, drawing).await });
    let (revision, path) = work.await.map_err(|panicked| ApiError::internal(&panicked))??;
    tracing::info!(user = principal.user, floor = path, revision, "floor drawn");
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, etag(revision))]).into_response())
}

async fn draw(
    shared: &Shared,
    id: MapId,
    seen: &Seen,
    drawing: Drawing,
) -> Result<(u64, String), ApiError> {
    let _alone = shared.importing.lock().await;
    let site = shared.site.load();
    let path = site.floor(id).ok_or_else(|| no_floor(&id.to_string()))?.path();
    check_seen(seen, site.revision)?;
    let mut maps = site.maps.clone();
    let floor = floor_mut(&mut maps, id).ok_or_else(|| no_floor(&id.to_string()))?;
    let Drawing { access_points, walls, regions, rails, chokepoints, switches, zones } = drawing;
    let chokepoints = chokepoints.unwrap_or_else(|| floor.chokepoints.clone());
    let rails = rails.unwrap_or_else(|| floor.rails.clone());
    let switches = switches.unwrap_or_else(|| floor.switches.clone());
    *floor = Floor {
        access_points,
        walls,
        regions,
        rails,
        chokepoints,
        switches,
        zones,
        ..floor.clone()
    };
    maps.validate().map_err(|error| ApiError::bad_request(error.to_string()))?;
    let maps = Arc::new(maps);
    let revision = shared.writer.save_maps(Arc::clone(&maps)).await?;
    put_to_use(shared, revision, maps, Some(id)).await?;
    Ok((revision, path))
}

fn floor_mut(maps: &mut Maps, id: MapId) -> Option<&mut Floor> {
    for campus in &mut maps.campuses {
        for building in &mut campus.buildings {
            for floor in &mut building.floors {
                let path = format!("{}>{}>{}", campus.name, building.name, floor.name);
                if MapId::of(&path) == id {
                    return Some(floor);
                }
            }
        }
    }
    None
}
