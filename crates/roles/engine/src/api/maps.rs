//! Campuses, buildings, floors; import and export of all of them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as FromState};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Category;
use model::map::{Floor, MapId, Maps};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Admin;
use super::elements::parse_floor;
use super::error::{ApiError, ErrorBody};
use super::revision::{Seen, etag};
use super::{Shared, State};
use crate::archive::{self, ArchiveError};
use crate::site::Site;
use crate::tracker::Task;

/// Largest archive that is taken in over HTTP.
pub const ARCHIVE_BYTES_MAX: usize = archive::ARCHIVE_BYTES_MAX as usize;

/// A floor in the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct FloorSummary {
    id: MapId,
    campus: String,
    building: String,
    name: String,
    level: i16,
    /// Metres along x.
    width: f32,
    /// Metres along y.
    length: f32,
    /// Located elements per category.
    counts: BTreeMap<&'static str, usize>,
}

/// A floor with the places it lies in.
#[derive(Debug, Serialize, ToSchema)]
pub struct FloorView {
    id: MapId,
    campus: String,
    building: String,
    floor: Floor,
}

/// What an import brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportSummary {
    /// Campuses.
    pub campuses: usize,
    /// Buildings.
    pub buildings: usize,
    /// Floors.
    pub floors: usize,
    /// Access points with a place.
    pub access_points: usize,
}

impl ImportSummary {
    /// Counts what is in `maps`.
    pub fn of(maps: &Maps) -> Self {
        Self {
            campuses: maps.campuses.len(),
            buildings: maps.campuses.iter().map(|campus| campus.buildings.len()).sum(),
            floors: maps.floors().count(),
            access_points: maps.floors().map(|it| it.floor.access_points.len()).sum(),
        }
    }
}

/// Every floor, with how many elements are on it.
#[utoipa::path(get, path = "/api/v1/floors", tag = "maps", responses(
    (status = 200, body = Vec<FloorSummary>, headers(("ETag" = String, description = "revision of the maps, for `If-Match`")))
))]
pub async fn floors(FromState(shared): State) -> Response {
    let site = shared.site.load();
    let mut counts: BTreeMap<MapId, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for (category, _, tracked) in shared.elements.read().iter() {
        if let Some(position) = tracked.position {
            *counts.entry(position.floor).or_default().entry(category.path()).or_default() += 1;
        }
    }
    let summary = |it: model::map::FloorRef<'_>| {
        let mut own = counts.remove(&it.id()).unwrap_or_default();
        for category in Category::ALL {
            own.entry(category.path()).or_default();
        }
        FloorSummary {
            id: it.id(),
            campus: it.campus.name.clone(),
            building: it.building.name.clone(),
            name: it.floor.name.clone(),
            level: it.floor.level,
            width: it.floor.width.0,
            length: it.floor.length.0,
            counts: own,
        }
    };
    let floors: Vec<FloorSummary> = site.maps.floors().map(summary).collect();
    ([(header::ETAG, etag(site.revision))], Json(floors)).into_response()
}

/// One floor with everything drawn on it.
#[utoipa::path(get, path = "/api/v1/floors/{id}", tag = "maps", params(("id" = String, Path)), responses(
    (status = 200, body = FloorView, headers(("ETag" = String, description = "revision of the maps, for `If-Match`"))),
    (status = 404, body = ErrorBody)
))]
pub async fn floor(FromState(shared): State, Path(id): Path<String>) -> Result<Response, ApiError> {
    let site = shared.site.load();
    let found = site.floor(parse_floor(&id)?).ok_or_else(|| no_floor(&id))?;
    let view = FloorView {
        id: found.id(),
        campus: found.campus.name.clone(),
        building: found.building.name.clone(),
        floor: found.floor.clone(),
    };
    Ok(([(header::ETAG, etag(site.revision))], Json(view)).into_response())
}

/// The plan of a floor.
#[utoipa::path(get, path = "/api/v1/floors/{id}/image", tag = "maps", params(("id" = String, Path)), responses(
    (status = 200, description = "PNG, JPEG or SVG, as `Content-Type` says"), (status = 304), (status = 404, body = ErrorBody)
))]
pub async fn floor_image(
    FromState(shared): State,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let site = shared.site.load();
    let found = site.floor(parse_floor(&id)?).ok_or_else(|| no_floor(&id))?;
    let image = found.floor.image.as_ref();
    let image =
        image.ok_or_else(|| ApiError::not_found(format!("{} has no image", found.path())))?;
    image_response(&shared, &image.sha256, &image.media_type, &headers).await
}

/// An image of the maps by its content, as a response; 304 when the client has it.
pub async fn image_response(
    shared: &Arc<Shared>,
    sha256: &str,
    media_type: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let etag = format!("\"{sha256}\"");
    let is_known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    // A browser takes the headers of a 304 over into what it has: they are the same.
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        image_content(shared, sha256).await?.into_response()
    };
    let response_headers = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response_headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, media_type);
    set(header::ETAG, &etag);
    // The address names the floor, not the content: ask again, cheaply.
    set(header::CACHE_CONTROL, "private, no-cache");
    // An SVG that is opened by itself must not be a page with rights.
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    Ok(response)
}

async fn image_content(shared: &Arc<Shared>, sha256: &str) -> Result<Vec<u8>, ApiError> {
    let (shared, name) = (Arc::clone(shared), sha256.to_owned());
    super::error::blocking(move || {
        let Some(mut file) = shared.store.files().open_file(&name)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        Ok(file.read_to_end(&mut content).is_ok().then_some(content))
    })
    .await?
    .ok_or_else(|| ApiError::not_found("the image file is not there; import the maps again"))
}

/// All maps as one document, the `maps.json` of an archive.
#[utoipa::path(get, path = "/api/v1/maps", tag = "maps", responses((status = 200, body = Maps)))]
pub async fn document(FromState(shared): State) -> Json<Maps> {
    Json(shared.site.load().maps.clone())
}

/// All maps and their images as one archive.
#[utoipa::path(get, path = "/api/v1/maps/archive", tag = "maps", responses(
    (status = 200, description = "a gzip-compressed tar: `maps.json` and `images/`", content_type = "application/gzip",
        headers(("ETag" = String, description = "revision of the maps, for `If-Match`")))
))]
pub async fn export_archive(FromState(shared): State) -> Result<Response, ApiError> {
    let site = shared.site.load();
    let etag = etag(site.revision);
    let export = move || {
        let mut bytes = Vec::new();
        let read_image = |sha256: &str| {
            let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
            let mut file = shared
                .store
                .files()
                .open_file(sha256)
                .map_err(std::io::Error::other)?
                .ok_or_else(missing)?;
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            Ok(content)
        };
        archive::export(&site.maps, read_image, &mut bytes).map(|()| bytes)
    };
    let bytes = in_background(export).await?.map_err(archive_error)?;
    let headers = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"maps.tar.gz\"".to_owned()),
        (header::ETAG, etag),
    ];
    Ok((headers, bytes).into_response())
}

/// Replace all maps by those of an archive. Needs the role admin.
#[utoipa::path(put, path = "/api/v1/maps/archive", tag = "maps",
    params(("If-Match" = Option<String>, Header, description = "the `ETag` of the maps that these replace; without it, whatever is there is replaced")),
    request_body(content_type = "application/gzip", description = "as exported"),
    responses(
        (status = 200, body = ImportSummary),
        (status = 400, body = ErrorBody, description = "names the entry, the image or the line that is wrong"),
        (status = 403, body = ErrorBody),
        (status = 412, body = ErrorBody, description = "somebody else changed the maps meanwhile")
    )
)]
pub async fn import_archive(
    FromState(shared): State,
    Admin(principal): Admin,
    seen: Seen,
    body: Bytes,
) -> Result<Json<ImportSummary>, ApiError> {
    // To its end even when the client has gone: what is on disk, what is in use and what the tracker
    // knows are the same maps.
    let import = tokio::spawn(async move { import(&shared, &seen, body).await });
    let summary = import.await.map_err(|panicked| ApiError::internal(&panicked))??;
    let ImportSummary { floors, access_points, .. } = summary;
    tracing::info!(user = principal.user, floors, access_points, "maps imported");
    Ok(Json(summary))
}

/// One import at a time. Images first, then the document that names them: a crash in between leaves only unused files.
async fn import(shared: &Shared, seen: &Seen, bytes: Bytes) -> Result<ImportSummary, ApiError> {
    let archive =
        in_background(move || archive::import(&bytes[..])).await?.map_err(archive_error)?;
    if archive.maps.floors().next().is_none() {
        let message =
            "maps.json holds no floor; an import replaces all maps, so nothing was imported";
        return Err(ApiError::bad_request(message));
    }
    let _alone = shared.importing.lock().await;
    check_seen(seen, shared.site.load().revision)?;
    for content in archive.images.into_values() {
        shared.writer.put_file(content).await?;
    }
    let summary = ImportSummary::of(&archive.maps);
    let maps = Arc::new(archive.maps);
    let revision = shared.writer.save_maps(Arc::clone(&maps)).await?;
    put_to_use(shared, revision, maps, None).await?;
    Ok(summary)
}

/// Refuses a change of maps that are not what was seen.
pub fn check_seen(seen: &Seen, revision: u64) -> Result<(), ApiError> {
    let refused = |error| ApiError { code: "maps_changed", ..error };
    seen.check(Some(&etag(revision)), "the maps").map_err(refused)
}

/// Makes saved maps those in use; the tracker forgets the positions on `changed`, or all of them. The
/// caller holds `shared.importing`.
pub async fn put_to_use(
    shared: &Shared,
    revision: u64,
    maps: Arc<Maps>,
    changed: Option<MapId>,
) -> Result<(), ApiError> {
    let maps = Arc::unwrap_or_clone(maps);
    let site = in_background(move || Site::new(revision, maps)).await?;
    shared.site.replace(site);
    // The tracker is gone only when the engine stops.
    let _ = shared.tasks.send(Task::SiteChanged(changed)).await;
    // What the survey says of the new maps follows: it can take longer than a person waits.
    shared.surveying.calibrate();
    Ok(())
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|panicked| ApiError::internal(&panicked))
}

fn archive_error(error: ArchiveError) -> ApiError {
    match error {
        ArchiveError::LocalImage { .. } | ArchiveError::LocalWrite(_) => ApiError::internal(&error),
        peer => ApiError::bad_request(peer.to_string()),
    }
}

/// There is no such floor.
pub fn no_floor(id: &str) -> ApiError {
    ApiError::not_found(format!("no floor has the id {id}; see /api/v1/floors"))
}
