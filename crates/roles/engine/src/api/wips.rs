//! Intrusions: incidents, access points of others, sensors, and the profile of the wIPS service.
//!
//! Times of capture are microseconds, as incidents have them; all others are milliseconds, as everywhere.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as FromState};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Mac, Time};
use node::clock;
use serde::{Deserialize, Serialize};
use store::FILE_BYTES_MAX;
use utoipa::{IntoParams, ToSchema};
use wips::incident::Class;
use wips::profile::rogue::RogueClass;
use wips::{Kind, Severity};

use super::access::{Admin, Operator};
use super::error::{ApiError, ErrorBody, blocking};
use super::revision::{self, Seen};
use super::{Shared, State};
use crate::wips::records::{Record, Wanted};
use crate::wips::sensors::Known;
use crate::wips::trust::{self, BadProfile, Set};
use crate::wips::{Guard, KeepError};

pub mod views;

use views::{Article, IncidentView, RogueView, SensorView, Viewer};

/// Incidents of one page at most.
const PAGE_MAX: usize = 500;
/// Incidents of one page.
const PAGE: usize = 100;
/// Longest text that is searched for, in bytes. Ours: a name of a network has 32.
const TEXT_BYTES_MAX: usize = 64;
/// Longest name of a class of the owner's own, in bytes. Ours.
const CUSTOM_BYTES_MAX: usize = 64;

/// How the service is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct WipsSummary {
    /// `up`, `down` when it has stopped, `off` when it is not configured.
    pub state: String,
    /// Sensors by state.
    pub sensors: SensorCounts,
    /// Distinct access points that are sensors and nothing else.
    pub monitor_mode_aps: usize,
    /// Distinct access points that serve clients and are sensors besides.
    pub local_mode_aps: usize,
    /// Incidents that go on, by severity.
    pub incidents: BTreeMap<String, usize>,
    /// Packets that were looked at.
    pub packets: u64,
    /// Packets that another sensor had heard before.
    pub copies: u64,
    /// Packets whose check sequence is wrong.
    pub damaged: u64,
    /// Packets that there was no room for.
    pub dropped: u64,
    /// Packets that came when younger ones had been looked at.
    pub late: u64,
    /// Detections and changes that there was no room for.
    pub detections_dropped: u64,
    /// Addresses and networks that are followed.
    pub known: usize,
}

/// Sensors by state.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct SensorCounts {
    /// That capture.
    pub capturing: usize,
    /// That nothing comes from.
    pub silent: usize,
    /// That cannot capture.
    pub failed: usize,
    /// That have come to their end.
    pub ended: usize,
}

/// How the service is.
#[utoipa::path(get, path = "/api/v1/wips/summary", tag = "wips", responses((status = 200, body = WipsSummary)))]
pub async fn summary(FromState(shared): State) -> Json<WipsSummary> {
    Json(summary_of(&shared))
}

/// How the service is; also when it is off.
pub(super) fn summary_of(shared: &Shared) -> WipsSummary {
    let severities =
        [Severity::Critical, Severity::Major, Severity::Minor, Severity::Informational];
    let Some(guard) = &shared.wips else {
        return WipsSummary {
            state: "off".to_owned(),
            sensors: SensorCounts::default(),
            monitor_mode_aps: 0,
            local_mode_aps: 0,
            incidents: severities.iter().map(|it| (it.name().to_owned(), 0)).collect(),
            packets: 0,
            copies: 0,
            damaged: 0,
            dropped: 0,
            late: 0,
            detections_dropped: 0,
            known: 0,
        };
    };
    let (tally, open, seen) = (guard.tally(), guard.records().tally(), guard.seen());
    let count = |it: &Severity| (it.name().to_owned(), open.get(it).copied().unwrap_or(0));
    WipsSummary {
        state: if guard.is_up() { "up" } else { "down" }.to_owned(),
        sensors: SensorCounts {
            capturing: tally.capturing,
            silent: tally.silent,
            failed: tally.failed,
            ended: tally.ended,
        },
        monitor_mode_aps: tally.monitor_mode_aps,
        local_mode_aps: tally.local_mode_aps,
        incidents: severities.iter().map(count).collect(),
        packets: seen.counts.packets,
        copies: seen.counts.copies,
        damaged: seen.counts.damaged,
        dropped: guard.dropped(),
        late: seen.late,
        detections_dropped: seen.counts.dropped,
        known: seen.counts.known,
    }
}

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct IncidentsQuery {
    /// `open` (those that go on), `closed` or `all`, which it is when it is absent.
    #[serde(default)]
    standing: String,
    /// At least so bad: `informational`, `minor`, `major` or `critical`.
    #[serde(default)]
    severity: String,
    /// With this kind among what was seen, as `/api/v1/wips/kinds` has it.
    #[serde(default)]
    kind: String,
    /// With a kind of this class among what was seen.
    #[serde(default)]
    class: String,
    /// A part of an address or of the name of the network.
    #[serde(default)]
    q: String,
    /// That went on at this time or later; milliseconds.
    from: Option<u64>,
    /// That had begun by then; milliseconds.
    to: Option<u64>,
    /// Incidents on the page, at most 500.
    limit: Option<usize>,
    /// Only those with a lower number, as `next_before` of the page before says.
    before: Option<u64>,
}

/// One page of incidents, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentPage {
    /// The incidents.
    incidents: Vec<IncidentView>,
    /// What to ask for with `before` for the next page; null on the last one.
    next_before: Option<u64>,
}

/// Incidents, newest first.
#[utoipa::path(get, path = "/api/v1/wips/incidents", tag = "wips", params(IncidentsQuery), responses(
    (status = 200, body = IncidentPage), (status = 400, body = ErrorBody)
))]
pub async fn incidents(
    FromState(shared): State,
    Query(query): Query<IncidentsQuery>,
) -> Result<Json<IncidentPage>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::bad_request(format!("limit is 1 to {PAGE_MAX}")));
    }
    let wanted = wanted(&query)?;
    let guard = on(&shared)?;
    in_background(move || {
        let (records, next_before) = guard.records().list(&wanted, limit);
        let mut viewer = Viewer::new(&shared, &guard);
        let incidents = records.into_iter().map(|it| viewer.incident(it)).collect();
        IncidentPage { incidents, next_before }
    })
    .await
}

fn wanted(query: &IncidentsQuery) -> Result<Wanted, ApiError> {
    let is_open = match query.standing.as_str() {
        "open" => Some(true),
        "closed" => Some(false),
        "all" | "" => None,
        other => {
            let message = format!("standing '{other}'; use open, closed or all");
            return Err(ApiError::bad_request(message));
        }
    };
    if query.q.len() > TEXT_BYTES_MAX {
        return Err(ApiError::bad_request(format!("q has at most {TEXT_BYTES_MAX} bytes")));
    }
    Ok(Wanted {
        is_open,
        severity: word::<Severity>("severity", &query.severity)?.unwrap_or_default(),
        kind: word::<Kind>("kind", &query.kind)?,
        class: word::<Class>("class", &query.class)?,
        text: query.q.trim().to_lowercase(),
        from: Time(query.from.unwrap_or(0)),
        to: query.to.map(Time),
        before: query.before,
    })
}

/// A word of the crate, as its JSON has it.
fn word<T: serde::de::DeserializeOwned>(what: &str, word: &str) -> Result<Option<T>, ApiError> {
    if word.is_empty() {
        return Ok(None);
    }
    let read = serde_json::from_value(serde_json::Value::from(word));
    read.map(Some).map_err(|error| {
        let error = error.to_string();
        let error: String = error.chars().take(400).collect();
        ApiError::bad_request(format!("{what}: {error}"))
    })
}

/// One incident.
#[utoipa::path(get, path = "/api/v1/wips/incidents/{id}", tag = "wips", params(("id" = u64, Path)), responses(
    (status = 200, body = IncidentView), (status = 404, body = ErrorBody)
))]
pub async fn incident(
    FromState(shared): State,
    Path(id): Path<u64>,
) -> Result<Json<IncidentView>, ApiError> {
    let guard = on(&shared)?;
    let record = guard.records().find(id).ok_or(KeepError::PeerUnknown(id))?;
    viewed(shared, guard, record).await
}

async fn viewed(
    shared: Arc<Shared>,
    guard: Guard,
    record: Record,
) -> Result<Json<IncidentView>, ApiError> {
    in_background(move || Viewer::new(&shared, &guard).incident(record)).await
}

/// What is said with a word on an incident.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentWord {
    /// A note, which replaces the one before; at most 2,048 bytes.
    #[serde(default)]
    note: Option<String>,
}

/// Look after an incident. Needs the role operator.
#[utoipa::path(post, path = "/api/v1/wips/incidents/{id}/acknowledge", tag = "wips",
    params(("id" = u64, Path)), request_body = IncidentWord, responses(
    (status = 200, body = IncidentView), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn acknowledge(
    FromState(shared): State,
    Operator(principal): Operator,
    Path(id): Path<u64>,
    word: Option<Json<IncidentWord>>,
) -> Result<Json<IncidentView>, ApiError> {
    let guard = on(&shared)?;
    let note = word.and_then(|Json(word)| word.note);
    let (writer, acting, user) = (shared.writer.clone(), guard.clone(), principal.user);
    let saying = async move { acting.acknowledge(&writer, id, &user, note).await };
    said(shared, guard, saying).await
}

/// Say that an incident is over; what comes after is a new one. Needs the role operator.
#[utoipa::path(post, path = "/api/v1/wips/incidents/{id}/clear", tag = "wips",
    params(("id" = u64, Path)), request_body = IncidentWord, responses(
    (status = 200, body = IncidentView), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn clear(
    FromState(shared): State,
    Operator(principal): Operator,
    Path(id): Path<u64>,
    word: Option<Json<IncidentWord>>,
) -> Result<Json<IncidentView>, ApiError> {
    let guard = on(&shared)?;
    let note = word.and_then(|Json(word)| word.note);
    let (writer, acting, user) = (shared.writer.clone(), guard.clone(), principal.user);
    let saying = async move { acting.clear(&writer, id, &user, note).await };
    said(shared, guard, saying).await
}

/// What became of an incident that somebody says something of. It is said to its end even when the client
/// has gone: what is kept is what is known.
async fn said(
    shared: Arc<Shared>,
    guard: Guard,
    saying: impl Future<Output = Result<Record, KeepError>> + Send + 'static,
) -> Result<Json<IncidentView>, ApiError> {
    let record = tokio::spawn(saying).await.map_err(|panicked| ApiError::internal(&panicked))??;
    viewed(shared, guard, record).await
}

/// What was captured around an incident, as pcapng.
#[utoipa::path(get, path = "/api/v1/wips/incidents/{id}/forensics", tag = "wips",
    params(("id" = u64, Path)), responses(
    (status = 200, content_type = "application/x-pcapng"), (status = 404, body = ErrorBody)
))]
pub async fn forensics(
    FromState(shared): State,
    Path(id): Path<u64>,
) -> Result<Response, ApiError> {
    let guard = on(&shared)?;
    let record = guard.records().find(id).ok_or(KeepError::PeerUnknown(id))?;
    let none = || {
        ApiError::not_found(format!(
            "nothing was kept of what was captured around incident {id}; seconds after it began there may be"
        ))
    };
    let name = record.forensics.ok_or_else(none)?.sha256;
    let content = blocking(move || {
        let Some(file) = shared.store.files().open_file(&name)? else { return Ok(None) };
        let mut content = Vec::new();
        // The name says what is in it; a file that cannot be read is as one that is not there.
        let read = file.take(FILE_BYTES_MAX as u64).read_to_end(&mut content);
        Ok(read.is_ok().then_some(content))
    })
    .await?
    .ok_or_else(none)?;
    let disposition = format!("attachment; filename=\"incident-{id}.pcapng\"");
    let headers = [
        (header::CONTENT_TYPE, "application/x-pcapng".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, content).into_response())
}

/// Access points of others.
#[derive(Debug, Serialize, ToSchema)]
pub struct RogueList {
    /// By their addresses.
    rogues: Vec<RogueView>,
}

/// Access points that are heard and not of the infrastructure, by address.
#[utoipa::path(get, path = "/api/v1/wips/rogues", tag = "wips", responses((status = 200, body = RogueList)))]
pub async fn rogues(FromState(shared): State) -> Result<Json<RogueList>, ApiError> {
    let guard = on(&shared)?;
    in_background(move || {
        let (rogues, classes) = (guard.seen().rogues, guard.classes());
        let mut viewer = Viewer::new(&shared, &guard);
        let view = |(rogue, verdict): &(_, _)| viewer.rogue(rogue, verdict, &classes);
        RogueList { rogues: rogues.iter().map(view).collect() }
    })
    .await
}

/// The class that a person gives.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassWord {
    /// `friendly`, `malicious`, `unclassified` or `custom`.
    #[schema(value_type = String)]
    class: RogueClass,
    /// What it is called, when it is `custom`.
    #[serde(default)]
    custom: Option<String>,
}

/// Give an access point of others a class, which wins over the rules. Needs the role operator.
#[utoipa::path(put, path = "/api/v1/wips/rogues/{bssid}/class", tag = "wips",
    params(("bssid" = String, Path)), request_body = ClassWord, responses(
    (status = 204), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn classify(
    FromState(shared): State,
    Operator(principal): Operator,
    Path(bssid): Path<String>,
    Json(ClassWord { class, custom }): Json<ClassWord>,
) -> Result<StatusCode, ApiError> {
    let custom = custom.filter(|_| class == RogueClass::Custom);
    if custom.as_ref().is_some_and(|it| it.is_empty() || it.len() > CUSTOM_BYTES_MAX) {
        return Err(ApiError::bad_request(format!("custom has 1 to {CUSTOM_BYTES_MAX} bytes")));
    }
    let set = Set { class, custom, by: principal.user, at: clock::wall() };
    set_class(&shared, &bssid, Some(set)).await
}

/// Give an access point of others back to the rules. Needs the role operator.
#[utoipa::path(delete, path = "/api/v1/wips/rogues/{bssid}/class", tag = "wips",
    params(("bssid" = String, Path)), responses(
    (status = 204), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn unclassify(
    FromState(shared): State,
    _: Operator,
    Path(bssid): Path<String>,
) -> Result<StatusCode, ApiError> {
    set_class(&shared, &bssid, None).await
}

async fn set_class(shared: &Shared, bssid: &str, set: Option<Set>) -> Result<StatusCode, ApiError> {
    let bssid: Mac =
        bssid.parse().map_err(|_| ApiError::bad_request(format!("'{bssid}' is no MAC address")))?;
    let (guard, writer) = (on(shared)?, shared.writer.clone());
    let setting = tokio::spawn(async move { guard.set_class(&writer, bssid, set).await });
    setting.await.map_err(|panicked| ApiError::internal(&panicked))??;
    Ok(StatusCode::NO_CONTENT)
}

/// Sensors.
#[derive(Debug, Serialize, ToSchema)]
pub struct SensorList {
    /// By controller and number.
    sensors: Vec<SensorView>,
}

/// The sensors of all controllers.
#[utoipa::path(get, path = "/api/v1/wips/sensors", tag = "wips", responses((status = 200, body = SensorList)))]
pub async fn sensors(FromState(shared): State) -> Result<Json<SensorList>, ApiError> {
    let guard = on(&shared)?;
    let site = shared.site.load();
    let mut sensors: Vec<SensorView> = {
        let connected = guard.connected();
        let known = guard.sensors().read();
        let view = |(id, known): (&wips::SensorId, &Known)| {
            let is_up = connected.contains(&*known.controller);
            SensorView::new(*id, known, is_up, &site)
        };
        known.iter().map(view).collect()
    };
    sensors.sort_by(|a, b| a.place_in_list().cmp(&b.place_in_list()));
    Ok(Json(SensorList { sensors }))
}

/// The encyclopaedia.
#[derive(Debug, Serialize, ToSchema)]
pub struct KindList {
    /// In the order of the encyclopaedia.
    kinds: Vec<Article>,
}

/// What can be seen, what it means, and what to do about it.
#[utoipa::path(get, path = "/api/v1/wips/kinds", tag = "wips", responses((status = 200, body = KindList)))]
pub async fn kinds(FromState(shared): State) -> Json<KindList> {
    let profile = shared.wips.as_ref().map(Guard::profile).unwrap_or_default();
    Json(KindList { kinds: Kind::ALL.iter().map(|kind| Article::new(*kind, &profile)).collect() })
}

/// Whom to protect and when to speak: the JSON of a profile.
#[utoipa::path(get, path = "/api/v1/wips/profile", tag = "wips", responses(
    (status = 200, body = serde_json::Value, headers(("ETag" = String, description = "its revision, for `If-Match`")))
))]
pub async fn profile(FromState(shared): State) -> Result<Response, ApiError> {
    shown(&on(&shared)?.profile())
}

/// A profile, with its revision.
fn shown(profile: &wips::Profile) -> Result<Response, ApiError> {
    let etag = revision::etag(revision::of_content(profile)?);
    Ok(([(header::ETAG, etag)], Json(profile)).into_response())
}

/// Set whom to protect and when to speak; what is left out has its default. Needs the role admin.
#[utoipa::path(put, path = "/api/v1/wips/profile", tag = "wips", request_body = serde_json::Value,
    params(("If-Match" = Option<String>, Header, description = "the `ETag` of the profile that was edited; without it, whatever is there is replaced")),
    responses(
    (status = 200, body = serde_json::Value, headers(("ETag" = String, description = "its new revision"))),
    (status = 403, body = ErrorBody),
    (status = 412, body = ErrorBody, description = "somebody else changed it meanwhile"),
    (status = 422, body = ErrorBody, description = "names the field that cannot be used"),
    (status = 503, body = ErrorBody, description = "the pair did not take it, or it is not known whether it did")
))]
pub async fn set_profile(
    FromState(shared): State,
    Admin(principal): Admin,
    seen: Seen,
    Json(document): Json<serde_json::Value>,
) -> Result<Response, ApiError> {
    let refused = |error: BadProfile| {
        let message = error.to_string();
        let refused = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_profile", message);
        ApiError { field: Some(error.field).filter(|it| !it.is_empty()), ..refused }
    };
    let profile = trust::read(&document).map_err(refused)?;
    let (guard, writer, kept) = (on(&shared)?, shared.writer.clone(), profile.clone());
    let is_seen = move |known: &wips::Profile| {
        let known = revision::of_content(known).ok().map(revision::etag);
        seen.is(known.as_deref())
    };
    let setting = tokio::spawn(async move { guard.set_profile(&writer, kept, is_seen).await });
    setting.await.map_err(|panicked| ApiError::internal(&panicked))??;
    tracing::info!(name = profile.name, by = principal.user, "wIPS profile set");
    shown(&profile)
}

/// The service, when it is configured.
fn on(shared: &Shared) -> Result<Guard, ApiError> {
    let message = "the wIPS service is off; set wips.enabled = true in the engine's configuration";
    let off = || ApiError::new(StatusCode::CONFLICT, "off", message);
    shared.wips.clone().ok_or_else(off)
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Json<T>, ApiError> {
    let working = tokio::task::spawn_blocking(work).await;
    working.map(Json).map_err(|panicked| ApiError::internal(&panicked))
}

impl From<KeepError> for ApiError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::PeerUnknown(_) => Self::not_found(error.to_string()),
            KeepError::PeerNote => Self::bad_request(error.to_string()),
            KeepError::PeerChanged => {
                Self::new(StatusCode::PRECONDITION_FAILED, "changed", error.to_string())
            }
            KeepError::PeerFull => Self::new(StatusCode::CONFLICT, "conflict", error.to_string()),
            KeepError::LocalBusy(_) => {
                let busy = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error.to_string());
                Self { retry_after_s: Some(1), ..busy }
            }
            KeepError::LocalJson(error) => Self::internal(&error),
            KeepError::Write(failure) => failure.into(),
        }
    }
}
