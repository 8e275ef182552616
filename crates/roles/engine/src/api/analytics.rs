//! Who was where and for how long: the native API of [`crate::analytics`].
//!
//! All answers are counts; who was counted is not told.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as FromState};
use axum::http::StatusCode;
use model::map::{MapId, Maps};
use model::{Category, Time};
use node::clock;
use presence::CELL;
use presence::report::{Counts, Dwell, Repeat, Repeats, Span, Tallies};
use serde::{Deserialize, Serialize};
use store::HeatCell;
use utoipa::{IntoParams, ToSchema};

use super::elements::{parse_category, parse_floor};
use super::error::{ApiError, ErrorBody};
use super::maps::no_floor;
use super::{Shared, State};
use crate::analytics::{Inquiry, Kind, Period, PeriodError, Place, PlaceError};

/// Most flows of an answer; the most frequent come first. Ours.
const FLOWS_MAX: usize = 500;
const MINUTE_MS: f64 = 60_000.0;

/// What is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AnalyticsQuery {
    /// Id of a campus, building, floor or zone, or its path as `Campus>Building>Floor>Zone`; absent:
    /// everywhere.
    place: Option<String>,
    /// `clients` or `tags`; absent: clients.
    category: Option<String>,
    /// `today`, `yesterday`, or the `3days`, the `lastweek` or the `lastmonth` before today; absent:
    /// today. Days are those of the configured time zone.
    period: Option<String>,
    /// Instead of a period: the first day, as `2026-11-28`.
    from: Option<String>,
    /// The last day, included; absent: the first one.
    until: Option<String>,
    /// Count each hour or each day; absent: hours of one day, days of several.
    by: Option<By>,
}

/// How finely is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Each hour.
    Hour,
    /// Each day.
    Day,
}

/// A place, and how many clients are there now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PlaceNow {
    /// Its id.
    pub id: MapId,
    /// `Campus>Building>Floor>Zone`, or a beginning of it; empty for everywhere.
    pub path: String,
    /// `everywhere`, `campus`, `building`, `floor` or `zone`.
    #[schema(value_type = String)]
    pub kind: std::borrow::Cow<'static, str>,
    /// Associated clients.
    pub connected: usize,
    /// Clients that are not associated.
    pub detected: usize,
}

/// Counts of hours or days.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Series<T> {
    /// Path of the place.
    pub place: String,
    /// Where days begin.
    pub time_zone: String,
    /// In order of time.
    pub buckets: Vec<Bucket<T>>,
}

/// One hour or day.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Bucket<T> {
    /// When it begins.
    pub from: Time,
    /// When the next one begins.
    pub until: Time,
    /// When it begins, as clocks show it there: `2026-11-28T08:00`.
    pub local: String,
    /// What was counted.
    #[serde(flatten)]
    pub value: T,
}

/// How many elements there were.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct CountsView {
    /// Visitors, connected ones included.
    pub visitors: u64,
    /// Visitors that were connected.
    pub connected: u64,
    /// Passers-by.
    pub passers_by: u64,
}

/// Visitors by how long they were there on that day.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DwellView {
    /// Minutes of a visitor on average; 0 without visitors.
    pub average_min: f64,
    /// Visitors by class: `UNDER_FIVE_MINUTES`, `FIVE_TO_THIRTY_MINUTES`, `THIRTY_TO_SIXTY_MINUTES`,
    /// `ONE_TO_FIVE_HOURS`, `FIVE_TO_EIGHT_HOURS`, `EIGHT_PLUS_HOURS`.
    pub classes: BTreeMap<String, u64>,
}

/// Visitors by how often they had come before.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RepeatView {
    /// By class: `FIRST_TIME`, `YESTERDAY`, `DAILY`, `WEEKLY`, `OCCASIONAL`.
    pub classes: BTreeMap<String, u64>,
}

/// The figures of a period.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// Path of the place.
    pub place: String,
    /// Where days begin.
    pub time_zone: String,
    /// When the first day begins.
    pub from: Time,
    /// When the last day ends.
    pub until: Time,
    /// How many there were; who came on several days is counted once.
    #[serde(flatten)]
    pub counts: CountsView,
    /// Visitors of each day by dwell, added up.
    pub dwell: DwellView,
    /// The hour of the day with the most visitors, from 0 to 23, all days added up.
    pub peak_hour: Option<u8>,
}

/// Elements that went from one zone to another.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowView {
    /// Path of the zone that they came from; absent: from outside all of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// Path of the zone that they went to; absent: out of all of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    /// How many times.
    pub count: u64,
}

/// How long clients were in each cell of a floor.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HeatView {
    /// The floor.
    pub floor: MapId,
    /// Side of a cell in metres.
    pub cell: f32,
    /// Cells along x.
    pub columns: u32,
    /// Cells along y.
    pub rows: u32,
    /// Cells in which somebody was.
    pub cells: Vec<HeatCellView>,
}

/// How long clients were in a cell, all together.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HeatCellView {
    /// From the left, from 0.
    pub column: u16,
    /// From the top, from 0.
    pub row: u16,
    /// How long.
    pub seconds: f64,
}

/// Every place of the maps, with how many clients are there now.
#[utoipa::path(get, path = "/api/v1/analytics/places", tag = "analytics", responses(
    (status = 200, body = Vec<PlaceNow>)
))]
pub async fn places(FromState(shared): State) -> Json<Vec<PlaceNow>> {
    let site = shared.site.load();
    let mut there: BTreeMap<MapId, (usize, usize)> = BTreeMap::new();
    for (_, tracked) in shared.elements.read().of(Category::WirelessClient) {
        let Some(position) = tracked.position.filter(|_| !tracked.is_missing) else { continue };
        let is_connected = tracked.association.as_ref().is_some_and(|known| known.associated);
        for place in std::iter::once(position.floor).chain(site.zone_ids_at(&position)) {
            let (connected, detected) = there.entry(place).or_default();
            *(if is_connected { connected } else { detected }) += 1;
        }
    }
    let now = |place: Place| {
        let parts = place.parts.iter().filter_map(|part| there.get(part));
        let (connected, detected) =
            parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        let kind = place.kind.word().into();
        PlaceNow { id: place.id, path: place.path, kind, connected, detected }
    };
    Json(Place::all(&site.maps).into_iter().map(now).collect())
}

/// Visitors, connected visitors and passers-by of each hour or day.
#[utoipa::path(get, path = "/api/v1/analytics/counts", tag = "analytics", params(AnalyticsQuery), responses(
    (status = 200, body = Series<CountsView>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub async fn counts(
    FromState(shared): State,
    Query(query): Query<AnalyticsQuery>,
) -> Result<Json<Series<CountsView>>, ApiError> {
    let by = query.by;
    ask(&shared, query, move |asked| {
        let spans = asked.buckets(by);
        let counts = asked.inquiry.counts(&asked.place, &spans)?;
        Ok(asked.series(&spans, counts.into_iter().map(CountsView::from)))
    })
    .await
}

/// Visitors of each hour or day by how long they were there on that day.
#[utoipa::path(get, path = "/api/v1/analytics/dwell", tag = "analytics", params(AnalyticsQuery), responses(
    (status = 200, body = Series<DwellView>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub async fn dwell(
    FromState(shared): State,
    Query(query): Query<AnalyticsQuery>,
) -> Result<Json<Series<DwellView>>, ApiError> {
    let by = query.by;
    ask(&shared, query, move |asked| {
        let spans = asked.buckets(by);
        let dwell = asked.inquiry.dwell(&asked.place, asked.period, &spans)?;
        Ok(asked.series(&spans, dwell.iter().map(DwellView::from)))
    })
    .await
}

/// Visitors of each day by how often they had come on the four weeks before.
#[utoipa::path(get, path = "/api/v1/analytics/repeats", tag = "analytics", params(AnalyticsQuery), responses(
    (status = 200, body = Series<RepeatView>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub async fn repeats(
    FromState(shared): State,
    Query(query): Query<AnalyticsQuery>,
) -> Result<Json<Series<RepeatView>>, ApiError> {
    let by = query.by;
    ask(&shared, query, move |asked| {
        let (mut spans, mut repeats) = (Vec::new(), Vec::new());
        for day in asked.period.days() {
            let calendar = asked.inquiry.calendar();
            let own = match by {
                Some(By::Hour) => calendar.hours(day).collect(),
                Some(By::Day) | None => vec![calendar.day(day)],
            };
            repeats.extend(asked.inquiry.repeats(&asked.place, day, &own)?);
            spans.extend(own);
        }
        Ok(asked.series(&spans, repeats.iter().map(RepeatView::from)))
    })
    .await
}

/// The figures of a period in one answer.
#[utoipa::path(get, path = "/api/v1/analytics/summary", tag = "analytics", params(AnalyticsQuery), responses(
    (status = 200, body = Summary), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub async fn summary(
    FromState(shared): State,
    Query(query): Query<AnalyticsQuery>,
) -> Result<Json<Summary>, ApiError> {
    ask(&shared, query, |asked| {
        let Asked { inquiry, place, period } = asked;
        let whole = inquiry.whole(*period);
        let counts = inquiry.counts(place, &[whole])?.pop().unwrap_or_default();
        let mut dwell = Tallies::default();
        for day in inquiry.dwell(place, *period, &inquiry.days(*period))? {
            for (sum, tally) in dwell.iter_mut().zip(day) {
                sum.count += tally.count;
                sum.dwell_ms += tally.dwell_ms;
            }
        }
        Ok(Summary {
            place: place.path.clone(),
            time_zone: inquiry.calendar().zone().to_owned(),
            from: whole.from,
            until: whole.until,
            counts: counts.into(),
            dwell: DwellView::from(&dwell),
            peak_hour: inquiry.peak_hour(place, *period)?,
        })
    })
    .await
}

/// How elements went from zone to zone of a place, the most frequent ways first.
#[utoipa::path(get, path = "/api/v1/analytics/flows", tag = "analytics", params(AnalyticsQuery), responses(
    (status = 200, body = Vec<FlowView>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub async fn flows(
    FromState(shared): State,
    Query(query): Query<AnalyticsQuery>,
) -> Result<Json<Vec<FlowView>>, ApiError> {
    let site = shared.site.load();
    ask(&shared, query, move |asked| {
        let zones = zones_of(&site.maps, &asked.place);
        let ids: Vec<MapId> = zones.keys().copied().collect();
        let path = |zone: Option<MapId>| zone.and_then(|zone| zones.get(&zone).cloned());
        let flows = asked.inquiry.flows(&ids, asked.period)?.into_iter().take(FLOWS_MAX);
        let view = |flow: presence::report::Flow| FlowView {
            from: path(flow.from),
            to: path(flow.to),
            count: flow.count,
        };
        Ok(flows.map(view).collect())
    })
    .await
}

/// How long clients were in each cell of a floor. What was gathered in the last five minutes is not
/// in it yet.
#[utoipa::path(get, path = "/api/v1/analytics/heat", tag = "analytics", params(AnalyticsQuery), responses(
    (status = 200, body = HeatView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)
))]
pub async fn heat(
    FromState(shared): State,
    Query(query): Query<AnalyticsQuery>,
) -> Result<Json<HeatView>, ApiError> {
    let site = shared.site.load();
    ask(&shared, query, move |asked| {
        let Some(floor) = site.floor(asked.place.id).filter(|_| asked.place.kind == Kind::Floor)
        else {
            return Err(ApiError::bad_request("a heat map is that of a floor; name one as place"));
        };
        let cells = asked.inquiry.heat(asked.place.id, asked.inquiry.whole(asked.period))?;
        let count = |side: model::Metres| (side.0 / CELL.0).ceil().max(1.0) as u32;
        let cell = |cell: &HeatCell| HeatCellView {
            column: cell.column,
            row: cell.row,
            seconds: cell.time_ms as f64 / 1_000.0,
        };
        Ok(HeatView {
            floor: asked.place.id,
            cell: CELL.0,
            columns: count(floor.floor.width),
            rows: count(floor.floor.length),
            cells: cells.iter().map(cell).collect(),
        })
    })
    .await
}

/// What somebody asked about, understood.
struct Asked<'a> {
    inquiry: Inquiry<'a>,
    place: Place,
    period: Period,
}

impl Asked<'_> {
    fn buckets(&self, by: Option<By>) -> Vec<Span> {
        let is_one_day = self.period.first == self.period.last;
        match by {
            Some(By::Hour) => self.inquiry.hours(self.period),
            None if is_one_day => self.inquiry.hours(self.period),
            Some(By::Day) | None => self.inquiry.days(self.period),
        }
    }

    fn series<T>(&self, spans: &[Span], values: impl Iterator<Item = T>) -> Series<T> {
        let bucket = |(span, value): (&Span, T)| {
            let local = self.inquiry.calendar().local(span.from);
            Bucket { from: span.from, until: span.until, local, value }
        };
        Series {
            place: self.place.path.clone(),
            time_zone: self.inquiry.calendar().zone().to_owned(),
            buckets: spans.iter().zip(values).map(bucket).collect(),
        }
    }
}

/// Understands what is asked about, and answers it off the event loop.
async fn ask<T: Send + 'static>(
    shared: &Arc<Shared>,
    query: AnalyticsQuery,
    answer: impl FnOnce(&Asked<'_>) -> Result<T, ApiError> + Send + 'static,
) -> Result<Json<T>, ApiError> {
    let shared = Arc::clone(shared);
    let work = move || {
        let site = shared.site.load();
        let inquiry = shared.inquiry(query.category()?, site.revision)?;
        let place = Place::find(&site.maps, query.place.as_deref().unwrap_or_default())?;
        let period = query.period(&inquiry)?;
        answer(&Asked { inquiry, place, period })
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map(Json),
        Err(panicked) => Err(ApiError::internal(&panicked)),
    }
}

impl Shared {
    /// Who asks about a category, now. Refused when nothing is counted.
    pub(crate) fn inquiry(
        &self,
        category: Category,
        revision: u64,
    ) -> Result<Inquiry<'_>, ApiError> {
        let analytics = self.analytics.as_ref().ok_or_else(|| {
            let message = "nothing is counted: analytics.keep_days is 0 in the configuration";
            ApiError::new(StatusCode::CONFLICT, "switched_off", message)
        })?;
        Ok(Inquiry { analytics, store: &self.store, revision, now: clock::wall(), category })
    }
}

impl AnalyticsQuery {
    fn category(&self) -> Result<Category, ApiError> {
        let Some(word) = &self.category else { return Ok(Category::WirelessClient) };
        match parse_category(word)? {
            category @ (Category::WirelessClient | Category::Tag) => Ok(category),
            other => Err(ApiError::bad_request(format!(
                "only clients and tags are counted, not {other}"
            ))),
        }
    }

    fn period(&self, inquiry: &Inquiry<'_>) -> Result<Period, ApiError> {
        Ok(match (&self.period, &self.from, &self.until) {
            (None, Some(from), until) => Period::between(from, until.as_ref().unwrap_or(from))?,
            (word, None, None) => {
                let word = word.as_deref().unwrap_or("today");
                inquiry.calendar().period(word, inquiry.now)?
            }
            _ => {
                let message = "name a period, or its days with from and until";
                return Err(ApiError::bad_request(message));
            }
        })
    }
}

/// The zones of a place with their paths.
fn zones_of(maps: &Maps, place: &Place) -> BTreeMap<MapId, String> {
    let is_within = |zone: &Place| {
        place.kind == Kind::Everywhere
            || zone.path == place.path
            || zone.path.strip_prefix(&place.path).is_some_and(|rest| rest.starts_with('>'))
    };
    let zones = Place::all(maps).into_iter().filter(|it| it.kind == Kind::Zone && is_within(it));
    zones.map(|zone| (zone.id, zone.path)).collect()
}

impl From<PlaceError> for ApiError {
    fn from(error: PlaceError) -> Self {
        Self::not_found(error.to_string())
    }
}

impl From<PeriodError> for ApiError {
    fn from(error: PeriodError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        let Counts { visitors, connected, passers_by } = counts;
        Self { visitors, connected, passers_by }
    }
}

impl From<&Tallies> for DwellView {
    fn from(tallies: &Tallies) -> Self {
        let visitors: u64 = tallies.iter().map(|tally| tally.count).sum();
        let dwell_ms: u64 = tallies.iter().map(|tally| tally.dwell_ms).sum();
        let classes = Dwell::ALL.iter().zip(tallies);
        Self {
            average_min: dwell_ms as f64 / MINUTE_MS / visitors.max(1) as f64,
            classes: classes.map(|(class, it)| (class.word().to_owned(), it.count)).collect(),
        }
    }
}

impl From<&Repeats> for RepeatView {
    fn from(repeats: &Repeats) -> Self {
        let classes = Repeat::ALL.iter().zip(repeats);
        Self { classes: classes.map(|(class, count)| (class.word().to_owned(), *count)).collect() }
    }
}

/// Which part of the past of a floor.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PlaybackQuery {
    /// The first moment, in milliseconds since 1970.
    from: u64,
    /// The last moment; at most a day later.
    until: u64,
    /// A position of each element every so many seconds, at least 1.
    #[serde(default = "usual_step_s")]
    step_s: u64,
    /// Only this category; absent: all.
    category: Option<String>,
}

fn usual_step_s() -> u64 {
    10
}

/// What was on a floor between two times.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Playback {
    /// Up to where it goes; earlier than asked for when there was too much.
    pub until: Time,
    /// Positions in order of time.
    pub points: Vec<PlaybackPoint>,
}

/// Where one element was.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PlaybackPoint {
    /// When.
    pub at: Time,
    /// Word of its category.
    #[schema(value_type = String)]
    pub category: std::borrow::Cow<'static, str>,
    /// Which one.
    pub mac: model::Mac,
    /// Metres from the left.
    pub x: f32,
    /// Metres from the top.
    pub y: f32,
}

/// Where everything on a floor was between two times, a position of each element in each step.
#[utoipa::path(get, path = "/api/v1/floors/{id}/playback", tag = "maps", params(
    ("id" = String, Path), PlaybackQuery
), responses(
    (status = 200, body = Playback), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "there is no such floor")
))]
pub async fn playback(
    FromState(shared): State,
    axum::extract::Path(id): axum::extract::Path<String>,
    Query(query): Query<PlaybackQuery>,
) -> Result<Json<Playback>, ApiError> {
    const DAY_MS: u64 = 24 * 3_600_000;
    let floor = parse_floor(&id)?;
    shared.site.load().floor(floor).ok_or_else(|| no_floor(&id))?;
    let category = query.category.as_deref().map(parse_category).transpose()?;
    let (from, until) = (Time(query.from), Time(query.until));
    let is_allowed = from <= until && until.since_ms(from) <= DAY_MS && query.step_s >= 1;
    if !is_allowed {
        let message = "from is not after until, at most a day before it, and step_s is at least 1";
        return Err(ApiError::bad_request(message));
    }
    let step_ms = query.step_s.saturating_mul(1_000);
    let store = Arc::clone(&shared.store);
    let found = super::error::blocking(move || {
        store.floor_history(floor, category, (from, until), step_ms)
    });
    let store::FloorHistory { rows, until } = found.await?;
    let point = |row: store::HistoryRow| PlaybackPoint {
        at: row.at,
        category: row.category.path().into(),
        mac: row.mac,
        x: row.point.x,
        y: row.point.y,
    };
    Ok(Json(Playback { until, points: rows.into_iter().map(point).collect() }))
}
