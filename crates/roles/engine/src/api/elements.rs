//! What is tracked and where it is.

use axum::extract::{Path, Query, State as FromState};
use axum::{Json, http::StatusCode};
use model::map::MapId;
use model::{Category, Element, Mac, Time};
use node::clock;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::State;
use super::error::{ApiError, ErrorBody, blocking};
use crate::elements::Tracked;
use crate::site::Site;

/// Elements of one page at most.
const PAGE_MAX: usize = 1_000;
/// Points of one trail at most.
const TRAIL_MAX: u32 = 10_000;

/// One element as the API shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ElementView {
    /// The element.
    #[serde(flatten)]
    element: Element,
    /// Whether it was not heard for too long, or the controller said that it left.
    missing: bool,
    /// Names of the zones that it is in.
    zones: Vec<String>,
}

impl ElementView {
    /// The view of a tracked element.
    pub fn new(category: Category, mac: Mac, tracked: &Tracked, site: &Site) -> Self {
        Self {
            zones: tracked.position.map_or_else(Vec::new, |position| site.zones(&position)),
            missing: tracked.is_missing,
            element: tracked.publish(category, mac),
        }
    }
}

/// Which elements.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `clients`, `tags`, `rogueaps`, `rogueclients`, `interferers` or `wiredclients`; absent: all.
    category: Option<String>,
    /// Only those on the floor with this id.
    floor: Option<String>,
    /// Only those whose MAC (any form, part), user, address or network name holds this text.
    search: Option<String>,
    /// Page, from 1.
    #[serde(default = "first_page")]
    page: usize,
    /// Elements per page, at most 1,000.
    #[serde(default = "usual_page_size")]
    page_size: usize,
}

fn first_page() -> usize {
    1
}

fn usual_page_size() -> usize {
    100
}

/// One page of elements.
#[derive(Debug, Serialize, ToSchema)]
pub struct ElementPage {
    /// Elements that match, on all pages.
    total: usize,
    /// Those of this page, ordered by category and MAC.
    elements: Vec<ElementView>,
}

/// Tracked elements, filtered and paged.
#[utoipa::path(get, path = "/api/v1/elements", tag = "elements", params(ListQuery), responses(
    (status = 200, body = ElementPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)
))]
pub async fn list(
    FromState(shared): State,
    Query(query): Query<ListQuery>,
) -> Result<Json<ElementPage>, ApiError> {
    let category = query.category.as_deref().map(parse_category).transpose()?;
    let floor = query.floor.as_deref().map(parse_floor).transpose()?;
    if query.page == 0 || !(1..=PAGE_MAX).contains(&query.page_size) {
        return Err(ApiError::bad_request(format!(
            "page starts at 1, page_size is 1 to {PAGE_MAX}"
        )));
    }
    let search = query.search.as_deref().map(Search::new);
    let site = shared.site.load();
    let elements = shared.elements.read();
    let mut matching: Vec<(Category, Mac, &Tracked)> = elements
        .iter()
        .filter(|(it, ..)| category.is_none_or(|category| *it == category))
        .filter(|(.., it)| {
            floor.is_none_or(|floor| it.position.is_some_and(|at| at.floor == floor))
        })
        .filter(|(_, mac, it)| search.as_ref().is_none_or(|search| search.matches(*mac, it)))
        .collect();
    matching.sort_unstable_by_key(|(category, mac, _)| (*category, *mac));
    let page = matching
        .iter()
        .skip((query.page - 1).saturating_mul(query.page_size))
        .take(query.page_size);
    let views =
        page.map(|(category, mac, it)| ElementView::new(*category, *mac, it, &site)).collect();
    Ok(Json(ElementPage { total: matching.len(), elements: views }))
}

/// One element.
#[utoipa::path(get, path = "/api/v1/elements/{category}/{mac}", tag = "elements", params(
    ("category" = String, Path, description = "as in the list"), ("mac" = String, Path, description = "any form")
), responses((status = 200, body = ElementView), (status = 404, body = ErrorBody)))]
pub async fn one(
    FromState(shared): State,
    Path((category, mac)): Path<(String, String)>,
) -> Result<Json<ElementView>, ApiError> {
    let (category, mac) = (parse_category(&category)?, parse_mac(&mac)?);
    let site = shared.site.load();
    let elements = shared.elements.read();
    let tracked = elements.find(category, mac).ok_or_else(|| {
        ApiError::not_found(format!(
            "no {mac} among the {category}; it was not heard, or not tracked"
        ))
    })?;
    Ok(Json(ElementView::new(category, mac, tracked, &site)))
}

/// How much of a trail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TrailQuery {
    /// How many minutes back from now.
    #[serde(default = "usual_minutes")]
    minutes: u64,
    /// The newest so many points, at most 10,000.
    #[serde(default = "usual_limit")]
    limit: u32,
}

fn usual_minutes() -> u64 {
    60
}

fn usual_limit() -> u32 {
    1_000
}

/// One point of a trail.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrailPoint {
    at: Time,
    floor: MapId,
    x: f32,
    y: f32,
    confidence: f32,
}

/// Where an element was, oldest first.
#[utoipa::path(get, path = "/api/v1/elements/{category}/{mac}/trail", tag = "elements", params(
    ("category" = String, Path), ("mac" = String, Path), TrailQuery
), responses((status = 200, body = Vec<TrailPoint>), (status = 400, body = ErrorBody)))]
pub async fn trail(
    FromState(shared): State,
    Path((category, mac)): Path<(String, String)>,
    Query(query): Query<TrailQuery>,
) -> Result<Json<Vec<TrailPoint>>, ApiError> {
    let (category, mac) = (parse_category(&category)?, parse_mac(&mac)?);
    let until = clock::wall();
    let from = until.minus_ms(query.minutes.saturating_mul(60_000));
    let limit = query.limit.min(TRAIL_MAX);
    let store = std::sync::Arc::clone(&shared.store);
    let rows = blocking(move || store.trail(category, mac, from, until, limit)).await?;
    let point = |row: store::HistoryRow| TrailPoint {
        at: row.at,
        floor: row.floor,
        x: row.point.x,
        y: row.point.y,
        confidence: row.confidence.0,
    };
    Ok(Json(rows.into_iter().map(point).collect()))
}

/// Counts of all categories.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Most elements of all categories together.
    pub limit: usize,
    /// Tracked elements.
    pub total: usize,
    /// One row per category.
    pub categories: Vec<CategoryCount>,
}

/// Counts of one category.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CategoryCount {
    /// Word in URLs.
    pub category: String,
    /// Title in reports.
    pub title: String,
    /// Tracked and not missing.
    pub active: usize,
    /// Tracked with a position.
    pub located: usize,
    /// Most that are tracked.
    pub limit: usize,
    /// Heard, but not tracked due to the limit.
    pub not_tracked: usize,
}

/// How many elements there are.
#[utoipa::path(get, path = "/api/v1/counts", tag = "elements", responses((status = 200, body = Counts)))]
pub async fn counts(FromState(shared): State) -> Json<Counts> {
    Json(Counts::of(&shared.elements.read()))
}

impl Counts {
    /// The counts of a table.
    pub fn of(elements: &crate::elements::Elements) -> Self {
        let row = |category: Category| {
            let count = elements.count(category);
            CategoryCount {
                category: category.path().to_owned(),
                title: category.title().to_owned(),
                active: count.active,
                located: count.located,
                limit: count.limit,
                not_tracked: count.not_tracked,
            }
        };
        Self {
            limit: elements.limit(),
            total: elements.len(),
            categories: Category::ALL.map(row).into(),
        }
    }
}

/// A search text, prepared once.
struct Search {
    text: String,
    /// The text as hexadecimal digits only, to find parts of addresses in any form.
    digits: Option<String>,
}

impl Search {
    fn new(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        let is_part_of_mac = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit());
        Self { digits: is_part_of_mac.then_some(digits), text }
    }

    fn matches(&self, mac: Mac, tracked: &Tracked) -> bool {
        let holds = |text: &str| text.to_lowercase().contains(&self.text);
        self.digits.as_ref().is_some_and(|digits| mac.bare().contains(digits))
            || tracked.association.as_deref().is_some_and(|known| {
                known.username.as_deref().is_some_and(holds)
                    || known.ssid.as_deref().is_some_and(holds)
                    || known.ip_addresses.iter().any(|address| holds(&address.to_string()))
            })
    }
}

/// Reads the word of a category.
pub fn parse_category(text: &str) -> Result<Category, ApiError> {
    text.parse().map_err(|error: model::UnknownCategory| ApiError::bad_request(error.to_string()))
}

/// Reads an address in any form.
pub fn parse_mac(text: &str) -> Result<Mac, ApiError> {
    text.parse().map_err(|error: model::MacError| ApiError::bad_request(error.to_string()))
}

/// Reads the id of a floor.
pub fn parse_floor(text: &str) -> Result<MapId, ApiError> {
    text.parse().map_err(|_| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "the id of a floor is a decimal number, see /api/v1/floors",
        )
    })
}
